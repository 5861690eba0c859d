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
    struct net_listener *net; /* NULL once it is closed */
    http_handler *handler;
    void *arg;
    uint16_t port;
    bool is_tls;
    _Atomic uint64_t connections;
    struct http_listener *next;
};

/* Threads that run handlers: one is started when a request has to wait, up to a number, and ends
 * when it has had nothing to do for a while. */
struct http_workers {
    pthread_mutex_t lock; /* for everything below */
    pthread_cond_t changed;
    struct lv_list queue; /* requests that wait to run */
    unsigned count, idle, max;
    bool is_stopping;
};

struct http_server {
    struct http_options options;
    struct loops *loops; /* of one loop, for the sockets of clients */
    struct MHD_Daemon *daemon;
    struct http_listener *listeners; /* owned; changed before the start alone */
    struct http_workers workers;
    struct spool_budget budget;
    pthread_t thread; /* runs the loop */
    bool has_thread;
    pthread_mutex_t lock;     /* for what follows, and for is_suspended of every request */
    struct lv_list requests;  /* all that exist */
    struct http_conn **by_fd; /* the connection that each socket of libmicrohttpd's belongs to */
    size_t by_fd_count;
    bool is_stopping;
};

/* --- relay.c ---------------------------------------------------------------------------------- */

/* A client's connection: what arrives is passed on to libmicrohttpd over a pair of sockets, which
 * is made when the first bytes arrive, and its answers are passed back.
 *
 * It is known to the loop, and to libmicrohttpd between the start and the end of its own
 * connection: each has a reference. */
struct http_conn {
    _Atomic unsigned refs;
    struct http_listener *listener;
    struct http_peer peer;
    /* The loop's alone. */
    struct net_conn *client, *inner; /* NULL: not there yet, or ended */
    struct loop_timer limit;
    bool is_ending;         /* the client is closed when it has taken what is left */
    bool has_bytes;         /* a request has begun to arrive */
    uint64_t done_seen;     /* requests_done when the wait for the next request began */
    uint64_t since_ms;      /* of that wait, or of the request's first bytes; loop_patient_ms() */
    uint64_t body_since_ms; /* when its body was first waited for; 0: it is not */
    /* Set by libmicrohttpd's thread. */
    _Atomic uint64_t requests_begun; /* whose headers are complete */
    _Atomic uint64_t requests_read;  /* whose bodies are complete */
    _Atomic uint64_t requests_done;
    _Atomic uint64_t body_bytes; /* of the request being read */
    _Atomic bool is_gone;        /* the client has ended */
    /* Under server->lock: the request being handled. */
    struct http_request *request;
};

/* A net_accepted_fn; `arg` is the listener. */
void relay_accepted(struct loop *loop, void *arg, struct net_conn *conn,
                    const struct net_peer *peer);
void http_conn_unref(struct http_conn *c);

/* --- request.c -------------------------------------------------------------------------------- */

enum request_state {
    REQUEST_READING,  /* its body arrives */
    REQUEST_RUNNING,  /* libmicrohttpd is suspended */
    REQUEST_STARTED,  /* the answer's header is known: more of the body follows */
    REQUEST_COMPLETE, /* the whole answer is in `out` */
    REQUEST_QUEUED,   /* libmicrohttpd has the answer */
};

struct http_pair {
    struct slice name, value; /* names of query parameters are decoded */
};

struct http_pairs {
    struct http_pair *items;
    size_t count, capacity;
};

struct http_request {
    _Atomic unsigned refs; /* the worker's, and libmicrohttpd's */
    struct http_server *server;
    struct http_conn *conn; /* a reference */
    struct MHD_Connection *mhd;
    struct lv_list link;         /* in server->requests */
    struct lv_list waiting_link; /* in workers->queue */
    struct slice method, path;   /* owned */
    struct http_pairs headers, query;
    bool is_malformed; /* an escape is wrong */
    struct lv_buffer body;
    /* The answer. */
    unsigned status;
    struct http_pairs answer_headers; /* the names are static */
    struct lv_buffer out;
    struct spool *spool;
    bool has_started; /* the header is sent, so `out` goes to the spool */
    /* Under server->lock. */
    enum request_state state;
    bool is_suspended;
    bool is_ended; /* the last bytes are in the spool */
    bool is_cut;
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

/* --- workers.c -------------------------------------------------------------------------------- */

void workers_init(struct http_workers *w, unsigned max);
/* Has a worker run the request's handler. If the server stops, or no thread can be started, answers
 * it with 503. */
void workers_run(struct http_workers *w, struct http_request *r);
/* Answers the requests that wait, and waits until every worker has ended. */
void workers_stop(struct http_workers *w);

#endif
