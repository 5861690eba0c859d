#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "base/encrypted.h"
#include "base/error.h"

static const struct encryption usual = {ENCRYPTED_DEFAULT_CIPHER, ENCRYPTED_DEFAULT_HASH,
                                        ENCRYPTED_DEFAULT_ITERATIONS};

/* Checks that the base64 decrypts to this text. */
static void check_decoded(const struct encryption *e, const char *base64, const char *text,
                          enum encrypted_kind kind)
{
    struct lv_buffer out = {0};
    enum encrypted_kind found;
    assert_int_equal(encrypted_decode(e, slice_str("pass"), slice_str(base64), &out, &found), 0);
    assert_true(slice_is(lv_buffer_slice(&out), text));
    assert_int_equal(found, kind);
    encrypted_wipe(&out);
}

static void check_refused(const struct encryption *e, const char *passphrase, const char *base64,
                          int expected)
{
    struct lv_buffer out = {0};
    enum encrypted_kind found;
    assert_int_equal(encrypted_decode(e, slice_str(passphrase), slice_str(base64), &out, &found),
                     expected);
    assert_int_equal(out.n, 0);
    lv_buffer_free(&out);
}

#define SECRET "fk1oNjjgUasStnuFqpr5ga3x+PLWqfaQ1fbzF8GBQDERsHbObHHJrkgLK+IeEzBE"

/* Made by rabbitmqctl 3.10.8. */
static void what_rabbitmqctl_has_encoded_is_decoded(void **state)
{
    (void)state;
    const struct encryption strong = {"aes_256_cbc", "sha512", 1000};
    check_decoded(&usual, SECRET, "secret", ENCRYPTED_STRING);
    check_decoded(&usual, "jDWYjilRHDoPKYFk7yYQDHuCFQtXJKSh23ypokfUeGYLuEzKlc4JsF6Np73L51hz",
                  "secret", ENCRYPTED_ATOM);
    check_decoded(&strong, "IreeCDYPAilptar2qS/+WVrpGX5920/hHN8tm6OsH+uoYqxhIga0RQjWq7Q0fRA1",
                  "secret", ENCRYPTED_BINARY);
    check_decoded(&usual, "wTl93GI/mPT9v/VowOLD3n5KBVQbWMhQLWzE6Lr9zgfg4oqyZ6QDZlTfDePDIvtI", "12",
                  ENCRYPTED_INTEGER);
}

static void every_cipher_and_every_hash_works_both_ways(void **state)
{
    (void)state;
    const char *texts[] = {"", "x", "a text of more than one block of any cipher there is"};
    for (size_t c = 0; encrypted_cipher_at(c); c++) {
        for (size_t h = 0; encrypted_hash_at(h); h++) {
            const struct encryption e = {encrypted_cipher_at(c), encrypted_hash_at(h), 3};
            struct lv_buffer out = {0};
            assert_true(encrypted_has_cipher(e.cipher) && encrypted_has_hash(e.hash));
            assert_int_equal(encrypted_encode(&e, slice_str("pass"), ENCRYPTED_STRING,
                                              slice_str(texts[(c + h) % 3]), &out),
                             0);
            lv_buffer_add_u8(&out, 0);
            check_decoded(&e, (const char *)out.p, texts[(c + h) % 3], ENCRYPTED_STRING);
            lv_buffer_free(&out);
        }
    }
}

static void two_encodings_of_one_text_differ(void **state)
{
    (void)state;
    struct lv_buffer a = {0};
    struct lv_buffer b = {0};
    assert_int_equal(
        encrypted_encode(&usual, slice_str("p"), ENCRYPTED_BINARY, slice_str("same"), &a), 0);
    assert_int_equal(
        encrypted_encode(&usual, slice_str("p"), ENCRYPTED_BINARY, slice_str("same"), &b), 0);
    assert_false(slice_equal(lv_buffer_slice(&a), lv_buffer_slice(&b)));
    lv_buffer_free(&a);
    lv_buffer_free(&b);
}

static void a_wrong_passphrase_or_text_is_refused(void **state)
{
    (void)state;
    check_refused(&usual, "wrong", SECRET, ERR_FORMAT);
    check_refused(&usual, "", SECRET, ERR_FORMAT);
    check_refused(&usual, "pass", "", ERR_FORMAT);
    check_refused(&usual, "pass", "AAAA", ERR_FORMAT);
    check_refused(&usual, "pass", "not base64", ERR_FORMAT);
    check_refused(&usual, "pass", "fk1oNjjgUasStnuFqpr5ga3x+PLWqfaQ1fbzF8GBQDERsHbObHHJrkgLK+Ie",
                  ERR_FORMAT); /* cut off */
    check_refused(&usual, "pass",
                  "a8t+AeJSrL2WY/hMTC/7lsFtiho8CtufCAsfBb3kZtecK/a6gQlO9OsYpYsrO8xW",
                  ERR_FORMAT); /* {a,"b"} */
}

static void unknown_ciphers_hashes_and_numbers_are_refused(void **state)
{
    (void)state;
    check_refused(&(struct encryption){"rot13", "sha256", 1}, "pass", SECRET, ERR_INVALID);
    check_refused(&(struct encryption){"aes_128_cbc", "crc32", 1}, "pass", SECRET, ERR_INVALID);
    check_refused(&(struct encryption){"aes_128_cbc", "sha256", 0}, "pass", SECRET, ERR_INVALID);
    check_refused(&(struct encryption){"aes_128_cbc", "sha256", INT64_MAX}, "pass", SECRET,
                  ERR_INVALID);
    assert_false(encrypted_has_cipher("rot13"));
    assert_true(encrypted_has_cipher("aes_cbc256"));
    char *large = calloc(1, 65536);
    struct lv_buffer out = {0};
    assert_int_equal(
        encrypted_encode(&usual, slice_str("p"), ENCRYPTED_STRING, slice_of(large, 65536), &out),
        ERR_TOO_LARGE);
    free(large);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_rabbitmqctl_has_encoded_is_decoded),
        cmocka_unit_test(every_cipher_and_every_hash_works_both_ways),
        cmocka_unit_test(two_encodings_of_one_text_differ),
        cmocka_unit_test(a_wrong_passphrase_or_text_is_refused),
        cmocka_unit_test(unknown_ciphers_hashes_and_numbers_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
