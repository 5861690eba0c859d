/* What real and simulated loops have in common: the struct loop of each kind begins with a struct
 * loop_base, so loop_base.c, work.c and timers.c serve both. Private to this room. */
#ifndef LEVERET_LOOP_LOOP_BASE_H
#define LEVERET_LOOP_LOOP_BASE_H

#include "base/assert.h"
#include "loop/loop.h"
#include "loop/timers.h"

enum {
    ROUNDS_MAX = 8, /* of tasks and of mail to itself, in a turn */
    HOOKS_MAX = 8,
    TURN_UNITS = 512,  /* for work that is done at once, in a turn */
    SLICE_UNITS = 128, /* for a job, in a slice */
};

typedef void hook_fn(struct loop *loop);

struct hooks {
    hook_fn *fn[HOOKS_MAX];
    unsigned count;
};

struct loop_base {
    struct loops *set;
    unsigned index;
    bool is_draining; /* loops_drain() runs: work is not cut into slices */
    int64_t units_left;
    struct timers timers;
    struct timers patient; /* their deadlines are by loop_patient_ms() */
    uint64_t polled_ms;    /* loop_patient_ms() before the last poll */
    struct lv_list tasks;
    struct lv_list jobs;
    struct out_pool out_pool;
    void *slots[1 + LOOP_SLOTS_MAX]; /* by number; slots[0] is NULL: a slot that was never set */
    struct hooks turn_end;
    struct hooks at_free;
};

static inline struct loop_base *loop_base(struct loop *loop)
{
    return (struct loop_base *)loop;
}

static inline const struct loop_base *loop_base_const(const struct loop *loop)
{
    return (const struct loop_base *)loop;
}

/* Asserts that the caller is not on another loop's thread. It may be on this loop's, or on one that
 * is no loop's: before the start, after the stop, or in a test. */
static inline void loop_assert_home(const struct loop *loop)
{
    const struct loop *here = loop_current();
    lv_assert(!here || here == loop);
}

/* Returns whether threads of this set run. Defined in loop.c and in loop_sim.c. */
bool loops_are_running(const struct loops *loops);

void loop_base_init(struct loop_base *base, struct loops *set, unsigned index);
/* Calls the functions of loop_at_free(). */
void loop_base_call_at_free(struct loop *loop);
void loop_base_free(struct loop_base *base);

void hooks_add(struct hooks *hooks, hook_fn *fn);
/* Calls the functions in the order in which they were added. */
void hooks_call(const struct hooks *hooks, struct loop *loop);

/* Sets what loop_current() returns on this thread. */
void loop_set_current(struct loop *loop);

/* Runs the tasks scheduled so far; tasks that these schedule wait for the next round. Returns
 * whether there were any. */
bool tasks_run(struct loop *loop);
/* Removes the first job from the list and returns it. Call only if the list is not empty. */
struct loop_job *jobs_take(struct loop_base *base);

#endif
