/* Allocation that either succeeds or ends the process with one line saying what was asked for.
 * For memory whose size a peer decides (bodies), use lv_try_malloc and answer the peer. */
#ifndef LEVERET_BASE_MEMORY_H
#define LEVERET_BASE_MEMORY_H

#include <stdbool.h>
#include <stddef.h>

/* The caller owns what is returned and gives it back with free(). Any thread. */
void *lv_malloc(size_t bytes) __attribute__((malloc, returns_nonnull));
void *lv_calloc(size_t count, size_t bytes) __attribute__((malloc, returns_nonnull));
void *lv_realloc(void *p, size_t bytes) __attribute__((returns_nonnull));
char *lv_strdup(const char *s) __attribute__((malloc, returns_nonnull));

/* Returns NULL if there is no memory. */
void *lv_try_malloc(size_t bytes) __attribute__((malloc, warn_unused_result));

/* Gives memory that this thread has freed, and that others have freed of this thread's, back to the
 * system. Returns how many free bytes stay, because they lie between others in use; this thread's
 * next allocations use them. glibc does not tell: 0, and one call there gives back every thread's
 * memory. Takes one or two milliseconds, and some more for each GB. Any thread. */
size_t lv_memory_give_back(void);
/* For a thread that is about to end: what it has freed would stay with the process.
 * Microseconds. */
void lv_memory_leave(void);

/* Whether pages of memory that are wholly free stay with the process for a while, for what is
 * allocated next (true, as at the start), or are given back as soon as they are free: then freeing
 * a message costs some half a microsecond more. glibc: no difference. One thread at a time. */
void lv_memory_keep_freed(bool is_kept);

#endif
