/* The newest events, kept in memory while somebody follows them: for streams of events to operators
 * (docs/tracing.md). Readers that are slow lose the oldest events, and are told how many; nobody
 * waits for them. Nothing is kept, and no event is made for it, while there is no reader. */
#ifndef LEVERET_BROKER_EVENT_TAIL_H
#define LEVERET_BROKER_EVENT_TAIL_H

#include "base/buffer.h"
#include "broker/broker.h"

enum { EVENT_TAIL_EVENTS = 1024, EVENT_TAIL_BYTES = 1024 * 1024 };

struct event_tail; /* see event_tail.c */

/* Creates the tail of the broker's events, which the caller owns. */
struct event_tail *event_tail_create(struct events *events);
/* Frees the tail and clears the pointer. NULL is fine. Call when there is no reader. */
void event_tail_free(struct event_tail **tail);

/* Keeps an event, if there is a reader; the headers are copied. `key` is never freed. Any
 * thread. */
void event_tail_put(struct event_tail *tail, const char *key, struct slice headers);

/* Has wake(arg) called for each event that is kept from now on, on the thread that keeps it, and
 * under a lock: it may do no more than wake a thread. NULL: nothing is called; a call that was
 * under way has returned. There is one such function. Any thread. */
void event_tail_set_wake(struct event_tail *tail, void (*wake)(void *arg), void *arg);

/* A place in the events. A reader is used by one thread at a time, not a loop. */
struct event_reader {
    struct event_tail *tail;
    uint64_t next; /* the number of the next event */
};

/* Begins at the next event. */
void event_reader_begin(struct event_reader *reader, struct event_tail *tail);
void event_reader_end(struct event_reader *reader);

enum event_read {
    EVENT_READ,      /* *ret_key and *ret_headers are the next event */
    EVENT_READ_LOST, /* *ret_lost events were dropped before they were read; the next call goes on */
    EVENT_READ_NONE, /* nothing has happened since */
};

/* Reads the next event, without waiting. Replaces what is in *ret_headers, which the caller frees.
 */
enum event_read event_read_next(struct event_reader *reader, const char **ret_key,
                                struct lv_buffer *ret_headers, uint64_t *ret_lost);

#endif
