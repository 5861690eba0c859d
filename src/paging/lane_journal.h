/* The journal of a lane: what makes its messages outlive the process.
 *
 * A lane's owner has a journal or none (lane_owner.journal; NULL: what it holds dies with the
 * process). The verbs below are all that a lane and its owner ask of it; what is behind them is
 * the journal's business. Today that is the log of this machine (journal.c, `journal_local`); a
 * log that several machines agree on can be another, owner by owner
 * (docs/decisions/journal-per-lane.md).
 *
 *   (1) Everything about a lane is said at its owner's home, in the order in which it happens.
 *   (2) What has been said is safe some time after the end of the turn, together with all that the
 *       journal was told before it. confirm() answers then, in order.
 *   (3) An owner without a journal costs a look at one pointer.
 *
 * All at the owner's home, but for journal_is_behind(). */
#ifndef LEVERET_PAGING_LANE_JOURNAL_H
#define LEVERET_PAGING_LANE_JOURNAL_H

#include "message/confirm.h"
#include "paging/lane_owner.h"
#include "store/log.h"

struct journal_ops {
    /* How a publish of a message that must be stored is answered: CONFIRM_LATER (ask confirm()),
     * CONFIRM_REFUSED when nothing can be stored any more, CONFIRM_TOOK where nothing is stored
     * (tests). */
    enum confirm_answer (*answer)(const struct lane_owner *owner);
    /* The same for what has been settled. */
    enum confirm_answer (*answer_settled)(const struct lane_owner *owner);
    /* Answers the sink when all that has been said is safe, and the owner's definition is. */
    void (*confirm)(struct lane_owner *owner, struct confirm_sink *sink, uint64_t number);
    /* Whether so much waits to become safe that publishers to the owner should wait. Any loop. */
    bool (*is_behind)(const struct lane_owner *owner);

    /* A message that is to be stored has been put into the lane; `delivered`: and into a
     * consumer's hands. */
    void (*enqueue)(struct lane *lane, const struct message *message, uint64_t sequence,
                    bool delivered, uint64_t deadline_ms);
    /* A stored message has left the lane. */
    void (*settle)(struct lane *lane, uint64_t sequence);
    /* A stored message has come back for the count-th time. */
    void (*count)(struct lane *lane, uint64_t sequence, unsigned count);
    /* Whether a message may be delivered: it is safe that it may have been. If not, the owner is
     * told when it is (calls->ready). */
    bool (*may_deliver)(struct lane *lane, uint64_t sequence);

    /* A snapshot makes all that was said before it needless once it is safe; then
     * pager_snapshot_is_safe() is called. Borrowed for the call. */
    void (*snapshot)(struct lane *lane, const struct log_snapshot *snapshot);
    /* The lane needs this segment file no longer: done(arg) when that is safe. */
    void (*segment_gone)(struct lane *lane, uint64_t number,
                         void (*done)(struct loop *loop, void *arg, int error), void *arg);
    /* The lane's owner has ended: nothing that was said of it counts. */
    void (*forget)(struct lane *lane);
};

/* Like the op of the same name, for an owner that may have no journal and a message that may not be
 * stored. */
static inline enum confirm_answer journal_answer(const struct lane_owner *owner,
                                                 const struct message *message)
{
    if (!owner->journal || !backlog_stores(&owner->first.backlog, message))
        return CONFIRM_TOOK;
    return owner->journal->answer(owner);
}

static inline enum confirm_answer journal_answer_settled(const struct lane_owner *owner)
{
    return owner->journal ? owner->journal->answer_settled(owner) : CONFIRM_TOOK;
}

/* Only after an answer CONFIRM_LATER. */
static inline void journal_confirm(struct lane_owner *owner, struct confirm_sink *sink,
                                   uint64_t number)
{
    owner->journal->confirm(owner, sink, number);
}

static inline bool journal_is_behind(const struct lane_owner *owner)
{
    return owner->journal && owner->journal->is_behind(owner);
}

static inline void journal_enqueue(struct lane *lane, const struct message *message,
                                   uint64_t sequence, bool delivered, uint64_t deadline_ms)
{
    const struct journal_ops *journal = lane->owner->journal;
    if (journal && backlog_stores(&lane->backlog, message))
        journal->enqueue(lane, message, sequence, delivered, deadline_ms);
}

static inline void journal_settle(struct lane *lane, uint64_t sequence)
{
    if (lane->owner->journal)
        lane->owner->journal->settle(lane, sequence);
}

static inline void journal_count(struct lane *lane, uint64_t sequence, unsigned count)
{
    if (lane->owner->journal)
        lane->owner->journal->count(lane, sequence, count);
}

static inline bool journal_may_deliver(struct lane *lane, uint64_t sequence)
{
    return !lane->owner->journal || lane->owner->journal->may_deliver(lane, sequence);
}

#endif
