/* Permissions of users in vhosts, topic permissions, and what follows from them. */
#include <stdlib.h>

#include "api/admin.h"
#include "api/admin_fields.h"
#include "manage/user_access.h"
#include "manage/users.h"

#define F struct permission_facts
#define COLUMN_OF(field) permission_field_##field
API_PERMISSION_FIELDS(FIELD_VALUE)
static const struct column permission_fields[] = {API_PERMISSION_FIELDS(FIELD_ROW) COLUMNS_END};
#undef COLUMN_OF

#define COLUMN_OF(field) topic_field_##field
API_TOPIC_PERMISSION_FIELDS(FIELD_VALUE)
static const struct column topic_fields[] = {API_TOPIC_PERMISSION_FIELDS(FIELD_ROW) COLUMNS_END};
#undef F
#undef COLUMN_OF

#define F struct access_facts
#define COLUMN_OF(field) access_field_##field
API_ACCESS_FIELDS(FIELD_VALUE)
static const struct column access_fields[] = {API_ACCESS_FIELDS(FIELD_ROW) COLUMNS_END};

/* --- listings --------------------------------------------------------------------------------- */

typedef bool list_fn(struct manage *m, const struct actor *actor, const struct slice *user,
                     const struct slice *vhost, struct listing *ret, struct manage_error *error);

static void list_rows(struct api_call *c, list_fn *list, const struct slice *user,
                      const struct slice *vhost, const struct column *fields)
{
    struct listing l = {0};
    struct manage_error error = {0};
    bool is_done = list(c->manage, &c->actor, user, vhost, &l, &error);
    l.columns = fields;
    if (is_done) /* the rows of a vhost are in the order of their users */
        listing_sort(&l, c->manage, column_find(fields, slice_str("vhost")), false);
    api_answer_listing(c, is_done, &l, &error);
}

static void list_permissions(struct api_call *c)
{
    list_rows(c, manage_list_permissions, NULL, NULL, permission_fields);
}

static void list_permissions_of_user(struct api_call *c)
{
    struct slice user = api_part(c, "user");
    list_rows(c, manage_list_permissions, &user, NULL, permission_fields);
}

static void list_permissions_in_vhost(struct api_call *c)
{
    struct slice vhost = api_part(c, "vhost");
    list_rows(c, manage_list_permissions, NULL, &vhost, permission_fields);
}

static void list_topic_permissions(struct api_call *c)
{
    list_rows(c, manage_list_topic_permissions, NULL, NULL, topic_fields);
}

static void list_topic_permissions_of_user(struct api_call *c)
{
    struct slice user = api_part(c, "user");
    list_rows(c, manage_list_topic_permissions, &user, NULL, topic_fields);
}

static void list_topic_permissions_in_vhost(struct api_call *c)
{
    struct slice vhost = api_part(c, "vhost");
    list_rows(c, manage_list_topic_permissions, NULL, &vhost, topic_fields);
}

/* --- one user in one vhost -------------------------------------------------------------------- */

/* Lists what the user of the path has in the vhost of the path. */
static bool list_own(struct api_call *c, list_fn *list, struct listing *ret,
                     struct manage_error *error)
{
    struct slice user = api_part(c, "user"), vhost = api_part(c, "vhost");
    return list(c->manage, &c->actor, &user, &vhost, ret, error);
}

static void show_permissions(struct api_call *c)
{
    struct listing l = {0};
    struct manage_error error = {0};
    bool is_done = list_own(c, manage_list_permissions, &l, &error);
    admin_answer_one(c, is_done, &l, permission_fields, &error);
}

static void show_topic_permissions(struct api_call *c)
{
    struct listing l = {0};
    struct manage_error error = {0};
    bool is_done = list_own(c, manage_list_topic_permissions, &l, &error);
    if (is_done && l.count == 0) {
        api_refuse_not_found(c);
        listing_free(&l);
        return;
    }
    l.columns = topic_fields;
    api_answer_listing(c, is_done, &l, &error);
}

/* Returns whether there are permissions to delete, else answers 404. */
static bool has_own(struct api_call *c, list_fn *list)
{
    struct listing l = {0};
    struct manage_error error = {0};
    bool is_done = list_own(c, list, &l, &error);
    return admin_is_there(c, is_done, &l, &error);
}

/* Returns whether both exist, else refuses; *ret_is_new tells that the user has nothing there
 * yet. */
static bool may_put(struct api_call *c, list_fn *list, bool *ret_is_new)
{
    struct listing l = {0};
    struct manage_error error = {0};
    bool is_done = list_own(c, list, &l, &error);
    *ret_is_new = l.count == 0;
    listing_free(&l);
    if (!is_done && error.refusal == REFUSAL_NOT_FOUND) {
        api_refuse(c, 400, "bad_request", "vhost_or_user_not_found");
        manage_error_free(&error);
    } else if (!is_done) {
        api_refuse_as(c, &error);
    }
    return is_done;
}

static void put_permissions(struct api_call *c)
{
    const struct definition_permission row = {
        .vhost = api_part(c, "vhost"),
        .user = api_part(c, "user"),
        .configure = api_string(c, "configure"),
        .write = api_string(c, "write"),
        .read = api_string(c, "read"),
    };
    struct manage_error error = {0};
    bool is_new;
    if (may_put(c, manage_list_permissions, &is_new))
        api_end(c, manage_set_permissions(c->manage, &c->actor, &row, &error), is_new, &error);
}

static void delete_permissions(struct api_call *c)
{
    struct manage_error error = {0};
    if (has_own(c, manage_list_permissions))
        api_end(c,
                manage_clear_permissions(c->manage, &c->actor, api_part(c, "user"),
                                         api_part(c, "vhost"), &error),
                false, &error);
}

static void put_topic_permissions(struct api_call *c)
{
    const struct definition_topic_permission row = {
        .vhost = api_part(c, "vhost"),
        .user = api_part(c, "user"),
        .exchange = api_string(c, "exchange"),
        .write = api_string(c, "write"),
        .read = api_string(c, "read"),
    };
    struct manage_error error = {0};
    bool is_new;
    if (may_put(c, manage_list_topic_permissions, &is_new))
        api_end(c, manage_set_topic_permissions(c->manage, &c->actor, &row, &error), is_new,
                &error);
}

static void delete_topic_permissions_at(struct api_call *c, struct slice exchange)
{
    struct manage_error error = {0};
    if (has_own(c, manage_list_topic_permissions))
        api_end(c,
                manage_clear_topic_permissions(c->manage, &c->actor, api_part(c, "user"),
                                               api_part(c, "vhost"), exchange, &error),
                false, &error);
}

static void delete_topic_permissions(struct api_call *c)
{
    delete_topic_permissions_at(c, SLICE_EMPTY);
}

static void delete_topic_permission(struct api_call *c)
{
    delete_topic_permissions_at(c, api_part(c, "exchange"));
}

/* --- what a user may do ----------------------------------------------------------------------- */

/* Reads of what is asked. Returns false after refusing. */
static bool read_question(struct api_call *c, struct access_question *ret, struct slice *key)
{
    struct slice queue, exchange;
    bool has_queue = http_query(c->http, "queue", 0, &queue);
    bool has_exchange = http_query(c->http, "exchange", 0, &exchange);
    if (has_queue == has_exchange) {
        api_refuse(c, 400, "bad_request", "expected one of the parameters queue and exchange");
        return false;
    }
    *ret = (struct access_question){
        .user = api_part(c, "user"),
        .vhost = api_part(c, "vhost"),
        .is_queue = has_queue,
        .name = has_queue                           ? queue
                : slice_is(exchange, "amq.default") ? SLICE_EMPTY
                                                    : exchange,
        .routing_key = http_query(c->http, "routing_key", 0, key) ? key : NULL,
    };
    return true;
}

static void write_subject(struct api_call *c, const struct access_subject *s)
{
    const struct value tags = VALUE_OF_WORDS(s->tags);
    json_write_key(&c->json, "tags");
    api_write_value(c, &tags);
    json_write_key(&c->json, "vhost_exists");
    json_write_bool(&c->json, s->vhost_exists);
    json_write_key(&c->json, "exists");
    json_write_bool(&c->json, s->exists);
    json_write_key(&c->json, "asks_other_backends");
    json_write_bool(&c->json, s->asks_elsewhere);
}

static void show_access(struct api_call *c)
{
    struct access_question q;
    struct access_subject subject;
    struct slice key;
    struct listing checks = {0};
    struct manage_error error = {0};
    if (!read_question(c, &q, &key))
        return;
    if (!manage_explain_access(c->manage, &c->actor, &q, &checks, &subject, &error)) {
        api_refuse_as(c, &error);
        return;
    }
    json_write_begin(&c->json, '{');
    write_subject(c, &subject);
    api_write_rows(c, "checks", access_fields, &checks);
    json_write_end(&c->json, '}');
    listing_free(&checks);
    free((void *)(uintptr_t)subject.tags.p);
}

const struct api_route api_permission_routes[] = {
    {"GET", "/permissions", API_ADMINISTRATOR, list_permissions,
     "Lists the permissions of all users.", .answer = permission_fields, .is_list = true},
    {"GET", "/users/{user}/permissions", API_ADMINISTRATOR, list_permissions_of_user,
     "Lists the permissions of a user in all vhosts.", .answer = permission_fields,
     .is_list = true},
    {"GET", "/vhosts/{vhost}/permissions", API_ADMINISTRATOR, list_permissions_in_vhost,
     "Lists the permissions of all users in a vhost.", .answer = permission_fields,
     .is_list = true},
    {"GET", "/permissions/{vhost}/{user}", API_ADMINISTRATOR, show_permissions,
     "Shows the permissions of a user in a vhost.", .answer = permission_fields},
    {"PUT", "/permissions/{vhost}/{user}", API_ADMINISTRATOR, put_permissions,
     "Sets the permissions of a user in a vhost: three patterns for names of queues and exchanges.",
     "configure:text! write:text! read:text!"},
    {"DELETE", "/permissions/{vhost}/{user}", API_ADMINISTRATOR, delete_permissions,
     "Deletes the permissions of a user in a vhost."},
    {"GET", "/topic-permissions", API_ADMINISTRATOR, list_topic_permissions,
     "Lists the topic permissions of all users.", .answer = topic_fields, .is_list = true},
    {"GET", "/users/{user}/topic-permissions", API_ADMINISTRATOR, list_topic_permissions_of_user,
     "Lists the topic permissions of a user in all vhosts.", .answer = topic_fields,
     .is_list = true},
    {"GET", "/vhosts/{vhost}/topic-permissions", API_ADMINISTRATOR, list_topic_permissions_in_vhost,
     "Lists the topic permissions of all users in a vhost.", .answer = topic_fields,
     .is_list = true},
    {"GET", "/topic-permissions/{vhost}/{user}", API_ADMINISTRATOR, show_topic_permissions,
     "Lists the topic permissions of a user in a vhost.", .answer = topic_fields, .is_list = true},
    {"PUT", "/topic-permissions/{vhost}/{user}", API_ADMINISTRATOR, put_topic_permissions,
     "Sets the topic permissions of a user at an exchange: two patterns for routing keys.",
     "exchange:text! write:text! read:text!"},
    {"DELETE", "/topic-permissions/{vhost}/{user}", API_ADMINISTRATOR, delete_topic_permissions,
     "Deletes the topic permissions of a user in a vhost."},
    {"GET", "/topic-permissions/{vhost}/{user}/{exchange}", API_ADMINISTRATOR,
     show_topic_permissions,
     "Lists the topic permissions of a user in a vhost; those at other exchanges, too, as in "
     "RabbitMQ.",
     .answer = topic_fields, .is_list = true},
    {"DELETE", "/topic-permissions/{vhost}/{user}/{exchange}", API_ADMINISTRATOR,
     delete_topic_permission, "Deletes the topic permissions of a user at an exchange."},
    {"GET", "/users/{user}/access/{vhost}", API_ADMINISTRATOR, show_access,
     "Says what a user may do with the `queue` or the `exchange` of a name, and why: `checks` has "
     "a row for `configure`, `write` and `read`, for entering the `vhost` and, with a `routing_key` "
     "and an exchange, for `publish` and `bind`. These are the broker's own decisions by the "
     "definitions; with `asks_other_backends` a backend elsewhere may decide otherwise."},
    {NULL},
};
