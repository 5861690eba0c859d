/* Starting and stopping. */
#include <stdio.h>
#include <time.h>

#include "base/error.h"
#include "leveretctl/talk.h"

enum { START_TIMEOUT_S = 300, START_LOOKS_A_SECOND = 100, SOCKET_TIMEOUT_MS = 60000 };

/* Waits until the broker has started: it then creates its socket, so look for the socket. */
static int run_await_startup(struct invocation *i, const struct command *c)
{
    const struct timespec pause = {.tv_nsec = 1000000000 / START_LOOKS_A_SECOND};
    const int looks_max =
        (i->timeout_s < 0 ? START_TIMEOUT_S : i->timeout_s) * START_LOOKS_A_SECOND;
    int err = ask_open(&i->ask, i->data_dir, SOCKET_TIMEOUT_MS);
    for (int n = 0; err < 0 && n < looks_max; n++) {
        nanosleep(&pause, NULL);
        err = ask_open(&i->ask, i->data_dir, SOCKET_TIMEOUT_MS);
    }
    if (err < 0)
        return connect_to_broker(i);
    json_t *answer;
    int code = converse(i, c, request_create(i, c), NULL, NULL, &answer);
    if (code != EXIT_OK)
        return code;
    json_decref(answer);
    say_done(i, NULL);
    return EXIT_OK;
}

/* --- stop ------------------------------------------------------------------------------------- */

/* Waits until the broker's process ends: until then it keeps our connection open. */
static int wait_for_end(struct invocation *i)
{
    json_t *line;
    int err;
    while ((err = ask_line(&i->ask, &line)) == 0)
        json_decref(line);
    if (err == ERR_CLOSED)
        return EXIT_OK;
    return say_error(EXIT_TIMEOUT, "the broker did not stop in time");
}

static int stop_and_wait(struct invocation *i, const struct command *c)
{
    say_banner(i, c->banner);
    fflush(stdout);
    json_t *answer;
    int code = converse(i, c, request_create(i, c), NULL, NULL, &answer);
    if (code != EXIT_OK)
        return code;
    json_decref(answer);
    code = wait_for_end(i);
    if (code == EXIT_OK)
        say_done(i, NULL);
    return code;
}

static int run_stop(struct invocation *i, const struct command *c)
{
    if (is_given(i, OPTION_IDEMPOTENT) && ask_open(&i->ask, i->data_dir, SOCKET_TIMEOUT_MS) < 0) {
        say_banner(i, c->banner);
        printf("Node %s is not running\n", i->node);
        return EXIT_OK;
    }
    int code = i->ask.fd >= 0 ? EXIT_OK : connect_to_broker(i);
    return code == EXIT_OK ? stop_and_wait(i, c) : code;
}

/* clang-format off */
const struct command node_commands[] = {
    {.name = "await_startup", .run = run_await_startup,
     .usage = "[--timeout <timeout>]",
     .help = "Waits until the broker has started, at most 300 s."},
    {.name = "stop", .run = run_stop,
     .usage = "[--idempotent] [<pidfile>]",
     .help = "Stops the broker and waits until its process has ended.",
     .banner = "Stopping and halting node $node ...",
     .arguments = {.max = 1, .options = BIT(OPTION_IDEMPOTENT)}},
    {.name = "shutdown", .run = run_stop,
     .usage = "[--timeout <timeout>]",
     .help = "The same as stop.",
     .banner = "Shutting down node $node ...",
     .arguments = {.options = BIT(OPTION_IDEMPOTENT)},
     .request = {.command = "stop"}},
    {.name = NULL},
};
/* clang-format on */
