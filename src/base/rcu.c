/* liburcu behind rcu.h: threads and grace periods, references, and a hash table that is read
 * without a lock.
 *
 * liburcu's library is not built with ThreadSanitizer, so this file tells the tool one order: a
 * thread's quiescent state happens before the deferred calls of the grace period that it ends. The
 * variable `grace` represents this order: every quiescent state and every lv_rcu_defer() releases
 * it, every deferred call acquires it. */
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
    lv_assert(registrations > 0);
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

static void deferred_call(struct rcu_head *rcu)
{
    struct lv_rcu_head *head = lv_container_of(rcu, struct lv_rcu_head, rcu);
    tsan_acquire(&grace);
    head->free(head);
}

void lv_rcu_defer(struct lv_rcu_head *head, void (*free)(struct lv_rcu_head *head))
{
    lv_assert(free != NULL); /* checked here, where the caller is still known */
    head->free = free;
    tsan_release(&grace);
    urcu_qsbr_call_rcu(&head->rcu, deferred_call);
}

/* --- references -------------------------------------------------------------------------------
 *
 * When the last reference is given back, the call that frees is deferred. It is deferred once:
 * deferring the same head again would break liburcu's list. A reader that found the object before
 * may meanwhile take a reference and give it back. Then a further grace period must pass, because
 * other threads may have found the object through that reader. */

enum {
    REFS_DEFERRED = 1 << 30, /* refs_after_grace() will be called */
    REFS_AGAIN = 1 << 29,    /* after that, the count rose above 0 and fell to 0 */
};
static const uint32_t REFS_COUNT = REFS_AGAIN - 1;

static void refs_after_grace(struct lv_rcu_head *head)
{
    struct lv_rcu_refs *refs = lv_container_of(head, struct lv_rcu_refs, rcu);
    uint32_t is, next;
    do {
        is = atomic_load_explicit(&refs->count, memory_order_acquire);
        lv_assert(is & REFS_DEFERRED);
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
    lv_assert(free != NULL);
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

/* liburcu makes the deferred calls on one thread, in the order in which they were deferred (nothing
 * here makes it use more threads). So once a call has been made, all calls deferred before it have
 * been made too. urcu_qsbr_barrier() does the same in a way that ThreadSanitizer cannot follow. */
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
    /* Twice: a deferred call may defer another (an exchange's call defers that of its table). */
    barrier_wait();
    barrier_wait();
    if (was_online)
        lv_rcu_online();
}

/* --- the table --------------------------------------------------------------------------------
 *
 * Open addressing: an array of slots, each with a node and its hash. A search begins at the slot
 * that the hash selects and ends at the first empty one.
 *
 *   (1) A slot is filled once: first its hash, then its node. Removing a node marks the slot and
 *       moves nothing. So a reader never misses a node that is in the table all the while.
 *   (2) When three quarters of the slots are used up, or few hold a node, the nodes are copied to a
 *       new array, which replaces the old one. The old one is freed after a grace period. So a
 *       quarter of the slots, or more, is always empty, and every search ends.
 *
 * liburcu's own table (rculfhash) grows only a grace period and some milliseconds after a writer
 * has found it too small: during a burst of 10,000 declarations, searches follow chains of
 * thousands. */

enum { TABLE_SLOTS_MIN = 8, TABLE_SHRINK_AT = 16 };

struct slot {
    struct lv_table_node *_Atomic node; /* NULL: never used; &removed: taken out */
    _Atomic uint64_t hash;
};

struct lv_table_slots {
    struct lv_rcu_head rcu;
    size_t capacity; /* a power of two */
    size_t used;     /* slots that are not empty, removed nodes included; only the writer uses it */
    struct slot at[];
};

struct lv_table {
    struct lv_table_slots *_Atomic slots; /* NULL until the first insert */
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

static struct lv_table_slots *slots_of(struct lv_table *table)
{
    return atomic_load_explicit(&table->slots, memory_order_acquire);
}

static void slots_free(struct lv_rcu_head *head)
{
    free(lv_container_of(head, struct lv_table_slots, rcu));
}

static void slots_replace(struct lv_table *table, struct lv_table_slots *slots)
{
    struct lv_table_slots *old = slots_of(table);
    atomic_store_explicit(&table->slots, slots, memory_order_release);
    if (old)
        lv_rcu_defer(&old->rcu, slots_free);
}

static void table_destroy(struct lv_rcu_head *head)
{
    struct lv_table *table = lv_container_of(head, struct lv_table, destroy);
    free(slots_of(table));
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

static struct lv_table_node *node_at(const struct lv_table_slots *slots, size_t i)
{
    return atomic_load_explicit(&slots->at[i].node, memory_order_acquire);
}

static uint64_t hash_at(const struct lv_table_slots *slots, size_t i)
{
    return atomic_load_explicit(&slots->at[i].hash, memory_order_relaxed);
}

struct lv_table_node *lv_table_find(struct lv_table *table, struct slice key)
{
    return lv_table_find_hashed(table, key, lv_hash(key));
}

struct lv_table_node *lv_table_find_hashed(struct lv_table *table, struct slice key, uint64_t hash)
{
    const struct lv_table_slots *slots = slots_of(table);
    if (!slots)
        return NULL;
    size_t mask = slots->capacity - 1;
    struct lv_table_node *node;
    for (size_t i = hash & mask; (node = node_at(slots, i)); i = (i + 1) & mask) {
        if (hash_at(slots, i) == hash && node != &removed && slice_equal(node->key, key))
            return node;
    }
    return NULL;
}

static void slots_put(struct lv_table_slots *slots, struct lv_table_node *node, uint64_t hash)
{
    lv_assert(slots->used < slots->capacity); /* so an empty slot is found below */
    size_t mask = slots->capacity - 1;
    size_t i = hash & mask;
    while (node_at(slots, i))
        i = (i + 1) & mask;
    atomic_store_explicit(&slots->at[i].hash, hash, memory_order_relaxed);
    atomic_store_explicit(&slots->at[i].node, node, memory_order_release);
    slots->used++;
}

/* Copies the nodes to a new array, which is at most half full once another node is inserted. */
static void table_refit(struct lv_table *table)
{
    const struct lv_table_slots *old = slots_of(table);
    size_t capacity = TABLE_SLOTS_MIN;
    while (capacity < 2 * (lv_table_count(table) + 1))
        capacity *= 2;
    struct lv_table_slots *slots = lv_calloc(1, sizeof *slots + capacity * sizeof *slots->at);
    slots->capacity = capacity;
    for (size_t i = 0; old && i < old->capacity; i++) {
        struct lv_table_node *node = node_at(old, i);
        if (node && node != &removed)
            slots_put(slots, node, hash_at(old, i));
    }
    slots_replace(table, slots);
}

void lv_table_insert(struct lv_table *table, struct lv_table_node *node)
{
    struct lv_table_slots *slots = slots_of(table);
    uint64_t hash = lv_hash(node->key);
    lv_assert(!lv_table_find_hashed(table, node->key, hash));
    if (!slots || slots->used >= slots->capacity / 4 * 3)
        table_refit(table);
    slots_put(slots_of(table), node, hash);
    atomic_store_explicit(&table->count, lv_table_count(table) + 1, memory_order_relaxed);
}

void lv_table_remove(struct lv_table *table, struct lv_table_node *node)
{
    struct lv_table_slots *slots = slots_of(table);
    lv_assert(lv_table_count(table) > 0);
    size_t mask = slots->capacity - 1;
    size_t i = lv_hash(node->key) & mask;
    while (node_at(slots, i) != node) {
        lv_assert(node_at(slots, i) != NULL);
        i = (i + 1) & mask;
    }
    atomic_store_explicit(&slots->at[i].node, &removed, memory_order_release);
    size_t count = lv_table_count(table) - 1;
    atomic_store_explicit(&table->count, count, memory_order_relaxed);
    if (slots->capacity > TABLE_SLOTS_MIN && count < slots->capacity / TABLE_SHRINK_AT)
        table_refit(table);
}

size_t lv_table_count(const struct lv_table *table)
{
    return atomic_load_explicit(&table->count, memory_order_relaxed);
}

struct lv_table_node *lv_table_first(struct lv_table *table, struct lv_table_iter *it)
{
    it->slots = slots_of(table);
    it->next = 0;
    return lv_table_next(table, it);
}

struct lv_table_node *lv_table_next(struct lv_table *table, struct lv_table_iter *it)
{
    enum {
        AHEAD = 16
    }; /* nodes lie all over the memory: those that come soon are loaded meanwhile */
    (void)table;
    while (it->slots && it->next < it->slots->capacity) {
        if (it->next + AHEAD < it->slots->capacity)
            __builtin_prefetch(node_at(it->slots, it->next + AHEAD));
        struct lv_table_node *node = node_at(it->slots, it->next++);
        if (node && node != &removed)
            return node;
    }
    return NULL;
}
