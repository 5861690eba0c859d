/* Messages that are not whole: what they cost, and what keeps them within bounds. */
#include <stdlib.h>

#include "amqp/session_world.h"
#include "session/session_private.h"

enum { MIB = 1024 * 1024, LIMIT_BYTES = 4 * MIB };

static void start(struct world *w)
{
    world_start(w, 1, 0);
    w->server.settings.unfinished_bytes_max = LIMIT_BYTES;
}

static struct session_loop *home(struct world *w)
{
    return loop_slot(loops_at(w->loops, 0), &session_slot);
}

/* The method and header of a message of so many bytes, to a queue by its name. */
static void begin(struct world *w, struct peer *peer, uint16_t channel, const char *exchange,
                  const char *key, uint64_t body_bytes)
{
    uint8_t frame[FRAME_OVERHEAD + CONTENT_HEADER_FIXED_BYTES + 2];
    PEER_SAYS(peer, channel, basic_publish, .exchange = slice_str(exchange),
              .routing_key = slice_str(key));
    uint8_t *p =
        wire_put_frame_header(frame, FRAME_HEADER, channel, CONTENT_HEADER_FIXED_BYTES + 2);
    p = wire_put_u32(p, 60u << 16);
    p = wire_put_u64(p, body_bytes);
    p = wire_put_u16(p, 0);
    wire_put_u8(p, FRAME_END);
    net_sim_send(&peer->net, slice_of(frame, sizeof frame));
    world_settle(w);
}

/* So many bytes of body, in frames. */
static void go_on(struct world *w, struct peer *peer, uint16_t channel, size_t bytes)
{
    enum { FRAME_PAYLOAD = 100000 };
    uint8_t *frame = lv_calloc(1, FRAME_PAYLOAD + FRAME_OVERHEAD);
    for (size_t at = 0; at < bytes; at += FRAME_PAYLOAD) {
        size_t n = bytes - at < FRAME_PAYLOAD ? bytes - at : FRAME_PAYLOAD;
        wire_put_frame_header(frame, FRAME_BODY, channel, (uint32_t)n);
        frame[FRAME_HEADER_BYTES + n] = FRAME_END;
        net_sim_send(&peer->net, slice_of(frame, n + FRAME_OVERHEAD));
    }
    free(frame);
    world_settle(w);
}

static void an_announced_body_takes_no_room_until_it_comes(void **state)
{
    (void)state;
    struct world w;
    start(&w);
    struct peer *peer = world_login(&w, 0, 0, 0);
    begin(&w, peer, 1, "", "q", 100 * MIB);
    assert_int_equal(home(&w)->unfinished_bytes, 0);
    go_on(&w, peer, 1, 10);
    assert_in_range(home(&w)->unfinished_bytes, 10, 4096);
    go_on(&w, peer, 1, 100000);
    assert_in_range(home(&w)->unfinished_bytes, 100010, 200020);
    PEER_SAYS(peer, 0, connection_close, .reply_code = 200);
    world_settle(&w);
    assert_int_equal(home(&w)->unfinished_bytes, 0);
    world_stop(&w);
}

static void a_message_in_pieces_arrives_as_it_was_sent(void **state)
{
    (void)state;
    struct world w;
    start(&w);
    struct peer *peer = world_login(&w, 0, 0, 0);
    PEER_SAYS(peer, 1, queue_declare, .queue = slice_str("q"));
    struct lv_buffer bytes = {0};
    put_message(&bytes, "q", 'a', 9);
    for (size_t i = 0; i < bytes.n; i++) {
        net_sim_send(&peer->net, slice_of(bytes.p + i, 1));
        world_settle(&w);
    }
    w.server.settings.unfinished_bytes_max = 10000;
    begin(&w, peer, 1, "", "q", 120000);
    for (unsigned i = 0; i < 12; i++)
        go_on(&w, peer, 1, 10000);
    assert_int_equal(home(&w)->unfinished_bytes, 0);
    PEER_SAYS(peer, 1, basic_get, .queue = slice_str("q"), .no_ack = true);
    PEER_SAYS(peer, 1, basic_get, .queue = slice_str("q"), .no_ack = true);
    world_settle(&w);
    PEER_HEARS(peer, "1 queue.declare_ok\n"
                     "1 basic.get_ok\n"
                     "1 content 9 aaaaaaaaa\n"
                     "1 basic.get_ok\n"
                     "1 content 120000\n");
    lv_buffer_free(&bytes);
    world_stop(&w);
}

/* As in RabbitMQ, which looks at a message when all of it is there. */
static void what_will_be_refused_takes_no_room_and_is_refused_at_its_end(void **state)
{
    (void)state;
    struct world w;
    start(&w);
    struct peer *peer = world_login(&w, 0, 0, 0);
    begin(&w, peer, 1, "nowhere", "q", 300000);
    go_on(&w, peer, 1, 200000);
    assert_int_equal(home(&w)->unfinished_bytes, 0);
    PEER_HEARS(peer, "");
    go_on(&w, peer, 1, 100000);
    PEER_HEARS(peer, "1 channel.close 404 NOT_FOUND - no exchange 'nowhere' in vhost '/'\n");
    PEER_SAYS(peer, 1, channel_close_ok, .none = 0);
    PEER_SAYS(peer, 1, channel_open, .reserved1 = SLICE_EMPTY);
    w.server.settings.message_bytes_max = 1000;
    begin(&w, peer, 1, "", "q", 1001);
    PEER_HEARS(peer, "1 channel.open_ok\n");
    go_on(&w, peer, 1, 1001);
    PEER_HEARS(peer, "1 channel.close 406 PRECONDITION_FAILED - message size 1001 is larger than "
                     "configured max size 1000\n");
    world_stop(&w);
}

static void above_a_loops_limit_the_first_holder_goes_on_and_the_others_after_it(void **state)
{
    (void)state;
    struct world w;
    start(&w);
    struct peer *peers[3];
    for (unsigned i = 0; i < 3; i++) {
        peers[i] = world_login(&w, i, 0, 0);
        if (i == 0)
            PEER_SAYS(peers[0], 1, queue_declare, .queue = slice_str("q"));
        begin(&w, peers[i], 1, "", "q", 8 * MIB);
        go_on(&w, peers[i], 1, 3 * MIB);
    }
    assert_int_equal(home(&w)->unfinished_stops, 2);
    for (unsigned i = 3; i-- > 0;)
        go_on(&w, peers[i], 1, 5 * MIB);
    assert_int_equal(home(&w)->unfinished_stops, 0);
    assert_int_equal(home(&w)->unfinished_bytes, 0);
    PEER_SAYS(peers[0], 1, queue_purge, .queue = slice_str("q"));
    world_settle(&w);
    PEER_HEARS(peers[0], "1 queue.declare_ok\n"
                         "1 queue.purge_ok 3\n");
    world_stop(&w);
}

static void small_messages_in_pieces_are_read_whatever_others_hold(void **state)
{
    (void)state;
    struct world w;
    start(&w);
    for (unsigned i = 0; i < 2; i++) {
        struct peer *greedy = world_login(&w, i, 0, 0);
        begin(&w, greedy, 1, "", "q", 100 * MIB);
        go_on(&w, greedy, 1, 4 * MIB);
    }
    assert_int_equal(home(&w)->unfinished_stops, 1);
    struct peer *peer = world_login(&w, 2, 0, 0);
    PEER_SAYS(peer, 1, queue_declare, .queue = slice_str("q"));
    begin(&w, peer, 1, "", "q", 130000);
    for (unsigned i = 0; i < 13; i++)
        go_on(&w, peer, 1, 10000);
    PEER_SAYS(peer, 1, basic_get, .queue = slice_str("q"), .no_ack = true);
    world_settle(&w);
    PEER_HEARS(peer, "1 queue.declare_ok\n"
                     "1 basic.get_ok\n"
                     "1 content 130000\n");
    world_stop(&w);
}

static void a_first_holder_that_stalls_is_closed_when_others_wait(void **state)
{
    (void)state;
    struct world w;
    start(&w);
    struct peer *idle = world_login(&w, 0, 0, 0);
    struct peer *next = world_login(&w, 1, 0, 0);
    begin(&w, idle, 1, "", "q", 100 * MIB);
    go_on(&w, idle, 1, 3 * MIB);
    world_wait(&w, 60000);
    PEER_HEARS(idle, ""); /* nobody waits */
    begin(&w, next, 1, "", "q", 5 * MIB);
    go_on(&w, next, 1, 5 * MIB);
    assert_int_equal(home(&w)->unfinished_stops, 1);
    world_wait(&w, 10000);
    PEER_HEARS(idle, "0 connection.close 506\n");
    assert_int_equal(home(&w)->unfinished_stops, 0);
    assert_int_equal(home(&w)->unfinished_bytes, 0);
    PEER_HEARS(next, "");
    world_stop(&w);
}

static void one_connection_above_the_limit_is_closed_unless_a_single_message_is_why(void **state)
{
    (void)state;
    struct world w;
    start(&w);
    w.server.settings.message_bytes_max = 8 * MIB;
    struct peer *single = world_login(&w, 0, 0, 0);
    begin(&w, single, 1, "", "q", 8 * MIB);
    go_on(&w, single, 1, 8 * MIB);
    PEER_HEARS(single, "");
    struct peer *many = world_login(&w, 1, 0, 0);
    for (uint16_t channel = 1; channel <= 3; channel++) {
        if (channel > 1)
            PEER_SAYS(many, channel, channel_open, .reserved1 = SLICE_EMPTY);
        begin(&w, many, channel, "", "q", 8 * MIB);
        go_on(&w, many, channel, 3 * MIB);
    }
    PEER_HEARS(many, "2 channel.open_ok\n"
                     "3 channel.open_ok\n"
                     "0 connection.close 506\n");
    assert_int_equal(home(&w)->unfinished_bytes, 0);
    world_stop(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_announced_body_takes_no_room_until_it_comes),
        cmocka_unit_test(a_message_in_pieces_arrives_as_it_was_sent),
        cmocka_unit_test(what_will_be_refused_takes_no_room_and_is_refused_at_its_end),
        cmocka_unit_test(above_a_loops_limit_the_first_holder_goes_on_and_the_others_after_it),
        cmocka_unit_test(small_messages_in_pieces_are_read_whatever_others_hold),
        cmocka_unit_test(a_first_holder_that_stalls_is_closed_when_others_wait),
        cmocka_unit_test(one_connection_above_the_limit_is_closed_unless_a_single_message_is_why),
    };
    return cmocka_run_group_tests_name("bodies", tests, NULL, NULL);
}
