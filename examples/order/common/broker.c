/* The happy path: open a socket, log in, open channel 1, declare, select confirms; then publish and
 * read confirms, or consume and settle. The ways it fails: the socket breaks, the broker closes
 * the channel or the connection, heartbeats stay away. All three end in broker_lost(), which logs
 * the reason once and drops the connection.
 *
 * Confirms are counted here because librabbitmq 0.11 does not: on a new channel the broker numbers
 * our publishes from 1. `settled` covers the tags from `first_tag` to `next_tag` - 1; an ack with
 * `multiple` settles every tag up to its own. */
#include "common/broker.h"

#include "common/program.h"

#if __has_include(<rabbitmq-c/amqp.h>) /* librabbitmq 0.12 and later */
#include <rabbitmq-c/amqp.h>
#include <rabbitmq-c/tcp_socket.h>
#else
#include <amqp.h>
#include <amqp_framing.h>
#include <amqp_tcp_socket.h>
#endif
#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>

enum {
    CHANNEL = 1,
    CONNECT_TIMEOUT_S = 5,
    RPC_TIMEOUT_S = 15,
    WAIT_MS_MAX = 1000,
    REASON_BYTES_MAX = 300,
    FRAME_BYTES_MAX = 131072,
};

struct broker {
    const struct broker_settings *settings;
    const char *name;
    amqp_connection_state_t connection; /* NULL: down */
    bool was_up;                        /* and so coming up again is worth a word */

    uint64_t first_tag; /* the oldest publish of this round */
    uint64_t next_tag;  /* what the broker will call our next publish */
    bool settled[BROKER_UNCONFIRMED_MAX];
    bool is_refused; /* any of this round */
};

struct broker *broker_new(const struct broker_settings *settings, const char *name)
{
    struct broker *broker = calloc(1, sizeof(*broker));
    if (!broker)
        return NULL;
    broker->settings = settings;
    broker->name = name;
    return broker;
}

static void broker_drop(struct broker *broker)
{
    if (broker->connection)
        amqp_destroy_connection(broker->connection);
    broker->connection = NULL;
}

void broker_disconnect(struct broker *broker)
{
    if (broker->connection)
        amqp_connection_close(broker->connection, AMQP_REPLY_SUCCESS);
    broker_drop(broker);
}

void broker_free(struct broker **broker)
{
    if (!*broker)
        return;
    broker_disconnect(*broker);
    free(*broker);
    *broker = NULL;
}

/* What the broker or the library said, as a sentence. Writes into the caller's buffer. */
static const char *reply_text(amqp_rpc_reply_t reply, char *reason)
{
    if (reply.reply_type == AMQP_RESPONSE_LIBRARY_EXCEPTION) {
        snprintf(reason, REASON_BYTES_MAX, "%s", amqp_error_string2(reply.library_error));
    } else if (reply.reply_type != AMQP_RESPONSE_SERVER_EXCEPTION) {
        snprintf(reason, REASON_BYTES_MAX, "no answer");
    } else if (reply.reply.id == AMQP_CONNECTION_CLOSE_METHOD) {
        const amqp_connection_close_t *close = reply.reply.decoded;
        snprintf(reason, REASON_BYTES_MAX, "%u %.*s", close->reply_code, (int)close->reply_text.len,
                 (const char *)close->reply_text.bytes);
    } else if (reply.reply.id == AMQP_CHANNEL_CLOSE_METHOD) {
        const amqp_channel_close_t *close = reply.reply.decoded;
        snprintf(reason, REASON_BYTES_MAX, "%u %.*s", close->reply_code, (int)close->reply_text.len,
                 (const char *)close->reply_text.bytes);
    } else {
        snprintf(reason, REASON_BYTES_MAX, "%s", amqp_method_name(reply.reply.id));
    }
    return reason;
}

/* The one way from up to down that we did not ask for. Always returns -1. */
static int broker_lost(struct broker *broker, const char *reason)
{
    program_log("lost the broker: %s", reason);
    broker_drop(broker);
    return -1;
}

static int broker_lost_status(struct broker *broker, int status)
{
    return broker_lost(broker, amqp_error_string2(status));
}

/* --- coming up -------------------------------------------------------------------------------- */

/* Besides its name, a client says that it wants to be told when its consumer is cancelled: without
 * that it would wait on a deleted queue for ever. */
static amqp_rpc_reply_t log_in(const struct broker *broker)
{
    const struct broker_settings *settings = broker->settings;
    amqp_table_entry_t capability = {
        .key = amqp_cstring_bytes("consumer_cancel_notify"),
        .value = {.kind = AMQP_FIELD_KIND_BOOLEAN, .value = {.boolean = 1}},
    };
    amqp_table_entry_t entries[] = {
        {.key = amqp_cstring_bytes("connection_name"),
         .value = {.kind = AMQP_FIELD_KIND_UTF8,
                   .value = {.bytes = amqp_cstring_bytes(broker->name)}}},
        {.key = amqp_cstring_bytes("capabilities"),
         .value = {.kind = AMQP_FIELD_KIND_TABLE,
                   .value = {.table = {.num_entries = 1, .entries = &capability}}}},
    };
    amqp_table_t properties = {.num_entries = 2, .entries = entries};
    return amqp_login_with_properties(broker->connection, settings->vhost, 0, FRAME_BYTES_MAX,
                                      BROKER_HEARTBEAT_S, &properties, AMQP_SASL_METHOD_PLAIN,
                                      settings->user, settings->password);
}

/* Declares the exchange, and a queue with its binding for each route. Saying it again changes
 * nothing, so every program says it, and the order in which they start does not matter. */
static void declare_orders(amqp_connection_state_t connection)
{
    amqp_bytes_t exchange = amqp_cstring_bytes(ORDER_EXCHANGE);
    bool is_ok = amqp_exchange_declare(connection, CHANNEL, exchange, amqp_cstring_bytes("direct"),
                                       0, 1, 0, 0, amqp_empty_table) != NULL;
    for (int i = 0; is_ok && i < ORDER_ROUTES; i++) {
        amqp_bytes_t queue = amqp_cstring_bytes(order_routes[i].queue);
        amqp_bytes_t key = amqp_cstring_bytes(order_routes[i].routing_key);
        is_ok = amqp_queue_declare(connection, CHANNEL, queue, 0, 1, 0, 0, amqp_empty_table) &&
                amqp_queue_bind(connection, CHANNEL, queue, exchange, key, amqp_empty_table);
    }
}

/* One try. Returns 0, or -1 with the reason in the caller's buffer and the connection dropped. */
static int connect_once(struct broker *broker, char *reason)
{
    const struct timeval connect_timeout = {.tv_sec = CONNECT_TIMEOUT_S};
    const struct timeval rpc_timeout = {.tv_sec = RPC_TIMEOUT_S};
    amqp_rpc_reply_t reply;

    broker->connection = amqp_new_connection();
    amqp_socket_t *socket = broker->connection ? amqp_tcp_socket_new(broker->connection) : NULL;
    if (!socket) {
        snprintf(reason, REASON_BYTES_MAX, "out of memory");
        goto fail;
    }
    amqp_set_handshake_timeout(broker->connection, &connect_timeout);
    amqp_set_rpc_timeout(broker->connection, &rpc_timeout);
    int status = amqp_socket_open_noblock(socket, broker->settings->host, broker->settings->port,
                                          &connect_timeout);
    if (status != AMQP_STATUS_OK) {
        snprintf(reason, REASON_BYTES_MAX, "%s", amqp_error_string2(status));
        goto fail;
    }
    reply = log_in(broker);
    if (reply.reply_type != AMQP_RESPONSE_NORMAL)
        goto refused;
    amqp_channel_open(broker->connection, CHANNEL);
    reply = amqp_get_rpc_reply(broker->connection);
    if (reply.reply_type != AMQP_RESPONSE_NORMAL)
        goto refused;
    declare_orders(broker->connection);
    reply = amqp_get_rpc_reply(broker->connection);
    if (reply.reply_type != AMQP_RESPONSE_NORMAL)
        goto refused;
    amqp_confirm_select(broker->connection, CHANNEL);
    reply = amqp_get_rpc_reply(broker->connection);
    if (reply.reply_type != AMQP_RESPONSE_NORMAL)
        goto refused;
    return 0;

refused:
    reply_text(reply, reason);
fail:
    broker_drop(broker);
    return -1;
}

int broker_connect(struct broker *broker)
{
    char reason[REASON_BYTES_MAX], said[REASON_BYTES_MAX] = "";
    struct backoff backoff = {0};
    int64_t start_us = clock_steady_us();

    while (!broker->connection) {
        if (program_is_ending())
            return -1;
        if (connect_once(broker, reason) == 0)
            break;
        if (strcmp(reason, said) != 0)
            program_log("no broker at %s:%d (%s), trying again until there is one",
                        broker->settings->host, broker->settings->port, reason);
        snprintf(said, sizeof(said), "%s", reason);
        if (backoff_wait(&backoff))
            return -1;
    }
    broker->first_tag = 1;
    broker->next_tag = 1;
    broker->is_refused = false;
    memset(broker->settled, 0, sizeof(broker->settled));
    program_log("%s to %s:%d in %.1f ms", broker->was_up ? "connected again" : "connected",
                broker->settings->host, broker->settings->port,
                (double)(clock_steady_us() - start_us) / 1000);
    broker->was_up = true;
    return 0;
}

/* --- reading ---------------------------------------------------------------------------------- */

/* A frame that is neither a delivery nor about a confirm. Returns 0 when it changes nothing. */
static int take_other_frame(struct broker *broker, const amqp_frame_t *frame)
{
    amqp_connection_close_ok_t close_ok = {0};
    char reason[REASON_BYTES_MAX];
    if (frame->frame_type != AMQP_FRAME_METHOD)
        return 0;
    switch (frame->payload.method.id) {
    case AMQP_CONNECTION_CLOSE_METHOD:
    case AMQP_CHANNEL_CLOSE_METHOD: {
        if (frame->payload.method.id == AMQP_CONNECTION_CLOSE_METHOD)
            amqp_send_method(broker->connection, 0, AMQP_CONNECTION_CLOSE_OK_METHOD, &close_ok);
        amqp_rpc_reply_t reply = {.reply_type = AMQP_RESPONSE_SERVER_EXCEPTION,
                                  .reply = frame->payload.method};
        return broker_lost(broker, reply_text(reply, reason));
    }
    case AMQP_BASIC_CANCEL_METHOD:
        return broker_lost(broker, "it cancelled our consumer: the queue is gone");
    default: return 0;
    }
}

static void settle(struct broker *broker, uint64_t tag, bool multiple, bool is_refused)
{
    uint64_t from = multiple ? broker->first_tag : tag;
    for (uint64_t each = from; each <= tag; each++) {
        if (each >= broker->first_tag && each < broker->next_tag)
            broker->settled[each - broker->first_tag] = true;
    }
    if (is_refused) {
        program_log("the broker refused publish %" PRIu64, tag);
        broker->is_refused = true;
    }
}

/* A mandatory message that no queue took comes back, and is confirmed after that. */
static int take_return(struct broker *broker, const amqp_basic_return_t *method)
{
    program_log("the broker returned an order for '%.*s': %u %.*s", (int)method->routing_key.len,
                (const char *)method->routing_key.bytes, method->reply_code,
                (int)method->reply_text.len, (const char *)method->reply_text.bytes);
    broker->is_refused = true;
    char reason[REASON_BYTES_MAX];
    amqp_message_t message;
    amqp_rpc_reply_t reply = amqp_read_message(broker->connection, CHANNEL, &message, 0);
    if (reply.reply_type != AMQP_RESPONSE_NORMAL)
        return broker_lost(broker, reply_text(reply, reason));
    amqp_destroy_message(&message);
    return 0;
}

static int take_frame(struct broker *broker, const amqp_frame_t *frame)
{
    if (frame->frame_type != AMQP_FRAME_METHOD)
        return 0;
    switch (frame->payload.method.id) {
    case AMQP_BASIC_ACK_METHOD: {
        const amqp_basic_ack_t *ack = frame->payload.method.decoded;
        settle(broker, ack->delivery_tag, ack->multiple, false);
        return 0;
    }
    case AMQP_BASIC_NACK_METHOD: {
        const amqp_basic_nack_t *nack = frame->payload.method.decoded;
        settle(broker, nack->delivery_tag, nack->multiple, true);
        return 0;
    }
    case AMQP_BASIC_RETURN_METHOD: return take_return(broker, frame->payload.method.decoded);
    default: return take_other_frame(broker, frame);
    }
}

/* Waits until there may be something to read, `wake_fd` is readable (-1: none), the program is to
 * end, or a second has passed. */
static int wait_readable(struct broker *broker, int wake_fd)
{
    amqp_maybe_release_buffers_on_channel(broker->connection, CHANNEL);
    if (amqp_frames_enqueued(broker->connection) || amqp_data_in_buffer(broker->connection))
        return 0;
    struct pollfd wanted[] = {
        {.fd = amqp_get_sockfd(broker->connection), .events = POLLIN},
        {.fd = program_end_fd(), .events = POLLIN},
        {.fd = wake_fd, .events = POLLIN}, /* poll() passes over -1 */
    };
    if (poll(wanted, 3, WAIT_MS_MAX) < 0 && errno != EINTR)
        return broker_lost(broker, strerror(errno));
    return 0;
}

/* Reads what is there, up to one frame. The library also sends and expects
 * heartbeats when it is asked to read, so ask at least every second. */
static int read_frame(struct broker *broker)
{
    struct timeval none = {0};
    amqp_frame_t frame;
    int status = amqp_simple_wait_frame_noblock(broker->connection, &frame, &none);
    if (status == AMQP_STATUS_TIMEOUT)
        return 0;
    if (status != AMQP_STATUS_OK)
        return broker_lost_status(broker, status);
    return take_frame(broker, &frame);
}

int broker_idle(struct broker *broker, int wake_fd)
{
    if (wait_readable(broker, wake_fd) < 0)
        return -1;
    return read_frame(broker);
}

/* --- publishing ------------------------------------------------------------------------------- */

int broker_publish(struct broker *broker, const char *routing_key, const char *message_id,
                   const char *body)
{
    assert(broker->next_tag - broker->first_tag < BROKER_UNCONFIRMED_MAX);
    amqp_basic_properties_t properties = {
        ._flags = AMQP_BASIC_CONTENT_TYPE_FLAG | AMQP_BASIC_DELIVERY_MODE_FLAG |
                  AMQP_BASIC_MESSAGE_ID_FLAG | AMQP_BASIC_TIMESTAMP_FLAG | AMQP_BASIC_APP_ID_FLAG,
        .content_type = amqp_cstring_bytes("application/json"),
        .delivery_mode = AMQP_DELIVERY_PERSISTENT,
        .message_id = amqp_cstring_bytes(message_id),
        .timestamp = (uint64_t)(clock_wall_ms() / 1000),
        .app_id = amqp_cstring_bytes(broker->name),
    };
    int status = amqp_basic_publish(broker->connection, CHANNEL, amqp_cstring_bytes(ORDER_EXCHANGE),
                                    amqp_cstring_bytes(routing_key), 1, 0, &properties,
                                    amqp_cstring_bytes(body));
    if (status != AMQP_STATUS_OK)
        return broker_lost_status(broker, status);
    broker->next_tag++;
    return 0;
}

static bool all_settled(const struct broker *broker)
{
    for (uint64_t tag = broker->first_tag; tag < broker->next_tag; tag++) {
        if (!broker->settled[tag - broker->first_tag])
            return false;
    }
    return true;
}

int broker_await_confirms(struct broker *broker, enum confirmation *ret)
{
    while (!all_settled(broker)) {
        if (program_is_ending() || broker_idle(broker, -1) < 0)
            return -1;
    }
    *ret = broker->is_refused ? CONFIRM_REFUSED : CONFIRMED;
    broker->first_tag = broker->next_tag;
    broker->is_refused = false;
    memset(broker->settled, 0, sizeof(broker->settled));
    return 0;
}

/* --- consuming -------------------------------------------------------------------------------- */

int broker_consume(struct broker *broker, const char *queue, int prefetch_count)
{
    char reason[REASON_BYTES_MAX];
    amqp_basic_qos(broker->connection, CHANNEL, 0, (uint16_t)prefetch_count, 0);
    amqp_rpc_reply_t reply = amqp_get_rpc_reply(broker->connection);
    if (reply.reply_type != AMQP_RESPONSE_NORMAL)
        return broker_lost(broker, reply_text(reply, reason));
    amqp_basic_consume(broker->connection, CHANNEL, amqp_cstring_bytes(queue), amqp_empty_bytes, 0,
                       0, 0, amqp_empty_table);
    reply = amqp_get_rpc_reply(broker->connection);
    if (reply.reply_type != AMQP_RESPONSE_NORMAL)
        return broker_lost(broker, reply_text(reply, reason));
    return 0;
}

int broker_take(struct broker *broker, struct delivery *ret)
{
    char reason[REASON_BYTES_MAX];
    struct timeval none = {0};
    if (wait_readable(broker, -1) < 0)
        return -1;
    amqp_envelope_t *envelope = calloc(1, sizeof(*envelope));
    if (!envelope)
        return broker_lost(broker, "out of memory");
    amqp_rpc_reply_t reply = amqp_consume_message(broker->connection, envelope, &none, 0);
    if (reply.reply_type == AMQP_RESPONSE_NORMAL) {
        *ret = (struct delivery){
            .tag = envelope->delivery_tag,
            .is_redelivered = envelope->redelivered,
            .body = envelope->message.body.bytes,
            .body_bytes = envelope->message.body.len,
            .envelope = envelope,
        };
        return 1;
    }
    free(envelope);
    if (reply.reply_type != AMQP_RESPONSE_LIBRARY_EXCEPTION)
        return broker_lost(broker, reply_text(reply, reason));
    if (reply.library_error == AMQP_STATUS_TIMEOUT)
        return 0;
    if (reply.library_error == AMQP_STATUS_UNEXPECTED_STATE)
        return read_frame(broker); /* something that is not a delivery is next in line */
    return broker_lost(broker, reply_text(reply, reason));
}

void delivery_free(struct delivery *delivery)
{
    amqp_destroy_envelope(delivery->envelope);
    free(delivery->envelope);
    *delivery = (struct delivery){0};
}

int broker_ack(struct broker *broker, uint64_t tag)
{
    int status = amqp_basic_ack(broker->connection, CHANNEL, tag, 0);
    return status == AMQP_STATUS_OK ? 0 : broker_lost_status(broker, status);
}

static int settle_otherwise(struct broker *broker, uint64_t tag, bool requeue)
{
    int status = amqp_basic_nack(broker->connection, CHANNEL, tag, 0, requeue);
    return status == AMQP_STATUS_OK ? 0 : broker_lost_status(broker, status);
}

int broker_requeue(struct broker *broker, uint64_t tag)
{
    return settle_otherwise(broker, tag, true);
}

int broker_reject(struct broker *broker, uint64_t tag)
{
    return settle_otherwise(broker, tag, false);
}
