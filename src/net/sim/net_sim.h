/* The doors of net.h without sockets, for tests and fuzzers of sessions, on simulated loops
 * (loop_sim.h). The test is the peer: what it sends is handed to the owner in the loop's next turn,
 * in a block of memory of exactly that size, so that a sanitizer sees every byte read beyond it;
 * what the owner writes is kept for the peer, as far as the peer's window takes it.
 *
 * This folder is a library of its own, linked in front of the room `net`. There is nothing to
 * listen on: net_sim_connect() stands for accepting. All of it runs on one thread. */
#ifndef LEVERET_NET_SIM_NET_SIM_H
#define LEVERET_NET_SIM_NET_SIM_H

#include "base/buffer.h"
#include "net/net.h"

/* The other end of a connection; the test owns it, and frees it with net_sim_peer_free() once
 * is_gone is set. */
struct net_sim_peer {
    struct net_conn *conn; /* NULL: gone */
    struct lv_buffer got;  /* what the owner has sent; the test consumes it as it likes */
    size_t window;         /* bytes it still takes; SIZE_MAX: any number (the default) */
    bool is_shut;  /* the owner's side sends no more: the peer reads the end of the stream */
    bool is_gone;  /* on_end() has been called */
    int end_error; /* with what */
};

/* Connects: calls `accepted` on that loop at once, as if from 127.0.0.1:`port`. */
void net_sim_connect(struct net_sim_peer *peer, struct loop *loop, uint16_t port,
                     net_accepted_fn *accepted, void *arg);

/* The peer sends these bytes; they are copied. Nothing happens when it is gone. */
void net_sim_send(struct net_sim_peer *peer, struct slice bytes);

/* The peer takes as many more bytes. */
void net_sim_open_window(struct net_sim_peer *peer, size_t bytes);

/* The peer closes its side, behind what it has sent: seen once that has been read. */
void net_sim_hang_up(struct net_sim_peer *peer);

/* The connection is reset: what has not been read is lost. */
void net_sim_reset(struct net_sim_peer *peer);

void net_sim_peer_free(struct net_sim_peer *peer);

#endif
