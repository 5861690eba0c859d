/* A queue's arguments merged with its policy. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <jansson.h>

#include "base/buffer.h"
#include "queue/queue_settings.h"
#include "wire/table.h"

static struct lv_buffer table;
static struct effective_policy policy;

static int set_up(void **state)
{
    (void)state;
    table = (struct lv_buffer){0};
    policy = (struct effective_policy){.definition = json_object()};
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    lv_buffer_free(&table);
    json_decref(policy.definition);
    return 0;
}

static void argument(const char *name, const struct field *value)
{
    struct table_writer w;
    table_begin(&w, &table);
    table_put_field(&w, slice_str(name), value);
    table_end(&w);
}

static void number(const char *name, int64_t value)
{
    argument(name, &(struct field){.type = FIELD_LONG, .i = value});
}

static void text(const char *name, const char *value)
{
    argument(name, &(struct field){.type = FIELD_LONGSTR, .bytes = slice_str(value)});
}

static void says(const char *key, json_t *value)
{
    json_object_set_new(policy.definition, key, value);
}

static struct queue_arguments merged(void)
{
    struct queue_arguments arguments, settings;
    struct broker_error error;
    const struct queue_flags durable = {.durable = true};
    if (!queue_arguments_read(lv_buffer_slice(&table), durable, slice_str("q"), slice_str("/"),
                              &arguments, &error))
        fail_msg("%s", error.text);
    queue_settings_merge(&arguments, &policy, &settings);
    return settings;
}

static void without_a_policy_the_arguments_are_the_settings(void **state)
{
    (void)state;
    struct queue_arguments arguments, settings;
    struct broker_error error;
    number("x-max-length", 7);
    assert_true(queue_arguments_read(lv_buffer_slice(&table), (struct queue_flags){0},
                                     slice_str("q"), slice_str("/"), &arguments, &error));
    queue_settings_merge(&arguments, NULL, &settings);
    assert_memory_equal(&settings, &arguments, sizeof settings);
}

static void a_value_that_only_one_of_them_sets_counts(void **state)
{
    (void)state;
    number("x-max-length", 7);
    says("message-ttl", json_integer(500));
    struct queue_arguments s = merged();
    assert_int_equal(s.max_length, 7);
    assert_int_equal(s.message_ttl_ms, 500);
    assert_int_equal(s.expires_ms, ARGUMENT_UNSET);
}

static void of_two_numbers_the_smaller_counts(void **state)
{
    (void)state;
    number("x-max-length", 7);
    number("x-max-length-bytes", 7);
    number("x-expires", 7);
    number("x-consumer-timeout", 7);
    says("max-length", json_integer(5));
    says("max-length-bytes", json_integer(9));
    says("expires", json_integer(3));
    says("consumer-timeout", json_integer(8));
    struct queue_arguments s = merged();
    assert_int_equal(s.max_length, 5);
    assert_int_equal(s.max_length_bytes, 7);
    assert_int_equal(s.expires_ms, 3);
    assert_int_equal(s.consumer_timeout_ms, 7);
}

static void a_delivery_limit_that_was_lifted_by_argument_stays_lifted(void **state)
{
    (void)state;
    text("x-queue-type", "quorum");
    number("x-delivery-limit", -1);
    says("delivery-limit", json_integer(3));
    assert_int_equal(merged().delivery_limit, DELIVERY_LIMIT_NONE);
}

static void of_two_names_that_of_the_argument_counts(void **state)
{
    (void)state;
    text("x-dead-letter-exchange", "mine");
    text("x-overflow", "reject-publish");
    says("dead-letter-exchange", json_string("theirs"));
    says("dead-letter-routing-key", json_string("key"));
    says("overflow", json_string("drop-head"));
    struct queue_arguments s = merged();
    assert_true(slice_is(s.dead_letter_exchange, "mine"));
    assert_true(slice_is(s.dead_letter_routing_key, "key"));
    assert_int_equal(s.overflow, OVERFLOW_REJECT_PUBLISH);
}

static void policy_values_of_a_wrong_type_are_ignored(void **state)
{
    (void)state;
    says("max-length", json_string("5"));
    says("expires", json_integer(-5));
    says("dead-letter-exchange", json_integer(5));
    says("overflow", json_string("odd"));
    struct queue_arguments s = merged();
    assert_int_equal(s.max_length, ARGUMENT_UNSET);
    assert_int_equal(s.expires_ms, ARGUMENT_UNSET);
    assert_false(s.has_dead_letter_exchange);
    assert_false(s.has_overflow);
}

static void no_time_is_longer_than_ten_years(void **state)
{
    (void)state;
    says("message-ttl", json_integer(INT64_MAX));
    says("max-length", json_integer(INT64_MAX));
    struct queue_arguments s = merged();
    assert_int_equal(s.message_ttl_ms, INT64_C(315360000000));
    assert_int_equal(s.max_length, INT64_MAX);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(without_a_policy_the_arguments_are_the_settings),
        TEST(a_value_that_only_one_of_them_sets_counts),
        TEST(of_two_numbers_the_smaller_counts),
        TEST(a_delivery_limit_that_was_lifted_by_argument_stays_lifted),
        TEST(of_two_names_that_of_the_argument_counts),
        TEST(policy_values_of_a_wrong_type_are_ignored),
        TEST(no_time_is_longer_than_ten_years),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
