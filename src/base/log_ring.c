/* The ring between the threads that log and the thread that writes.
 *
 *   (1) Lines are written whole, in the order in which they were put into the ring.
 *   (2) The lock is held for the copy of one line; never while the thread writes.
 *   (3) When the ring is full, lines are dropped until half of it is free again, so that there is
 *       one gap instead of many; at the gap a line says how many are missing.
 *   (4) Lines that standard error refuses (its disk is full) stay in the ring and are tried again.
 *
 * The thread's write(2) may block for ever, so nobody waits for it longer than LOG_STOP_MS.
 * Whenever the ring is empty it starts again at its first byte: a quiet broker touches one page. */
#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#include "base/assert.h"
#include "base/clock.h"
#include "base/log_private.h"

enum { RING_BYTES = 256 * 1024, WRITE_BYTES_MAX = 16 * 1024, RETRY_MS = 500 };

static struct {
    pthread_mutex_t lock;
    pthread_cond_t changed; /* a line was put, a stop was requested, or the thread has ended */
    atomic_bool is_running; /* changed under the lock */
    bool is_stopping;
    atomic_size_t n; /* bytes in the ring; changed under the lock */
    size_t begin;    /* index of the first of them */
    uint64_t dropped;
    char bytes[RING_BYTES];
} ring = {.lock = PTHREAD_MUTEX_INITIALIZER};

bool log_ring_is_running(void)
{
    return atomic_load_explicit(&ring.is_running, memory_order_acquire);
}

/* --- putting; the lock is held ---------------------------------------------------------------- */

static void ring_append(const char *line, size_t n)
{
    lv_assert(n <= RING_BYTES - ring.n);
    size_t at = (ring.begin + ring.n) % RING_BYTES;
    size_t first = n < RING_BYTES - at ? n : RING_BYTES - at;
    memcpy(ring.bytes + at, line, first);
    memcpy(ring.bytes, line + first, n - first);
    ring.n += n;
}

/* Returns "8,699" for 8699, written into `room`. */
static const char *with_commas(uint64_t n, char room[32])
{
    char digits[24];
    size_t count = (size_t)snprintf(digits, sizeof digits, "%" PRIu64, n);
    char *to = room;
    for (size_t i = 0; i < count; i++) {
        if (i > 0 && (count - i) % 3 == 0)
            *to++ = ',';
        *to++ = digits[i];
    }
    *to = '\0';
    return room;
}

static void ring_append_text(enum log_level level, const char *text)
{
    char line[LOG_LINE_BYTES_MAX];
    ring_append(line, log_compose(line, level, text));
}

static void ring_append_dropped(void)
{
    char text[160], number[32];
    snprintf(text, sizeof text,
             "%s log line%s dropped: the log's reader is too slow, or its disk is full",
             with_commas(ring.dropped, number), ring.dropped == 1 ? " was" : "s were");
    ring.dropped = 0;
    ring_append_text(LOG_WARNING, text);
}

/* Returns whether a line of n bytes may be put. After lines were dropped, half of the ring must be
 * free: that is room for the line that says how many were dropped, and for any other line. */
static bool ring_has_room(size_t n)
{
    return ring.dropped > 0 ? ring.n <= RING_BYTES / 2 : ring.n + n <= RING_BYTES;
}

static void ring_put(const char *line, size_t n)
{
    if (!ring_has_room(n)) {
        ring.dropped++;
        return;
    }
    if (ring.dropped > 0)
        ring_append_dropped();
    ring_append(line, n);
}

bool log_ring_put(const char *line, size_t n)
{
    lv_assert(n <= LOG_LINE_BYTES_MAX);
    if (!log_ring_is_running())
        return false;
    pthread_mutex_lock(&ring.lock);
    bool is_running = ring.is_running;
    if (is_running) {
        ring_put(line, n);
        pthread_cond_broadcast(&ring.changed);
    }
    pthread_mutex_unlock(&ring.lock);
    return is_running;
}

/* --- the thread; it holds the lock except while it waits or writes ---------------------------- */

static void put_repeated(const struct log_repeated *r)
{
    char text[LOG_SAMPLE_BYTES_MAX + 128], number[32], span[32] = "second";
    char line[LOG_LINE_BYTES_MAX];
    if (r->ms >= 2000)
        snprintf(span, sizeof span, "%" PRIu64 " s", r->ms / 1000);
    snprintf(text, sizeof text, "... %s more like this in the last %s: %s",
             with_commas(r->count, number), span, r->sample);
    ring_put(line, log_compose(line, r->level, text));
}

/* Puts the lines that the thread itself writes: counts of repeated and of dropped lines. */
static void put_own_lines(void)
{
    struct log_repeated repeated;
    while (log_repeats_take(ring.is_stopping, &repeated))
        put_repeated(&repeated);
    if (ring.dropped > 0 && ring_has_room(0))
        ring_append_dropped();
}

/* Waits for `changed`, at most until `ms`, a time by log_now_ms(); UINT64_MAX: without a limit. */
static void ring_wait_until(uint64_t ms)
{
    if (ms == UINT64_MAX) {
        pthread_cond_wait(&ring.changed, &ring.lock);
        return;
    }
    const struct timespec then = {(time_t)(ms / 1000), (long)(ms % 1000) * 1000000};
    pthread_cond_timedwait(&ring.changed, &ring.lock, &then);
}

/* Waits until the ring holds a line. Returns false if it is empty and the thread is to stop. */
static bool wait_for_lines(void)
{
    for (;;) {
        put_own_lines();
        if (ring.n > 0)
            return true;
        if (ring.is_stopping)
            return false;
        ring_wait_until(log_repeats_due_ms());
    }
}

/* Writes n bytes from `begin` on; returns how many were written, or -1. The lock is not held: no
 * other thread touches these bytes. */
static ssize_t write_some(size_t begin, size_t n)
{
    size_t first = n < RING_BYTES - begin ? n : RING_BYTES - begin;
    const struct iovec parts[] = {{ring.bytes + begin, first}, {ring.bytes, n - first}};
    return writev(STDERR_FILENO, parts, n > first ? 2 : 1);
}

static void ring_consume(size_t n)
{
    lv_assert(n <= ring.n);
    ring.n -= n;
    ring.begin = ring.n ? (ring.begin + n) % RING_BYTES : 0;
}

/* Writes some of the ring. Returns false if standard error refuses it and the thread is to stop. */
static bool write_lines(void)
{
    size_t n = ring.n < WRITE_BYTES_MAX ? ring.n : WRITE_BYTES_MAX;
    pthread_mutex_unlock(&ring.lock);
    ssize_t written = write_some(ring.begin, n);
    int error = written < 0 ? errno : 0;
    if (error == EAGAIN)
        log_wait_writable(RETRY_MS);
    pthread_mutex_lock(&ring.lock);
    if (written >= 0)
        ring_consume((size_t)written);
    if (error == 0 || error == EAGAIN || error == EINTR)
        return true;
    if (ring.is_stopping)
        return false;
    ring_wait_until(log_now_ms() + RETRY_MS);
    return true;
}

static void *log_thread_run(void *arg)
{
    (void)arg;
    pthread_mutex_lock(&ring.lock);
    while (wait_for_lines() && write_lines())
        ;
    ring_consume(ring.n);
    ring.is_running = false;
    pthread_cond_broadcast(&ring.changed);
    pthread_mutex_unlock(&ring.lock);
    return NULL;
}

/* --- starting and stopping the thread --------------------------------------------------------- */

static void start_thread(void)
{
    pthread_attr_t attributes;
    pthread_t thread;
    sigset_t all, before;
    sigfillset(&all); /* signals are for the loops' threads */
    pthread_sigmask(SIG_SETMASK, &all, &before);
    pthread_attr_init(&attributes);
    pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
    ring.is_running = pthread_create(&thread, &attributes, log_thread_run, NULL) == 0;
    pthread_attr_destroy(&attributes);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
}

void log_thread_start(void)
{
    lv_assert(!log_ring_is_running());
    clock_cond_init(&ring.changed);
    pthread_mutex_lock(&ring.lock);
    ring.is_stopping = false;
    start_thread();
    pthread_mutex_unlock(&ring.lock);
}

bool log_thread_stop(void)
{
    if (!log_ring_is_running())
        return true;
    uint64_t deadline_ms = log_now_ms() + LOG_STOP_MS;
    pthread_mutex_lock(&ring.lock);
    ring.is_stopping = true;
    pthread_cond_broadcast(&ring.changed);
    while (ring.is_running && log_now_ms() < deadline_ms)
        ring_wait_until(deadline_ms);
    bool has_ended = !ring.is_running;
    pthread_mutex_unlock(&ring.lock);
    if (has_ended)
        pthread_cond_destroy(&ring.changed);
    return has_ended;
}

void log_ring_wait_until_empty(int timeout_ms)
{
    const struct timespec pause = {0, 1000000};
    for (int ms = 0; ms < timeout_ms && ring.n > 0; ms++)
        nanosleep(&pause, NULL);
}
