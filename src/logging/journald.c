/* A field is "NAME=value\n", or if the value has a newline: "NAME\n", the value's length in eight
 * bytes, little endian, the value, "\n". Values are escaped, so they have none. */
#include "logging/journald.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/buffer.h"
#include "base/log_escape.h"
#include "base/log_format.h"
#include "base/memory.h"
#include "logging/priority.h"

struct journald {
    struct sockaddr_un address;
    char *identity;
    int fd; /* -1: none yet */
    bool is_failing;
};

struct journald *journald_create(const char *socket_path, const char *identity)
{
    struct journald *j = lv_calloc(1, sizeof *j);
    j->address.sun_family = AF_UNIX;
    strncpy(j->address.sun_path, socket_path, sizeof j->address.sun_path - 1);
    j->identity = lv_strdup(identity);
    j->fd = -1;
    return j;
}

static void put_field(struct lv_buffer *out, const char *name, struct slice value)
{
    for (const char *p = name; *p; p++)
        lv_buffer_add_u8(out, (uint8_t)toupper((unsigned char)*p));
    lv_buffer_add_u8(out, '=');
    log_escape_text(out, value);
    lv_buffer_add_u8(out, '\n');
}

static void put_record(const struct journald *j, const struct log_record *record,
                       struct lv_buffer *out)
{
    struct lv_buffer domain = {0};
    struct slice value;
    put_field(out, "MESSAGE", record->text);
    lv_buffer_printf(out, "PRIORITY=%d\n", log_priority(record->level));
    put_field(out, "SYSLOG_IDENTIFIER", slice_str(j->identity));
    lv_buffer_printf(out, "SYSLOG_PID=%d\n", (int)getpid());
    log_format_domain(record->category, &domain);
    put_field(out, "DOMAIN", lv_buffer_slice(&domain));
    lv_buffer_free(&domain);
    for (unsigned note = 0; note < LOG_NOTE_COUNT; note++) {
        if (note != LOG_NOTE_PID && log_record_note(record, (enum log_note)note, &value))
            put_field(out, log_note_name((enum log_note)note), value);
    }
}

static bool journald_send(struct journald *j, struct slice bytes)
{
    const struct timeval second = {1, 0};
    if (j->fd < 0) {
        j->fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
        if (j->fd < 0 || setsockopt(j->fd, SOL_SOCKET, SO_SNDTIMEO, &second, sizeof second) < 0)
            return false;
    }
    return sendto(j->fd, bytes.p, bytes.n, MSG_NOSIGNAL, (const struct sockaddr *)&j->address,
                  sizeof j->address) >= 0;
}

static bool journald_put(void *sink, const struct log_record *record)
{
    struct journald *j = sink;
    struct lv_buffer out = {0};
    put_record(j, record, &out);
    bool is_sent = journald_send(j, lv_buffer_slice(&out));
    int error = errno;
    lv_buffer_free(&out);
    if (!is_sent && !j->is_failing)
        log_error("cannot write the log to journald at %s: %s", j->address.sun_path,
                  strerror(error));
    if (is_sent && j->is_failing)
        log_info("journald takes the log again");
    j->is_failing = !is_sent;
    return is_sent || error == EMSGSIZE;
}

static bool journald_flush(void *sink)
{
    (void)sink;
    return true;
}

static void journald_free(void *sink)
{
    struct journald *j = sink;
    if (j->fd >= 0)
        close(j->fd);
    free(j->identity);
    free(j);
}

const struct log_sink_ops journald_ops = {
    .put = journald_put,
    .flush = journald_flush,
    .free = journald_free,
};
