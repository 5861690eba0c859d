/* Control characters are shown on a terminal instead of being sent to it. */
#include "leveretctl/terminal.h"

#include <string.h>
#include <unistd.h>

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
