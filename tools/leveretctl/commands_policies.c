/* Policies and operator policies. */
#include "leveretctl/command.h"

#define POLICY_HEADERS "vhost name pattern apply-to definition priority"
#define POLICY_USAGE                                                                               \
    "[--vhost <vhost>] [--priority <priority>] [--apply-to <apply-to>] <name> <pattern> "          \
    "<definition>"
#define POLICY_SET                                                                                 \
    " \"$1\" for pattern \"$2\" to \"$3\" with priority \"$priority\" for vhost \"$vhost\" ..."

/* clang-format off */
const struct command policy_commands[] = {
    {.name = "clear_operator_policy", .run = run_change,
     .usage = "[--vhost <vhost>] <name>",
     .help = "Clears an operator policy.",
     .banner = "Clearing operator policy \"$1\" on vhost \"$vhost\" ...",
     .arguments = {.min = 1, .max = 1, .names = "name"},
     .failures = parameter_is_missing},
    {.name = "clear_policy", .run = run_change,
     .usage = "[--vhost <vhost>] <name>",
     .help = "Clears a policy.",
     .banner = "Clearing policy \"$1\" on vhost \"$vhost\" ...",
     .arguments = {.min = 1, .max = 1, .names = "name"},
     .failures = parameter_is_missing},
    {.name = "list_operator_policies", .run = run_listing,
     .usage = "[--vhost <vhost>] " LISTING_USAGE "[--timeout <timeout>]",
     .help = "Lists the operator policies of a vhost.",
     .banner = "Listing operator policy overrides for vhost \"$vhost\" ...",
     .arguments = {.options = NO_HEADERS},
     .listing = {.columns = POLICY_HEADERS, .is_whole = true},
     .failures = vhost_is_missing},
    {.name = "list_policies", .run = run_listing,
     .usage = "[--vhost <vhost>] " LISTING_USAGE "[--timeout <timeout>]",
     .help = "Lists the policies of a vhost.",
     .banner = "Listing policies for vhost \"$vhost\" ...",
     .arguments = {.options = NO_HEADERS},
     .listing = {.columns = POLICY_HEADERS, .is_whole = true},
     .failures = vhost_is_missing},
    {.name = "set_operator_policy", .run = run_change,
     .usage = POLICY_USAGE,
     .help = "Sets an operator policy, which can only lower the limits that queues and policies set.",
     .banner = "Setting operator policy override" POLICY_SET,
     .arguments = {.min = 3, .max = 3, .names = "name pattern definition",
                   .options = BIT(OPTION_PRIORITY) | BIT(OPTION_APPLY_TO)},
     .failures = json_fails},
    {.name = "set_policy", .run = run_change,
     .usage = POLICY_USAGE,
     .help = "Sets a policy for the queues and exchanges whose names match a regular expression.",
     .banner = "Setting policy" POLICY_SET,
     .arguments = {.min = 3, .max = 3, .names = "name pattern definition",
                   .options = BIT(OPTION_PRIORITY) | BIT(OPTION_APPLY_TO)},
     .failures = json_fails},
    {.name = NULL},
};
/* clang-format on */
