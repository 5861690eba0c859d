/* Logins that do not wait: what is answered at once, what later, and what has changed by then. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>

#include "auth/internal.h"
#include "auth/login.h"
#include "loop/sim/loop_sim.h"

#define S(text) slice_str(text)

/* A weak scrypt, so that the tests are quick: of the password "secret". */
#define WEAK_HASH                                                                                  \
    "$scrypt$ln=1,r=1,p=1$AAECAwQFBgcICQoLDA0ODw$"                                                 \
    "dIDfBxYtIx5TiYFPIzDrAXtSpVjMUQu1y1XT3b+rrjo"
#define WEAK_HASH_OF_OTHER_PASSWORD                                                                \
    "$scrypt$ln=1,r=1,p=1$AAECAwQFBgcICQoLDA0ODw$"                                                 \
    "W/PrE1dfEQHxsGfAQJx1xko5a06R2pnTVUXT9hshYmw"

struct world {
    struct loops *loops;
    struct loop *loop;
    struct auth *auth;
    char answer[256]; /* of the last login; empty: none */
};

static void world_start(struct world *w)
{
    *w = (struct world){.loops = loop_sim_create(1, 1)};
    w->loop = loops_at(w->loops, 0);
    w->auth = auth_create(NULL);
}

static void world_stop(struct world *w)
{
    auth_stop_threads(w->auth);
    loops_drain(w->loops);
    auth_free(&w->auth);
    loop_sim_free(&w->loops);
}

static void put_user(struct world *w, const char *name, const char *hash)
{
    const struct definition_user row = {
        .name = S(name), .password_hash = S(hash), .hashing_algorithm = S("scrypt")};
    assert_int_equal(auth_put_user(w->auth, &row, NULL, NULL, NULL), 0);
}

static void login_done(void *arg, const struct auth_login_answer *answer)
{
    struct world *w = arg;
    struct auth_identity *identity = answer->identity;
    assert_int_equal(w->answer[0], '\0');
    snprintf(w->answer, sizeof w->answer, "%s", identity ? "in" : answer->reason);
    auth_identity_unref(&identity);
}

static struct auth_login *log_in(struct world *w, const char *user, const char *password)
{
    const struct auth_login_request r = {
        .credentials = {.user = S(user),
                        .password = S(password),
                        .has_password = true,
                        .peer_address = S("192.0.2.1")},
        .is_from_loopback = true,
        .loop = w->loop,
        .done = login_done,
        .arg = w,
    };
    w->answer[0] = '\0';
    return auth_log_in(w->auth, &r);
}

static void answered_at_once(struct world *w, const char *user, const char *password,
                             const char *expected)
{
    assert_null(log_in(w, user, password));
    assert_string_equal(w->answer, expected);
}

/* Waits for the thread that checks, and delivers its mail. */
static void answered_later(struct world *w, const char *user, const char *password,
                           const char *expected)
{
    auth_start_threads(w->auth);
    assert_non_null(log_in(w, user, password));
    assert_string_equal(w->answer, "");
    auth_stop_threads(w->auth);
    loops_drain(w->loops);
    assert_string_equal(w->answer, expected);
}

static void a_slow_hash_is_checked_later_and_known_from_then_on(void **state)
{
    (void)state;
    struct world w;
    world_start(&w);
    put_user(&w, "ann", WEAK_HASH);
    answered_later(&w, "ann", "secret", "in");
    auth_start_threads(w.auth);
    answered_at_once(&w, "ann", "secret", "in");
    world_stop(&w);
}

static void a_wrong_password_is_hashed_once(void **state)
{
    (void)state;
    struct world w;
    world_start(&w);
    put_user(&w, "ann", WEAK_HASH);
    answered_later(&w, "ann", "guess", "user 'ann' - invalid credentials");
    answered_later(&w, "bob", "guess", "user 'bob' - invalid credentials (there is no such user)");
    auth_start_threads(w.auth);
    answered_at_once(&w, "ann", "guess", "user 'ann' - invalid credentials");
    answered_at_once(&w, "bob", "guess",
                     "user 'bob' - invalid credentials (there is no such user)");
    answered_at_once(&w, "ann", "",
                     "user 'ann' - invalid credentials (a blank password is never accepted)");
    world_stop(&w);
}

static void an_old_password_is_refused_as_soon_as_there_is_a_new_one(void **state)
{
    (void)state;
    struct world w;
    world_start(&w);
    put_user(&w, "ann", WEAK_HASH);
    answered_at_once(&w, "ann", "secret", "in"); /* without threads, so it is known now */
    put_user(&w, "ann", WEAK_HASH_OF_OTHER_PASSWORD);
    answered_at_once(&w, "ann", "secret", "user 'ann' - invalid credentials");
    answered_at_once(&w, "ann", "other", "in");
    auth_set_hashing(w.auth, PASSWORD_SHA256);
    assert_int_equal(auth_change_password(w.auth, S("ann"), S("third"), NULL, NULL), 0);
    answered_at_once(&w, "ann", "other", "user 'ann' - invalid credentials");
    answered_at_once(&w, "ann", "third", "in");
    world_stop(&w);
}

static void a_user_that_is_deleted_or_replaced_meanwhile_is_refused(void **state)
{
    (void)state;
    struct world w;
    world_start(&w);
    put_user(&w, "ann", WEAK_HASH);
    put_user(&w, "bob", WEAK_HASH);
    auth_start_threads(w.auth);
    struct auth_login *login = log_in(&w, "ann", "secret");
    assert_int_equal(auth_delete_user(w.auth, S("ann"), NULL, NULL), 0);
    auth_stop_threads(w.auth);
    loops_drain(w.loops);
    if (!login || strcmp(w.answer, "in") == 0) /* it was checked before the user was deleted */
        snprintf(w.answer, sizeof w.answer, "user 'ann'");
    assert_memory_equal(w.answer, "user 'ann'", 10);
    answered_at_once(&w, "ann", "secret",
                     "user 'ann' - invalid credentials (there is no such user)");
    put_user(&w, "ann", WEAK_HASH_OF_OTHER_PASSWORD);
    answered_at_once(&w, "ann", "secret", "user 'ann' - invalid credentials");
    world_stop(&w);
}

static void a_login_that_is_forgotten_is_not_answered(void **state)
{
    (void)state;
    struct world w;
    world_start(&w);
    put_user(&w, "ann", WEAK_HASH);
    auth_start_threads(w.auth);
    struct auth_login *login = log_in(&w, "ann", "secret");
    assert_non_null(login);
    auth_login_forget(&login);
    assert_null(login);
    auth_stop_threads(w.auth);
    loops_drain(w.loops);
    assert_string_equal(w.answer, "");
    world_stop(&w);
}

static void without_a_password_the_user_need_only_exist(void **state)
{
    (void)state;
    struct world w;
    world_start(&w);
    put_user(&w, "ann", WEAK_HASH);
    struct auth_login_request r = {.credentials = {.user = S("ann")},
                                   .is_from_loopback = true,
                                   .loop = w.loop,
                                   .done = login_done,
                                   .arg = &w};
    assert_null(auth_log_in(w.auth, &r));
    assert_string_equal(w.answer, "in");
    r.credentials.user = S("bob");
    w.answer[0] = '\0';
    assert_null(auth_log_in(w.auth, &r));
    assert_string_equal(w.answer, "user 'bob' - there is no such user");
    world_stop(&w);
}

/* Returns how many of a thousand names that do not exist take a slow hash. */
static unsigned slow_names(struct world *w)
{
    unsigned slow = 0;
    read_lock(w->auth);
    for (unsigned i = 0; i < 1000; i++)
        slow += internal_stands_in_slowly(w->auth, slice_of(&i, sizeof i));
    unlock_auth(w->auth);
    return slow;
}

static void put_fast_user(struct world *w, const char *name)
{
    char hash[PASSWORD_HASH_TEXT_MAX];
    assert_true(password_hash(PASSWORD_SHA256, S("secret"), hash));
    const struct definition_user row = {.name = S(name), .password_hash = S(hash)};
    assert_int_equal(auth_put_user(w->auth, &row, NULL, NULL, NULL), 0);
}

static void names_that_do_not_exist_take_as_long_as_those_that_do(void **state)
{
    (void)state;
    struct world w;
    world_start(&w);
    assert_int_equal(slow_names(&w), 1000); /* as new passwords */
    put_user(&w, "ann", WEAK_HASH);
    auth_set_hashing(w.auth, PASSWORD_SHA256);
    assert_int_equal(slow_names(&w), 1000);
    put_fast_user(&w, "bob");
    unsigned slow = slow_names(&w);
    assert_in_range(slow, 300, 700);
    assert_int_equal(slow_names(&w), slow); /* the same ones */
    assert_int_equal(auth_delete_user(w.auth, S("ann"), NULL, NULL), 0);
    assert_int_equal(slow_names(&w), 0);
    put_user(&w, "bob", WEAK_HASH);
    assert_int_equal(slow_names(&w), 1000);
    assert_int_equal(auth_change_password(w.auth, S("bob"), S(""), NULL, NULL), 0);
    assert_int_equal(slow_names(&w), 0); /* nobody has a password: as new ones */
    world_stop(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_slow_hash_is_checked_later_and_known_from_then_on),
        cmocka_unit_test(a_wrong_password_is_hashed_once),
        cmocka_unit_test(an_old_password_is_refused_as_soon_as_there_is_a_new_one),
        cmocka_unit_test(a_user_that_is_deleted_or_replaced_meanwhile_is_refused),
        cmocka_unit_test(a_login_that_is_forgotten_is_not_answered),
        cmocka_unit_test(without_a_password_the_user_need_only_exist),
        cmocka_unit_test(names_that_do_not_exist_take_as_long_as_those_that_do),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
