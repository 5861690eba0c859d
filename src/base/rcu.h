/* Read-copy-update: what is read lock-free by every loop is changed by one writer at a time and
 * freed only after every loop has passed a quiescent state.
 *
 * A thin door to liburcu's QSBR flavour. Its library is not built with ThreadSanitizer, so this
 * door also tells that tool about the order that liburcu guarantees. A loop thread registers, and
 * goes offline before it sleeps; between lv_rcu_online() and lv_rcu_quiescent()/_offline() every
 * pointer it has read stays valid. */
#ifndef LEVERET_BASE_RCU_H
#define LEVERET_BASE_RCU_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <urcu-qsbr.h>

#include "base/slice.h"

/* The calling thread takes part in grace periods from here on, and no more. */
void lv_rcu_register_thread(void);
void lv_rcu_unregister_thread(void);

/* The calling thread holds no RCU-read pointer at this moment. */
void lv_rcu_quiescent(void);
/* ... and will hold none until lv_rcu_online(). Both do nothing when already so. */
void lv_rcu_offline(void);
void lv_rcu_online(void);

struct lv_rcu_head {
    struct rcu_head rcu;
    void (*free)(struct lv_rcu_head *head);
};

/* Calls `free(head)` on liburcu's thread after a grace period. Any registered thread. */
void lv_rcu_defer(struct lv_rcu_head *head, void (*free)(struct lv_rcu_head *head));

/* References to what is also found under RCU, by a name or in a route. Who has found it may take
 * one in the same read side, also when the last one has gone meanwhile: it is freed, once, a grace
 * period after the last. */
struct lv_rcu_refs {
    struct lv_rcu_head rcu;
    _Atomic uint32_t count; /* and two bits: rcu.c */
    void (*free)(struct lv_rcu_refs *refs);
};

/* One reference; `free(refs)` is called on liburcu's thread. */
void lv_rcu_refs_init(struct lv_rcu_refs *refs, void (*free)(struct lv_rcu_refs *refs));
static inline void lv_rcu_ref(struct lv_rcu_refs *refs)
{
    atomic_fetch_add_explicit(&refs->count, 1, memory_order_relaxed);
}
/* Any registered thread. Whatever finds it must be gone before the first time that the last one
 * goes. */
void lv_rcu_unref(struct lv_rcu_refs *refs);

/* Waits until everything deferred so far has been called. Not from a read side. For shutdown. */
void lv_rcu_barrier(void);

/* A hash table from bytes to nodes: lock-free lookups, changes under the caller's mutex. Readers
 * need a registered thread that is online; so does lv_table_insert(), and _remove(), for what they
 * defer. The node is embedded in the caller's struct, which owns the key's bytes. */
struct lv_table_node {
    struct slice key;
};

struct lv_table;

struct lv_table *lv_table_create(void);
/* The table must be empty; its memory goes after a grace period. Clears the pointer. NULL is
 * fine. */
void lv_table_free(struct lv_table **table);

/* NULL when there is none. What is returned stays valid until the next quiescent state. */
struct lv_table_node *lv_table_find(struct lv_table *table, struct slice key);
/* The same with a hash that the caller already has (lv_hash(key)). */
struct lv_table_node *lv_table_find_hashed(struct lv_table *table, struct slice key, uint64_t hash);
/* node->key must be set and not in the table yet (the caller has looked, under its mutex). */
void lv_table_insert(struct lv_table *table, struct lv_table_node *node);
/* The node may be freed after a grace period only. */
void lv_table_remove(struct lv_table *table, struct lv_table_node *node);
/* Nodes in the table. Exact under the writer's mutex. */
size_t lv_table_count(const struct lv_table *table);

/* Walks all nodes in no order; nodes added or removed meanwhile may or may not be seen. Within one
 * turn: what it looks at lasts until the next quiescent state.
 * `for (n = lv_table_first(t, &it); n; n = lv_table_next(t, &it))` */
struct lv_table_places;
struct lv_table_iter {
    const struct lv_table_places *places;
    size_t next;
};
struct lv_table_node *lv_table_first(struct lv_table *table, struct lv_table_iter *it);
struct lv_table_node *lv_table_next(struct lv_table *table, struct lv_table_iter *it);

/* XXH3 of the bytes. */
uint64_t lv_hash(struct slice bytes);

#endif
