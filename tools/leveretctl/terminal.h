/* Names are whatever clients have chosen. A terminal obeys control characters, so there they are
 * shown instead; files and pipes get every byte as it is. */
#ifndef LEVERETCTL_TERMINAL_H
#define LEVERETCTL_TERMINAL_H

#include <stdbool.h>
#include <stdio.h>

#include "base/buffer.h"

enum terminal_text {
    TERMINAL_CELL,  /* one line: every control character is shown, as \x1b */
    TERMINAL_LINES, /* ... but for newlines */
    TERMINAL_JSON,  /* its strings are escaped already but for those of Unicode, shown as \u009b */
};

/* Replaces control characters from byte `from` on: C0, DEL, and U+0080 to U+009F. */
void terminal_escape(struct lv_buffer *text, size_t from, enum terminal_text kind);

/* The same, if `out` is a terminal. */
void terminal_escape_for(FILE *out, struct lv_buffer *text, size_t from, enum terminal_text kind);

#endif
