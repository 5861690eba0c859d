/* The stop. On loop 0, while it runs:
 *
 *   listeners close, jobs are cancelled -> every connection is sent connection.close 320 -> all are
 *   closed, or 3 s have passed -> what HTTP and leveretctl have asked loops is answered, or 30 s
 *   have passed -> loops stop
 *
 * Then, on the same thread, after the loops have ended:
 *
 *   HTTP and the control socket are closed -> the definitions are flushed, so that every commit
 *   under way is reported -> logins under way are answered -> the log is closed -> mail that is
 *   left is delivered and what it changed is flushed, again and again until no mail is left ->
 *   sessions, broker, auth, definitions, loops, and what RCU has deferred are freed
 *
 * A second signal ends the wait. */
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/assert.h"
#include "base/log.h"
#include "base/memory.h"
#include "base/rcu.h"
#include "leveretd/http_services.h"
#include "leveretd/leveretd.h"
#include "leveretd/log_exchange.h"
#include "leveretd/service_notify.h"
#include "leveretd/watchdog.h"
#include "manage/jobs.h"
#include "manage/message_traces.h"
#include "manage/statistics.h"
#include "manage/vhost_defaults.h"
#include "message/events.h"

enum {
    CONNECTIONS_MS_MAX = 3000,
    ANSWERS_MS_MAX = 30000,
    STOP_LOOK_MS = 5,
    DRAINS_MAX = 100,
};

static const char stop_reason[] = "broker forced connection closure with reason 'shutdown'";

struct shutdown {
    struct leveretd *d;
    struct loop_timer timer;
    uint64_t begun_ms;    /* loop_patient_ms() of loop 0 */
    unsigned answers_due; /* loops whose number of connections is not known yet */
    size_t connections;   /* of the loops that have answered */
    bool is_disconnected; /* no connection is waited for any more */
};

/* --- while loops run -------------------------------------------------------------------------- */

static void close_connections(struct loop *at, struct mail *mail)
{
    const struct leveretd *d = mail->a;
    if (d->is_serving)
        sessions_close_all(at, mail->b);
}

void leveretd_close_connections(struct leveretd *d, const char *reason)
{
    const struct mail mail = {.deliver = close_connections, .a = d, .b = (void *)(uintptr_t)reason};
    for (unsigned i = 0; i < loops_count(d->loops); i++)
        loop_mail(loops_at(d->loops, 0), loops_at(d->loops, i), &mail);
}

static bool connections_are_over(const struct shutdown *s, uint64_t waited_ms)
{
    if (s->connections == 0 || waited_ms < CONNECTIONS_MS_MAX)
        return s->connections == 0;
    log_warning("stopping although %zu connection%s did not close within %d ms", s->connections,
                s->connections == 1 ? "" : "s", CONNECTIONS_MS_MAX);
    return true;
}

/* A thread that has asked a loop keeps on its stack what the answer is written to. */
static bool answers_are_over(const struct shutdown *s, uint64_t waited_ms)
{
    bool is_busy = s->d->manage.asker && asker_is_busy(s->d->manage.asker);
    if (!is_busy || waited_ms < ANSWERS_MS_MAX)
        return !is_busy;
    log_warning("stopping although a request of HTTP or leveretctl was not answered within %d ms",
                ANSWERS_MS_MAX);
    return true;
}

/* On loop 0, once for each loop. */
static void connections_counted(struct loop *at, struct mail *mail)
{
    struct shutdown *s = mail->a;
    lv_assert(s->answers_due > 0);
    s->connections += mail->c;
    if (--s->answers_due > 0)
        return;
    uint64_t waited_ms = loop_patient_ms(at) - s->begun_ms;
    s->is_disconnected = s->is_disconnected || connections_are_over(s, waited_ms);
    if (s->is_disconnected && answers_are_over(s, waited_ms))
        loops_stop(s->d->loops);
    else
        loop_timer_start(at, &s->timer, STOP_LOOK_MS);
}

static void count_connections(struct loop *at, struct mail *mail)
{
    struct shutdown *s = mail->a;
    if (!s->d->is_serving)
        return; /* delivered after the loops have ended */
    struct mail answer = {.deliver = connections_counted, .a = s, .c = sessions_count(at)};
    loop_mail(at, loops_at(loop_set(at), 0), &answer);
}

/* Asks every loop how many connections are left. */
static void ask_loops(struct loop *loop, struct loop_timer *timer)
{
    struct shutdown *s = lv_container_of(timer, struct shutdown, timer);
    lv_assert(s->answers_due == 0);
    struct mail mail = {.deliver = count_connections, .a = s};
    s->connections = 0;
    s->answers_due = loops_count(s->d->loops);
    for (unsigned i = 0; i < loops_count(s->d->loops); i++)
        loop_mail(loop, loops_at(s->d->loops, i), &mail);
}

static void tell_service_manager(const struct leveretd *d)
{
    if (d->is_to_stay)
        service_notify_status(slice_str("Stopping the application"));
    else
        service_notify_stopping();
}

void leveretd_stop(struct leveretd *d)
{
    struct loop *loop = loops_at(d->loops, 0);
    lv_assert(loop_current() == loop);
    if (d->shutdown) {
        if (d->is_to_stay)
            service_notify_stopping();
        d->is_to_stay = false;
        log_info("asked again to stop: no longer waiting for connections and requests to end");
        loops_stop(d->loops);
        return;
    }
    struct shutdown *s = d->shutdown = lv_calloc(1, sizeof *s);
    d->is_stopping = true;
    tell_service_manager(d);
    s->d = d;
    s->begun_ms = loop_patient_ms(loop);
    listeners_close(&d->listeners);
    asker_refuse_later(d->manage.asker);
    jobs_close(d->manage.jobs);
    leveretd_close_connections(d, stop_reason);
    loop_timer_init_patient(&s->timer, ask_loops);
    ask_loops(loop, &s->timer);
}

void leveretd_stop_app(struct leveretd *d)
{
    if (d->shutdown) /* whoever asks waits for the stop that is under way */
        return;
    d->is_to_stay = true;
    leveretd_stop(d);
}

/* --- after the loops have ended --------------------------------------------------------------- */

struct flush {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    bool is_done;
};

/* On the thread of the definitions. */
static void flush_done(void *arg, int error)
{
    struct flush *f = arg;
    (void)error;
    pthread_mutex_lock(&f->lock);
    f->is_done = true;
    pthread_cond_signal(&f->changed);
    pthread_mutex_unlock(&f->lock);
}

/* Waits until every change submitted so far is committed and reported. Both happen in the order of
 * submission, so this submits a change that changes nothing, and waits for it. */
static void flush_definitions(struct definitions *definitions)
{
    struct flush f = {.is_done = false};
    pthread_mutex_init(&f.lock, NULL);
    pthread_cond_init(&f.changed, NULL);
    definitions_submit(definitions, definition_delete_global_parameter(SLICE_EMPTY), flush_done,
                       &f);
    pthread_mutex_lock(&f.lock);
    while (!f.is_done)
        pthread_cond_wait(&f.changed, &f.lock);
    pthread_mutex_unlock(&f.lock);
    pthread_cond_destroy(&f.changed);
    pthread_mutex_destroy(&f.lock);
}

/* Delivers the mail that is left. That may change definitions, whose commits are reported by mail,
 * so this repeats until there is none. */
static void drain_mail(struct leveretd *d)
{
    for (unsigned round = 0; loops_drain(d->loops) && round < DRAINS_MAX; round++) {
        if (d->definitions)
            flush_definitions(d->definitions);
    }
}

/* Delivers the mail that frees queues. Such mail is sent a grace period after the last reference to
 * a queue is released, and the holder of that reference may be other mail: hence the rounds. */
static void drain_freed(struct leveretd *d)
{
    for (unsigned round = 0; round < DRAINS_MAX; round++) {
        lv_rcu_barrier();
        if (!loops_drain(d->loops))
            return;
    }
}

static void free_configs(struct leveretd *d)
{
    while (d->configs) {
        struct config_history *h = d->configs;
        d->configs = h->older;
        config_free(&h->config);
        free(h);
    }
}

/* Clears what was of the application; the process keeps the rest. */
static void forget_app(struct leveretd *d)
{
    const struct leveretd kept = *d;
    memset(d, 0, sizeof *d);
    d->begun_up_ms = kept.begun_up_ms;
    d->options = kept.options;
    d->config = kept.config;
    d->configs = kept.configs;
    d->config_read = kept.config_read;
    d->lock_fd = kept.lock_fd;
    d->is_to_stay = kept.is_to_stay;
    d->waiters = kept.waiters;
    memcpy(d->node_name, kept.node_name, sizeof d->node_name);
    memcpy(d->start_failure, kept.start_failure, sizeof d->start_failure);
}

void leveretd_free_app(struct leveretd *d)
{
    lv_assert(!loop_current());
    atomic_store(&d->is_stopping, true); /* also after a start that has failed */
    watchdog_leave();
    if (d->manage.asker)
        asker_close(d->manage.asker);
    http_services_stop(&d->http);
    control_stop(&d->control);
    jobs_free(&d->manage.jobs);
    message_traces_free(&d->manage.traces);
    statistics_stop(&d->manage.statistics);
    asker_free(&d->manage.asker);
    log_exchange_stop();
    if (d->definitions && d->loops) /* without loops nobody has changed them */
        flush_definitions(d->definitions);
    if (d->loops)
        listeners_close(&d->listeners);
    restoring_stop(d);
    if (d->auth)
        auth_stop_threads(d->auth);
    journal_close(&d->journal);
    if (d->loops)
        drain_mail(d);
    if (d->broker)
        events_stop(broker_events(d->broker));
    if (d->is_serving)
        sessions_stop(d->loops);
    d->is_serving = false;
    broker_free(&d->broker);
    auth_free(&d->auth);
    definitions_close(&d->definitions);
    clock_keeper_end(&d->clock_keeper);
    if (d->loops)
        drain_freed(d);
    loops_free(&d->loops);
    tls_keeper_free(&d->tls_keeper); /* a socket on its way to a loop has used it until now */
    disk_posix_free(&d->disk);
    alarms_free(&d->alarms);
    lv_rcu_barrier();
    free(d->shutdown);
    vhost_defaults_free(&d->vhost_defaults);
    live_limits_clear(&d->live_limits);
    forget_app(d);
}

void leveretd_free(struct leveretd *d)
{
    free_configs(d);
    if (d->lock_fd >= 0)
        close(d->lock_fd);
}
