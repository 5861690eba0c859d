/* What lanes ask of the log of this machine, message by message: `journal_local`. */
#include "paging/journal_private.h"

#include <stdlib.h>

#include "base/memory.h"

/* --- answers ---------------------------------------------------------------------------------- */

static enum confirm_answer local_answer(const struct lane_owner *o)
{
    const struct journal_loop *p = loop_slot(o->home, &journal_slot);
    if (!p)
        return CONFIRM_TOOK;
    bool can_store = p->journal && log_failure(p->journal->log) == 0 &&
                     !atomic_load_explicit(&p->journal->has_failed, memory_order_relaxed);
    return can_store ? CONFIRM_LATER : CONFIRM_REFUSED;
}

/* Publishers wait while more than this is staged for the log and not yet on the disk. */
static const uint64_t UNSAFE_BYTES_MAX = 64 * 1024 * 1024;

static enum confirm_answer local_answer_settled(const struct lane_owner *o)
{
    const struct journal_loop *p = journal_of(o->home);
    if (!p || o->is_ended)
        return CONFIRM_TOOK;
    if (log_failure(p->journal->log) < 0)
        return CONFIRM_REFUSED;
    /* If everything staged is safe already, the answer is known. */
    return log_ticket(p->stage) > p->safe_ticket ? CONFIRM_LATER : CONFIRM_TOOK;
}

static bool local_is_behind(const struct lane_owner *o)
{
    /* Any loop: the slot is set before the loops start, and the journal is open while they run. */
    const struct journal_loop *p = journal_of(o->home);
    return p && log_unsafe_bytes(p->journal->log) > UNSAFE_BYTES_MAX;
}

/* --- messages --------------------------------------------------------------------------------- */

static void local_enqueue(struct lane *l, const struct message *m, uint64_t sequence,
                          bool delivered, uint64_t deadline_ms)
{
    struct journal_loop *p = journal_of_lane(l);
    if (!p)
        return;
    const struct log_message message = {
        .exchange = message_exchange(m),
        .routing_key = message_routing_key(m),
        .header = message_header(m),
        .body = message_body(m),
        .is_persistent = true,
        .format = m->format,
    };
    journal_mark_dirty(l, p);
    l->over_ticket = 0;
    lane_count_written(l);
    log_enqueue(p->stage, &message, m, l->id, sequence, delivered ? LOG_DELIVERED : 0, deadline_ms);
}

static void local_count(struct lane *l, uint64_t sequence, unsigned count)
{
    struct journal_loop *p = journal_of_lane(l);
    if (!p)
        return;
    journal_mark_dirty(l, p);
    log_count(p->stage, l->id, (struct log_count){sequence, count});
}

static void local_settle(struct lane *l, uint64_t sequence)
{
    struct journal_loop *p = journal_of_lane(l);
    if (!p)
        return;
    log_settle(p->stage, l->id, sequence, 1);
    if (l->backlog.persistent == 0 && l->snapshot_bytes > 0)
        journal_count_snapshot(l, p, 0); /* nothing in it is live */
}

void journal_paged_out(struct lane *l)
{
    lane_assert_home(l);
    log_end_message(journal_of_lane(l)->stage);
}

static void local_segment_gone(struct lane *l, uint64_t number,
                               void (*done)(struct loop *, void *, int), void *arg)
{
    struct journal_loop *p = journal_of_lane(l);
    log_segment_gone(p->stage, l->id, number);
    journal_call(p, done, arg);
}

/* --- deliveries ------------------------------------------------------------------------------- */

struct delivered_wait {
    struct lane *lane; /* referenced */
    uint64_t below;
};

static void delivered_is_safe(struct loop *loop, void *arg, int error)
{
    (void)loop;
    struct delivered_wait *wait = arg;
    struct lane *l = wait->lane;
    /* After a failure nothing is stored any more, but deliveries go on: consumers never wait. */
    if (error)
        l->delivered_safe = UINT64_MAX;
    else if (wait->below <= l->delivered_staged) /* else forget_delivered() was called meanwhile */
        l->delivered_safe = wait->below;
    lane_ready(l);
    lane_unref(&wait->lane);
    free(wait);
}

static void stage_delivered(struct lane *l, struct journal_loop *p, uint64_t below)
{
    struct delivered_wait *wait = lv_malloc(sizeof *wait);
    *wait = (struct delivered_wait){lane_ref(l), below};
    l->delivered_staged = below;
    journal_mark_dirty(l, p);
    log_delivered(p->stage, l->id, below);
    journal_call(p, delivered_is_safe, wait);
}

/* Stages the same record for the owner's other lanes, from which messages will be delivered next,
 * so that a queue with priorities waits for the log once, not once for each lane. */
static void stage_other_lanes(const struct lane *l, struct journal_loop *p, uint64_t ahead)
{
    for (unsigned i = 0; i < l->owner->lane_count; i++) {
        struct lane *other = lane_at(l->owner, i);
        /* The end of the chunk at the cursor. */
        uint64_t next = (other->backlog.cursor + 1) * SEQMAP_ENTRIES;
        if (other != l && other->backlog.ready > 0 && other->delivered_safe != UINT64_MAX &&
            next + ahead / 2 >= other->delivered_staged)
            stage_delivered(other, p, next + ahead);
    }
}

static bool local_may_deliver(struct lane *l, uint64_t sequence)
{
    struct journal_loop *p = journal_of_lane(l);
    if (!p || l->delivered_safe == UINT64_MAX)
        return true;
    uint64_t ahead = p->journal->limits.delivered_ahead;
    if (sequence + ahead / 2 >= l->delivered_staged) {
        stage_delivered(l, p, sequence + ahead);
        stage_other_lanes(l, p, ahead);
    }
    return sequence < l->delivered_safe;
}

const struct journal_ops journal_local = {
    .answer = local_answer,
    .answer_settled = local_answer_settled,
    .confirm = journal_wait_confirm,
    .is_behind = local_is_behind,
    .enqueue = local_enqueue,
    .settle = local_settle,
    .count = local_count,
    .may_deliver = local_may_deliver,
    .snapshot = journal_stage_snapshot,
    .segment_gone = local_segment_gone,
    .forget = journal_forget_lane,
};
