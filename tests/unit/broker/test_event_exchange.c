/* Events become messages of the event exchange: when they do, what is in them, and in which
 * order. */
#include "broker/broker_world.h"
#include "broker/event_exchange.h"
#include "message/events.h"
#include "queue/queue_private.h"
#include "wire/properties.h"

static struct world w;
static struct loop *here, *there;
static struct queue *q;

static int set_up(void **state)
{
    (void)state;
    world_start_broker(&w, 2, 7);
    here = loops_at(w.loops, 0);
    there = loops_at(w.loops, 1);
    q = world_declare(&w, here, "q");
    loop_sim_settle(w.loops);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    world_stop_broker(&w);
    return 0;
}

static uint64_t arrived(void)
{
    loop_sim_settle(w.loops);
    return lanes_count(&q->lanes).ready;
}

/* The one at this index, from 0. */
static struct message *message_at(unsigned index)
{
    uint64_t sequence;
    assert_int_equal(backlog_next(&q->lanes.first.backlog, &sequence), BACKLOG_HERE);
    struct message *m = backlog_find(&q->lanes.first.backlog, sequence + index);
    assert_non_null(m);
    return m;
}

static struct properties properties_of(struct message *m)
{
    struct properties p;
    assert_true(properties_read(message_header(m), &p));
    return p;
}

static void check_headers(struct message *m, const char *wanted)
{
    struct lv_buffer text = {0};
    table_describe(&text, properties_of(m).headers);
    lv_buffer_add_u8(&text, 0);
    assert_string_equal((const char *)text.p, wanted);
    lv_buffer_free(&text);
}

/* --- when ------------------------------------------------------------------------------------- */

static void no_event_is_made_while_nothing_is_bound(void **state)
{
    (void)state;
    event_alarm(w.broker, "disk", true);
    assert_false(loop_sim_turn(w.loops)); /* nothing is on its way to loop 0 */
    world_bind(&w, EVENT_EXCHANGE, "->", "q", "alarm.*");
    assert_int_equal(arrived(), 0);
    event_alarm(w.broker, "disk", false);
    assert_int_equal(arrived(), 1);
    world_unbind(&w, EVENT_EXCHANGE, "->", "q", "alarm.*");
    loop_sim_settle(w.loops);
    event_alarm(w.broker, "disk", true);
    assert_false(loop_sim_turn(w.loops));
}

static void an_event_goes_to_those_bound_with_its_key(void **state)
{
    (void)state;
    world_bind(&w, EVENT_EXCHANGE, "->", "q", "alarm.set");
    event_alarm(w.broker, "disk", false);
    assert_int_equal(arrived(), 0);
    event_alarm(w.broker, "disk", true);
    assert_int_equal(arrived(), 1);
}

static void once_events_are_stopped_none_is_made_even_for_a_new_binding(void **state)
{
    (void)state;
    world_bind(&w, EVENT_EXCHANGE, "->", "q", "alarm.set");
    loop_sim_settle(w.loops);
    events_stop(broker_events(w.broker));
    event_alarm(w.broker, "disk", true);
    assert_false(loop_sim_turn(w.loops));
    world_bind(&w, EVENT_EXCHANGE, "->", "q", "alarm.*");
    event_alarm(w.broker, "disk", true);
    assert_int_equal(arrived(), 0);
}

static void an_event_whose_vhost_has_been_deleted_meanwhile_goes_nowhere(void **state)
{
    (void)state;
    world_bind(&w, EVENT_EXCHANGE, "->", "q", "#");
    event_alarm(w.broker, "disk", true);
    assert_int_equal(vhost_delete(w.broker, slice_str("/"), NOBODY), 0);
    loop_sim_settle(w.loops);
    assert_null(vhost_find(&w.broker->topology, slice_str("/")));
}

static void only_the_vhost_of_events_has_the_event_exchange(void **state)
{
    (void)state;
    struct vhost *other;
    vhost_create(w.broker, &(struct definition_vhost){.name = slice_str("other")}, false, NOBODY,
                 &other);
    assert_non_null(exchange_find(w.vhost, slice_str(EVENT_EXCHANGE)));
    assert_null(exchange_find(other, slice_str(EVENT_EXCHANGE)));
}

/* --- what is in it ---------------------------------------------------------------------------- */

static void an_event_has_its_key_its_fields_and_last_the_time(void **state)
{
    (void)state;
    world_bind(&w, EVENT_EXCHANGE, "->", "q", "alarm.set");
    event_alarm(w.broker, "disk", true);
    assert_int_equal(arrived(), 1);
    struct message *m = message_at(0);
    assert_true(slice_is(message_exchange(m), "amq.rabbitmq.event"));
    assert_true(slice_is(message_routing_key(m), "alarm.set"));
    check_headers(m, "[{<<\"node\">>,longstr,<<\"leveret@localhost\">>},"
                     "{<<\"source\">>,longstr,<<\"disk\">>},"
                     "{<<\"timestamp_in_ms\">>,long,1700000000000}]");
}

static void an_event_is_persistent_and_empty_and_has_the_time_in_seconds(void **state)
{
    (void)state;
    world_bind(&w, EVENT_EXCHANGE, "->", "q", "alarm.set");
    event_alarm(w.broker, "disk", true);
    assert_int_equal(arrived(), 1);
    const struct properties p = properties_of(message_at(0));
    assert_int_equal(p.flags, PROPERTY_HEADERS | PROPERTY_DELIVERY_MODE | PROPERTY_TIMESTAMP);
    assert_int_equal(p.delivery_mode, DELIVERY_MODE_PERSISTENT);
    assert_int_equal(p.timestamp, 1700000000);
    assert_int_equal(message_body(message_at(0)).n, 0);
}

static void an_event_names_who_did_it(void **state)
{
    (void)state;
    struct vhost *other;
    struct slice who;
    world_bind(&w, EVENT_EXCHANGE, "->", "q", "vhost.created");
    struct slice before = events_act_as(slice_str("alice"));
    vhost_create(w.broker, &(struct definition_vhost){.name = slice_str("other")}, true, NOBODY,
                 &other);
    events_act_as(before);
    assert_int_equal(arrived(), 1);
    const struct slice headers = properties_of(message_at(0)).headers;
    assert_true(table_find_string(headers, "user_who_performed_action", &who));
    assert_true(slice_is(who, "alice"));
    assert_true(table_find_string(headers, "name", &who));
    assert_true(slice_is(who, "other"));
}

static void events_of_one_loop_arrive_in_the_order_in_which_they_happened(void **state)
{
    (void)state;
    enum { EVENTS = 50 };
    world_bind(&w, EVENT_EXCHANGE, "->", "q", "alarm.*");
    for (unsigned i = 0; i < EVENTS; i++) {
        loop_sim_enter(there);
        event_alarm(w.broker, "disk", i % 3 == 0);
        loop_sim_enter(NULL);
        if (i % 7 == 0)
            loop_sim_turn(w.loops);
    }
    assert_int_equal(arrived(), EVENTS);
    for (unsigned i = 0; i < EVENTS; i++)
        assert_true(slice_is(message_routing_key(message_at(i)),
                             i % 3 == 0 ? "alarm.set" : "alarm.cleared"));
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        T(no_event_is_made_while_nothing_is_bound),
        T(an_event_goes_to_those_bound_with_its_key),
        T(once_events_are_stopped_none_is_made_even_for_a_new_binding),
        T(an_event_whose_vhost_has_been_deleted_meanwhile_goes_nowhere),
        T(only_the_vhost_of_events_has_the_event_exchange),
        T(an_event_has_its_key_its_fields_and_last_the_time),
        T(an_event_is_persistent_and_empty_and_has_the_time_in_seconds),
        T(an_event_names_who_did_it),
        T(events_of_one_loop_arrive_in_the_order_in_which_they_happened),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
