/* Any bytes as the beginning of a TLS connection, in any pieces: they are refused, or not, as if
 * they had come at once. The first byte chooses the version and the length of the pieces. */
#include <stddef.h>
#include <stdint.h>

#include "base/assert.h"
#include "tls/hello.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
    if (n == 0)
        return 0;
    struct tls_hello whole = {0}, parts = {0};
    bool is_tls_1_2 = bytes[0] & 1, is_good = true;
    size_t piece = 1 + bytes[0] / 2;
    bytes++;
    n--;
    bool expected = tls_hello_watch(&whole, bytes, n, is_tls_1_2);
    for (size_t at = 0; at < n && is_good; at += piece)
        is_good = tls_hello_watch(&parts, bytes + at, piece < n - at ? piece : n - at, is_tls_1_2);
    lv_assert(is_good == expected);
    lv_assert(!is_good ||
              (parts.record_left == whole.record_left && parts.message_left == whole.message_left &&
               parts.has_ended == whole.has_ended));
    return 0;
}
