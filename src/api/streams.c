#include "api/streams.h"

#include <pthread.h>
#include <stdlib.h>

#include "base/assert.h"
#include "base/background.h"
#include "base/clock.h"
#include "base/counters.h"
#include "base/memory.h"
#include "base/rcu.h"

/* A comment is sent after QUIET_MS without anything else: proxies see that the stream is alive, and
 * the kernel that a client is not. */
enum { TICK_MS = 1000, QUIET_MS = 15000 };

struct stream {
    struct lv_list link;
    struct http_request *http;
    struct auth_identity *identity; /* a reference */
    unsigned source;
    uint64_t at;      /* its place there */
    uint64_t sent_ms; /* when something was sent last; 0: nothing was */
};

/* What a source has at a place, for all the streams that are there. */
struct batch {
    bool is_read;
    uint64_t from, to;
    struct lv_buffer text;
};

struct streams {
    struct stream_source sources[STREAM_SOURCES];
    unsigned max;
    _Atomic unsigned count;
    pthread_mutex_t lock; /* for what follows; nobody who holds it takes another */
    pthread_cond_t changed;
    bool is_woken, is_stopping, has_thread;
    struct lv_list arriving;
    pthread_t thread;
    /* The thread's alone. */
    struct lv_list open;
    struct batch batches[STREAM_SOURCES];
    uint64_t ticked_ms; /* when each stream was looked at last */
};

/* --- one stream ------------------------------------------------------------------------------- */

static void stream_end(struct streams *s, struct stream *stream)
{
    const struct stream_source *source = &s->sources[stream->source];
    lv_list_remove(&stream->link);
    http_end(stream->http);
    if (source->end)
        source->end(source->arg);
    auth_identity_unref(&stream->identity);
    free(stream);
    atomic_fetch_sub(&s->count, 1);
}

/* Returns what the stream has not got yet, which is empty if there is nothing. */
static const struct batch *stream_batch(struct streams *s, const struct stream *stream)
{
    const struct stream_source *source = &s->sources[stream->source];
    struct batch *b = &s->batches[stream->source];
    if (b->is_read && b->from == stream->at)
        return b;
    b->is_read = true;
    b->from = b->to = stream->at;
    b->text.n = 0;
    source->read(source->arg, &b->to, &b->text);
    return b;
}

/* Sends what there is. Returns false if the stream ends. */
static bool stream_send(struct streams *s, struct stream *stream, uint64_t now_ms)
{
    if (!http_has_room(stream->http))
        return true;
    const struct batch *b = stream_batch(s, stream);
    if (b->text.n > 0 && !auth_is_current(stream->identity))
        return false;
    struct lv_buffer *out = http_out(stream->http);
    bool is_new = stream->sent_ms == 0;
    if (is_new || (b->text.n == 0 && now_ms - stream->sent_ms >= (uint64_t)QUIET_MS))
        lv_buffer_add(out, ":\n\n", 3);
    lv_buffer_add_slice(out, lv_buffer_slice(&b->text));
    stream->at = b->to;
    if (out->n == 0)
        return true;
    stream->sent_ms = now_ms;
    bool is_there = http_flush(stream->http, true);
    if (b->text.n >= (size_t)STREAM_BYTES && http_has_room(stream->http))
        streams_wake(s); /* for the rest; without room it is woken later */
    return is_there;
}

/* --- the thread ------------------------------------------------------------------------------- */

/* Returns whether there may be something to do now. The lock is held. */
static bool is_time(const struct streams *s)
{
    bool has_tick = !lv_list_is_empty(&s->open) &&
                    clock_read_ms(CLOCK_MONOTONIC) >= s->ticked_ms + (uint64_t)TICK_MS;
    return s->is_woken || s->is_stopping || has_tick;
}

/* The lock is held. */
static void sleep_once(struct streams *s)
{
    uint64_t until_ms = s->ticked_ms + TICK_MS;
    const struct timespec until = {(time_t)(until_ms / 1000), (long)(until_ms % 1000) * 1000000};
    if (lv_list_is_empty(&s->open))
        pthread_cond_wait(&s->changed, &s->lock);
    else
        pthread_cond_timedwait(&s->changed, &s->lock, &until);
}

/* Takes the streams that have arrived. Returns false if the thread ends. */
static bool streams_wait(struct streams *s)
{
    pthread_mutex_lock(&s->lock);
    while (!is_time(s))
        sleep_once(s);
    s->is_woken = false;
    while (!lv_list_is_empty(&s->arriving)) {
        struct stream *stream = lv_list_item(s->arriving.next, struct stream, link);
        lv_list_remove(&stream->link);
        lv_list_push(&s->open, &stream->link);
    }
    bool goes_on = !s->is_stopping;
    pthread_mutex_unlock(&s->lock);
    return goes_on;
}

static void streams_pass(struct streams *s)
{
    uint64_t now_ms = clock_read_ms(CLOCK_MONOTONIC);
    bool is_tick = now_ms >= s->ticked_ms + (uint64_t)TICK_MS;
    if (is_tick)
        s->ticked_ms = now_ms;
    for (unsigned i = 0; i < STREAM_SOURCES; i++)
        s->batches[i].is_read = false;
    for (struct lv_list *it = s->open.next, *next; it != &s->open; it = next) {
        struct stream *stream = lv_list_item(it, struct stream, link);
        next = it->next;
        if (http_is_cut(stream->http) || (is_tick && !auth_is_current(stream->identity)) ||
            !stream_send(s, stream, now_ms))
            stream_end(s, stream);
    }
}

static void *streams_thread(void *arg)
{
    struct streams *s = arg;
    pthread_setname_np(pthread_self(), "http streams");
    thread_enter_background();
    lv_rcu_register_thread();
    lv_rcu_offline();
    counters_register();
    while (streams_wait(s)) {
        lv_rcu_online();
        streams_pass(s);
        lv_rcu_offline();
    }
    while (!lv_list_is_empty(&s->open))
        stream_end(s, lv_list_item(s->open.next, struct stream, link));
    counters_unregister();
    lv_rcu_unregister_thread();
    return NULL;
}

/* --- the door --------------------------------------------------------------------------------- */

void streams_wake(void *streams)
{
    struct streams *s = streams;
    if (atomic_load(&s->count) == 0)
        return;
    pthread_mutex_lock(&s->lock);
    if (!s->is_woken)
        pthread_cond_signal(&s->changed);
    s->is_woken = true;
    pthread_mutex_unlock(&s->lock);
}

/* Starts the thread with the first stream. The lock is held. */
static bool has_thread(struct streams *s)
{
    if (!s->has_thread)
        s->has_thread = pthread_create(&s->thread, NULL, streams_thread, s) == 0;
    return s->has_thread;
}

/* Gives the stream to the thread. Returns NULL, or why there is none. */
static const char *streams_take(struct streams *s, struct stream *stream)
{
    const char *refusal = NULL;
    pthread_mutex_lock(&s->lock);
    if (s->is_stopping) {
        refusal = "the broker stops";
    } else if (atomic_load(&s->count) >= s->max) {
        refusal = "too many streams are open already";
    } else if (!has_thread(s)) {
        refusal = "there is no thread for streams";
    } else {
        atomic_fetch_add(&s->count, 1);
        lv_list_push(&s->arriving, &stream->link);
        s->is_woken = true;
        pthread_cond_signal(&s->changed);
    }
    pthread_mutex_unlock(&s->lock);
    return refusal;
}

bool streams_add(struct streams *s, struct api_call *c, unsigned source, uint64_t at)
{
    struct stream *stream = lv_calloc(1, sizeof *stream);
    *stream = (struct stream){
        .http = c->http, .identity = auth_identity_ref(c->identity), .source = source, .at = at};
    lv_assert(source < (unsigned)STREAM_SOURCES);
    lv_list_init(&stream->link);
    http_set_header(c->http, "content-type", slice_str("text/event-stream"));
    http_set_header(c->http, "cache-control", slice_str("no-store"));
    http_stream(c->http, streams_wake, s);
    const char *refusal = streams_take(s, stream);
    if (!refusal) {
        c->http = NULL;
        return true;
    }
    auth_identity_unref(&stream->identity);
    free(stream);
    http_set_header(c->http, "content-type", slice_str("application/json"));
    api_refuse(c, 503, "unavailable", "%s", refusal);
    return false;
}

/* --- their life ------------------------------------------------------------------------------- */

struct streams *streams_create(const struct stream_source sources[STREAM_SOURCES], unsigned max)
{
    struct streams *s = lv_calloc(1, sizeof *s);
    for (unsigned i = 0; i < STREAM_SOURCES; i++)
        s->sources[i] = sources[i];
    s->max = max;
    pthread_mutex_init(&s->lock, NULL);
    clock_cond_init(&s->changed);
    lv_list_init(&s->arriving);
    lv_list_init(&s->open);
    return s;
}

void streams_stop(struct streams *s)
{
    pthread_mutex_lock(&s->lock);
    bool joins = s->has_thread && !s->is_stopping;
    s->is_stopping = true;
    pthread_cond_signal(&s->changed);
    pthread_mutex_unlock(&s->lock);
    if (joins)
        pthread_join(s->thread, NULL);
}

void streams_free(struct streams **streams)
{
    struct streams *s = *streams;
    *streams = NULL;
    if (!s)
        return;
    lv_assert(s->count == 0);
    for (unsigned i = 0; i < STREAM_SOURCES; i++)
        lv_buffer_free(&s->batches[i].text);
    pthread_cond_destroy(&s->changed);
    pthread_mutex_destroy(&s->lock);
    free(s);
}
