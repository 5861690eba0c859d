/* A single active consumer's successor, whatever turns the loops take. */
#include "amqp/session_world.h"

enum { SEEDS = 200 };

/* x-single-active-consumer: true. */
static const char single_argument[] = "\x18x-single-active-consumert\1";

static void consume(struct world *w, struct peer *peer)
{
    PEER_SAYS(peer, 1, basic_consume, .queue = slice_str("q"));
    world_settle(w);
    PEER_HEARS(peer, "1 basic.consume_ok\n");
}

static void the_next_active_consumer_first_gets_what_the_old_one_held(void **state)
{
    (void)state;
    for (uint64_t seed = 0; seed < SEEDS; seed++) {
        struct world w;
        world_start(&w, 4, seed);
        struct peer *publisher = world_login(&w, 0, 1, 0);
        struct peer *old = world_login(&w, 1, 2, 0);
        struct peer *next = world_login(&w, 2, 3, 0);
        PEER_SAYS(publisher, 1, queue_declare, .queue = slice_str("q"),
                  .arguments = slice_of(single_argument, sizeof single_argument - 1));
        PEER_SAYS(old, 1, basic_qos, .prefetch_count = 2);
        world_settle(&w);
        PEER_HEARS(old, "1 basic.qos_ok\n");
        consume(&w, old);
        consume(&w, next);
        for (char fill = 'a'; fill < 'e'; fill++)
            peer_publishes(publisher, "q", fill, 1);
        world_settle(&w);
        PEER_HEARS(old, "1 basic.deliver 1\n1 content 1 a\n"
                        "1 basic.deliver 2\n1 content 1 b\n");
        PEER_HEARS(next, "");

        PEER_SAYS(old, 1, channel_close, .reply_code = 200);
        peer_publishes(publisher, "q", 'e', 1);
        world_settle(&w);
        PEER_HEARS(old, "1 channel.close_ok\n");
        PEER_HEARS(next, "1 basic.deliver 1 redelivered\n1 content 1 a\n"
                         "1 basic.deliver 2 redelivered\n1 content 1 b\n"
                         "1 basic.deliver 3\n1 content 1 c\n"
                         "1 basic.deliver 4\n1 content 1 d\n"
                         "1 basic.deliver 5\n1 content 1 e\n");
        world_stop(&w);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_next_active_consumer_first_gets_what_the_old_one_held),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
