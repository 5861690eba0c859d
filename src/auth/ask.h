/* Questions that take long, answered on threads of their own: slow password hashes, and backends
 * that ask a service elsewhere. No loop ever waits for one.
 *
 * A pool has a queue and a few threads, which are created when they are needed and end when they
 * have had nothing to do for a while. Questions come from sources (addresses of peers; those of one
 * IPv6 network, a /64, are one source). The sources take turns, and no source has all threads of a
 * pool that has several: a source that asks much waits for its own questions, and delays others by
 * one question at most. */
#ifndef LEVERET_AUTH_ASK_H
#define LEVERET_AUTH_ASK_H

#include <stdbool.h>
#include <stddef.h>

#include "base/list.h"
#include "base/slice.h"

struct ask_pool;   /* see ask.c */
struct ask_source; /* see ask.c */

/* How many questions may wait in a pool, and how many of them may be of one source. */
enum { ASKS_MAX = 8192, ASKS_OF_SOURCE_MAX = 4096, ASK_THREADS_MAX = 32 };

/* A question. Embedded in the caller's struct, which must live until run() has been called. */
struct ask {
    /* Answers the question. Called once, on a thread of the pool, which may block there. The ask
     * may be freed, or submitted again, by this function. */
    void (*run)(struct ask *ask);
    struct lv_list link; /* the pool's, as the next one is */
    struct ask_source *source;
};

/* Creates a pool of at most `threads_max` threads (ASK_THREADS_MAX at most). With 0, each question
 * is answered by the thread that asks. `is_modest`: its threads run at low priority, since they
 * compute. `name` is a static string of at most 15 bytes. The caller owns the pool. */
struct ask_pool *ask_pool_create(const char *name, unsigned threads_max, bool is_modest);
/* Waits until every question that was submitted is answered, and ends the threads. From here on
 * each question is answered by the thread that asks. Not on a thread of the pool. */
void ask_pool_stop(struct ask_pool *pool);
/* Stops the pool and frees it. Clears the pointer. NULL is fine. Call only if nobody submits any
 * longer. */
void ask_pool_free(struct ask_pool **pool);

/* Has a question from this source answered. Returns false if too many wait already, or there is no
 * thread and none can be created: then run() is not called. Any thread, also one of the pool. */
bool ask_submit(struct ask_pool *pool, struct ask *ask, struct slice source);

/* Returns how many questions wait, without those that are being answered. Any thread. */
size_t ask_waiting(struct ask_pool *pool);

#endif
