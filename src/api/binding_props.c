/* A binding's properties key. */
#include "api/binding_props.h"

#include <string.h>

#include "api/term_hash.h"

/* --- the key ---------------------------------------------------------------------------------- */

static bool is_plain(uint8_t byte)
{
    return (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z') ||
           (byte >= '0' && byte <= '9') || byte == '.' || byte == '-' || byte == '_';
}

static void append_quoted(struct lv_buffer *out, struct slice s, bool is_query)
{
    for (size_t i = 0; i < s.n; i++) {
        if (is_plain(s.p[i]))
            lv_buffer_add_u8(out, s.p[i]);
        else if (is_query && s.p[i] == ' ')
            lv_buffer_add_u8(out, '+');
        else
            lv_buffer_printf(out, "%%%02X", s.p[i]);
    }
}

void binding_props_append_escaped(struct lv_buffer *out, struct slice s)
{
    append_quoted(out, s, false);
}

/* Appends the hash in base64 for addresses, without padding. */
static void append_hash(struct lv_buffer *out, struct slice arguments)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    uint64_t hash = (uint64_t)term_hash_table(arguments) << 4; /* 36 bits: six digits */
    for (unsigned shift = 36; shift > 0; shift -= 6)
        lv_buffer_add_u8(out, (uint8_t)digits[hash >> (shift - 6) & 63]);
}

void binding_props_append(struct lv_buffer *out, struct slice routing_key, struct slice arguments)
{
    append_quoted(out, routing_key, true);
    if (arguments.n > 0 || routing_key.n == 0)
        lv_buffer_add_u8(out, '~');
    if (arguments.n > 0)
        append_hash(out, arguments);
}

static uint8_t hex_digit(uint8_t c)
{
    return (uint8_t)(c <= '9' ? c - '0' : (c | 32) - 'a' + 10);
}

static bool is_hex(uint8_t c)
{
    return (c >= '0' && c <= '9') || ((c | 32) >= 'a' && (c | 32) <= 'f');
}

/* Returns whether `text`, with a query's escapes, stands for `plain`. What is not an escape stands
 * for itself, as clients also send keys without escapes. */
static bool quoted_is(struct slice text, struct slice plain)
{
    size_t at = 0;
    for (size_t i = 0; i < text.n; i++, at++) {
        uint8_t byte = text.p[i] == '+' ? ' ' : text.p[i];
        if (byte == '%' && i + 2 < text.n && is_hex(text.p[i + 1]) && is_hex(text.p[i + 2])) {
            byte = (uint8_t)(hex_digit(text.p[i + 1]) << 4 | hex_digit(text.p[i + 2]));
            i += 2;
        }
        if (at >= plain.n || plain.p[at] != byte)
            return false;
    }
    return at == plain.n;
}

static bool hash_is(struct slice hash, struct slice arguments)
{
    struct lv_buffer own = {0};
    append_hash(&own, arguments);
    bool is_same = slice_equal(hash, lv_buffer_slice(&own));
    lv_buffer_free(&own);
    return is_same;
}

bool binding_props_fit(struct slice props, struct slice routing_key, struct slice arguments)
{
    const uint8_t *tilde = props.n > 0 ? memchr(props.p, '~', props.n) : NULL;
    size_t n = tilde ? (size_t)(tilde - props.p) : props.n;
    struct slice hash = tilde ? slice_of(tilde + 1, props.n - n - 1) : SLICE_EMPTY;
    if (!quoted_is(slice_of(props.p, n), routing_key))
        return false;
    if (hash.n == 0 || arguments.n == 0)
        return hash.n == 0 && arguments.n == 0;
    return hash_is(hash, arguments);
}
