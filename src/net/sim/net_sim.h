/* The functions of net.h without sockets, for tests and fuzzers of sessions, on simulated loops
 * (loop_sim.h). The test is the peer. What it sends is passed to the owner in the loop's next turn,
 * in a block of memory of exactly that size, so that a sanitizer sees every read beyond it. What
 * the owner writes is kept for the peer, as far as the peer's window allows.
 *
 * This folder is a library of its own, linked in front of the room `net`. There is nothing to
 * listen on: net_sim_connect() replaces accepting. Everything runs on one thread. */
#ifndef LEVERET_NET_SIM_NET_SIM_H
#define LEVERET_NET_SIM_NET_SIM_H

#include "base/buffer.h"
#include "net/net.h"

/* The other end of a connection. The test owns it, and frees it with net_sim_peer_free() once
 * is_gone is set. */
struct net_sim_peer {
    struct net_conn *conn; /* NULL: gone */
    struct lv_buffer got;  /* what the owner has sent; the test may consume it */
    size_t window;         /* bytes it still takes; SIZE_MAX: any number (the default) */
    bool is_shut;          /* the owner's side is shut down: the peer reads the end of the stream */
    bool is_gone;          /* on_end() has been called */
    int end_error;         /* the error passed to on_end() */
};

/* Connects: calls `accepted` on that loop at once, as if from 127.0.0.1:`port`. */
void net_sim_connect(struct net_sim_peer *peer, struct loop *loop, uint16_t port,
                     net_accepted_fn *accepted, void *arg);

/* The peer sends these bytes, which are copied. Does nothing if the connection has ended. */
void net_sim_send(struct net_sim_peer *peer, struct slice bytes);

/* The peer takes this many bytes more. */
void net_sim_open_window(struct net_sim_peer *peer, size_t bytes);

/* The peer closes its side. The owner notices once it has read what the peer sent before. */
void net_sim_hang_up(struct net_sim_peer *peer);

/* The connection is reset: bytes that were not read yet are lost. */
void net_sim_reset(struct net_sim_peer *peer);

void net_sim_peer_free(struct net_sim_peer *peer);

#endif
