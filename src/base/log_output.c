/* The rings between the threads that log and the threads that write, one of each for each output.
 *
 *   (1) Lines are written whole, in the order in which they were put into the ring.
 *   (2) An output's lock is held for the copy of one line; never while its thread writes.
 *   (3) When a ring is full, lines are dropped until half of it is free again, so that there is
 *       one gap instead of many; at the gap a line says how many are missing.
 *   (4) Lines that the sink refuses (a disk is full) stay in the ring and are tried again.
 *
 * A sink's write may block for ever, so nobody waits for a thread longer than LOG_STOP_MS.
 * Whenever a ring is empty it starts again at its first byte: a quiet broker touches one page.
 *
 * Slots are set and cleared by one thread at a time. All others find them by is_used, and their
 * rings under their locks. */
#include "base/log_output.h"

#include <inttypes.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/assert.h"
#include "base/clock.h"
#include "base/log_private.h"
#include "base/log_tail.h"
#include "base/memory.h"

enum { RING_BYTES = LOG_OUTPUT_RING_BYTES, BATCH_BYTES_MAX = 16 * 1024, RETRY_MS = 500 };

struct output {
    pthread_mutex_t lock;
    pthread_cond_t changed; /* a line was put, something is to be done, or the thread has ended */
    bool has_condition;     /* `changed` is initialised */
    atomic_bool is_used;
    atomic_uchar levels[LOG_CATEGORY_COUNT];
    char location[LOG_LOCATION_BYTES_MAX];
    atomic_bool is_running; /* its thread; changed under the lock */
    bool is_stopping;
    bool is_to_reopen;

    const struct log_sink_ops *ops; /* used by the thread; without one, under the lock */
    void *sink;
    const struct log_sink_ops *next_ops; /* the thread goes on with this; NULL: none */
    void *next_sink;

    atomic_size_t n; /* bytes in the ring; changed under the lock */
    size_t begin;    /* index of the first of them */
    size_t put;      /* how many of them the sink has taken; the thread's own */
    uint64_t dropped;
    atomic_ullong dropped_total;
    char *bytes; /* RING_BYTES; allocated with the thread, and kept */
};

static struct output outputs[LOG_OUTPUTS_MAX] = {
    [1 ... LOG_OUTPUTS_MAX - 1] = {.lock = PTHREAD_MUTEX_INITIALIZER},
    [LOG_OUTPUT_CONSOLE] =
        {
            .lock = PTHREAD_MUTEX_INITIALIZER,
            .is_used = true,
            .location = "<stderr>",
            .levels = {[0 ... LOG_CATEGORY_COUNT - 1] = LOG_INFO},
            .ops = &log_console_ops,
            .sink = &log_console_default,
        },
};

atomic_uchar log_lowest[LOG_CATEGORY_COUNT] = {[0 ... LOG_CATEGORY_COUNT - 1] = LOG_INFO};

static atomic_bool are_running; /* log_thread_start() was called */
static _Thread_local unsigned shunned;

static void *output_run(void *arg);

bool log_threads_are_running(void)
{
    return atomic_load_explicit(&are_running, memory_order_acquire);
}

void log_output_shun(unsigned slot, bool is_shunned)
{
    lv_assert(slot < LOG_OUTPUTS_MAX);
    shunned = is_shunned ? shunned | 1u << slot : shunned & ~(1u << slot);
}

uint64_t log_outputs_dropped(void)
{
    uint64_t n = 0;
    for (unsigned i = 0; i < LOG_OUTPUTS_MAX; i++)
        n += atomic_load_explicit(&outputs[i].dropped_total, memory_order_relaxed);
    return n;
}

/* --- levels ----------------------------------------------------------------------------------- */

static unsigned level_of(const struct output *o, enum log_category category)
{
    return atomic_load_explicit(&o->levels[category], memory_order_relaxed);
}

static void lowest_compute(enum log_category category)
{
    unsigned lowest = LOG_NONE;
    for (unsigned i = 0; i < LOG_OUTPUTS_MAX; i++) {
        if (atomic_load(&outputs[i].is_used) && level_of(&outputs[i], category) < lowest)
            lowest = level_of(&outputs[i], category);
    }
    atomic_store_explicit(&log_lowest[category], (unsigned char)lowest, memory_order_relaxed);
}

static void all_lowest_compute(void)
{
    for (unsigned c = 0; c < LOG_CATEGORY_COUNT; c++)
        lowest_compute((enum log_category)c);
}

void log_set_category_level(enum log_category category, enum log_level level)
{
    lv_assert(level <= LOG_NONE && category < LOG_CATEGORY_COUNT);
    for (unsigned i = 0; i < LOG_OUTPUTS_MAX; i++) {
        struct output *o = &outputs[i];
        if (level_of(o, category) != LOG_LEFT_OUT)
            atomic_store_explicit(&o->levels[category], (unsigned char)level, memory_order_relaxed);
    }
    lowest_compute(category);
}

void log_set_level(enum log_level level)
{
    for (unsigned c = 0; c < LOG_CATEGORY_COUNT; c++)
        log_set_category_level((enum log_category)c, level);
}

enum log_level log_get_level(void)
{
    return (enum log_level)atomic_load_explicit(&log_lowest[LOG_ABOUT_DEFAULT],
                                                memory_order_relaxed);
}

static void levels_store(struct output *o, const struct log_output_levels *levels)
{
    for (unsigned c = 0; c < LOG_CATEGORY_COUNT; c++)
        atomic_store_explicit(&o->levels[c], levels->of[c], memory_order_relaxed);
}

/* --- putting; the lock is held ---------------------------------------------------------------- */

static void ring_append(struct output *o, const char *stored, size_t n)
{
    lv_assert(n <= RING_BYTES - o->n);
    size_t at = (o->begin + o->n) % RING_BYTES;
    size_t first = n < RING_BYTES - at ? n : RING_BYTES - at;
    memcpy(o->bytes + at, stored, first);
    memcpy(o->bytes, stored + first, n - first);
    o->n += n;
}

static void ring_append_dropped(struct output *o)
{
    char text[160], number[32], stored[LOG_STORED_BYTES_MAX];
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    int n = snprintf(text, sizeof text,
                     "%s log line%s dropped: the log's reader is too slow, or its disk is full",
                     log_with_commas(o->dropped, number), o->dropped == 1 ? " was" : "s were");
    const struct log_record record = {
        .us = (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000,
        .level = LOG_WARNING,
        .text = slice_of(text, (size_t)n),
    };
    o->dropped = 0;
    ring_append(o, stored, log_record_store(&record, stored));
}

/* Returns whether a line of n bytes may be put. After lines were dropped, half of the ring must be
 * free: that is room for the line that says how many were dropped, and for any other line. */
static bool ring_has_room(const struct output *o, size_t n)
{
    return o->dropped > 0 ? o->n <= RING_BYTES / 2 : o->n + n <= RING_BYTES;
}

static void ring_put(struct output *o, const char *stored, size_t n)
{
    if (!ring_has_room(o, n)) {
        o->dropped++;
        atomic_fetch_add_explicit(&o->dropped_total, 1, memory_order_relaxed);
        return;
    }
    if (o->dropped > 0)
        ring_append_dropped(o);
    ring_append(o, stored, n);
}

/* --- putting; any thread ---------------------------------------------------------------------- */

static void output_put(struct output *o, const char *stored, size_t n)
{
    if (!atomic_load_explicit(&o->is_running, memory_order_acquire))
        return;
    pthread_mutex_lock(&o->lock);
    if (o->is_running) {
        ring_put(o, stored, n);
        pthread_cond_broadcast(&o->changed);
    }
    pthread_mutex_unlock(&o->lock);
}

static bool output_takes(const struct output *o, const struct log_record *record)
{
    return atomic_load_explicit(&o->is_used, memory_order_acquire) &&
           record->level >= level_of(o, record->category) &&
           !(shunned & 1u << (unsigned)(o - outputs));
}

bool log_outputs_put(const struct log_record *record)
{
    char stored[LOG_STORED_BYTES_MAX];
    if (!log_threads_are_running())
        return false;
    size_t n = log_record_store(record, stored);
    for (unsigned i = 0; i < LOG_OUTPUTS_MAX; i++) {
        if (output_takes(&outputs[i], record))
            output_put(&outputs[i], stored, n);
    }
    log_tail_put(stored, n);
    return true;
}

void log_output_direct(const struct log_record *record)
{
    struct output *o = &outputs[LOG_OUTPUT_CONSOLE];
    if (!output_takes(o, record))
        return;
    pthread_mutex_lock(&o->lock);
    if (o->ops->put(o->sink, record))
        o->ops->flush(o->sink);
    pthread_mutex_unlock(&o->lock);
}

/* --- an output's thread ----------------------------------------------------------------------- */

/* Waits for `changed`, at most until `ms`, a time by log_now_ms(); UINT64_MAX: without a limit. */
static void output_wait_until(struct output *o, uint64_t ms)
{
    if (ms == UINT64_MAX) {
        pthread_cond_wait(&o->changed, &o->lock);
        return;
    }
    const struct timespec then = {(time_t)(ms / 1000), (long)(ms % 1000) * 1000000};
    pthread_cond_timedwait(&o->changed, &o->lock, &then);
}

static void sink_free(const struct log_sink_ops *ops, void *sink)
{
    if (ops && ops->free)
        ops->free(sink);
}

/* Goes on with the sink that log_output_set() has left. Only while the old one holds no lines. */
static void take_next_sink(struct output *o)
{
    if (!o->next_ops)
        return;
    sink_free(o->ops, o->sink);
    o->ops = o->next_ops;
    o->sink = o->next_sink;
    o->next_ops = NULL;
}

static void tell_repeated(struct output *o)
{
    pthread_mutex_unlock(&o->lock);
    log_repeats_tell(false);
    pthread_mutex_lock(&o->lock);
}

/* Waits until there is a line to write or another thing to do. Returns false if the ring is empty
 * and the thread is to stop. The lock is held, except while it waits. */
static bool wait_for_work(struct output *o)
{
    for (;;) {
        tell_repeated(o);
        if (o->dropped > 0 && ring_has_room(o, 0))
            ring_append_dropped(o);
        if (o->n > 0 || o->is_to_reopen || o->next_ops)
            return true;
        if (o->is_stopping)
            return false;
        output_wait_until(o, log_repeats_due_ms());
    }
}

/* Copies bytes of the ring, from `at` bytes behind its beginning. The lock need not be held: no
 * other thread touches these bytes. */
static void ring_copy(const struct output *o, size_t at, void *to, size_t n)
{
    size_t from = (o->begin + at) % RING_BYTES;
    size_t first = n < RING_BYTES - from ? n : RING_BYTES - from;
    memcpy(to, o->bytes + from, first);
    memcpy((char *)to + first, o->bytes, n - first);
}

/* Copies the line at `at` and returns its bytes. */
static size_t ring_copy_line(const struct output *o, size_t at, char stored[LOG_STORED_BYTES_MAX])
{
    struct log_stored head;
    ring_copy(o, at, &head, sizeof head);
    size_t n = log_stored_bytes(&head);
    ring_copy(o, at, stored, n);
    return n;
}

/* Gives lines of the first n bytes to the sink. Returns false if it refused one. */
static bool put_lines(struct output *o, size_t n)
{
    char stored[LOG_STORED_BYTES_MAX];
    struct log_record record;
    while (o->put < n && o->put < BATCH_BYTES_MAX) {
        size_t bytes = ring_copy_line(o, o->put, stored);
        log_record_load(stored, &record);
        if (!o->ops->put(o->sink, &record))
            return false;
        o->put += bytes;
    }
    return true;
}

static void ring_consume(struct output *o, size_t n)
{
    lv_assert(n <= o->n);
    o->n -= n;
    o->begin = o->n ? (o->begin + n) % RING_BYTES : 0;
    o->put = 0;
}

/* Writes some of the ring. Returns false if the sink refuses it and the thread is to stop. */
static bool write_lines(struct output *o)
{
    size_t n = o->n;
    bool is_to_reopen = o->is_to_reopen;
    o->is_to_reopen = false;
    pthread_mutex_unlock(&o->lock);
    if (is_to_reopen && o->ops->reopen)
        o->ops->reopen(o->sink);
    bool is_taken = put_lines(o, n);
    bool is_written = o->ops->flush(o->sink);
    pthread_mutex_lock(&o->lock);
    if (is_written) {
        ring_consume(o, o->put);
        take_next_sink(o);
    }
    if (is_taken && is_written)
        return true;
    if (o->next_ops) { /* the old sink is given up; the new one gets the lines of the ring */
        o->put = 0;
        take_next_sink(o);
        return true;
    }
    if (o->is_stopping)
        return false;
    uint64_t until_ms = log_now_ms() + RETRY_MS;
    while (log_now_ms() < until_ms && !o->is_stopping && !o->is_to_reopen && !o->next_ops)
        output_wait_until(o, until_ms);
    return true;
}

/* A sink that was to be replaced but still holds lines that it cannot write is given up with them.
 */
static void output_end(struct output *o)
{
    ring_consume(o, o->n);
    take_next_sink(o);
    if (o != &outputs[LOG_OUTPUT_CONSOLE] || !o->is_used) {
        sink_free(o->ops, o->sink);
        o->ops = NULL;
        o->sink = NULL;
        o->is_used = false;
    }
    o->is_running = false;
    pthread_cond_broadcast(&o->changed);
}

static void *output_run(void *arg)
{
    struct output *o = arg;
    pthread_mutex_lock(&o->lock);
    while (wait_for_work(o) && write_lines(o))
        ;
    output_end(o);
    pthread_mutex_unlock(&o->lock);
    return NULL;
}

/* --- starting and stopping the threads -------------------------------------------------------- */

/* The lock is held. */
static void start_thread(struct output *o)
{
    pthread_attr_t attributes;
    pthread_t thread;
    sigset_t all, before;
    if (!o->bytes)
        o->bytes = lv_malloc(RING_BYTES);
    if (!o->has_condition)
        clock_cond_init(&o->changed);
    o->has_condition = true;
    o->is_stopping = false;
    sigfillset(&all); /* signals are for the loops' threads */
    pthread_sigmask(SIG_SETMASK, &all, &before);
    pthread_attr_init(&attributes);
    pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
    o->is_running = pthread_create(&thread, &attributes, output_run, o) == 0;
    pthread_attr_destroy(&attributes);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
}

void log_thread_start(void)
{
    lv_assert(!log_threads_are_running());
    for (unsigned i = 0; i < LOG_OUTPUTS_MAX; i++) {
        struct output *o = &outputs[i];
        pthread_mutex_lock(&o->lock);
        if (o->is_used && !o->is_running)
            start_thread(o);
        o->is_stopping = false;
        pthread_mutex_unlock(&o->lock);
    }
    atomic_store(&are_running, true);
}

static void output_stop(struct output *o)
{
    pthread_mutex_lock(&o->lock);
    if (o->is_running) {
        o->is_stopping = true;
        pthread_cond_broadcast(&o->changed);
    }
    pthread_mutex_unlock(&o->lock);
}

/* Returns whether the thread has ended by then. */
static bool output_wait_for_end(struct output *o, uint64_t deadline_ms)
{
    pthread_mutex_lock(&o->lock);
    while (o->is_running && log_now_ms() < deadline_ms)
        output_wait_until(o, deadline_ms);
    bool has_ended = !o->is_running;
    pthread_mutex_unlock(&o->lock);
    return has_ended;
}

bool log_thread_stop(void)
{
    bool have_ended = true;
    uint64_t deadline_ms = log_now_ms() + LOG_STOP_MS;
    if (!log_threads_are_running())
        return true;
    log_repeats_tell(true);
    for (unsigned i = 0; i < LOG_OUTPUTS_MAX; i++)
        output_stop(&outputs[i]);
    for (unsigned i = 0; i < LOG_OUTPUTS_MAX; i++)
        have_ended = output_wait_for_end(&outputs[i], deadline_ms) && have_ended;
    if (have_ended)
        atomic_store(&are_running, false);
    all_lowest_compute();
    return have_ended;
}

/* --- setting outputs -------------------------------------------------------------------------- */

/* Without a thread the new sink is taken at once. The lock is held. */
static void sink_leave(struct output *o, const struct log_sink_ops *ops, void *sink)
{
    if (o->next_ops)
        sink_free(o->next_ops, o->next_sink);
    o->next_ops = ops;
    o->next_sink = sink;
    if (!o->is_running) {
        take_next_sink(o);
        if (log_threads_are_running())
            start_thread(o);
        return;
    }
    o->is_stopping = false;
    pthread_cond_broadcast(&o->changed);
}

void log_output_set(unsigned slot, const char *location, const struct log_sink_ops *ops, void *sink,
                    const struct log_output_levels *levels)
{
    struct output *o = &outputs[slot];
    lv_assert(slot < LOG_OUTPUTS_MAX);
    pthread_mutex_lock(&o->lock);
    levels_store(o, levels);
    snprintf(o->location, sizeof o->location, "%s", location);
    o->is_used = true;
    sink_leave(o, ops, sink);
    pthread_mutex_unlock(&o->lock);
    all_lowest_compute();
}

void log_output_set_levels(unsigned slot, const struct log_output_levels *levels)
{
    lv_assert(slot < LOG_OUTPUTS_MAX && outputs[slot].is_used);
    levels_store(&outputs[slot], levels);
    all_lowest_compute();
}

bool log_output_is_used(unsigned slot)
{
    lv_assert(slot < LOG_OUTPUTS_MAX);
    return atomic_load(&outputs[slot].is_used);
}

const char *log_output_location(unsigned slot, char space[LOG_LOCATION_BYTES_MAX])
{
    struct output *o = &outputs[slot];
    lv_assert(slot < LOG_OUTPUTS_MAX);
    pthread_mutex_lock(&o->lock);
    bool is_used = o->is_used;
    memcpy(space, o->location, LOG_LOCATION_BYTES_MAX);
    pthread_mutex_unlock(&o->lock);
    return is_used ? space : NULL;
}

void log_output_clear(unsigned slot)
{
    struct output *o = &outputs[slot];
    lv_assert(slot < LOG_OUTPUTS_MAX);
    pthread_mutex_lock(&o->lock);
    o->is_used = false;
    if (o->is_running) {
        o->is_stopping = true;
        pthread_cond_broadcast(&o->changed);
    } else {
        sink_free(o->ops, o->sink);
        o->ops = NULL;
    }
    pthread_mutex_unlock(&o->lock);
    all_lowest_compute();
}

void log_outputs_reopen(void)
{
    for (unsigned i = 0; i < LOG_OUTPUTS_MAX; i++) {
        struct output *o = &outputs[i];
        pthread_mutex_lock(&o->lock);
        if (o->is_running) {
            o->is_to_reopen = true;
            pthread_cond_broadcast(&o->changed);
        }
        pthread_mutex_unlock(&o->lock);
    }
}

/* --- before an abort -------------------------------------------------------------------------- */

static bool are_empty(void)
{
    for (unsigned i = 0; i < LOG_OUTPUTS_MAX; i++) {
        if (outputs[i].n > 0)
            return false;
    }
    return true;
}

void log_outputs_wait_until_empty(int timeout_ms)
{
    const struct timespec pause = {0, 1000000};
    for (int ms = 0; ms < timeout_ms && !are_empty(); ms++)
        nanosleep(&pause, NULL);
}

void log_outputs_last_words(const char *line, size_t n)
{
    for (unsigned i = 0; i < LOG_OUTPUTS_MAX; i++) {
        const struct output *o = &outputs[i];
        if (o->is_used && o->ops && o->ops->last_words)
            o->ops->last_words(o->sink, line, n);
    }
    if (log_wait_writable(STDERR_FILENO, LOG_STOP_MS / 2) && write(STDERR_FILENO, line, n) < 0)
        return; /* there is nowhere left to report it */
}
