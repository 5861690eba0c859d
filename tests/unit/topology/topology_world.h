/* A topology with one vhost and no broker: there are no hooks, and nothing is published. Its queues
 * have a name and a place in the topology and nothing else: no message ever comes to them. */
#ifndef LEVERET_TESTS_TOPOLOGY_WORLD_H
#define LEVERET_TESTS_TOPOLOGY_WORLD_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/buffer.h"
#include "base/error.h"
#include "base/memory.h"
#include "topology/binding.h"
#include "topology/durable.h"
#include "topology/exchange.h"
#include "topology/queue_entry.h"
#include "topology/route.h"
#include "topology/vhost_private.h"
#include "wire/table.h"

struct broker;

struct world {
    struct loops *loops;
    struct topology *topology;
    struct broker
        *broker; /* instead of the topology, in later rooms' tests, which make it themselves */
    struct vhost *vhost;
    struct broker_error error; /* the last one */
};

static const struct durable_done NOBODY = {0};

/* --- vhosts: as broker/vhost_life.c makes and deletes them, but for policies and queues ------- */

static inline void world_vhost_free(struct lv_rcu_refs *refs)
{
    vhost_free(lv_container_of(refs, struct vhost, refs));
}

static inline enum change_result world_vhost_create(struct world *w, struct slice name,
                                                    struct durable_done done, struct vhost **ret)
{
    const struct definition_vhost row = {.name = name};
    struct durable_changes changes;
    topology_lock(w->topology);
    *ret = vhost_make(w->topology, &row, NULL, world_vhost_free);
    lv_table_insert(w->topology->vhosts, &(*ret)->by_name);
    topology_moved(w->topology);
    durable_begin(&changes, *ret);
    if (durable_is_stored(&changes))
        durable_add(&changes, definition_put_vhost(&row));
    enum change_result result = durable_submit(&changes, done);
    topology_unlock(w->topology);
    return result;
}

static inline void world_vhost_delete(struct world *w, struct slice name, struct durable_done done)
{
    struct durable_changes changes;
    topology_lock(w->topology);
    struct vhost *vhost = vhost_find(w->topology, name);
    durable_begin(&changes, vhost);
    vhost_unlink(vhost);
    if (durable_is_stored(&changes))
        durable_add(&changes, definition_delete_vhost(name));
    durable_submit(&changes, done);
    topology_unlock(w->topology);
    vhost_unref(&vhost);
}

static inline void world_start_with(struct world *w, unsigned loops,
                                    struct definitions *definitions)
{
    memset(w, 0, sizeof *w);
    lv_rcu_register_thread();
    w->loops = loops_create(loops);
    w->topology = lv_calloc(1, sizeof *w->topology);
    topology_init(w->topology, w->loops, NULL);
    enum change_result result = world_vhost_create(w, slice_str("/"), NOBODY, &w->vhost);
    assert_int_equal(result, CHANGE_DONE);
    w->topology->definitions = definitions;
}

static inline void world_start(struct world *w)
{
    world_start_with(w, 2, NULL);
}

/* --- queues ----------------------------------------------------------------------------------- */

static inline void world_queue_free(struct lv_rcu_refs *refs)
{
    struct queue_entry *q = lv_container_of(refs, struct queue_entry, refs);
    q->magic = 0;
    free((void *)q->destination.name.p);
    free(q);
}

static inline struct queue_entry *world_queue(struct world *w, const char *name, bool durable)
{
    struct queue_entry *q = lv_calloc(1, sizeof *q);
    q->magic = QUEUE_ENTRY_MAGIC;
    q->vhost = w->vhost;
    lv_rcu_refs_init(&q->refs, world_queue_free);
    destination_init(&q->destination, DESTINATION_QUEUE, slice_of(lv_strdup(name), strlen(name)),
                     durable);
    q->by_name.key = q->destination.name;
    topology_lock(w->topology);
    lv_table_insert(w->vhost->queues, &q->by_name);
    topology_moved(w->topology);
    topology_unlock(w->topology);
    return q;
}

static inline void world_queue_delete(struct world *w, struct queue_entry *q)
{
    topology_lock(w->topology);
    lv_table_remove(w->vhost->queues, &q->by_name);
    destination_unbind_all(w->vhost, &q->destination);
    topology_moved(w->topology);
    topology_unlock(w->topology);
    lv_rcu_unref(&q->refs);
}

static inline void world_delete_queues(struct world *w)
{
    struct lv_table_iter it;
    for (struct lv_table_node *n = lv_table_first(w->vhost->queues, &it); n;
         n = lv_table_next(w->vhost->queues, &it))
        world_queue_delete(w, queue_entry_of_node(n));
}

static inline void world_stop(struct world *w)
{
    world_delete_queues(w);
    w->topology->definitions = NULL; /* everything stays as it is stored */
    struct lv_table_iter it;
    for (struct lv_table_node *n = lv_table_first(w->topology->vhosts, &it); n;
         n = lv_table_next(w->topology->vhosts, &it))
        world_vhost_delete(w, n->key, NOBODY);
    lv_rcu_barrier();
    topology_end(w->topology);
    lv_rcu_barrier();
    free(w->topology);
    loops_free(&w->loops);
    lv_rcu_barrier();
    lv_rcu_unregister_thread();
}

/* --- exchanges and bindings ------------------------------------------------------------------- */

static inline struct exchange *world_exchange_with(struct world *w, const char *name,
                                                   const char *type, const char *flags,
                                                   struct slice arguments)
{
    struct exchange_declaration d = {
        .name = slice_str(name),
        .type = slice_str(type),
        .durable = strchr(flags, 'd') != NULL,
        .auto_delete = strchr(flags, 'a') != NULL,
        .internal = strchr(flags, 'i') != NULL,
        .passive = strchr(flags, 'p') != NULL,
        .arguments = arguments,
    };
    bool created = false;
    if (exchange_declare(w->vhost, &d, NOBODY, &w->error, &created) == CHANGE_REFUSED)
        return NULL;
    return exchange_find(w->vhost, d.name);
}

static inline struct exchange *world_exchange(struct world *w, const char *name, const char *type)
{
    struct exchange *x = world_exchange_with(w, name, type, "", SLICE_EMPTY);
    assert_non_null(x);
    return x;
}

static inline struct binding_request world_request(const char *source, const char *arrow,
                                                   const char *destination, const char *key,
                                                   struct slice arguments)
{
    return (struct binding_request){
        .source = slice_str(source),
        .destination = slice_str(destination),
        .destination_kind = strcmp(arrow, "=>") == 0 ? DESTINATION_EXCHANGE : DESTINATION_QUEUE,
        .routing_key = slice_str(key),
        .arguments = arguments,
        .connection_id = 1,
    };
}

/* "->" binds a queue, "=>" an exchange. */
static inline bool world_bind_with(struct world *w, const char *source, const char *arrow,
                                   const char *destination, const char *key, struct slice arguments)
{
    struct binding_request r = world_request(source, arrow, destination, key, arguments);
    lv_rcu_quiescent(); /* each call is a turn of its own: tables can grow */
    return binding_add(w->vhost, &r, NOBODY, &w->error) != CHANGE_REFUSED;
}

static inline bool world_unbind_with(struct world *w, const char *source, const char *arrow,
                                     const char *destination, const char *key,
                                     struct slice arguments)
{
    struct binding_request r = world_request(source, arrow, destination, key, arguments);
    return binding_remove(w->vhost, &r, NOBODY, &w->error) != CHANGE_REFUSED;
}

static inline void world_bind(struct world *w, const char *source, const char *arrow,
                              const char *destination, const char *key)
{
    assert_true(world_bind_with(w, source, arrow, destination, key, SLICE_EMPTY));
}

static inline void world_unbind(struct world *w, const char *source, const char *arrow,
                                const char *destination, const char *key)
{
    assert_true(world_unbind_with(w, source, arrow, destination, key, SLICE_EMPTY));
}

static inline bool world_has_exchange(struct world *w, const char *name)
{
    return exchange_find(w->vhost, slice_str(name)) != NULL;
}

/* --- routes ----------------------------------------------------------------------------------- */

static inline struct route world_route_with(struct world *w, const char *exchange, struct slice key,
                                            const struct slice *headers)
{
    struct exchange *x = exchange_find(w->vhost, slice_str(exchange));
    assert_non_null(x);
    struct routing_input input = {
        .routing_key = key,
        .headers = headers ? *headers : SLICE_EMPTY,
        .has_headers = headers != NULL,
    };
    struct route route;
    route_find(loops_at(w->loops, 0), x, &input, &route);
    return route;
}

static inline int compare_names(const void *a, const void *b)
{
    return slice_compare(queue_entry_name(*(struct queue_entry *const *)a),
                         queue_entry_name(*(struct queue_entry *const *)b));
}

/* The names of a route's queues, sorted: "a b c". Good until the next call. */
static inline const char *route_text(struct route route)
{
    static char text[4096];
    struct queue_entry *queues[256];
    size_t n = 0;
    assert_true(route.count <= 256);
    text[0] = '\0';
    if (route.count == 0)
        return text;
    memcpy(queues, route.queues, route.count * sizeof *queues);
    qsort(queues, route.count, sizeof *queues, compare_names);
    for (size_t i = 0; i < route.count; i++)
        n += (size_t)snprintf(text + n, sizeof text - n, "%s%.*s", i ? " " : "",
                              SLICE_ARG(queue_entry_name(queues[i])));
    return text;
}

static inline const char *world_route(struct world *w, const char *exchange, const char *key)
{
    return route_text(world_route_with(w, exchange, slice_str(key), NULL));
}

/* --- tables ----------------------------------------------------------------------------------- */

/* Appends one field whose value is these bytes. */
static inline void table_add(struct lv_buffer *b, const char *name, char type, const void *value,
                             size_t n)
{
    lv_buffer_add_u8(b, (uint8_t)strlen(name));
    lv_buffer_add(b, name, strlen(name));
    lv_buffer_add_u8(b, (uint8_t)type);
    lv_buffer_add(b, value, n);
}

static inline void table_add_bytes(struct lv_buffer *b, const char *name, char type,
                                   const char *value)
{
    struct lv_buffer v = {0};
    size_t n = strlen(value);
    lv_buffer_add(&v, (uint8_t[]){0, 0, (uint8_t)(n >> 8), (uint8_t)n}, 4);
    lv_buffer_add(&v, value, n);
    table_add(b, name, type, v.p, v.n);
    lv_buffer_free(&v);
}

static inline void table_add_str(struct lv_buffer *b, const char *name, const char *value)
{
    table_add_bytes(b, name, 'S', value);
}

/* An integer of any of the integer types, or a timestamp. */
static inline void table_add_int(struct lv_buffer *b, const char *name, char type, int64_t value)
{
    size_t bytes = strchr("lT", type) ? 8 : strchr("Ii", type) ? 4 : strchr("su", type) ? 2 : 1;
    uint8_t v[8];
    for (size_t i = 0; i < bytes; i++)
        v[i] = (uint8_t)((uint64_t)value >> (8 * (bytes - 1 - i)));
    table_add(b, name, type, v, bytes);
}

#define assert_error(w, wanted_code, wanted_text)                                                  \
    do {                                                                                           \
        assert_string_equal((w)->error.text, wanted_text);                                         \
        assert_int_equal((w)->error.code, wanted_code);                                            \
    } while (0)

#endif
