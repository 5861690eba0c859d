/* Users and their limits. */
#include <string.h>

#include "leveretctl/talk.h"

static bool is_all(const struct invocation *i)
{
    return strcmp(i->arguments[1], "all") == 0;
}

static const struct text_choice clear_limits_banners[] = {
    {is_all, "Clearing all limits for user \"$1\" ..."},
    {NULL, "Clearing \"$2\" limit for user \"$1\" ..."},
};

static const struct text_choice list_limits_banners[] = {
    {is_global, "Listing limits for all users ..."},
    {NULL, "Listing limits for user \"$1\" ..."},
};

/* --- failures --------------------------------------------------------------------------------- */

static const struct failure user_is_missing[] = {
    {.error = "no_such_user",
     .exit_code = EXIT_NO_USER,
     .text = "User \"$1\" does not exist",
     .json = "User $1 does not exists"},
    {.error = NULL},
};

static const struct failure user_exists[] = {
    {.error = "user_exists",
     .exit_code = EXIT_SOFTWARE,
     .text = "User \"$1\" already exists",
     .json = "User $1 already exists"},
    {.error = NULL},
};

static const struct failure login_fails[] = {
    {.error = "login_refused",
     .exit_code = EXIT_DATA,
     .text = "Error: failed to authenticate user \"$1\"\nuser '$1' - invalid credentials"},
    {.error = NULL},
};

static const struct failure limits_fail[] = {
    {.error = "no_such_user", .exit_code = EXIT_UNAVAILABLE, .text = "{:no_such_user, \"$1\"}"},
    {.error = "invalid_json", .exit_code = EXIT_UNAVAILABLE},
    {.error = "invalid_limits", .exit_code = EXIT_UNAVAILABLE},
    {.error = NULL},
};

static const struct failure hash_fails[] = {
    {.error = "bad_algorithm", .exit_code = EXIT_DATA},
    {.error = NULL},
};

static void hash_print(const struct invocation *i, const json_t *answer)
{
    const char *hash = json_string_value(json_object_get(answer, "hash"));
    if (i->format == FORMAT_JSON)
        say_value(i, json_string(hash));
    else
        message_print(i->format, stdout, hash ? hash : "");
}

static bool has_argument(const struct invocation *i)
{
    return i->argument_count > 0;
}

static const struct text_choice hash_banners[] = {
    {has_argument, "Will hash password $1"},
    {NULL, "Will hash provided password"},
};

static int check_password(const struct invocation *i, const struct command *c)
{
    if (has_argument(i) && i->arguments[0][0] == '\0')
        return usage_error(i, c, EXIT_DATA, "Bad argument: password cannot be an empty string");
    return EXIT_OK;
}

/* --- commands --------------------------------------------------------------------------------- */

/* clang-format off */
const struct command user_commands[] = {
    {.name = "add_user", .run = run_change,
     .usage = "<username> <password>",
     .help = "Creates a user without permissions; the password may be given on standard input.",
     .banner = "Adding user \"$1\" ...",
     .arguments = {.min = 1, .max = 2, .names = "user password", .not_empty = "user",
                   .exit_without_password = EXIT_DATA},
     .answer = {.done = "Done. Don't forget to grant the user permissions to some virtual hosts! See "
                        "'$program help set_permissions' to learn more.",
                .form = DONE_UNLESS_QUIET},
     .failures = user_exists},
    {.name = "authenticate_user", .run = run_change,
     .usage = "<username> <password>",
     .help = "Checks a user's password; exits with 65 if it is wrong.",
     .banner = "Authenticating user \"$1\" ...",
     .arguments = {.min = 1, .max = 2, .names = "user password",
                   .exit_without_password = EXIT_SOFTWARE},
     .answer = {.done = "Success"},
     .failures = login_fails},
    {.name = "change_password", .run = run_change,
     .usage = "<username> <password>",
     .help = "Changes a user's password; it may be given on standard input.",
     .banner = "Changing password for user \"$1\" ...",
     .arguments = {.min = 1, .max = 2, .names = "user password",
                   .exit_without_password = EXIT_SOFTWARE},
     .failures = user_is_missing},
    {.name = "clear_password", .run = run_change,
     .usage = "<username>",
     .help = "Clears a user's password and disables password login.",
     .banner = "Clearing password for user \"$1\" ...",
     .arguments = {.min = 1, .max = 1, .names = "user"},
     .failures = user_is_missing},
    {.name = "delete_user", .run = run_change,
     .usage = "<username>",
     .help = "Deletes a user and its permissions, and closes its connections.",
     .banner = "Deleting user \"$1\" ...",
     .arguments = {.min = 1, .max = 1, .names = "user"},
     .failures = user_is_missing},
    {.name = "hash_password", .run = run_change,
     .usage = "[<password>] [--hashing-algorithm <algorithm>]",
     .help = "Prints a salted hash of a password, for definitions and the HTTP API. The algorithm is "
             "rabbit_password_hashing_sha256, the one of a hash without the name of one, if it is not given.",
     .banners = hash_banners,
     .arguments = {.min = 0, .max = 1, .names = "password", .exit_without_password = EXIT_USAGE,
                   .options = BIT(OPTION_HASHING_ALGORITHM), .check = check_password},
     .answer = {.print = hash_print},
     .failures = hash_fails},
    {.name = "list_users", .run = run_listing,
     .usage = LISTING_USAGE "[--timeout <timeout>]",
     .help = "Lists users and their tags.",
     .banner = "Listing users ...",
     .arguments = {.options = NO_HEADERS},
     .listing = {.columns = "user tags", .is_whole = true}},
    {.name = "clear_user_limits", .run = run_change,
     .usage = "<username> <limit_type> | all",
     .help = "Clears one of a user's limits (max-connections or max-channels) or all of them.",
     .banners = clear_limits_banners,
     .arguments = {.min = 2, .max = 2, .names = "user limit"},
     .failures = limits_fail},
    {.name = "list_user_limits", .run = run_list_user_limits,
     .usage = "[--user <username>] [--global]",
     .help = "Shows a user's limits; with --global, those of every user that has limits.",
     .banners = list_limits_banners,
     .arguments = {.names = "user",
                   .options = NO_HEADERS | BIT(OPTION_USER) | BIT(OPTION_GLOBAL)},
     .listing = {.columns = "user limits", .is_whole = true},
     .failures = limits_fail},
    {.name = "set_user_limits", .run = run_change,
     .usage = "<username> <definition>",
     .help = "Limits how many connections and channels a user may have; the limits are JSON.",
     .banner = "Setting user limits to \"$2\" for user \"$1\" ...",
     .arguments = {.min = 2, .max = 2, .names = "user limits"},
     .failures = limits_fail},
    {.name = "set_user_tags", .run = run_change,
     .usage = "<username> <tag> [...]",
     .help = "Replaces a user's tags.",
     .banner = "Setting tags for user \"$1\" to [$rest] ...",
     .arguments = {.min = 1, .max = MANY, .names = "user tags..."},
     .failures = user_is_missing},
    {.name = NULL},
};
/* clang-format on */
