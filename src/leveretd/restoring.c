/* The end of the start: the messages of the previous run are read from the log. A log of at most
 * AT_ONCE_BYTES is read before the broker serves clients: so after an ordinary stop every message
 * is in its queue by the time the broker logs that it listens. A longer log is read by a thread of
 * its own while clients are served.
 *
 * That thread outlives its work. It has allocated the messages, and mimalloc 2.0 keeps the memory
 * of a thread that has ended, also when all of it has been freed. So the thread sleeps, and returns
 * free memory to the system from time to time, until none of its memory is in use. */
#include <inttypes.h>
#include <signal.h>
#include <time.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/log.h"
#include "base/memory.h"
#include "leveretd/leveretd.h"

static const uint64_t AT_ONCE_BYTES = 1024 * 1024;

enum { RETRY_NS = 100 * 1000 * 1000, GIVE_BACK_S = 10 };

/* Returns 0 once the whole log is read, or when restoring_stop() asks to end. */
static int read_log(struct leveretd *d)
{
    bool is_over = false;
    int err = 0;
    lv_assert(!loop_current());
    while (err == 0 && !is_over && !atomic_load(&d->restoring.is_stopping)) {
        err = journal_restore_step(d->journal, &is_over);
        if (err == ERR_NO_DESCRIPTORS) { /* connections use all descriptors now */
            nanosleep(&(struct timespec){.tv_nsec = RETRY_NS}, NULL);
            err = 0;
        }
    }
    return err;
}

/* On loop 0: the thread has read the whole log, or has failed and ended: then the broker stops. */
static void log_read_mail(struct loop *at, struct mail *mail)
{
    struct leveretd *d = mail->a;
    int err = (int)(int64_t)mail->c;
    (void)at;
    if (atomic_load(&d->restoring.is_stopping))
        return; /* delivered after the loops have ended */
    if (err < 0) {
        log_error("cannot read the log in %s: %s", d->config->data_dir, lv_error_text(err));
        d->exit_code = EXIT_DEFINITIONS;
        leveretd_stop(d);
        return;
    }
    log_info("all messages of the log are in their queues");
}

/* Waits for GIVE_BACK_S, or until restoring_stop() is called. Returns whether it was. */
static bool wait_for_stop(struct restoring *r)
{
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += GIVE_BACK_S;
    pthread_mutex_lock(&r->lock);
    int err = 0;
    while (!atomic_load(&r->is_stopping) && err == 0)
        err = pthread_cond_timedwait(&r->stopping, &r->lock, &until);
    pthread_mutex_unlock(&r->lock);
    return atomic_load(&r->is_stopping);
}

static void give_back_until_stop(struct restoring *r)
{
    do
        lv_memory_give_back();
    while (lv_memory_is_in_use() && !wait_for_stop(r));
}

static void *restoring_main(void *arg)
{
    struct leveretd *d = arg;
    pthread_setname_np(pthread_self(), "restore");
    int err = read_log(d);
    struct mail mail = {.deliver = log_read_mail, .a = d, .c = (uint64_t)(int64_t)err};
    loop_mail_from_outside(loops_at(d->loops, 0), &mail);
    give_back_until_stop(&d->restoring);
    return NULL;
}

int restoring_begin(struct leveretd *d)
{
    lv_assert(!d->restoring.is_over && !d->restoring.has_thread);
    if (journal_unread_bytes(d->journal) > AT_ONCE_BYTES)
        return 0;
    d->restoring.is_over = true;
    return read_log(d);
}

/* The thread blocks all signals, so that the main thread handles them. */
int restoring_go_on(struct leveretd *d)
{
    struct restoring *r = &d->restoring;
    sigset_t all, before;
    lv_assert(!r->has_thread);
    if (r->is_over)
        return 0;
    pthread_mutex_init(&r->lock, NULL);
    clock_cond_init(&r->stopping);
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int number = pthread_create(&r->thread, NULL, restoring_main, d);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (number != 0)
        return lv_error_from_errno(number);
    r->has_thread = true;
    return 0;
}

void restoring_stop(struct leveretd *d)
{
    struct restoring *r = &d->restoring;
    atomic_store(&r->is_stopping, true);
    if (!r->has_thread)
        return;
    pthread_mutex_lock(&r->lock);
    pthread_cond_signal(&r->stopping);
    pthread_mutex_unlock(&r->lock);
    pthread_join(r->thread, NULL);
    pthread_cond_destroy(&r->stopping);
    pthread_mutex_destroy(&r->lock);
    r->has_thread = false;
}
