/* Clients choose names freely, and a terminal obeys control characters. So on a terminal these are
 * shown as text; files and pipes get every byte as it is. */
#ifndef LEVERETCTL_TERMINAL_H
#define LEVERETCTL_TERMINAL_H

#include <stdbool.h>
#include <stdio.h>

#include "base/buffer.h"

enum terminal_text {
    TERMINAL_CELL,  /* one line: every control character is shown, as \x1b */
    TERMINAL_LINES, /* every control character but newlines is shown */
    TERMINAL_JSON,  /* JSON, in which C0 is escaped already; the others are shown as \u009b */
};

/* Replaces control characters from byte `from` on: C0 (but in JSON), DEL, U+0080 to U+009F, and
 * those that turn the direction of text or are invisible (\u202e), as in the log. */
void terminal_escape(struct lv_buffer *text, size_t from, enum terminal_text kind);

/* Like terminal_escape(), but only if `out` is a terminal. */
void terminal_escape_for(FILE *out, struct lv_buffer *text, size_t from, enum terminal_text kind);

#endif
