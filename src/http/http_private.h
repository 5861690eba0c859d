/* Between the files of this room. */
#ifndef LEVERET_HTTP_HTTP_PRIVATE_H
#define LEVERET_HTTP_HTTP_PRIVATE_H

#include <pthread.h>
#include <stdatomic.h>

#include <microhttpd.h>

#include "base/assert.h"
#include "base/list.h"
#include "base/spool.h"
#include "http/http.h"
#include "loop/loop.h"
#include "net/net.h"

/* --- the server ------------------------------------------------------------------------------- */

struct http_listener {
    struct http_server *server;
    struct net_listener *net;
    http_handler *handler;
    void *arg;
    http_is_short *is_short; /* NULL: no request is */
    uint16_t port;
    bool is_tls;
    bool compresses;
    _Atomic uint64_t connections;
    struct http_listener *next;
};

/* Short requests do not wait for long ones. */
enum http_lane_number { HTTP_SHORT, HTTP_LONG, HTTP_LANES };

struct http_lane {
    struct lv_list queue; /* requests that wait for a thread */
    size_t queued;
    size_t running; /* handlers, but for those that wait for their clients */
    size_t max;
};

/* Threads that run handlers. */
struct http_workers {
    pthread_mutex_t lock; /* for everything below; taken before the server's */
    pthread_cond_t changed;
    struct http_lane lanes[HTTP_LANES];
    struct lv_list waiting; /* requests whose handlers wait for their clients, the longest first */
    size_t threads, threads_max;
    size_t idle, starting;
    size_t ending; /* of those that waited for their clients, and were cut off */
    bool is_stopping;
};

struct http_server {
    struct http_options options;
    struct access_log *access_log; /* NULL: none */
    struct loops *loops;           /* of one loop, for the sockets of clients */
    struct MHD_Daemon *daemon;
    struct http_listener *listeners; /* owned; changed before the start alone */
    struct http_workers workers;
    struct spool_budget budget;
    struct http_budget *memory; /* of bodies, and what handlers have reserved; a reference */
    size_t body_bytes; /* that came since memory was given back; libmicrohttpd's thread's alone */
    pthread_t thread;  /* runs the loop */
    bool has_thread;
    /* The loop's alone. */
    size_t pairs;             /* of sockets, between relay.c and libmicrohttpd */
    struct lv_list waiting;   /* clients whose header is whole, until there may be another pair */
    pthread_mutex_t lock;     /* for what follows, and for is_suspended of every request */
    struct lv_list requests;  /* all that exist */
    struct http_conn **by_fd; /* the connection that each socket of libmicrohttpd's belongs to */
    size_t by_fd_count;
    bool is_stopping;
};

/* --- slow.c ----------------------------------------------------------------------------------- */

/* What is known of a client's speed. Times are loop_patient_ms(). */
struct slow {
    struct loop_timer timer;
    bool has_bytes;         /* a request has begun to arrive */
    uint64_t done_seen;     /* requests_done when the wait for the next request began */
    uint64_t since_ms;      /* of that wait, or of the request's first bytes */
    uint64_t body_since_ms; /* when its body was first waited for; 0: it is not */
    uint64_t sent_seen;     /* net_sent() at the beginning of the period below */
    uint64_t sent_since_ms; /* 0: there is nothing for the client to take */
};

/* Closes the client's connection as soon as it is too slow. */
void slow_begin(struct http_conn *c, struct loop *loop);
/* Bytes of the client have arrived. */
void slow_note_bytes(struct http_conn *c);
void slow_end(struct http_conn *c, struct loop *loop);

/* Headers, and the block of an answer that is being sent, are in one such piece of memory of
 * libmicrohttpd's. */
enum { CONNECTION_BYTES = 32 * 1024 };

/* --- relay.c ---------------------------------------------------------------------------------- */

/* A client's connection: what arrives is passed on to libmicrohttpd over a pair of sockets, which
 * is made when the first header has arrived, and its answers are passed back.
 *
 * It is known to the loop, and to libmicrohttpd between the start and the end of its own
 * connection: each has a reference. */
struct http_conn {
    _Atomic unsigned refs;
    struct http_listener *listener;
    struct http_peer peer;
    /* The loop's alone. */
    struct net_conn *client, *inner; /* NULL: not there yet, or ended */
    bool is_ending;                  /* the client is closed when it has taken what is left */
    struct lv_buffer held;           /* what it has sent until its first header is whole */
    uint8_t before;                  /* the last byte of `held` */
    bool is_line_empty;              /* no byte has come since a line ended */
    struct lv_list waiting;          /* in server->waiting */
    struct slow slow;
    /* Set by libmicrohttpd's thread. */
    _Atomic uint64_t requests_begun; /* whose headers are complete */
    _Atomic uint64_t requests_read;  /* whose bodies are complete */
    _Atomic uint64_t requests_done;
    _Atomic uint64_t body_bytes; /* of the request being read */
    _Atomic bool is_gone;        /* the client has ended */
    _Atomic bool has_stream;     /* an answer has begun that need not end */
    /* Under server->lock: the request being handled. */
    struct http_request *request;
};

/* Passes bytes between a client and libmicrohttpd. A net_accepted_fn; `arg` is the listener. */
void relay_accepted(struct loop *loop, void *arg, struct net_conn *conn,
                    const struct net_peer *peer);
void http_conn_unref(struct http_conn *c);

/* --- names and values: values.c --------------------------------------------------------------- */

struct http_pair {
    struct slice name, value;
};

struct http_pairs {
    struct http_pair *items;
    size_t count, capacity;
};

/* Appends a pair, whose slices it takes (slice_copy()). */
void pairs_add(struct http_pairs *pairs, struct slice name, struct slice value);
void pairs_free(struct http_pairs *pairs, bool are_names_owned);
void slice_free(struct slice s);

/* --- a request: request.c --------------------------------------------------------------------- */

enum request_state {
    REQUEST_READING,  /* its body arrives */
    REQUEST_RUNNING,  /* libmicrohttpd is suspended */
    REQUEST_STARTED,  /* the answer's header is known: more of the body follows */
    REQUEST_COMPLETE, /* the whole answer is in `out` */
    REQUEST_QUEUED,   /* libmicrohttpd has the answer */
};

struct http_request {
    _Atomic unsigned refs; /* the worker's, and libmicrohttpd's */
    struct http_server *server;
    struct http_conn *conn; /* a reference */
    struct MHD_Connection *mhd;
    enum http_lane_number lane;
    struct lv_list link;         /* in server->requests */
    struct lv_list waiting_link; /* in a queue of the workers, or in workers->waiting */
    struct slice method, path;   /* owned */
    struct slice user;           /* who asks; owned; empty: not known */
    bool is_http_1_0;
    struct http_pairs headers, query; /* names of query parameters are decoded */
    bool is_malformed;                /* an escape is wrong */
    struct lv_buffer body;
    unsigned refusal; /* the status, if the body is dropped as it arrives; else 0 */
    size_t dropped_bytes;
    size_t reserved_bytes; /* of server->memory */
    /* The answer. */
    unsigned status;
    struct http_pairs answer_headers; /* the names are static */
    struct lv_buffer out;
    struct slice fixed; /* the whole answer, in place of `out`; never freed; SLICE_EMPTY: none */
    struct spool *spool;
    bool has_started;      /* the header is sent, so `out` goes to the spool */
    struct packer *packer; /* NULL: the answer is not compressed */
    uint64_t answer_bytes; /* of its body, for the access log */
    bool is_stream;
    /* Under server->lock. */
    enum request_state state;
    bool is_suspended;
    bool is_ended; /* the last bytes are in the spool */
    bool is_cut;
    void (*wake)(void *arg); /* of a stream that has not ended; else NULL */
    void *wake_arg;
    bool awaits_room; /* of the stream; then it is woken when there is room */
};

/* An MHD_AccessHandlerCallback. */
enum MHD_Result request_arrived(void *arg, struct MHD_Connection *mhd, const char *url,
                                const char *method, const char *version, const char *upload,
                                size_t *upload_bytes, void **request);
/* An MHD_RequestCompletedCallback. */
void request_completed(void *arg, struct MHD_Connection *mhd, void **request,
                       enum MHD_RequestTerminationCode code);
/* The client is gone: what is still written is dropped. The caller holds server->lock. */
void request_cut(struct http_request *r);
/* The same; the caller does not hold it. */
void request_cut_off(struct http_request *r);
/* Makes libmicrohttpd go on with the request. The caller holds server->lock. */
void request_resume(struct http_request *r);
void request_unref(struct http_request *r);

/* --- budget.c --------------------------------------------------------------------------------- */

/* Returns a reference to a budget of which nothing is taken. */
struct http_budget *budget_create(size_t bytes_max);
/* Releases the reference and clears the pointer. NULL is fine. */
void budget_unref(struct http_budget **budget);
/* Takes a part. Returns false if that would be too much: nothing is taken. Any thread. */
bool budget_take(struct http_budget *budget, size_t bytes);
void budget_give(struct http_budget *budget, size_t bytes);
/* Returns whether anybody has a part. Any thread. */
bool budget_is_used(const struct http_budget *budget);

/* --- guard.c ---------------------------------------------------------------------------------- */

/* Returns the status with which a request must be refused before its body is read, because another
 * program on its way could understand it differently, or because it has too much of something; or
 * 0. The rest of the connection cannot be trusted then. */
unsigned request_fault(const struct http_request *r, const char *version);

/* --- answer.c --------------------------------------------------------------------------------- */

/* Gives libmicrohttpd the answer, whose state is REQUEST_STARTED or REQUEST_COMPLETE. */
enum MHD_Result answer_queue(struct http_request *r, bool is_complete);
/* Called by the spool when there is more to send; `arg` is the request. */
void answer_wake(void *arg);

/* Returns a header of the answer, or SLICE_EMPTY. */
struct slice answer_header(const struct http_request *r, const char *name);

/* --- compress.c ------------------------------------------------------------------------------- */

struct packer;
enum packer_how { PACK_MORE, PACK_NOW, PACK_END };

/* Decides whether the answer is compressed: sets r->packer, and the header. Called once, before the
 * answer's header is sent; `is_large` if it is larger than what is in `out`. */
void packer_begin(struct http_request *r, bool is_large);
/* Compresses and empties `in`. Returns the buffer with what is compressed, to be taken from. After
 * PACK_NOW it has all that was added; PACK_END is the last call. */
struct lv_buffer *packer_add(struct packer *p, struct lv_buffer *in, enum packer_how how);
/* Clears the pointer. NULL is fine. */
void packer_free(struct packer **packer);

/* --- access_log.c ----------------------------------------------------------------------------- */

struct access_log;

/* Creates the log in this directory, which is created if need be, and starts its thread. Returns
 * ERR_..., explained. */
int access_log_create(const char *dir, struct access_log **ret);
/* Ends the log once its lines are written, or after 5 s: lines that the disk has not taken by then
 * are lost. Clears the pointer. NULL is fine. */
void access_log_free(struct access_log **log);
/* Logs a request whose answer is known. NULL is fine. Does not wait for the disk. Any thread. */
void access_log_note(struct access_log *log, const struct http_request *r);

/* --- workers.c -------------------------------------------------------------------------------- */

void workers_init(struct http_workers *w, unsigned max);
/* Has a worker run the request's handler. If the server stops, or there is no thread, answers it
 * with 503. */
void workers_run(struct http_workers *w, struct http_request *r);
/* The handler of this request is about to wait for its client, and has waited. Others may run
 * meanwhile. Nothing happens on a thread that is no worker's. */
void workers_wait_begin(struct http_workers *w, struct http_request *r);
void workers_wait_end(struct http_workers *w, struct http_request *r);
/* Answers the requests that wait, and waits until every worker has ended. */
void workers_stop(struct http_workers *w);
void workers_destroy(struct http_workers *w);

#endif
