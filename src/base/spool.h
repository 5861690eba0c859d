/* The unsent part of an answer, between the thread that produces it and the thread that sends it.
 *
 * If the client reads slowly, the producer may be ahead by SPOOL_BYTES_MAX, or by SPOOL_BYTES_FREE
 * once all spools together hold SPOOL_BUDGET_BYTES; then spool_put() waits. The sender never waits.
 *
 * One producer and one sender at a time, on any two threads. */
#ifndef LEVERET_BASE_SPOOL_H
#define LEVERET_BASE_SPOOL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buffer.h"

enum {
    SPOOL_BYTES_FREE = 64 * 1024,
    SPOOL_BYTES_MAX = 8 * 1024 * 1024,
    SPOOL_BUDGET_BYTES = 32 * 1024 * 1024,
};

/* What the spools of one interface hold together. Zero-initialised; outlives its spools. */
struct spool_budget {
    _Atomic uint64_t bytes;
};

struct spool; /* see spool.c */

/* Creates a spool, which the caller owns. spool_put() calls `wake(arg)`, on the producer's thread,
 * when there are new bytes to send. */
struct spool *spool_create(struct spool_budget *budget, void (*wake)(void *arg), void *arg);
/* Frees the spool and clears the pointer. NULL is fine. Call when neither side uses the spool. */
void spool_free(struct spool **spool);

/* --- the producer's --------------------------------------------------------------------------- */

/* Appends the bytes to the spool and frees the buffer. Waits while the spool is full. Drops the
 * bytes if the spool is cut, and cuts the spool if there is no memory for them. An empty spool
 * never makes its producer wait. */
void spool_put(struct spool *s, struct lv_buffer *bytes);
/* Returns whether spool_put() would have to wait now. */
bool spool_would_wait(struct spool *s);
/* Returns true if the spool is cut: bytes that are put into it will not be sent. */
bool spool_is_cut(struct spool *s);

/* --- the sender's ----------------------------------------------------------------------------- */

/* Returns the next bytes to send, valid until spool_sent() or spool_cut(); false if there are none.
 */
bool spool_next(struct spool *s, struct slice *ret);
/* Removes the first n of the bytes that spool_next() returned: they have been sent. The producer
 * may continue. */
void spool_sent(struct spool *s, size_t n);
/* Called when the client is gone: drops all bytes, now and later, and ends the producer's wait. */
void spool_cut(struct spool *s);
/* From here on, where its producer would have to wait, the spool is cut instead. Until then the
 * bytes in it can still be sent. */
void spool_never_wait(struct spool *s);

#endif
