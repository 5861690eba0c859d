#include "broker/backlog.h"

struct chunk {
    uint64_t live;
    uint64_t ready;
    uint64_t redelivered;
    struct message *messages[WINDOW_ENTRIES];
};

static uint64_t bit_of(uint64_t sequence)
{
    return 1ull << (sequence % WINDOW_ENTRIES);
}

void backlog_init(struct backlog *b)
{
    *b = (struct backlog){0};
    lv_window_init(&b->window, sizeof(struct chunk));
}

void backlog_free(struct backlog *b)
{
    for (uint64_t c = b->window.first; c < b->window.end; c++) {
        struct chunk *chunk = lv_window_find(&b->window, c * WINDOW_ENTRIES);
        for (uint64_t live = chunk ? chunk->live : 0; live; live &= live - 1)
            message_unref(&chunk->messages[__builtin_ctzll(live)]);
    }
    lv_window_free(&b->window);
    *b = (struct backlog){0};
}

static struct chunk *chunk_append(struct backlog *b, struct message **message)
{
    struct chunk *chunk = lv_window_extend(&b->window, b->next_sequence);
    chunk->messages[b->next_sequence % WINDOW_ENTRIES] = *message;
    chunk->live |= bit_of(b->next_sequence);
    *message = NULL;
    return chunk;
}

uint64_t backlog_push(struct backlog *b, struct message **message)
{
    b->ready_bytes += (*message)->body_bytes;
    struct chunk *chunk = chunk_append(b, message);
    chunk->ready |= bit_of(b->next_sequence);
    b->ready++;
    return b->next_sequence++;
}

uint64_t backlog_push_taken(struct backlog *b, struct message **message)
{
    b->taken_bytes += (*message)->body_bytes;
    chunk_append(b, message);
    b->taken++;
    return b->next_sequence++;
}

/* The first chunk with a ready place; moves the cursor there. There is one. */
static struct chunk *chunk_first_ready(struct backlog *b)
{
    if (b->cursor < b->window.first)
        b->cursor = b->window.first;
    for (;; b->cursor++) {
        lv_assert(b->cursor < b->window.end);
        struct chunk *chunk = lv_window_find(&b->window, b->cursor * WINDOW_ENTRIES);
        if (chunk && chunk->ready)
            return chunk;
    }
}

bool backlog_take(struct backlog *b, struct message **ret_message, uint64_t *ret_sequence,
                  bool *ret_redelivered)
{
    if (b->ready == 0)
        return false;
    struct chunk *chunk = chunk_first_ready(b);
    unsigned at = (unsigned)__builtin_ctzll(chunk->ready);
    struct message *m = chunk->messages[at];
    chunk->ready &= chunk->ready - 1;
    b->ready--;
    b->ready_bytes -= m->body_bytes;
    b->taken++;
    b->taken_bytes += m->body_bytes;
    *ret_message = m;
    *ret_sequence = b->cursor * WINDOW_ENTRIES + at;
    *ret_redelivered = (chunk->redelivered >> at & 1) != 0;
    return true;
}

/* The place is empty from here on; the message's reference is the caller's. */
static struct message *chunk_remove(struct backlog *b, struct chunk *chunk, uint64_t sequence)
{
    struct message *m = chunk->messages[sequence % WINDOW_ENTRIES];
    chunk->live &= ~bit_of(sequence);
    if (chunk->live == 0 && sequence / WINDOW_ENTRIES != b->next_sequence / WINDOW_ENTRIES)
        lv_window_drop(&b->window, sequence);
    return m;
}

struct message *backlog_pop(struct backlog *b, bool *ret_redelivered)
{
    if (b->ready == 0)
        return NULL;
    struct chunk *chunk = chunk_first_ready(b);
    unsigned at = (unsigned)__builtin_ctzll(chunk->ready);
    chunk->ready &= chunk->ready - 1;
    *ret_redelivered = (chunk->redelivered >> at & 1) != 0;
    struct message *m = chunk_remove(b, chunk, b->cursor * WINDOW_ENTRIES + at);
    b->ready--;
    b->ready_bytes -= m->body_bytes;
    return m;
}

static struct chunk *chunk_of_taken(struct backlog *b, uint64_t sequence)
{
    struct chunk *chunk = lv_window_find(&b->window, sequence);
    return chunk && (chunk->live & ~chunk->ready & bit_of(sequence)) ? chunk : NULL;
}

bool backlog_settle(struct backlog *b, uint64_t sequence)
{
    struct chunk *chunk = chunk_of_taken(b, sequence);
    if (!chunk)
        return false;
    struct message *m = chunk_remove(b, chunk, sequence);
    b->taken--;
    b->taken_bytes -= m->body_bytes;
    message_unref(&m);
    return true;
}

bool backlog_return(struct backlog *b, uint64_t sequence)
{
    struct chunk *chunk = chunk_of_taken(b, sequence);
    if (!chunk)
        return false;
    uint64_t bytes = chunk->messages[sequence % WINDOW_ENTRIES]->body_bytes;
    chunk->ready |= bit_of(sequence);
    chunk->redelivered |= bit_of(sequence);
    b->taken--;
    b->taken_bytes -= bytes;
    b->ready++;
    b->ready_bytes += bytes;
    if (sequence / WINDOW_ENTRIES < b->cursor)
        b->cursor = sequence / WINDOW_ENTRIES;
    return true;
}

size_t backlog_purge(struct backlog *b)
{
    size_t count = b->ready;
    bool redelivered;
    for (struct message *m; (m = backlog_pop(b, &redelivered));)
        message_unref(&m);
    return count;
}
