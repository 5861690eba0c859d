/* A ring of stored lines. Places are numbered from the start of the process: byte `at` is at index
 * at % LOG_TAIL_BYTES. The lines from `begin` to `end` are whole. */
#include "base/log_tail.h"

#include <pthread.h>
#include <string.h>

#include "base/assert.h"
#include "base/clock.h"
#include "base/log_private.h"

static pthread_once_t once = PTHREAD_ONCE_INIT;
static struct {
    pthread_mutex_t lock;
    pthread_cond_t changed;  /* a line was put; initialised by the first reader */
    unsigned waiting;        /* readers */
    void (*wake)(void *arg); /* NULL: none */
    void *wake_arg;
    uint64_t begin, end;
    char bytes[LOG_TAIL_BYTES];
} tail = {.lock = PTHREAD_MUTEX_INITIALIZER};

static void tail_copy(uint64_t at, void *to, size_t n)
{
    size_t from = at % LOG_TAIL_BYTES;
    size_t first = n < LOG_TAIL_BYTES - from ? n : LOG_TAIL_BYTES - from;
    memcpy(to, tail.bytes + from, first);
    memcpy((char *)to + first, tail.bytes, n - first);
}

/* Returns where the line at this place ends. */
static uint64_t line_end(uint64_t at)
{
    struct log_stored head;
    tail_copy(at, &head, sizeof head);
    return at + log_stored_bytes(&head);
}

void log_tail_put(const char *stored, size_t n)
{
    pthread_mutex_lock(&tail.lock);
    while (tail.end + n - tail.begin > LOG_TAIL_BYTES)
        tail.begin = line_end(tail.begin);
    size_t at = tail.end % LOG_TAIL_BYTES;
    size_t first = n < LOG_TAIL_BYTES - at ? n : LOG_TAIL_BYTES - at;
    memcpy(tail.bytes + at, stored, first);
    memcpy(tail.bytes, stored + first, n - first);
    tail.end += n;
    if (tail.waiting > 0)
        pthread_cond_broadcast(&tail.changed);
    if (tail.wake)
        tail.wake(tail.wake_arg);
    pthread_mutex_unlock(&tail.lock);
}

void log_tail_set_wake(void (*wake)(void *arg), void *arg)
{
    pthread_mutex_lock(&tail.lock);
    tail.wake = wake;
    tail.wake_arg = arg;
    pthread_mutex_unlock(&tail.lock);
}

static void condition_init(void)
{
    clock_cond_init(&tail.changed);
}

static uint64_t lines_from(uint64_t at)
{
    uint64_t count = 0;
    for (; at < tail.end; at = line_end(at))
        count++;
    return count;
}

void log_tail_begin(struct log_tail_reader *reader, uint64_t lines)
{
    pthread_once(&once, condition_init);
    pthread_mutex_lock(&tail.lock);
    reader->at = lines == 0 ? tail.end : tail.begin;
    uint64_t count = lines == 0 ? 0 : lines_from(reader->at);
    for (; count > lines; count--)
        reader->at = line_end(reader->at);
    pthread_mutex_unlock(&tail.lock);
}

/* Waits until there is a line behind the reader's place. The lock is held. */
static bool wait_for_line(const struct log_tail_reader *reader, int timeout_ms)
{
    uint64_t until_ms = log_now_ms() + (uint64_t)timeout_ms;
    const struct timespec then = {(time_t)(until_ms / 1000), (long)(until_ms % 1000) * 1000000};
    tail.waiting++;
    while (reader->at == tail.end && log_now_ms() < until_ms)
        pthread_cond_timedwait(&tail.changed, &tail.lock, &then);
    tail.waiting--;
    return reader->at != tail.end;
}

enum log_tail_result log_tail_next(struct log_tail_reader *reader, int timeout_ms,
                                   struct log_record *ret)
{
    enum log_tail_result result = LOG_TAIL_NONE;
    lv_assert(timeout_ms >= 0);
    pthread_mutex_lock(&tail.lock);
    if (reader->at < tail.begin) {
        reader->at = tail.begin;
        result = LOG_TAIL_LOST;
    } else if (wait_for_line(reader, timeout_ms)) {
        if (reader->at < tail.begin) { /* overwritten while it waited */
            reader->at = tail.begin;
            result = LOG_TAIL_LOST;
        } else {
            uint64_t end = line_end(reader->at);
            tail_copy(reader->at, reader->line, (size_t)(end - reader->at));
            reader->at = end;
            result = LOG_TAIL_LINE;
        }
    }
    pthread_mutex_unlock(&tail.lock);
    if (result == LOG_TAIL_LINE)
        log_record_load(reader->line, ret);
    return result;
}
