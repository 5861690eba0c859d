/* The log of this machine as a journal (journal.h): opening and closing it, and the end of a turn.
 *
 * The happy path: journal_local.c stages a record, journal_waits.c puts the publisher at the end of
 * `waits`; at the end of the turn at_turn_end() submits the stage to the log's writer; its thread
 * syncs, and the mail of journal_on_safe() answers everybody who waited for this ticket or an
 * earlier one.
 *
 * What can go wrong:
 *   - writing the log fails: everybody who waits is refused, the opener of the journal is told
 *     (on_failure), and no persistent message is taken any more; deliveries go on;
 *   - a segment cannot be written for want of room or descriptors: it is tried again
 *     (journal_try_again);
 *   - an owner's definition is not stored yet: its confirms are parked until it is, and refused if
 *     it cannot be stored. */
#include "paging/journal_private.h"

#include <stdlib.h>

#include "base/error.h"
#include "base/memory.h"

struct loop_slot journal_slot;

const struct journal_limits journal_limits_default = {
    .pager = PAGER_LIMITS_DEFAULT,
    .delivered_ahead = 8192,
    .files_kept = 2,
};

/* --- set-up ----------------------------------------------------------------------------------- */

static void retries_run(struct loop *loop, struct loop_timer *timer);

static void at_turn_end(struct loop *loop)
{
    struct journal_loop *p = journal_of(loop);
    if (p) /* NULL: the store is closed */
        journal_files_turn_end(p);
}

static void loop_part_free(struct loop *loop)
{
    struct journal_loop *p = loop_slot(loop, &journal_slot);
    if (!p)
        return;
    lv_assert(!p->journal); /* closed */
    journal_waits_free(p);
    free(p);
    loop_set_slot(loop, &journal_slot, NULL);
}

static void attach_loops(struct journal *journal, struct loops *loops)
{
    for (unsigned i = 0; i < loops_count(loops); i++) {
        struct journal_loop *p = lv_calloc(1, sizeof *p);
        p->loop = loops_at(loops, i);
        p->journal = journal;
        p->stage = log_stage(journal->log, i);
        lv_list_init(&p->retries);
        loop_timer_init(&p->retry_timer, retries_run);
        journal_files_begin_loop(p);
        journal_restore_begin_loop(p);
        journal->loops[i] = p;
        loop_set_slot(p->loop, &journal_slot, p);
        loop_at_turn_end(p->loop, at_turn_end);
        loop_at_free(p->loop, loop_part_free);
    }
}

static void set_shortage(struct journal *journal, unsigned bit, bool is_on)
{
    unsigned all = is_on ? atomic_fetch_or(&journal->shortage, bit) | bit
                         : atomic_fetch_and(&journal->shortage, ~bit) & ~bit;
    log_set_short(journal->log, all != 0);
}

static void on_space(void *arg, bool has_room)
{
    struct journal *journal = arg;
    set_shortage(journal, JOURNAL_NO_LOG_FILE, !has_room);
    if (journal->on_space)
        journal->on_space(journal->arg, has_room);
}

int journal_open(const struct journal_options *options, struct journal **ret)
{
    lv_assert(!loop_current()); /* before the loops start */
    lv_assert(options->disk && options->loops && options->restorer.visitor);
    struct journal *journal = lv_calloc(1, sizeof *journal);
    const struct log_options log_options = {
        .disk = options->disk,
        .file_bytes = options->file_bytes,
        .stages = loops_count(options->loops),
        .durability = options->durability,
        .interval_ms = options->interval_ms,
        .on_safe = journal_on_safe,
        .on_space = on_space,
        .arg = journal,
        .is_stepped = options->is_stepped,
        .salt = options->is_stepped ? 1 : 0, /* simulated worlds are repeatable */
    };
    journal->restorer = options->restorer;
    journal->is_short_of_memory = options->is_short_of_memory;
    journal->on_failure = options->on_failure;
    journal->file_bytes = options->file_bytes;
    journal->limits = options->limits ? *options->limits : journal_limits_default;
    journal->on_space = options->on_space;
    journal->arg = options->arg;
    journal->failure_arg = options->failure_arg;
    int err = segments_open(options->disk, options->is_stepped, &journal->segments);
    if (err == 0 && options->segment_files_open_max > 0)
        segments_limit_open(journal->segments, options->segment_files_open_max);
    if (err == 0)
        segments_leave_room(journal->segments, log_small_file_bytes(options->file_bytes));
    if (err == 0)
        err = journal->restorer.list_segments(journal->restorer.arg, journal->segments);
    if (err == 0)
        err = log_open(&log_options, &journal->log);
    if (err == 0)
        attach_loops(journal, options->loops);
    if (err == 0 && !options->is_stepped)
        err = log_start(journal->log);
    if (err < 0) {
        journal_close(&journal);
        return err;
    }
    *ret = journal;
    return 0;
}

void journal_watch_room(struct journal *journal, uint64_t room_min, bool is_alarm,
                        void (*on_low)(void *arg), void *arg)
{
    lv_assert(on_low);
    set_shortage(journal, JOURNAL_DISK_ALARM, is_alarm);
    log_set_room_min(journal->log, room_min);
    segments_watch_room(journal->segments, is_alarm ? 0 : room_min, on_low, arg);
}

void journal_close(struct journal **journal)
{
    struct journal *p = *journal;
    *journal = NULL;
    if (!p)
        return;
    lv_assert(!loop_current()); /* the loops have stopped, or have not started */
    for (unsigned i = 0; i < LOOPS_MAX && p->loops[i]; i++) {
        journal_restore_end_loop(p->loops[i]);
        log_submit(p->loops[i]->stage); /* what mail has staged since the last turn */
    }
    log_close(&p->log);
    segments_close(&p->segments);
    for (unsigned i = 0; i < LOOPS_MAX; i++) {
        if (p->loops[i])
            p->loops[i]->journal = NULL;
    }
    journal_restore_give_up(p);
    free(p);
}

/* --- segments that could not be written ------------------------------------------------------- */

enum { RETRY_MS = 300 };

void journal_try_again(struct lane *l)
{
    lane_assert_home(l);
    struct journal_loop *p = journal_of_lane(l);
    lv_assert(p);
    if (lv_list_is_empty(&l->retry_link) && !l->owner->is_ended)
        lv_list_push(&p->retries, &l->retry_link);
    if (!loop_timer_is_running(&p->retry_timer))
        loop_timer_start(p->loop, &p->retry_timer, RETRY_MS);
}

static void retries_run(struct loop *loop, struct loop_timer *timer)
{
    (void)timer;
    struct journal_loop *p = journal_of(loop);
    if (!p)
        return;
    struct lv_list lanes;
    lv_list_init(&lanes);
    while (!lv_list_is_empty(&p->retries)) {
        struct lv_list *link = p->retries.next;
        lv_list_remove(link);
        lv_list_push(&lanes, link);
    }
    while (!lv_list_is_empty(&lanes)) {
        struct lane *l = lv_list_item(lanes.next, struct lane, retry_link);
        lv_list_remove(&l->retry_link);
        pager_try_again(l);
    }
}

void journal_segments_failed(struct journal_loop *p)
{
    journal_assert_home(p);
    lv_assert(p->journal);
    atomic_store(&p->journal->has_failed, true);
    p->journal->on_failure(p->journal->failure_arg);
}
