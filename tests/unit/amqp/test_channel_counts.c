/* What a channel counts, what of it is by queue, and what a vhost keeps of it. */
#include "session_world.h"

#include "broker/broker.h"

struct seen {
    unsigned connections, channels, deliveries;
    struct channel_counts channel; /* of the last one */
    struct channel_counts of_queue[4];
};

static void see_connection(void *arg, const struct session_facts *facts)
{
    struct seen *seen = arg;
    (void)facts;
    seen->connections++;
}

static void see_channel(void *arg, const struct session_channel_facts *facts)
{
    struct seen *seen = arg;
    seen->channels++;
    seen->channel = facts->counts;
}

static void see_delivery(void *arg, const struct session_delivery_facts *facts)
{
    struct seen *seen = arg;
    assert_true(seen->deliveries < 4);
    assert_true(slice_is(facts->queue, "q"));
    seen->of_queue[seen->deliveries++] = facts->counts;
}

static const struct session_visitor visitor = {
    .connection = see_connection, .channel = see_channel, .delivery = see_delivery};

static struct seen look(struct world *w)
{
    struct seen seen = {0};
    sessions_visit(loops_at(w->loops, 0), &visitor, &seen);
    return seen;
}

static struct peer *begin(struct world *w)
{
    world_start(w, 1, 1);
    struct peer *peer = world_login(w, 0, 0, 0);
    peer_declares(w, peer, "q");
    return peer;
}

static void assert_counts(struct channel_counts counts, struct channel_counts expected)
{
    assert_memory_equal(&counts, &expected, sizeof counts);
}

static void publishes_and_confirms_are_counted(void **state)
{
    (void)state;
    struct world w;
    struct peer *peer = begin(&w);
    PEER_SAYS(peer, 1, confirm_select, .no_wait = false);
    peer_publishes(peer, "q", 'a', 5);
    peer_publishes(peer, "none", 'b', 5);
    struct lv_buffer bytes = {0};
    put_publish(&bytes,
                &(struct amqp_basic_publish){.routing_key = slice_str("none"), .mandatory = true},
                'c', 5);
    net_sim_send(&peer->net, lv_buffer_slice(&bytes));
    lv_buffer_free(&bytes);
    world_settle(&w);
    assert_counts(look(&w).channel,
                  (struct channel_counts){
                      .publish = 3, .confirm = 3, .drop_unroutable = 1, .return_unroutable = 1});
    world_stop(&w);
}

static void deliveries_are_counted_by_channel_and_by_queue(void **state)
{
    (void)state;
    struct world w;
    struct peer *peer = begin(&w);
    peer_publishes(peer, "q", 'a', 5);
    peer_publishes(peer, "q", 'b', 5);
    PEER_SAYS(peer, 1, basic_get, .queue = slice_str("q"), .no_ack = true);
    PEER_SAYS(peer, 1, basic_get, .queue = slice_str("q"));
    PEER_SAYS(peer, 1, basic_get, .queue = slice_str("q"));
    PEER_SAYS(peer, 1, basic_reject, .delivery_tag = 2, .requeue = true);
    PEER_SAYS(peer, 1, basic_consume, .queue = slice_str("q"), .consumer_tag = slice_str("c"));
    world_settle(&w);
    PEER_SAYS(peer, 1, basic_ack, .delivery_tag = 3);
    world_settle(&w);
    struct seen seen = look(&w);
    assert_counts(seen.channel, (struct channel_counts){.publish = 2,
                                                        .get_no_ack = 1,
                                                        .get = 1,
                                                        .get_empty = 1,
                                                        .deliver = 1,
                                                        .redeliver = 1,
                                                        .ack = 1});
    assert_int_equal(seen.deliveries, 2);
    assert_counts(seen.of_queue[0],
                  (struct channel_counts){.deliver = 1, .redeliver = 1, .ack = 1});
    assert_counts(seen.of_queue[1],
                  (struct channel_counts){.get_no_ack = 1, .get = 1, .get_empty = 1});
    world_stop(&w);
}

static void a_vhost_keeps_what_ended_channels_have_counted(void **state)
{
    (void)state;
    struct world w;
    struct vhost_ended_counts ended;
    struct peer *peer = begin(&w);
    struct vhost *vhost = vhost_find(&w.broker->topology, slice_str("/"));
    PEER_SAYS(peer, 1, confirm_select, .no_wait = false);
    peer_publishes(peer, "q", 'a', 5);
    world_settle(&w);
    vhost_ended_read(vhost, &ended);
    assert_int_equal(ended.channels.publish, 0);
    PEER_SAYS(peer, 1, channel_close, .reply_code = 200);
    world_settle(&w);
    vhost_ended_read(vhost, &ended);
    assert_int_equal(ended.channels.publish, 1);
    assert_int_equal(ended.channels.confirm, 1);
    assert_int_equal(ended.received_bytes, 0);
    net_sim_reset(&peer->net);
    world_settle(&w);
    vhost_ended_read(vhost, &ended);
    assert_true(ended.received_bytes > 0 && ended.sent_bytes > 0);
    world_stop(&w);
}

/* Sessions end while a walk is under way, and the next one to be visited is among them. */
static void a_walk_goes_on_when_sessions_end_meanwhile(void **state)
{
    (void)state;
    struct world w;
    struct seen seen = {0};
    struct sessions_walk walk, idle;
    world_start(&w, 1, 1);
    struct peer *peers[4];
    for (unsigned i = 0; i < 4; i++)
        peers[i] = world_login(&w, i, 0, 0);
    struct loop *loop = loops_at(w.loops, 0);
    sessions_walk_begin(loop, &walk);
    sessions_walk_begin(loop, &idle);
    assert_true(sessions_walk_on(loop, &walk, 1, &visitor, &seen));
    assert_int_equal(seen.connections, 1);
    net_sim_reset(&peers[0]->net);
    net_sim_reset(&peers[1]->net);
    world_settle(&w);
    assert_false(sessions_walk_on(loop, &walk, 100, &visitor, &seen));
    assert_int_equal(seen.connections, 3);
    assert_int_equal(seen.channels, 3);
    sessions_walk_end(&walk);
    sessions_walk_end(&idle);
    world_stop(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(publishes_and_confirms_are_counted),
        cmocka_unit_test(deliveries_are_counted_by_channel_and_by_queue),
        cmocka_unit_test(a_vhost_keeps_what_ended_channels_have_counted),
        cmocka_unit_test(a_walk_goes_on_when_sessions_end_meanwhile),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
