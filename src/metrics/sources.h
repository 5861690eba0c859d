/* The sources of metrics: objects of one kind, their labels and their facts.
 *
 * Each source gathers the facts and turns them into samples; a row of samples has the values of all
 * families of the source that are wanted, so the objects are visited once. */
#ifndef LEVERET_METRICS_SOURCES_H
#define LEVERET_METRICS_SOURCES_H

#include "auth/attempts.h"
#include "base/counters.h"
#include "loop/loop.h"
#include "manage/manage.h"
#include "manage/node.h"
#include "manage/node_memory.h"
#include "manage/process_facts.h"
#include "manage/queues.h"
#include "metrics/family.h"
#include "metrics/samples.h"
#include "session/channel_counts.h"
#include "session/session.h"

/* --- what is wanted of a source --------------------------------------------------------------- */

enum { METRICS_OF_SOURCE_MAX = 64 };

/* A gathering: what is wanted, and the samples. A source that asks loops has a part for each loop,
 * which this loop alone uses meanwhile. */
struct gathering {
    struct manage *m;
    enum family_endpoint endpoint;
    bool is_sum;                /* objects are added up: each part has one row, without labels */
    const struct slice *vhosts; /* wanted, if there are any; others are left out */
    size_t vhost_count;
    const struct slice *queues; /* likewise */
    size_t queue_count;
    const struct metric *metrics[METRICS_OF_SOURCE_MAX];
    const struct family *families[METRICS_OF_SOURCE_MAX]; /* that they are of */
    size_t metric_count;
    struct samples parts[LOOPS_MAX];
    unsigned part_count;
};

struct source {
    const char *name;
    const char *labels; /* their names, for people: "vhost, queue" */
    /* Each row is an object that may end: at /metrics they are added up. */
    bool is_of_objects;
    /* Fills in the parts. Returns 0, or ERR_CLOSED if the broker has stopped. On a thread that may
     * wait, RCU online. NULL: the source has a histogram. */
    int (*gather)(struct gathering *g);
    void (*read_histogram)(struct manage *m, struct lv_buffer *labels,
                           struct histogram_counts *ret);
};

/* Adds a row with the values of these facts, or adds them to the sum. */
void gathering_add(const struct gathering *g, struct samples *part, struct slice labels,
                   const void *facts);
/* Sets the values of a row, or adds them to the sum. */
void gathering_fill(const struct gathering *g, struct samples *part, size_t row, const void *facts);
bool gathering_wants_vhost(const struct gathering *g, struct slice vhost);
bool gathering_wants_queue(const struct gathering *g, struct slice queue);

/* --- the sources and their facts -------------------------------------------------------------- */

/* S(source, type of the facts, labels, is_of_objects) */
#define SOURCES(S)                                                                                 \
    S(node, struct node_figures, "", false)                                                        \
    S(memory, struct node_memory, "", false)                                                       \
    S(ever, struct ever_figures, "", false)                                                        \
    S(auth, struct auth_attempts_row, "protocol", false)                                           \
    S(login_sources, struct auth_attempts_row, "remote_address, username, protocol", true)         \
    S(protocol, struct protocol_figures, "protocol", false)                                        \
    S(queue_type, struct queue_type_figures, "protocol, queue_type", false)                        \
    S(dead_letters, struct dead_letter_figures, "queue_type, dead_letter_strategy", false)         \
    S(queues, struct queue_facts, "vhost, queue", true)                                            \
    S(queue_infos, struct queue_facts, "vhost, queue, queue_type, membership", true)               \
    S(channels, struct session_channel_facts, "channel", true)                                     \
    S(publishes, struct session_publish_facts, "channel, vhost, exchange", true)                   \
    S(deliveries, struct session_delivery_facts, "channel, vhost, queue", true)                    \
    S(connections, struct session_facts, "channel", true)                                          \
    S(exchanges, struct exchange_figures, "vhost, exchange", true)                                 \
    S(bindings, struct exchange_figures, "vhost, exchange, type", true)                            \
    S(store, struct store_sizes, "", false)                                                        \
    S(listeners, struct node_listener, "protocol, interface, port", false)                         \
    S(certificates, struct node_certificate, "path, subject", false)                               \
    S(vhosts, struct slice, "vhost", true)                                                         \
    S(build, struct node_facts,                                                                    \
      "rabbitmq_version, prometheus_plugin_version, prometheus_client_version, erlang_version, "   \
      "product_name, product_version",                                                             \
      false)                                                                                       \
    S(identity, struct node_facts,                                                                 \
      "rabbitmq_node, rabbitmq_cluster, rabbitmq_cluster_permanent_id, rabbitmq_endpoint", false)

/* H(source, labels): sources of histograms. */
#define HISTOGRAM_SOURCES(H)                                                                       \
    H(message_sizes, "protocol")                                                                   \
    H(loop_turns, "")                                                                              \
    H(loop_mail, "")                                                                               \
    H(log_syncs, "")                                                                               \
    H(confirms, "")

struct node_figures {
    struct counters counters;
    struct node_facts node;
    struct process_facts process;
    double started_s; /* seconds since 1970 */
    double syncs;     /* of the log and of segments */
};

/* What all queues, channels and connections have counted, those that have ended, too. It has the
 * names of what one of them counts, so that they share the rows of families.h. */
struct ever_figures {
    struct queue_counters counters;
    struct channel_counts counts;
    uint64_t received_bytes, sent_bytes, reads, writes;
};

struct protocol_figures {
    struct counters counters;
    uint64_t publishers;
};

struct queue_type_figures {
    double delivered, delivered_no_ack, got, got_no_ack, got_empty, redelivered, acked;
};

struct dead_letter_figures {
    double rejected, expired, maxlen, delivery_limit;
    double confirmed;
};

struct exchange_figures {
    uint64_t published; /* messages published to it */
    uint64_t bindings;
};

#define SOURCE_DECLARATION(src, type, labels, is_of_objects)                                       \
    extern const struct source src##_source;                                                       \
    int src##_gather(struct gathering *g);
SOURCES(SOURCE_DECLARATION)
#undef SOURCE_DECLARATION
#define HISTOGRAM_DECLARATION(src, labels)                                                         \
    extern const struct source src##_source;                                                       \
    void src##_read(struct manage *m, struct lv_buffer *labels_of, struct histogram_counts *ret);
HISTOGRAM_SOURCES(HISTOGRAM_DECLARATION)
#undef HISTOGRAM_DECLARATION

#endif
