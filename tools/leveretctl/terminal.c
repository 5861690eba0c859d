/* Control characters are shown on a terminal instead of being sent to it. */
#include "leveretctl/terminal.h"

#include <string.h>
#include <unistd.h>

/* Returns the code of a character at p that changes the direction or the lines of what follows, or
 * that nobody sees: U+061C, U+200E, U+200F, U+2028 to U+202E, U+2066 to U+2069, U+FEFF, and in
 * *ret_n its length. Returns 0 if there is none. */
static unsigned direction_code(const uint8_t *p, const uint8_t *end, size_t *ret_n)
{
    *ret_n = 2;
    if (end - p >= 2 && p[0] == 0xd8 && p[1] == 0x9c)
        return 0x061c;
    *ret_n = 3;
    if (end - p < 3 || (p[0] != 0xe2 && p[0] != 0xef) || p[1] < 0x80)
        return 0;
    unsigned code = (p[0] & 0x0fu) << 12 | (p[1] & 0x3fu) << 6 | (p[2] & 0x3fu);
    bool is_one = code == 0x200e || code == 0x200f || (code >= 0x2028 && code <= 0x202e) ||
                  (code >= 0x2066 && code <= 0x2069) || code == 0xfeff;
    return is_one && p[2] >= 0x80 ? code : 0;
}

/* Returns the length of the control character at p, or 0 if there is none. */
static size_t control_bytes(const uint8_t *p, const uint8_t *end, enum terminal_text kind)
{
    if (end - p >= 2 && p[0] == 0xc2 && p[1] >= 0x80 && p[1] < 0xa0)
        return 2;
    if (kind == TERMINAL_JSON) /* in which C0 is escaped already */
        return *p == 0x7f;
    if (kind == TERMINAL_LINES && *p == '\n')
        return 0;
    return *p < 0x20 || *p == 0x7f;
}

void terminal_escape(struct lv_buffer *text, size_t from, enum terminal_text kind)
{
    struct lv_buffer shown = {0};
    const uint8_t *end = text->p + text->n;
    for (const uint8_t *p = text->p + from; p < end;) {
        size_t n = control_bytes(p, end, kind);
        size_t direction_n = 0;
        unsigned code = n == 0 ? direction_code(p, end, &direction_n) : 0;
        if (code != 0) {
            lv_buffer_printf(&shown, "\\u%04x", code);
            p += direction_n;
            continue;
        }
        if (n == 0)
            lv_buffer_add_u8(&shown, *p);
        else
            lv_buffer_printf(&shown, kind == TERMINAL_JSON ? "\\u%04x" : "\\x%02x", p[n - 1]);
        p += n ? n : 1;
    }
    text->n = from;
    lv_buffer_add_slice(text, lv_buffer_slice(&shown));
    lv_buffer_free(&shown);
}

void terminal_escape_for(FILE *out, struct lv_buffer *text, size_t from, enum terminal_text kind)
{
    if (text->n > from && isatty(fileno(out)))
        terminal_escape(text, from, kind);
}
