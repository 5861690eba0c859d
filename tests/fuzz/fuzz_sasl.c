/* Any bytes as a SASL response: it is decoded or refused, and the results lie within it. The first
 * byte selects the mechanism. */
#include <stddef.h>
#include <stdint.h>

#include "auth/sasl.h"
#include "base/assert.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n);

static void check_within(struct slice part, struct slice whole)
{
    lv_assert(part.n <= whole.n);
    if (part.n > 0)
        lv_assert(part.p >= whole.p && part.p + part.n <= whole.p + whole.n);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
    const char *mechanism = n > 0 && bytes[0] % 2 ? "AMQPLAIN" : "PLAIN";
    struct slice response = n > 0 ? slice_of(bytes + 1, n - 1) : SLICE_EMPTY;
    struct slice user = SLICE_EMPTY;
    struct slice password = SLICE_EMPTY;
    enum sasl_result result = sasl_parse(slice_str(mechanism), response, &user, &password);
    lv_assert(result == SASL_OK || result == SASL_MALFORMED);
    check_within(user, response);
    check_within(password, response);
    return 0;
}
