#include "broker/event_tail.h"

#include <pthread.h>
#include <stdlib.h>

#include "base/assert.h"
#include "base/memory.h"

struct kept_event {
    const char *key;
    struct slice headers; /* owned */
};

struct event_tail {
    struct events *events;
    pthread_mutex_t lock;    /* for what follows */
    void (*wake)(void *arg); /* NULL: none */
    void *wake_arg;
    unsigned readers;
    uint64_t first, next; /* the numbers of the oldest that is kept, and of the next to come */
    size_t bytes;
    struct kept_event kept[EVENT_TAIL_EVENTS]; /* by number */
};

struct event_tail *event_tail_create(struct events *events)
{
    struct event_tail *t = lv_calloc(1, sizeof *t);
    t->events = events;
    pthread_mutex_init(&t->lock, NULL);
    return t;
}

/* The caller holds the lock. */
static void drop_oldest(struct event_tail *t)
{
    struct kept_event *e = &t->kept[t->first++ % EVENT_TAIL_EVENTS];
    t->bytes -= e->headers.n;
    free((void *)(uintptr_t)e->headers.p);
}

void event_tail_free(struct event_tail **tail)
{
    struct event_tail *t = *tail;
    *tail = NULL;
    if (!t)
        return;
    lv_assert(t->readers == 0 && t->first == t->next);
    pthread_mutex_destroy(&t->lock);
    free(t);
}

void event_tail_put(struct event_tail *t, const char *key, struct slice headers)
{
    pthread_mutex_lock(&t->lock);
    if (t->readers > 0) {
        while (t->first < t->next &&
               (t->next - t->first == EVENT_TAIL_EVENTS || t->bytes + headers.n > EVENT_TAIL_BYTES))
            drop_oldest(t);
        t->kept[t->next++ % EVENT_TAIL_EVENTS] = (struct kept_event){key, slice_copy(headers)};
        t->bytes += headers.n;
        if (t->wake)
            t->wake(t->wake_arg);
    }
    pthread_mutex_unlock(&t->lock);
}

void event_tail_set_wake(struct event_tail *t, void (*wake)(void *arg), void *arg)
{
    pthread_mutex_lock(&t->lock);
    t->wake = wake;
    t->wake_arg = arg;
    pthread_mutex_unlock(&t->lock);
}

void event_reader_begin(struct event_reader *reader, struct event_tail *t)
{
    pthread_mutex_lock(&t->lock);
    *reader = (struct event_reader){t, t->next};
    if (t->readers++ == 0)
        events_set_followed(t->events, true);
    pthread_mutex_unlock(&t->lock);
}

void event_reader_end(struct event_reader *reader)
{
    struct event_tail *t = reader->tail;
    pthread_mutex_lock(&t->lock);
    lv_assert(t->readers > 0);
    if (--t->readers == 0) {
        events_set_followed(t->events, false);
        while (t->first < t->next)
            drop_oldest(t);
    }
    pthread_mutex_unlock(&t->lock);
}

/* The caller holds the lock. */
static enum event_read read_kept(struct event_reader *r, const char **ret_key,
                                 struct lv_buffer *ret_headers, uint64_t *ret_lost)
{
    const struct event_tail *t = r->tail;
    if (r->next < t->first) {
        *ret_lost = t->first - r->next;
        r->next = t->first;
        return EVENT_READ_LOST;
    }
    if (r->next == t->next)
        return EVENT_READ_NONE;
    const struct kept_event *e = &t->kept[r->next++ % EVENT_TAIL_EVENTS];
    *ret_key = e->key;
    ret_headers->n = 0;
    lv_buffer_add_slice(ret_headers, e->headers);
    return EVENT_READ;
}

enum event_read event_read_next(struct event_reader *r, const char **ret_key,
                                struct lv_buffer *ret_headers, uint64_t *ret_lost)
{
    pthread_mutex_lock(&r->tail->lock);
    enum event_read result = read_kept(r, ret_key, ret_headers, ret_lost);
    pthread_mutex_unlock(&r->tail->lock);
    return result;
}
