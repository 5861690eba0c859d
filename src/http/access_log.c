/* The log of requests: a line for each, in a file for each hour, as in RabbitMQ.
 *
 *   127.0.0.1 - guest [01/Dec/2026:15:17:21 +0000] "GET /api/vhosts HTTP/1.1" 200 14 "" "curl/7"
 *
 * that is: address, user, time, request, status, bytes of the body, referer and user agent. A line
 * is one write, so it is whole whatever becomes of the process. What a client has sent can end
 * neither the line nor a field of it. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/error.h"
#include "base/log.h"
#include "base/memory.h"
#include "http/http_private.h"

enum { HOUR_BYTES = 16, FIELD_BYTES_MAX = 2048 };

struct access_log {
    pthread_mutex_t lock;
    char *dir;
    char hour[HOUR_BYTES]; /* of the open file: "2026_12_01_15" */
    int fd;                /* -1: none */
    bool has_failed;       /* which was logged */
};

int access_log_create(const char *dir, struct access_log **ret)
{
    if (mkdir(dir, 0750) != 0 && errno != EEXIST)
        return lv_error_explain(lv_error_from_errno(errno), "%s: %s", dir, strerror(errno));
    if (access(dir, W_OK | X_OK) != 0)
        return lv_error_explain(lv_error_from_errno(errno), "%s: %s", dir, strerror(errno));
    struct access_log *l = lv_calloc(1, sizeof *l);
    pthread_mutex_init(&l->lock, NULL);
    l->dir = lv_strdup(dir);
    l->fd = -1;
    *ret = l;
    return 0;
}

void access_log_free(struct access_log **log)
{
    struct access_log *l = *log;
    *log = NULL;
    if (!l)
        return;
    if (l->fd >= 0)
        close(l->fd);
    pthread_mutex_destroy(&l->lock);
    free(l->dir);
    free(l);
}

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

/* --- the file --------------------------------------------------------------------------------- */

/* Opens the file of this hour. The caller holds the lock. */
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

/* Logs the first failure after a success. The caller holds the lock. */
static void note_result(struct access_log *l, int err)
{
    if (err != 0 && !l->has_failed)
        log_error("http: requests cannot be logged in %s: %s", l->dir, strerror(err));
    l->has_failed = err != 0;
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
    int err = l->fd >= 0 && strcmp(hour, l->hour) == 0 ? 0 : file_open(l, hour);
    if (err == 0) {
        ssize_t n = write(l->fd, line.p, line.n);
        err = n < 0 ? errno : (size_t)n < line.n ? ENOSPC : 0;
    }
    note_result(l, err);
    pthread_mutex_unlock(&l->lock);
    lv_buffer_free(&line);
}
