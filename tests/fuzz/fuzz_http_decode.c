/* Any bytes as what an HTTP client says of itself: escapes, lists of headers, headers that tell a
 * length. */
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "http/http_private.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n);

static void check_decoding(struct slice text, bool is_query)
{
    struct lv_buffer out = {0};
    int err = http_decode(&out, text, is_query);
    lv_assert(out.n <= text.n);
    if (err == 0 && text.n > 0 && !memchr(text.p, '%', text.n))
        lv_assert(out.n == text.n);
    if (err == 0 && out.n > 0 && !memchr(text.p, 0, text.n))
        lv_assert(!memchr(out.p, 0, out.n));
    lv_buffer_free(&out);
}

/* Headers, each ended by a newline: "name:value". */
static void check_headers(struct slice text)
{
    struct http_request r = {.method = slice_copy(slice_str("GET")),
                             .path = slice_copy(slice_str("/"))};
    while (text.n > 0) {
        const uint8_t *end = memchr(text.p, '\n', text.n);
        size_t line = end ? (size_t)(end - text.p) : text.n;
        const uint8_t *colon = line ? memchr(text.p, ':', line) : NULL;
        size_t name = colon ? (size_t)(colon - text.p) : line;
        size_t skip = colon ? name + 1 : line;
        pairs_add(&r.headers, slice_copy(slice_of(text.p, name)),
                  slice_copy(slice_of(text.p + skip, line - skip)));
        line += end != NULL;
        text = slice_of(text.p + line, text.n - line);
    }
    if (request_fault(&r, "HTTP/1.1") == 0) {
        bool has_length = http_header(&r, "content-length").n > 0;
        lv_assert(!has_length || http_header(&r, "transfer-encoding").n == 0);
    }
    pairs_free(&r.headers, true);
    slice_free(r.method);
    slice_free(r.path);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
    static const char *const words[] = {"gzip", "*", NULL};
    struct slice text = slice_of(bytes, n);
    check_decoding(text, false);
    check_decoding(text, true);
    http_list_has(text, words);
    check_headers(text);
    return 0;
}
