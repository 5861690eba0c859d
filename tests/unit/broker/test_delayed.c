/* Exchanges that delay: which headers delay, what comes out, when and in which order, in a
 * simulated world; and how the index of deadlines finds what is due first. */
#include "base/memory.h"
#include "broker/broker_world.h"
#include "broker/delayed.h"
#include "paging/journal.h"
#include "queue/queue_home.h"
#include "wire/properties.h"
#include "wire/table.h"

static struct world w;
static struct queue *target;
static struct exchange *delaying;

static struct slice one_field(struct lv_buffer *b, char type, int64_t value)
{
    b->n = 0;
    table_add_int(b, "x-delay", type, value);
    return lv_buffer_slice(b);
}

/* --- each test's world ------------------------------------------------------------------------ */

static struct exchange *declare_delaying(const char *name, const char *type, const char *argument,
                                         const char *value)
{
    struct lv_buffer arguments = {0};
    bool created;
    if (value)
        table_add_str(&arguments, argument, value);
    else
        table_add(&arguments, argument, 't', "\1", 1);
    struct exchange_declaration d = {
        .name = slice_str(name), .type = slice_str(type), .arguments = lv_buffer_slice(&arguments)};
    assert_int_equal(exchange_declare(w.vhost, &d, NOBODY, &w.error, &created), CHANGE_DONE);
    lv_buffer_free(&arguments);
    return exchange_find(w.vhost, slice_str(name));
}

static int set_up(void **state)
{
    (void)state;
    world_start_broker(&w, 2, 7);
    target = world_declare(&w, loops_at(w.loops, 0), "target");
    loop_sim_enter(loops_at(w.loops, 0));
    delaying = declare_delaying("x", "x-delayed-message", "x-delayed-type", "fanout");
    world_bind(&w, "x", "->", "target", "");
    loop_sim_enter(NULL);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    world_stop_broker(&w);
    return 0;
}

/* One message to the exchange, as a session would publish it; its body is one octet. */
static void publish(struct exchange *x, int64_t delay_ms, char body)
{
    struct lv_buffer headers = {0};
    uint8_t header[64];
    struct properties properties = {.flags = PROPERTY_HEADERS,
                                    .headers = one_field(&headers, 'l', delay_ms)};
    struct slice bytes = slice_of(header, properties_size(&properties));
    properties_put(header, &properties);
    struct message *m = message_create(exchange_name(x), slice_str("k"), bytes, 1, false);
    *message_body_space(m) = (uint8_t)body;
    struct routing_input input = {
        .routing_key = slice_str("k"), .headers = properties.headers, .has_headers = true};
    struct route route;
    struct loop *loop = loops_at(w.loops, 0);
    loop_sim_enter(loop);
    route_find(loop, x, &input, &route);
    for (size_t i = 0; i < route.count; i++)
        queue_publish(loop, queue_of_entry(route.queues[i]), m, NULL, 0);
    loop_sim_enter(NULL);
    message_unref(&m);
    lv_buffer_free(&headers);
    loop_sim_settle(w.loops);
}

static uint64_t waiting(void)
{
    return lanes_count(queue_lanes(queue_of_entry(delaying->delayed))).ready +
           lanes_count(queue_lanes(queue_of_entry(delaying->delayed))).unacked;
}

/* The bodies in the target, which is emptied, and the delays in their headers. */
static void assert_arrived(const char *bodies, const int64_t *delays_ms)
{
    struct backlog *b = &queue_lanes(target)->first.backlog;
    assert_int_equal(b->ready, strlen(bodies));
    for (size_t i = 0; bodies[i]; i++) {
        struct backlog_left left;
        struct message *m = backlog_pop(b, &left);
        struct properties properties;
        struct field f;
        assert_int_equal(*message_body(m).p, bodies[i]);
        assert_true(properties_read(message_header(m), &properties));
        assert_true(table_find(properties.headers, "x-delay", &f));
        assert_int_equal(f.i, delays_ms[i]);
        message_unref(&m);
    }
}

/* --- promises --------------------------------------------------------------------------------- */

static void what_is_delayed_arrives_when_it_is_due_in_that_order_and_turns_negative(void **state)
{
    (void)state;
    publish(delaying, 300, 'c');
    publish(delaying, 100, 'a');
    publish(delaying, 0, 'n');
    publish(delaying, 5000000000, 'z');
    publish(delaying, 200, 'b');
    assert_arrived("n", (int64_t[]){0});
    assert_int_equal(waiting(), 4);
    loop_sim_advance(w.loops, 98);
    assert_arrived("", NULL);
    loop_sim_advance(w.loops, 10);
    assert_arrived("a", (int64_t[]){-100});
    loop_sim_advance(w.loops, 200);
    assert_arrived("bc", (int64_t[]){-200, -300});
    loop_sim_advance(w.loops, 4999999000);
    assert_arrived("", NULL);
    loop_sim_advance(w.loops, 1000);
    assert_arrived("z", (int64_t[]){-5000000000});
    assert_int_equal(waiting(), 0);
}

static void any_type_delays_with_the_argument_x_delayed_exchange(void **state)
{
    (void)state;
    struct exchange *x = declare_delaying("y", "fanout", "x-delayed-exchange", NULL);
    assert_string_equal(x->type_name, "fanout");
    loop_sim_enter(loops_at(w.loops, 0));
    world_bind(&w, "y", "->", "target", "");
    loop_sim_enter(NULL);
    publish(x, 100, 'a');
    assert_arrived("", NULL);
    loop_sim_advance(w.loops, 110);
    assert_arrived("a", (int64_t[]){-100});
}

static void the_queue_is_deleted_with_its_exchange_and_comes_back_empty(void **state)
{
    (void)state;
    const struct slice name = slice_str("amq.delayed-x");
    publish(delaying, 100, 'a');
    assert_ptr_equal(queue_find(w.vhost, name), delaying->delayed);
    loop_sim_enter(loops_at(w.loops, 0));
    assert_int_equal(exchange_delete(w.vhost, slice_str("x"), false, NOBODY, &w.error),
                     CHANGE_DONE);
    assert_null(queue_find(w.vhost, name));
    delaying = declare_delaying("x", "x-delayed-message", "x-delayed-type", "topic");
    loop_sim_enter(NULL);
    loop_sim_advance(w.loops, 1000);
    assert_arrived("", NULL);
    assert_int_equal(waiting(), 0);
}

static void after_a_crash_an_exchange_and_its_queue_are_both_there_or_both_gone(void **state)
{
    (void)state;
    struct lv_buffer arguments = {0};
    table_add_str(&arguments, "x-delayed-type", "direct");
    exchange_restore(w.vhost,
                     &(struct exchange_declaration){.name = slice_str("alone"),
                                                    .type = slice_str(DELAYED_TYPE),
                                                    .durable = true,
                                                    .arguments = lv_buffer_slice(&arguments)});
    exchange_restore(w.vhost,
                     &(struct exchange_declaration){.name = slice_str("whole"),
                                                    .type = slice_str(DELAYED_TYPE),
                                                    .durable = true,
                                                    .arguments = lv_buffer_slice(&arguments)});
    const struct queue_flags durable = {.durable = true};
    struct queue *whole = queue_restore(w.vhost, slice_str("amq.delayed-whole"), durable,
                                        SLICE_EMPTY, SLICE_EMPTY, 71);
    queue_restore(w.vhost, slice_str("amq.delayed-orphan"), durable, SLICE_EMPTY, SLICE_EMPTY, 72);
    delayed_restore_end(w.broker);
    loop_sim_settle(w.loops);
    assert_ptr_equal(exchange_find(w.vhost, slice_str("whole"))->delayed, whole);
    assert_null(queue_find(w.vhost, slice_str("amq.delayed-orphan")));
    assert_ptr_equal(exchange_find(w.vhost, slice_str("alone"))->delayed,
                     queue_find(w.vhost, slice_str("amq.delayed-alone")));
    assert_non_null(queue_find(w.vhost, slice_str("amq.delayed-alone")));
    lv_buffer_free(&arguments);
}

/* --- the index -------------------------------------------------------------------------------- */

enum { MESSAGES = 3000, MOST = 100 };

static int by_deadline(const void *a, const void *b)
{
    const struct backlog_first_due *x = a, *y = b;
    if (x->deadline_ms != y->deadline_ms)
        return x->deadline_ms < y->deadline_ms ? -1 : 1;
    return (x->sequence > y->sequence) - (x->sequence < y->sequence);
}

static struct backlog_first_due oracle[MESSAGES];

static void fill(struct backlog *b, size_t *ret_count)
{
    uint64_t random = 11;
    *ret_count = 0;
    for (unsigned i = 0; i < MESSAGES; i++) {
        struct message *m = message_create(SLICE_EMPTY, SLICE_EMPTY, slice_of("\0\0", 2), 5, false);
        uint64_t sequence = backlog_push(b, &m);
        random = random * 6364136223846793005u + 1442695040888963407u;
        uint64_t deadline_ms = 1 + (random >> 40) % 500;
        if (i % 7 == 0)
            continue;
        backlog_set_deadline(b, sequence, deadline_ms);
        oracle[(*ret_count)++] = (struct backlog_first_due){sequence, deadline_ms, true};
    }
}

static void the_first_that_are_due_are_found_in_their_order_wherever_they_stand(void **state)
{
    (void)state;
    struct backlog b;
    struct backlog_first_due found[MOST];
    size_t count;
    backlog_init(&b);
    fill(&b, &count);
    for (uint64_t c = 2; c < 20; c++) { /* these are on disk */
        struct backlog_chunk *chunk = backlog_chunk(&b, c);
        chunk->stored = chunk->live;
        backlog_page_out(&b, c);
    }
    qsort(oracle, count, sizeof *oracle, by_deadline);
    for (size_t most = 0; most <= MOST; most += 20) {
        assert_int_equal(backlog_find_deadlines(&b, found, most), most);
        for (size_t i = 0; i < most; i++) {
            uint64_t chunk = oracle[i].sequence / SEQMAP_ENTRIES;
            assert_int_equal(found[i].sequence, oracle[i].sequence);
            assert_int_equal(found[i].deadline_ms, oracle[i].deadline_ms);
            assert_int_equal(found[i].is_here, chunk < 2 || chunk >= 20);
        }
    }
    struct backlog_first_due one;
    assert_true(backlog_find_timed(&b, oracle[0].sequence, &one));
    assert_false(backlog_find_timed(&b, 0, &one));
    assert_false(backlog_find_timed(&b, MESSAGES * 2, &one));
    backlog_free(&b);
}

struct seen_chunks {
    uint64_t bits;
    unsigned most;
};

static bool see(void *arg, uint64_t chunk)
{
    struct seen_chunks *seen = arg;
    assert_false(seen->bits >> chunk & 1);
    seen->bits |= 1ull << chunk;
    return --seen->most > 0;
}

static void chunks_on_disk_with_something_due_are_found_once_and_no_others(void **state)
{
    (void)state;
    struct backlog b;
    size_t count;
    backlog_init(&b);
    fill(&b, &count);
    for (uint64_t c = 2; c < 20; c++) {
        struct backlog_chunk *chunk = backlog_chunk(&b, c);
        chunk->stored = chunk->live;
        backlog_page_out(&b, c);
    }
    for (uint64_t until = 0; until < 60; until++) {
        uint64_t expected = 0;
        for (size_t i = 0; i < count; i++) {
            uint64_t chunk = oracle[i].sequence / SEQMAP_ENTRIES;
            if (chunk >= 2 && chunk < 20 && oracle[i].deadline_ms <= until)
                expected |= 1ull << chunk;
        }
        struct seen_chunks all = {.most = MESSAGES}, some = {.most = 1};
        backlog_each_due_on_disk(&b, until, see, &all);
        assert_int_equal(all.bits, expected);
        backlog_each_due_on_disk(&b, until, see, &some);
        assert_int_equal(__builtin_popcountll(some.bits), expected != 0);
    }
    backlog_free(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(
            what_is_delayed_arrives_when_it_is_due_in_that_order_and_turns_negative, set_up,
            tear_down),
        cmocka_unit_test_setup_teardown(any_type_delays_with_the_argument_x_delayed_exchange,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(the_queue_is_deleted_with_its_exchange_and_comes_back_empty,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(
            after_a_crash_an_exchange_and_its_queue_are_both_there_or_both_gone, set_up, tear_down),
        cmocka_unit_test(the_first_that_are_due_are_found_in_their_order_wherever_they_stand),
        cmocka_unit_test(chunks_on_disk_with_something_due_are_found_once_and_no_others),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
