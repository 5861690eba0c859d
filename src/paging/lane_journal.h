/* The journal of a lane: what makes its messages outlive the process.
 *
 * A lane's owner has a journal or none (lane_owner.journal; NULL: its messages end with the
 * process). The functions below are all that a lane and its owner ask of a journal. Today there is
 * one, the log of this machine (journal_local.c); a log that several machines agree on could be
 * another, chosen owner by owner (docs/decisions/journal-per-lane.md).
 *
 *   (1) Every change of a lane is recorded at its owner's home, in the order in which it happens.
 *   (2) A record is safe some time after the end of the turn, together with all records before it.
 *       confirm() answers then, in order.
 *   (3) For an owner without a journal, each function below only tests one pointer.
 *
 * Everything is called at the owner's home, except is_behind(): on any loop. */
#ifndef LEVERET_PAGING_LANE_JOURNAL_H
#define LEVERET_PAGING_LANE_JOURNAL_H

#include "message/confirm.h"
#include "paging/lane_owner.h"
#include "store/log.h"

struct journal_ops {
    /* Returns how to answer the publish of a message that must be stored: CONFIRM_LATER (call
     * confirm()), CONFIRM_REFUSED if nothing can be stored any more, CONFIRM_TOOK if nothing is
     * stored at all (tests). */
    enum confirm_answer (*answer)(const struct lane_owner *owner);
    /* Returns how to answer a request that settled messages: CONFIRM_TOOK if the records of all
     * messages settled so far are safe, CONFIRM_LATER (call confirm()), or CONFIRM_REFUSED if they
     * cannot be stored. */
    enum confirm_answer (*answer_settled)(const struct lane_owner *owner);
    /* Answers the sink when everything recorded so far is safe, and so is the owner's
     * definition. */
    void (*confirm)(struct lane_owner *owner, struct confirm_sink *sink, uint64_t number);
    /* Returns whether publishers to the owner should pause: too much is not safe yet. Any loop. */
    bool (*is_behind)(const struct lane_owner *owner);

    /* Records that a message that must be stored was put into the lane; `delivered`: and was given
     * to a consumer at once. deadline_ms is 0 if it has none. */
    void (*enqueue)(struct lane *lane, const struct message *message, uint64_t sequence,
                    bool delivered, uint64_t deadline_ms);
    /* Records that a stored message has left the lane. */
    void (*settle)(struct lane *lane, uint64_t sequence);
    /* Records that a stored message was returned for the count-th time. */
    void (*count)(struct lane *lane, uint64_t sequence, unsigned count);
    /* Returns whether a message may be delivered, that is, whether a record that it may have been
     * delivered is safe. If not, calls->ready tells the owner when it is. */
    bool (*may_deliver)(struct lane *lane, uint64_t sequence);

    /* Records a snapshot, which is borrowed for the call. Once it is safe, no earlier record of the
     * lane is needed, and pager_snapshot_is_safe() is called. */
    void (*snapshot)(struct lane *lane, const struct log_snapshot *snapshot);
    /* Records that the lane no longer needs this segment file, and calls done() when that record is
     * safe, or with an error. */
    void (*segment_gone)(struct lane *lane, uint64_t number,
                         void (*done)(struct loop *loop, void *arg, int error), void *arg);
    /* Records that the lane's owner has ended: no record of the lane counts any longer. */
    void (*forget)(struct lane *lane);
};

/* The functions below call the op of the same name if the owner has a journal; otherwise they do
 * nothing, or answer as if everything were safe. */

/* Returns CONFIRM_TOOK without a call if the message need not be stored. */
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

/* Call only after journal_answer() or journal_answer_settled() has returned CONFIRM_LATER. */
static inline void journal_confirm(struct lane_owner *owner, struct confirm_sink *sink,
                                   uint64_t number)
{
    lv_assert(owner->journal);
    owner->journal->confirm(owner, sink, number);
}

static inline bool journal_is_behind(const struct lane_owner *owner)
{
    return owner->journal && owner->journal->is_behind(owner);
}

/* Does nothing for a message that need not be stored. */
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
