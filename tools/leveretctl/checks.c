/* Health checks: the broker's own (docs/formats/control.md, `check`), in rabbitmq-diagnostics'
 * words. A check that fails ends with exit status 69 and says why on standard error. */
#include <stdio.h>
#include <string.h>

#include "leveretctl/talk.h"

/* --- asking ----------------------------------------------------------------------------------- */

int health_ask(struct invocation *i, const struct command *c, json_t **ret)
{
    json_t *request, *answer;
    int code = request_make(i, c, &request);
    if (code != EXIT_OK)
        return code;
    if (c->request.check) {
        json_object_set_new(request, "command", json_string("check"));
        json_object_set_new(request, "check", json_string(c->request.check));
    }
    code = broker_ask(i, c, command_banner(i, c), request, NULL, NULL, &answer);
    if (code != EXIT_OK)
        return code;
    *ret = json_incref(json_object_get(answer, "health"));
    json_decref(answer);
    return EXIT_OK;
}

bool health_is_ok(const json_t *health)
{
    const char *status = json_string_value(json_object_get(health, "status"));
    return status && strcmp(status, "ok") == 0;
}

static const char *reason_of(const json_t *health)
{
    const char *reason = json_string_value(json_object_get(health, "reason"));
    return reason ? reason : "";
}

/* Says that a check has failed. Returns the exit code. */
static int say_failed(const struct invocation *i, const json_t *health)
{
    if (i->format == FORMAT_JSON)
        print_json(stderr,
                   json_pack("{s:s, s:s}", "message", reason_of(health), "result", "error"));
    else if (!is_given(i, OPTION_SILENT))
        say_error(EXIT_UNAVAILABLE, "Error:\n%s", reason_of(health));
    return EXIT_UNAVAILABLE;
}

/* Says that a check has passed; with --silent, nothing. */
static void say_passed(const struct invocation *i, const struct command *c)
{
    struct lv_buffer message = {0};
    bool is_json = i->format == FORMAT_JSON;
    const char *text = is_json ? c->answer.json : c->answer.done;
    if (text)
        expand(i, NULL, text, &message);
    if (is_json && text)
        say_json(json_pack("{s:s, s:s}", "message", text_of(&message), "result", "ok"));
    else if (is_json)
        say_json(json_pack("{s:s}", "result", "ok"));
    else if (!is_given(i, OPTION_SILENT))
        say_done(i, text_of(&message));
    lv_buffer_free(&message);
}

int run_check(struct invocation *i, const struct command *c)
{
    json_t *health;
    int code = health_ask(i, c, &health);
    if (code != EXIT_OK)
        return code;
    if (health_is_ok(health))
        say_passed(i, c);
    else
        code = say_failed(i, health);
    json_decref(health);
    return code;
}

/* --- listeners -------------------------------------------------------------------------------- */

void listener_words_print(FILE *out, const char *first, const json_t *one)
{
    const char *interface = json_string_value(json_object_get(one, "interface"));
    bool is_v6 = interface && strchr(interface, ':') != NULL;
    fprintf(out, "%s: %s%s%s, port: %lld, protocol: %s, purpose: %s\n", first, is_v6 ? "[" : "",
            interface ? interface : "", is_v6 ? "]" : "",
            (long long)json_integer_value(json_object_get(one, "port")),
            json_string_value(json_object_get(one, "protocol")),
            json_string_value(json_object_get(one, "purpose")));
}

void listener_print(FILE *out, const json_t *one)
{
    listener_words_print(out, "Interface", one);
}

json_t *listeners_for_programs(const struct invocation *i, const json_t *status)
{
    json_t *listeners = json_deep_copy(json_object_get(status, "listeners")), *one;
    size_t n;
    json_array_foreach(listeners, n, one) json_object_set_new(one, "node", json_string(i->node));
    return listeners;
}

void listeners_print(const struct invocation *i, const json_t *status)
{
    const json_t *one;
    size_t n;
    if (i->format == FORMAT_JSON) {
        say_json(json_pack("{s:o, s:s, s:s}", "listeners", listeners_for_programs(i, status),
                           "node", i->node, "result", "ok"));
        return;
    }
    json_array_foreach(json_object_get(status, "listeners"), n, one) listener_print(stdout, one);
}

/* Writes the values, strings or numbers, separated by commas. */
static void print_values(FILE *out, const json_t *values)
{
    const json_t *one;
    size_t n;
    json_array_foreach(values, n, one)
    {
        fputs(n ? ", " : "", out);
        if (json_is_string(one))
            fputs(json_string_value(one), out);
        else
            fprintf(out, "%lld", (long long)json_integer_value(one));
    }
}

/* Runs a check for a listener: `what` is "port" or "protocol". */
static int check_listener(struct invocation *i, const struct command *c, const char *what,
                          const char *title, const char *which)
{
    char list[16];
    json_t *health;
    int code = health_ask(i, c, &health);
    if (code != EXIT_OK)
        return code;
    const json_t *found = json_object_get(health, what);
    const char *name = json_is_string(found) ? json_string_value(found) : i->arguments[0];
    snprintf(list, sizeof list, "%ss", what);
    if (health_is_ok(health) && i->format == FORMAT_JSON) {
        say_json(json_pack("{s:s, s:s, s:s}", "node", i->node, what, name, "result", "ok"));
    } else if (health_is_ok(health)) {
        printf("A listener for %s %s is running on node %s.\n", what, name, i->node);
    } else if (i->format == FORMAT_JSON) {
        code = EXIT_UNAVAILABLE;
        print_json(stderr, json_pack("{s:s, s:O, s:s}", "missing", i->arguments[0], list,
                                     json_object_get(health, list), "result", "error"));
    } else {
        code = EXIT_UNAVAILABLE;
        fprintf(stderr, "%sNo listener for %s %s is active on node %s. Found listeners %s: ", title,
                what, i->arguments[0], i->node, which);
        print_values(stderr, json_object_get(health, list));
        fputc('\n', stderr);
    }
    json_decref(health);
    return code;
}

int run_check_port_listener(struct invocation *i, const struct command *c)
{
    return check_listener(i, c, "port", "", "that use the following ports");
}

int run_check_protocol_listener(struct invocation *i, const struct command *c)
{
    return check_listener(i, c, "protocol", "Error:\n", "for the following protocols");
}

int port_check(const struct invocation *i, const struct command *c)
{
    json_int_t port;
    if (read_number(i->arguments[0], &port) && port > 0 && port <= 65535)
        return EXIT_OK;
    return usage_error(i, c, EXIT_DATA, "Bad argument: expected a port from 1 to 65535, got '%s'",
                       i->arguments[0]);
}

/* --- running ---------------------------------------------------------------------------------- */

/* `is_running` and `is_booting` say a result and succeed; `check_running` fails. */
static int say_state(const struct invocation *i, const char *text, const bool *result, int code)
{
    struct lv_buffer message = {0};
    expand(i, NULL, text, &message);
    FILE *out = code == EXIT_OK ? stdout : stderr;
    if (i->format == FORMAT_JSON && result)
        print_json(out, json_pack("{s:s, s:b}", "message", text_of(&message), "result", *result));
    else if (i->format == FORMAT_JSON)
        print_json(out, json_pack("{s:s}", "message", text_of(&message)));
    else if (!is_given(i, OPTION_SILENT))
        fprintf(out, "%s\n", text_of(&message));
    lv_buffer_free(&message);
    return code;
}

static const char running[] = "RabbitMQ on node $node is fully booted and running";
static const char not_running[] =
    "RabbitMQ on node $node is not running or has not fully booted yet (check with is_booting)";
static const char booting[] = "RabbitMQ on node $node is booting";
static const char not_booting[] = "RabbitMQ on node $node is fully booted (check with is_running), "
                                  "stopped or has not started booting yet";

/* Returns whether the node runs, of its answer to is-in-service: it also does in maintenance. */
static bool is_running_by(const json_t *health)
{
    const char *state = json_string_value(json_object_get(health, "state"));
    return health_is_ok(health) || (state && strcmp(state, "maintenance") == 0);
}

int run_check_running(struct invocation *i, const struct command *c)
{
    json_t *health;
    int code = health_ask(i, c, &health);
    if (code != EXIT_OK)
        return code;
    bool is_running = is_running_by(health);
    json_decref(health);
    return is_running ? say_state(i, running, NULL, EXIT_OK)
                      : say_state(i, not_running, NULL, EXIT_UNAVAILABLE);
}

int run_is_running(struct invocation *i, const struct command *c)
{
    json_t *health;
    int code = health_ask(i, c, &health);
    if (code != EXIT_OK)
        return code;
    bool is_running = is_running_by(health);
    json_decref(health);
    return say_state(i, is_running ? running : not_running, &is_running, EXIT_OK);
}

int run_is_booting(struct invocation *i, const struct command *c)
{
    json_t *health;
    int code = health_ask(i, c, &health);
    if (code != EXIT_OK)
        return code;
    const char *state = json_string_value(json_object_get(health, "state"));
    bool is_booting = state && strcmp(state, "booting") == 0;
    json_decref(health);
    return say_state(i, is_booting ? booting : not_booting, &is_booting, EXIT_OK);
}
