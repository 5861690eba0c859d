/* Writes JSON as it goes, without building a tree first: for answers of any length.
 *
 *     json_write_begin(w, '{');
 *     json_write_key(w, "name");
 *     json_write_text(w, "q");
 *     json_write_end(w, '}');
 *
 * Commas are set by the writer; that keys and brackets fit together is the caller's part. */
#ifndef LEVERET_BASE_JSON_WRITE_H
#define LEVERET_BASE_JSON_WRITE_H

#include <jansson.h>

#include "base/buffer.h"
#include "base/slice.h"

struct json_writer {
    struct lv_buffer *out; /* borrowed */
    bool needs_comma;
};

void json_write_begin(struct json_writer *w, char bracket);
void json_write_end(struct json_writer *w, char bracket);
/* Writes a key, which must be plain ASCII without quotes. */
void json_write_key(struct json_writer *w, const char *key);
/* Like json_write_key(), for a key of n bytes. */
void json_write_key_n(struct json_writer *w, const char *key, size_t n);
/* Writes a string. Bytes that are not UTF-8 are shown as \xNN. */
void json_write_string(struct json_writer *w, struct slice s);
void json_write_text(struct json_writer *w, const char *s);
void json_write_u64(struct json_writer *w, uint64_t n);
void json_write_i64(struct json_writer *w, int64_t n);
/* Writes a number with a fraction, if only ".0"; 0.0 if it is not finite. */
void json_write_real(struct json_writer *w, double x);
void json_write_bool(struct json_writer *w, bool yes);
void json_write_null(struct json_writer *w);
/* Writes a tree. Takes the reference. */
void json_write_tree(struct json_writer *w, json_t *value);

/* Appends a string's JSON, with its quotes. */
void json_append_string(struct lv_buffer *out, struct slice s);

#endif
