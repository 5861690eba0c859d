/* The class connection: from the protocol header to connection.open, and connection.close. */
#define LOG_CATEGORY LOG_ABOUT_CONNECTION

#include <inttypes.h>
#include <stdlib.h>

#include "amqp/channel.h"
#include "auth/sasl.h"
#include "base/log.h"
#include "base/memory.h"
#include "broker/parameters.h"
#include "wire/table.h"

/* --- the protocol header and connection.start ------------------------------------------------- */

static const uint8_t our_header[8] = {'A', 'M', 'Q', 'P', 0, 0, 9, 1};

#define SERVER_CAPABILITIES(C)                                                                     \
    C("publisher_confirms")                                                                        \
    C("exchange_exchange_bindings")                                                                \
    C("basic.nack")                                                                                \
    C("consumer_cancel_notify")                                                                    \
    C("connection.blocked")                                                                        \
    C("consumer_priorities")                                                                       \
    C("authentication_failure_close")                                                              \
    C("per_consumer_qos")                                                                          \
    C("direct_reply_to")

static void put_server_properties(struct lv_buffer *out, const struct session_server *server,
                                  bool with_capabilities)
{
    const struct session_settings *s = &server->settings;
    struct table_writer w;
    table_begin(&w, out);
    if (with_capabilities) {
        table_put_table(&w, "capabilities");
#define PUT_CAPABILITY(name) table_put_bool(&w, name, true);
        SERVER_CAPABILITIES(PUT_CAPABILITY)
#undef PUT_CAPABILITY
        table_end(&w);
    }
    table_put_str(&w, "cluster_name", cluster_name_now(server->broker, s->cluster_name));
    table_put_str(&w, "copyright", slice_str("Copyright (c) the Leveret authors"));
    table_put_str(&w, "information", slice_str("Licensed under the Apache License 2.0"));
    table_put_str(&w, "leveret_version", slice_str(s->leveret_version));
    table_put_str(&w, "platform", slice_str(s->platform));
    table_put_str(&w, "product", slice_str(s->product));
    table_put_str(&w, "version", slice_str(s->version));
    table_end(&w);
}

static void send_start(struct connection *conn, uint8_t major, uint8_t minor)
{
    struct lv_buffer properties = {0}, mechanisms = {0};
    sasl_print(session_mechanisms(&conn->session), &mechanisms);
    put_server_properties(&properties, connection_server(conn), major == 0);
    CONNECTION_SEND(conn, 0, connection_start, .version_major = major, .version_minor = minor,
                    .server_properties = lv_buffer_slice(&properties),
                    .mechanisms = lv_buffer_slice(&mechanisms), .locales = slice_str("en_US"));
    lv_buffer_free(&properties);
    lv_buffer_free(&mechanisms);
    connection_enter(conn, CONNECTION_AWAIT_START_OK);
}

/* Like RabbitMQ, takes the headers of 0-9 and 0-8 besides 0-9-1's, and answers those of 0-8 with
 * version 8-0. */
void connection_take_header(struct connection *conn, const uint8_t *header, size_t n)
{
    lv_assert(n >= 8 && conn->state == CONNECTION_AWAIT_HEADER);
    static const uint8_t as_0_9[8] = {'A', 'M', 'Q', 'P', 1, 1, 0, 9};
    static const uint8_t as_0_8[8] = {'A', 'M', 'Q', 'P', 1, 1, 8, 0};
    static const uint8_t as_0_8_too[8] = {'A', 'M', 'Q', 'P', 1, 1, 9, 1};
    if (memcmp(header, our_header, 8) == 0 || memcmp(header, as_0_9, 8) == 0) {
        send_start(conn, 0, 9);
    } else if (memcmp(header, as_0_8, 8) == 0 || memcmp(header, as_0_8_too, 8) == 0) {
        send_start(conn, 8, 0);
    } else {
        outbuf_add(net_out(conn->session.net), our_header, sizeof our_header);
        net_dirty(conn->session.net);
        connection_log_foreign(conn, header, n);
        connection_drop(conn);
    }
}

/* --- start-ok --------------------------------------------------------------------------------- */

static bool capability_is_set(struct slice capabilities, const char *name)
{
    struct field field;
    return table_find(capabilities, name, &field) && field.type == FIELD_BOOL && field.b;
}

static void take_client_properties(struct connection *conn, struct slice properties)
{
    struct slice name = session_client_name(properties);
    if (name.n > 0)
        log_info("connection %s has a client-provided name: %.*s", CONNECTION_TITLE(conn),
                 SLICE_ARG(name));
    session_set_client_properties(&conn->session, properties);
    struct field capabilities;
    if (!table_find(conn->session.client_properties, "capabilities", &capabilities) ||
        capabilities.type != FIELD_TABLE)
        return;
    conn->can.authentication_failure_close =
        capability_is_set(capabilities.bytes, "authentication_failure_close");
    conn->can.connection_blocked = capability_is_set(capabilities.bytes, "connection.blocked");
    conn->can.consumer_cancel_notify =
        capability_is_set(capabilities.bytes, "consumer_cancel_notify");
}

/* Logs a refused login, and tells the client no more than that. The connection may be gone
 * afterwards. */
static void login_refuse(struct connection *conn, struct slice user, const char *reason)
{
    const char *mechanism = conn->session.mechanism;
    connection_log_refused(conn, user, reason);
    if (!conn->can.authentication_failure_close) {
        connection_drop_late(conn);
        return;
    }
    connection_fail_unsaid(conn, REPLY_ACCESS_REFUSED, 0,
                           "Login was refused using authentication mechanism %s. For details see "
                           "the broker logfile.",
                           mechanism);
}

static void send_tune(struct connection *conn)
{
    const struct session_settings *s = &connection_server(conn)->settings;
    CONNECTION_SEND(conn, 0, connection_tune, .channel_max = s->channel_max,
                    .frame_max = s->frame_bytes_max, .heartbeat = s->heartbeat_s);
    connection_enter(conn, CONNECTION_AWAIT_TUNE_OK);
}

static void login_is_done(struct session *s, bool is_in, struct slice user, const char *reason)
{
    struct connection *conn = connection_of(s);
    if (is_in)
        send_tune(conn);
    else
        login_refuse(conn, user, reason);
}

static void response_take(struct connection *conn, struct slice mechanism, struct slice response)
{
    struct session_credentials credentials = {.mechanism = mechanism, .has_password = true};
    unsigned chosen = sasl_mechanism(mechanism) & session_mechanisms(&conn->session);
    if (chosen == SASL_EXTERNAL || chosen == SASL_ANONYMOUS) {
        connection_enter(conn, CONNECTION_LOGGING_IN);
        (chosen == SASL_EXTERNAL ? session_log_in_by_certificate : session_log_in_anonymously)(
            &conn->session, mechanism, login_is_done);
        return;
    }
    enum sasl_result result =
        chosen ? sasl_parse(mechanism, response, &credentials.user, &credentials.password)
               : SASL_UNKNOWN_MECHANISM;
    if (result != SASL_OK) {
        connection_log_mistake(conn, "%s '%.*s'",
                               result == SASL_MALFORMED ? "malformed response of mechanism"
                                                        : "unknown authentication mechanism",
                               SLICE_ARG(mechanism));
        connection_drop_late(conn);
        return;
    }
    connection_enter(conn, CONNECTION_LOGGING_IN);
    session_log_in(&conn->session, &credentials, login_is_done);
}

/* The response contains the password: it is wiped where it was received, and where it is copied
 * to. */
static void start_ok(struct connection *conn, const struct amqp_connection_start_ok *m)
{
    take_client_properties(conn, m->client_properties);
    struct slice response = slice_copy(m->response);
    password_wipe(m->response);
    response_take(conn, m->mechanism, response);
    password_wipe(response);
    free((void *)(uintptr_t)response.p);
}

/* --- tune-ok ---------------------------------------------------------------------------------- */

/* Returns whether the client's value is within these limits, and logs if not. 0 means no limit for
 * `value` and `max`. */
static bool limit_check(struct connection *conn, const char *name, uint32_t value, uint32_t min,
                        uint32_t max)
{
    bool is_low = value != 0 && value < min;
    bool is_high = max != 0 && (value == 0 || value > max);
    if (is_low)
        connection_log_untuned(conn, name, value, "lower", "minimum", min);
    else if (is_high)
        connection_log_untuned(conn, name, value, "higher", "maximum", max);
    return !is_low && !is_high;
}

static void tune_ok(struct connection *conn, const struct amqp_connection_tune_ok *m)
{
    const struct session_settings *s = &connection_server(conn)->settings;
    if (!limit_check(conn, "frame_max", m->frame_max, FRAME_BYTES_MIN, s->frame_bytes_max) ||
        !limit_check(conn, "channel_max", m->channel_max, 0, s->channel_max)) {
        connection_drop_late(conn);
        return;
    }
    conn->frame_bytes_max = m->frame_max;
    conn->channel_max = m->channel_max;
    conn->heartbeat_s = m->heartbeat;
    connection_enter(conn, CONNECTION_AWAIT_OPEN);
}

/* --- open ------------------------------------------------------------------------------------- */

static void vhost_is_entered(struct session *s, bool is_in, const struct broker_error *error)
{
    struct connection *conn = connection_of(s);
    if (!is_in) {
        connection_fail(conn, 0, error->code, AMQP_CONNECTION_OPEN, "%s", error->text);
        return;
    }
    connection_enter(conn, CONNECTION_RUNNING);
    CONNECTION_SEND(conn, 0, connection_open_ok, .reserved1 = SLICE_EMPTY);
    connection_start_heartbeats(conn);
    session_event_created(&conn->session);
    connection_log_entered(conn);
}

static void open_vhost(struct connection *conn, const struct amqp_connection_open *m)
{
    connection_enter(conn, CONNECTION_ENTERING);
    session_enter_vhost(&conn->session, m->virtual_host, vhost_is_entered);
}

/* --- the end ---------------------------------------------------------------------------------- */

static void take_close(struct connection *conn, const struct amqp_connection_close *m)
{
    if (conn->state == CONNECTION_RUNNING) {
        connection_log_closed(conn, m);
        connection_finish(conn);
        return;
    }
    /* Both sides have sent close: the client's close-ok is still to come. */
    CONNECTION_SEND(conn, 0, connection_close_ok, .none = 0);
}

/* --- dispatch --------------------------------------------------------------------------------- */

#define READ_AND_DO(method, METHOD, action)                                                        \
    do {                                                                                           \
        struct amqp_##method m;                                                                    \
        enum wire_result result = amqp_##method##_read(args, &m);                                  \
        if (result != WIRE_OK)                                                                     \
            connection_refuse_arguments(conn, 0, result, METHOD, args);                            \
        else                                                                                       \
            action(conn, &m);                                                                      \
    } while (0)

static void secret_is_updated(struct session *s, bool is_in, struct slice user, const char *reason)
{
    (void)user;
    struct connection *conn = connection_of(s);
    if (is_in) {
        CONNECTION_SEND(conn, 0, connection_update_secret_ok, .none = 0);
        log_info("connection %s: user '%.*s' updated secret", CONNECTION_TITLE(conn),
                 SLICE_ARG(session_user_name(s)));
        return;
    }
    log_error("connection %s: Secret update was refused for user '%.*s': %s",
              CONNECTION_TITLE(conn), SLICE_ARG(session_user_name(s)), reason);
    connection_fail(conn, 0, REPLY_NOT_ALLOWED, AMQP_CONNECTION_UPDATE_SECRET,
                    "New secret was refused by one of the backends");
}

/* Like the password, the secret is wiped where it was received. */
static void update_secret(struct connection *conn, const struct amqp_connection_update_secret *m)
{
    log_debug("connection %s of user '%.*s': asked to update secret, reason: %.*s",
              CONNECTION_TITLE(conn), SLICE_ARG(session_user_name(&conn->session)),
              SLICE_ARG(m->reason));
    struct slice secret = slice_copy(m->new_secret);
    password_wipe(m->new_secret);
    session_renew(&conn->session, secret, secret_is_updated);
    password_wipe(secret);
    free((void *)(uintptr_t)secret.p);
}

static void refuse_method(struct connection *conn, uint32_t method, struct slice args,
                          const char *state)
{
    if (connection_check_method(conn, 0, method, args))
        connection_fail(conn, 0, REPLY_CHANNEL_ERROR, method,
                        "unexpected method in connection state %s", state);
}

static void take_running_method(struct connection *conn, uint32_t method, struct slice args)
{
    if (method == AMQP_CONNECTION_CLOSE)
        READ_AND_DO(connection_close, AMQP_CONNECTION_CLOSE, take_close);
    else if (method == AMQP_CONNECTION_UPDATE_SECRET)
        READ_AND_DO(connection_update_secret, AMQP_CONNECTION_UPDATE_SECRET, update_secret);
    else
        refuse_method(conn, method, args, "running");
}

static void take_opening_method(struct connection *conn, uint32_t method, struct slice args)
{
    if (method == AMQP_CONNECTION_OPEN)
        READ_AND_DO(connection_open, AMQP_CONNECTION_OPEN, open_vhost);
    else
        refuse_method(conn, method, args, "opening");
}

static void take_closing_method(struct connection *conn, uint32_t method, struct slice args)
{
    if (method == AMQP_CONNECTION_CLOSE_OK)
        connection_drop(conn);
    else if (method == AMQP_CONNECTION_CLOSE)
        READ_AND_DO(connection_close, AMQP_CONNECTION_CLOSE, take_close);
}

static void drop_unexpected(struct connection *conn, uint32_t method)
{
    const struct amqp_method *m = amqp_method_find(method);
    connection_drop_for(conn, "unexpected method in connection state %s: %s",
                        connection_state_name(conn), m ? m->name : "one that does not exist");
}

void connection_take_method(struct connection *conn, uint32_t method, struct slice args)
{
    if (conn->state == CONNECTION_RUNNING)
        take_running_method(conn, method, args);
    else if (conn->state == CONNECTION_CLOSING)
        take_closing_method(conn, method, args);
    else if (conn->state == CONNECTION_AWAIT_START_OK && method == AMQP_CONNECTION_START_OK)
        READ_AND_DO(connection_start_ok, AMQP_CONNECTION_START_OK, start_ok);
    else if (conn->state == CONNECTION_AWAIT_TUNE_OK && method == AMQP_CONNECTION_TUNE_OK)
        READ_AND_DO(connection_tune_ok, AMQP_CONNECTION_TUNE_OK, tune_ok);
    else if (conn->state == CONNECTION_AWAIT_OPEN)
        take_opening_method(conn, method, args);
    else
        drop_unexpected(conn, method);
}
