/* Users. */
#include <stdlib.h>

#include "api/admin.h"
#include "api/admin_fields.h"
#include "api/tags.h"
#include "base/memory.h"
#include "manage/users.h"

#define F struct user_facts
#define COLUMN_OF(field) user_field_##field
API_USER_FIELDS(FIELD_VALUE)
static const struct column user_fields[] = {API_USER_FIELDS(FIELD_ROW) COLUMNS_END};

/* --- listings --------------------------------------------------------------------------------- */

static void list_users(struct api_call *c)
{
    struct listing l = {0};
    struct manage_error error = {0};
    bool is_done = manage_list_users(c->manage, &c->actor, &l, &error);
    l.columns = user_fields;
    api_answer_listing(c, is_done, &l, &error);
}

static void list_users_without_permissions(struct api_call *c)
{
    struct listing l = {0};
    struct manage_error error = {0};
    bool is_done = manage_list_users_without_permissions(c->manage, &c->actor, &l, &error);
    l.columns = user_fields;
    api_answer_listing(c, is_done, &l, &error);
}

static void show_user(struct api_call *c)
{
    struct listing l = {0};
    struct manage_error error = {0};
    bool is_done = manage_find_user(c->manage, &c->actor, api_part(c, "user"), &l, &error);
    admin_answer_one(c, is_done, &l, user_fields, &error);
}

/* --- changes ---------------------------------------------------------------------------------- */

/* Appends the tags that the body asks for. RabbitMQ's first versions had the member
 * "administrator". Returns false after refusing. */
static bool read_tags(struct api_call *c, struct lv_buffer *words)
{
    const json_t *administrator = api_member(c, "administrator");
    if (api_member(c, "tags"))
        return api_tags(c, words);
    if (!administrator) {
        api_refuse(c, 400, "bad_request", "tags_not_present");
        return false;
    }
    const char *text = json_string_value(administrator);
    if (json_is_true(administrator) || (text && slice_is(slice_str(text), "true")))
        lv_buffer_printf(words, AUTH_TAG_ADMINISTRATOR);
    return true;
}

static void put_user_with(struct api_call *c, struct slice tags, const struct slice *limits)
{
    struct slice password = api_string(c, "password"), hash = api_string(c, "password_hash");
    bool has_password = api_member(c, "password"), has_hash = api_member(c, "password_hash");
    bool is_new = false;
    struct manage_error error = {0};
    if (has_password && has_hash) {
        api_refuse(c, 400, "bad_request", "both_password_and_password_hash_are_provided");
        return;
    }
    const struct user_wish wish = {
        .name = api_part(c, "user"),
        .password = has_password ? &password : NULL,
        .password_hash = has_hash ? &hash : NULL,
        .hashing_algorithm = api_string(c, "hashing_algorithm"),
        .tags = tags,
        .limits = limits,
    };
    bool is_done = manage_put_user(c->manage, &c->actor, &wish, &is_new, &error);
    api_end(c, is_done, is_new, &error);
}

static void put_user(struct api_call *c)
{
    struct lv_buffer words = {0};
    char *limits = admin_json(c, "limits");
    struct slice text = slice_str(limits ? limits : "");
    if (read_tags(c, &words))
        put_user_with(c, lv_buffer_slice(&words), limits ? &text : NULL);
    free(limits);
    lv_buffer_free(&words);
}

static void delete_user(struct api_call *c)
{
    struct manage_error error = {0};
    bool is_done = manage_delete_user(c->manage, &c->actor, api_part(c, "user"), &error);
    api_end(c, is_done, false, &error);
}

static void delete_named(struct api_call *c, const struct slice *names, size_t count)
{
    struct manage_error error = {0};
    bool is_done = manage_delete_users(c->manage, &c->actor, names, count, &error);
    if (!is_done && error.refusal == REFUSAL_NOT_FOUND) {
        api_refuse(c, 400, "bad_request", "%.*s", SLICE_ARG(lv_buffer_slice(&error.text)));
        manage_error_free(&error);
    } else {
        api_end(c, is_done, false, &error);
    }
}

static void delete_users(struct api_call *c)
{
    const json_t *users = api_member(c, "users");
    size_t count = json_array_size(users);
    struct slice *names = lv_calloc(count + 1, sizeof *names);
    for (size_t i = 0; i < count; i++) {
        const json_t *name = json_array_get(users, i);
        if (!json_is_string(name)) {
            api_refuse(c, 400, "bad_request", "users: expected an array of strings");
            free(names);
            return;
        }
        names[i] = slice_of(json_string_value(name), json_string_length(name));
    }
    delete_named(c, names, count);
    free(names);
}

/* The hash is of the algorithm that is assumed when a hash is set without one. */
static void hash_password(struct api_call *c)
{
    char hash[PASSWORD_HASH_TEXT_MAX];
    if (!password_hash(PASSWORD_SHA256, api_part(c, "password"), hash)) {
        api_refuse(c, 500, "internal_error", "out of memory");
        return;
    }
    json_write_begin(&c->json, '{');
    json_write_key(&c->json, "ok");
    json_write_text(&c->json, hash);
    json_write_end(&c->json, '}');
}

const struct api_route api_user_routes[] = {
    {"GET", "/users", API_ADMINISTRATOR, list_users, "Lists the users.", .answer = user_fields,
     .is_list = true},
    {"GET", "/users/without-permissions", API_ADMINISTRATOR, list_users_without_permissions,
     "Lists the users that have no permissions in any vhost.", .answer = user_fields,
     .is_list = true},
    {"POST", "/users/bulk-delete", API_ADMINISTRATOR, delete_users,
     "Deletes users. If one of them does not exist, none is deleted.", "users:array!"},
    {"GET", "/users/{user}", API_ADMINISTRATOR, show_user, "Shows a user.", .answer = user_fields},
    {"PUT", "/users/{user}", API_ADMINISTRATOR, put_user,
     "Creates a user, or changes its password and tags. Without password and password_hash the "
     "user cannot log in with a password. Tags are a string, separated by commas, or an array.",
     "password:text password_hash:text hashing_algorithm:text tags:any administrator:any "
     "limits:object"},
    {"DELETE", "/users/{user}", API_ADMINISTRATOR, delete_user,
     "Deletes a user with its permissions, and closes its connections."},
    {"GET", "/auth/hash_password/{password}", API_ADMINISTRATOR, hash_password,
     "Hashes a password for the member password_hash of a user."},
    {NULL},
};
