/* A world from a seed in which everything that a queue can do happens at once: a broker on
 * simulated loops and a simulated disk, whose queues and exchanges have random arguments and
 * policies (limits of every overflow, times to live, priorities, delivery limits, conflation,
 * deduplication, dead letters to other queues by both strategies, delayed exchanges), whose clients
 * publish, consume, settle, get, look, purge, retry and change policies at random, whose disk fails
 * and whose power goes.
 *
 * Its model is an account: where each message may be. Now and then everything is counted, and then
 * it must be true that
 *
 *   (1) what was confirmed is where it may be, or has gone for a reason that holds: acknowledged;
 *       expired, pushed out, or come back too often, without a dead-letter exchange; else it is in
 *       every queue that gets its dead letter, or has gone on from there. What was pushed out,
 *       replaced by conflation or dropped as a duplicate has witnesses, which have not vanished
 *       themselves;
 *   (2) nothing is there twice, nor comes back once it was settled safely, nor before its delay or
 *       after its time; but what goes on may do so twice when a crash came in between;
 *   (3) limits hold, a value stands once in a queue that conflates, what is counted is there, what
 *       was refused is not, and every publish is answered once;
 *   (4) a dead letter is the message it was, with a history that can have been;
 *   (5) the disk gives its room back when everything is settled.
 *
 * A world that fails prints its seed and its steps, and aborts. */
#ifndef LEVERET_TESTS_FEATURE_WORLD_H
#define LEVERET_TESTS_FEATURE_WORLD_H

#include <stdint.h>

/* What has been done and seen, over all worlds. */
struct feature_world_counts {
    uint64_t worlds;
    uint64_t lives;        /* of brokers */
    uint64_t crashes;      /* the power went, or the process died */
    uint64_t faults;       /* calls of the disk that failed */
    uint64_t messages;     /* published */
    uint64_t refused;      /* of them */
    uint64_t duplicates;   /* of them, as exchanges said */
    uint64_t censuses;     /* everything was counted */
    uint64_t found;        /* messages, then */
    uint64_t paged;        /* worlds with a backlog on disk */
    uint64_t dead_letters; /* found or delivered, by the reason that came last ... */
    uint64_t deaths[4];    /* ... as enum death has them */
    uint64_t delayed;      /* delivered or found behind an exchange that delays */
    uint64_t pushed_out;   /* gone, and that was the reason that held */
    uint64_t replaced;
    uint64_t dropped_twins; /* as duplicates, by queues */
    uint64_t retried;       /* moved back by a retry */
    uint64_t policies;      /* changes */
};

/* Runs the world of this seed to its end. Where its steps are printed as they are taken
 * (world_story.h), so is the broker's log. */
void feature_world_run(uint64_t seed, struct feature_world_counts *counts);

#endif
