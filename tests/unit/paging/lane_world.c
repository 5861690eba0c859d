/* A plain owner of one lane, which counts what it is told. */
#include "lane_world.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "base/memory.h"
#include "store/log_records.h"

enum { OWNER_ID = 1 };

struct lane_world w;

/* --- the owner -------------------------------------------------------------------------------- */

static struct lane_label owner_label(const struct lane_owner *owner)
{
    (void)owner;
    return (struct lane_label){.vhost = slice_str("/"), .name = slice_str("plain")};
}

static void owner_ref(struct lane_owner *owner)
{
    (void)owner;
    w.refs++;
}

static void owner_unref(struct lane_owner *owner)
{
    (void)owner;
    assert_true(w.refs > 0);
    w.refs--;
}

static void owner_ready(struct lane_owner *owner)
{
    (void)owner;
    w.ready_calls++;
}

static void owner_fetched(struct lane_owner *owner, bool is_deadline)
{
    (void)owner;
    (void)is_deadline;
    w.fetched_calls++;
}

static void owner_found(struct lane_owner *owner, uint64_t position, struct slice header,
                        uint64_t body_bytes, bool is_persistent)
{
    (void)owner;
    (void)header;
    assert_int_equal(body_bytes, w.body_bytes);
    assert_true(is_persistent);
    w.found[w.found_count++] = position;
}

static const struct lane_owner_calls calls = {
    .label = owner_label,
    .ref = owner_ref,
    .unref = owner_unref,
    .ready = owner_ready,
    .fetched = owner_fetched,
    .found = owner_found,
};

static void on_answer(struct confirm_sink *sink, uint64_t number, enum confirm_answer answer,
                      struct message *message)
{
    (void)sink;
    assert_null(message);
    if (answer == CONFIRM_TOOK)
        w.confirmed[w.confirmed_count++] = number;
    else
        w.refused_count++;
}

static void on_failure(void *arg)
{
    (void)arg;
    w.failures++;
}

/* --- recovery: every record of the log is about the one lane ---------------------------------- */

static struct lane *lane_with(uint64_t id)
{
    return id == w.lane->id ? w.lane : NULL;
}

static void depends_on(struct lane *l, uint64_t file)
{
    if (l->dirty_file == 0)
        l->dirty_file = file;
}

static void on_enqueue(void *arg, uint64_t file, uint64_t id, const struct log_carried *message)
{
    (void)arg;
    struct lane *l = lane_with(id);
    depends_on(l, file);
    pager_restore_message(l, message);
}

static void on_settle(void *arg, uint64_t id, uint64_t from, uint64_t count)
{
    (void)arg;
    pager_restore_settle(lane_with(id), from, count);
}

static void on_delivered(void *arg, uint64_t file, uint64_t id, uint64_t below)
{
    (void)arg;
    struct lane *l = lane_with(id);
    depends_on(l, file);
    if (l->delivered_staged < below)
        l->delivered_staged = l->delivered_safe = below;
}

static void on_count(void *arg, uint64_t file, uint64_t id, struct log_count count)
{
    (void)arg;
    depends_on(lane_with(id), file);
    pager_restore_count(lane_with(id), count);
}

static void on_snapshot(void *arg, uint64_t file, const struct log_snapshot *snapshot)
{
    (void)arg;
    struct lane *l = lane_with(snapshot->queue);
    l->dirty_file = file;
    l->is_named = false;
    l->snapshot_bytes = log_snapshot_bytes(snapshot);
    l->delivered_staged = l->delivered_safe = snapshot->delivered_below;
    pager_restore_snapshot(l, snapshot);
}

static void on_segment_gone(void *arg, uint64_t id, uint64_t number)
{
    (void)arg;
    pager_restore_gone(lane_with(id), number);
}

static void on_queue_gone(void *arg, uint64_t id)
{
    (void)arg;
    pager_restore_snapshot(lane_with(id), &(struct log_snapshot){.queue = id, .next_sequence = 0});
}

static void on_queue(void *arg, const struct log_queue *queue)
{
    (void)arg;
    lane_with(queue->queue)->is_named = true;
}

static const struct log_visitor visitor = {
    .enqueue = on_enqueue,
    .settle = on_settle,
    .delivered = on_delivered,
    .count = on_count,
    .snapshot = on_snapshot,
    .segment_gone = on_segment_gone,
    .queue_gone = on_queue_gone,
    .queue = on_queue,
};

static struct {
    struct segments *files;
    uint64_t numbers[64], bytes[64];
    unsigned count;
} listed;

static void list_one(void *arg, uint64_t id, uint64_t number, uint64_t bytes)
{
    (void)arg;
    assert_int_equal(id, w.lane->id);
    assert_in_range(listed.count, 0, 63);
    listed.numbers[listed.count] = number;
    listed.bytes[listed.count++] = bytes;
}

static int list_segments(void *arg, struct segments *segments)
{
    (void)arg;
    listed.files = segments;
    listed.count = 0;
    return segments_list(segments, list_one, NULL);
}

static void read_to_end(void *arg)
{
    (void)arg;
    for (unsigned i = 0; i < listed.count; i++) {
        if (!pager_restore_file(w.lane, listed.numbers[i], listed.bytes[i]))
            segments_remove(listed.files, w.lane->id, listed.numbers[i], NULL, NULL);
    }
    pager_restore_end(w.lane);
}

static void hand_over(void *arg, struct journal_loop *home, bool is_whole)
{
    (void)arg;
    if (!is_whole) {
        lanes_clear(&w.owner);
        return;
    }
    if (w.lane->dirty_file > 0)
        journal_restore_dirty(w.lane, w.lane->dirty_file, &home->dirty);
    journal_relieve_later(w.lane);
}

static void nothing(void *arg)
{
    (void)arg;
}

/* --- lives ------------------------------------------------------------------------------------ */

int lane_world_set_up(void **state)
{
    (void)state;
    memset(&w, 0, sizeof w);
    log_set_level(LOG_NONE);
    w.disk = disk_sim_create(1);
    w.limits = journal_limits_default;
    w.body_bytes = 100;
    w.log_file_bytes = 1024 * 1024;
    w.has_journal = true;
    return 0;
}

int lane_world_tear_down(void **state)
{
    (void)state;
    if (w.loops)
        lane_world_close();
    disk_sim_free(&w.disk);
    return 0;
}

void lane_world_open_unread(void)
{
    w.loops = loop_sim_create(1, 1);
    w.home = loops_at(w.loops, 0);
    memset(&w.owner, 0, sizeof w.owner);
    memset(&w.counters, 0, sizeof w.counters);
    lane_owner_init(&w.owner, &calls, w.home, &w.counters, w.wants_found);
    lane_owner_set_id(&w.owner, OWNER_ID);
    w.owner.journal = w.has_journal ? &journal_local : NULL;
    w.owner.definition = OWNER_STORED;
    w.lane = &w.owner.first;
    w.sink = (struct confirm_sink){w.home, on_answer};
    w.ready_calls = w.fetched_calls = w.failures = 0;
    w.found_count = w.confirmed_count = w.refused_count = 0;
    const struct journal_options options = {
        .loops = w.loops,
        .restorer = {.arg = &w,
                     .visitor = &visitor,
                     .list_segments = list_segments,
                     .end = read_to_end,
                     .hand_over = hand_over,
                     .is_sent = nothing,
                     .free = nothing},
        .is_short_of_memory = &w.is_short_of_memory,
        .disk = disk_sim_port(w.disk),
        .file_bytes = w.log_file_bytes,
        .durability = LOG_SYNC,
        .is_stepped = true,
        .limits = &w.limits,
        .on_failure = on_failure,
    };
    assert_int_equal(journal_open(&options, &w.journal), 0);
    loop_sim_enter(w.home);
}

void lane_world_restore(void)
{
    for (bool is_over = false; !is_over;)
        assert_int_equal(journal_restore_step(w.journal, &is_over), 0);
    lane_world_settle();
}

void lane_world_open(void)
{
    lane_world_open_unread();
    lane_world_restore();
}

void lane_world_close(void)
{
    loop_sim_enter(NULL); /* the loops have stopped */
    journal_close(&w.journal);
    loops_drain(w.loops);
    assert_int_equal(w.refs, 0);
    lanes_free(&w.owner);
    loop_sim_free(&w.loops);
    disk_sim_restart(w.disk);
}

void lane_world_cut_power(void)
{
    disk_sim_cut_power(w.disk);
    lane_world_close();
}

void lane_world_turn(void)
{
    loop_sim_turn(w.loops);
    loop_sim_enter(w.home);
}

void lane_world_settle(void)
{
    for (bool any = true; any;) {
        any = loop_sim_turn(w.loops);
        any |= log_step(w.journal->log);
        any |= segments_step(w.journal->segments);
    }
    loop_sim_enter(w.home);
}

/* --- messages --------------------------------------------------------------------------------- */

static struct message *message_of(uint64_t number, bool is_persistent)
{
    struct message *m = message_create(slice_str("exchange"), slice_str("key"), SLICE_EMPTY,
                                       w.body_bytes, is_persistent);
    uint8_t *body = message_body_space(m);
    memset(body, (int)(number % 251), w.body_bytes);
    memcpy(body, &number, sizeof number);
    return m;
}

uint64_t lane_world_number_of(const struct message *m)
{
    uint64_t number;
    struct slice body = message_body(m);
    assert_int_equal(body.n, w.body_bytes);
    memcpy(&number, body.p, sizeof number);
    for (size_t i = sizeof number; i < body.n; i++)
        assert_int_equal(body.p[i], number % 251);
    assert_true(slice_equal(message_routing_key(m), slice_str("key")));
    return number;
}

static enum confirm_answer publish(uint64_t number, bool is_persistent, uint64_t deadline_ms)
{
    struct message *m = message_of(number, is_persistent), *kept = message_ref(m);
    enum confirm_answer answer = journal_answer(&w.owner, m);
    if (answer != CONFIRM_REFUSED) {
        uint64_t sequence = backlog_push(&w.lane->backlog, &kept);
        journal_enqueue(w.lane, m, sequence, false, deadline_ms);
        if (deadline_ms)
            backlog_set_deadline(&w.lane->backlog, sequence, deadline_ms);
        pager_relieve(w.lane);
    } else {
        message_unref(&kept);
    }
    message_unref(&m);
    return answer;
}

enum confirm_answer lane_world_publish(uint64_t number)
{
    enum confirm_answer answer = publish(number, true, 0);
    if (answer == CONFIRM_LATER)
        journal_confirm(&w.owner, &w.sink, number);
    return answer;
}

void lane_world_publish_many(uint64_t first, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        lane_world_publish(first + i);
        if (i % 64 == 63)
            lane_world_settle();
    }
    lane_world_settle();
}

void lane_world_publish_due(uint64_t number, uint64_t deadline_ms)
{
    publish(number, true, deadline_ms);
}

void lane_world_publish_transient(uint64_t number)
{
    publish(number, false, 0);
}

bool lane_world_try_take(struct held_message *ret)
{
    enum backlog_next next = backlog_next(&w.lane->backlog, &ret->sequence);
    while (next == BACKLOG_ON_DISK && pager_want(w.lane))
        next = backlog_next(&w.lane->backlog, &ret->sequence);
    if (next != BACKLOG_HERE || !journal_may_deliver(w.lane, ret->sequence))
        return false;
    const struct message *m = backlog_deliver(&w.lane->backlog, &ret->sequence, &ret->redelivered);
    ret->number = lane_world_number_of(m);
    pager_read_ahead(w.lane);
    return true;
}

struct held_message lane_world_take(void)
{
    struct held_message held = {0};
    while (!lane_world_try_take(&held)) {
        const unsigned ready_calls = w.ready_calls;
        lane_world_settle();
        if (w.ready_calls == ready_calls)
            fail_msg("no message can be delivered, and none will be");
    }
    return held;
}

void lane_world_ack(uint64_t sequence)
{
    struct backlog_left left;
    assert_true(backlog_settle(&w.lane->backlog, sequence, &left));
    if (left.is_persistent)
        journal_settle(w.lane, left.sequence);
    if (left.is_stored || left.is_log_only)
        pager_left(w.lane, &left);
}

void lane_world_consume(uint64_t first, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        struct held_message held = lane_world_take();
        assert_int_equal(held.number, first + i);
        lane_world_ack(held.sequence);
        if (i % 64 == 63)
            lane_world_settle();
    }
    lane_world_settle();
}

const char *lane_world_segment_path(uint64_t number)
{
    static char path[64];
    snprintf(path, sizeof path, "segments/%" PRIx64 "-%" PRIx64 ".seg", w.lane->id, number);
    return path;
}
