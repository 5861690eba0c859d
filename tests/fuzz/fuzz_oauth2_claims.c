/* Any JSON object as the claims of a token. */
#include <stddef.h>
#include <stdint.h>

#include "fuzz/oauth2_reader.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
    json_t *claims = json_loadb((const char *)bytes, n, JSON_REJECT_DUPLICATES, NULL);
    if (json_is_object(claims))
        oauth2_claims_read(claims);
    json_decref(claims);
    return 0;
}
