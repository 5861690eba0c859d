/* A form is a sequence of parts, each between two lines "--BOUNDARY"; after the last one there is
 * "--BOUNDARY--". A part has headers, an empty line, and its content. */
#include "api/multipart.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

enum { BOUNDARY_MAX = 200 };

static struct slice slice_from(struct slice s, size_t at)
{
    return slice_of(s.p + at, s.n - at);
}

/* Returns where `what` begins in the text, or text.n if it is not in it. */
static size_t slice_search(struct slice text, struct slice what)
{
    const uint8_t *found = text.n && what.n ? memmem(text.p, text.n, what.p, what.n) : NULL;
    return found ? (size_t)(found - text.p) : text.n;
}

static bool begins_with_word(struct slice text, const char *word)
{
    size_t n = strlen(word);
    return text.n >= n && strncasecmp((const char *)text.p, word, n) == 0;
}

static struct slice skip_spaces(struct slice text)
{
    while (text.n > 0 && (text.p[0] == ' ' || text.p[0] == '\t'))
        text = slice_from(text, 1);
    return text;
}

bool multipart_is(struct slice content_type)
{
    return begins_with_word(skip_spaces(content_type), "multipart/form-data");
}

/* Takes a value off a header, a word or a text in quotes. */
static struct slice take_value(struct slice *rest)
{
    bool is_quoted = rest->n > 0 && rest->p[0] == '"';
    if (is_quoted)
        *rest = slice_from(*rest, 1);
    size_t n = 0;
    while (n < rest->n && rest->p[n] != (is_quoted ? '"' : ';'))
        n++;
    struct slice value = slice_of(rest->p, n);
    *rest = slice_from(*rest, n + (is_quoted && n < rest->n));
    return value;
}

/* Finds a parameter of a header's value: in `form-data; name="file"`, name. */
static bool find_parameter(struct slice value, const char *name, struct slice *ret)
{
    size_t n = strlen(name);
    size_t at = slice_search(value, slice_str(";"));
    while (at < value.n) {
        struct slice rest = skip_spaces(slice_from(value, at + 1));
        bool is_it = begins_with_word(rest, name) && rest.n > n && rest.p[n] == '=';
        size_t equals = slice_search(rest, slice_str("="));
        if (equals == rest.n)
            return false;
        rest = slice_from(rest, equals + 1);
        struct slice found = take_value(&rest);
        if (is_it) {
            *ret = found;
            return true;
        }
        value = rest;
        at = slice_search(value, slice_str(";"));
    }
    return false;
}

/* Returns whether the headers of a part give it this name. */
static bool is_named(struct slice headers, const char *name)
{
    static const char disposition[] = "content-disposition:";
    struct slice found;
    while (headers.n > 0) {
        size_t n = slice_search(headers, slice_str("\r\n"));
        struct slice line = slice_of(headers.p, n);
        if (begins_with_word(line, disposition) &&
            find_parameter(slice_from(line, sizeof disposition - 1), "name", &found))
            return slice_is(found, name);
        headers = slice_from(headers, n + 2 <= headers.n ? n + 2 : headers.n);
    }
    return false;
}

/* Takes a part off *rest, which begins behind a line "--BOUNDARY". Returns false at the end. */
static bool take_part(struct slice *rest, struct slice end, struct slice *ret_headers,
                      struct slice *ret_content)
{
    size_t line = slice_search(*rest, slice_str("\r\n"));
    if (slice_begins(*rest, "--") || line == rest->n)
        return false;
    *rest = slice_from(*rest, line); /* the headers begin with their CRLF, also if there are none */
    size_t blank = slice_search(*rest, slice_str("\r\n\r\n"));
    if (blank == rest->n)
        return false;
    *ret_headers = blank > 2 ? slice_of(rest->p + 2, blank - 2) : SLICE_EMPTY;
    *rest = slice_from(*rest, blank + 2); /* an empty content may begin with the end's CRLF */
    size_t n = slice_search(*rest, end);
    if (n == rest->n)
        return false;
    *ret_content = n > 2 ? slice_of(rest->p + 2, n - 2) : SLICE_EMPTY;
    *rest = slice_from(*rest, n + end.n);
    return true;
}

bool multipart_find(struct slice content_type, struct slice body, const char *name,
                    struct slice *ret)
{
    char text[BOUNDARY_MAX + 8];
    struct slice boundary, headers, content;
    if (!multipart_is(content_type) || !find_parameter(content_type, "boundary", &boundary) ||
        boundary.n == 0 || boundary.n > BOUNDARY_MAX)
        return false;
    memcpy(text, "\r\n--", 4);
    memcpy(text + 4, boundary.p, boundary.n);
    const struct slice end = slice_of(text, boundary.n + 4);
    const struct slice first = slice_from(end, 2); /* at the beginning of the body */
    bool is_first = body.n >= first.n && memcmp(body.p, first.p, first.n) == 0;
    size_t at = is_first ? first.n : slice_search(body, end) + end.n;
    struct slice rest = at <= body.n ? slice_from(body, at) : SLICE_EMPTY;
    while (take_part(&rest, end, &headers, &content)) {
        if (is_named(headers, name)) {
            *ret = content;
            return true;
        }
    }
    return false;
}
