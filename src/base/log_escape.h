/* Texts that a peer may have chosen, made fit for a log: whatever bytes they are, they end no line
 * and move no terminal's cursor.
 *
 * Escaped are control characters (C0, DEL, C1), the characters that change the direction or the
 * lines of what is shown (U+200E, U+202E, U+2028 ...), and bytes that are not UTF-8. */
#ifndef LEVERET_BASE_LOG_ESCAPE_H
#define LEVERET_BASE_LOG_ESCAPE_H

#include "base/buffer.h"
#include "base/slice.h"

/* Returns how many bytes the UTF-8 character at the beginning of the text has; 0 if the text is
 * empty or begins with bytes that are not UTF-8 (nor are overlong forms, surrogates and code points
 * above U+10FFFF). *ret_code is the code point. */
size_t log_character_bytes(struct slice text, uint32_t *ret_code);

/* Appends the text with \n, \r, \t, \x1b and \u202e for what is escaped. */
void log_escape_text(struct lv_buffer *out, struct slice text);

/* Appends the text as a string of JSON, with its quotes. A reader gets the same text back, but for
 * bytes that are not UTF-8: each of these becomes the four characters \xNN. */
void log_escape_json(struct lv_buffer *out, struct slice text);

#endif
