/* Two front ends side by side: amqp/ and a protocol of lines that lives in these tests alone.
 * Whatever holds here for lines holds for any protocol that is built on session/. */
#include <stdlib.h>
#include <string.h>

#include "amqp/session_world.h"
#include "base/buffer.h"
#include "session/line_frontend.h"

enum { LINE_PORT = 50000 };

/* --- a client that speaks lines --------------------------------------------------------------- */

static void connect_line(struct world *w, struct net_sim_peer *peer, unsigned loop)
{
    *peer = (struct net_sim_peer){0};
    net_sim_connect(peer, loops_at(w->loops, loop), LINE_PORT, line_frontend.accepted, &w->server);
}

static void says(struct world *w, struct net_sim_peer *peer, const char *line)
{
    net_sim_send(peer, slice_str(line));
    net_sim_send(peer, slice_str("\n"));
    world_settle(w);
}

/* Asserts what it has heard since the last look. */
static void hears(struct net_sim_peer *peer, const char *text)
{
    lv_buffer_add(&peer->got, "", 1);
    assert_string_equal((const char *)peer->got.p, text);
    peer->got.n = 0;
}

static void connect_and_log_in(struct world *w, struct net_sim_peer *peer, unsigned loop)
{
    connect_line(w, peer, loop);
    says(w, peer, "LOGIN guest guest /");
    hears(peer, "OK\n");
}

static void leave(struct world *w, struct net_sim_peer *peer)
{
    net_sim_reset(peer);
    world_settle(w);
    assert_true(peer->is_gone);
    net_sim_peer_free(peer);
}

/* --- what listings show ----------------------------------------------------------------------- */

struct listing {
    struct lv_buffer text; /* a line for each connection */
    uint64_t ids[8];
    size_t count;
};

static void list_one(void *arg, const struct session_facts *facts)
{
    struct listing *l = arg;
    l->ids[l->count++] = facts->id;
    lv_buffer_printf(&l->text, "%.*s %s %s\n", SLICE_ARG(facts->user), facts->protocol,
                     facts->state);
}

static void list_all(struct world *w, struct listing *l)
{
    *l = (struct listing){0};
    const struct session_visitor visitor = {.connection = list_one};
    for (unsigned i = 0; i < loops_count(w->loops); i++)
        sessions_visit(loops_at(w->loops, i), &visitor, l);
    lv_buffer_add(&l->text, "", 1);
}

static void check_listing(struct world *w, const char *expected)
{
    struct listing l;
    list_all(w, &l);
    assert_string_equal((const char *)l.text.p, expected);
    lv_buffer_free(&l.text);
}

/* --- messages --------------------------------------------------------------------------------- */

static void check_round_trip(unsigned loops, uint64_t seed)
{
    struct world w;
    struct net_sim_peer peer;
    world_start(&w, loops, seed);
    connect_and_log_in(&w, &peer, loops - 1);
    says(&w, &peer, "QUEUE q");
    hears(&peer, "OK\n");
    says(&w, &peer, "PUB q hello");
    hears(&peer, "OK\n");
    says(&w, &peer, "SUB q");
    hears(&peer, "OK\nMSG 1 hello\n");
    says(&w, &peer, "ACK 1");
    says(&w, &peer, "ACK 1");
    hears(&peer, "ERR no such tag\n");
    says(&w, &peer, "BYE");
    hears(&peer, "BYE\n");
    assert_true(peer.is_shut);
    leave(&w, &peer);
    world_stop(&w);
}

static void a_client_of_another_protocol_publishes_and_consumes(void **state)
{
    (void)state;
    check_round_trip(1, 1);
    check_round_trip(3, 2);
}

static void a_message_goes_from_one_protocol_to_the_other(void **state)
{
    struct world w;
    struct peer *amqp;
    struct peer *other;
    struct net_sim_peer line;
    (void)state;
    world_start_with_two(&w, 2, 3, &amqp, &other);
    connect_and_log_in(&w, &line, 1);
    peer_declares(&w, amqp, "q");
    PEER_SAYS(amqp, 1, basic_consume, .queue = slice_str("q"), .no_ack = true);
    says(&w, &line, "PUB q line");
    hears(&line, "OK\n");
    PEER_HEARS(amqp, "1 basic.consume_ok\n1 basic.deliver 1\n1 content 4 line\n");
    peer_declares(&w, other, "r");
    says(&w, &line, "SUB r");
    peer_publishes(other, "r", 'a', 3);
    world_settle(&w);
    hears(&line, "OK\nMSG 1 aaa\n");
    leave(&w, &line);
    world_stop(&w);
}

static void what_a_client_held_is_requeued_when_it_is_gone(void **state)
{
    struct world w;
    struct peer *amqp;
    struct peer *other;
    struct net_sim_peer line;
    (void)state;
    world_start_with_two(&w, 2, 4, &amqp, &other);
    peer_declares(&w, amqp, "q");
    peer_publishes(amqp, "q", 'a', 3);
    world_settle(&w);
    connect_and_log_in(&w, &line, 1);
    says(&w, &line, "SUB q");
    hears(&line, "OK\nMSG 1 aaa\n");
    leave(&w, &line);
    PEER_SAYS(amqp, 1, basic_consume, .queue = slice_str("q"), .no_ack = true);
    world_settle(&w);
    PEER_HEARS(amqp, "1 basic.consume_ok\n1 basic.deliver 1 redelivered\n1 content 3 aaa\n");
    world_stop(&w);
}

/* --- the registry ----------------------------------------------------------------------------- */

static void sessions_of_all_protocols_are_listed_together(void **state)
{
    struct world w;
    struct net_sim_peer line, early;
    (void)state;
    world_start(&w, 1, 5);
    world_login(&w, 0, 0, 0);
    connect_and_log_in(&w, &line, 0);
    connect_line(&w, &early, 0);
    check_listing(&w, "guest {0,9,1} running\n"
                      "guest LINE 1 running\n"
                      " LINE 1 starting\n");
    assert_int_equal(sessions_count(loops_at(w.loops, 0)), 3);
    leave(&w, &early);
    leave(&w, &line);
    check_listing(&w, "guest {0,9,1} running\n");
    world_stop(&w);
}

static void no_two_sessions_have_the_same_id(void **state)
{
    struct world w;
    struct net_sim_peer lines[4];
    struct listing l;
    (void)state;
    world_start(&w, 2, 6);
    for (unsigned i = 0; i < 4; i++) {
        world_login(&w, i, i % 2, 0);
        connect_and_log_in(&w, &lines[i], i % 2);
    }
    list_all(&w, &l);
    assert_int_equal(l.count, 8);
    for (size_t i = 0; i < l.count; i++) {
        for (size_t j = 0; j < i; j++)
            assert_int_not_equal(l.ids[i], l.ids[j]);
    }
    lv_buffer_free(&l.text);
    for (unsigned i = 0; i < 4; i++)
        leave(&w, &lines[i]);
    world_stop(&w);
}

static void an_exclusive_queue_is_locked_for_other_protocols_and_ends_with_its_session(void **state)
{
    struct world w;
    struct net_sim_peer line;
    (void)state;
    world_start(&w, 1, 7);
    struct peer *amqp = world_login(&w, 0, 0, 0);
    connect_and_log_in(&w, &line, 0);
    says(&w, &line, "QUEUE mine");
    hears(&line, "OK\n");
    PEER_SAYS(amqp, 1, queue_purge, .queue = slice_str("mine"));
    world_settle(&w);
    PEER_HEARS(amqp, "1 channel.close 405 RESOURCE_LOCKED - cannot obtain exclusive access to "
                     "locked queue 'mine' in vhost '/'. It could be originally declared on another "
                     "connection or the exclusive property value does not match that of the "
                     "original declaration.\n");
    leave(&w, &line);
    PEER_SAYS(amqp, 1, channel_close_ok, .none = 0);
    PEER_SAYS(amqp, 1, channel_open, .reserved1 = SLICE_EMPTY);
    PEER_SAYS(amqp, 1, queue_purge, .queue = slice_str("mine"));
    world_settle(&w);
    PEER_HEARS(amqp, "1 channel.open_ok\n"
                     "1 channel.close 404 NOT_FOUND - no queue 'mine' in vhost '/'\n");
    world_stop(&w);
}

/* --- logging in, permissions, limits ---------------------------------------------------------- */

static void a_wrong_password_is_refused(void **state)
{
    struct world w;
    struct net_sim_peer line;
    (void)state;
    world_start(&w, 1, 8);
    connect_line(&w, &line, 0);
    says(&w, &line, "LOGIN guest wrong /");
    hears(&line, "ERR refused\n");
    assert_true(line.is_shut);
    leave(&w, &line);
    world_stop(&w);
}

static void connections_of_all_protocols_count_in_the_nodes_limit(void **state)
{
    struct world w;
    struct net_sim_peer line, second;
    (void)state;
    world_start(&w, 1, 9);
    w.server.settings.connections_max = 2;
    world_login(&w, 0, 0, 0);
    connect_and_log_in(&w, &line, 0);
    connect_line(&w, &second, 0);
    says(&w, &second, "LOGIN guest guest /");
    hears(&second, "ERR connection refused: node connection limit (2) is reached\n");
    leave(&w, &second);
    leave(&w, &line);
    connect_and_log_in(&w, &second, 0); /* the place is free again */
    leave(&w, &second);
    world_stop(&w);
}

static void connections_of_all_protocols_count_in_their_users_limit(void **state)
{
    struct world w;
    struct net_sim_peer line, second;
    struct lv_buffer why = {0};
    (void)state;
    world_start(&w, 1, 16);
    assert_int_equal(auth_set_limits(w.server.auth, slice_str("guest"),
                                     slice_str("{\"max-connections\": 2}"), &why, NULL, NULL),
                     0);
    world_login(&w, 0, 0, 0);
    connect_and_log_in(&w, &line, 0);
    connect_line(&w, &second, 0);
    says(&w, &second, "LOGIN guest guest /");
    hears(&second,
          "ERR connection refused for user 'guest': user connection limit (2) is reached\n");
    leave(&w, &second);
    leave(&w, &line);
    connect_and_log_in(&w, &line, 0);
    leave(&w, &line);
    lv_buffer_free(&why);
    world_stop(&w);
}

static void a_vhost_that_is_not_there_is_not_entered(void **state)
{
    struct world w;
    struct net_sim_peer line;
    (void)state;
    world_start(&w, 1, 17);
    connect_line(&w, &line, 0);
    says(&w, &line, "LOGIN guest guest /nowhere");
    hears(&line, "ERR vhost /nowhere not found\n");
    assert_int_equal(w.server.connections_entered, 0);
    leave(&w, &line);
    world_stop(&w);
}

static void a_user_publishes_only_where_it_may_write(void **state)
{
    struct world w;
    struct net_sim_peer line;
    (void)state;
    world_start(&w, 1, 10);
    const struct definition_permission row = {slice_str("/"), slice_str("guest"), slice_str(".*"),
                                              slice_str("^x$"), slice_str(".*")};
    connect_and_log_in(&w, &line, 0);
    says(&w, &line, "PUB nobody a");
    hears(&line, "OK\n");
    assert_int_equal(auth_set_permissions(w.server.auth, &row, NULL, NULL, NULL), 0);
    says(&w, &line, "PUB nobody a");
    hears(&line, "ERR access to exchange 'amq.default' in vhost '/' refused for user 'guest'\n");
    leave(&w, &line);
    world_stop(&w);
}

static void a_front_end_need_not_know_of_timeouts_and_permissions(void **state)
{
    struct world w;
    struct net_sim_peer line;
    (void)state;
    world_start(&w, 1, 19);
    connect_and_log_in(&w, &line, 0);
    sessions_timeouts_changed(loops_at(w.loops, 0));
    sessions_permissions_changed(loops_at(w.loops, 0), slice_str("guest"));
    says(&w, &line, "BYE");
    hears(&line, "BYE\n");
    leave(&w, &line);
    world_stop(&w);
}

/* --- alarms ----------------------------------------------------------------------------------- */

static void set_alarms(struct world *w, unsigned alarms)
{
    atomic_store(&w->broker->alarms, alarms);
    for (unsigned i = 0; i < loops_count(w->loops); i++)
        sessions_alarms_changed(loops_at(w->loops, i));
    world_settle(w);
}

static void an_alarm_stops_a_publisher_until_it_ends(void **state)
{
    struct world w;
    struct net_sim_peer line;
    (void)state;
    world_start(&w, 1, 11);
    connect_and_log_in(&w, &line, 0);
    says(&w, &line, "QUEUE q");
    hears(&line, "OK\n");
    set_alarms(&w, BROKER_ALARM_MEMORY);
    says(&w, &line, "PUB q a");
    says(&w, &line, "PUB q b");
    hears(&line, "BLOCKED low on memory\n");
    check_listing(&w, "guest LINE 1 blocked\n");
    set_alarms(&w, 0);
    hears(&line, "UNBLOCKED\nOK\nOK\n");
    check_listing(&w, "guest LINE 1 running\n");
    leave(&w, &line);
    world_stop(&w);
}

static void an_alarm_does_not_stop_a_session_that_only_consumes(void **state)
{
    struct world w;
    struct net_sim_peer line;
    (void)state;
    world_start(&w, 1, 12);
    connect_and_log_in(&w, &line, 0);
    says(&w, &line, "QUEUE q");
    says(&w, &line, "PUB q a");
    hears(&line, "OK\nOK\n");
    set_alarms(&w, BROKER_ALARM_DISK);
    says(&w, &line, "SUB q");
    hears(&line, "OK\nMSG 1 a\n");
    leave(&w, &line);
    world_stop(&w);
}

/* --- closing ---------------------------------------------------------------------------------- */

static void an_operator_closes_one_session_by_its_id(void **state)
{
    struct world w;
    struct net_sim_peer line;
    struct listing l;
    (void)state;
    world_start(&w, 2, 13);
    struct peer *amqp = world_login(&w, 0, 0, 0);
    connect_and_log_in(&w, &line, 1);
    list_all(&w, &l);
    assert_false(sessions_close(loops_at(w.loops, 0), l.ids[1], "enough"));
    assert_true(sessions_close(loops_at(w.loops, 1), l.ids[1], "enough"));
    world_settle(&w);
    hears(&line, "CLOSED 320 enough\n");
    assert_true(line.is_shut);
    PEER_HEARS(amqp, "");
    leave(&w, &line);
    lv_buffer_free(&l.text);
    world_stop(&w);
}

static void the_end_of_the_broker_closes_sessions_of_all_protocols(void **state)
{
    struct world w;
    struct net_sim_peer line, early;
    (void)state;
    world_start(&w, 1, 14);
    struct peer *amqp = world_login(&w, 0, 0, 0);
    connect_and_log_in(&w, &line, 0);
    connect_line(&w, &early, 0);
    sessions_close_all(loops_at(w.loops, 0), "the end");
    world_settle(&w);
    hears(&line, "CLOSED 320 the end\n");
    hears(&early, "CLOSED 320 the end\n");
    PEER_HEARS(amqp, "0 connection.close 320\n");
    leave(&w, &line);
    leave(&w, &early);
    world_stop(&w);
}

static void sessions_of_a_user_are_closed_and_others_stay(void **state)
{
    struct world w;
    struct net_sim_peer guest, early;
    (void)state;
    world_start(&w, 1, 15);
    connect_and_log_in(&w, &guest, 0);
    connect_line(&w, &early, 0);
    sessions_close_matching(loops_at(w.loops, 0), SLICE_EMPTY, slice_str("guest"), "deleted");
    world_settle(&w);
    hears(&guest, "CLOSED 320 deleted\n");
    hears(&early, "");
    leave(&w, &guest);
    leave(&w, &early);
    world_stop(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_client_of_another_protocol_publishes_and_consumes),
        cmocka_unit_test(a_message_goes_from_one_protocol_to_the_other),
        cmocka_unit_test(what_a_client_held_is_requeued_when_it_is_gone),
        cmocka_unit_test(sessions_of_all_protocols_are_listed_together),
        cmocka_unit_test(no_two_sessions_have_the_same_id),
        cmocka_unit_test(
            an_exclusive_queue_is_locked_for_other_protocols_and_ends_with_its_session),
        cmocka_unit_test(a_wrong_password_is_refused),
        cmocka_unit_test(connections_of_all_protocols_count_in_the_nodes_limit),
        cmocka_unit_test(connections_of_all_protocols_count_in_their_users_limit),
        cmocka_unit_test(a_vhost_that_is_not_there_is_not_entered),
        cmocka_unit_test(a_user_publishes_only_where_it_may_write),
        cmocka_unit_test(a_front_end_need_not_know_of_timeouts_and_permissions),
        cmocka_unit_test(an_alarm_stops_a_publisher_until_it_ends),
        cmocka_unit_test(an_alarm_does_not_stop_a_session_that_only_consumes),
        cmocka_unit_test(an_operator_closes_one_session_by_its_id),
        cmocka_unit_test(the_end_of_the_broker_closes_sessions_of_all_protocols),
        cmocka_unit_test(sessions_of_a_user_are_closed_and_others_stay),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
