/* TTLs and delays while somebody sets the wall clock. */
#include "amqp/session_world.h"

#include "base/buffer.h"
#include "wire/table.h"

enum { TTL_MS = 30000, HOUR_MS = 3600000 };

/* Queue q: what comes in expires after TTL_MS, and goes to queue dead. */
static struct peer *begin(struct world *w, unsigned loops)
{
    struct lv_buffer b = {0};
    struct table_writer t;
    world_start(w, loops, loops);
    struct peer *peer = world_login(w, 0, 0, 0);
    table_begin(&t, &b);
    table_put_long(&t, "x-message-ttl", TTL_MS);
    table_put_str(&t, "x-dead-letter-exchange", SLICE_EMPTY);
    table_put_str(&t, "x-dead-letter-routing-key", slice_str("dead"));
    PEER_SAYS(peer, 1, queue_declare, .queue = slice_str("q"), .arguments = table_end(&t));
    PEER_SAYS(peer, 1, queue_declare, .queue = slice_str("dead"));
    world_settle(w);
    PEER_HEARS(peer, "1 queue.declare_ok\n1 queue.declare_ok\n");
    lv_buffer_free(&b);
    return peer;
}

static void get(struct world *w, struct peer *peer, const char *queue)
{
    PEER_SAYS(peer, 1, basic_get, .queue = slice_str(queue), .no_ack = true);
    world_settle(w);
}

/* One message expires after its time, with the clock set by so much when it is there. */
static void expires_in_time(unsigned loops, int64_t step_ms)
{
    struct world w;
    struct peer *peer = begin(&w, loops);
    peer_publishes(peer, "q", 'a', 1);
    peer_publishes(peer, "q", 'b', 1);
    world_settle(&w);
    struct loop *loop = loops_at(w.loops, 0);
    uint64_t steady_ms = loop_steady_ms(loop);
    loop_sim_set_wall(w.loops, loop_wall_ms(loop) + (uint64_t)step_ms);
    assert_int_equal(loop_steady_ms(loop), steady_ms);
    assert_true(loop_wall_of_steady(loop, steady_ms) == loop_wall_ms(loop));
    world_wait(&w, TTL_MS - 100);
    get(&w, peer, "q");
    PEER_HEARS(peer, "1 basic.get_ok\n1 content 1 a\n");
    get(&w, peer, "dead");
    PEER_HEARS(peer, "1 basic.get_empty\n");
    world_wait(&w, 200);
    get(&w, peer, "q");
    PEER_HEARS(peer, "1 basic.get_empty\n");
    get(&w, peer, "dead");
    PEER_HEARS(peer, "1 basic.get_ok\n1 content 1 b\n");
    world_stop(&w);
}

static void a_clock_that_is_set_back_keeps_no_message_longer(void **state)
{
    (void)state;
    for (unsigned loops = 1; loops <= 3; loops++)
        expires_in_time(loops, -HOUR_MS);
}

static void a_clock_that_is_set_forward_lets_none_expire_early(void **state)
{
    (void)state;
    for (unsigned loops = 1; loops <= 3; loops++)
        expires_in_time(loops, HOUR_MS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_clock_that_is_set_back_keeps_no_message_longer),
        cmocka_unit_test(a_clock_that_is_set_forward_lets_none_expire_early),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
