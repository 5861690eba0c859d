/* Closing connections; returning memory. */
#include "leveretctl/command.h"

static const struct text_choice close_all_banners[] = {
    {is_global, "Closing all connections to node $node (across all vhosts), reason: $1..."},
    {NULL, "Closing all connections in vhost $vhost, reason: $1..."},
};

static const struct failure close_fails[] = {
    {.error = "invalid_pid",
     .exit_code = EXIT_UNAVAILABLE,
     .text = "Error:\n{:invalid_pid_syntax, \"$1\"}"},
    {.error = NULL},
};

/* A user's connections are closed in every vhost. */
static int drop_vhost(const struct invocation *i, const struct command *c, json_t *request)
{
    (void)i;
    (void)c;
    json_object_del(request, "vhost");
    return EXIT_OK;
}

/* clang-format off */
const struct command operation_commands[] = {
    {.name = "close_all_connections", .run = run_change,
     .usage = "[--vhost <vhost> --limit <limit>] [-n <node> --global] [--per-connection-delay "
              "<delay>] <explanation>",
     .help = "Closes all connections to a vhost; with --global, all connections.",
     .banners = close_all_banners,
     .arguments = {.min = 1, .max = 1, .names = "reason", .options = BIT(OPTION_GLOBAL)},
     .answer = {.done = "Closed $closed connections", .form = DONE_AS_VALUE}},
    {.name = "close_all_user_connections", .run = run_change,
     .usage = "<username> <explanation>",
     .help = "Closes all connections of a user.",
     .banner = "Closing connections of user $1, reason: $2...",
     .arguments = {.min = 2, .max = 2, .names = "user reason"},
     .request = {.command = "close_all_connections", .add = drop_vhost}},
    {.name = "close_connection", .run = run_change,
     .usage = "<connection pid> <explanation>",
     .help = "Closes the connection with this pid, as list_connections shows it.",
     .banner = "Closing connection $1, reason: $2...",
     .arguments = {.min = 2, .max = 2, .names = "pid reason"},
     .failures = close_fails},
    {.name = "force_gc", .run = run_change,
     .usage = TIMEOUT_USAGE,
     .help = "Returns free memory to the system, which the broker also does by itself.",
     .banner = "Will ask all processes on node $node to schedule a full sweep GC"},
    {.name = NULL},
};
/* clang-format on */
