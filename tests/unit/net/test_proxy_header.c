/* The header of the PROXY protocol: net/proxy_header.h. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "net/proxy_header.h"

static const char signature[] = "\r\n\r\n\0\r\nQUIT\n";
enum { SIGNATURE_BYTES = 12, ROOM = 600 };

static enum proxy_result parse(const void *p, size_t n, struct proxy_header *ret)
{
    const char *why = NULL;
    *ret = (struct proxy_header){0};
    enum proxy_result result = proxy_header_parse(slice_of(p, n), ret, &why);
    assert_true((result == PROXY_INVALID) == (why != NULL));
    return result;
}

/* A binary header: `length` bytes follow the first 16, of which `p` has the first n. */
static size_t binary_make(uint8_t *to, uint8_t command, uint8_t family, size_t length,
                          const void *p, size_t n)
{
    memcpy(to, signature, SIGNATURE_BYTES);
    to[12] = command;
    to[13] = family;
    to[14] = (uint8_t)(length >> 8);
    to[15] = (uint8_t)length;
    memset(to + 16, 0, length);
    memcpy(to + 16, p, n);
    return 16 + length;
}

static void a_line_passes_on_the_addresses_of_both_families(void **state)
{
    (void)state;
    static const char v4[] = "PROXY TCP4 192.0.2.1 198.51.100.7 56324 5672\r\nAMQP";
    static const char v6[] = "PROXY TCP6 2001:db8::1 ::1 1 65535\r\n";
    struct proxy_header header;
    assert_int_equal(parse(v4, sizeof v4 - 1, &header), PROXY_WHOLE);
    assert_int_equal(header.kind, PROXY_CLIENT);
    assert_int_equal(header.bytes, sizeof v4 - 1 - 4);
    assert_string_equal(header.ends.peer.text, "192.0.2.1");
    assert_int_equal(header.ends.peer.port, 56324);
    assert_string_equal(header.ends.local.text, "198.51.100.7");
    assert_int_equal(header.ends.local.port, 5672);
    assert_false(header.ends.peer.is_loopback);
    assert_int_equal(parse(v6, sizeof v6 - 1, &header), PROXY_WHOLE);
    assert_string_equal(header.ends.peer.text, "2001:db8::1");
    assert_true(header.ends.local.is_loopback);
    assert_int_equal(header.ends.local.port, 65535);
}

static void a_line_may_say_that_the_client_is_unknown(void **state)
{
    (void)state;
    static const char *const lines[] = {"PROXY UNKNOWN\r\n",
                                        "PROXY UNKNOWN ffff:f::f ffff::f 65535 65535\r\n"};
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) {
        struct proxy_header header;
        assert_int_equal(parse(lines[i], strlen(lines[i]), &header), PROXY_WHOLE);
        assert_int_equal(header.kind, PROXY_UNKNOWN);
        assert_int_equal(header.bytes, strlen(lines[i]));
    }
}

static void malformed_lines_are_invalid(void **state)
{
    (void)state;
    static const char *const lines[] = {
        "PROXY \r\n",
        "PROXY TCP4\r\n",
        "PROXY TCP4 192.0.2.1 198.51.100.7 56324\r\n",
        "PROXY TCP4 192.0.2.1 198.51.100.7 56324 5672 \r\n",
        "PROXY TCP4 192.0.2.1 198.51.100.7 56324 5672 more\r\n",
        "PROXY TCP4  192.0.2.1 198.51.100.7 56324 5672\r\n",
        "PROXY TCP4 192.0.2.1 198.51.100.7 56324 65536\r\n",
        "PROXY TCP4 192.0.2.1 198.51.100.7 056324 5672\r\n",
        "PROXY TCP4 192.0.2.1 198.51.100.7 -1 5672\r\n",
        "PROXY TCP4 192.0.2.1 198.51.100.7 99999999999999999999 5672\r\n",
        "PROXY TCP4 2001:db8::1 ::1 1 2\r\n",
        "PROXY TCP6 192.0.2.1 198.51.100.7 1 2\r\n",
        "PROXY TCP4 192.0.2.256 198.51.100.7 1 2\r\n",
        "PROXY TCP4 localhost 198.51.100.7 1 2\r\n",
        "PROXY TCP4 192.0.2.1 198.51.100.7 56324 5672\n",
        "PROXY TCP4 192.0.2.1\n198.51.100.7 56324 5672\r\n",
        "PROXY UDP4 192.0.2.1 198.51.100.7 56324 5672\r\n",
        "proxy TCP4 192.0.2.1 198.51.100.7 56324 5672\r\n",
        "PROXY\tTCP4 192.0.2.1 198.51.100.7 56324 5672\r\n",
        "AMQP",
        "\x16\x03\x01",
        "P\r",
        "\r\n\r\nGET",
        "\r\n\r\n\1",
    };
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) {
        struct proxy_header header;
        if (parse(lines[i], strlen(lines[i]), &header) != PROXY_INVALID)
            fail_msg("not refused: %s", lines[i]);
    }
}

static void an_address_with_a_nul_byte_is_invalid(void **state)
{
    (void)state;
    static const char line[] = "PROXY TCP4 192.0.2.1\0 198.51.100.7 56324 5672\r\n";
    struct proxy_header header;
    assert_int_equal(parse(line, sizeof line - 1, &header), PROXY_INVALID);
}

static void a_line_without_an_end_is_invalid_after_its_longest_length(void **state)
{
    (void)state;
    char line[PROXY_HEADER_KEPT_BYTES + 3];
    struct proxy_header header;
    memset(line, 'x', sizeof line);
    memcpy(line, "PROXY UNKNOWN ", 14);
    for (size_t n = 0; n < PROXY_HEADER_KEPT_BYTES; n++)
        assert_int_equal(parse(line, n, &header), PROXY_MORE);
    assert_int_equal(parse(line, PROXY_HEADER_KEPT_BYTES, &header), PROXY_INVALID);
    memcpy(line + PROXY_HEADER_KEPT_BYTES - 2, "\r\n", 2);
    assert_int_equal(parse(line, PROXY_HEADER_KEPT_BYTES, &header), PROXY_WHOLE);
    memcpy(line + PROXY_HEADER_KEPT_BYTES - 2, "x\r\n", 3);
    assert_int_equal(parse(line, PROXY_HEADER_KEPT_BYTES + 1, &header), PROXY_INVALID);
}

static void a_binary_header_passes_on_the_addresses_of_both_families(void **state)
{
    (void)state;
    static const uint8_t v4[] = {203, 0, 113, 5, 10, 0, 0, 9, 0xdc, 4, 0x16, 0x28};
    uint8_t v6[36] = {0x20, 1, 0xd, 0xb8, [15] = 7, [31] = 1, [32] = 1, [35] = 2};
    uint8_t bytes[ROOM];
    struct proxy_header header;
    size_t n = binary_make(bytes, 0x21, 0x11, sizeof v4, v4, sizeof v4);
    assert_int_equal(parse(bytes, n, &header), PROXY_WHOLE);
    assert_int_equal(header.kind, PROXY_CLIENT);
    assert_int_equal(header.bytes, n);
    assert_string_equal(header.ends.peer.text, "203.0.113.5");
    assert_int_equal(header.ends.peer.port, 56324);
    assert_string_equal(header.ends.local.text, "10.0.0.9");
    assert_int_equal(header.ends.local.port, 5672);
    n = binary_make(bytes, 0x21, 0x21, sizeof v6, v6, sizeof v6);
    assert_int_equal(parse(bytes, n, &header), PROXY_WHOLE);
    assert_string_equal(header.ends.peer.text, "2001:db8::7");
    assert_int_equal(header.ends.peer.port, 256);
    assert_string_equal(header.ends.local.text, "::1");
    assert_int_equal(header.ends.local.port, 2);
}

/* The values (TLV) need not have come: the header tells how many bytes they are. */
static void what_follows_the_addresses_is_counted_and_not_needed(void **state)
{
    (void)state;
    static const uint8_t v4[] = {203, 0, 113, 5, 10, 0, 0, 9, 0xdc, 4, 0x16, 0x28};
    uint8_t bytes[ROOM];
    struct proxy_header header;
    binary_make(bytes, 0x21, 0x11, 500, v4, sizeof v4);
    assert_int_equal(parse(bytes, 16 + sizeof v4 - 1, &header), PROXY_MORE);
    assert_int_equal(parse(bytes, 16 + sizeof v4, &header), PROXY_WHOLE);
    assert_int_equal(header.bytes, 516);
}

static void local_and_families_without_an_address_pass_on_none(void **state)
{
    (void)state;
    static const struct {
        uint8_t command, family;
        size_t length;
        enum proxy_kind kind;
    } headers[] = {
        {0x20, 0x00, 0, PROXY_LOCAL},    {0x20, 0x11, 12, PROXY_LOCAL},
        {0x20, 0x77, 300, PROXY_LOCAL},  {0x21, 0x00, 0, PROXY_UNKNOWN},
        {0x21, 0x00, 30, PROXY_UNKNOWN}, {0x21, 0x31, 216, PROXY_UNKNOWN},
    };
    for (size_t i = 0; i < sizeof headers / sizeof *headers; i++) {
        uint8_t bytes[ROOM];
        struct proxy_header header;
        size_t n =
            binary_make(bytes, headers[i].command, headers[i].family, headers[i].length, "", 0);
        assert_int_equal(parse(bytes, 16, &header), PROXY_WHOLE);
        assert_int_equal(header.kind, headers[i].kind);
        assert_int_equal(header.bytes, n);
    }
}

static void malformed_binary_headers_are_invalid(void **state)
{
    (void)state;
    static const struct {
        uint8_t command, family;
        size_t length;
    } headers[] = {
        {0x10, 0x11, 12}, {0x22, 0x11, 12}, {0x31, 0x11, 12},  {0x21, 0x12, 12},
        {0x21, 0x22, 36}, {0x21, 0x10, 12}, {0x21, 0x32, 216}, {0x21, 0x41, 12},
        {0x21, 0x11, 11}, {0x21, 0x21, 35}, {0x21, 0x31, 215},
    };
    for (size_t i = 0; i < sizeof headers / sizeof *headers; i++) {
        uint8_t bytes[ROOM];
        struct proxy_header header;
        size_t n =
            binary_make(bytes, headers[i].command, headers[i].family, headers[i].length, "", 0);
        assert_int_equal(parse(bytes, n, &header), PROXY_INVALID);
    }
}

static void the_beginning_of_a_header_needs_more_bytes(void **state)
{
    (void)state;
    static const char line[] = "PROXY TCP4 192.0.2.1 198.51.100.7 56324 5672\r\n";
    uint8_t bytes[ROOM];
    struct proxy_header header;
    for (size_t n = 0; n < sizeof line - 1; n++)
        assert_int_equal(parse(line, n, &header), PROXY_MORE);
    size_t whole = binary_make(bytes, 0x21, 0x21, 36, "", 0);
    for (size_t n = 0; n < whole; n++)
        assert_int_equal(parse(bytes, n, &header), PROXY_MORE);
}

static void networks_are_parsed_and_hold_their_addresses(void **state)
{
    (void)state;
    static const char *const wrong[] = {
        "",       "/8",    "10.0.0.0/33", "10.0.0.0/",   "10.0.0/8",
        "::/129", "::1/a", "localhost",   "10.0.0.0/8 ", "10.0.0.0/-1"};
    struct net_network network;
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        assert_false(net_network_parse(wrong[i], &network));
    assert_true(net_network_parse("10.0.0.0/8", &network));
    assert_int_equal(network.bits, 104);
    assert_true(net_network_parse("192.0.2.7", &network));
    assert_int_equal(network.bits, 128);
    assert_true(net_network_parse("2001:db8::/32", &network));
    assert_int_equal(network.bits, 32);
    assert_true(net_network_parse("0.0.0.0/0", &network));
    assert_int_equal(network.bits, 96);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_line_passes_on_the_addresses_of_both_families),
        cmocka_unit_test(a_line_may_say_that_the_client_is_unknown),
        cmocka_unit_test(malformed_lines_are_invalid),
        cmocka_unit_test(an_address_with_a_nul_byte_is_invalid),
        cmocka_unit_test(a_line_without_an_end_is_invalid_after_its_longest_length),
        cmocka_unit_test(a_binary_header_passes_on_the_addresses_of_both_families),
        cmocka_unit_test(what_follows_the_addresses_is_counted_and_not_needed),
        cmocka_unit_test(local_and_families_without_an_address_pass_on_none),
        cmocka_unit_test(malformed_binary_headers_are_invalid),
        cmocka_unit_test(the_beginning_of_a_header_needs_more_bytes),
        cmocka_unit_test(networks_are_parsed_and_hold_their_addresses),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
