/* The log of requests: a line for each, in a file for each hour, as in RabbitMQ.
 *
 *   127.0.0.1 - guest [01/Dec/2026:15:17:21 +0000] "GET /api/vhosts HTTP/1.1" 200 14 "" "curl/7"
 *
 * that is: address, user, time, request, status, bytes of the body, referer and user agent. What a
 * client has sent can end neither the line nor a field of it.
 *
 * Lines are queued and a thread writes them, so a disk that hangs holds up no request. At most
 * QUEUE_BYTES_MAX wait; what comes then is dropped, which is logged when it begins and, with how
 * many, when it ends. Lines are written whole, so a file has no half of one whatever becomes of the
 * process. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/background.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/log.h"
#include "base/memory.h"
#include "http/http_private.h"

enum { HOUR_BYTES = 16, FIELD_BYTES_MAX = 2048, QUEUE_BYTES_MAX = 1024 * 1024, STOP_S = 5 };

struct access_log {
    char *dir;
    pthread_t thread;     /* writes the lines */
    pthread_mutex_t lock; /* for what follows */
    pthread_cond_t changed;
    struct lv_list batches; /* that are not written yet, the oldest first */
    size_t bytes;           /* of lines that are not written yet */
    uint64_t dropped;       /* lines, since the queue was full */
    bool is_stopping;
    bool has_ended; /* the thread */
    /* The thread's alone. */
    char hour[HOUR_BYTES]; /* of the open file: "2026_12_01_15" */
    int fd;                /* -1: none */
    bool has_failed;       /* which was logged */
};

/* Lines of one hour. */
struct batch {
    struct lv_list link;
    char hour[HOUR_BYTES];
    struct lv_buffer lines;
};

/* --- a line ----------------------------------------------------------------------------------- */

/* Appends at most FIELD_BYTES_MAX bytes of the text; those that could end a field as \x22. */
static void add_escaped(struct lv_buffer *out, struct slice text)
{
    size_t n = text.n < FIELD_BYTES_MAX ? text.n : FIELD_BYTES_MAX;
    for (size_t i = 0; i < n; i++) {
        uint8_t byte = text.p[i];
        if (byte < 0x20 || byte >= 0x7f || byte == '"' || byte == '\\')
            lv_buffer_printf(out, "\\x%02x", byte);
        else
            lv_buffer_add_u8(out, byte);
    }
}

/* Appends a word; those with spaces would be several. */
static void add_word(struct lv_buffer *out, struct slice word)
{
    size_t begin = out->n;
    add_escaped(out, word.n > 0 ? word : slice_str("-"));
    for (size_t i = begin; i < out->n; i++) {
        if (out->p[i] == ' ')
            out->p[i] = '+';
    }
}

static void line_compose(const struct http_request *r, const struct tm *now, struct lv_buffer *out)
{
    char time[64];
    strftime(time, sizeof time, "%d/%b/%Y:%H:%M:%S %z", now);
    lv_buffer_printf(out, "%s - ", r->conn->peer.address);
    add_word(out, r->user);
    lv_buffer_printf(out, " [%s] \"", time);
    add_escaped(out, r->method);
    lv_buffer_add_u8(out, ' ');
    add_escaped(out, r->path);
    lv_buffer_printf(out, " %s\" %u %llu \"", r->is_http_1_0 ? "HTTP/1.0" : "HTTP/1.1", r->status,
                     (unsigned long long)r->answer_bytes);
    add_escaped(out, http_header(r, "referer"));
    lv_buffer_printf(out, "\" \"");
    add_escaped(out, http_header(r, "user-agent"));
    lv_buffer_printf(out, "\"\n");
}

/* --- the queue -------------------------------------------------------------------------------- */

/* The caller of each function here holds the lock. */

static void queue_add(struct access_log *l, const char *hour, struct slice line)
{
    struct batch *last =
        lv_list_is_empty(&l->batches) ? NULL : lv_list_item(l->batches.prev, struct batch, link);
    if (!last || strcmp(last->hour, hour) != 0) {
        last = lv_calloc(1, sizeof *last);
        memcpy(last->hour, hour, HOUR_BYTES);
        lv_list_push(&l->batches, &last->link);
    }
    lv_buffer_add(&last->lines, line.p, line.n);
    l->bytes += line.n;
}

static void queue_drop(struct access_log *l)
{
    if (l->dropped++ == 0)
        log_warning("http: requests are not logged for now: %s does not take their lines", l->dir);
}

/* Returns lines to write, which the caller owns; NULL if none will come. Waits for them. */
static struct batch *queue_take(struct access_log *l)
{
    while (lv_list_is_empty(&l->batches)) {
        if (l->dropped > 0)
            log_warning("http: %llu requests were not logged in %s", (unsigned long long)l->dropped,
                        l->dir);
        l->dropped = 0;
        if (l->is_stopping)
            return NULL;
        pthread_cond_wait(&l->changed, &l->lock);
    }
    struct batch *first = lv_list_item(l->batches.next, struct batch, link);
    lv_list_remove(&first->link);
    return first;
}

void access_log_note(struct access_log *l, const struct http_request *r)
{
    char hour[HOUR_BYTES];
    struct lv_buffer line = {0};
    struct tm now;
    if (!l)
        return;
    time_t seconds = time(NULL);
    localtime_r(&seconds, &now);
    strftime(hour, sizeof hour, "%Y_%m_%d_%H", &now);
    line_compose(r, &now, &line);
    pthread_mutex_lock(&l->lock);
    if (l->dropped == 0 && l->bytes + line.n <= QUEUE_BYTES_MAX)
        queue_add(l, hour, lv_buffer_slice(&line));
    else
        queue_drop(l);
    pthread_cond_signal(&l->changed);
    pthread_mutex_unlock(&l->lock);
    lv_buffer_free(&line);
}

/* --- the file; the thread's alone ------------------------------------------------------------- */

/* Opens the file of this hour. Returns the error of a system call. */
static int file_open(struct access_log *l, const char *hour)
{
    struct lv_buffer path = {0};
    if (l->fd >= 0)
        close(l->fd);
    lv_buffer_printf(&path, "%s/access.log.%s", l->dir, hour);
    l->fd =
        open((const char *)path.p, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0640);
    int err = l->fd >= 0 ? 0 : errno;
    lv_buffer_free(&path);
    memcpy(l->hour, hour, HOUR_BYTES);
    return err;
}

/* Logs the first failure after a success. */
static void note_result(struct access_log *l, int err)
{
    if (err != 0 && !l->has_failed)
        log_error("http: requests cannot be logged in %s: %s", l->dir, strerror(err));
    l->has_failed = err != 0;
}

static void batch_write(struct access_log *l, const struct batch *b)
{
    int err = l->fd >= 0 && strcmp(b->hour, l->hour) == 0 ? 0 : file_open(l, b->hour);
    if (err == 0) {
        ssize_t n = write(l->fd, b->lines.p, b->lines.n);
        err = n < 0 ? errno : (size_t)n < b->lines.n ? ENOSPC : 0;
    }
    note_result(l, err);
}

static void *write_lines(void *arg)
{
    struct access_log *l = arg;
    struct batch *b;
    pthread_setname_np(pthread_self(), "http log");
    thread_enter_background();
    pthread_mutex_lock(&l->lock);
    while ((b = queue_take(l)) != NULL) {
        pthread_mutex_unlock(&l->lock);
        batch_write(l, b);
        pthread_mutex_lock(&l->lock);
        l->bytes -= b->lines.n;
        lv_buffer_free(&b->lines);
        free(b);
    }
    l->has_ended = true;
    pthread_cond_signal(&l->changed);
    pthread_mutex_unlock(&l->lock);
    return NULL;
}

/* --- its life --------------------------------------------------------------------------------- */

static bool thread_start(struct access_log *l)
{
    sigset_t all, before;
    sigfillset(&all); /* signals are for the loops' threads */
    pthread_sigmask(SIG_SETMASK, &all, &before);
    bool is_started = pthread_create(&l->thread, NULL, write_lines, l) == 0;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return is_started;
}

static void log_destroy(struct access_log *l)
{
    if (l->fd >= 0)
        close(l->fd);
    pthread_cond_destroy(&l->changed);
    pthread_mutex_destroy(&l->lock);
    free(l->dir);
    free(l);
}

int access_log_create(const char *dir, struct access_log **ret)
{
    if (mkdir(dir, 0750) != 0 && errno != EEXIST)
        return lv_error_explain(lv_error_from_errno(errno), "%s: %s", dir, strerror(errno));
    if (access(dir, W_OK | X_OK) != 0)
        return lv_error_explain(lv_error_from_errno(errno), "%s: %s", dir, strerror(errno));
    struct access_log *l = lv_calloc(1, sizeof *l);
    pthread_mutex_init(&l->lock, NULL);
    clock_cond_init(&l->changed);
    lv_list_init(&l->batches);
    l->dir = lv_strdup(dir);
    l->fd = -1;
    if (!thread_start(l)) {
        log_destroy(l);
        return lv_error_explain(ERR_NO_MEMORY, "the log of requests: no thread can be started");
    }
    *ret = l;
    return 0;
}

void access_log_free(struct access_log **log)
{
    struct access_log *l = *log;
    struct timespec until;
    int result = 0;
    *log = NULL;
    if (!l)
        return;
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += STOP_S;
    pthread_mutex_lock(&l->lock);
    l->is_stopping = true;
    pthread_cond_signal(&l->changed);
    while (!l->has_ended && result != ETIMEDOUT)
        result = pthread_cond_timedwait(&l->changed, &l->lock, &until);
    bool has_ended = l->has_ended;
    pthread_mutex_unlock(&l->lock);
    if (has_ended) {
        pthread_join(l->thread, NULL);
        log_destroy(l);
    } else { /* it hangs in a system call, and keeps what it uses */
        log_warning("http: the last requests are not logged: %s does not take their lines", l->dir);
        pthread_detach(l->thread);
    }
}
