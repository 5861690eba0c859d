/* Moves the messages of one queue from one broker to another. */
#ifndef MIGRATE_MOVER_H
#define MIGRATE_MOVER_H

#include <jansson.h>
#include <stdint.h>

#include "migrate/link.h"

struct mover_job {
    struct link *from, *to; /* open, without a channel */
    const char *queue;      /* at both sides */
    uint32_t window;        /* how many messages may be under way; 1 to MOVER_WINDOW_MAX */
    bool is_quorum;         /* at the source: deliveries have a header x-delivery-count */
    bool is_again;          /* a link was lost: the source may still be getting back messages */
    bool is_single_active;  /* only one consumer is served, and others may wait for ever */

    /* NULL: `to` is the control socket, where the queue is the channel's target. Else the routes of
     * the destination (routes.h), by which a message gets to this queue alone. */
    const json_t *routes;
    const char *user_id; /* with `routes`: the only user_id that is let through; NULL: any is */

    /* Called now and then with what has been done so far, and `arg`. */
    void (*progress)(void *arg);
    void *arg;
};

enum { MOVER_WINDOW_MAX = 1000 };

/* What was done; counts go up while a queue is moved. */
struct moved {
    uint64_t messages, bytes; /* confirmed at the destination; bytes of bodies */
    uint64_t rerouted;        /* of them, those that show another exchange than before */
    uint64_t anonymous;       /* of them, those that have lost their user_id */
    uint32_t left;            /* ready at the source when the queue was last looked at */
    uint32_t consumers;       /* at the source, when nothing is being moved: those of others */
};

/* Consumes the queue until nothing in it is ready, or as many have been moved as were there at the
 * beginning and others publish more: then `left` is above 0. A message is acknowledged at the
 * source once the destination has confirmed it, so each is at all times at one side or at both.
 * Returns 0; or, with a sentence appended to `reason`: ERR_CLOSED, a link is lost, and the same may
 * be tried again; ERR_REFUSED or ERR_BUSY: this queue cannot be moved now. After an error both
 * links are to be closed. */
int mover_run(const struct mover_job *job, struct moved *moved, struct lv_buffer *reason);

#endif
