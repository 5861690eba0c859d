/* A key is in the table while it has bindings. A reader that still has a removed key finds no
 * bindings there; the next binding with that routing key makes a new key. */
#include "topology/binding_map.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "topology/binding_set.h"

struct key {
    struct lv_table_node by_bytes;
    struct binding_set bindings;
    struct lv_rcu_head rcu;
    uint8_t bytes[];
};

static struct key *key_of(struct lv_table_node *node)
{
    return node ? lv_container_of(node, struct key, by_bytes) : NULL;
}

static void key_free(struct lv_rcu_head *head)
{
    free(lv_container_of(head, struct key, rcu));
}

static struct key *key_create(struct slice bytes)
{
    struct key *key = lv_malloc(sizeof *key + bytes.n);
    memset(key, 0, sizeof *key);
    if (bytes.n)
        memcpy(key->bytes, bytes.p, bytes.n);
    key->by_bytes.key = slice_of(key->bytes, bytes.n);
    return key;
}

static struct lv_table *table_of(struct binding_map *map)
{
    return atomic_load_explicit(&map->table, memory_order_acquire);
}

void binding_map_add(struct binding_map *map, struct binding *binding)
{
    lv_assert(binding->indexed_at == NULL);
    struct lv_table *table = table_of(map);
    if (!table) {
        table = lv_table_create();
        atomic_store_explicit(&map->table, table, memory_order_release);
    }
    struct key *key = key_of(lv_table_find(table, binding->routing_key));
    if (key) {
        binding_set_add(&key->bindings, binding);
    } else {
        key = key_create(binding->routing_key);
        binding_set_add(&key->bindings, binding);
        lv_table_insert(table, &key->by_bytes);
    }
    binding->indexed_at = key;
}

void binding_map_remove(struct binding_map *map, struct binding *binding)
{
    struct key *key = binding->indexed_at;
    lv_assert(key != NULL);
    binding_set_remove(&key->bindings, binding);
    binding->indexed_at = NULL;
    if (!binding_set_is_empty(&key->bindings))
        return;
    lv_table_remove(table_of(map), &key->by_bytes);
    lv_rcu_defer(&key->rcu, key_free);
}

void binding_map_route(struct binding_map *map, struct slice routing_key, struct route_set *ret)
{
    struct lv_table *table = table_of(map);
    if (!table)
        return;
    struct key *key = key_of(lv_table_find(table, routing_key));
    if (key)
        binding_set_route(&key->bindings, ret);
}

void binding_map_free(struct binding_map *map)
{
    struct lv_table *table = table_of(map);
    atomic_store_explicit(&map->table, NULL, memory_order_relaxed);
    lv_table_free(&table);
}
