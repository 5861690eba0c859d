/* Questions to the broker: sends requests, reads answers, and says what has failed. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "leveretctl/talk.h"
#include "leveretctl/terminal.h"

enum {
    BANNER_MS = 1000, /* a banner is said after this time although no answer has come */
};

/* --- failures --------------------------------------------------------------------------------- */

static int say_failure_json(const struct invocation *i, const struct failure *f)
{
    struct lv_buffer text = {0};
    expand(i, NULL, f->json, &text);
    json_t *line = json_pack("{s:s%, s:s, s:s}", "message", text.p, text.n, "node", i->node,
                             "result", "error");
    char *dumped = json_dumps(line, JSON_COMPACT);
    fprintf(stderr, "%s\n", dumped);
    free(dumped);
    json_decref(line);
    lv_buffer_free(&text);
    return EXIT_UNAVAILABLE;
}

static int say_failure(const struct invocation *i, const struct failure *f, const char *own_text)
{
    struct lv_buffer text = {0};
    fflush(stdout);
    if (f->json && i->format == FORMAT_JSON)
        return say_failure_json(i, f);
    if (f->text)
        expand(i, NULL, f->text, &text);
    else
        lv_buffer_printf(&text, "%s", own_text);
    terminal_escape_for(stderr, &text, 0, TERMINAL_LINES);
    fprintf(stderr, "%s%.*s\n", f->is_bare ? "" : "Error:\n", SLICE_ARG(lv_buffer_slice(&text)));
    lv_buffer_free(&text);
    return f->exit_code;
}

/* Failures that every command may have. */
static const struct failure common_failures[] = {
    {.error = "too_many_requests", .exit_code = EXIT_UNAVAILABLE},
    {.error = "too_many_connections", .exit_code = EXIT_UNAVAILABLE},
    {.error = "timed_out", .exit_code = EXIT_UNAVAILABLE},
    {.error = NULL},
};

static const struct failure *failure_in(const struct failure *f, const char *error)
{
    for (; f && f->error && error; f++)
        if (strcmp(f->error, error) == 0)
            return f;
    return NULL;
}

static const struct failure *failure_find(const struct command *c, const json_t *line)
{
    const char *error = json_string_value(json_object_get(line, "error"));
    const struct failure *f = failure_in(c->failures, error);
    return f ? f : failure_in(common_failures, error);
}

static int answer_failed(const struct invocation *i, const struct failure *f, const json_t *line)
{
    const char *text = json_string_value(json_object_get(line, "text"));
    if (f)
        return say_failure(i, f, text ? text : "");
    return say_error(EXIT_SOFTWARE, "%s", text ? text : "the broker sent an invalid answer");
}

static int line_failed(const struct invocation *i, const struct command *c, int err)
{
    fflush(stdout);
    if (err == ERR_BUSY) {
        fprintf(stderr, "Error: operation %s on node %s timed out. Timeout value used: %d\n",
                c->name, i->node, timeout_ms_of(i) / 1000);
        return EXIT_TIMEOUT;
    }
    return say_error(EXIT_UNAVAILABLE, "the broker closed the connection before answering: %s",
                     lv_error_text(err));
}

/* --- the node's state ------------------------------------------------------------------------- */

static bool is_of_wrong_state(const json_t *line)
{
    const char *error = json_string_value(json_object_get(line, "error"));
    return error && (strcmp(error, "not_running") == 0 || strcmp(error, "running") == 0);
}

/* The command needs an application that runs, or one that is stopped. */
static int state_error(const struct invocation *i, const struct command *c, const json_t *line)
{
    bool is_running = strcmp(json_string_value(json_object_get(line, "error")), "running") == 0;
    fprintf(stderr,
            "Error: this command requires the 'rabbit' app to be %s on the target node. %s it with "
            "'%s %s'.\n",
            is_running ? "stopped" : "running", is_running ? "Stop" : "Start", i->program,
            is_running ? "stop_app" : "start_app");
    usage_print(i, c, stderr);
    return EXIT_USAGE;
}

/* --- asking ----------------------------------------------------------------------------------- */

/* Reads an answer; `banner` is said before anything else, but not if the command cannot be answered
 * in the state that the node is in. */
static int hear(struct invocation *i, const struct command *c, const char *banner, row_fn *row,
                void *arg, json_t **ret)
{
    for (;;) {
        json_t *line;
        if (!ask_wait(&i->ask, BANNER_MS)) {
            say_banner(i, banner);
            banner = NULL;
            fflush(stdout);
        }
        int err = ask_line(&i->ask, &line);
        if (err == 0 && is_of_wrong_state(line)) {
            int code = state_error(i, c, line);
            json_decref(line);
            return code;
        }
        say_banner(i, banner);
        banner = NULL;
        if (err < 0)
            return line_failed(i, c, err);
        if (json_is_array(line)) {
            if (row)
                row(arg, line);
            json_decref(line);
            continue;
        }
        const struct failure *failure = failure_find(c, line);
        if (json_is_true(json_object_get(line, "ok")) ||
            (failure && failure->exit_code == EXIT_OK)) {
            *ret = line;
            return EXIT_OK;
        }
        int code = answer_failed(i, failure, line);
        json_decref(line);
        return code;
    }
}

/* Sends a request and takes it, then reads the answer. */
static int talk(struct invocation *i, const struct command *c, const char *banner, json_t *request,
                row_fn *row, void *arg, json_t **ret)
{
    int err = ask_send(&i->ask, request);
    json_decref(request);
    return err < 0 ? line_failed(i, c, err) : hear(i, c, banner, row, arg, ret);
}

int converse(struct invocation *i, const struct command *c, json_t *request, row_fn *row, void *arg,
             json_t **ret)
{
    return talk(i, c, NULL, request, row, arg, ret);
}

int converse_on(struct invocation *i, const struct command *c, json_t **ret)
{
    return hear(i, c, NULL, NULL, NULL, ret);
}

int broker_ask(struct invocation *i, const struct command *c, const char *banner, json_t *request,
               row_fn *row, void *arg, json_t **ret)
{
    int code = connect_to_broker(i);
    if (code != EXIT_OK) {
        json_decref(request);
        return code;
    }
    return talk(i, c, banner, request, row, arg, ret);
}
