#include "manage/tags.h"

#include <string.h>

struct slice tags_tidy(struct slice tags, struct lv_buffer *out)
{
    while (tags.n > 0) {
        const uint8_t *comma = memchr(tags.p, ',', tags.n);
        size_t n = comma ? (size_t)(comma - tags.p) : tags.n, begin = 0, end = n;
        while (begin < end && tags.p[begin] == ' ')
            begin++;
        while (end > begin && tags.p[end - 1] == ' ')
            end--;
        if (end > begin)
            lv_buffer_printf(out, "%s%.*s", out->n ? "," : "", (int)(end - begin),
                             (const char *)tags.p + begin);
        n += comma != NULL;
        tags = slice_of(tags.p + n, tags.n - n);
    }
    return lv_buffer_slice(out);
}
