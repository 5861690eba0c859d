/* Closing connections. */
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

/* clang-format off */
const struct command operation_commands[] = {
    {.name = "close_all_connections", .run = run_change,
     .usage = "[--vhost <vhost> --limit <limit>] [-n <node> --global] [--per-connection-delay "
              "<delay>] <explanation>",
     .help = "Closes all connections to a vhost; with --global, all connections.",
     .banners = close_all_banners,
     .arguments = {.min = 1, .max = 1, .names = "reason", .options = BIT(OPTION_GLOBAL)},
     .answer = {.done = "Closed $closed connections", .form = DONE_AS_VALUE}},
    {.name = "close_connection", .run = run_change,
     .usage = "<connection pid> <explanation>",
     .help = "Closes the connection with this pid, as list_connections shows it.",
     .banner = "Closing connection $1, reason: $2...",
     .arguments = {.min = 2, .max = 2, .names = "pid reason"},
     .failures = close_fails},
    {.name = NULL},
};
/* clang-format on */
