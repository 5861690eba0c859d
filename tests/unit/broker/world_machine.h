/* The machine that a simulated world runs its broker on, one life of the broker after the other:
 * simulated loops, which begin anew with each life, and a simulated disk, which stays. Its disk
 * fails, its power goes, its broker dies; what comes of the messages is the world's to know.
 *
 * A life: machine_start(), then the world makes its queues; machine_open_store(); then whatever
 * happens; machine_stop() or machine_crash(); then machine_close_store(), the world lets go of its
 * queues; machine_end_life(). Everything is on one thread. */
#ifndef LEVERET_TESTS_WORLD_MACHINE_H
#define LEVERET_TESTS_WORLD_MACHINE_H

#include <stdbool.h>
#include <stdint.h>

#include "loop/sim/loop_sim.h"
#include "paging/journal.h"
#include "store/sim/disk_sim.h"
#include "topology/vhost.h"
#include "world_story.h"

enum { MACHINE_LOOPS_MAX = 3 };

struct machine {
    struct disk_sim *disk; /* owned */
    struct journal_limits limits;
    uint64_t file_bytes;            /* of a file of the log */
    enum log_durability durability; /* but for LOG_SYNC, only processes die */
    uint64_t elapsed_ms;            /* before this life */
    uint64_t epoch_ms;              /* what the clock shows when nothing has elapsed */

    /* This life's. */
    struct loops *loops;     /* owned */
    struct broker *broker;   /* owned */
    struct vhost *vhost;     /* "/"; the broker's */
    struct journal *journal; /* owned; NULL while the store is not open */
};

/* --- before and after all lives --------------------------------------------------------------- */

/* Gives the machine, which must be all 0, an empty disk; its chance is the seed's. */
void machine_create(struct machine *m, uint64_t seed);
/* Between two lives only. */
void machine_free(struct machine *m);
/* Chooses the limits of the store, which are so small that everything in it happens soon. */
void machine_choose_limits(struct machine *m, struct story *s);

/* --- a life ----------------------------------------------------------------------------------- */

/* Begins the story's next life: 1 to MACHINE_LOOPS_MAX loops, whose clock shows that what has
 * elapsed has, and a broker with the vhost "/". */
void machine_start(struct machine *m, struct story *s);
/* Opens the store on the disk; what it holds is restored step by step (journal_restore_step()).
 * Returns 0, or an error of base/error.h: perhaps the power has gone. */
int machine_open_store(struct machine *m);
/* Mends the disk, so that the broker can end in order. */
void machine_stop(struct machine *m, struct story *s);
/* The process dies, or the power goes, if it has not gone before. */
void machine_crash(struct machine *m, struct story *s);
/* Closes the store, and delivers all mail that is on its way. Some time elapses before the next
 * life. */
void machine_close_store(struct machine *m, struct story *s);
/* Frees the broker and the loops, and makes the disk ready for the next life: it works, and has
 * room. Nobody may hold a queue any more. */
void machine_end_life(struct machine *m);

/* --- loops and the clock ---------------------------------------------------------------------- */

/* One of this life's loops, by chance. */
struct loop *machine_any_loop(const struct machine *m, struct story *s);
/* The wall clock, in milliseconds. */
uint64_t machine_now_ms(const struct machine *m);

/* --- the disk --------------------------------------------------------------------------------- */

/* The power has gone, or the process has died: nothing reaches the disk any more in this life. */
bool machine_is_cut(const struct machine *m);
/* The power goes at one of the next n calls of the disk. */
void machine_cut_power_within(struct machine *m, struct story *s, uint64_t n);
/* No call of the disk is due to fail, and it has room. The power may still go. */
void machine_mend_disk(struct machine *m);
/* Somebody waits for room on the disk, which is there, or for a file that will not fail again: he
 * tries once more as time passes. */
bool machine_waits_for_disk(const struct machine *m);
/* Fails the story if the disk holds more than an empty store needs. Call when all messages are
 * settled, and the log has moved on behind that (machine_log_must_reach()). */
void machine_check_disk_is_empty(struct machine *m, struct story *s);
/* The number of a file of the log: once that is the current one, what nobody needed before has had
 * the time to go. The store is open. */
uint64_t machine_log_must_reach(const struct machine *m);

#endif
