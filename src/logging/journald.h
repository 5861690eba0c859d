/* journald as a sink: its native protocol, which is documented and does not change (systemd's
 * JOURNAL_NATIVE_PROTOCOL): one datagram for each line, with fields. libsystemd speaks it too, but
 * loads five more libraries into the broker, and its socket cannot be told to wait no longer than a
 * second. */
#ifndef LEVERET_LOGGING_JOURNALD_H
#define LEVERET_LOGGING_JOURNALD_H

#include "base/buffer.h"
#include "base/log_output.h"
#include "base/log_record.h"

#define JOURNALD_SOCKET "/run/systemd/journal/socket"

struct journald; /* see journald.c */

extern const struct log_sink_ops journald_ops;

/* What log.journald.fields is by default. RabbitMQ's notation: words between spaces, each of which
 * is SOURCE, NAME=SOURCE or NAME="any text". A source is priority, syslog_identifier, syslog_pid,
 * syslog_timestamp, or a field of the line by its name in JSON. A line is sent without the fields
 * that it lacks, and always with MESSAGE. */
#define JOURNALD_FIELDS                                                                              \
    "priority syslog_identifier syslog_pid domain ERL_PID=pid connection connection_name peer user " \
    "vhost channel"

/* Returns whether the text is in that notation, and its names are such that journald takes them. */
bool journald_fields_check(const char *fields);

/* Returns a sink that sends to this socket, which need not be there yet. Copies the strings. */
struct journald *journald_create(const char *socket_path, const char *identity, const char *fields);

/* Appends a line as it is sent in a datagram. */
void journald_compose(const char *fields, const char *identity, int pid,
                      const struct log_record *record, struct lv_buffer *out);

#endif
