/* A worker: a thread with a client that puts the broker under load until it is killed. */
#ifndef LEVERET_CRASH_WORKER_H
#define LEVERET_CRASH_WORKER_H

#include "run.h"

enum {
    CONSUMERS = 4,
    WORKERS = CONFIRMERS + 1 + CONSUMERS + 1 + 1 + 1,
    TAGS_MAX = 1 << 16, /* a worker uses fewer delivery tags than this, in one round */
};

struct worker {
    struct run *run;
    void (*work)(struct worker *w);
    const char *name;
    unsigned index; /* a publisher's is its number in the ledger */
    uint64_t random;
    struct client client;
    pthread_t thread;
};

/* Starts all workers. */
void workers_start(struct run *run, struct worker workers[WORKERS]);
/* Waits until they have ended. */
void workers_join(struct worker workers[WORKERS]);

/* Returns whether the kill is about to come. */
bool worker_is_over(const struct worker *w);
/* Returns the count for the load that was asked for; at least 1, below TAGS_MAX. */
unsigned worker_scaled(const struct worker *w, unsigned count);

/* --- publishers.c ----------------------------------------------------------------------------- */

/* Publishes with confirms: the first of them many small messages. */
void work_confirmer(struct worker *w);
/* Publishes in transactions. */
void work_tx_publisher(struct worker *w);

/* A publisher with confirms on its channel. */
struct confirming;
/* Returns NULL if the broker is gone. The caller frees it with free(). */
struct confirming *confirming_begin(struct worker *w, unsigned publisher);
/* Publishes up to `count` messages and waits until all are confirmed. Returns -1 on failure. */
int confirming_publish_batch(struct worker *w, struct confirming *k, unsigned count);

/* --- consumers.c ------------------------------------------------------------------------------ */

/* Consumes from some queues: acknowledges singly, in batches or in transactions; requeues and
 * rejects some. */
void work_consumer(struct worker *w);
/* Gets messages one by one, with and without acknowledgement. */
void work_getter(struct worker *w);

/* --- clearers.c ------------------------------------------------------------------------------- */

/* Publishes to a queue of its own, and purges it, or deletes it and declares it again. */
void work_clearer(struct worker *w);

#endif
