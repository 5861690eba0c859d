/* The unsent part of an answer, between the thread that produces it and the thread that sends it.
 *
 * If the client reads slowly, the producer may be ahead by SPOOL_BYTES_MAX, or by SPOOL_BYTES_FREE
 * once all spools together hold SPOOL_BUDGET_BYTES; then spool_put() waits. The sender never waits.
 *
 * One producer and one sender at a time, on any two threads. */
#ifndef LEVERET_CONTROL_SPOOL_H
#define LEVERET_CONTROL_SPOOL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buffer.h"

enum {
    SPOOL_BYTES_FREE = 64 * 1024,
    SPOOL_BYTES_MAX = 8 * 1024 * 1024,
    SPOOL_BUDGET_BYTES = 32 * 1024 * 1024,
};

/* What the spools of one control socket hold together. Zero-initialised; outlives its spools. */
struct spool_budget {
    _Atomic uint64_t bytes;
};

struct spool; /* see spool.c */

/* `wake(arg)` is called on the producer's thread when there are new bytes to send. The caller owns
 * the spool. */
struct spool *spool_create(struct spool_budget *budget, void (*wake)(void *arg), void *arg);
/* When neither side uses it. Clears the pointer. NULL is fine. */
void spool_free(struct spool **spool);

/* --- the producer's --------------------------------------------------------------------------- */

/* Appends the bytes and frees the buffer. Waits while the spool is full; drops the bytes if it is
 * cut, and cuts it if there is no memory. An empty spool never makes its producer wait. */
void spool_put(struct spool *s, struct lv_buffer *bytes);
/* Returns true if what is put here will not be sent. */
bool spool_is_cut(struct spool *s);

/* --- the sender's ----------------------------------------------------------------------------- */

/* Returns the next bytes to send, valid until spool_sent() or spool_cut(); false if there are none.
 */
bool spool_next(struct spool *s, struct slice *ret);
/* The first n of those bytes have been sent; the producer may continue. */
void spool_sent(struct spool *s, size_t n);
/* The client is gone: drops all bytes, now and later, and ends the producer's wait. */
void spool_cut(struct spool *s);
/* From here on the spool is cut instead of making its producer wait. What it holds can be sent. */
void spool_never_wait(struct spool *s);

#endif
