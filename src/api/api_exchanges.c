/* Exchanges: listing and showing them. */
#include "api/bindings.h"
#include "api/fields.h"
#include "api/objects.h"
#include "api/sessions.h"
#include "api/vhosts_seen.h"

#define F struct exchange_facts
#define COLUMN_OF(field) exchange_field_##field
API_EXCHANGE_FIELDS(FIELD_VALUE)
static const struct column exchange_fields[] = {API_EXCHANGE_FIELDS(FIELD_ROW) COLUMNS_END};

static bool find_statistics(const struct api_call *c, const void *facts,
                            struct statistics_answer *ret)
{
    const struct exchange_facts *f = facts;
    return statistics_exchange(c->manage->statistics, f->vhost, f->name, &c->range, ret);
}

static const struct api_kind exchange_kind = {exchange_fields, find_statistics,
                                              offsetof(struct exchange_facts, statistics)};

static bool list_one(struct api_call *c, struct slice vhost, struct listing *ret,
                     struct manage_error *error)
{
    return manage_list_exchanges(c->manage, &c->actor, vhost, true, ret, error);
}

static void list_exchanges(struct api_call *c)
{
    struct listing l = {0};
    struct manage_error error = {0};
    bool is_done = api_list_vhosts(c, list_one, &l, &error);
    api_answer_kind(c, &exchange_kind, is_done, &l, &error);
}

static void write_exchange(struct api_call *c, const struct listing *l)
{
    struct api_show show;
    struct slice name = api_exchange_part(c, "name");
    size_t i = 0;
    while (i < l->count && !slice_equal(((struct exchange_facts *)l->rows[i])->name, name))
        i++;
    if (i == l->count) {
        api_refuse_not_found(c);
        return;
    }
    api_show_begin(&show, c, &exchange_kind);
    json_write_begin(&c->json, '{');
    api_show_fields(&show, l->rows[i]);
    if (!api_query_flag(c, "disable_stats")) {
        struct slice vhost = api_part(c, "vhost");
        const struct session_choice choice = {.vhost = &vhost, .exchange = &name};
        api_write_traffic(c, API_PUBLISHES_TO_EXCHANGE, &choice);
        api_write_nothing(c, "outgoing");
    }
    json_write_end(&c->json, '}');
}

static void show_exchange(struct api_call *c)
{
    struct listing l = {0};
    struct manage_error error = {0};
    if (!api_read_range(c, &c->range))
        return;
    if (manage_list_exchanges(c->manage, &c->actor, api_part(c, "vhost"), true, &l, &error))
        write_exchange(c, &l);
    else
        api_refuse_as(c, &error);
    listing_free(&l);
}

static void list_by_source(struct api_call *c)
{
    struct slice name = api_exchange_part(c, "name");
    api_answer_bindings(c, &(struct binding_ends){.source = &name});
}

static void list_by_destination(struct api_call *c)
{
    struct slice name = api_exchange_part(c, "name");
    api_answer_bindings(c, &(struct binding_ends){.destination = &name});
}

const struct api_route api_exchange_routes[] = {
    {"GET", "/exchanges", API_MANAGEMENT, list_exchanges,
     "Lists the exchanges of all vhosts that the user has access to.", .answer = exchange_fields,
     .is_list = true, .is_paged = true},
    {"GET", "/exchanges/{vhost}", API_VHOST, list_exchanges, "Lists the exchanges of a vhost.",
     .answer = exchange_fields, .is_list = true, .is_paged = true},
    {"GET", "/exchanges/{vhost}/{name}", API_VHOST, show_exchange,
     "Shows an exchange; amq.default is the default exchange.", .answer = exchange_fields},
    {"GET", "/exchanges/{vhost}/{name}/bindings/source", API_VHOST, list_by_source,
     "Lists the bindings from an exchange.", .answer = api_binding_fields, .is_list = true,
     .is_paged = true},
    {"GET", "/exchanges/{vhost}/{name}/bindings/destination", API_VHOST, list_by_destination,
     "Lists the bindings to an exchange.", .answer = api_binding_fields, .is_list = true,
     .is_paged = true},
    {NULL},
};
