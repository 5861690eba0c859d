/* The log files that lanes depend on, and how a lane stops depending on an old one.
 *
 * `dirty` has a loop's lanes that depend on log files, each with the file of its oldest record that
 * counts, the oldest file first. At the end of a turn:
 *
 *   - a lane about which nothing in the log counts any more leaves the list (is_over);
 *   - another one whose file is older than the log wants to keep is asked for a snapshot, and is in
 *     `snapshots` until the snapshot is safe; then it depends on the snapshot's file;
 *   - the oldest file in both lists is this loop's floor: the log may remove what is older. */
#include "paging/journal_private.h"

#include <stdlib.h>

#include "base/memory.h"
#include "paging/pager.h"
#include "store/log_records.h"

/* --- dirty lanes ------------------------------------------------------------------------------ */

/* Stages the owner's name and arguments, from which queues are made again if the definitions are
 * lost: when the lane begins to depend on the log, and with each snapshot, after which the older
 * record may be removed. */
static void stage_name(struct lane *l, struct journal_loop *p)
{
    const struct lane_label label = lane_label(l);
    l->is_named = true;
    log_put_queue(p->stage, &(struct log_queue){
                                .queue = l->id,
                                .is_auto_delete = label.is_auto_delete,
                                .vhost = label.vhost,
                                .name = label.name,
                                .arguments = label.arguments,
                            });
}

void journal_mark_dirty(struct lane *l, struct journal_loop *p)
{
    if (!lv_list_is_empty(&l->dirty_link))
        return;
    if (l->owner->is_early && l->dirty_file == 0)
        log_queue_gone(p->stage, l->id); /* records of an older owner with this id do not count */
    l->dirty_file = log_current_file(p->journal->log);
    lv_list_push(&p->dirty, &l->dirty_link);
    stage_name(l, p);
}

void journal_count_snapshot(struct lane *l, struct journal_loop *p, uint64_t bytes)
{
    atomic_fetch_add_explicit(&p->journal->snapshot_bytes, bytes - l->snapshot_bytes,
                              memory_order_relaxed);
    l->snapshot_bytes = bytes;
}

void journal_restore_dirty(struct lane *l, uint64_t file, struct lv_list *others)
{
    lane_assert_home(l);
    struct journal_loop *p = journal_of_lane(l);
    lv_assert(p && file > 0);
    if (!lv_list_is_empty(&l->dirty_link))
        return;
    l->dirty_file = file;
    if (l->backlog.persistent == 0)
        l->snapshot_bytes = 0; /* nothing in it is live */
    atomic_fetch_add(&p->journal->snapshot_bytes, l->snapshot_bytes);
    lv_list_insert_before(others, &l->dirty_link);
    if (!l->is_named) /* a log of version 1 */
        stage_name(l, p);
}

/* --- an owner that has ended ------------------------------------------------------------------ */

static void gone_is_safe(struct loop *loop, void *arg, int error)
{
    (void)loop;
    (void)error;
    struct lane *l = arg;
    lv_list_remove(&l->dirty_link);
    lane_unref(&l);
}

void journal_forget_lane(struct lane *l)
{
    lv_assert(l->owner->is_ended);
    bool was_dirty = !lv_list_is_empty(&l->dirty_link);
    lv_list_remove(&l->dirty_link);
    struct journal_loop *p = journal_of_lane(l);
    if (!p)
        return;
    /* Until the record staged below is safe, a crash may bring the lane back, so it still depends
     * on its files. */
    struct lane *kept = lane_ref(l);
    if (was_dirty)
        lv_list_push(&p->snapshots, &l->dirty_link);
    journal_count_snapshot(l, p, 0);
    log_queue_gone(p->stage, l->id);
    journal_call(p, gone_is_safe, kept);
}

/* --- snapshots -------------------------------------------------------------------------------- */

struct snapshot_wait {
    struct lane *lane; /* referenced */
    uint64_t file;     /* the snapshot, and all that is staged after it, is in this file or later */
};

static void snapshot_is_safe(struct loop *loop, void *arg, int error)
{
    struct snapshot_wait *wait = arg;
    struct lane *l = wait->lane;
    struct journal_loop *p = journal_of(loop);
    bool has_ended = l->owner->is_ended; /* then gone_is_safe() takes it out of the list */
    if (!has_ended)
        lv_list_remove(&l->dirty_link);
    if (p && error == 0 && !has_ended) {
        l->dirty_file = wait->file;
        /* The lane is inserted before those that depend on a later file. */
        struct lv_list *at = &p->dirty;
        while (at->prev != &p->dirty &&
               lv_list_item(at->prev, struct lane, dirty_link)->dirty_file > wait->file)
            at = at->prev;
        lv_list_insert_before(at, &l->dirty_link);
    }
    pager_snapshot_is_safe(l, error);
    lane_unref(&wait->lane);
    free(wait);
}

void journal_stage_snapshot(struct lane *l, const struct log_snapshot *snapshot)
{
    struct journal_loop *p = journal_of_lane(l);
    lv_assert(snapshot->queue == l->id);
    struct snapshot_wait *wait = lv_malloc(sizeof *wait);
    *wait = (struct snapshot_wait){lane_ref(l), log_current_file(p->journal->log)};
    journal_count_snapshot(l, p, log_snapshot_bytes(snapshot));
    log_put_snapshot(p->stage, snapshot);
    stage_name(l, p);
    journal_call(p, snapshot_is_safe, wait);
}

/* --- the end of a turn ------------------------------------------------------------------------ */

/* Forgets up to which number deliveries are recorded, since the log files with that record may be
 * removed: the next delivery stages the record again. */
static void forget_delivered(struct lane *l)
{
    l->delivered_staged = 0;
    if (l->delivered_safe != UINT64_MAX)
        l->delivered_safe = 0;
}

/* Allows the log three times the size of all snapshots; otherwise writing snapshots would itself
 * be the reason to write the next ones. */
static uint64_t files_kept(const struct journal *journal)
{
    uint64_t bytes = atomic_load_explicit(&journal->snapshot_bytes, memory_order_relaxed);
    uint64_t spare = atomic_load_explicit(&journal->shortage, memory_order_relaxed)
                         ? 0
                         : journal->limits.files_kept;
    return spare + 3 * bytes / journal->file_bytes;
}

/* Returns whether no record of the lane in the log counts any longer. */
static bool is_over(const struct lane *l)
{
    return l->backlog.persistent == 0 && !pager_has_segments(l) &&
           l->delivered_safe >= l->delivered_staged;
}

/* Takes the lane off its list if the settles of its last messages are safe. Before that a crash
 * could bring the messages back, and then the log must say that they may have been delivered.
 * `ticket` covers all that is staged so far. */
static void lane_clean_when_safe(struct lane *l, struct journal_loop *p, uint64_t ticket)
{
    if (l->over_ticket == 0)
        l->over_ticket = ticket;
    if (l->over_ticket > p->safe_ticket)
        return;
    lv_list_remove(&l->dirty_link);
    forget_delivered(l);
    journal_count_snapshot(l, p, 0);
}

/* Asks the lanes that hold the oldest files for snapshots: as many as a slice allows, and at least
 * one. */
static void ask_for_snapshots(struct journal_loop *p, uint64_t current, uint64_t ticket)
{
    enum { SNAPSHOT_UNITS = 16 };
    const uint64_t kept = files_kept(p->journal);
    bool has_asked = false;
    struct lv_list *it, *after;
    lv_list_each (it, after, &p->dirty) {
        struct lane *l = lv_list_item(it, struct lane, dirty_link);
        if (l->dirty_file + kept >= current)
            return;
        if (is_over(l)) {
            lane_clean_when_safe(l, p, ticket);
            continue;
        }
        if (has_asked && !loop_spend(p->loop, SNAPSHOT_UNITS)) {
            loop_job_start(p->loop, &p->next_turn);
            return;
        }
        lv_list_remove(&l->dirty_link);
        lv_list_push(&p->snapshots, &l->dirty_link);
        pager_snapshot(l);
        has_asked = true;
    }
}

/* Does nothing: the job only causes one more turn, at whose end the next lanes are asked. */
static bool another_turn_run(struct loop *loop, struct loop_job *job)
{
    (void)loop;
    (void)job;
    return false;
}

static uint64_t oldest_file(const struct lv_list *lanes)
{
    uint64_t oldest = UINT64_MAX;
    for (struct lv_list *it = lanes->next; it != lanes; it = it->next) {
        uint64_t file = lv_list_item(it, struct lane, dirty_link)->dirty_file;
        oldest = file < oldest ? file : oldest;
    }
    return oldest;
}

static void set_floor(struct journal_loop *p, uint64_t current)
{
    uint64_t floor = oldest_file(&p->snapshots);
    if (!lv_list_is_empty(&p->dirty)) {
        uint64_t first = lv_list_item(p->dirty.next, struct lane, dirty_link)->dirty_file;
        floor = first < floor ? first : floor;
    }
    /* What is staged next may be a lane's first record; it is stored in file `current` or a later
     * one. */
    log_set_floor(p->stage, floor < current ? floor : current);
}

void journal_files_begin_loop(struct journal_loop *p)
{
    lv_list_init(&p->dirty);
    lv_list_init(&p->snapshots);
    loop_job_init(&p->next_turn, another_turn_run);
}

void journal_files_turn_end(struct journal_loop *p)
{
    uint64_t current = log_current_file(p->journal->log);
    ask_for_snapshots(p, current, log_submit(p->stage));
    log_submit(p->stage); /* the snapshots */
    if (!p->is_restoring)
        set_floor(p, current);
}
