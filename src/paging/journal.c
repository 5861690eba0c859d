/* The log of this machine as a journal (journal.h).
 *
 * The happy path: local_enqueue() stages a record, local_confirm() puts the publisher at the end
 * of `waits`; at the end of the turn at_turn_end() hands the stage to the log's writer; its
 * thread syncs and mails back safe_mail(), which answers all that waited for this ticket or an
 * earlier one.
 *
 * What can go wrong:
 *   - writing the log fails: whoever waits is refused, the owner of the journal is told
 *     (on_failure), and nothing persistent is taken any more; deliveries go on;
 *   - a segment cannot be written for want of room or descriptors: it is tried again
 *     (journal_try_again);
 *   - an owner's definition is not safe yet: its confirms are parked until it is. */
#include "paging/journal.h"

#include <stdlib.h>

#include "base/error.h"
#include "base/memory.h"
#include "paging/pager.h"
#include "store/log_records.h"

struct loop_slot journal_slot;

const struct journal_limits journal_limits_default = {
    .pager = PAGER_LIMITS_DEFAULT,
    .delivered_ahead = 8192,
    .files_kept = 2,
};

/* --- set-up ----------------------------------------------------------------------------------- */

static void at_turn_end(struct loop *loop);
static void try_again(struct loop *loop, struct loop_timer *timer);
static bool have_another_turn(struct loop *loop, struct loop_job *job);

static void free_loop_part(struct loop *loop)
{
    struct journal_loop *p = loop_slot(loop, &journal_slot);
    if (!p)
        return;
    lv_assert(p->wait_count == 0); /* the store was closed, and the loops drained */
    free(p->waits);
    free(p->parked);
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
        lv_list_init(&p->dirty);
        lv_list_init(&p->snapshots);
        lv_list_init(&p->retries);
        loop_timer_init(&p->retry_timer, try_again);
        loop_job_init(&p->next_turn, have_another_turn);
        journal_restore_begin_loop(p);
        journal->loops[i] = p;
        loop_set_slot(p->loop, &journal_slot, p);
        loop_at_turn_end(p->loop, at_turn_end);
        loop_at_free(p->loop, free_loop_part);
    }
}

static void on_safe(void *arg, unsigned stage, uint64_t ticket, int error);

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
        .on_safe = on_safe,
        .on_space = on_space,
        .arg = journal,
        .is_stepped = options->is_stepped,
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
        err = journal->restorer.list_segments(journal->restorer.arg, journal->segments);
    if (err == 0)
        err = log_open(&log_options, &journal->log);
    if (err == 0)
        attach_loops(journal, options->loops);
    if (err == 0 && !options->is_stepped)
        err = log_start(journal->log);
    *ret = journal;
    if (err < 0)
        journal_close(ret);
    return err;
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
    for (unsigned i = 0; i < LOOPS_MAX && p->loops[i]; i++) {
        journal_restore_end_loop(p->loops[i]);
        log_submit(p->loops[i]->stage); /* what mail has brought since the last turn */
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

/* --- waiting ---------------------------------------------------------------------------------- */

static struct journal_wait *wait_at(struct journal_loop *p, size_t i)
{
    return &p->waits[(p->wait_first + i) & (p->wait_capacity - 1)];
}

static void waits_grow(struct journal_loop *p)
{
    size_t capacity = p->wait_capacity ? p->wait_capacity * 2 : 64;
    struct journal_wait *waits = lv_malloc(capacity * sizeof *waits);
    for (size_t i = 0; i < p->wait_count; i++)
        waits[i] = *wait_at(p, i);
    free(p->waits);
    p->waits = waits;
    p->wait_first = 0;
    p->wait_capacity = capacity;
}

static struct journal_wait *wait_add(struct journal_loop *p)
{
    if (p->wait_count == p->wait_capacity)
        waits_grow(p);
    struct journal_wait *w = wait_at(p, p->wait_count++);
    *w = (struct journal_wait){.ticket = log_ticket(p->stage)};
    lv_assert(w->ticket > p->safe_ticket); /* else nobody would answer */
    return w;
}

static void local_confirm(struct lane_owner *o, struct confirm_sink *sink, uint64_t number)
{
    struct journal_loop *p = journal_of(o->home);
    struct journal_wait *last = p->wait_count ? wait_at(p, p->wait_count - 1) : NULL;
    bool is_committed = atomic_load_explicit(&o->is_committed, memory_order_acquire);
    if (is_committed && last && last->sink == sink && !last->uncommitted &&
        last->number + last->count == number && last->ticket == log_ticket(p->stage)) {
        last->count++;
        return;
    }
    struct journal_wait *w = wait_add(p);
    w->sink = sink;
    w->number = number;
    w->count = 1;
    w->uncommitted = is_committed ? NULL : o;
    if (!is_committed)
        o->calls->ref(o);
}

void journal_call(struct journal_loop *p, void (*fn)(struct loop *, void *, int), void *arg)
{
    journal_assert_home(p);
    lv_assert(fn);
    struct journal_wait *w = wait_add(p);
    w->fn = fn;
    w->arg = arg;
}

static void wait_park(struct journal_loop *p, const struct journal_wait *w)
{
    if (p->parked_count == p->parked_capacity) {
        p->parked_capacity = p->parked_capacity ? p->parked_capacity * 2 : 16;
        p->parked = lv_realloc(p->parked, p->parked_capacity * sizeof *p->parked);
    }
    p->parked[p->parked_count++] = *w;
}

static void wait_end(struct journal_loop *p, const struct journal_wait *wait, int error)
{
    struct journal_wait copy = *wait, *w = &copy;
    if (w->fn) {
        w->fn(p->loop, w->arg, error);
        return;
    }
    if (w->uncommitted && error == 0 && !atomic_load(&w->uncommitted->is_committed)) {
        wait_park(p, w);
        return;
    }
    if (w->uncommitted)
        w->uncommitted->calls->unref(w->uncommitted);
    for (uint64_t n = w->number; n < w->number + w->count; n++)
        confirm_sink_answer(p->loop, w->sink, n, error == 0 ? CONFIRM_TOOK : CONFIRM_REFUSED, NULL);
}

void journal_owner_committed(struct loop *loop, bool is_stored)
{
    lv_assert(!loop_current() || loop_current() == loop);
    struct journal_loop *p = loop_slot(loop, &journal_slot);
    if (!p)
        return;
    size_t count = p->parked_count;
    struct journal_wait *parked = p->parked;
    p->parked = NULL;
    p->parked_count = p->parked_capacity = 0;
    for (size_t i = 0; i < count; i++)
        wait_end(p, &parked[i], is_stored ? 0 : ERR_IO);
    free(parked);
}

static void safe_mail(struct loop *at, struct mail *mail)
{
    struct journal_loop *p = loop_slot(at, &journal_slot); /* also when the store is closed */
    int error = (int)(int64_t)mail->d;
    if (error < 0 && p->journal)
        p->journal->on_failure(p->journal->failure_arg);
    if (error == 0)
        p->safe_ticket = mail->c;
    while (p->wait_count > 0 && wait_at(p, 0)->ticket <= mail->c) {
        struct journal_wait w = *wait_at(p, 0);
        p->wait_first = (p->wait_first + 1) & (p->wait_capacity - 1);
        p->wait_count--;
        wait_end(p, &w, error);
    }
}

static void on_safe(void *arg, unsigned stage, uint64_t ticket, int error)
{
    struct journal *journal = arg;
    struct mail mail = {.deliver = safe_mail, .c = ticket, .d = (uint64_t)(int64_t)error};
    loop_mail_from_outside(journal->loops[stage]->loop, &mail);
}

/* --- staging ---------------------------------------------------------------------------------- */

/* NULL: nothing is stored, or not any more. */
static struct journal_loop *journal_of_lane(const struct lane *l)
{
    return journal_of(l->owner->home);
}

/* For the day on which the definitions are lost. Once for as long as the queue depends on the
 * log. */
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

static void mark_dirty(struct lane *l, struct journal_loop *p)
{
    if (!lv_list_is_empty(&l->dirty_link))
        return;
    if (l->owner->is_early && l->dirty_file == 0)
        log_queue_gone(p->stage, l->id); /* one that had this id before */
    l->dirty_file = log_current_file(p->journal->log);
    lv_list_push(&p->dirty, &l->dirty_link);
    stage_name(l, p);
}

static enum confirm_answer local_answer(const struct lane_owner *o)
{
    const struct journal_loop *p = loop_slot(o->home, &journal_slot);
    if (!p)
        return CONFIRM_TOOK;
    bool is_stored_any_more = p->journal && log_failure(p->journal->log) == 0 &&
                              !atomic_load_explicit(&p->journal->has_failed, memory_order_relaxed);
    return is_stored_any_more ? CONFIRM_LATER : CONFIRM_REFUSED;
}

/* Staged for the log and not yet on the disk: from here on publishers wait. */
static const uint64_t UNSAFE_BYTES_MAX = 64 * 1024 * 1024;

static enum confirm_answer local_answer_settled(const struct lane_owner *o)
{
    const struct journal_loop *p = journal_of(o->home);
    if (!p || o->is_ended)
        return CONFIRM_TOOK;
    if (log_failure(p->journal->log) < 0)
        return CONFIRM_REFUSED;
    /* What was settled in an earlier turn may be safe by now. */
    return log_ticket(p->stage) > p->safe_ticket ? CONFIRM_LATER : CONFIRM_TOOK;
}

static bool local_is_behind(const struct lane_owner *o)
{
    /* Fixed before the loops start, and open as long as they run. */
    const struct journal_loop *p = journal_of(o->home);
    return p && log_unsafe_bytes(p->journal->log) > UNSAFE_BYTES_MAX;
}

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
    mark_dirty(l, p);
    l->over_ticket = 0;
    l->counters->writes++;
    log_enqueue(p->stage, &message, m, l->id, sequence, delivered ? LOG_DELIVERED : 0, deadline_ms);
}

static void local_count(struct lane *l, uint64_t sequence, unsigned count)
{
    struct journal_loop *p = journal_of_lane(l);
    if (!p)
        return;
    mark_dirty(l, p);
    log_count(p->stage, l->id, (struct log_count){sequence, count});
}

void journal_paged_out(struct lane *l)
{
    lane_assert_home(l);
    log_end_message(journal_of(l->owner->home)->stage);
}

/* Of the queue's snapshot in the log; 0: it depends on none any more. */
static void count_snapshot(struct lane *l, struct journal_loop *p, uint64_t bytes)
{
    atomic_fetch_add_explicit(&p->journal->snapshot_bytes, bytes - l->snapshot_bytes,
                              memory_order_relaxed);
    l->snapshot_bytes = bytes;
}

static void local_settle(struct lane *l, uint64_t sequence)
{
    struct journal_loop *p = journal_of_lane(l);
    if (!p)
        return;
    log_settle(p->stage, l->id, sequence, 1);
    if (l->backlog.persistent == 0 && l->snapshot_bytes > 0)
        count_snapshot(l, p, 0); /* nothing in it is live */
}

struct delivered_wait {
    struct lane *lane; /* referenced */
    uint64_t below;
};

static void delivered_is_safe(struct loop *loop, void *arg, int error)
{
    (void)loop;
    struct delivered_wait *wait = arg;
    struct lane *l = wait->lane;
    /* After a failure nothing more is stored; deliveries go on: consumers are never held up. */
    if (error)
        l->delivered_safe = UINT64_MAX;
    else if (wait->below <= l->delivered_staged) /* not forgotten meanwhile */
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
    mark_dirty(l, p);
    log_delivered(p->stage, l->id, below);
    journal_call(p, delivered_is_safe, wait);
}

/* The queue's other lanes will be asked next: the log hears of them in the same breath, so that
 * a queue with priorities does not wait for it once for each. */
static void stage_other_lanes(const struct lane *l, struct journal_loop *p, uint64_t ahead)
{
    for (unsigned i = 0; i < l->owner->lane_count; i++) {
        struct lane *other = lane_at(l->owner, i);
        uint64_t next = (other->backlog.cursor + 1) * SEQMAP_ENTRIES; /* or a little before */
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

/* --- segments that could not be written ------------------------------------------------------- */

enum { RETRY_MS = 300 };

void journal_try_again(struct lane *l)
{
    lane_assert_home(l);
    struct journal_loop *p = journal_of(l->owner->home);
    if (lv_list_is_empty(&l->retry_link) && !l->owner->is_ended)
        lv_list_push(&p->retries, &l->retry_link);
    if (!loop_timer_is_running(&p->retry_timer))
        loop_timer_start(p->loop, &p->retry_timer, RETRY_MS);
}

static void try_again(struct loop *loop, struct loop_timer *timer)
{
    (void)timer;
    struct journal_loop *p = journal_of(loop);
    if (!p)
        return;
    struct lv_list queues;
    lv_list_init(&queues);
    while (!lv_list_is_empty(&p->retries)) {
        struct lv_list *link = p->retries.next;
        lv_list_remove(link);
        lv_list_push(&queues, link);
    }
    while (!lv_list_is_empty(&queues)) {
        struct lane *l = lv_list_item(queues.next, struct lane, retry_link);
        lv_list_remove(&l->retry_link);
        pager_try_again(l);
    }
}

void journal_segments_failed(struct journal_loop *p)
{
    journal_assert_home(p);
    atomic_store(&p->journal->has_failed, true);
    p->journal->on_failure(p->journal->failure_arg);
}

/* --- log files that queues depend on ---------------------------------------------------------- */

static void gone_is_safe(struct loop *loop, void *arg, int error)
{
    (void)loop;
    (void)error;
    struct lane *l = arg;
    lv_list_remove(&l->dirty_link);
    lane_unref(&l);
}

static void local_segment_gone(struct lane *l, uint64_t number,
                               void (*done)(struct loop *, void *, int), void *arg)
{
    struct journal_loop *p = journal_of_lane(l);
    log_segment_gone(p->stage, l->id, number);
    journal_call(p, done, arg);
}

static void local_forget(struct lane *l)
{
    bool was_dirty = !lv_list_is_empty(&l->dirty_link);
    lv_list_remove(&l->dirty_link);
    struct journal_loop *p = journal_of_lane(l);
    if (!p)
        return;
    /* Up to then it is as it was, if a crash comes in between: it still depends on its files. */
    struct lane *kept = lane_ref(l);
    if (was_dirty)
        lv_list_push(&p->snapshots, &l->dirty_link);
    count_snapshot(l, p, 0);
    log_queue_gone(p->stage, l->id);
    journal_call(p, gone_is_safe, kept);
}

void journal_restore_dirty(struct lane *l, uint64_t file, struct lv_list *others)
{
    lane_assert_home(l);
    struct journal_loop *p = journal_of(l->owner->home);
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

struct snapshot_wait {
    struct lane *lane; /* referenced */
    uint64_t file;     /* what is staged from the snapshot on stands in it or a later one */
};

static void snapshot_is_safe(struct loop *loop, void *arg, int error)
{
    struct snapshot_wait *wait = arg;
    struct lane *l = wait->lane;
    struct journal_loop *p = journal_of(loop);
    bool is_deleted = l->owner->is_ended;
    if (!is_deleted)
        lv_list_remove(&l->dirty_link);
    if (p && error == 0 && !is_deleted) {
        l->dirty_file = wait->file;
        /* Others may have become dirty since, with a later file: it goes before them. */
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

static void local_snapshot(struct lane *l, const struct log_snapshot *snapshot)
{
    struct journal_loop *p = journal_of(l->owner->home);
    struct snapshot_wait *wait = lv_malloc(sizeof *wait);
    *wait = (struct snapshot_wait){lane_ref(l), log_current_file(p->journal->log)};
    count_snapshot(l, p, log_snapshot_bytes(snapshot));
    log_put_snapshot(p->stage, snapshot);
    stage_name(l, p);
    journal_call(p, snapshot_is_safe, wait);
}

const struct journal_ops journal_local = {
    .answer = local_answer,
    .answer_settled = local_answer_settled,
    .confirm = local_confirm,
    .is_behind = local_is_behind,
    .enqueue = local_enqueue,
    .settle = local_settle,
    .count = local_count,
    .may_deliver = local_may_deliver,
    .snapshot = local_snapshot,
    .segment_gone = local_segment_gone,
    .forget = local_forget,
};

/* The files that say how far the queue has delivered may go: the next delivery says it again. */
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

/* Nothing that the log says of the queue counts any more. */
static bool is_over(const struct lane *l)
{
    return l->backlog.persistent == 0 && !pager_has_segments(l) &&
           l->delivered_safe >= l->delivered_staged;
}

/* Once the log knows that, the queue depends on no file. Before, a crash could take back what
 * has been settled, and then it must not come back as if it had never been delivered. */
static void forget_when_safe(struct lane *l, struct journal_loop *p, uint64_t ticket)
{
    if (l->over_ticket == 0)
        l->over_ticket = ticket;
    if (l->over_ticket > p->safe_ticket)
        return;
    lv_list_remove(&l->dirty_link);
    forget_delivered(l);
    count_snapshot(l, p, 0);
}

/* Asks the queues for snapshots that hold the oldest files: as many as a slice allows, and at
 * least one. */
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
            forget_when_safe(l, p, ticket);
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

/* That it runs makes a turn, at whose end the next queues are asked. */
static bool have_another_turn(struct loop *loop, struct loop_job *job)
{
    (void)loop;
    (void)job;
    return false;
}

static uint64_t oldest_file(const struct lv_list *queues)
{
    uint64_t oldest = UINT64_MAX;
    for (struct lv_list *it = queues->next; it != queues; it = it->next) {
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
    /* What is being staged may become a queue's first record: it stands in this file or later. */
    log_set_floor(p->stage, floor < current ? floor : current);
}

static void at_turn_end(struct loop *loop)
{
    struct journal_loop *p = journal_of(loop);
    if (!p)
        return; /* closed */
    uint64_t current = log_current_file(p->journal->log);
    ask_for_snapshots(p, current, log_submit(p->stage));
    log_submit(p->stage);
    if (!p->is_restoring)
        set_floor(p, current);
}
