/* Starting and stopping. */
#include <stdio.h>
#include <time.h>

#include "base/error.h"
#include "leveretctl/talk.h"

enum {
    START_TIMEOUT_S = 300,
    WAIT_TIMEOUT_S = 10,
    START_LOOKS_A_SECOND = 100,
    SOCKET_TIMEOUT_MS = 60000
};

/* Waits until the broker has started: it then creates its socket, so look for the socket. */
static int run_await_startup(struct invocation *i, const struct command *c)
{
    const struct timespec pause = {.tv_nsec = 1000000000 / START_LOOKS_A_SECOND};
    const int looks_max =
        (i->timeout_s < 0 ? START_TIMEOUT_S : i->timeout_s) * START_LOOKS_A_SECOND;
    int err = broker_open(i, SOCKET_TIMEOUT_MS);
    for (int n = 0; err < 0 && err != ERR_FORBIDDEN && n < looks_max; n++) {
        nanosleep(&pause, NULL);
        err = broker_open(i, SOCKET_TIMEOUT_MS);
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
    if (is_given(i, OPTION_IDEMPOTENT) && broker_open(i, SOCKET_TIMEOUT_MS) < 0) {
        say_banner(i, c->banner);
        printf("Node %s is not running\n", i->node);
        return EXIT_OK;
    }
    int code = i->ask.fd >= 0 ? EXIT_OK : connect_to_broker(i);
    return code == EXIT_OK ? stop_and_wait(i, c) : code;
}

/* --- the application -------------------------------------------------------------------------- */

/* Stops or starts the application, and waits until that has happened. */
static int run_application(struct invocation *i, const struct command *c)
{
    json_t *answer;
    int code = broker_ask(i, c, c->banner, request_create(i, c), NULL, NULL, &answer);
    if (code != EXIT_OK)
        return code;
    bool is_begun = json_is_true(json_object_get(answer, "is_begun"));
    json_decref(answer);
    if (is_begun) {
        fflush(stdout);
        code = converse_on(i, c, &answer);
        if (code != EXIT_OK)
            return code;
        json_decref(answer);
    }
    say_done(i, NULL);
    return EXIT_OK;
}

static const struct failure start_fails[] = {
    {.error = "not_started", .exit_code = EXIT_UNAVAILABLE},
    {.error = "start_failed", .exit_code = EXIT_UNAVAILABLE},
    {.error = "reset_failed", .exit_code = EXIT_UNAVAILABLE},
    {.error = "cannot_listen", .exit_code = EXIT_UNAVAILABLE},
    {.error = NULL},
};

static const struct failure restart_vhost_fails[] = {
    {.error = "no_such_vhost",
     .exit_code = EXIT_SOFTWARE,
     .text = "Failed to start vhost '$vhost' on node '$node'Reason: {:no_such_vhost, \"$vhost\"}"},
    {.error = NULL},
};

/* clang-format off */
const struct command node_commands[] = {
    {.name = "await_startup", .run = run_await_startup,
     .usage = "[--timeout <timeout>]",
     .help = "Waits until the broker has started, at most 300 s.",
     .failures = start_fails},
    {.name = "wait", .run = run_wait,
     .usage = "[<pidfile>] [--pid|-P <pid>]" TIMEOUT_USAGE,
     .help = "Waits until the process of a pid file, or the one with this pid, has started the broker, at "
             "most 10 s. leveretd writes no pid file: if there is none, the broker's own pid is used.",
     .arguments = {.max = 1, .options = BIT(OPTION_PID), .check = wait_check},
     .request = {.command = "await_startup", .timeout_s = WAIT_TIMEOUT_S},
     .failures = start_fails},
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
    {.name = "stop_app", .run = run_application,
     .usage = "",
     .help = "Stops the broker, but not its process: start_app starts it again, reset empties it.",
     .banner = "Stopping rabbit application on node $node ...",
     .request = {.timeout_s = START_TIMEOUT_S}},
    {.name = "start_app", .run = run_application,
     .usage = "",
     .help = "Reads the configuration, and starts the broker that stop_app has stopped.",
     .banner = "Starting node $node ...",
     .request = {.timeout_s = START_TIMEOUT_S},
     .failures = start_fails},
    {.name = "reset", .run = run_change,
     .usage = "",
     .help = "Deletes all definitions and messages of a broker that stop_app has stopped.",
     .banner = "Resetting node $node ...",
     .request = {.timeout_s = START_TIMEOUT_S},
     .failures = start_fails},
    {.name = "force_reset", .run = run_change,
     .usage = "",
     .help = "The same as reset.",
     .banner = "Forcefully resetting node $node ...",
     .request = {.command = "reset", .timeout_s = START_TIMEOUT_S},
     .failures = start_fails},
    {.name = "force_boot", .run = run_change,
     .usage = "",
     .help = "Succeeds and changes nothing once stop_app has stopped the broker: there are no peers that its "
             "start would wait for."},
    {.name = "suspend_listeners", .run = run_change,
     .usage = "",
     .help = "Closes the listeners of clients, but not of HTTP; connections remain.",
     .banner = "Will suspend client connection listeners on node $node. The node will no longer "
               "accept client connections!"},
    {.name = "resume_listeners", .run = run_change,
     .usage = "",
     .help = "Opens the listeners of clients again.",
     .banner = "Will resume client connection listeners on node $node. The node will now accept "
               "client connections",
     .failures = start_fails},
    {.name = "drain", .run = run_change,
     .usage = "[--timeout <timeout>]",
     .help = "Puts the broker into maintenance: clients are disconnected, and kept out.",
     .banner = "Will put node $node into maintenance mode. The node will no longer serve any client "
               "traffic!"},
    {.name = "revive", .run = run_change,
     .usage = "[--timeout <timeout>]",
     .help = "Ends maintenance: clients may connect again.",
     .banner = "Will put node $node back into regular operating mode. The node will again serve "
               "client traffic and host primary queue replicas.",
     .failures = start_fails},
    {.name = "restart_vhost", .run = run_change,
     .usage = "[--vhost <vhost>]" TIMEOUT_USAGE,
     .help = "Does nothing: every vhost runs while the broker does.",
     .banner = "Trying to restart vhost '$vhost' on node '$node' ...",
     .answer = {.done = "Vhost '$vhost' is already running on node '$node'"},
     .failures = restart_vhost_fails},
    {.name = NULL},
};
/* clang-format on */
