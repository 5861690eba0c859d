/* A keyset: fansets by routing key, byte for byte. Direct exchanges are one, and topic exchanges
 * keep their bindings without wildcards in one. Read lock-free; changed under the topology lock. */
#ifndef LEVERET_BROKER_KEYSET_H
#define LEVERET_BROKER_KEYSET_H

#include "broker/binding.h"
#include "broker/route.h"

/* Zero-initialised is a valid, empty set: the table is made with the first binding. */
struct keyset {
    struct lv_table *_Atomic table;
};

/* Under the lock: puts the binding under its routing key, and takes it out again. */
void keyset_add(struct keyset *set, struct binding *binding);
void keyset_remove(struct keyset *set, struct binding *binding);

/* Read-side: adds the destinations of the bindings under this key. */
void keyset_route(struct keyset *set, struct slice routing_key, struct route_set *ret);

/* When it is empty and no reader is left. */
void keyset_free(struct keyset *set);

#endif
