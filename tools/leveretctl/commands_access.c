/* Permissions, and the vhosts they are given in. */
#include "leveretctl/command.h"
#include "manage/columns.h"

static bool names_exchange(const struct invocation *i)
{
    return i->argument_count > 1;
}

static const struct text_choice clear_topic_permissions_banners[] = {
    {names_exchange,
     "Clearing topic permissions on \"$2\" for user \"$1\" in vhost \"$vhost\" ..."},
    {NULL, "Clearing topic permissions for user \"$1\" in vhost \"$vhost\" ..."},
};

static const struct failure permissions_fail[] = {
    {.error = "no_such_user",
     .exit_code = EXIT_NO_USER,
     .text = "User $1 does not exist",
     .json = "User $1 does not exist"},
    {.error = "no_such_vhost",
     .exit_code = EXIT_UNAVAILABLE,
     .text = "Virtual host $vhost does not exist",
     .json = "Virtual host $vhost does not exist"},
    {.error = "invalid_pattern", .exit_code = EXIT_UNAVAILABLE},
    {.error = NULL},
};

static const struct failure user_has_no_listing[] = {
    {.error = "no_such_user", .exit_code = EXIT_UNAVAILABLE, .text = "{:no_such_user, \"$1\"}"},
    {.error = NULL},
};

/* clang-format off */
const struct command access_commands[] = {
    {.name = "clear_permissions", .run = run_change,
     .usage = "[--vhost <vhost>] <username>",
     .help = "Clears a user's permissions in a vhost.",
     .banner = "Clearing permissions for user \"$1\" in vhost \"$vhost\" ...",
     .arguments = {.min = 1, .max = 1, .names = "user"},
     .failures = permissions_fail},
    {.name = "clear_topic_permissions", .run = run_change,
     .usage = "[--vhost <vhost>] <username> [<exchange>]",
     .help = "Clears a user's topic permissions in a vhost, for one exchange or for all.",
     .banners = clear_topic_permissions_banners,
     .arguments = {.min = 1, .max = 2, .names = "user exchange"},
     .failures = permissions_fail},
    {.name = "list_permissions", .run = run_listing,
     .usage = "[--vhost <vhost>] " LISTING_USAGE "[--timeout <timeout>]",
     .help = "Lists the permissions in a vhost.",
     .banner = "Listing permissions for vhost \"$vhost\" ...",
     .arguments = {.options = NO_HEADERS},
     .listing = {.columns = "user configure write read", .is_whole = true},
     .failures = vhost_is_missing},
    {.name = "list_topic_permissions", .run = run_listing,
     .usage = "[--vhost <vhost>] " LISTING_USAGE "[--timeout <timeout>]",
     .help = "Lists the topic permissions in a vhost.",
     .banner = "Listing topic permissions for vhost \"$vhost\" ...",
     .arguments = {.options = NO_HEADERS},
     .listing = {.columns = "user exchange write read", .is_whole = true},
     .failures = vhost_is_missing},
    {.name = "list_user_permissions", .run = run_listing,
     .usage = LISTING_USAGE "<username>" TIMEOUT_USAGE,
     .help = "Lists a user's permissions in every vhost.",
     .banner = "Listing permissions for user \"$1\" ...",
     .arguments = {.min = 1, .max = 1, .names = "user", .options = NO_HEADERS},
     .listing = {.columns = "vhost configure write read", .is_whole = true},
     .failures = user_has_no_listing},
    {.name = "list_user_topic_permissions", .run = run_listing,
     .usage = LISTING_USAGE "<username>" TIMEOUT_USAGE,
     .help = "Lists a user's topic permissions in every vhost.",
     .banner = "Listing topic permissions for user \"$1\" ...",
     .arguments = {.min = 1, .max = 1, .names = "user", .options = NO_HEADERS},
     .listing = {.columns = "vhost exchange write read", .is_whole = true, .has_no_headers = true},
     .failures = user_has_no_listing},
    {.name = "list_vhosts", .run = run_listing,
     .usage = COLUMNS_USAGE TIMEOUT_USAGE,
     .help = "Lists vhosts.",
     .banner = "Listing vhosts ...",
     .arguments = {.max = MANY, .options = NO_HEADERS},
     .listing = {.columns = "name", .all_columns = COLUMN_NAMES(VHOST_COLUMNS), .is_whole = true}},
    {.name = "set_permissions", .run = run_change,
     .usage = "[--vhost <vhost>] <username> <conf> <write> <read>",
     .help = "Sets, by regular expressions, what a user may configure, write and read in a vhost.",
     .banner = "Setting permissions for user \"$1\" in vhost \"$vhost\" ...",
     .arguments = {.min = 4, .max = 4, .names = "user configure write read"},
     .failures = permissions_fail},
    {.name = "set_permissions_globally", .run = run_change,
     .usage = "<username> <conf> <write> <read>",
     .help = "Sets the same permissions of a user in every vhost there is.",
     .banner = "Setting permissions for user \"$1\" in all virtual hosts ...",
     .arguments = {.min = 4, .max = 4, .names = "user configure write read"},
     .failures = permissions_fail},
    {.name = "set_topic_permissions", .run = run_change,
     .usage = "[--vhost <vhost>] <username> <exchange> <write> <read>",
     .help = "Sets the routing keys with which a user may publish and bind at a topic exchange.",
     .banner = "Setting topic permissions on \"$2\" for user \"$1\" in vhost \"$vhost\" ...",
     .arguments = {.min = 4, .max = 4, .names = "user exchange write read"},
     .failures = permissions_fail},
    {.name = NULL},
};
/* clang-format on */
