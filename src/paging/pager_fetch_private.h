/* What the files that read single messages for their deadlines share: pager_fetched.c keeps what
 * was read, pager_fetch.c reads it, pager_prefetch.c plans ahead. Private to them. */
#ifndef LEVERET_PAGING_PAGER_FETCH_PRIVATE_H
#define LEVERET_PAGING_PAGER_FETCH_PRIVATE_H

#include "paging/pager_private.h"

enum { FETCH_BUCKETS = 4096 }; /* a power of two */

/* Messages of one chunk, read when they were due or before. */
struct fetched_chunk {
    struct fetched_chunk *next;
    uint64_t chunk;
    uint64_t until_ms; /* messages due up to then have been read, or are being read */
    bool is_reading;
    uint64_t slots;
    struct message *messages[SEQMAP_ENTRIES]; /* owned, those of `slots` */
};

/* A plan of what to read ahead. */
struct prefetch {
    uint64_t horizon_ms;
    uint64_t until_ms; /* messages on disk due up to then have been asked for, or will be */
    uint64_t *chunks;  /* in order; those before `next` have been asked for */
    size_t count, capacity, next;
    size_t runs; /* reads under way */
};

struct fetches {
    struct fetched_chunk *buckets[FETCH_BUCKETS]; /* lists, by chunk */
    size_t count;                                 /* of chunks */
    size_t bytes;                                 /* what the messages in memory cost */
    size_t reads;                                 /* under way for pager_fetch() */
    unsigned next_victim;
    struct prefetch ahead;
};

/* --- pager_fetched.c -------------------------------------------------------------------------- */

/* Returns the pager's fetches; makes them if there are none. */
struct fetches *pager_fetches_of(struct pager *p);

/* Returns the pointer to the chunk's entry, or to the NULL where it would be. */
struct fetched_chunk **pager_fetched_at(struct fetches *all, uint64_t chunk);

/* Returns the chunk's entry, or NULL. */
static inline struct fetched_chunk *pager_fetched_chunk(struct fetches *all, uint64_t chunk)
{
    return *pager_fetched_at(all, chunk);
}

/* Marks a chunk as being read for its messages that are due up to until_ms; returns its entry. */
struct fetched_chunk *pager_fetched_begin(struct fetches *all, uint64_t chunk, uint64_t until_ms);

/* Ends the reading of a chunk. Its entry stays if it has messages, or if a message that is due up
 * to its until_ms was not found: from that pager_fetch() knows that the message cannot be read. */
void pager_fetched_end(struct lane *l, uint64_t chunk);

/* Removes the chunk's entry, with its messages, if it has one. */
void pager_fetched_remove(struct fetches *all, uint64_t chunk);

/* Keeps in memory the messages of a block that was read whose deadline is f->until_ms or
 * earlier. */
void pager_fetched_keep(struct lane *l, struct fetched_chunk *f, const struct segment_block *block);

/* Returns a reference of the message with this number, or NULL if it has not been fetched. */
struct message *pager_fetched_message(struct fetches *all, uint64_t sequence);

/* Returns whether there is room for this many bytes and chunks more. */
bool pager_fetched_has_room(const struct fetches *all, uint64_t bytes, size_t chunks);

/* Returns whether less than a fourth of the room for messages would be used with these bytes. */
bool pager_fetched_is_roomy(const struct fetches *all, uint64_t bytes);

/* Frees one chunk that is not being read, to make room. Returns false if there is none. */
bool pager_fetched_evict(struct fetches *all);

/* --- pager_fetch.c ---------------------------------------------------------------------------- */

/* Chunks whose blocks are stored in one stretch of a segment's file, [from, to). */
struct fetch_run {
    struct segment *segment;
    uint64_t first, last; /* chunks */
    uint64_t from, to;
};

/* Finds the blocks of a chunk in a segment. Returns false if the segment has none of it. */
bool pager_find_blocks(const struct segment *s, uint64_t chunk, uint64_t *ret_from,
                       uint64_t *ret_to);

/* Takes the run's one chunk out of a piece that is not written yet. Returns false if it is not in
 * one. */
bool pager_take_kept(struct lane *l, const struct fetch_run *run);

/* Reads a run. Call after pager_fetched_begin() for its chunks. */
void pager_read_run(struct lane *l, const struct fetch_run *run, pager_ask_done *done);

/* Takes the answer to a run, and ends the reading of each of its chunks. If the read failed but may
 * succeed later, the chunks' entries are removed instead. */
void pager_run_arrived(struct lane *l, struct segment *s, struct pager_ask *ask);

#endif
