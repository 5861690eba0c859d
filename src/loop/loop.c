/* The set of real loops: their start, their threads, signals, and their end. What a loop does in a
 * turn is in turn.c, mailbox.c and clocks.c. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/counters.h"
#include "base/memory.h"
#include "base/rcu.h"
#include "loop/loop_private.h"

enum { FREE_ROUNDS_MAX = 1000 };

struct signal_watch {
    uv_signal_t uv;
    struct signal_watch *next;
    void (*fn)(void *arg, int signal);
    void *arg;
};

/* --- the set ---------------------------------------------------------------------------------- */

static struct loop *loop_create(struct loops *set, unsigned index)
{
    struct loop *loop =
        aligned_alloc(CACHE_LINE, (sizeof *loop + CACHE_LINE - 1) / CACHE_LINE * CACHE_LINE);
    lv_assert(loop != NULL);
    memset(loop, 0, sizeof *loop);
    loop_base_init(&loop->base, set, index);
    must_succeed(uv_loop_init(&loop->uv));
    turn_init(loop);
    clocks_init(loop);
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

bool loops_are_running(const struct loops *loops)
{
    return loops->are_threads_running;
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

void loops_leave_uncounted(struct loops *loops)
{
    lv_assert(!loops->are_threads_running);
    loops->is_uncounted = true;
}

bool loop_is_counted(const struct loop *loop)
{
    return !loop->base.set->is_uncounted;
}

uv_loop_t *loop_uv(struct loop *loop)
{
    return &loop->uv;
}

static void loop_run(struct loop *loop)
{
    enum { TURNS_TO_CLOSE = 3 };
    loop_set_current(loop);
    lv_rcu_register_thread();
    counters_register();
    uv_update_time(&loop->uv);
    uv_run(&loop->uv, UV_RUN_DEFAULT);

    loop_enter(loop);
    hooks_call(&loop->at_stop, loop);
    for (unsigned i = 0; i < TURNS_TO_CLOSE; i++)
        uv_run(&loop->uv, UV_RUN_NOWAIT);
    counters_unregister();
    lv_rcu_offline();
    lv_rcu_unregister_thread();
    loop_set_current(NULL);
}

static void *loop_thread(void *arg)
{
    struct loop *loop = arg;
    char name[16];
    snprintf(name, sizeof name, "loop %u", loop->base.index);
    pthread_setname_np(pthread_self(), name);
    loop_run(loop);
    return NULL;
}

void loops_start(struct loops *loops)
{
    lv_assert(!loops->are_threads_running);
    loops->are_threads_running = true;
    for (unsigned i = 1; i < loops->count; i++) {
        int err = pthread_create(&loops->at[i]->thread, NULL, loop_thread, loops->at[i]);
        lv_assert(err == 0);
    }
}

void loops_run(struct loops *loops)
{
    lv_assert(loops->are_threads_running);
    lv_assert(!loop_current());
    loop_run(loops->at[0]);
    for (unsigned i = 1; i < loops->count; i++) {
        int err = pthread_join(loops->at[i]->thread, NULL);
        lv_assert(err == 0);
    }
    loops->are_threads_running = false;
}

void loops_stop(struct loops *loops)
{
    atomic_store_explicit(&loops->must_stop, true, memory_order_release);
    for (unsigned i = 0; i < loops->count; i++)
        uv_async_send(&loops->at[i]->wake);
}

/* --- signals ---------------------------------------------------------------------------------- */

static void signal_received(uv_signal_t *uv, int signal_number)
{
    struct signal_watch *watch = uv->data;
    loop_enter(lv_container_of(uv->loop, struct loop, uv));
    watch->fn(watch->arg, signal_number);
}

void loops_on_signal(struct loops *loops, int signal_number, void (*fn)(void *arg, int signal),
                     void *arg)
{
    lv_assert(fn != NULL);
    lv_assert(!loops->are_threads_running);
    struct signal_watch *watch = lv_calloc(1, sizeof *watch);
    watch->fn = fn;
    watch->arg = arg;
    must_succeed(uv_signal_init(&loops->at[0]->uv, &watch->uv));
    watch->uv.data = watch;
    must_succeed(uv_signal_start(&watch->uv, signal_received, signal_number));
    watch->next = loops->signals;
    loops->signals = watch;
}

/* --- the end ---------------------------------------------------------------------------------- */

/* Goes round all loops until none has mail, tasks or jobs, but at most FREE_ROUNDS_MAX times. */
bool loops_drain(struct loops *loops)
{
    lv_assert(!loops->are_threads_running);
    lv_assert(!loop_current());
    bool any = true, was_any = false;
    for (unsigned round = 0; any && round < FREE_ROUNDS_MAX; round++) {
        any = false;
        for (unsigned i = 0; i < loops->count; i++) {
            struct loop *loop = loops->at[i];
            loop_set_current(loop);
            loop->base.is_draining = true;
            any |= turn_work(loop);
            loop->base.is_draining = false;
        }
        was_any |= any;
    }
    loop_set_current(NULL);
    return was_any;
}

static void close_handle(void *handle)
{
    if (!uv_is_closing(handle))
        uv_close(handle, NULL);
}

static void loop_free(struct loop *loop)
{
    loop_set_current(loop);
    loop_base_call_at_free(loop);
    close_handle(&loop->prepare);
    close_handle(&loop->idle);
    close_handle(&loop->timer);
    close_handle(&loop->wake);
    uv_run(&loop->uv, UV_RUN_DEFAULT);
    must_succeed(uv_loop_close(&loop->uv));
    loop_set_current(NULL);

    mailbox_free(loop);
    loop_base_free(&loop->base);
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
