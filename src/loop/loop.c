/* Loops on libuv. A turn ends in libuv's prepare phase, right before it polls:
 *
 *   poll: sockets, the wake-up       every callback begins with loop_enter()
 *   prepare: timers that are due
 *            mail that is in the box
 *            rounds: mail to itself, tasks, (once) jobs, turn-end functions, hand over mail, flush
 *                    sockets; again while there are new tasks or mail to itself, ROUNDS_MAX times
 *            nothing left to do: RCU offline and a poll that sleeps; else a poll that does not
 *
 * The mailbox is a stack of batches: a sender pushes with one compare-and-swap, the loop takes all
 * with one exchange and turns them round. (liburcu's wait-free queue was not taken: its reader
 * sleeps 10 ms when a sender is preempted between two of its stores.)
 *
 *   (1) A batch belongs to its sender until it is pushed, then to the receiver, who reuses it.
 *   (2) `is_asleep` is set before the box is looked at for the last time before a poll that
 *       sleeps; a sender looks at it after its push. So one of the two sees the other, and a loop
 *       that is awake costs its senders no system call.
 *   (3) Mail from one loop to another leaves in the order of loop_mail(): one batch is filled at
 *       a time, and batches are pushed in order.
 *   (4) Timers, mail and jobs have SHARE_NS each of a turn, plus one timer, batch or slice. What is
 *       left waits for the next turn, which sees to the sockets first. */
#include "loop/loop.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/assert.h"
#include "base/clock.h"
#include "base/memory.h"
#include "base/rcu.h"
#include "loop/loop_uv.h"
#include "loop/timers.h"

enum {
    BATCH_MAILS = 256,
    BATCHES_AT_REST_MAX = 16,
    ROUNDS_MAX = 8,
    HOOKS_MAX = 8,
    FREE_ROUNDS_MAX = 1000,
    PULSE_MS = 500,  /* the longest sleep while a peer has a deadline */
    STALL_MS = 1000, /* from one turn to the next: the loop stood still */
    CACHE_LINE = 64,
    TURN_UNITS = 512, /* for what is done at once */
    SLICE_UNITS = 128,
    SHARE_NS = 1000000,
    MAILS_A_LOOK = 32, /* at the clock */
    TIMERS_A_LOOK = 32,
};

struct batch {
    struct batch *next;
    unsigned count;
    unsigned delivered; /* so far */
    bool is_reusable;   /* BATCH_MAILS of room; else one mail from outside */
    struct mail mails[];
};

/* Batches in the order in which they are delivered. */
struct pile {
    struct batch *first;
    struct batch *last;
};

typedef void hook_fn(struct loop *loop);

struct hooks {
    hook_fn *fn[HOOKS_MAX];
    unsigned count;
};

struct loop {
    uv_loop_t uv;
    struct loops *set;
    unsigned index;
    bool is_in_turn;
    bool is_idle_running;
    bool is_draining; /* nothing else is to be done: no slices */
    uint64_t now_ms;
    uint64_t steady_ms;
    uint64_t patient_ms; /* now_ms without the times when the loop stood still */
    uint64_t polled_ms;  /* patient_ms before the last poll */
    uint64_t armed_ms;   /* when uv_timer fires; 0: not running */
    int64_t units_left;
    struct timers timers;
    struct timers patient; /* by loop_patient_ms() */
    struct lv_list tasks;
    struct lv_list jobs;
    struct out_pool out_pool;
    void *slots[LOOP_SLOTS];
    struct hooks turn_end;
    struct hooks at_stop;
    struct hooks at_free;
    hook_fn *flush;

    uint64_t staged_mask; /* bit i: staged[i] holds mail */
    struct batch *staged[LOOPS_MAX];
    struct pile own;   /* mail to itself, full batches; the rest is in staged */
    struct pile taken; /* out of the box, and not delivered yet */
    struct batch *resting;
    unsigned resting_count;

    uv_prepare_t prepare;
    uv_idle_t idle;
    uv_timer_t timer;
    uv_async_t wake;
    pthread_t thread;

    _Alignas(CACHE_LINE) _Atomic(struct batch *) box; /* the newest first */
    atomic_bool is_asleep;
};

struct signal_watch {
    uv_signal_t uv;
    struct signal_watch *next;
    void (*fn)(void *arg, int signal);
    void *arg;
};

struct loops {
    unsigned count;
    uint64_t steady_offset_ms; /* the steady clock's start, by clock_up_ms() */
    bool are_threads_running;
    atomic_bool must_stop;
    struct signal_watch *signals;
    struct loop *at[LOOPS_MAX];
};

static _Thread_local struct loop *current;

/* --- batches ------------------------------------------------------------------------------ */

static struct batch *batch_take(struct loop *loop)
{
    struct batch *batch = loop->resting;
    if (batch) {
        loop->resting = batch->next;
        loop->resting_count--;
    } else {
        batch = lv_malloc(sizeof *batch + BATCH_MAILS * sizeof batch->mails[0]);
        batch->is_reusable = true;
    }
    batch->next = NULL;
    batch->count = 0;
    batch->delivered = 0;
    return batch;
}

static void batch_give(struct loop *loop, struct batch *batch)
{
    if (!batch->is_reusable || loop->resting_count == BATCHES_AT_REST_MAX) {
        free(batch);
        return;
    }
    batch->next = loop->resting;
    loop->resting = batch;
    loop->resting_count++;
}

/* Some of it. */
static void batch_deliver(struct loop *loop, struct batch *batch)
{
    unsigned end = batch->delivered + MAILS_A_LOOK;
    if (end > batch->count)
        end = batch->count;
    while (batch->delivered < end) {
        struct mail *mail = &batch->mails[batch->delivered++];
        mail->deliver(loop, mail);
    }
}

static uint64_t share_end_ns(const struct loop *loop)
{
    return loop->is_draining ? UINT64_MAX : uv_hrtime() + SHARE_NS;
}

static void pile_add(struct pile *pile, struct batch *batch)
{
    batch->next = NULL;
    if (pile->last)
        pile->last->next = batch;
    else
        pile->first = batch;
    pile->last = batch;
}

static void pile_drop_first(struct loop *loop, struct pile *pile)
{
    struct batch *batch = pile->first;
    pile->first = batch->next;
    if (!pile->first)
        pile->last = NULL;
    batch_give(loop, batch);
}

/* What is in the pile now, as far as there is time for it; what comes to it meanwhile waits for the
 * next call. */
static bool pile_deliver(struct loop *loop, struct pile *pile)
{
    const struct batch *last = pile->last;
    if (!last)
        return false;
    bool is_short = pile->first == last && last->count <= MAILS_A_LOOK;
    const uint64_t end_ns = is_short ? 0 : share_end_ns(loop);
    for (;;) {
        struct batch *batch = pile->first;
        batch_deliver(loop, batch);
        bool is_over = batch->delivered == batch->count;
        if (is_over)
            pile_drop_first(loop, pile);
        if ((is_over && batch == last) || uv_hrtime() >= end_ns)
            return true;
    }
}

/* --- the box ------------------------------------------------------------------------------ */

static void box_push(struct loop *to, struct batch *batch)
{
    struct batch *top = atomic_load_explicit(&to->box, memory_order_relaxed);
    do {
        batch->next = top;
    } while (!atomic_compare_exchange_weak(&to->box, &top, batch));
    /* Invariant (2): whoever put the first batch into the box wakes the sleeper. */
    if (!top && atomic_load(&to->is_asleep) && atomic_exchange(&to->is_asleep, false))
        uv_async_send(&to->wake);
}

static void box_empty(struct loop *loop)
{
    if (!atomic_load_explicit(&loop->box, memory_order_relaxed))
        return;
    struct batch *newest = atomic_exchange_explicit(&loop->box, NULL, memory_order_acquire);
    struct batch *oldest = NULL;
    while (newest) {
        struct batch *next = newest->next;
        newest->next = oldest;
        oldest = newest;
        newest = next;
    }
    while (oldest) {
        struct batch *next = oldest->next;
        pile_add(&loop->taken, oldest);
        oldest = next;
    }
}

static bool box_deliver(struct loop *loop)
{
    box_empty(loop);
    return pile_deliver(loop, &loop->taken);
}

/* --- staging ------------------------------------------------------------------------------ */

static void hand_over_to(struct loop *from, struct loop *to)
{
    struct batch *batch = from->staged[to->index];
    from->staged[to->index] = NULL;
    from->staged_mask &= ~(UINT64_C(1) << to->index);
    if (to == from)
        pile_add(&from->own, batch);
    else
        box_push(to, batch);
}

static void hand_over(struct loop *from)
{
    uint64_t mask = from->staged_mask & ~(UINT64_C(1) << from->index);
    for (; mask; mask &= mask - 1)
        hand_over_to(from, from->set->at[__builtin_ctzll(mask)]);
}

void loop_mail(struct loop *from, struct loop *to, const struct mail *mail)
{
    struct batch *batch = from->staged[to->index];
    if (!batch) {
        batch = batch_take(from);
        from->staged[to->index] = batch;
        from->staged_mask |= UINT64_C(1) << to->index;
    }
    batch->mails[batch->count++] = *mail;
    if (batch->count == BATCH_MAILS)
        hand_over_to(from, to);
}

void loop_mail_from_outside(struct loop *to, const struct mail *mail)
{
    struct batch *batch = lv_malloc(sizeof *batch + sizeof batch->mails[0]);
    batch->is_reusable = false;
    batch->count = 1;
    batch->delivered = 0;
    batch->mails[0] = *mail;
    box_push(to, batch);
}

static bool own_deliver(struct loop *loop)
{
    if (loop->staged[loop->index])
        hand_over_to(loop, loop);
    return pile_deliver(loop, &loop->own);
}

/* --- tasks -------------------------------------------------------------------------------- */

void loop_task_init(struct loop_task *task, void (*fn)(struct loop *, struct loop_task *))
{
    lv_list_init(&task->link);
    task->fn = fn;
    task->scheduled = false;
}

void loop_schedule(struct loop *loop, struct loop_task *task)
{
    if (task->scheduled)
        return;
    task->scheduled = true;
    lv_list_push(&loop->tasks, &task->link);
}

void loop_unschedule(struct loop *loop, struct loop_task *task)
{
    (void)loop;
    if (!task->scheduled)
        return;
    task->scheduled = false;
    lv_list_remove(&task->link);
}

/* Runs those scheduled so far; what they schedule waits for the next round. */
static bool tasks_run(struct loop *loop)
{
    if (lv_list_is_empty(&loop->tasks))
        return false;
    struct lv_list end;
    lv_list_init(&end);
    lv_list_push(&loop->tasks, &end);
    while (loop->tasks.next != &end) {
        struct loop_task *task = lv_list_item(loop->tasks.next, struct loop_task, link);
        loop_unschedule(loop, task);
        task->fn(loop, task);
    }
    lv_list_remove(&end);
    return true;
}

/* --- jobs --------------------------------------------------------------------------------- */

void loop_job_init(struct loop_job *job, bool (*run)(struct loop *, struct loop_job *))
{
    lv_list_init(&job->link);
    job->run = run;
}

void loop_job_start(struct loop *loop, struct loop_job *job)
{
    if (!loop_job_is_under_way(job))
        lv_list_push(&loop->jobs, &job->link);
}

void loop_job_stop(struct loop *loop, struct loop_job *job)
{
    (void)loop;
    lv_list_remove(&job->link);
}

bool loop_spend(struct loop *loop, unsigned units)
{
    if (loop->units_left <= 0)
        return loop->is_draining;
    loop->units_left -= units;
    return true;
}

bool loop_charge(struct loop *loop, unsigned units)
{
    loop->units_left -= units;
    return loop->units_left > 0 || loop->is_draining;
}

static bool jobs_run(struct loop *loop)
{
    if (lv_list_is_empty(&loop->jobs))
        return false;
    const uint64_t end_ns = share_end_ns(loop);
    do {
        struct loop_job *job = lv_list_item(loop->jobs.next, struct loop_job, link);
        lv_list_remove(&job->link);
        loop->units_left = SLICE_UNITS;
        if (job->run(loop, job))
            loop_job_start(loop, job);
    } while (!lv_list_is_empty(&loop->jobs) && uv_hrtime() < end_ns);
    loop->units_left = 0;
    return true;
}

/* --- the turn ----------------------------------------------------------------------------- */

static void hooks_add(struct hooks *hooks, hook_fn *fn)
{
    lv_assert(hooks->count < HOOKS_MAX);
    hooks->fn[hooks->count++] = fn;
}

static void hooks_call(const struct hooks *hooks, struct loop *loop)
{
    for (unsigned i = 0; i < hooks->count; i++)
        hooks->fn[i](loop);
}

static void read_clocks(struct loop *loop)
{
    uint64_t since_ms = uv_now(&loop->uv) - loop->now_ms;
    bool was_stalled = since_ms >= STALL_MS && loop->patient.count > 0;
    loop->now_ms += since_ms;
    loop->patient_ms += was_stalled ? 0 : since_ms;
    loop->steady_ms = loops_steady_ms(loop->set);
}

void loop_enter(struct loop *loop)
{
    if (loop->is_in_turn)
        return;
    loop->is_in_turn = true;
    atomic_store_explicit(&loop->is_asleep, false, memory_order_relaxed);
    lv_rcu_online();
    read_clocks(loop);
    loop->units_left = TURN_UNITS;
}

static bool has_tasks_or_own_mail(const struct loop *loop)
{
    return !lv_list_is_empty(&loop->tasks) || loop->own.first || loop->staged_mask;
}

static bool has_work(const struct loop *loop)
{
    return has_tasks_or_own_mail(loop) || loop->taken.first || !lv_list_is_empty(&loop->jobs);
}

/* The work of a turn's end but for the timers. True when there was any mail, task or job. */
static bool do_work(struct loop *loop)
{
    bool any = box_deliver(loop);
    for (unsigned round = 0; round < ROUNDS_MAX; round++) {
        any |= own_deliver(loop);
        any |= tasks_run(loop);
        if (round == 0)
            any |= jobs_run(loop);
        hooks_call(&loop->turn_end, loop);
        hand_over(loop);
        if (loop->flush)
            loop->flush(loop);
        bool has_much_mail = loop->own.first != NULL; /* the next turn's */
        if (has_much_mail || !has_tasks_or_own_mail(loop))
            break;
    }
    return any;
}

static void timer_fired(uv_timer_t *timer)
{
    struct loop *loop = timer->data;
    loop->armed_ms = 0;
    loop_enter(loop); /* the end of the turn fires what is due */
}

/* When the loop must wake up at the latest; UINT64_MAX: no timer runs. Never later than PULSE_MS
 * from now while a peer has a deadline: otherwise a long sleep looks like a stall. */
static uint64_t wake_ms(const struct loop *loop)
{
    uint64_t earliest_ms = UINT64_MAX, patient_ms;
    timers_next(&loop->timers, &earliest_ms);
    if (!timers_next(&loop->patient, &patient_ms))
        return earliest_ms;
    uint64_t latest_ms = patient_ms + (loop->now_ms - loop->patient_ms);
    if (latest_ms > loop->now_ms + PULSE_MS)
        latest_ms = loop->now_ms + PULSE_MS;
    return earliest_ms < latest_ms ? earliest_ms : latest_ms;
}

static void timer_arm(struct loop *loop)
{
    uint64_t deadline_ms = wake_ms(loop);
    if (deadline_ms == UINT64_MAX || (loop->armed_ms != 0 && loop->armed_ms <= deadline_ms))
        return; /* one that fires for nothing does no harm */
    loop->armed_ms = deadline_ms;
    uint64_t now_ms = uv_now(&loop->uv);
    uv_timer_start(&loop->timer, timer_fired, deadline_ms > now_ms ? deadline_ms - now_ms : 0, 0);
}

static void idled(uv_idle_t *idle)
{
    loop_enter(idle->data);
}

static void idle_set(struct loop *loop, bool must_run)
{
    if (must_run == loop->is_idle_running)
        return;
    loop->is_idle_running = must_run;
    if (must_run)
        uv_idle_start(&loop->idle, idled); /* libuv polls without sleeping while one runs */
    else
        uv_idle_stop(&loop->idle);
}

/* True when nothing is left to do and every sender knows that we are about to sleep. */
static bool fall_asleep(struct loop *loop)
{
    if (has_work(loop))
        return false;
    atomic_store(&loop->is_asleep, true);
    if (!atomic_load(&loop->box))
        return true;
    atomic_store_explicit(&loop->is_asleep, false, memory_order_relaxed);
    return false;
}

static void fire_some(struct loop *loop, struct timers *timers, uint64_t now_ms)
{
    size_t most = timers->count, fired;
    const uint64_t end_ns = most > TIMERS_A_LOOK ? share_end_ns(loop) : 0;
    do {
        size_t now = most < TIMERS_A_LOOK ? most : TIMERS_A_LOOK;
        fired = timers_fire(timers, loop, now_ms, now);
        most -= fired;
    } while (fired == TIMERS_A_LOOK && most > 0 && uv_hrtime() < end_ns);
}

static void fire_timers(struct loop *loop)
{
    fire_some(loop, &loop->timers, loop->now_ms);
    fire_some(loop, &loop->patient, loop->polled_ms);
    loop->polled_ms = loop->patient_ms;
}

static void turn_end(uv_prepare_t *prepare)
{
    struct loop *loop = prepare->data;
    loop_enter(loop);
    fire_timers(loop);
    do_work(loop);
    timer_arm(loop);
    bool sleeps = fall_asleep(loop);
    idle_set(loop, !sleeps);
    if (sleeps)
        lv_rcu_offline();
    else
        lv_rcu_quiescent();
    loop->is_in_turn = false;
    if (atomic_load_explicit(&loop->set->must_stop, memory_order_acquire))
        uv_stop(&loop->uv);
}

static void woken(uv_async_t *wake)
{
    loop_enter(wake->data); /* the end of the turn empties the box */
}

/* --- timers, clocks, slots ---------------------------------------------------------------- */

void loop_timer_init(struct loop_timer *timer, void (*fn)(struct loop *, struct loop_timer *))
{
    *timer = (struct loop_timer){.fn = fn};
}

void loop_timer_init_patient(struct loop_timer *timer,
                             void (*fn)(struct loop *, struct loop_timer *))
{
    *timer = (struct loop_timer){.fn = fn, .is_patient = true};
}

void loop_timer_start(struct loop *loop, struct loop_timer *timer, uint64_t delay_ms)
{
    if (timer->is_patient)
        timers_start(&loop->patient, timer, loop->patient_ms + delay_ms);
    else
        timers_start(&loop->timers, timer, loop->now_ms + delay_ms);
}

void loop_timer_stop(struct loop *loop, struct loop_timer *timer)
{
    timers_stop(timer->is_patient ? &loop->patient : &loop->timers, timer);
}

uint64_t loop_patient_ms(const struct loop *loop)
{
    return loop->patient_ms;
}

uint64_t loop_now_ms(const struct loop *loop)
{
    return loop->now_ms;
}

uint64_t loop_steady_ms(const struct loop *loop)
{
    return loop->steady_ms;
}

uint64_t loop_wall_ms(const struct loop *loop)
{
    (void)loop;
    return clock_wall_ms();
}

uint64_t loop_wall_of_steady(const struct loop *loop, uint64_t steady_ms)
{
    return steady_ms + (loop_wall_ms(loop) - loop->steady_ms);
}

unsigned loop_index(const struct loop *loop)
{
    return loop->index;
}

struct loop *loop_current(void)
{
    return current;
}

struct out_pool *loop_out_pool(struct loop *loop)
{
    return &loop->out_pool;
}

void *loop_slot(const struct loop *loop, enum loop_slot slot)
{
    return loop->slots[slot];
}

void loop_set_slot(struct loop *loop, enum loop_slot slot, void *value)
{
    loop->slots[slot] = value;
}

void loop_at_turn_end(struct loop *loop, void (*fn)(struct loop *loop))
{
    hooks_add(&loop->turn_end, fn);
}

void loop_at_free(struct loop *loop, void (*fn)(struct loop *loop))
{
    hooks_add(&loop->at_free, fn);
}

void loop_at_stop(struct loop *loop, void (*fn)(struct loop *loop))
{
    hooks_add(&loop->at_stop, fn);
}

void loop_set_flush(struct loop *loop, void (*fn)(struct loop *loop))
{
    loop->flush = fn;
}

uv_loop_t *loop_uv(struct loop *loop)
{
    return &loop->uv;
}

/* --- the set ------------------------------------------------------------------------------ */

static void must_succeed(int uv_result)
{
    lv_assert(uv_result == 0);
}

static struct loop *loop_create(struct loops *set, unsigned index)
{
    struct loop *loop =
        aligned_alloc(CACHE_LINE, (sizeof *loop + CACHE_LINE - 1) / CACHE_LINE * CACHE_LINE);
    lv_assert(loop != NULL);
    memset(loop, 0, sizeof *loop);
    loop->set = set;
    loop->index = index;
    lv_list_init(&loop->tasks);
    lv_list_init(&loop->jobs);
    must_succeed(uv_loop_init(&loop->uv));
    must_succeed(uv_prepare_init(&loop->uv, &loop->prepare));
    must_succeed(uv_idle_init(&loop->uv, &loop->idle));
    must_succeed(uv_timer_init(&loop->uv, &loop->timer));
    must_succeed(uv_async_init(&loop->uv, &loop->wake, woken));
    loop->prepare.data = loop;
    loop->idle.data = loop;
    loop->timer.data = loop;
    loop->wake.data = loop;
    must_succeed(uv_prepare_start(&loop->prepare, turn_end));
    read_clocks(loop);
    return loop;
}

struct loops *loops_create(unsigned count)
{
    lv_assert(count >= 1);
    lv_assert(count <= LOOPS_MAX);
    signal(SIGPIPE, SIG_IGN);
    struct loops *loops = lv_calloc(1, sizeof *loops);
    loops->count = count;
    loops_set_steady(loops, clock_wall_ms());
    for (unsigned i = 0; i < count; i++)
        loops->at[i] = loop_create(loops, i);
    return loops;
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
    return clock_up_ms() + loops->steady_offset_ms;
}

void loops_set_steady(struct loops *loops, uint64_t steady_ms)
{
    lv_assert(!loops->are_threads_running);
    loops->steady_offset_ms = steady_ms - clock_up_ms();
}

struct loops *loop_set(const struct loop *loop)
{
    return loop->set;
}

static void loop_run(struct loop *loop)
{
    enum { TURNS_TO_CLOSE = 3 };
    current = loop;
    lv_rcu_register_thread();
    uv_update_time(&loop->uv);
    uv_run(&loop->uv, UV_RUN_DEFAULT);

    loop_enter(loop);
    hooks_call(&loop->at_stop, loop);
    for (unsigned i = 0; i < TURNS_TO_CLOSE; i++)
        uv_run(&loop->uv, UV_RUN_NOWAIT);
    lv_rcu_offline();
    lv_rcu_unregister_thread();
    current = NULL;
}

static void *loop_thread(void *arg)
{
    struct loop *loop = arg;
    char name[16];
    snprintf(name, sizeof name, "loop %u", loop->index);
    pthread_setname_np(pthread_self(), name);
    loop_run(loop);
    return NULL;
}

void loops_start(struct loops *loops)
{
    lv_assert(!loops->are_threads_running);
    loops->are_threads_running = true;
    for (unsigned i = 1; i < loops->count; i++)
        lv_assert(pthread_create(&loops->at[i]->thread, NULL, loop_thread, loops->at[i]) == 0);
}

void loops_run(struct loops *loops)
{
    lv_assert(loops->are_threads_running);
    loop_run(loops->at[0]);
    for (unsigned i = 1; i < loops->count; i++)
        lv_assert(pthread_join(loops->at[i]->thread, NULL) == 0);
    loops->are_threads_running = false;
}

void loops_stop(struct loops *loops)
{
    atomic_store_explicit(&loops->must_stop, true, memory_order_release);
    for (unsigned i = 0; i < loops->count; i++)
        uv_async_send(&loops->at[i]->wake);
}

static void signal_came(uv_signal_t *uv, int signal_number)
{
    struct signal_watch *watch = uv->data;
    loop_enter(lv_container_of(uv->loop, struct loop, uv));
    watch->fn(watch->arg, signal_number);
}

void loops_on_signal(struct loops *loops, int signal_number, void (*fn)(void *arg, int signal),
                     void *arg)
{
    struct signal_watch *watch = lv_calloc(1, sizeof *watch);
    watch->fn = fn;
    watch->arg = arg;
    must_succeed(uv_signal_init(&loops->at[0]->uv, &watch->uv));
    watch->uv.data = watch;
    must_succeed(uv_signal_start(&watch->uv, signal_came, signal_number));
    watch->next = loops->signals;
    loops->signals = watch;
}

/* --- the end ------------------------------------------------------------------------------ */

/* Every loop's mail, tasks and jobs, until none are left. */
bool loops_drain(struct loops *loops)
{
    lv_assert(!loops->are_threads_running);
    bool any = true, was_any = false;
    for (unsigned round = 0; any && round < FREE_ROUNDS_MAX; round++) {
        any = false;
        for (unsigned i = 0; i < loops->count; i++) {
            current = loops->at[i];
            current->is_draining = true;
            any |= do_work(current);
            current->is_draining = false;
        }
        was_any |= any;
    }
    current = NULL;
    return was_any;
}

static void close_handle(void *handle)
{
    if (!uv_is_closing(handle))
        uv_close(handle, NULL);
}

static void batches_free(struct batch *batch)
{
    while (batch) {
        struct batch *next = batch->next;
        free(batch);
        batch = next;
    }
}

static void loop_free(struct loop *loop)
{
    current = loop;
    for (unsigned i = loop->at_free.count; i > 0; i--)
        loop->at_free.fn[i - 1](loop);
    close_handle(&loop->prepare);
    close_handle(&loop->idle);
    close_handle(&loop->timer);
    close_handle(&loop->wake);
    uv_run(&loop->uv, UV_RUN_DEFAULT);
    must_succeed(uv_loop_close(&loop->uv));
    current = NULL;

    batches_free(loop->resting);
    batches_free(loop->own.first);
    batches_free(loop->taken.first);
    batches_free(atomic_load(&loop->box));
    for (unsigned i = 0; i < LOOPS_MAX; i++)
        batches_free(loop->staged[i]);
    timers_free(&loop->timers);
    timers_free(&loop->patient);
    out_pool_free(&loop->out_pool);
    free(loop);
}

void loops_free(struct loops **loops)
{
    struct loops *set = *loops;
    *loops = NULL;
    if (!set)
        return;
    lv_assert(!set->are_threads_running);
    lv_rcu_register_thread();
    loops_drain(set);
    for (struct signal_watch *watch = set->signals; watch; watch = watch->next)
        close_handle(&watch->uv);
    for (unsigned i = 0; i < set->count; i++)
        loop_free(set->at[i]);
    while (set->signals) {
        struct signal_watch *watch = set->signals;
        set->signals = watch->next;
        free(watch);
    }
    lv_rcu_unregister_thread();
    free(set);
}
