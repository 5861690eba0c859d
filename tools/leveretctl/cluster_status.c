/* `cluster_status`: the broker's status and its feature flags, in rabbitmqctl's order and words. */
#include <stdio.h>

#include "leveretctl/talk.h"

static void title(const char *name)
{
    printf("\033[1m%s\033[0m\n\n", name);
}

static const char *text(const json_t *facts, const char *name)
{
    const char *value = json_string_value(json_object_get(facts, name));
    return value ? value : "";
}

static const char *maintenance(const json_t *status)
{
    return json_is_true(json_object_get(status, "is_under_maintenance")) ? "marked for maintenance"
                                                                         : "not under maintenance";
}

static void print_nodes(const struct invocation *i, const char *name)
{
    title(name);
    printf("%s\n\n", i->node);
}

static void print_alarms(const struct invocation *i, const json_t *status)
{
    json_t *alarms = alarm_texts(i, status), *alarm;
    size_t n;
    title("Alarms");
    if (json_array_size(alarms) == 0)
        printf("(none)\n");
    json_array_foreach(alarms, n, alarm) printf("%s\n", json_string_value(alarm));
    printf("\n");
    json_decref(alarms);
}

static void print_listeners(const struct invocation *i, const json_t *status)
{
    const json_t *one;
    size_t n;
    title("Listeners");
    json_array_foreach(json_object_get(status, "listeners"), n, one)
    {
        printf("Node: %s, ", i->node);
        listener_words_print(stdout, "interface", one);
    }
    printf("\n");
}

static void print_flags(const json_t *flags)
{
    const json_t *flag;
    size_t n;
    title("Feature flags");
    json_array_foreach(flags, n, flag)
        printf("Flag: %s, state: %s\n", text(flag, "name"), text(flag, "state"));
}

static void print_for_people(const struct invocation *i, const json_t *status, const json_t *flags)
{
    title("Basics");
    printf("Cluster name: %s\n\n", text(status, "cluster_name"));
    print_nodes(i, "Disk Nodes");
    print_nodes(i, "Running Nodes");
    title("Versions");
    printf("%s: RabbitMQ %s on Leveret %s\n\n", i->node, text(status, "version"),
           text(status, "leveret_version"));
    title("Maintenance status");
    printf("Node: %s, status: %s\n\n", i->node, maintenance(status));
    print_alarms(i, status);
    title("Network Partitions");
    printf("(none)\n\n");
    print_listeners(i, status);
    print_flags(flags);
}

static void print_for_programs(const struct invocation *i, const json_t *status, json_t *flags)
{
    json_t *out =
        json_pack("{s:o, s:O, s:[s], s:O, s:{s:o}}", "alarms", alarm_maps(i, status),
                  "cluster_name", json_object_get(status, "cluster_name"), "disk_nodes", i->node,
                  "feature_flags", flags, "listeners", i->node, listeners_for_programs(i, status));
    json_object_set_new(out, "maintenance_status",
                        json_pack("{s:s}", i->node, maintenance(status)));
    json_object_set_new(out, "partitions", json_object());
    json_object_set_new(out, "ram_nodes", json_array());
    json_object_set_new(out, "running_nodes", json_pack("[s]", i->node));
    json_object_set_new(out, "versions",
                        json_pack("{s:{s:O, s:s, s:O}}", i->node, "leveret_version",
                                  json_object_get(status, "leveret_version"), "rabbitmq_name",
                                  "RabbitMQ", "rabbitmq_version",
                                  json_object_get(status, "version")));
    say_json(out);
}

/* --- asking ----------------------------------------------------------------------------------- */

static const char *const flag_columns[] = {"desc",        "doc_url",   "name",
                                           "provided_by", "stability", "state"};
enum { FLAG_COLUMNS = sizeof flag_columns / sizeof *flag_columns };

/* Keeps a row as an object. */
static void keep_flag(void *flags, const json_t *row)
{
    json_t *flag = json_object();
    for (size_t c = 0; c < FLAG_COLUMNS; c++)
        json_object_set(flag, flag_columns[c], json_array_get(row, c));
    json_array_append_new(flags, flag);
}

static int ask_flags(struct invocation *i, const struct command *c, json_t *flags)
{
    json_t *columns = json_array(), *answer;
    for (size_t n = 0; n < FLAG_COLUMNS; n++)
        json_array_append_new(columns, json_string(flag_columns[n]));
    json_t *request = json_pack("{s:s, s:o}", "command", "list_feature_flags", "columns", columns);
    int code = converse(i, c, request, keep_flag, flags, &answer);
    if (code == EXIT_OK)
        json_decref(answer);
    return code;
}

int run_cluster_status(struct invocation *i, const struct command *c)
{
    json_t *status, *flags = json_array();
    int code = broker_ask(i, c, c->banner, request_create(i, c), NULL, NULL, &status);
    if (code == EXIT_OK) {
        code = ask_flags(i, c, flags);
        if (code == EXIT_OK && i->format == FORMAT_JSON)
            print_for_programs(i, status, flags);
        else if (code == EXIT_OK)
            print_for_people(i, status, flags);
        json_decref(status);
    }
    json_decref(flags);
    return code;
}
