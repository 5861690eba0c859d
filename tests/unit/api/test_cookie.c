/* Cookies that log in: only what was made with the key, and whole, is opened. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "api/cookie.h"

#define S(text) slice_str(text)

static const uint8_t key[COOKIE_KEY_BYTES] = "key", other[COOKIE_KEY_BYTES] = "other";
static const struct cookie_content jane = {
    {(const uint8_t *)"jane", 4}, {(const uint8_t *)"a:b", 3}, 12345678901};

static bool opens(const uint8_t *with, struct slice value)
{
    struct lv_buffer space = {0};
    struct cookie_content content;
    bool is_open = cookie_open(with, value, &space, &content);
    if (is_open) {
        assert_true(slice_is(content.user, "jane") && slice_is(content.password, "a:b"));
        assert_true(content.ends_at_s == jane.ends_at_s);
    }
    lv_buffer_free(&space);
    return is_open;
}

static void a_cookie_is_opened_with_its_key_alone(void **state)
{
    (void)state;
    struct lv_buffer value = {0};
    assert_true(cookie_seal(key, &jane, &value));
    assert_true(opens(key, lv_buffer_slice(&value)));
    assert_false(opens(other, lv_buffer_slice(&value)));
    lv_buffer_free(&value);
}

static void a_cookie_that_was_changed_or_cut_is_not_opened(void **state)
{
    (void)state;
    struct lv_buffer value = {0};
    assert_true(cookie_seal(key, &jane, &value));
    for (size_t i = 0; i < value.n; i++) {
        uint8_t before = value.p[i];
        value.p[i] = before == 'A' ? 'Q' : 'A'; /* differ also where only four bits count */
        assert_false(opens(key, lv_buffer_slice(&value)));
        value.p[i] = before;
        assert_false(opens(key, slice_of(value.p, i)));
    }
    assert_false(opens(key, S("not base64!")));
    lv_buffer_free(&value);
}

static void two_cookies_of_the_same_user_differ(void **state)
{
    (void)state;
    struct lv_buffer a = {0}, b = {0};
    assert_true(cookie_seal(key, &jane, &a) && cookie_seal(key, &jane, &b));
    assert_false(slice_equal(lv_buffer_slice(&a), lv_buffer_slice(&b)));
    lv_buffer_free(&a);
    lv_buffer_free(&b);
}

static void a_cookie_is_found_by_its_whole_name(void **state)
{
    (void)state;
    assert_true(slice_is(cookie_find(S("auth=1"), "auth"), "1"));
    assert_true(slice_is(cookie_find(S("a=0; auth=1; b"), "auth"), "1"));
    assert_true(slice_is(cookie_find(S("auth2=0;auth=a=b"), "auth"), "a=b"));
    assert_true(cookie_find(S("xauth=1; auth"), "auth").n == 0);
    assert_true(cookie_find(S(""), "auth").n == 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_cookie_is_opened_with_its_key_alone),
        cmocka_unit_test(a_cookie_that_was_changed_or_cut_is_not_opened),
        cmocka_unit_test(two_cookies_of_the_same_user_differ),
        cmocka_unit_test(a_cookie_is_found_by_its_whole_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
