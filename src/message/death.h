/* Dead letters: a message that a queue has dropped, rejected or expired is published again to the
 * dead-letter exchange, with the same body and its history in the header x-death.
 *
 * The layout is RabbitMQ 3.10's, octet by octet, with two exceptions (docs/differences.md), as in
 * RabbitMQ 3.13 and later: the newest entry is always the first, however many there are; and there
 * are the headers x-last-death-exchange, -queue and -reason.
 *
 * Pure; any thread. */
#ifndef LEVERET_MESSAGE_DEATH_H
#define LEVERET_MESSAGE_DEATH_H

#include "message/message.h"

/* DEATH(reason, word) */
#define DEATHS(D)                                                                                  \
    D(REJECTED, "rejected")                                                                        \
    D(EXPIRED, "expired")                                                                          \
    D(MAXLEN, "maxlen")                                                                            \
    D(DELIVERY_LIMIT, "delivery_limit")

enum death {
#define DEATH_ENUM(name, word) DEATH_##name,
    DEATHS(DEATH_ENUM)
#undef DEATH_ENUM
        DEATH_COUNT
};

/* Returns the reason's name in x-death: "rejected" ... */
const char *death_word(enum death reason);

struct dead_letter {
    const struct message *message;
    struct slice queue; /* the queue that the message was in */
    enum death reason;
    uint64_t time_s;          /* now, since 1970 */
    struct slice exchange;    /* the dead-letter exchange; cut to 255 bytes */
    bool has_routing_key;     /* false: the message's routing key and CC are kept */
    struct slice routing_key; /* cut to 255 bytes */
};

/* Makes the dead letter. The caller owns the one reference. Returns NULL if there is no memory.
 * Sets *ret_had_bad_history to whether the message had a header x-death that is not an array; a new
 * history replaces it. */
struct message *dead_letter_make(const struct dead_letter *d, bool *ret_had_bad_history);

/* Returns how often the dead letter has been in the queue that it was made for, and given up there
 * for the same reason: the count of its newest entry. */
int64_t dead_letter_rounds(const struct message *dead_letter);

/* Returns whether publishing the dead letter to this queue would make it circulate forever: it was
 * in the queue before, and no consumer has rejected it since. Call only if it was not made with
 * DEATH_REJECTED. */
bool dead_letter_turns(const struct message *dead_letter, struct slice queue);

/* Appends this queue and the queues of the history, newest first, to a log line: ["c","b","a"]; at
 * most the first twenty of the history. */
struct lv_buffer;
void dead_letter_describe(struct lv_buffer *out, const struct message *dead_letter,
                          struct slice queue);

#endif
