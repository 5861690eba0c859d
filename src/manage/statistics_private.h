/* What the files of statistics share. */
#ifndef LEVERET_MANAGE_STATISTICS_PRIVATE_H
#define LEVERET_MANAGE_STATISTICS_PRIVATE_H

#include <pthread.h>

#include "manage/statistics.h"
#include "manage/statistics_objects.h"
#include "session/session.h"

enum { OBJECTS_A_TURN = 256 }; /* what a loop reads in one turn */

/* The queues at home on a loop, and how far a round has read them. */
struct home_queues {
    struct object **queues;
    size_t count, capacity, next;
};

/* What a loop has read in its last turn of a round. */
struct slice_read {
    size_t first, count;           /* of home_queues */
    bool is_known[OBJECTS_A_TURN]; /* not of queues that are still being restored */
    uint64_t figures[OBJECTS_A_TURN][OBJECT_FIGURES_MAX];
    /* connections, channels, and what channels do with queues and exchanges */
    struct session_row {
        uint64_t key;
        struct object *vhost;
        enum object_kind kind;
        uint64_t figures[OBJECT_FIGURES_MAX];
    } * rows;
    size_t row_count, row_capacity;
    struct sessions_walk walk;
    bool is_walking, has_more;
    uint64_t turn_us; /* how long the loop's turns have taken so far */
};

struct statistics {
    struct loops *loops;
    struct broker *broker;
    struct asker *asker; /* owned */
    struct statistics_settings settings;
    pthread_t thread;
    bool has_thread;

    /* Guards what follows. Only the sampler changes it, so the sampler reads it without the lock,
     * and so do the loops that answer the sampler. */
    pthread_mutex_t lock;
    pthread_cond_t changed;
    bool is_stopping;
    uint64_t rounds_begun, rounds_ended, rounds_wanted;
    struct object_set objects[OBJECT_KINDS];
    struct object *node;
    uint64_t begun_ms; /* when the first round has begun; 0: none has */

    /* The sampler's alone. */
    uint64_t now_ms, before_ms; /* when this round has begun, and the one before it; 0: none */
    bool is_whole;              /* all queues of this round are known, so that their sums are */
    uint64_t before_sums_ms;    /* when the round before this has begun that was; 0: none */
    uint64_t disk_reads, disk_writes; /* of all queues that there are or were */
    struct home_queues homes[LOOPS_MAX];
    struct slice_read *slices[LOOPS_MAX]; /* owned; of the loops that there are */
};

/* statistics_round.c: reads everything once. Returns 0, or ERR_CLOSED. On the sampler's thread,
 * RCU online. */
int statistics_round(struct statistics *s);
/* Frees what the rounds have made. */
void statistics_round_free(struct statistics *s);

#endif
