/* Feature flags, and deprecated features, of which there are none. */
#include <string.h>

#include "leveretctl/talk.h"
#include "manage/columns.h"

static bool is_all(const struct invocation *i)
{
    return strcmp(i->arguments[0], "all") == 0;
}

static const struct text_choice enable_banners[] = {
    {is_all, "Enabling all feature flags ..."},
    {NULL, "Enabling feature flag \"$1\" ..."},
};

static bool is_used(const struct invocation *i)
{
    return is_given(i, OPTION_USED);
}

static const struct text_choice deprecated_banners[] = {
    {is_used, "Listing deprecated features in use ..."},
    {NULL, "Listing deprecated features ..."},
};

static const struct failure enable_fails[] = {
    {.error = "no_such_flag",
     .exit_code = EXIT_USAGE,
     .text = "This feature flag is not supported by node $node"},
    {.error = NULL},
};

/* clang-format off */
const struct command feature_flag_commands[] = {
    {.name = "enable_feature_flag", .run = run_change,
     .usage = "<feature_flag>",
     .help = "Succeeds for a feature flag that is listed, and for all: every one is enabled.",
     .banners = enable_banners,
     .arguments = {.min = 1, .max = 1, .names = "name", .not_empty = "feature_flag"},
     .failures = enable_fails},
    {.name = "list_feature_flags", .run = run_listing,
     .usage = COLUMNS_USAGE TIMEOUT_USAGE,
     .help = "Lists RabbitMQ's feature flags for what the broker does.",
     .banner = "Listing feature flags ...",
     .arguments = {.max = MANY, .options = NO_HEADERS},
     .listing = {.columns = "name state", .all_columns = COLUMN_NAMES(FEATURE_FLAG_COLUMNS)}},
    {.name = "list_deprecated_features", .run = run_listing,
     .usage = "[--used] " COLUMNS_USAGE TIMEOUT_USAGE,
     .help = "Lists nothing: no feature is deprecated.",
     .banners = deprecated_banners,
     .arguments = {.max = MANY, .options = NO_HEADERS | BIT(OPTION_USED)},
     .request = {.command = "status"},
     .listing = {.columns = "name deprecation_phase state",
                 .all_columns = "deprecation_phase, desc, doc_url, name, provided_by, state",
                 .drops_rows = true}},
    {.name = "check_if_any_deprecated_features_are_used", .run = run_check,
     .usage = "[--timeout <timeout>]",
     .help = "Never fails: no feature is deprecated.",
     .banner = "Checking if any deprecated features are used ...",
     .request = {.check = "virtual-hosts"},
     .answer = {.done = "Cluster reported no deprecated features in use"}},
    {.name = NULL},
};
/* clang-format on */
