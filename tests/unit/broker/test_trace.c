/* The firehose: what a copy of a message has in it, where it goes, and what is not copied.
 *
 * Whether a vhost is traced is asked by the front ends, before they show a message to the firehose.
 * pass() and hand_out() do as they do. */
#include "broker/broker_world.h"
#include "broker/system_message.h"
#include "broker/trace.h"
#include "queue/queue_private.h"
#include "wire/properties.h"

static struct world w;
static struct loop *here;
static struct queue *copies, *one, *two;

static const struct trace_channel CHANNEL = {
    .connection = {(const uint8_t *)"c:1 -> b:2", 10},
    .user = {(const uint8_t *)"alice", 5},
    .number = 3,
};

static int set_up(void **state)
{
    (void)state;
    world_start_broker(&w, 2, 7);
    here = loops_at(w.loops, 0);
    copies = world_declare(&w, here, "copies");
    one = world_declare(&w, here, "one");
    two = world_declare(&w, here, "two");
    loop_sim_settle(w.loops);
    trace_set(w.vhost, true);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    world_stop_broker(&w);
    return 0;
}

/* --- a message -------------------------------------------------------------------------------- */

static struct message *make(const char *exchange, const char *key, const struct properties *p)
{
    static const struct properties none = {0};
    struct message *m = system_message_create(slice_str(exchange), key, SLICE_EMPTY, p ? p : &none,
                                              slice_str("body"));
    assert_non_null(m);
    return m;
}

static void pass(const struct delivery *d, struct slice bcc, const struct route *route)
{
    if (trace_is_on(w.vhost))
        trace_published(here, w.vhost, &CHANNEL, d, bcc, route);
}

static void hand_out(const struct delivery *d, const char *queue)
{
    if (trace_is_on(w.vhost))
        trace_delivered(here, w.vhost, &CHANNEL, slice_str(queue), d);
}

static void publish(struct message *m, struct slice bcc, const struct route *route)
{
    const struct delivery d = delivery_of_message(m);
    loop_sim_enter(here);
    pass(&d, bcc, route);
    loop_sim_enter(NULL);
}

static void deliver(struct message *m, const char *queue, bool redelivered)
{
    struct delivery d = delivery_of_message(m);
    d.redelivered = redelivered;
    loop_sim_enter(here);
    hand_out(&d, queue);
    loop_sim_enter(NULL);
}

static const struct route NOWHERE = {0};

/* --- its copy --------------------------------------------------------------------------------- */

static uint64_t copied(void)
{
    loop_sim_settle(w.loops);
    return lanes_count(&copies->lanes).ready;
}

static struct message *copy(void)
{
    uint64_t sequence;
    assert_int_equal(backlog_next(&copies->lanes.first.backlog, &sequence), BACKLOG_HERE);
    return backlog_find(&copies->lanes.first.backlog, sequence);
}

static struct slice copy_headers(void)
{
    struct properties p;
    assert_true(properties_read(message_header(copy()), &p));
    assert_int_equal(p.flags, PROPERTY_HEADERS);
    return p.headers;
}

static void check_table(struct slice table, const char *wanted)
{
    struct lv_buffer text = {0};
    table_describe(&text, table);
    lv_buffer_add_u8(&text, 0);
    assert_string_equal((const char *)text.p, wanted);
    lv_buffer_free(&text);
}

static void check_field(const char *name, const char *wanted)
{
    struct lv_buffer text = {0};
    struct field f;
    assert_true(table_find(copy_headers(), name, &f));
    field_describe(&text, &f);
    lv_buffer_add_u8(&text, 0);
    assert_string_equal((const char *)text.p, wanted);
    lv_buffer_free(&text);
}

/* --- what is in it ---------------------------------------------------------------------------- */

static void a_published_messages_copy_has_its_body_and_who_sent_it_where(void **state)
{
    (void)state;
    struct queue_entry *const queues[] = {&one->entry, &two->entry};
    const struct route route = {.queues = queues, .count = 2};
    struct message *m = make("amq.direct", "k", NULL);
    world_bind(&w, TRACE_EXCHANGE, "->", "copies", "#");
    publish(m, SLICE_EMPTY, &route);
    message_unref(&m);
    assert_int_equal(copied(), 1);
    assert_true(slice_is(message_exchange(copy()), "amq.rabbitmq.trace"));
    assert_true(slice_is(message_routing_key(copy()), "publish.amq.direct"));
    assert_true(slice_is(message_body(copy()), "body"));
    check_table(copy_headers(),
                "[{<<\"exchange_name\">>,longstr,<<\"amq.direct\">>},"
                "{<<\"routing_keys\">>,array,[{longstr,<<\"k\">>}]},"
                "{<<\"properties\">>,table,[]},"
                "{<<\"node\">>,longstr,<<\"leveret@localhost\">>},"
                "{<<\"vhost\">>,longstr,<<\"/\">>},"
                "{<<\"connection\">>,longstr,<<\"c:1 -> b:2\">>},"
                "{<<\"channel\">>,signedint,3},"
                "{<<\"user\">>,longstr,<<\"alice\">>},"
                "{<<\"routed_queues\">>,array,[{longstr,<<\"one\">>},{longstr,<<\"two\">>}]}]");
}

static void a_delivered_messages_copy_says_from_which_queue_and_whether_again(void **state)
{
    (void)state;
    struct message *m = make("amq.direct", "k", NULL);
    world_bind(&w, TRACE_EXCHANGE, "->", "copies", "deliver.one");
    deliver(m, "one", true);
    deliver(m, "two", false);
    message_unref(&m);
    assert_int_equal(copied(), 1);
    assert_true(slice_is(message_routing_key(copy()), "deliver.one"));
    assert_true(slice_is(message_body(copy()), "body"));
    check_table(copy_headers(), "[{<<\"exchange_name\">>,longstr,<<\"amq.direct\">>},"
                                "{<<\"routing_keys\">>,array,[{longstr,<<\"k\">>}]},"
                                "{<<\"properties\">>,table,[]},"
                                "{<<\"node\">>,longstr,<<\"leveret@localhost\">>},"
                                "{<<\"redelivered\">>,signedint,1},"
                                "{<<\"vhost\">>,longstr,<<\"/\">>},"
                                "{<<\"connection\">>,longstr,<<\"c:1 -> b:2\">>},"
                                "{<<\"channel\">>,signedint,3},"
                                "{<<\"user\">>,longstr,<<\"alice\">>}]");
}

static void the_routing_keys_are_the_key_then_cc_then_bcc(void **state)
{
    (void)state;
    struct lv_buffer headers = {0}, other = {0};
    struct table_writer t;
    struct field bcc;
    table_begin(&t, &headers);
    table_put_array(&t, "CC");
    table_put_str(&t, NULL, slice_str("c"));
    table_put_int(&t, NULL, 5); /* no string: no key */
    table_end(&t);
    const struct properties p = {.flags = PROPERTY_HEADERS, .headers = table_end(&t)};
    table_begin(&t, &other);
    table_put_array(&t, "BCC");
    table_put_str(&t, NULL, slice_str("b"));
    table_end(&t);
    assert_true(table_find(table_end(&t), "BCC", &bcc));
    struct message *m = make("amq.direct", "k", &p);
    world_bind(&w, TRACE_EXCHANGE, "->", "copies", "#");
    publish(m, bcc.bytes, &NOWHERE);
    message_unref(&m);
    assert_int_equal(copied(), 1);
    check_field("routing_keys", "[{longstr,<<\"k\">>},{longstr,<<\"c\">>},{longstr,<<\"b\">>}]");
    check_field("routed_queues", "[]");
    lv_buffer_free(&headers);
    lv_buffer_free(&other);
}

static void properties_come_last_one_first_and_wide_numbers_are_not_cut(void **state)
{
    (void)state;
    const struct properties p = {
        .flags = PROPERTY_CONTENT_TYPE | PROPERTY_PRIORITY | PROPERTY_TIMESTAMP | PROPERTY_APP_ID,
        .content_type = slice_str("text/plain"),
        .priority = 9,
        .timestamp = 5000000000,
        .app_id = slice_str("app"),
    };
    struct message *m = make("amq.direct", "k", &p);
    world_bind(&w, TRACE_EXCHANGE, "->", "copies", "#");
    publish(m, SLICE_EMPTY, &NOWHERE);
    message_unref(&m);
    assert_int_equal(copied(), 1);
    check_field("properties", "[{<<\"app_id\">>,longstr,<<\"app\">>},"
                              "{<<\"timestamp\">>,long,5000000000},"
                              "{<<\"priority\">>,signedint,9},"
                              "{<<\"content_type\">>,longstr,<<\"text/plain\">>}]");
}

static void a_queue_that_no_vhost_lists_is_not_among_the_routed_ones(void **state)
{
    (void)state;
    struct queue_entry apart = {.is_apart = true};
    struct queue_entry *const queues[] = {&apart, &two->entry};
    const struct route route = {.queues = queues, .count = 2};
    struct message *m = make("", "k", NULL);
    world_bind(&w, TRACE_EXCHANGE, "->", "copies", "publish.");
    publish(m, SLICE_EMPTY, &route);
    message_unref(&m);
    assert_int_equal(copied(), 1);
    check_field("routed_queues", "[{longstr,<<\"two\">>}]");
}

/* --- when ------------------------------------------------------------------------------------- */

static void a_vhost_is_traced_from_when_it_is_turned_on_until_it_is_turned_off(void **state)
{
    (void)state;
    struct vhost *other;
    struct message *m = make("amq.direct", "k", NULL);
    vhost_create(w.broker, &(struct definition_vhost){.name = slice_str("other")}, false, NOBODY,
                 &other);
    assert_false(trace_is_on(other));
    world_bind(&w, TRACE_EXCHANGE, "->", "copies", "#");
    trace_set(w.vhost, false);
    publish(m, SLICE_EMPTY, &NOWHERE);
    deliver(m, "one", false);
    assert_int_equal(copied(), 0);
    trace_set(w.vhost, true);
    publish(m, SLICE_EMPTY, &NOWHERE);
    deliver(m, "one", false);
    assert_int_equal(copied(), 2);
    trace_set(w.vhost, false);
    publish(m, SLICE_EMPTY, &NOWHERE);
    assert_int_equal(copied(), 2);
    message_unref(&m);
}

static void a_copy_reaches_its_queues_only_after_the_work_that_made_it(void **state)
{
    (void)state;
    struct message *m = make("amq.direct", "k", NULL);
    world_bind(&w, TRACE_EXCHANGE, "->", "copies", "#");
    publish(m, SLICE_EMPTY, &NOWHERE);
    assert_int_equal(lanes_count(&copies->lanes).ready, 0);
    message_unref(&m);
    assert_int_equal(copied(), 1);
}

static void
what_was_published_to_the_trace_exchange_is_not_copied_when_it_is_delivered(void **state)
{
    (void)state;
    struct message *m = make("amq.direct", "k", NULL);
    world_bind(&w, TRACE_EXCHANGE, "->", "copies", "#");
    publish(m, SLICE_EMPTY, &NOWHERE);
    message_unref(&m);
    assert_int_equal(copied(), 1);
    deliver(copy(), "copies", false);
    assert_int_equal(copied(), 1);
}

static void a_copy_whose_vhost_has_been_deleted_meanwhile_goes_nowhere(void **state)
{
    (void)state;
    struct message *m = make("amq.direct", "k", NULL);
    world_bind(&w, TRACE_EXCHANGE, "->", "copies", "#");
    publish(m, SLICE_EMPTY, &NOWHERE);
    message_unref(&m);
    assert_int_equal(vhost_delete(w.broker, slice_str("/"), NOBODY), 0);
    loop_sim_settle(w.loops); /* it is on its way to an exchange that is no longer there */
    assert_null(vhost_find(&w.broker->topology, slice_str("/")));
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        T(a_published_messages_copy_has_its_body_and_who_sent_it_where),
        T(a_delivered_messages_copy_says_from_which_queue_and_whether_again),
        T(the_routing_keys_are_the_key_then_cc_then_bcc),
        T(properties_come_last_one_first_and_wide_numbers_are_not_cut),
        T(a_queue_that_no_vhost_lists_is_not_among_the_routed_ones),
        T(a_vhost_is_traced_from_when_it_is_turned_on_until_it_is_turned_off),
        T(a_copy_reaches_its_queues_only_after_the_work_that_made_it),
        T(what_was_published_to_the_trace_exchange_is_not_copied_when_it_is_delivered),
        T(a_copy_whose_vhost_has_been_deleted_meanwhile_goes_nowhere),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
