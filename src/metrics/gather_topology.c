/* Vhosts and exchanges: topology, read under RCU. */
#include "metrics/sources.h"
#include "topology/exchange.h"
#include "topology/exchange_counts.h"
#include "topology/vhost.h"

static void each_vhost(struct gathering *g, void (*visit)(struct gathering *g, struct vhost *vhost))
{
    struct lv_table *vhosts = g->m->broker->topology.vhosts;
    struct lv_table_iter it;
    g->part_count = 1;
    for (struct lv_table_node *node = lv_table_first(vhosts, &it); node;
         node = lv_table_next(vhosts, &it)) {
        struct vhost *vhost = lv_container_of(node, struct vhost, by_name);
        if (gathering_wants_vhost(g, vhost_name(vhost)))
            visit(g, vhost);
    }
}

static void each_exchange(struct gathering *g, struct vhost *vhost,
                          void (*visit)(struct gathering *g, struct exchange *exchange))
{
    struct lv_table_iter it;
    visit(g, vhost->default_exchange); /* it is in no table */
    for (struct lv_table_node *node = lv_table_first(vhost->exchanges, &it); node;
         node = lv_table_next(vhost->exchanges, &it))
        visit(g, lv_container_of(node, struct exchange, by_name));
}

/* --- vhosts ----------------------------------------------------------------------------------- */

static void add_vhost(struct gathering *g, struct vhost *vhost)
{
    struct lv_buffer labels = {0};
    struct slice name = vhost_name(vhost);
    label_add(&labels, "vhost", name);
    gathering_add(g, &g->parts[0], lv_buffer_slice(&labels), &name);
    lv_buffer_free(&labels);
}

int vhosts_gather(struct gathering *g)
{
    each_vhost(g, add_vhost);
    return 0;
}

/* --- exchanges -------------------------------------------------------------------------------- */

static void label_exchange(struct lv_buffer *labels, const struct exchange *exchange)
{
    label_add(labels, "vhost", vhost_name(exchange->vhost));
    label_add(labels, "exchange", exchange_name(exchange));
}

static void add_exchange(struct gathering *g, struct exchange *exchange)
{
    struct lv_buffer labels = {0};
    struct exchange_figures figures = {0};
    uint64_t out;
    exchange_counts_read(exchange, &figures.published, &out);
    label_exchange(&labels, exchange);
    gathering_add(g, &g->parts[0], lv_buffer_slice(&labels), &figures);
    lv_buffer_free(&labels);
}

static void add_exchanges(struct gathering *g, struct vhost *vhost)
{
    each_exchange(g, vhost, add_exchange);
}

/* A sum has those of deleted exchanges, too, so that it never falls. Under the lock none is deleted
 * meanwhile. */
static void add_exchanges_ever(struct gathering *g)
{
    struct topology *topology = &g->m->broker->topology;
    topology_lock(topology);
    each_vhost(g, add_exchanges);
    const struct exchange_figures ended = {.published = topology->ended_published};
    topology_unlock(topology);
    gathering_add(g, &g->parts[0], SLICE_EMPTY, &ended);
}

int exchanges_gather(struct gathering *g)
{
    if (g->is_sum)
        add_exchanges_ever(g);
    else
        each_vhost(g, add_exchanges);
    return 0;
}

/* --- bindings --------------------------------------------------------------------------------- */

static void add_bindings(struct gathering *g, struct exchange *exchange)
{
    struct lv_buffer labels = {0};
    struct vhost *vhost = exchange->vhost;
    const struct exchange_figures figures = {
        .bindings = exchange == vhost->default_exchange ? lv_table_count(vhost->queues)
                                                        : exchange->bindings_from_count,
    };
    label_exchange(&labels, exchange);
    label_add(&labels, "type", slice_str(exchange->type_name));
    gathering_add(g, &g->parts[0], lv_buffer_slice(&labels), &figures);
    lv_buffer_free(&labels);
}

/* The number of an exchange's bindings is known under the topology lock. */
static void add_bindings_of(struct gathering *g, struct vhost *vhost)
{
    topology_lock(vhost->topology);
    each_exchange(g, vhost, add_bindings);
    topology_unlock(vhost->topology);
}

int bindings_gather(struct gathering *g)
{
    each_vhost(g, add_bindings_of);
    return 0;
}
