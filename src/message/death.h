/* What becomes of a message that a queue gives up: the same body under the dead-letter exchange,
 * with its history in the header x-death.
 *
 * The layout is RabbitMQ 3.10's, octet by octet, but for two things (docs/differences.md): entries
 * stand newest first, however many there are, and x-last-death-exchange, -queue and -reason are
 * there, as RabbitMQ 3.13 and later do it.
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

/* "rejected" ... */
const char *death_word(enum death reason);

struct dead_letter {
    const struct message *message;
    struct slice queue; /* whose message it was */
    enum death reason;
    uint64_t time_s;       /* now, since 1970 */
    struct slice exchange; /* where it goes; at most 255 bytes */
    bool has_routing_key;  /* else it keeps the key it came with, and CC */
    struct slice routing_key;
};

/* Makes the dead letter. The caller owns the one reference. NULL when there is no memory. Sets
 * *ret_had_bad_history when the message had a header x-death that is no array: it begins anew. */
struct message *dead_letter_make(const struct dead_letter *d, bool *ret_had_bad_history);

/* Whether the dead letter has been in this queue before and has come round again without anybody
 * rejecting it on the way: it would turn for ever. Of a message made for any reason but
 * DEATH_REJECTED. */
bool dead_letter_turns(const struct message *dead_letter, struct slice queue);

/* Appends the queues of its history to a log line, newest first: ["c","b","a"]. At most the first
 * few. */
struct lv_buffer;
void dead_letter_describe(struct lv_buffer *out, const struct message *dead_letter,
                          struct slice queue);

#endif
