#include "migrate/refusal.h"

#include <jansson.h>
#include <string.h>

enum { SHOWN_BYTES_MAX = 1000 };

static const struct entity {
    const char *written;
    char meant;
} entities[] = {{"&lt;", '<'}, {"&gt;", '>'}, {"&quot;", '"'}, {"&amp;", '&'}};

/* Takes the character at *at, which is before `end`, and moves on. */
static char take(const char **at, const char *end)
{
    for (size_t n = 0; n < sizeof entities / sizeof *entities; n++) {
        size_t length = strlen(entities[n].written);
        if ((size_t)(end - *at) >= length && memcmp(*at, entities[n].written, length) == 0) {
            *at += length;
            return entities[n].meant;
        }
    }
    return *(*at)++;
}

/* Appends a text; what separates words becomes one space. */
static void put_text(const char *at, size_t n, struct lv_buffer *out)
{
    const char *end = at + n;
    size_t begin = out->n;
    bool is_apart = false;
    while (at < end) {
        char c = take(&at, end);
        bool is_space = strchr(" \t\r\n", c) != NULL && c;
        if (!is_space && is_apart && out->n > begin)
            lv_buffer_add_u8(out, ' ');
        if (!is_space)
            lv_buffer_add_u8(out, (uint8_t)c);
        is_apart = is_space;
    }
}

/* Appends the text that a list of characters is. */
static void put_characters(const json_t *list, struct lv_buffer *out)
{
    const json_t *one;
    size_t n;
    json_array_foreach(list, n, one)
    {
        json_int_t c = json_integer_value(one);
        lv_buffer_add_u8(out, c >= ' ' && c < 127 ? (uint8_t)c : '?');
    }
}

void refusal_put(struct slice body, struct lv_buffer *out)
{
    const char *text = body.n ? (const char *)body.p : "";
    json_t *answer = json_loadb(text, body.n, JSON_ALLOW_NUL, NULL);
    const json_t *reason = json_object_get(answer, "reason");
    const json_t *characters = json_array_get(reason, 2);
    if (json_is_string(reason))
        put_text(json_string_value(reason), json_string_length(reason), out);
    else if (json_is_array(characters))
        put_characters(characters, out);
    else
        put_text(text, body.n < SHOWN_BYTES_MAX ? body.n : SHOWN_BYTES_MAX, out);
    json_decref(answer);
}
