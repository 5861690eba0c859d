/* Vhosts are created and deleted under the topology lock. The table of vhosts holds one reference;
 * queues and connections hold the others. A deleted vhost is not in the table, and its only
 * exchange is the default one, which lives as long as the vhost. So code that still holds a
 * reference finds no other exchange to publish to. */
#include "topology/vhost_private.h"

#include <stdlib.h>

#include "base/error.h"
#include "base/memory.h"
#include "topology/dedup.h"
#include "topology/durable.h"
#include "topology/exchange_counts.h"
#include "topology/exchange_private.h"
#include "topology/flows.h"
#include "topology/queue_entry.h"
#include "topology/topology_events.h"

static const struct {
    const char *name;
    const struct exchange_type *type;
    bool is_internal;
} predeclared[] = {
    {"amq.direct", &exchange_direct, false},       {"amq.fanout", &exchange_fanout, false},
    {"amq.headers", &exchange_headers, false},     {"amq.match", &exchange_headers, false},
    {"amq.rabbitmq.trace", &exchange_topic, true}, {"amq.topic", &exchange_topic, false},
};

_Static_assert(sizeof predeclared / sizeof *predeclared + 1 == VHOST_PREDECLARED,
               "and the default");

const struct exchange_type *vhost_predeclared_type(struct slice name)
{
    for (size_t i = 0; i < sizeof predeclared / sizeof *predeclared; i++) {
        if (slice_is(name, predeclared[i].name))
            return predeclared[i].type;
    }
    return NULL;
}

struct slice name_strip(struct slice name, uint8_t space[NAME_BYTES_MAX])
{
    size_t n = 0;
    if (name.n == 0 || name.n > NAME_BYTES_MAX ||
        (!memchr(name.p, '\n', name.n) && !memchr(name.p, '\r', name.n)))
        return name;
    for (size_t i = 0; i < name.n; i++) {
        if (name.p[i] != '\n' && name.p[i] != '\r')
            space[n++] = name.p[i];
    }
    return slice_of(space, n);
}

static struct vhost *vhost_of(struct lv_table_node *node)
{
    return node ? lv_container_of(node, struct vhost, by_name) : NULL;
}

struct vhost *vhost_find(struct topology *topology, struct slice name)
{
    return vhost_of(lv_table_find(topology->vhosts, name));
}

bool vhost_check(struct vhost *vhost, struct broker_error *error)
{
    lv_assert(topology_is_locked(vhost->topology));
    if (!atomic_load_explicit(&vhost->is_deleted, memory_order_relaxed))
        return true;
    broker_refuse_connection(error, 530, "vhost %.*s not found", SLICE_ARG(vhost_name(vhost)));
    error->refusal = REFUSAL_NOT_FOUND;
    return false;
}

static struct exchange *create_internal(struct vhost *vhost, const char *name)
{
    struct exchange_declaration d = {.name = slice_str(name), .durable = true, .internal = true};
    return exchange_create(vhost, &d, &exchange_topic, true);
}

static void vhost_create_predeclared(struct vhost *vhost)
{
    const char *log_vhost = vhost->topology->log_vhost;
    struct exchange_declaration nameless = {.durable = true};
    vhost->default_exchange = exchange_create(vhost, &nameless, &exchange_default, true);
    for (size_t i = 0; i < sizeof predeclared / sizeof *predeclared; i++) {
        struct exchange_declaration d = {
            .name = slice_str(predeclared[i].name),
            .durable = true,
            .internal = predeclared[i].is_internal,
        };
        exchange_create(vhost, &d, predeclared[i].type, true);
    }
    if (slice_is(vhost_name(vhost), vhost->topology->event_vhost))
        create_internal(vhost, EVENT_EXCHANGE)->is_event_exchange = true;
    if (log_vhost && slice_is(vhost_name(vhost), log_vhost))
        create_internal(vhost, LOG_EXCHANGE);
}

struct vhost *vhost_make(struct topology *topology, const struct definition_vhost *row,
                         struct vhost_rules *rules, void (*free)(struct lv_rcu_refs *refs))
{
    lv_assert(topology_is_locked(topology));
    lv_assert(free != NULL);
    struct vhost *vhost = lv_calloc(1, sizeof *vhost);
    vhost->magic = VHOST_MAGIC;
    lv_rcu_refs_init(&vhost->refs, free); /* the reference of topology->vhosts */
    vhost->by_name.key = slice_copy(row->name);
    vhost->description = slice_copy(row->description);
    vhost->tags = slice_copy(row->tags);
    vhost->default_queue_type = slice_copy(row->default_queue_type);
    vhost->is_protected = row->is_protected;
    vhost->topology = topology;
    vhost->rules = rules;
    vhost_limits_init(&vhost->limits);
    vhost->exchanges = lv_table_create();
    vhost->queues = lv_table_create();
    vhost->bindings = lv_table_create();
    vhost_create_predeclared(vhost);
    return vhost;
}

bool vhost_is_queue_type(struct slice word)
{
    return slice_is(word, "classic") || slice_is(word, "quorum") || slice_is(word, "stream");
}

static struct definition_vhost vhost_definition(const struct vhost *vhost)
{
    return (struct definition_vhost){
        .name = vhost_name(vhost),
        .description = vhost->description,
        .tags = vhost->tags,
        .default_queue_type = vhost->default_queue_type,
        .is_protected = vhost->is_protected,
    };
}

static void text_replace(struct slice *text, struct slice with)
{
    struct slice copy = slice_copy(with);
    free((void *)text->p);
    *text = copy;
}

/* What is replaced; what is NULL stays as it is. */
struct vhost_change {
    const struct slice *description, *tags;
    const bool *is_protected;
};

static int vhost_change(struct vhost *vhost, const struct vhost_change *change,
                        struct durable_done done)
{
    struct durable_changes changes;
    topology_lock(vhost->topology);
    if (atomic_load(&vhost->is_deleted)) {
        topology_unlock(vhost->topology);
        return ERR_NOT_FOUND;
    }
    if (change->tags)
        text_replace(&vhost->tags, *change->tags);
    if (change->description)
        text_replace(&vhost->description, *change->description);
    if (change->is_protected)
        vhost->is_protected = *change->is_protected;
    struct definition_vhost row = vhost_definition(vhost);
    durable_begin(&changes, vhost);
    if (durable_is_stored(&changes))
        durable_add(&changes, definition_put_vhost(&row));
    enum change_result result = durable_submit(&changes, done);
    topology_unlock(vhost->topology);
    if (result == CHANGE_DONE && done.fn)
        done.fn(done.arg, 0);
    return 0;
}

int vhost_describe(struct vhost *vhost, const struct slice *description, const struct slice *tags,
                   struct durable_done done)
{
    return vhost_change(vhost, &(struct vhost_change){description, tags, NULL}, done);
}

int vhost_protect(struct vhost *vhost, bool is_protected, struct durable_done done)
{
    return vhost_change(vhost, &(struct vhost_change){.is_protected = &is_protected}, done);
}

/* --- drafts ----------------------------------------------------------------------------------- */

struct vhost *vhost_draft(struct topology *topology, struct slice name,
                          struct slice default_queue_type)
{
    struct vhost *vhost = lv_calloc(1, sizeof *vhost);
    vhost->magic = VHOST_MAGIC;
    vhost->by_name.key = slice_copy(name);
    vhost->default_queue_type = slice_copy(default_queue_type);
    vhost->topology = topology;
    vhost->exchanges = lv_table_create();
    vhost->queues = lv_table_create();
    return vhost;
}

void vhost_draft_free(struct vhost **draft)
{
    struct vhost *vhost = *draft;
    *draft = NULL;
    if (!vhost)
        return;
    lv_assert(!vhost->bindings); /* a draft */
    lv_table_free(&vhost->exchanges);
    lv_table_free(&vhost->queues);
    free((void *)vhost->by_name.key.p);
    free((void *)vhost->default_queue_type.p);
    free(vhost);
}

/* --- deletion --------------------------------------------------------------------------------- */

void vhost_free(struct vhost *vhost)
{
    lv_assert(vhost->magic == VHOST_MAGIC);
    lv_assert(atomic_load_explicit(&vhost->is_deleted, memory_order_relaxed));
    vhost->magic = 0;
    flows_free(vhost);
    exchange_free(vhost->default_exchange);
    free((void *)vhost->description.p);
    free((void *)vhost->tags.p);
    free((void *)vhost->default_queue_type.p);
    lv_table_free(&vhost->exchanges);
    lv_table_free(&vhost->queues);
    lv_table_free(&vhost->bindings);
    free((void *)vhost->by_name.key.p);
    free(vhost);
}

void vhost_ref(struct vhost *vhost)
{
    lv_assert(vhost->magic == VHOST_MAGIC);
    lv_rcu_ref(&vhost->refs);
}

void vhost_unref(struct vhost **vhost)
{
    struct vhost *v = *vhost;
    *vhost = NULL;
    if (!v)
        return;
    lv_assert(v->magic == VHOST_MAGIC);
    lv_rcu_unref(&v->refs);
}

void vhost_unlink(struct vhost *vhost)
{
    struct topology *topology = vhost->topology;
    lv_assert(topology_is_locked(topology));
    lv_assert(!atomic_load(&vhost->is_deleted));
    atomic_store(&vhost->is_deleted, true);
    lv_table_remove(topology->vhosts, &vhost->by_name);
    struct durable_changes nothing;
    durable_begin(&nothing, vhost);
    struct lv_table_iter it;
    for (struct lv_table_node *node = lv_table_first(vhost->exchanges, &it); node;
         node = lv_table_next(vhost->exchanges, &it)) {
        struct exchange *x = lv_container_of(node, struct exchange, by_name);
        if (!x->is_deleted) /* else the deletion of another one has deleted it, too */
            exchange_remove(x, &nothing);
    }
    lv_assert(lv_table_count(vhost->exchanges) == 0);
    exchange_counts_retire(vhost->default_exchange);
    for (struct lv_table_node *node = lv_table_first(vhost->queues, &it); node;
         node = lv_table_next(vhost->queues, &it))
        dedup_close(queue_entry_of_node(node)->dedup);
    topology_moved(topology);
}
