/* Streams of server-sent events: answers that go on until the client is gone, the user is deleted
 * or the broker stops.
 *
 * One thread sends all of them. It sleeps until something has happened, or somebody has room again,
 * and once a second while a stream is open. A stream has a place in its source, which keeps the
 * newest of what happens: a client that is slow loses what is overwritten before it has taken what
 * was before, and is told so. Nobody waits for it, and it costs no more memory than others. */
#ifndef LEVERET_API_STREAMS_H
#define LEVERET_API_STREAMS_H

#include "api/api_private.h"

struct streams; /* see streams.c */

/* What has happened, each at a numbered place. Streams at the same place get the same bytes. */
struct stream_source {
    /* Appends what is at the place and behind it, until there is nothing more or `out` has
     * STREAM_BYTES, and moves the place. Called on the thread of streams. */
    void (*read)(void *arg, uint64_t *at, struct lv_buffer *out);
    /* A stream has ended. NULL: nothing is to be done. On the same thread. */
    void (*end)(void *arg);
    void *arg;
};
enum { STREAM_BYTES = 16 * 1024, STREAM_SOURCES = 2 };

/* Creates what serves at most `streams_max` streams of these sources, which are copied. The caller
 * owns it. */
struct streams *streams_create(const struct stream_source sources[STREAM_SOURCES],
                               unsigned streams_max);
/* Ends every stream and refuses those to come. Waits for the thread. A second call does nothing. */
void streams_stop(struct streams *streams);
/* Frees it and clears the pointer. Call after streams_stop(). */
void streams_free(struct streams **streams);

/* Something has happened, or there is room: a stream's wake, and that of the tails. `streams` is a
 * struct streams. Takes a lock under which nothing else is done. Any thread. */
void streams_wake(void *streams);

/* Answers the call with a stream of this source, from the place on. From here on c->http is not the
 * caller's. Returns false after refusing: there are too many, or the broker stops; the source's end
 * is not called then. */
bool streams_add(struct streams *streams, struct api_call *c, unsigned source, uint64_t at);

#endif
