/* Exchanges that delay: a message with a header x-delay waits before it is routed.
 *
 *   published -> x-delay > 0: into the exchange's own queue, amq.delayed-NAME, due at now + x-delay
 *                ... due: forwarded (forward.h): routed by the exchange's rule with the bindings
 *                    there are then, its header x-delay negative so that nothing delays it again
 *             -> else: routed at once
 *
 * Such is every exchange of type x-delayed-message, whose argument x-delayed-type names the rule
 * it routes by, and every other one with the argument x-delayed-exchange: true.
 *
 *   (1) The queue comes and goes with its exchange, under the topology lock; it is durable when
 *       that is. A publisher's confirm means that the message is safe there.
 *   (2) What waits leaves in the order in which it is due, also after a restart.
 *   (3) Keys in BCC count when the message is due, like those in CC: what waits keeps that header,
 *       which the rest of the world does not see (message/delay_header.h).
 *   (4) Clients see the queue and may purge it. They cannot publish to it, consume from it, bind,
 *       declare or delete it. */
#ifndef LEVERET_BROKER_DELAYED_H
#define LEVERET_BROKER_DELAYED_H

#include "broker/broker.h"
#include "message/delay_header.h"
#include "queue/queue.h"
#include "topology/exchange.h"
#include "topology/exchange_arguments.h"

/* --- exchanges; the lock is held -------------------------------------------------------------- */

/* The exchange has been declared: gives it its queue. */
void delayed_create_queue(struct exchange *x);

/* The exchange goes: so does its queue. */
void delayed_delete_queue(struct exchange *x);

/* Whether a queue of this name is an exchange's: clients cannot declare such names. */
static inline bool delayed_is_queue(struct slice name)
{
    return slice_begins(name, DELAYED_QUEUE_PREFIX);
}

/* --- recovery --------------------------------------------------------------------------------- */

/* All exchanges and queues have been recovered: each exchange gets its queue back. What has lost
 * its other half in a crash gets one, or is deleted. */
void delayed_restore_end(struct broker *broker);

/* --- the queue -------------------------------------------------------------------------------- */

/* When a message that comes now is due. queue_ops.deadline; home. */
uint64_t delayed_due_at(const struct queue *q, const struct message *m);

/* Messages that are due always go on. queue_ops.sends_on; home. */
bool delayed_sends_on(const struct queue *q);

/* The message is due: it is routed by the exchange. queue_ops.give_up; home. */
void delayed_give_up(struct queue *q, uint64_t position, struct message *message,
                     enum death reason);

/* 403 for what clients cannot do with such a queue. Returns false. queue_ops.check_clients;
 * home. */
bool delayed_refuse(const struct queue *q, struct broker_error *error);

enum { DELAYED_ROWS_MAX = 10000 };

/* A message that waits. */
struct delayed_row {
    uint64_t position;
    uint64_t due_ms; /* wall clock, in the answer */
    uint64_t body_bytes;
    bool is_known; /* the two below are */
    uint8_t routing_key_bytes;
    uint8_t routing_key[255];
};

/* Questions to the queue's home (queue_call_start), with `owner` pointing to one of these. */
struct delayed_list {
    size_t limit;             /* at most DELAYED_ROWS_MAX */
    struct delayed_row *rows; /* the caller frees them: those due first, in order */
    size_t count;
    bool is_chosen;
};
void delayed_call_list(struct queue_call *call);

struct delayed_cancel {
    const uint64_t *positions;
    size_t count;
    uint64_t cancelled;
};
void delayed_call_cancel(struct queue_call *call);

#endif
