/* journald as a sink: its native protocol, which is documented and does not change (systemd's
 * JOURNAL_NATIVE_PROTOCOL): one datagram for each line, with fields. libsystemd speaks it too, but
 * loads five more libraries into the broker, and its socket cannot be told to wait no longer than a
 * second. */
#ifndef LEVERET_LOGGING_JOURNALD_H
#define LEVERET_LOGGING_JOURNALD_H

#include "base/log_output.h"

#define JOURNALD_SOCKET "/run/systemd/journal/socket"

struct journald; /* see journald.c */

extern const struct log_sink_ops journald_ops;

/* Returns a sink that sends to this socket, which need not be there yet. Copies both strings. */
struct journald *journald_create(const char *socket_path, const char *identity);

#endif
