/* Requests that no honest client sends.
 *
 * Two programs that disagree where a request ends, a proxy and this server, can be made to take a
 * part of its body for the next client's request (request smuggling). So whatever tells a length
 * must be said once and plainly. */
#include <string.h>
#include <strings.h>

#include "http/http_private.h"

enum { HEADERS_MAX = 100, PARAMETERS_MAX = 200, LENGTH_DIGITS_MAX = 15 };

static const char token_marks[] = "!#$%&'*+-.^_`|~";

static bool is_alphanumeric(uint8_t c)
{
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool is_token(struct slice text)
{
    for (size_t i = 0; i < text.n; i++) {
        if (!is_alphanumeric(text.p[i]) && (text.p[i] == 0 || !strchr(token_marks, text.p[i])))
            return false;
    }
    return text.n > 0;
}

static bool is_number(struct slice text)
{
    for (size_t i = 0; i < text.n; i++) {
        if (text.p[i] < '0' || text.p[i] > '9')
            return false;
    }
    return text.n > 0 && text.n <= (size_t)LENGTH_DIGITS_MAX;
}

static bool has_controls(struct slice text)
{
    for (size_t i = 0; i < text.n; i++) {
        if ((text.p[i] < 0x20 && text.p[i] != '\t') || text.p[i] == 0x7f)
            return true;
    }
    return false;
}

static size_t times(const struct http_request *r, const char *name)
{
    size_t count = 0;
    for (size_t i = 0; i < r->headers.count; i++)
        count += strcasecmp((const char *)r->headers.items[i].name.p, name) == 0;
    return count;
}

static bool has_bad_header(const struct http_request *r)
{
    for (size_t i = 0; i < r->headers.count; i++) {
        if (!is_token(r->headers.items[i].name) || has_controls(r->headers.items[i].value))
            return true;
    }
    return times(r, MHD_HTTP_HEADER_HOST) > 1;
}

static bool has_doubtful_length(const struct http_request *r, const char *version)
{
    size_t lengths = times(r, MHD_HTTP_HEADER_CONTENT_LENGTH);
    size_t codings = times(r, MHD_HTTP_HEADER_TRANSFER_ENCODING);
    struct slice coding = http_header(r, MHD_HTTP_HEADER_TRANSFER_ENCODING);
    if (lengths + codings > 1)
        return true;
    if (codings == 1)
        return strcmp(version, MHD_HTTP_VERSION_1_1) != 0 || coding.n != strlen("chunked") ||
               strcasecmp((const char *)coding.p, "chunked") != 0;
    return lengths == 1 && !is_number(http_header(r, MHD_HTTP_HEADER_CONTENT_LENGTH));
}

unsigned request_fault(const struct http_request *r, const char *version)
{
    if (r->headers.count > HEADERS_MAX)
        return MHD_HTTP_REQUEST_HEADER_FIELDS_TOO_LARGE;
    if (r->query.count > PARAMETERS_MAX)
        return MHD_HTTP_URI_TOO_LONG;
    if (!is_token(r->method) || has_controls(r->path) || r->is_malformed || has_bad_header(r) ||
        has_doubtful_length(r, version))
        return MHD_HTTP_BAD_REQUEST;
    return 0;
}
