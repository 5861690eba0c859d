#include "broker/backlog.h"

static uint64_t bit_of(uint64_t sequence)
{
    return 1ull << (sequence % WINDOW_ENTRIES);
}

void backlog_init(struct backlog *b)
{
    *b = (struct backlog){0};
    lv_window_init(&b->window, sizeof(struct backlog_chunk));
}

void backlog_free(struct backlog *b)
{
    for (uint64_t c = b->window.first; c < b->window.end; c++) {
        struct backlog_chunk *chunk = backlog_chunk(b, c);
        for (uint64_t live = chunk ? chunk->live : 0; live; live &= live - 1)
            message_unref(&chunk->messages[__builtin_ctzll(live)]);
    }
    lv_window_free(&b->window);
    bool stores_all = b->stores_all;
    backlog_init(b);
    b->stores_all = stores_all;
}

/* --- counting: every message that comes to be or goes passes here ---------------------------------- */

static void count_ready(struct backlog *b, const struct message *m, int64_t sign)
{
    b->ready += (size_t)sign;
    b->ready_bytes += (uint64_t)(sign * (int64_t)m->body_bytes);
}

static void count_taken(struct backlog *b, const struct message *m, int64_t sign)
{
    b->taken += (size_t)sign;
    b->taken_bytes += (uint64_t)(sign * (int64_t)m->body_bytes);
}

static void count_memory(struct backlog *b, const struct message *m, int64_t sign)
{
    b->memory_bytes += (uint64_t)(sign * (int64_t)message_memory(m));
}

/* --- coming ------------------------------------------------------------------------------------------ */

static struct backlog_chunk *chunk_append(struct backlog *b, struct message **message)
{
    struct backlog_chunk *chunk = lv_window_extend(&b->window, b->next_sequence);
    chunk->messages[b->next_sequence % WINDOW_ENTRIES] = *message;
    chunk->live |= bit_of(b->next_sequence);
    b->persistent += backlog_stores(b, *message);
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

uint64_t backlog_push_taken(struct backlog *b, struct message **message)
{
    count_taken(b, *message, 1);
    chunk_append(b, message);
    b->taken_below = b->next_sequence + 1;
    return b->next_sequence++;
}

/* --- the first ready message --------------------------------------------------------------------------- */

/* One behind the last chunk that may be looked at. */
static uint64_t reach(const struct backlog *b)
{
    return backlog_has_disk(b) ? b->disk_begin + 1 : b->window.end;
}

enum backlog_next backlog_next(struct backlog *b, uint64_t *ret_sequence)
{
    if (b->ready == 0)
        return BACKLOG_NONE;
    if (b->cursor < b->window.first)
        b->cursor = b->window.first;
    for (uint64_t end = reach(b); b->cursor < end; b->cursor++) {
        struct backlog_chunk *chunk = backlog_chunk(b, b->cursor);
        if (chunk && chunk->ready) {
            *ret_sequence = b->cursor * WINDOW_ENTRIES + (unsigned)__builtin_ctzll(chunk->ready);
            return BACKLOG_HERE;
        }
        if (backlog_has_disk(b) && b->cursor == b->disk_begin)
            break; /* more of it may come */
    }
    lv_assert(backlog_has_disk(b));
    return BACKLOG_ON_DISK;
}

struct message *backlog_take(struct backlog *b, uint64_t *ret_sequence, bool *ret_redelivered)
{
    if (backlog_next(b, ret_sequence) != BACKLOG_HERE)
        lv_unreachable();
    struct backlog_chunk *chunk = backlog_chunk(b, b->cursor);
    unsigned at = (unsigned)(*ret_sequence % WINDOW_ENTRIES);
    struct message *m = chunk->messages[at];
    chunk->ready &= chunk->ready - 1;
    count_ready(b, m, -1);
    count_taken(b, m, 1);
    *ret_redelivered = (chunk->redelivered >> at & 1) != 0;
    if (b->taken_below <= *ret_sequence)
        b->taken_below = *ret_sequence + 1;
    return m;
}

/* --- going ------------------------------------------------------------------------------------------------ */

static bool may_drop(const struct backlog *b, uint64_t chunk)
{
    bool is_growing = chunk == b->next_sequence / WINDOW_ENTRIES;
    bool is_coming = backlog_has_disk(b) && chunk == b->disk_begin;
    return !is_growing && !is_coming;
}

/* The place is empty from here on; the message's reference is the caller's. */
static struct message *chunk_remove(struct backlog *b, struct backlog_chunk *chunk,
                                    uint64_t sequence, struct backlog_left *ret)
{
    struct message *m = chunk->messages[sequence % WINDOW_ENTRIES];
    uint64_t bit = bit_of(sequence);
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
    b->persistent -= backlog_stores(b, m);
    count_memory(b, m, -1);
    if (chunk->live == 0 && may_drop(b, sequence / WINDOW_ENTRIES))
        lv_window_drop(&b->window, sequence);
    return m;
}

struct message *backlog_pop(struct backlog *b, struct backlog_left *ret)
{
    uint64_t sequence;
    if (backlog_next(b, &sequence) != BACKLOG_HERE)
        lv_unreachable();
    struct backlog_chunk *chunk = backlog_chunk(b, b->cursor);
    chunk->ready &= chunk->ready - 1;
    struct message *m = chunk_remove(b, chunk, sequence, ret);
    count_ready(b, m, -1);
    return m;
}

static struct backlog_chunk *chunk_of_taken(const struct backlog *b, uint64_t sequence)
{
    struct backlog_chunk *chunk = lv_window_find(&b->window, sequence);
    return chunk && (chunk->live & ~chunk->ready & bit_of(sequence)) ? chunk : NULL;
}

bool backlog_is_taken(const struct backlog *b, uint64_t sequence)
{
    return chunk_of_taken(b, sequence) != NULL;
}

bool backlog_settle(struct backlog *b, uint64_t sequence, struct backlog_left *ret)
{
    struct backlog_chunk *chunk = chunk_of_taken(b, sequence);
    if (!chunk)
        return false;
    struct message *m = chunk_remove(b, chunk, sequence, ret);
    count_taken(b, m, -1);
    message_unref(&m);
    return true;
}

bool backlog_return(struct backlog *b, uint64_t sequence)
{
    struct backlog_chunk *chunk = chunk_of_taken(b, sequence);
    if (!chunk)
        return false;
    const struct message *m = chunk->messages[sequence % WINDOW_ENTRIES];
    chunk->ready |= bit_of(sequence);
    chunk->redelivered |= bit_of(sequence);
    count_taken(b, m, -1);
    count_ready(b, m, 1);
    if (sequence / WINDOW_ENTRIES < b->cursor)
        b->cursor = sequence / WINDOW_ENTRIES;
    return true;
}

/* --- recovery and the pager ----------------------------------------------------------------------------- */

static void chunk_put(struct backlog *b, struct backlog_chunk *chunk, uint64_t sequence,
                      struct message *m, bool redelivered, bool is_stored)
{
    uint64_t bit = bit_of(sequence);
    lv_assert(!(chunk->live & bit));
    chunk->messages[sequence % WINDOW_ENTRIES] = m;
    chunk->live |= bit;
    chunk->ready |= bit;
    chunk->redelivered |= redelivered ? bit : 0;
    chunk->stored |= is_stored ? bit : 0;
    count_memory(b, m, 1);
    if (sequence / WINDOW_ENTRIES < b->cursor)
        b->cursor = sequence / WINDOW_ENTRIES;
}

void backlog_restore(struct backlog *b, uint64_t sequence, struct message **message,
                     bool redelivered, bool is_stored)
{
    struct backlog_chunk *chunk = lv_window_extend(&b->window, sequence);
    chunk_put(b, chunk, sequence, *message, redelivered, is_stored);
    count_ready(b, *message, 1);
    b->persistent += backlog_stores(b, *message);
    if (b->next_sequence <= sequence)
        b->next_sequence = sequence + 1;
    *message = NULL;
}

bool backlog_remove(struct backlog *b, uint64_t sequence, struct backlog_left *ret)
{
    struct backlog_chunk *chunk = lv_window_find(&b->window, sequence);
    if (!chunk || !(chunk->live & bit_of(sequence)))
        return false;
    bool was_ready = (chunk->ready & bit_of(sequence)) != 0;
    chunk->ready &= ~bit_of(sequence);
    struct message *m = chunk_remove(b, chunk, sequence, ret);
    if (was_ready)
        count_ready(b, m, -1);
    else
        count_taken(b, m, -1);
    message_unref(&m);
    return true;
}

void backlog_page_out(struct backlog *b, uint64_t c)
{
    struct backlog_chunk *chunk = backlog_chunk(b, c);
    lv_assert(chunk != NULL);
    lv_assert(chunk->live == chunk->ready && chunk->live == chunk->stored);
    lv_assert(c < b->next_sequence / WINDOW_ENTRIES);
    if (!backlog_has_disk(b))
        b->disk_begin = b->disk_end = c;
    lv_assert(c >= b->disk_end);
    for (uint64_t live = chunk->live; live; live &= live - 1) {
        struct message **m = &chunk->messages[__builtin_ctzll(live)];
        b->disk_ready++;
        b->disk_bytes += (*m)->body_bytes;
        count_memory(b, *m, -1);
        message_unref(m);
    }
    lv_window_send_elsewhere(&b->window, c * WINDOW_ENTRIES);
    b->disk_end = c + 1;
}

void backlog_page_in(struct backlog *b, uint64_t sequence, struct message **message,
                     bool redelivered)
{
    uint64_t c = sequence / WINDOW_ENTRIES;
    lv_assert(backlog_has_disk(b) && c == b->disk_begin);
    struct backlog_chunk *chunk = backlog_chunk(b, c);
    if (!chunk)
        chunk = lv_window_bring_back(&b->window, sequence);
    chunk_put(b, chunk, sequence, *message, redelivered, true);
    b->disk_ready--;
    b->disk_bytes -= (*message)->body_bytes;
    *message = NULL;
}

void backlog_page_next(struct backlog *b)
{
    lv_assert(backlog_has_disk(b));
    uint64_t c = b->disk_begin;
    struct backlog_chunk *chunk = backlog_chunk(b, c);
    b->disk_begin++;
    if (lv_window_is_elsewhere(&b->window, c * WINDOW_ENTRIES))
        lv_window_forget(&b->window, c * WINDOW_ENTRIES);
    else if (chunk && chunk->live == 0 && may_drop(b, c))
        lv_window_drop(&b->window, c * WINDOW_ENTRIES);
}
