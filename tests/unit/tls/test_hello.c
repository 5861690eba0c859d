/* Which beginnings of a connection announce a ClientHello that is too long. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "tls/hello.h"

#define RECORD(type, n) type, 3, 1, (n) >> 8, (n)&255
#define MESSAGE(type, n) type, (n) >> 16, ((n) >> 8) & 255, (n)&255
enum { ALERT = 21, HANDSHAKE = 22, SPEC = 20, SECRET = 23, HELLO = 1, CERTIFICATE = 11 };

static bool passes_in_pieces(const uint8_t *p, size_t n, size_t piece, bool is_tls_1_2)
{
    struct tls_hello hello = {0};
    for (size_t at = 0; at < n; at += piece)
        if (!tls_hello_watch(&hello, p + at, piece < n - at ? piece : n - at, is_tls_1_2))
            return false;
    return true;
}

/* Whether the bytes pass, however many come at once. */
static bool passes(const uint8_t *p, size_t n, bool is_tls_1_2)
{
    bool at_once = passes_in_pieces(p, n, n, is_tls_1_2);
    for (size_t piece = 1; piece < n; piece++)
        assert_int_equal(passes_in_pieces(p, n, piece, is_tls_1_2), at_once);
    return at_once;
}

#define PASSES(is_tls_1_2, ...)                                                                    \
    passes((const uint8_t[]){__VA_ARGS__}, sizeof((const uint8_t[]){__VA_ARGS__}), is_tls_1_2)

static void a_long_hello_is_refused_when_its_length_has_come(void **state)
{
    (void)state;
    assert_true(PASSES(false, RECORD(HANDSHAKE, 16384), MESSAGE(HELLO, HELLO_BYTES_MAX), 3, 3));
    assert_false(PASSES(false, RECORD(HANDSHAKE, 16384), MESSAGE(HELLO, HELLO_BYTES_MAX + 1)));
    assert_false(PASSES(false, RECORD(HANDSHAKE, 4), MESSAGE(HELLO, 131000)));
}

static void its_length_may_come_in_several_records(void **state)
{
    (void)state;
    assert_false(PASSES(false, RECORD(HANDSHAKE, 1), HELLO, RECORD(HANDSHAKE, 0),
                        RECORD(HANDSHAKE, 2), 1, 0, RECORD(HANDSHAKE, 9), 0));
}

static void a_second_hello_is_watched_too(void **state)
{
    (void)state;
    assert_false(PASSES(false, RECORD(HANDSHAKE, 6), MESSAGE(HELLO, 2), 3, 3, RECORD(SPEC, 1), 1,
                        RECORD(HANDSHAKE, 4), MESSAGE(HELLO, 131000)));
    assert_false(
        PASSES(false, RECORD(HANDSHAKE, 10), MESSAGE(HELLO, 2), 3, 3, MESSAGE(HELLO, 131000)));
}

static void other_messages_may_be_longer(void **state)
{
    (void)state;
    assert_true(PASSES(true, RECORD(HANDSHAKE, 4), MESSAGE(CERTIFICATE, 30000)));
}

static void what_is_encrypted_is_not_watched(void **state)
{
    (void)state;
    assert_true(PASSES(true, RECORD(SPEC, 1), 1, RECORD(HANDSHAKE, 4), MESSAGE(HELLO, 131000)));
    assert_true(PASSES(false, RECORD(SECRET, 4), MESSAGE(HELLO, 131000), RECORD(HANDSHAKE, 4),
                       MESSAGE(HELLO, 131000)));
    assert_true(
        PASSES(false, RECORD(ALERT, 2), 1, 0, RECORD(HANDSHAKE, 4), MESSAGE(HELLO, 131000)));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_long_hello_is_refused_when_its_length_has_come),
        cmocka_unit_test(its_length_may_come_in_several_records),
        cmocka_unit_test(a_second_hello_is_watched_too),
        cmocka_unit_test(other_messages_may_be_longer),
        cmocka_unit_test(what_is_encrypted_is_not_watched),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
