/* What every loop has, a real one and a simulated one: the struct loop of each kind begins with a
 * struct loop_base, so loop_base.c, work.c and timers.c serve both. Private to this room. */
#ifndef LEVERET_LOOP_LOOP_BASE_H
#define LEVERET_LOOP_LOOP_BASE_H

#include "loop/loop.h"
#include "loop/timers.h"

enum {
    ROUNDS_MAX = 8, /* of tasks and of mail to itself in a turn */
    HOOKS_MAX = 8,
    TURN_UNITS = 512, /* for what is done at once */
    SLICE_UNITS = 128,
};

typedef void hook_fn(struct loop *loop);

struct hooks {
    hook_fn *fn[HOOKS_MAX];
    unsigned count;
};

struct loop_base {
    struct loops *set;
    unsigned index;
    bool is_draining; /* nothing else is to be done: no slices */
    int64_t units_left;
    struct timers timers;
    struct timers patient; /* by loop_patient_ms() */
    uint64_t polled_ms;    /* loop_patient_ms() before the last poll */
    struct lv_list tasks;
    struct lv_list jobs;
    struct out_pool out_pool;
    void *slots[1 + LOOP_SLOTS_MAX]; /* the first is NULL: that of slots that were never set */
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

void loop_base_init(struct loop_base *base, struct loops *set, unsigned index);
/* Calls the functions of loop_at_free(). */
void loop_base_call_at_free(struct loop *loop);
void loop_base_free(struct loop_base *base);

void hooks_add(struct hooks *hooks, hook_fn *fn);
/* In the order in which they were added. */
void hooks_call(const struct hooks *hooks, struct loop *loop);

/* Says which loop's thread this is; NULL: no loop's. */
void loop_set_current(struct loop *loop);

/* Runs the tasks scheduled so far; what they schedule waits for the next round. False: there were
 * none. */
bool tasks_run(struct loop *loop);
/* Takes the first job off the list, which is not empty. */
struct loop_job *jobs_take(struct loop_base *base);

#endif
