/* When a connection is not read: alarms, unread answers, and peers that have gone meanwhile. */
#include <stdlib.h>

#include "amqp/connection.h"
#include "amqp/session_world.h"

enum { SEEDS = 20 };

static void tell_alarms(struct loop *at, struct mail *mail)
{
    (void)mail;
    sessions_alarms_changed(at);
}

static void set_alarms(struct world *w, unsigned alarms)
{
    atomic_store(&w->broker->alarms, alarms);
    for (unsigned i = 0; i < loops_count(w->loops); i++)
        loop_mail_from_outside(loops_at(w->loops, i), &(struct mail){.deliver = tell_alarms});
    world_settle(w);
}

static struct peer *login_consumer(struct world *w, bool no_ack)
{
    struct peer *consumer = world_login(w, 0, 0, 0);
    peer_declares(w, consumer, "q");
    PEER_SAYS(consumer, 1, basic_consume, .queue = slice_str("q"), .no_ack = no_ack);
    world_settle(w);
    PEER_HEARS(consumer, "1 basic.consume_ok\n");
    return consumer;
}

/* A consumer of the queue "q" on loop 0, and a publisher on the last loop. */
static void begin(struct world *w, unsigned loops, uint64_t seed, struct peer **ret_consumer,
                  struct peer **ret_publisher)
{
    world_start(w, loops, seed);
    *ret_consumer = login_consumer(w, true);
    *ret_publisher = world_login(w, 1, loops - 1, 0);
}

/* Publishes one message during these alarms, which hold it up. */
static void publish_in_vain(struct world *w, unsigned alarms, struct peer *publisher,
                            struct peer *consumer)
{
    set_alarms(w, alarms);
    peer_publishes(publisher, "q", 'a', 1);
    world_settle(w);
    PEER_HEARS(consumer, "");
}

static void while_an_alarm_is_on_not_even_a_first_message_is_taken(void **state)
{
    (void)state;
    for (uint64_t seed = 0; seed < SEEDS; seed++) {
        struct world w;
        struct peer *consumer, *publisher;
        begin(&w, 2, seed, &consumer, &publisher);
        set_alarms(&w, BROKER_ALARM_DISK);
        peer_publishes(publisher, "q", 'a', 5);
        peer_publishes(publisher, "q", 'b', 5);
        world_settle(&w);
        PEER_HEARS(consumer, "");
        set_alarms(&w, 0);
        PEER_HEARS(consumer, "1 basic.deliver 1\n"
                             "1 content 5 aaaaa\n"
                             "1 basic.deliver 2\n"
                             "1 content 5 bbbbb\n");
        world_stop(&w);
    }
}

static void a_message_that_has_begun_is_not_read_on_while_an_alarm_is_on(void **state)
{
    (void)state;
    enum { BODY_BYTES = 100000 };
    struct world w;
    struct peer *consumer, *publisher;
    begin(&w, 1, 0, &consumer, &publisher);
    struct lv_buffer bytes = {0};
    put_message(&bytes, "q", 'a', BODY_BYTES);
    net_sim_send(&publisher->net, slice_of(bytes.p, 70000));
    world_settle(&w);
    set_alarms(&w, BROKER_ALARM_MEMORY);
    net_sim_send(&publisher->net, slice_of(bytes.p + 70000, 100));
    world_settle(&w);
    net_sim_send(&publisher->net, slice_of(bytes.p + 70100, bytes.n - 70100));
    world_settle(&w);
    assert_int_equal(peer_contents(consumer), 0);
    set_alarms(&w, 0);
    assert_int_equal(peer_contents(consumer), 1);
    lv_buffer_free(&bytes);
    world_stop(&w);
}

/* Channel 1 waits for a queue that is at home on another loop, so the publish that follows is
 * kept. */
static void what_a_waiting_channel_has_kept_is_held_up_by_an_alarm_too(void **state)
{
    (void)state;
    for (uint64_t seed = 0; seed < SEEDS; seed++) {
        struct world w;
        struct peer *consumer, *publisher;
        begin(&w, 2, seed, &consumer, &publisher);
        set_alarms(&w, BROKER_ALARM_MEMORY);
        PEER_SAYS(publisher, 1, queue_purge, .queue = slice_str("q"));
        peer_publishes(publisher, "q", 'a', 5);
        PEER_SAYS(publisher, 1, basic_qos, .prefetch_count = 1);
        world_settle(&w);
        PEER_HEARS(publisher, "1 queue.purge_ok 0\n");
        PEER_HEARS(consumer, "");
        set_alarms(&w, 0);
        PEER_HEARS(publisher, "1 basic.qos_ok\n");
        PEER_HEARS(consumer, "1 basic.deliver 1\n"
                             "1 content 5 aaaaa\n");
        world_stop(&w);
    }
}

static void a_failed_disk_stops_only_publishers_of_persistent_messages(void **state)
{
    (void)state;
    struct world w;
    struct peer *consumer, *publisher;
    begin(&w, 1, 0, &consumer, &publisher);
    publish_in_vain(&w, BROKER_ALARM_STORE | BROKER_ALARM_MEMORY, publisher, consumer);
    set_alarms(&w, BROKER_ALARM_STORE);
    PEER_HEARS(consumer, "1 basic.deliver 1\n"
                         "1 content 1 a\n");
    set_alarms(&w, 0);
    world_stop(&w);
}

static void a_client_that_ends_during_an_alarm_gives_back_what_it_holds(void **state)
{
    (void)state;
    struct world w;
    world_start(&w, 1, 0);
    struct peer *lost = login_consumer(&w, false);
    struct peer *publisher = world_login(&w, 1, 0, 0);
    peer_publishes(publisher, "q", 'a', 1);
    world_settle(&w);
    PEER_HEARS(lost, "1 basic.deliver 1\n"
                     "1 content 1 a\n");
    set_alarms(&w, BROKER_ALARM_MEMORY);
    peer_publishes(lost, "q", 'b', 1);
    world_settle(&w);
    net_sim_hang_up(&lost->net);
    world_wait(&w, 5000);
    assert_true(lost->net.is_gone);
    struct peer *next = world_login(&w, 2, 0, 0);
    PEER_SAYS(next, 1, basic_get, .queue = slice_str("q"));
    world_settle(&w);
    PEER_HEARS(next, "1 basic.get_ok\n"
                     "1 content 1 a\n");
    set_alarms(&w, 0);
    world_stop(&w);
}

/* It wants to be sure that the message it has left behind is taken once the alarm is over. */
static void what_a_client_published_before_it_ended_is_taken_after_the_alarm(void **state)
{
    (void)state;
    struct world w;
    struct peer *consumer, *publisher;
    begin(&w, 1, 0, &consumer, &publisher);
    publish_in_vain(&w, BROKER_ALARM_MEMORY, publisher, consumer);
    net_sim_hang_up(&publisher->net);
    world_wait(&w, 60000);
    PEER_HEARS(consumer, "");
    set_alarms(&w, 0);
    PEER_HEARS(consumer, "1 basic.deliver 1\n"
                         "1 content 1 a\n");
    world_stop(&w);
}

/* So that a machine that knows nothing of the connection any more can say so. */
static void a_blocked_client_is_sent_heartbeats_whatever_was_negotiated(void **state)
{
    (void)state;
    struct world w;
    world_start(&w, 1, 0);
    struct peer *publisher = world_login(&w, 0, 0, 0);
    set_alarms(&w, BROKER_ALARM_MEMORY);
    peer_publishes(publisher, "nowhere", 'a', 1);
    world_settle(&w);
    world_wait(&w, 4000);
    PEER_HEARS(publisher, "0 heartbeat\n"
                          "0 heartbeat\n");
    set_alarms(&w, 0);
    world_wait(&w, 4000);
    PEER_HEARS(publisher, "");
    world_stop(&w);
}

static void count_lines(struct peer *peer, size_t *ret)
{
    *ret = 0;
    for (size_t i = 0; i < peer->heard.n; i++)
        *ret += peer->heard.p[i] == '\n';
    peer->heard.n = 0;
}

static void a_client_that_does_not_read_its_answers_is_not_read(void **state)
{
    (void)state;
    enum { QUESTIONS = 400000, A_TIME = 1000 };
    struct world w;
    world_start(&w, 1, 0);
    struct peer *peer = world_login(&w, 0, 0, 0);
    peer->net.window = 0;
    for (unsigned i = 0; i < QUESTIONS; i += A_TIME) {
        for (unsigned j = 0; j < A_TIME; j++)
            PEER_SAYS(peer, 1, basic_qos, .prefetch_count = 1);
        world_settle(&w);
    }
    assert_in_range(net_unwritten(peer->net.conn), ANSWER_BYTES_HIGH, ANSWER_BYTES_HIGH + 1000);
    peer_reads_on(&w, peer);
    size_t answers;
    count_lines(peer, &answers);
    assert_int_equal(answers, QUESTIONS);
    world_stop(&w);
}

/* Kept frames are small, and what they ask for may be large. */
static void what_a_channel_has_kept_waits_until_its_answers_are_read(void **state)
{
    (void)state;
    enum { GETS = 200, BODY_BYTES = 100000 };
    struct world w;
    struct peer *publisher, *reader;
    world_start_with_two(&w, 2, 0, &publisher, &reader);
    peer_declares(&w, publisher, "q");
    for (unsigned i = 0; i < GETS; i++)
        peer_publishes(publisher, "q", 'a', BODY_BYTES);
    world_settle(&w);
    reader->net.window = 0;
    for (unsigned i = 0; i < GETS; i++)
        PEER_SAYS(reader, 1, basic_get, .queue = slice_str("q"), .no_ack = true);
    world_settle(&w);
    assert_in_range(net_unwritten(reader->net.conn), ANSWER_BYTES_HIGH,
                    ANSWER_BYTES_HIGH + 2 * BODY_BYTES);
    peer_reads_on(&w, reader);
    assert_int_equal(peer_contents(reader), GETS);
    world_stop(&w);
}

static void a_publisher_that_does_not_read_its_returns_is_stopped(void **state)
{
    (void)state;
    enum { MESSAGES = 100, BODY_BYTES = 100000 };
    struct world w;
    world_start(&w, 1, 0);
    struct peer *peer = world_login(&w, 0, 0, 0);
    struct lv_buffer bytes = {0};
    put_message(&bytes, "nowhere", 'a', BODY_BYTES);
    bytes.p[FRAME_HEADER_BYTES + 4 + 2 + 1 + 1 + 7] = 1; /* mandatory, behind the names */
    peer->net.window = 0;
    for (unsigned i = 0; i < MESSAGES; i++)
        net_sim_send(&peer->net, lv_buffer_slice(&bytes));
    world_settle(&w);
    assert_in_range(net_unwritten(peer->net.conn), ANSWER_BYTES_HIGH,
                    ANSWER_BYTES_HIGH + 2 * BODY_BYTES);
    peer_reads_on(&w, peer);
    assert_int_equal(peer_contents(peer), MESSAGES);
    lv_buffer_free(&bytes);
    world_stop(&w);
}

static void a_closed_client_that_falls_silent_is_gone_after_three_intervals(void **state)
{
    (void)state;
    struct world w;
    world_start(&w, 1, 0);
    struct peer *peer = world_login(&w, 0, 0, 2);
    PEER_SAYS(peer, 5, channel_flow, .active = true);
    world_settle(&w);
    PEER_HEARS(peer, "0 connection.close 504\n");
    world_wait(&w, 5999);
    assert_false(peer->net.is_gone);
    world_wait(&w, 1);
    assert_true(peer->net.is_gone);
    world_stop(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(while_an_alarm_is_on_not_even_a_first_message_is_taken),
        cmocka_unit_test(a_message_that_has_begun_is_not_read_on_while_an_alarm_is_on),
        cmocka_unit_test(what_a_waiting_channel_has_kept_is_held_up_by_an_alarm_too),
        cmocka_unit_test(a_failed_disk_stops_only_publishers_of_persistent_messages),
        cmocka_unit_test(a_client_that_ends_during_an_alarm_gives_back_what_it_holds),
        cmocka_unit_test(what_a_client_published_before_it_ended_is_taken_after_the_alarm),
        cmocka_unit_test(a_blocked_client_is_sent_heartbeats_whatever_was_negotiated),
        cmocka_unit_test(a_client_that_does_not_read_its_answers_is_not_read),
        cmocka_unit_test(what_a_channel_has_kept_waits_until_its_answers_are_read),
        cmocka_unit_test(a_publisher_that_does_not_read_its_returns_is_stopped),
        cmocka_unit_test(a_closed_client_that_falls_silent_is_gone_after_three_intervals),
    };
    return cmocka_run_group_tests_name("pressure", tests, NULL, NULL);
}
