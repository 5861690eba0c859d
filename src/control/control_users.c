/* Commands about users and permissions. A change is answered once it is durable. */
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "control/control_private.h"
#include "message/events.h"
#include "topology/vhost.h"

static struct slice user_of(const struct request *r)
{
    return request_string(r, "user");
}

/* A change of this user, which has been made (err 0), is told to the event exchange. */
#define tell(r, err, key, ...)                                                                     \
    do {                                                                                           \
        if ((err) == 0)                                                                            \
            event_emit((r)->world->broker, key,                                                    \
                       EVENT_TEXT("user_who_performed_action", EVENT_ACTOR_CLI), __VA_ARGS__);     \
    } while (0)

static void refuse_user(struct request *r)
{
    request_refuse(r, "no_such_user", "User \"%.*s\" does not exist", SLICE_ARG(user_of(r)));
}

/* The end of a change: 0, or what it failed with. */
static void change_end(struct request *r, int err, const struct lv_buffer *reason)
{
    if (err == ERR_NOT_FOUND)
        refuse_user(r);
    else if (err == ERR_EXISTS)
        request_refuse(r, "user_exists", "User \"%.*s\" already exists", SLICE_ARG(user_of(r)));
    else if (err == ERR_INVALID && reason && reason->n > 0)
        request_refuse(r, "invalid_pattern", "%.*s", SLICE_ARG(lv_buffer_slice(reason)));
    else
        request_end(r, err);
}

/* Whether the vhost is there; refused otherwise. */
static bool vhost_is_there(struct request *r)
{
    return request_vhost(r) != NULL;
}

static bool user_is_there(struct request *r)
{
    if (auth_has_user(r->world->auth, user_of(r)))
        return true;
    refuse_user(r);
    return false;
}

/* --- users -------------------------------------------------------------------------------- */

static void run_add_user(struct request *r)
{
    struct commit c;
    commit_begin(&c);
    int err = auth_add_user(r->world->auth, user_of(r), request_string(r, "password"),
                            request_string(r, "tags"), commit_done, &c);
    err = commit_end(&c, err);
    tell(r, err, "user.created", EVENT_STR("name", user_of(r)));
    change_end(r, err, NULL);
}

static void run_change_password(struct request *r)
{
    struct commit c;
    commit_begin(&c);
    int err = auth_change_password(r->world->auth, user_of(r), request_string(r, "password"),
                                   commit_done, &c);
    err = commit_end(&c, err);
    tell(r, err, "user.password.changed", EVENT_STR("name", user_of(r)));
    change_end(r, err, NULL);
}

static void run_clear_password(struct request *r)
{
    struct commit c;
    commit_begin(&c);
    int err = auth_change_password(r->world->auth, user_of(r), SLICE_EMPTY, commit_done, &c);
    err = commit_end(&c, err);
    tell(r, err, "user.password.cleared", EVENT_STR("name", user_of(r)));
    change_end(r, err, NULL);
}

static void run_set_user_tags(struct request *r)
{
    struct commit c;
    commit_begin(&c);
    int err =
        auth_set_user_tags(r->world->auth, user_of(r), request_string(r, "tags"), commit_done, &c);
    err = commit_end(&c, err);
    tell(r, err, "user.tags.set", EVENT_WORDS("tags", request_string(r, "tags")),
         EVENT_STR("name", user_of(r)));
    change_end(r, err, NULL);
}

static void close_on_loop(struct loop *loop, void *arg)
{
    sessions_close_matching(loop, SLICE_EMPTY, *(const struct slice *)arg, "user was deleted");
}

static void run_delete_user(struct request *r)
{
    struct slice user = user_of(r);
    struct commit c;
    commit_begin(&c);
    int err = auth_delete_user(r->world->auth, user, commit_done, &c);
    err = commit_end(&c, err);
    tell(r, err, "user.deleted", EVENT_STR("name", user));
    if (err == 0)
        err = ask_every_loop(r->asker, close_on_loop, &user);
    change_end(r, err, NULL);
}

static void run_authenticate_user(struct request *r)
{
    struct auth_identity *identity = NULL;
    struct lv_buffer reason = {0};
    if (auth_login(r->world->auth, user_of(r), request_string(r, "password"), true, &identity,
                   &reason))
        request_done(r, NULL);
    else
        request_refuse(r, "login_refused", "%.*s", SLICE_ARG(lv_buffer_slice(&reason)));
    auth_identity_unref(&identity);
    lv_buffer_free(&reason);
}

/* Rows are gathered first: the visit must not wait. Takes the values. */
static void row_of(void *rows, json_t *a, json_t *b, json_t *c, json_t *d)
{
    json_t *row = json_array();
    json_t *const values[] = {a, b, c, d};
    for (size_t i = 0; i < sizeof values / sizeof values[0]; i++)
        if (values[i])
            json_array_append_new(row, values[i]);
    json_array_append_new(rows, row);
}

static void add_user_row(void *rows, const struct definition_user *u)
{
    row_of(rows, json_of_slice(u->name), json_of_tags(u->tags), NULL, NULL);
}

static void run_list_users(struct request *r)
{
    json_t *rows = json_array();
    auth_list_users(r->world->auth, add_user_row, rows);
    request_rows(r, rows);
    request_done(r, NULL);
}

/* --- permissions -------------------------------------------------------------------------- */

static void recheck_on_loop(struct loop *loop, void *arg)
{
    sessions_permissions_changed(loop, *(const struct slice *)arg);
}

/* Consumers that may no longer be are cancelled before the change is answered. */
static int recheck_consumers(struct request *r, int err)
{
    struct slice user = user_of(r);
    return err == 0 ? ask_every_loop(r->asker, recheck_on_loop, &user) : err;
}

static void run_set_permissions(struct request *r)
{
    if (!vhost_is_there(r))
        return;
    const struct definition_permission row = {
        .vhost = request_string(r, "vhost"),
        .user = user_of(r),
        .configure = request_string(r, "configure"),
        .write = request_string(r, "write"),
        .read = request_string(r, "read"),
    };
    struct lv_buffer reason = {0};
    struct commit c;
    commit_begin(&c);
    int err = auth_set_permissions(r->world->auth, &row, &reason, commit_done, &c);
    err = commit_end(&c, err);
    tell(r, err, "permission.created", EVENT_STR("read", row.read), EVENT_STR("write", row.write),
         EVENT_STR("configure", row.configure), EVENT_STR("vhost", row.vhost),
         EVENT_STR("user", row.user));
    change_end(r, recheck_consumers(r, err), &reason);
    lv_buffer_free(&reason);
}

static void run_clear_permissions(struct request *r)
{
    if (!vhost_is_there(r))
        return;
    struct commit c;
    commit_begin(&c);
    int err = auth_clear_permissions(r->world->auth, user_of(r), request_string(r, "vhost"),
                                     commit_done, &c);
    err = commit_end(&c, err);
    tell(r, err, "permission.deleted", EVENT_STR("vhost", request_string(r, "vhost")),
         EVENT_STR("user", user_of(r)));
    change_end(r, recheck_consumers(r, err), NULL);
}

static void add_permission_of_vhost(void *rows, const struct definition_permission *p)
{
    row_of(rows, json_of_slice(p->user), json_of_slice(p->configure), json_of_slice(p->write),
           json_of_slice(p->read));
}

static void add_permission_of_user(void *rows, const struct definition_permission *p)
{
    row_of(rows, json_of_slice(p->vhost), json_of_slice(p->configure), json_of_slice(p->write),
           json_of_slice(p->read));
}

static void run_list_permissions(struct request *r)
{
    if (!vhost_is_there(r))
        return;
    json_t *rows = json_array();
    auth_list_permissions(r->world->auth, SLICE_EMPTY, request_string(r, "vhost"),
                          add_permission_of_vhost, rows);
    request_rows(r, rows);
    request_done(r, NULL);
}

static void run_list_user_permissions(struct request *r)
{
    if (!user_is_there(r))
        return;
    json_t *rows = json_array();
    auth_list_permissions(r->world->auth, user_of(r), SLICE_EMPTY, add_permission_of_user, rows);
    request_rows(r, rows);
    request_done(r, NULL);
}

/* --- topic permissions -------------------------------------------------------------------- */

static void run_set_topic_permissions(struct request *r)
{
    if (!vhost_is_there(r))
        return;
    const struct definition_topic_permission row = {
        .vhost = request_string(r, "vhost"),
        .user = user_of(r),
        .exchange = request_string(r, "exchange"),
        .write = request_string(r, "write"),
        .read = request_string(r, "read"),
    };
    struct lv_buffer reason = {0};
    struct commit c;
    commit_begin(&c);
    int err = auth_set_topic_permissions(r->world->auth, &row, &reason, commit_done, &c);
    err = commit_end(&c, err);
    tell(r, err, "topic.permission.created", EVENT_STR("read", row.read),
         EVENT_STR("write", row.write), EVENT_STR("exchange", row.exchange),
         EVENT_STR("vhost", row.vhost), EVENT_STR("user", row.user));
    change_end(r, err, &reason);
    lv_buffer_free(&reason);
}

static void run_clear_topic_permissions(struct request *r)
{
    if (!vhost_is_there(r))
        return;
    struct commit c;
    commit_begin(&c);
    int err = auth_clear_topic_permissions(r->world->auth, user_of(r), request_string(r, "vhost"),
                                           request_string(r, "exchange"), commit_done, &c);
    err = commit_end(&c, err);
    tell(r, err, "topic.permission.deleted", EVENT_STR("vhost", request_string(r, "vhost")),
         EVENT_STR("user", user_of(r)));
    change_end(r, err, NULL);
}

static void add_topic_of_vhost(void *rows, const struct definition_topic_permission *p)
{
    row_of(rows, json_of_slice(p->user), json_of_slice(p->exchange), json_of_slice(p->write),
           json_of_slice(p->read));
}

static void add_topic_of_user(void *rows, const struct definition_topic_permission *p)
{
    row_of(rows, json_of_slice(p->vhost), json_of_slice(p->exchange), json_of_slice(p->write),
           json_of_slice(p->read));
}

static void run_list_topic_permissions(struct request *r)
{
    if (!vhost_is_there(r))
        return;
    json_t *rows = json_array();
    auth_list_topic_permissions(r->world->auth, SLICE_EMPTY, request_string(r, "vhost"),
                                add_topic_of_vhost, rows);
    request_rows(r, rows);
    request_done(r, NULL);
}

static void run_list_user_topic_permissions(struct request *r)
{
    if (!user_is_there(r))
        return;
    json_t *rows = json_array();
    auth_list_topic_permissions(r->world->auth, user_of(r), SLICE_EMPTY, add_topic_of_user, rows);
    request_rows(r, rows);
    request_done(r, NULL);
}

const struct control_command control_user_commands[] = {
    {"add_user", run_add_user, "user password [tags]", "makes a user"},
    {"change_password", run_change_password, "user password", "replaces the password"},
    {"clear_password", run_clear_password, "user", "nobody can log in as the user any more"},
    {"delete_user", run_delete_user, "user", "with its permissions; closes its connections"},
    {"set_user_tags", run_set_user_tags, "user tags", "replaces them; separated by commas"},
    {"authenticate_user", run_authenticate_user, "user password", "checks the password"},
    {"list_users", run_list_users, "", "rows of name and tags"},
    {"set_permissions", run_set_permissions, "vhost user configure write read", "patterns"},
    {"clear_permissions", run_clear_permissions, "vhost user", "takes them away"},
    {"list_permissions", run_list_permissions, "vhost", "rows of user, configure, write, read"},
    {"list_user_permissions", run_list_user_permissions, "user",
     "rows of vhost, configure, write, read"},
    {"set_topic_permissions", run_set_topic_permissions, "vhost user exchange write read",
     "patterns for routing keys"},
    {"clear_topic_permissions", run_clear_topic_permissions, "vhost user [exchange]",
     "of the exchange, or of every one"},
    {"list_topic_permissions", run_list_topic_permissions, "vhost",
     "rows of user, exchange, write, read"},
    {"list_user_topic_permissions", run_list_user_topic_permissions, "user",
     "rows of vhost, exchange, write, read"},
    {NULL, NULL, NULL, NULL},
};
