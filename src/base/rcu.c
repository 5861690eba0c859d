/* Two orders are told to ThreadSanitizer, because liburcu's library is not built with it:
 *
 *   - a thread's quiescent state happens before the deferred calls of the grace period it ends
 *     (`grace`: released by every quiescent thread and every defer, acquired by the callback);
 *   - lv_table_insert() happens before a lookup that finds the node (the node's own address).
 */
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

/* --- threads and grace periods ------------------------------------------------------------ */

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

/* liburcu calls on one thread, in the order of deferring (nothing here makes it use more threads):
 * a call deferred last comes last. urcu_qsbr_barrier() does the same in a way ThreadSanitizer cannot
 * follow. */
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

/* --- the table ----------------------------------------------------------------------------- */

/* The table grows and shrinks to follow its count, on liburcu's thread, a grace period after a writer
 * has found it unfit. liburcu's own CDS_LFHT_AUTO_RESIZE was not taken: in 0.13 the thread that asks
 * for a resize can overwrite `resize_initiated` after the resize is done, and then the table never
 * grows again. */
enum { TABLE_BUCKETS_MIN = 4, TABLE_SHRINK_AT = 8 };

struct lv_table {
    struct cds_lfht *hash;
    atomic_size_t count;
    atomic_size_t buckets;
    atomic_bool is_resizing; /* `resize` is on its way */
    struct lv_rcu_head resize;
    struct lv_rcu_head destroy;
};

uint64_t lv_hash(struct slice bytes)
{
    return XXH3_64bits(bytes.p, bytes.n);
}

struct lv_table *lv_table_create(void)
{
    struct lv_table *table = lv_calloc(1, sizeof *table);
    table->hash = _cds_lfht_new(TABLE_BUCKETS_MIN, TABLE_BUCKETS_MIN, 0, 0, &cds_lfht_mm_order,
                                &urcu_qsbr_flavor, NULL);
    lv_assert(table->hash);
    atomic_init(&table->buckets, TABLE_BUCKETS_MIN);
    return table;
}

static void table_destroy(struct lv_rcu_head *head)
{
    struct lv_table *table = lv_container_of(head, struct lv_table, destroy);
    int err = cds_lfht_destroy(table->hash, NULL);
    lv_assert(err == 0);
    free(table);
}

/* Deferred too: a resize may be on its way, and liburcu calls in the order of deferring. */
void lv_table_free(struct lv_table **table)
{
    struct lv_table *t = *table;
    *table = NULL;
    if (!t)
        return;
    lv_assert(lv_table_count(t) == 0);
    lv_rcu_defer(&t->destroy, table_destroy);
}

static size_t buckets_for(size_t count)
{
    size_t buckets = TABLE_BUCKETS_MIN;
    while (buckets < count)
        buckets *= 2;
    return buckets;
}

static void table_resize(struct lv_rcu_head *head)
{
    struct lv_table *table = lv_container_of(head, struct lv_table, resize);
    size_t buckets = buckets_for(lv_table_count(table));
    cds_lfht_resize(table->hash, buckets);
    atomic_store_explicit(&table->buckets, buckets, memory_order_relaxed);
    atomic_store_explicit(&table->is_resizing, false, memory_order_release);
}

/* The writer, after each change. */
static void table_fit(struct lv_table *table, size_t count)
{
    size_t buckets = atomic_load_explicit(&table->buckets, memory_order_relaxed);
    bool is_full = count > buckets;
    bool is_hollow = buckets > TABLE_BUCKETS_MIN && count < buckets / TABLE_SHRINK_AT;
    if (!is_full && !is_hollow)
        return;
    if (!atomic_exchange_explicit(&table->is_resizing, true, memory_order_acquire))
        lv_rcu_defer(&table->resize, table_resize);
}

static struct lv_table_node *node_of(struct cds_lfht_node *link)
{
    if (!link)
        return NULL;
    struct lv_table_node *node = lv_container_of(link, struct lv_table_node, link);
    tsan_acquire(node);
    return node;
}

static int matches(struct cds_lfht_node *link, const void *key)
{
    return slice_equal(node_of(link)->key, *(const struct slice *)key);
}

struct lv_table_node *lv_table_find(struct lv_table *table, struct slice key)
{
    return lv_table_find_hashed(table, key, lv_hash(key));
}

struct lv_table_node *lv_table_find_hashed(struct lv_table *table, struct slice key, uint64_t hash)
{
    struct cds_lfht_iter it;
    cds_lfht_lookup(table->hash, hash, matches, &key, &it);
    return node_of(cds_lfht_iter_get_node(&it));
}

void lv_table_insert(struct lv_table *table, struct lv_table_node *node)
{
    uint64_t hash = lv_hash(node->key);
    tsan_release(node);
    cds_lfht_add(table->hash, hash, &node->link);
    size_t count = lv_table_count(table) + 1;
    atomic_store_explicit(&table->count, count, memory_order_relaxed);
    table_fit(table, count);
}

void lv_table_remove(struct lv_table *table, struct lv_table_node *node)
{
    int err = cds_lfht_del(table->hash, &node->link);
    lv_assert(err == 0);
    size_t count = lv_table_count(table) - 1;
    atomic_store_explicit(&table->count, count, memory_order_relaxed);
    table_fit(table, count);
}

size_t lv_table_count(const struct lv_table *table)
{
    return atomic_load_explicit(&table->count, memory_order_relaxed);
}

struct lv_table_node *lv_table_first(struct lv_table *table, struct lv_table_iter *it)
{
    cds_lfht_first(table->hash, &it->it);
    return node_of(cds_lfht_iter_get_node(&it->it));
}

struct lv_table_node *lv_table_next(struct lv_table *table, struct lv_table_iter *it)
{
    cds_lfht_next(table->hash, &it->it);
    return node_of(cds_lfht_iter_get_node(&it->it));
}
