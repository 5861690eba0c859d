#include "manage/node_memory.h"

#include "manage/connections.h"
#include "manage/node.h"
#include "manage/process_facts.h"
#include "manage/queues.h"
#include "manage/vhosts.h"

const struct node_memory_part node_memory_parts[] = {
#define NODE_MEMORY_ROW(name, help) {#name, offsetof(struct node_memory, name)},
    NODE_MEMORY_PARTS(NODE_MEMORY_ROW)
#undef NODE_MEMORY_ROW
};
const size_t node_memory_part_count = sizeof node_memory_parts / sizeof *node_memory_parts;

static bool add_queues_of(struct manage *m, struct slice vhost, struct node_memory *ret,
                          struct manage_error *error)
{
    struct listing queues = {0};
    if (!manage_list_queues(m, &actor_cli, vhost, NULL, &queues, error))
        return false;
    for (size_t i = 0; i < queues.count; i++) {
        const struct queue_facts *q = queues.rows[i];
        *(q->is_quorum ? &ret->quorum_queue_procs : &ret->queue_procs) += q->memory;
    }
    listing_free(&queues);
    return true;
}

static bool add_queues(struct manage *m, struct node_memory *ret, struct manage_error *error)
{
    struct listing vhosts = {0};
    if (!manage_list_vhosts(m, &actor_cli, &vhosts, error))
        return false;
    bool is_done = true;
    for (size_t i = 0; i < vhosts.count && is_done; i++) {
        const struct vhost_facts *v = vhosts.rows[i];
        is_done = add_queues_of(m, v->name, ret, error);
        if (!is_done && error->refusal == REFUSAL_NOT_FOUND) { /* deleted meanwhile */
            manage_error_free(error);
            *error = (struct manage_error){0};
            is_done = true;
        }
    }
    listing_free(&vhosts);
    return is_done;
}

static bool add_connections(struct manage *m, struct node_memory *ret, struct manage_error *error)
{
    struct listing connections = {0};
    if (!manage_list_connections(m, &actor_cli, NULL, &connections, error))
        return false;
    for (size_t i = 0; i < connections.count; i++)
        ret->connection_writers +=
            ((const struct connection_facts *)connections.rows[i])->unwritten_bytes;
    listing_free(&connections);
    return true;
}

bool node_memory_gather(struct manage *m, struct node_memory *ret, struct manage_error *error)
{
    struct process_facts process;
    struct node_facts node;
    *ret = (struct node_memory){0};
    if (!add_queues(m, ret, error) || !add_connections(m, ret, error))
        return false;
    node_facts_gather(m, &node);
    process_facts_read(&process);
    ret->code = process.mapped_bytes;
    ret->allocated_unused = node.memory_spare_bytes;
    ret->resident = process.private_bytes + process.mapped_bytes;
    uint64_t known = ret->connection_writers + ret->queue_procs + ret->quorum_queue_procs +
                     ret->code + ret->allocated_unused;
    ret->other_proc = ret->resident > known ? ret->resident - known : 0;
    return true;
}
