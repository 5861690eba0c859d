/* Users, permissions and users' limits. Each change is made in auth/, which submits it to the
 * definitions; its event is sent once it is durable. */
#include "manage/users.h"

#include <stdlib.h>

#include "base/error.h"
#include "manage/announce.h"
#include "manage/change.h"
#include "manage/columns.h"
#include "manage/compute_slots.h"
#include "manage/connections.h"
#include "manage/event_json.h"
#include "manage/facts.h"
#include "topology/vhost.h"

/* --- refusals --------------------------------------------------------------------------------- */

static bool refuse_missing(struct manage_error *error, struct slice user)
{
    return manage_refuse(error, REFUSAL_NOT_FOUND, SUBJECT_USER, "User \"%.*s\" does not exist",
                         SLICE_ARG(user));
}

/* Returns true if err is 0; else refuses and returns false. `reason` says why a pattern is invalid;
 * NULL: the change has no pattern. */
static bool user_change_end(struct manage_error *error, struct slice user, int err,
                            const struct lv_buffer *reason)
{
    if (err == ERR_NOT_FOUND)
        return refuse_missing(error, user);
    if (err == ERR_EXISTS)
        return manage_refuse(error, REFUSAL_EXISTS, SUBJECT_USER, "User \"%.*s\" already exists",
                             SLICE_ARG(user));
    if (err == ERR_INVALID && reason && reason->n > 0)
        return manage_refuse(error, REFUSAL_PRECONDITION, SUBJECT_PATTERN, "%.*s",
                             SLICE_ARG(lv_buffer_slice(reason)));
    return manage_end(error, err);
}

static bool is_administrator(const struct actor *actor, struct manage_error *error)
{
    return actor_check_rank(actor, ACTOR_ADMINISTRATOR, error);
}

/* --- users ------------------------------------------------------------------------------------ */

/* Refuses a password that the configured validator does not accept. */
static bool check_password(struct manage *m, struct slice password, struct manage_error *error)
{
    struct lv_buffer reason = {0};
    bool is_fine = auth_password_is_fine(m->auth, password, &reason);
    if (!is_fine)
        manage_refuse(error, REFUSAL_PRECONDITION, SUBJECT_USER, "%.*s",
                      SLICE_ARG(lv_buffer_slice(&reason)));
    lv_buffer_free(&reason);
    return is_fine;
}

void announce_user_created(struct manage *m, const struct actor *actor, struct slice user)
{
    event_emit(broker_events(m->broker), "user.created", ACTOR(actor), EVENT_STR("name", user));
    actor_log(actor, "user '%.*s' is created", SLICE_ARG(user));
}

void announce_user_tags(struct manage *m, const struct actor *actor, struct slice user,
                        struct slice tags)
{
    event_emit(broker_events(m->broker), "user.tags.set", ACTOR(actor), EVENT_WORDS("tags", tags),
               EVENT_STR("name", user));
    actor_log(actor, "user '%.*s' has the tags '%.*s'", SLICE_ARG(user), SLICE_ARG(tags));
}

bool manage_add_user(struct manage *m, const struct actor *actor, struct slice user,
                     struct slice password, struct slice tags, struct manage_error *error)
{
    struct commit c;
    if (!is_administrator(actor, error) || !check_password(m, password, error))
        return false;
    commit_begin(&c);
    bool had_slot = compute_slot_pause();
    int err = auth_add_user(m->auth, user, password, tags, commit_done, &c);
    compute_slot_resume(had_slot);
    err = commit_end(&c, err);
    if (err == 0)
        announce_user_created(m, actor, user);
    return user_change_end(error, user, err, NULL);
}

static bool change_password(struct manage *m, const struct actor *actor, struct slice user,
                            struct slice password, bool is_cleared, struct manage_error *error)
{
    struct commit c;
    if (!is_administrator(actor, error) || (!is_cleared && !check_password(m, password, error)))
        return false;
    commit_begin(&c);
    bool had_slot = compute_slot_pause();
    int err = auth_change_password(m->auth, user, password, commit_done, &c);
    compute_slot_resume(had_slot);
    err = commit_end(&c, err);
    if (err == 0) {
        event_emit(broker_events(m->broker),
                   is_cleared ? "user.password.cleared" : "user.password.changed", ACTOR(actor),
                   EVENT_STR("name", user));
        actor_log(actor, "the password of user '%.*s' is %s", SLICE_ARG(user),
                  is_cleared ? "cleared" : "changed");
    }
    return user_change_end(error, user, err, NULL);
}

bool manage_change_password(struct manage *m, const struct actor *actor, struct slice user,
                            struct slice password, struct manage_error *error)
{
    return change_password(m, actor, user, password, false, error);
}

bool manage_clear_password(struct manage *m, const struct actor *actor, struct slice user,
                           struct manage_error *error)
{
    return change_password(m, actor, user, SLICE_EMPTY, true, error);
}

bool manage_set_user_tags(struct manage *m, const struct actor *actor, struct slice user,
                          struct slice tags, struct manage_error *error)
{
    struct commit c;
    if (!is_administrator(actor, error))
        return false;
    commit_begin(&c);
    int err = auth_set_user_tags(m->auth, user, tags, commit_done, &c);
    err = commit_end(&c, err);
    if (err == 0)
        announce_user_tags(m, actor, user, tags);
    return user_change_end(error, user, err, NULL);
}

bool manage_delete_user(struct manage *m, const struct actor *actor, struct slice user,
                        struct manage_error *error)
{
    struct commit c;
    if (!is_administrator(actor, error))
        return false;
    commit_begin(&c);
    int err = auth_delete_user(m->auth, user, commit_done, &c);
    err = commit_end(&c, err);
    if (err == 0) {
        event_emit(broker_events(m->broker), "user.deleted", ACTOR(actor), EVENT_STR("name", user));
        actor_log(actor, "user '%.*s' is deleted", SLICE_ARG(user));
        err = connections_close(m, SLICE_EMPTY, user, "user was deleted");
    }
    return user_change_end(error, user, err, NULL);
}

bool manage_authenticate(struct manage *m, const struct actor *actor, struct slice user,
                         struct slice password, struct manage_error *error)
{
    struct auth_identity *identity = NULL;
    struct lv_buffer reason = {0};
    if (!is_administrator(actor, error))
        return false;
    bool had_slot = compute_slot_pause();
    bool is_known = auth_login(m->auth, user, password, true, &identity, &reason);
    compute_slot_resume(had_slot);
    if (!is_known)
        manage_refuse(error, REFUSAL_ACCESS, SUBJECT_USER, "%.*s",
                      SLICE_ARG(lv_buffer_slice(&reason)));
    auth_identity_unref(&identity);
    lv_buffer_free(&reason);
    return is_known;
}

/* --- permissions ------------------------------------------------------------------------------ */

/* Checks that the actor may change permissions and that the vhost exists. */
static bool permissions_may_change(struct manage *m, const struct actor *actor, struct slice vhost,
                                   struct manage_error *error)
{
    return is_administrator(actor, error) && manage_vhost(m, vhost, error);
}

void announce_permissions(struct manage *m, const struct actor *actor,
                          const struct definition_permission *row)
{
    event_emit(broker_events(m->broker), "permission.created", ACTOR(actor),
               EVENT_STR("read", row->read), EVENT_STR("write", row->write),
               EVENT_STR("configure", row->configure), EVENT_STR("vhost", row->vhost),
               EVENT_STR("user", row->user));
    actor_log(actor, "user '%.*s' may configure '%.*s', write '%.*s', read '%.*s' in '%.*s'",
              SLICE_ARG(row->user), SLICE_ARG(row->configure), SLICE_ARG(row->write),
              SLICE_ARG(row->read), SLICE_ARG(row->vhost));
}

bool manage_set_permissions(struct manage *m, const struct actor *actor,
                            const struct definition_permission *row, struct manage_error *error)
{
    struct lv_buffer reason = {0};
    struct commit c;
    if (!permissions_may_change(m, actor, row->vhost, error))
        return false;
    commit_begin(&c);
    int err = auth_set_permissions(m->auth, row, &reason, commit_done, &c);
    err = commit_end(&c, err);
    if (err == 0) {
        announce_permissions(m, actor, row);
        err = connections_recheck(m, row->user);
    }
    bool is_done = user_change_end(error, row->user, err, &reason);
    lv_buffer_free(&reason);
    return is_done;
}

static void keep_vhost(void *listing, const struct vhost *vhost)
{
    struct slice name = vhost_name(vhost);
    listing_add(listing, FACTS_COPY(&name, &name));
}

/* Returns the names of all vhosts, each a struct slice. */
static struct listing vhost_names(struct topology *t)
{
    struct listing names = {0};
    struct lv_table_iter it;
    topology_lock(t);
    for (struct lv_table_node *node = lv_table_first(t->vhosts, &it); node;
         node = lv_table_next(t->vhosts, &it))
        keep_vhost(&names, lv_container_of(node, struct vhost, by_name));
    topology_unlock(t);
    return names;
}

bool manage_set_permissions_globally(struct manage *m, const struct actor *actor,
                                     const struct definition_permission *row,
                                     struct manage_error *error)
{
    if (!actor_check_rank(actor, ACTOR_ADMINISTRATOR, error))
        return false;
    struct listing names = vhost_names(&m->broker->topology);
    bool is_done = true;
    for (size_t i = 0; i < names.count && is_done; i++) {
        struct definition_permission here = *row;
        here.vhost = *(const struct slice *)names.rows[i];
        is_done = manage_set_permissions(m, actor, &here, error);
        if (!is_done && error->subject == SUBJECT_VHOST) { /* it has been deleted meanwhile */
            manage_error_free(error);
            *error = (struct manage_error){0};
            is_done = true;
        }
    }
    listing_free(&names);
    return is_done;
}

bool manage_clear_permissions(struct manage *m, const struct actor *actor, struct slice user,
                              struct slice vhost, struct manage_error *error)
{
    struct commit c;
    if (!permissions_may_change(m, actor, vhost, error))
        return false;
    commit_begin(&c);
    int err = auth_clear_permissions(m->auth, user, vhost, commit_done, &c);
    err = commit_end(&c, err);
    if (err == 0) {
        event_emit(broker_events(m->broker), "permission.deleted", ACTOR(actor),
                   EVENT_STR("vhost", vhost), EVENT_STR("user", user));
        actor_log(actor, "user '%.*s' has no permissions in '%.*s'", SLICE_ARG(user),
                  SLICE_ARG(vhost));
        err = connections_recheck(m, user);
    }
    return user_change_end(error, user, err, NULL);
}

void announce_topic_permissions(struct manage *m, const struct actor *actor,
                                const struct definition_topic_permission *row)
{
    event_emit(broker_events(m->broker), "topic.permission.created", ACTOR(actor),
               EVENT_STR("read", row->read), EVENT_STR("write", row->write),
               EVENT_STR("exchange", row->exchange), EVENT_STR("vhost", row->vhost),
               EVENT_STR("user", row->user));
    actor_log(actor, "user '%.*s' may write '%.*s', read '%.*s' at exchange '%.*s' in '%.*s'",
              SLICE_ARG(row->user), SLICE_ARG(row->write), SLICE_ARG(row->read),
              SLICE_ARG(row->exchange), SLICE_ARG(row->vhost));
}

bool manage_set_topic_permissions(struct manage *m, const struct actor *actor,
                                  const struct definition_topic_permission *row,
                                  struct manage_error *error)
{
    struct lv_buffer reason = {0};
    struct commit c;
    if (!permissions_may_change(m, actor, row->vhost, error))
        return false;
    commit_begin(&c);
    int err = auth_set_topic_permissions(m->auth, row, &reason, commit_done, &c);
    err = commit_end(&c, err);
    if (err == 0)
        announce_topic_permissions(m, actor, row);
    bool is_done = user_change_end(error, row->user, err, &reason);
    lv_buffer_free(&reason);
    return is_done;
}

bool manage_clear_topic_permissions(struct manage *m, const struct actor *actor, struct slice user,
                                    struct slice vhost, struct slice exchange,
                                    struct manage_error *error)
{
    struct commit c;
    if (!permissions_may_change(m, actor, vhost, error))
        return false;
    commit_begin(&c);
    int err = auth_clear_topic_permissions(m->auth, user, vhost, exchange, commit_done, &c);
    err = commit_end(&c, err);
    if (err == 0) {
        event_emit(broker_events(m->broker), "topic.permission.deleted", ACTOR(actor),
                   EVENT_STR("vhost", vhost), EVENT_STR("user", user));
        actor_log(actor, "topic permissions of user '%.*s' in '%.*s' are cleared", SLICE_ARG(user),
                  SLICE_ARG(vhost));
    }
    return user_change_end(error, user, err, NULL);
}

/* --- limits ----------------------------------------------------------------------------------- */

void announce_user_limits(struct manage *m, const struct actor *actor, struct slice user,
                          const struct slice *limits)
{
    struct lv_buffer table = {0};
    event_emit(broker_events(m->broker), limits ? "user.limits.set" : "user.limits.cleared",
               limits ? EVENT_MEMBERS(table_of_json_members(&table, *limits)) : EVENT_NONE,
               EVENT_STR("username", user), ACTOR(actor), EVENT_TEXT("name", "limits"));
    lv_buffer_free(&table);
    if (limits)
        actor_log(actor, "user '%.*s' has the limits %.*s", SLICE_ARG(user), SLICE_ARG(*limits));
    else
        actor_log(actor, "limits of user '%.*s' are cleared", SLICE_ARG(user));
}

bool manage_set_user_limits(struct manage *m, const struct actor *actor, struct slice user,
                            struct slice limits, struct manage_error *error)
{
    struct lv_buffer reason = {0};
    struct commit c;
    if (!is_administrator(actor, error))
        return false;
    commit_begin(&c);
    int err = auth_set_limits(m->auth, user, limits, &reason, commit_done, &c);
    err = commit_end(&c, err);
    if (err == 0)
        announce_user_limits(m, actor, user, &limits);
    bool is_done = false;
    if (err == ERR_FORMAT)
        manage_refuse(error, REFUSAL_MALFORMED, SUBJECT_LIMITS,
                      "JSON decoding error. Reason: badarg");
    else if (err == ERR_INVALID) /* without the last newline */
        manage_refuse(error, REFUSAL_PRECONDITION, SUBJECT_LIMITS, "%.*s", (int)reason.n - 1,
                      (const char *)reason.p);
    else
        is_done = user_change_end(error, user, err, NULL);
    lv_buffer_free(&reason);
    return is_done;
}

bool manage_clear_user_limits(struct manage *m, const struct actor *actor, struct slice user,
                              struct slice limit, struct manage_error *error)
{
    struct commit c;
    if (!is_administrator(actor, error))
        return false;
    commit_begin(&c);
    int err = auth_clear_limits(m->auth, user, limit, commit_done, &c);
    err = commit_end(&c, err);
    if (err == 0)
        announce_user_limits(m, actor, user, NULL);
    return user_change_end(error, user, err, NULL);
}

/* --- listings --------------------------------------------------------------------------------- */

static void add_user(void *listing, const struct definition_user *u)
{
    struct user_facts f = {
        .name = u->name,
        .tags = u->tags,
        .limits = u->limits,
        .password_hash = u->password_hash,
        .hashing_algorithm = u->hashing_algorithm,
    };
    listing_add(listing, FACTS_COPY(&f, &f.name, &f.tags, &f.limits, &f.password_hash,
                                    &f.hashing_algorithm));
}

bool manage_list_users(struct manage *m, const struct actor *actor, struct listing *ret,
                       struct manage_error *error)
{
    *ret = (struct listing){.columns = user_columns};
    if (!is_administrator(actor, error))
        return false;
    auth_list_users(m->auth, add_user, ret);
    return true;
}

bool manage_find_user(struct manage *m, const struct actor *actor, struct slice user,
                      struct listing *ret, struct manage_error *error)
{
    *ret = (struct listing){.columns = user_columns};
    if (!is_administrator(actor, error))
        return false;
    auth_visit_user(m->auth, user, add_user, ret);
    return true;
}

/* Keeps the rows for which `is_wanted` is true, in their order. */
static void keep_users(struct listing *l, bool (*is_wanted)(void *arg, const struct user_facts *f),
                       void *arg)
{
    size_t kept = 0;
    for (size_t i = 0; i < l->count; i++) {
        if (is_wanted(arg, l->rows[i]))
            l->rows[kept++] = l->rows[i];
        else
            free(l->rows[i]);
    }
    l->count = kept;
}

struct marking {
    struct listing *users;
    size_t at;
};

/* Permissions are visited in the order of users, in which the listing is too. */
static void mark_user(void *marking, const struct definition_permission *p)
{
    struct marking *k = marking;
    for (; k->at < k->users->count; k->at++) {
        struct user_facts *f = k->users->rows[k->at];
        if (slice_compare(f->name, p->user) >= 0) {
            f->has_permissions |= slice_equal(f->name, p->user);
            return;
        }
    }
}

static bool has_no_permissions(void *arg, const struct user_facts *f)
{
    (void)arg;
    return !f->has_permissions;
}

bool manage_list_users_without_permissions(struct manage *m, const struct actor *actor,
                                           struct listing *ret, struct manage_error *error)
{
    if (!manage_list_users(m, actor, ret, error))
        return false;
    struct marking marking = {.users = ret};
    auth_list_permissions(m->auth, SLICE_EMPTY, SLICE_EMPTY, mark_user, &marking);
    keep_users(ret, has_no_permissions, NULL);
    return true;
}

static bool has_limits(void *arg, const struct user_facts *f)
{
    (void)arg;
    return f->limits.n > 0;
}

static bool user_limits_may_list(const struct actor *actor, const struct slice *user,
                                 struct manage_error *error)
{
    if (user && slice_equal(*user, actor->name))
        return actor_check_rank(actor, ACTOR_MANAGEMENT, error);
    return is_administrator(actor, error);
}

bool manage_list_user_limits(struct manage *m, const struct actor *actor, const struct slice *user,
                             struct listing *ret, struct manage_error *error)
{
    *ret = (struct listing){.columns = user_columns};
    if (!user_limits_may_list(actor, user, error))
        return false;
    if (!user) {
        auth_list_users(m->auth, add_user, ret);
        keep_users(ret, has_limits, NULL);
        return true;
    }
    if (!auth_visit_user(m->auth, *user, add_user, ret))
        return refuse_missing(error, *user);
    struct user_facts *f = ret->rows[0];
    if (f->limits.n == 0)
        f->limits = slice_str("{}");
    return true;
}

static void add_permission(void *listing, const struct definition_permission *p)
{
    struct permission_facts f = {
        .user = p->user,
        .vhost = p->vhost,
        .configure = p->configure,
        .write = p->write,
        .read = p->read,
    };
    listing_add(listing, FACTS_COPY(&f, &f.user, &f.vhost, &f.configure, &f.write, &f.read));
}

static void add_topic_permission(void *listing, const struct definition_topic_permission *p)
{
    struct permission_facts f = {
        .user = p->user,
        .vhost = p->vhost,
        .exchange = p->exchange,
        .write = p->write,
        .read = p->read,
    };
    listing_add(listing, FACTS_COPY(&f, &f.user, &f.vhost, &f.exchange, &f.write, &f.read));
}

/* Checks that the actor may list permissions and that the user or vhost named exists. */
static bool permissions_may_list(struct manage *m, const struct actor *actor,
                                 const struct slice *user, const struct slice *vhost,
                                 struct manage_error *error)
{
    if (!is_administrator(actor, error) || (vhost && !manage_vhost(m, *vhost, error)))
        return false;
    return !user || auth_has_user(m->auth, *user) || refuse_missing(error, *user);
}

bool manage_list_permissions(struct manage *m, const struct actor *actor, const struct slice *user,
                             const struct slice *vhost, struct listing *ret,
                             struct manage_error *error)
{
    *ret = (struct listing){.columns = permission_columns};
    if (!permissions_may_list(m, actor, user, vhost, error))
        return false;
    auth_list_permissions(m->auth, user ? *user : SLICE_EMPTY, vhost ? *vhost : SLICE_EMPTY,
                          add_permission, ret);
    return true;
}

bool manage_list_topic_permissions(struct manage *m, const struct actor *actor,
                                   const struct slice *user, const struct slice *vhost,
                                   struct listing *ret, struct manage_error *error)
{
    *ret = (struct listing){.columns = topic_permission_columns};
    if (!permissions_may_list(m, actor, user, vhost, error))
        return false;
    auth_list_topic_permissions(m->auth, user ? *user : SLICE_EMPTY, vhost ? *vhost : SLICE_EMPTY,
                                add_topic_permission, ret);
    return true;
}

/* --- columns ---------------------------------------------------------------------------------- */

#define F struct user_facts
#define COLUMN_OF(column) user_column_##column
USER_COLUMNS(COLUMN_VALUE)
const struct column user_columns[] = {USER_COLUMNS(COLUMN_ROW) COLUMNS_END};
#undef F
#undef COLUMN_OF

#define F struct permission_facts
#define COLUMN_OF(column) permission_column_##column
PERMISSION_COLUMNS(COLUMN_VALUE)
const struct column permission_columns[] = {PERMISSION_COLUMNS(COLUMN_ROW) COLUMNS_END};
#undef COLUMN_OF

#define COLUMN_OF(column) topic_permission_column_##column
TOPIC_PERMISSION_COLUMNS(COLUMN_VALUE)
const struct column topic_permission_columns[] = {TOPIC_PERMISSION_COLUMNS(COLUMN_ROW) COLUMNS_END};
