/* Finding queues by name, and RabbitMQ's refusals to use them. */
#include "topology/queue_entry.h"

#include "topology/vhost.h"

struct queue_entry *queue_entry_find(struct vhost *vhost, struct slice name)
{
    struct lv_table_node *node = lv_table_find(vhost->queues, name);
    return node ? queue_entry_of_node(node) : NULL;
}

bool reply_queue_is_name(struct slice name)
{
    return name.n > sizeof REPLY_QUEUE_PREFIX - 1 && slice_begins(name, REPLY_QUEUE_PREFIX);
}

struct queue_entry *reply_queue_find(struct topology *topology, struct slice name)
{
    struct lv_table_node *node = lv_table_find(topology->reply_queues, name);
    return node ? queue_entry_of_node(node) : NULL;
}

struct queue_entry *queue_entry_ref(struct queue_entry *entry)
{
    lv_assert(entry->magic == QUEUE_ENTRY_MAGIC);
    lv_rcu_ref(&entry->refs);
    return entry;
}

void queue_entry_unref(struct queue_entry **entry)
{
    struct queue_entry *e = *entry;
    *entry = NULL;
    lv_assert(e->magic == QUEUE_ENTRY_MAGIC);
    lv_rcu_unref(&e->refs);
}

bool queue_entry_refuse_missing(struct slice name, struct vhost *vhost, struct broker_error *error)
{
    return broker_refuse(error, 404, "no queue '%.*s' in vhost '%.*s'", SLICE_ARG(name),
                         SLICE_ARG(vhost_name(vhost)));
}

bool queue_entry_refuse_locked(const struct queue_entry *entry, struct broker_error *error)
{
    return broker_refuse(
        error, 405,
        "cannot obtain exclusive access to locked queue '%.*s' in vhost '%.*s'. It "
        "could be originally declared on another connection or the exclusive "
        "property value does not match that of the original declaration.",
        SLICE_ARG(queue_entry_name(entry)), SLICE_ARG(vhost_name(entry->vhost)));
}

bool queue_entry_check_access(const struct queue_entry *entry, uint64_t connection_id,
                              struct broker_error *error)
{
    if (entry->exclusive_owner == 0 || entry->exclusive_owner == connection_id)
        return true;
    return queue_entry_refuse_locked(entry, error);
}

bool queue_entry_refuse_companion(const struct queue_entry *entry, struct broker_error *error)
{
    struct slice name = queue_entry_name(entry);
    size_t n = strlen(DELAYED_QUEUE_PREFIX);
    lv_assert(entry->is_companion);
    lv_assert(name.n >= n);
    return broker_refuse_as(error, REFUSAL_RESERVED, 403,
                            "queue '%.*s' in vhost '%.*s' belongs to exchange '%.*s', which delays "
                            "messages: it can only be purged",
                            SLICE_ARG(name), SLICE_ARG(vhost_name(entry->vhost)), (int)(name.n - n),
                            (const char *)name.p + n);
}
