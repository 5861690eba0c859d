#include "manage/node.h"

#include <unistd.h>

#include "base/log_output.h"
#include "broker/broker.h"
#include "manage/connections.h"
#include "session/session.h"

const struct node_alarm node_alarms[] = {
    {BROKER_ALARM_DISK, "disk"},
    {BROKER_ALARM_MEMORY, "memory"},
    {BROKER_ALARM_LOG, "log"},
    {BROKER_ALARM_STORE, "store"},
};
const size_t node_alarm_count = sizeof node_alarms / sizeof *node_alarms;

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
    };
    process_facts_read(&ret->process);
    m->node->describe(m->node->arg, ret);
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

void node_each_log(node_log_visit *visit, void *arg)
{
    char location[LOG_LOCATION_BYTES_MAX];
    for (unsigned i = 0; i < LOG_OUTPUTS_MAX; i++) {
        unsigned slot = i == 0 ? LOG_OUTPUT_FILE : i <= LOG_OUTPUT_FILE ? i - 1 : i;
        if (log_output_location(slot, location))
            visit(arg, location);
    }
}
