/* The node whose application is stopped (`leveretctl stop_app`): the process, the lock of the data
 * directory, the log and a control socket are there, and nothing else. One loop waits for signals
 * and for the control socket's thread. */
#include <signal.h>
#include <stdio.h>

#include "base/error.h"
#include "base/log.h"
#include "base/log_tail.h"
#include "base/rcu.h"
#include "leveretd/leveretd.h"
#include "leveretd/service_notify.h"
#include "leveretd/watchdog.h"
#include "store/data_dir.h"

struct stopped {
    struct leveretd *d;
    struct loops *loops;
    bool is_over; /* the loop has ended; mail may be left */
    bool has_next;
    enum stopped_next next;
};

/* If both are asked for at once, the process ends. */
static void go_on(struct stopped *s, enum stopped_next next)
{
    if (!s->is_over)
        loops_stop(s->loops);
    if (!s->has_next || next == STOPPED_EXITS)
        s->next = next;
    s->has_next = true;
}

static void exit_mailed(struct loop *at, struct mail *mail)
{
    (void)at;
    go_on(mail->a, STOPPED_EXITS);
}

static void start_mailed(struct loop *at, struct mail *mail)
{
    (void)at;
    go_on(mail->a, STOPPED_STARTS);
}

static void mail_home(const struct stopped *s, struct mail mail)
{
    loop_mail_from_outside(loops_at(s->loops, 0), &mail);
}

/* --- what the control socket asks, on its thread ---------------------------------------------- */

static void ask_exit(void *arg)
{
    mail_home(arg, (struct mail){.deliver = exit_mailed, .a = arg});
}

static void ask_start(void *arg)
{
    mail_home(arg, (struct mail){.deliver = start_mailed, .a = arg});
}

static void keep(void *arg, int fd)
{
    struct stopped *s = arg;
    waiters_add(&s->d->waiters, fd);
}

static int reset(void *arg)
{
    const struct stopped *s = arg;
    int err = data_dir_reset(s->d->config->data_dir);
    if (err < 0)
        log_error("cannot reset %s: %s", s->d->config->data_dir, lv_error_reason(err));
    else
        log_warning("Resetting node: all definitions and messages in %s were deleted",
                    s->d->config->data_dir);
    return err;
}

/* --- signals ---------------------------------------------------------------------------------- */

static void signal_exit(void *arg, int signal_number)
{
    log_info("%s received - shutting down", signal_number == SIGINT ? "SIGINT" : "SIGTERM");
    go_on(arg, STOPPED_EXITS);
}

static void signal_reload(void *arg, int signal_number)
{
    (void)arg;
    (void)signal_number;
    service_notify_reloading();
    log_info("config: read when the application is started");
    service_notify_reloaded();
}

/* ---------------------------------------------------------------------------------------------- */

enum stopped_next leveretd_serve_stopped(struct leveretd *d)
{
    struct stopped s = {.d = d, .loops = loops_create(1)};
    const struct control_world world = {
        .node_name = d->node_name,
        .data_dir = d->config->data_dir,
        .arg = &s,
        .stop = ask_exit,
        .start_app = ask_start,
        .keep = keep,
        .reset = reset,
    };
    loops_on_signal(s.loops, SIGTERM, signal_exit, &s);
    loops_on_signal(s.loops, SIGINT, signal_exit, &s);
    loops_on_signal(s.loops, SIGHUP, signal_reload, &s);
    struct control *control;
    int err = control_start(&world, &control);
    if (err < 0) {
        log_error("cannot open the control socket of the stopped node: %s", lv_error_reason(err));
    } else {
        waiters_answer(&d->waiters, d->start_failure[0] ? d->start_failure : NULL);
        d->start_failure[0] = '\0';
        loops_start(s.loops);
        watchdog_watch(s.loops);
        service_notify_status(slice_str("The application is stopped"));
        loops_run(s.loops);
        watchdog_leave();
        s.is_over = true;
        lv_rcu_online();
        control_stop(&control);
    }
    loops_drain(s.loops);
    loops_free(&s.loops);
    if (s.next == STOPPED_EXITS)
        service_notify_stopping();
    return s.next;
}

void leveretd_note_failure(struct leveretd *d, struct log_tail_reader *since, int code)
{
    struct log_record line;
    lv_assert(code != EXIT_OK);
    snprintf(d->start_failure, sizeof d->start_failure, "the start failed with status %d", code);
    while (log_tail_next(since, 0, &line) == LOG_TAIL_LINE) {
        if (line.level == LOG_ERROR)
            snprintf(d->start_failure, sizeof d->start_failure, "%.*s", SLICE_ARG(line.text));
    }
}
