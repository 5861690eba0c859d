/* Messages are pushed, delivered, returned and settled: each is a few bit operations on a chunk of
 * 64.
 *
 * Every message that is added or removed is counted by one of the count_...() functions, so that
 * counts and bytes agree with the chunks. Deadlines and counts of returns are in
 * backlog_times.c. */
#include "paging/backlog.h"

#include <stdlib.h>

static uint64_t bit_of(uint64_t sequence)
{
    return 1ull << (sequence % SEQMAP_ENTRIES);
}

void backlog_init(struct backlog *b)
{
    *b = (struct backlog){0};
    lv_seqmap_init(&b->chunks, sizeof(struct backlog_chunk));
}

void backlog_free(struct backlog *b)
{
    for (uint64_t c = b->chunks.first; c < b->chunks.end; c++) {
        struct backlog_chunk *chunk = backlog_chunk(b, c);
        for (uint64_t live = chunk ? chunk->live : 0; live; live &= live - 1)
            message_unref(&chunk->messages[__builtin_ctzll(live)]);
        backlog_meta_free(b, backlog_meta(b, c));
    }
    lv_seqmap_free(&b->chunks);
    free(b->deadlines);
    bool counts_deliveries = b->counts_deliveries, stores_all = b->stores_all;
    bool keeps_meta = b->keeps_meta;
    backlog_init(b);
    b->counts_deliveries = counts_deliveries;
    b->stores_all = stores_all;
    b->keeps_meta = keeps_meta;
}

bool backlog_free_some(struct backlog *b, unsigned *ret_count)
{
    uint64_t c = b->chunks.first;
    *ret_count = 0;
    if (c == b->chunks.end) {
        backlog_free(b);
        return false;
    }
    struct backlog_chunk *chunk = backlog_chunk(b, c);
    backlog_meta_free(b, backlog_meta(b, c));
    if (!chunk) {
        lv_seqmap_forget(&b->chunks, c * SEQMAP_ENTRIES);
        return true;
    }
    for (uint64_t live = chunk->live; live; live &= live - 1) {
        message_unref(&chunk->messages[__builtin_ctzll(live)]);
        ++*ret_count;
    }
    lv_seqmap_drop(&b->chunks, c * SEQMAP_ENTRIES);
    return true;
}

/* --- counting --------------------------------------------------------------------------------- */

static void count_ready(struct backlog *b, const struct message *m, int64_t sign)
{
    b->ready += (size_t)sign;
    b->ready_bytes += (uint64_t)(sign * (int64_t)m->body_bytes);
}

static void count_unacked(struct backlog *b, const struct message *m, int64_t sign)
{
    b->unacked += (size_t)sign;
    b->unacked_bytes += (uint64_t)(sign * (int64_t)m->body_bytes);
}

static void count_persistent(struct backlog *b, const struct message *m, int64_t sign)
{
    if (!backlog_stores(b, m))
        return;
    b->persistent += (size_t)sign;
    b->persistent_bytes += (uint64_t)(sign * (int64_t)m->body_bytes);
}

static void count_memory(struct backlog *b, const struct message *m, int64_t sign)
{
    b->memory_bytes += (uint64_t)(sign * (int64_t)message_memory(m));
}

/* --- pushing ---------------------------------------------------------------------------------- */

static struct backlog_chunk *chunk_append(struct backlog *b, struct message **message)
{
    struct backlog_chunk *chunk = lv_seqmap_extend(&b->chunks, b->next_sequence);
    chunk->messages[b->next_sequence % SEQMAP_ENTRIES] = *message;
    chunk->live |= bit_of(b->next_sequence);
    count_persistent(b, *message, 1);
    count_memory(b, *message, 1);
    *message = NULL;
    return chunk;
}

uint64_t backlog_push(struct backlog *b, struct message **message)
{
    count_ready(b, *message, 1);
    struct backlog_chunk *chunk = chunk_append(b, message);
    chunk->ready |= bit_of(b->next_sequence);
    return b->next_sequence++;
}

uint64_t backlog_push_unacked(struct backlog *b, struct message **message)
{
    count_unacked(b, *message, 1);
    chunk_append(b, message);
    b->delivered_below = b->next_sequence + 1;
    return b->next_sequence++;
}

/* --- the first ready message ------------------------------------------------------------------ */

/* Returns the chunk after the last one from which messages may be delivered now. */
static uint64_t deliverable_end(const struct backlog *b)
{
    return backlog_has_disk(b) ? b->disk_begin + 1 : b->chunks.end;
}

enum backlog_next backlog_next(struct backlog *b, uint64_t *ret_sequence)
{
    if (b->ready == 0)
        return BACKLOG_NONE;
    if (b->cursor < b->chunks.first)
        b->cursor = b->chunks.first;
    for (uint64_t end = deliverable_end(b); b->cursor < end; b->cursor++) {
        struct backlog_chunk *chunk = backlog_chunk(b, b->cursor);
        if (chunk && chunk->ready) {
            *ret_sequence = b->cursor * SEQMAP_ENTRIES + (unsigned)__builtin_ctzll(chunk->ready);
            return BACKLOG_HERE;
        }
        if (backlog_has_disk(b) && b->cursor == b->disk_begin)
            break; /* the rest of this chunk is still to be read */
    }
    lv_assert(backlog_has_disk(b));
    return BACKLOG_ON_DISK;
}

struct message *backlog_deliver(struct backlog *b, uint64_t *ret_sequence, bool *ret_redelivered)
{
    if (backlog_next(b, ret_sequence) != BACKLOG_HERE)
        lv_unreachable();
    struct backlog_chunk *chunk = backlog_chunk(b, b->cursor);
    unsigned at = (unsigned)(*ret_sequence % SEQMAP_ENTRIES);
    struct message *m = chunk->messages[at];
    chunk->ready &= chunk->ready - 1;
    count_ready(b, m, -1);
    count_unacked(b, m, 1);
    *ret_redelivered = (chunk->redelivered >> at & 1) != 0;
    if (b->delivered_below <= *ret_sequence)
        b->delivered_below = *ret_sequence + 1;
    return m;
}

/* --- leaving ---------------------------------------------------------------------------------- */

/* Returns whether a chunk in which nothing is live may be freed: no message will be added to it. */
static bool chunk_may_drop(const struct backlog *b, uint64_t chunk)
{
    bool is_growing = chunk == b->next_sequence / SEQMAP_ENTRIES;
    bool is_coming = backlog_has_disk(b) && chunk == b->disk_begin;
    return !is_growing && !is_coming;
}

static void chunk_drop(struct backlog *b, struct backlog_chunk *chunk, uint64_t sequence)
{
    lv_assert(chunk->live == 0 && chunk->ready == 0);
    backlog_meta_free(b, chunk->meta);
    lv_seqmap_drop(&b->chunks, sequence);
}

void backlog_skip_to(struct backlog *b, uint64_t sequence)
{
    uint64_t last = b->next_sequence;
    if (sequence <= last)
        return;
    b->next_sequence = sequence;
    /* The chunk that was the last one until now was kept even if empty, because it was growing. */
    struct backlog_chunk *chunk = backlog_chunk(b, last / SEQMAP_ENTRIES);
    if (chunk && chunk->live == 0 && chunk_may_drop(b, last / SEQMAP_ENTRIES))
        chunk_drop(b, chunk, last);
}

/* Empties a slot that is not ready; the caller gets the message's reference. */
static struct message *chunk_remove(struct backlog *b, struct backlog_chunk *chunk,
                                    uint64_t sequence, struct backlog_left *ret)
{
    struct message *m = chunk->messages[sequence % SEQMAP_ENTRIES];
    uint64_t bit = bit_of(sequence);
    lv_assert(chunk->live & ~chunk->ready & bit);
    *ret = (struct backlog_left){
        .sequence = sequence,
        .body_bytes = m->body_bytes,
        .is_persistent = backlog_stores(b, m),
        .is_stored = (chunk->stored & bit) != 0,
        .redelivered = (chunk->redelivered & bit) != 0,
    };
    chunk->live &= ~bit;
    chunk->stored &= ~bit;
    chunk->redelivered &= ~bit;
    count_persistent(b, m, -1);
    count_memory(b, m, -1);
    if (chunk->meta && chunk->meta->times)
        chunk->meta->times->deadline_ms[sequence % SEQMAP_ENTRIES] = 0;
    if (chunk->live == 0 && chunk_may_drop(b, sequence / SEQMAP_ENTRIES))
        chunk_drop(b, chunk, sequence);
    return m;
}

struct message *backlog_pop(struct backlog *b, struct backlog_left *ret)
{
    lv_assert(b->ready > b->disk_ready);
    uint64_t sequence;
    if (backlog_next(b, &sequence) != BACKLOG_HERE)
        lv_unreachable();
    struct backlog_chunk *chunk = backlog_chunk(b, b->cursor);
    chunk->ready &= chunk->ready - 1;
    struct message *m = chunk_remove(b, chunk, sequence, ret);
    count_ready(b, m, -1);
    return m;
}

static struct backlog_chunk *chunk_of_unacked(const struct backlog *b, uint64_t sequence)
{
    struct backlog_chunk *chunk = lv_seqmap_find(&b->chunks, sequence);
    return chunk && (chunk->live & ~chunk->ready & bit_of(sequence)) ? chunk : NULL;
}

struct message *backlog_find(const struct backlog *b, uint64_t sequence)
{
    const struct backlog_chunk *chunk = lv_seqmap_find(&b->chunks, sequence);
    return chunk && (chunk->live & bit_of(sequence)) ? chunk->messages[sequence % SEQMAP_ENTRIES]
                                                     : NULL;
}

struct message *backlog_find_unacked(struct backlog *b, uint64_t sequence)
{
    struct backlog_chunk *chunk = chunk_of_unacked(b, sequence);
    return chunk ? chunk->messages[sequence % SEQMAP_ENTRIES] : NULL;
}

/* Settles a message that became unacked on disk. Returns false if there is no such message. */
static bool settle_on_disk(struct backlog *b, uint64_t sequence, struct backlog_left *ret)
{
    struct backlog_meta *meta = backlog_meta(b, sequence / SEQMAP_ENTRIES);
    uint64_t bit = bit_of(sequence);
    if (!meta || !(meta->live & meta->unacked & bit))
        return false;
    unsigned at = (unsigned)(sequence % SEQMAP_ENTRIES);
    *ret = (struct backlog_left){
        .sequence = sequence,
        .body_bytes = meta->times->body_bytes[at],
        .is_persistent = (meta->persistent & bit) != 0,
        .is_stored = !(meta->log_only & bit),
        .is_log_only = (meta->log_only & bit) != 0,
    };
    meta->live &= ~bit;
    meta->unacked &= ~bit;
    meta->log_only &= ~bit;
    meta->times->deadline_ms[at] = 0;
    lv_assert(b->unacked > 0);
    b->unacked--;
    b->unacked_bytes -= ret->body_bytes;
    b->persistent -= ret->is_persistent;
    b->persistent_bytes -= ret->is_persistent ? ret->body_bytes : 0;
    if (meta->live == 0 && !backlog_chunk(b, sequence / SEQMAP_ENTRIES))
        backlog_times_drop(b, meta);
    return true;
}

bool backlog_settle(struct backlog *b, uint64_t sequence, struct backlog_left *ret)
{
    struct backlog_chunk *chunk = chunk_of_unacked(b, sequence);
    if (!chunk)
        return settle_on_disk(b, sequence, ret);
    struct message *m = chunk_remove(b, chunk, sequence, ret);
    count_unacked(b, m, -1);
    message_unref(&m);
    return true;
}

struct message *backlog_deliver_at(struct backlog *b, uint64_t sequence, bool *ret_redelivered)
{
    struct backlog_chunk *chunk = lv_seqmap_find(&b->chunks, sequence);
    lv_assert(chunk && (chunk->ready & bit_of(sequence)));
    struct message *m = chunk->messages[sequence % SEQMAP_ENTRIES];
    chunk->ready &= ~bit_of(sequence);
    count_ready(b, m, -1);
    count_unacked(b, m, 1);
    *ret_redelivered = (chunk->redelivered & bit_of(sequence)) != 0;
    return m;
}

void backlog_deliver_on_disk(struct backlog *b, uint64_t sequence)
{
    lv_assert(backlog_has_disk(b));
    struct backlog_meta *meta = backlog_meta(b, sequence / SEQMAP_ENTRIES);
    lv_assert(meta && meta->times && (meta->live & ~meta->unacked & bit_of(sequence)));
    uint64_t bytes = meta->times->body_bytes[sequence % SEQMAP_ENTRIES];
    lv_assert(b->disk_ready > 0);
    meta->unacked |= bit_of(sequence);
    b->ready--;
    b->disk_ready--;
    b->ready_bytes -= bytes;
    b->disk_bytes -= bytes;
    b->unacked++;
    b->unacked_bytes += bytes;
}

static bool undeliver_on_disk(struct backlog *b, uint64_t sequence)
{
    struct backlog_meta *meta = backlog_meta(b, sequence / SEQMAP_ENTRIES);
    uint64_t bit = bit_of(sequence);
    if (!meta || !(meta->live & meta->unacked & bit))
        return false;
    uint64_t bytes = meta->times->body_bytes[sequence % SEQMAP_ENTRIES];
    meta->unacked &= ~bit;
    b->ready++;
    b->disk_ready++;
    b->ready_bytes += bytes;
    b->disk_bytes += bytes;
    b->unacked--;
    b->unacked_bytes -= bytes;
    return true;
}

bool backlog_undeliver(struct backlog *b, uint64_t sequence, bool *ret_is_here)
{
    struct backlog_chunk *chunk = chunk_of_unacked(b, sequence);
    *ret_is_here = chunk != NULL;
    if (!chunk && !undeliver_on_disk(b, sequence))
        return false;
    if (chunk) {
        const struct message *m = chunk->messages[sequence % SEQMAP_ENTRIES];
        chunk->ready |= bit_of(sequence);
        count_unacked(b, m, -1);
        count_ready(b, m, 1);
        if (sequence / SEQMAP_ENTRIES < b->cursor)
            b->cursor = sequence / SEQMAP_ENTRIES;
    }
    uint64_t deadline_ms = backlog_deadline(b, sequence);
    if (deadline_ms)
        backlog_set_deadline(b, sequence, deadline_ms); /* puts it back into the index */
    return true;
}

bool backlog_return(struct backlog *b, uint64_t sequence)
{
    struct backlog_chunk *chunk = chunk_of_unacked(b, sequence);
    if (!chunk)
        return false;
    if (b->counts_deliveries)
        backlog_set_deliveries(b, sequence, backlog_deliveries(b, sequence) + 1);
    uint64_t deadline_ms = backlog_deadline(b, sequence);
    const struct message *m = chunk->messages[sequence % SEQMAP_ENTRIES];
    chunk->ready |= bit_of(sequence);
    chunk->redelivered |= bit_of(sequence);
    count_unacked(b, m, -1);
    count_ready(b, m, 1);
    if (sequence / SEQMAP_ENTRIES < b->cursor)
        b->cursor = sequence / SEQMAP_ENTRIES;
    if (deadline_ms)
        backlog_set_deadline(b, sequence, deadline_ms); /* puts it back into the index */
    return true;
}

/* --- recovery and the pager ------------------------------------------------------------------- */

/* Puts a ready message into a free slot of a chunk. */
static void chunk_put(struct backlog *b, struct backlog_chunk *chunk, uint64_t sequence,
                      struct message *m, bool redelivered, bool is_stored)
{
    uint64_t bit = bit_of(sequence);
    lv_assert(!(chunk->live & bit));
    chunk->messages[sequence % SEQMAP_ENTRIES] = m;
    chunk->live |= bit;
    chunk->ready |= bit;
    chunk->redelivered |= redelivered ? bit : 0;
    chunk->stored |= is_stored ? bit : 0;
    count_memory(b, m, 1);
    if (sequence / SEQMAP_ENTRIES < b->cursor)
        b->cursor = sequence / SEQMAP_ENTRIES;
}

void backlog_restore(struct backlog *b, uint64_t sequence, struct message **message,
                     bool redelivered, bool is_stored)
{
    lv_assert(*message);
    struct backlog_chunk *chunk = lv_seqmap_extend(&b->chunks, sequence);
    chunk_put(b, chunk, sequence, *message, redelivered, is_stored);
    count_ready(b, *message, 1);
    count_persistent(b, *message, 1);
    if (b->next_sequence <= sequence)
        b->next_sequence = sequence + 1;
    *message = NULL;
}

bool backlog_remove(struct backlog *b, uint64_t sequence, struct backlog_left *ret)
{
    struct backlog_chunk *chunk = lv_seqmap_find(&b->chunks, sequence);
    if (!chunk || !(chunk->live & bit_of(sequence)))
        return false;
    bool was_ready = (chunk->ready & bit_of(sequence)) != 0;
    chunk->ready &= ~bit_of(sequence);
    struct message *m = chunk_remove(b, chunk, sequence, ret);
    if (was_ready)
        count_ready(b, m, -1);
    else
        count_unacked(b, m, -1);
    message_unref(&m);
    return true;
}

void backlog_page_out(struct backlog *b, uint64_t c)
{
    struct backlog_chunk *chunk = backlog_chunk(b, c);
    lv_assert(chunk != NULL);
    lv_assert(chunk->live == chunk->ready && chunk->live == chunk->stored);
    lv_assert(c < b->next_sequence / SEQMAP_ENTRIES);
    if (!backlog_has_disk(b))
        b->disk_begin = b->disk_end = c;
    lv_assert(c >= b->disk_end);
    struct backlog_meta *meta = b->keeps_meta ? backlog_meta_make(b, c) : chunk->meta;
    if (meta)
        meta->live = chunk->live;
    for (uint64_t live = chunk->live; live; live &= live - 1) {
        unsigned at = (unsigned)__builtin_ctzll(live);
        struct message **m = &chunk->messages[at];
        if (meta && backlog_stores(b, *m))
            meta->persistent |= 1ull << at;
        if (meta && meta->times)
            meta->times->body_bytes[at] = (uint32_t)(*m)->body_bytes;
        b->disk_ready++;
        b->disk_bytes += (*m)->body_bytes;
        count_memory(b, *m, -1);
        message_unref(m);
    }
    lv_seqmap_send_elsewhere(&b->chunks, c * SEQMAP_ENTRIES);
    lv_seqmap_set_meta(&b->chunks, c * SEQMAP_ENTRIES, meta);
    b->disk_end = c + 1;
}

void backlog_page_gap(struct backlog *b, uint64_t c)
{
    lv_assert(backlog_has_disk(b) && c == b->disk_end);
    lv_seqmap_extend_elsewhere(&b->chunks, c * SEQMAP_ENTRIES);
    b->disk_end = c + 1;
    backlog_meta_make(b, c)->live = 0;
}

bool backlog_is_gone_on_disk(const struct backlog *b, uint64_t sequence)
{
    uint64_t c = sequence / SEQMAP_ENTRIES;
    const struct backlog_meta *meta = backlog_meta(b, c);
    if (meta)
        return !(meta->live & bit_of(sequence));
    return !backlog_chunk(b, c) &&
           !lv_seqmap_is_elsewhere(&b->chunks, sequence); /* all of the chunk has left */
}

void backlog_page_in(struct backlog *b, uint64_t sequence, struct message **message,
                     bool redelivered)
{
    uint64_t c = sequence / SEQMAP_ENTRIES;
    lv_assert(*message);
    lv_assert(backlog_has_disk(b) && c == b->disk_begin);
    struct backlog_chunk *chunk = backlog_chunk(b, c);
    if (!chunk) {
        struct backlog_meta *meta = lv_seqmap_meta(&b->chunks, sequence);
        chunk = lv_seqmap_bring_back(&b->chunks, sequence);
        chunk->meta = meta;
    }
    chunk_put(b, chunk, sequence, *message, redelivered, true);
    uint64_t bit = bit_of(sequence);
    bool was_unacked = chunk->meta && (chunk->meta->unacked & bit);
    if (chunk->meta) {
        chunk->meta->live &= ~bit;
        chunk->meta->unacked &= ~bit;
        chunk->meta->log_only &= ~bit;
    }
    if (was_unacked) {
        chunk->ready &= ~bit;
    } else {
        lv_assert(b->disk_ready > 0);
        b->disk_ready--;
        b->disk_bytes -= (*message)->body_bytes;
    }
    *message = NULL;
}

/* Forgets messages that are unacked on disk and could not be read: to settle them later does
 * nothing. */
static void unacked_forget(struct backlog *b, const struct backlog_meta *meta)
{
    for (uint64_t unacked = meta ? meta->live & meta->unacked : 0; unacked;
         unacked &= unacked - 1) {
        b->unacked--;
        b->unacked_bytes -= meta->times->body_bytes[__builtin_ctzll(unacked)];
    }
}

void backlog_page_next(struct backlog *b)
{
    lv_assert(backlog_has_disk(b));
    uint64_t c = b->disk_begin;
    unacked_forget(b, backlog_meta(b, c));
    struct backlog_chunk *chunk = backlog_chunk(b, c);
    b->disk_begin++;
    if (lv_seqmap_is_elsewhere(&b->chunks, c * SEQMAP_ENTRIES)) {
        backlog_meta_free(b, lv_seqmap_meta(&b->chunks, c * SEQMAP_ENTRIES));
        lv_seqmap_forget(&b->chunks, c * SEQMAP_ENTRIES);
    } else if (chunk && chunk->live == 0 && chunk_may_drop(b, c)) {
        chunk_drop(b, chunk, c * SEQMAP_ENTRIES);
    } else if (chunk && chunk->meta) {
        chunk->meta->live = chunk->meta->unacked = chunk->meta->log_only = 0;
    }
}

void backlog_drop_disk(struct backlog *b)
{
    lv_assert(b->ready >= b->disk_ready);
    b->ready -= b->disk_ready;
    b->ready_bytes -= b->disk_bytes;
    b->disk_ready = 0;
    b->disk_bytes = 0;
    while (backlog_has_disk(b))
        backlog_page_next(b);
}
