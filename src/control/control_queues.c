/* Commands about queues. */
#include "control/control_private.h"
#include "manage/queues.h"

/* Right after a start it waits: what is listed here is exact. */
static void run_list_queues(struct request *r)
{
    struct columns columns;
    struct listing listing = {0};
    struct manage_error error = {0};
    if (!columns_choose(r, queue_columns, &columns))
        return;
    bool is_done = manage_end(&error, manage_await_messages(r->manage)) &&
                   manage_list_queues(r->manage, &actor_cli, request_string(r, "vhost"), NULL,
                                      &listing, &error);
    request_listing(r, is_done, &columns, &listing, &error);
}

/* One queue, as list_queues shows it; with `type`, only if it is of this type. */
static void run_show_queue(struct request *r)
{
    struct columns columns;
    struct listing listing = {0};
    struct manage_error error = {0};
    if (!columns_choose(r, queue_columns, &columns))
        return;
    bool is_done = manage_end(&error, manage_await_messages(r->manage)) &&
                   manage_show_queue(r->manage, &actor_cli, request_string(r, "vhost"),
                                     request_string(r, "queue"), &listing, &error);
    if (is_done && listing.count > 0 && request_has(r, "type")) {
        const struct queue_facts *f = listing.rows[0];
        const char *type = f->is_quorum ? "quorum" : "classic";
        if (!slice_is(request_string(r, "type"), type)) {
            listing_free(&listing);
            request_refuse(r, "other_type", "%s_queue_not_supported", type);
            return;
        }
    }
    request_listing(r, is_done, &columns, &listing, &error);
}

static void run_purge_queue(struct request *r)
{
    uint64_t count = 0;
    struct manage_error error = {0};
    bool is_done = manage_purge_queue(r->manage, &actor_cli, request_string(r, "vhost"),
                                      request_string(r, "queue"), NULL, &count, &error);
    request_end_with(r, is_done, json_pack("{s:I}", "messages", (json_int_t)count), &error);
}

static void run_delete_queue(struct request *r)
{
    const struct queue_deletion what = {
        .vhost = request_string(r, "vhost"),
        .name = request_string(r, "queue"),
        .if_unused = request_flag(r, "if_unused"),
        .if_empty = request_flag(r, "if_empty"),
    };
    uint64_t count = 0;
    struct manage_error error = {0};
    bool is_done = manage_delete_queue(r->manage, &actor_cli, &what, &count, &error);
    request_end_with(r, is_done, json_pack("{s:I}", "messages", (json_int_t)count), &error);
}

const struct control_command control_queue_commands[] = {
    {"list_queues", run_list_queues, "vhost"},
    {"show_queue", run_show_queue, "vhost queue [type]"},
    {"purge_queue", run_purge_queue, "vhost queue"},
    {"delete_queue", run_delete_queue, "vhost queue"},
    {NULL, NULL, NULL},
};
