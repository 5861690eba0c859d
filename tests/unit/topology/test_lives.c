/* Traces: which messages they follow, and for how long. */
#include "topology_world.h"

#include "topology/lives.h"

static uint64_t clock_us;

static uint64_t now_us(void)
{
    return clock_us;
}

static struct life_trace *begin(struct world *w, const char *name, bool is_of_queue,
                                const struct life_trace_settings *more)
{
    struct life_trace_settings settings = more ? *more : (struct life_trace_settings){0};
    struct life_trace *t = NULL;
    settings.name = slice_str(name);
    settings.is_of_queue = is_of_queue;
    settings.one_in = settings.one_in ? settings.one_in : 1;
    settings.messages_max = settings.messages_max ? settings.messages_max : 100;
    settings.seconds = 10;
    settings.bytes_max = 16 * LIFE_CHUNK_BYTES;
    settings.now_us = now_us;
    assert_true(lives_begin(w->topology, w->vhost, &settings, &t));
    return t;
}

static uint32_t publish(struct world *w, const char *exchange, const char *key,
                        const struct route *route, uint32_t life)
{
    const struct life_publisher who = {.connection = slice_str("c"), .user = slice_str("u")};
    const struct delivery d = {.exchange = slice_str(exchange), .routing_key = slice_str(key)};
    const struct route none = {0};
    clock_us += 10;
    return lives_publish(loops_at(w->loops, 0), w->vhost, &who, &d, false, route ? route : &none,
                         life);
}

static void write_event(void *arg, const struct life_record *r)
{
    lv_buffer_printf(arg, "%u:%s ", life_number(r->life), life_event_word(r->event));
}

static void assert_written(struct life_trace *t, const char *wanted)
{
    struct lv_buffer out = {0};
    for (unsigned i = 0; i < LOOPS_MAX; i++)
        life_ring_each(&t->rings[i], write_event, &out);
    lv_buffer_add(&out, "", 1);
    assert_string_equal((const char *)out.p, wanted);
    lv_buffer_free(&out);
}

static void a_trace_follows_what_is_published_to_its_exchange(void **state)
{
    (void)state;
    struct world w;
    world_start(&w);
    assert_false(vhost_is_watched(w.vhost));
    struct life_trace *t = begin(&w, "x", false, NULL);
    assert_true(vhost_is_watched(w.vhost));
    assert_int_equal(publish(&w, "other", "k", NULL, 0), 0);
    uint32_t first = publish(&w, "x", "k", NULL, 0), second = publish(&w, "x", "k", NULL, 0);
    assert_int_not_equal(life_number(first), life_number(second));
    assert_int_equal(life_traces(first), 1);
    assert_written(t, "0:published 0:unroutable 1:published 1:unroutable ");
    lives_free(w.topology, &t);
    assert_false(vhost_is_watched(w.vhost));
    world_stop(&w);
}

static void a_trace_of_a_queue_follows_what_is_routed_to_it(void **state)
{
    (void)state;
    struct world w;
    world_start(&w);
    struct queue_entry *queues[] = {world_queue(&w, "q", false), world_queue(&w, "r", false)};
    struct life_trace *t = begin(&w, "r", true, NULL);
    assert_int_equal(publish(&w, "x", "k", &(struct route){.queues = queues, .count = 1}, 0), 0);
    assert_int_not_equal(publish(&w, "x", "k", &(struct route){.queues = queues, .count = 2}, 0),
                         0);
    assert_written(t, "0:published 0:routed 0:routed ");
    lives_free(w.topology, &t);
    world_stop(&w);
}

static void the_filter_and_the_limit_decide_which_are_followed(void **state)
{
    (void)state;
    struct world w;
    world_start(&w);
    struct pattern *pattern;
    assert_int_equal(pattern_compile(slice_str("^a"), &pattern, NULL), 0);
    struct life_trace *t =
        begin(&w, "x", false,
              &(struct life_trace_settings){.pattern = pattern, .one_in = 3, .messages_max = 2});
    unsigned followed = 0;
    for (unsigned i = 0; i < 12; i++) {
        followed += publish(&w, "x", "a", NULL, 0) != 0;
        assert_int_equal(publish(&w, "x", "b", NULL, 0), 0);
    }
    assert_int_equal(followed, 2);
    assert_int_equal(t->seen, 24);
    assert_int_equal(t->fitting, 12);
    assert_int_equal(t->followed, 2);
    lives_free(w.topology, &t);
    world_stop(&w);
}

static void several_traces_follow_one_message(void **state)
{
    (void)state;
    struct world w;
    world_start(&w);
    struct queue_entry *queues[] = {world_queue(&w, "q", false)};
    struct life_trace *x = begin(&w, "x", false, NULL), *q = begin(&w, "q", true, NULL);
    uint32_t life = publish(&w, "x", "k", &(struct route){.queues = queues, .count = 1}, 0);
    assert_int_equal(life_traces(life), 3);
    struct life_record acked = {.event = LIFE_ACKED};
    lives_record(loops_at(w.loops, 1), w.topology, life, &acked); /* on another loop */
    assert_written(x, "0:published 0:routed 0:acked ");
    assert_written(q, "0:published 0:routed 0:acked ");
    lives_free(w.topology, &x);
    assert_true(vhost_is_watched(w.vhost));
    lives_free(w.topology, &q);
    assert_false(vhost_is_watched(w.vhost));
    world_stop(&w);
}

static void a_trace_ends_when_its_time_is_over_and_stays_readable(void **state)
{
    (void)state;
    struct world w;
    world_start(&w);
    struct life_trace *t = begin(&w, "x", false, NULL);
    publish(&w, "x", "k", NULL, 0);
    clock_us += 10 * 1000000;
    assert_true(life_trace_is_over(t, clock_us));
    assert_true(lives_are_traced(w.topology));
    assert_int_equal(publish(&w, "x", "k", NULL, 0), 0); /* it is seen here */
    assert_false(lives_are_traced(w.topology));
    assert_false(vhost_is_watched(w.vhost));
    assert_written(t, "0:published 0:unroutable ");
    lives_free(w.topology, &t);
    world_stop(&w);
}

static void a_later_trace_knows_nothing_of_the_messages_of_an_earlier_one(void **state)
{
    (void)state;
    struct world w;
    world_start(&w);
    struct life_trace *t = begin(&w, "x", false, NULL);
    uint32_t life = publish(&w, "x", "k", NULL, 0);
    lives_free(w.topology, &t);
    t = begin(&w, "x", false, NULL); /* in the same slot */
    struct life_record acked = {.event = LIFE_ACKED};
    lives_record(loops_at(w.loops, 0), w.topology, life, &acked);
    assert_written(t, "");
    lives_free(w.topology, &t);
    world_stop(&w);
}

static void a_message_of_ended_traces_begins_anew_with_a_later_one(void **state)
{
    (void)state;
    struct world w;
    world_start(&w);
    struct life_trace *t = begin(&w, "x", false, NULL);
    uint32_t life = publish(&w, "x", "k", NULL, 0);
    struct life_trace *later = begin(&w, "dead", false, NULL);
    assert_int_equal(publish(&w, "dead", "k", NULL, life), life); /* it is still followed */
    assert_int_equal(later->seen, 1);
    assert_int_equal(later->followed, 0);
    lives_end(w.topology, t);
    assert_false(lives_follow(w.topology, life));
    assert_int_equal(publish(&w, "other", "k", NULL, life), 0);
    uint32_t fresh = publish(&w, "dead", "k", NULL, life);
    assert_int_not_equal(life_number(fresh), life_number(life));
    assert_true(lives_follow(w.topology, fresh));
    assert_int_equal(later->followed, 1);
    assert_written(later, "1:published 1:unroutable ");
    lives_free(w.topology, &t);
    lives_free(w.topology, &later);
    world_stop(&w);
}

static void at_most_eight_run(void **state)
{
    (void)state;
    struct world w;
    world_start(&w);
    struct life_trace *t[LIFE_TRACES_MAX], *one_more;
    for (unsigned i = 0; i < LIFE_TRACES_MAX; i++)
        t[i] = begin(&w, "x", false, NULL);
    const struct life_trace_settings settings = {
        .name = slice_str("x"), .one_in = 1, .now_us = now_us};
    assert_false(lives_begin(w.topology, w.vhost, &settings, &one_more));
    for (unsigned i = 0; i < LIFE_TRACES_MAX; i++)
        lives_free(w.topology, &t[i]);
    world_stop(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_trace_follows_what_is_published_to_its_exchange),
        cmocka_unit_test(a_trace_of_a_queue_follows_what_is_routed_to_it),
        cmocka_unit_test(the_filter_and_the_limit_decide_which_are_followed),
        cmocka_unit_test(several_traces_follow_one_message),
        cmocka_unit_test(a_trace_ends_when_its_time_is_over_and_stays_readable),
        cmocka_unit_test(a_later_trace_knows_nothing_of_the_messages_of_an_earlier_one),
        cmocka_unit_test(a_message_of_ended_traces_begins_anew_with_a_later_one),
        cmocka_unit_test(at_most_eight_run),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
