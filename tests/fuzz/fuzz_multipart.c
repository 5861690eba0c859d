/* A form of any bytes, under any content type: what is found lies in it. The bytes are the content
 * type, a newline, and the body. */
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "api/multipart.h"
#include "base/assert.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
    const uint8_t *line = n ? memchr(bytes, '\n', n) : NULL;
    size_t at = line ? (size_t)(line - bytes) : n;
    struct slice type = slice_of(bytes, at);
    struct slice body = slice_of(bytes + at + (line != NULL), n - at - (line != NULL)), found;
    static const char *const names[] = {"file", "redirect", ""};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        if (!multipart_find(type, body, names[i], &found))
            continue;
        lv_assert(multipart_is(type));
        lv_assert(found.n == 0 || (found.p >= body.p && found.p + found.n <= body.p + body.n));
    }
    return 0;
}
