/* Exchanges that delay messages: a message with a header x-delay waits before it is routed.
 *
 *   published -> x-delay > 0: into the exchange's own queue, amq.delayed-NAME, due at now + x-delay
 *                ... due: forwarded (forward.h): routed by the exchange's type with the bindings
 *                    there are then, with x-delay made negative, so that nothing delays it again
 *             -> else: routed at once
 *
 * An exchange delays messages if its type is x-delayed-message (the argument x-delayed-type then
 * names the type it routes by), or if it has the argument x-delayed-exchange: true.
 *
 *   (1) The queue is created and deleted with its exchange, under the topology lock, and is durable
 *       if the exchange is. A publisher's confirm means that the message is safe in the queue.
 *   (2) Messages leave in the order in which they are due, after a restart too.
 *   (3) The header BCC, like CC, is read when the message is due. So a message that waits keeps
 *       that header, which is never sent to a client (message/delay_header.h).
 *   (4) Clients see the queue and may purge it. They cannot publish to it, consume from it, bind,
 *       declare or delete it. */
#ifndef LEVERET_BROKER_DELAYED_H
#define LEVERET_BROKER_DELAYED_H

#include "broker/broker.h"
#include "message/delay_header.h"
#include "queue/queue.h"
#include "topology/exchange.h"
#include "topology/exchange_arguments.h"

/* --- exchanges; the topology lock is held ----------------------------------------------------- */

/* Creates the queue of an exchange that was just declared, and sets x->delayed to it. */
void delayed_create_queue(struct exchange *x);

/* Deletes the queue of an exchange that is being deleted; does nothing if it has none. */
void delayed_delete_queue(struct exchange *x);

/* Returns whether this is the name of an exchange's own queue. Clients cannot declare queues with
 * such names. */
static inline bool delayed_is_queue(struct slice name)
{
    return slice_begins(name, DELAYED_QUEUE_PREFIX);
}

/* --- recovery --------------------------------------------------------------------------------- */

/* Gives each exchange its queue back. If a crash has left an exchange without its queue, the queue
 * is created; a queue without its exchange is deleted. Call only after all exchanges and queues
 * have been recovered, and before the loops start. */
void delayed_restore_end(struct broker *broker);

/* --- the queue -------------------------------------------------------------------------------- */

/* Returns when a message that arrives now is due, in steady time. Serves as queue_ops.deadline.
 * Home. */
uint64_t delayed_due_at(const struct queue *q, const struct message *m);

/* Returns true: messages that are due are always forwarded. Serves as queue_ops.sends_on. Home. */
bool delayed_sends_on(const struct queue *q);

/* Forwards the unacknowledged message at this position, which is due, through the exchange. Serves
 * as queue_ops.give_up. Home. */
void delayed_give_up(struct queue *q, uint64_t position, struct message *message,
                     enum death reason);

/* Fills in the 403 that clients get for what they cannot do with such a queue. Returns false.
 * Serves as queue_ops.check_clients. Home. */
bool delayed_refuse(const struct queue *q, struct broker_error *error);

enum { DELAYED_ROWS_MAX = 10000 };

/* A message that waits. */
struct delayed_row {
    uint64_t position;
    uint64_t due_ms; /* steady time at first; wall clock in the answer */
    uint64_t body_bytes;
    bool is_known; /* body_bytes and routing_key are filled in */
    uint8_t routing_key_bytes;
    uint8_t routing_key[255];
};

/* The two functions below run at the queue's home, started by queue_call_start(). Before each of
 * them is the struct that call->owner points at. */

/* Lists the messages that are due first. */
struct delayed_list {
    size_t limit;             /* at most DELAYED_ROWS_MAX */
    struct delayed_row *rows; /* in the order in which they are due; the caller frees them */
    size_t count;
    bool is_chosen; /* the rows are chosen, and wait for what is being read from disk */
};
void delayed_call_list(struct queue_call *call);

/* Deletes the messages at these positions. */
struct delayed_cancel {
    const uint64_t *positions;
    size_t count;
    uint64_t cancelled; /* the answer: how many were still there */
};
void delayed_call_cancel(struct queue_call *call);

#endif
