#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>

#include "auth/password.h"
#include "base/error.h"

#define S(text) slice_str(text)

/* Hashes of the password "test12" with the salt 90 8d c6 0a; the first is from RabbitMQ's guide. */
static const char *const known[] = {
    [PASSWORD_SHA256] = "kI3GCqW5JLMJa4iX1lo7X4D6XbYqlLgxIs30+P6tENUV2POR",
    [PASSWORD_SHA512] = ("kI3GChuNuIYf8lRbCCxZjgjKwsY19ns6+uFO0zcXRBGA/XGJPYD8"
                         "OWMy7EB8TaOmAzjP2azv84GbINYwX2cDWb4DHnc="),
    [PASSWORD_MD5] = "kI3GChNpte2FApYFXScl+0dIluk=",
};

static void hashes_made_by_rabbitmq_are_understood(void **state)
{
    (void)state;
    for (int i = 0; i < PASSWORD_ALGORITHM_COUNT; i++) {
        enum password_algorithm a = (enum password_algorithm)i;
        assert_int_equal(password_hash_check(a, S(known[i])), 0);
        assert_true(password_verify(a, S(known[i]), S("test12")));
        assert_false(password_verify(a, S(known[i]), S("test13")));
        assert_false(password_verify(a, S(known[i]), SLICE_EMPTY));
    }
}

static void a_hash_of_another_algorithm_is_refused(void **state)
{
    (void)state;
    assert_int_equal(password_hash_check(PASSWORD_SHA512, S(known[PASSWORD_SHA256])), ERR_INVALID);
    assert_false(password_verify(PASSWORD_MD5, S(known[PASSWORD_SHA256]), S("test12")));
}

static void text_that_is_not_base64_is_not_a_hash(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "",
        "x",
        "kI3GCqW5JLMJa4iX1lo7X4D6XbYqlLgxIs30+P6tENUV2PO",
        "kI3GCqW5JLMJa4iX1lo7X4D6XbYqlLgxIs30+P6tENUV2PO!",
        " I3GCqW5JLMJa4iX1lo7X4D6XbYqlLgxIs30+P6tENUV2POR",
        "====kI3GCqW5JLMJa4iX1lo7X4D6XbYqlLgxIs30+P6tENUV",
    };
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        assert_int_equal(password_hash_check(PASSWORD_SHA256, S(texts[i])), ERR_INVALID);
        assert_false(password_verify(PASSWORD_SHA256, S(texts[i]), S("test12")));
    }
}

static void the_same_password_is_hashed_differently_each_time(void **state)
{
    (void)state;
    for (int i = 0; i < PASSWORD_ALGORITHM_COUNT; i++) {
        enum password_algorithm a = (enum password_algorithm)i;
        char first[PASSWORD_HASH_TEXT_MAX];
        password_hash(a, S("secret"), first);
        char second[PASSWORD_HASH_TEXT_MAX];
        password_hash(a, S("secret"), second);
        assert_string_not_equal(first, second);
        assert_true(password_verify(a, S(first), S("secret")));
        assert_true(password_verify(a, S(second), S("secret")));
        assert_false(password_verify(a, S(second), S("Secret")));
    }
}

static void algorithms_have_rabbitmqs_names(void **state)
{
    (void)state;
    enum password_algorithm a = PASSWORD_MD5;
    assert_int_equal(password_algorithm_of(SLICE_EMPTY, &a), 0);
    assert_int_equal(a, PASSWORD_SHA256);
    assert_int_equal(password_algorithm_of(S("rabbit_password_hashing_sha512"), &a), 0);
    assert_int_equal(a, PASSWORD_SHA512);
    assert_int_equal(password_algorithm_of(S("rot13"), &a), ERR_INVALID);
    assert_int_equal(a, PASSWORD_SHA512);
    assert_string_equal(password_algorithm_name(PASSWORD_MD5), "rabbit_password_hashing_md5");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(hashes_made_by_rabbitmq_are_understood),
        cmocka_unit_test(a_hash_of_another_algorithm_is_refused),
        cmocka_unit_test(text_that_is_not_base64_is_not_a_hash),
        cmocka_unit_test(the_same_password_is_hashed_differently_each_time),
        cmocka_unit_test(algorithms_have_rabbitmqs_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
