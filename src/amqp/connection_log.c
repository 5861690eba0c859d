/* Log lines about connections. They have RabbitMQ's words, so that patterns for its log find the
 * same events in ours (docs/decisions/log-lines.md); what we add follows them.
 *
 * A connection that has sent a byte has one line when it is accepted and one about its end; one
 * that has sent none has only the latter, for debug. */
#define LOG_CATEGORY LOG_ABOUT_CONNECTION

#include <stdio.h>
#include <stdlib.h>

#include "amqp/channel.h"
#include "base/error.h"
#include "base/log.h"
#include "wire/table.h"

enum { FIRST_BYTES_SHOWN = 24 };

/* --- the beginning ---------------------------------------------------------------------------- */

void connection_log_accepted(struct connection *conn)
{
    conn->is_accept_logged = true;
    log_info("accepting AMQP connection %s", CONNECTION_TITLE(conn));
}

void connection_log_entered(const struct connection *conn)
{
    const struct session *s = &conn->session;
    log_info("connection %s: user '%.*s' authenticated and granted access to vhost '%.*s'",
             SESSION_TITLE_WITH(s, .is_without_account = true), SLICE_ARG(session_user_name(s)),
             SLICE_ARG(vhost_name(s->vhost)));
}

/* --- errors ----------------------------------------------------------------------------------- */

/* How an error's line names its code: "not_found". */
struct code_name {
    char text[40];
};

static const char *code_name(uint16_t code, struct code_name *room)
{
    const char *name = wire_reply_name(code);
    size_t n = 0;
    for (name = name ? name : "unknown"; name[n] && n + 1 < sizeof room->text; n++)
        room->text[n] = name[n] >= 'A' && name[n] <= 'Z' ? (char)(name[n] | 0x20) : name[n];
    room->text[n] = '\0';
    return room->text;
}

static const char *method_name(uint32_t method)
{
    const struct amqp_method *m = amqp_method_find(method);
    return m ? m->name : "none";
}

/* Lines are limited by the method and the code (base/log.h). */
static uint64_t kind_of(uint32_t method, uint16_t code)
{
    return (uint64_t)method << 16 | code;
}

void channel_log_error(const struct channel *ch, uint16_t code, uint32_t method, const char *format,
                       va_list args)
{
    char text[1024];
    vsnprintf(text, sizeof text, format, args);
    log_line_about(LOG_ABOUT_CHANNEL, LOG_ERROR, kind_of(method, code),
                   "Channel error on connection %s: operation %s caused a channel exception %s: %s",
                   CHANNEL_TITLE(ch), method_name(method), code_name(code, &(struct code_name){""}),
                   text);
}

/* A connection that the broker or an operator closes is a warning: the client made no error. */
void connection_log_error(const struct connection *conn, uint16_t channel, uint16_t code,
                          uint32_t method, const char *format, va_list args)
{
    char text[1024];
    const char *state = connection_state_name(conn);
    vsnprintf(text, sizeof text, format, args);
    if (code == REPLY_NOT_ALLOWED && conn->state < CONNECTION_RUNNING)
        log_error("Error on AMQP connection %s: %s",
                  SESSION_TITLE_WITH(&conn->session, .state = state), text);
    else
        log_line_of(
            code == REPLY_CONNECTION_FORCED ? LOG_WARNING : LOG_ERROR, kind_of(method, code),
            "Error on AMQP connection %s: operation %s caused a connection exception %s: \"%s\"",
            SESSION_TITLE_WITH(&conn->session, .state = state, .has_channel = true,
                               .channel = channel),
            method_name(method), code_name(code, &(struct code_name){""}), text);
}

void connection_log_refused(const struct connection *conn, struct slice user, const char *reason)
{
    log_error(
        "Error on AMQP connection %s: %s login refused: %s",
        SESSION_TITLE_WITH(&conn->session, .state = connection_state_name(conn), .refused = user),
        conn->session.mechanism, reason);
}

/* --- the end ---------------------------------------------------------------------------------- */

/* Lines are limited by these (base/log.h). */
enum end {
    END_CLOSED,
    END_FORCED,
    END_MISTAKE,
    END_FOREIGN,
    END_GONE,
    END_VANISHED,
    END_UNREAD,
    END_LATE,
    END_SILENT,
};

static void log_end(struct connection *conn, enum log_level level, enum end end, const char *format,
                    ...) __attribute__((format(printf, 4, 5)));

static void log_end(struct connection *conn, enum log_level level, enum end end, const char *format,
                    ...)
{
    char text[1024];
    va_list args;
    if (conn->is_end_logged)
        return;
    conn->is_end_logged = true;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    log_line_of(level, end, "closing AMQP connection %s%s%s", CONNECTION_TITLE(conn),
                text[0] ? ": " : "", text);
}

void connection_log_closed(struct connection *conn, const struct amqp_connection_close *m)
{
    log_end(conn, LOG_INFO, END_CLOSED, "closed by the client: %u %.*s", m->reply_code,
            SLICE_ARG(m->reply_text));
}

void connection_log_forced(struct connection *conn, const char *reason)
{
    log_end(conn, LOG_WARNING, END_FORCED, "%s", reason);
}

void connection_log_mistake(struct connection *conn, const char *format, ...)
{
    char text[1000];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    log_end(conn, LOG_ERROR, END_MISTAKE, "%s%s",
            conn->state < CONNECTION_RUNNING ? "handshake_error: " : "", text);
}

void connection_log_untuned(struct connection *conn, const char *name, uint32_t value,
                            const char *comparison, const char *limit, uint32_t limit_value)
{
    log_end(conn, LOG_ERROR, END_MISTAKE,
            "failed to negotiate connection parameters: negotiated %s = %u%s is %s than the %s "
            "allowed value (%u)",
            name, value, value == 0 ? " (no limit)" : "", comparison, limit, limit_value);
}

void connection_log_foreign(struct connection *conn, const uint8_t *p, size_t n)
{
    char bytes[4 * FIRST_BYTES_SHOWN + 1] = "";
    size_t at = 0;
    for (size_t i = 0; i < n && i < FIRST_BYTES_SHOWN; i++) {
        bool is_plain = p[i] >= 0x20 && p[i] < 0x7f && p[i] != '\\' && p[i] != '"';
        at += (size_t)snprintf(bytes + at, sizeof bytes - at, is_plain ? "%c" : "\\x%02x", p[i]);
    }
    log_end(conn, LOG_ERROR, END_FOREIGN,
            "%s: client did not start with AMQP protocol header: it looks like %s; first bytes: "
            "\"%s\"",
            memcmp(p, "AMQP", 4) == 0 ? "bad_version" : "bad_header", protocol_guess(p, n), bytes);
}

/* --- the end of the socket -------------------------------------------------------------------- */

static const char *step_name(const struct connection *conn)
{
    switch (conn->state) {
    case CONNECTION_AWAIT_HEADER: return " while a protocol header was awaited";
    case CONNECTION_AWAIT_START_OK: return " while connection.start-ok was awaited";
    case CONNECTION_LOGGING_IN: return " while its login was checked";
    case CONNECTION_AWAIT_TUNE_OK: return " while connection.tune-ok was awaited";
    case CONNECTION_AWAIT_OPEN: return " while connection.open was awaited";
    case CONNECTION_ENTERING: return " while its access to the vhost was checked";
    default: return "";
    }
}

void connection_log_gone(struct connection *conn, int error)
{
    uint64_t bytes = net_received(conn->session.net);
    bool is_error = error != 0 && error != ERR_CLOSED;
    if (error == ERR_TIMED_OUT)
        log_end(conn, LOG_WARNING, END_UNREAD,
                "the client has taken nothing of what it is sent for %u ms "
                "(tcp_listen_options.send_timeout)",
                connection_server(conn)->settings.send_timeout_ms);
    else if (conn->state > CONNECTION_RUNNING)
        log_end(conn, LOG_INFO, END_GONE, "%s", "");
    else if (bytes == 0)
        log_end(conn, LOG_DEBUG, END_GONE,
                "connection_closed_with_no_data_received (usually a health check)");
    else
        log_end(conn, LOG_WARNING, END_VANISHED,
                "client unexpectedly closed TCP connection%s, after %llu bytes%s%s",
                step_name(conn), (unsigned long long)bytes, is_error ? ": " : "",
                is_error ? lv_error_text(error) : "");
}

void connection_log_late(struct connection *conn, uint32_t limit_ms)
{
    log_end(conn, LOG_ERROR, END_LATE,
            "handshake_timeout: handshake not finished within %u ms,%s, after %llu bytes", limit_ms,
            step_name(conn), (unsigned long long)net_received(conn->session.net));
}

void connection_log_silent(struct connection *conn)
{
    log_end(conn, LOG_ERROR, END_SILENT,
            "missed heartbeats from client, timeout: %us: nothing has come for two such intervals",
            conn->heartbeat_s);
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
            "connection %s: %s of '%.*s': the argument '%.*s' is not known here and has no effect",
            CHANNEL_TITLE(ch), amqp_method_find(method)->name, SLICE_ARG(name),
            SLICE_ARG(argument));
    }
}
