/* Pools of threads that answer questions.
 *
 *   (1) A source exists while it has a question that waits or is being answered. It is in `ring`
 *       while it has one that waits.
 *   (2) A thread takes the first question of the first source in the ring that may have another
 *       thread, and puts that source at the end of the ring.
 *   (3) A slot of `threads` is used again only after its thread was joined.
 *
 * One lock protects all of it; run() is called without it. */
#include "auth/ask.h"

#include <arpa/inet.h>
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/assert.h"
#include "base/background.h"
#include "base/clock.h"
#include "base/memory.h"

enum {
    IDLE_S = 10,
    STACK_BYTES = 512 * 1024, /* libraries of backends are called on it */
    SOURCE_NAME_MAX = 64,
    BUCKETS = 256,
};

struct ask_source {
    struct lv_list bucket; /* in ask_pool.buckets */
    struct lv_list ring;   /* in ask_pool.ring, or in no list */
    struct lv_list asks;   /* struct ask.link: those that wait */
    size_t waiting;
    unsigned running; /* threads that answer one of its questions */
    size_t name_bytes;
    uint8_t name[SOURCE_NAME_MAX]; /* longer names share a source if they begin alike */
};

enum thread_state { THREAD_NONE, THREAD_RUNS, THREAD_ENDED };

struct ask_thread {
    struct ask_pool *pool;
    pthread_t thread;
    enum thread_state state;
};

struct ask_pool {
    const char *name;
    unsigned threads_max;
    bool is_modest;
    pthread_mutex_t lock; /* of all below */
    pthread_cond_t work;  /* something may be taken, or is_ending */
    bool is_ending;
    unsigned count; /* threads that run */
    unsigned idle;  /* of these, those that wait for work */
    size_t waiting;
    struct lv_list ring;
    struct lv_list buckets[BUCKETS];
    struct ask_thread threads[ASK_THREADS_MAX];
};

/* --- sources ---------------------------------------------------------------------------------- */

static struct lv_list *bucket_of(struct ask_pool *pool, struct slice name)
{
    unsigned hash = 5381;
    for (size_t i = 0; i < name.n; i++)
        hash = hash * 33 + name.p[i];
    return &pool->buckets[hash % BUCKETS];
}

/* A host has as many IPv6 addresses as it likes, in one network of 64 bits: that is its source.
 * Other names stay. */
static struct slice network_of(struct slice name, struct in6_addr *space)
{
    char text[INET6_ADDRSTRLEN];
    if (name.n == 0 || name.n >= sizeof text)
        return name;
    memcpy(text, name.p, name.n);
    text[name.n] = '\0';
    if (inet_pton(AF_INET6, text, space) != 1 || IN6_IS_ADDR_V4MAPPED(space))
        return name;
    return slice_of(space->s6_addr, 8);
}

static struct ask_source *source_want(struct ask_pool *pool, struct slice name)
{
    struct in6_addr space;
    name = network_of(name, &space);
    if (name.n > SOURCE_NAME_MAX)
        name.n = SOURCE_NAME_MAX;
    struct lv_list *bucket = bucket_of(pool, name), *it, *after;
    lv_list_each (it, after, bucket) {
        struct ask_source *s = lv_list_item(it, struct ask_source, bucket);
        if (slice_equal(slice_of(s->name, s->name_bytes), name))
            return s;
    }
    struct ask_source *s = lv_calloc(1, sizeof *s);
    s->name_bytes = name.n;
    if (name.n > 0)
        memcpy(s->name, name.p, name.n);
    lv_list_init(&s->ring);
    lv_list_init(&s->asks);
    lv_list_push(bucket, &s->bucket);
    return s;
}

static void source_end(struct ask_source *s)
{
    if (s->waiting > 0 || s->running > 0)
        return;
    lv_list_remove(&s->bucket);
    free(s);
}

/* Returns whether another thread may answer for this source: one thread is left to the others. */
static bool source_may_run(const struct ask_pool *pool, const struct ask_source *s)
{
    return pool->threads_max == 1 || s->running + 1 < pool->threads_max;
}

static struct ask_source *source_next(struct ask_pool *pool)
{
    struct lv_list *it, *after;
    lv_list_each (it, after, &pool->ring) {
        struct ask_source *s = lv_list_item(it, struct ask_source, ring);
        if (source_may_run(pool, s))
            return s;
    }
    return NULL;
}

/* Takes the next question, or returns NULL. */
static struct ask *ask_take(struct ask_pool *pool)
{
    struct ask_source *s = source_next(pool);
    if (!s)
        return NULL;
    struct ask *ask = lv_list_item(s->asks.next, struct ask, link);
    lv_list_remove(&ask->link);
    lv_list_remove(&s->ring);
    s->waiting--;
    pool->waiting--;
    s->running++;
    if (s->waiting > 0)
        lv_list_push(&pool->ring, &s->ring);
    return ask;
}

/* --- threads ---------------------------------------------------------------------------------- */

/* Waits for work. Returns false if there was none for IDLE_S. */
static bool work_await(struct ask_pool *pool)
{
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += IDLE_S;
    pool->idle++;
    int err = pthread_cond_timedwait(&pool->work, &pool->lock, &until);
    pool->idle--;
    return err != ETIMEDOUT;
}

static void ask_answer(struct ask_pool *pool, struct ask *ask)
{
    struct ask_source *s = ask->source;
    pthread_mutex_unlock(&pool->lock);
    ask->run(ask);
    pthread_mutex_lock(&pool->lock);
    s->running--;
    if (s->waiting > 0) /* a thread may have left the source's questions to this one */
        pthread_cond_signal(&pool->work);
    source_end(s);
}

static void *thread_main(void *arg)
{
    struct ask_thread *t = arg;
    struct ask_pool *pool = t->pool;
    pthread_setname_np(pthread_self(), pool->name);
    if (pool->is_modest)
        thread_enter_background();
    pthread_mutex_lock(&pool->lock);
    for (bool goes_on = true; goes_on;) {
        struct ask *ask = ask_take(pool);
        if (ask)
            ask_answer(pool, ask);
        else if (pool->is_ending && pool->waiting == 0)
            goes_on = false;
        else
            goes_on = work_await(pool) || pool->waiting > 0;
    }
    pool->count--;
    t->state = THREAD_ENDED;
    if (pool->is_ending)
        pthread_cond_broadcast(&pool->work); /* nothing is left for the others either */
    pthread_mutex_unlock(&pool->lock);
    lv_memory_leave();
    return NULL;
}

static void thread_join(struct ask_thread *t)
{
    if (t->state == THREAD_ENDED)
        pthread_join(t->thread, NULL);
    t->state = THREAD_NONE;
}

/* Returns whether the thread could be created. */
static bool thread_start(struct ask_pool *pool, struct ask_thread *t)
{
    pthread_attr_t attributes;
    sigset_t all, before;
    t->pool = pool;
    pthread_attr_init(&attributes);
    pthread_attr_setstacksize(&attributes, STACK_BYTES);
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    bool is_started = pthread_create(&t->thread, &attributes, thread_main, t) == 0;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    pthread_attr_destroy(&attributes);
    if (is_started) {
        t->state = THREAD_RUNS;
        pool->count++;
    }
    return is_started;
}

/* Wakes a thread, or creates one. Returns whether some thread will take what waits. */
static bool thread_want(struct ask_pool *pool)
{
    if (pool->idle > 0)
        pthread_cond_signal(&pool->work);
    /* What waits already may be taken by threads that are idle now, or by none, if its source has
     * as many threads as it may. */
    if (pool->idle > pool->waiting)
        return true;
    for (unsigned i = 0; i < pool->threads_max; i++) {
        struct ask_thread *t = &pool->threads[i];
        if (t->state == THREAD_RUNS)
            continue;
        thread_join(t);
        return thread_start(pool, t) || pool->count > 0;
    }
    return true;
}

/* --- the door --------------------------------------------------------------------------------- */

struct ask_pool *ask_pool_create(const char *name, unsigned threads_max, bool is_modest)
{
    struct ask_pool *pool = lv_calloc(1, sizeof *pool);
    lv_assert(threads_max <= ASK_THREADS_MAX);
    pool->name = name;
    pool->threads_max = threads_max;
    pool->is_modest = is_modest;
    pthread_mutex_init(&pool->lock, NULL);
    clock_cond_init(&pool->work);
    lv_list_init(&pool->ring);
    for (unsigned i = 0; i < BUCKETS; i++)
        lv_list_init(&pool->buckets[i]);
    return pool;
}

void ask_pool_stop(struct ask_pool *pool)
{
    pthread_mutex_lock(&pool->lock);
    pool->is_ending = true;
    pthread_cond_broadcast(&pool->work);
    for (unsigned i = 0; i < pool->threads_max; i++) {
        bool is_there = pool->threads[i].state != THREAD_NONE;
        pthread_mutex_unlock(&pool->lock);
        if (is_there)
            pthread_join(pool->threads[i].thread, NULL);
        pthread_mutex_lock(&pool->lock);
        pool->threads[i].state = THREAD_NONE;
    }
    lv_assert(pool->waiting == 0 && pool->count == 0);
    pthread_mutex_unlock(&pool->lock);
}

void ask_pool_free(struct ask_pool **pointer)
{
    struct ask_pool *pool = *pointer;
    if (!pool)
        return;
    *pointer = NULL;
    ask_pool_stop(pool);
    pthread_cond_destroy(&pool->work);
    pthread_mutex_destroy(&pool->lock);
    free(pool);
}

static bool has_room(const struct ask_pool *pool, const struct ask_source *s)
{
    return pool->waiting < ASKS_MAX && s->waiting < ASKS_OF_SOURCE_MAX;
}

/* Puts the question into the queue and has a thread take it. */
static bool ask_queue(struct ask_pool *pool, struct ask_source *s, struct ask *ask)
{
    if (!has_room(pool, s) || (!thread_want(pool) && pool->count == 0))
        return false;
    ask->source = s;
    lv_list_init(&ask->link);
    lv_list_push(&s->asks, &ask->link);
    s->waiting++;
    pool->waiting++;
    if (lv_list_is_empty(&s->ring))
        lv_list_push(&pool->ring, &s->ring);
    return true;
}

bool ask_submit(struct ask_pool *pool, struct ask *ask, struct slice source)
{
    pthread_mutex_lock(&pool->lock);
    if (pool->threads_max == 0 || pool->is_ending) {
        pthread_mutex_unlock(&pool->lock);
        ask->run(ask);
        return true;
    }
    struct ask_source *s = source_want(pool, source);
    bool is_taken = ask_queue(pool, s, ask);
    if (!is_taken)
        source_end(s);
    pthread_mutex_unlock(&pool->lock);
    return is_taken;
}

size_t ask_waiting(struct ask_pool *pool)
{
    pthread_mutex_lock(&pool->lock);
    size_t waiting = pool->waiting;
    pthread_mutex_unlock(&pool->lock);
    return waiting;
}
