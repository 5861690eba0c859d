/* Commands that are more than a listing or a change. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

#include "base/error.h"
#include "leveretctl/command.h"

/* --- passwords -------------------------------------------------------------------------------- */

/* A line of standard input, not shown while it is typed. False at its end. */
static bool read_password(bool has_prompt, struct lv_buffer *ret)
{
    struct termios shown, hidden;
    bool is_terminal = tcgetattr(STDIN_FILENO, &shown) == 0;
    char *line = NULL;
    size_t capacity = 0;

    if (has_prompt)
        printf("Password: ");
    fflush(stdout);
    if (is_terminal) {
        hidden = shown;
        hidden.c_lflag &= ~(tcflag_t)ECHO;
        tcsetattr(STDIN_FILENO, TCSAFLUSH, &hidden);
    }
    ssize_t n = getline(&line, &capacity, stdin);
    if (is_terminal)
        tcsetattr(STDIN_FILENO, TCSAFLUSH, &shown);
    if (has_prompt)
        printf("\n");
    if (n > 0 && line[n - 1] == '\n')
        n--;
    if (n > 0)
        lv_buffer_add(ret, line, (size_t)n);
    free(line);
    return n > 0;
}

/* Runs a change whose second argument is a password, which is asked for when it was not given. */
static int change_with_password(struct invocation *i, const struct command *c, int exit_without)
{
    struct lv_buffer password = {0};
    if (i->argument_count >= 2)
        return run_change(i, c);
    say_banner(i, c->banner);
    bool has_prompt =
        c->done_form != DONE_UNLESS_QUIET || (!is_quiet(i) && format_is_for_people(i->format));
    if (!read_password(has_prompt, &password))
        return say_error(exit_without, "Password is not provided via argument or stdin");
    i->arguments[i->argument_count++] = text_of(&password);
    int code = run_change_saying(i, c, NULL, request_of(i, c));
    lv_buffer_free(&password);
    return code;
}

int run_password_change(struct invocation *i, const struct command *c)
{
    return change_with_password(i, c, EXIT_SOFTWARE);
}

int run_add_user(struct invocation *i, const struct command *c)
{
    if (i->arguments[0][0] == '\0')
        return usage_error(i, c, EXIT_DATA, "Bad argument: user cannot be an empty string");
    return change_with_password(i, c, EXIT_DATA);
}

/* --- what is said differs --------------------------------------------------------------------- */

int run_clear_topic_permissions(struct invocation *i, const struct command *c)
{
    return run_change_saying(
        i, c,
        i->argument_count > 1
            ? "Clearing topic permissions on \"$2\" for user \"$1\" in vhost \"$v\" ..."
            : "Clearing topic permissions for user \"$1\" in vhost \"$v\" ...",
        request_of(i, c));
}

int run_set_log_level(struct invocation *i, const struct command *c)
{
    static const char levels[] = "debug, info, warning, error, critical, none";
    const char *level = i->arguments[0];
    const char *found = strstr(levels, level);
    size_t n = strlen(level);
    bool is_level = n > 2 && found && (found[n] == ',' || found[n] == '\0') &&
                    (found == levels || found[-1] == ' ');
    if (!is_level)
        return say_error(EXIT_UNAVAILABLE, "level %s is not supported. Try one of %s", level,
                         levels);
    return run_change(i, c);
}

int run_delete_queue(struct invocation *i, const struct command *c)
{
    struct lv_buffer banner = {0};
    bool if_empty = is_given(i, OPTION_IF_EMPTY), if_unused = is_given(i, OPTION_IF_UNUSED);
    json_t *answer;

    if (i->arguments[0][0] == '\0')
        return usage_error(i, c, EXIT_DATA, "Bad argument: queue name cannot be an empty string");
    lv_buffer_printf(&banner, "Deleting queue '$1' on vhost '$v'%s%s%s ...",
                     if_empty ? " if queue is empty" : "", if_empty && if_unused ? " and" : "",
                     if_unused ? " if queue is unused" : "");
    int code = broker_ask(i, c, text_of(&banner), request_of(i, c), NULL, NULL, &answer);
    lv_buffer_free(&banner);
    if (code != EXIT_OK)
        return code;
    say_count(i, c, answer, "messages", "Queue was successfully deleted with ", " ready messages");
    json_decref(answer);
    return EXIT_OK;
}

int run_close_all_connections(struct invocation *i, const struct command *c)
{
    json_t *answer;
    json_t *request = request_of(i, c);
    const char *banner = "Closing all connections in vhost $v, reason: $1...";
    if (is_given(i, OPTION_GLOBAL)) {
        json_object_del(request, "vhost");
        banner = "Closing all connections to node $n (across all vhosts), reason: $1...";
    }
    int code = broker_ask(i, c, banner, request, NULL, NULL, &answer);
    if (code != EXIT_OK)
        return code;
    say_count(i, c, answer, "closed", "Closed ", " connections");
    json_decref(answer);
    return EXIT_OK;
}

/* --- the broker as a whole -------------------------------------------------------------------- */

int run_version(struct invocation *i, const struct command *c)
{
    (void)c;
    if (i->format == FORMAT_JSON)
        say_value(i, json_pack("{s:s}", "version", LEVERET_VERSION));
    else if (i->format == FORMAT_CSV)
        printf("\"version\"\n\"%s\"\n", LEVERET_VERSION);
    else
        message_print(i->format, stdout, LEVERET_VERSION);
    return EXIT_OK;
}

int run_ping(struct invocation *i, const struct command *c)
{
    json_t *answer;
    int timeout_ms = i->timeout_s < 0 ? 60000 : i->timeout_s * 1000;
    struct lv_buffer banner = {0};
    lv_buffer_printf(&banner,
                     "Will ping $n. This only checks if the OS process is running and answers. "
                     "Timeout: %d ms.",
                     timeout_ms);
    say_banner(i, text_of(&banner));
    lv_buffer_free(&banner);
    if (ask_open(&i->ask, i->data_dir, timeout_ms) < 0)
        return say_error(EXIT_UNAVAILABLE, "Failed to connect to %s on %s/control.sock", i->node,
                         i->data_dir);
    int code = converse(i, c, request_of(i, c), NULL, NULL, &answer);
    if (code != EXIT_OK)
        return code;
    json_decref(answer);
    say_done(i, "Ping succeeded");
    return EXIT_OK;
}

/* The socket is there once the broker has started, so we look for it. */
int run_await_startup(struct invocation *i, const struct command *c)
{
    const struct timespec pause = {.tv_nsec = 10 * 1000 * 1000};
    const int looks_max = (i->timeout_s < 0 ? 300 : i->timeout_s) * 100;
    json_t *answer;
    int err = ask_open(&i->ask, i->data_dir, 60000);
    for (int n = 0; err < 0 && n < looks_max; n++) {
        nanosleep(&pause, NULL);
        err = ask_open(&i->ask, i->data_dir, 60000);
    }
    if (err < 0)
        return connect_to_broker(i);
    int code = converse(i, c, request_of(i, c), NULL, NULL, &answer);
    if (code != EXIT_OK)
        return code;
    json_decref(answer);
    say_done(i, NULL);
    return EXIT_OK;
}

/* The broker leaves our connection open: it ends with the process. */
static int wait_for_the_end(struct invocation *i)
{
    json_t *line;
    int err;
    while ((err = ask_line(&i->ask, &line)) == 0)
        json_decref(line);
    if (err == ERR_CLOSED)
        return EXIT_OK;
    return say_error(EXIT_TIMEOUT, "the broker has not stopped in time");
}

int run_stop(struct invocation *i, const struct command *c)
{
    json_t *answer;
    json_t *request = request_of(i, c);
    json_object_set_new(request, "command", json_string("stop"));
    if (is_given(i, OPTION_IDEMPOTENT) && ask_open(&i->ask, i->data_dir, 60000) < 0) {
        json_decref(request);
        say_banner(i, c->banner);
        printf("Node %s is not running\n", i->node);
        return EXIT_OK;
    }
    int code = i->ask.fd >= 0 ? EXIT_OK : connect_to_broker(i);
    if (code != EXIT_OK) {
        json_decref(request);
        return code;
    }
    say_banner(i, c->banner);
    fflush(stdout);
    code = converse(i, c, request, NULL, NULL, &answer);
    if (code != EXIT_OK)
        return code;
    json_decref(answer);
    code = wait_for_the_end(i);
    if (code == EXIT_OK)
        say_done(i, NULL);
    return code;
}

int run_environment(struct invocation *i, const struct command *c)
{
    json_t *answer, *value;
    const char *key;
    int code = broker_ask(i, c, c->banner, request_of(i, c), NULL, NULL, &answer);
    if (code != EXIT_OK)
        return code;
    json_t *settings = json_object_get(answer, "settings");
    if (i->format == FORMAT_JSON) {
        say_json(json_incref(settings));
    } else {
        json_object_foreach(settings, key, value)
            printf("%s = %s\n", key, json_string_value(value));
    }
    json_decref(answer);
    return EXIT_OK;
}
