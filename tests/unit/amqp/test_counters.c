/* Totals of what clients did: they stay when queues, channels and connections have gone. */
#include "session_world.h"

#include "base/counters.h"
#include "topology/exchange.h"
#include "topology/exchange_counts.h"

/* The counters before those of COUNTERS_OF_METRICS. */
enum {
#define COUNT_ONE(name, help) +1
    KINDS_OF_ALL = 0 COUNTERS_DERIVED(COUNT_ONE) COUNTERS_OF_ALL(COUNT_ONE)
};

/* Assert what has been counted since the last look. */
#define assert_counted(...)                                                                        \
    do {                                                                                           \
        counters_complete(&counters_here);                                                         \
        assert_counts(KINDS_OF_ALL, __VA_ARGS__);                                                  \
    } while (0)
#define assert_all_counts(...)                                                                     \
    do {                                                                                           \
        counters_complete(&counters_here);                                                         \
        assert_counts(COUNTER_KINDS, __VA_ARGS__);                                                 \
    } while (0)
#define assert_counts(kinds, ...)                                                                  \
    do {                                                                                           \
        const struct counters wanted_ = {__VA_ARGS__};                                             \
        for (size_t i_ = 0; i_ < (kinds); i_++)                                                    \
            if (counter_of(&counters_here, &counter_kinds[i_]) !=                                  \
                counter_of(&wanted_, &counter_kinds[i_]))                                          \
                fail_msg("%s: %llu, not %llu", counter_kinds[i_].name,                             \
                         (unsigned long long)counter_of(&counters_here, &counter_kinds[i_]),       \
                         (unsigned long long)counter_of(&wanted_, &counter_kinds[i_]));            \
        counters_here = (struct counters){0};                                                      \
    } while (0)

static struct peer *begin(struct world *w)
{
    world_start(w, 1, 1);
    counters_here = (struct counters){0};
    struct peer *peer = world_login(w, 0, 0, 0);
    assert_counted(.connections_opened = 1, .channels_opened = 1);
    peer_declares(w, peer, "q");
    assert_counted(.queues_declared = 1, .queues_created = 1);
    peer_declares(w, peer, "q");
    assert_counted(.queues_declared = 1);
    return peer;
}

static void each_step_of_a_message_is_counted(void **state)
{
    (void)state;
    struct world w;
    struct peer *peer = begin(&w);
    peer_publishes(peer, "q", 'a', 5);
    peer_publishes(peer, "q", 'b', 5);
    world_settle(&w);
    assert_counted(.published = 2, .queued = 2, .routed = 2);
    PEER_SAYS(peer, 1, basic_consume, .queue = slice_str("q"), .consumer_tag = slice_str("c"));
    world_settle(&w);
    assert_counted(.consumers_added = 1, .delivered = 2);
    PEER_SAYS(peer, 1, basic_ack, .delivery_tag = 1);
    PEER_SAYS(peer, 1, basic_nack, .delivery_tag = 2, .requeue = true);
    world_settle(&w);
    assert_counted(.acked = 1, .delivered = 1, .redelivered = 1);
    PEER_SAYS(peer, 1, basic_reject, .delivery_tag = 3);
    world_settle(&w);
    assert_counted(.given_up_rejected = 1);
    PEER_SAYS(peer, 1, basic_cancel, .consumer_tag = slice_str("c"));
    world_settle(&w);
    assert_counted(.consumers_removed = 1);
    world_stop(&w);
}

static void a_get_is_counted_even_if_it_finds_nothing(void **state)
{
    (void)state;
    struct world w;
    struct peer *peer = begin(&w);
    peer_publishes(peer, "q", 'a', 5);
    world_settle(&w);
    assert_counted(.published = 1, .queued = 1, .routed = 1);
    PEER_SAYS(peer, 1, basic_get, .queue = slice_str("q"), .no_ack = true);
    world_settle(&w);
    assert_counted(.got_no_ack = 1);
    PEER_SAYS(peer, 1, basic_get, .queue = slice_str("q"));
    world_settle(&w);
    assert_counted(.got_empty = 1);
    world_stop(&w);
}

static void a_message_without_a_queue_is_returned_or_dropped_and_counted_so(void **state)
{
    (void)state;
    struct world w;
    struct peer *peer = begin(&w);
    struct lv_buffer bytes = {0};
    const struct amqp_basic_publish mandatory = {.routing_key = slice_str("none"),
                                                 .mandatory = true};
    put_publish(&bytes, &mandatory, 'a', 5);
    net_sim_send(&peer->net, lv_buffer_slice(&bytes));
    lv_buffer_free(&bytes);
    world_settle(&w);
    assert_counted(.published = 1, .returned = 1);
    peer_publishes(peer, "none", 'b', 5);
    world_settle(&w);
    assert_counted(.published = 1, .unroutable = 1);
    world_stop(&w);
}

static void a_confirm_is_counted_for_each_message(void **state)
{
    (void)state;
    struct world w;
    struct peer *peer = begin(&w);
    PEER_SAYS(peer, 1, confirm_select, .no_wait = false);
    for (unsigned i = 0; i < 3; i++)
        peer_publishes(peer, "q", 'a', 5);
    world_settle(&w);
    assert_all_counts(.published = 3, .published_confirming = 3, .queued = 3, .routed = 3,
                      .confirmed = 3, .confirmed_ms_1 = 3, .published_to_100 = 3,
                      .published_bytes = 15);
    world_stop(&w);
}

static void a_message_is_counted_by_its_size_and_by_the_type_of_its_queue(void **state)
{
    (void)state;
    struct world w;
    struct peer *peer = begin(&w);
    peer_publishes(peer, "q", 'a', 5);
    peer_publishes(peer, "q", 'b', 500);
    world_settle(&w);
    assert_all_counts(.published = 2, .queued = 2, .routed = 2, .published_to_100 = 1,
                      .published_to_1000 = 1, .published_bytes = 505);
    PEER_SAYS(peer, 1, basic_get, .queue = slice_str("q"), .no_ack = true);
    PEER_SAYS(peer, 1, basic_consume, .queue = slice_str("q"), .consumer_tag = slice_str("c"));
    world_settle(&w);
    assert_all_counts(.got_no_ack = 1, .got_no_ack_classic = 1, .consumers_added = 1,
                      .delivered = 1, .delivered_classic = 1);
    PEER_SAYS(peer, 1, basic_reject, .delivery_tag = 2);
    world_settle(&w);
    assert_all_counts(.given_up_rejected = 1, .rejected_classic_disabled = 1);
    world_stop(&w);
}

static void totals_do_not_fall_when_queues_and_connections_end(void **state)
{
    (void)state;
    struct world w;
    struct peer *peer = begin(&w);
    struct counters before, after;
    counters_register();
    peer_publishes(peer, "q", 'a', 5);
    PEER_SAYS(peer, 1, basic_get, .queue = slice_str("q"), .no_ack = true);
    world_settle(&w);
    counters_read(&before);
    assert_int_equal(before.published, 1);
    assert_int_equal(before.got_no_ack, 1);
    PEER_SAYS(peer, 1, queue_delete, .queue = slice_str("q"));
    world_settle(&w);
    world_stop(&w); /* every connection ends */
    counters_read(&after);
    assert_int_equal(after.queues_deleted, 1);
    assert_int_equal(after.connections_closed, 1);
    assert_int_equal(after.channels_closed, 1);
    for (size_t i = 0; i < COUNTER_KINDS; i++)
        assert_true(counter_of(&after, &counter_kinds[i]) >=
                    counter_of(&before, &counter_kinds[i]));
    assert_int_equal(after.published, 1);
    assert_int_equal(after.got_no_ack, 1);
    counters_unregister();
}

/* The second message goes by the memo of the first one's route. */
static void an_exchange_counts_its_messages_and_their_queues(void **state)
{
    (void)state;
    struct world w;
    struct peer *peer = begin(&w);
    uint64_t in, out;
    PEER_SAYS(peer, 1, queue_declare, .queue = slice_str("r"));
    PEER_SAYS(peer, 1, queue_bind, .queue = slice_str("q"), .exchange = slice_str("amq.fanout"));
    PEER_SAYS(peer, 1, queue_bind, .queue = slice_str("r"), .exchange = slice_str("amq.fanout"));
    struct lv_buffer bytes = {0};
    const struct amqp_basic_publish m = {.exchange = slice_str("amq.fanout")};
    put_publish(&bytes, &m, 'a', 5);
    put_publish(&bytes, &m, 'b', 5);
    net_sim_send(&peer->net, lv_buffer_slice(&bytes));
    lv_buffer_free(&bytes);
    world_settle(&w);
    struct vhost *vhost = vhost_find(&w.broker->topology, slice_str("/"));
    exchange_counts_read(exchange_find(vhost, slice_str("amq.fanout")), &in, &out);
    assert_int_equal(in, 2);
    assert_int_equal(out, 4);
    world_stop(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_step_of_a_message_is_counted),
        cmocka_unit_test(a_get_is_counted_even_if_it_finds_nothing),
        cmocka_unit_test(a_message_without_a_queue_is_returned_or_dropped_and_counted_so),
        cmocka_unit_test(a_confirm_is_counted_for_each_message),
        cmocka_unit_test(a_message_is_counted_by_its_size_and_by_the_type_of_its_queue),
        cmocka_unit_test(totals_do_not_fall_when_queues_and_connections_end),
        cmocka_unit_test(an_exchange_counts_its_messages_and_their_queues),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
