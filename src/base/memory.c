/* Allocation that succeeds or ends the process. */
#include "base/memory.h"

#include <stdlib.h>
#include <string.h>

#include "base/log.h"

static _Noreturn void out_of_memory(size_t count, size_t bytes)
{
    if (count == 1)
        log_panic("out of memory (asked for %zu bytes)", bytes);
    else
        log_panic("out of memory (asked for %zu times %zu bytes)", count, bytes);
}

void *lv_malloc(size_t bytes)
{
    void *p = malloc(bytes ? bytes : 1);
    if (!p)
        out_of_memory(1, bytes);
    return p;
}

void *lv_calloc(size_t count, size_t bytes)
{
    void *p = calloc(count ? count : 1, bytes ? bytes : 1);
    if (!p)
        out_of_memory(count, bytes);
    return p;
}

void *lv_realloc(void *p, size_t bytes)
{
    void *moved = realloc(p, bytes ? bytes : 1);
    if (!moved)
        out_of_memory(1, bytes);
    return moved;
}

char *lv_strdup(const char *s)
{
    size_t n = strlen(s) + 1;
    return memcpy(lv_malloc(n), s, n);
}

void *lv_try_malloc(size_t bytes)
{
    return malloc(bytes ? bytes : 1);
}
