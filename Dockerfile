# Leveret in a container that takes the place of the official RabbitMQ image: its variables, mounts, ports, user and commands
# (docs/installing.md).
#
#     docker build -t leveret .
ARG BASE=debian:12-slim

FROM ${BASE} AS build
RUN apt-get update -q && apt-get install -y -q --no-install-recommends make
WORKDIR /src
COPY . .
RUN make install DESTDIR=/out RABBITMQ_NAMES=true && rm -rf /out/usr/local/share/man

FROM ${BASE}
RUN apt-get update -q \
    && DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends \
        ca-certificates libcjose0 libcurl4 libjansson4 libldap-2.5-0 libmicrohttpd12 libmimalloc2.0 libpcre2-8-0 librabbitmq4 \
        libsqlite3-0 libssl3 liburcu8 libuv1 libxxhash0 zlib1g \
    && rm -rf /var/lib/apt/lists/* \
    && groupadd --system --gid 999 rabbitmq \
    && useradd --system --uid 999 --gid rabbitmq --home-dir /var/lib/rabbitmq --no-create-home rabbitmq \
    && install -d -o rabbitmq -g rabbitmq /var/lib/rabbitmq /etc/rabbitmq /etc/rabbitmq/conf.d
COPY --from=build /out /
# As in RabbitMQ's image, guest may log in from outside the container, unless other users are set.
RUN printf '%s\n' 'loopback_users.guest = false' 'log.console = true' 'log.console.stdio = stdout' \
        >/etc/rabbitmq/conf.d/10-defaults.conf \
    && ln -s leveretd /usr/local/sbin/rabbitmq-server

ENV HOME=/var/lib/rabbitmq \
    LANG=C.UTF-8 \
    LEVERET_DATA_DIR=/var/lib/rabbitmq/leveret
USER rabbitmq
VOLUME /var/lib/rabbitmq
# AMQP, management and metrics, each with TLS (if it is configured) and without
EXPOSE 5671 5672 15671 15672 15691 15692
HEALTHCHECK --start-period=60s CMD ["leveretctl", "-q", "ping"]
CMD ["leveretd"]
