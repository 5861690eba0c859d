/* A new service needs a handler, settings for its addresses, and a call in open_listeners(). */
#include "leveretd/http_services.h"

#include <stdlib.h>

#include "api/api.h"
#include "base/error.h"
#include "base/log.h"
#include "base/memory.h"
#include "http/http.h"
#include "leveretd/leveretd.h"
#include "metrics/endpoint.h"

struct http_services {
    struct http_server *server;
    struct api *api;
    struct metrics_endpoint metrics;
};

static const struct http_options options = {
    .workers_max = 16,
    .connections_max = 10000,
    .newcomers_per_address_max = 1000,
    .body_bytes_max = 64 * 1024 * 1024,
    .memory_bytes_max = 256 * 1024 * 1024,
    .request_ms = 15000,
    .idle_ms = 60000,
    .body_ms = 60000,
};

/* Listens, unless the port is 0. */
static int open_listener(struct leveretd *d, const struct http_wanted *wanted)
{
    return wanted->port ? listeners_open_http(&d->listeners, wanted) : EXIT_OK;
}

static int open_api(struct leveretd *d, struct http_services *http)
{
    return open_listener(d, &(struct http_wanted){
                                .server = http->server,
                                .name = "http",
                                .purpose = "HTTP API",
                                .address = d->config->management_ip,
                                .port = (uint16_t)d->config->management_port,
                                .handler = api_handle,
                                .is_short = api_is_short,
                                .arg = http->api,
                            });
}

static int open_metrics(struct leveretd *d, struct http_services *http)
{
    struct http_wanted wanted = {
        .server = http->server,
        .name = "http/prometheus",
        .purpose = "Prometheus exporter API over HTTP",
        .address = d->config->prometheus_ip,
        .port = (uint16_t)d->config->prometheus_port,
        .handler = metrics_handle,
        .arg = &http->metrics,
    };
    http->metrics = (struct metrics_endpoint){
        .manage = &d->manage,
        .path = d->config->prometheus_path,
        .is_always_per_object = d->config->prometheus_per_object,
    };
    int code = open_listener(d, &wanted);
    if (code != EXIT_OK)
        return code;
    wanted.address = d->config->prometheus_ssl_ip;
    wanted.port = (uint16_t)d->config->prometheus_ssl_port;
    wanted.tls = tls_keeper_server(d->tls_keeper);
    return open_listener(d, &wanted);
}

static int open_listeners(struct leveretd *d, struct http_services *http)
{
    int code = open_api(d, http);
    return code == EXIT_OK ? open_metrics(d, http) : code;
}

int http_services_open(struct leveretd *d)
{
    struct http_services *http = d->http = lv_calloc(1, sizeof *http);
    int err = http_server_create(&options, &http->server);
    if (err < 0) {
        log_error("cannot create the HTTP server: %s", lv_error_text(err));
        return EXIT_LISTEN;
    }
    http->api = api_create(&d->manage);
    return open_listeners(d, http);
}

int http_services_start(struct http_services *http)
{
    int err = http_server_start(http->server);
    if (err == 0)
        return EXIT_OK;
    log_error("cannot start the HTTP server: %s", lv_error_text(err));
    return EXIT_LISTEN;
}

void http_services_stop(struct http_services **services)
{
    struct http_services *http = *services;
    *services = NULL;
    if (!http)
        return;
    http_server_stop(&http->server);
    api_free(&http->api);
    free(http);
}
