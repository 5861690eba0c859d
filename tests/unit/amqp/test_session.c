/* Sessions on simulated sockets: what depends on time to the millisecond, on how bytes are cut, on
 * a peer that does not read, and on the order in which loops get their turns. */
#include <stdlib.h>

#include "amqp/session_world.h"

enum { SEEDS = 20 };

static void a_message_goes_from_a_publisher_on_one_loop_to_a_consumer_on_another(void **state)
{
    (void)state;
    for (uint64_t seed = 0; seed < SEEDS; seed++) {
        struct world w;
        world_start(&w, 3, seed);
        struct peer *publisher = world_login(&w, 0, 0, 0);
        struct peer *consumer = world_login(&w, 1, 1, 0);
        PEER_SAYS(publisher, 1, queue_declare, .queue = slice_str("q"));
        world_settle(&w);
        PEER_SAYS(consumer, 1, basic_consume, .queue = slice_str("q"));
        world_settle(&w);
        peer_publishes(publisher, "q", 'a', 5);
        peer_publishes(publisher, "q", 'b', 2);
        world_settle(&w);
        PEER_HEARS(publisher, "1 queue.declare_ok\n");
        PEER_HEARS(consumer, "1 basic.consume_ok\n"
                             "1 basic.deliver 1\n"
                             "1 content 5 aaaaa\n"
                             "1 basic.deliver 2\n"
                             "1 content 2 bb\n");
        world_stop(&w);
    }
}

static void frames_are_the_same_however_their_bytes_are_cut(void **state)
{
    (void)state;
    for (size_t piece = 1; piece < 40; piece++) {
        struct world w;
        struct lv_buffer bytes = {0};
        world_start(&w, 1, 0);
        struct peer *peer = world_login(&w, 0, 0, 0);
        PEER_SAYS(peer, 1, queue_declare, .queue = slice_str("q"));
        PEER_SAYS(peer, 1, basic_consume, .queue = slice_str("q"), .no_ack = true);
        put_message(&bytes, "q", 'a', 3);
        put_message(&bytes, "q", 'b', 9);
        for (size_t at = 0; at < bytes.n; at += piece) {
            size_t n = bytes.n - at < piece ? bytes.n - at : piece;
            net_sim_send(&peer->net, slice_of(bytes.p + at, n));
            world_settle(&w);
        }
        PEER_HEARS(peer, "1 queue.declare_ok\n"
                         "1 basic.consume_ok\n"
                         "1 basic.deliver 1\n"
                         "1 content 3 aaa\n"
                         "1 basic.deliver 2\n"
                         "1 content 9 bbbbbbbbb\n");
        lv_buffer_free(&bytes);
        world_stop(&w);
    }
}

static void a_consumer_that_does_not_read_holds_up_its_queue_and_loses_nothing(void **state)
{
    (void)state;
    enum { MESSAGES = 200, MESSAGE_BYTES = 10000 };
    struct world w;
    world_start(&w, 2, 1);
    struct peer *publisher = world_login(&w, 0, 0, 0);
    struct peer *consumer = world_login(&w, 1, 1, 0);
    PEER_SAYS(publisher, 1, queue_declare, .queue = slice_str("q"));
    world_settle(&w);
    PEER_SAYS(consumer, 1, basic_consume, .queue = slice_str("q"), .no_ack = true);
    world_settle(&w);

    consumer->net.window = 0;
    for (unsigned i = 0; i < MESSAGES; i++)
        peer_publishes(publisher, "q", 'a', MESSAGE_BYTES);
    world_settle(&w);
    size_t unread = net_unwritten(consumer->net.conn);
    assert_in_range(unread, 200 * 1024, 600 * 1024); /* of 2 MB, with what was under way */

    net_sim_open_window(&consumer->net, 100 * 1024);
    world_settle(&w);
    assert_in_range(net_unwritten(consumer->net.conn), unread - 101 * 1024, unread);
    net_sim_open_window(&consumer->net, SIZE_MAX);
    world_settle(&w);
    assert_int_equal(peer_contents(consumer), MESSAGES);
    world_stop(&w);
}

static void a_handshake_has_ten_seconds(void **state)
{
    (void)state;
    struct world w;
    world_start(&w, 1, 0);
    struct peer *silent = world_connect(&w, 0, 0);
    world_wait(&w, HANDSHAKE_MS - 1);
    assert_false(silent->net.is_shut);
    world_wait(&w, 1);
    assert_true(silent->net.is_shut);
    world_stop(&w);
}

static void a_peer_is_gone_at_the_second_check_in_a_row_that_finds_it_silent(void **state)
{
    (void)state;
    struct world w;
    world_start(&w, 1, 0);
    struct peer *early = world_login(&w, 0, 0, 10); /* last heard soon after a check */
    struct peer *late = world_login(&w, 1, 0, 10);  /* last heard soon before one */
    struct peer *alive = world_login(&w, 2, 0, 10);
    world_wait(&w, 11000);
    peer_beats(early);
    world_wait(&w, 8000);
    peer_beats(late);
    peer_beats(alive);
    world_wait(&w, 10000);
    peer_beats(alive);
    world_wait(&w, 10999);
    assert_false(early->net.is_shut);
    assert_false(late->net.is_shut);
    world_wait(&w, 1); /* 29 and 21 seconds after their last words */
    assert_true(early->net.is_shut);
    assert_true(late->net.is_shut);
    assert_false(alive->net.is_shut);
    world_stop(&w);
}

static void time_in_which_the_broker_stood_still_is_not_the_peers_silence(void **state)
{
    (void)state;
    struct world w;
    world_start(&w, 2, 0);
    struct peer *beating = world_login(&w, 0, 0, 10);
    struct peer *stopped_too = world_login(&w, 1, 1, 10);
    struct peer *greeting = world_connect(&w, 2, 1);
    world_wait(&w, 9000);
    for (unsigned i = 0; i < 2; i++) {
        loop_sim_stall(w.loops, 600000);
        peer_beats(beating);
        world_settle(&w);
        assert_false(beating->net.is_shut);
        assert_false(stopped_too->net.is_shut);
        assert_false(greeting->net.is_shut);
    }
    net_sim_send(&greeting->net, slice_of("AMQP\0\0\x09\x01", 8));
    world_wait(&w, 900);
    PEER_HEARS(greeting, "0 connection.start\n");
    world_wait(&w, 30000);
    assert_true(beating->net.is_shut); /* what is silent while we read is as before */
    assert_true(stopped_too->net.is_shut);
    assert_true(greeting->net.is_shut);
    world_stop(&w);
}

static void a_heartbeat_is_sent_every_half_interval_without_other_news(void **state)
{
    (void)state;
    struct world w;
    world_start(&w, 1, 0);
    struct peer *peer = world_login(&w, 0, 0, 10);
    world_wait(&w, 4999);
    PEER_HEARS(peer, "");
    world_wait(&w, 1);
    PEER_HEARS(peer, "0 heartbeat\n");
    peer_beats(peer);
    world_wait(&w, 5000);
    PEER_HEARS(peer, "0 heartbeat\n");
    world_stop(&w);
}

static void what_a_lost_consumer_held_is_requeued_at_its_position(void **state)
{
    (void)state;
    for (uint64_t seed = 0; seed < SEEDS; seed++) {
        struct world w;
        world_start(&w, 3, seed);
        struct peer *publisher = world_login(&w, 0, 0, 0);
        struct peer *lost = world_login(&w, 1, 1, 0);
        PEER_SAYS(publisher, 1, queue_declare, .queue = slice_str("q"));
        world_settle(&w);
        PEER_SAYS(lost, 1, basic_qos, .prefetch_count = 2);
        PEER_SAYS(lost, 1, basic_consume, .queue = slice_str("q"));
        for (char c = 'a'; c <= 'c'; c++)
            peer_publishes(publisher, "q", c, 1);
        world_settle(&w);
        PEER_HEARS(lost, "1 basic.qos_ok\n"
                         "1 basic.consume_ok\n"
                         "1 basic.deliver 1\n"
                         "1 content 1 a\n"
                         "1 basic.deliver 2\n"
                         "1 content 1 b\n");
        net_sim_reset(&lost->net);
        world_settle(&w);
        struct peer *next = world_login(&w, 2, 2, 0);
        PEER_SAYS(next, 1, basic_consume, .queue = slice_str("q"));
        world_settle(&w);
        PEER_HEARS(next, "1 basic.consume_ok\n"
                         "1 basic.deliver 1 redelivered\n"
                         "1 content 1 a\n"
                         "1 basic.deliver 2 redelivered\n"
                         "1 content 1 b\n"
                         "1 basic.deliver 3\n"
                         "1 content 1 c\n");
        world_stop(&w);
    }
}

static void after_our_close_only_the_peers_close_and_close_ok_count(void **state)
{
    (void)state;
    struct world w;
    world_start(&w, 1, 0);
    struct peer *peer = world_login(&w, 0, 0, 0);
    PEER_SAYS(peer, 5, channel_flow, .active = true);
    PEER_SAYS(peer, 1, queue_declare, .queue = slice_str("q"));
    world_settle(&w);
    PEER_HEARS(peer, "0 connection.close 504\n");
    assert_false(peer->net.is_shut);
    PEER_SAYS(peer, 0, connection_close_ok, .none = 0);
    world_settle(&w);
    assert_true(peer->net.is_shut);
    PEER_HEARS(peer, "");
    world_stop(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_message_goes_from_a_publisher_on_one_loop_to_a_consumer_on_another),
        cmocka_unit_test(frames_are_the_same_however_their_bytes_are_cut),
        cmocka_unit_test(a_consumer_that_does_not_read_holds_up_its_queue_and_loses_nothing),
        cmocka_unit_test(a_handshake_has_ten_seconds),
        cmocka_unit_test(a_peer_is_gone_at_the_second_check_in_a_row_that_finds_it_silent),
        cmocka_unit_test(time_in_which_the_broker_stood_still_is_not_the_peers_silence),
        cmocka_unit_test(a_heartbeat_is_sent_every_half_interval_without_other_news),
        cmocka_unit_test(what_a_lost_consumer_held_is_requeued_at_its_position),
        cmocka_unit_test(after_our_close_only_the_peers_close_and_close_ok_count),
    };
    return cmocka_run_group_tests_name("session", tests, NULL, NULL);
}
