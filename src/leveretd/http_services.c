/* A new service needs a handler, settings for its addresses, and a call in open_listeners(). */
#include "leveretd/http_services.h"

#include <stdlib.h>

#include "api/api.h"
#include "base/error.h"
#include "base/log.h"
#include "base/memory.h"
#include "http/http.h"
#include "leveretd/leveretd.h"

struct http_services {
    struct http_server *server;
    struct api *api;
};

static const struct http_options options = {
    .workers_max = 16,
    .connections_max = 10000,
    .body_bytes_max = 64 * 1024 * 1024,
    .request_ms = 15000,
    .idle_ms = 60000,
    .body_ms = 60000,
};

static int open_listeners(struct leveretd *d, struct http_services *http)
{
    const struct http_wanted management = {
        .server = http->server,
        .name = "http",
        .purpose = "HTTP API",
        .address = d->config->management_ip,
        .port = (uint16_t)d->config->management_port,
        .handler = api_handle,
        .arg = http->api,
    };
    return management.port ? listeners_open_http(&d->listeners, &management) : EXIT_OK;
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
