/* Allocation that either succeeds, or ends the process with one line that says how much was asked
 * for. Where a peer decides the size (bodies), use lv_try_malloc() and answer the peer. */
#ifndef LEVERET_BASE_MEMORY_H
#define LEVERET_BASE_MEMORY_H

#include <stdbool.h>
#include <stddef.h>

/* The caller owns what is returned, and frees it with free(). Any thread. */
void *lv_malloc(size_t bytes) __attribute__((malloc, returns_nonnull));
void *lv_calloc(size_t count, size_t bytes) __attribute__((malloc, returns_nonnull));
void *lv_realloc(void *p, size_t bytes) __attribute__((returns_nonnull));
char *lv_strdup(const char *s) __attribute__((malloc, returns_nonnull));

/* Returns NULL if there is no memory. */
void *lv_try_malloc(size_t bytes) __attribute__((malloc, warn_unused_result));

/* Returns to the system the free memory among this thread's allocations, whichever thread freed it.
 * Returns how many free bytes remain, because they lie between bytes in use; this thread's next
 * allocations use them. With glibc it returns 0, since glibc does not tell, and one call returns
 * the memory of all threads. Takes one or two milliseconds, and more for each GB. Any thread. */
size_t lv_memory_give_back(void);
/* Returns whether any of this thread's allocations is in use. With glibc, which does not tell, it
 * returns false. Call after lv_memory_give_back(), which notices what other threads have freed. */
bool lv_memory_is_in_use(void);
/* Returns to the system the free memory of the calling thread, which is about to end; otherwise it
 * would stay with the process. Takes microseconds. */
void lv_memory_leave(void);

/* Sets whether pages that are wholly free stay with the process for a while, to be allocated again
 * (true, as at the start), or are returned to the system at once; freeing a message then costs
 * about half a microsecond more. With glibc it makes no difference. One thread at a time. */
void lv_memory_keep_freed(bool is_kept);

#endif
