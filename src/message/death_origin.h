/* The origin of a dead letter: the queue it was in, and the message it was there. Pure; any
 * thread. */
#ifndef LEVERET_MESSAGE_DEATH_ORIGIN_H
#define LEVERET_MESSAGE_DEATH_ORIGIN_H

#include "message/message.h"

/* What the newest entry of x-death says. The slices are borrowed from the message. */
struct dead_letter_origin {
    struct slice queue;
    struct slice exchange;     /* at most 255 bytes, as is the key */
    struct slice routing_key;  /* the first of routing-keys */
    struct slice routing_keys; /* all of them: an array's content */
};

/* Returns false if the message is not a dead letter: it has no x-death, or the newest entry names
 * no queue. */
bool dead_letter_origin(const struct message *message, struct dead_letter_origin *ret);

/* Makes the message that was in the origin's queue, with the exchange and the routing key it had
 * there. Its history (x-death, x-first-death-..., x-last-death-...) is removed unless keep_history.
 * Its expiration is removed, too: the message may have expired by it already. The caller owns the
 * one reference. Returns NULL if there is no memory. */
struct message *dead_letter_revive(const struct message *message,
                                   const struct dead_letter_origin *origin, bool keep_history);

#endif
