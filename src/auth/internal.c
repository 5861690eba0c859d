/* Checking passwords of users in the definitions, and hashing new ones.
 *
 * A slow hash is made without the lock. Meanwhile the user may be deleted, or get another password:
 * so the user is looked up again afterwards, and a check of a hash that has changed is void.
 *
 * A name that does not exist takes as long as a wrong password, and differs from it only in the
 * log: a random hash stands in for the user's. It is slow for as large a part of such names as of
 * the users, and always the same for the same name. So if some users still have fast hashes, a
 * quick refusal does not tell that there is such a user. */
#include "auth/internal.h"

#include "base/clock.h"
#include "base/error.h"
#include "base/semaphore.h"
#include "wire/wire.h"

enum { CHANGES_MAX = 3 /* how often a check is repeated when the password changes meanwhile */ };

/* --- checking --------------------------------------------------------------------------------- */

/* A copy of what is stored about a user's password. */
struct stored {
    bool has_user;
    bool has_password;
    uint64_t serial;
    enum password_algorithm algorithm;
    char hash[PASSWORD_HASH_TEXT_MAX];
};

bool internal_stands_in_slowly(const struct auth *auth, struct slice name)
{
    if (auth->password_count == 0)
        return password_is_slow(atomic_load(&auth->new_algorithm));
    struct answer_key key = login_cache_key(auth->checked, name, SLICE_EMPTY, SLICE_EMPTY);
    uint64_t chosen = (uint64_t)wire_u32(key.bytes) * auth->password_count;
    return chosen < (uint64_t)auth->slow_password_count << 32;
}

/* What is compared with if there is no such user, or it has no password. */
static void stand_in_read(const struct auth *auth, struct slice name, struct stored *ret)
{
    bool is_slow = internal_stands_in_slowly(auth, name);
    ret->algorithm = is_slow ? PASSWORD_SCRYPT : PASSWORD_SHA256;
    memcpy(ret->hash, is_slow ? auth->slow_dummy : auth->fast_dummy, sizeof ret->hash);
}

static void stored_read(struct auth *auth, struct slice name, struct stored *ret)
{
    *ret = (struct stored){0};
    read_lock(auth);
    const struct user *user = auth_find_user(auth, name);
    if (user) {
        ret->has_user = true;
        ret->serial = user->serial;
        ret->has_password = user->password_hash.n > 0;
    }
    if (ret->has_password) {
        ret->algorithm = user->algorithm;
        lv_assert(user->password_hash.n < sizeof ret->hash); /* password_hash_check() */
        memcpy(ret->hash, user->password_hash.p, user->password_hash.n);
    } else {
        stand_in_read(auth, name, ret);
    }
    unlock_auth(auth);
}

static bool stored_is_current(struct auth *auth, struct slice name, const struct stored *stored)
{
    struct stored now;
    stored_read(auth, name, &now);
    return now.has_user == stored->has_user && now.serial == stored->serial &&
           (!now.has_user || strcmp(now.hash, stored->hash) == 0);
}

static enum login_cache_answer verify(struct auth *auth, struct slice name, struct slice password,
                                      const struct stored *stored, bool may_be_slow)
{
    struct slice hash = slice_str(stored->hash);
    if (!password_is_slow(stored->algorithm))
        return password_verify(stored->algorithm, hash, password) ? LOGIN_CACHE_RIGHT
                                                                  : LOGIN_CACHE_WRONG;
    struct answer_key key = login_cache_key(auth->checked, name, hash, password);
    enum login_cache_answer answer = login_cache_find(auth->checked, &key, clock_up_ms());
    if (answer == LOGIN_CACHE_UNKNOWN && may_be_slow) {
        bool is_right = password_verify(stored->algorithm, hash, password);
        login_cache_put(auth->checked, &key, is_right, clock_up_ms());
        answer = is_right ? LOGIN_CACHE_RIGHT : LOGIN_CACHE_WRONG;
    }
    answer_key_wipe(&key);
    return answer;
}

static enum internal_answer refuse(const char *why, const char **ret_why)
{
    *ret_why = why;
    return INTERNAL_REFUSED;
}

static enum internal_answer check_once(struct auth *auth, struct slice name, struct slice password,
                                       const struct stored *stored, bool may_be_slow,
                                       const char **ret_why)
{
    enum login_cache_answer answer = verify(auth, name, password, stored, may_be_slow);
    if (answer == LOGIN_CACHE_UNKNOWN)
        return INTERNAL_NEEDS_HASH;
    if (!stored->has_user)
        return refuse("- invalid credentials (there is no such user)", ret_why);
    if (!stored->has_password)
        return refuse("- invalid credentials (the user has no password)", ret_why);
    if (answer == LOGIN_CACHE_WRONG)
        return refuse("- invalid credentials", ret_why);
    return INTERNAL_ALLOWED;
}

enum internal_answer internal_check(struct auth *auth, struct slice name, struct slice password,
                                    bool has_password, bool may_be_slow, const char **ret_why)
{
    if (!has_password)
        return auth_has_user(auth, name) ? INTERNAL_ALLOWED
                                         : refuse("- there is no such user", ret_why);
    if (password.n == 0)
        return refuse("- invalid credentials (a blank password is never accepted)", ret_why);
    for (int i = 0; i < CHANGES_MAX; i++) {
        struct stored stored;
        stored_read(auth, name, &stored);
        enum internal_answer answer =
            check_once(auth, name, password, &stored, may_be_slow, ret_why);
        if (answer == INTERNAL_NEEDS_HASH || stored_is_current(auth, name, &stored))
            return answer;
    }
    return refuse("- invalid credentials (the password has just been changed)", ret_why);
}

static bool is_loopback_user(const struct auth *auth, struct slice name)
{
    for (size_t i = 0; i < auth->loopback_count; i++)
        if (slice_equal(auth->loopback_users[i], name))
            return true;
    return false;
}

const char *internal_refuse_address(struct auth *auth, struct slice user, bool is_from_loopback)
{
    read_lock(auth);
    bool is_refused = !is_from_loopback && is_loopback_user(auth, user);
    unlock_auth(auth);
    return is_refused ? "can only connect via localhost" : NULL;
}

bool auth_admits(struct auth *auth, struct slice user, struct slice password, bool is_from_loopback)
{
    const char *ignored;
    read_lock(auth);
    bool is_there = auth_find_user(auth, user) != NULL;
    unlock_auth(auth);
    return is_there && !internal_refuse_address(auth, user, is_from_loopback) &&
           internal_check(auth, user, password, true, true, &ignored) == INTERNAL_ALLOWED;
}

/* --- new passwords ---------------------------------------------------------------------------- */

void auth_set_validator(struct auth *auth, size_t length_min, struct pattern *pattern)
{
    write_lock(auth);
    struct pattern *old = auth->password_pattern;
    auth->password_min = length_min;
    auth->password_pattern = pattern;
    unlock_auth(auth);
    pattern_free(&old);
}

bool auth_password_is_fine(struct auth *auth, struct slice password, struct lv_buffer *reason)
{
    read_lock(auth);
    size_t length_min = auth->password_min;
    bool is_long_enough = password.n >= length_min;
    bool matches = !auth->password_pattern || pattern_matches(auth->password_pattern, password);
    unlock_auth(auth);
    if (!is_long_enough)
        lv_buffer_printf(reason, "minimum required password length is %zu", length_min);
    else if (!matches)
        lv_buffer_printf(reason,
                         "provided password does not match the validator regular expression");
    return is_long_enough && matches;
}

struct hash_ask {
    struct ask ask;
    enum password_algorithm algorithm;
    struct slice password;
    char *text;
    bool is_hashed;
    sem_t is_done;
};

static void hash_run(struct ask *ask)
{
    struct hash_ask *h = lv_container_of(ask, struct hash_ask, ask);
    h->is_hashed = password_hash(h->algorithm, h->password, h->text);
    sem_post(&h->is_done);
}

int internal_hash(struct auth *auth, struct slice password, enum password_algorithm *ret_algorithm,
                  char ret_text[PASSWORD_HASH_TEXT_MAX])
{
    struct hash_ask h = {.ask.run = hash_run,
                         .algorithm = atomic_load(&auth->new_algorithm),
                         .password = password,
                         .text = ret_text};
    ret_text[0] = '\0';
    *ret_algorithm = h.algorithm;
    if (password.n == 0)
        return 0;
    sem_init(&h.is_done, 0, 0);
    bool is_asked = ask_submit(auth->hashing, &h.ask, SLICE_EMPTY);
    if (is_asked)
        semaphore_wait(&h.is_done);
    sem_destroy(&h.is_done);
    return is_asked && h.is_hashed ? 0 : ERR_NO_MEMORY;
}

void internal_remember(struct auth *auth, struct slice user, struct slice hash,
                       struct slice password)
{
    if (password.n == 0)
        return;
    struct answer_key key = login_cache_key(auth->checked, user, hash, password);
    login_cache_put(auth->checked, &key, true, clock_up_ms());
    answer_key_wipe(&key);
}
