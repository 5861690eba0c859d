/* One prefetch for all consumers of a channel: whose turn it is, with queues at home on any loop
 * and in every order of events. */
#include <stdio.h>
#include <string.h>

#include "amqp/session_world.h"

enum { SEEDS = 20, MESSAGES = 30 };

/* What a peer got: messages by their first octet, the highest delivery tag, and up to which one it
 * has acknowledged. */
struct got {
    unsigned of[256];
    unsigned all;
    unsigned last_tag;
    unsigned acked;
};

static void look(struct peer *peer, struct got *got)
{
    lv_buffer_add(&peer->heard, "", 1);
    for (char *line = strtok((char *)peer->heard.p, "\n"); line; line = strtok(NULL, "\n")) {
        unsigned tag, bytes;
        char fill;
        if (sscanf(line, "1 basic.deliver %u", &tag) == 1)
            got->last_tag = tag;
        if (sscanf(line, "1 content %u %c", &bytes, &fill) == 2) {
            got->of[(unsigned char)fill]++;
            got->all++;
        }
    }
    peer->heard.n = 0;
}

static void filled(struct world *w, struct peer *peer, const char *queue, char fill)
{
    PEER_SAYS(peer, 1, queue_declare, .queue = slice_str(queue));
    world_settle(w);
    for (unsigned i = 0; i < MESSAGES; i++)
        peer_publishes(peer, queue, fill, 1);
    world_settle(w);
}

/* One to three loops, and a peer that has filled a queue for each of these letters. */
static struct peer *begin(struct world *w, uint64_t seed, const char *queues)
{
    world_start(w, (unsigned)(1 + seed % 3), seed);
    struct peer *peer = world_login(w, 0, 0, 0);
    for (; *queues; queues++)
        filled(w, peer, (const char[]){*queues, 0}, *queues);
    return peer;
}

/* Consumes all three, by tags that are called like them, with this limit for all together. */
static void consume_abc(struct peer *peer, uint16_t limit)
{
    PEER_SAYS(peer, 1, basic_qos, .prefetch_count = limit, .global = true);
    for (const char *name = "a\0b\0c\0"; *name; name += 2)
        PEER_SAYS(peer, 1, basic_consume, .queue = slice_str(name),
                  .consumer_tag = slice_str(name));
}

/* Acknowledges what was got, at most `batch` deliveries at a time, until `until` messages have
 * come; fails when nothing is outstanding and nothing comes any more. */
static void drain(struct world *w, struct peer *peer, struct got *got, unsigned until,
                  unsigned batch)
{
    while (got->all < until) {
        assert_true(got->last_tag > got->acked);
        unsigned left = got->last_tag - got->acked;
        got->acked += left < batch ? left : batch;
        PEER_SAYS(peer, 1, basic_ack, .delivery_tag = got->acked, .multiple = true);
        world_settle(w);
        look(peer, got);
    }
}

static void queues_that_share_a_limit_deliver_at_the_same_pace(void **state)
{
    (void)state;
    for (uint64_t seed = 0; seed < SEEDS; seed++) {
        const uint16_t limit = seed % 2 ? 1 : 4;
        struct world w;
        struct got got = {0};
        struct peer *peer = begin(&w, seed, "abc");
        consume_abc(peer, limit);
        world_settle(&w);
        look(peer, &got);
        drain(&w, peer, &got, MESSAGES, (unsigned)(1 + seed % 4));
        for (char queue = 'a'; queue <= 'c'; queue++)
            assert_in_range(got.of[(unsigned char)queue], MESSAGES / 3 - 5, MESSAGES / 3 + 5);
        drain(&w, peer, &got, 3 * MESSAGES, 2); /* and nothing is stuck at the end */
        world_stop(&w);
    }
}

static void slots_that_a_consumer_cannot_use_go_to_the_next(void **state)
{
    (void)state;
    for (uint64_t seed = 0; seed < SEEDS; seed++) {
        struct world w;
        struct got got = {0};
        struct peer *peer = begin(&w, seed, "abc");
        struct peer *other = world_login(&w, 1, 0, 0);
        consume_abc(peer, 3);
        world_settle(&w);
        look(peer, &got);
        /* All three wait. One is cancelled, one loses its queue, one's queue is emptied for a
         * while. */
        PEER_SAYS(peer, 1, basic_cancel, .consumer_tag = slice_str("a"));
        PEER_SAYS(other, 1, queue_delete, .queue = slice_str("b"));
        PEER_SAYS(other, 1, queue_purge, .queue = slice_str("c"));
        world_settle(&w);
        got.acked = got.last_tag;
        PEER_SAYS(peer, 1, basic_ack, .delivery_tag = got.acked, .multiple = true);
        world_settle(&w);
        look(peer, &got);
        unsigned before = got.all;
        filled(&w, other, "c", 'C');
        look(peer, &got);
        drain(&w, peer, &got, before + MESSAGES, 3);
        assert_int_equal(got.of['C'], MESSAGES);
        world_stop(&w);
    }
}

static void a_limit_that_is_raised_or_removed_lets_all_consumers_go_on(void **state)
{
    (void)state;
    for (uint64_t seed = 0; seed < SEEDS; seed++) {
        struct world w;
        struct got got = {0};
        struct peer *peer = begin(&w, seed, "ab");
        PEER_SAYS(peer, 1, basic_qos, .prefetch_count = 1, .global = true);
        PEER_SAYS(peer, 1, basic_consume, .queue = slice_str("a"));
        PEER_SAYS(peer, 1, basic_consume, .queue = slice_str("b"), .no_ack = true);
        world_settle(&w);
        look(peer, &got);
        if (got.of['a'] ==
            1) /* the other way round the no-ack consumer came first and has had all */
            assert_int_equal(got.of['b'] % MESSAGES, 0);
        PEER_SAYS(peer, 1, basic_qos, .prefetch_count = 11, .global = true);
        world_settle(&w);
        look(peer, &got);
        assert_int_equal(got.of['b'] == MESSAGES || got.of['a'] == 11, true);
        PEER_SAYS(peer, 1, basic_qos, .prefetch_count = 0, .global = true);
        world_settle(&w);
        look(peer, &got);
        assert_int_equal(got.of['a'], MESSAGES);
        assert_int_equal(got.of['b'], MESSAGES);
        world_stop(&w);
    }
}

static void each_consumer_is_first_in_turn_when_a_slow_socket_takes_output_again(void **state)
{
    (void)state;
    enum { COUNT = 60, BYTES = 50000 };
    struct world w;
    struct peer *publisher, *peer;
    world_start_with_two(&w, 1, 0, &publisher, &peer);
    peer_declares(&w, publisher, "a");
    peer_declares(&w, publisher, "b");
    for (unsigned i = 0; i < COUNT; i++) {
        peer_publishes(publisher, "a", 'a', BYTES);
        peer_publishes(publisher, "b", 'b', BYTES + 1);
        world_settle(&w);
    }
    peer->net.window = 0;
    PEER_SAYS(peer, 1, basic_consume, .queue = slice_str("a"), .no_ack = true);
    PEER_SAYS(peer, 1, basic_consume, .queue = slice_str("b"), .no_ack = true);
    world_settle(&w);
    unsigned of_b = 0;
    for (unsigned i = 0; i < 8; i++) {
        net_sim_open_window(&peer->net, 300000);
        world_settle(&w);
        lv_buffer_add(&peer->heard, "", 1);
        for (char *at = (char *)peer->heard.p; (at = strstr(at, "content 50001")); at++)
            of_b++;
        peer->heard.n = 0;
    }
    assert_in_range(of_b, 15, 33); /* of 48 */
    world_stop(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(queues_that_share_a_limit_deliver_at_the_same_pace),
        cmocka_unit_test(slots_that_a_consumer_cannot_use_go_to_the_next),
        cmocka_unit_test(a_limit_that_is_raised_or_removed_lets_all_consumers_go_on),
        cmocka_unit_test(each_consumer_is_first_in_turn_when_a_slow_socket_takes_output_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
