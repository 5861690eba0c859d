/* `memory_breakdown`: what the broker's memory is used for, the most first. */
#include <stdio.h>
#include <stdlib.h>

#include "leveretctl/talk.h"

struct part {
    const char *name;
    long long bytes;
};

enum { PARTS_MAX = 64 };

static int by_bytes(const void *a, const void *b)
{
    const struct part *p = a, *q = b;
    return p->bytes > q->bytes ? -1 : p->bytes < q->bytes;
}

/* Returns their number; *ret_total is the sum of all bytes. */
static size_t parts_sort(const json_t *memory, struct part *ret, long long *ret_total)
{
    size_t count = 0;
    const char *name;
    const json_t *bytes;
    *ret_total = 0;
    for (void *it = json_object_iter((json_t *)(uintptr_t)memory); it && count < PARTS_MAX;
         it = json_object_iter_next((json_t *)(uintptr_t)memory, it)) {
        name = json_object_iter_key(it);
        bytes = json_object_iter_value(it);
        ret[count++] = (struct part){name, (long long)json_integer_value(bytes)};
        *ret_total += (long long)json_integer_value(bytes);
    }
    qsort(ret, count, sizeof *ret, by_bytes);
    return count;
}

static double share_of(long long bytes, long long total)
{
    return total > 0 ? (double)bytes * 100 / (double)total : 0;
}

void memory_print(const struct invocation *i, const json_t *answer)
{
    struct part parts[PARTS_MAX];
    char text[64];
    long long total;
    size_t count = parts_sort(json_object_get(answer, "memory"), parts, &total);
    json_t *all = json_object();
    for (size_t p = 0; p < count; p++) {
        double share = share_of(parts[p].bytes, total);
        if (i->format == FORMAT_JSON)
            json_object_set_new(all, parts[p].name,
                                json_pack("{s:I, s:f}", "bytes", (json_int_t)parts[p].bytes,
                                          "percentage", (double)(long long)(share * 100) / 100));
        else
            printf("%s: %s (%.2f%%)\n", parts[p].name,
                   amount_text(text, parts[p].bytes, status_unit(i)), share);
    }
    if (i->format == FORMAT_JSON)
        say_json(json_incref(all));
    json_decref(all);
}
