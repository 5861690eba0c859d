/* A binding_map: binding_sets by routing key, byte for byte. Direct exchanges are one, and topic
 * exchanges keep their bindings without wildcards in one. Read lock-free; changed under the
 * topology lock. */
#ifndef LEVERET_TOPOLOGY_BINDING_MAP_H
#define LEVERET_TOPOLOGY_BINDING_MAP_H

#include "topology/binding.h"
#include "topology/route.h"

/* Zero-initialised is a valid, empty set: the table is made with the first binding. */
struct binding_map {
    struct lv_table *_Atomic table;
};

/* Under the lock: puts the binding under its routing key, and takes it out again. */
void binding_map_add(struct binding_map *set, struct binding *binding);
void binding_map_remove(struct binding_map *set, struct binding *binding);

/* Read-side: adds the destinations of the bindings under this key. */
void binding_map_route(struct binding_map *set, struct slice routing_key, struct route_set *ret);

/* When it is empty and no reader is left. */
void binding_map_free(struct binding_map *set);

#endif
