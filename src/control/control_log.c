/* Commands that read and steer the log. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log_format.h"
#include "base/log_output.h"
#include "base/log_tail.h"
#include "base/memory.h"
#include "control/control_private.h"
#include "manage/node.h"

enum { LINES_USUALLY = 50, FILE_BYTES_MAX = 8 * 1024 * 1024, WAIT_MS = 200 };

/* --- the last lines --------------------------------------------------------------------------- */

/* Answers a line, which is escaped already. */
static void answer_line(struct request *r, struct slice line)
{
    request_row(r, json_pack("[o]", json_of_slice(line)));
}

static void answer_record(struct request *r, const struct log_record *record)
{
    struct lv_buffer line = {0};
    log_format_put(log_format_default(), record, &line);
    answer_line(r, lv_buffer_slice(&line));
    lv_buffer_free(&line);
}

static void answer_from_memory(struct request *r, uint64_t lines)
{
    struct log_tail_reader *reader = lv_malloc(sizeof *reader);
    struct log_record record;
    log_tail_begin(reader, lines);
    for (uint64_t i = 0; i < lines && log_tail_next(reader, 0, &record) == LOG_TAIL_LINE; i++)
        answer_record(r, &record);
    free(reader);
}

/* Returns where the last `lines` lines of the text begin. */
static size_t last_lines(struct slice text, uint64_t lines)
{
    size_t at = text.n;
    while (at > 0 && lines > 0) {
        at--;
        while (at > 0 && text.p[at - 1] != '\n')
            at--;
        lines--;
    }
    return at;
}

/* Reads the end of the file, at most FILE_BYTES_MAX, from the beginning of a line on. Returns false
 * if it cannot be read. */
static bool read_file_end(const char *path, struct lv_buffer *ret)
{
    struct stat status;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0 || fstat(fd, &status) < 0) {
        if (fd >= 0)
            close(fd);
        return false;
    }
    off_t from = status.st_size > FILE_BYTES_MAX ? status.st_size - FILE_BYTES_MAX : 0;
    size_t n = (size_t)(status.st_size - from);
    ssize_t got = pread(fd, lv_buffer_reserve(ret, n + 1), n, from);
    close(fd);
    if (got < 0)
        return false;
    ret->n = (size_t)got;
    const uint8_t *newline = from > 0 ? memchr(ret->p, '\n', ret->n) : NULL;
    if (newline)
        lv_buffer_consume(ret, (size_t)(newline - ret->p) + 1);
    return true;
}

static void answer_text(struct request *r, struct slice rest)
{
    while (rest.n > 0) {
        const uint8_t *newline = memchr(rest.p, '\n', rest.n);
        size_t n = newline ? (size_t)(newline - rest.p) : rest.n;
        answer_line(r, slice_of(rest.p, n));
        rest = slice_of(rest.p + n, rest.n - n);
        if (newline)
            rest = slice_of(rest.p + 1, rest.n - 1);
    }
}

/* Returns whether a log file was there. */
static bool answer_from_file(struct request *r, uint64_t lines)
{
    char path[LOG_LOCATION_BYTES_MAX];
    struct lv_buffer text = {0};
    bool is_read = log_output_location(LOG_OUTPUT_FILE, path) && read_file_end(path, &text);
    if (is_read) {
        size_t at = last_lines(lv_buffer_slice(&text), lines);
        answer_text(r, slice_of(text.p + at, text.n - at));
    }
    lv_buffer_free(&text);
    return is_read;
}

static void run_log_tail(struct request *r)
{
    uint64_t lines;
    if (!request_count(r, "number", LINES_USUALLY, &lines))
        return;
    if (!answer_from_file(r, lines))
        answer_from_memory(r, lines);
    request_done(r, NULL);
}

/* Answers with each line that is logged, until the time is over or the client is gone. */
static void follow_log(struct request *r, uint64_t until_ms)
{
    struct log_tail_reader *reader = lv_malloc(sizeof *reader);
    struct log_record record;
    log_tail_begin(reader, 0);
    while (!request_is_cut(r) && clock_up_ms() < until_ms) {
        uint64_t left_ms = until_ms - clock_up_ms();
        int wait_ms = left_ms < WAIT_MS ? (int)left_ms : WAIT_MS;
        enum log_tail_result result = log_tail_next(reader, wait_ms, &record);
        if (result == LOG_TAIL_LINE)
            answer_record(r, &record);
        else if (result == LOG_TAIL_LOST)
            answer_line(r,
                        slice_str("... lines are missing: they came faster than they were read"));
        else
            request_flush(r);
    }
    free(reader);
}

static void run_log_tail_stream(struct request *r)
{
    uint64_t seconds;
    if (!request_count(r, "duration", UINT32_MAX, &seconds))
        return;
    seconds = seconds < UINT32_MAX ? seconds : UINT32_MAX;
    follow_log(r, clock_up_ms() + seconds * 1000);
    request_done(r, NULL);
}

/* --- steering --------------------------------------------------------------------------------- */

/* The first location is that of the file, the only one that RabbitMQ's command names. */
struct locations {
    struct request *request;
    bool is_one_enough;
    bool has_one;
};

static void answer_location(void *arg, const char *location)
{
    struct locations *l = arg;
    if (!l->is_one_enough || !l->has_one)
        answer_line(l->request, slice_str(location));
    l->has_one = true;
}

static void run_log_location(struct request *r)
{
    struct locations l = {.request = r, .is_one_enough = !request_flag(r, "all")};
    node_each_log(answer_location, &l);
    request_done(r, NULL);
}

static void run_rotate_logs(struct request *r)
{
    log_outputs_reopen();
    request_done(r, NULL);
}

const struct control_command control_log_commands[] = {
    {"log_tail", run_log_tail, ""},
    {"log_tail_stream", run_log_tail_stream, ""},
    {"log_location", run_log_location, ""},
    {"rotate_logs", run_rotate_logs, ""},
    {NULL, NULL, NULL},
};
