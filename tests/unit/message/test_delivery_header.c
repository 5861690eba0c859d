/* x-delivery-count among the headers, as RabbitMQ's quorum queues put it there. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "message/delivery_header.h"

static void assert_header(struct slice header, uint32_t count, const char *octets, size_t n)
{
    struct lv_buffer out = {0};
    lv_buffer_add(&out, "before", 6);
    struct slice got = delivery_header_with_count(&out, header, count);
    assert_int_equal(got.n, n);
    assert_memory_equal(got.p, octets, n);
    lv_buffer_free(&out);
}
#define HEADER(from, count, to)                                                                    \
    assert_header(slice_of(from, sizeof from - 1), count, to, sizeof to - 1)

static void a_message_without_headers_gets_the_count(void **state)
{
    (void)state;
    HEADER("\0\0", 1,
           "\x20\0\0\0\0\x1a"
           "\x10x-delivery-countl\0\0\0\0\0\0\0\1");
    HEADER("\x18\0\2\3", 300,
           "\x38\0\0\0\0\x1a"
           "\x10x-delivery-countl\0\0\0\0\0\0\1\x2c"
           "\2\3");
}

static void headers_are_sorted_and_the_count_is_among_them(void **state)
{
    (void)state;
    HEADER("\xa0\0\1x\0\0\0\x13"
           "\2zzS\0\0\0\1b"
           "\1aI\0\0\0\1"
           "\1BV",
           2,
           "\xa0\0\1x\0\0\0\x2d"
           "\1BV"
           "\1aI\0\0\0\1"
           "\x10x-delivery-countl\0\0\0\0\0\0\0\2"
           "\2zzS\0\0\0\1b");
}

static void the_first_count_that_the_publisher_set_is_replaced(void **state)
{
    (void)state;
    HEADER("\x20\0\0\0\0\x2e"
           "\1bt\1"
           "\x10x-delivery-countu\0\7"
           "\1bt\0"
           "\x10x-delivery-countV",
           0,
           "\x20\0\0\0\0\x34"
           "\1bt\1"
           "\1bt\0"
           "\x10x-delivery-countl\0\0\0\0\0\0\0\0"
           "\x10x-delivery-countV");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_message_without_headers_gets_the_count),
        cmocka_unit_test(headers_are_sorted_and_the_count_is_among_them),
        cmocka_unit_test(the_first_count_that_the_publisher_set_is_replaced),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
