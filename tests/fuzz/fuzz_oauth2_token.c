/* Any bytes as a token: it is refused, or its parts can be read. */
#include <stddef.h>
#include <stdint.h>

#include "backends/oauth2/oauth2_token.h"
#include "base/assert.h"
#include "fuzz/oauth2_reader.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
    struct oauth2_token token;
    struct lv_buffer reason = {0};
    if (oauth2_token_parse(slice_of(bytes, n), &token, &reason) == 0) {
        lv_assert(token.algorithm && json_is_object(token.header));
        oauth2_claims_read(token.payload);
        oauth2_token_free(&token);
    } else {
        lv_assert(reason.n > 0);
    }
    lv_buffer_free(&reason);
    return 0;
}
