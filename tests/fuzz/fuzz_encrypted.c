/* An encrypted value of any bytes is decrypted or refused. The first byte chooses what is fuzzed:
 * 0, the base64; any other, the term, which is encrypted first so that it is reached. */
#include <stddef.h>
#include <stdint.h>

#include "base/assert.h"
#include "base/encrypted.h"
#include "base/error.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
    const struct encryption e = {ENCRYPTED_DEFAULT_CIPHER, ENCRYPTED_DEFAULT_HASH, 1};
    struct lv_buffer base64 = {0};
    struct lv_buffer text = {0};
    enum encrypted_kind kind;
    if (n == 0)
        return 0;
    struct slice rest = slice_of(bytes + 1, n - 1);
    if (bytes[0] == 0)
        lv_buffer_add_slice(&base64, rest);
    else if (encrypted_encode_term(&e, slice_str("p"), rest, &base64) < 0)
        return 0;
    int err = encrypted_decode(&e, slice_str("p"), lv_buffer_slice(&base64), &text, &kind);
    lv_assert(err == 0 || (err == ERR_FORMAT && text.n == 0));
    encrypted_wipe(&base64);
    encrypted_wipe(&text);
    return 0;
}
