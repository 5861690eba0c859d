/* Regular expressions: what they match, and that no match takes for ever. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "base/error.h"
#include "base/pattern.h"

static bool matches(const char *text, const char *subject)
{
    struct pattern *pattern = NULL;
    assert_int_equal(pattern_compile(slice_str(text), &pattern, NULL), 0);
    bool is_found = pattern_matches(pattern, slice_str(subject));
    pattern_free(&pattern);
    assert_null(pattern);
    return is_found;
}

static void a_pattern_is_found_anywhere_in_the_subject(void **state)
{
    (void)state;
    assert_true(matches("b+", "abbc"));
    assert_false(matches("^b+$", "abbc"));
    assert_true(matches("^(order|mail)\\.", "mail.eu"));
    assert_true(matches(".*", ""));
    assert_true(matches("", ""));
    assert_false(matches("", "a"));
}

/* Each would try more ways than there are atoms, if it were allowed to. */
static void a_pattern_that_needs_too_many_steps_matches_nothing(void **state)
{
    (void)state;
    static const char *const patterns[] = {"(a+)+$", "^(([a-z])+.)+[A-Z]([a-z])+$", "(a|aa)+$",
                                           "(a|a?)+$", "^(a*)*b$"};
    char subject[256];
    memset(subject, 'a', 254);
    memcpy(subject + 254, "!", 2);
    for (size_t i = 0; i < sizeof patterns / sizeof *patterns; i++) {
        for (int again = 0; again < 1000; again++)
            assert_false(matches(patterns[i], subject));
    }
}

/* Machine code has 32 KiB of stack of its own; this needs more of it. */
static void a_pattern_with_much_backtracking_still_matches(void **state)
{
    (void)state;
    char subject[1000];
    memset(subject, 'a', sizeof subject - 1);
    subject[sizeof subject - 1] = '\0';
    assert_true(matches("^(?:(a)|b)*$", subject));
    assert_true(matches("^((a)|(b)|(c))*$", subject));
}

static void a_pattern_that_does_not_compile_says_why_and_where(void **state)
{
    (void)state;
    struct pattern *pattern = NULL;
    struct lv_buffer reason = {0};
    assert_int_equal(pattern_compile(slice_str("a("), &pattern, &reason), ERR_INVALID);
    assert_null(pattern);
    lv_buffer_add_u8(&reason, 0);
    assert_string_equal((const char *)reason.p,
                        "'a(' is no regular expression: missing closing parenthesis at offset 2");
    lv_buffer_free(&reason);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_pattern_is_found_anywhere_in_the_subject),
        cmocka_unit_test(a_pattern_that_needs_too_many_steps_matches_nothing),
        cmocka_unit_test(a_pattern_with_much_backtracking_still_matches),
        cmocka_unit_test(a_pattern_that_does_not_compile_says_why_and_where),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
