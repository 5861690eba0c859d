/* Who asks: what an operator may do by its tags and permissions, and what one who may not is
 * told. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/error.h"
#include "manage/manage.h"
#include "message/events.h"

#define S(text) slice_str(text)

struct world {
    struct auth *auth;
    struct auth_identity *identity;
    struct actor actor;
    struct manage_error error;
};

/* A user with these tags, who may do all to queues called "a..." in vhost "/", and nothing
 * elsewhere. */
static void begin(struct world *w, const char *tags)
{
    *w = (struct world){.auth = auth_create(NULL)};
    auth_set_hashing(w->auth, PASSWORD_SHA256); /* fast */
    assert_int_equal(auth_add_user(w->auth, S("eve"), S("secret"), S(tags), NULL, NULL), 0);
    const struct definition_permission row = {S("/"), S("eve"), S("^a"), S("^a"), S("^a")};
    assert_int_equal(auth_set_permissions(w->auth, &row, NULL, NULL, NULL), 0);
    assert_int_equal(auth_identity_of(w->auth, S("eve"), &w->identity), 0);
    w->actor = (struct actor){.name = S("eve"), .identity = w->identity};
}

static void end(struct world *w)
{
    manage_error_free(&w->error);
    auth_identity_unref(&w->identity);
    auth_free(&w->auth);
}

static void assert_refused(const struct world *w, enum refusal refusal, const char *text)
{
    assert_int_equal(w->error.refusal, refusal);
    assert_true(slice_is(lv_buffer_slice(&w->error.text), text));
}

static bool has_rank(const char *tags, enum actor_rank rank)
{
    struct world w;
    begin(&w, tags);
    bool has = actor_check_rank(&w.actor, rank, &w.error);
    assert_int_equal(w.error.refusal, has ? REFUSAL_NONE : REFUSAL_ACCESS);
    end(&w);
    return has;
}

static void tags_give_ranks_that_include_lower_ranks(void **state)
{
    (void)state;
    static const struct {
        const char *tags;
        bool is_management, is_monitoring, is_policymaker, is_administrator;
    } rows[] = {
        {"", false, false, false, false},
        {"impersonator,other", false, false, false, false},
        {"management", true, false, false, false},
        {"monitoring", true, true, false, false},
        {"policymaker", true, false, true, false},
        {"policymaker,monitoring", true, true, true, false},
        {"administrator", true, true, true, true},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        assert_int_equal(has_rank(rows[i].tags, ACTOR_MANAGEMENT), rows[i].is_management);
        assert_int_equal(has_rank(rows[i].tags, ACTOR_MONITORING), rows[i].is_monitoring);
        assert_int_equal(has_rank(rows[i].tags, ACTOR_POLICYMAKER), rows[i].is_policymaker);
        assert_int_equal(has_rank(rows[i].tags, ACTOR_ADMINISTRATOR), rows[i].is_administrator);
    }
}

static void the_operator_of_this_machine_may_do_everything(void **state)
{
    (void)state;
    struct manage_error error = {0};
    assert_true(slice_is(actor_cli.name, EVENT_ACTOR_CLI));
    assert_true(actor_check_rank(&actor_cli, ACTOR_ADMINISTRATOR, &error));
    assert_true(actor_check_vhost(&actor_cli, ACTOR_POLICYMAKER, S("anywhere"), &error));
    assert_true(actor_check_queue(&actor_cli, AUTH_CONFIGURE, S("/"), S("q"), &error));
    assert_true(actor_check_exchange(&actor_cli, AUTH_WRITE, S("/"), S("x"), &error));
    assert_int_equal(error.refusal, REFUSAL_NONE);
}

static void a_monitor_sees_every_vhost_and_others_see_those_they_have_access_to(void **state)
{
    (void)state;
    struct world w;
    begin(&w, "monitoring");
    assert_true(actor_check_vhost(&w.actor, ACTOR_MANAGEMENT, S("/"), &w.error));
    assert_true(actor_check_vhost(&w.actor, ACTOR_MANAGEMENT, S("other"), &w.error));
    end(&w);
    begin(&w, "management");
    assert_true(actor_check_vhost(&w.actor, ACTOR_MANAGEMENT, S("/"), &w.error));
    assert_false(actor_check_vhost(&w.actor, ACTOR_MANAGEMENT, S("other"), &w.error));
    assert_refused(&w, REFUSAL_ACCESS, "user 'eve' has no access to vhost 'other'");
    end(&w);
}

static void a_policymaker_may_change_only_vhosts_it_has_access_to(void **state)
{
    (void)state;
    struct world w;
    begin(&w, "policymaker");
    assert_true(actor_check_vhost(&w.actor, ACTOR_POLICYMAKER, S("/"), &w.error));
    assert_false(actor_check_vhost(&w.actor, ACTOR_POLICYMAKER, S("other"), &w.error));
    assert_false(actor_check_vhost(&w.actor, ACTOR_ADMINISTRATOR, S("/"), &w.error));
    assert_refused(&w, REFUSAL_ACCESS, "user 'eve' has no tag 'administrator'");
    end(&w);
}

static void an_administrator_may_administrate_every_vhost(void **state)
{
    (void)state;
    struct world w;
    begin(&w, "administrator");
    assert_true(actor_check_vhost(&w.actor, ACTOR_MANAGEMENT, S("other"), &w.error));
    assert_true(actor_check_vhost(&w.actor, ACTOR_POLICYMAKER, S("other"), &w.error));
    assert_true(actor_check_vhost(&w.actor, ACTOR_ADMINISTRATOR, S("other"), &w.error));
    end(&w);
}

static void permissions_hold_for_operators_as_for_clients(void **state)
{
    (void)state;
    struct world w;
    begin(&w, "administrator");
    assert_true(actor_check_queue(&w.actor, AUTH_CONFIGURE, S("/"), S("apples"), &w.error));
    assert_false(actor_check_queue(&w.actor, AUTH_CONFIGURE, S("/"), S("pears"), &w.error));
    assert_refused(&w, REFUSAL_ACCESS,
                   "access to queue 'pears' in vhost '/' refused for user 'eve'");
    assert_false(actor_check_exchange(&w.actor, AUTH_READ, S("other"), S("apples"), &w.error));
    assert_refused(&w, REFUSAL_ACCESS,
                   "access to exchange 'apples' in vhost 'other' refused for user 'eve'");
    end(&w);
}

static void a_user_with_permissions_but_without_a_tag_is_not_an_operator(void **state)
{
    (void)state;
    struct world w;
    begin(&w, "");
    assert_false(actor_check_queue(&w.actor, AUTH_CONFIGURE, S("/"), S("apples"), &w.error));
    assert_refused(&w, REFUSAL_ACCESS, "user 'eve' has no tag 'management'");
    end(&w);
}

static void a_deleted_user_may_do_nothing(void **state)
{
    (void)state;
    struct world w;
    begin(&w, "administrator");
    assert_int_equal(auth_delete_user(w.auth, S("eve"), NULL, NULL), 0);
    assert_false(actor_check_rank(&w.actor, ACTOR_MANAGEMENT, &w.error));
    end(&w);
}

static void a_system_error_is_reported_with_its_number_and_text(void **state)
{
    (void)state;
    struct manage_error error = {0};
    assert_true(manage_end(&error, 0));
    assert_int_equal(error.refusal, REFUSAL_NONE);
    assert_false(manage_end(&error, ERR_CLOSED));
    assert_int_equal(error.refusal, REFUSAL_INTERNAL);
    assert_int_equal(error.error, ERR_CLOSED);
    assert_true(slice_is(lv_buffer_slice(&error.text), lv_error_text(ERR_CLOSED)));
    manage_refuse(&error, REFUSAL_NOT_FOUND, SUBJECT_QUEUE, "no '%s'", "q");
    assert_int_equal(error.error, 0);
    assert_true(slice_is(lv_buffer_slice(&error.text), "no 'q'"));
    manage_error_free(&error);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tags_give_ranks_that_include_lower_ranks),
        cmocka_unit_test(the_operator_of_this_machine_may_do_everything),
        cmocka_unit_test(a_monitor_sees_every_vhost_and_others_see_those_they_have_access_to),
        cmocka_unit_test(a_policymaker_may_change_only_vhosts_it_has_access_to),
        cmocka_unit_test(an_administrator_may_administrate_every_vhost),
        cmocka_unit_test(permissions_hold_for_operators_as_for_clients),
        cmocka_unit_test(a_user_with_permissions_but_without_a_tag_is_not_an_operator),
        cmocka_unit_test(a_deleted_user_may_do_nothing),
        cmocka_unit_test(a_system_error_is_reported_with_its_number_and_text),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
