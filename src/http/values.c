/* Names and values: headers and query parameters. */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/error.h"
#include "base/memory.h"
#include "http/http_private.h"

void slice_free(struct slice s)
{
    free((void *)(uintptr_t)s.p);
}

void pairs_add(struct http_pairs *pairs, struct slice name, struct slice value)
{
    if (pairs->count == pairs->capacity) {
        pairs->capacity = pairs->capacity ? 2 * pairs->capacity : 8;
        pairs->items = lv_realloc(pairs->items, pairs->capacity * sizeof *pairs->items);
    }
    pairs->items[pairs->count++] = (struct http_pair){name, value};
}

void pairs_free(struct http_pairs *pairs, bool are_names_owned)
{
    for (size_t i = 0; i < pairs->count; i++) {
        if (are_names_owned)
            slice_free(pairs->items[i].name);
        slice_free(pairs->items[i].value);
    }
    free(pairs->items);
}

struct slice http_header(const struct http_request *r, const char *name)
{
    for (size_t i = 0; i < r->headers.count; i++) {
        const struct http_pair *pair = &r->headers.items[i];
        if (strcasecmp((const char *)pair->name.p, name) == 0)
            return pair->value;
    }
    return SLICE_EMPTY;
}

bool http_query(const struct http_request *r, const char *name, size_t nth, struct slice *ret)
{
    for (size_t i = 0; i < r->query.count; i++) {
        const struct http_pair *pair = &r->query.items[i];
        if (slice_is(pair->name, name) && nth-- == 0) {
            *ret = pair->value;
            return true;
        }
    }
    return false;
}

static int digit_of(uint8_t c)
{
    return isdigit(c) ? c - '0' : isxdigit(c) ? tolower(c) - 'a' + 10 : -1;
}

int http_decode(struct lv_buffer *out, struct slice text, bool is_query)
{
    for (size_t i = 0; i < text.n; i++) {
        uint8_t c = text.p[i];
        if (c == '%') {
            int high = i + 2 < text.n ? digit_of(text.p[i + 1]) : -1;
            int low = high >= 0 ? digit_of(text.p[i + 2]) : -1;
            if (low < 0 || (high == 0 && low == 0))
                return ERR_INVALID;
            c = (uint8_t)(high << 4 | low);
            i += 2;
        } else if (c == '+' && is_query) {
            c = ' ';
        }
        lv_buffer_add_u8(out, c);
    }
    return 0;
}

/* --- lists ------------------------------------------------------------------------------------ */

static struct slice trimmed(struct slice text)
{
    while (text.n > 0 && (text.p[0] == ' ' || text.p[0] == '\t'))
        text = slice_of(text.p + 1, text.n - 1);
    while (text.n > 0 && (text.p[text.n - 1] == ' ' || text.p[text.n - 1] == '\t'))
        text.n--;
    return text;
}

/* Takes the text before the mark off `rest`, and the mark. */
static struct slice next_part(struct slice *rest, char mark)
{
    const uint8_t *at = rest->n ? memchr(rest->p, mark, rest->n) : NULL;
    size_t n = at ? (size_t)(at - rest->p) : rest->n;
    struct slice part = slice_of(rest->p, n);
    n += at ? 1 : 0;
    *rest = slice_of(rest->p + n, rest->n - n);
    return trimmed(part);
}

/* Returns whether one of the parameters is q=0, q=0.0 ... */
static bool is_unwanted(struct slice parameters)
{
    while (parameters.n > 0) {
        struct slice one = next_part(&parameters, ';');
        size_t zeros = 2;
        if (one.n < 3 || tolower(one.p[0]) != 'q' || one.p[1] != '=')
            continue;
        while (zeros < one.n && (one.p[zeros] == '0' || one.p[zeros] == '.'))
            zeros++;
        if (zeros == one.n)
            return true;
    }
    return false;
}

bool http_list_has(struct slice list, const char *const *words)
{
    while (list.n > 0) {
        struct slice parameters = next_part(&list, ',');
        struct slice word = next_part(&parameters, ';');
        for (size_t i = 0; words[i]; i++) {
            if (word.n == strlen(words[i]) &&
                strncasecmp((const char *)word.p, words[i], word.n) == 0 &&
                !is_unwanted(parameters))
                return true;
        }
    }
    return false;
}
