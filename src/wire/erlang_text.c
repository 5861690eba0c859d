/* What ~p does with a binary and with a tuple, found by running it tens of thousands of times:
 *
 *   - A binary of printable latin-1 only is printed as one string and never broken, however long.
 *   - Any other is printed as numbers. A line holds as many as fit the columns that are left up to
 *     77, or 8 columns if fewer are left, commas included; the next line is indented by the width
 *     of "<<".
 *   - An element of a tuple stays on the line if it ends by column 77 with its comma, the last one
 *     by column 78 with its brace; else it begins the next line, indented by the width of "{". */
#include "wire/erlang_text.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "wire/wire.h"

#define BINARY_COLUMNS 77
#define BINARY_COLUMNS_MIN 8
#define TUPLE_COLUMNS 77
#define OCTETS_SHOWN_MAX 16

/* Returns how many columns have been written since the last newline. */
static size_t column_of(const struct lv_buffer *out)
{
    const uint8_t *newline = out->n ? memrchr(out->p, '\n', out->n) : NULL;
    return newline ? (size_t)(out->p + out->n - newline) - 1 : out->n;
}

static void break_line(struct lv_buffer *out, size_t indent)
{
    lv_buffer_printf(out, "\n%*s", (int)indent, "");
}

/* Returns the letter that follows the backslash, or 0 if there is no escape. */
static char escape_of(uint8_t c)
{
    switch (c) {
    case '\b': return 'b';
    case '\t': return 't';
    case '\n': return 'n';
    case '\v': return 'v';
    case '\f': return 'f';
    case '\r': return 'r';
    case 27: return 'e';
    case '"': return '"';
    case '\\': return '\\';
    }
    return 0;
}

static bool is_printable(struct slice s)
{
    for (size_t i = 0; i < s.n; i++) {
        uint8_t c = s.p[i];
        bool is_plain = (c >= ' ' && c < 0x7F) || c >= 0xA0;
        if (!is_plain && !escape_of(c))
            return false;
    }
    return true;
}

static void put_quoted(struct lv_buffer *out, struct slice s)
{
    lv_buffer_add_u8(out, '"');
    for (size_t i = 0; i < s.n; i++) {
        char escape = escape_of(s.p[i]);
        if (escape)
            lv_buffer_add_u8(out, '\\');
        lv_buffer_add_u8(out, escape ? (uint8_t)escape : s.p[i]);
    }
    lv_buffer_add_u8(out, '"');
}

static void put_quoted_binary(struct lv_buffer *out, struct slice s)
{
    lv_buffer_add(out, "<<", 2);
    put_quoted(out, s);
    lv_buffer_add(out, ">>", 2);
}

void erlang_put_string(struct lv_buffer *out, struct slice bytes)
{
    if (bytes.n > 0 && is_printable(bytes)) {
        put_quoted(out, bytes);
        return;
    }
    lv_buffer_add_u8(out, '[');
    for (size_t i = 0; i < bytes.n; i++)
        lv_buffer_printf(out, "%s%u", i > 0 ? "," : "", bytes.p[i]);
    lv_buffer_add_u8(out, ']');
}

/* Appends a binary as numbers, in lines of at most this many columns. */
static void put_numbers(struct lv_buffer *out, struct slice bytes, size_t columns, size_t indent)
{
    size_t left = columns;
    lv_buffer_add(out, "<<", 2);
    for (size_t i = 0; i < bytes.n; i++) {
        char number[8];
        int length =
            snprintf(number, sizeof number, "%u%s", bytes.p[i], i + 1 < bytes.n ? "," : "");
        if (left < (size_t)length) {
            break_line(out, indent);
            left = columns;
        }
        lv_buffer_add(out, number, (size_t)length);
        left -= (size_t)length;
    }
    lv_buffer_add(out, ">>", 2);
}

void erlang_put_binary(struct lv_buffer *out, struct slice bytes)
{
    size_t column = column_of(out);
    size_t columns = BINARY_COLUMNS_MIN;
    if (bytes.n > 0 && is_printable(bytes)) {
        put_quoted_binary(out, bytes);
        return;
    }
    if (column + columns < BINARY_COLUMNS)
        columns = BINARY_COLUMNS - column;
    put_numbers(out, bytes, columns, column + 2);
}

void erlang_put_numbers(struct lv_buffer *out, struct slice bytes)
{
    put_numbers(out, bytes, SIZE_MAX, 0);
}

/* Returns whether the bytes are UTF-8 without control characters other than those with an
 * escape. */
static bool is_text(struct slice s)
{
    for (size_t i = 0; i < s.n; i++) {
        bool is_control =
            s.p[i] < ' ' || s.p[i] == 0x7F || (s.p[i] == 0xC2 && i + 1 < s.n && s.p[i + 1] < 0xA0);
        if (is_control && !escape_of(s.p[i]))
            return false;
    }
    return wire_is_utf8(s);
}

void erlang_put_text(struct lv_buffer *out, struct slice bytes)
{
    if (bytes.n > 0 && is_text(bytes))
        put_quoted_binary(out, bytes);
    else
        erlang_put_numbers(out, bytes);
}

void erlang_put_octets(struct lv_buffer *out, unsigned type, struct slice payload)
{
    if (payload.n > OCTETS_SHOWN_MAX) {
        lv_buffer_printf(out, "type %u, first %d octets = ", type, OCTETS_SHOWN_MAX);
        payload.n = OCTETS_SHOWN_MAX;
    } else {
        lv_buffer_printf(out, "type %u, all octets = ", type);
    }
    erlang_put_binary(out, payload);
}

void erlang_put_tuple(struct lv_buffer *out, const char *atom, const uint64_t *numbers,
                      size_t count)
{
    size_t indent = column_of(out) + 1;
    size_t column = indent + strlen(atom) + 1;
    lv_buffer_printf(out, "{%s", atom);
    for (size_t i = 0; i < count; i++) {
        char number[24];
        bool is_last = i + 1 == count;
        size_t length = (size_t)snprintf(number, sizeof number, "%" PRIu64, numbers[i]);
        lv_buffer_add_u8(out, ',');
        if (column + length + 1 > (is_last ? TUPLE_COLUMNS + 1 : TUPLE_COLUMNS)) {
            break_line(out, indent);
            column = indent;
        }
        lv_buffer_add(out, number, length);
        column += length + 1;
    }
    lv_buffer_add_u8(out, '}');
}

/* --- addresses -------------------------------------------------------------------------------- */

enum { ADDRESS_BYTES_MAX = 63, IPV6_GROUPS = 8 };

/* Reads groups from *at on, up to "::" or the end. Returns how many there are. */
static size_t read_groups(const char **at, unsigned groups[IPV6_GROUPS])
{
    size_t n = 0;
    while (n < IPV6_GROUPS && **at && **at != ':') {
        char *end;
        unsigned long group = strtoul(*at, &end, 16);
        if (end == *at)
            break; /* a zone: "%eth0" */
        groups[n++] = (unsigned)group & 0xffff;
        *at = end;
        if (end[0] == ':' && end[1] != ':')
            (*at)++;
    }
    return n;
}

/* Appends an IPv6 address as a tuple. Groups after "::" are counted from the end. */
static void put_ipv6(struct lv_buffer *out, const char *text)
{
    unsigned groups[IPV6_GROUPS] = {0}, last[IPV6_GROUPS] = {0};
    const char *at = text;
    read_groups(&at, groups);
    at += strncmp(at, "::", 2) == 0 ? 2 : 0;
    size_t count = read_groups(&at, last);
    for (size_t i = 0; i < count; i++)
        groups[IPV6_GROUPS - count + i] = last[i];
    for (size_t i = 0; i < IPV6_GROUPS; i++)
        lv_buffer_printf(out, "%c%u", i ? ',' : '{', groups[i]);
    lv_buffer_add_u8(out, '}');
}

void erlang_put_address(struct lv_buffer *out, struct slice address)
{
    char text[ADDRESS_BYTES_MAX + 1] = {0};
    size_t n = address.n < ADDRESS_BYTES_MAX ? address.n : ADDRESS_BYTES_MAX;
    if (n > 0)
        memcpy(text, address.p, n);
    if (strchr(text, ':')) {
        put_ipv6(out, text);
        return;
    }
    for (char *dot = strchr(text, '.'); dot; dot = strchr(dot, '.'))
        *dot = ',';
    lv_buffer_printf(out, "{%s}", text);
}
