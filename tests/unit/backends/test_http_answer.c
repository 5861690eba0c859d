#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "backends/http/http_answer.h"

static void buffer_is(struct lv_buffer *buffer, const char *expected)
{
    lv_buffer_add_u8(buffer, '\0');
    assert_string_equal((const char *)buffer->p, expected);
    lv_buffer_free(buffer);
}

static void login_gives(long status, const char *body, enum auth_answer expected,
                        const char *expected_tags, const char *expected_reason)
{
    struct lv_buffer tags = {0};
    struct lv_buffer reason = {0};
    struct slice bytes = body ? slice_str(body) : SLICE_EMPTY; /* the service has sent none */
    assert_int_equal(http_answer_login(status, bytes, &tags, &reason), expected);
    buffer_is(&tags, expected_tags);
    buffer_is(&reason, expected_reason);
}

static void question_gives(long status, const char *body, enum auth_answer expected,
                           const char *expected_reason)
{
    struct lv_buffer reason = {0};
    assert_int_equal(http_answer_question(status, slice_str(body), &reason), expected);
    buffer_is(&reason, expected_reason);
}

static void allow_is_in_upper_or_lower_case_with_space_around_it(void **state)
{
    (void)state;
    login_gives(200, "allow", AUTH_ALLOWED, "", "");
    login_gives(201, "Allow\r\n", AUTH_ALLOWED, "", "");
    question_gives(200, " ALLOW\n", AUTH_ALLOWED, "");
}

static void a_login_is_given_tags_in_lower_case(void **state)
{
    (void)state;
    login_gives(200, "allow administrator", AUTH_ALLOWED, "administrator", "");
    login_gives(200, "ALLOW Administrator  Monitoring\n", AUTH_ALLOWED, "administrator,monitoring",
                "");
}

static void deny_may_have_a_reason(void **state)
{
    (void)state;
    login_gives(200, "deny", AUTH_REFUSED, "", "");
    login_gives(200, "Deny\n", AUTH_REFUSED, "", "");
    login_gives(200, "deny Too late today\n", AUTH_REFUSED, "", "Too late today");
    question_gives(200, "deny no such queue", AUTH_REFUSED, "no such queue");
}

#define NEITHER "it answers neither allow nor deny, but "

static void every_other_body_makes_no_sense(void **state)
{
    (void)state;
    login_gives(200, "", AUTH_UNANSWERED, "", NEITHER "''");
    login_gives(200, NULL, AUTH_UNANSWERED, "", NEITHER "''");
    login_gives(200, "allowed", AUTH_UNANSWERED, "", NEITHER "'allowed'");
    login_gives(200, "denied", AUTH_UNANSWERED, "", NEITHER "'denied'");
    login_gives(200, "true", AUTH_UNANSWERED, "", NEITHER "'true'");
    login_gives(200, "all", AUTH_UNANSWERED, "", NEITHER "'all'");
    login_gives(200, "<html><head><title>Log in</title></head><body>Please log in to go on.</body>",
                AUTH_UNANSWERED, "",
                NEITHER
                "'<html><head><title>Log in</title></head><body>Please log in ' ... (76 bytes)");
    question_gives(200, "allow administrator", AUTH_UNANSWERED, NEITHER "'allow administrator'");
}

static void every_other_status_makes_no_sense(void **state)
{
    (void)state;
    login_gives(204, "", AUTH_UNANSWERED, "", "it answers with the status 204");
    login_gives(403, "deny", AUTH_UNANSWERED, "", "it answers with the status 403");
    question_gives(302, "allow", AUTH_UNANSWERED, "it answers with the status 302");
    question_gives(500, "allow", AUTH_UNANSWERED, "it answers with the status 500");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(allow_is_in_upper_or_lower_case_with_space_around_it),
        cmocka_unit_test(a_login_is_given_tags_in_lower_case),
        cmocka_unit_test(deny_may_have_a_reason),
        cmocka_unit_test(every_other_body_makes_no_sense),
        cmocka_unit_test(every_other_status_makes_no_sense),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
