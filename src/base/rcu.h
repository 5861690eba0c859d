/* Read-copy-update: what every loop reads without a lock is changed by one writer at a time, and
 * freed only after every loop has passed a quiescent state.
 *
 * A thin layer over liburcu's QSBR flavour, which also tells ThreadSanitizer about the order that
 * liburcu guarantees. A loop's thread registers, and goes offline before it sleeps; between
 * lv_rcu_online() and lv_rcu_quiescent() or lv_rcu_offline() every pointer that it has read stays
 * valid. */
#ifndef LEVERET_BASE_RCU_H
#define LEVERET_BASE_RCU_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <urcu-qsbr.h>

#include "base/slice.h"

/* Between these two calls, grace periods wait for the calling thread whenever it is online. Pairs
 * of calls may be nested. The outermost lv_rcu_register_thread() makes the thread online. */
void lv_rcu_register_thread(void);
void lv_rcu_unregister_thread(void);

/* Says that the calling thread, which is registered, holds no pointer read under RCU at this
 * moment. */
void lv_rcu_quiescent(void);
/* Says that the calling thread holds no pointer read under RCU, and reads none until
 * lv_rcu_online(): grace periods do not wait for it. Does nothing if it is offline already. */
void lv_rcu_offline(void);
/* Lets the calling thread, which is registered, read under RCU again. Does nothing if it is online
 * already. */
void lv_rcu_online(void);

struct lv_rcu_head {
    struct rcu_head rcu;
    void (*free)(struct lv_rcu_head *head);
};

/* Calls `free(head)` on liburcu's thread after a grace period. Any registered thread, and
 * liburcu's. */
void lv_rcu_defer(struct lv_rcu_head *head, void (*free)(struct lv_rcu_head *head));

/* References to an object that is also found under RCU, by its name or in a route. A reader that
 * has found the object may take a reference before its next quiescent state, even if the last
 * reference has been given back meanwhile: the object is freed once, a grace period after no
 * reference is left. */
struct lv_rcu_refs {
    struct lv_rcu_head rcu;
    _Atomic uint32_t count; /* and two flags, REFS_... in rcu.c */
    void (*free)(struct lv_rcu_refs *refs);
};

/* Sets the count to one reference, which the caller owns. `free(refs)` will be called on liburcu's
 * thread. */
void lv_rcu_refs_init(struct lv_rcu_refs *refs, void (*free)(struct lv_rcu_refs *refs));
static inline void lv_rcu_ref(struct lv_rcu_refs *refs)
{
    atomic_fetch_add_explicit(&refs->count, 1, memory_order_relaxed);
}
/* Gives a reference back. Any registered thread, and liburcu's. Before the count reaches 0 for the
 * first time, the object must have been taken out of everything in which readers find it. */
void lv_rcu_unref(struct lv_rcu_refs *refs);

/* Waits until the calls deferred so far, and those that they defer, have been made. The caller
 * holds no pointer read under RCU. For shutdown. */
void lv_rcu_barrier(void);

/* A hash table from bytes to nodes: lookups take no lock, changes are made under the caller's
 * mutex. Readers run on a registered thread that is online; so do lv_table_insert() and _remove(),
 * since they may defer. The node is embedded in the caller's struct, which owns the key's bytes. */
struct lv_table_node {
    struct slice key;
};

struct lv_table;

struct lv_table *lv_table_create(void);
/* Frees an empty table after a grace period. Clears the pointer. NULL is fine. */
void lv_table_free(struct lv_table **table);

/* Returns the node with this key, or NULL. It stays valid until the next quiescent state. */
struct lv_table_node *lv_table_find(struct lv_table *table, struct slice key);
/* Like lv_table_find(), for a caller that has lv_hash(key) already. */
struct lv_table_node *lv_table_find_hashed(struct lv_table *table, struct slice key, uint64_t hash);
/* Adds a node whose key is set and not in the table yet (the caller has looked, under its
 * mutex). */
void lv_table_insert(struct lv_table *table, struct lv_table_node *node);
/* Removes a node that is in the table; it may be freed only after a grace period. */
void lv_table_remove(struct lv_table *table, struct lv_table_node *node);
/* Returns the number of nodes; it is exact under the writer's mutex. */
size_t lv_table_count(const struct lv_table *table);

/* Walks all nodes, in no order; nodes added or removed meanwhile may or may not be seen. A walk
 * ends before the next quiescent state:
 *
 *     for (n = lv_table_first(t, &it); n; n = lv_table_next(t, &it)) */
struct lv_table_slots;
struct lv_table_iter {
    const struct lv_table_slots *slots;
    size_t next;
};
struct lv_table_node *lv_table_first(struct lv_table *table, struct lv_table_iter *it);
struct lv_table_node *lv_table_next(struct lv_table *table, struct lv_table_iter *it);

/* XXH3 of the bytes. */
uint64_t lv_hash(struct slice bytes);

#endif
