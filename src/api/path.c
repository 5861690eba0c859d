/* The path of a call: its parts, and the routes that fit it. */
#include <stdlib.h>
#include <string.h>

#include "api/api_private.h"
#include "base/assert.h"

/* Takes the next part off the path: "/a/b" gives "a" and leaves "/b". */
static struct slice path_next(struct slice *path)
{
    const uint8_t *begin = path->p + 1;
    const uint8_t *slash = memchr(begin, '/', path->n - 1);
    size_t n = slash ? (size_t)(slash - begin) : path->n - 1;
    *path = slice_of(begin + n, path->n - 1 - n);
    return slice_of(begin, n);
}

unsigned api_split_path(struct api_call *c, struct slice path)
{
    while (path.n > 1) {
        struct lv_buffer part = {0};
        if (c->part_count == API_PARTS_MAX)
            return 404;
        int err = http_decode(&part, path_next(&path), false);
        if (err == 0)
            c->parts[c->part_count++] = slice_copy(lv_buffer_slice(&part));
        lv_buffer_free(&part);
        if (err < 0)
            return 400;
    }
    return 0;
}

void api_free_path(struct api_call *c)
{
    for (size_t i = 0; i < c->part_count; i++)
        free((void *)(uintptr_t)c->parts[i].p);
}

bool api_route_fits(const struct api_call *c, const struct api_route *route)
{
    struct slice path = slice_str(route->path);
    size_t i = 0;
    for (; path.n > 1 && i < c->part_count; i++) {
        struct slice part = path_next(&path);
        if (part.p[0] != '{' && !slice_equal(part, c->parts[i]))
            return false;
    }
    return path.n <= 1 && i == c->part_count;
}

bool api_find_part(const struct api_call *c, const char *name, struct slice *ret)
{
    struct slice path = slice_str(c->route->path);
    for (size_t i = 0; path.n > 1; i++) {
        struct slice part = path_next(&path);
        if (part.n == strlen(name) + 2 && part.p[0] == '{' &&
            memcmp(part.p + 1, name, part.n - 2) == 0) {
            *ret = c->parts[i];
            return true;
        }
    }
    return false;
}

struct slice api_part(const struct api_call *c, const char *name)
{
    struct slice part;
    bool is_there = api_find_part(c, name, &part);
    lv_assert(is_there);
    return part;
}
