/* Consumers. */
#include "api/fields.h"
#include "api/objects.h"
#include "api/sessions.h"
#include "topology/vhost.h"

#define F struct consumer_facts
#define COLUMN_OF(field) consumer_field_##field
API_CONSUMER_FIELDS(FIELD_VALUE)
static const struct column consumer_fields[] = {API_CONSUMER_FIELDS(FIELD_ROW) COLUMNS_END};

static const struct api_kind consumer_kind = {
    .fields = consumer_fields,
    .names = "consumer_tag queue.name channel_details.name channel_details.user_provided_name",
};

void api_write_consumers(struct api_call *c, const struct session_choice *choice)
{
    struct listing l = {0};
    struct manage_error error = {0};
    if (!api_asks_for(c, "consumer_details"))
        return;
    if (!manage_list_sessions(c->manage, &actor_cli, SESSION_CONSUMERS, choice, &l, &error))
        manage_error_free(&error);
    struct api_show show;
    api_show_whole(&show, c, &consumer_kind);
    json_write_key(&c->json, "consumer_details");
    json_write_begin(&c->json, '[');
    for (size_t i = 0; i < l.count; i++)
        api_show(&show, l.rows[i]);
    json_write_end(&c->json, ']');
    listing_free(&l);
}

void api_write_nothing(struct api_call *c, const char *name)
{
    if (!api_asks_for(c, name))
        return;
    json_write_key(&c->json, name);
    json_write_begin(&c->json, '[');
    json_write_end(&c->json, ']');
}

/* The order of consumers unless one is asked for: a queue's stand together. */
static int compare_consumers(const void *a, const void *b)
{
    const struct consumer_facts *x = *(struct consumer_facts *const *)a;
    const struct consumer_facts *y = *(struct consumer_facts *const *)b;
    int order = slice_compare(x->vhost, y->vhost);
    if (order == 0)
        order = slice_compare(x->queue, y->queue);
    if (order == 0)
        order = slice_compare(x->channel_name, y->channel_name);
    return order != 0 ? order : slice_compare(x->tag, y->tag);
}

static void answer_consumers(struct api_call *c, const struct session_choice *choice)
{
    struct listing l = {0};
    struct manage_error error = {0};
    bool is_done =
        manage_list_sessions(c->manage, &c->actor, SESSION_CONSUMERS, choice, &l, &error);
    if (is_done)
        listing_sort_by(&l, compare_consumers);
    api_answer_kind(c, &consumer_kind, is_done, &l, &error);
}

static void list_consumers(struct api_call *c)
{
    answer_consumers(c, &(struct session_choice){0});
}

static void list_consumers_of_vhost(struct api_call *c)
{
    struct slice vhost = api_part(c, "vhost");
    if (vhost_find(&c->manage->broker->topology, vhost))
        answer_consumers(c, &(struct session_choice){.vhost = &vhost});
    else
        api_refuse_not_found(c);
}

const struct api_route api_consumer_routes[] = {
    {"GET", "/consumers", API_MANAGEMENT, list_consumers,
     "Lists consumers: monitors see all, other users their own.", .answer = consumer_fields,
     .is_list = true, .is_paged = true},
    {"GET", "/consumers/{vhost}", API_MANAGEMENT, list_consumers_of_vhost,
     "Lists the consumers in a vhost.", .answer = consumer_fields, .is_list = true,
     .is_paged = true},
    {NULL},
};
