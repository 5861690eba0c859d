/* The node, and what it has counted. */
#include <math.h>

#include "base/clock.h"
#include "base/error.h"
#include "broker/parameters.h"
#include "metrics/gather_sessions.h"
#include "metrics/sources.h"

/* --- the node --------------------------------------------------------------------------------- */

static double started_s(const struct node_facts *node)
{
    return floor((double)(clock_wall_ms() - node->uptime_ms) / 1000);
}

static double count_syncs(const struct counters *c)
{
    double sum = (double)c->segment_syncs;
    for (unsigned i = 0; i < DOUBLING_BUCKETS; i++)
        sum += (double)(&c->log_syncs_64us_1)[i];
    return sum;
}

int node_gather(struct gathering *g)
{
    struct node_figures figures;
    node_facts_gather(g->m, &figures.node);
    process_facts_read(&figures.process);
    counters_read(&figures.counters);
    figures.started_s = started_s(&figures.node);
    figures.syncs = count_syncs(&figures.counters);
    g->part_count = 1;
    gathering_add(g, &g->parts[0], SLICE_EMPTY, &figures);
    return 0;
}

int ever_gather(struct gathering *g)
{
    struct counters c;
    counters_read(&c);
    const struct ever_figures figures = {
        .counters = {.published = c.queued,
                     .delivered = c.delivered,
                     .delivered_no_ack = c.delivered_no_ack,
                     .got = c.got,
                     .got_no_ack = c.got_no_ack,
                     .got_empty = c.got_empty,
                     .redelivered = c.redelivered,
                     .acked = c.acked,
                     .disk = {.lost = c.messages_lost,
                              .writes = c.messages_written,
                              .reads = c.messages_read}},
        .counts = {.publish = c.published,
                   .confirm = c.confirmed,
                   .return_unroutable = c.returned,
                   .drop_unroutable = c.unroutable,
                   .deliver = c.delivered,
                   .deliver_no_ack = c.delivered_no_ack,
                   .get = c.got,
                   .get_no_ack = c.got_no_ack,
                   .get_empty = c.got_empty,
                   .redeliver = c.redelivered,
                   .ack = c.acked},
        .received_bytes = c.received_bytes,
        .sent_bytes = c.sent_bytes,
        .reads = c.socket_reads,
        .writes = c.socket_writes,
    };
    g->part_count = 1;
    gathering_add(g, &g->parts[0], SLICE_EMPTY, &figures);
    return 0;
}

int store_gather(struct gathering *g)
{
    struct store_sizes sizes;
    g->part_count = 1;
    node_store_sizes(g->m, &sizes);
    gathering_add(g, &g->parts[0], SLICE_EMPTY, &sizes);
    return 0;
}

int memory_gather(struct gathering *g)
{
    struct node_memory memory;
    struct manage_error error = {0};
    bool is_known = node_memory_gather(g->m, &memory, &error);
    g->part_count = 1;
    if (is_known)
        gathering_add(g, &g->parts[0], SLICE_EMPTY, &memory);
    manage_error_free(&error);
    return is_known ? 0 : ERR_CLOSED; /* the actor may do everything */
}

/* --- what listens ----------------------------------------------------------------------------- */

static void add_listener(void *arg, const struct node_listener *listener)
{
    struct gathering *g = arg;
    struct lv_buffer labels = {0}, port = {0};
    lv_buffer_printf(&port, "%u", listener->port);
    label_add(&labels, "protocol", slice_str(listener->protocol));
    label_add(&labels, "interface", slice_str(listener->interface));
    label_add(&labels, "port", lv_buffer_slice(&port));
    gathering_add(g, &g->parts[0], lv_buffer_slice(&labels), listener);
    lv_buffer_free(&labels);
    lv_buffer_free(&port);
}

int listeners_gather(struct gathering *g)
{
    g->part_count = 1;
    node_each_listener(g->m, add_listener, g);
    return 0;
}

static void add_certificate(void *arg, const struct node_certificate *certificate)
{
    struct gathering *g = arg;
    struct lv_buffer labels = {0};
    label_add(&labels, "path", slice_str(certificate->path));
    label_add(&labels, "subject", slice_str(certificate->subject));
    gathering_add(g, &g->parts[0], lv_buffer_slice(&labels), certificate);
    lv_buffer_free(&labels);
}

int certificates_gather(struct gathering *g)
{
    g->part_count = 1;
    node_each_certificate(g->m, add_certificate, g);
    return 0;
}

static void add_with_label(struct gathering *g, const char *name, struct slice value,
                           const void *facts)
{
    struct lv_buffer labels = {0};
    label_add(&labels, name, value);
    gathering_add(g, &g->parts[0], lv_buffer_slice(&labels), facts);
    lv_buffer_free(&labels);
}

/* --- by protocol ------------------------------------------------------------------------------ */

/* There is one protocol so far, so its counters are those of all. */
#define PROTOCOL "amqp091"

static void add_logins(void *arg, const struct auth_attempts_row *row)
{
    add_with_label(arg, "protocol", slice_str(row->protocol), row);
}

int auth_gather(struct gathering *g)
{
    g->part_count = 1;
    auth_each_protocol_ever(g->m->auth, add_logins, g);
    return 0;
}

static void add_login_source(void *arg, const struct auth_attempts_row *row)
{
    struct gathering *g = arg;
    struct lv_buffer labels = {0};
    label_add(&labels, "remote_address", row->address);
    label_add(&labels, "username", row->user);
    label_add(&labels, "protocol", slice_str(row->protocol));
    gathering_add(g, &g->parts[0], lv_buffer_slice(&labels), row);
    lv_buffer_free(&labels);
}

int login_sources_gather(struct gathering *g)
{
    g->part_count = 1;
    auth_each_attempts(g->m->auth, true, add_login_source, g);
    return 0;
}

int protocol_gather(struct gathering *g)
{
    struct protocol_figures figures;
    g->part_count = 1;
    int err = sessions_count_publishers(g->m, &figures.publishers);
    if (err < 0)
        return err;
    counters_read(&figures.counters);
    add_with_label(g, "protocol", slice_str(PROTOCOL), &figures);
    return 0;
}

void message_sizes_read(struct manage *m, struct lv_buffer *labels, struct histogram_counts *ret)
{
    struct counters c;
    (void)m;
    counters_read(&c);
    label_add(labels, "protocol", slice_str(PROTOCOL));
    ret->bounds = SIZE_BUCKETS - 1;
    for (unsigned i = 0; i < SIZE_BUCKETS; i++) {
        ret->count[i] = (&c.published_to_100)[i];
        if (i < ret->bounds)
            ret->bound[i] = (double)size_bounds[i];
    }
    ret->sum = (double)c.published_bytes;
}

/* --- histograms whose bounds double ----------------------------------------------------------- */

/* Reads the counters of a COUNTERS_DOUBLING(). `sum` is in the unit of the metric, `unit` the first
 * bound. */
static void read_doubling(const _Atomic uint64_t *first, double unit, double sum,
                          struct histogram_counts *ret)
{
    ret->bounds = DOUBLING_BUCKETS - 1;
    ret->sum = sum;
    for (unsigned i = 0; i < DOUBLING_BUCKETS; i++) {
        ret->count[i] = first[i];
        if (i < ret->bounds)
            ret->bound[i] = unit * (double)(1u << i);
    }
}

#define DOUBLING(source, first, unit, sum)                                                         \
    void source##_read(struct manage *m, struct lv_buffer *labels, struct histogram_counts *ret)   \
    {                                                                                              \
        struct counters c;                                                                         \
        (void)m, (void)labels;                                                                     \
        counters_read(&c);                                                                         \
        read_doubling(&c.first, (unit), (sum), ret);                                               \
    }
DOUBLING(loop_turns, turns_16us_1, 16e-6, (double)c.turn_ns / 1e9)
DOUBLING(loop_mail, mail_waiting_1, 1, (double)c.mail_waited)
DOUBLING(log_syncs, log_syncs_64us_1, 64e-6, (double)c.log_sync_us / 1e6)
DOUBLING(confirms, confirmed_ms_1, 1e-3, (double)c.confirm_ms / 1e3)

/* --- by the type of queues -------------------------------------------------------------------- */

static const char *const queue_types[] = {
    [QUEUE_CLASSIC] = "rabbit_classic_queue",
    [QUEUE_QUORUM] = "rabbit_quorum_queue",
    [COUNTED_QUEUE_TYPES] = "rabbit_stream_queue", /* which there are none of yet */
};
enum { QUEUE_TYPES = sizeof queue_types / sizeof *queue_types };

/* The n-th of several counters in a row. */
#define NTH(first, n) ((double)(&(first))[n])

static void add_queue_type(struct gathering *g, const struct counters *c, unsigned type)
{
    struct queue_type_figures figures = {0};
    struct lv_buffer labels = {0};
    if (type < COUNTED_QUEUE_TYPES)
        figures = (struct queue_type_figures){
            .delivered = NTH(c->delivered_classic, type),
            .delivered_no_ack = NTH(c->delivered_no_ack_classic, type),
            .got = NTH(c->got_classic, type),
            .got_no_ack = NTH(c->got_no_ack_classic, type),
            .got_empty = NTH(c->got_empty_classic, type),
            .redelivered = NTH(c->redelivered_classic, type),
            .acked = NTH(c->acked_classic, type),
        };
    label_add(&labels, "protocol", slice_str(PROTOCOL));
    label_add(&labels, "queue_type", slice_str(queue_types[type]));
    gathering_add(g, &g->parts[0], lv_buffer_slice(&labels), &figures);
    lv_buffer_free(&labels);
}

int queue_type_gather(struct gathering *g)
{
    struct counters c;
    counters_read(&c);
    g->part_count = 1;
    for (unsigned type = 0; type < QUEUE_TYPES; type++)
        add_queue_type(g, &c, type);
    return 0;
}

static void add_dead_letters(struct gathering *g, const struct counters *c, unsigned type,
                             unsigned strategy)
{
    static const char *const strategies[STRATEGIES] = {
        [STRATEGY_DISABLED] = "disabled",
        [STRATEGY_AT_MOST_ONCE] = "at_most_once",
        [STRATEGY_AT_LEAST_ONCE] = "at_least_once",
    };
    unsigned n = type * STRATEGIES + strategy;
    bool can_be_confirmed = type == QUEUE_QUORUM && strategy == STRATEGY_AT_LEAST_ONCE;
    struct dead_letter_figures figures = {
        .rejected = NTH(c->rejected_classic_disabled, n),
        .expired = NTH(c->expired_classic_disabled, n),
        .maxlen = NTH(c->maxlen_classic_disabled, n),
        .delivery_limit = NTH(c->delivery_limit_classic_disabled, n),
        .confirmed = can_be_confirmed ? (double)c->dead_lettered_confirmed : NAN,
    };
    struct lv_buffer labels = {0};
    label_add(&labels, "queue_type", slice_str(queue_types[type]));
    label_add(&labels, "dead_letter_strategy", slice_str(strategies[strategy]));
    gathering_add(g, &g->parts[0], lv_buffer_slice(&labels), &figures);
    lv_buffer_free(&labels);
}

int dead_letters_gather(struct gathering *g)
{
    struct counters c;
    counters_read(&c);
    g->part_count = 1;
    for (unsigned type = 0; type < COUNTED_QUEUE_TYPES; type++)
        for (unsigned strategy = 0; strategy < STRATEGIES; strategy++)
            add_dead_letters(g, &c, type, strategy);
    return 0;
}

/* --- what runs -------------------------------------------------------------------------------- */

static void gather_info(struct gathering *g, const struct lv_buffer *labels)
{
    g->part_count = 1;
    gathering_add(g, &g->parts[0], lv_buffer_slice(labels), NULL);
}

int build_gather(struct gathering *g)
{
    struct node_facts node;
    struct lv_buffer labels = {0};
    node_facts_gather(g->m, &node);
    label_add(&labels, "rabbitmq_version", slice_str(node.version));
    label_add(&labels, "prometheus_plugin_version", slice_str(node.version));
    label_add(&labels, "prometheus_client_version", slice_str(node.leveret_version));
    label_add(&labels, "erlang_version", slice_str("none"));
    label_add(&labels, "product_name", slice_str("Leveret"));
    label_add(&labels, "product_version", slice_str(node.leveret_version));
    gather_info(g, &labels);
    lv_buffer_free(&labels);
    return 0;
}

static const char *endpoint_name(enum family_endpoint endpoint)
{
    switch (endpoint) {
    case SHOWN_PER_OBJECT: return "per-object";
    case SHOWN_DETAILED: return "detailed";
    case SHOWN_MEMORY: return "memory-breakdown";
    default: return "aggregated";
    }
}

int identity_gather(struct gathering *g)
{
    struct slice cluster = cluster_name_now(g->m->broker, g->m->sessions->settings.cluster_name);
    struct lv_buffer labels = {0};
    label_add(&labels, "rabbitmq_node", slice_str(g->m->node_name));
    label_add(&labels, "rabbitmq_cluster", cluster);
    label_add(&labels, "rabbitmq_cluster_permanent_id", cluster_id_now(g->m->broker));
    label_add(&labels, "rabbitmq_endpoint", slice_str(endpoint_name(g->endpoint)));
    gather_info(g, &labels);
    lv_buffer_free(&labels);
    return 0;
}
