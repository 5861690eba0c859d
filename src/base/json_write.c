#include "base/json_write.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static void value_begin(struct json_writer *w)
{
    if (w->needs_comma)
        lv_buffer_add_u8(w->out, ',');
    w->needs_comma = true;
}

void json_write_begin(struct json_writer *w, char bracket)
{
    value_begin(w);
    lv_buffer_add_u8(w->out, (uint8_t)bracket);
    w->needs_comma = false;
}

void json_write_end(struct json_writer *w, char bracket)
{
    lv_buffer_add_u8(w->out, (uint8_t)bracket);
    w->needs_comma = true;
}

void json_write_key_n(struct json_writer *w, const char *key, size_t n)
{
    value_begin(w);
    lv_buffer_add_u8(w->out, '"');
    lv_buffer_add(w->out, key, n);
    lv_buffer_add(w->out, "\":", 2);
    w->needs_comma = false;
}

void json_write_key(struct json_writer *w, const char *key)
{
    json_write_key_n(w, key, strlen(key));
}

/* Bytes that are written as they are. */
static bool is_plain(uint8_t c)
{
    return c >= 0x20 && c < 0x7f && c != '"' && c != '\\';
}

/* Appends a string that is not plain ASCII. */
static void append_escaped(struct lv_buffer *out, struct slice s)
{
    json_t *value = json_stringn((const char *)s.p, s.n);
    struct lv_buffer shown = {0};
    if (!value) { /* not UTF-8 */
        for (size_t i = 0; i < s.n; i++) {
            if (s.p[i] >= 0x20 && s.p[i] < 0x7f)
                lv_buffer_add_u8(&shown, s.p[i]);
            else
                lv_buffer_printf(&shown, "\\x%02x", s.p[i]);
        }
        value = json_stringn((const char *)shown.p, shown.n);
    }
    char *text = json_dumps(value, JSON_ENCODE_ANY);
    lv_buffer_add(out, text, strlen(text));
    free(text);
    json_decref(value);
    lv_buffer_free(&shown);
}

void json_append_string(struct lv_buffer *out, struct slice s)
{
    size_t plain = 0;
    while (plain < s.n && is_plain(s.p[plain]))
        plain++;
    if (plain < s.n) {
        append_escaped(out, s);
        return;
    }
    lv_buffer_add_u8(out, '"');
    if (s.n > 0)
        lv_buffer_add_slice(out, s);
    lv_buffer_add_u8(out, '"');
}

void json_write_string(struct json_writer *w, struct slice s)
{
    value_begin(w);
    json_append_string(w->out, s);
}

void json_write_text(struct json_writer *w, const char *s)
{
    json_write_string(w, slice_str(s));
}

void json_write_u64(struct json_writer *w, uint64_t n)
{
    value_begin(w);
    lv_buffer_printf(w->out, "%" PRIu64, n);
}

void json_write_i64(struct json_writer *w, int64_t n)
{
    value_begin(w);
    lv_buffer_printf(w->out, "%" PRId64, n);
}

void json_write_real(struct json_writer *w, double x)
{
    value_begin(w);
    size_t before = w->out->n;
    lv_buffer_printf(w->out, "%.10g", isfinite(x) ? x : 0.0);
    const char *text = (const char *)w->out->p + before;
    if (!strpbrk(text, ".e"))
        lv_buffer_add(w->out, ".0", 2);
}

void json_write_bool(struct json_writer *w, bool yes)
{
    value_begin(w);
    lv_buffer_printf(w->out, yes ? "true" : "false");
}

void json_write_null(struct json_writer *w)
{
    value_begin(w);
    lv_buffer_add(w->out, "null", 4);
}

static int append_part(const char *p, size_t n, void *out)
{
    lv_buffer_add(out, p, n);
    return 0;
}

void json_write_tree(struct json_writer *w, json_t *value)
{
    value_begin(w);
    json_dump_callback(value, append_part, w->out, JSON_COMPACT | JSON_ENCODE_ANY);
    json_decref(value);
}
