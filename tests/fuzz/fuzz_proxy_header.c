/* Any bytes as a PROXY header: it is invalid, whole, or a beginning that more bytes may complete.
 * What is decided of some bytes is not decided otherwise when more have come. */
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/assert.h"
#include "net/proxy_header.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n);

static void check_end(const struct net_address *end)
{
    lv_assert(memchr(end->text, '\0', sizeof end->text) && end->text[0] != '\0');
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
    struct proxy_header whole = {0};
    const char *why = NULL;
    enum proxy_result last = proxy_header_parse(slice_of(bytes, n), &whole, &why);
    lv_assert((last == PROXY_INVALID) == (why != NULL));
    lv_assert(last != PROXY_MORE || n < PROXY_HEADER_KEPT_BYTES);
    if (last == PROXY_WHOLE && whole.kind == PROXY_CLIENT) {
        check_end(&whole.ends.peer);
        check_end(&whole.ends.local);
    }
    for (size_t i = 0; i < n && i <= PROXY_HEADER_KEPT_BYTES; i++) {
        struct proxy_header part = {0};
        const char *part_why = NULL;
        enum proxy_result result = proxy_header_parse(slice_of(bytes, i), &part, &part_why);
        lv_assert(result == PROXY_MORE || result == last);
        lv_assert(result != PROXY_WHOLE ||
                  (part.bytes == whole.bytes && part.kind == whole.kind && part.bytes > 0));
    }
    return 0;
}
