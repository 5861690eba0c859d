#include "leveretd/watchdog.h"

#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "base/assert.h"
#include "base/clock.h"
#include "base/log.h"
#include "leveretd/service_notify.h"

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

/* Protected by `lock`, but for those that the thread of loop 0 alone uses. */
static struct {
    bool has_thread; /* thread of loop 0 only */
    pthread_t thread;
    uint64_t interval_ms;
    pthread_cond_t changed;
    struct loops *loops; /* NULL: none are watched */
    uint64_t round;      /* the mail of an older round counts no more */
    unsigned answers_due;
    bool is_stopping;
} watchdog;

/* On each loop, or on loop 0 after the loops have ended. */
static void answer(struct loop *at, struct mail *mail)
{
    (void)at;
    pthread_mutex_lock(&lock);
    if (mail->c == watchdog.round) {
        lv_assert(watchdog.answers_due > 0);
        if (--watchdog.answers_due == 0)
            pthread_cond_signal(&watchdog.changed);
    }
    pthread_mutex_unlock(&lock);
}

/* Sending mail does not block, so the lock may be held: the loops are not freed meanwhile. */
static void ask_loops(void)
{
    if (!watchdog.loops)
        return;
    struct mail mail = {.deliver = answer, .c = ++watchdog.round};
    watchdog.answers_due = loops_count(watchdog.loops);
    for (unsigned i = 0; i < loops_count(watchdog.loops); i++)
        loop_mail_from_outside(loops_at(watchdog.loops, i), &mail);
}

/* Waits until every loop has answered or is no longer watched. */
static void wait_for_answers(void)
{
    while (watchdog.answers_due > 0 && !watchdog.is_stopping)
        pthread_cond_wait(&watchdog.changed, &lock);
}

static void wait_for_next_round(void)
{
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    uint64_t ns = (uint64_t)until.tv_nsec + watchdog.interval_ms % 1000 * 1000000;
    until.tv_sec += (time_t)(watchdog.interval_ms / 1000 + ns / 1000000000);
    until.tv_nsec = (long)(ns % 1000000000);
    while (!watchdog.is_stopping && pthread_cond_timedwait(&watchdog.changed, &lock, &until) == 0)
        continue;
}

static void *watchdog_main(void *arg)
{
    (void)arg;
    pthread_setname_np(pthread_self(), "watchdog");
    pthread_mutex_lock(&lock);
    while (!watchdog.is_stopping) {
        ask_loops();
        wait_for_answers();
        pthread_mutex_unlock(&lock);
        service_notify_alive(); /* which may block */
        pthread_mutex_lock(&lock);
        wait_for_next_round();
    }
    pthread_mutex_unlock(&lock);
    return NULL;
}

static void start_thread(uint64_t limit_us)
{
    watchdog.interval_ms = limit_us / 4 / 1000 + 1; /* never 0 */
    clock_cond_init(&watchdog.changed);
    sigset_t all;
    sigset_t before;
    sigfillset(&all); /* signals are for loop 0 */
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int err = pthread_create(&watchdog.thread, NULL, watchdog_main, NULL);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (err == 0) {
        watchdog.has_thread = true;
        return;
    }
    pthread_cond_destroy(&watchdog.changed);
    log_error("cannot start the watchdog's thread: %s", strerror(err));
}

void watchdog_watch(struct loops *loops)
{
    uint64_t limit_us = service_notify_watchdog_us();
    if (limit_us == 0)
        return;
    pthread_mutex_lock(&lock);
    lv_assert(!watchdog.loops);
    watchdog.loops = loops;
    pthread_mutex_unlock(&lock);
    if (!watchdog.has_thread)
        start_thread(limit_us);
}

void watchdog_leave(void)
{
    pthread_mutex_lock(&lock);
    watchdog.loops = NULL;
    watchdog.round++;
    watchdog.answers_due = 0;
    if (watchdog.has_thread)
        pthread_cond_signal(&watchdog.changed);
    pthread_mutex_unlock(&lock);
}

void watchdog_stop(void)
{
    lv_assert(!watchdog.loops);
    if (!watchdog.has_thread)
        return;
    pthread_mutex_lock(&lock);
    watchdog.is_stopping = true;
    pthread_cond_signal(&watchdog.changed);
    pthread_mutex_unlock(&lock);
    pthread_join(watchdog.thread, NULL);
    pthread_cond_destroy(&watchdog.changed);
    watchdog.has_thread = false;
}
