/* Counters: the threads that count, and the totals.
 *
 *   (1) A struct counters is written by its own thread alone; a reader sees each number as it was
 *       before or after an addition.
 *   (2) What a thread that has ended counted is in `ended`. A total never falls. */
#include "base/counters.h"

#include <pthread.h>
#include <stdlib.h>

#include "base/assert.h"
#include "base/memory.h"

struct counting_thread {
    const struct counters *counters;
    struct counting_thread *next;
};

_Thread_local struct counters counters_here;

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER; /* of the two that follow */
static struct counting_thread *threads;
static struct counters ended;

const struct counter_kind counter_kinds[COUNTER_KINDS] = {
#define COUNTER_KIND(name, help) {#name, help, offsetof(struct counters, name)},
    COUNTERS(COUNTER_KIND)
#undef COUNTER_KIND
};

_Static_assert(sizeof(struct counters) == COUNTER_KINDS * sizeof(uint64_t), "nothing but numbers");

/* Adds numbers whose thread may count on meanwhile. The lock is held, or nobody else has `to`. */
static void add(struct counters *to, const struct counters *from)
{
    for (size_t i = 0; i < COUNTER_KINDS; i++) {
        _Atomic uint64_t *sum = (void *)((char *)to + counter_kinds[i].offset);
        counter_add(sum, counter_of(from, &counter_kinds[i]));
    }
}

void counters_register(void)
{
    struct counting_thread *t = lv_malloc(sizeof *t);
    t->counters = &counters_here;
    pthread_mutex_lock(&lock);
    t->next = threads;
    threads = t;
    pthread_mutex_unlock(&lock);
}

void counters_unregister(void)
{
    pthread_mutex_lock(&lock);
    struct counting_thread **at = &threads;
    while (*at && (*at)->counters != &counters_here)
        at = &(*at)->next;
    struct counting_thread *t = *at;
    lv_assert(t);
    *at = t->next;
    add(&ended, &counters_here);
    pthread_mutex_unlock(&lock);
    counters_here = (struct counters){0};
    free(t);
}

void counters_read(struct counters *ret)
{
    pthread_mutex_lock(&lock);
    *ret = (struct counters){0};
    add(ret, &ended);
    for (const struct counting_thread *t = threads; t; t = t->next)
        add(ret, t->counters);
    pthread_mutex_unlock(&lock);
}
