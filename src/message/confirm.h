/* What a queue answers to a publish, and who is told.
 *
 * A publish is answered by each queue of its route: at once, or later, when a persistent message is
 * safe or when the queue lives on another loop. Later answers go to the publisher's sink. */
#ifndef LEVERET_MESSAGE_CONFIRM_H
#define LEVERET_MESSAGE_CONFIRM_H

#include <stdbool.h>
#include <stdint.h>

#include "loop/loop.h"
#include "message/message.h"

enum confirm_answer {
    CONFIRM_TOOK,
    CONFIRM_REFUSED, /* the store has failed, or the queue takes no more */
    CONFIRM_GONE,  /* the queue has ended before the message came: for the message there was none */
    CONFIRM_LATER, /* the answer follows, to the sink */
};

/* Who waits for queues to take a message. Answers come on the sink's loop, once for each queue that
 * answered CONFIRM_LATER. `message`: with CONFIRM_GONE what was published, borrowed; NULL when the
 * sink has not been told of one. With every other answer NULL. */
struct confirm_sink {
    struct loop *loop;
    void (*answer)(struct confirm_sink *sink, uint64_t number, enum confirm_answer answer,
                   struct message *message);
};

/* Answers a sink: at once when it is on this loop (the calling one), else by mail. The message, or
 * NULL, is shared: mail holds a reference of its own. */
void confirm_sink_answer(struct loop *loop, struct confirm_sink *sink, uint64_t number,
                         enum confirm_answer answer, struct message *message);

/* What the queues of one message have said so far. */
struct confirm_answers {
    uint32_t later; /* how many answers are still to come */
    bool taken, refused, gone;
};

static inline void confirm_answers_add(struct confirm_answers *answers, enum confirm_answer answer)
{
    answers->later += answer == CONFIRM_LATER;
    answers->taken |= answer == CONFIRM_TOOK;
    answers->refused |= answer == CONFIRM_REFUSED;
    answers->gone |= answer == CONFIRM_GONE;
}

/* The one answer that all of them make when none is to come: a single refusal refuses the message,
 * and CONFIRM_GONE counts only if no other queue took it. A message without any queue is taken. */
static inline enum confirm_answer confirm_answers_sum(const struct confirm_answers *answers)
{
    if (answers->refused)
        return CONFIRM_REFUSED;
    return answers->gone && !answers->taken ? CONFIRM_GONE : CONFIRM_TOOK;
}

#endif
