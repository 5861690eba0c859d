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

enum { NAME_BYTES_MAX = 64 };

struct journald {
    struct sockaddr_un address;
    char *identity;
    char *fields;
    int fd; /* -1: none yet */
    bool is_failing;
};

struct journald *journald_create(const char *socket_path, const char *identity, const char *fields)
{
    struct journald *j = lv_calloc(1, sizeof *j);
    j->address.sun_family = AF_UNIX;
    strncpy(j->address.sun_path, socket_path, sizeof j->address.sun_path - 1);
    j->identity = lv_strdup(identity);
    j->fields = lv_strdup(fields);
    j->fd = -1;
    return j;
}

/* --- the notation of fields ------------------------------------------------------------------- */

/* NAME=source, or NAME="text": then `source` is the text. */
struct journald_field {
    struct slice name; /* in upper or lower case */
    struct slice source;
    bool is_text;
};

/* Takes what comes before the first of these characters, or all, off *rest. */
static struct slice take_until(struct slice *rest, const char *ends)
{
    size_t n = 0;
    while (n < rest->n && !strchr(ends, rest->p[n]))
        n++;
    struct slice taken = slice_of(rest->p, n);
    *rest = slice_of(rest->p + n, rest->n - n);
    return taken;
}

static bool take_character(struct slice *rest, char c)
{
    if (rest->n == 0 || rest->p[0] != c)
        return false;
    *rest = slice_of(rest->p + 1, rest->n - 1);
    return true;
}

/* journald takes names of capital letters, digits and underscores that begin with a letter. */
static bool name_is_valid(struct slice name)
{
    if (name.n == 0 || name.n > NAME_BYTES_MAX || !isalpha(name.p[0]))
        return false;
    for (size_t i = 0; i < name.n; i++) {
        if (!isalnum(name.p[i]) && name.p[i] != '_')
            return false;
    }
    return true;
}

/* Takes the next field off *rest. Returns false at the end, where *rest is empty, or at a
 * mistake. */
static bool take_field(struct slice *rest, struct journald_field *ret)
{
    while (take_character(rest, ' '))
        continue;
    if (rest->n == 0)
        return false;
    struct slice at = *rest;
    *ret = (struct journald_field){.name = take_until(&at, " =")};
    ret->source = ret->name;
    if (take_character(&at, '=')) {
        ret->is_text = take_character(&at, '"');
        ret->source = take_until(&at, ret->is_text ? "\"" : " ");
        if ((ret->is_text && !take_character(&at, '"')) || (!ret->is_text && ret->source.n == 0))
            return false;
    }
    if (!name_is_valid(ret->name) || (at.n > 0 && at.p[0] != ' '))
        return false;
    *rest = at;
    return true;
}

bool journald_fields_check(const char *fields)
{
    struct slice rest = slice_str(fields);
    struct journald_field field;
    while (take_field(&rest, &field))
        continue;
    return rest.n == 0;
}

/* --- a line ----------------------------------------------------------------------------------- */

static void put_name(struct lv_buffer *out, struct slice name)
{
    for (size_t i = 0; i < name.n; i++)
        lv_buffer_add_u8(out, (uint8_t)toupper(name.p[i]));
    lv_buffer_add_u8(out, '=');
}

/* Appends the field's value. Returns false if the line has none. */
static bool put_value(const struct journald_field *field, const char *identity, int pid,
                      const struct log_record *record, struct lv_buffer *out)
{
    if (field->is_text)
        log_escape_text(out, field->source);
    else if (slice_is(field->source, "priority"))
        lv_buffer_printf(out, "%d", log_priority(record->level));
    else if (slice_is(field->source, "syslog_identifier"))
        log_escape_text(out, slice_str(identity));
    else if (slice_is(field->source, "syslog_pid"))
        lv_buffer_printf(out, "%d", pid);
    else if (slice_is(field->source, "syslog_timestamp"))
        log_format_time(LOG_TIME_RFC3339_T, record->us, out);
    else
        return log_format_put_field(record, field->source, out);
    return true;
}

void journald_compose(const char *fields, const char *identity, int pid,
                      const struct log_record *record, struct lv_buffer *out)
{
    struct slice rest = slice_str(fields);
    struct journald_field field;
    put_name(out, slice_str("MESSAGE"));
    log_escape_text(out, record->text);
    lv_buffer_add_u8(out, '\n');
    while (take_field(&rest, &field)) {
        size_t begin = out->n;
        put_name(out, field.name);
        if (put_value(&field, identity, pid, record, out))
            lv_buffer_add_u8(out, '\n');
        else
            out->n = begin;
    }
}

/* --- sending ---------------------------------------------------------------------------------- */

static bool journald_send(struct journald *j, struct slice bytes)
{
    const struct timeval second = {1, 0};
    if (j->fd < 0) {
        j->fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
        if (j->fd < 0 || setsockopt(j->fd, SOL_SOCKET, SO_SNDTIMEO, &second, sizeof second) < 0)
            return false;
    }
    ssize_t sent;
    do
        sent = sendto(j->fd, bytes.p, bytes.n, MSG_NOSIGNAL, (const struct sockaddr *)&j->address,
                      sizeof j->address);
    while (sent < 0 && errno == EINTR);
    return sent >= 0;
}

static bool journald_put(void *sink, const struct log_record *record)
{
    struct journald *j = sink;
    struct lv_buffer out = {0};
    journald_compose(j->fields, j->identity, (int)getpid(), record, &out);
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
    free(j->fields);
    free(j);
}

const struct log_sink_ops journald_ops = {
    .put = journald_put,
    .flush = journald_flush,
    .free = journald_free,
};
