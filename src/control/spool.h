/* The unsent part of an answer, between the thread that makes it and the thread that sends it.
 *
 * The maker may run ahead of a client that reads slowly, by SPOOL_BYTES_MAX, or by SPOOL_BYTES_FREE
 * once all spools together hold SPOOL_BUDGET_BYTES; then spool_put() waits. The sender never waits.
 *
 * One maker and one sender at a time, on any two threads. */
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

/* `wake(arg)` is called on the maker's thread when there are new bytes to send. The caller owns the
 * spool. */
struct spool *spool_create(struct spool_budget *budget, void (*wake)(void *arg), void *arg);
/* Neither side uses it any more. Clears the pointer. NULL is fine. */
void spool_free(struct spool **spool);

/* --- the maker's ------------------------------------------------------------------------------ */

/* Appends the bytes, and frees the buffer. Waits while the spool is full; drops them once it is
 * cut, and cuts it when there is no memory. A spool that holds nothing never makes its maker
 * wait. */
void spool_put(struct spool *s, struct lv_buffer *bytes);
/* True once nobody will send what is put here. */
bool spool_is_cut(struct spool *s);

/* --- the sender's ----------------------------------------------------------------------------- */

/* The next bytes to send, valid until spool_sent() or spool_cut(). False when there are none. */
bool spool_next(struct spool *s, struct slice *ret);
/* The first n of those bytes have been sent; the maker may go on. */
void spool_sent(struct spool *s, size_t n);
/* The client is gone: drops everything, now and later, and ends the maker's wait. */
void spool_cut(struct spool *s);
/* From here on, a maker that would have to wait finds the spool cut. What is in it can be sent. */
void spool_never_wait(struct spool *s);

#endif
