/* How many connections and channels a user may have open.
 *
 * A user and the identities of its logins share one count, which is read and changed without the
 * lock (by every channel.open). A user that is deleted and created again starts with a new count of
 * 0, while connections of the old user keep the old one. */
#include <jansson.h>

#include "auth/auth_private.h"
#include "base/error.h"
#include "broker/limits.h"

/* In the order in which errors about them are reported. */
static const char *const limit_names[] = {
    [AUTH_LIMIT_CONNECTIONS] = "max-connections",
    [AUTH_LIMIT_CHANNELS] = "max-channels",
    [AUTH_LIMITS] = NULL,
};

struct auth_usage {
    _Atomic unsigned references;
    struct {
        _Atomic int64_t max; /* negative: no limit */
        _Atomic int64_t count;
    } of[AUTH_LIMITS];
};

/* --- counting --------------------------------------------------------------------------------- */

struct auth_usage *auth_usage_create(void)
{
    struct auth_usage *usage = lv_calloc(1, sizeof *usage);
    atomic_init(&usage->references, 1);
    for (int i = 0; i < AUTH_LIMITS; i++)
        atomic_init(&usage->of[i].max, -1);
    return usage;
}

struct auth_usage *auth_usage_ref(struct auth_usage *usage)
{
    unsigned before = atomic_fetch_add(&usage->references, 1);
    lv_assert(before > 0);
    return usage;
}

void auth_usage_unref(struct auth_usage **usage)
{
    if (!*usage)
        return;
    unsigned before = atomic_fetch_sub(&(*usage)->references, 1);
    lv_assert(before > 0);
    if (before == 1)
        free(*usage);
    *usage = NULL;
}

bool auth_take(const struct auth_identity *identity, enum auth_limit what, int64_t *ret_limit)
{
    lv_assert(what < AUTH_LIMITS);
    struct auth_usage *usage = identity->usage;
    int64_t max = atomic_load_explicit(&usage->of[what].max, memory_order_relaxed);
    int64_t before = atomic_fetch_add_explicit(&usage->of[what].count, 1, memory_order_relaxed);
    if (max < 0 || before < max)
        return true;
    auth_give(identity, what);
    *ret_limit = max;
    return false;
}

void auth_give(const struct auth_identity *identity, enum auth_limit what)
{
    lv_assert(what < AUTH_LIMITS);
    int64_t before =
        atomic_fetch_sub_explicit(&identity->usage->of[what].count, 1, memory_order_relaxed);
    lv_assert(before > 0);
}

/* --- limits: the lock is held for writing ----------------------------------------------------- */

/* Returns the limits as an object that the caller owns. A text that is not a JSON object (the
 * definitions can be edited by hand) has no limits. */
static json_t *parse_limits(struct slice text)
{
    json_t *limits = json_loadb(text.n ? (const char *)text.p : "{}", text.n ? text.n : 2, 0, NULL);
    if (json_is_object(limits))
        return limits;
    json_decref(limits);
    return json_object();
}

static void apply_limits(struct user *user, json_t *limits)
{
    for (int i = 0; i < AUTH_LIMITS; i++) {
        const json_t *value = json_object_get(limits, limit_names[i]);
        atomic_store_explicit(&user->usage->of[i].max,
                              json_is_integer(value) ? json_integer_value(value) : -1,
                              memory_order_relaxed);
    }
}

void auth_keep_limits(struct user *user, struct slice text)
{
    json_t *limits = parse_limits(text);
    string_replace(&user->limits, text);
    apply_limits(user, limits);
    json_decref(limits);
}

static void keep_limits_json(struct user *user, json_t *limits)
{
    char *text = json_dumps(limits, JSON_COMPACT | JSON_SORT_KEYS);
    auth_keep_limits(user, json_object_size(limits) > 0 ? slice_str(text) : SLICE_EMPTY);
    free(text);
}

/* --- management ------------------------------------------------------------------------------- */

/* Reads and checks limits. Returns 0 with an object that the caller owns, or an error as
 * auth_set_limits() does. */
static int limits_read(struct slice text, struct lv_buffer *reason, json_t **ret)
{
    json_t *limits = json_loadb((const char *)text.p, text.n, JSON_DECODE_ANY, NULL);
    if (!limits)
        return ERR_FORMAT;
    if (!limits_check(limits, limit_names, "user-limits", reason)) {
        json_decref(limits);
        return ERR_INVALID;
    }
    *ret = limits;
    return 0;
}

int auth_check_limits(struct slice text, struct lv_buffer *reason)
{
    json_t *limits = NULL;
    int err = limits_read(text, reason, &limits);
    json_decref(limits);
    return err;
}

int auth_set_limits(struct auth *auth, struct slice name, struct slice text,
                    struct lv_buffer *reason, definitions_done done, void *arg)
{
    json_t *limits;
    int err = limits_read(text, reason, &limits);
    if (err < 0)
        return err;
    struct change change = auth_change_begin(auth, done, arg);
    struct user *user = auth_find_user(auth, name);
    if (user) {
        json_t *merged = parse_limits(user->limits);
        json_object_update(merged, limits);
        keep_limits_json(user, merged);
        json_decref(merged);
    }
    json_decref(limits);
    return user ? auth_change_end_user(&change, user) : auth_change_refused(&change, ERR_NOT_FOUND);
}

int auth_clear_limits(struct auth *auth, struct slice name, struct slice which,
                      definitions_done done, void *arg)
{
    struct change change = auth_change_begin(auth, done, arg);
    struct user *user = auth_find_user(auth, name);
    if (!user)
        return auth_change_refused(&change, ERR_NOT_FOUND);
    json_t *limits = parse_limits(user->limits);
    for (int i = 0; i < AUTH_LIMITS; i++) {
        if (slice_is(which, "all") || slice_is(which, limit_names[i]))
            json_object_del(limits, limit_names[i]);
    }
    keep_limits_json(user, limits);
    json_decref(limits);
    return auth_change_end_user(&change, user);
}
