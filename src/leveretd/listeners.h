/* Which front end listens on which address. */
#ifndef LEVERET_LEVERETD_LISTENERS_H
#define LEVERET_LEVERETD_LISTENERS_H

#include "base/buffer.h"
#include "http/http.h"
#include "leveretd/config.h"
#include "net/net.h"
#include "session/frontend.h"
#include "tls/tls.h"

enum { LISTENERS_MAX = 2 * CONFIG_LISTENERS_MAX + 4 }; /* plain and with TLS; of HTTP */

struct listener {
    const char *name;           /* RabbitMQ's: "amqp", "http" */
    const char *purpose;        /* "AMQP 0-9-1" */
    struct net_listener *net;   /* NULL: of HTTP, closed, or suspended */
    struct http_listener *http; /* NULL: of AMQP, or closed */
    char address[64];           /* "::", "127.0.0.1" */
    uint16_t port;              /* remains when the listener is closed */
    bool is_tls;
    _Atomic bool is_open; /* not closed, but perhaps suspended; for any thread */
    /* Of a front end, to open it again: see listeners_open(). */
    const char *protocol; /* for log lines */
    const struct frontend *frontend;
    struct session_server *server;
    struct tls_server *tls;
};

struct listeners {
    struct listener items[LISTENERS_MAX];
    size_t count;
};

/* Listens on every address in the config; those for TLS have the layer of `tls`. Returns EXIT_OK,
 * or EXIT_LISTEN after logging the reason; the caller calls listeners_close() in both cases. Call
 * before loops_start(). */
int listeners_open(struct listeners *l, struct loops *loops, const struct config *config,
                   struct session_server *server, struct tls_server *tls);

/* Returns the front end of operators' own sessions (operators.h). */
const struct frontend *listeners_operators_frontend(void);

/* What listens for HTTP, and where. */
struct http_wanted {
    struct http_server *server;
    const char *name;    /* "http" */
    const char *purpose; /* "HTTP API" */
    const char *address; /* empty: every address */
    uint16_t port;
    struct tls_server *tls; /* NULL: plain */
    http_handler *handler;
    http_is_short *is_short; /* NULL: no request is */
    bool compresses;
    void *arg;
};
/* Listens for HTTP. Returns like listeners_open(); call at the same time. */
int listeners_open_http(struct listeners *l, const struct http_wanted *wanted);

/* Sets the socket options of future connections from the config. Call before loops_start(), or on
 * loop 0. */
void listeners_configure(struct listeners *l, const struct config *config);

/* Logs one line for each listener that is open, in RabbitMQ's words: "started TCP listener on
 * 127.0.0.1:5672", where the event is "started" or "stopped". */
void listeners_log(const struct listeners *l, const char *event);

/* Stops accepting connections of clients, until listeners_resume(): their listeners are closed, but
 * for those of HTTP, so that the node can be watched. Connections remain. Logs it. May be called
 * again. On loop 0. */
void listeners_suspend(struct listeners *l);
/* Listens again where listeners_suspend() has stopped. Returns ERR_..., with the others open, after
 * logging why one cannot be opened. May be called again. On loop 0. */
int listeners_resume(struct listeners *l, struct loops *loops, const struct config *config);

/* Stops accepting connections, and logs it. May be called again. Call on loop 0, or once the loops
 * have ended. */
void listeners_close(struct listeners *l);

/* Returns how many connections of the listener are open; 0 once it is closed. Any thread. */
uint64_t listener_connections(const struct listener *one);

/* Writes RabbitMQ's words for a listener: "amqp", "amqp/ssl", "https", and "AMQP 0-9-1 over TLS".
 * Both have room for LISTENER_WORDS_MAX bytes. */
enum { LISTENER_WORDS_MAX = 64 };
void listener_words(const struct listener *one, char *protocol, char *purpose);

/* Appends "127.0.0.1:5672 (amqp), [::1]:5671 (amqp/ssl)", or "no address for AMQP". */
void listeners_print(const struct listeners *l, struct lv_buffer *out);

#endif
