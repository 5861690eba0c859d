/* Copies of slices. */
#include "base/slice.h"

#include "base/memory.h"

char *slice_strdup(struct slice s)
{
    char *copy = lv_malloc(s.n + 1);
    if (s.n > 0)
        memcpy(copy, s.p, s.n);
    copy[s.n] = '\0';
    return copy;
}

struct slice slice_copy(struct slice s)
{
    return slice_of(slice_strdup(s), s.n);
}
