/* Permissions: which names a user may configure, write and read in a vhost, and with which routing
 * keys it may publish and bind at topic exchanges. */
#define LOG_CATEGORY LOG_ABOUT_USER

#include "auth/auth_private.h"

#include <string.h>

#include "base/error.h"
#include "base/log.h"

/* --- Changing memory: keep_ and drop_ need the lock for writing ------------------------------- */

/* Compiles a pattern. Appends to `reason` which permission it is for, and the error if there is
 * one. */
static int compile_for(const char *what, struct slice text, struct pattern **ret,
                       struct lv_buffer *reason)
{
    if (text.n > 0 && reason)
        lv_buffer_printf(reason, "%s permission ", what);
    return pattern_compile(text, ret, reason);
}

/* Creates a permission if all three patterns compile. Returns ERR_INVALID, with the reason
 * appended, if one does not. `reason` is unchanged on success. */
static int create_permission(const struct definition_permission *row, struct lv_buffer *reason,
                             struct permission **ret)
{
    const struct slice texts[] = {row->configure, row->write, row->read};
    static const char *const names[] = {"configure", "write", "read"};
    struct permission *p = lv_calloc(1, sizeof *p);
    size_t before = reason ? reason->n : 0;
    p->vhost = slice_copy(row->vhost);
    for (int i = 0; i < 3; i++) {
        if (reason)
            reason->n = before;
        if (compile_for(names[i], texts[i], &p->patterns[i], reason) < 0) {
            auth_permission_free(p);
            return ERR_INVALID;
        }
    }
    if (reason)
        reason->n = before;
    *ret = p;
    return 0;
}

static void keep_permission(struct auth *auth, struct user *user, struct permission *p)
{
    size_t at = auth_rows_position(&user->permissions, &p->vhost, auth_compare_permission);
    struct permission *old = auth_rows_find(&user->permissions, &p->vhost, auth_compare_permission);
    if (old) {
        auth_permission_free(old);
        user->permissions.items[at] = p;
    } else {
        auth_rows_insert(&user->permissions, at, p);
    }
    bump_generation(auth);
}

/* Appends a pattern that matches exactly these bytes. */
static void add_quoted(struct lv_buffer *out, struct slice s)
{
    for (size_t i = 0; i < s.n; i++) {
        if (s.p[i] < 0x80 && strchr("\\^$.[]|()?*+{}-#", s.p[i]) && s.p[i] != '\0')
            lv_buffer_add_u8(out, '\\');
        lv_buffer_add_u8(out, s.p[i]);
    }
}

/* Appends the pattern with {username} and {vhost} replaced by these names, quoted. Another word in
 * braces stays as it is, and matches itself: so {client_id}, since AMQP 0-9-1 has none. A protocol
 * that has one must compile these patterns for each session: here they are compiled once. */
static void expand_pattern(struct slice text, struct slice user, struct slice vhost,
                           struct lv_buffer *out)
{
    static const char username_word[] = "{username}";
    static const char vhost_word[] = "{vhost}";
    while (text.n > 0) {
        size_t step = 1;
        if (slice_begins(text, username_word)) {
            add_quoted(out, user);
            step = sizeof username_word - 1;
        } else if (slice_begins(text, vhost_word)) {
            add_quoted(out, vhost);
            step = sizeof vhost_word - 1;
        } else {
            lv_buffer_add_u8(out, text.p[0]);
        }
        text = slice_of(text.p + step, text.n - step);
    }
}

static int compile_topic(const char *what, struct slice text,
                         const struct definition_topic_permission *row, struct pattern **ret,
                         struct lv_buffer *reason)
{
    struct lv_buffer expanded = {0};
    expand_pattern(text, row->user, row->vhost, &expanded);
    int err = compile_for(what, lv_buffer_slice(&expanded), ret, reason);
    lv_buffer_free(&expanded);
    return err;
}

/* Creates a topic permission if both patterns compile; otherwise like create_permission(). */
static int create_topic(const struct definition_topic_permission *row, struct lv_buffer *reason,
                        struct topic_permission **ret)
{
    struct topic_permission *t = lv_calloc(1, sizeof *t);
    size_t before = reason ? reason->n : 0;
    t->vhost = slice_copy(row->vhost);
    t->exchange = slice_copy(row->exchange);
    t->write_text = slice_copy(row->write);
    t->read_text = slice_copy(row->read);
    int err = compile_topic("topic write", row->write, row, &t->write, reason);
    if (err == 0 && reason)
        reason->n = before;
    if (err == 0)
        err = compile_topic("topic read", row->read, row, &t->read, reason);
    if (err < 0) {
        auth_topic_free(t);
        return err;
    }
    if (reason)
        reason->n = before;
    *ret = t;
    return 0;
}

static void keep_topic(struct auth *auth, struct user *user, struct topic_permission *t)
{
    struct topic_key key = {t->vhost, t->exchange};
    size_t at = auth_rows_position(&user->topic_permissions, &key, auth_compare_topic);
    struct topic_permission *old =
        auth_rows_find(&user->topic_permissions, &key, auth_compare_topic);
    if (old) {
        auth_topic_free(old);
        user->topic_permissions.items[at] = t;
    } else {
        auth_rows_insert(&user->topic_permissions, at, t);
    }
    bump_generation(auth);
}

static void drop_permission(struct user *user, struct slice vhost)
{
    size_t at = auth_rows_position(&user->permissions, &vhost, auth_compare_permission);
    struct permission *p = auth_rows_find(&user->permissions, &vhost, auth_compare_permission);
    if (!p)
        return;
    auth_rows_remove(&user->permissions, at);
    auth_permission_free(p);
}

/* Drops the user's topic permissions in the vhost: those of one exchange, or of every exchange if
 * `exchange` is empty. */
static void drop_topics(struct user *user, struct slice vhost, struct slice exchange)
{
    for (size_t i = user->topic_permissions.count; i-- > 0;) {
        struct topic_permission *t = user->topic_permissions.items[i];
        if (!slice_equal(t->vhost, vhost) || (exchange.n && !slice_equal(t->exchange, exchange)))
            continue;
        auth_rows_remove(&user->topic_permissions, i);
        auth_topic_free(t);
    }
}

void auth_forget_vhost(struct auth *auth, struct slice vhost)
{
    write_lock(auth);
    for (size_t i = 0; i < auth->users.count; i++) {
        drop_permission(auth->users.items[i], vhost);
        drop_topics(auth->users.items[i], vhost, SLICE_EMPTY);
    }
    bump_generation(auth);
    unlock_auth(auth);
}

/* --- Loading ---------------------------------------------------------------------------------- */

int auth_load_permission(struct auth *auth, const struct definition_permission *row)
{
    struct lv_buffer reason = {0};
    int err = auth_has_user(auth, row->user) ? 0 : ERR_NOT_FOUND;
    struct permission *p = NULL;
    if (err == 0)
        err = create_permission(row, &reason, &p);
    if (err < 0)
        log_warning("ignoring the permissions of user '%.*s' in vhost '%.*s': %.*s",
                    SLICE_ARG(row->user), SLICE_ARG(row->vhost),
                    SLICE_ARG(reason.n ? lv_buffer_slice(&reason) : slice_str("no such user")));
    lv_buffer_free(&reason);
    if (err < 0)
        return 0;
    write_lock(auth);
    keep_permission(auth, auth_want_user(auth, row->user), p);
    unlock_auth(auth);
    return 0;
}

/* Returns a topic permission that matches no routing key, in place of one that cannot be loaded:
 * without any, its user would be unrestricted. */
static struct topic_permission *create_closed_topic(const struct definition_topic_permission *row)
{
    struct definition_topic_permission closed = *row;
    closed.write = slice_str("(*FAIL)");
    closed.read = closed.write;
    struct topic_permission *t = NULL;
    int err = create_topic(&closed, NULL, &t);
    lv_assert(err == 0);
    return t;
}

int auth_load_topic_permission(struct auth *auth, const struct definition_topic_permission *row)
{
    struct lv_buffer reason = {0};
    struct topic_permission *t = NULL;
    if (create_topic(row, &reason, &t) < 0) {
        log_warning("user '%.*s' may use no routing key at exchange '%.*s' in vhost '%.*s', since "
                    "its topic permissions cannot be loaded: %.*s",
                    SLICE_ARG(row->user), SLICE_ARG(row->exchange), SLICE_ARG(row->vhost),
                    SLICE_ARG(lv_buffer_slice(&reason)));
        t = create_closed_topic(row);
    }
    lv_buffer_free(&reason);
    write_lock(auth);
    if (auth_find_user(auth, row->user))
        keep_topic(auth, auth_find_user(auth, row->user), t);
    else
        auth_topic_free(t);
    unlock_auth(auth);
    return 0;
}

/* --- Checks ----------------------------------------------------------------------------------- */

/* Returns the identity's permission in the vhost, or NULL. The caller holds the lock. */
static const struct permission *find_permission(const struct auth_identity *identity,
                                                struct slice vhost)
{
    const struct user *user = auth_current_user(identity);
    return user ? auth_rows_find(&user->permissions, &vhost, auth_compare_permission) : NULL;
}

bool auth_can_access_vhost(const struct auth_identity *identity, struct slice vhost)
{
    read_lock(identity_auth(identity));
    bool has_entry = find_permission(identity, vhost) != NULL;
    unlock_auth(identity->auth);
    return has_entry;
}

bool auth_allows(const struct auth_identity *identity, struct slice vhost, enum auth_action action,
                 struct slice resource)
{
    lv_assert(action == AUTH_CONFIGURE || action == AUTH_WRITE || action == AUTH_READ);
    if (resource.n == 0)
        resource = slice_str("amq.default");
    read_lock(identity_auth(identity));
    const struct permission *p = find_permission(identity, vhost);
    bool is_allowed = p && pattern_matches(p->patterns[action], resource);
    unlock_auth(identity->auth);
    return is_allowed;
}

bool auth_allows_topic(const struct auth_identity *identity, struct slice vhost,
                       struct slice exchange, enum auth_action action, struct slice routing_key)
{
    struct topic_key key = {vhost, exchange};
    lv_assert(action != AUTH_CONFIGURE);
    read_lock(identity_auth(identity));
    const struct user *user = auth_current_user(identity);
    const struct topic_permission *t = NULL;
    if (user)
        t = auth_rows_find(&user->topic_permissions, &key, auth_compare_topic);
    bool is_allowed =
        user && (!t || pattern_matches(action == AUTH_WRITE ? t->write : t->read, routing_key));
    unlock_auth(identity->auth);
    return is_allowed;
}

/* --- Management ------------------------------------------------------------------------------- */

int auth_set_permissions(struct auth *auth, const struct definition_permission *row,
                         struct lv_buffer *reason, definitions_done done, void *arg)
{
    struct permission *p = NULL;
    int err = create_permission(row, reason, &p);
    if (err < 0)
        return err;
    struct change change = auth_change_begin(auth, done, arg);
    struct user *user = auth_find_user(auth, row->user);
    if (!user) {
        auth_permission_free(p);
        return auth_change_refused(&change, ERR_NOT_FOUND);
    }
    keep_permission(auth, user, p);
    return auth_change_end(&change, definition_put_permission(row));
}

int auth_check_permissions(const struct definition_permission *row, struct lv_buffer *reason)
{
    struct permission *p = NULL;
    int err = create_permission(row, reason, &p);
    if (err == 0)
        auth_permission_free(p);
    return err;
}

int auth_check_topic_permissions(const struct definition_topic_permission *row,
                                 struct lv_buffer *reason)
{
    struct topic_permission *t = NULL;
    int err = create_topic(row, reason, &t);
    if (err == 0)
        auth_topic_free(t);
    return err;
}

int auth_clear_permissions(struct auth *auth, struct slice name, struct slice vhost,
                           definitions_done done, void *arg)
{
    struct change change = auth_change_begin(auth, done, arg);
    struct user *user = auth_find_user(auth, name);
    if (!user)
        return auth_change_refused(&change, ERR_NOT_FOUND);
    drop_permission(user, vhost);
    return auth_change_end(&change, definition_delete_permission(vhost, name));
}

int auth_set_topic_permissions(struct auth *auth, const struct definition_topic_permission *row,
                               struct lv_buffer *reason, definitions_done done, void *arg)
{
    struct topic_permission *t = NULL;
    int err = create_topic(row, reason, &t);
    if (err < 0)
        return err;
    struct change change = auth_change_begin(auth, done, arg);
    struct user *user = auth_find_user(auth, row->user);
    if (!user) {
        auth_topic_free(t);
        return auth_change_refused(&change, ERR_NOT_FOUND);
    }
    keep_topic(auth, user, t);
    return auth_change_end(&change, definition_put_topic_permission(row));
}

int auth_clear_topic_permissions(struct auth *auth, struct slice name, struct slice vhost,
                                 struct slice exchange, definitions_done done, void *arg)
{
    struct change change = auth_change_begin(auth, done, arg);
    struct user *user = auth_find_user(auth, name);
    if (!user)
        return auth_change_refused(&change, ERR_NOT_FOUND);
    drop_topics(user, vhost, exchange);
    return auth_change_end(&change, definition_delete_topic_permission(vhost, name, exchange));
}

/* --- Listings --------------------------------------------------------------------------------- */

static bool is_listed(struct slice wanted, struct slice name)
{
    return wanted.n == 0 || slice_equal(wanted, name);
}

static void list_permissions_of(const struct user *user, struct slice vhost,
                                auth_permission_visit visit, void *arg)
{
    for (size_t i = 0; i < user->permissions.count; i++) {
        const struct permission *p = user->permissions.items[i];
        if (is_listed(vhost, p->vhost))
            visit(arg, &(struct definition_permission){
                           .vhost = p->vhost,
                           .user = user->name,
                           .configure = pattern_text(p->patterns[AUTH_CONFIGURE]),
                           .write = pattern_text(p->patterns[AUTH_WRITE]),
                           .read = pattern_text(p->patterns[AUTH_READ])});
    }
}

void auth_list_permissions(struct auth *auth, struct slice name, struct slice vhost,
                           auth_permission_visit visit, void *arg)
{
    read_lock(auth);
    for (size_t i = 0; i < auth->users.count; i++) {
        const struct user *user = auth->users.items[i];
        if (is_listed(name, user->name))
            list_permissions_of(user, vhost, visit, arg);
    }
    unlock_auth(auth);
}

static void list_topics_of(const struct user *user, struct slice vhost,
                           auth_topic_permission_visit visit, void *arg)
{
    for (size_t i = 0; i < user->topic_permissions.count; i++) {
        const struct topic_permission *t = user->topic_permissions.items[i];
        if (is_listed(vhost, t->vhost))
            visit(arg, &(struct definition_topic_permission){.vhost = t->vhost,
                                                             .user = user->name,
                                                             .exchange = t->exchange,
                                                             .write = t->write_text,
                                                             .read = t->read_text});
    }
}

void auth_list_topic_permissions(struct auth *auth, struct slice name, struct slice vhost,
                                 auth_topic_permission_visit visit, void *arg)
{
    read_lock(auth);
    for (size_t i = 0; i < auth->users.count; i++) {
        const struct user *user = auth->users.items[i];
        if (is_listed(name, user->name))
            list_topics_of(user, vhost, visit, arg);
    }
    unlock_auth(auth);
}
