/* The steady clock over the life of a data directory.
 *
 * The keeper's thread compares the wall clock with the steady one every LOOK_S seconds: a step
 * means that somebody has set the wall clock. The thread stores a reading of all clocks
 * (store/clock_file.h) after a step and at least every STORE_MS. After a reboot only the wall clock
 * tells how much time has passed since the last reading. A step must not count as time that has
 * passed, so a reading is stored after each step. */
#include "leveretd/clock_keeper.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/log.h"
#include "base/memory.h"

enum {
    LOOK_S = 10,               /* how often the clocks are compared */
    STORE_MS = 60 * 60 * 1000, /* how often a reading is stored, at least */
    STEP_MS_MIN = 1000,        /* a smaller difference is drift, not a step */
};

struct clock_keeper {
    const char *dir;
    struct loops *loops;
    struct clock_reading stored; /* the latest that was stored, or that failed to be */
    bool is_written;             /* this run has stored a reading */
    bool has_failed;             /* the latest could not be stored; that is logged once */
    pthread_t thread;
    bool is_running;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    bool must_stop; /* protected by the lock */
};

static struct clock_reading read_clocks(const struct clock_keeper *k)
{
    struct clock_reading now = {
        .steady_ms = loops_steady_ms(k->loops),
        .wall_ms = clock_wall_ms(),
        .up_ms = clock_up_ms(),
    };
    memcpy(now.boot, k->stored.boot, sizeof now.boot);
    return now;
}

/* Returns by how much the wall clock is ahead of the steady clock. */
static int64_t ahead_ms(const struct clock_reading *r)
{
    return (int64_t)(r->wall_ms - r->steady_ms);
}

uint64_t clock_continue(const struct clock_reading *last, const struct clock_reading *now)
{
    if (!last)
        return now->wall_ms;
    bool is_same_boot = last->boot[0] && strcmp(last->boot, now->boot) == 0;
    if (is_same_boot && now->up_ms >= last->up_ms)
        return last->steady_ms + (now->up_ms - last->up_ms);
    if (now->wall_ms <= last->wall_ms)
        return last->steady_ms;
    return last->steady_ms + (now->wall_ms - last->wall_ms);
}

static void store_reading(struct clock_keeper *k, const struct clock_reading *now)
{
    int err = clock_file_write(k->dir, now);
    if (err < 0 && !k->has_failed)
        log_warning(
            "cannot write %s/clock: %s; after a reboot TTLs and delays may be off by as much "
            "as the system clock has been set",
            k->dir, lv_error_text(err));
    k->has_failed = err < 0;
    k->is_written = true;
    k->stored = *now;
}

static void compare_clocks(struct clock_keeper *k)
{
    struct clock_reading now = read_clocks(k);
    int64_t step_ms = ahead_ms(&now) - ahead_ms(&k->stored);
    bool is_step = step_ms >= STEP_MS_MIN || step_ms <= -STEP_MS_MIN;
    if (is_step)
        log_info("the system clock was set %s by %" PRId64 " s; TTLs and delays are not affected",
                 step_ms > 0 ? "forward" : "back", (step_ms > 0 ? step_ms : -step_ms) / 1000);
    if (is_step || !k->is_written || now.steady_ms - k->stored.steady_ms >= STORE_MS)
        store_reading(k, &now);
}

static void *keeper_main(void *arg)
{
    struct clock_keeper *k = arg;
    pthread_setname_np(pthread_self(), "clock");
    pthread_mutex_lock(&k->lock);
    while (!k->must_stop) {
        pthread_mutex_unlock(&k->lock);
        compare_clocks(k);
        struct timespec until;
        clock_gettime(CLOCK_MONOTONIC, &until);
        until.tv_sec += LOOK_S;
        pthread_mutex_lock(&k->lock);
        if (!k->must_stop)
            pthread_cond_timedwait(&k->changed, &k->lock, &until);
    }
    pthread_mutex_unlock(&k->lock);
    struct clock_reading now = read_clocks(k);
    store_reading(k, &now);
    return NULL;
}

struct clock_keeper *clock_keeper_create(const char *dir, struct loops *loops)
{
    struct clock_keeper *k = lv_calloc(1, sizeof *k);
    k->dir = dir;
    k->loops = loops;
    lv_assert(!loop_current());
    clock_file_boot(k->stored.boot);
    struct clock_reading last;
    int err = clock_file_read(dir, &last);
    if (err < 0 && err != ERR_NOT_FOUND)
        log_warning("cannot read %s/clock: %s; TTLs and delays resume at the system clock's time",
                    dir, lv_error_text(err));
    struct clock_reading now = read_clocks(k);
    loops_set_steady(loops, clock_continue(err < 0 ? NULL : &last, &now));
    k->stored = read_clocks(k);
    return k;
}

void clock_keeper_begin(struct clock_keeper *k)
{
    lv_assert(!k->is_running);
    pthread_mutex_init(&k->lock, NULL);
    clock_cond_init(&k->changed);
    int err = pthread_create(&k->thread, NULL, keeper_main, k);
    lv_assert(err == 0);
    k->is_running = true;
}

static void stop_thread(struct clock_keeper *k)
{
    pthread_mutex_lock(&k->lock);
    k->must_stop = true;
    pthread_cond_signal(&k->changed);
    pthread_mutex_unlock(&k->lock);
    pthread_join(k->thread, NULL);
    pthread_cond_destroy(&k->changed);
    pthread_mutex_destroy(&k->lock);
}

void clock_keeper_end(struct clock_keeper **keeper)
{
    struct clock_keeper *k = *keeper;
    *keeper = NULL;
    if (k && k->is_running)
        stop_thread(k);
    free(k);
}
