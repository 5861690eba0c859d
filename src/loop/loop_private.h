/* The struct of a real loop, and the functions that its files (mailbox.c, clocks.c, turn.c, loop.c)
 * offer one another. Private to this room. */
#ifndef LEVERET_LOOP_LOOP_PRIVATE_H
#define LEVERET_LOOP_LOOP_PRIVATE_H

#include <pthread.h>
#include <stdatomic.h>

#include "base/assert.h"
#include "loop/loop_base.h"
#include "loop/loop_uv.h"

enum { CACHE_LINE = 64, SHARE_NS = 1000000 };

struct batch; /* mailbox.c */

/* Batches in the order in which they are delivered. */
struct pile {
    struct batch *first;
    struct batch *last;
};

struct loop {
    struct loop_base base; /* first: loop_base() */
    uv_loop_t uv;
    bool is_in_turn;
    bool is_idle_running;
    uint64_t turn_begun_ns; /* uv_hrtime() */
    uint64_t now_ms;
    uint64_t steady_ms;
    uint64_t patient_ms; /* now_ms without the time in which the loop stood still */
    uint64_t armed_ms;   /* when `timer` fires; 0: it is not running */
    struct hooks at_stop;
    hook_fn *flush;

    uint64_t staged_mask; /* bit i is set: staged[i] holds mail */
    struct batch *staged[LOOPS_MAX];
    struct pile own;     /* mail to itself, to deliver; a batch being filled is in `staged` */
    struct pile taken;   /* taken out of the box, and not delivered yet ... */
    uint64_t waiting;    /* ... how many these are */
    struct batch *spare; /* emptied batches, to be used again */
    unsigned spare_count;

    uv_prepare_t prepare;
    uv_idle_t idle;
    uv_timer_t timer;
    uv_async_t wake;
    pthread_t thread;

    _Alignas(CACHE_LINE) _Atomic(struct batch *) box; /* a stack: the newest batch first */
    atomic_bool is_asleep;
};

_Static_assert(offsetof(struct loop, base) == 0, "loop_base() casts");

struct signal_watch;

struct loops {
    unsigned count;
    uint64_t steady_offset_ms; /* the steady clock minus clock_up_ms() */
    bool are_threads_running;
    bool is_uncounted; /* neither turns nor mail are counted */
    atomic_bool must_stop;
    struct signal_watch *signals;
    struct loop *at[LOOPS_MAX];
};

static inline void must_succeed(int uv_result)
{
    lv_assert(uv_result == 0);
}

/* Returns the time, by uv_hrtime(), at which a share of the turn that begins now is used up. */
static inline uint64_t share_end_ns(const struct loop *loop)
{
    return loop->base.is_draining ? UINT64_MAX : uv_hrtime() + SHARE_NS;
}

/* --- mailbox.c -------------------------------------------------------------------------------- */

/* Delivers the mail that other loops have sent, as far as there is time. Returns whether there was
 * any. */
bool mailbox_deliver(struct loop *loop);
/* Does the same with the mail that the loop has sent to itself. */
bool mailbox_deliver_own(struct loop *loop);
/* Hands over the mail that is staged for other loops. */
void mailbox_hand_over(struct loop *loop);
void mailbox_free(struct loop *loop);

/* --- clocks.c --------------------------------------------------------------------------------- */

void clocks_init(struct loop *loop);
void clocks_read(struct loop *loop);
/* Fires the timers that are due. */
void clocks_fire(struct loop *loop);
/* Makes libuv wake the loop for its next timer. */
void clocks_arm(struct loop *loop);

/* --- turn.c ----------------------------------------------------------------------------------- */

void turn_init(struct loop *loop);
/* Does the work at the end of a turn, except for the timers. Returns whether there was any mail,
 * task or job. */
bool turn_work(struct loop *loop);

#endif
