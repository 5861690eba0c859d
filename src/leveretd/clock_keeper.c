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
    LOOK_S = 10,              /* so often is looked whether the wall clock has been set */
    NOTE_MS = 60 * 60 * 1000, /* a note is written at least as often */
    STEP_MS_MIN = 1000,       /* less is no step, but what clocks do */
};

struct clock_keeper {
    const char *dir;
    struct loops *loops;
    struct clock_reading noted;
    bool is_written; /* a note of this run */
    bool has_failed; /* the last note could not be written, which has been said */
    pthread_t thread;
    bool is_running;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    bool must_stop; /* under the lock */
};

static struct clock_reading read_clocks(const struct clock_keeper *k)
{
    struct clock_reading now = {
        .steady_ms = loops_steady_ms(k->loops),
        .wall_ms = clock_wall_ms(),
        .up_ms = clock_up_ms(),
    };
    memcpy(now.boot, k->noted.boot, sizeof now.boot);
    return now;
}

/* By how much the wall clock is ahead of the steady one. */
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

static void note(struct clock_keeper *k, const struct clock_reading *now)
{
    int err = clock_file_write(k->dir, now);
    if (err < 0 && !k->has_failed)
        log_warning("cannot write %s/clock: %s; after a restart of the machine TTLs and delays may "
                    "be off by as much as the system's clock has been set",
                    k->dir, lv_error_text(err));
    k->has_failed = err < 0;
    k->is_written = true;
    k->noted = *now;
}

static void look(struct clock_keeper *k)
{
    struct clock_reading now = read_clocks(k);
    int64_t step_ms = ahead_ms(&now) - ahead_ms(&k->noted);
    bool is_step = step_ms >= STEP_MS_MIN || step_ms <= -STEP_MS_MIN;
    if (is_step)
        log_info("the system's clock has been set %s by %" PRId64 " s; TTLs and delays go on by "
                 "elapsed time",
                 step_ms > 0 ? "forward" : "back", (step_ms > 0 ? step_ms : -step_ms) / 1000);
    if (is_step || !k->is_written || now.steady_ms - k->noted.steady_ms >= NOTE_MS)
        note(k, &now);
}

static void *run(void *arg)
{
    struct clock_keeper *k = arg;
    pthread_setname_np(pthread_self(), "clock");
    pthread_mutex_lock(&k->lock);
    while (!k->must_stop) {
        struct timespec until;
        pthread_mutex_unlock(&k->lock);
        look(k);
        clock_gettime(CLOCK_MONOTONIC, &until);
        until.tv_sec += LOOK_S;
        pthread_mutex_lock(&k->lock);
        if (!k->must_stop)
            pthread_cond_timedwait(&k->changed, &k->lock, &until);
    }
    pthread_mutex_unlock(&k->lock);
    struct clock_reading now = read_clocks(k);
    note(k, &now);
    return NULL;
}

struct clock_keeper *clock_keeper_create(const char *dir, struct loops *loops)
{
    struct clock_keeper *k = lv_calloc(1, sizeof *k);
    struct clock_reading last;
    k->dir = dir;
    k->loops = loops;
    clock_file_boot(k->noted.boot);
    int err = clock_file_read(dir, &last);
    if (err < 0 && err != ERR_NOT_FOUND)
        log_warning("cannot read %s/clock: %s; TTLs and delays go by the system's clock", dir,
                    lv_error_text(err));
    struct clock_reading now = read_clocks(k);
    loops_set_steady(loops, clock_continue(err < 0 ? NULL : &last, &now));
    k->noted = read_clocks(k);
    return k;
}

void clock_keeper_begin(struct clock_keeper *k)
{
    pthread_condattr_t attr;
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_mutex_init(&k->lock, NULL);
    pthread_cond_init(&k->changed, &attr);
    pthread_condattr_destroy(&attr);
    int err = pthread_create(&k->thread, NULL, run, k);
    lv_assert(err == 0);
    k->is_running = true;
}

static void stop(struct clock_keeper *k)
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
        stop(k);
    free(k);
}
