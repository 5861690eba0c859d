/* The functions of loop.h without threads, sockets or a clock. Each pair of loops has a box of its
 * own; a turn takes a random part of each box, in a random order of boxes, so that a seed finds
 * what a real machine shows once a month. But mail from outside is delivered after everything that
 * was handed over before it was sent, as in a real box: code that frees after a grace period
 * depends on it. */
#include "loop/sim/loop_sim.h"

#include <stdlib.h>

#include "base/assert.h"
#include "base/memory.h"
#include "base/rcu.h"
#include "loop/loop_base.h"

enum {
    TURNS_MAX = 1000000,
    OUTSIDE = LOOPS_MAX,
};

struct posted {
    struct mail mail;
    uint64_t turn; /* the number of turns that had ended when it was handed over */
};

/* A queue of mail: mails[first] .. mails[first + count - 1]. */
struct box {
    struct posted *mails;
    size_t first;
    size_t count;
    size_t capacity;
};

struct loop {
    struct loop_base base;          /* first: loop_base() */
    struct box from[LOOPS_MAX + 1]; /* by the sender's index; OUTSIDE last */
};

_Static_assert(offsetof(struct loop, base) == 0, "loop_base() casts");

struct loops {
    unsigned count;
    bool must_stop;
    uint64_t now_ms;
    uint64_t stalled_ms;
    uint64_t steady_ms;
    uint64_t wall_ms;
    uint64_t random;
    uint64_t turns;       /* that have ended, of all loops */
    unsigned slice_units; /* a slice has at most this many; 0: as many as a real loop's */
    struct loop *at[LOOPS_MAX];
};

/* Returns a number below n: xorshift64*, which is small and the same on every machine. */
static uint64_t random_below(struct loops *loops, uint64_t n)
{
    uint64_t x = loops->random;
    x ^= x >> 12;
    x ^= x << 25;
    x ^= x >> 27;
    loops->random = x;
    return ((x * UINT64_C(0x2545F4914F6CDD1D)) >> 33) % n;
}

/* Fills order[0 .. n-1] with 0 .. n-1, shuffled. */
static void shuffle(struct loops *loops, unsigned *order, unsigned n)
{
    for (unsigned i = 0; i < n; i++) {
        unsigned at = (unsigned)random_below(loops, i + 1);
        order[i] = i;
        order[i] = order[at];
        order[at] = i;
    }
}

/* --- mail ------------------------------------------------------------------------------------- */

static void box_push(struct box *box, const struct mail *mail, uint64_t turn)
{
    if (box->first + box->count == box->capacity) {
        size_t capacity = box->count * 2 < 16 ? 16 : box->count * 2;
        struct posted *mails = lv_malloc(capacity * sizeof *mails);
        if (box->count > 0)
            memcpy(mails, box->mails + box->first, box->count * sizeof *mails);
        free(box->mails);
        box->mails = mails;
        box->first = 0;
        box->capacity = capacity;
    }
    box->mails[box->first + box->count++] = (struct posted){*mail, turn};
}

static void box_deliver_first(struct loop *loop, struct box *box)
{
    struct mail mail = box->mails[box->first++].mail;
    box->count--;
    mail.deliver(loop, &mail);
}

/* Delivers what other loops have handed over up to the end of this turn. */
static void boxes_deliver_until(struct loop *loop, uint64_t turn)
{
    for (unsigned i = 0; i < LOOPS_MAX; i++) {
        struct box *box = &loop->from[i];
        while (box->count > 0 && box->mails[box->first].turn <= turn)
            box_deliver_first(loop, box);
    }
}

static void box_deliver(struct loop *loop, struct box *box, size_t n)
{
    bool is_outside = box == &loop->from[OUTSIDE];
    for (; n > 0 && box->count > 0; n--) {
        if (is_outside)
            boxes_deliver_until(loop, box->mails[box->first].turn);
        box_deliver_first(loop, box);
    }
}

void loop_mail(struct loop *from, struct loop *to, const struct mail *mail)
{
    loop_assert_home(from);
    lv_assert(from->base.set == to->base.set);
    lv_assert(mail->deliver != NULL);
    box_push(&to->from[from->base.index], mail, from->base.set->turns + 1);
}

void loop_mail_from_outside(struct loop *to, const struct mail *mail)
{
    lv_assert(mail->deliver != NULL);
    box_push(&to->from[OUTSIDE], mail, to->base.set->turns);
}

/* Delivers mail from the other loops and from outside. Three times out of four a box is emptied;
 * otherwise a random part of it stays. */
static bool boxes_deliver(struct loop *loop, bool all)
{
    unsigned order[LOOPS_MAX + 1];
    bool any = false;
    shuffle(loop->base.set, order, LOOPS_MAX + 1);
    for (unsigned i = 0; i <= LOOPS_MAX; i++) {
        struct box *box = &loop->from[order[i]];
        if (order[i] == loop->base.index || box->count == 0)
            continue;
        size_t n = box->count;
        if (!all && random_below(loop->base.set, 4) == 0)
            n = random_below(loop->base.set, n + 1);
        box_deliver(loop, box, n);
        any |= n > 0;
    }
    return any;
}

static bool box_deliver_own(struct loop *loop)
{
    struct box *box = &loop->from[loop->base.index];
    size_t n = box->count;
    box_deliver(loop, box, n);
    return n > 0;
}

/* --- jobs ------------------------------------------------------------------------------------- */

static void slice_begin(struct loop *loop, unsigned units)
{
    unsigned most = loop->base.set->slice_units;
    loop->base.units_left = most > 0 ? 1 + (int64_t)random_below(loop->base.set, most) : units;
}

/* Gives each job a slice; if slices are cut, some jobs get none. Returns whether there were any
 * jobs. */
static bool jobs_run(struct loop *loop)
{
    bool are_cut = loop->base.set->slice_units > 0;
    struct lv_list end;
    if (lv_list_is_empty(&loop->base.jobs))
        return false;
    lv_list_init(&end);
    lv_list_push(&loop->base.jobs, &end);
    while (loop->base.jobs.next != &end) {
        struct loop_job *job = jobs_take(&loop->base);
        slice_begin(loop, SLICE_UNITS);
        if ((are_cut && random_below(loop->base.set, 4) == 0) || job->run(loop, job))
            loop_job_start(loop, job);
    }
    lv_list_remove(&end);
    loop->base.units_left = 0;
    return true;
}

/* --- the turn --------------------------------------------------------------------------------- */

static bool turn_has_work(const struct loop *loop)
{
    if (!lv_list_is_empty(&loop->base.tasks) || !lv_list_is_empty(&loop->base.jobs))
        return true;
    for (unsigned i = 0; i <= LOOPS_MAX; i++) {
        if (loop->from[i].count > 0)
            return true;
    }
    return false;
}

static bool turn_fire_timers(struct loop *loop)
{
    bool any = timers_fire(&loop->base.timers, loop, loop->base.set->now_ms, SIZE_MAX) > 0;
    any |= timers_fire(&loop->base.patient, loop, loop->base.polled_ms, SIZE_MAX) > 0;
    any |= loop->base.polled_ms < loop_patient_ms(loop); /* the next turn may fire more */
    loop->base.polled_ms = loop_patient_ms(loop);
    return any;
}

static bool turn_run(struct loop *loop, bool all_mail)
{
    struct loop *before = loop_current();
    loop_set_current(loop);
    slice_begin(loop, TURN_UNITS);
    bool any = turn_fire_timers(loop);
    any |= boxes_deliver(loop, all_mail);
    for (unsigned round = 0; round < ROUNDS_MAX; round++) {
        any |= box_deliver_own(loop);
        any |= tasks_run(loop);
        if (round == 0)
            any |= jobs_run(loop);
        hooks_call(&loop->base.turn_end, loop);
        if (loop->from[loop->base.index].count == 0 && lv_list_is_empty(&loop->base.tasks))
            break;
    }
    loop->base.set->turns++;
    lv_rcu_quiescent();
    loop_set_current(before);
    return any || turn_has_work(loop);
}

static bool turns_run(struct loops *loops, bool all_mail)
{
    unsigned order[LOOPS_MAX];
    bool any = false;
    shuffle(loops, order, loops->count);
    for (unsigned i = 0; i < loops->count; i++)
        any |= turn_run(loops->at[order[i]], all_mail);
    /* A loop whose turn came early may have got mail from one whose turn came later. */
    for (unsigned i = 0; i < loops->count; i++)
        any |= turn_has_work(loops->at[i]);
    return any;
}

bool loop_sim_turn(struct loops *loops)
{
    return turns_run(loops, false);
}

void loop_sim_cut_slices(struct loops *loops, unsigned units)
{
    loops->slice_units = units;
}

void loop_sim_give_units(struct loop *loop, unsigned units)
{
    loop->base.units_left = units;
}

void loop_sim_settle(struct loops *loops)
{
    unsigned turns = 0;
    while (loop_sim_turn(loops))
        lv_assert(turns++ < TURNS_MAX);
}

/* Returns the earliest deadline of all loops; UINT64_MAX if no timer runs. */
static uint64_t earliest_ms(const struct loops *loops)
{
    uint64_t earliest = UINT64_MAX;
    for (unsigned i = 0; i < loops->count; i++) {
        uint64_t deadline_ms;
        if (timers_next(&loops->at[i]->base.timers, &deadline_ms) && deadline_ms < earliest)
            earliest = deadline_ms;
        if (timers_next(&loops->at[i]->base.patient, &deadline_ms) &&
            deadline_ms + loops->stalled_ms < earliest)
            earliest = deadline_ms + loops->stalled_ms;
    }
    return earliest;
}

static void clock_set(struct loops *loops, uint64_t now_ms)
{
    if (now_ms <= loops->now_ms)
        return;
    loops->steady_ms += now_ms - loops->now_ms;
    loops->wall_ms += now_ms - loops->now_ms;
    loops->now_ms = now_ms;
}

void loop_sim_advance(struct loops *loops, uint64_t ms)
{
    uint64_t end_ms = loops->now_ms + ms;
    loop_sim_settle(loops);
    for (uint64_t next_ms; (next_ms = earliest_ms(loops)) <= end_ms;) {
        clock_set(loops, next_ms);
        loop_sim_settle(loops);
    }
    clock_set(loops, end_ms);
}

void loop_sim_set_wall(struct loops *loops, uint64_t wall_ms)
{
    loops->wall_ms = wall_ms;
}

void loop_sim_stall(struct loops *loops, uint64_t ms)
{
    clock_set(loops, loops->now_ms + ms);
    loops->stalled_ms += ms;
}

/* --- the set ---------------------------------------------------------------------------------- */

struct loops *loop_sim_create(unsigned count, uint64_t seed)
{
    lv_assert(count >= 1);
    lv_assert(count <= LOOPS_MAX);
    struct loops *loops = lv_calloc(1, sizeof *loops);
    loops->count = count;
    loops->now_ms = 1000000;
    loops->wall_ms = UINT64_C(1700000000000);
    loops->steady_ms = loops->wall_ms;
    loops->random = seed * UINT64_C(0x9E3779B97F4A7C15) + 1;
    if (loops->random == 0)
        loops->random = 1;
    for (unsigned i = 0; i < count; i++) {
        struct loop *loop = lv_calloc(1, sizeof *loop);
        loop_base_init(&loop->base, loops, i);
        loop->base.units_left = TURN_UNITS;
        loops->at[i] = loop;
    }
    lv_rcu_register_thread();
    return loops;
}

void loop_sim_enter(struct loop *loop)
{
    loop_set_current(loop);
}

static void loop_free(struct loop *loop)
{
    loop_set_current(loop);
    loop_base_call_at_free(loop);
    for (unsigned i = 0; i <= LOOPS_MAX; i++)
        free(loop->from[i].mails);
    loop_base_free(&loop->base);
    free(loop);
    loop_set_current(NULL);
}

void loop_sim_free(struct loops **loops)
{
    struct loops *set = *loops;
    *loops = NULL;
    if (!set)
        return;
    unsigned turns = 0;
    while (turns_run(set, true))
        lv_assert(turns++ < TURNS_MAX);
    for (unsigned i = 0; i < set->count; i++)
        loop_free(set->at[i]);
    lv_rcu_unregister_thread();
    free(set);
}

struct loops *loops_create(unsigned count)
{
    return loop_sim_create(count, 0);
}

bool loops_drain(struct loops *loops)
{
    bool is_any = loop_sim_turn(loops);
    loop_sim_settle(loops);
    return is_any;
}

void loops_free(struct loops **loops)
{
    loop_sim_free(loops);
}

bool loops_are_running(const struct loops *loops)
{
    (void)loops;
    return false; /* there are no threads */
}

unsigned loops_count(const struct loops *loops)
{
    return loops->count;
}

struct loop *loops_at(const struct loops *loops, unsigned index)
{
    lv_assert(index < loops->count);
    return loops->at[index];
}

uint64_t loops_steady_ms(const struct loops *loops)
{
    return loops->steady_ms;
}

void loops_set_steady(struct loops *loops, uint64_t steady_ms)
{
    loops->steady_ms = steady_ms;
}

void loops_leave_uncounted(struct loops *loops)
{
    (void)loops; /* turns and mail are not counted here */
}

bool loop_is_counted(const struct loop *loop)
{
    (void)loop;
    return true;
}

void loops_start(struct loops *loops)
{
    (void)loops; /* there are no threads to start */
}

void loops_run(struct loops *loops)
{
    while (!loops->must_stop) {
        if (loop_sim_turn(loops))
            continue;
        uint64_t next_ms = earliest_ms(loops);
        lv_assert(next_ms != UINT64_MAX); /* nothing would ever happen again */
        clock_set(loops, next_ms);
    }
}

void loops_stop(struct loops *loops)
{
    loops->must_stop = true;
}

void loops_on_signal(struct loops *loops, int signal_number, void (*fn)(void *arg, int signal),
                     void *arg)
{
    (void)loops; /* no signal ever comes */
    (void)signal_number;
    (void)fn;
    (void)arg;
}

/* --- clocks ----------------------------------------------------------------------------------- */

uint64_t loop_now_ms(const struct loop *loop)
{
    return loop->base.set->now_ms;
}

uint64_t loop_patient_ms(const struct loop *loop)
{
    return loop->base.set->now_ms - loop->base.set->stalled_ms;
}

uint64_t loop_steady_ms(const struct loop *loop)
{
    return loop->base.set->steady_ms;
}

uint64_t loop_wall_of_steady(const struct loop *loop, uint64_t steady_ms)
{
    return steady_ms + (loop->base.set->wall_ms - loop->base.set->steady_ms);
}

uint64_t loop_wall_ms(const struct loop *loop)
{
    return loop->base.set->wall_ms;
}
