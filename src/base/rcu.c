/* One order is told to ThreadSanitizer, because liburcu's library is not built with it: a thread's
 * quiescent state happens before the deferred calls of the grace period it ends (`grace`: released
 * by every quiescent thread and every defer, acquired by the callback). */
#include "base/rcu.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "base/assert.h"
#include "base/memory.h"

#if defined(__SANITIZE_THREAD__)
#define HAS_TSAN 1
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define HAS_TSAN 1
#endif
#endif

#ifdef HAS_TSAN
#include <sanitizer/tsan_interface.h>
#define tsan_acquire(p) __tsan_acquire(p)
#define tsan_release(p) __tsan_release(p)
#else
#define tsan_acquire(p) ((void)(p))
#define tsan_release(p) ((void)(p))
#endif

/* --- threads and grace periods ---------------------------------------------------------------- */

static char grace;
static _Thread_local unsigned registrations;

void lv_rcu_register_thread(void)
{
    if (registrations++ == 0)
        urcu_qsbr_register_thread();
}

void lv_rcu_unregister_thread(void)
{
    lv_assert(registrations > 0);
    tsan_release(&grace);
    if (--registrations == 0)
        urcu_qsbr_unregister_thread();
}

void lv_rcu_quiescent(void)
{
    tsan_release(&grace);
    if (urcu_qsbr_read_ongoing())
        urcu_qsbr_quiescent_state();
}

void lv_rcu_offline(void)
{
    tsan_release(&grace);
    if (urcu_qsbr_read_ongoing())
        urcu_qsbr_thread_offline();
}

void lv_rcu_online(void)
{
    lv_assert(registrations > 0);
    if (!urcu_qsbr_read_ongoing())
        urcu_qsbr_thread_online();
}

static void deferred(struct rcu_head *rcu)
{
    struct lv_rcu_head *head = lv_container_of(rcu, struct lv_rcu_head, rcu);
    tsan_acquire(&grace);
    head->free(head);
}

void lv_rcu_defer(struct lv_rcu_head *head, void (*free)(struct lv_rcu_head *head))
{
    head->free = free;
    tsan_release(&grace);
    urcu_qsbr_call_rcu(&head->rcu, deferred);
}

/* --- references ----------------------------------------------------------------------------
 *
 * Without references the call that frees is deferred, once: a head that is deferred twice cuts
 * liburcu's list. Whoever found it before may take one again meanwhile, and give it back; then
 * another grace period has to pass, for what that thread has said of it. */

enum { REFS_DEFERRED = 1 << 30, REFS_AGAIN = 1 << 29 };
static const uint32_t REFS_COUNT = REFS_AGAIN - 1;

static void refs_after_grace(struct lv_rcu_head *head)
{
    struct lv_rcu_refs *refs = lv_container_of(head, struct lv_rcu_refs, rcu);
    uint32_t is, next;
    do {
        is = atomic_load_explicit(&refs->count, memory_order_acquire);
        if (is == REFS_DEFERRED) {
            refs->free(refs);
            return;
        }
        next = is & REFS_COUNT ? is & REFS_COUNT : REFS_DEFERRED;
    } while (!atomic_compare_exchange_weak(&refs->count, &is, next));
    if (next == REFS_DEFERRED)
        lv_rcu_defer(&refs->rcu, refs_after_grace);
}

void lv_rcu_refs_init(struct lv_rcu_refs *refs, void (*free)(struct lv_rcu_refs *refs))
{
    atomic_init(&refs->count, 1);
    refs->free = free;
}

void lv_rcu_unref(struct lv_rcu_refs *refs)
{
    uint32_t is = atomic_load_explicit(&refs->count, memory_order_relaxed), next;
    do {
        lv_assert((is & REFS_COUNT) > 0);
        next = is - 1;
        if ((next & REFS_COUNT) == 0)
            next |= is & REFS_DEFERRED ? REFS_AGAIN : REFS_DEFERRED;
    } while (!atomic_compare_exchange_weak_explicit(&refs->count, &is, next, memory_order_acq_rel,
                                                    memory_order_relaxed));
    if ((next & ~is) & REFS_DEFERRED)
        lv_rcu_defer(&refs->rcu, refs_after_grace);
}

/* liburcu calls on one thread, in the order of deferring (nothing here makes it use more threads):
 * a call deferred last comes last. urcu_qsbr_barrier() does the same in a way ThreadSanitizer
 * cannot follow. */
struct barrier {
    struct lv_rcu_head rcu;
    pthread_mutex_t mutex;
    pthread_cond_t reached;
    bool is_reached;
};

static void barrier_reached(struct lv_rcu_head *head)
{
    struct barrier *barrier = lv_container_of(head, struct barrier, rcu);
    pthread_mutex_lock(&barrier->mutex);
    barrier->is_reached = true;
    pthread_cond_signal(&barrier->reached);
    pthread_mutex_unlock(&barrier->mutex);
}

static void barrier_wait(void)
{
    struct barrier barrier = {.mutex = PTHREAD_MUTEX_INITIALIZER,
                              .reached = PTHREAD_COND_INITIALIZER};
    lv_rcu_defer(&barrier.rcu, barrier_reached);
    pthread_mutex_lock(&barrier.mutex);
    while (!barrier.is_reached)
        pthread_cond_wait(&barrier.reached, &barrier.mutex);
    pthread_mutex_unlock(&barrier.mutex);
    pthread_mutex_destroy(&barrier.mutex);
    pthread_cond_destroy(&barrier.reached);
}

void lv_rcu_barrier(void)
{
    bool was_online = urcu_qsbr_read_ongoing();
    lv_rcu_offline();
    /* Twice, for what the deferred calls have deferred in turn (a table within an exchange). */
    barrier_wait();
    barrier_wait();
    if (was_online)
        lv_rcu_online();
}

/* --- the table -----------------------------------------------------------------------------
 *
 * Open addressing: an array of places, each with a node and its hash, read from the hash's place on
 * until an empty one.
 *
 *   (1) A place is filled once: its hash, then its node. Removing marks it, nothing moves. So a
 *       reader never passes by a node that is there all the while.
 *   (2) When three quarters of the places are used up, or too few are still in use, the nodes are
 *       put into a new array, which then takes the old one's place; that is freed after a grace
 *       period. So at least a quarter is always empty, and every search ends.
 *
 * liburcu's own table (rculfhash) grows only a grace period and some milliseconds after a writer
 * has found it too small; a burst of 10,000 declarations then searches chains of thousands. */

enum { TABLE_PLACES_MIN = 8, TABLE_SHRINK_AT = 16 };

struct place {
    struct lv_table_node *_Atomic node; /* NULL: never used; &removed: not any more */
    _Atomic uint64_t hash;
};

struct lv_table_places {
    struct lv_rcu_head rcu;
    size_t capacity; /* a power of two */
    size_t used;     /* places that are not empty; the writer's */
    struct place at[];
};

struct lv_table {
    struct lv_table_places *_Atomic places; /* NULL until the first insert */
    atomic_size_t count;
    struct lv_rcu_head destroy;
};

static struct lv_table_node removed;

uint64_t lv_hash(struct slice bytes)
{
    return XXH3_64bits(bytes.p, bytes.n);
}

struct lv_table *lv_table_create(void)
{
    return lv_calloc(1, sizeof(struct lv_table));
}

static struct lv_table_places *places_of(struct lv_table *table)
{
    return atomic_load_explicit(&table->places, memory_order_acquire);
}

static void places_free(struct lv_rcu_head *head)
{
    free(lv_container_of(head, struct lv_table_places, rcu));
}

static void places_replace(struct lv_table *table, struct lv_table_places *places)
{
    struct lv_table_places *old = places_of(table);
    atomic_store_explicit(&table->places, places, memory_order_release);
    if (old)
        lv_rcu_defer(&old->rcu, places_free);
}

static void table_destroy(struct lv_rcu_head *head)
{
    struct lv_table *table = lv_container_of(head, struct lv_table, destroy);
    free(places_of(table));
    free(table);
}

void lv_table_free(struct lv_table **table)
{
    struct lv_table *t = *table;
    *table = NULL;
    if (!t)
        return;
    lv_assert(lv_table_count(t) == 0);
    lv_rcu_defer(&t->destroy, table_destroy);
}

static struct lv_table_node *node_at(const struct lv_table_places *places, size_t i)
{
    return atomic_load_explicit(&places->at[i].node, memory_order_acquire);
}

static uint64_t hash_at(const struct lv_table_places *places, size_t i)
{
    return atomic_load_explicit(&places->at[i].hash, memory_order_relaxed);
}

struct lv_table_node *lv_table_find(struct lv_table *table, struct slice key)
{
    return lv_table_find_hashed(table, key, lv_hash(key));
}

struct lv_table_node *lv_table_find_hashed(struct lv_table *table, struct slice key, uint64_t hash)
{
    const struct lv_table_places *places = places_of(table);
    if (!places)
        return NULL;
    size_t mask = places->capacity - 1;
    struct lv_table_node *node;
    for (size_t i = hash & mask; (node = node_at(places, i)); i = (i + 1) & mask) {
        if (hash_at(places, i) == hash && node != &removed && slice_equal(node->key, key))
            return node;
    }
    return NULL;
}

static void places_put(struct lv_table_places *places, struct lv_table_node *node, uint64_t hash)
{
    size_t mask = places->capacity - 1;
    size_t i = hash & mask;
    while (node_at(places, i))
        i = (i + 1) & mask;
    atomic_store_explicit(&places->at[i].hash, hash, memory_order_relaxed);
    atomic_store_explicit(&places->at[i].node, node, memory_order_release);
    places->used++;
}

/* Puts the nodes into a new array, at most half full with one more. */
static void table_refit(struct lv_table *table)
{
    const struct lv_table_places *old = places_of(table);
    size_t capacity = TABLE_PLACES_MIN;
    while (capacity < 2 * (lv_table_count(table) + 1))
        capacity *= 2;
    struct lv_table_places *places = lv_calloc(1, sizeof *places + capacity * sizeof *places->at);
    places->capacity = capacity;
    for (size_t i = 0; old && i < old->capacity; i++) {
        struct lv_table_node *node = node_at(old, i);
        if (node && node != &removed)
            places_put(places, node, hash_at(old, i));
    }
    places_replace(table, places);
}

void lv_table_insert(struct lv_table *table, struct lv_table_node *node)
{
    struct lv_table_places *places = places_of(table);
    if (!places || places->used >= places->capacity / 4 * 3)
        table_refit(table);
    places_put(places_of(table), node, lv_hash(node->key));
    atomic_store_explicit(&table->count, lv_table_count(table) + 1, memory_order_relaxed);
}

void lv_table_remove(struct lv_table *table, struct lv_table_node *node)
{
    struct lv_table_places *places = places_of(table);
    lv_assert(places != NULL);
    size_t mask = places->capacity - 1;
    size_t i = lv_hash(node->key) & mask;
    while (node_at(places, i) != node) {
        lv_assert(node_at(places, i) != NULL);
        i = (i + 1) & mask;
    }
    atomic_store_explicit(&places->at[i].node, &removed, memory_order_release);
    size_t count = lv_table_count(table) - 1;
    atomic_store_explicit(&table->count, count, memory_order_relaxed);
    if (places->capacity > TABLE_PLACES_MIN && count < places->capacity / TABLE_SHRINK_AT)
        table_refit(table);
}

size_t lv_table_count(const struct lv_table *table)
{
    return atomic_load_explicit(&table->count, memory_order_relaxed);
}

struct lv_table_node *lv_table_first(struct lv_table *table, struct lv_table_iter *it)
{
    it->places = places_of(table);
    it->next = 0;
    return lv_table_next(table, it);
}

struct lv_table_node *lv_table_next(struct lv_table *table, struct lv_table_iter *it)
{
    (void)table;
    while (it->places && it->next < it->places->capacity) {
        struct lv_table_node *node = node_at(it->places, it->next++);
        if (node && node != &removed)
            return node;
    }
    return NULL;
}
