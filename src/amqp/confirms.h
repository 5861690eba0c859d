/* Which of a channel's publishes are still to be confirmed.
 *
 * Publishes are numbered from 1. One that every queue has taken at once only moves a counter; one
 * that waits for answers (from another loop, from the disk) is *open* until the last answer has
 * come. Once a turn the client is told of every number that is no longer open and has not been told
 * yet, in as few frames as possible.
 *
 *   (1) Every number up to `passed` is open, is in a list of those to be told, or has been told.
 *   (2) A number is told once. It is nacked if a queue refused the message, or if the message was
 *       not mandatory and every queue of its route was deleted before the message came; else it is
 *       acked.
 *   (3) A frame with `multiple` tells a run of consecutive numbers for the first time, and every
 *       number below the run has been told. So it is the same whether a client reads it as "all
 *       that are open up to this one" or as "all numbers up to this one". */
#ifndef LEVERET_AMQP_CONFIRMS_H
#define LEVERET_AMQP_CONFIRMS_H

#include <stdbool.h>

#include "base/counters.h"
#include "base/seqmap.h"
#include "message/confirm.h"

/* Numbers that are no longer open, and are not told yet. */
struct confirm_list {
    uint64_t *numbers; /* owned */
    size_t count;
    size_t capacity;
    uint64_t newest; /* the number that was added last; 0: none */
    bool is_unordered;
};

/* A publish has a tag, by which those that are acked are counted. */
enum { CONFIRM_TAGS = 16 };

struct confirms {
    struct lv_seqmap chunks;
    unsigned tag;                 /* of the next publish; the caller sets it */
    uint64_t acked[CONFIRM_TAGS]; /* by tag: those that are acked, or about to be */
    uint64_t last;                /* the number of the latest publish */
    uint64_t passed;              /* the value of `last` at the last flush */
    size_t open;
    uint64_t nacked;          /* how many were nacked, or are about to be */
    struct confirm_list late; /* to be acked, up to `passed`; those above `passed` need no list */
    struct confirm_list refused; /* all that are to be nacked */
};

void confirms_init(struct confirms *c);
void confirms_free(struct confirms *c);

/* Returns the number of the next publish. When its queues have been asked, exactly one of the three
 * functions below must be called; it uses the number up. */
static inline uint64_t confirms_next(const struct confirms *c)
{
    return c->last + 1;
}

/* Records that the publish is to be acked. */
static inline void confirms_take(struct confirms *c)
{
    c->last++;
    c->acked[c->tag]++;
    COUNT(confirmed_ms_1);
}

/* Records that the publish is to be nacked. */
void confirms_refuse(struct confirms *c);

/* Records that the publish waits for answers->later answers, at least 1. The other members of
 * `answers` are the answers that have come. `now_ms`, here and below, is the time of the turn. */
void confirms_wait(struct confirms *c, const struct confirm_answers *answers, bool is_mandatory,
                   uint64_t now_ms);

enum confirm_end {
    CONFIRM_OPEN,     /* the number is still open: more answers are to come */
    CONFIRM_SETTLED,  /* it was the last one */
    CONFIRM_RETURNED, /* it was the last one, and the mandatory message is to be returned: every
                         queue is gone */
};

/* Takes one queue's answer (not CONFIRM_LATER) to an open number. */
enum confirm_end confirms_answer(struct confirms *c, uint64_t number, enum confirm_answer answer,
                                 uint64_t now_ms);

/* Calls `send` once for each frame that is to be sent now, in ascending order of the numbers. */
typedef void confirm_send(void *arg, uint64_t number, bool multiple, bool nack);
void confirms_flush(struct confirms *c, confirm_send *send, void *arg);

/* Returns how many publishes are acked, or about to be. */
static inline uint64_t confirms_acked(const struct confirms *c)
{
    return c->last - c->open - c->nacked;
}

/* Returns how many publishes are neither acked nor nacked. */
static inline uint64_t confirms_outstanding(const struct confirms *c)
{
    return c->open + c->late.count + c->refused.count;
}

#endif
