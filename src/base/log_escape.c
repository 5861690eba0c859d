#include "base/log_escape.h"

#include <stdio.h>

size_t log_character_bytes(struct slice text, uint32_t *ret_code)
{
    static const struct {
        unsigned char from, to, second_from, second_to, bytes;
    } forms[] = {
        {0x00, 0x7f, 0, 0, 1},       {0xc2, 0xdf, 0x80, 0xbf, 2}, {0xe0, 0xe0, 0xa0, 0xbf, 3},
        {0xe1, 0xec, 0x80, 0xbf, 3}, {0xed, 0xed, 0x80, 0x9f, 3}, {0xee, 0xef, 0x80, 0xbf, 3},
        {0xf0, 0xf0, 0x90, 0xbf, 4}, {0xf1, 0xf3, 0x80, 0xbf, 4}, {0xf4, 0xf4, 0x80, 0x8f, 4},
    };
    static const unsigned char first_bits[] = {0, 0x7f, 0x1f, 0x0f, 0x07};
    const uint8_t *s = text.p;
    size_t i = 0;
    if (text.n == 0)
        return 0;
    while (i < sizeof forms / sizeof *forms && s[0] > forms[i].to)
        i++;
    if (i == sizeof forms / sizeof *forms || s[0] < forms[i].from || text.n < forms[i].bytes)
        return 0;
    if (forms[i].bytes > 1 && (s[1] < forms[i].second_from || s[1] > forms[i].second_to))
        return 0;
    uint32_t code = s[0] & first_bits[forms[i].bytes];
    for (size_t n = 1; n < forms[i].bytes; n++) {
        if ((s[n] & 0xc0) != 0x80)
            return 0;
        code = code << 6 | (s[n] & 0x3f);
    }
    *ret_code = code;
    return forms[i].bytes;
}

/* Returns whether the character must not reach a terminal or a log as it is. */
static bool is_escaped(uint32_t code)
{
    return code < 0x20 || (code >= 0x7f && code <= 0x9f) || code == 0x061c || code == 0x200e ||
           code == 0x200f || (code >= 0x2028 && code <= 0x202e) ||
           (code >= 0x2066 && code <= 0x2069) || code == 0xfeff;
}

static void put_escape(struct lv_buffer *out, uint32_t code)
{
    switch (code) {
    case '\n': lv_buffer_add(out, "\\n", 2); return;
    case '\r': lv_buffer_add(out, "\\r", 2); return;
    case '\t': lv_buffer_add(out, "\\t", 2); return;
    default: lv_buffer_printf(out, code < 0x80 ? "\\x%02x" : "\\u%04x", code);
    }
}

void log_escape_text(struct lv_buffer *out, struct slice text)
{
    while (text.n > 0) {
        uint32_t code = text.p[0];
        size_t n = log_character_bytes(text, &code);
        if (n == 0)
            lv_buffer_printf(out, "\\x%02x", text.p[0]);
        else if (is_escaped(code))
            put_escape(out, code);
        else
            lv_buffer_add(out, text.p, n);
        n = n ? n : 1;
        text = slice_of(text.p + n, text.n - n);
    }
}

static void put_json_character(struct lv_buffer *out, uint32_t code, struct slice bytes)
{
    if (code == '"' || code == '\\')
        lv_buffer_printf(out, "\\%c", (int)code);
    else if (code == '\n' || code == '\r' || code == '\t')
        put_escape(out, code);
    else if (is_escaped(code))
        lv_buffer_printf(out, "\\u%04x", code);
    else
        lv_buffer_add_slice(out, bytes);
}

void log_escape_json(struct lv_buffer *out, struct slice text)
{
    lv_buffer_add_u8(out, '"');
    while (text.n > 0) {
        uint32_t code = 0;
        size_t n = log_character_bytes(text, &code);
        if (n == 0)
            lv_buffer_printf(out, "\\\\x%02x", text.p[0]);
        else
            put_json_character(out, code, slice_of(text.p, n));
        n = n ? n : 1;
        text = slice_of(text.p + n, text.n - n);
    }
    lv_buffer_add_u8(out, '"');
}
