/* Users, tags and permissions in memory.
 *
 * One lock guards everything: whoever asks takes it for reading, a change takes it for writing.
 * That is cheap enough, since a channel asks once per name and then keeps the answer until
 * auth_generation_now moves. A login hashes a password under the lock for reading (a microsecond).
 *
 *   (1) users are ordered by name; a user's permissions by vhost; its topic permissions by vhost
 *       and exchange. A listing is a walk.
 *   (2) A change is submitted to the definitions under the same lock, so both see one order.
 *   (3) Every change moves the generation before the lock is given back.
 *   (4) An identity finds its user by name and serial number: a user that was deleted and made
 *       anew is another one, and the old one's connections stay without any right.
 *
 * The auth owns users and what hangs on them; an identity has copies of its own and borrows the
 * auth. */
#include "auth/auth.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "auth/password.h"
#include "base/assert.h"
#include "base/error.h"
#include "base/log.h"
#include "base/memory.h"
#include "base/pattern.h"

_Atomic uint64_t auth_generation_now = 1;

/* ---- Ordered rows ---- */

struct rows {
    void **items;
    size_t count;
    size_t capacity;
};

typedef int (*row_compare)(const void *row, const void *key);

/* Where the row of that key is, or would be. */
static size_t rows_place(const struct rows *rows, const void *key, row_compare compare)
{
    size_t low = 0;
    size_t high = rows->count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (compare(rows->items[middle], key) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static void *rows_find(const struct rows *rows, const void *key, row_compare compare)
{
    size_t i = rows_place(rows, key, compare);

    return i < rows->count && compare(rows->items[i], key) == 0 ? rows->items[i] : NULL;
}

static void rows_insert(struct rows *rows, size_t at, void *row)
{
    if (rows->count == rows->capacity) {
        rows->capacity = rows->capacity ? rows->capacity * 2 : 4;
        rows->items = lv_realloc(rows->items, rows->capacity * sizeof *rows->items);
    }
    memmove(rows->items + at + 1, rows->items + at, (rows->count - at) * sizeof *rows->items);
    rows->items[at] = row;
    rows->count++;
}

static void rows_remove(struct rows *rows, size_t at)
{
    rows->count--;
    memmove(rows->items + at, rows->items + at + 1, (rows->count - at) * sizeof *rows->items);
}

/* ---- What is kept ---- */

static struct slice own(struct slice s)
{
    return slice_of(slice_strdup(s), s.n);
}

static void disown(struct slice *s)
{
    free((void *)(uintptr_t)s->p);
    *s = SLICE_EMPTY;
}

static void replace(struct slice *old, struct slice fresh)
{
    struct slice copy = own(fresh); /* first: fresh may be a part of old */

    disown(old);
    *old = copy;
}

struct permission {
    struct slice vhost;
    struct pattern *patterns[3]; /* by enum auth_action */
};

struct topic_permission {
    struct slice vhost;
    struct slice exchange;
    struct slice write_text; /* as given, with {username} and {vhost} in it */
    struct slice read_text;
    struct pattern *write;
    struct pattern *read;
};

struct user {
    struct slice name;
    uint64_t serial;
    struct slice password_hash;
    enum password_algorithm algorithm;
    struct slice tags;
    struct slice limits;
    struct rows permissions;       /* struct permission */
    struct rows topic_permissions; /* struct topic_permission */
};

struct auth {
    struct definitions *definitions; /* borrowed; NULL: nothing is durable */
    pthread_rwlock_t lock;
    struct rows users; /* struct user */
    struct slice *loopback_users;
    size_t loopback_count;
    uint64_t next_serial;
    char dummy_hash[PASSWORD_HASH_TEXT_MAX]; /* for logins of users that are not there */
    _Atomic size_t identities;
};

enum { IDENTITY_MAGIC = 0x1de27179 };

struct auth_identity {
    unsigned magic;
    _Atomic unsigned references;
    struct auth *auth;
    uint64_t serial;
    struct slice name;
    struct slice tags;
    bool is_impersonator;
};

struct topic_key {
    struct slice vhost;
    struct slice exchange;
};

static int compare_user(const void *row, const void *key)
{
    return slice_compare(((const struct user *)row)->name, *(const struct slice *)key);
}

static int compare_permission(const void *row, const void *key)
{
    return slice_compare(((const struct permission *)row)->vhost, *(const struct slice *)key);
}

static int compare_topic(const void *row, const void *key)
{
    const struct topic_permission *t = row;
    const struct topic_key *k = key;
    int order = slice_compare(t->vhost, k->vhost);

    return order ? order : slice_compare(t->exchange, k->exchange);
}

static void permission_free(struct permission *p)
{
    disown(&p->vhost);
    for (int i = 0; i < 3; i++)
        pattern_free(&p->patterns[i]);
    free(p);
}

static void topic_free(struct topic_permission *t)
{
    disown(&t->vhost);
    disown(&t->exchange);
    disown(&t->write_text);
    disown(&t->read_text);
    pattern_free(&t->write);
    pattern_free(&t->read);
    free(t);
}

static void user_free(struct user *user)
{
    for (size_t i = 0; i < user->permissions.count; i++)
        permission_free(user->permissions.items[i]);
    for (size_t i = 0; i < user->topic_permissions.count; i++)
        topic_free(user->topic_permissions.items[i]);
    free(user->permissions.items);
    free(user->topic_permissions.items);
    disown(&user->name);
    disown(&user->password_hash);
    disown(&user->tags);
    disown(&user->limits);
    free(user);
}

static struct user *find_user(const struct auth *auth, struct slice name)
{
    return rows_find(&auth->users, &name, compare_user);
}

static void read_lock(struct auth *auth)
{
    pthread_rwlock_rdlock(&auth->lock);
}

static void write_lock(struct auth *auth)
{
    pthread_rwlock_wrlock(&auth->lock);
}

static void unlock(struct auth *auth)
{
    pthread_rwlock_unlock(&auth->lock);
}

static void generation_moves(void)
{
    atomic_fetch_add_explicit(&auth_generation_now, 1, memory_order_release);
}

/* ---- Making and ending ---- */

/* A change must not wait for the moment when nobody asks. */
static void init_lock(pthread_rwlock_t *lock)
{
    pthread_rwlockattr_t attributes;

    pthread_rwlockattr_init(&attributes);
    pthread_rwlockattr_setkind_np(&attributes, PTHREAD_RWLOCK_PREFER_WRITER_NONRECURSIVE_NP);
    pthread_rwlock_init(lock, &attributes);
    pthread_rwlockattr_destroy(&attributes);
}

struct auth *auth_create(struct definitions *definitions)
{
    struct auth *auth = lv_calloc(1, sizeof *auth);
    struct slice guest = slice_str("guest");

    auth->definitions = definitions;
    auth->next_serial = 1;
    init_lock(&auth->lock);
    password_hash(PASSWORD_SHA256, SLICE_EMPTY, auth->dummy_hash);
    auth_set_loopback_users(auth, &guest, 1);
    return auth;
}

void auth_free(struct auth **pointer)
{
    struct auth *auth = *pointer;

    if (!auth)
        return;
    *pointer = NULL;
    lv_assert(atomic_load(&auth->identities) == 0);
    for (size_t i = 0; i < auth->users.count; i++)
        user_free(auth->users.items[i]);
    free(auth->users.items);
    for (size_t i = 0; i < auth->loopback_count; i++)
        disown(&auth->loopback_users[i]);
    free(auth->loopback_users);
    pthread_rwlock_destroy(&auth->lock);
    free(auth);
}

void auth_set_loopback_users(struct auth *auth, const struct slice *names, size_t count)
{
    struct slice *fresh = lv_calloc(count + 1, sizeof *fresh);
    struct slice *old;
    size_t old_count;

    for (size_t i = 0; i < count; i++)
        fresh[i] = own(names[i]);
    write_lock(auth);
    old = auth->loopback_users;
    old_count = auth->loopback_count;
    auth->loopback_users = fresh;
    auth->loopback_count = count;
    unlock(auth);
    for (size_t i = 0; i < old_count; i++)
        disown(&old[i]);
    free(old);
}

static bool is_loopback_user(const struct auth *auth, struct slice name)
{
    for (size_t i = 0; i < auth->loopback_count; i++)
        if (slice_equal(auth->loopback_users[i], name))
            return true;
    return false;
}

/* ---- Changing memory. The lock is held for writing. ---- */

/* Appends the tags with what is empty and the spaces around them left out. */
static void tidy_tags(struct slice tags, struct lv_buffer *out)
{
    size_t at = 0;

    while (at < tags.n) {
        size_t start = at;
        size_t end;

        while (at < tags.n && tags.p[at] != ',')
            at++;
        end = at++;
        while (start < end && tags.p[start] == ' ')
            start++;
        while (end > start && tags.p[end - 1] == ' ')
            end--;
        if (start == end)
            continue;
        if (out->n > 0)
            lv_buffer_add_u8(out, ',');
        lv_buffer_add(out, tags.p + start, end - start);
    }
}

static void user_set_tags(struct user *user, struct slice tags)
{
    struct lv_buffer tidy = {0};

    tidy_tags(tags, &tidy);
    replace(&user->tags, lv_buffer_slice(&tidy));
    lv_buffer_free(&tidy);
}

/* The user of that name, made when there is none. */
static struct user *want_user(struct auth *auth, struct slice name)
{
    size_t at = rows_place(&auth->users, &name, compare_user);
    struct user *user = find_user(auth, name);

    if (user)
        return user;
    user = lv_calloc(1, sizeof *user);
    user->name = own(name);
    user->serial = auth->next_serial++;
    user->password_hash = own(SLICE_EMPTY);
    user->tags = own(SLICE_EMPTY);
    user->limits = own(SLICE_EMPTY);
    rows_insert(&auth->users, at, user);
    return user;
}

static void keep_user(struct auth *auth, const struct definition_user *row,
                      enum password_algorithm algorithm)
{
    struct user *user = want_user(auth, row->name);

    user->algorithm = algorithm;
    replace(&user->password_hash, row->password_hash);
    replace(&user->limits, row->limits);
    user_set_tags(user, row->tags);
    generation_moves();
}

/* The empty hash is one that nobody's password has. */
static int check_user(const struct definition_user *row, enum password_algorithm *ret)
{
    int err = password_algorithm_of(row->hashing_algorithm, ret);

    if (err == 0 && row->password_hash.n > 0)
        err = password_hash_check(*ret, row->password_hash);
    return err;
}

static int compile_for(const char *what, struct slice text, struct pattern **ret,
                       struct lv_buffer *reason)
{
    if (text.n > 0 && reason)
        lv_buffer_printf(reason, "%s permission ", what);
    return pattern_compile(text, ret, reason);
}

/* All three patterns compile, or nothing is made. What `reason` got on the way is taken back when
 * all is well. */
static int make_permission(const struct definition_permission *row, struct lv_buffer *reason,
                           struct permission **ret)
{
    const struct slice texts[] = {row->configure, row->write, row->read};
    static const char *const names[] = {"configure", "write", "read"};
    struct permission *p = lv_calloc(1, sizeof *p);
    size_t before = reason ? reason->n : 0;

    p->vhost = own(row->vhost);
    for (int i = 0; i < 3; i++) {
        if (reason)
            reason->n = before;
        if (compile_for(names[i], texts[i], &p->patterns[i], reason) < 0) {
            permission_free(p);
            return ERR_INVALID;
        }
    }
    if (reason)
        reason->n = before;
    *ret = p;
    return 0;
}

static void keep_permission(struct user *user, struct permission *p)
{
    size_t at = rows_place(&user->permissions, &p->vhost, compare_permission);
    struct permission *old = rows_find(&user->permissions, &p->vhost, compare_permission);

    if (old) {
        permission_free(old);
        user->permissions.items[at] = p;
    } else {
        rows_insert(&user->permissions, at, p);
    }
    generation_moves();
}

/* The bytes as a pattern that matches just them. */
static void add_quoted(struct lv_buffer *out, struct slice s)
{
    for (size_t i = 0; i < s.n; i++) {
        if (s.p[i] < 0x80 && strchr("\\^$.[]|()?*+{}-#", s.p[i]) && s.p[i] != '\0')
            lv_buffer_add_u8(out, '\\');
        lv_buffer_add_u8(out, s.p[i]);
    }
}

static void expand(struct slice text, struct slice user, struct slice vhost, struct lv_buffer *out)
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
    int err;

    expand(text, row->user, row->vhost, &expanded);
    err = compile_for(what, lv_buffer_slice(&expanded), ret, reason);
    lv_buffer_free(&expanded);
    return err;
}

static int make_topic(const struct definition_topic_permission *row, struct lv_buffer *reason,
                      struct topic_permission **ret)
{
    struct topic_permission *t = lv_calloc(1, sizeof *t);
    size_t before = reason ? reason->n : 0;
    int err;

    t->vhost = own(row->vhost);
    t->exchange = own(row->exchange);
    t->write_text = own(row->write);
    t->read_text = own(row->read);
    err = compile_topic("topic write", row->write, row, &t->write, reason);
    if (err == 0 && reason)
        reason->n = before;
    if (err == 0)
        err = compile_topic("topic read", row->read, row, &t->read, reason);
    if (err < 0) {
        topic_free(t);
        return err;
    }
    if (reason)
        reason->n = before;
    *ret = t;
    return 0;
}

static void keep_topic(struct user *user, struct topic_permission *t)
{
    struct topic_key key = {t->vhost, t->exchange};
    size_t at = rows_place(&user->topic_permissions, &key, compare_topic);
    struct topic_permission *old = rows_find(&user->topic_permissions, &key, compare_topic);

    if (old) {
        topic_free(old);
        user->topic_permissions.items[at] = t;
    } else {
        rows_insert(&user->topic_permissions, at, t);
    }
    generation_moves();
}

static void drop_permission(struct user *user, struct slice vhost)
{
    size_t at = rows_place(&user->permissions, &vhost, compare_permission);
    struct permission *p = rows_find(&user->permissions, &vhost, compare_permission);

    if (!p)
        return;
    rows_remove(&user->permissions, at);
    permission_free(p);
}

/* An empty exchange: those of every exchange. */
static void drop_topics(struct user *user, struct slice vhost, struct slice exchange)
{
    for (size_t i = user->topic_permissions.count; i-- > 0;) {
        struct topic_permission *t = user->topic_permissions.items[i];

        if (!slice_equal(t->vhost, vhost) || (exchange.n && !slice_equal(t->exchange, exchange)))
            continue;
        rows_remove(&user->topic_permissions, i);
        topic_free(t);
    }
}

void auth_forget_vhost(struct auth *auth, struct slice vhost)
{
    write_lock(auth);
    for (size_t i = 0; i < auth->users.count; i++) {
        drop_permission(auth->users.items[i], vhost);
        drop_topics(auth->users.items[i], vhost, SLICE_EMPTY);
    }
    generation_moves();
    unlock(auth);
}

/* ---- Loading ---- */

int auth_load_user(struct auth *auth, const struct definition_user *row)
{
    enum password_algorithm algorithm = PASSWORD_SHA256;
    struct definition_user usable = *row;

    if (check_user(row, &algorithm) < 0) {
        log_warning("user '%.*s' cannot log in: its password hash is not usable (algorithm "
                    "'%.*s'); change the password",
                    SLICE_ARG(row->name), SLICE_ARG(row->hashing_algorithm));
        usable.password_hash = SLICE_EMPTY;
    }
    write_lock(auth);
    keep_user(auth, &usable, algorithm);
    unlock(auth);
    return 0;
}

int auth_load_permission(struct auth *auth, const struct definition_permission *row)
{
    struct lv_buffer reason = {0};
    int err = auth_has_user(auth, row->user) ? 0 : ERR_NOT_FOUND;
    struct permission *p = NULL;

    if (err == 0)
        err = make_permission(row, &reason, &p);
    if (err < 0)
        log_warning("permissions of user '%.*s' in vhost '%.*s' grant nothing: %.*s",
                    SLICE_ARG(row->user), SLICE_ARG(row->vhost),
                    SLICE_ARG(reason.n ? lv_buffer_slice(&reason) : slice_str("no such user")));
    lv_buffer_free(&reason);
    if (err < 0)
        return 0;
    write_lock(auth);
    keep_permission(want_user(auth, row->user), p);
    unlock(auth);
    return 0;
}

/* A topic permission that cannot be used must not leave its user unrestricted. */
static struct topic_permission *closed_topic(const struct definition_topic_permission *row)
{
    struct definition_topic_permission closed = *row;
    struct topic_permission *t = NULL;
    int err;

    closed.write = slice_str("(*FAIL)");
    closed.read = closed.write;
    err = make_topic(&closed, NULL, &t);
    lv_assert(err == 0);
    return t;
}

int auth_load_topic_permission(struct auth *auth, const struct definition_topic_permission *row)
{
    struct lv_buffer reason = {0};
    struct topic_permission *t = NULL;

    if (make_topic(row, &reason, &t) < 0) {
        log_warning("topic permissions of user '%.*s' for exchange '%.*s' in vhost '%.*s' grant "
                    "nothing: %.*s",
                    SLICE_ARG(row->user), SLICE_ARG(row->exchange), SLICE_ARG(row->vhost),
                    SLICE_ARG(lv_buffer_slice(&reason)));
        t = closed_topic(row);
    }
    lv_buffer_free(&reason);
    write_lock(auth);
    if (find_user(auth, row->user))
        keep_topic(find_user(auth, row->user), t);
    else
        topic_free(t);
    unlock(auth);
    return 0;
}

/* ---- Logging in ---- */

static bool has_tag(struct slice tags, struct slice tag)
{
    while (tags.n > 0) {
        const uint8_t *comma = memchr(tags.p, ',', tags.n);
        size_t n = comma ? (size_t)(comma - tags.p) : tags.n;

        if (slice_equal(slice_of(tags.p, n), tag))
            return true;
        n += comma ? 1 : 0;
        tags = slice_of(tags.p + n, tags.n - n);
    }
    return false;
}

static struct auth_identity *make_identity(struct auth *auth, const struct user *user)
{
    struct auth_identity *identity = lv_calloc(1, sizeof *identity);

    identity->magic = IDENTITY_MAGIC;
    atomic_init(&identity->references, 1);
    identity->auth = auth;
    identity->serial = user->serial;
    identity->name = own(user->name);
    identity->tags = own(user->tags);
    identity->is_impersonator = has_tag(user->tags, slice_str(AUTH_TAG_IMPERSONATOR));
    atomic_fetch_add(&auth->identities, 1);
    return identity;
}

/* Why not; NULL: may come in. A wrong name takes as long as a wrong password, and looks the same
 * in all but the log. */
static const char *why_refused(const struct auth *auth, const struct user *user,
                               struct slice password, bool is_from_loopback)
{
    if (!user) {
        (void)password_verify(PASSWORD_SHA256, slice_str(auth->dummy_hash), password);
        return "- invalid credentials (there is no such user)";
    }
    if (password.n == 0)
        return "- invalid credentials (a blank password is never accepted)";
    if (user->password_hash.n == 0)
        return "- invalid credentials (the user has no password)";
    if (!password_verify(user->algorithm, user->password_hash, password))
        return "- invalid credentials";
    if (!is_from_loopback && is_loopback_user(auth, user->name))
        return "can only connect via localhost";
    return NULL;
}

bool auth_login(struct auth *auth, struct slice name, struct slice password, bool is_from_loopback,
                struct auth_identity **ret, struct lv_buffer *reason)
{
    const struct user *user;
    const char *why;

    read_lock(auth);
    user = find_user(auth, name);
    why = why_refused(auth, user, password, is_from_loopback);
    if (!why)
        *ret = make_identity(auth, user);
    unlock(auth);
    if (why && reason)
        lv_buffer_printf(reason, "user '%.*s' %s", SLICE_ARG(name), why);
    return !why;
}

int auth_identity_of(struct auth *auth, struct slice name, struct auth_identity **ret)
{
    const struct user *user;

    read_lock(auth);
    user = find_user(auth, name);
    if (user)
        *ret = make_identity(auth, user);
    unlock(auth);
    return user ? 0 : ERR_NOT_FOUND;
}

struct auth_identity *auth_identity_ref(struct auth_identity *identity)
{
    lv_assert(identity->magic == IDENTITY_MAGIC);
    atomic_fetch_add(&identity->references, 1);
    return identity;
}

void auth_identity_unref(struct auth_identity **pointer)
{
    struct auth_identity *identity = *pointer;

    if (!identity)
        return;
    *pointer = NULL;
    lv_assert(identity->magic == IDENTITY_MAGIC);
    if (atomic_fetch_sub(&identity->references, 1) > 1)
        return;
    atomic_fetch_sub(&identity->auth->identities, 1);
    disown(&identity->name);
    disown(&identity->tags);
    identity->magic = 0;
    free(identity);
}

struct slice auth_identity_name(const struct auth_identity *identity)
{
    return identity->name;
}

struct slice auth_identity_tags(const struct auth_identity *identity)
{
    return identity->tags;
}

bool auth_has_tag(const struct auth_identity *identity, const char *tag)
{
    return has_tag(identity->tags, slice_str(tag));
}

bool auth_is_impersonator(const struct auth_identity *identity)
{
    return identity->is_impersonator;
}

/* ---- Permissions ---- */

/* The user it was logged in as, if that is still there. The lock is held. */
static const struct user *current_user(const struct auth_identity *identity)
{
    const struct user *user = find_user(identity->auth, identity->name);

    return user && user->serial == identity->serial ? user : NULL;
}

static const struct permission *find_permission(const struct auth_identity *identity,
                                                struct slice vhost)
{
    const struct user *user = current_user(identity);

    return user ? rows_find(&user->permissions, &vhost, compare_permission) : NULL;
}

bool auth_is_current(const struct auth_identity *identity)
{
    bool is_there;

    read_lock(identity->auth);
    is_there = current_user(identity) != NULL;
    unlock(identity->auth);
    return is_there;
}

bool auth_can_access_vhost(const struct auth_identity *identity, struct slice vhost)
{
    bool has_entry;

    read_lock(identity->auth);
    has_entry = find_permission(identity, vhost) != NULL;
    unlock(identity->auth);
    return has_entry;
}

bool auth_allows(const struct auth_identity *identity, struct slice vhost, enum auth_action action,
                 struct slice resource)
{
    const struct permission *p;
    bool is_allowed;

    if (resource.n == 0)
        resource = slice_str("amq.default");
    read_lock(identity->auth);
    p = find_permission(identity, vhost);
    is_allowed = p && pattern_matches(p->patterns[action], resource);
    unlock(identity->auth);
    return is_allowed;
}

bool auth_allows_topic(const struct auth_identity *identity, struct slice vhost,
                       struct slice exchange, enum auth_action action, struct slice routing_key)
{
    struct topic_key key = {vhost, exchange};
    const struct topic_permission *t = NULL;
    const struct user *user;
    bool is_allowed;

    lv_assert(action != AUTH_CONFIGURE);
    read_lock(identity->auth);
    user = current_user(identity);
    if (user)
        t = rows_find(&user->topic_permissions, &key, compare_topic);
    is_allowed =
        user && (!t || pattern_matches(action == AUTH_WRITE ? t->write : t->read, routing_key));
    unlock(identity->auth);
    return is_allowed;
}

/* ---- Management ---- */

/* A change of memory that is under way: from the lock to the call of `done`. */
struct change {
    struct auth *auth;
    definitions_done done;
    void *arg;
};

static struct change change_begin(struct auth *auth, definitions_done done, void *arg)
{
    write_lock(auth);
    return (struct change){auth, done, arg};
}

/* Submits in the order of the changes of memory: the lock is still held. Without definitions the
 * change is as durable as it will ever be. Takes `definition`. */
static int change_end(struct change *change, struct definition_change *definition)
{
    generation_moves();
    if (change->auth->definitions) {
        definitions_submit(change->auth->definitions, definition, change->done, change->arg);
        unlock(change->auth);
        return 0;
    }
    unlock(change->auth);
    definition_change_free(&definition);
    if (change->done)
        change->done(change->arg, 0);
    return 0;
}

static int change_refused(struct change *change, int err)
{
    unlock(change->auth);
    return err;
}

static struct definition_user user_row(const struct user *user)
{
    return (struct definition_user){
        .name = user->name,
        .password_hash = user->password_hash,
        .hashing_algorithm = slice_str(password_algorithm_name(user->algorithm)),
        .tags = user->tags,
        .limits = user->limits,
    };
}

static int change_end_user(struct change *change, const struct user *user)
{
    struct definition_user row = user_row(user);

    return change_end(change, definition_put_user(&row));
}

/* The text of a new hash; none for the empty password. */
static struct slice hash_for(struct slice password, char text[PASSWORD_HASH_TEXT_MAX])
{
    text[0] = '\0';
    if (password.n > 0)
        password_hash(PASSWORD_SHA256, password, text);
    return slice_str(text);
}

int auth_add_user(struct auth *auth, struct slice name, struct slice password, struct slice tags,
                  definitions_done done, void *arg)
{
    char text[PASSWORD_HASH_TEXT_MAX];
    struct definition_user row = {
        .name = name, .password_hash = hash_for(password, text), .tags = tags};
    struct change change = change_begin(auth, done, arg);

    if (find_user(auth, name))
        return change_refused(&change, ERR_EXISTS);
    keep_user(auth, &row, PASSWORD_SHA256);
    return change_end_user(&change, find_user(auth, name));
}

int auth_put_user(struct auth *auth, const struct definition_user *row, definitions_done done,
                  void *arg)
{
    enum password_algorithm algorithm;
    struct change change;
    int err = check_user(row, &algorithm);

    if (err < 0)
        return err;
    change = change_begin(auth, done, arg);
    keep_user(auth, row, algorithm);
    return change_end_user(&change, find_user(auth, row->name));
}

int auth_change_password(struct auth *auth, struct slice name, struct slice password,
                         definitions_done done, void *arg)
{
    char text[PASSWORD_HASH_TEXT_MAX];
    struct slice hash = hash_for(password, text);
    struct change change = change_begin(auth, done, arg);
    struct user *user = find_user(auth, name);

    if (!user)
        return change_refused(&change, ERR_NOT_FOUND);
    user->algorithm = PASSWORD_SHA256;
    replace(&user->password_hash, hash);
    return change_end_user(&change, user);
}

int auth_set_user_tags(struct auth *auth, struct slice name, struct slice tags,
                       definitions_done done, void *arg)
{
    struct change change = change_begin(auth, done, arg);
    struct user *user = find_user(auth, name);

    if (!user)
        return change_refused(&change, ERR_NOT_FOUND);
    user_set_tags(user, tags);
    return change_end_user(&change, user);
}

int auth_delete_user(struct auth *auth, struct slice name, definitions_done done, void *arg)
{
    struct change change = change_begin(auth, done, arg);
    struct user *user = find_user(auth, name);
    struct definition_change *definition;

    if (!user)
        return change_refused(&change, ERR_NOT_FOUND);
    definition = definition_delete_user(name);
    rows_remove(&auth->users, rows_place(&auth->users, &name, compare_user));
    user_free(user);
    return change_end(&change, definition);
}

int auth_set_permissions(struct auth *auth, const struct definition_permission *row,
                         struct lv_buffer *reason, definitions_done done, void *arg)
{
    struct permission *p = NULL;
    struct change change;
    struct user *user;
    int err = make_permission(row, reason, &p);

    if (err < 0)
        return err;
    change = change_begin(auth, done, arg);
    user = find_user(auth, row->user);
    if (!user) {
        permission_free(p);
        return change_refused(&change, ERR_NOT_FOUND);
    }
    keep_permission(user, p);
    return change_end(&change, definition_put_permission(row));
}

int auth_clear_permissions(struct auth *auth, struct slice name, struct slice vhost,
                           definitions_done done, void *arg)
{
    struct change change = change_begin(auth, done, arg);
    struct user *user = find_user(auth, name);

    if (!user)
        return change_refused(&change, ERR_NOT_FOUND);
    drop_permission(user, vhost);
    return change_end(&change, definition_delete_permission(vhost, name));
}

int auth_set_topic_permissions(struct auth *auth, const struct definition_topic_permission *row,
                               struct lv_buffer *reason, definitions_done done, void *arg)
{
    struct topic_permission *t = NULL;
    struct change change;
    struct user *user;
    int err = make_topic(row, reason, &t);

    if (err < 0)
        return err;
    change = change_begin(auth, done, arg);
    user = find_user(auth, row->user);
    if (!user) {
        topic_free(t);
        return change_refused(&change, ERR_NOT_FOUND);
    }
    keep_topic(user, t);
    return change_end(&change, definition_put_topic_permission(row));
}

int auth_clear_topic_permissions(struct auth *auth, struct slice name, struct slice vhost,
                                 struct slice exchange, definitions_done done, void *arg)
{
    struct change change = change_begin(auth, done, arg);
    struct user *user = find_user(auth, name);

    if (!user)
        return change_refused(&change, ERR_NOT_FOUND);
    drop_topics(user, vhost, exchange);
    return change_end(&change, definition_delete_topic_permission(vhost, name, exchange));
}

/* ---- Listings ---- */

void auth_list_users(struct auth *auth, auth_user_visit visit, void *arg)
{
    read_lock(auth);
    for (size_t i = 0; i < auth->users.count; i++) {
        struct definition_user row = user_row(auth->users.items[i]);

        visit(arg, &row);
    }
    unlock(auth);
}

static bool is_wanted(struct slice wanted, struct slice name)
{
    return wanted.n == 0 || slice_equal(wanted, name);
}

static void list_permissions_of(const struct user *user, struct slice vhost,
                                auth_permission_visit visit, void *arg)
{
    for (size_t i = 0; i < user->permissions.count; i++) {
        const struct permission *p = user->permissions.items[i];

        if (is_wanted(vhost, p->vhost))
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

        if (is_wanted(name, user->name))
            list_permissions_of(user, vhost, visit, arg);
    }
    unlock(auth);
}

static void list_topics_of(const struct user *user, struct slice vhost,
                           auth_topic_permission_visit visit, void *arg)
{
    for (size_t i = 0; i < user->topic_permissions.count; i++) {
        const struct topic_permission *t = user->topic_permissions.items[i];

        if (is_wanted(vhost, t->vhost))
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

        if (is_wanted(name, user->name))
            list_topics_of(user, vhost, visit, arg);
    }
    unlock(auth);
}

size_t auth_user_count(struct auth *auth)
{
    size_t count;

    read_lock(auth);
    count = auth->users.count;
    unlock(auth);
    return count;
}

bool auth_has_user(struct auth *auth, struct slice name)
{
    bool is_there;

    read_lock(auth);
    is_there = find_user(auth, name) != NULL;
    unlock(auth);
    return is_there;
}

/* ---- The first boot ---- */

bool auth_bootstrap(struct auth *auth, const struct auth_default_user *user)
{
    struct definition_permission row = {user->vhost, user->name, user->configure, user->write,
                                        user->read};
    struct lv_buffer reason = {0};

    if (auth_user_count(auth) > 0)
        return false;
    if (auth_add_user(auth, user->name, user->password, user->tags, NULL, NULL) < 0)
        return false;
    if (auth_set_permissions(auth, &row, &reason, NULL, NULL) < 0)
        log_error("user '%.*s' is made without permissions: %.*s", SLICE_ARG(user->name),
                  SLICE_ARG(lv_buffer_slice(&reason)));
    lv_buffer_free(&reason);
    return true;
}
