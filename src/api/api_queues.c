/* Queues. */
#include "api/api_private.h"
#include "api/fields.h"
#include "manage/queues.h"
#include "queue/queue_arguments.h"

#define F struct queue_facts
#define COLUMN_OF(field) queue_field_##field
API_QUEUE_FIELDS(FIELD_VALUE)
static const struct column queue_fields[] = {API_QUEUE_FIELDS(FIELD_ROW) COLUMNS_END};

static void list_queues(struct api_call *c)
{
    struct listing listing = {0};
    struct manage_error error = {0};
    bool is_done = manage_list_queues(c->manage, &c->actor, api_part(c, "vhost"), &listing, &error);
    listing.columns = queue_fields;
    api_answer_listing(c, is_done, &listing, &error);
}

const struct api_route api_queue_routes[] = {
    {"GET", "/queues/{vhost}", API_VHOST, list_queues, "Lists the queues of a vhost.",
     .answer = queue_fields, .is_list = true},
    {NULL},
};
