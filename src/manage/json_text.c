#include "manage/json_text.h"

#include <inttypes.h>

#include "base/buffer.h"

json_t *json_of_u64(uint64_t n)
{
    return n <= INT64_MAX ? json_integer((json_int_t)n) : json_sprintf("%" PRIu64, n);
}

json_t *json_of_text(const char *s)
{
    return json_of_slice(slice_str(s));
}

json_t *json_of_slice(struct slice s)
{
    json_t *value = json_stringn(s.n ? (const char *)s.p : "", s.n);
    if (value)
        return value;
    struct lv_buffer text = {0};
    for (size_t i = 0; i < s.n; i++) {
        if (s.p[i] >= 0x20 && s.p[i] < 0x7f)
            lv_buffer_add_u8(&text, s.p[i]);
        else
            lv_buffer_printf(&text, "\\x%02x", s.p[i]);
    }
    value = json_stringn((const char *)text.p, text.n);
    lv_buffer_free(&text);
    return value;
}
