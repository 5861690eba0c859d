/* Which front end listens on which address. No other file knows which front ends exist. */
#include "leveretd/listeners.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "amqp/amqp.h"
#include "base/error.h"
#include "base/log.h"
#include "base/memory.h"
#include "leveretd/leveretd.h"

/* A new front end needs a row here, and a setting for its addresses. */
static const struct {
    const struct frontend *frontend;
    const char *protocol; /* for log lines */
    size_t wanted;        /* offset of its struct config_listeners in struct config */
    bool is_tls;
} table[] = {
    {&amqp_frontend, "AMQP", offsetof(struct config, listeners), false},
    {&amqp_frontend, "AMQP over TLS", offsetof(struct config, ssl_listeners), true},
};

enum { TABLE_ROWS = sizeof table / sizeof *table };

static const struct config_listeners *wanted_by(const struct config *config, size_t row)
{
    return (const void *)((const char *)config + table[row].wanted);
}

enum { ENDPOINT_BYTES_MAX = 96 };

/* Writes "[::]:5672" or "127.0.0.1:5672" into `text`, and returns it. */
static const char *endpoint_text(char text[ENDPOINT_BYTES_MAX], const char *address, unsigned port)
{
    snprintf(text, ENDPOINT_BYTES_MAX, strchr(address, ':') ? "[%s]:%u" : "%s:%u", address, port);
    return text;
}

/* What the listeners of a row have in common. */
struct opening {
    struct listeners *listeners;
    const char *protocol; /* for log lines */
    const char *name, *purpose;
    struct tls_server *tls; /* NULL: plain */
    /* Of a front end, or of HTTP. */
    struct loops *loops;
    const struct frontend *frontend;
    struct session_server *server;
    const struct http_wanted *http; /* NULL: a front end */
};

/* Listens for the front end of `one`. */
static int listen_for_frontend(struct loops *loops, struct listener *one, uint16_t port)
{
    int err =
        net_listen(loops, one->address, port, one->frontend->accepted, one->server, &one->net);
    if (err == 0 && one->tls)
        net_listener_set_layer(one->net, tls_server_layer, one->tls);
    if (err == 0)
        one->port = net_listener_port(one->net);
    return err;
}

static int listen_for_http(const struct opening *o, struct listener *one, uint16_t port)
{
    int err = http_server_listen(o->http->server, one->address, port, o->tls, o->http->handler,
                                 o->http->arg, &one->http);
    if (err < 0)
        return err;
    http_listener_set_short(one->http, o->http->is_short);
    http_listener_set_compresses(one->http, o->http->compresses);
    one->port = http_listener_port(one->http);
    return 0;
}

static int listen_on(const struct opening *o, const char *address, uint16_t port)
{
    struct listeners *l = o->listeners;
    lv_assert(l->count < LISTENERS_MAX);
    struct listener *one = &l->items[l->count];
    *one = (struct listener){
        .name = o->name,
        .purpose = o->purpose,
        .is_tls = o->tls != NULL,
        .is_open = true,
        .protocol = o->protocol,
        .frontend = o->frontend,
        .server = o->server,
        .tls = o->tls,
    };
    snprintf(one->address, sizeof one->address, "%s", address);
    int err = o->http ? listen_for_http(o, one, port) : listen_for_frontend(o->loops, one, port);
    if (err == 0)
        l->count++;
    return err;
}

/* Listens on "::", which also accepts IPv4, or on "0.0.0.0" if the host has no IPv6. */
static int listen_everywhere(const struct opening *o, uint16_t port)
{
    int err = listen_on(o, "::", port);
    if (err < 0 && err != ERR_BUSY && err != ERR_REFUSED)
        err = listen_on(o, "0.0.0.0", port);
    return err;
}

static const char *listen_error_text(int err)
{
    switch (err) {
    case ERR_BUSY: return "the address is in use, perhaps by another broker (see --bind, --port)";
    case ERR_REFUSED: return "not permitted (ports below 1024 are reserved for root)";
    case ERR_INVALID: return "not an address of this host";
    default: return lv_error_text(err);
    }
}

/* Listens on an address, or on every one if it is empty. Returns EXIT_OK or EXIT_LISTEN. */
static int open_one(const struct opening *o, const char *address, uint16_t port)
{
    char where[ENDPOINT_BYTES_MAX];
    int err = address[0] ? listen_on(o, address, port) : listen_everywhere(o, port);
    if (err == 0)
        return EXIT_OK;
    log_error("cannot listen on %s for %s: %s",
              endpoint_text(where, address[0] ? address : "::", port), o->protocol,
              listen_error_text(err));
    return EXIT_LISTEN;
}

static int open_row(struct listeners *l, struct loops *loops, const struct config *config,
                    struct session_server *server, struct tls_server *tls, size_t row)
{
    const struct config_listeners *wanted = wanted_by(config, row);
    const struct opening o = {
        .listeners = l,
        .protocol = table[row].protocol,
        .name = table[row].frontend->name,
        .purpose = table[row].frontend->purpose,
        .tls = table[row].is_tls ? tls : NULL,
        .loops = loops,
        .frontend = table[row].frontend,
        .server = server,
    };
    int code = EXIT_OK;
    for (size_t i = 0; i < wanted->count && code == EXIT_OK; i++)
        code = open_one(&o, wanted->items[i].address, wanted->items[i].port);
    return code;
}

int listeners_open_http(struct listeners *l, const struct http_wanted *wanted)
{
    const struct opening o = {
        .listeners = l,
        .protocol = wanted->purpose,
        .name = wanted->name,
        .purpose = wanted->purpose,
        .tls = wanted->tls,
        .http = wanted,
    };
    return open_one(&o, wanted->address, wanted->port);
}

const struct frontend *listeners_operators_frontend(void)
{
    return &amqp_frontend;
}

/* Makes a listener expect the headers of these proxies. */
static void expect_proxies(struct listener *one, const struct config_pairs *trusted)
{
    struct net_network *networks = lv_calloc(trusted->count + 1, sizeof *networks);
    for (size_t i = 0; i < trusted->count; i++) {
        bool is_parsed = net_network_parse(trusted->items[i].value, &networks[i]);
        lv_assert(is_parsed); /* config_check() */
    }
    net_listener_expect_proxies(one->net, networks, trusted->count);
    free(networks);
}

int listeners_open(struct listeners *l, struct loops *loops, const struct config *config,
                   struct session_server *server, struct tls_server *tls)
{
    int code = EXIT_OK;
    lv_assert(!loop_current() && l->count == 0);
    for (size_t row = 0; row < TABLE_ROWS && code == EXIT_OK; row++)
        code = open_row(l, loops, config, server, tls, row);
    for (size_t i = 0; i < l->count && config->is_proxy_protocol; i++)
        expect_proxies(&l->items[i], &config->proxies_trusted);
    return code;
}

static void configure(struct listener *one, const struct config *config)
{
    const struct net_tcp_options options = {
        .backlog = (int)config->tcp_backlog,
        .is_nodelay = config->is_tcp_nodelay,
        .is_keepalive = config->is_tcp_keepalive,
        .resets = config->is_tcp_linger && config->tcp_linger_s == 0,
        .send_buffer_bytes = (int)config->tcp_sndbuf_bytes, /* CONFIG_NONE is below 0 */
        .receive_buffer_bytes = (int)config->tcp_recbuf_bytes,
    };
    const struct net_accept_limits limits = {
        .connections = config->ranch_connection_max,
        .newcomers_per_address = config->handshakes_per_address_max,
        .proxy_header_ms = (uint32_t)config->handshake_timeout_ms,
        .connections_key = "ranch_connection_max",
        .newcomers_key = "handshakes_max_per_address",
    };
    net_listener_set_options(one->net, &options);
    net_listener_set_limits(one->net, &limits);
}

void listeners_configure(struct listeners *l, const struct config *config)
{
    for (size_t i = 0; i < l->count; i++) {
        if (l->items[i].net)
            configure(&l->items[i], config);
    }
}

/* --- open or not ------------------------------------------------------------------------------ */

/* Held while a listener is closed, or opened again. */
static pthread_mutex_t closing = PTHREAD_MUTEX_INITIALIZER;

static void log_one(const struct listener *one, const char *event)
{
    char where[ENDPOINT_BYTES_MAX];
    log_info("%s %s listener on %s", event, one->is_tls ? "TLS (SSL)" : "TCP",
             endpoint_text(where, one->address, one->port));
}

void listeners_log(const struct listeners *l, const char *event)
{
    for (size_t i = 0; i < l->count; i++) {
        if (l->items[i].net || l->items[i].http)
            log_one(&l->items[i], event);
    }
}

void listeners_suspend(struct listeners *l)
{
    for (size_t i = 0; i < l->count; i++) {
        if (!l->items[i].net)
            continue;
        pthread_mutex_lock(&closing);
        net_listener_close(&l->items[i].net);
        pthread_mutex_unlock(&closing);
        log_one(&l->items[i], "suspended");
    }
}

/* Returns false if it is not suspended. */
static bool is_suspended(const struct listener *one)
{
    return one->is_open && one->frontend && !one->net;
}

static int resume(struct listener *one, struct loops *loops, const struct config *config)
{
    char where[ENDPOINT_BYTES_MAX];
    pthread_mutex_lock(&closing);
    int err = listen_for_frontend(loops, one, one->port);
    pthread_mutex_unlock(&closing);
    if (err < 0) {
        log_error("cannot listen on %s for %s: %s", endpoint_text(where, one->address, one->port),
                  one->protocol, listen_error_text(err));
        return err;
    }
    if (config->is_proxy_protocol)
        expect_proxies(one, &config->proxies_trusted);
    configure(one, config);
    log_one(one, "resumed");
    return 0;
}

int listeners_resume(struct listeners *l, struct loops *loops, const struct config *config)
{
    int result = 0;
    for (size_t i = 0; i < l->count; i++) {
        int err = is_suspended(&l->items[i]) ? resume(&l->items[i], loops, config) : 0;
        result = err < 0 ? err : result;
    }
    return result;
}

void listeners_close(struct listeners *l)
{
    listeners_log(l, "stopped");
    pthread_mutex_lock(&closing);
    for (size_t i = 0; i < l->count; i++) {
        l->items[i].is_open = false;
        if (l->items[i].net)
            net_listener_close(&l->items[i].net);
        l->items[i].http = NULL; /* its server closes it */
    }
    pthread_mutex_unlock(&closing);
}

uint64_t listener_connections(const struct listener *one)
{
    pthread_mutex_lock(&closing);
    uint64_t count = one->net    ? net_listener_connections(one->net)
                     : one->http ? http_listener_connections(one->http)
                                 : 0;
    pthread_mutex_unlock(&closing);
    return count;
}

void listener_words(const struct listener *one, char *protocol, char *purpose)
{
    bool is_https = one->is_tls && strncmp(one->name, "http", 4) == 0;
    if (is_https)
        snprintf(protocol, LISTENER_WORDS_MAX, "https%s", one->name + 4);
    else
        snprintf(protocol, LISTENER_WORDS_MAX, "%s%s", one->name, one->is_tls ? "/ssl" : "");
    snprintf(purpose, LISTENER_WORDS_MAX, "%s%s", one->purpose, one->is_tls ? " over TLS" : "");
}

void listeners_print(const struct listeners *l, struct lv_buffer *out)
{
    char where[ENDPOINT_BYTES_MAX], protocol[LISTENER_WORDS_MAX], purpose[LISTENER_WORDS_MAX];
    for (size_t i = 0; i < l->count; i++) {
        const struct listener *one = &l->items[i];
        listener_words(one, protocol, purpose);
        lv_buffer_printf(out, "%s%s (%s)", i ? ", " : "",
                         endpoint_text(where, one->address, one->port), protocol);
    }
    for (size_t row = 0; row < TABLE_ROWS && l->count == 0; row++)
        lv_buffer_printf(out, "%s%s", row ? " or " : "no address for ", table[row].protocol);
}
