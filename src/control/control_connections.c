/* Commands about connections, channels and consumers, which live on the loops they were accepted on.
 * Each loop copies its facts in one visit; JSON is made of the copies here, off the loops. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "control/control_private.h"
#include "queue/arguments.h"

/* --- copies ------------------------------------------------------------------------------- */

/* One malloc each: the facts, and behind them the bytes their slices point at. Only what its kind
 * has is filled in. */
struct session_row {
    struct session_row *next;
    struct session_facts connection;
    struct net_peer peer;
    struct session_channel_facts channel;
    struct session_consumer_facts consumer;
};

struct session_rows {
    struct session_row *first[LOOPS_MAX]; /* each loop writes its own place */
};

/* Where a loop's visit leaves what it finds. */
struct visit {
    struct session_row **first;
};

enum { SLICES = 15 };

/* Points every slice at its own copy behind the row. */
static struct session_row *row_copy(const struct session_row *from)
{
    struct session_row row = *from;
    struct slice *slices[SLICES] = {
        &row.connection.name,
        &row.connection.user,
        &row.connection.vhost,
        &row.connection.auth_mechanism,
        &row.connection.client_properties,
        &row.connection.tls.protocol,
        &row.connection.tls.key_exchange,
        &row.connection.tls.cipher,
        &row.connection.tls.hash,
        &row.connection.tls.cert_subject,
        &row.connection.tls.cert_issuer,
        &row.connection.tls.cert_validity,
        &row.consumer.queue,
        &row.consumer.tag,
        &row.consumer.arguments,
    };
    size_t bytes = 0;
    for (size_t i = 0; i < SLICES; i++)
        bytes += slices[i]->n;
    struct session_row *copy = lv_malloc(sizeof *copy + bytes);
    uint8_t *p = (uint8_t *)(copy + 1);
    for (size_t i = 0; i < SLICES; i++) {
        if (slices[i]->n > 0)
            memcpy(p, slices[i]->p, slices[i]->n);
        slices[i]->p = p;
        p += slices[i]->n;
    }
    *copy = row;
    return copy;
}

static void visit_add(struct visit *v, const struct session_row *row)
{
    struct session_row *copy = row_copy(row);
    copy->next = *v->first;
    *v->first = copy;
}

static void visit_connection(void *arg, const struct session_facts *facts)
{
    struct session_row row = {.connection = *facts, .peer = *facts->peer};
    visit_add(arg, &row);
}

/* A channel's row needs less of its connection. */
static struct session_row row_of_channel(const struct session_channel_facts *facts)
{
    struct session_row row = {.connection = *facts->connection, .channel = *facts};
    row.connection.client_properties = SLICE_EMPTY;
    return row;
}

static void visit_channel(void *arg, const struct session_channel_facts *facts)
{
    struct session_row row = row_of_channel(facts);
    visit_add(arg, &row);
}

static void visit_consumer(void *arg, const struct session_consumer_facts *facts)
{
    struct session_row row = row_of_channel(facts->channel);
    row.consumer = *facts;
    visit_add(arg, &row);
}

struct gathering {
    struct session_rows rows;
    struct session_visitor visitor;
};

static void gather_on_loop(struct loop *loop, void *arg)
{
    struct gathering *g = arg;
    struct visit visit = {&g->rows.first[loop_index(loop)]};
    sessions_visit(loop, &g->visitor, &visit);
}

static void rows_free(struct session_row *row)
{
    while (row) {
        struct session_row *next = row->next;
        free(row);
        row = next;
    }
}

static int in_order(const void *a, const void *b)
{
    const struct session_row *p = *(struct session_row *const *)a;
    const struct session_row *q = *(struct session_row *const *)b;
    if (p->connection.id != q->connection.id)
        return p->connection.id < q->connection.id ? -1 : 1;
    if (p->channel.number != q->channel.number)
        return p->channel.number < q->channel.number ? -1 : 1;
    return slice_compare(p->consumer.tag, q->consumer.tag);
}

/* Writes a row for each that `vhost` (NULL: any) matches, by connection, channel, tag. */
static void rows_write(struct request *r, const struct columns *columns, struct gathering *g,
                       const struct slice *vhost)
{
    struct session_row **rows = NULL;
    size_t count = 0, capacity = 0;
    for (unsigned i = 0; i < LOOPS_MAX; i++) {
        for (struct session_row *row = g->rows.first[i]; row; row = row->next) {
            if (vhost && !slice_equal(row->connection.vhost, *vhost))
                continue;
            if (count == capacity) {
                capacity = capacity ? capacity * 2 : 64;
                rows = lv_realloc(rows, capacity * sizeof(struct session_row *));
            }
            rows[count++] = row;
        }
    }
    if (count > 0)
        qsort(rows, count, sizeof(struct session_row *), in_order);
    for (size_t i = 0; i < count && !request_is_cut(r); i++)
        columns_row(r, columns, rows[i]);
    free(rows);
}

static void list(struct request *r, const struct column *all, const struct session_visitor *visitor,
                 const struct slice *vhost)
{
    struct columns columns;
    if (!columns_choose(r, all, &columns))
        return;
    struct gathering *g = lv_calloc(1, sizeof *g);
    g->visitor = *visitor;
    int err = ask_every_loop(r->asker, gather_on_loop, g);
    if (err == 0)
        rows_write(r, &columns, g, vhost);
    for (unsigned i = 0; i < LOOPS_MAX; i++)
        rows_free(g->rows.first[i]);
    free(g);
    request_end(r, err);
}

/* --- columns ------------------------------------------------------------------------------ */

#define COLUMN(name, value)                                                                        \
    static json_t *name(const struct request *r, const void *p)                                    \
    {                                                                                              \
        const struct session_row *row = p;                                                         \
        (void)r;                                                                                   \
        (void)row;                                                                                 \
        return value;                                                                              \
    }

COLUMN(connection_pid, json_of_pid(r, row->connection.id, 0))
COLUMN(connection_name, json_of_slice(row->connection.name))
COLUMN(user, json_of_slice(row->connection.user))
COLUMN(vhost, json_of_slice(row->connection.vhost))
COLUMN(host, json_string(row->peer.local.text))
COLUMN(port, json_integer(row->peer.local.port))
COLUMN(peer_host, json_string(row->peer.peer.text))
COLUMN(peer_port, json_integer(row->peer.peer.port))
COLUMN(state, json_string(row->connection.state))
COLUMN(channels, json_of_u64(row->connection.channels))
COLUMN(protocol, json_string(row->connection.protocol))
COLUMN(ssl, json_boolean(row->connection.tls.is_on))
COLUMN(ssl_protocol, json_of_slice(row->connection.tls.protocol))
COLUMN(ssl_key_exchange, json_of_slice(row->connection.tls.key_exchange))
COLUMN(ssl_cipher, json_of_slice(row->connection.tls.cipher))
COLUMN(ssl_hash, json_of_slice(row->connection.tls.hash))
COLUMN(peer_cert_subject, json_of_slice(row->connection.tls.cert_subject))
COLUMN(peer_cert_issuer, json_of_slice(row->connection.tls.cert_issuer))
COLUMN(peer_cert_validity, json_of_slice(row->connection.tls.cert_validity))
COLUMN(auth_mechanism, json_of_slice(row->connection.auth_mechanism))
COLUMN(timeout, json_integer(row->connection.heartbeat_s))
COLUMN(frame_max, json_integer(row->connection.frame_bytes_max))
COLUMN(channel_max, json_integer(row->connection.channel_max))
COLUMN(client_properties, json_of_table(row->connection.client_properties))
COLUMN(connected_at, json_of_u64(row->connection.connected_at_ms))
COLUMN(recv_oct, json_of_u64(row->connection.received_bytes))
COLUMN(send_oct, json_of_u64(row->connection.sent_bytes))
COLUMN(recv_cnt, json_of_u64(row->connection.reads))
COLUMN(send_cnt, json_of_u64(row->connection.writes))
COLUMN(send_pend, json_of_u64(row->connection.unwritten_bytes))

static const struct column connection_columns[] = {
    {"pid", connection_pid},
    {"name", connection_name},
    {"port", port},
    {"host", host},
    {"peer_port", peer_port},
    {"peer_host", peer_host},
    {"ssl", ssl},
    {"ssl_protocol", ssl_protocol},
    {"ssl_key_exchange", ssl_key_exchange},
    {"ssl_cipher", ssl_cipher},
    {"ssl_hash", ssl_hash},
    {"peer_cert_subject", peer_cert_subject},
    {"peer_cert_issuer", peer_cert_issuer},
    {"peer_cert_validity", peer_cert_validity},
    {"state", state},
    {"channels", channels},
    {"protocol", protocol},
    {"auth_mechanism", auth_mechanism},
    {"user", user},
    {"vhost", vhost},
    {"timeout", timeout},
    {"frame_max", frame_max},
    {"channel_max", channel_max},
    {"client_properties", client_properties},
    {"recv_oct", recv_oct},
    {"recv_cnt", recv_cnt},
    {"send_oct", send_oct},
    {"send_cnt", send_cnt},
    {"send_pend", send_pend},
    {"connected_at", connected_at},
    {NULL, NULL},
};

static json_t *channel_name(const struct request *r, const void *p)
{
    const struct session_row *row = p;
    struct lv_buffer text = {0};
    (void)r;
    lv_buffer_printf(&text, "%.*s (%u)", SLICE_ARG(row->connection.name), row->channel.number);
    json_t *value = json_of_slice(lv_buffer_slice(&text));
    lv_buffer_free(&text);
    return value;
}

COLUMN(channel_pid, json_of_pid(r, row->connection.id, row->channel.number))
COLUMN(number, json_integer(row->channel.number))
COLUMN(transactional, json_boolean(row->channel.is_transactional))
COLUMN(confirm, json_boolean(row->channel.is_confirming))
COLUMN(consumer_count, json_of_u64(row->channel.consumers))
COLUMN(messages_unacknowledged, json_of_u64(row->channel.unacknowledged))
COLUMN(messages_uncommitted, json_of_u64(row->channel.uncommitted))
COLUMN(acks_uncommitted, json_of_u64(row->channel.acks_uncommitted))
COLUMN(messages_unconfirmed, json_of_u64(row->channel.unconfirmed))
COLUMN(prefetch_count, json_integer(row->channel.prefetch_count))
COLUMN(global_prefetch_count, json_integer(row->channel.global_prefetch_count))

static const struct column channel_columns[] = {
    {"pid", channel_pid},
    {"connection", connection_pid},
    {"name", channel_name},
    {"number", number},
    {"user", user},
    {"vhost", vhost},
    {"transactional", transactional},
    {"confirm", confirm},
    {"consumer_count", consumer_count},
    {"messages_unacknowledged", messages_unacknowledged},
    {"messages_uncommitted", messages_uncommitted},
    {"acks_uncommitted", acks_uncommitted},
    {"messages_unconfirmed", messages_unconfirmed},
    {"prefetch_count", prefetch_count},
    {"global_prefetch_count", global_prefetch_count},
    {NULL, NULL},
};

COLUMN(queue_name, json_of_slice(row->consumer.queue))
COLUMN(consumer_tag, json_of_slice(row->consumer.tag))
COLUMN(ack_required, json_boolean(!row->consumer.no_ack))
COLUMN(consumer_prefetch, json_integer(row->consumer.prefetch_count))
COLUMN(active, json_boolean(row->consumer.is_active))
COLUMN(activity_status, json_string(row->consumer.activity))
COLUMN(consumer_arguments, json_of_arguments(row->consumer.arguments, consumer_argument_is_known))

static const struct column consumer_columns[] = {
    {"queue_name", queue_name},
    {"channel_pid", channel_pid},
    {"consumer_tag", consumer_tag},
    {"ack_required", ack_required},
    {"prefetch_count", consumer_prefetch},
    {"active", active},
    {"activity_status", activity_status},
    {"arguments", consumer_arguments},
    {NULL, NULL},
};

/* --- listings ----------------------------------------------------------------------------- */

static void run_list_connections(struct request *r)
{
    list(r, connection_columns, &(struct session_visitor){.connection = visit_connection}, NULL);
}

static void run_list_channels(struct request *r)
{
    list(r, channel_columns, &(struct session_visitor){.channel = visit_channel}, NULL);
}

static void run_list_consumers(struct request *r)
{
    struct slice vhost_name = request_string(r, "vhost");
    list(r, consumer_columns, &(struct session_visitor){.consumer = visit_consumer}, &vhost_name);
}

/* --- closing ------------------------------------------------------------------------------ */

struct closing {
    uint64_t id;
    struct slice vhost, user;
    const char *reason;
    _Atomic uint64_t closed;
};

static void close_one_on_loop(struct loop *loop, void *arg)
{
    struct closing *c = arg;
    if (sessions_close(loop, c->id, c->reason))
        atomic_fetch_add_explicit(&c->closed, 1, memory_order_relaxed);
}

/* "<node.1.ID.CHANNEL>" as json_of_pid() makes it; the node's name may have dots of its own. */
static bool parse_pid(struct slice text, uint64_t *ret_id)
{
    char copy[512];
    unsigned long long id, channel;
    int end = -1;
    if (text.n < 2 || text.n >= sizeof copy || text.p[0] != '<')
        return false;
    memcpy(copy, text.p, text.n);
    copy[text.n] = '\0';
    char *from = copy + text.n;
    for (unsigned dots = 0; dots < 3; dots++) {
        do {
            if (--from <= copy)
                return false;
        } while (*from != '.');
    }
    if (sscanf(from, ".%*u.%llu.%llu>%n", &id, &channel, &end) != 2 || end < 0 || from[end] != '\0')
        return false;
    *ret_id = id;
    return true;
}

static void run_close_connection(struct request *r)
{
    struct slice pid = request_string(r, "pid");
    struct closing c = {.reason = (const char *)request_string(r, "reason").p};
    if (!parse_pid(pid, &c.id)) {
        request_refuse(r, "invalid_pid", "\"%.*s\" is no connection's pid", SLICE_ARG(pid));
        return;
    }
    int err = ask_every_loop(r->asker, close_one_on_loop, &c);
    if (err < 0)
        request_end(r, err);
    else
        request_done(r, json_pack("{s:I}", "closed", (json_int_t)c.closed));
}

/* Which connections a close_all_connections means. */
static bool is_meant(const struct closing *c, const struct session_facts *facts)
{
    return (c->vhost.n == 0 || slice_equal(c->vhost, facts->vhost)) &&
           (c->user.n == 0 || slice_equal(c->user, facts->user)) &&
           strcmp(facts->state, "closing") != 0;
}

static void count_meant(void *arg, const struct session_facts *facts)
{
    struct closing *c = arg;
    if (is_meant(c, facts))
        atomic_fetch_add_explicit(&c->closed, 1, memory_order_relaxed);
}

static void close_meant_on_loop(struct loop *loop, void *arg)
{
    struct closing *c = arg;
    sessions_visit(loop, &(struct session_visitor){.connection = count_meant}, c);
    sessions_close_matching(loop, c->vhost, c->user, c->reason);
}

static void run_close_all_connections(struct request *r)
{
    struct closing c = {
        .vhost = request_string(r, "vhost"),
        .user = request_string(r, "user"),
        .reason = (const char *)request_string(r, "reason").p,
    };
    int err = ask_every_loop(r->asker, close_meant_on_loop, &c);
    if (err < 0)
        request_end(r, err);
    else
        request_done(r, json_pack("{s:I}", "closed", (json_int_t)c.closed));
}

const struct control_command control_connection_commands[] = {
    {"list_connections", run_list_connections, "", "a row for each connection: columns"},
    {"list_channels", run_list_channels, "", "a row for each channel: columns"},
    {"list_consumers", run_list_consumers, "vhost", "a row for each consumer: columns"},
    {"close_connection", run_close_connection, "pid reason", "closes it, if it is there"},
    {"close_all_connections", run_close_all_connections, "reason [vhost] [user]",
     "closes those on the vhost and of the user; absent: of any"},
    {NULL, NULL, NULL, NULL},
};
