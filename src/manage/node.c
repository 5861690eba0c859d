#include "manage/node.h"

#include <inttypes.h>
#include <unistd.h>

#include "base/assert.h"
#include "base/buffer.h"
#include "base/log_output.h"
#include "broker/broker.h"
#include "manage/connections.h"
#include "paging/journal.h"
#include "session/session.h"

_Static_assert((NODE_ALARM_LOG_STALLED & (BROKER_ALARM_MEMORY | BROKER_ALARM_DISK |
                                          BROKER_ALARM_LOG | BROKER_ALARM_STORE)) == 0,
               "alarms are bits");

/* --- alarms ----------------------------------------------------------------------------------- */

const struct node_alarm node_alarms[] = {
    {BROKER_ALARM_DISK, "disk", "disk", "resource_limit"},
    {BROKER_ALARM_MEMORY, "memory", "memory", "resource_limit"},
    {BROKER_ALARM_LOG, "log", "log", "resource_limit"},
    {BROKER_ALARM_STORE, "store", "store", "failure"},
    {NODE_ALARM_LOG_STALLED, "log_stalled", "log", "stalled"},
};
const size_t node_alarm_count = sizeof node_alarms / sizeof *node_alarms;

void node_alarm_explain(const struct node_facts *f, unsigned bit, struct lv_buffer *out)
{
    switch (bit) {
    case BROKER_ALARM_MEMORY:
        lv_buffer_printf(out, "memory: %" PRIu64 " bytes are in use, the limit is %" PRIu64,
                         f->memory_used_bytes, f->memory_limit_bytes);
        break;
    case BROKER_ALARM_DISK:
        lv_buffer_printf(out, "disk: %" PRIu64 " bytes are free, the limit is %" PRIu64,
                         f->disk_free_bytes, f->disk_free_limit_bytes);
        break;
    case BROKER_ALARM_LOG:
        lv_buffer_printf(out, "log: the disk has no room for the next file of the log");
        break;
    case BROKER_ALARM_STORE:
        lv_buffer_printf(out, "store: writing has failed, persistent messages are refused");
        break;
    case NODE_ALARM_LOG_STALLED:
        lv_buffer_printf(out,
                         "log: the disk has not answered for %" PRIu64
                         " seconds, publishers wait for confirms",
                         f->log_busy_ms / 1000);
        break;
    default: lv_assert(bit == 0); /* of node_alarms */
    }
}

/* Returns how long the log's writer has been busy. */
static uint64_t log_busy_ms_of(const struct manage *m)
{
    const struct journal_loop *store = journal_of(loops_at(m->loops, 0));
    return store ? log_busy_ms(store->journal->log) : 0;
}

/* --- facts ------------------------------------------------------------------------------------ */

static uint64_t count_queues(const struct broker *broker)
{
    struct lv_table_iter it;
    uint64_t count = 0;
    for (struct lv_table_node *node = lv_table_first(broker->topology.vhosts, &it); node;
         node = lv_table_next(broker->topology.vhosts, &it))
        count += lv_table_count(lv_container_of(node, struct vhost, by_name)->queues);
    return count;
}

void node_facts_gather(struct manage *m, struct node_facts *ret)
{
    long processors = sysconf(_SC_NPROCESSORS_ONLN);
    *ret = (struct node_facts){
        .name = m->node_name,
        .version = manage_version(m),
        .pid = (uint64_t)getpid(),
        .loops = loops_count(m->loops),
        .processors = processors > 0 ? (unsigned)processors : 1,
        .alarms = atomic_load_explicit(&m->broker->alarms, memory_order_relaxed),
        .connections_max = atomic_load(&m->sessions->settings.connections_max),
        .connections = manage_count_connections(m),
        .queues = count_queues(m->broker),
        .vhosts = lv_table_count(m->broker->topology.vhosts),
        .log_busy_ms = log_busy_ms_of(m),
    };
    /* A writer that waits for room is busy, too. */
    if (ret->log_busy_ms >= NODE_LOG_STALLED_MS && !(ret->alarms & BROKER_ALARM_LOG))
        ret->alarms |= NODE_ALARM_LOG_STALLED;
    m->node->describe(m->node->arg, ret);
}

void node_store_sizes(struct manage *m, struct store_sizes *ret)
{
    *ret = (struct store_sizes){0};
    if (m->node->store)
        m->node->store(m->node->arg, ret);
}

/* --- lists ------------------------------------------------------------------------------------ */

void node_each_listener(struct manage *m, node_listener_visit *visit, void *arg)
{
    m->node->listeners(m->node->arg, visit, arg);
}

void node_each_certificate(struct manage *m, node_certificate_visit *visit, void *arg)
{
    m->node->certificates(m->node->arg, visit, arg);
}

void node_each_setting(struct manage *m, node_setting_visit *visit, void *arg)
{
    m->node->settings(m->node->arg, visit, arg);
}

void node_each_cipher(struct manage *m, bool all, node_cipher_visit *visit, void *arg)
{
    m->node->ciphers(m->node->arg, all, visit, arg);
}

void node_each_log(node_log_visit *visit, void *arg)
{
    char location[LOG_LOCATION_BYTES_MAX];
    for (unsigned i = 0; i < LOG_OUTPUTS_MAX; i++) {
        unsigned slot = i == 0 ? LOG_OUTPUT_FILE : i <= LOG_OUTPUT_FILE ? i - 1 : i;
        if (log_output_location(slot, location))
            visit(arg, location);
    }
}
