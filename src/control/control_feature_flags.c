/* Feature flags: all that there are are enabled. */
#include "control/control_private.h"
#include "manage/feature_flags.h"

static void run_list_feature_flags(struct request *r)
{
    struct columns columns;
    struct listing listing;
    struct manage_error error = {0};
    if (!columns_choose(r, feature_flag_columns, &columns))
        return;
    manage_list_feature_flags(&listing);
    request_listing(r, true, &columns, &listing, &error);
}

static void run_enable_feature_flag(struct request *r)
{
    struct slice name = request_string(r, "name");
    if (slice_is(name, "all") || feature_flag_exists(name))
        request_done(r, NULL);
    else
        request_refuse(r, "no_such_flag", "there is no feature flag %.*s", SLICE_ARG(name));
}

const struct control_command control_feature_flag_commands[] = {
    {"list_feature_flags", run_list_feature_flags, ""},
    {"enable_feature_flag", run_enable_feature_flag, "name"},
    {NULL, NULL, NULL},
};
