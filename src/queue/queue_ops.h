/* What a queue needs from those above it: how it is ruled, and what becomes of the messages that it
 * gives up. broker/ has a table for each kind of queue (broker/queue_ops.h), and says in
 * topology->queue_ops_for which one a new queue gets; the table is the queue's for as long as it
 * lives. */
#ifndef LEVERET_QUEUE_QUEUE_OPS_H
#define LEVERET_QUEUE_QUEUE_OPS_H

#include <stdbool.h>
#include <stdint.h>

#include "message/death.h"
#include "message/message.h"

struct broker_error;
struct queue;

/* Messages of the queue that are on their way to somewhere else. They are unacked, and no consumer
 * has them. */
struct queue_transit {
    uint64_t messages;
    uint64_t body_bytes;
    uint64_t due_messages; /* of these, what stays until somebody has it ... */
    uint64_t due_body_bytes;
};

/* Everything at the queue's home, unless it says otherwise. */
struct queue_ops {
    /* The queue is made, and not yet in its vhost's table: gets the policy that rules it, and its
     * settings (queue_settings.h). The topology lock is held. */
    void (*begin)(struct queue *q);

    /* When a message that comes now is due, as loop_steady_ms(); 0: never. NULL: as the queue's
     * settings and the message's expiration say (queue_expiry.c). */
    uint64_t (*deadline)(const struct queue *q, const struct message *m);

    /* Whether a message that the queue gives up goes on to somewhere: then it is wanted with its
     * body. */
    bool (*sends_on)(const struct queue *q);

    /* Whether more messages may be on their way now. If not, the queue's expiry and its deliveries
     * are scheduled when they may (queue_home.h). Asked before give_up() by whoever gives up many
     * at a time that need not leave at once. */
    bool (*can_send_on)(struct queue *q);

    /* The queue has done with the message at this position (lane.h), which is unacked: it is
     * sent on and leaves the queue later, or leaves it at once. The message is borrowed; NULL:
     * it could not be read. */
    void (*give_up)(struct queue *q, uint64_t position, struct message *message, enum death reason);

    /* Like give_up(), for a message that the queue does not take: it has no position. */
    void (*turn_away)(struct queue *q, struct message *message, enum death reason);

    /* What give_up() has sent on and has not left the queue yet. */
    struct queue_transit (*in_transit)(const struct queue *q);

    /* Whether clients may consume from the queue, get from it and delete it: else 403. NULL: they
     * may. */
    bool (*check_clients)(const struct queue *q, struct broker_error *error);

    /* The queue is deleted: nothing more is begun, and what is on its way ends by itself. */
    void (*stop)(struct queue *q);

    /* The queue is freed: nothing is on its way. Home, or any thread after the loops have
     * stopped. */
    void (*free)(struct queue *q);

    /* The queue belongs to an exchange that delays messages. Messages leave it in the order in
     * which they are due, after a restart too: none leaves before all deadlines are known. It does
     * not count as one of its vhost's queues. */
    bool is_delaying;
};

#endif
