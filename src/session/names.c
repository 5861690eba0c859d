/* Random names: 128 bits, so that no two are ever the same. */
#include "session/names.h"

#include <openssl/rand.h>

#include "base/assert.h"

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

struct slice name_generate(const char *prefix, char name[GENERATED_NAME_MAX])
{
    unsigned char random[RANDOM_NAME_BYTES];
    size_t n = strlen(prefix);
    lv_assert(n + RANDOM_NAME_BYTES <= GENERATED_NAME_MAX);
    memcpy(name, prefix, n);
    if (RAND_bytes(random, sizeof random) != 1)
        lv_unreachable(); /* OpenSSL has no entropy: nothing here would be safe */
    for (size_t i = 0; i < RANDOM_NAME_BYTES; i++)
        name[n + i] = alphabet[random[i] & 63];
    return slice_of(name, n + RANDOM_NAME_BYTES);
}
