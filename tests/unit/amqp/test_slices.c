/* Long work of a session, in slices of a few units each: nothing of it may be lost, come in another
 * order, or be answered too early. */
#include <stdio.h>
#include <stdlib.h>

#include "amqp/session_world.h"

enum { SEEDS = 40, MESSAGES = 20, SLICE_UNITS = 4, CONSUMERS = 100 };

/* A publisher on loop 0 and another peer on loop 1, and a queue "q" somewhere. */
static void begin(struct world *w, uint64_t seed, struct peer **ret_first, struct peer **ret_second)
{
    world_start_with_two(w, 2, seed, ret_first, ret_second);
    peer_declares(w, *ret_first, "q");
    loop_sim_cut_slices(w->loops, SLICE_UNITS);
}

static void turn_until_answered(struct world *w, const struct peer *peer)
{
    while (peer->net.got.n == 0)
        loop_sim_turn(w->loops);
}

static void publish_all(struct world *w, struct peer *peer)
{
    for (char c = 'a'; c < 'a' + MESSAGES; c++)
        peer_publishes(peer, "q", c, 1);
    world_settle(w);
}

/* Asserts that the peer, which consumes and acknowledges nothing, has heard them all, from tag
 * `first` on, in their order. */
static void hears_all(struct peer *peer, unsigned first, const char *before, const char *mark)
{
    struct lv_buffer text = {0};
    lv_buffer_printf(&text, "%s", before);
    for (unsigned i = 0; i < MESSAGES; i++)
        lv_buffer_printf(&text, "1 basic.deliver %u%s\n1 content 1 %c\n", first + i, mark,
                         (char)('a' + i));
    lv_buffer_add(&text, "", 1);
    PEER_HEARS(peer, (const char *)text.p);
    lv_buffer_free(&text);
}

static void consume(struct world *w, struct peer *peer)
{
    PEER_SAYS(peer, 1, basic_consume, .queue = slice_str("q"));
    world_settle(w);
}

/* `holder` consumes, and has all that the other one publishes. */
static void hold_all(struct world *w, struct peer *holder, struct peer *publisher)
{
    consume(w, holder);
    publish_all(w, publisher);
    hears_all(holder, 1, "1 basic.consume_ok\n", "");
}

/* Deletes the queue, which then held this many messages. */
static void delete_queue(struct world *w, struct peer *peer, unsigned messages)
{
    char text[64];
    snprintf(text, sizeof text, "1 queue.delete_ok %u\n", messages);
    PEER_SAYS(peer, 1, queue_delete, .queue = slice_str("q"));
    world_settle(w);
    PEER_HEARS(peer, text);
}

static void a_commit_publishes_and_settles_everything_before_it_is_answered(void **state)
{
    (void)state;
    for (uint64_t seed = 0; seed < SEEDS; seed++) {
        struct world w;
        struct peer *publisher, *other;
        begin(&w, seed, &publisher, &other);
        consume(&w, other);
        PEER_SAYS(publisher, 1, tx_select, .none = 0);
        publish_all(&w, publisher);
        PEER_HEARS(publisher, "1 tx.select_ok\n");
        PEER_HEARS(other, "1 basic.consume_ok\n");
        PEER_SAYS(publisher, 1, tx_commit, .none = 0);
        peer_publishes(publisher, "nobody", 'x', 1);
        PEER_SAYS(publisher, 1, tx_rollback, .none = 0);
        world_settle(&w);
        PEER_HEARS(publisher, "1 tx.commit_ok\n1 tx.rollback_ok\n");
        hears_all(other, 1, "", "");

        PEER_SAYS(other, 1, tx_select, .none = 0);
        PEER_SAYS(other, 1, basic_ack, .delivery_tag = 3);
        PEER_SAYS(other, 1, basic_ack, .delivery_tag = MESSAGES - 1, .multiple = true);
        PEER_SAYS(other, 1, tx_commit, .none = 0);
        PEER_SAYS(other, 1, channel_close, .reply_code = 200);
        world_settle(&w);
        PEER_HEARS(other, "1 tx.select_ok\n1 tx.commit_ok\n1 channel.close_ok\n");
        delete_queue(&w, publisher, 1);
        world_stop(&w);
    }
}

static void a_commit_is_carried_through_after_its_client_has_gone(void **state)
{
    (void)state;
    for (uint64_t seed = 0; seed < SEEDS; seed++) {
        struct world w;
        struct peer *publisher, *other;
        begin(&w, seed, &publisher, &other);
        PEER_SAYS(publisher, 1, tx_select, .none = 0);
        publish_all(&w, publisher);
        PEER_SAYS(publisher, 1, tx_commit, .none = 0);
        loop_sim_turn(w.loops);
        net_sim_reset(&publisher->net);
        world_settle(&w);
        consume(&w, other);
        hears_all(other, 1, "1 basic.consume_ok\n", "");
        world_stop(&w);
    }
}

static void what_was_not_committed_is_dropped_with_its_channel(void **state)
{
    (void)state;
    for (uint64_t seed = 0; seed < SEEDS; seed++) {
        struct world w;
        struct peer *publisher, *other;
        begin(&w, seed, &publisher, &other);
        PEER_SAYS(publisher, 1, tx_select, .none = 0);
        publish_all(&w, publisher);
        PEER_SAYS(publisher, 1, channel_close, .reply_code = 200);
        world_settle(&w);
        PEER_HEARS(publisher, "1 tx.select_ok\n1 channel.close_ok\n");
        delete_queue(&w, other, 0);
        world_stop(&w);
    }
}

/* `peer` holds all messages, and another consumer waits for them. */
static void begin_returns(struct world *w, uint64_t seed, struct peer **ret_holder,
                          struct peer **ret_waiting)
{
    begin(w, seed, ret_holder, ret_waiting);
    hold_all(w, *ret_holder, *ret_waiting);
    consume(w, *ret_waiting);
    PEER_HEARS(*ret_waiting, "1 basic.consume_ok\n");
}

static void what_a_closed_channel_requeues_has_its_old_order(void **state)
{
    (void)state;
    for (uint64_t seed = 0; seed < SEEDS; seed++) {
        struct world w;
        struct peer *holder, *waiting;
        begin_returns(&w, seed, &holder, &waiting);
        PEER_SAYS(holder, 1, channel_close, .reply_code = 200);
        world_settle(&w);
        PEER_HEARS(holder, "1 channel.close_ok\n");
        hears_all(waiting, 1, "", " redelivered");
        world_stop(&w);
    }
}

static void what_a_lost_connection_requeues_has_its_old_order(void **state)
{
    (void)state;
    for (uint64_t seed = 0; seed < SEEDS; seed++) {
        struct world w;
        struct peer *holder, *waiting;
        begin_returns(&w, seed, &holder, &waiting);
        net_sim_reset(&holder->net);
        world_settle(&w);
        hears_all(waiting, 1, "", " redelivered");
        world_stop(&w);
    }
}

static void a_channel_is_closed_when_all_that_it_held_is_back(void **state)
{
    (void)state;
    for (uint64_t seed = 0; seed < SEEDS; seed++) {
        struct world w;
        struct peer *holder, *other;
        begin(&w, seed, &holder, &other);
        hold_all(&w, holder, other);
        PEER_SAYS(holder, 2, channel_open, .reserved1 = SLICE_EMPTY);
        world_settle(&w);
        PEER_HEARS(holder, "2 channel.open_ok\n");
        PEER_SAYS(holder, 1, channel_close, .reply_code = 200);
        turn_until_answered(&w, holder);
        PEER_SAYS(holder, 2, queue_delete, .queue = slice_str("q"));
        world_settle(&w);
        PEER_HEARS(holder, "1 channel.close_ok\n2 queue.delete_ok 20\n");
        world_stop(&w);
    }
}

static void many_settled_at_once_make_their_channels_next_command_wait(void **state)
{
    (void)state;
    for (uint64_t seed = 0; seed < SEEDS; seed++) {
        struct world w;
        struct peer *holder, *other;
        begin(&w, seed, &holder, &other);
        hold_all(&w, holder, other);
        PEER_SAYS(holder, 1, basic_ack, .delivery_tag = MESSAGES / 2, .multiple = true);
        PEER_SAYS(holder, 1, basic_nack, .delivery_tag = MESSAGES - 1, .multiple = true);
        PEER_SAYS(holder, 1, channel_close, .reply_code = 200);
        world_settle(&w);
        PEER_HEARS(holder, "1 channel.close_ok\n");
        delete_queue(&w, other, 1);
        world_stop(&w);
    }
}

static void a_purge_counts_what_it_drops(void **state)
{
    (void)state;
    for (uint64_t seed = 0; seed < SEEDS; seed++) {
        struct world w;
        struct peer *publisher, *other;
        begin(&w, seed, &publisher, &other);
        publish_all(&w, publisher);
        PEER_SAYS(other, 1, queue_purge, .queue = slice_str("q"));
        PEER_SAYS(other, 1, queue_purge, .queue = slice_str("q"));
        world_settle(&w);
        PEER_HEARS(other, "1 queue.purge_ok 20\n1 queue.purge_ok 0\n");
        publish_all(&w, publisher);
        delete_queue(&w, other, MESSAGES);
        world_stop(&w);
    }
}

static void a_deleted_queue_makes_room_for_a_new_one_of_its_name_at_once(void **state)
{
    (void)state;
    for (uint64_t seed = 0; seed < SEEDS; seed++) {
        struct world w;
        struct peer *publisher, *other;
        begin(&w, seed, &publisher, &other);
        hold_all(&w, other, publisher);
        PEER_SAYS(publisher, 1, queue_delete, .queue = slice_str("q"));
        PEER_SAYS(publisher, 1, queue_declare, .queue = slice_str("q"));
        for (char c = 'a'; c < 'a' + MESSAGES; c++)
            peer_publishes(publisher, "q", c, 1);
        PEER_SAYS(publisher, 1, queue_delete, .queue = slice_str("q"));
        PEER_SAYS(publisher, 1, queue_declare, .queue = slice_str("q"));
        PEER_SAYS(publisher, 1, queue_delete, .queue = slice_str("q"));
        world_settle(&w);
        PEER_HEARS(publisher, "1 queue.delete_ok 0\n1 queue.declare_ok\n1 queue.delete_ok 20\n"
                              "1 queue.declare_ok\n1 queue.delete_ok 0\n");
        world_stop(&w);
    }
}

static void exclusive_queues_are_deleted_before_their_connection_is_closed(void **state)
{
    (void)state;
    for (uint64_t seed = 0; seed < SEEDS; seed++) {
        struct world w;
        struct peer *owner, *other;
        begin(&w, seed, &other, &owner);
        for (unsigned i = 0; i < MESSAGES; i++) {
            char name[8];
            snprintf(name, sizeof name, "x%u", i);
            PEER_SAYS(owner, 1, queue_declare, .queue = slice_str(name), .exclusive = true,
                      .no_wait = true);
        }
        world_settle(&w);
        PEER_SAYS(owner, 0, connection_close, .reply_code = 200);
        turn_until_answered(&w, owner);
        assert_int_equal(lv_table_count(vhost_find(&w.broker->topology, slice_str("/"))->queues),
                         1);
        world_settle(&w);
        PEER_HEARS(owner, "0 connection.close_ok\n");
        world_stop(&w);
    }
}

static void exclusive_queues_are_deleted_with_a_connection_that_is_lost(void **state)
{
    (void)state;
    for (uint64_t seed = 0; seed < SEEDS; seed++) {
        struct world w;
        struct peer *owner, *other;
        begin(&w, seed, &other, &owner);
        for (unsigned i = 0; i < MESSAGES; i++)
            PEER_SAYS(owner, 1, queue_declare, .queue = SLICE_EMPTY, .exclusive = true,
                      .no_wait = true);
        world_settle(&w);
        PEER_SAYS(owner, 7, channel_close, .reply_code = 200); /* no such channel */
        loop_sim_turn(w.loops);
        net_sim_reset(&owner->net);
        world_settle(&w);
        assert_int_equal(lv_table_count(vhost_find(&w.broker->topology, slice_str("/"))->queues),
                         1);
        owner->heard.n = 0;
        world_stop(&w);
    }
}

/* --- turns that one connection uses up -------------------------------------------------------- */

enum { FAN_OUT = 40 }; /* so many queues that a publish to all of them is charged */

/* Binds "q" and others to the exchange "all". */
static void bind_many(struct world *w, struct peer *peer)
{
    PEER_SAYS(peer, 1, exchange_declare, .exchange = slice_str("all"), .type = slice_str("fanout"));
    PEER_SAYS(peer, 1, queue_bind, .queue = slice_str("q"), .exchange = slice_str("all"));
    for (unsigned i = 0; i < FAN_OUT; i++) {
        PEER_SAYS(peer, 1, queue_declare, .queue = SLICE_EMPTY, .auto_delete = true,
                  .no_wait = true);
        PEER_SAYS(peer, 1, queue_bind, .queue = SLICE_EMPTY, .exchange = slice_str("all"),
                  .no_wait = true);
    }
    world_settle(w);
    PEER_HEARS(peer, "1 exchange.declare_ok\n1 queue.bind_ok\n");
}

/* All in one go, and then a question. */
static void publish_to_many(struct peer *peer, unsigned rounds)
{
    struct lv_buffer bytes = {0};
    const struct amqp_basic_publish m = {.exchange = slice_str("all")};
    for (unsigned i = 0; i < rounds * MESSAGES; i++)
        put_publish(&bytes, &m, (char)('a' + i % MESSAGES), 1);
    net_sim_send(&peer->net, lv_buffer_slice(&bytes));
    lv_buffer_free(&bytes);
    PEER_SAYS(peer, 1, queue_declare, .queue = slice_str("q"), .passive = true);
}

static void what_is_published_to_many_queues_keeps_its_order(void **state)
{
    (void)state;
    for (uint64_t seed = 0; seed < SEEDS; seed++) {
        struct world w;
        struct peer *publisher, *other;
        begin(&w, seed, &publisher, &other);
        bind_many(&w, publisher);
        consume(&w, other);
        publish_to_many(publisher, 1);
        PEER_SAYS(publisher, 0, connection_close, .reply_code = 200);
        world_settle(&w);
        PEER_HEARS(publisher, "1 queue.declare_ok\n0 connection.close_ok\n");
        hears_all(other, 1, "1 basic.consume_ok\n", "");
        world_stop(&w);
    }
}

static void a_costly_publisher_may_vanish_between_two_turns(void **state)
{
    (void)state;
    for (uint64_t seed = 0; seed < SEEDS; seed++) {
        struct world w;
        struct peer *publisher, *other;
        begin(&w, seed, &publisher, &other);
        bind_many(&w, publisher);
        publish_to_many(publisher, 1);
        for (uint64_t turns = 0; turns < 1 + seed % 5; turns++)
            loop_sim_turn(w.loops);
        net_sim_reset(&publisher->net);
        world_settle(&w);
        publisher->heard.n = 0;
        world_stop(&w);
    }
}

static void a_costly_publisher_leaves_others_their_turns(void **state)
{
    (void)state;
    struct world w;
    struct peer *publisher, *other;
    world_start_with_two(&w, 1, 0, &publisher, &other);
    peer_declares(&w, publisher, "q");
    bind_many(&w, publisher);
    publish_to_many(publisher, 20);
    loop_sim_turn(w.loops);
    PEER_SAYS(other, 1, queue_declare, .queue = slice_str("q"), .passive = true);
    turn_until_answered(&w, other);
    assert_int_equal(publisher->net.got.n, 0);
    world_settle(&w);
    PEER_HEARS(publisher, "1 queue.declare_ok\n");
    PEER_HEARS(other, "1 queue.declare_ok\n");
    world_stop(&w);
}

static void a_flood_of_declarations_leaves_others_their_turns(void **state)
{
    (void)state;
    struct world w;
    struct peer *flooder, *other;
    world_start_with_two(&w, 1, 0, &flooder, &other);
    for (unsigned i = 0; i < 1000; i++)
        PEER_SAYS(flooder, 1, queue_declare, .queue = SLICE_EMPTY, .exclusive = true,
                  .no_wait = true);
    PEER_SAYS(flooder, 1, basic_qos, .prefetch_count = 1);
    loop_sim_turn(w.loops);
    PEER_SAYS(other, 1, basic_qos, .prefetch_count = 1);
    turn_until_answered(&w, other);
    assert_int_equal(flooder->net.got.n, 0);
    world_settle(&w);
    PEER_HEARS(flooder, "1 basic.qos_ok\n");
    PEER_HEARS(other, "1 basic.qos_ok\n");
    assert_int_equal(lv_table_count(vhost_find(&w.broker->topology, slice_str("/"))->queues), 1000);
    world_stop(&w);
}

/* --- many consumers --------------------------------------------------------------------------- */

static struct slice tag_of(unsigned number, char space[16])
{
    return slice_of(space, (size_t)snprintf(space, 16, "c%u", number));
}

static void consume_as(struct peer *peer, const char *queue, unsigned number)
{
    char space[16];
    PEER_SAYS(peer, 1, basic_consume, .queue = slice_str(queue),
              .consumer_tag = tag_of(number, space), .no_wait = true);
}

static void cancel_of(struct peer *peer, unsigned number)
{
    char space[16];
    PEER_SAYS(peer, 1, basic_cancel, .consumer_tag = tag_of(number, space), .no_wait = true);
}

/* Many consumers of the first peer, of "q" and of "r"; those of "q" hold all that is in it. */
static void begin_with_consumers(struct world *w, uint64_t seed, struct peer **ret_holder,
                                 struct peer **ret_other)
{
    begin(w, seed, ret_holder, ret_other);
    PEER_SAYS(*ret_other, 1, queue_declare, .queue = slice_str("r"));
    world_settle(w);
    PEER_HEARS(*ret_other, "1 queue.declare_ok\n");
    for (unsigned i = 0; i < CONSUMERS; i++)
        consume_as(*ret_holder, i % 2 ? "r" : "q", i);
    world_settle(w);
    publish_all(w, *ret_other);
    assert_int_equal(peer_contents(*ret_holder), MESSAGES);
}

static void a_channel_is_closed_when_all_its_many_consumers_have_gone(void **state)
{
    (void)state;
    for (uint64_t seed = 0; seed < SEEDS; seed++) {
        struct world w;
        struct peer *holder, *other;
        begin_with_consumers(&w, seed, &holder, &other);
        PEER_SAYS(holder, 2, channel_open, .reserved1 = SLICE_EMPTY);
        world_settle(&w);
        PEER_HEARS(holder, "2 channel.open_ok\n");
        PEER_SAYS(holder, 1, channel_close, .reply_code = 200);
        turn_until_answered(&w, holder);
        PEER_SAYS(holder, 2, queue_delete, .queue = slice_str("q"), .if_unused = true);
        PEER_SAYS(holder, 2, queue_delete, .queue = slice_str("r"), .if_unused = true);
        world_settle(&w);
        PEER_HEARS(holder, "1 channel.close_ok\n2 queue.delete_ok 20\n2 queue.delete_ok 0\n");
        world_stop(&w);
    }
}

/* While the others are still leaving, none of them gets anything. */
static void what_many_consumers_held_is_requeued_in_its_old_order(void **state)
{
    (void)state;
    for (uint64_t seed = 0; seed < SEEDS; seed++) {
        struct world w;
        struct peer *holder, *waiting;
        begin_with_consumers(&w, seed, &holder, &waiting);
        consume(&w, waiting);
        PEER_HEARS(waiting, "1 basic.consume_ok\n");
        if (seed % 2)
            net_sim_reset(&holder->net);
        else
            PEER_SAYS(holder, 1, channel_close, .reply_code = 200);
        loop_sim_turn(w.loops);
        net_sim_reset(&holder->net); /* closed twice, perhaps */
        world_settle(&w);
        hears_all(waiting, 1, "", " redelivered");
        world_stop(&w);
    }
}

static void a_queue_may_end_while_the_consumers_of_a_closed_channel_leave_it(void **state)
{
    (void)state;
    for (uint64_t seed = 0; seed < SEEDS; seed++) {
        struct world w;
        struct peer *holder, *other;
        begin_with_consumers(&w, seed, &holder, &other);
        PEER_SAYS(holder, 1, channel_close, .reply_code = 200);
        for (uint64_t turns = 0; turns < seed % 7; turns++)
            loop_sim_turn(w.loops);
        PEER_SAYS(other, 1, queue_delete, .queue = slice_str(seed % 2 ? "q" : "r"),
                  .no_wait = true);
        world_settle(&w);
        PEER_HEARS(holder, "1 channel.close_ok\n");
        world_stop(&w);
    }
}

static void a_consumer_is_known_by_its_tag_among_many(void **state)
{
    (void)state;
    for (uint64_t seed = 0; seed < SEEDS; seed++) {
        struct world w;
        struct peer *peer, *other;
        begin(&w, seed, &peer, &other);
        for (unsigned i = 0; i < CONSUMERS; i++)
            consume_as(peer, "q", i);
        for (unsigned i = 0; i < CONSUMERS; i++)
            cancel_of(peer, i);
        PEER_SAYS(peer, 1, queue_delete, .queue = slice_str("q"), .if_unused = true);
        PEER_SAYS(peer, 1, queue_declare, .queue = slice_str("q"));
        for (unsigned i = 0; i < CONSUMERS; i++)
            consume_as(peer, "q", i);
        cancel_of(peer, CONSUMERS / 2);
        consume_as(peer, "q", CONSUMERS / 2);
        PEER_SAYS(peer, 1, channel_flow, .active = true);
        consume_as(peer, "q", CONSUMERS / 2);
        world_settle(&w);
        PEER_HEARS(peer, "1 queue.delete_ok 0\n1 queue.declare_ok\n1 channel.flow_ok\n"
                         "0 connection.close 530\n");
        world_stop(&w);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_commit_publishes_and_settles_everything_before_it_is_answered),
        cmocka_unit_test(a_commit_is_carried_through_after_its_client_has_gone),
        cmocka_unit_test(what_was_not_committed_is_dropped_with_its_channel),
        cmocka_unit_test(what_a_closed_channel_requeues_has_its_old_order),
        cmocka_unit_test(what_a_lost_connection_requeues_has_its_old_order),
        cmocka_unit_test(a_channel_is_closed_when_all_that_it_held_is_back),
        cmocka_unit_test(a_purge_counts_what_it_drops),
        cmocka_unit_test(a_deleted_queue_makes_room_for_a_new_one_of_its_name_at_once),
        cmocka_unit_test(exclusive_queues_are_deleted_before_their_connection_is_closed),
        cmocka_unit_test(exclusive_queues_are_deleted_with_a_connection_that_is_lost),
        cmocka_unit_test(many_settled_at_once_make_their_channels_next_command_wait),
        cmocka_unit_test(what_is_published_to_many_queues_keeps_its_order),
        cmocka_unit_test(a_costly_publisher_may_vanish_between_two_turns),
        cmocka_unit_test(a_costly_publisher_leaves_others_their_turns),
        cmocka_unit_test(a_flood_of_declarations_leaves_others_their_turns),
        cmocka_unit_test(a_channel_is_closed_when_all_its_many_consumers_have_gone),
        cmocka_unit_test(what_many_consumers_held_is_requeued_in_its_old_order),
        cmocka_unit_test(a_queue_may_end_while_the_consumers_of_a_closed_channel_leave_it),
        cmocka_unit_test(a_consumer_is_known_by_its_tag_among_many),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
