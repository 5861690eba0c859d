/* Messages that were read from the disk because their deadlines have come or come soon: a hash
 * table of chunks of which something is in memory or being read. The messages here are copies of
 * ones on disk, until they are delivered, evicted, or their chunk is read into the backlog. */
#include "paging/pager_fetch_private.h"

#include <stdlib.h>

#include "base/memory.h"

enum { CHUNKS_MAX = 32768, BYTES_MAX = 16 * 1024 * 1024 };

struct fetches *pager_fetches_of(struct pager *p)
{
    if (!p->fetches)
        p->fetches = lv_calloc(1, sizeof *p->fetches);
    return p->fetches;
}

struct fetched_chunk **pager_fetched_at(struct fetches *all, uint64_t chunk)
{
    struct fetched_chunk **at = &all->buckets[chunk & (FETCH_BUCKETS - 1)];
    while (*at && (*at)->chunk != chunk)
        at = &(*at)->next;
    return at;
}

struct fetched_chunk *pager_fetched_begin(struct fetches *all, uint64_t chunk, uint64_t until_ms)
{
    struct fetched_chunk **at = pager_fetched_at(all, chunk);
    if (!*at) {
        *at = lv_calloc(1, sizeof **at);
        (*at)->chunk = chunk;
        all->count++;
    }
    lv_assert(!(*at)->is_reading);
    (*at)->until_ms = until_ms;
    (*at)->is_reading = true;
    return *at;
}

static void fetched_drop(struct fetches *all, struct fetched_chunk *f, unsigned slot)
{
    lv_assert(f->slots >> slot & 1);
    all->bytes -= message_memory(f->messages[slot]);
    f->slots &= ~(1ull << slot);
    message_unref(&f->messages[slot]);
}

static void fetched_free(struct fetches *all, struct fetched_chunk **at)
{
    struct fetched_chunk *f = *at;
    *at = f->next;
    while (f->slots)
        fetched_drop(all, f, (unsigned)__builtin_ctzll(f->slots));
    lv_assert(all->count > 0);
    all->count--;
    free(f);
}

void pager_fetched_remove(struct fetches *all, uint64_t chunk)
{
    struct fetched_chunk **at = pager_fetched_at(all, chunk);
    if (*at)
        fetched_free(all, at);
}

void pager_fetched_end(struct lane *l, uint64_t chunk)
{
    struct fetched_chunk **at = pager_fetched_at(l->pager->fetches, chunk);
    struct fetched_chunk *f = *at;
    lv_assert(f && f->is_reading);
    f->is_reading = false;
    if (f->slots == 0 && backlog_due_on_disk(&l->backlog, f->chunk, f->until_ms) == 0)
        fetched_free(l->pager->fetches, at);
}

void pager_fetched_keep(struct lane *l, struct fetched_chunk *f, const struct segment_block *block)
{
    struct fetches *all = l->pager->fetches;
    uint64_t wanted = backlog_due_on_disk(&l->backlog, f->chunk, f->until_ms) & ~f->slots;
    for (size_t i = 0; block->chunk == f->chunk && i < block->count; i++) {
        const struct segment_entry *e = &block->entries[i];
        if (!(wanted >> e->slot & 1))
            continue;
        f->messages[e->slot] = message_from_store(&e->message);
        if (!f->messages[e->slot])
            continue;
        f->slots |= 1ull << e->slot;
        lane_count_read(l);
        all->bytes += message_memory(f->messages[e->slot]);
    }
}

struct message *pager_fetched_message(struct fetches *all, uint64_t sequence)
{
    const struct fetched_chunk *f = pager_fetched_chunk(all, sequence / SEQMAP_ENTRIES);
    unsigned slot = (unsigned)(sequence % SEQMAP_ENTRIES);
    return f && (f->slots >> slot & 1) ? message_ref(f->messages[slot]) : NULL;
}

bool pager_fetched_has_room(const struct fetches *all, uint64_t bytes, size_t chunks)
{
    return all->count + chunks < CHUNKS_MAX && all->bytes + bytes < BYTES_MAX;
}

bool pager_fetched_is_roomy(const struct fetches *all, uint64_t bytes)
{
    return all->bytes + bytes < BYTES_MAX / 4;
}

bool pager_fetched_evict(struct fetches *all)
{
    for (unsigned i = 0; i < FETCH_BUCKETS; i++) {
        struct fetched_chunk **at = &all->buckets[all->next_victim++ & (FETCH_BUCKETS - 1)];
        while (*at && (*at)->is_reading)
            at = &(*at)->next;
        if (!*at)
            continue;
        fetched_free(all, at);
        return true;
    }
    return false;
}

/* --- called by the rest of the pager ---------------------------------------------------------- */

void pager_fetch_drop(struct pager *p)
{
    for (unsigned i = 0; p->fetches && i < FETCH_BUCKETS; i++) {
        while (p->fetches->buckets[i])
            fetched_free(p->fetches, &p->fetches->buckets[i]);
    }
}

void pager_fetch_free(struct pager *p)
{
    if (!p->fetches)
        return;
    pager_fetch_drop(p);
    lv_assert(p->fetches->count == 0 && p->fetches->bytes == 0);
    free(p->fetches->ahead.chunks);
    free(p->fetches);
    p->fetches = NULL;
}

void pager_fetch_forget(struct pager *p, uint64_t chunk)
{
    if (p->fetches)
        pager_fetched_remove(p->fetches, chunk);
}

void pager_fetch_delivered(struct pager *p, uint64_t sequence)
{
    if (!p->fetches)
        return;
    struct fetched_chunk **at = pager_fetched_at(p->fetches, sequence / SEQMAP_ENTRIES);
    unsigned slot = (unsigned)(sequence % SEQMAP_ENTRIES);
    if (!*at)
        return;
    if ((*at)->slots >> slot & 1)
        fetched_drop(p->fetches, *at, slot);
    if ((*at)->slots == 0 && !(*at)->is_reading)
        fetched_free(p->fetches, at);
}
