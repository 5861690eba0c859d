/* Users and their tags; permissions are in auth_permissions.c.
 *
 * One lock protects everything: questions take it for reading, changes for writing. That is cheap
 * enough, since a channel asks once per name and keeps the answer until auth_generation_now
 * changes. Passwords are checked in internal.c, without the lock.
 *
 *   (1) Users are ordered by name, a user's permissions by vhost, its topic permissions by vhost
 *       and exchange. A listing walks them in this order.
 *   (2) A change is submitted to the definitions under the same lock, so memory and definitions see
 *       changes in the same order.
 *   (3) Every change changes the generation before the lock is released.
 *   (4) An identity finds its user by name and serial number: a user that was deleted and created
 *       again is another user, and connections of the old one keep no rights.
 *
 * The auth owns the users with their permissions. An identity has its own copies of what it needs,
 * and borrows the auth. */
#define LOG_CATEGORY LOG_ABOUT_USER

#include "auth/chain_private.h"
#include "auth/identity.h"
#include "auth/internal.h"

#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "base/log.h"

enum {
    CHECKED_MS = 5 * 60 * 1000, /* for how long the result of a check of a password is used */
    FRESH_MS = 15 * 1000,       /* auth_set_decisions() */
    HASHING_THREADS_MAX = 4,    /* each takes 16 MiB while it hashes */
};

/* --- Creating and freeing --------------------------------------------------------------------- */

/* Initializes the lock so that writers go first: otherwise a change would wait until no loop asks
 * anything. */
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
    auth->checked = login_cache_create(CHECKED_MS);
    password_hash_of_nothing(PASSWORD_SHA256, auth->fast_dummy);
    password_hash_of_nothing(PASSWORD_SCRYPT, auth->slow_dummy);
    auth->attempts = auth_attempts_create();
    auth->hashing = ask_pool_create("hashing", 0, true);
    auth->is_single_threaded = true;
    auth_set_decisions(auth, FRESH_MS);
    chains_init(auth);
    auth_set_hashing(auth, PASSWORD_SCRYPT);
    auth_set_loopback_users(auth, &guest, 1);
    return auth;
}

void auth_set_hashing(struct auth *auth, enum password_algorithm algorithm)
{
    atomic_store(&auth->new_algorithm, algorithm);
}

/* One core is left to the loops if there is more than one. */
static unsigned hashing_threads(void)
{
    long cores = sysconf(_SC_NPROCESSORS_ONLN);
    return cores <= 2                        ? 1
           : cores / 2 < HASHING_THREADS_MAX ? (unsigned)cores / 2
                                             : HASHING_THREADS_MAX;
}

void auth_start_threads(struct auth *auth)
{
    lv_assert(auth->is_single_threaded);
    ask_pool_free(&auth->hashing);
    auth->hashing = ask_pool_create("hashing", hashing_threads(), true);
    chains_start_threads(auth);
    auth->is_single_threaded = false;
}

void auth_stop_threads(struct auth *auth)
{
    chains_stop_threads(auth);
    ask_pool_stop(auth->hashing);
    auth->is_single_threaded = true;
}

void auth_free(struct auth **pointer)
{
    struct auth *auth = *pointer;
    if (!auth)
        return;
    *pointer = NULL;
    lv_assert(atomic_load(&auth->identities) == 0);
    chains_free(auth);
    ask_pool_free(&auth->hashing);
    login_cache_free(&auth->checked);
    auth_attempts_free(&auth->attempts);
    for (size_t i = 0; i < auth->users.count; i++)
        auth_user_free(auth->users.items[i]);
    free(auth->users.items);
    for (size_t i = 0; i < auth->loopback_count; i++)
        string_free(&auth->loopback_users[i]);
    free(auth->loopback_users);
    pattern_free(&auth->password_pattern);
    pthread_rwlock_destroy(&auth->lock);
    free(auth);
}

void auth_set_loopback_users(struct auth *auth, const struct slice *names, size_t count)
{
    struct slice *fresh = lv_calloc(count + 1, sizeof *fresh);
    for (size_t i = 0; i < count; i++)
        fresh[i] = slice_copy(names[i]);
    write_lock(auth);
    struct slice *old = auth->loopback_users;
    size_t old_count = auth->loopback_count;
    auth->loopback_users = fresh;
    auth->loopback_count = count;
    unlock_auth(auth);
    for (size_t i = 0; i < old_count; i++)
        string_free(&old[i]);
    free(old);
}

/* --- Changing memory: the lock is held for writing -------------------------------------------- */

static void user_set_tags(struct user *user, struct slice tags)
{
    struct lv_buffer tidy = {0};
    tags_add(&tidy, tags);
    string_replace(&user->tags, lv_buffer_slice(&tidy));
    lv_buffer_free(&tidy);
}

/* Counts the user's password, which is about to be replaced, no longer. */
static void password_uncount(struct auth *auth, const struct user *user)
{
    if (user->password_hash.n == 0)
        return;
    lv_assert(auth->password_count > 0);
    auth->password_count--;
    if (password_is_slow(user->algorithm))
        auth->slow_password_count--;
}

static void user_set_password(struct auth *auth, struct user *user,
                              enum password_algorithm algorithm, struct slice hash)
{
    assert_writing(auth);
    password_uncount(auth, user);
    user->algorithm = algorithm;
    string_replace(&user->password_hash, hash);
    if (hash.n == 0)
        return;
    auth->password_count++;
    if (password_is_slow(algorithm))
        auth->slow_password_count++;
}

struct user *auth_want_user(struct auth *auth, struct slice name)
{
    size_t at = auth_rows_position(&auth->users, &name, auth_compare_user);
    struct user *user = auth_find_user(auth, name);
    assert_writing(auth);
    if (user)
        return user;
    user = lv_calloc(1, sizeof *user);
    user->name = slice_copy(name);
    user->serial = auth->next_serial++;
    user->password_hash = slice_copy(SLICE_EMPTY);
    user->tags = slice_copy(SLICE_EMPTY);
    user->limits = slice_copy(SLICE_EMPTY);
    user->usage = auth_usage_create();
    auth_rows_insert(&auth->users, at, user);
    return user;
}

static void keep_user(struct auth *auth, const struct definition_user *row,
                      enum password_algorithm algorithm)
{
    struct user *user = auth_want_user(auth, row->name);
    user_set_password(auth, user, algorithm, row->password_hash);
    auth_keep_limits(user, row->limits);
    user_set_tags(user, row->tags);
    bump_generation(auth);
}

/* Returns ERR_INVALID if the password hash cannot be used. An empty hash can be used: no password
 * matches it. */
static int check_user(const struct definition_user *row, enum password_algorithm *ret)
{
    int err = password_algorithm_of(row->hashing_algorithm, ret);
    if (err == 0 && row->password_hash.n > 0)
        err = password_hash_check(*ret, row->password_hash);
    return err;
}

int auth_check_user(const struct definition_user *row)
{
    enum password_algorithm algorithm;
    return check_user(row, &algorithm);
}

int auth_load_user(struct auth *auth, const struct definition_user *row)
{
    enum password_algorithm algorithm = PASSWORD_SHA256;
    struct definition_user usable = *row;
    if (check_user(row, &algorithm) < 0) {
        log_warning("user '%.*s' cannot log in: its password hash is invalid (algorithm '%.*s'); "
                    "set a new password",
                    SLICE_ARG(row->name), SLICE_ARG(row->hashing_algorithm));
        usable.password_hash = SLICE_EMPTY;
    }
    write_lock(auth);
    keep_user(auth, &usable, algorithm);
    unlock_auth(auth);
    return 0;
}

/* --- Management ------------------------------------------------------------------------------- */

int auth_add_user(struct auth *auth, struct slice name, struct slice password, struct slice tags,
                  definitions_done done, void *arg)
{
    char text[PASSWORD_HASH_TEXT_MAX];
    enum password_algorithm algorithm;
    if (auth_has_user(auth, name)) /* without a hash */
        return ERR_EXISTS;
    int err = internal_hash(auth, password, &algorithm, text);
    if (err < 0)
        return err;
    struct definition_user row = {.name = name, .password_hash = slice_str(text), .tags = tags};
    struct change change = auth_change_begin(auth, done, arg);
    if (auth_find_user(auth, name))
        return auth_change_refused(&change, ERR_EXISTS);
    keep_user(auth, &row, algorithm);
    internal_remember(auth, name, slice_str(text), password);
    return auth_change_end_user(&change, auth_find_user(auth, name));
}

int auth_hash_password(struct auth *auth, struct slice password,
                       enum password_algorithm *ret_algorithm,
                       char ret_text[PASSWORD_HASH_TEXT_MAX])
{
    return internal_hash(auth, password, ret_algorithm, ret_text);
}

int auth_put_user(struct auth *auth, const struct definition_user *row, definitions_done done,
                  void *arg, bool *ret_is_new)
{
    enum password_algorithm algorithm;
    int err = check_user(row, &algorithm);
    if (err < 0)
        return err;
    struct change change = auth_change_begin(auth, done, arg);
    if (ret_is_new)
        *ret_is_new = !auth_find_user(auth, row->name);
    keep_user(auth, row, algorithm);
    return auth_change_end_user(&change, auth_find_user(auth, row->name));
}

int auth_change_password(struct auth *auth, struct slice name, struct slice password,
                         definitions_done done, void *arg)
{
    char text[PASSWORD_HASH_TEXT_MAX];
    enum password_algorithm algorithm;
    if (!auth_has_user(auth, name)) /* without a hash */
        return ERR_NOT_FOUND;
    int err = internal_hash(auth, password, &algorithm, text);
    if (err < 0)
        return err;
    struct change change = auth_change_begin(auth, done, arg);
    struct user *user = auth_find_user(auth, name);
    if (!user)
        return auth_change_refused(&change, ERR_NOT_FOUND);
    user_set_password(auth, user, algorithm, slice_str(text));
    internal_remember(auth, name, slice_str(text), password);
    return auth_change_end_user(&change, user);
}

int auth_set_user_tags(struct auth *auth, struct slice name, struct slice tags,
                       definitions_done done, void *arg)
{
    struct change change = auth_change_begin(auth, done, arg);
    struct user *user = auth_find_user(auth, name);
    if (!user)
        return auth_change_refused(&change, ERR_NOT_FOUND);
    user_set_tags(user, tags);
    return auth_change_end_user(&change, user);
}

int auth_delete_user(struct auth *auth, struct slice name, definitions_done done, void *arg)
{
    struct change change = auth_change_begin(auth, done, arg);
    struct user *user = auth_find_user(auth, name);
    if (!user)
        return auth_change_refused(&change, ERR_NOT_FOUND);
    struct definition_change *definition = definition_delete_user(name);
    auth_rows_remove(&auth->users, auth_rows_position(&auth->users, &name, auth_compare_user));
    password_uncount(auth, user);
    auth_user_free(user);
    return auth_change_end(&change, definition);
}

/* --- Listings --------------------------------------------------------------------------------- */

void auth_list_users(struct auth *auth, auth_user_visit visit, void *arg)
{
    read_lock(auth);
    for (size_t i = 0; i < auth->users.count; i++) {
        struct definition_user row = auth_user_row(auth->users.items[i]);
        visit(arg, &row);
    }
    unlock_auth(auth);
}

bool auth_visit_user(struct auth *auth, struct slice name, auth_user_visit visit, void *arg)
{
    read_lock(auth);
    const struct user *user = auth_find_user(auth, name);
    if (user) {
        struct definition_user row = auth_user_row(user);
        visit(arg, &row);
    }
    unlock_auth(auth);
    return user != NULL;
}

size_t auth_user_count(struct auth *auth)
{
    read_lock(auth);
    size_t count = auth->users.count;
    unlock_auth(auth);
    return count;
}

bool auth_has_user(struct auth *auth, struct slice name)
{
    read_lock(auth);
    bool is_there = auth_find_user(auth, name) != NULL;
    unlock_auth(auth);
    return is_there;
}
