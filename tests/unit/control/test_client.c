/* A client of the control socket, over a pair of sockets: how long it may keep us waiting, and how
 * that ends. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/memory.h"
#include "base/rcu.h"
#include "control/client.h"
#include "manage/manage.h"

static const char ping[] = "{\"command\":\"ping\"}\n";
static const char pong[] = "{\"ok\":true,\"node\":\"leveret@here\"}\n";

struct world {
    struct control_world control;
    struct manage manage;
    struct service service;
    struct client *client;
    int peer; /* the client's own end */
    int reserved, taken;
    int taken_fd; /* -1: none */
};

static bool reserve_amqp(void *arg)
{
    struct world *w = arg;
    return ++w->reserved == 1;
}

static void take_amqp(void *arg, int fd)
{
    struct world *w = arg;
    w->taken++;
    w->taken_fd = fd;
}

static void begin(struct world *w)
{
    int ends[2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, ends), 0);
    *w = (struct world){.manage.node_name = "leveret@here", .peer = ends[1], .taken_fd = -1};
    w->control =
        (struct control_world){.arg = w, .reserve_amqp = reserve_amqp, .take_amqp = take_amqp};
    w->service = (struct service){.world = &w->control,
                                  .manage = &w->manage,
                                  .stop_fd = eventfd(0, EFD_CLOEXEC),
                                  .wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)};
    w->client = client_create(&w->service, ends[0], 1000);
}

static void end(struct world *w)
{
    client_free(&w->client);
    close(w->service.stop_fd);
    close(w->service.wake_fd);
    close(w->peer);
}

static void say(struct world *w, const char *text, size_t n)
{
    assert_int_equal(send(w->peer, text, n, MSG_NOSIGNAL), n);
}

/* A turn, as the control socket's thread would give it. */
static void turn(struct world *w, uint64_t now_ms)
{
    struct pollfd wants = client_wants(w->client);
    assert_true(poll(&wants, 1, 0) >= 0);
    client_turn(w->client, wants.revents, now_ms);
}

static void expect(struct world *w, const char *text)
{
    char got[4096];
    ssize_t n = recv(w->peer, got, sizeof got - 1, 0);
    assert_true(n >= 0);
    got[n] = '\0';
    assert_string_equal(got, text);
}

static void a_ping_is_answered_at_once(void **state)
{
    (void)state;
    struct world w;
    begin(&w);
    say(&w, ping, 5);
    turn(&w, 2000);
    say(&w, ping + 5, strlen(ping) - 5);
    turn(&w, 3000);
    expect(&w, pong);
    end(&w);
}

static void requests_sent_before_their_turn_are_answered_in_order(void **state)
{
    (void)state;
    struct world w;
    begin(&w);
    say(&w, ping, strlen(ping));
    say(&w, "nonsense\n", strlen("nonsense\n"));
    say(&w, ping, strlen(ping));
    turn(&w, 2000);
    expect(&w,
           "{\"ok\":true,\"node\":\"leveret@here\"}\n"
           "{\"error\":\"bad_request\",\"text\":\"a request is a JSON object with a command\"}\n"
           "{\"ok\":true,\"node\":\"leveret@here\"}\n");
    end(&w);
}

static void the_time_for_a_request_begins_with_the_last_answer(void **state)
{
    (void)state;
    struct world w;
    begin(&w);
    assert_int_equal(client_waited_since(w.client), 1000);
    say(&w, ping, 5); /* part of one does not count */
    turn(&w, 2000);
    assert_int_equal(client_waited_since(w.client), 1000);
    say(&w, ping + 5, strlen(ping) - 5);
    turn(&w, 3000);
    assert_int_equal(client_waited_since(w.client), 3000);
    end(&w);
}

static void the_time_for_an_answer_begins_with_the_last_byte_taken(void **state)
{
    (void)state;
    struct world w;
    char got[4096];
    begin(&w);
    for (uint64_t now = 2000; client_waited_since(w.client) == now - 1 || now == 2000; now++) {
        say(&w, ping, strlen(ping));
        turn(&w, now);
    }
    uint64_t full = client_waited_since(w.client);
    turn(&w, full + 5000);
    assert_int_equal(client_waited_since(w.client), full);
    assert_int_equal(client_wants(w.client).events, POLLOUT);
    while (recv(w.peer, got, sizeof got, 0) > 0)
        continue;
    turn(&w, full + 6000);
    assert_int_equal(client_waited_since(w.client), full + 6000);
    end(&w);
}

static void a_silent_client_that_is_cut_is_told_why(void **state)
{
    (void)state;
    struct world w;
    begin(&w);
    client_cut(w.client, "timed_out", "no request was received in time");
    assert_true(client_is_over(w.client));
    assert_int_equal(client_waited_since(w.client), UINT64_MAX);
    expect(&w, "{\"error\":\"timed_out\",\"text\":\"no request was received in time\"}\n");
    expect(&w, "");
    end(&w);
}

static void a_request_of_more_than_a_mebibyte_is_refused_and_ends_the_connection(void **state)
{
    (void)state;
    struct world w;
    char part[16 * 1024];
    begin(&w);
    memset(part, ' ', sizeof part);
    for (size_t n = 0; n <= REQUEST_BYTES_MAX; n += sizeof part) {
        say(&w, part, sizeof part);
        turn(&w, 2000);
    }
    expect(&w, "{\"error\":\"bad_request\",\"text\":\"a request has at most 1 MiB\"}\n");
    expect(&w, "");
    assert_true(client_is_over(w.client));
    end(&w);
}

static void a_client_that_has_disconnected_is_over(void **state)
{
    (void)state;
    struct world w;
    begin(&w);
    assert_int_equal(shutdown(w.peer, SHUT_RDWR), 0);
    turn(&w, 2000);
    assert_true(client_is_over(w.client));
    end(&w);
}

static const char amqp[] = "{\"command\":\"amqp\"}\n";

static void a_client_that_turns_to_amqp_gives_its_socket_away(void **state)
{
    (void)state;
    struct world w;
    begin(&w);
    int fd = w.client->fd;
    say(&w, amqp, strlen(amqp));
    turn(&w, 2000);
    expect(&w, "{\"ok\":true}\n");
    assert_true(client_is_over(w.client));
    assert_int_equal(w.taken_fd, fd);
    assert_int_equal(w.taken, 1);
    end(&w);
    close(fd); /* it was left open */
}

static void bytes_behind_the_line_keep_a_client_from_turning_to_amqp(void **state)
{
    (void)state;
    struct world w;
    begin(&w);
    say(&w, amqp, strlen(amqp));
    say(&w, "AMQP", 4);
    turn(&w, 2000);
    expect(&w, "{\"error\":\"bad_request\",\"text\":\"amqp: nothing may be sent until this "
               "command has been answered\"}\n");
    assert_int_equal(w.reserved, 0);
    assert_int_equal(w.taken, 0);
    end(&w);
}

static void a_client_that_leaves_before_the_answer_gives_its_place_back(void **state)
{
    (void)state;
    struct world w;
    begin(&w);
    say(&w, amqp, strlen(amqp));
    assert_int_equal(shutdown(w.peer, SHUT_RD), 0); /* the answer cannot be sent */
    turn(&w, 2000);
    assert_true(client_is_over(w.client));
    assert_int_equal(w.reserved, 1);
    end(&w);
    assert_int_equal(w.taken, 1);
    assert_int_equal(w.taken_fd, -1);
}

static int register_thread(void **state)
{
    (void)state;
    lv_rcu_register_thread();
    lv_rcu_offline();
    return 0;
}

static int unregister_thread(void **state)
{
    (void)state;
    lv_rcu_unregister_thread();
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_ping_is_answered_at_once),
        cmocka_unit_test(requests_sent_before_their_turn_are_answered_in_order),
        cmocka_unit_test(the_time_for_a_request_begins_with_the_last_answer),
        cmocka_unit_test(the_time_for_an_answer_begins_with_the_last_byte_taken),
        cmocka_unit_test(a_silent_client_that_is_cut_is_told_why),
        cmocka_unit_test(a_request_of_more_than_a_mebibyte_is_refused_and_ends_the_connection),
        cmocka_unit_test(a_client_that_has_disconnected_is_over),
        cmocka_unit_test(a_client_that_turns_to_amqp_gives_its_socket_away),
        cmocka_unit_test(bytes_behind_the_line_keep_a_client_from_turning_to_amqp),
        cmocka_unit_test(a_client_that_leaves_before_the_answer_gives_its_place_back),
    };
    return cmocka_run_group_tests(tests, register_thread, unregister_thread);
}
