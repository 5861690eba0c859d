/* Connections by rabbitmq-c. Heartbeats are off: a mover that waits for one side does not read from
 * the other one, which would take it for dead. */
#include "migrate/link.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "base/assert.h"
#include "base/error.h"
#include "base/memory.h"
#include "migrate/trust.h"

enum {
    KEEPALIVE_IDLE_S = 60,
    KEEPALIVE_INTERVAL_S = 10,
    KEEPALIVE_COUNT = 6,
    FRAME_BYTES = 131072
};

/* --- what went wrong -------------------------------------------------------------------------- */

int link_check_method(const struct link *link, const amqp_method_t *method,
                      struct lv_buffer *reason)
{
    amqp_bytes_t text;
    bool is_channel = method->id == AMQP_CHANNEL_CLOSE_METHOD;
    if (is_channel)
        text = ((const amqp_channel_close_t *)method->decoded)->reply_text;
    else if (method->id == AMQP_CONNECTION_CLOSE_METHOD)
        text = ((const amqp_connection_close_t *)method->decoded)->reply_text;
    else
        return 0;
    lv_buffer_printf(reason, "%s says: %.*s", link->name, (int)text.len, (const char *)text.bytes);
    return is_channel ? ERR_REFUSED : ERR_CLOSED;
}

int link_check_status(const struct link *link, int status, struct lv_buffer *reason)
{
    if (status == AMQP_STATUS_OK)
        return 0;
    lv_buffer_printf(reason, "the connection to %s is lost: %s", link->name,
                     amqp_error_string2(status));
    return ERR_CLOSED;
}

int link_check(const struct link *link, amqp_rpc_reply_t reply, struct lv_buffer *reason)
{
    if (reply.reply_type == AMQP_RESPONSE_NORMAL)
        return 0;
    if (reply.reply_type == AMQP_RESPONSE_SERVER_EXCEPTION) {
        int err = link_check_method(link, &reply.reply, reason);
        if (err)
            return err;
    }
    return link_check_status(link,
                             reply.reply_type == AMQP_RESPONSE_LIBRARY_EXCEPTION
                                 ? reply.library_error
                                 : AMQP_STATUS_CONNECTION_CLOSED,
                             reason);
}

/* --- opening ---------------------------------------------------------------------------------- */

static void keep_alive(int fd)
{
    const int on = 1, idle = KEEPALIVE_IDLE_S, every = KEEPALIVE_INTERVAL_S, n = KEEPALIVE_COUNT;
    setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on);
    setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &idle, sizeof idle);
    setsockopt(fd, IPPROTO_TCP, TCP_KEEPINTVL, &every, sizeof every);
    setsockopt(fd, IPPROTO_TCP, TCP_KEEPCNT, &n, sizeof n);
}

static int login(struct link *link, const char *vhost, const char *user, const char *password,
                 struct lv_buffer *reason)
{
    amqp_table_entry_t entry = {
        .key = amqp_cstring_bytes("connection_name"),
        .value = {.kind = AMQP_FIELD_KIND_UTF8,
                  .value = {.bytes = amqp_cstring_bytes("leveretctl, moving messages")}}};
    const amqp_table_t properties = {.num_entries = 1, .entries = &entry};
    amqp_rpc_reply_t reply = amqp_login_with_properties(
        link->amqp, vhost, 0, FRAME_BYTES, 0, &properties, AMQP_SASL_METHOD_PLAIN, user, password);
    int err = link_check(link, reply, reason);
    if (err)
        link_close(link);
    return err && reply.reply_type == AMQP_RESPONSE_SERVER_EXCEPTION ? ERR_REFUSED : err;
}

/* Whom to trust is trust.h's matter alone. */
static int set_up_tls(const struct link *link, amqp_socket_t *socket, const char *host,
                      struct lv_buffer *reason)
{
    amqp_ssl_socket_set_verify_peer(socket, 0);
    amqp_ssl_socket_set_verify_hostname(socket, 0);
    return trust_set_up(amqp_ssl_socket_get_context(socket), link->ca_file, host, reason);
}

static void say_unconnected(const struct link *link, const struct amqp_connection_info *where,
                            int status, struct lv_buffer *reason)
{
    const char *refused = where->ssl ? trust_refused() : NULL;
    lv_buffer_printf(reason, "cannot connect to %s at %s, port %d: ", link->name, where->host,
                     where->port);
    if (refused)
        lv_buffer_printf(reason, "its certificate is refused: %s; " TRUST_ADVICE, refused);
    else
        lv_buffer_printf(reason, "%s", amqp_error_string2(status));
}

static int connect_to(struct link *link, const struct amqp_connection_info *where,
                      struct lv_buffer *reason)
{
    const struct timeval limit = {.tv_sec = LINK_CONNECT_S};
    link->amqp = amqp_new_connection();
    amqp_socket_t *socket =
        where->ssl ? amqp_ssl_socket_new(link->amqp) : amqp_tcp_socket_new(link->amqp);
    lv_assert(socket);
    int err = where->ssl ? set_up_tls(link, socket, where->host, reason) : 0;
    if (err) {
        link_close(link);
        return err;
    }
    amqp_set_handshake_timeout(link->amqp, &limit);
    int status = amqp_socket_open_noblock(socket, where->host, where->port, &limit);
    if (status == AMQP_STATUS_OK) {
        keep_alive(amqp_get_sockfd(link->amqp));
        return 0;
    }
    say_unconnected(link, where, status, reason);
    link_close(link);
    return ERR_CLOSED;
}

int link_open(struct link *link, const char *url, const char *vhost, struct lv_buffer *reason)
{
    char *text = lv_strdup(url); /* which the parser cuts to pieces */
    struct amqp_connection_info where;
    int err = ERR_INVALID;
    if (amqp_parse_url(text, &where) != AMQP_STATUS_OK)
        lv_buffer_printf(reason, "the address is not a URL such as amqp://USER:PASSWORD@HOST");
    else
        err = connect_to(link, &where, reason);
    if (!err)
        err = login(link, vhost, where.user, where.password, reason);
    free(text);
    return err;
}

int link_adopt(struct link *link, int fd, const char *vhost, struct lv_buffer *reason)
{
    link->amqp = amqp_new_connection();
    amqp_socket_t *socket = amqp_tcp_socket_new(link->amqp);
    lv_assert(socket);
    fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK); /* rabbitmq-c polls before it waits */
    amqp_tcp_socket_set_sockfd(socket, fd);
    return login(link, vhost, "leveretctl", "", reason);
}

void link_close(struct link *link)
{
    if (link->amqp)
        amqp_destroy_connection(link->amqp); /* which closes it first */
    link->amqp = NULL;
}

/* --- the channel ------------------------------------------------------------------------------ */

int link_channel_open(struct link *link, const char *target, struct lv_buffer *reason)
{
    amqp_method_number_t answers[] = {AMQP_CHANNEL_OPEN_OK_METHOD, 0};
    amqp_channel_open_t open = {.out_of_band =
                                    target ? amqp_cstring_bytes(target) : amqp_empty_bytes};
    return link_check(
        link, amqp_simple_rpc(link->amqp, LINK_CHANNEL, AMQP_CHANNEL_OPEN_METHOD, answers, &open),
        reason);
}

int link_channel_close(struct link *link, struct lv_buffer *reason)
{
    int err =
        link_check(link, amqp_channel_close(link->amqp, LINK_CHANNEL, AMQP_REPLY_SUCCESS), reason);
    amqp_maybe_release_buffers(link->amqp);
    return err;
}
