/* The names of reply codes, and the slow part of the check for UTF-8. */
#include "wire/wire.h"

const char *wire_reply_name(int code)
{
    switch (code) {
#define REPLY_CASE(number, name)                                                                   \
    case number: return #name;
        REPLY_MAP(REPLY_CASE)
#undef REPLY_CASE
    }
    return NULL;
}

/* Returns how many bytes the sequence at p has, or 0 if it is malformed. */
static size_t utf8_sequence_bytes(const uint8_t *p, size_t n)
{
    static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000}; /* less would be overlong */
    size_t bytes = p[0] < 0x80 ? 1 : p[0] < 0xC0 ? 0 : p[0] < 0xE0 ? 2 : p[0] < 0xF0 ? 3 : 4;
    if (bytes == 0 || bytes > n || p[0] >= 0xF8)
        return 0;
    if (bytes == 1)
        return 1;
    uint32_t point = p[0] & (0x7Fu >> bytes);
    for (size_t i = 1; i < bytes; i++) {
        if ((p[i] & 0xC0) != 0x80)
            return 0;
        point = point << 6 | (p[i] & 0x3Fu);
    }
    return point >= least[bytes] ? bytes : 0;
}

bool wire_is_utf8_slowly(struct slice s)
{
    while (s.n > 0) {
        size_t bytes = utf8_sequence_bytes(s.p, s.n);
        if (bytes == 0)
            return false;
        s = slice_of(s.p + bytes, s.n - bytes);
    }
    return true;
}
