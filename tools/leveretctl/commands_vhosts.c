/* Vhosts and their limits. */
#include <string.h>

#include "leveretctl/talk.h"

static const struct text_choice list_limits_banners[] = {
    {is_global, "Listing limits for all vhosts ..."},
    {NULL, "Listing limits for vhost \"$vhost\" ..."},
};

static const struct failure tags_fail[] = {
    {.error = "no_such_vhost",
     .exit_code = EXIT_DATA,
     .text = "Virtual host \"$1\" does not exist",
     .json = "Virtual host \"$1\" does not exists"},
    {.error = NULL},
};

static const struct failure delete_fails[] = {
    {.error = "no_such_vhost", .exit_code = EXIT_DATA, .is_bare = true},
    {.error = "vhost_is_protected", .exit_code = EXIT_DATA},
    {.error = NULL},
};

static const struct failure add_fails[] = {
    {.error = "invalid_queue_type", .exit_code = EXIT_UNAVAILABLE, .text = "invalid_queue_type"},
    {.error = NULL},
};

/* A queue type is checked in RabbitMQ's words, but cannot be changed: queues are declared with it
 * at the same time. */
static int update_check(const struct invocation *i, const struct command *c)
{
    static const char *const types[] = {"quorum", "stream", "classic"};
    const char *type = i->values[OPTION_QUEUE_TYPE];
    bool is_type = false;
    for (size_t t = 0; t < sizeof types / sizeof types[0] && type; t++)
        is_type |= strcmp(type, types[t]) == 0;
    if (type && !is_type)
        return usage_error(i, c, EXIT_DATA,
                           "Bad argument: Default queue type must be one of: quorum, stream, "
                           "classic. Provided: %s",
                           type);
    if (type)
        return say_error(EXIT_UNAVAILABLE, "a vhost's default queue type is set when it is created "
                                           "(add_vhost), and cannot be changed");
    if (!is_given(i, OPTION_DESCRIPTION) && !is_given(i, OPTION_TAGS))
        return usage_error(i, c, EXIT_USAGE, "not enough arguments.");
    return EXIT_OK;
}

/* clang-format off */
const struct command vhost_commands[] = {
    {.name = "add_vhost", .run = run_change,
     .usage = "<vhost> [--description <description> --tags \"<tag1>,<tag2>,<...>\" "
              "--default-queue-type <quorum|classic|stream>]",
     .help = "Creates a vhost if it does not exist.",
     .banner = "Adding vhost \"$1\" ...",
     .arguments = {.min = 1, .max = 1, .names = "vhost",
                   .options = BIT(OPTION_DESCRIPTION) | BIT(OPTION_TAGS) | BIT(OPTION_QUEUE_TYPE)},
     .failures = add_fails},
    {.name = "delete_vhost", .run = run_change,
     .usage = "<vhost>",
     .help = "Deletes a vhost and everything in it, and closes its connections.",
     .banner = "Deleting vhost \"$1\" ...",
     .arguments = {.min = 1, .max = 1, .names = "vhost"},
     .failures = delete_fails},
    {.name = "enable_vhost_deletion_protection", .run = run_change,
     .usage = "<vhost>",
     .help = "Protects a vhost from being deleted.",
     .banner = "Protecting virtual host \"$1\" from removal by updating its metadata...",
     .arguments = {.min = 1, .max = 1, .names = "vhost"},
     .failures = tags_fail},
    {.name = "disable_vhost_deletion_protection", .run = run_change,
     .usage = "<vhost>",
     .help = "Lets a vhost be deleted again.",
     .banner = "Removing deletion protection from virtual host \"$1\" by updating its metadata...",
     .arguments = {.min = 1, .max = 1, .names = "vhost"},
     .failures = tags_fail},
    {.name = "update_vhost_metadata", .run = run_change,
     .usage = "<vhost> [--description <description>] [--tags \"<tag1>,<tag2>,<...>\"]",
     .help = "Replaces a vhost's description or tags. Its default queue type is set by add_vhost alone.",
     .banner = "Updating metadata of vhost \"$1\" ...",
     .arguments = {.min = 1, .max = 1, .names = "vhost", .check = update_check,
                   .options = BIT(OPTION_DESCRIPTION) | BIT(OPTION_TAGS) | BIT(OPTION_QUEUE_TYPE)},
     .failures = tags_fail},
    {.name = "reconcile_vhosts", .run = run_change,
     .usage = TIMEOUT_USAGE,
     .help = "Succeeds and changes nothing: every vhost runs while the broker does.",
     .banner = "Will try to initiate virtual host reconciliation on all reachable cluster nodes...",
     .request = {.command = "ping"},
     .answer = {.done = "All vhosts run: there is nothing to reconcile."}},
    {.name = "clear_vhost_limits", .run = run_change,
     .usage = "[--vhost <vhost>]",
     .help = "Clears a vhost's limits.",
     .banner = "Clearing vhost \"$vhost\" limits ...",
     .failures = parameter_is_missing},
    {.name = "list_vhost_limits", .run = run_list_vhost_limits,
     .usage = "[--vhost <vhost>] [--global] [--no-table-headers]",
     .help = "Shows a vhost's limits; with --global, those of every vhost that has limits.",
     .banners = list_limits_banners,
     .arguments = {.options = NO_HEADERS | BIT(OPTION_GLOBAL)},
     .listing = {.columns = "vhost limits", .is_whole = true},
     .failures = vhost_is_missing},
    {.name = "set_vhost_limits", .run = run_change,
     .usage = "[--vhost <vhost>] <definition>",
     .help = "Limits how many connections and queues a vhost may have; the limits are JSON.",
     .banner = "Setting vhost limits to \"$1\" for vhost \"$vhost\" ...",
     .arguments = {.min = 1, .max = 1, .names = "limits"},
     .failures = json_fails},
    {.name = "set_vhost_tags", .run = run_change,
     .usage = "<vhost> <tag> [...]",
     .help = "Replaces a vhost's tags.",
     .banner = "Setting tags for virtual host \"$1\" to [$rest] ...",
     .arguments = {.min = 1, .max = MANY, .names = "vhost tags..."},
     .failures = tags_fail},
    {.name = NULL},
};
/* clang-format on */
