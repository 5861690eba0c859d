/* The bodies of messages (world_body.h). */
#include "world_body.h"

#include <string.h>

void world_body_write(uint32_t number, uint8_t *out, size_t bytes)
{
    uint64_t x = number * UINT64_C(0x9E3779B97F4A7C15) + 1;
    for (size_t i = 0; i < bytes; i += 8) {
        x ^= x << 13;
        x ^= x >> 7;
        x ^= x << 17;
        memcpy(out + i, &x, bytes - i < 8 ? bytes - i : 8);
    }
}
