/* A user as a whole, and several users: changes that are made up of those in auth/. */
#include "base/error.h"
#include "manage/change.h"
#include "manage/compute_slots.h"
#include "manage/tags.h"
#include "manage/users.h"

/* --- one user --------------------------------------------------------------------------------- */

struct putting {
    struct manage *m;
    const struct actor *actor;
    const struct user_wish *wish;
    struct definition_user row;
    char hash[PASSWORD_HASH_TEXT_MAX];
    struct lv_buffer tags, limits;
    bool is_new;
};

static bool refuse_user(struct manage_error *error, const struct lv_buffer *reason)
{
    return manage_refuse(error, REFUSAL_PRECONDITION, SUBJECT_USER, "%.*s",
                         SLICE_ARG(lv_buffer_slice(reason)));
}

/* Checks the password and hashes it. */
static bool hash_password(struct putting *p, struct manage_error *error)
{
    struct lv_buffer reason = {0};
    struct slice password = *p->wish->password;
    enum password_algorithm algorithm = PASSWORD_SHA256;
    if (!auth_password_is_fine(p->m->auth, password, &reason)) {
        refuse_user(error, &reason);
        lv_buffer_free(&reason);
        return false;
    }
    bool had_slot = compute_slot_pause();
    int err = auth_hash_password(p->m->auth, password, &algorithm, p->hash);
    compute_slot_resume(had_slot);
    p->row.password_hash = slice_str(p->hash);
    p->row.hashing_algorithm = slice_str(password_algorithm_name(algorithm));
    return manage_end(error, err);
}

static bool refuse_hash(const struct putting *p, struct manage_error *error)
{
    const struct slice name = p->row.hashing_algorithm;
    enum password_algorithm algorithm;
    struct lv_buffer reason = {0};
    if (password_algorithm_of(name, &algorithm) == 0)
        return manage_refuse(error, REFUSAL_PRECONDITION, SUBJECT_USER,
                             "not a base64 encoded password hash of the algorithm '%s'",
                             password_algorithm_name(algorithm));
    password_algorithm_refuse(name, &reason);
    manage_refuse(error, REFUSAL_PRECONDITION, SUBJECT_USER, "%s", (const char *)reason.p);
    lv_buffer_free(&reason);
    return false;
}

static bool take_hash(struct putting *p, struct manage_error *error)
{
    p->row.hashing_algorithm = p->wish->hashing_algorithm;
    if (p->wish->password)
        return hash_password(p, error);
    if (!p->wish->password_hash)
        return true;
    p->row.password_hash = *p->wish->password_hash;
    return auth_check_user(&p->row) == 0 || refuse_hash(p, error);
}

static bool check_limits(const struct putting *p, struct manage_error *error)
{
    struct lv_buffer reason = {0};
    int err = p->wish->limits ? auth_check_limits(*p->wish->limits, &reason) : 0;
    bool is_fine = err == 0;
    if (err == ERR_INVALID)
        refuse_user(error, &reason);
    else if (err == ERR_FORMAT)
        manage_refuse(error, REFUSAL_MALFORMED, SUBJECT_LIMITS,
                      "JSON decoding error. Reason: badarg");
    else if (err < 0)
        manage_end(error, err);
    lv_buffer_free(&reason);
    return is_fine;
}

static void keep_limits(void *putting, const struct definition_user *now)
{
    struct putting *p = putting;
    lv_buffer_add_slice(&p->limits, now->limits);
}

/* Sends the events and logs. The password is set, or cleared if there is none. */
static void announce(const struct putting *p)
{
    struct events *events = broker_events(p->m->broker);
    struct slice name = p->wish->name;
    bool has_password = p->row.password_hash.n > 0;
    const char *event = p->is_new      ? "user.created"
                        : has_password ? "user.password.changed"
                                       : "user.password.cleared";
    event_emit(events, event, ACTOR(p->actor), EVENT_STR("name", name));
    event_emit(events, "user.tags.set", ACTOR(p->actor), EVENT_WORDS("tags", p->row.tags),
               EVENT_STR("name", name));
    actor_log(p->actor, "user '%.*s' is %s, with the tags '%.*s' and %s", SLICE_ARG(name),
              p->is_new ? "created" : "changed", SLICE_ARG(p->row.tags),
              has_password ? "a new password" : "without a password");
}

static bool put_user(struct putting *p, struct manage_error *error)
{
    struct commit c;
    if (!take_hash(p, error) || !check_limits(p, error))
        return false;
    p->row.name = p->wish->name;
    p->row.tags = tags_tidy(p->wish->tags, &p->tags);
    auth_visit_user(p->m->auth, p->wish->name, keep_limits, p);
    p->row.limits = p->wish->limits ? *p->wish->limits : lv_buffer_slice(&p->limits);
    commit_begin(&c);
    int err = auth_put_user(p->m->auth, &p->row, commit_done, &c, &p->is_new);
    err = commit_end(&c, err);
    if (err == 0)
        announce(p);
    return manage_end(error, err);
}

bool manage_put_user(struct manage *m, const struct actor *actor, const struct user_wish *wish,
                     bool *ret_is_new, struct manage_error *error)
{
    struct putting p = {.m = m, .actor = actor, .wish = wish};
    if (!actor_check_rank(actor, ACTOR_ADMINISTRATOR, error))
        return false;
    bool is_done = put_user(&p, error);
    lv_buffer_free(&p.tags);
    lv_buffer_free(&p.limits);
    if (is_done)
        *ret_is_new = p.is_new;
    return is_done;
}

/* --- several users ---------------------------------------------------------------------------- */

bool manage_delete_users(struct manage *m, const struct actor *actor, const struct slice *users,
                         size_t count, struct manage_error *error)
{
    if (!actor_check_rank(actor, ACTOR_ADMINISTRATOR, error))
        return false;
    for (size_t i = 0; i < count; i++) {
        if (!auth_has_user(m->auth, users[i]))
            return manage_refuse(error, REFUSAL_NOT_FOUND, SUBJECT_USER,
                                 "User \"%.*s\" does not exist", SLICE_ARG(users[i]));
    }
    for (size_t i = 0; i < count; i++) {
        if (!manage_delete_user(m, actor, users[i], error))
            return false;
    }
    return true;
}
