/* Workers: threads that run the handlers of requests.
 *
 *   A thread is started when a request could run and no thread is idle; it ends when it has had
 *   nothing to do for a while. At most `max` handlers run at the same time, and SHORT_MAX more of
 *   short requests, so that a health check is answered while everything else is busy.
 *
 *   A handler that waits for its client to take bytes does not count, so slow clients keep no
 *   request from running. Their number is limited by WAITING_MAX: when a thread is needed and there
 *   may be no more, the answer whose client has kept its handler waiting for the longest time is
 *   cut off. */
#include <errno.h>
#include <time.h>

#include "base/background.h"
#include "base/counters.h"
#include "base/log.h"
#include "base/rcu.h"
#include "http/http_private.h"

enum { STACK_BYTES = 2 * 1024 * 1024, IDLE_S = 10, SHORT_MAX = 4, WAITING_MAX = 64 };

/* The request whose handler this thread runs. */
static _Thread_local struct http_request *running;

void workers_init(struct http_workers *w, unsigned max)
{
    pthread_condattr_t attributes;
    pthread_mutex_init(&w->lock, NULL);
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&w->changed, &attributes);
    pthread_condattr_destroy(&attributes);
    lv_list_init(&w->waiting);
    for (unsigned i = 0; i < HTTP_LANES; i++)
        lv_list_init(&w->lanes[i].queue);
    w->lanes[HTTP_LONG].max = max;
    w->lanes[HTTP_SHORT].max = SHORT_MAX;
    w->threads_max = max + SHORT_MAX + WAITING_MAX;
}

void workers_destroy(struct http_workers *w)
{
    lv_assert(w->threads == 0);
    pthread_cond_destroy(&w->changed);
    pthread_mutex_destroy(&w->lock);
}

/* --- what may run ----------------------------------------------------------------------------- */

/* The caller of each function here holds the lock. */

/* Returns how many requests of the lane could begin to run. */
static size_t lane_ready(const struct http_workers *w, const struct http_lane *lane)
{
    size_t free = lane->max > lane->running ? lane->max - lane->running : 0;
    return w->is_stopping || lane->queued < free ? lane->queued : free;
}

static size_t ready(const struct http_workers *w)
{
    return lane_ready(w, &w->lanes[HTTP_SHORT]) + lane_ready(w, &w->lanes[HTTP_LONG]);
}

/* Returns a request to run, the short ones first; NULL if none may. */
static struct http_request *take(struct http_workers *w)
{
    for (unsigned i = 0; i < HTTP_LANES; i++) {
        struct http_lane *lane = &w->lanes[i];
        if (lane_ready(w, lane) == 0)
            continue;
        struct http_request *r = lv_list_item(lane->queue.next, struct http_request, waiting_link);
        lv_list_remove(&r->waiting_link);
        lane->queued--;
        lane->running++;
        return r;
    }
    return NULL;
}

static void *worker_thread(void *arg);

static bool worker_start(struct http_workers *w)
{
    pthread_t thread;
    pthread_attr_t attributes;
    if (w->threads == w->threads_max)
        return false;
    pthread_attr_init(&attributes);
    pthread_attr_setstacksize(&attributes, STACK_BYTES);
    pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
    bool is_started = pthread_create(&thread, &attributes, worker_thread, w) == 0;
    pthread_attr_destroy(&attributes);
    w->threads += is_started;
    w->starting += is_started;
    return is_started;
}

/* Ends the longest wait of a handler for its client. */
static void cut_slowest(struct http_workers *w)
{
    if (lv_list_is_empty(&w->waiting))
        return;
    struct http_request *r = lv_list_item(w->waiting.next, struct http_request, waiting_link);
    lv_list_remove(&r->waiting_link);
    w->ending++;
    log_warning("http: the answer to %s:%u is cut off: the client takes it too slowly, and there "
                "is no other thread for the next request",
                r->conn->peer.address, r->conn->peer.port);
    request_cut_off(r);
}

/* Sees to it that what may run finds a thread. */
static void dispatch(struct http_workers *w)
{
    size_t wanted = ready(w);
    if (wanted == 0)
        return;
    if (wanted > w->idle + w->starting + w->ending && !worker_start(w))
        cut_slowest(w);
    pthread_cond_signal(&w->changed);
}

/* --- a worker --------------------------------------------------------------------------------- */

/* Returns a request to run, or NULL if the worker ends. The caller holds the lock. */
static struct http_request *worker_wait(struct http_workers *w)
{
    struct http_request *r = take(w);
    struct timespec until;
    int result = 0;
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += IDLE_S;
    w->idle++;
    while (!r && !w->is_stopping && result != ETIMEDOUT) {
        result = pthread_cond_timedwait(&w->changed, &w->lock, &until);
        r = take(w);
    }
    w->idle--;
    return r;
}

static void refuse(struct http_request *r)
{
    http_status(r, 503);
    http_end(r);
}

static void run(struct http_request *r, bool is_stopping)
{
    const struct http_listener *listener = r->conn->listener;
    running = r;
    lv_rcu_online();
    if (is_stopping)
        refuse(r);
    else
        listener->handler(listener->arg, r);
    lv_rcu_offline();
    running = NULL;
}

static void *worker_thread(void *arg)
{
    struct http_workers *w = arg;
    struct http_request *r;
    pthread_setname_np(pthread_self(), "http worker");
    thread_enter_background();
    lv_rcu_register_thread();
    lv_rcu_offline();
    counters_register();
    pthread_mutex_lock(&w->lock);
    w->starting--;
    while ((r = worker_wait(w)) != NULL) {
        struct http_lane *lane = &w->lanes[r->lane];
        bool is_stopping = w->is_stopping;
        pthread_mutex_unlock(&w->lock);
        run(r, is_stopping); /* r is not ours any more */
        pthread_mutex_lock(&w->lock);
        lane->running--;
    }
    counters_unregister();
    lv_rcu_unregister_thread();
    w->threads--;
    pthread_cond_broadcast(&w->changed); /* workers_stop() waits for the last one */
    pthread_mutex_unlock(&w->lock);
    return NULL;
}

/* --- the door --------------------------------------------------------------------------------- */

void workers_run(struct http_workers *w, struct http_request *r)
{
    pthread_mutex_lock(&w->lock);
    struct http_lane *lane = &w->lanes[r->lane];
    bool is_taken = !w->is_stopping && (w->threads > 0 || worker_start(w));
    if (is_taken) {
        lv_list_push(&lane->queue, &r->waiting_link);
        lane->queued++;
        dispatch(w);
    }
    pthread_mutex_unlock(&w->lock);
    if (!is_taken)
        refuse(r);
}

void workers_wait_begin(struct http_workers *w, struct http_request *r)
{
    if (r != running)
        return;
    pthread_mutex_lock(&w->lock);
    w->lanes[r->lane].running--;
    lv_list_push(&w->waiting, &r->waiting_link);
    dispatch(w);
    pthread_mutex_unlock(&w->lock);
}

void workers_wait_end(struct http_workers *w, struct http_request *r)
{
    if (r != running)
        return;
    pthread_mutex_lock(&w->lock);
    w->lanes[r->lane].running++;
    if (lv_list_is_empty(&r->waiting_link))
        w->ending--; /* by cut_slowest() */
    else
        lv_list_remove(&r->waiting_link);
    pthread_mutex_unlock(&w->lock);
}

void workers_stop(struct http_workers *w)
{
    pthread_mutex_lock(&w->lock);
    w->is_stopping = true;
    pthread_cond_broadcast(&w->changed);
    while (w->threads > 0)
        pthread_cond_wait(&w->changed, &w->lock);
    for (unsigned i = 0; i < HTTP_LANES; i++)
        lv_assert(lv_list_is_empty(&w->lanes[i].queue));
    pthread_mutex_unlock(&w->lock);
}
