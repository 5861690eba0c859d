/* Bindings: listing and showing them. */
#include "api/binding_props.h"
#include "api/bindings.h"
#include "api/fields.h"
#include "api/objects.h"
#include "api/vhosts_seen.h"

#define F struct binding_facts
#define COLUMN_OF(field) binding_field_##field
API_BINDING_FIELDS(FIELD_VALUE)
const struct column api_binding_fields[] = {API_BINDING_FIELDS(FIELD_ROW) COLUMNS_END};

static const struct api_kind binding_kind = {
    .fields = api_binding_fields,
    .names = "routing_key source destination",
};

void api_answer_bindings(struct api_call *c, const struct binding_ends *choice)
{
    struct listing l = {0};
    struct manage_error error = {0};
    bool is_done =
        manage_find_bindings(c->manage, &c->actor, api_part(c, "vhost"), choice, &l, &error);
    api_answer_kind(c, &binding_kind, is_done, &l, &error);
}

static bool list_one(struct api_call *c, struct slice vhost, struct listing *ret,
                     struct manage_error *error)
{
    return manage_list_bindings(c->manage, &c->actor, vhost, ret, error);
}

static void list_bindings(struct api_call *c)
{
    struct listing l = {0};
    struct manage_error error = {0};
    bool is_done = api_list_vhosts(c, list_one, &l, &error);
    api_answer_kind(c, &binding_kind, is_done, &l, &error);
}

static void list_from_to(struct api_call *c, bool is_to_queue)
{
    struct slice source = api_exchange_part(c, "source");
    struct slice destination =
        is_to_queue ? api_part(c, "destination") : api_exchange_part(c, "destination");
    api_answer_bindings(c, &(struct binding_ends){&source, &destination, is_to_queue});
}

static void list_to_queue(struct api_call *c)
{
    list_from_to(c, true);
}

static void list_to_exchange(struct api_call *c)
{
    list_from_to(c, false);
}

/* Shows the one of the bindings that the properties key names. */
static void write_binding(struct api_call *c, const struct listing *l)
{
    for (size_t i = 0; i < l->count; i++) {
        const struct binding_facts *f = l->rows[i];
        if (binding_props_fit(api_part(c, "props"), f->routing_key, f->arguments)) {
            api_write_fields(c, api_binding_fields, f);
            return;
        }
    }
    api_refuse_not_found(c);
}

static void show_from_to(struct api_call *c, bool is_to_queue)
{
    struct slice source = api_exchange_part(c, "source"), destination = api_part(c, "destination");
    const struct binding_ends choice = {&source, &destination, is_to_queue};
    struct listing l = {0};
    struct manage_error error = {0};
    if (manage_find_bindings(c->manage, &c->actor, api_part(c, "vhost"), &choice, &l, &error))
        write_binding(c, &l);
    else
        api_refuse_as(c, &error);
    listing_free(&l);
}

static void show_to_queue(struct api_call *c)
{
    show_from_to(c, true);
}

static void show_to_exchange(struct api_call *c)
{
    show_from_to(c, false);
}

const struct api_route api_binding_routes[] = {
    {"GET", "/bindings", API_MANAGEMENT, list_bindings,
     "Lists the bindings of all vhosts that the user has access to.", .answer = api_binding_fields,
     .is_list = true, .is_paged = true},
    {"GET", "/bindings/{vhost}", API_VHOST, list_bindings, "Lists the bindings of a vhost.",
     .answer = api_binding_fields, .is_list = true, .is_paged = true},
    {"GET", "/bindings/{vhost}/e/{source}/q/{destination}", API_VHOST, list_to_queue,
     "Lists the bindings from an exchange to a queue.", .answer = api_binding_fields,
     .is_list = true, .is_paged = true},
    {"GET", "/bindings/{vhost}/e/{source}/e/{destination}", API_VHOST, list_to_exchange,
     "Lists the bindings from an exchange to another.", .answer = api_binding_fields,
     .is_list = true, .is_paged = true},
    {"GET", "/bindings/{vhost}/e/{source}/q/{destination}/{props}", API_VHOST, show_to_queue,
     "Shows a binding; {props} is its properties_key.", .answer = api_binding_fields},
    {"GET", "/bindings/{vhost}/e/{source}/e/{destination}/{props}", API_VHOST, show_to_exchange,
     "Shows a binding; {props} is its properties_key.", .answer = api_binding_fields},
    {NULL},
};
