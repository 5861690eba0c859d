/* A new service needs a handler, settings for its addresses, and a call in open_listeners(). */
#include "leveretd/http_services.h"

#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "api/api.h"
#include "api/cookie.h"
#include "base/error.h"
#include "base/log.h"
#include "base/memory.h"
#include "http/http.h"
#include "leveretd/config_tls.h"
#include "leveretd/leveretd.h"
#include "leveretd/machine_memory.h"
#include "metrics/endpoint.h"
#include "store/small_file.h"

struct http_services {
    struct http_server *server;
    struct api *api;
    const char **origins; /* of the config's */
    struct metrics_endpoint metrics;
};

enum {
    WORKERS_MAX = 16,
    NEWCOMERS_PER_ADDRESS_MAX = 1000,
    STREAMS_MAX = 1000,
    MEMORY_BYTES_MAX = 1024 * 1024 * 1024,
};

/* HTTP may have half of the descriptors that the process has: two fifths of these are for pairs. */
static void set_limits(const struct leveretd *d, struct http_options *ret)
{
    struct rlimit limit;
    int64_t wanted = d->config->management_connections_max;
    bool is_known = getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < INT32_MAX;
    int64_t fifth = (is_known ? (int64_t)limit.rlim_cur : INT32_MAX) / 10;
    ret->pairs_max = (size_t)fifth;
    ret->connections_max = wanted == CONFIG_NONE || wanted > 3 * fifth ? 3 * fifth : wanted;
}

/* Returns how many streams may be open. Each takes a pair of sockets, of which half are left. */
static unsigned streams_max(const struct http_options *options)
{
    return options->pairs_max / 2 < (size_t)STREAMS_MAX ? (unsigned)(options->pairs_max / 2)
                                                        : STREAMS_MAX;
}

/* Returns how much memory requests may take together: an eighth of the machine's, but enough for
 * one with the largest body. */
static size_t memory_bytes_max(size_t body_bytes_max)
{
    uint64_t share = machine_memory_bytes() / 8, least = 4 * (uint64_t)body_bytes_max;
    uint64_t wanted = share < MEMORY_BYTES_MAX ? share : MEMORY_BYTES_MAX;
    return (size_t)(wanted > least ? wanted : least);
}

static struct http_options options_of(const struct leveretd *d)
{
    size_t body = (size_t)d->config->management_body_bytes_max;
    struct http_options options = {
        .workers_max = WORKERS_MAX,
        .connections_key = "management.tcp.max_connections",
        .newcomers_per_address_max = NEWCOMERS_PER_ADDRESS_MAX,
        .body_bytes_max = body,
        .memory_bytes_max = memory_bytes_max(body),
        .request_ms = (uint32_t)d->config->management_request_ms,
        .idle_ms = (uint32_t)d->config->management_idle_ms,
        .body_ms = (uint32_t)d->config->management_idle_ms,
        .requests_max = d->config->management_requests_max == CONFIG_NONE
                            ? 0
                            : (uint64_t)d->config->management_requests_max,
        .access_log_dir = d->config->management_log_dir[0] ? d->config->management_log_dir : NULL,
    };
    set_limits(d, &options);
    return options;
}

/* Listens, unless the port is 0. */
static int open_listener(struct leveretd *d, const struct http_wanted *wanted)
{
    return wanted->port ? listeners_open_http(&d->listeners, wanted) : EXIT_OK;
}

static int open_api(struct leveretd *d, struct http_services *http)
{
    struct http_wanted wanted = {
        .server = http->server,
        .name = "http",
        .purpose = "HTTP API",
        .address = d->config->management_ip,
        .port = config_management_port(d->config),
        .handler = api_handle,
        .is_short = api_is_short,
        .compresses = d->config->management_compresses,
        .arg = http->api,
    };
    int code = open_listener(d, &wanted);
    if (code != EXIT_OK)
        return code;
    wanted.address = d->config->management_ssl_ip;
    wanted.port = config_management_ssl_port(d->config);
    wanted.tls = tls_keeper_server(d->tls_keeper, CONFIG_TLS_MANAGEMENT);
    return open_listener(d, &wanted);
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
        .compresses = true,
        .arg = &http->metrics,
    };
    http->metrics = (struct metrics_endpoint){
        .manage = &d->manage,
        .path = d->config->prometheus_path,
        .is_always_per_object = d->config->prometheus_per_object,
        .guard = d->config->prometheus_authenticates ? api_lets_monitor_in : NULL,
        .guard_arg = http->api,
    };
    int code = open_listener(d, &wanted);
    if (code != EXIT_OK)
        return code;
    wanted.address = d->config->prometheus_ssl_ip;
    wanted.port = config_metrics_ssl_port(d->config);
    wanted.tls = tls_keeper_server(d->tls_keeper, CONFIG_TLS_METRICS);
    return open_listener(d, &wanted);
}

static int open_listeners(struct leveretd *d, struct http_services *http)
{
    int code = open_api(d, http);
    return code == EXIT_OK ? open_metrics(d, http) : code;
}

/* Returns the text of a header, or NULL if it is not sent. */
static const char *text_of(const char *text)
{
    return config_is_none(text) ? NULL : text;
}

/* Reads the key of cookies, so that logins outlive a restart, or makes one. */
static void load_cookie_key(const char *dir, uint8_t key[COOKIE_KEY_BYTES])
{
    static const char name[] = "cookie-key";
    uint8_t kept[COOKIE_KEY_BYTES + 1];
    int n = small_file_read(dir, name, kept, sizeof kept);
    if (n == COOKIE_KEY_BYTES) {
        memcpy(key, kept, COOKIE_KEY_BYTES);
    } else {
        cookie_key_make(key);
        int err = small_file_replace(dir, name, slice_of(key, COOKIE_KEY_BYTES));
        if (err < 0)
            log_warning("cannot write %s/%s: %s; logins to the management page end with this run",
                        dir, name, lv_error_reason(err));
    }
    explicit_bzero(kept, sizeof kept);
}

/* Returns the URL of the issuer whose tokens the backend oauth2 takes, or NULL. */
static const char *issuer_of(const struct config *c)
{
    for (size_t i = 0; i < c->auth_oauth2.count; i++) {
        if (strcmp(c->auth_oauth2.items[i].name, "issuer") == 0)
            return text_of(c->auth_oauth2.items[i].value);
    }
    return NULL;
}

static bool is_url(const char *text)
{
    return text && (strncmp(text, "https://", 8) == 0 || strncmp(text, "http://", 7) == 0);
}

/* Returns at which provider users of the page log in. */
static struct api_oauth oauth_of(const struct config *c)
{
    const char *url = text_of(c->management_oauth_provider_url);
    struct api_oauth oauth = {
        .client_id = text_of(c->management_oauth_client_id),
        .provider_url = url ? url : issuer_of(c),
        .scopes = c->management_oauth_scopes,
        .metadata_url = text_of(c->management_oauth_metadata_url),
        .token_url = text_of(c->management_oauth_token_url),
    };
    if (!c->management_oauth_enabled)
        oauth.client_id = NULL;
    else if (!oauth.client_id || !is_url(oauth.provider_url) ||
             (oauth.metadata_url && !is_url(oauth.metadata_url)) ||
             (oauth.token_url && !is_url(oauth.token_url))) {
        log_warning("management.oauth_enabled has no effect: set management.oauth_client_id, and "
                    "URLs of http:// or https://");
        oauth.client_id = NULL;
    }
    return oauth;
}

static void create_api(struct leveretd *d, struct http_services *http, unsigned streams)
{
    const struct config *c = d->config;
    http->origins = lv_calloc(c->management_origins.count + 1, sizeof *http->origins);
    for (size_t i = 0; i < c->management_origins.count; i++)
        http->origins[i] = c->management_origins.items[i].value;
    uint8_t cookie_key[COOKIE_KEY_BYTES];
    load_cookie_key(c->data_dir, cookie_key);
    const struct api_oauth oauth = oauth_of(c);
    const struct api_settings settings = {
        .cookie_key = cookie_key,
        .oauth = oauth,
        .path_prefix = c->management_path_prefix,
        .content_security_policy = text_of(c->management_csp),
        .is_policy_own = c->origins[CONFIG_management_csp] != NULL,
        .strict_transport_security = text_of(c->management_hsts),
        .content_type_options = text_of(c->management_type_options),
        .frame_options = text_of(c->management_frame_options),
        .xss_protection = text_of(c->management_xss_protection),
        .origins = http->origins,
        .origin_count = c->management_origins.count,
        .cors_s = c->management_cors_s == CONFIG_NONE ? -1 : c->management_cors_s,
        .streams_max = streams,
        .session_minutes = (uint32_t)c->management_session_minutes,
        .disables_basic =
            c->management_disables_basic || (oauth.client_id && c->management_oauth_disables_basic),
        .guards_reference = c->management_guards_reference,
        .keeps_operator_policies = c->management_keeps_operator_policies,
    };
    http->api = api_create(&d->manage, &settings);
    explicit_bzero(cookie_key, sizeof cookie_key);
}

static bool is_wanted(const struct config *c)
{
    return config_management_port(c) || config_management_ssl_port(c) || c->prometheus_port ||
           config_metrics_ssl_port(c);
}

int http_services_open(struct leveretd *d)
{
    if (!is_wanted(d->config))
        return EXIT_OK;
    struct http_services *http = d->http = lv_calloc(1, sizeof *http);
    struct http_options wanted = options_of(d);
    int err = http_server_create(&wanted, &http->server);
    if (err < 0) {
        log_error("cannot create the HTTP server: %s", lv_error_reason(err));
        return EXIT_LISTEN;
    }
    create_api(d, http, streams_max(&wanted));
    return open_listeners(d, http);
}

int http_services_start(struct http_services *http)
{
    int err = http ? http_server_start(http->server) : 0;
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
    api_end_streams(http->api);
    http_server_stop(&http->server);
    api_free(&http->api);
    free(http->origins);
    free(http);
}
