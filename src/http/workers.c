/* Workers: threads that run the handlers of requests. */
#include <errno.h>
#include <time.h>

#include "base/log.h"
#include "base/rcu.h"
#include "http/http_private.h"

enum { STACK_BYTES = 512 * 1024, IDLE_S = 10 };

void workers_init(struct http_workers *w, unsigned max)
{
    pthread_condattr_t attributes;
    pthread_mutex_init(&w->lock, NULL);
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&w->changed, &attributes);
    pthread_condattr_destroy(&attributes);
    lv_list_init(&w->queue);
    w->max = max;
}

/* Returns a request to run, or NULL if the worker ends. The caller holds the lock. */
static struct http_request *worker_take(struct http_workers *w)
{
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += IDLE_S;
    int result = 0;
    w->idle++;
    while (lv_list_is_empty(&w->queue) && !w->is_stopping && result != ETIMEDOUT)
        result = pthread_cond_timedwait(&w->changed, &w->lock, &until);
    w->idle--;
    if (lv_list_is_empty(&w->queue))
        return NULL;
    struct http_request *r = lv_list_item(w->queue.next, struct http_request, waiting_link);
    lv_list_remove(&r->waiting_link);
    return r;
}

static void refuse(struct http_request *r)
{
    http_status(r, 503);
    http_end(r);
}

static void *worker_thread(void *arg)
{
    struct http_workers *w = arg;
    struct http_request *r;
    pthread_setname_np(pthread_self(), "http worker");
    lv_rcu_register_thread();
    lv_rcu_offline();
    pthread_mutex_lock(&w->lock);
    while ((r = worker_take(w)) != NULL) {
        bool is_stopping = w->is_stopping;
        pthread_mutex_unlock(&w->lock);
        const struct http_listener *listener = r->conn->listener;
        lv_rcu_online();
        if (is_stopping)
            refuse(r);
        else
            listener->handler(listener->arg, r);
        lv_rcu_offline();
        pthread_mutex_lock(&w->lock);
    }
    lv_rcu_unregister_thread();
    lv_assert(w->count > 0);
    w->count--;
    pthread_cond_broadcast(&w->changed); /* workers_stop() waits for the last one */
    pthread_mutex_unlock(&w->lock);
    return NULL;
}

/* The caller holds the lock. */
static bool worker_start(struct http_workers *w)
{
    pthread_t thread;
    pthread_attr_t attributes;
    pthread_attr_init(&attributes);
    pthread_attr_setstacksize(&attributes, STACK_BYTES);
    pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
    bool is_started = pthread_create(&thread, &attributes, worker_thread, w) == 0;
    pthread_attr_destroy(&attributes);
    w->count += is_started;
    return is_started;
}

void workers_run(struct http_workers *w, struct http_request *r)
{
    pthread_mutex_lock(&w->lock);
    size_t waiting = 1;
    for (const struct lv_list *it = w->queue.next; it != &w->queue && waiting <= w->idle;
         it = it->next)
        waiting++;
    bool is_taken = !w->is_stopping &&
                    (w->idle >= waiting || w->count == w->max || worker_start(w) || w->count > 0);
    if (is_taken) {
        lv_list_push(&w->queue, &r->waiting_link);
        pthread_cond_signal(&w->changed);
    }
    pthread_mutex_unlock(&w->lock);
    if (!is_taken) {
        log_warning("http: a request is refused: no thread to run it");
        refuse(r);
    }
}

void workers_stop(struct http_workers *w)
{
    pthread_mutex_lock(&w->lock);
    w->is_stopping = true;
    pthread_cond_broadcast(&w->changed);
    while (w->count > 0)
        pthread_cond_wait(&w->changed, &w->lock);
    lv_assert(lv_list_is_empty(&w->queue));
    pthread_mutex_unlock(&w->lock);
}
