/* A binding_map: a table from routing keys, compared byte for byte, to binding_sets. A direct
 * exchange keeps all its bindings in a binding_map, a topic exchange those without wildcards. Read
 * without a lock; changed under the topology lock. */
#ifndef LEVERET_TOPOLOGY_BINDING_MAP_H
#define LEVERET_TOPOLOGY_BINDING_MAP_H

#include "topology/binding.h"
#include "topology/route.h"

/* Zero-initialised is a valid, empty map: the table is made with the first binding. */
struct binding_map {
    struct lv_table *_Atomic table;
};

/* Adds a binding under its routing key, or removes one that was added. The caller holds the lock.
 */
void binding_map_add(struct binding_map *map, struct binding *binding);
void binding_map_remove(struct binding_map *map, struct binding *binding);

/* Adds the destinations of the bindings with this routing key to the set. Read side. */
void binding_map_route(struct binding_map *map, struct slice routing_key, struct route_set *ret);

/* Frees the table. Call it only if the map is empty and has no readers. */
void binding_map_free(struct binding_map *map);

#endif
