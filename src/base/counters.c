/* Counters: the threads that count, and the totals.
 *
 *   (1) Only the thread that a struct counters belongs to writes to it; a reader sees each number
 *       as it was before or after an addition.
 *   (2) `ended` holds what threads that have ended counted, so a total never falls.
 *   (3) Derived counters are 0 in every thread's struct and in `ended`. */
#include "base/counters.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>

#include "base/assert.h"
#include "base/memory.h"

const uint64_t size_bounds[SIZE_BUCKETS - 1] = {100,     1000,     10000,    100000,
                                                1000000, 10000000, 50000000, 100000000};

struct counting_thread {
    const struct counters *counters;
    struct counting_thread *next;
};

_Thread_local struct counters counters_here;

static _Thread_local bool is_registered; /* this thread's counters are in `threads` */

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER; /* guards the next three */
static struct counting_thread *threads;
static struct counters ended;

const struct counter_kind counter_kinds[COUNTER_KINDS] = {
#define COUNTER_KIND(name, help) {#name, help, offsetof(struct counters, name)},
    COUNTERS(COUNTER_KIND)
#undef COUNTER_KIND
};

_Static_assert(sizeof(struct counters) == COUNTER_KINDS * sizeof(uint64_t), "nothing but numbers");

/* Adds `from`, whose thread may count on meanwhile, to `to`, which no other thread writes. */
static void counters_add(struct counters *to, const struct counters *from)
{
    for (size_t i = 0; i < COUNTER_KINDS; i++) {
        _Atomic uint64_t *sum = (void *)((char *)to + counter_kinds[i].offset);
        counter_add(sum, counter_of(from, &counter_kinds[i]));
    }
}

void counters_register(void)
{
    lv_assert(!is_registered);
    is_registered = true;
    struct counting_thread *t = lv_malloc(sizeof *t);
    t->counters = &counters_here;
    pthread_mutex_lock(&lock);
    t->next = threads;
    threads = t;
    pthread_mutex_unlock(&lock);
}

void counters_unregister(void)
{
    lv_assert(is_registered);
    is_registered = false;
    pthread_mutex_lock(&lock);
    struct counting_thread **at = &threads;
    while (*at && (*at)->counters != &counters_here)
        at = &(*at)->next;
    struct counting_thread *t = *at;
    lv_assert(t);
    *at = t->next;
    counters_add(&ended, &counters_here);
    pthread_mutex_unlock(&lock);
    counters_here = (struct counters){0};
    free(t);
}

static uint64_t sum_of(const _Atomic uint64_t *first, unsigned count)
{
    uint64_t sum = 0;
    for (unsigned i = 0; i < count; i++)
        sum += atomic_load_explicit(&first[i], memory_order_relaxed);
    return sum;
}

void counters_complete(struct counters *c)
{
    c->published = sum_of(&c->published_to_100, SIZE_BUCKETS);
    c->confirmed = sum_of(&c->confirmed_ms_1, DOUBLING_BUCKETS);
    c->delivered = sum_of(&c->delivered_classic, COUNTED_QUEUE_TYPES);
    c->delivered_no_ack = sum_of(&c->delivered_no_ack_classic, COUNTED_QUEUE_TYPES);
    c->got = sum_of(&c->got_classic, COUNTED_QUEUE_TYPES);
    c->got_no_ack = sum_of(&c->got_no_ack_classic, COUNTED_QUEUE_TYPES);
    c->got_empty = sum_of(&c->got_empty_classic, COUNTED_QUEUE_TYPES);
    c->redelivered = sum_of(&c->redelivered_classic, COUNTED_QUEUE_TYPES);
    c->acked = sum_of(&c->acked_classic, COUNTED_QUEUE_TYPES);
}

void counters_read(struct counters *ret)
{
    pthread_mutex_lock(&lock);
    *ret = (struct counters){0};
    counters_add(ret, &ended);
    for (const struct counting_thread *t = threads; t; t = t->next)
        counters_add(ret, t->counters);
    counters_complete(ret);
    pthread_mutex_unlock(&lock);
}
