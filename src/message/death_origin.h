/* Where a dead letter came from, and the message that it was there. Pure; any thread. */
#ifndef LEVERET_MESSAGE_DEATH_ORIGIN_H
#define LEVERET_MESSAGE_DEATH_ORIGIN_H

#include "message/message.h"

/* What the newest entry of x-death says. Borrowed from the message. */
struct dead_letter_origin {
    struct slice queue;
    struct slice exchange;     /* at most 255 bytes, as is the key */
    struct slice routing_key;  /* the first of its keys */
    struct slice routing_keys; /* all: an array's content */
};

/* False when it is no dead letter: it has no x-death, or one that names no queue. */
bool dead_letter_origin(const struct message *message, struct dead_letter_origin *ret);

/* The message as it stood in that queue: under the exchange and the key by which it had come. Its
 * history (x-death, x-first-death-..., x-last-death-...) is left out, unless it is to be kept. It
 * has no expiration: that has run out once. The caller owns the reference. NULL when there is no
 * memory. */
struct message *dead_letter_revive(const struct message *message,
                                   const struct dead_letter_origin *origin, bool keep_history);

#endif
