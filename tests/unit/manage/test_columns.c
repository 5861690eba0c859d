/* What the columns of listings make of facts. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "manage/connections.h"
#include "manage/exchanges.h"
#include "manage/messages.h"
#include "manage/policies.h"
#include "manage/queues.h"
#include "manage/users.h"
#include "manage/vhosts.h"

static const struct manage here = {.node_name = "leveret@here"};

static struct value value_of(const struct column *all, const char *name, const void *facts)
{
    const struct column *column = column_find(all, slice_str(name));
    if (!column)
        fail_msg("there is no column '%s'", name);
    return column->value(&here, facts);
}

static void assert_number(const struct column *all, const char *name, const void *facts,
                          uint64_t wanted)
{
    struct value v = value_of(all, name, facts);
    assert_int_equal(v.type, VALUE_NUMBER);
    assert_int_equal(v.number, wanted);
}

static void assert_string(const struct column *all, const char *name, const void *facts,
                          const char *wanted)
{
    struct value v = value_of(all, name, facts);
    assert_int_equal(v.type, VALUE_STRING);
    assert_true(slice_is(v.string, wanted));
}

static void assert_nothing(const struct column *all, const char *name, const void *facts)
{
    assert_int_equal(value_of(all, name, facts).type, VALUE_NOTHING);
}

/* --- queues ----------------------------------------------------------------------------------- */

static const struct queue_facts some_queue = {
    .name = {(const uint8_t *)"orders", 6},
    .home = 2,
    .ready = 10,
    .ready_bytes = 1000,
    .disk_ready = 4,
    .disk_ready_bytes = 400,
    .unacked = 3,
    .unacked_bytes = 300,
    .dead_letters = 2,
    .dead_letter_bytes = 20,
};

static void a_queues_messages_are_ready_unacked_or_dead_letters(void **state)
{
    (void)state;
    const struct queue_facts *q = &some_queue;
    assert_number(queue_columns, "messages", q, 15);
    assert_number(queue_columns, "messages_ready", q, 10);
    assert_number(queue_columns, "messages_unacknowledged", q, 3);
    assert_number(queue_columns, "messages_dlx", q, 2);
    assert_number(queue_columns, "message_bytes", q, 1320);
}

static void messages_only_on_disk_are_not_counted_in_memory(void **state)
{
    (void)state;
    const struct queue_facts *q = &some_queue;
    assert_number(queue_columns, "messages_ready_ram", q, 6);
    assert_number(queue_columns, "messages_ram", q, 9);
    assert_number(queue_columns, "message_bytes_ram", q, 900);
}

static void a_queue_that_is_not_exclusive_shows_no_owner(void **state)
{
    (void)state;
    struct queue_facts q = some_queue;
    assert_nothing(queue_columns, "owner_pid", &q);
    assert_nothing(queue_columns, "exclusive_consumer_pid", &q);
    assert_false(value_of(queue_columns, "exclusive", &q).yes);
    q.owner = 64;
    q.exclusive_connection = 65;
    q.exclusive_channel = 7;
    assert_int_equal(value_of(queue_columns, "owner_pid", &q).session.connection, 64);
    assert_int_equal(value_of(queue_columns, "exclusive_consumer_pid", &q).session.channel, 7);
    assert_true(value_of(queue_columns, "exclusive", &q).yes);
}

static void without_consumers_a_queues_utilisation_is_the_number_0(void **state)
{
    (void)state;
    struct queue_facts q = some_queue;
    q.utilisation = 0.5;
    assert_number(queue_columns, "consumer_utilisation", &q, 0);
    q.consumers = 1;
    assert_int_equal(value_of(queue_columns, "consumer_utilisation", &q).type, VALUE_REAL);
}

static void a_quorum_queue_has_the_one_node_as_its_member(void **state)
{
    (void)state;
    struct queue_facts q = some_queue;
    assert_string(queue_columns, "type", &q, "classic");
    assert_string(queue_columns, "leader", &q, "");
    assert_nothing(queue_columns, "members", &q);
    q.is_quorum = true;
    assert_string(queue_columns, "type", &q, "quorum");
    assert_string(queue_columns, "leader", &q, "leveret@here");
    assert_int_equal(value_of(queue_columns, "members", &q).type, VALUE_NODES);
}

static void a_queue_deleted_while_it_was_asked_is_stopped(void **state)
{
    (void)state;
    struct queue_facts q = some_queue;
    assert_string(queue_columns, "state", &q, "running");
    q.is_gone = true;
    assert_string(queue_columns, "state", &q, "stopped");
}

static void a_queue_without_a_policy_shows_an_empty_name(void **state)
{
    (void)state;
    assert_string(queue_columns, "policy", &some_queue, "");
    assert_string(queue_columns, "operator_policy", &some_queue, "");
    assert_null(value_of(queue_columns, "effective_policy_definition", &some_queue).policy);
}

/* --- others ----------------------------------------------------------------------------------- */

static void delayed_messages_are_shown_if_they_were_counted(void **state)
{
    (void)state;
    struct exchange_facts x = {.type = "direct", .messages_delayed = 5};
    assert_nothing(exchange_columns, "messages_delayed", &x);
    x.is_counted = true;
    assert_number(exchange_columns, "messages_delayed", &x, 5);
}

static void a_channel_is_known_by_its_connection_and_its_number(void **state)
{
    (void)state;
    struct channel_facts ch = {.connection = 64, .number = 3};
    struct value pid = value_of(channel_columns, "pid", &ch);
    struct value connection = value_of(channel_columns, "connection", &ch);
    assert_int_equal(pid.session.connection, 64);
    assert_int_equal(pid.session.channel, 3);
    assert_int_equal(connection.session.channel, 0);
}

/* --- all -------------------------------------------------------------------------------------- */

static void no_listing_has_two_columns_of_one_name(void **state)
{
    (void)state;
    static const struct column *const all[] = {
        queue_columns,
        exchange_columns,
        binding_columns,
        connection_columns,
        channel_columns,
        consumer_columns,
        vhost_columns,
        user_columns,
        policy_columns,
        permission_columns,
        topic_permission_columns,
        parameter_columns,
        message_columns,
        delayed_columns,
        explain_columns,
    };
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++)
        for (const struct column *c = all[i]; c->name; c++)
            assert_ptr_equal(column_find(all[i], slice_str(c->name)), c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_queues_messages_are_ready_unacked_or_dead_letters),
        cmocka_unit_test(messages_only_on_disk_are_not_counted_in_memory),
        cmocka_unit_test(a_queue_that_is_not_exclusive_shows_no_owner),
        cmocka_unit_test(without_consumers_a_queues_utilisation_is_the_number_0),
        cmocka_unit_test(a_quorum_queue_has_the_one_node_as_its_member),
        cmocka_unit_test(a_queue_deleted_while_it_was_asked_is_stopped),
        cmocka_unit_test(a_queue_without_a_policy_shows_an_empty_name),
        cmocka_unit_test(delayed_messages_are_shown_if_they_were_counted),
        cmocka_unit_test(a_channel_is_known_by_its_connection_and_its_number),
        cmocka_unit_test(no_listing_has_two_columns_of_one_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
