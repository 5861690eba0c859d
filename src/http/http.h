/* The HTTP server. It knows HTTP alone: what is behind a path, and who may see it, is decided by
 * handlers (api/, metrics/).
 *
 *   client ══ net/, with TLS if the listener has it ══ relay ══ a pair of sockets ══ libmicrohttpd
 *             └───────── a loop of the server's own ────────┘                        └─ its thread
 *
 * The server has a set of one loop for itself, so no loop of the broker handles HTTP. libmicrohttpd
 * parses requests on a thread of its own; a complete request is given to a worker, a thread that
 * may wait, and runs its handler. The answer is sent while it is written, and a writer that is far
 * ahead of its client waits, so large answers take little memory. */
#ifndef LEVERET_HTTP_HTTP_H
#define LEVERET_HTTP_HTTP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buffer.h"
#include "base/slice.h"

struct http_hold;
struct http_listener;
struct http_request;
struct http_server;
struct tls_server;

/* --- the server ------------------------------------------------------------------------------- */

/* Handles a request: writes the answer and calls http_end(), in this call or later. Called on a
 * worker's thread, which is registered with RCU and online. */
typedef void http_handler(void *arg, struct http_request *request);

/* Returns whether the handler of this request is quick, whoever asks: such requests do not wait for
 * others (health checks). `arg` is the handler's. Called on the server's thread, so it looks at
 * method and path alone. */
typedef bool http_is_short(void *arg, const struct http_request *request);

/* Returns whether who sends this request may do what its handler does; if not, after writing the
 * refusal: the handler, which calls it, ends the request. So a handler needs not know how users log
 * in. */
typedef bool http_guard(void *arg, struct http_request *request);

struct http_options {
    unsigned workers_max;    /* requests that run at the same time; others wait for their turn */
    int64_t connections_max; /* of a listener; more wait until one has ended */
    const char *connections_key; /* the setting that limits them, for the log; static */
    /* Connections that have sent the header of their first request, of all listeners; more wait
     * until one has ended. These take three descriptors each, others one. */
    size_t pairs_max;
    /* Connections of a listener from one address (net_accept_limits) that have not had an answer
     * yet; more are closed at once. Below 0: no limit. */
    int64_t newcomers_per_address_max;
    size_t body_bytes_max;   /* a larger body is answered with 413 */
    size_t memory_bytes_max; /* of all bodies, and what handlers reserve; above it: 503 */
    uint32_t request_ms;     /* within which the header of a request must have come */
    uint32_t idle_ms;        /* that a connection may be without a request */
    uint32_t body_ms;        /* for a body, beside 1 ms for each byte */
    uint64_t requests_max;   /* of a connection, which then is closed; 0: no limit */
    /* Where requests are logged, a line each, in a file for each hour; NULL: nowhere. */
    const char *access_log_dir;
};

/* Creates a server without listeners. Returns ERR_... if there is no memory or no descriptor, or if
 * the directory of the access log cannot be used; lv_error_reason() tells which. The options are
 * copied; the directory is needed for this call alone. Blocks. */
int http_server_create(const struct http_options *options, struct http_server **ret);
/* Listens on address:port like net_listen(); `tls` is NULL for plain HTTP. Call before
 * http_server_start(). */
int http_server_listen(struct http_server *server, const char *address, uint16_t port,
                       struct tls_server *tls, http_handler *handler, void *arg,
                       struct http_listener **ret);
/* Tells which requests are short; without this call none is. Call before http_server_start(). */
void http_listener_set_short(struct http_listener *listener, http_is_short *is_short);
/* Tells whether answers of text are compressed for clients that accept gzip; without this call they
 * are not. Call before http_server_start(). */
void http_listener_set_compresses(struct http_listener *listener, bool compresses);
uint16_t http_listener_port(const struct http_listener *listener);
/* Returns the number of open connections. Any thread. */
uint64_t http_listener_connections(const struct http_listener *listener);
/* Starts the threads. Returns ERR_NO_MEMORY if one cannot be started. */
int http_server_start(struct http_server *server);
/* Stops accepting, cuts off every client and waits until the handlers under way have returned.
 * What a handler waits for must end before (asker_close()), and requests that are to be ended later
 * must have been ended. Clears the pointer. NULL is fine. */
void http_server_stop(struct http_server **server);

/* --- a request -------------------------------------------------------------------------------- */

/* Each is valid until http_end(). */

struct slice http_method(const struct http_request *request); /* "GET" */
/* The path as it was sent, with its escapes: "/api/queues/%2F". */
struct slice http_path(const struct http_request *request);
/* A header's value, or SLICE_EMPTY; upper and lower case of names are the same. */
struct slice http_header(const struct http_request *request, const char *name);
/* Returns whether there is a query parameter of this name; *ret is its decoded value. Parameters
 * may be repeated: `nth` counts from 0. */
bool http_query(const struct http_request *request, const char *name, size_t nth,
                struct slice *ret);
struct slice http_body(const struct http_request *request);
/* Names the user who asks, for the access log. */
void http_set_user(struct http_request *request, struct slice user);
/* Counts memory that the handler is about to take, until the request ends, so that many requests
 * together take no more than memory_bytes_max. Returns false if that is exceeded: nothing is
 * counted, and the handler should answer 503. */
bool http_reserve(struct http_request *request, size_t bytes);
/* Takes the body, for work that goes on after the request: from then on the request has none. What
 * the request has reserved is counted until http_hold_free(), which may be called after the request
 * and the server have ended, on any thread. The caller owns both. */
struct http_hold *http_take_body(struct http_request *request, struct lv_buffer *ret);
/* Clears the pointer. NULL is fine. */
void http_hold_free(struct http_hold **hold);

struct http_peer {
    char address[64];
    uint16_t port;
    bool is_loopback;
    bool is_tls;
};
const struct http_peer *http_request_peer(const struct http_request *request);

/* Appends the bytes that `text` stands for: %2F is '/'; '+' is a space if `is_query`. Returns
 * ERR_INVALID, with some of them appended, if an escape is malformed or stands for NUL. */
int http_decode(struct lv_buffer *out, struct slice text, bool is_query);

/* Returns whether a list such as "gzip;q=0.5, *" has one of these words, which end with NULL; not
 * those with q=0. */
bool http_list_has(struct slice list, const char *const *words);

/* --- the answer ------------------------------------------------------------------------------- */

/* Sets the status, which is 200 otherwise. Call before the first byte is sent. */
void http_status(struct http_request *request, unsigned status);
/* Adds a header. Bytes that a header may not contain (control characters) are left out of the
 * value, so that no value can add a header. Call before the first byte is sent. */
void http_add_header(struct http_request *request, const char *name, struct slice value);
/* Does the same, in place of the headers of this name so far; without a value, removes them. */
void http_set_header(struct http_request *request, const char *name, struct slice value);
/* Returns the buffer for the body: append to it, and call http_flush() now and then. */
struct lv_buffer *http_out(struct http_request *request);
/* Sends the header and what is in the buffer if that is more than 64 KiB, or anything and
 * `is_now`. May wait for the client, so RCU must be offline. Returns false if the client is gone:
 * the handler may end early. */
bool http_flush(struct http_request *request, bool is_now);
/* Returns whether the client takes an answer that is compressed. */
bool http_accepts_gzip(const struct http_request *request);
/* Writes the whole body of the answer: what `packed`, which is in gzip's format and is never freed,
 * is compressed from; to clients that accept gzip it is sent as it is. May wait for the client, so
 * RCU must be offline. Call with nothing written before, and then http_end(). */
void http_answer_packed(struct http_request *request, struct slice packed);
/* Makes the answer a stream: the handler returns without http_end(), and some other thread, one for
 * all streams, writes and ends it. Whenever http_has_room(), that thread may write and call
 * http_flush(), which does not wait then. Call before the first byte is sent.
 *
 * wake(arg) is called, on any thread and under the server's lock, when there is room again after
 * http_has_room() has returned false, and when the client is gone: it may do no more than wake that
 * thread. It is not called any more once http_end() has returned. */
void http_stream(struct http_request *request, void (*wake)(void *arg), void *arg);
/* Returns whether everything that was sent is on its way to the client, so that more of a stream
 * may be sent. If not, the stream is woken later. */
bool http_has_room(struct http_request *request);
/* Returns whether the client is gone. */
bool http_is_cut(const struct http_request *request);
/* Ends the answer; the request must not be used from then on. Any thread. */
void http_end(struct http_request *request);

#endif
