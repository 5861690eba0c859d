/* A list of parts. The sender reads the first part outside the lock, since no one else removes it.
 *
 * A part is a mapping of its own. One thread allocates it, another frees it, and the first may have
 * ended by then: an allocator would keep such memory for long, and an answer may be large.
 *
 * A full spool holds more than SPOOL_BYTES_FREE, so its sender has something to send, and each
 * spool_sent() wakes the producer: no spool waits for another one's client. */
#include "base/spool.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "base/assert.h"
#include "base/list.h"
#include "base/memory.h"

struct spool {
    struct spool_budget *budget;
    void (*wake)(void *arg);
    void *arg;
    pthread_mutex_t lock; /* for everything below */
    pthread_cond_t changed;
    struct lv_list parts;
    size_t bytes;     /* unsent */
    bool is_cut;      /* bytes are dropped */
    bool never_waits; /* it is cut instead of making its producer wait */
};

struct part {
    struct lv_list link;
    size_t n, sent;
    uint8_t bytes[];
};

struct spool *spool_create(struct spool_budget *budget, void (*wake)(void *arg), void *arg)
{
    struct spool *s = lv_calloc(1, sizeof *s);
    s->budget = budget;
    s->wake = wake;
    s->arg = arg;
    pthread_mutex_init(&s->lock, NULL);
    pthread_cond_init(&s->changed, NULL);
    lv_list_init(&s->parts);
    return s;
}

/* The caller holds the lock. */
static void spool_count(struct spool *s, size_t added, size_t removed)
{
    lv_assert(removed <= s->bytes + added);
    s->bytes += added - removed;
    atomic_fetch_add_explicit(&s->budget->bytes, (uint64_t)added - removed, memory_order_relaxed);
}

/* Returns NULL if there is no memory. */
static struct part *part_create(struct slice bytes)
{
    lv_assert(bytes.n > 0); /* the sender would never get past an empty part */
    struct part *part = mmap(NULL, sizeof *part + bytes.n, PROT_READ | PROT_WRITE,
                             MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (part == MAP_FAILED)
        return NULL;
    lv_list_init(&part->link);
    part->n = bytes.n;
    memcpy(part->bytes, bytes.p, bytes.n);
    return part;
}

static void part_free(struct part *part)
{
    lv_list_remove(&part->link);
    int err = munmap(part, sizeof *part + part->n);
    lv_assert(err == 0);
}

static struct part *first_part(const struct spool *s)
{
    return lv_list_is_empty(&s->parts) ? NULL : lv_list_item(s->parts.next, struct part, link);
}

/* The caller holds the lock. */
static void spool_cut_locked(struct spool *s)
{
    s->is_cut = true;
    for (struct part *part; (part = first_part(s)) != NULL;)
        part_free(part);
    spool_count(s, 0, s->bytes);
    pthread_cond_signal(&s->changed);
}

void spool_free(struct spool **spool)
{
    struct spool *s = *spool;
    *spool = NULL;
    if (!s)
        return;
    spool_cut_locked(s);
    pthread_cond_destroy(&s->changed);
    pthread_mutex_destroy(&s->lock);
    free(s);
}

/* --- the producer's --------------------------------------------------------------------------- */

static bool spool_is_full(const struct spool *s)
{
    uint64_t all = atomic_load_explicit(&s->budget->bytes, memory_order_relaxed);
    return s->bytes > (all < SPOOL_BUDGET_BYTES ? SPOOL_BYTES_MAX : SPOOL_BYTES_FREE);
}

/* The caller holds the lock. */
static void spool_wait(struct spool *s)
{
    while (!s->is_cut && spool_is_full(s)) {
        if (s->never_waits)
            spool_cut_locked(s);
        else
            pthread_cond_wait(&s->changed, &s->lock);
    }
}

/* The caller holds the lock. */
static void spool_append(struct spool *s, struct slice bytes)
{
    struct part *part = part_create(bytes);
    if (!part) {
        spool_cut_locked(s);
        return;
    }
    lv_list_push(&s->parts, &part->link);
    spool_count(s, bytes.n, 0);
}

void spool_put(struct spool *s, struct lv_buffer *bytes)
{
    bool is_wanted = bytes->n > 0;
    pthread_mutex_lock(&s->lock);
    if (is_wanted)
        spool_wait(s);
    if (is_wanted && !s->is_cut)
        spool_append(s, lv_buffer_slice(bytes));
    pthread_mutex_unlock(&s->lock);
    lv_buffer_free(bytes);
    if (is_wanted)
        s->wake(s->arg);
}

bool spool_would_wait(struct spool *s)
{
    pthread_mutex_lock(&s->lock);
    bool waits = !s->is_cut && !s->never_waits && spool_is_full(s);
    pthread_mutex_unlock(&s->lock);
    return waits;
}

bool spool_is_cut(struct spool *s)
{
    pthread_mutex_lock(&s->lock);
    bool is_cut = s->is_cut;
    pthread_mutex_unlock(&s->lock);
    return is_cut;
}

/* --- the sender's ----------------------------------------------------------------------------- */

bool spool_next(struct spool *s, struct slice *ret)
{
    pthread_mutex_lock(&s->lock);
    const struct part *part = first_part(s);
    if (part)
        *ret = slice_of(part->bytes + part->sent, part->n - part->sent);
    pthread_mutex_unlock(&s->lock);
    return part != NULL;
}

void spool_sent(struct spool *s, size_t n)
{
    pthread_mutex_lock(&s->lock);
    struct part *part = first_part(s);
    lv_assert(part && n <= part->n - part->sent);
    part->sent += n;
    if (part->sent == part->n)
        part_free(part);
    spool_count(s, 0, n);
    pthread_cond_signal(&s->changed);
    pthread_mutex_unlock(&s->lock);
}

void spool_cut(struct spool *s)
{
    pthread_mutex_lock(&s->lock);
    spool_cut_locked(s);
    pthread_mutex_unlock(&s->lock);
}

void spool_never_wait(struct spool *s)
{
    pthread_mutex_lock(&s->lock);
    s->never_waits = true;
    pthread_cond_signal(&s->changed);
    pthread_mutex_unlock(&s->lock);
}
