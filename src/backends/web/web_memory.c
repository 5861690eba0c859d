#include "backends/web/web_memory.h"

#include <curl/curl.h>
#include <malloc.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"

static void clear_and_free(void *p)
{
    if (p != NULL)
        explicit_bzero(p, malloc_usable_size(p));
    free(p);
}

/* realloc() could move the bytes and leave them behind. */
static void *move(void *p, size_t bytes)
{
    if (p == NULL)
        return malloc(bytes);
    const size_t old = malloc_usable_size(p);
    void *fresh = malloc(bytes);
    if (fresh == NULL)
        return NULL;
    memcpy(fresh, p, old < bytes ? old : bytes);
    clear_and_free(p);
    return fresh;
}

int web_memory_init(void)
{
    return curl_global_init_mem(CURL_GLOBAL_DEFAULT, malloc, clear_and_free, move, strdup, calloc)
               ? ERR_IO
               : 0;
}
