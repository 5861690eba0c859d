/* Commands about the messages that an exchange delays. */
#include <stdlib.h>

#include "base/memory.h"
#include "control/control_private.h"
#include "manage/messages.h"

enum { ROWS_USUAL = 100 };

static size_t limit_of(const struct request *r)
{
    json_int_t limit = json_integer_value(json_object_get(r->arguments, "limit"));
    if (!request_has(r, "limit"))
        return ROWS_USUAL;
    return limit < 0 ? 0 : (size_t)limit;
}

static void run_list_delayed(struct request *r)
{
    struct columns columns;
    struct listing listing;
    struct manage_error error = {0};
    if (!columns_choose(r, delayed_columns, &columns))
        return;
    bool is_done =
        manage_list_delayed(r->manage, &actor_cli, request_string(r, "vhost"),
                            request_string(r, "exchange"), limit_of(r), &listing, &error);
    request_listing(r, is_done, &columns, &listing, &error);
}

/* Reads the ids, which the caller frees. Returns false after refusing. */
static bool read_ids(struct request *r, uint64_t **ret, size_t *ret_count)
{
    const json_t *list = json_object_get(r->arguments, "ids");
    size_t count = json_array_size(list);
    uint64_t *ids = lv_calloc(count + 1, sizeof *ids);
    for (size_t i = 0; i < count; i++) {
        const json_t *one = json_array_get(list, i);
        if (!json_is_integer(one) || json_integer_value(one) < 0) {
            free(ids);
            request_refuse(r, "bad_id", "id: expected a non-negative integer");
            return false;
        }
        ids[i] = (uint64_t)json_integer_value(one);
    }
    *ret = ids;
    *ret_count = count;
    return true;
}

static void run_cancel_delayed(struct request *r)
{
    uint64_t *ids, cancelled = 0;
    size_t count;
    struct manage_error error = {0};
    if (!read_ids(r, &ids, &count))
        return;
    bool is_done = manage_cancel_delayed(
        r->manage, &actor_cli, request_string(r, "vhost"), request_string(r, "exchange"),
        request_flag(r, "all") ? NULL : ids, count, &cancelled, &error);
    free(ids);
    request_end_with(r, is_done, json_pack("{s:I}", "messages", (json_int_t)cancelled), &error);
}

const struct control_command control_delayed_commands[] = {
    {"list_delayed", run_list_delayed, "vhost exchange"},
    {"cancel_delayed", run_cancel_delayed, "vhost exchange"},
    {NULL, NULL, NULL},
};
