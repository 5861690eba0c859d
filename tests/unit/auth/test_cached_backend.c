/* The backend cache: what was answered is not asked again for a while, and nothing else is answered
 * without asking. */
#include "auth/cached_backend.h"

#include "auth/answer_table.h"
#include "auth/chain_world.h"

enum { LONG_MS = 24 * 60 * 60 * 1000 };

/* Starts a world whose only backend is a cached one. */
static struct fake *world_start_cached(struct world *w, bool keeps_refusals)
{
    world_start(w);
    struct fake *f = fake_create("fake");
    struct auth_backend *cached = cached_backend_create(&f->backend, LONG_MS, keeps_refusals);
    auth_chain_add_link(w->chain, auth_chain_add_backend(w->chain, cached), NULL, 0);
    auth_set_chain(w->auth, &w->chain);
    return f;
}

/* --- logging in ------------------------------------------------------------------------------- */

static void a_login_that_was_accepted_is_not_asked_for_again(void **state)
{
    (void)state;
    struct world w;
    struct fake *f = world_start_cached(&w, false);
    f->tags = "management";
    f->name = "eve";
    assert_true(logs_in(&w, "e", "x"));
    f->log_in = AUTH_UNANSWERED;
    assert_true(logs_in(&w, "e", "x"));
    assert_true(slice_is(auth_identity_name(w.identity), "eve"));
    assert_true(auth_has_tag(w.identity, "management"));
    assert_int_equal(f->logins, 1);
    assert_int_equal(f->data, 1); /* what the backend gave is shared */
    world_stop(&w);
}

static void what_is_kept_is_asked_for_again_once_it_is_cleared(void **state)
{
    (void)state;
    struct world w;
    struct fake *f = world_start_cached(&w, true);
    assert_true(logs_in(&w, "eve", "x"));
    assert_int_equal(may_read(&w, "q"), AUTH_ALLOWED);
    auth_forget_decisions(w.auth);
    assert_int_equal(may_read(&w, "q"), AUTH_ALLOWED); /* by the login of before */
    assert_int_equal(f->questions, 2);
    f->log_in = AUTH_REFUSED;
    assert_false(logs_in(&w, "eve", "x"));
    f->log_in = AUTH_ALLOWED;
    assert_false(logs_in(&w, "eve", "x"));
    auth_forget_decisions(w.auth);
    assert_true(logs_in(&w, "eve", "x"));
    world_stop(&w);
}

static void other_credentials_are_asked_for(void **state)
{
    (void)state;
    struct world w;
    struct fake *f = world_start_cached(&w, false);
    assert_true(logs_in(&w, "eve", "x"));
    f->log_in = AUTH_REFUSED;
    assert_false(logs_in(&w, "eve", "y"));
    assert_false(logs_in(&w, "eve", ""));
    assert_false(logs_in(&w, "evex", ""));
    assert_false(logs_in(&w, "ev", "ex"));
    assert_int_equal(f->logins, 5);
    world_stop(&w);
}

static void login_done(void *arg, const struct auth_login_answer *answer)
{
    struct world *w = arg;
    w->identity = answer->identity;
}

static void logs_in_without_password(struct world *w, const char *user)
{
    const struct auth_login_request r = {.credentials = {.user = S(user)},
                                         .is_from_loopback = true,
                                         .loop = w->loop,
                                         .done = login_done,
                                         .arg = w};
    auth_identity_unref(&w->identity);
    assert_null(auth_log_in(w->auth, &r));
}

static void a_user_that_somebody_else_authenticated_is_another_question(void **state)
{
    (void)state;
    struct world w;
    struct fake *f = world_start_cached(&w, false);
    logs_in_without_password(&w, "eve");
    assert_non_null(w.identity);
    f->log_in = AUTH_REFUSED;
    assert_false(logs_in(&w, "eve", ""));
    logs_in_without_password(&w, "eve");
    assert_non_null(w.identity);
    assert_int_equal(f->logins, 2);
    world_stop(&w);
}

static void a_refused_login_is_asked_for_again_unless_refusals_are_kept(void **state)
{
    (void)state;
    for (int keeps = 0; keeps < 2; keeps++) {
        struct world w;
        struct fake *f = world_start_cached(&w, keeps);
        f->log_in = AUTH_REFUSED;
        assert_false(logs_in(&w, "eve", "x"));
        f->log_in = AUTH_ALLOWED;
        assert_int_equal(logs_in(&w, "eve", "x"), !keeps);
        assert_int_equal(f->logins, keeps ? 1 : 2);
        if (keeps)
            assert_string_equal(w.reason,
                                "fake: refused a short while ago (auth_cache.cache_refusals)");
        world_stop(&w);
    }
}

static void a_backend_that_is_down_is_asked_again(void **state)
{
    (void)state;
    struct world w;
    struct fake *f = world_start_cached(&w, true);
    f->log_in = AUTH_UNANSWERED;
    assert_false(logs_in(&w, "eve", "x"));
    f->log_in = AUTH_ALLOWED;
    assert_true(logs_in(&w, "eve", "x"));
    world_stop(&w);
}

static void a_login_that_has_ended_is_asked_for_again(void **state)
{
    (void)state;
    struct world w;
    struct fake *f = world_start_cached(&w, false);
    f->expires_at_s = 1;
    assert_true(logs_in(&w, "eve", "x"));
    f->log_in = AUTH_REFUSED;
    assert_false(logs_in(&w, "eve", "x"));
    world_stop(&w);
}

static void what_is_known_needs_no_thread(void **state)
{
    (void)state;
    struct world w;
    struct fake *f = world_start_cached(&w, false);
    assert_true(logs_in(&w, "eve", "x"));
    assert_int_equal(may_read(&w, "q"), AUTH_ALLOWED);
    auth_identity_unref(&w.identity);
    auth_start_threads(w.auth);
    const struct auth_login_request r = {
        .credentials = {.user = S("eve"), .password = S("x"), .has_password = true},
        .is_from_loopback = true,
        .loop = w.loop,
        .done = login_done,
        .arg = &w,
    };
    assert_null(auth_log_in(w.auth, &r)); /* it is answered already */
    assert_non_null(w.identity);
    assert_int_equal(may_read(&w, "q"), AUTH_ALLOWED);
    assert_int_equal(f->logins, 1);
    assert_int_equal(f->questions, 1);
    world_stop(&w);
}

/* --- what users may do ------------------------------------------------------------------------ */

static void what_a_user_may_do_is_known_to_its_next_login(void **state)
{
    (void)state;
    struct world w;
    struct fake *f = world_start_cached(&w, false);
    assert_true(logs_in(&w, "eve", "x"));
    assert_int_equal(may_read(&w, "q"), AUTH_ALLOWED);
    assert_true(logs_in(&w, "eve", "x"));
    f->may = AUTH_REFUSED;
    assert_int_equal(may_read(&w, "q"), AUTH_ALLOWED);
    assert_int_equal(f->questions, 1);
    assert_int_equal(may_read(&w, "other"), AUTH_REFUSED);
    assert_true(logs_in(&w, "bob", "x"));
    assert_int_equal(may_read(&w, "q"), AUTH_REFUSED);
    assert_true(logs_in(&w, "eve", "another")); /* perhaps a token with other rights */
    assert_int_equal(may_read(&w, "q"), AUTH_REFUSED);
    world_stop(&w);
}

static void what_was_refused_is_asked_for_again_unless_refusals_are_kept(void **state)
{
    (void)state;
    for (int keeps = 0; keeps < 2; keeps++) {
        struct world w;
        struct fake *f = world_start_cached(&w, keeps);
        f->may = AUTH_REFUSED;
        assert_true(logs_in(&w, "eve", "x"));
        assert_int_equal(may_read(&w, "q"), AUTH_REFUSED);
        f->may = AUTH_ALLOWED;
        assert_true(logs_in(&w, "eve", "x"));
        assert_int_equal(may_read(&w, "q"), keeps ? AUTH_REFUSED : AUTH_ALLOWED);
        world_stop(&w);
    }
}

/* --- the table -------------------------------------------------------------------------------- */

static struct answer_key key_of(const struct answer_secret *secret, const char *a, const char *b)
{
    const struct slice parts[] = {S(a), S(b)};
    return answer_key_of(secret, parts, 2);
}

static void an_answer_is_not_used_when_it_is_old(void **state)
{
    (void)state;
    struct answer_secret secret;
    answer_secret_make(&secret);
    struct answer_table *table = answer_table_create(1, NULL);
    struct answer_key key = key_of(&secret, "a", "b");
    answer_table_put(table, &key, NULL, 1000);
    assert_true(answer_table_find(table, &key, 999, NULL));
    assert_false(answer_table_find(table, &key, 1000, NULL));
    answer_table_put(table, &key, NULL, 2000);
    assert_true(answer_table_find(table, &key, 1999, NULL));
    answer_table_free(&table);
}

static void keys_differ_by_part_and_by_secret(void **state)
{
    (void)state;
    struct answer_secret secret, other;
    answer_secret_make(&secret);
    answer_secret_make(&other);
    struct answer_key key = key_of(&secret, "ab", "c"), same = key_of(&secret, "ab", "c");
    struct answer_key moved = key_of(&secret, "a", "bc"), elsewhere = key_of(&other, "ab", "c");
    assert_memory_equal(&key, &same, sizeof key);
    assert_memory_not_equal(&key, &moved, sizeof key);
    assert_memory_not_equal(&key, &elsewhere, sizeof key);
}

static void a_full_set_forgets_the_answer_that_ends_first(void **state)
{
    (void)state;
    struct answer_secret secret;
    answer_secret_make(&secret);
    struct answer_table *table = answer_table_create(1, NULL);
    struct answer_key keys[ANSWER_WAYS + 1];
    for (unsigned i = 0; i < ANSWER_WAYS + 1; i++) {
        const struct slice part = slice_of(&i, sizeof i);
        keys[i] = answer_key_of(&secret, &part, 1);
        answer_table_put(table, &keys[i], NULL, 100 + i);
    }
    assert_false(answer_table_find(table, &keys[0], 0, NULL));
    for (unsigned i = 1; i < ANSWER_WAYS + 1; i++)
        assert_true(answer_table_find(table, &keys[i], 0, NULL));
    answer_table_free(&table);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_login_that_was_accepted_is_not_asked_for_again),
        cmocka_unit_test(what_is_kept_is_asked_for_again_once_it_is_cleared),
        cmocka_unit_test(other_credentials_are_asked_for),
        cmocka_unit_test(a_user_that_somebody_else_authenticated_is_another_question),
        cmocka_unit_test(a_refused_login_is_asked_for_again_unless_refusals_are_kept),
        cmocka_unit_test(a_backend_that_is_down_is_asked_again),
        cmocka_unit_test(a_login_that_has_ended_is_asked_for_again),
        cmocka_unit_test(what_is_known_needs_no_thread),
        cmocka_unit_test(what_a_user_may_do_is_known_to_its_next_login),
        cmocka_unit_test(what_was_refused_is_asked_for_again_unless_refusals_are_kept),
        cmocka_unit_test(an_answer_is_not_used_when_it_is_old),
        cmocka_unit_test(keys_differ_by_part_and_by_secret),
        cmocka_unit_test(a_full_set_forgets_the_answer_that_ends_first),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
