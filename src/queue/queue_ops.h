/* What a queue needs from the room above it: its policy, and what happens to the messages that it
 * gives up. broker/ has a table for each kind of queue (broker/queue_ops.h);
 * topology->queue_ops_for chooses the table of a new queue, which never changes. */
#ifndef LEVERET_QUEUE_QUEUE_OPS_H
#define LEVERET_QUEUE_QUEUE_OPS_H

#include <stdbool.h>
#include <stdint.h>

#include "message/death.h"
#include "message/message.h"

struct broker_error;
struct queue;

/* Messages of the queue that are on their way to another queue. They are unacked, and no consumer
 * has them. */
struct queue_transit {
    uint64_t messages;
    uint64_t body_bytes;
    uint64_t due_messages; /* of these: dead letters that are kept until they have arrived */
    uint64_t due_body_bytes;
};

/* Everything at the queue's home, unless the comment says otherwise. */
struct queue_ops {
    /* Gives a new queue, not yet in its vhost's table, its policy and settings (queue_settings.h).
     * The topology lock is held. */
    void (*begin)(struct queue *q);

    /* Returns when a message that arrives now is due, as loop_steady_ms(); 0: never. NULL: as the
     * queue's settings and the message's expiration say (queue_expiry.c). */
    uint64_t (*deadline)(const struct queue *q, const struct message *m);

    /* Returns whether messages that the queue gives up are sent on: then the queue reads their
     * bodies before it calls give_up(). */
    bool (*sends_on)(const struct queue *q);

    /* Returns whether more messages may be sent on now. If not, the queue's expiry and its
     * deliveries are scheduled as soon as messages may be sent on again (queue_home.h). Asked
     * before give_up() by callers that give up many messages that can wait. */
    bool (*can_send_on)(struct queue *q);

    /* The queue gives up the message at this position (lane.h), which is unacked: it is sent on and
     * leaves the queue later, or leaves it at once. The message is borrowed; NULL: it could not be
     * read. */
    void (*give_up)(struct queue *q, uint64_t position, struct message *message, enum death reason);

    /* Like give_up(), for a message that the queue does not take: it has no position. */
    void (*turn_away)(struct queue *q, struct message *message, enum death reason);

    /* Returns how many messages that give_up() has sent on are still in the queue. */
    struct queue_transit (*in_transit)(const struct queue *q);

    /* Returns whether clients may consume from the queue, get from it and delete it; if not, the
     * error is 403. NULL: they may. */
    bool (*check_clients)(const struct queue *q, struct broker_error *error);

    /* Called when the queue is deleted: sends nothing more on. Messages in transit end by
     * themselves. */
    void (*stop)(struct queue *q);

    /* Frees what broker/ keeps with the queue; no message is in transit. Home, or any thread after
     * the loops have stopped. */
    void (*free)(struct queue *q);

    /* The queue belongs to an exchange that delays messages. Messages leave it in the order of
     * their deadlines, after a restart too: none leaves before all deadlines are known. It does not
     * count as one of its vhost's queues. */
    bool is_delaying;
};

#endif
