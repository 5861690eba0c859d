/* Log lines about connections that failed. Those about exceptions have RabbitMQ's words, so that
 * tools which search its log find them in ours. */
#define LOG_CATEGORY LOG_ABOUT_CONNECTION

#include <stdio.h>
#include <stdlib.h>

#include "amqp/channel.h"
#include "base/error.h"
#include "base/log.h"
#include "wire/table.h"

enum { FIRST_BYTES_SHOWN = 24 };

/* --- exceptions ------------------------------------------------------------------------------- */

static void put_lower(char *to, size_t room, const char *from)
{
    size_t n = 0;
    for (; from[n] && n + 1 < room; n++)
        to[n] = from[n] >= 'A' && from[n] <= 'Z' ? (char)(from[n] | 0x20) : from[n];
    to[n] = '\0';
}

void connection_log_exception(const struct connection *conn, const struct channel *ch,
                              uint16_t code, uint32_t method, const char *format, va_list args)
{
    char text[1024], where[24] = "", name[40];
    const struct amqp_method *m = amqp_method_find(method);
    const char *code_name = wire_reply_name(code);
    vsnprintf(text, sizeof text, format, args);
    put_lower(name, sizeof name, code_name ? code_name : "unknown");
    if (ch)
        snprintf(where, sizeof where, ", channel %u", ch->number);
    log_line_about(
        ch ? LOG_ABOUT_CHANNEL : LOG_ABOUT_CONNECTION,
        code == REPLY_CONNECTION_FORCED ? LOG_WARNING : LOG_ERROR, (uint64_t)method << 16 | code,
        "connection %s%s: operation %s caused a %s exception %s: %s", CONNECTION_TITLE(conn), where,
        m ? m->name : "none", ch ? "channel" : "connection", name, text);
}

void connection_drop_for(struct connection *conn, const char *format, ...)
{
    char text[1024];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    if (conn->session.net && conn->state <= CONNECTION_CLOSING)
        log_error("connection %s: %s, closing", CONNECTION_TITLE(conn), text);
    connection_drop(conn);
}

/* --- other protocols -------------------------------------------------------------------------- */

static const struct {
    const char *begin;
    size_t n;
    const char *what;
} protocols[] = {
#define BEGINS(text, what)                                                                         \
    {                                                                                              \
        text, sizeof(text) - 1, what                                                               \
    }
    BEGINS("\x16\x03", "TLS, which this port does not speak"),
    BEGINS("AMQP\x00\x01\x00\x00", "AMQP 1.0, which this version does not speak"),
    BEGINS("AMQP\x03\x01\x00\x00", "AMQP 1.0 (SASL), which this version does not speak"),
    BEGINS("AMQP\x02\x01\x00\x00", "AMQP 1.0 (TLS), which this version does not speak"),
    BEGINS("AMQP", "another version of AMQP"),
    BEGINS("GET ", "an HTTP request"),
    BEGINS("HEAD ", "an HTTP request"),
    BEGINS("POST ", "an HTTP request"),
    BEGINS("PUT ", "an HTTP request"),
    BEGINS("DELETE ", "an HTTP request"),
    BEGINS("OPTIONS ", "an HTTP request"),
    BEGINS("CONNECT ", "an HTTP request"),
    BEGINS("PRI * HT", "an HTTP/2 request"),
    BEGINS("CONNECT\n", "STOMP, which this version does not speak"),
    BEGINS("CONNECT\r", "STOMP, which this version does not speak"),
    BEGINS("STOMP\n", "STOMP, which this version does not speak"),
    BEGINS("STOMP\r", "STOMP, which this version does not speak"),
    BEGINS("PROXY ", "the PROXY protocol, which is not expected here"),
    BEGINS("\r\n\r\n\0\r\nQ", "the PROXY protocol, which is not expected here"),
    BEGINS("SSH-", "SSH"),
#undef BEGINS
};

/* CONNECT, in MQTT 3.1, 3.1.1 and 5: a type octet, the length in one to four, the protocol's
 * name. */
static bool is_mqtt(const uint8_t *p, size_t n)
{
    size_t at = 1;
    while (at < n && at < 4 && (p[at] & 0x80))
        at++;
    return n >= at + 5 && p[0] == 0x10 && p[at + 1] == 0 && memcmp(p + at + 3, "MQ", 2) == 0;
}

static const char *protocol_guess(const uint8_t *p, size_t n)
{
    for (size_t i = 0; i < sizeof protocols / sizeof *protocols; i++) {
        if (n >= protocols[i].n && memcmp(p, protocols[i].begin, protocols[i].n) == 0)
            return protocols[i].what;
    }
    return is_mqtt(p, n) ? "MQTT, which this version does not speak" : "no protocol known here";
}

void connection_log_foreign(const struct connection *conn, const uint8_t *p, size_t n)
{
    char bytes[4 * FIRST_BYTES_SHOWN + 1] = "";
    size_t at = 0;
    for (size_t i = 0; i < n && i < FIRST_BYTES_SHOWN; i++) {
        bool is_plain = p[i] >= 0x20 && p[i] < 0x7f && p[i] != '\\' && p[i] != '"';
        at += (size_t)snprintf(bytes + at, sizeof bytes - at, is_plain ? "%c" : "\\x%02x", p[i]);
    }
    log_error("connection %s: not an AMQP 0-9-1 header, closing: it looks like %s; first bytes: "
              "\"%s\"",
              CONNECTION_TITLE(conn), protocol_guess(p, n), bytes);
}

/* --- the end of the socket -------------------------------------------------------------------- */

static const char *step_name(const struct connection *conn)
{
    switch (conn->state) {
    case CONNECTION_AWAIT_HEADER: return "while a protocol header was awaited";
    case CONNECTION_AWAIT_START_OK: return "while connection.start-ok was awaited";
    case CONNECTION_LOGGING_IN: return "while its login was checked";
    case CONNECTION_AWAIT_TUNE_OK: return "while connection.tune-ok was awaited";
    case CONNECTION_AWAIT_OPEN: return "while connection.open was awaited";
    case CONNECTION_ENTERING: return "while its access to the vhost was checked";
    default: return "without connection.close";
    }
}

void connection_log_vanished(const struct connection *conn, int error)
{
    if (error == ERR_TIMED_OUT) {
        log_warning("connection %s: closing: the client has taken nothing of what it is sent for "
                    "%u ms (tcp_listen_options.send_timeout)",
                    CONNECTION_TITLE(conn), connection_server(conn)->settings.send_timeout_ms);
        return;
    }
    if (conn->state > CONNECTION_RUNNING)
        return;
    uint64_t bytes = net_received(conn->session.net);
    bool is_probe = bytes == 0; /* a health check, usually */
    bool is_error = error != 0 && error != ERR_CLOSED;
    log_line(is_probe ? LOG_DEBUG : LOG_WARNING,
             "connection %s: the client closed the TCP connection %s, after %llu bytes%s%s",
             CONNECTION_TITLE(conn), step_name(conn), (unsigned long long)bytes,
             is_error ? ": " : "", is_error ? lv_error_text(error) : "");
}

void connection_log_late(const struct connection *conn, uint32_t limit_ms)
{
    log_error("connection %s: handshake not finished within %u ms, closing %s, after %llu bytes",
              CONNECTION_TITLE(conn), limit_ms, step_name(conn),
              (unsigned long long)net_received(conn->session.net));
}

/* --- unknown arguments ------------------------------------------------------------------------ */

void channel_remark_arguments(const struct channel *ch, uint32_t method, struct slice name,
                              struct slice table, bool (*is_known)(struct slice argument))
{
    struct slice argument;
    struct field f;
    if (table.n == 0 || !log_is_on(LOG_ABOUT_CHANNEL, LOG_DEBUG))
        return;
    while (table_next(&table, &argument, &f)) {
        if (is_known(argument))
            continue;
        log_line_about(
            LOG_ABOUT_CHANNEL, LOG_DEBUG, method,
            "connection %s, channel %u: %s of '%.*s': the argument '%.*s' is not known here "
            "and has no effect",
            CONNECTION_TITLE(ch->connection), ch->number, amqp_method_find(method)->name,
            SLICE_ARG(name), SLICE_ARG(argument));
    }
}
