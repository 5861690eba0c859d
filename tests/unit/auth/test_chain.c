/* Chains of backends, with a backend that says what the test wants: nobody gets in by one that is
 * down, slow or wrong, and nobody else waits for it. */
#include <stdio.h>

#include "auth/chain_world.h"
#include "base/memory.h"

/* --- logging in ------------------------------------------------------------------------------- */

static void the_first_backend_that_accepts_a_user_decides(void **state)
{
    (void)state;
    struct world w;
    world_start(&w);
    struct fake *first = link_alone(&w, "first"), *second = link_alone(&w, "second");
    auth_chain_add_link(w.chain, CHAIN_INTERNAL, NULL, 0);
    auth_set_chain(w.auth, &w.chain);
    first->log_in = AUTH_REFUSED;
    second->tags = "management, policymaker";
    assert_true(logs_in(&w, "eve", "x"));
    assert_int_equal(first->logins, 1);
    assert_true(auth_has_tag(w.identity, "policymaker"));
    assert_true(auth_is_external(w.identity));
    assert_int_equal(may_read(&w, "q"), AUTH_ALLOWED);
    assert_int_equal(first->questions, 0);
    second->log_in = AUTH_UNANSWERED;
    assert_true(logs_in(&w, "ann", "secret"));
    assert_false(auth_is_external(w.identity));
    assert_true(auth_has_tag(w.identity, "monitoring"));
    assert_int_equal(may_read(&w, "q"), AUTH_REFUSED); /* no permission in the definitions */
    world_stop(&w);
}

static void a_refusal_names_every_backend_that_was_asked(void **state)
{
    (void)state;
    struct world w;
    world_start(&w);
    link_alone(&w, "first")->log_in = AUTH_REFUSED;
    link_alone(&w, "second")->log_in = AUTH_UNANSWERED;
    auth_chain_add_link(w.chain, CHAIN_INTERNAL, NULL, 0);
    auth_set_chain(w.auth, &w.chain);
    assert_false(logs_in(&w, "ann", "wrong"));
    assert_string_equal(w.reason, "first: it says no; second: it is down; "
                                  "internal: user 'ann' - invalid credentials");
    world_stop(&w);
}

static void all_that_authorize_must_know_the_user_and_allow(void **state)
{
    (void)state;
    struct world w;
    world_start(&w);
    struct fake *names = fake_create("names"), *rights = fake_create("rights");
    unsigned authn = auth_chain_add_backend(w.chain, &names->backend);
    const unsigned authz[] = {auth_chain_add_backend(w.chain, &rights->backend), CHAIN_INTERNAL};
    auth_chain_add_link(w.chain, authn, authz, 2);
    auth_set_chain(w.auth, &w.chain);
    names->name = "ann"; /* whatever the client calls itself */
    rights->tags = "management";
    assert_true(logs_in(&w, "token", "x"));
    assert_true(slice_is(auth_identity_name(w.identity), "ann"));
    assert_true(slice_is(auth_identity_tags(w.identity), "management,monitoring"));
    assert_true(rights->had_password);
    assert_int_equal(may_read(&w, "q"), AUTH_REFUSED); /* by the definitions */
    assert_int_equal(rights->questions, 0);
    const struct definition_permission row = {S("/"), S("ann"), S(""), S(""), S("q")};
    assert_int_equal(auth_set_permissions(w.auth, &row, NULL, NULL, NULL), 0);
    assert_int_equal(may_read(&w, "q"), AUTH_ALLOWED);
    assert_int_equal(names->questions, 0);
    rights->may = AUTH_REFUSED;
    assert_int_equal(may_read(&w, "q2"), AUTH_REFUSED);
    names->name = "bob"; /* there is none in the definitions */
    assert_false(logs_in(&w, "token", "x"));
    assert_string_equal(w.reason, "internal: user 'bob' - there is no such user");
    world_stop(&w);
}

static void a_user_keeps_the_backends_that_accepted_it(void **state)
{
    (void)state;
    struct world w;
    world_start(&w);
    struct fake *old = link_alone(&w, "old");
    auth_set_chain(w.auth, &w.chain);
    assert_true(logs_in(&w, "eve", "x"));
    auth_set_chain(w.auth, &w.chain); /* NULL: the internal one alone */
    assert_int_equal(may_read(&w, "q"), AUTH_ALLOWED);
    assert_int_equal(old->questions, 1);
    struct auth_identity *eve = w.identity;
    w.identity = NULL;
    assert_false(logs_in(&w, "eve", "x"));
    auth_identity_unref(&eve);
    auth_set_chain(w.auth, &w.chain); /* frees the old one */
    world_stop(&w);
}

static void nobody_waits_while_a_chain_that_was_replaced_is_freed(void **state)
{
    (void)state;
    struct world w;
    sem_t blocks, begun;
    world_start(&w);
    sem_init(&blocks, 0, 0);
    sem_init(&begun, 0, 0);
    struct fake *old = link_alone(&w, "old");
    auth_set_chain(w.auth, &w.chain);
    auth_start_threads(w.auth);
    old->blocks = &blocks;
    old->begun = &begun;
    old->blocks_at_end = true;
    auth_set_chain(w.auth, &w.chain); /* NULL: the internal one alone */
    sem_wait(&begun);
    assert_true(logs_in(&w, "ann", "secret"));
    sem_post(&blocks);
    world_stop(&w);
    sem_destroy(&blocks);
    sem_destroy(&begun);
}

/* --- what it may do --------------------------------------------------------------------------- */

static void an_answer_is_asked_for_once(void **state)
{
    (void)state;
    struct world w;
    world_start(&w);
    struct fake *f = link_alone(&w, "fake");
    auth_set_chain(w.auth, &w.chain);
    assert_true(logs_in(&w, "eve", "x"));
    assert_int_equal(may_read(&w, "q"), AUTH_ALLOWED);
    f->may = AUTH_REFUSED;
    assert_int_equal(may_read(&w, "q"), AUTH_ALLOWED); /* it is fresh */
    assert_int_equal(f->questions, 1);
    assert_int_equal(may_read(&w, "r"), AUTH_REFUSED);
    assert_int_equal(may_read(&w, "r"), AUTH_REFUSED);
    assert_int_equal(f->questions, 2);
    world_stop(&w);
}

static void an_answer_that_is_forgotten_is_not_used_even_if_the_backend_is_down(void **state)
{
    (void)state;
    struct world w;
    world_start(&w);
    struct fake *f = link_alone(&w, "fake");
    auth_set_chain(w.auth, &w.chain);
    assert_true(logs_in(&w, "eve", "x"));
    assert_int_equal(may_read(&w, "q"), AUTH_ALLOWED);
    uint64_t generation = auth_generation();
    auth_forget_decisions(w.auth);
    assert_true(auth_generation() > generation);
    assert_int_equal(may_read(&w, "q"), AUTH_ALLOWED);
    assert_int_equal(f->questions, 2);
    f->may = AUTH_UNANSWERED;
    auth_forget_decisions(w.auth);
    assert_int_equal(may_read(&w, "q"), AUTH_REFUSED);
    world_stop(&w);
}

/* Asks until the backend has been asked this often. Returns whether any answer was no. */
static bool asks_until(struct world *w, const char *queue, const struct fake *f, unsigned questions)
{
    bool was_refused = false;
    while (f->questions < questions)
        was_refused |= may_read(w, queue) == AUTH_REFUSED;
    return was_refused;
}

static void an_old_answer_is_asked_for_again_and_its_end_changes_the_generation(void **state)
{
    (void)state;
    struct world w;
    world_start(&w);
    struct fake *f = link_alone(&w, "fake");
    auth_set_chain(w.auth, &w.chain);
    auth_set_decisions(w.auth, 1); /* answers are old in the next millisecond */
    assert_true(logs_in(&w, "eve", "x"));
    uint64_t generation = auth_generation();
    assert_false(asks_until(&w, "q", f, 3));
    assert_int_equal(auth_generation(), generation);
    f->may = AUTH_REFUSED;
    asks_until(&w, "q", f, 4);
    assert_true(auth_generation() > generation);
    world_stop(&w);
}

static void count_answer(void *arg)
{
    ++*(unsigned *)arg;
}

/* As if the thread that asks were held up until the answer is old. */
static void an_answer_that_is_old_when_it_is_looked_at_is_asked_for_again(void **state)
{
    (void)state;
    struct world w;
    unsigned called = 0;
    world_start(&w);
    struct fake *f = link_alone(&w, "fake");
    auth_set_chain(w.auth, &w.chain);
    assert_true(logs_in(&w, "eve", "x"));
    auth_set_decisions(w.auth, 0);
    assert_int_equal(may_read(&w, "q"), AUTH_UNANSWERED);
    auth_await(w.identity, w.loop, count_answer, &called);
    loops_drain(w.loops);
    assert_int_equal(called, 1);
    auth_set_decisions(w.auth, 60000);
    assert_int_equal(may_read(&w, "q"), AUTH_ALLOWED);
    assert_int_equal(f->questions, 2);
    world_stop(&w);
}

static void a_backend_that_is_down_grants_nothing_new_and_takes_nothing_away(void **state)
{
    (void)state;
    struct world w;
    world_start(&w);
    struct fake *f = link_alone(&w, "fake");
    auth_set_chain(w.auth, &w.chain);
    assert_true(logs_in(&w, "eve", "x"));
    auth_set_decisions(w.auth, 1);
    assert_int_not_equal(may_read(&w, "q"), AUTH_REFUSED);
    uint64_t generation = auth_generation();
    f->may = AUTH_UNANSWERED;
    assert_false(asks_until(&w, "q", f, 5));
    auth_set_decisions(w.auth, 60000);
    assert_int_equal(may_read(&w, "other"), AUTH_REFUSED);
    assert_int_equal(may_read(&w, "q"), AUTH_ALLOWED);
    assert_int_equal(auth_generation(), generation);
    f->log_in = AUTH_UNANSWERED;
    assert_false(logs_in(&w, "eve", "x"));
    world_stop(&w);
}

static void who_waits_for_an_answer_is_called_when_it_has_come(void **state)
{
    (void)state;
    struct world w;
    sem_t blocks, begun;
    unsigned called = 0, forgotten = 0;
    world_start(&w);
    sem_init(&blocks, 0, 0);
    sem_init(&begun, 0, 0);
    struct fake *f = link_alone(&w, "fake");
    auth_set_chain(w.auth, &w.chain);
    assert_true(logs_in(&w, "eve", "x"));
    f->blocks = &blocks;
    f->begun = &begun;
    auth_start_threads(w.auth);
    assert_int_equal(may_read(&w, "q"), AUTH_UNANSWERED);
    auth_await(w.identity, w.loop, count_answer, &called);
    struct auth_wait *wait = auth_await(w.identity, w.loop, count_answer, &forgotten);
    auth_wait_forget(&wait);
    sem_wait(&begun);
    assert_int_equal(may_read(&w, "q"), AUTH_UNANSWERED); /* asked once, awaited by many */
    sem_post(&blocks);
    auth_stop_threads(w.auth);
    loops_drain(w.loops);
    assert_int_equal(called, 1);
    assert_int_equal(forgotten, 0);
    assert_int_equal(f->questions, 1);
    f->blocks = NULL;
    assert_int_equal(may_read(&w, "q"), AUTH_ALLOWED);
    world_stop(&w);
    sem_destroy(&blocks);
    sem_destroy(&begun);
}

/* --- a slow backend --------------------------------------------------------------------------- */

static void note_answer(void *arg, const struct auth_login_answer *answer)
{
    struct auth_identity *identity = answer->identity;
    *(bool *)arg = identity != NULL;
    auth_identity_unref(&identity);
}

static void nobody_else_waits_for_a_slow_backend(void **state)
{
    (void)state;
    struct world w;
    sem_t blocks, begun;
    bool is_in = true;
    world_start(&w);
    sem_init(&blocks, 0, 0);
    sem_init(&begun, 0, 0);
    struct fake *slow = fake_create("slow");
    unsigned number = auth_chain_add_backend(w.chain, &slow->backend);
    auth_chain_add_link(w.chain, CHAIN_INTERNAL, NULL, 0);
    auth_chain_add_link(w.chain, number, NULL, 0);
    auth_set_chain(w.auth, &w.chain);
    slow->blocks = &blocks;
    slow->begun = &begun;
    slow->log_in = AUTH_REFUSED;
    auth_start_threads(w.auth);
    const struct auth_login_request r = {
        .credentials = {.user = S("eve"), .password = S("x"), .has_password = true},
        .loop = w.loop,
        .done = note_answer,
        .arg = &is_in,
    };
    assert_non_null(auth_log_in(w.auth, &r));
    sem_wait(&begun); /* eve waits for the slow one now */
    assert_true(logs_in(&w, "ann", "secret"));
    sem_post(&blocks);
    auth_stop_threads(w.auth);
    assert_true(is_in);
    loops_drain(w.loops);
    assert_false(is_in);
    world_stop(&w);
    sem_destroy(&blocks);
    sem_destroy(&begun);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_first_backend_that_accepts_a_user_decides),
        cmocka_unit_test(a_refusal_names_every_backend_that_was_asked),
        cmocka_unit_test(all_that_authorize_must_know_the_user_and_allow),
        cmocka_unit_test(a_user_keeps_the_backends_that_accepted_it),
        cmocka_unit_test(nobody_waits_while_a_chain_that_was_replaced_is_freed),
        cmocka_unit_test(an_answer_is_asked_for_once),
        cmocka_unit_test(an_answer_that_is_forgotten_is_not_used_even_if_the_backend_is_down),
        cmocka_unit_test(an_old_answer_is_asked_for_again_and_its_end_changes_the_generation),
        cmocka_unit_test(an_answer_that_is_old_when_it_is_looked_at_is_asked_for_again),
        cmocka_unit_test(a_backend_that_is_down_grants_nothing_new_and_takes_nothing_away),
        cmocka_unit_test(who_waits_for_an_answer_is_called_when_it_has_come),
        cmocka_unit_test(nobody_else_waits_for_a_slow_backend),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
