/* A broker on real loops for the tests of this room: one vhost, "/", and statistics whose sampler
 * runs when a test asks it to, under a clock that moves only when told to. */
#ifndef LEVERET_TESTS_MANAGE_WORLD_H
#define LEVERET_TESTS_MANAGE_WORLD_H

#include <pthread.h>

#include "manage/queues.h"
#include "manage/statistics.h"
#include "session/session.h"

enum { WORLD_LOOPS = 2, WORLD_TICK_MS = 5000 };

struct world {
    struct manage m;
    struct session_server sessions;
    struct vhost *vhost;
    struct manage_error error;
    pthread_t thread;
};

/* interval_ms and clock_ms of the settings are set here. The sampler's first round is over. */
void world_begin(struct world *w, struct statistics_settings settings);
void world_end(struct world *w);

/* Moves the clock, without a round. */
void world_pass(uint64_t ms);
/* A round of the sampler, a tick after the one before. */
void world_tick(struct world *w);

/* Returns the queue's id. */
uint64_t world_declare(struct world *w, const char *queue);
/* Publishes to the queue through the default exchange. */
void world_publish(struct world *w, const char *queue, unsigned count);

#endif
