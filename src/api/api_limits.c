/* Limits of vhosts and of users. */
#include <stdlib.h>

#include "api/admin.h"
#include "api/admin_fields.h"
#include "manage/policies.h"
#include "manage/users.h"

#define F struct parameter_facts
#define COLUMN_OF(field) vhost_limit_field_##field
API_VHOST_LIMIT_FIELDS(FIELD_VALUE)
static const struct column vhost_limit_fields[] = {API_VHOST_LIMIT_FIELDS(FIELD_ROW) COLUMNS_END};
#undef F
#undef COLUMN_OF

#define F struct user_facts
#define COLUMN_OF(field) user_limit_field_##field
API_USER_LIMIT_FIELDS(FIELD_VALUE)
static const struct column user_limit_fields[] = {API_USER_LIMIT_FIELDS(FIELD_ROW) COLUMNS_END};

/* --- of vhosts -------------------------------------------------------------------------------- */

static bool list_limits(struct api_call *c, struct slice vhost, struct listing *ret,
                        struct manage_error *error)
{
    return manage_list_vhost_limits(c->manage, &c->actor, &vhost, ret, error);
}

static void list_all_vhost_limits(struct api_call *c)
{
    admin_list_everywhere(c, list_limits, vhost_limit_fields);
}

static void list_vhost_limits(struct api_call *c)
{
    struct listing l = {0};
    struct manage_error error = {0};
    bool is_done = list_limits(c, api_part(c, "vhost"), &l, &error);
    l.columns = vhost_limit_fields;
    api_answer_listing(c, is_done, &l, &error);
}

static void change_vhost_limit(struct api_call *c, const json_t *value)
{
    struct manage_error error = {0};
    if (!admin_has_vhost_to_change(c))
        return;
    bool is_done = manage_change_vhost_limit(c->manage, &c->actor, api_part(c, "vhost"),
                                             api_part(c, "name"), value, &error);
    api_end(c, is_done, false, &error);
}

static void put_vhost_limit(struct api_call *c)
{
    change_vhost_limit(c, api_member(c, "value"));
}

static void delete_vhost_limit(struct api_call *c)
{
    change_vhost_limit(c, NULL);
}

/* --- of users --------------------------------------------------------------------------------- */

static bool list_limits_of_user(struct api_call *c, struct slice user, struct listing *ret,
                                struct manage_error *error)
{
    bool is_done = manage_list_user_limits(c->manage, &c->actor, &user, ret, error);
    const struct user_facts *f = ret->count > 0 ? ret->rows[0] : NULL;
    if (f && slice_is(f->limits, "{}"))
        listing_keep_page(ret, 0, 0);
    return is_done;
}

/* Who is not an administrator sees its own. */
static void list_all_user_limits(struct api_call *c)
{
    bool sees_all = auth_has_tag(c->identity, AUTH_TAG_ADMINISTRATOR);
    struct listing l = {0};
    struct manage_error error = {0};
    bool is_done = sees_all ? manage_list_user_limits(c->manage, &c->actor, NULL, &l, &error)
                            : list_limits_of_user(c, c->actor.name, &l, &error);
    bool is_elsewhere = !is_done && error.refusal == REFUSAL_NOT_FOUND; /* in a backend's service */
    l.columns = user_limit_fields;
    api_answer_listing(c, is_done || is_elsewhere, &l, &error);
}

static void list_user_limits(struct api_call *c)
{
    struct listing l = {0};
    struct manage_error error = {0};
    bool is_done = list_limits_of_user(c, api_part(c, "user"), &l, &error);
    l.columns = user_limit_fields;
    api_answer_listing(c, is_done, &l, &error);
}

static bool has_user_to_change(struct api_call *c)
{
    struct slice user = api_part(c, "user");
    if (auth_has_user(c->manage->auth, user))
        return true;
    api_refuse(c, 400, "bad_request", "User \"%.*s\" does not exist", SLICE_ARG(user));
    return false;
}

static void put_user_limit(struct api_call *c)
{
    struct slice name = api_part(c, "name");
    struct manage_error error = {0};
    if (!has_user_to_change(c))
        return;
    json_t *limits = json_object();
    json_object_setn_new(limits, (const char *)name.p, name.n,
                         json_deep_copy(api_member(c, "value")));
    char *text = json_dumps(limits, JSON_COMPACT);
    bool is_done =
        manage_set_user_limits(c->manage, &c->actor, api_part(c, "user"), slice_str(text), &error);
    api_end(c, is_done, false, &error);
    free(text);
    json_decref(limits);
}

static void delete_user_limit(struct api_call *c)
{
    struct manage_error error = {0};
    if (has_user_to_change(c))
        api_end(c,
                manage_clear_user_limits(c->manage, &c->actor, api_part(c, "user"),
                                         api_part(c, "name"), &error),
                false, &error);
}

const struct api_route api_limit_routes[] = {
    {"GET", "/vhost-limits", API_MANAGEMENT, list_all_vhost_limits,
     "Lists the limits of the vhosts that the user may see.", .answer = vhost_limit_fields,
     .is_list = true},
    {"GET", "/vhost-limits/{vhost}", API_MANAGEMENT, list_vhost_limits,
     "Lists the limits of a vhost.", .answer = vhost_limit_fields, .is_list = true},
    {"PUT", "/vhost-limits/{vhost}/{name}", API_ADMINISTRATOR, put_vhost_limit,
     "Sets a limit of a vhost: max-connections or max-queues. A negative value means no limit.",
     "value:any!"},
    {"DELETE", "/vhost-limits/{vhost}/{name}", API_ADMINISTRATOR, delete_vhost_limit,
     "Removes a limit of a vhost."},
    {"GET", "/user-limits", API_MANAGEMENT, list_all_user_limits,
     "Lists the limits of all users; those of the user who asks, if it is not an administrator.",
     .answer = user_limit_fields, .is_list = true},
    {"GET", "/user-limits/{user}", API_MANAGEMENT, list_user_limits, "Lists the limits of a user.",
     .answer = user_limit_fields, .is_list = true},
    {"PUT", "/user-limits/{user}/{name}", API_ADMINISTRATOR, put_user_limit,
     "Sets a limit of a user: max-connections or max-channels. A negative value means no limit.",
     "value:any!"},
    {"DELETE", "/user-limits/{user}/{name}", API_ADMINISTRATOR, delete_user_limit,
     "Removes a limit of a user."},
    {NULL},
};
