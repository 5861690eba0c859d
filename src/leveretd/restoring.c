/* The end of the start: the messages of the previous run are read from the log. A log of at most
 * AT_ONCE_BYTES is read before the broker serves clients: so after an ordinary stop every message
 * is in its queue by the time the broker logs that it listens. A longer log is read by a thread of
 * its own while clients are served. */
#include <inttypes.h>
#include <signal.h>
#include <time.h>

#include "base/error.h"
#include "base/log.h"
#include "leveretd/leveretd.h"

static const uint64_t AT_ONCE_BYTES = 1024 * 1024;

enum { RETRY_NS = 100 * 1000 * 1000 };

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

static void *restoring_main(void *arg)
{
    struct leveretd *d = arg;
    int err = read_log(d);
    struct mail mail = {.deliver = log_read_mail, .a = d, .c = (uint64_t)(int64_t)err};
    loop_mail_from_outside(loops_at(d->loops, 0), &mail);
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
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int number = pthread_create(&r->thread, NULL, restoring_main, d);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (number != 0)
        return lv_error_from_errno(number);
    pthread_setname_np(r->thread, "restore");
    r->has_thread = true;
    return 0;
}

void restoring_stop(struct leveretd *d)
{
    atomic_store(&d->restoring.is_stopping, true);
    if (d->restoring.has_thread)
        pthread_join(d->restoring.thread, NULL);
    d->restoring.has_thread = false;
}
