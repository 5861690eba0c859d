/* Vhosts. */
#include "api/admin.h"
#include "api/admin_fields.h"
#include "api/objects.h"
#include "api/tags.h"
#include "manage/users.h"
#include "manage/vhosts.h"

#define F struct vhost_facts
#define COLUMN_OF(field) vhost_field_##field
API_VHOST_FIELDS(FIELD_VALUE)
static const struct column vhost_fields[] = {API_VHOST_FIELDS(FIELD_ROW) COLUMNS_END};

static bool find_statistics(const struct api_call *c, const void *facts,
                            struct statistics_answer *ret)
{
    const struct vhost_facts *f = facts;
    return statistics_vhost(c->manage->statistics, f->name, &c->range, ret);
}

static const struct api_kind vhost_kind = {vhost_fields, find_statistics,
                                           offsetof(struct vhost_facts, statistics)};

static void list_vhosts(struct api_call *c)
{
    struct listing l = {0};
    struct manage_error error = {0};
    bool is_done = manage_list_vhosts(c->manage, &c->actor, &l, &error);
    api_answer_kind(c, &vhost_kind, is_done, &l, &error);
}

static void show_vhost(struct api_call *c)
{
    struct listing l = {0};
    struct manage_error error = {0};
    bool is_done = manage_find_vhost(c->manage, &c->actor, api_part(c, "vhost"), &l, &error);
    if (!is_done) {
        api_refuse_as(c, &error);
    } else if (l.count == 0) {
        api_refuse_not_found(c);
    } else if (api_read_range(c, &c->range)) {
        struct api_show show;
        api_show_begin(&show, c, &vhost_kind);
        api_show(&show, l.rows[0]);
    }
    listing_free(&l);
}

static void put_vhost(struct api_call *c)
{
    struct slice description = api_string(c, "description"), tags;
    /* RabbitMQ 3.11 had the second name. */
    const char *type_name =
        api_member(c, "default_queue_type") ? "default_queue_type" : "defaultqueuetype";
    struct slice type = api_string(c, type_name);
    bool is_traced = api_bool(c, "tracing", false), is_new = false;
    struct lv_buffer words = {0};
    struct manage_error error = {0};
    if (!api_tags(c, &words))
        return;
    tags = lv_buffer_slice(&words);
    const struct vhost_wish wish = {
        .name = api_part(c, "vhost"),
        .description = api_member(c, "description") ? &description : NULL,
        .tags = api_member(c, "tags") ? &tags : NULL,
        .default_queue_type = type.n > 0 ? &type : NULL,
        .is_traced = api_member(c, "tracing") ? &is_traced : NULL,
    };
    bool is_done = manage_put_vhost(c->manage, &c->actor, &wish, &is_new, &error);
    api_end(c, is_done, is_new, &error);
    lv_buffer_free(&words);
}

static void delete_vhost(struct api_call *c)
{
    struct manage_error error = {0};
    bool is_done = manage_delete_vhost(c->manage, &c->actor, api_part(c, "vhost"), &error);
    if (!is_done && error.refusal == REFUSAL_PRECONDITION) {
        api_refuse(c, 412, "precondition_failed", "%.*s", SLICE_ARG(lv_buffer_slice(&error.text)));
        manage_error_free(&error);
    } else {
        api_end(c, is_done, false, &error);
    }
}

static void protect(struct api_call *c, bool is_protected)
{
    struct manage_error error = {0};
    bool is_done =
        manage_protect_vhost(c->manage, &c->actor, api_part(c, "vhost"), is_protected, &error);
    api_end(c, is_done, false, &error);
}

static void protect_vhost(struct api_call *c)
{
    protect(c, true);
}

static void unprotect_vhost(struct api_call *c)
{
    protect(c, false);
}

/* A vhost always runs. */
static void start_vhost(struct api_call *c)
{
    struct listing l = {0};
    struct manage_error error = {0};
    bool is_done = manage_find_vhost(c->manage, &c->actor, api_part(c, "vhost"), &l, &error);
    bool is_there = l.count > 0;
    listing_free(&l);
    if (!is_done)
        api_refuse_as(c, &error);
    else if (!is_there)
        api_refuse(c, 400, "bad_request", "Virtual host '%.*s' does not exist",
                   SLICE_ARG(api_part(c, "vhost")));
    else if (!slice_is(api_part(c, "node"), c->manage->node_name))
        api_refuse(c, 400, "bad_request", "no such node: '%.*s'", SLICE_ARG(api_part(c, "node")));
    else
        api_done(c, 204);
}

const struct api_route api_vhost_routes[] = {
    {"GET", "/vhosts", API_MANAGEMENT, list_vhosts, "Lists the vhosts that the user may see.",
     .answer = vhost_fields, .is_list = true, .is_paged = true},
    {"GET", "/vhosts/{vhost}", API_ADMINISTRATOR, show_vhost, "Shows a vhost.",
     .answer = vhost_fields},
    {"PUT", "/vhosts/{vhost}", API_ADMINISTRATOR, put_vhost,
     "Creates a vhost, whose creator gets all permissions in it; or changes the description, the tags "
     "and the tracing, as far as the body names them, of one that exists.",
     "description:string tags:any default_queue_type:string defaultqueuetype:string "
     "tracing:boolean"},
    {"DELETE", "/vhosts/{vhost}", API_ADMINISTRATOR, delete_vhost,
     "Deletes a vhost with all that is in it, and closes its connections; but not one that is "
     "protected from deletion."},
    {"POST", "/vhosts/{vhost}/deletion/protection", API_ADMINISTRATOR, protect_vhost,
     "Protects a vhost from deletion.", ""},
    {"DELETE", "/vhosts/{vhost}/deletion/protection", API_ADMINISTRATOR, unprotect_vhost,
     "Lets a vhost be deleted again."},
    {"POST", "/vhosts/{vhost}/start/{node}", API_ADMINISTRATOR, start_vhost,
     "Does nothing, since every vhost runs; for tools that start vhosts.", ""},
    {NULL},
};
