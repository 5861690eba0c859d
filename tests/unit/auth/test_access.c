#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "auth/access.h"
#include "base/buffer.h"
#include "base/memory.h"
#include "base/rcu.h"
#include "broker/vhost_life.h"
#include "loop/sim/loop_sim.h"
#include "topology/vhost.h"
#include "wire/table.h"
#include "wire/wire.h"

#define S(text) slice_str(text)

static const struct durable_done not_reported = {NULL, NULL};

/* A broker with vhost "/", and ann, whose permissions each test sets. */
struct world {
    struct loops *loops;
    struct broker *broker;
    struct vhost *vhost;
    struct auth *auth;
    struct auth_identity *ann;
    struct broker_error error; /* the last refusal */
};

static void world_start(struct world *w)
{
    *w = (struct world){0};
    lv_rcu_register_thread();
    w->loops = loop_sim_create(1, 1);
    w->broker = broker_create(w->loops, NULL);
    assert_int_equal(vhost_create(w->broker, &(struct definition_vhost){.name = S("/")}, false,
                                  not_reported, &w->vhost),
                     CHANGE_DONE);
    w->auth = auth_create(NULL);
    auth_set_hashing(w->auth, PASSWORD_SHA256); /* fast */
    assert_int_equal(auth_add_user(w->auth, S("ann"), S("secret"), S(""), NULL, NULL), 0);
    assert_true(auth_login(w->auth, S("ann"), S("secret"), true, &w->ann, NULL));
}

static void world_stop(struct world *w)
{
    auth_identity_unref(&w->ann);
    auth_free(&w->auth);
    loops_drain(w->loops);
    broker_free(&w->broker);
    loop_sim_free(&w->loops);
    lv_rcu_barrier();
    lv_rcu_unregister_thread();
}

static void permit(struct world *w, const char *configure, const char *write, const char *read)
{
    const struct definition_permission row = {S("/"), S("ann"), S(configure), S(write), S(read)};
    assert_int_equal(auth_set_permissions(w->auth, &row, NULL, NULL, NULL), 0);
}

static void make_exchange(struct world *w, const char *name, const char *type, bool internal)
{
    const struct exchange_declaration d = {.name = S(name), .type = S(type), .internal = internal};
    bool created;
    assert_int_equal(exchange_declare(w->vhost, &d, not_reported, &w->error, &created),
                     CHANGE_DONE);
}

/* Checks that a request is refused with this code and text. */
#define REFUSED(w, allowed, expected_code, expected_text)                                          \
    do {                                                                                           \
        (w)->error = (struct broker_error){0};                                                     \
        assert_false(allowed);                                                                     \
        assert_int_equal((w)->error.code, (expected_code));                                        \
        assert_string_equal((w)->error.text, (expected_text));                                     \
    } while (0)

#define NO_ACCESS(what) "access to " what " in vhost '/' refused for user 'ann'"

/* Returns a table with one string. */
static struct slice argument(struct lv_buffer *space, const char *name, const char *value)
{
    space->n = 0;
    struct table_writer w;
    table_begin(&w, space);
    table_put_str(&w, name, S(value));
    table_end(&w);
    return lv_buffer_slice(space);
}

/* --- declaring -------------------------------------------------------------------------------- */

static bool declares_queue(struct world *w, struct queue_declaration d)
{
    d.name = S("q");
    return access_declare_queue(w->ann, S("/"), &d, &w->error);
}

static void declaring_a_queue_needs_configure_on_it(void **state)
{
    (void)state;
    struct world w;
    world_start(&w);
    permit(&w, "^other$", ".*", ".*");
    REFUSED(&w, declares_queue(&w, (struct queue_declaration){0}), REPLY_ACCESS_REFUSED,
            NO_ACCESS("queue 'q'"));
    assert_true(declares_queue(&w, (struct queue_declaration){.passive = true}));
    permit(&w, "^q$", "", "");
    assert_true(declares_queue(&w, (struct queue_declaration){0}));
    world_stop(&w);
}

static void
a_new_queue_with_a_dead_letter_exchange_needs_read_on_itself_and_write_there(void **state)
{
    (void)state;
    struct world w;
    struct lv_buffer space = {0};
    world_start(&w);
    const struct queue_declaration d = {.arguments =
                                            argument(&space, "x-dead-letter-exchange", "dead")};
    permit(&w, "^q$", "^dead$", "");
    REFUSED(&w, declares_queue(&w, d), REPLY_ACCESS_REFUSED, NO_ACCESS("queue 'q'"));
    permit(&w, "^q$", "", "^q$");
    REFUSED(&w, declares_queue(&w, d), REPLY_ACCESS_REFUSED, NO_ACCESS("exchange 'dead'"));
    permit(&w, "^q$", "^dead$", "^q$");
    assert_true(declares_queue(&w, d));
    lv_buffer_free(&space);
    world_stop(&w);
}

static void
a_queue_that_is_there_is_declared_again_without_rights_to_its_dead_letter_exchange(void **state)
{
    (void)state;
    struct world w;
    struct lv_buffer space = {0};
    world_start(&w);
    permit(&w, "^q$", "", "");
    assert_true(declares_queue(
        &w,
        (struct queue_declaration){.only_if_there = true,
                                   .arguments = argument(&space, "x-dead-letter-exchange", "d")}));
    lv_buffer_free(&space);
    world_stop(&w);
}

static bool declares_exchange(struct world *w, struct exchange_declaration d)
{
    d.name = S("x");
    return access_declare_exchange(w->ann, S("/"), &d, &w->error);
}

static void a_new_exchange_with_an_alternate_needs_read_on_itself_and_write_there(void **state)
{
    (void)state;
    struct world w;
    struct lv_buffer space = {0};
    world_start(&w);
    const struct exchange_declaration d = {.arguments =
                                               argument(&space, "alternate-exchange", "rest")};
    permit(&w, "", "", "");
    REFUSED(&w, declares_exchange(&w, d), REPLY_ACCESS_REFUSED, NO_ACCESS("exchange 'x'"));
    permit(&w, "^x$", "^rest$", "");
    REFUSED(&w, declares_exchange(&w, d), REPLY_ACCESS_REFUSED, NO_ACCESS("exchange 'x'"));
    permit(&w, "^x$", "", "^x$");
    REFUSED(&w, declares_exchange(&w, d), REPLY_ACCESS_REFUSED, NO_ACCESS("exchange 'rest'"));
    permit(&w, "^x$", "^rest$", "^x$");
    assert_true(declares_exchange(&w, d));
    lv_buffer_free(&space);
    world_stop(&w);
}

/* --- binding ---------------------------------------------------------------------------------- */

static bool binds(struct world *w, struct binding_request request)
{
    return access_bind(w->ann, w->vhost, &request, &w->error);
}

static void binding_needs_write_on_the_destination_and_read_on_the_source(void **state)
{
    (void)state;
    struct world w;
    world_start(&w);
    const struct binding_request queue = {
        .source = S("x"), .destination = S("q"), .destination_kind = DESTINATION_QUEUE};
    const struct binding_request exchange = {
        .source = S("x"), .destination = S("y"), .destination_kind = DESTINATION_EXCHANGE};
    permit(&w, ".*", "", ".*");
    REFUSED(&w, binds(&w, queue), REPLY_ACCESS_REFUSED, NO_ACCESS("queue 'q'"));
    REFUSED(&w, binds(&w, exchange), REPLY_ACCESS_REFUSED, NO_ACCESS("exchange 'y'"));
    permit(&w, ".*", ".*", "");
    REFUSED(&w, binds(&w, queue), REPLY_ACCESS_REFUSED, NO_ACCESS("exchange 'x'"));
    permit(&w, "", "^(q|y)$", "^x$");
    assert_true(binds(&w, queue));
    assert_true(binds(&w, exchange));
    world_stop(&w);
}

static void binding_a_topic_exchange_needs_read_on_the_routing_key(void **state)
{
    (void)state;
    struct world w;
    world_start(&w);
    permit(&w, "", ".*", ".*");
    const struct definition_topic_permission row = {S("/"), S("ann"), S("amq.topic"), S("^w"),
                                                    S("^r")};
    assert_int_equal(auth_set_topic_permissions(w.auth, &row, NULL, NULL, NULL), 0);
    struct binding_request request = {
        .source = S("amq.topic"), .destination = S("q"), .routing_key = S("write.me")};
    REFUSED(&w, binds(&w, request), REPLY_ACCESS_REFUSED,
            NO_ACCESS("topic 'write.me' in exchange 'amq.topic'"));
    request.routing_key = S("read.me");
    assert_true(binds(&w, request));
    world_stop(&w);
}

static void a_binding_of_the_default_exchange_is_left_to_the_broker_to_refuse(void **state)
{
    (void)state;
    struct world w;
    world_start(&w);
    permit(&w, "", "", "");
    assert_true(binds(&w, (struct binding_request){.destination = S("q")}));
    assert_true(binds(
        &w, (struct binding_request){.source = S("x"), .destination_kind = DESTINATION_EXCHANGE}));
    world_stop(&w);
}

/* --- publishing ------------------------------------------------------------------------------- */

static struct exchange *publishes(struct world *w, const char *exchange, const char *routing_key)
{
    return access_publish(w->ann, w->vhost, S(exchange), S(routing_key), &w->error);
}

static void publishing_needs_write_on_an_exchange_that_is_there(void **state)
{
    (void)state;
    struct world w;
    world_start(&w);
    make_exchange(&w, "x", "direct", false);
    permit(&w, ".*", "^x", ".*");
    assert_ptr_equal(publishes(&w, "x", "k"), exchange_find(w.vhost, S("x")));
    REFUSED(&w, publishes(&w, "", "q"), REPLY_ACCESS_REFUSED, NO_ACCESS("exchange 'amq.default'"));
    REFUSED(&w, publishes(&w, "xx", "k"), REPLY_NOT_FOUND, "no exchange 'xx' in vhost '/'");
    permit(&w, "", "^amq.default$", "");
    assert_non_null(publishes(&w, "", "q"));
    world_stop(&w);
}

static void nobody_publishes_to_an_internal_exchange(void **state)
{
    (void)state;
    struct world w;
    world_start(&w);
    make_exchange(&w, "x", "fanout", true);
    permit(&w, ".*", ".*", ".*");
    REFUSED(&w, publishes(&w, "x", "k"), REPLY_ACCESS_REFUSED,
            "cannot publish to internal exchange 'x' in vhost '/'");
    world_stop(&w);
}

static void topic_permissions_hold_for_topic_exchanges_alone(void **state)
{
    (void)state;
    struct world w;
    world_start(&w);
    make_exchange(&w, "t", "topic", false);
    make_exchange(&w, "d", "direct", false);
    permit(&w, "", ".*", "");
    for (size_t i = 0; i < 2; i++) {
        const struct definition_topic_permission row = {S("/"), S("ann"), S(i ? "t" : "d"), S("^w"),
                                                        S("^r")};
        assert_int_equal(auth_set_topic_permissions(w.auth, &row, NULL, NULL, NULL), 0);
    }
    assert_non_null(publishes(&w, "t", "write.me"));
    REFUSED(&w, publishes(&w, "t", "read.me"), REPLY_ACCESS_REFUSED,
            NO_ACCESS("topic 'read.me' in exchange 't'"));
    assert_non_null(publishes(&w, "d", "read.me"));
    world_stop(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(declaring_a_queue_needs_configure_on_it),
        cmocka_unit_test(
            a_new_queue_with_a_dead_letter_exchange_needs_read_on_itself_and_write_there),
        cmocka_unit_test(
            a_queue_that_is_there_is_declared_again_without_rights_to_its_dead_letter_exchange),
        cmocka_unit_test(a_new_exchange_with_an_alternate_needs_read_on_itself_and_write_there),
        cmocka_unit_test(binding_needs_write_on_the_destination_and_read_on_the_source),
        cmocka_unit_test(binding_a_topic_exchange_needs_read_on_the_routing_key),
        cmocka_unit_test(a_binding_of_the_default_exchange_is_left_to_the_broker_to_refuse),
        cmocka_unit_test(publishing_needs_write_on_an_exchange_that_is_there),
        cmocka_unit_test(nobody_publishes_to_an_internal_exchange),
        cmocka_unit_test(topic_permissions_hold_for_topic_exchanges_alone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
