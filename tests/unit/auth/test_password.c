#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>

#include "auth/password.h"
#include "base/error.h"

#define S(text) slice_str(text)

/* Hashes of the password "test12" with the salt 90 8d c6 0a; the first is from RabbitMQ's guide.
 * That of scrypt, with the salt 00 01 .. 0f, was made by Python's hashlib. */
static const char *const known[] = {
    [PASSWORD_SHA256] = "kI3GCqW5JLMJa4iX1lo7X4D6XbYqlLgxIs30+P6tENUV2POR",
    [PASSWORD_SHA512] = ("kI3GChuNuIYf8lRbCCxZjgjKwsY19ns6+uFO0zcXRBGA/XGJPYD8"
                         "OWMy7EB8TaOmAzjP2azv84GbINYwX2cDWb4DHnc="),
    [PASSWORD_MD5] = "kI3GChNpte2FApYFXScl+0dIluk=",
    [PASSWORD_SCRYPT] = ("$scrypt$ln=14,r=8,p=1$AAECAwQFBgcICQoLDA0ODw$Y"
                         "63IalrsxW2Dxjd6oxLlTeW1o1ugoHG/Ch+QLlqoB0Y"),
};

static void hashes_made_by_others_are_understood(void **state)
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

static void scrypt_is_read_only_with_parameters_that_a_login_can_afford(void **state)
{
    (void)state;
#define SALT_AND_HASH "$AAECAwQFBgcICQoLDA0ODw$AAECAwQFBgcICQoLDA0ODwABAgMEBQYHCAkKCwwNDg8"
    static const char *const fine[] = {
        "$scrypt$ln=14,r=8,p=1" SALT_AND_HASH,
        "$scrypt$ln=4,r=1,p=16" SALT_AND_HASH,
    };
    static const char *const bad[] = {
        "",
        "$scrypt$",
        "$scrypt$ln=15,r=8,p=1" SALT_AND_HASH, /* 32 MiB */
        "$scrypt$ln=14,r=9,p=1" SALT_AND_HASH,
        "$scrypt$ln=14,r=8,p=17" SALT_AND_HASH,
        "$scrypt$ln=0,r=8,p=1" SALT_AND_HASH,
        "$scrypt$ln=14,r=0,p=1" SALT_AND_HASH,
        "$scrypt$ln=99,r=8,p=1" SALT_AND_HASH,
        "$scrypt$ln=04,r=8,p=1" SALT_AND_HASH,
        "$scrypt$ln= 4,r=8,p=1" SALT_AND_HASH,
        "$scrypt$ln=-1,r=8,p=1" SALT_AND_HASH,
        "$scrypt$ln=14,r=8,p=1" SALT_AND_HASH "=",
        "$scrypt$ln=14,r=8,p=1$AAECAwQFBgcICQoLDA0ODw$AAECAwQF",
        "$scrypt$ln=14,r=8,p=1$AAECAwQFBgcICQoLDA0ODx$AAECAwQFBgcICQoLDA0ODwABAgMEBQYHCAkKCwwNDg8",
        "$scrypt$ln=14,r=8,p=1$AAECAwQFBgcICQoLDA0OD!$AAECAwQFBgcICQoLDA0ODwABAgMEBQYHCAkKCwwNDg8",
    };
    for (size_t i = 0; i < sizeof fine / sizeof fine[0]; i++)
        assert_int_equal(password_hash_check(PASSWORD_SCRYPT, S(fine[i])), 0);
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_int_equal(password_hash_check(PASSWORD_SCRYPT, S(bad[i])), ERR_INVALID);
}

static void a_hash_of_nothing_has_no_password(void **state)
{
    (void)state;
    for (int i = 0; i < PASSWORD_ALGORITHM_COUNT; i++) {
        enum password_algorithm a = (enum password_algorithm)i;
        char text[PASSWORD_HASH_TEXT_MAX];
        password_hash_of_nothing(a, text);
        assert_int_equal(password_hash_check(a, S(text)), 0);
        assert_false(password_verify(a, S(text), SLICE_EMPTY));
    }
}

static void the_same_password_is_hashed_differently_each_time(void **state)
{
    (void)state;
    for (int i = 0; i < PASSWORD_ALGORITHM_COUNT; i++) {
        enum password_algorithm a = (enum password_algorithm)i;
        char first[PASSWORD_HASH_TEXT_MAX];
        assert_true(password_hash(a, S("secret"), first));
        char second[PASSWORD_HASH_TEXT_MAX];
        assert_true(password_hash(a, S("secret"), second));
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
        cmocka_unit_test(hashes_made_by_others_are_understood),
        cmocka_unit_test(a_hash_of_another_algorithm_is_refused),
        cmocka_unit_test(text_that_is_not_base64_is_not_a_hash),
        cmocka_unit_test(scrypt_is_read_only_with_parameters_that_a_login_can_afford),
        cmocka_unit_test(a_hash_of_nothing_has_no_password),
        cmocka_unit_test(the_same_password_is_hashed_differently_each_time),
        cmocka_unit_test(algorithms_have_rabbitmqs_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
