/* The doctor's rules: each with a case that it finds and one that it does not; and the report. */
#include "manage/doctor_private.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "broker/broker.h"
#include "manage/doctor.h"

#define S(text) slice_str(text)

static bool has_found[DOCTOR_RULES_COUNT], has_passed[DOCTOR_RULES_COUNT];

static void assert_found(bool is_found, enum doctor_rule_id id, struct verdict *v,
                         enum severity severity, const char *evidence)
{
    assert_true(is_found);
    assert_int_equal(v->severity, severity);
    assert_true(severity <= doctor_rules[id].severity);
    if (!slice_equal(lv_buffer_slice(&v->evidence), S(evidence)))
        fail_msg("'%.*s' is not '%s'", SLICE_ARG(lv_buffer_slice(&v->evidence)), evidence);
    lv_buffer_free(&v->evidence);
    has_found[id] = true;
}

static void assert_passed(bool is_found, enum doctor_rule_id id, struct verdict *v)
{
    if (is_found)
        fail_msg("%s: %.*s", doctor_rules[id].name, SLICE_ARG(lv_buffer_slice(&v->evidence)));
    assert_int_equal(v->evidence.n, 0);
    has_passed[id] = true;
}

/* The look is that of the rule's kind, with these members. */
#define FINDS(rule, kind, severity, evidence, ...)                                                 \
    do {                                                                                           \
        struct verdict v = {.weight = 0};                                                          \
        const struct kind##_look look = {__VA_ARGS__};                                             \
        assert_found(doctor_rule_##rule(&look, &v), RULE_##rule, &v, SEVERITY_##severity,          \
                     evidence);                                                                    \
    } while (0)
#define PASSES(rule, kind, ...)                                                                    \
    do {                                                                                           \
        struct verdict v = {.weight = 0};                                                          \
        const struct kind##_look look = {__VA_ARGS__};                                             \
        assert_passed(doctor_rule_##rule(&look, &v), RULE_##rule, &v);                             \
    } while (0)

/* --- the node --------------------------------------------------------------------------------- */

static void alarms_and_blocked_publishers(void **state)
{
    (void)state;
    FINDS(alarm_in_force, alarm, CRITICAL, "The alarm memory is on: memory: 2 of 1.", "memory",
          S("memory: 2 of 1"));
    has_passed[RULE_alarm_in_force] = true; /* it looks at alarms that are on alone */
    FINDS(publishers_blocked, node, WARNING, "An alarm blocks publishers on 3 connections.",
          .blocked = 3);
    PASSES(publishers_blocked, node, .blocked = 0);
}

enum { MIB = 1 << 20 };

static void limits_of_the_node(void **state)
{
    (void)state;
    FINDS(memory_near_limit, node, WARNING,
          "80 MiB of memory are in use: 80 % of the limit of 100 MiB.", .memory_used = 80 * MIB,
          .memory_limit = 100 * MIB);
    PASSES(memory_near_limit, node, .memory_used = 79 * MIB, .memory_limit = 100 * MIB);
    PASSES(memory_near_limit, node, .memory_used = 101, .memory_limit = 100,
           .alarms = BROKER_ALARM_MEMORY);
    FINDS(disk_near_limit, node, WARNING, "1,000 MiB of the disk are free; the limit is 50 MiB.",
          .disk_free = 1000 * MIB, .disk_free_limit = 50 * MIB);
    PASSES(disk_near_limit, node, .disk_free = UINT64_C(2000) * MIB, .disk_free_limit = 50 * MIB);
    FINDS(connections_near_limit, node, WARNING, "8 connections are open; connection_max is 10.",
          .connections = 8, .connections_max = 10);
    FINDS(connections_near_limit, node, WARNING,
          "820 of 1,024 file descriptors are in use, for 700 connections.", .connections = 700,
          .connections_max = -1, .files_used = 820, .files_max = 1024);
    PASSES(connections_near_limit, node, .connections = 7, .connections_max = 10, .files_used = 9,
           .files_max = 1024);
}

static void how_fast_the_node_is(void **state)
{
    (void)state;
    FINDS(disk_syncs_slowly, node, WARNING,
          "1,000 syncs of the log in the last 10 minutes took 60 ms on average.", .span_s = 600,
          .syncs = 1000, .sync_us = 60000000);
    FINDS(disk_syncs_slowly, node, CRITICAL,
          "10 syncs of the log in the last 10 minutes took 500 ms on average.", .span_s = 600,
          .syncs = 10, .sync_us = 5000000);
    PASSES(disk_syncs_slowly, node, .span_s = 600, .syncs = 1000, .sync_us = 49000000);
    PASSES(disk_syncs_slowly, node, .span_s = 600, .syncs = 9, .sync_us = 49000000);
    FINDS(loop_hot, loop, WARNING,
          "Loop 1 was busy for 95 % of the last 10 minutes, the other loops for 10 % on average; "
          "its busiest queue is 'q' in vhost '/', with 1,234 messages in and out.",
          .span_s = 600, .index = 1, .loops = 2, .busy_permille = 950, .others_permille = 100,
          .vhost = S("/"), .queue = S("q"), .moved = 1234);
    PASSES(loop_hot, loop, .loops = 2, .busy_permille = 950, .others_permille = 600);
    PASSES(loop_hot, loop, .loops = 1, .busy_permille = 1000);
    FINDS(loops_saturated, node, WARNING,
          "The 4 loops were busy for 93 % of the last 10 minutes on average.", .span_s = 600,
          .loops = 4, .loops_busy_permille = 930);
    PASSES(loops_saturated, node, .loops = 4, .loops_busy_permille = 899);
}

static void churn(void **state)
{
    (void)state;
    FINDS(
        connection_churn, node, WARNING,
        "1,200 connections were opened in the last 10 minutes (2.0 a second), and 1,195 closed; 5 "
        "are open.",
        .span_s = 600, .connected = 1200, .disconnected = 1195, .connections = 5);
    PASSES(connection_churn, node, .span_s = 600, .connected = 599, .disconnected = 599);
    PASSES(connection_churn, node, .span_s = 1, .connected = 19, .disconnected = 19);
    PASSES(connection_churn, node, .span_s = 5, .connected = 500); /* all come after a start */
    PASSES(connection_churn, node, .span_s = 5, .disconnected = 500);
    FINDS(channel_churn, node, ADVICE,
          "6,000 channels were opened in the last 10 minutes (10.0 a second), and 6,001 closed; 2 "
          "are open.",
          .span_s = 600, .channels_opened = 6000, .channels_closed = 6001, .connected = 10,
          .channels = 2);
    PASSES(channel_churn, node, .span_s = 600, .channels_opened = 6000, .channels_closed = 6000,
           .connected = 2000);
    PASSES(channel_churn, node, .span_s = 600, .channels_opened = 2000, .channels_closed = 2000);
    PASSES(channel_churn, node, .span_s = 5, .channels_opened = 1000, .connected = 100);
}

static void who_may_come_in(void **state)
{
    (void)state;
    enum { DAY = 86400 };
    FINDS(certificate_expires, certificate, WARNING, "/c.pem expires in 29 days.", "/c.pem",
          29 * DAY);
    FINDS(certificate_expires, certificate, CRITICAL, "/c.pem expires in 3 days.", "/c.pem",
          3 * DAY);
    FINDS(certificate_expires, certificate, CRITICAL, "/c.pem expired 2 hours ago.", "/c.pem",
          -7200);
    PASSES(certificate_expires, certificate, "/c.pem", 31 * DAY);
    FINDS(default_password, login, CRITICAL,
          "guest can log in with its default password from any address that reaches ::, port 5672.",
          true, "::", 5672);
    PASSES(default_password, login, false, "::", 5672);
}

/* --- queues ----------------------------------------------------------------------------------- */

static void queues_that_grow(void **state)
{
    (void)state;
    FINDS(queue_grows_unconsumed, queue, WARNING,
          "orders grew by 1,204 messages in the last 10 minutes, to 5,000; it has no consumer.",
          .name = S("orders"), .span_s = 600, .grown = 1204, .ready = 5000);
    FINDS(queue_grows_unconsumed, queue, CRITICAL,
          "orders grew by 100,000 messages in the last 10 minutes, to 100,000; it has no consumer.",
          .name = S("orders"), .span_s = 600, .grown = 100000, .ready = 100000);
    PASSES(queue_grows_unconsumed, queue, .grown = 1204, .ready = 5000, .consumers = 1);
    PASSES(queue_grows_unconsumed, queue, .grown = 99, .ready = 5000);
    PASSES(queue_grows_unconsumed, queue, .grown = -500, .ready = 5000);
    FINDS(
        queue_grows, queue, WARNING,
        "q grew by 1,000 messages in the last 10 minutes, to 1,100: 2,000 were published, and its "
        "2 consumers consumed 900.",
        .name = S("q"), .span_s = 600, .grown = 1000, .ready = 1000, .unacked = 100,
        .published = 2000, .consumers = 2, .consumed = 900);
    PASSES(queue_grows, queue, .grown = 1000, .published = 20000, .consumers = 2);
    PASSES(queue_grows, queue, .grown = 1000, .published = 2000);
    FINDS(queue_abandoned, queue, ADVICE,
          "q holds 7 messages and has no consumer; nothing has moved in it for 2 hours.",
          .name = S("q"), .ready = 7, .span_s = 600, .idle_s = 7200);
    PASSES(queue_abandoned, queue, .ready = 7, .span_s = 600, .idle_s = 3599);
    PASSES(queue_abandoned, queue, .ready = 7, .span_s = 600, .idle_s = 7200, .consumers = 1);
}

static void queues_at_their_limit(void **state)
{
    (void)state;
    FINDS(queue_near_limit, queue, WARNING,
          "q has 90 ready messages; its limit is 100, above which publishers' messages are turned "
          "away: 12 in the last 10 minutes.",
          .name = S("q"), .ready = 90, .max_length = 100, .overflow = OVERFLOW_REJECT_PUBLISH,
          .dropped = 12, .span_s = 600);
    FINDS(queue_near_limit, queue, ADVICE,
          "q has 950 ready bytes; its limit is 1,000, above which the oldest are dropped.",
          .name = S("q"), .ready = 2, .ready_bytes = 950, .max_length = -1,
          .max_length_bytes = 1000);
    FINDS(queue_near_limit, queue, ADVICE,
          "q has 100 ready messages; its limit is 100, above which the oldest are dead-lettered.",
          .name = S("q"), .ready = 100, .max_length = 100, .max_length_bytes = -1,
          .has_dead_letter_exchange = true);
    PASSES(queue_near_limit, queue, .ready = 89, .max_length = 100, .max_length_bytes = -1);
    PASSES(queue_near_limit, queue, .ready = 1, .max_length = 1, .max_length_bytes = -1);
    PASSES(queue_near_limit, queue, .ready = 1000, .max_length = -1, .max_length_bytes = -1);
}

static void messages_that_are_lost(void **state)
{
    (void)state;
    FINDS(messages_lost, queue, CRITICAL, "3 messages of q could not be read back from the disk.",
          .name = S("q"), .lost = 3);
    PASSES(messages_lost, queue, .lost = 0);
    FINDS(transient_in_durable, queue, ADVICE,
          "40 of the 50 messages in the durable queue q are not persistent.", .name = S("q"),
          .is_durable = true, .ready = 45, .unacked = 5, .persistent = 10);
    PASSES(transient_in_durable, queue, .is_durable = true, .ready = 50, .persistent = 41);
    PASSES(transient_in_durable, queue, .is_durable = false, .ready = 50);
    PASSES(transient_in_durable, queue, .is_durable = true, .is_exclusive = true, .ready = 50);
    FINDS(expired_unkept, queue, ADVICE,
          "5 messages of q expired in the last 10 minutes and went nowhere: it has no dead-letter "
          "exchange.",
          .name = S("q"), .expired = 5, .span_s = 600);
    PASSES(expired_unkept, queue, .expired = 5, .has_dead_letter_exchange = true);
    PASSES(expired_unkept, queue, .expired = 0);
}

static void messages_in_circles(void **state)
{
    (void)state;
    FINDS(dead_letter_loop, queue, WARNING,
          "7 times in the last 10 minutes a message left q as a dead letter that had already been "
          "round many times.",
          .name = S("q"), .circled = 7, .span_s = 600);
    FINDS(dead_letter_loop, queue, CRITICAL,
          "1,000 times in the last 10 minutes a message left q as a dead letter that had already "
          "been round many times.",
          .name = S("q"), .circled = 1000, .span_s = 600);
    PASSES(dead_letter_loop, queue, .circled = 0);
    FINDS(redelivery_loop, queue, WARNING,
          "500 of the 520 deliveries of q in the last 10 minutes were redeliveries; 20 messages "
          "were consumed.",
          .name = S("q"), .redelivered = 500, .delivered = 520, .consumed = 20, .span_s = 600);
    PASSES(redelivery_loop, queue, .redelivered = 500, .delivered = 1020, .consumed = 51);
    PASSES(redelivery_loop, queue, .redelivered = 99);
    FINDS(polling, queue, ADVICE,
          "900 basic.get of q in the last 10 minutes; 850 of them found no message.",
          .name = S("q"), .gets = 900, .gets_empty = 850, .span_s = 600);
    PASSES(polling, queue, .gets = 599, .span_s = 600);
    PASSES(polling, queue, .gets = 19, .span_s = 1);
}

static void messages_for_no_queue(void **state)
{
    (void)state;
    FINDS(unroutable, exchange, WARNING,
          "Of 90 messages published to the default exchange in the last 10 minutes, 5 were dropped "
          "and 6 were returned, as no queue was bound for them.",
          .published = 90, .dropped = 5, .returned = 6, .span_s = 600);
    FINDS(
        unroutable, exchange, WARNING,
        "Of 1 message published to x in the last 10 minutes, 1 was dropped, as no queue was bound "
        "for it.",
        .name = S("x"), .published = 1, .dropped = 1, .span_s = 600);
    FINDS(unroutable, exchange, ADVICE,
          "Of 90 messages published to x in the last 10 minutes, 6 were returned, as no queue was "
          "bound for them.",
          .name = S("x"), .published = 90, .returned = 6, .span_s = 600);
    PASSES(unroutable, exchange, .published = 90);
}

/* --- sessions --------------------------------------------------------------------------------- */

static void consumers_that_hold_messages(void **state)
{
    (void)state;
    FINDS(consumer_never_acks, consumer, WARNING,
          "Consumer tag of q holds 10 unacknowledged messages, as many as its prefetch allows, and "
          "has acknowledged none in the last 10 minutes; 400 wait in the queue.",
          .tag = S("tag"), .queue = S("q"), .limit = 10, .unacked = 10, .span_s = 600,
          .delivered_before = 10, .ready = 400);
    FINDS(
        consumer_never_acks, consumer, WARNING,
        "The channel of consumer tag of q holds 3 unacknowledged messages, as many as its prefetch "
        "allows, and has acknowledged none in the last 10 minutes; 4 wait in the queue.",
        .tag = S("tag"), .queue = S("q"), .limit = 3, .is_limit_of_channel = true, .unacked = 3,
        .span_s = 600, .delivered_before = 3, .ready = 4);
    PASSES(consumer_never_acks, consumer, .limit = 10, .unacked = 10, .span_s = 600,
           .delivered_before = 10, .acked = 1);
    PASSES(consumer_never_acks, consumer, .limit = 10, .unacked = 10, .span_s = 600,
           .delivered = 10); /* it has just begun */
    PASSES(consumer_never_acks, consumer, .limit = 10, .unacked = 9, .span_s = 600,
           .delivered_before = 10);
    FINDS(prefetch_unlimited, consumer, WARNING,
          "Consumer tag of q has no prefetch limit, and holds 1,000 unacknowledged messages.",
          .tag = S("tag"), .queue = S("q"), .unacked = 1000);
    PASSES(prefetch_unlimited, consumer, .unacked = 999);
    PASSES(prefetch_unlimited, consumer, .unacked = 1000, .limit = 2000);
    FINDS(consumer_timeout_near, channel, WARNING,
          "A delivery on channel c has been unacknowledged for 25 minutes; the timeout is 30 "
          "minutes.",
          .name = S("c"), .held_ms = 1500000, .held_timeout_ms = 1800000);
    PASSES(consumer_timeout_near, channel, .held_ms = 1349999, .held_timeout_ms = 1800000);
    PASSES(consumer_timeout_near, channel, .held_ms = 1500000);
}

static void connections_and_channels(void **state)
{
    (void)state;
    FINDS(transient_confirms, channel, ADVICE,
          "10 of 12 messages that user u has published on channel c, which has confirms, were not "
          "persistent.",
          .user = S("u"), .name = S("c"), .transient = 10, .published = 12);
    PASSES(transient_confirms, channel, .transient = 9, .published = 12);
    PASSES(transient_confirms, channel, .transient = 10, .published = 22);
    FINDS(no_heartbeat, connection, ADVICE,
          "Connection a -> b of user u has a heartbeat of 0 s, and 2 channels.",
          .name = S("a -> b"), .user = S("u"), .channels = 2);
    PASSES(no_heartbeat, connection, .is_loopback = true);
    PASSES(no_heartbeat, connection, .heartbeat_s = 60);
    FINDS(channels_leak, connection, ADVICE,
          "Connection a of user u has 100 channels open; it may have 2,047.", .name = S("a"),
          .user = S("u"), .channels = 100, .channel_max = 2047);
    FINDS(channels_leak, connection, WARNING,
          "Connection a of user u has 9 channels open; it may have 10.", .name = S("a"),
          .user = S("u"), .channels = 9, .channel_max = 10);
    PASSES(channels_leak, connection, .channels = 99, .channel_max = 2047);
    PASSES(channels_leak, connection, .channels = 1, .channel_max = 1);
}

static void every_rule_has_a_case_of_both_kinds(void **state)
{
    (void)state;
    for (unsigned id = 0; id < DOCTOR_RULES_COUNT; id++) {
        if (!has_found[id] || !has_passed[id])
            fail_msg("%s is not tested", doctor_rules[id].name);
    }
}

/* --- reports ---------------------------------------------------------------------------------- */

static void a_report_keeps_the_gravest_of_many_findings(void **state)
{
    (void)state;
    enum { QUEUES = 1223 };
    struct doctor_report r = {0};
    for (unsigned i = 0; i < QUEUES; i++) {
        char name[20];
        snprintf(name, sizeof name, "q%u", i);
        unsigned grown = i == 500 ? 100000 : 100 + i * 7919 % QUEUES;
        doctor_examine_queue(
            &r,
            &(struct queue_look){.vhost = S("/"), .name = S(name), .span_s = 600, .grown = grown});
    }
    json_t *report = doctor_report_json(&r, "leveret@here", 600, 500);
    const json_t *findings = json_object_get(report, "findings");
    assert_int_equal(json_integer_value(json_object_get(report, "warning")), QUEUES - 1);
    assert_int_equal(json_integer_value(json_object_get(report, "critical")), 1);
    assert_int_equal(json_integer_value(json_object_get(report, "covered")), 500);
    assert_int_equal(json_array_size(findings), DOCTOR_FINDINGS_MAX);
    const char *severity, *name, *docs;
    assert_int_equal(json_unpack(json_array_get(findings, 0), "{s:s, s:{s:s}, s:s}", "severity",
                                 &severity, "object", "name", &name, "docs", &docs),
                     0);
    assert_string_equal(severity, "critical");
    assert_string_equal(name, "q500");
    assert_string_equal(docs, "docs/doctor.md#queue_grows_unconsumed");
    const json_t *rule =
        json_array_get(json_object_get(report, "rules"), RULE_queue_grows_unconsumed);
    assert_int_equal(json_integer_value(json_object_get(rule, "found")), QUEUES);
    assert_int_equal(json_integer_value(json_object_get(rule, "more")),
                     QUEUES - DOCTOR_FINDINGS_MAX);
    json_decref(report);
    doctor_report_free(&r);
}

static void numbers_and_times_are_for_people(void **state)
{
    (void)state;
    assert_string_equal(NUMBER(0), "0");
    assert_string_equal(NUMBER(999), "999");
    assert_string_equal(NUMBER(1204), "1,204");
    assert_string_equal(NUMBER(UINT64_MAX), "18,446,744,073,709,551,615");
    assert_string_equal(COUNT_OF(1, "message"), "1 message");
    assert_string_equal(COUNT_OF(1204, "message"), "1,204 messages");
    assert_string_equal(TIME(1), "1 second");
    assert_string_equal(TIME(90), "90 seconds");
    assert_string_equal(TIME(600), "10 minutes");
    assert_string_equal(TIME(7200), "2 hours");
    assert_string_equal(TIME(86400 * 3), "3 days");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(alarms_and_blocked_publishers),
        cmocka_unit_test(limits_of_the_node),
        cmocka_unit_test(how_fast_the_node_is),
        cmocka_unit_test(churn),
        cmocka_unit_test(who_may_come_in),
        cmocka_unit_test(queues_that_grow),
        cmocka_unit_test(queues_at_their_limit),
        cmocka_unit_test(messages_that_are_lost),
        cmocka_unit_test(messages_in_circles),
        cmocka_unit_test(messages_for_no_queue),
        cmocka_unit_test(consumers_that_hold_messages),
        cmocka_unit_test(connections_and_channels),
        cmocka_unit_test(every_rule_has_a_case_of_both_kinds),
        cmocka_unit_test(a_report_keeps_the_gravest_of_many_findings),
        cmocka_unit_test(numbers_and_times_are_for_people),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
