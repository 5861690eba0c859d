/* A consumer that holds a delivery for too long, on the simulated clock. */
#include "amqp/session_world.h"

#include "base/buffer.h"
#include "queue/queue.h"
#include "wire/table.h"

enum { TIMEOUT_MS = 30000, TENTHS_MS = 200 };

#define TOO_LATE                                                                                   \
    "1 channel.close 406 PRECONDITION_FAILED - delivery acknowledgement on channel 1 timed out. "  \
    "Timeout value used: 30000 ms. This timeout value can be configured, see consumers doc guide " \
    "to learn more\n"

/* Connects with the capability consumer_cancel_notify. */
static struct peer *login(struct world *w, unsigned i, unsigned loop)
{
    struct lv_buffer b = {0};
    struct table_writer t;
    table_begin(&t, &b);
    table_put_table(&t, "capabilities");
    table_put_bool(&t, "consumer_cancel_notify", true);
    table_end(&t);
    struct peer *peer = world_login_as(w, i, loop, 0, table_end(&t));
    lv_buffer_free(&b);
    return peer;
}

/* x-consumer-timeout: 30000. */
static const char timeout_argument[] = "\x12x-consumer-timeoutI\0\0\x75\x30";
#define TIMEOUT_ARGUMENT slice_of(timeout_argument, sizeof timeout_argument - 1)

static void declare(struct world *w, struct peer *peer, struct slice arguments)
{
    PEER_SAYS(peer, 1, queue_declare, .queue = slice_str("q"), .arguments = arguments);
    world_settle(w);
    PEER_HEARS(peer, "1 queue.declare_ok\n");
}

static void a_late_consumer_is_cancelled_and_the_next_gets_its_deliveries(void **state)
{
    (void)state;
    for (unsigned loops = 1; loops <= 3; loops++) {
        struct world w;
        world_start(&w, loops, loops);
        struct peer *first = login(&w, 0, 0);
        struct peer *second = login(&w, 1, loops - 1);
        declare(&w, first, TIMEOUT_ARGUMENT);
        PEER_SAYS(first, 1, basic_consume, .queue = slice_str("q"), .consumer_tag = slice_str("c"));
        peer_publishes(first, "q", 'a', 1);
        peer_publishes(first, "q", 'b', 1);
        world_settle(&w);
        PEER_HEARS(first, "1 basic.consume_ok\n"
                          "1 basic.deliver 1\n1 content 1 a\n"
                          "1 basic.deliver 2\n1 content 1 b\n");
        PEER_SAYS(second, 1, basic_consume, .queue = slice_str("q"));
        world_wait(&w, TIMEOUT_MS - 1);
        PEER_HEARS(first, "");
        PEER_SAYS(second, 1, basic_qos, .prefetch_count = 0);
        world_wait(&w, TENTHS_MS);
        PEER_HEARS(first, "1 basic.cancel\n");
        PEER_HEARS(second, "1 basic.consume_ok\n1 basic.qos_ok\n"
                           "1 basic.deliver 1 redelivered\n1 content 1 a\n"
                           "1 basic.deliver 2 redelivered\n1 content 1 b\n");

        /* What it says of them now is no mistake. What it never was given still is. */
        PEER_SAYS(first, 1, basic_ack, .delivery_tag = 1);
        PEER_SAYS(first, 1, basic_nack, .delivery_tag = 2, .multiple = true, .requeue = true);
        PEER_SAYS(first, 1, basic_qos, .prefetch_count = 0);
        world_settle(&w);
        PEER_HEARS(first, "1 basic.qos_ok\n");
        PEER_SAYS(first, 1, basic_ack, .delivery_tag = 3);
        world_settle(&w);
        PEER_HEARS(first, "1 channel.close 406 PRECONDITION_FAILED - unknown delivery tag 3\n");
        PEER_HEARS(second, "");
        world_stop(&w);
    }
}

static void a_consumer_that_acknowledges_in_time_stays(void **state)
{
    (void)state;
    struct world w;
    world_start(&w, 2, 7);
    struct peer *peer = login(&w, 0, 0);
    declare(&w, peer, TIMEOUT_ARGUMENT);
    PEER_SAYS(peer, 1, basic_consume, .queue = slice_str("q"));
    for (unsigned i = 1; i <= 10; i++) {
        peer_publishes(peer, "q", 'a', 1);
        world_wait(&w, TIMEOUT_MS - 1000);
        PEER_SAYS(peer, 1, basic_ack, .delivery_tag = i);
        world_settle(&w);
    }
    assert_int_equal(peer_contents(peer), 10);
    peer_publishes(peer, "q", 'a', 1); /* counted from here */
    world_wait(&w, TIMEOUT_MS - 1000);
    assert_int_equal(peer_contents(peer), 1);
    world_wait(&w, 1000 + TENTHS_MS);
    PEER_HEARS(peer, "1 basic.cancel\n");
    world_stop(&w);
}

static void time_in_which_nobody_read_its_acknowledgement_does_not_count(void **state)
{
    (void)state;
    struct world w;
    world_start(&w, 1, 0);
    struct peer *peer = login(&w, 0, 0);
    declare(&w, peer, TIMEOUT_ARGUMENT);
    PEER_SAYS(peer, 1, basic_consume, .queue = slice_str("q"), .consumer_tag = slice_str("c"));
    peer_publishes(peer, "q", 'a', 1);
    world_wait(&w, TIMEOUT_MS - 1000);
    PEER_HEARS(peer, "1 basic.consume_ok\n1 basic.deliver 1\n1 content 1 a\n");
    loop_sim_stall(w.loops, 600000); /* the broker's process is stopped */
    world_wait(&w, 700);
    net_pause(peer->net.conn); /* its connection is not read */
    PEER_SAYS(peer, 1, basic_ack, .delivery_tag = 1);
    PEER_SAYS(peer, 1, basic_qos, .prefetch_count = 0);
    world_wait(&w, 600000);
    PEER_HEARS(peer, "");
    net_resume(peer->net.conn);
    world_wait(&w, TIMEOUT_MS);
    PEER_HEARS(peer, "1 basic.qos_ok\n");
    world_stop(&w);
}

static void a_client_without_consumer_cancel_notify_has_its_channel_closed(void **state)
{
    (void)state;
    struct world w;
    world_start(&w, 2, 3);
    struct peer *peer = world_login(&w, 0, 0, 0);
    declare(&w, peer, SLICE_EMPTY);
    PEER_SAYS(peer, 1, basic_consume, .queue = slice_str("q"), .arguments = TIMEOUT_ARGUMENT);
    peer_publishes(peer, "q", 'a', 1);
    world_wait(&w, TIMEOUT_MS - 1);
    PEER_HEARS(peer, "1 basic.consume_ok\n1 basic.deliver 1\n1 content 1 a\n");
    world_wait(&w, TENTHS_MS);
    PEER_HEARS(peer, TOO_LATE);
    world_stop(&w);
}

static void a_delivery_by_basic_get_times_out_too(void **state)
{
    (void)state;
    struct world w;
    world_start(&w, 2, 4);
    struct peer *peer = login(&w, 0, 0);
    declare(&w, peer, TIMEOUT_ARGUMENT);
    peer_publishes(peer, "q", 'a', 1);
    PEER_SAYS(peer, 1, basic_get, .queue = slice_str("q"));
    world_wait(&w, TIMEOUT_MS - 1);
    PEER_HEARS(peer, "1 basic.get_ok\n1 content 1 a\n");
    world_wait(&w, TENTHS_MS);
    PEER_HEARS(peer, TOO_LATE);
    world_stop(&w);
}

static void the_brokers_default_timeout_holds_unless_queue_or_consumer_has_one(void **state)
{
    (void)state;
    struct world w;
    world_start(&w, 1, 5);
    struct peer *peer = login(&w, 0, 0);
    declare(&w, peer, SLICE_EMPTY);
    PEER_SAYS(peer, 1, basic_consume, .queue = slice_str("q"), .consumer_tag = slice_str("plain"));
    peer_publishes(peer, "q", 'a', 1);
    /* x-consumer-timeout: 0 is none. */
    PEER_SAYS(peer, 1, basic_consume, .queue = slice_str("q"), .consumer_tag = slice_str("patient"),
              .arguments = slice_of("\x12x-consumer-timeoutI\0\0\0\0", 24));
    world_settle(&w);
    peer_publishes(peer, "q", 'b', 1);
    world_wait(&w, 3600 * 1000);
    PEER_HEARS(peer, "1 basic.consume_ok\n1 basic.deliver 1\n1 content 1 a\n"
                     "1 basic.consume_ok\n1 basic.deliver 2\n1 content 1 b\n");
    w.broker->topology.consumer_timeout_ms = TIMEOUT_MS; /* it is long past */
    sessions_timeouts_changed(loops_at(w.loops, 0));
    world_wait(&w, 1);
    PEER_HEARS(peer, "1 basic.cancel\n"
                     "1 basic.deliver 3 redelivered\n1 content 1 a\n"
                     "1 basic.deliver 4 redelivered\n1 content 1 b\n");
    world_wait(&w, 3600 * 1000);
    PEER_HEARS(peer, "");
    world_stop(&w);
}

static void what_is_acknowledged_in_a_transaction_is_not_held(void **state)
{
    (void)state;
    struct world w;
    world_start(&w, 1, 6);
    struct peer *peer = login(&w, 0, 0);
    declare(&w, peer, TIMEOUT_ARGUMENT);
    PEER_SAYS(peer, 1, tx_select, .none = 0);
    PEER_SAYS(peer, 1, basic_consume, .queue = slice_str("q"));
    peer_publishes(peer, "q", 'a', 1);
    PEER_SAYS(peer, 1, tx_commit, .none = 0);
    PEER_SAYS(peer, 1, basic_ack, .delivery_tag = 1);
    world_wait(&w, 2 * TIMEOUT_MS);
    PEER_HEARS(peer, "1 tx.select_ok\n1 basic.consume_ok\n1 basic.deliver 1\n1 content 1 a\n"
                     "1 tx.commit_ok\n");
    PEER_SAYS(peer, 1, tx_rollback, .none = 0);
    world_wait(&w, 1);
    PEER_HEARS(peer, "1 tx.rollback_ok\n1 basic.cancel\n");
    world_stop(&w);
}

static void keep_channel(void *arg, const struct session_channel_facts *facts)
{
    *(struct session_channel_facts *)arg = *facts;
}

static struct session_channel_facts channel_facts(struct world *w, bool wants_timeouts)
{
    struct session_visitor visitor = {.channel = keep_channel, .wants_timeouts = wants_timeouts};
    struct session_channel_facts facts;
    sessions_visit(loops_at(w->loops, 0), &visitor, &facts);
    return facts;
}

/* x-consumer-timeout: 3600000 and 0, which is none. */
#define HOUR_ARGUMENT slice_of("\x12x-consumer-timeoutI\0\x36\xee\x80", 24)
#define NONE_ARGUMENT slice_of("\x12x-consumer-timeoutI\0\0\0\0", 24)

/* Has another queue's consumer on channel 1, which gets a message. */
static void consume_beside(struct world *w, struct peer *peer, const char *queue,
                           struct slice arguments)
{
    PEER_SAYS(peer, 1, queue_declare, .queue = slice_str(queue));
    PEER_SAYS(peer, 1, basic_consume, .queue = slice_str(queue), .consumer_tag = slice_str(queue),
              .arguments = arguments);
    peer_publishes(peer, queue, 'a', 1);
    world_settle(w);
    assert_int_equal(peer_contents(peer), 1);
}

static void the_nearest_timeout_is_looked_for_if_somebody_wants_to_know(void **state)
{
    (void)state;
    struct world w;
    world_start(&w, 1, 0);
    struct peer *peer = login(&w, 0, 0);
    consume_beside(&w, peer, "none", NONE_ARGUMENT);
    world_wait(&w, 5000);
    assert_int_equal(channel_facts(&w, true).held_timeout_ms, 0);
    consume_beside(&w, peer, "hour", HOUR_ARGUMENT);
    world_wait(&w, 5000);
    assert_int_equal(channel_facts(&w, true).held_timeout_ms, 3600000);
    consume_beside(&w, peer, "half", TIMEOUT_ARGUMENT);
    world_wait(&w, 5000);
    consume_beside(&w, peer, "later", TIMEOUT_ARGUMENT);
    world_wait(&w, 5000);
    struct session_channel_facts facts = channel_facts(&w, false);
    assert_int_equal(facts.unacknowledged, 4);
    assert_int_equal(facts.held_ms, 0);
    assert_int_equal(facts.held_timeout_ms, 0);
    facts = channel_facts(&w, true);
    assert_in_range(facts.held_ms, 10000 - TENTHS_MS, 10000);
    assert_int_equal(facts.held_timeout_ms, TIMEOUT_MS);
    world_stop(&w);
}

static void a_timeout_that_becomes_shorter_than_an_older_deliverys_holds(void **state)
{
    (void)state;
    struct world w;
    world_start(&w, 1, 0);
    struct peer *peer = login(&w, 0, 0);
    consume_beside(&w, peer, "hour", HOUR_ARGUMENT);
    consume_beside(&w, peer, "default", SLICE_EMPTY);
    w.broker->topology.consumer_timeout_ms = TIMEOUT_MS;
    sessions_timeouts_changed(loops_at(w.loops, 0));
    world_wait(&w, TIMEOUT_MS + TENTHS_MS);
    PEER_HEARS(peer, "1 basic.cancel\n");
    world_stop(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_late_consumer_is_cancelled_and_the_next_gets_its_deliveries),
        cmocka_unit_test(a_consumer_that_acknowledges_in_time_stays),
        cmocka_unit_test(time_in_which_nobody_read_its_acknowledgement_does_not_count),
        cmocka_unit_test(a_client_without_consumer_cancel_notify_has_its_channel_closed),
        cmocka_unit_test(a_delivery_by_basic_get_times_out_too),
        cmocka_unit_test(the_brokers_default_timeout_holds_unless_queue_or_consumer_has_one),
        cmocka_unit_test(what_is_acknowledged_in_a_transaction_is_not_held),
        cmocka_unit_test(the_nearest_timeout_is_looked_for_if_somebody_wants_to_know),
        cmocka_unit_test(a_timeout_that_becomes_shorter_than_an_older_deliverys_holds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
