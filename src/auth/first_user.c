/* The user of the first start.
 *
 * A slow hash takes longer than all the rest of that start, so the start does not wait for it. The
 * user is created with the hash of no password, and gets its own from a thread. Until then the
 * cache of checked passwords knows the right one, under the hash that the user has, so that the
 * user can log in at once. A wrong one is compared with that hash, as slowly as ever, and refused.
 */
#define LOG_CATEGORY LOG_ABOUT_USER

#include "auth/internal.h"

#include <stdlib.h>

#include "base/error.h"
#include "base/log.h"

struct first_user {
    struct ask ask;
    struct auth *auth;
    struct slice name;
    struct slice password;
    enum password_algorithm algorithm;
    char nothing[PASSWORD_HASH_TEXT_MAX]; /* the hash of no password */
    void (*done)(void *arg);
    void *arg;
};

static void call_done(void (*done)(void *arg), void *arg)
{
    if (done)
        done(arg);
}

/* Gives the user its hash, unless it was deleted or got another password meanwhile. */
static void first_user_keep(const struct first_user *first, struct slice hash)
{
    struct auth *auth = first->auth;
    struct change change = auth_change_begin(auth, NULL, NULL);
    struct user *user = auth_find_user(auth, first->name);
    if (!user || !slice_equal(user->password_hash, slice_str(first->nothing))) {
        auth_change_refused(&change, ERR_NOT_FOUND);
        return;
    }
    string_replace(&user->password_hash, hash);
    internal_remember(auth, first->name, hash, first->password);
    auth_change_end_user(&change, user);
}

static void first_user_hash(struct ask *ask)
{
    struct first_user *first = lv_container_of(ask, struct first_user, ask);
    char text[PASSWORD_HASH_TEXT_MAX];
    if (password_hash(first->algorithm, first->password, text))
        first_user_keep(first, slice_str(text));
    else
        log_error("the password of user '%.*s' could not be hashed: set it with leveretctl "
                  "change_password",
                  SLICE_ARG(first->name));
    call_done(first->done, first->arg);
    password_wipe(first->password);
    string_free(&first->password);
    string_free(&first->name);
    free(first);
}

/* Creates the user with a hash of no password, and has its own made on a thread. */
static void create_hashed_later(struct auth *auth, const struct auth_default_user *user,
                                enum password_algorithm algorithm, void (*done)(void *arg),
                                void *arg)
{
    struct first_user *first = lv_calloc(1, sizeof *first);
    first->ask.run = first_user_hash;
    first->auth = auth;
    first->name = slice_copy(user->name);
    first->password = slice_copy(user->password);
    first->algorithm = algorithm;
    first->done = done;
    first->arg = arg;
    password_hash_of_nothing(algorithm, first->nothing);
    const struct definition_user row = {
        .name = user->name,
        .password_hash = slice_str(first->nothing),
        .hashing_algorithm = slice_str(password_algorithm_name(algorithm)),
        .tags = user->tags,
    };
    int err = auth_put_user(auth, &row, NULL, NULL, NULL);
    lv_assert(err == 0);
    internal_remember(auth, user->name, row.password_hash, user->password);
    if (!ask_submit(auth->hashing, &first->ask, SLICE_EMPTY))
        first_user_hash(&first->ask);
}

static void permit(struct auth *auth, const struct auth_default_user *user)
{
    const struct definition_permission row = {user->vhost, user->name, user->configure, user->write,
                                              user->read};
    struct lv_buffer reason = {0};
    if (auth_set_permissions(auth, &row, &reason, NULL, NULL) < 0)
        log_error("user '%.*s' was created without permissions: %.*s", SLICE_ARG(user->name),
                  SLICE_ARG(lv_buffer_slice(&reason)));
    lv_buffer_free(&reason);
}

bool auth_bootstrap(struct auth *auth, const struct auth_default_user *user,
                    void (*done)(void *arg), void *arg)
{
    enum password_algorithm algorithm = atomic_load(&auth->new_algorithm);
    bool is_slow = password_is_slow(algorithm) && user->password.n > 0;
    if (auth_user_count(auth) > 0)
        return false;
    if (is_slow)
        create_hashed_later(auth, user, algorithm, done, arg);
    else if (auth_add_user(auth, user->name, user->password, user->tags, NULL, NULL) < 0)
        return false;
    permit(auth, user);
    if (!is_slow)
        call_done(done, arg);
    return true;
}
