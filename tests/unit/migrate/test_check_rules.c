/* The rules of check_migration, each with what it finds and what it leaves alone. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "migrate/check_rules.h"

/* Returns JSON written with ' for ". The caller owns it. */
static json_t *json_of(const char *text)
{
    char copy[2048];
    assert_true(strlen(text) < sizeof copy);
    strcpy(copy, text);
    for (char *c = copy; *c; c++)
        if (*c == '\'')
            *c = '"';
    json_t *json = json_loads(copy, 0, NULL);
    if (!json)
        fail_msg("no JSON: %s", text);
    return json;
}

/* Checks how often a rule finds something, and the first place (NULL: any). */
static void check_rule(int rule, const char *source, size_t count, const char *first)
{
    struct places places = {0};
    json_t *json = json_of(source);
    migration_rules[rule].find(json, &places);
    if (places.count != count)
        fail_msg("%s: %zu places, not %zu, in %s", migration_rules[rule].name, places.count, count,
                 source);
    if (first)
        assert_string_equal(json_string_value(json_array_get(places.names, 0)), first);
    json_decref(places.names);
    json_decref(json);
}

#define FINDS(rule, source, count, first) check_rule(MIGRATION_RULE_##rule, source, count, first)
#define FINDS_NOTHING(rule, source) check_rule(MIGRATION_RULE_##rule, source, 0, NULL)

#define CLASSIC                                                                                    \
    "{'name': 'c', 'vhost': '/', 'type': 'classic', 'durable': true, 'exclusive': false}"

static void queues_of_types_that_are_missing_are_found(void **state)
{
    (void)state;
    FINDS(stream_queues, "{'queues': [{'name': 's', 'vhost': '/', 'type': 'stream'}, " CLASSIC "]}",
          1, "queue 's' in vhost '/'");
    FINDS(stream_queues,
          "{'definitions': {'queues': [{'name': 's', 'vhost': '/', 'arguments': "
          "{'x-queue-type': 'stream'}}]}}",
          1, "queue 's' in vhost '/'");
    FINDS(unknown_queue_types, "{'queues': [{'name': 'm', 'vhost': '/', 'type': 'mqtt'}]}", 1,
          "queue 'm' in vhost '/' (mqtt)");
    FINDS_NOTHING(stream_queues, "{'queues': [" CLASSIC "]}");
    FINDS_NOTHING(unknown_queue_types,
                  "{'queues': [" CLASSIC ", {'type': 'quorum'}, {'type': 'stream'}, {}]}");
}

static void quorum_queues_without_a_limit_are_found_if_they_dead_letter(void **state)
{
    (void)state;
    FINDS(quorum_queues, "{'queues': [{'name': 'q', 'vhost': '/', 'type': 'quorum'}]}", 1,
          "queue 'q' in vhost '/'");
    FINDS_NOTHING(quorum_queues, "{'queues': [" CLASSIC "]}");
    FINDS(delivery_limit_missing,
          "{'queues': [{'type': 'quorum', 'arguments': {'x-dead-letter-exchange': 'd'}},"
          "{'type': 'quorum', 'effective_policy_definition': {'dead-letter-exchange': 'd'}}]}",
          2, NULL);
    FINDS_NOTHING(delivery_limit_missing,
                  "{'queues': [{'type': 'quorum', 'arguments': {'x-dead-letter-exchange': 'd', "
                  "'x-delivery-limit': 3}}, {'type': 'quorum', 'arguments': "
                  "{'x-dead-letter-exchange': 'd'}, 'effective_policy_definition': "
                  "{'delivery-limit': 3}}, {'type': 'quorum', 'arguments': []}]}");
}

static void arguments_of_queues_that_are_unknown_are_found(void **state)
{
    (void)state;
    FINDS(queue_arguments,
          "{'queues': [{'name': 'q', 'vhost': '/', 'arguments': {'x-ours': 1, 'mine': 1, "
          "'x-expires': 9}}]}",
          1, "x-ours of queue 'q' in vhost '/'");
    FINDS_NOTHING(queue_arguments, "{'queues': [{'type': 'stream', 'arguments': {'x-ours': 1}}]}");
}

static void queues_that_definitions_do_not_have_are_found(void **state)
{
    (void)state;
    FINDS(exclusive_queues,
          "{'queues': [" CLASSIC
          ", {'name': 'e', 'vhost': '/', 'exclusive': true, 'durable': false, 'messages': 4}]}",
          1, "queue 'e' in vhost '/' (4 messages)");
    FINDS(
        transient_queues,
        "{'queues': [" CLASSIC
        ", {'exclusive': true, 'durable': false}, {'name': 't', 'vhost': '/', 'durable': false}]}",
        1, "queue 't' in vhost '/' (0 messages)");
}

static void what_consumers_hold_is_found(void **state)
{
    (void)state;
    FINDS(unacked_messages,
          "{'queues': [{'name': 'q', 'vhost': '/', 'messages_unacknowledged': 7}, " CLASSIC "]}", 1,
          "queue 'q' in vhost '/' (7 unacknowledged)");
    FINDS(single_consumers,
          "{'queues': [{'name': 'q', 'vhost': '/', 'single_active_consumer_tag': 't'}, " CLASSIC
          ", {'single_active_consumer_tag': ''}], 'consumers': [{'exclusive': true, 'queue': "
          "{'name': 'e', 'vhost': '/'}}, {'exclusive': false}]}",
          2, "queue 'q' in vhost '/'");
    FINDS(consumer_timeout,
          "{'consumers': [{'ack_required': true, 'consumer_tag': 't', 'queue': {'name': 'q'}}, "
          "{'ack_required': false}]}",
          1, "consumer 't' of queue 'q'");
}

static void messages_must_fit_the_disk(void **state)
{
    (void)state;
    FINDS(disk_too_small,
          "{'data_disk_free': 1048576, 'queues': [{'message_bytes': 1048576}, "
          "{'message_bytes': 1048576}]}",
          1, "2 MiB of messages; 1 MiB are free here");
    FINDS_NOTHING(disk_too_small, "{'data_disk_free': 99, 'queues': [{'message_bytes': 99}]}");
    FINDS_NOTHING(disk_too_small, "{'queues': [{'message_bytes': 99}]}");
}

static void exchanges_of_types_that_are_missing_are_found(void **state)
{
    (void)state;
    FINDS(exchange_types,
          "{'exchanges': [{'name': 'j', 'vhost': '/', 'type': 'x-jms-topic'}, {'type': 'direct'}, "
          "{'type': 'x-random'}, {'type': 'x-delayed-message', 'arguments': {'x-delayed-type': "
          "'topic'}}]}",
          1, "exchange 'j' in vhost '/' (x-jms-topic)");
    FINDS(exchange_types,
          "{'definitions': {'exchanges': [{'name': 'd', 'vhost': '/', 'type': "
          "'x-delayed-message', 'arguments': {'x-delayed-type': 'x-jms-topic'}}]}}",
          1, "exchange 'd' in vhost '/' (x-jms-topic)");
}

static void delayed_messages_are_counted(void **state)
{
    (void)state;
    FINDS(delayed_messages,
          "{'exchanges': [{'name': 'd', 'vhost': '/', 'messages_delayed': 12}, {'name': 'e', "
          "'messages_delayed': 0}]}",
          1, "exchange 'd' in vhost '/' (12 messages)");
}

static void parameters_of_plugins_are_found(void **state)
{
    (void)state;
    FINDS(shovels_and_federation,
          "{'definitions': {'parameters': [{'component': 'shovel', 'name': 's', 'vhost': '/'}, "
          "{'component': 'operator_policy'}, {'component': 'vhost-limits'}]}}",
          1, "shovel 's' in vhost '/'");
}

static void users_with_unknown_hashes_and_tags_are_found(void **state)
{
    (void)state;
    FINDS(password_hashes,
          "{'definitions': {'users': [{'name': 'u', 'hashing_algorithm': 'bcrypt'}, {'name': 'v', "
          "'hashing_algorithm': 'rabbit_password_hashing_sha512'}, {'name': 'w'}]}}",
          1, "user 'u' (bcrypt)");
    FINDS(unknown_tags,
          "{'definitions': {'users': [{'name': 'u', 'tags': 'management,night'}, {'name': 'v', "
          "'tags': ['monitoring', 'day', 7]}, {'name': 'w', 'tags': []}]}}",
          2, "user 'u' (night)");
}

static void faults_of_a_dry_run_are_shown(void **state)
{
    (void)state;
    FINDS(refused_by_import, "{'local': {'faults': ['queues[0]: no']}}", 1, "queues[0]: no");
    FINDS_NOTHING(refused_by_import, "{'local': {'faults': []}}");
}

static void keys_of_policies_are_told_apart(void **state)
{
    (void)state;
    static const char source[] =
        "{'definitions': {'policies': [{'name': 'p', 'vhost': '/', 'definition': {'ha-mode': "
        "'all', 'federation-upstream-set': 'all', 'unheard-of': 1, 'max-length': 1}}],"
        "'parameters': [{'component': 'operator_policy', 'name': 'o', 'vhost': '/', 'value': "
        "{'definition': {'unheard-of': 1, 'expires': 9}}}]}}";
    FINDS(unknown_policy_keys, source, 2, "unheard-of of policy 'p' in vhost '/'");
    FINDS(mirrored_queues, source, 1, "ha-mode of policy 'p' in vhost '/'");
    FINDS(policies_without_effect, source, 1, "federation-upstream-set of policy 'p' in vhost '/'");
}

static void nodes_alarms_and_versions_are_found(void **state)
{
    (void)state;
    FINDS(several_nodes, "{'nodes': [{'name': 'a'}, {'name': 'b'}]}", 2, "node 'a'");
    FINDS_NOTHING(several_nodes, "{'nodes': [{'name': 'a'}]}");
    FINDS(alarms, "{'nodes': [{'name': 'a', 'mem_alarm': true, 'disk_free_alarm': true}]}", 2,
          "memory, node 'a'");
    FINDS(version, "{'overview': {'rabbitmq_version': '4.1.2'}}", 1, "4.1.2");
    FINDS(version, "{'overview': {'rabbitmq_version': '3.7.28'}}", 1, "3.7.28");
    FINDS_NOTHING(version, "{'overview': {'rabbitmq_version': '3.10.8'}}");
    FINDS_NOTHING(version, "{}");
    FINDS(tracing, "{'vhosts': [{'name': 't', 'tracing': true}, {'name': '/', 'tracing': false}]}",
          1, "vhost 't'");
}

static void plugins_are_told_apart(void **state)
{
    (void)state;
    static const char source[] = "{'nodes': [{'enabled_plugins': ['rabbitmq_management', "
                                 "'rabbitmq_mqtt', 'rabbitmq_auth_backend_ldap', 'ours', 7]}]}";
    FINDS(missing_plugins, source, 1, "rabbitmq_mqtt");
    FINDS(auth_plugins, source, 1, "rabbitmq_auth_backend_ldap");
    FINDS(unknown_plugins, source, 1, "ours");
}

static void listeners_are_told_apart(void **state)
{
    (void)state;
    static const char source[] =
        "{'overview': {'listeners': [{'protocol': 'amqp', 'port': 1}, {'protocol': 'amqp/ssl', "
        "'port': 5671, 'node': 'a'}, {'protocol': 'mqtt', 'port': 1883, 'node': 'a'}, "
        "{'protocol': 'https', 'port': 2, 'node': 'a'}, {'protocol': 'clustering'}]}}";
    FINDS(tls_listeners, source, 2, "amqp/ssl, port 5671, node 'a'");
    FINDS(foreign_listeners, source, 1, "mqtt, port 1883, node 'a'");
}

static void clients_of_other_protocols_are_found(void **state)
{
    (void)state;
    FINDS(foreign_connections,
          "{'connections': [{'protocol': 'AMQP 0-9-1'}, {'protocol': 'Direct 0-9-1'}, {'protocol': "
          "'STOMP 1.2', 'user': 'u', 'name': 'n'}, {'protocol': 'AMQP 1-0'}, {}]}",
          2, "STOMP 1.2, user 'u', connection 'n'");
}

static void what_was_not_seen_is_said(void **state)
{
    (void)state;
    FINDS(unread, "{'unread': [{'path': '/api/nodes', 'reason': 'no'}]}", 1, "/api/nodes: no");
    FINDS(config_files,
          "{'nodes': [{'name': 'a', 'config_files': ['/etc/rabbitmq/rabbitmq.conf']}]}", 1,
          "/etc/rabbitmq/rabbitmq.conf, node 'a'");
}

static void ten_places_are_named_and_all_are_counted(void **state)
{
    (void)state;
    struct places places = {0};
    for (int i = 0; i < 25; i++)
        places_add(&places, "%0500d", i);
    assert_int_equal(places.count, 25);
    assert_int_equal(json_array_size(places.names), PLACES_NAMED_MAX);
    assert_true(json_string_length(json_array_get(places.names, 0)) < PLACE_BYTES_MAX);
    json_decref(places.names);
}

static void a_long_name_is_cut_between_characters(void **state)
{
    (void)state;
    char name[1001] = "";
    for (int i = 0; i < 500; i++)
        strcat(name, "\xc3\xa9");
    for (int shift = 0; shift < 2; shift++) {
        struct places places = {0};
        places_add(&places, "%s%s", shift ? "x" : "", name);
        assert_true(json_is_string(json_array_get(places.names, 0)));
        json_decref(places.names);
    }
}

static void a_report_counts_by_severity_the_gravest_first(void **state)
{
    (void)state;
    json_t *source =
        json_of("{'overview': {'rabbitmq_version': '3.10.8'}, 'queues': [{'name': 's', "
                "'type': 'stream'}], 'nodes': [{'name': 'a'}, {'name': 'b'}], "
                "'vhosts': [{'tracing': true}]}");
    json_t *report = migration_report(source);
    const json_t *findings = json_object_get(report, "findings");
    assert_int_equal(json_array_size(findings), 3);
    assert_true(member_is(json_array_get(findings, 0), "severity", "blocks"));
    assert_true(member_is(json_array_get(findings, 1), "severity", "differs"));
    assert_true(member_is(json_array_get(findings, 2), "severity", "note"));
    assert_int_equal(number_of_member(report, "blocks"), 1);
    assert_int_equal(number_of_member(report, "differs"), 1);
    assert_int_equal(number_of_member(report, "notes"), 1);
    assert_true(member_is(json_object_get(report, "source"), "version", "3.10.8"));
    json_decref(report);
    json_decref(source);
}

static void json_of_any_shape_does_no_harm(void **state)
{
    (void)state;
    static const char *const shapes[] = {
        "[]",
        "{'overview': 7, 'definitions': [], 'nodes': {}, 'queues': 'x', 'exchanges': null}",
        "{'queues': [7, null, 'x', [], {'name': {}, 'arguments': 'x', 'type': 7}]}",
        "{'definitions': {'users': [7], 'policies': [{'definition': []}], 'parameters': [[]]}}",
        "{'nodes': [7, {'enabled_plugins': {}, 'config_files': 'x'}], 'consumers': [{'queue': 7}]}",
        "{'overview': {'listeners': [7, {'protocol': 7}], 'rabbitmq_version': 'x.y'}}",
    };
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++) {
        json_t *source = json_of(shapes[i]);
        json_t *report = migration_report(source);
        assert_true(json_is_array(json_object_get(report, "findings")));
        json_decref(report);
        json_decref(source);
    }
}

/* Returns the file's text, which the caller owns. */
static char *text_of_file(const char *name)
{
    enum { BYTES_MAX = 1 << 20 };
    const char *root = getenv("LEVERET_SOURCE");
    char path[4096];
    snprintf(path, sizeof path, "%s/%s", root ? root : ".", name);
    FILE *file = fopen(path, "re");
    assert_non_null(file);
    char *text = calloc(1, BYTES_MAX);
    assert_non_null(text);
    assert_true(fread(text, 1, BYTES_MAX - 1, file) > 0);
    fclose(file);
    return text;
}

static void every_rule_has_its_row_in_the_documents(void **state)
{
    (void)state;
    static const char *const severities[] = {"blocks", "differs", "note"};
    char *text = text_of_file("docs/moving-over.md");
    for (int i = 0; i < MIGRATION_RULES_COUNT; i++) {
        char row[400];
        const struct migration_rule *r = &migration_rules[i];
        snprintf(row, sizeof row, "\n| `%s` | %s | %s |\n", r->name, severities[r->severity],
                 r->what);
        if (!strstr(text, row))
            fail_msg("docs/moving-over.md lacks:%s", row);
    }
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(queues_of_types_that_are_missing_are_found),
        cmocka_unit_test(quorum_queues_without_a_limit_are_found_if_they_dead_letter),
        cmocka_unit_test(arguments_of_queues_that_are_unknown_are_found),
        cmocka_unit_test(queues_that_definitions_do_not_have_are_found),
        cmocka_unit_test(what_consumers_hold_is_found),
        cmocka_unit_test(messages_must_fit_the_disk),
        cmocka_unit_test(exchanges_of_types_that_are_missing_are_found),
        cmocka_unit_test(delayed_messages_are_counted),
        cmocka_unit_test(parameters_of_plugins_are_found),
        cmocka_unit_test(users_with_unknown_hashes_and_tags_are_found),
        cmocka_unit_test(faults_of_a_dry_run_are_shown),
        cmocka_unit_test(keys_of_policies_are_told_apart),
        cmocka_unit_test(nodes_alarms_and_versions_are_found),
        cmocka_unit_test(plugins_are_told_apart),
        cmocka_unit_test(listeners_are_told_apart),
        cmocka_unit_test(clients_of_other_protocols_are_found),
        cmocka_unit_test(what_was_not_seen_is_said),
        cmocka_unit_test(ten_places_are_named_and_all_are_counted),
        cmocka_unit_test(a_long_name_is_cut_between_characters),
        cmocka_unit_test(a_report_counts_by_severity_the_gravest_first),
        cmocka_unit_test(json_of_any_shape_does_no_harm),
        cmocka_unit_test(every_rule_has_its_row_in_the_documents),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
