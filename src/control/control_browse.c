/* Browsing a queue's messages. */
#include <limits.h>

#include "control/control_private.h"
#include "manage/messages.h"

enum { PAYLOAD_BYTES = 50000 };

struct showing {
    struct request *request;
    const struct columns *columns;
};

static bool row_show(void *arg, const struct message_facts *facts)
{
    const struct showing *s = arg;
    if (request_is_cut(s->request))
        return false;
    columns_row(s->request, s->columns, facts);
    return true;
}

static void run_browse_queue(struct request *r)
{
    struct columns columns;
    struct showing showing = {r, &columns};
    struct browsing browsing = {
        .vhost = request_string(r, "vhost"),
        .queue = request_string(r, "queue"),
        .with_unacked = request_flag(r, "unacked"),
        .visit = row_show,
        .arg = &showing,
    };
    if (!columns_choose(r, message_columns, &columns) ||
        !request_count(r, "offset", 0, &browsing.offset) ||
        !request_count(r, "limit", UINT64_MAX, &browsing.limit) ||
        !request_count(r, "truncate", PAYLOAD_BYTES, &browsing.payload_bytes))
        return;
    if (browsing.payload_bytes > INT_MAX / 2)
        browsing.payload_bytes = INT_MAX / 2; /* OpenSSL's base64 counts in int */
    struct manage_error error = {0};
    request_end(r, manage_browse(r->manage, &actor_cli, &browsing, &error), &error);
}

const struct control_command control_browse_commands[] = {
    {"browse_queue", run_browse_queue, "vhost queue"},
    {NULL, NULL, NULL},
};
