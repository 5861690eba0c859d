#include "manage/feature_flags.h"

#include "base/memory.h"
#include "manage/columns.h"

static const struct feature_flag flags[] = {
    {"detailed_queues_endpoint", "GET /api/queues/detailed"},
    {"drop_unroutable_metric", "unroutable messages are counted"},
    {"empty_basic_get_metric", "attempts to get from an empty queue are counted"},
    {"implicit_default_bindings", "bindings of the default exchange are not stored"},
    {"maintenance_mode_status", "a node may be in maintenance"},
    {"quorum_queue", "queues of type quorum"},
    {"user_limits", "limits of users"},
    {"virtual_host_metadata", "descriptions and tags of vhosts"},
};

enum { FLAGS = sizeof flags / sizeof *flags };

void manage_list_feature_flags(struct listing *ret)
{
    *ret = (struct listing){.columns = feature_flag_columns};
    for (size_t i = 0; i < FLAGS; i++) {
        struct feature_flag *flag = lv_malloc(sizeof *flag);
        *flag = flags[i];
        listing_add(ret, flag);
    }
}

bool feature_flag_exists(struct slice name)
{
    bool exists = false;
    for (size_t i = 0; i < FLAGS; i++)
        exists |= slice_is(name, flags[i].name);
    return exists;
}

#define F struct feature_flag
#define COLUMN_OF(column) feature_flag_column_##column
FEATURE_FLAG_COLUMNS(COLUMN_VALUE)
const struct column feature_flag_columns[] = {FEATURE_FLAG_COLUMNS(COLUMN_ROW) COLUMNS_END};
