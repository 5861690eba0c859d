/* Messages that queues give up, for every reason. */
#include "broker/broker_world.h"
#include "broker/dead_lettering.h"
#include "broker/departures.h"
#include "broker/forward.h"
#include "queue/queue_private.h" /* settings that are changed as a policy would */
#include "wire/properties.h"

static struct world w;
static struct loop *loop;

static struct queue *declare(const char *name, const char *exchange, const char *key,
                             bool is_strict)
{
    struct lv_buffer arguments = {0};
    if (exchange)
        table_add_str(&arguments, "x-dead-letter-exchange", exchange);
    if (key)
        table_add_str(&arguments, "x-dead-letter-routing-key", key);
    if (is_strict) {
        table_add_str(&arguments, "x-queue-type", "quorum");
        table_add_str(&arguments, "x-dead-letter-strategy", "at-least-once");
        table_add_str(&arguments, "x-overflow", "reject-publish");
    }
    struct queue_declaration d = {
        .name = slice_str(name), .flags.durable = true, .arguments = lv_buffer_slice(&arguments)};
    struct queue *q = world_declare_with(&w, loop, &d);
    lv_buffer_free(&arguments);
    return q;
}

static void publish(struct queue *q, const char *key)
{
    struct message *m =
        message_create(slice_str(""), slice_str(key), slice_of("\0\0", 2), 0, false);
    queue_publish(loop, q, m, NULL, 0);
    message_unref(&m);
}

/* The queue's first message dies. */
static void die(struct queue *q, enum death reason)
{
    uint64_t sequence;
    bool redelivered;
    assert_int_equal(backlog_next(&queue_lanes(q)->first.backlog, &sequence), BACKLOG_HERE);
    struct message *m = backlog_deliver(&queue_lanes(q)->first.backlog, &sequence, &redelivered);
    dead_lettering_give_up(q, lane_position(&queue_lanes(q)->first, sequence), m, reason);
}

static struct lane_totals totals(const struct queue *q)
{
    return lanes_count(queue_lanes(q));
}

static void assert_first_death(struct queue *q, const char *from, const char *reason)
{
    uint64_t sequence;
    assert_int_equal(backlog_next(&queue_lanes(q)->first.backlog, &sequence), BACKLOG_HERE);
    struct backlog_chunk *chunk =
        backlog_chunk(&queue_lanes(q)->first.backlog, sequence / SEQMAP_ENTRIES);
    const struct message *m = chunk->messages[sequence % SEQMAP_ENTRIES];
    struct properties p;
    struct field history, entry, f;
    assert_true(properties_read(message_header(m), &p));
    assert_true(table_find(p.headers, "x-death", &history));
    assert_true(array_next(&history.bytes, &entry));
    assert_true(table_find(entry.bytes, "queue", &f) && slice_is(f.bytes, from));
    assert_true(table_find(entry.bytes, "reason", &f) && slice_is(f.bytes, reason));
    assert_true(table_find(entry.bytes, "time", &f));
    assert_int_equal(f.i, loop_wall_ms(loop) / 1000);
}

static int set_up(void **state)
{
    (void)state;
    world_start_broker(&w, 1, 3);
    loop = loops_at(w.loops, 0);
    loop_sim_enter(loop);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    world_stop_broker(&w);
    return 0;
}

static void run(uint64_t ms)
{
    loop_sim_settle(w.loops);
    loop_sim_advance(w.loops, ms);
    loop_sim_enter(loop);
}

/* --- promises --------------------------------------------------------------------------------- */

static void every_reason_is_in_x_death_and_counted(void **state)
{
    (void)state;
    static const char *const ends[] = {"e0", "e1", "e2", "e3"};
    for (enum death reason = 0; reason < DEATH_COUNT; reason++) {
        char name[2] = {(char)('a' + reason), '\0'};
        struct queue *end = declare(ends[reason], NULL, NULL, false);
        struct queue *q = declare(name, "", ends[reason], false);
        publish(q, name);
        die(q, reason);
        assert_int_equal(totals(q).unacked, 1);
        assert_int_equal(forward_in_transit(q).messages, 1);
        run(10);
        assert_int_equal(totals(q).unacked, 0);
        assert_int_equal(totals(end).ready, 1);
        assert_first_death(end, name, death_word(reason));
        for (enum death other = 0; other < DEATH_COUNT; other++)
            assert_int_equal(queue_counters(q)->dead_lettered[other], other == reason);
    }
}

static void without_an_exchange_a_message_leaves_at_once(void **state)
{
    (void)state;
    struct queue *q = declare("q", NULL, NULL, false);
    publish(q, "q");
    die(q, DEATH_EXPIRED);
    assert_int_equal(totals(q).unacked, 0);
    assert_int_equal(queue_counters(q)->dead_lettered[DEATH_EXPIRED], 0);
}

static void a_message_that_cycles_unrejected_is_dropped_where_the_cycle_closes(void **state)
{
    (void)state;
    struct queue *a = declare("a", "", "b", false), *b = declare("b", "", "a", false);
    publish(a, "a");
    die(a, DEATH_EXPIRED);
    run(10);
    assert_int_equal(totals(b).ready, 1);
    die(b, DEATH_EXPIRED);
    run(10);
    assert_int_equal(totals(a).ready + totals(b).ready + totals(a).unacked + totals(b).unacked, 0);
    assert_int_equal(queue_counters(b)->dead_lettered[DEATH_EXPIRED], 0);
    assert_non_null(queue_departures(b)->dead_letter_log); /* it was said */
    assert_null(queue_departures(a)->dead_letter_log);
}

static void a_rejection_lets_it_cycle_again(void **state)
{
    (void)state;
    struct queue *a = declare("a", "", "b", false), *b = declare("b", "", "a", false);
    publish(a, "a");
    for (int i = 0; i < 5; i++) {
        die(a, DEATH_REJECTED);
        run(10);
        assert_int_equal(totals(b).ready, 1);
        die(b, DEATH_EXPIRED);
        run(10);
        assert_int_equal(totals(a).ready, 1);
    }
}

static void at_least_once_waits_until_a_queue_takes_it(void **state)
{
    (void)state;
    struct queue *q = declare("q", "", "end", true), *r = declare("r", "", "end", false);
    publish(q, "q");
    publish(r, "r");
    die(q, DEATH_DELIVERY_LIMIT);
    die(r, DEATH_DELIVERY_LIMIT);
    run(5000);
    assert_int_equal(totals(q).unacked, 1);
    assert_int_equal(totals(r).unacked, 0);
    assert_int_equal(forward_in_transit(q).due_messages, 1);
    assert_int_equal(forward_in_transit(q).due_body_bytes, 0);
    assert_int_equal(forward_in_transit(r).due_messages, 0);
    assert_true(forward_is_kept(q, 0));
    assert_false(forward_is_kept(q, 1));
    assert_false(forward_is_kept(r, 0));
    struct queue *end = declare("end", NULL, NULL, false);
    run(2000);
    assert_int_equal(totals(q).unacked, 0);
    assert_int_equal(totals(end).ready, 1);
    assert_int_equal(forward_in_transit(q).due_messages, 0);
    assert_false(forward_is_kept(q, 0));
    assert_int_equal(queue_counters(q)->dead_lettered[DEATH_DELIVERY_LIMIT], 1);
    assert_int_equal(queue_counters(r)->dead_lettered[DEATH_DELIVERY_LIMIT], 0);
}

static void what_waits_for_an_exchange_ends_when_the_queue_no_longer_has_one(void **state)
{
    (void)state;
    struct queue *q = declare("q", "", "end", true);
    publish(q, "q");
    die(q, DEATH_REJECTED);
    run(5000);
    assert_int_equal(totals(q).unacked, 1);
    q->settings.has_dead_letter_exchange = false; /* as when a policy is cleared */
    run(2000);
    assert_int_equal(totals(q).unacked, 0);
    assert_int_equal(forward_in_transit(q).messages, 0);
    struct queue *end = declare("end", NULL, NULL, false);
    run(2000);
    assert_int_equal(totals(end).ready, 0);
}

#define PROMISE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        PROMISE(every_reason_is_in_x_death_and_counted),
        PROMISE(without_an_exchange_a_message_leaves_at_once),
        PROMISE(a_message_that_cycles_unrejected_is_dropped_where_the_cycle_closes),
        PROMISE(a_rejection_lets_it_cycle_again),
        PROMISE(at_least_once_waits_until_a_queue_takes_it),
        PROMISE(what_waits_for_an_exchange_ends_when_the_queue_no_longer_has_one),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
