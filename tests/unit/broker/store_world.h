/* A world from a seed: a broker on simulated loops and a simulated disk, whose clients publish,
 * consume, acknowledge, requeue, purge and delete at random, whose disk fails and whose power goes;
 * and a model of what must be true, which is compared with what is found after each crash:
 *
 *   (1) What was confirmed and not settled is there: once, at its position in the order, byte for
 *       byte.
 *   (2) What was settled, and that was safe, never comes back; nor does a transient message
 *       survive.
 *   (3) What was not confirmed may be there or not, at most once, and whole.
 *   (4) What had been delivered before comes as redelivered.
 *   (5) Counts of messages and bytes agree with what is then found.
 *   (6) Without a crash every message is there, the transient ones too, and every publish is
 *       answered.
 *   (7) The disk gives its room back when everything is settled.
 *
 * A world that fails prints its seed and its steps, and aborts. */
#ifndef LEVERET_TESTS_STORE_WORLD_H
#define LEVERET_TESTS_STORE_WORLD_H

#include <stdint.h>

/* What has been done, over all worlds. */
struct store_world_counts {
    uint64_t worlds;
    uint64_t lives;    /* of brokers */
    uint64_t crashes;  /* the power went, or the process died */
    uint64_t faults;   /* calls of the disk that failed */
    uint64_t messages; /* published */
    uint64_t drained;  /* compared with the model */
    uint64_t paged;    /* worlds in which something was read back from a segment */
};

/* Runs the world of this seed to its end. Where its steps are printed as they are taken
 * (world_story.h), so is the broker's log. */
void store_world_run(uint64_t seed, struct store_world_counts *counts);

#endif
