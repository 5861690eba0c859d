/* What the files of this room share. */
#ifndef LEVERET_NET_NET_PRIVATE_H
#define LEVERET_NET_NET_PRIVATE_H

#include <uv.h>

#include "base/error.h"
#include "base/list.h"
#include "loop/loop.h"
#include "loop/loop_uv.h"
#include "net/net.h"

struct net_listener;
struct write_request;

/* This room's part of a loop, in LOOP_SLOT_NET.
 *
 *   (1) A connection that stands in `dirty` has output nobody has tried to write yet.
 *   (2) `unflushed` is about the sum of their output; it decides when an early flush pays.
 *   (3) buffer[guest_start .. +guest_n) is what `guest` has not consumed. It stays there until
 *       another connection needs the buffer; then it is saved in the guest's `left`. */
struct net_loop {
    struct loop *loop;
    struct lv_list conns; /* all of this loop */
    struct lv_list dirty;
    struct lv_list owed;      /* connections whose owner must be called: resumed, drained */
    struct loop_task pay;     /* calls them, and goes on reading */
    struct lv_list listeners; /* loop 0 */
    size_t unflushed;
    uint8_t *buffer;
    size_t buffer_capacity;
    struct net_conn *guest; /* NULL: the buffer is nobody's */
    size_t guest_start;
    size_t guest_n;
    struct write_request *resting; /* write requests not in use */
    unsigned resting_count;
    bool is_stopped; /* nothing new is taken in */
};

/*  OPEN ── net_close(flush) ──> FLUSHING ── all is written ──> LINGERING
 *   │                              │ 3 s, an error                │ end of input, 1 s
 *   └── end of input, error, ──────┴──────────> CLOSED <──────────┘
 *       net_close()                                │ libuv's close callback: on_end(), freed
 *
 * A connection lingers, its sending side shut down, and drops what comes in: closing a socket with
 * unread input resets it, and the peer might never see our last frames. */
enum conn_state { CONN_OPEN, CONN_FLUSHING, CONN_LINGERING, CONN_CLOSED };

struct net_conn {
    union {
        uv_handle_t handle;
        uv_stream_t stream;
        uv_tcp_t tcp;
        uv_pipe_t pipe;
    } uv;
    struct net_loop *net;
    const struct net_owner *calls; /* borrowed, as the owner */
    void *owner;

    struct outbuf out;
    size_t out_told;               /* of out.bytes: counted in net->unflushed */
    size_t in_flight;              /* of out.bytes, its front: libuv is writing them */
    struct write_request *request; /* ... with this; NULL: nothing in flight */
    size_t high;
    size_t low;

    uint8_t *left; /* unconsumed input, when another connection is the buffer's guest */
    size_t left_n;

    uint64_t received;
    uint64_t sent;
    uint64_t reads, writes; /* ... in so many calls */
    uint64_t sent_at_ms;

    struct loop_timer limit; /* of sending, then of flushing, then of lingering */
    uint32_t send_timeout_ms;
    unsigned stuck_looks; /* the last ones in a row at which the peer had taken nothing more */
    uint64_t taken;       /* bytes of output that it had acknowledged at the last one */
    struct lv_list in_conns;
    struct lv_list in_dirty;
    struct lv_list in_owed;

    unsigned pauses;
    int end_error;      /* for on_end() */
    uint8_t state;      /* enum conn_state */
    uint8_t full_reads; /* in a row, without a poll in between */
    bool is_above_high; /* on_drained() is awaited */
    bool owes_resume;
    bool owes_drained;
    bool is_mute; /* the peer takes no bytes any more; what it has sent is still read */
};

struct net_loop *net_of(const struct loop *loop);

/* The first line of a callback. */
static inline struct net_conn *conn_enter(void *handle)
{
    struct net_conn *conn = lv_container_of((uv_handle_t *)handle, struct net_conn, uv.handle);
    loop_enter(conn->net->loop);
    return conn;
}

static inline int error_from_uv(ssize_t uv_error)
{
    return lv_error_from_errno((int)-uv_error);
}

/* --- conn.c --------------------------------------------------------------------------------- */

/* Makes the connection of an accepted socket, which it takes, and calls `accepted`. On the loop
 * that is to own it. */
void conn_accept(struct loop *loop, int fd, bool is_unix, net_accepted_fn *accepted, void *arg);

/* Closes it at once; nothing when it is closed. `error` is for on_end(). */
void conn_close(struct net_conn *conn, int error);
/* Shuts our side down and waits for the peer's. */
void conn_linger(struct net_conn *conn);
/* Closes every connection of the loop. */
void conns_stop(struct net_loop *net);

/* --- conn_input.c --------------------------------------------------------------------------- */

void conn_start_reading(struct net_conn *conn);
/* Drops what the owner has not consumed. */
void conn_drop_input(struct net_conn *conn);
void conn_owe_drained(struct net_conn *conn);
/* Calls the owners that are owed a call. */
void conns_pay(struct loop *loop, struct loop_task *task);

/* --- conn_output.c -------------------------------------------------------------------------- */

/* Writes what there is, as far as the kernel takes it. */
void conn_flush(struct net_conn *conn);
/* Closes the connection of a peer that has long taken nothing; else looks again later. */
void conn_look(struct net_conn *conn);
/* Writes what is dirty. */
void conns_flush(struct loop *loop);
/* Frees the write requests at rest. */
void conns_free(struct net_loop *net);

/* --- listener.c ----------------------------------------------------------------------------- */

/* Closes the listeners that are still there. */
void listeners_free(struct net_loop *net);

#endif
