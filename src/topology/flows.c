/* Loops write their tables, and readers read them, without a lock:
 *
 *   (1) A table belongs to one loop, which alone adds flows and counts. A flow is complete before
 *       it is linked into its bucket (release), and is never changed or removed but for its
 *       counter.
 *   (2) The struct flows is replaced as a whole: the first loop that finds that nobody looks any
 *       longer takes it out of the vhost, and it is freed a grace period later, with the tables.
 *   (3) What readers have in common (the sums and samples) is under `lock`. */
#include "topology/flows.h"

#include <pthread.h>
#include <stdlib.h>

#include "base/counters.h"
#include "base/memory.h"
#include "base/rcu.h"
#include "topology/vhost.h"

enum { BUCKETS = 1024 };

struct flow {
    struct flow *next; /* in its bucket */
    uint64_t hash;
    _Atomic uint64_t count;
    uint16_t exchange_bytes, queue_bytes;
    uint8_t names[]; /* exchange, queue */
};

struct flow_table {
    _Atomic uint64_t homeless; /* messages that found no room */
    size_t flows;              /* the loop's */
    struct flow *_Atomic buckets[BUCKETS];
};

/* The sum over the loops, with what it was at the last samples. */
struct flow_sum {
    const struct flow *flow; /* of the first loop that has it */
    uint64_t count;
    uint64_t before[FLOWS_SAMPLES];
};

struct flows {
    struct lv_rcu_head rcu;
    _Atomic uint64_t until_ms; /* somebody looks: loop_steady_ms() */
    struct flow_table *_Atomic tables[LOOPS_MAX];

    pthread_mutex_t lock; /* for what follows */
    uint64_t since_ms;
    uint64_t sampled_ms[FLOWS_SAMPLES]; /* a ring */
    unsigned samples;                   /* how many there have been */
    struct flow_sum *sums;              /* open addressing, by hash; `flow` NULL: empty */
    size_t sum_count, sum_capacity;     /* a power of two */
};

/* --- their life ------------------------------------------------------------------------------- */

static void table_free(struct flow_table *t)
{
    for (size_t i = 0; t && i < BUCKETS; i++) {
        struct flow *f = atomic_load_explicit(&t->buckets[i], memory_order_relaxed);
        while (f) {
            struct flow *next = f->next;
            free(f);
            f = next;
        }
    }
    free(t);
}

static void flows_end(struct lv_rcu_head *head)
{
    struct flows *s = lv_container_of(head, struct flows, rcu);
    for (unsigned i = 0; i < LOOPS_MAX; i++)
        table_free(atomic_load_explicit(&s->tables[i], memory_order_acquire));
    pthread_mutex_destroy(&s->lock);
    free(s->sums);
    free(s);
}

void flows_free(struct vhost *vhost)
{
    struct flows *s = atomic_exchange_explicit(&vhost->flows, NULL, memory_order_acq_rel);
    if (s)
        flows_end(&s->rcu);
}

static struct flows *flows_begin(struct vhost *vhost, uint64_t now_ms)
{
    struct flows *mine = lv_calloc(1, sizeof *mine), *there = NULL;
    pthread_mutex_init(&mine->lock, NULL);
    mine->since_ms = mine->sampled_ms[0] = now_ms;
    mine->samples = 1; /* of nothing */
    atomic_init(&mine->until_ms, now_ms + FLOWS_LOOK_MS);
    if (atomic_compare_exchange_strong_explicit(&vhost->flows, &there, mine, memory_order_acq_rel,
                                                memory_order_acquire))
        return mine;
    flows_end(&mine->rcu);
    return there;
}

/* Nobody looks any longer. If somebody begins to look at this moment, the flag stays set and the
 * next message finds no flows: it clears the flag, and the next look begins anew. */
static void flows_leave(struct vhost *vhost, struct flows *s)
{
    vhost_unwatch(vhost, VHOST_WATCH_FLOWS);
    if (s && atomic_compare_exchange_strong_explicit(&vhost->flows, &s, NULL, memory_order_acq_rel,
                                                     memory_order_relaxed))
        lv_rcu_defer(&s->rcu, flows_end);
}

/* --- counting: on a loop ---------------------------------------------------------------------- */

static struct slice flow_exchange(const struct flow *f)
{
    return slice_of(f->names, f->exchange_bytes);
}

static struct slice flow_queue(const struct flow *f)
{
    return slice_of(f->names + f->exchange_bytes, f->queue_bytes);
}

static uint64_t flow_hash(struct slice exchange, struct slice queue)
{
    return lv_hash(exchange) * 31 + lv_hash(queue);
}

static bool flow_is(const struct flow *f, uint64_t hash, struct slice exchange, struct slice queue)
{
    return f->hash == hash && slice_equal(flow_exchange(f), exchange) &&
           slice_equal(flow_queue(f), queue);
}

static struct flow_table *table_of(struct flows *s, const struct loop *loop)
{
    struct flow_table *_Atomic *slot = &s->tables[loop_index(loop)];
    struct flow_table *t = atomic_load_explicit(slot, memory_order_relaxed);
    if (!t) {
        t = lv_calloc(1, sizeof *t);
        atomic_store_explicit(slot, t, memory_order_release);
    }
    return t;
}

static struct flow *flow_add(struct flow_table *t, uint64_t hash, struct slice exchange,
                             struct slice queue)
{
    struct flow *_Atomic *bucket = &t->buckets[hash % BUCKETS];
    if (t->flows == FLOWS_A_LOOP_MAX)
        return NULL;
    struct flow *f = lv_calloc(1, sizeof *f + exchange.n + queue.n);
    f->hash = hash;
    f->exchange_bytes = (uint16_t)exchange.n;
    f->queue_bytes = (uint16_t)queue.n;
    if (exchange.n > 0)
        memcpy(f->names, exchange.p, exchange.n);
    if (queue.n > 0)
        memcpy(f->names + exchange.n, queue.p, queue.n);
    f->next = atomic_load_explicit(bucket, memory_order_relaxed);
    t->flows++;
    atomic_store_explicit(bucket, f, memory_order_release);
    return f;
}

static void table_count(struct flow_table *t, struct slice exchange, struct slice queue)
{
    uint64_t hash = flow_hash(exchange, queue);
    struct flow *f = atomic_load_explicit(&t->buckets[hash % BUCKETS], memory_order_relaxed);
    while (f && !flow_is(f, hash, exchange, queue))
        f = f->next;
    if (!f)
        f = flow_add(t, hash, exchange, queue);
    counter_add(f ? &f->count : &t->homeless, 1);
}

/* Returns the loop's table, or NULL if nobody looks any longer. */
static struct flow_table *table_looked_at(struct loop *loop, struct vhost *vhost)
{
    struct flows *s = atomic_load_explicit(&vhost->flows, memory_order_acquire);
    lv_assert(!loop_current() || loop_current() == loop);
    if (s && loop_steady_ms(loop) < atomic_load_explicit(&s->until_ms, memory_order_relaxed))
        return table_of(s, loop);
    flows_leave(vhost, s);
    return NULL;
}

void flows_count(struct loop *loop, struct vhost *vhost, struct slice exchange,
                 const struct route *route)
{
    struct flow_table *t = table_looked_at(loop, vhost);
    for (size_t i = 0; t && i < route->count; i++) {
        if (!route->queues[i]->is_apart && !route->queues[i]->is_companion)
            table_count(t, exchange, queue_entry_name(route->queues[i]));
    }
}

void flows_count_one(struct loop *loop, struct vhost *vhost, struct slice exchange,
                     struct slice queue)
{
    struct flow_table *t = table_looked_at(loop, vhost);
    if (t)
        table_count(t, exchange, queue);
}

/* --- reading: under the lock ------------------------------------------------------------------ */

/* Returns the flow's place among the sums, which may be empty. */
static struct flow_sum *sum_find(const struct flows *s, const struct flow *f)
{
    size_t i = f->hash & (s->sum_capacity - 1);
    while (s->sums[i].flow && !flow_is(s->sums[i].flow, f->hash, flow_exchange(f), flow_queue(f)))
        i = (i + 1) & (s->sum_capacity - 1);
    return &s->sums[i];
}

static void sums_grow(struct flows *s)
{
    struct flow_sum *old = s->sums;
    size_t capacity = s->sum_capacity;
    s->sum_capacity = capacity ? capacity * 2 : 64;
    s->sums = lv_calloc(s->sum_capacity, sizeof *s->sums);
    for (size_t i = 0; i < capacity; i++) {
        if (old[i].flow)
            *sum_find(s, old[i].flow) = old[i];
    }
    free(old);
}

static void sum_add(struct flows *s, const struct flow *f)
{
    if (s->sum_count >= s->sum_capacity / 2)
        sums_grow(s);
    struct flow_sum *sum = sum_find(s, f);
    if (!sum->flow) {
        sum->flow = f;
        s->sum_count++;
    }
    sum->count += atomic_load_explicit(&f->count, memory_order_relaxed);
}

/* Sums up the tables. Returns how many messages found no room in them. */
static uint64_t sums_make(struct flows *s)
{
    uint64_t homeless = 0;
    for (size_t i = 0; i < s->sum_capacity; i++)
        s->sums[i].count = 0;
    for (unsigned i = 0; i < LOOPS_MAX; i++) {
        struct flow_table *t = atomic_load_explicit(&s->tables[i], memory_order_acquire);
        for (size_t b = 0; t && b < BUCKETS; b++) {
            const struct flow *f = atomic_load_explicit(&t->buckets[b], memory_order_acquire);
            for (; f; f = f->next)
                sum_add(s, f);
        }
        homeless += t ? atomic_load_explicit(&t->homeless, memory_order_relaxed) : 0;
    }
    return homeless;
}

/* Returns the oldest sample of the last FLOWS_RATE_MS, or the last one if that is older. */
static unsigned sample_to_compare(const struct flows *s, uint64_t now_ms)
{
    unsigned kept = s->samples < FLOWS_SAMPLES ? s->samples : FLOWS_SAMPLES;
    unsigned n = 1;
    while (n < kept &&
           now_ms - s->sampled_ms[(s->samples - n - 1) % FLOWS_SAMPLES] <= FLOWS_RATE_MS)
        n++;
    return (s->samples - n) % FLOWS_SAMPLES;
}

static void sample_take(struct flows *s, uint64_t now_ms)
{
    unsigned at = s->samples++ % FLOWS_SAMPLES;
    s->sampled_ms[at] = now_ms;
    for (size_t i = 0; i < s->sum_capacity; i++)
        s->sums[i].before[at] = s->sums[i].count;
}

static void sums_visit(const struct flows *s, uint64_t now_ms,
                       void (*visit)(void *arg, const struct flow_seen *flow), void *arg)
{
    unsigned before = sample_to_compare(s, now_ms);
    uint64_t ms = now_ms - s->sampled_ms[before];
    for (size_t i = 0; i < s->sum_capacity; i++) {
        const struct flow_sum *sum = &s->sums[i];
        if (!sum->flow)
            continue;
        const struct flow_seen seen = {
            .exchange = flow_exchange(sum->flow),
            .queue = flow_queue(sum->flow),
            .count = sum->count,
            .rate = ms ? (double)(sum->count - sum->before[before]) * 1000.0 / (double)ms : 0,
            .for_ms = now_ms - s->since_ms,
        };
        visit(arg, &seen);
    }
}

uint64_t flows_read(struct vhost *vhost, uint64_t now_ms,
                    void (*visit)(void *arg, const struct flow_seen *flow), void *arg)
{
    struct flows *s = atomic_load_explicit(&vhost->flows, memory_order_acquire);
    if (!s)
        s = flows_begin(vhost, now_ms);
    pthread_mutex_lock(&s->lock);
    uint64_t last_ms = s->sampled_ms[(s->samples - 1) % FLOWS_SAMPLES];
    now_ms = now_ms < last_ms ? last_ms : now_ms; /* another reader was faster */
    atomic_store_explicit(&s->until_ms, now_ms + FLOWS_LOOK_MS, memory_order_relaxed);
    vhost_watch(vhost, VHOST_WATCH_FLOWS);
    uint64_t homeless = sums_make(s);
    sums_visit(s, now_ms, visit, arg);
    if (now_ms - last_ms >= FLOWS_SAMPLE_MS)
        sample_take(s, now_ms);
    pthread_mutex_unlock(&s->lock);
    return homeless;
}
