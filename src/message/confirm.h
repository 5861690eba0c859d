/* The answers of queues to a publish.
 *
 * Each queue of a message's route answers: at once; or later, if the queue's home is another loop
 * or if the message is persistent and not on disk yet. Later answers are sent to the publisher's
 * sink. */
#ifndef LEVERET_MESSAGE_CONFIRM_H
#define LEVERET_MESSAGE_CONFIRM_H

#include <stdbool.h>
#include <stdint.h>

#include "base/counters.h"
#include "loop/loop.h"
#include "message/message.h"

enum confirm_answer {
    CONFIRM_TOOK,
    CONFIRM_REFUSED, /* the store has failed, or the queue is full */
    CONFIRM_GONE,    /* the queue was deleted first: the message counts as not routed to it */
    CONFIRM_LATER,   /* the answer will be sent to the sink */
};

/* Receives later answers. answer() is called on the sink's loop, once for each queue that answered
 * CONFIRM_LATER, and never with CONFIRM_LATER. `message`: with CONFIRM_GONE the published message,
 * borrowed, or NULL if the sender does not have it; with all other answers NULL. */
struct confirm_sink {
    struct loop *loop;
    void (*answer)(struct confirm_sink *sink, uint64_t number, enum confirm_answer answer,
                   struct message *message);
};

/* Answers a sink: at once if it is on `loop`, the calling one, else by mail. The message may be
 * NULL; it is borrowed, and mail takes a reference. */
void confirm_sink_answer(struct loop *loop, struct confirm_sink *sink, uint64_t number,
                         enum confirm_answer answer, struct message *message);

/* The answers of a message's queues so far. */
struct confirm_answers {
    uint32_t later; /* number of answers that will be sent to the sink */
    bool taken, refused, gone;
};

static inline void confirm_answers_add(struct confirm_answers *answers, enum confirm_answer answer)
{
    answers->later += answer == CONFIRM_LATER;
    answers->taken |= answer == CONFIRM_TOOK;
    answers->refused |= answer == CONFIRM_REFUSED;
    answers->gone |= answer == CONFIRM_GONE;
}

/* Returns the answer for the message once all queues have answered: one refusal refuses it, and
 * CONFIRM_GONE counts only if no queue took it. A message without queues is taken. */
static inline enum confirm_answer confirm_answers_sum(const struct confirm_answers *answers)
{
    if (answers->refused)
        return CONFIRM_REFUSED;
    return answers->gone && !answers->taken ? CONFIRM_GONE : CONFIRM_TOOK;
}

/* Counts a message that is confirmed so many milliseconds after it was published. */
static inline void confirm_count(uint64_t ms)
{
    COUNT_NTH(confirmed_ms_1, doubling_bucket(ms));
    COUNT_MANY(confirm_ms, ms);
}

#endif
