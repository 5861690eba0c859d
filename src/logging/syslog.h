/* A syslog server as a sink: RFC 3164 or RFC 5424, over UDP, TCP, TLS, or the local socket.
 *
 * Over TCP and TLS a line follows the other ended by a newline (RFC 3164), or with its length in
 * front (RFC 5424, in RFC 6587's octet counting). The connection is opened with the first line, and
 * again when it is lost. The local socket always has the local form of RFC 3164. */
#ifndef LEVERET_LOGGING_SYSLOG_H
#define LEVERET_LOGGING_SYSLOG_H

#include "base/log_format.h"
#include "base/log_output.h"

#define SYSLOG_LOCAL_SOCKET "/dev/log"

enum syslog_transport { SYSLOG_UDP, SYSLOG_TCP, SYSLOG_TLS, SYSLOG_LOCAL };
enum syslog_protocol { SYSLOG_RFC3164, SYSLOG_RFC5424 };

/* Strings are copied. */
struct syslog_settings {
    enum syslog_transport transport;
    enum syslog_protocol protocol;
    const char *host; /* a name or an address; for SYSLOG_LOCAL the socket's path */
    uint16_t port;
    const char *identity;  /* the program's name in each line */
    int facility;          /* 0 to 23 */
    const char *ca_file;   /* TLS: whose certificates are trusted; "": the system's */
    const char *cert_file; /* TLS: our own certificate, and its key; "": none */
    const char *key_file;
    bool is_verified; /* TLS: the server's certificate must be trusted and have its name */
};

struct syslog; /* see syslog.c */

extern const struct log_sink_ops syslog_ops;

/* Takes the format. Neither connects nor blocks. */
struct syslog *syslog_create(const struct syslog_settings *settings, struct log_format *format);

/* Appends a line as it is sent in a datagram. */
void syslog_compose(const struct syslog_settings *settings, const struct log_format *format,
                    const char *host_name, int pid, const struct log_record *record,
                    struct lv_buffer *out);
/* Reads "daemon", "local0" ... Returns false, with *ret unchanged, if there is no such facility. */
bool syslog_facility_parse(const char *text, int *ret);

#endif
