/* Somebody who takes messages out of a queue of a simulated world: he consumes, or gets one. This
 * is his way with the broker, as a session goes it: questions to the queue's home, and holds on his
 * consumer. What comes to him, what he keeps of it and what becomes of that is the world's: its own
 * client begins with this one.
 *
 * A client has a hold on his consumer while he is open, and one for each message that he holds.
 * Functions end on no loop (loop_current() is NULL) unless the comment says otherwise. */
#ifndef LEVERET_TESTS_WORLD_CLIENT_H
#define LEVERET_TESTS_WORLD_CLIENT_H

#include <stdbool.h>
#include <stddef.h>

#include "queue/queue.h"
#include "world_story.h"

struct world_client {
    struct consumer *consumer; /* its session is this client; NULL: released altogether */
    struct story *story;       /* borrowed */
    unsigned *calls_open;      /* borrowed: a count of the world's questions without an answer */
    unsigned slot;             /* the queue's number in the world */
    unsigned number;           /* his own */
    bool is_open;
    bool is_cancelling;
    bool is_full;      /* deliver() has said "enough" */
    size_t held_count; /* messages that he has to settle */
};

/* The number of the queue, his own, and what he needs of his world. */
struct world_client_place {
    struct story *story;
    unsigned *calls_open;
    unsigned slot;
    unsigned number;
};

/* Opens a client, which is all 0, who has a consumer of this queue on this loop. */
void world_client_open(struct world_client *client, const struct world_client_place *place,
                       struct queue *q, struct loop *loop, const struct consumer_calls *calls);

/* --- questions -------------------------------------------------------------------------------- */

/* The client whose question it is. */
struct world_client *world_client_of(const struct queue_call *call);
/* Frees a question that has its answer. done() of each question calls this at its end; on any
 * loop, which stays. */
void world_client_answered(struct queue_call *call);

/* Attaches his consumer to the queue, with acknowledgements (and a prefetch; 0: no limit) or
 * without. done() hears whether it was refused. */
void world_client_consume(struct world_client *client, bool no_ack, uint32_t prefetch,
                          void (*done)(struct queue_call *call));
/* Gets one message: done() hears which. It then calls world_client_got(). */
void world_client_get(struct world_client *client, bool no_ack,
                      void (*done)(struct queue_call *call));
/* A get has its answer, with which the client is no longer open. Frees the question. On the
 * client's loop, which stays. */
void world_client_got(struct queue_call *call);
/* He consumes, and has not begun to cancel. */
bool world_client_may_cancel(const struct world_client *client);
/* Cancels; call only when he may. With the answer he is no longer open. */
void world_client_cancel(struct world_client *client);
/* Takes messages again if he had said "enough". */
void world_client_resume(struct world_client *client);

/* --- holds ------------------------------------------------------------------------------------ */

/* Drops a hold, for which is_open or held_count has been taken back before. The last one lets the
 * consumer go. On the client's loop, which stays. */
void world_client_let_go(struct world_client *client);

#endif
