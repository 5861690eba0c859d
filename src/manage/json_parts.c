#include "manage/json_parts.h"

#include <string.h>

static bool is_space(uint8_t c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

uint8_t json_parts_peek(struct json_parts *p)
{
    while (p->at < p->text.n && is_space(p->text.p[p->at]))
        p->at++;
    return p->at < p->text.n ? p->text.p[p->at] : 0;
}

static bool refuse(struct json_parts *p, const char *fault)
{
    p->fault = fault;
    return false;
}

/* --- over a value ----------------------------------------------------------------------------- */

/* Returns the position behind the string that begins at `at`, or the text's end. */
static size_t string_end(struct slice text, size_t at)
{
    for (at++; at < text.n && text.p[at] != '"'; at++)
        at += text.p[at] == '\\';
    return at < text.n ? at + 1 : text.n;
}

/* Goes behind the object or list that begins here. */
static bool skip_container(struct json_parts *p)
{
    uint8_t closes[JSON_PARTS_DEPTH_MAX]; /* what ends each object and list that is open */
    size_t depth = 0;
    while (p->at < p->text.n) {
        uint8_t c = p->text.p[p->at];
        if (c == '"') {
            p->at = string_end(p->text, p->at);
            continue;
        }
        if (c == '{' || c == '[') {
            if (depth == JSON_PARTS_DEPTH_MAX)
                return refuse(p, "nested too deep");
            closes[depth++] = c == '{' ? '}' : ']';
        } else if (c == '}' || c == ']') {
            if (c != closes[depth - 1])
                return refuse(p, c == '}' ? "unexpected '}'" : "unexpected ']'");
            depth--;
        }
        p->at++;
        if (depth == 0)
            return true;
    }
    return refuse(p, "an object or a list is open");
}

static size_t word_end(struct slice text, size_t at)
{
    while (at < text.n && !is_space(text.p[at]) && !strchr(",:[]{}\"", text.p[at]))
        at++;
    return at;
}

static bool skip_value(struct json_parts *p, struct slice *ret)
{
    uint8_t c = json_parts_peek(p);
    size_t start = p->at;
    if (c == '"')
        p->at = string_end(p->text, start);
    else if (c != '{' && c != '[')
        p->at = word_end(p->text, start);
    else if (!skip_container(p))
        return false;
    *ret = slice_of(p->text.p + start, p->at - start);
    return p->at > start || refuse(p, "a value was expected");
}

/* --- over parts ------------------------------------------------------------------------------- */

/* Goes to the next part. Returns false at the end, or after setting `fault`. */
static bool go_on(struct json_parts *p, uint8_t close)
{
    bool is_first = !p->has_begun;
    p->has_begun = true;
    p->at += is_first; /* the bracket */
    uint8_t c = json_parts_peek(p);
    if (c == close) {
        p->at++;
        return false;
    }
    if (is_first)
        return true;
    if (c != ',')
        return refuse(p, close == '}' ? "',' or '}' was expected" : "',' or ']' was expected");
    p->at++;
    return true;
}

bool json_parts_member(struct json_parts *p, struct slice *ret_key, struct slice *ret_value)
{
    if (!go_on(p, '}'))
        return false;
    if (json_parts_peek(p) != '"')
        return refuse(p, "a name in quotes was expected");
    size_t start = p->at;
    p->at = string_end(p->text, start);
    *ret_key = slice_of(p->text.p + start, p->at - start);
    if (json_parts_peek(p) != ':')
        return refuse(p, "':' was expected");
    p->at++;
    return skip_value(p, ret_value);
}

bool json_parts_item(struct json_parts *p, struct slice *ret_value)
{
    return go_on(p, ']') && skip_value(p, ret_value);
}

void json_parts_place(struct slice text, size_t at, size_t *ret_line, size_t *ret_column)
{
    *ret_line = *ret_column = 1;
    for (size_t i = 0; i < at; i++) {
        if (text.p[i] == '\n') {
            ++*ret_line;
            *ret_column = 1;
        } else {
            *ret_column += (text.p[i] & 0xc0) != 0x80;
        }
    }
}

struct slice json_without_mark(struct slice text)
{
    enum { MARK_BYTES = 3 };
    bool is_marked = text.n >= MARK_BYTES && memcmp(text.p, "\xef\xbb\xbf", MARK_BYTES) == 0;
    return is_marked ? slice_of(text.p + MARK_BYTES, text.n - MARK_BYTES) : text;
}
