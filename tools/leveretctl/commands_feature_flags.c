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
    {.name = NULL},
};
/* clang-format on */
