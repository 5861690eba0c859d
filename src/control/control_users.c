/* Commands about users and permissions. */
#include "auth/password.h"
#include "control/control_private.h"
#include "manage/users.h"

/* --- users ------------------------------------------------------------------------------------ */

static void run_add_user(struct request *r)
{
    struct manage_error error = {0};
    bool is_done =
        manage_add_user(r->manage, &actor_cli, request_string(r, "user"),
                        request_string(r, "password"), request_string(r, "tags"), &error);
    request_end(r, is_done, &error);
}

static void run_change_password(struct request *r)
{
    struct manage_error error = {0};
    bool is_done = manage_change_password(r->manage, &actor_cli, request_string(r, "user"),
                                          request_string(r, "password"), &error);
    request_end(r, is_done, &error);
}

static void run_clear_password(struct request *r)
{
    struct manage_error error = {0};
    bool is_done = manage_clear_password(r->manage, &actor_cli, request_string(r, "user"), &error);
    request_end(r, is_done, &error);
}

static void run_set_user_tags(struct request *r)
{
    struct manage_error error = {0};
    bool is_done = manage_set_user_tags(r->manage, &actor_cli, request_string(r, "user"),
                                        request_string(r, "tags"), &error);
    request_end(r, is_done, &error);
}

static void run_delete_user(struct request *r)
{
    struct manage_error error = {0};
    bool is_done = manage_delete_user(r->manage, &actor_cli, request_string(r, "user"), &error);
    request_end(r, is_done, &error);
}

static void run_authenticate_user(struct request *r)
{
    struct manage_error error = {0};
    bool is_done = manage_authenticate(r->manage, &actor_cli, request_string(r, "user"),
                                       request_string(r, "password"), &error);
    request_end(r, is_done, &error);
}

/* Hashes a password for definitions and the HTTP API, with SHA-256 as a hash without the name of an
 * algorithm is read. */
static void run_hash_password(struct request *r)
{
    char hash[PASSWORD_HASH_TEXT_MAX];
    enum password_algorithm algorithm;
    struct lv_buffer reason = {0};
    if (password_algorithm_of(request_string(r, "algorithm"), &algorithm) < 0) {
        password_algorithm_refuse(request_string(r, "algorithm"), &reason);
        request_refuse(r, "bad_algorithm", "%.*s", SLICE_ARG(lv_buffer_slice(&reason)));
        lv_buffer_free(&reason);
    } else if (password_hash(algorithm, request_string(r, "password"), hash)) {
        request_done(r, json_pack("{s:s}", "hash", hash));
    } else {
        request_refuse(r, "ERR_NO_MEMORY", "out of memory");
    }
}

/* --- permissions ------------------------------------------------------------------------------ */

static void run_set_permissions(struct request *r)
{
    const struct definition_permission row = {
        .vhost = request_string(r, "vhost"),
        .user = request_string(r, "user"),
        .configure = request_string(r, "configure"),
        .write = request_string(r, "write"),
        .read = request_string(r, "read"),
    };
    struct manage_error error = {0};
    request_end(r, manage_set_permissions(r->manage, &actor_cli, &row, &error), &error);
}

static void run_set_permissions_globally(struct request *r)
{
    const struct definition_permission row = {
        .user = request_string(r, "user"),
        .configure = request_string(r, "configure"),
        .write = request_string(r, "write"),
        .read = request_string(r, "read"),
    };
    struct manage_error error = {0};
    request_end(r, manage_set_permissions_globally(r->manage, &actor_cli, &row, &error), &error);
}

static void run_set_topic_permissions(struct request *r)
{
    const struct definition_topic_permission row = {
        .vhost = request_string(r, "vhost"),
        .user = request_string(r, "user"),
        .exchange = request_string(r, "exchange"),
        .write = request_string(r, "write"),
        .read = request_string(r, "read"),
    };
    struct manage_error error = {0};
    request_end(r, manage_set_topic_permissions(r->manage, &actor_cli, &row, &error), &error);
}

static void run_clear_permissions(struct request *r)
{
    struct manage_error error = {0};
    bool is_done = manage_clear_permissions(r->manage, &actor_cli, request_string(r, "user"),
                                            request_string(r, "vhost"), &error);
    request_end(r, is_done, &error);
}

static void run_clear_topic_permissions(struct request *r)
{
    struct manage_error error = {0};
    bool is_done = manage_clear_topic_permissions(r->manage, &actor_cli, request_string(r, "user"),
                                                  request_string(r, "vhost"),
                                                  request_string(r, "exchange"), &error);
    request_end(r, is_done, &error);
}

/* --- listings --------------------------------------------------------------------------------- */

static void run_list_users(struct request *r)
{
    struct columns columns;
    struct listing listing;
    struct manage_error error = {0};
    columns_named(user_columns, "user tags", &columns);
    bool is_done = manage_list_users(r->manage, &actor_cli, &listing, &error);
    request_listing(r, is_done, &columns, &listing, &error);
}

typedef bool list_fn(struct manage *m, const struct actor *actor, const struct slice *user,
                     const struct slice *vhost, struct listing *ret, struct manage_error *error);

/* Lists permissions of the user or in the vhost that the request names. */
static void rows_list(struct request *r, list_fn *fn, const struct column *all, const char *names,
                      bool is_of_user)
{
    struct slice named = request_string(r, is_of_user ? "user" : "vhost");
    struct columns columns;
    struct listing listing;
    struct manage_error error = {0};
    columns_named(all, names, &columns);
    bool is_done = fn(r->manage, &actor_cli, is_of_user ? &named : NULL, is_of_user ? NULL : &named,
                      &listing, &error);
    request_listing(r, is_done, &columns, &listing, &error);
}

static void run_list_permissions(struct request *r)
{
    rows_list(r, manage_list_permissions, permission_columns, "user configure write read", false);
}

static void run_list_user_permissions(struct request *r)
{
    rows_list(r, manage_list_permissions, permission_columns, "vhost configure write read", true);
}

static void run_list_topic_permissions(struct request *r)
{
    rows_list(r, manage_list_topic_permissions, topic_permission_columns,
              "user exchange write read", false);
}

static void run_list_user_topic_permissions(struct request *r)
{
    rows_list(r, manage_list_topic_permissions, topic_permission_columns,
              "vhost exchange write read", true);
}

const struct control_command control_user_commands[] = {
    {"add_user", run_add_user, "user password [tags]"},
    {"change_password", run_change_password, "user password"},
    {"clear_password", run_clear_password, "user"},
    {"delete_user", run_delete_user, "user"},
    {"set_user_tags", run_set_user_tags, "user tags"},
    {"authenticate_user", run_authenticate_user, "user password"},
    {"hash_password", run_hash_password, "password [algorithm]"},
    {"list_users", run_list_users, ""},
    {"set_permissions", run_set_permissions, "vhost user configure write read"},
    {"set_permissions_globally", run_set_permissions_globally, "user configure write read"},
    {"clear_permissions", run_clear_permissions, "vhost user"},
    {"list_permissions", run_list_permissions, "vhost"},
    {"list_user_permissions", run_list_user_permissions, "user"},
    {"set_topic_permissions", run_set_topic_permissions, "vhost user exchange write read"},
    {"clear_topic_permissions", run_clear_topic_permissions, "vhost user [exchange]"},
    {"list_topic_permissions", run_list_topic_permissions, "vhost"},
    {"list_user_topic_permissions", run_list_user_topic_permissions, "user"},
    {NULL, NULL, NULL},
};
