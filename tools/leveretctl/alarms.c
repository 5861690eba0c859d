/* `alarms`, `check_alarms`, `check_local_alarms`. Since there is one node, every alarm is local. */
#include <stdio.h>
#include <string.h>

#include "leveretctl/talk.h"

/* Returns rabbitmqctl's text for an alarm; for an alarm of our own, what it means. */
static const char *alarm_text(const char *name)
{
    static const struct {
        const char *name, *text;
    } texts[] = {
        {"memory", "Memory alarm"},
        {"disk", "Free disk space alarm"},
        {"log", "Log alarm (no room for the next file of the log)"},
        {"store", "Store alarm (writing has failed: persistent messages are refused)"},
        {"log_stalled", "Log stall (the disk does not answer: publishers wait for confirms)"},
    };
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        if (strcmp(texts[i].name, name) == 0)
            return texts[i].text;
    return name;
}

static json_t *text_of_alarm(const struct invocation *i, const json_t *name)
{
    return json_sprintf("%s on node %s", alarm_text(json_string_value(name)), i->node);
}

json_t *alarm_texts(const struct invocation *i, const json_t *status)
{
    json_t *texts = json_array();
    const json_t *alarm;
    size_t n;
    json_array_foreach(json_object_get(status, "alarms"), n, alarm)
        json_array_append_new(texts, text_of_alarm(i, alarm));
    return texts;
}

/* Asks for the alarms of the status. Returns EXIT_OK with *ret, which the caller owns, or the exit
 * code. */
static int ask_alarms(struct invocation *i, const struct command *c, json_t **ret)
{
    json_t *status;
    int code = broker_ask(i, c, c->banner, request_create(i, c), NULL, NULL, &status);
    if (code != EXIT_OK)
        return code;
    *ret = alarm_texts(i, status);
    json_decref(status);
    return EXIT_OK;
}

/* Like ask_alarms(), by the broker's own check. */
static int check_for_alarms(struct invocation *i, const struct command *c, json_t **ret)
{
    json_t *health;
    int code = health_ask(i, c, &health);
    if (code != EXIT_OK)
        return code;
    const json_t *alarm;
    size_t n;
    *ret = json_array();
    json_array_foreach(json_object_get(health, "alarms"), n, alarm)
        json_array_append_new(*ret, text_of_alarm(i, json_object_get(alarm, "name")));
    json_decref(health);
    return EXIT_OK;
}

static void print_lines(FILE *out, json_t *texts)
{
    json_t *text;
    size_t n;
    json_array_foreach(texts, n, text) fprintf(out, "%s\n", json_string_value(text));
}

/* Complains of alarms, not with --silent. Returns the exit code. */
static int complain(const struct invocation *i, const char *title, json_t *alarms)
{
    if (!is_given(i, OPTION_SILENT)) {
        fputs(title, stderr);
        print_lines(stderr, alarms);
    }
    return EXIT_UNAVAILABLE;
}

/* The same in JSON. Takes the value. */
static int complain_in_json(json_t *value)
{
    print_json(stderr, value);
    return EXIT_UNAVAILABLE;
}

/* Returns what `alarms` and `check_alarms` say in JSON. The caller owns it. */
static json_t *alarms_as_json(const struct invocation *i, json_t *alarms, const char *result)
{
    return json_pack("{s:[], s:O, s:o, s:s}", "global", "local", alarms, "message",
                     json_sprintf("Node %s reported alarms", i->node), "result", result);
}

int run_alarms(struct invocation *i, const struct command *c)
{
    json_t *alarms;
    int code = ask_alarms(i, c, &alarms);
    if (code != EXIT_OK)
        return code;
    if (i->format == FORMAT_JSON && json_array_size(alarms) == 0)
        say_json(json_pack("{s:[], s:s, s:s}", "alarms", "node", i->node, "result", "ok"));
    else if (i->format == FORMAT_JSON)
        say_json(alarms_as_json(i, alarms, "ok"));
    else if (json_array_size(alarms) == 0)
        printf("Node %s reported no alarms, local or clusterwide\n", i->node);
    else
        print_lines(stdout, alarms);
    json_decref(alarms);
    return EXIT_OK;
}

/* What is said if there is no alarm. */
static void say_no_alarm(const struct invocation *i, const char *which)
{
    if (i->format == FORMAT_JSON)
        say_json(json_pack("{s:s}", "result", "ok"));
    else if (!is_given(i, OPTION_SILENT))
        printf("Node %s reported no %s\n", i->node, which);
}

int run_check_alarms(struct invocation *i, const struct command *c)
{
    json_t *alarms;
    int code = check_for_alarms(i, c, &alarms);
    if (code != EXIT_OK)
        return code;
    if (json_array_size(alarms) == 0)
        say_no_alarm(i, "alarms, local or clusterwide");
    else if (i->format == FORMAT_JSON)
        code = complain_in_json(alarms_as_json(i, alarms, "error"));
    else
        code = complain(i, "", alarms);
    json_decref(alarms);
    return code;
}

int run_check_local_alarms(struct invocation *i, const struct command *c)
{
    json_t *alarms;
    int code = check_for_alarms(i, c, &alarms);
    if (code != EXIT_OK)
        return code;
    if (json_array_size(alarms) == 0)
        say_no_alarm(i, "local alarms");
    else if (i->format == FORMAT_JSON)
        code = complain_in_json(json_pack("{s:O, s:o, s:s}", "local", alarms, "message",
                                          json_sprintf("Node %s reported local alarms", i->node),
                                          "result", "error"));
    else
        code = complain(i, "Error:\n", alarms);
    json_decref(alarms);
    return code;
}
