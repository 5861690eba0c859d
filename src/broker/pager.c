#include "broker/pager.h"

#include <stdlib.h>

#include "base/error.h"
#include "base/log.h"
#include "base/memory.h"
#include "broker/persist.h"

enum {
    SHORT_DIVISOR = 16,
    SPARSE_DIVISOR = 4, /* less than a fourth live: emptied at the next snapshot */
};

/* A run of sequence numbers, [from, to). */
struct range {
    uint64_t from;
    uint64_t to;
};

struct segment {
    uint64_t number;
    uint64_t first_sequence;
    uint64_t end_sequence;
    uint64_t bytes; /* written or about to be */
    uint64_t synced_bytes;
    uint64_t load_offset; /* everything before it is in memory, or gone */
    uint64_t entries;     /* ever written */
    uint64_t live;        /* not settled; after recovery the persistent ones alone */
    uint64_t persistent_live;
    uint64_t persistent_bytes;
    uint64_t unread_bytes; /* of a recovered one: an estimate, until it has been read to its end */
    bool is_estimated;     /* ... and so is persistent_bytes */
    bool is_recovered;     /* from an earlier life: transient messages in it do not count ... */
    struct range *ranges;  /* ... and only these sequence numbers do */
    size_t range_count, range_capacity;
    bool is_there; /* recovery saw its file */
};

enum snapshot_state { SNAPSHOT_NONE, SNAPSHOT_SYNCING, SNAPSHOT_STAGED };

/* A message in memory whose chunk is otherwise on disk (after recovery): waits for its chunk. */
struct straggler {
    uint64_t sequence;
    bool redelivered;
    struct message *message; /* owned */
};

/* A chunk that has left memory although a segment had copies of it before: those may hold more than
 * what was live of it then. */
struct repaged {
    uint64_t chunk;
    uint64_t live;
};

/* A piece of a segment on its way to the file, or waiting to be sent again. Whole blocks. */
struct piece {
    struct queue *queue; /* referenced while it is on its way */
    struct loop *home;
    uint64_t number;
    uint64_t offset;
    size_t n; /* of the bytes, also while others have them */
    int error;
    struct lv_buffer bytes;
};

struct pager {
    struct segment **segments; /* in order */
    size_t count, capacity;
    struct segment *writing;  /* the one that is appended to, or NULL */
    struct lv_buffer pending; /* the end of it, not handed over yet */
    uint64_t next_number;
    uint64_t flight_bytes;
    bool is_reading;
    size_t read_bytes; /* of the next read, when that is more than the limit: for a large block */
    uint64_t loaded_below; /* of chunk disk_begin everything below has been loaded */
    enum snapshot_state snapshot;
    bool wants_snapshot; /* another one, after the one under way */
    size_t syncs;        /* of the snapshot, under way */
    int snapshot_error;
    uint64_t *needless; /* files that go when the snapshot is safe */
    size_t needless_count, needless_capacity;
    struct straggler *stragglers; /* in order */
    size_t straggler_first, straggler_count, straggler_capacity;
    struct repaged *repaged; /* in order */
    size_t repaged_first, repaged_count, repaged_capacity;
    uint64_t recovered_below; /* after recovery: sequence numbers below may have been delivered */
    struct piece **kept;      /* what could not be written, in order */
    size_t kept_count, kept_capacity;
    uint64_t failures; /* of writes: what was read meanwhile counts for nothing */
    bool is_failed;    /* writing failed: nothing more is paged out */
};

/* --- small parts ---------------------------------------------------------------------------------- */

static struct pager *pager_of(struct queue *q)
{
    if (!q->pager) {
        q->pager = lv_calloc(1, sizeof *q->pager);
        q->pager->next_number = 1;
    }
    return q->pager;
}

static struct segments *files_of(const struct queue *q)
{
    const struct persist_loop *p = persist_of(q->home);
    return p ? p->persist->segments : NULL;
}

/* Where the store is open. */
static const struct pager_limits *limits_of(const struct queue *q)
{
    return &persist_of(q->home)->persist->limits.pager;
}

bool pager_has_segments(const struct queue *q)
{
    return q->pager && q->pager->count > 0;
}

bool pager_is_busy(const struct queue *q)
{
    return q->pager && (q->pager->snapshot != SNAPSHOT_NONE || q->pager->wants_snapshot);
}

bool pager_estimates_bytes(const struct queue *q)
{
    for (size_t i = 0; q->pager && i < q->pager->count; i++) {
        if (q->pager->segments[i]->is_estimated)
            return true;
    }
    return false;
}

static void piece_free(struct piece *piece)
{
    lv_buffer_free(&piece->bytes);
    free(piece);
}

/* It has no file to go to any more, or it is there. */
static void piece_end(struct pager *p, struct piece *piece)
{
    p->flight_bytes -= piece->n;
    piece_free(piece);
}

/* Among those that could not be written, in the order of the file. */
static void piece_keep(struct pager *p, struct piece *piece)
{
    if (p->kept_count == p->kept_capacity) {
        p->kept_capacity = p->kept_capacity ? p->kept_capacity * 2 : 4;
        p->kept = lv_realloc(p->kept, p->kept_capacity * sizeof *p->kept);
    }
    size_t at = p->kept_count++;
    for (; at > 0 &&
           (p->kept[at - 1]->number > piece->number ||
            (p->kept[at - 1]->number == piece->number && p->kept[at - 1]->offset > piece->offset));
         at--)
        p->kept[at] = p->kept[at - 1];
    p->kept[at] = piece;
}

static void drop_kept(struct pager *p, uint64_t number)
{
    size_t left = 0;
    for (size_t i = 0; i < p->kept_count; i++) {
        if (p->kept[i]->number == number)
            piece_end(p, p->kept[i]);
        else
            p->kept[left++] = p->kept[i];
    }
    p->kept_count = left;
}

/* The first kept piece of this segment that ends behind this offset, or NULL. */
static struct piece *kept_piece(const struct pager *p, uint64_t number, uint64_t offset)
{
    for (size_t i = 0; i < p->kept_count; i++) {
        if (p->kept[i]->number == number && p->kept[i]->offset + p->kept[i]->n > offset)
            return p->kept[i];
    }
    return NULL;
}

static void segment_free(struct segment *s)
{
    free(s->ranges);
    free(s);
}

void pager_free(struct pager **pager)
{
    struct pager *p = *pager;
    *pager = NULL;
    if (!p)
        return;
    for (size_t i = 0; i < p->count; i++)
        segment_free(p->segments[i]);
    for (size_t i = p->straggler_first; i < p->straggler_count; i++) {
        if (p->stragglers[i].message) /* NULL: settled meanwhile */
            message_unref(&p->stragglers[i].message);
    }
    free(p->stragglers);
    free(p->repaged);
    for (size_t i = 0; i < p->kept_count; i++)
        piece_free(p->kept[i]);
    free(p->kept);
    free(p->needless);
    free(p->segments);
    lv_buffer_free(&p->pending);
    free(p);
}

/* The place of the first segment that ends behind this sequence number. */
static size_t segment_place(const struct pager *p, uint64_t sequence)
{
    size_t low = 0, high = p->count;
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (p->segments[middle]->end_sequence <= sequence)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static struct segment *segment_of(const struct pager *p, uint64_t sequence)
{
    size_t at = segment_place(p, sequence);
    return at < p->count && p->segments[at]->first_sequence <= sequence ? p->segments[at] : NULL;
}

static struct segment *segment_add(struct pager *p, uint64_t first_sequence, uint64_t number)
{
    if (p->count == p->capacity) {
        p->capacity = p->capacity ? p->capacity * 2 : 4;
        p->segments = lv_realloc(p->segments, p->capacity * sizeof(struct segment *));
    }
    struct segment *s = lv_calloc(1, sizeof *s);
    s->number = number;
    s->first_sequence = s->end_sequence = first_sequence;
    size_t at = segment_place(p, first_sequence);
    memmove(p->segments + at + 1, p->segments + at, (p->count - at) * sizeof(struct segment *));
    p->segments[at] = s;
    p->count++;
    if (p->next_number <= number)
        p->next_number = number + 1;
    return s;
}

static void segment_remove_from_list(struct pager *p, const struct segment *s)
{
    for (size_t i = 0; i < p->count; i++) {
        if (p->segments[i] != s)
            continue;
        p->count--;
        memmove(p->segments + i, p->segments + i + 1, (p->count - i) * sizeof(struct segment *));
        return;
    }
    lv_unreachable();
}

/* --- bytes that are not known yet ------------------------------------------------------------------- */

/* Recovery knows how many messages were settled, not how large they were: until a recovered segment has
 * been read once, the bytes of what is left in it are an estimate, which is put right on the way. */
static void correct_bytes(struct queue *q, struct segment *s, int64_t difference)
{
    q->backlog.ready_bytes += (uint64_t)difference;
    q->backlog.disk_bytes += (uint64_t)difference;
    s->persistent_bytes += (uint64_t)difference;
}

static void count_read(struct queue *q, struct segment *s, uint64_t bytes)
{
    if (!s->is_estimated)
        return;
    if (bytes > s->unread_bytes) {
        correct_bytes(q, s, (int64_t)(bytes - s->unread_bytes));
        s->unread_bytes = bytes;
    }
    s->unread_bytes -= bytes;
}

/* Nothing more of the segment is to be read. */
static void count_read_all(struct queue *q, struct segment *s)
{
    if (!s->is_estimated)
        return;
    s->is_estimated = false;
    correct_bytes(q, s, -(int64_t)s->unread_bytes);
    s->unread_bytes = 0;
}

/* --- segments that go ------------------------------------------------------------------------------- */

struct removal {
    struct segments *files;
    uint64_t queue;
    uint64_t number;
};

static void removal_is_safe(struct loop *loop, void *arg, int error)
{
    struct removal *removal = arg;
    if (error == 0 && persist_of(loop))
        segments_remove(removal->files, removal->queue, removal->number, NULL, NULL);
    free(removal);
}

static bool is_logged(const struct queue *q)
{
    return q->flags.durable && !q->flags.exclusive;
}

/* The file goes, once the log knows. */
static void remove_file(struct queue *q, uint64_t number)
{
    if (!files_of(q))
        return; /* closed: the next start sees to it */
    if (!is_logged(q)) {
        segments_remove(files_of(q), q->id, number, NULL, NULL);
        return;
    }
    struct persist_loop *p = persist_of(q->home);
    struct removal *removal = lv_malloc(sizeof *removal);
    *removal = (struct removal){files_of(q), q->id, number};
    log_segment_gone(p->stage, q->id, number);
    persist_call(p, removal_is_safe, removal);
}

static void segment_end(struct queue *q, struct segment *s)
{
    struct pager *p = q->pager;
    count_read_all(q, s);
    if (p->writing == s) {
        p->writing = NULL;
        p->pending.n = 0;
    }
    segment_remove_from_list(p, s);
    drop_kept(p, s->number);
    remove_file(q, s->number);
    segment_free(s);
}

/* A segment that a snapshot under way names stays until that is done. */
static void segment_end_if_empty(struct queue *q, struct segment *s)
{
    if (s->live == 0 && q->pager->snapshot == SNAPSHOT_NONE)
        segment_end(q, s);
}

void pager_left(struct queue *q, const struct backlog_left *left)
{
    struct segment *s = q->pager ? segment_of(q->pager, left->sequence) : NULL;
    if (!s)
        return;
    lv_assert(s->live > 0);
    s->live--;
    if (left->is_persistent) {
        s->persistent_live--;
        s->persistent_bytes -= left->body_bytes;
    }
    segment_end_if_empty(q, s);
}

static void end_empty_segments(struct queue *q)
{
    for (size_t i = q->pager->count; i-- > 0;)
        segment_end_if_empty(q, q->pager->segments[i]);
}

void pager_delete(struct queue *q)
{
    struct pager *p = q->pager;
    if (!p || !files_of(q))
        return;
    for (size_t i = 0; i < p->count; i++)
        remove_file(q, p->segments[i]->number);
    for (size_t i = 0; i < p->needless_count; i++)
        remove_file(q, p->needless[i]);
    pager_free(&q->pager);
}

/* --- out ----------------------------------------------------------------------------------------------- */

static bool may_pass(int error)
{
    return error == ERR_NO_SPACE || error == ERR_NO_DESCRIPTORS || error == ERR_NO_MEMORY;
}

static struct segment *segment_numbered(const struct pager *p, uint64_t number)
{
    for (size_t i = 0; i < p->count; i++) {
        if (p->segments[i]->number == number)
            return p->segments[i];
    }
    return NULL;
}

/* Nobody knows any more what the files hold: nothing more goes there, and no snapshot counts on them. What
 * is persistent is still in the log, which keeps it. */
static void fail_writing(struct queue *q, int error)
{
    if (q->pager->is_failed)
        return;
    q->pager->is_failed = true;
    q->pager->wants_snapshot = true; /* which will never be */
    log_error("queue '%.*s' in vhost '%.*s': cannot write its segment: %s; it stays in memory from "
              "here on, and no persistent message is taken any more",
              SLICE_ARG(queue_name(q)), SLICE_ARG(vhost_name(q->vhost)), lv_error_text(error));
    persist_segments_failed(persist_of(q->home));
}

static void landed_mail(struct loop *at, struct mail *mail)
{
    struct piece *piece = mail->a;
    struct queue *q = piece->queue;
    struct pager *p = q->pager;
    if (!p) {
        piece_free(piece);
    } else if (piece->error == 0 || !segment_numbered(p, piece->number)) {
        piece_end(p, piece);
    } else {
        /* A file that is not there, because the piece before could not make it, waits with that. */
        bool is_late = piece->error == ERR_NOT_FOUND && piece->offset > 0;
        piece->queue = NULL;
        piece_keep(p, piece);
        p->failures++;
        if (persist_of(at) && (may_pass(piece->error) || is_late))
            persist_try_again(q);
        else if (persist_of(at))
            fail_writing(q, piece->error);
    }
    queue_unref(&q);
}

/* On the store's thread. */
static void has_landed(void *arg, int error, struct lv_buffer *read)
{
    struct piece *piece = arg;
    piece->error = error;
    if (read) {
        piece->bytes = *read;
        *read = (struct lv_buffer){0};
    }
    struct mail mail = {.deliver = landed_mail, .a = piece};
    loop_mail_from_outside(piece->home, &mail);
}

static void piece_send(struct queue *q, struct piece *piece)
{
    piece->queue = queue_ref(q);
    segments_write(files_of(q), q->id, piece->number, piece->offset, &piece->bytes, has_landed,
                   piece);
}

static void flush(struct queue *q)
{
    struct pager *p = q->pager;
    if (!p->writing || p->pending.n == 0)
        return;
    struct piece *piece = lv_calloc(1, sizeof *piece);
    *piece = (struct piece){.home = q->home,
                            .number = p->writing->number,
                            .offset = p->writing->bytes - p->pending.n,
                            .n = p->pending.n,
                            .bytes = p->pending};
    p->pending = (struct lv_buffer){0};
    p->flight_bytes += piece->n;
    if (p->kept_count == 0)
        piece_send(q, piece);
    else
        piece_keep(p, piece); /* behind those before it */
}

void pager_try_again(struct queue *q)
{
    struct pager *p = q->pager;
    if (!p || p->is_failed || !files_of(q))
        return;
    size_t count = p->kept_count;
    p->kept_count = 0;
    for (size_t i = 0; i < count; i++)
        piece_send(q, p->kept[i]);
    if (p->wants_snapshot)
        pager_snapshot(q);
    queue_deliver_soon(q);
}

/* The segment that a message of this sequence number can be appended to. */
static struct segment *segment_for(struct queue *q, uint64_t sequence)
{
    struct pager *p = q->pager;
    if (p->writing && sequence >= p->writing->end_sequence &&
        p->writing->bytes < limits_of(q)->segment_bytes) {
        /* Nothing of a later segment may stand in between. */
        size_t next = segment_place(p, p->writing->end_sequence);
        if (next == p->count || p->segments[next]->first_sequence > sequence)
            return p->writing;
    }
    flush(q);
    p->writing = segment_add(p, sequence, p->next_number);
    return p->writing;
}

static void append_block(struct queue *q, struct segment *s, const struct segment_block *block,
                         bool is_copy)
{
    struct pager *p = q->pager;
    if (p->pending.capacity == 0)
        lv_buffer_reserve(&p->pending, limits_of(q)->write_bytes * 5 / 4);
    size_t before = p->pending.n;
    bool is_loaded = s->load_offset == s->bytes;
    segment_put_block(&p->pending, q->id, s->number, s->bytes, block);
    s->bytes += p->pending.n - before;
    if (is_copy && is_loaded)
        s->load_offset = s->bytes; /* nothing to read: it stays in memory */
    s->end_sequence = block->chunk * WINDOW_ENTRIES + block->entries[block->count - 1].place + 1;
    if (p->pending.n >= limits_of(q)->write_bytes)
        flush(q);
}

static struct log_message message_parts(const struct message *m)
{
    return (struct log_message){
        .exchange = message_exchange(m),
        .routing_key = message_routing_key(m),
        .header = message_header(m),
        .body = message_body(m),
        .is_persistent = m->is_persistent,
    };
}

static void count_stored(struct segment *s, const struct message *m)
{
    s->entries++;
    s->live++;
    s->persistent_live += m->is_persistent;
    s->persistent_bytes += m->is_persistent ? m->body_bytes : 0;
}

/* The first sequence number behind the segment's end that belongs to another one. */
static uint64_t segment_room_end(const struct pager *p, const struct segment *s)
{
    size_t next = segment_place(p, s->end_sequence);
    return next < p->count ? p->segments[next]->first_sequence : UINT64_MAX;
}

/* Places of a chunk that memory alone has and that a segment can take: those that stand between the
 * messages of one cannot, since segments do not overlap. */
static uint64_t storable(struct queue *q, uint64_t c, const struct backlog_chunk *chunk)
{
    uint64_t places = 0;
    for (uint64_t live = chunk->live & ~chunk->stored; live; live &= live - 1) {
        unsigned place = (unsigned)__builtin_ctzll(live);
        if (!segment_of(q->pager, c * WINDOW_ENTRIES + place))
            places |= 1ull << place;
    }
    return places;
}

/* Appends these places of a chunk, in blocks of bounded size. A copy: they stay in memory. */
static void store_places(struct queue *q, uint64_t c, struct backlog_chunk *chunk, uint64_t places,
                         bool is_copy)
{
    const size_t bytes_max = limits_of(q)->block_bytes;
    while (places) {
        uint64_t first = c * WINDOW_ENTRIES + (unsigned)__builtin_ctzll(places);
        struct segment *s = segment_for(q, first);
        struct segment_block block = {.chunk = c};
        uint64_t bytes = 0;
        const uint64_t room_end = segment_room_end(q->pager, s);
        for (; places && (block.count == 0 || bytes < bytes_max); places &= places - 1) {
            unsigned place = (unsigned)__builtin_ctzll(places);
            if (c * WINDOW_ENTRIES + place >= room_end)
                break;
            const struct message *m = chunk->messages[place];
            block.entries[block.count++] = (struct segment_entry){
                .place = place,
                /* What is taken may have been delivered. */
                .redelivered = ((chunk->redelivered | ~chunk->ready) >> place & 1) != 0,
                .message = message_parts(m),
            };
            bytes += message_memory(m);
            chunk->stored |= 1ull << place;
            count_stored(s, m);
        }
        append_block(q, s, &block, is_copy);
    }
}

/* While the process is short of memory, each queue makes do with little. */
static bool is_short(const struct queue *q)
{
    return atomic_load_explicit(&q->vhost->broker->is_short_of_memory, memory_order_relaxed);
}

static size_t memory_high(const struct queue *q)
{
    const struct pager_limits *limits = limits_of(q);
    return is_short(q) ? limits->memory_high / SHORT_DIVISOR : limits->memory_high;
}

static size_t memory_low(const struct queue *q)
{
    const struct pager_limits *limits = limits_of(q);
    return is_short(q) ? limits->memory_low / SHORT_DIVISOR : limits->memory_low;
}

/* Where paging out goes on, or begins: behind what should stay before the consumers. */
static uint64_t first_to_page(const struct queue *q)
{
    const struct backlog *b = &q->backlog;
    const size_t stay = memory_low(q) / 2;
    if (backlog_has_disk(b))
        return b->disk_end;
    uint64_t bytes = 0;
    uint64_t c = b->cursor > b->window.first ? b->cursor : b->window.first;
    for (; c < b->window.end && bytes < stay; c++) {
        const struct backlog_chunk *chunk = backlog_chunk(b, c);
        for (uint64_t live = chunk ? chunk->live : 0; live; live &= live - 1)
            bytes += message_memory(chunk->messages[__builtin_ctzll(live)]);
    }
    return c;
}

static void repaged_add(struct pager *p, uint64_t chunk, uint64_t live)
{
    if (p->repaged_first == p->repaged_count)
        p->repaged_first = p->repaged_count = 0;
    if (p->repaged_count == p->repaged_capacity) {
        p->repaged_capacity = p->repaged_capacity ? p->repaged_capacity * 2 : 16;
        p->repaged = lv_realloc(p->repaged, p->repaged_capacity * sizeof *p->repaged);
    }
    p->repaged[p->repaged_count++] = (struct repaged){chunk, live};
}

/* The chunk is among those: NULL when all that its blocks hold was live. */
static const struct repaged *repaged_find(const struct pager *p, uint64_t chunk)
{
    size_t low = p->repaged_first, high = p->repaged_count;
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (p->repaged[middle].chunk < chunk)
            low = middle + 1;
        else
            high = middle;
    }
    return low < p->repaged_count && p->repaged[low].chunk == chunk ? &p->repaged[low] : NULL;
}

/* Whether some segment may hold copies of the chunk, also of messages that are settled. */
static bool may_have_copies(const struct pager *p, uint64_t chunk)
{
    size_t at = segment_place(p, chunk * WINDOW_ENTRIES);
    return at < p->count && p->segments[at]->first_sequence < (chunk + 1) * WINDOW_ENTRIES;
}

/* Copies of an earlier snapshot become the only ones: they must be read. */
static void read_again(struct queue *q, uint64_t c, const struct backlog_chunk *chunk)
{
    for (uint64_t stored = chunk->stored; stored; stored &= stored - 1) {
        struct segment *s =
            segment_of(q->pager, c * WINDOW_ENTRIES + (unsigned)__builtin_ctzll(stored));
        if (s)
            s->load_offset = 0;
    }
}

static bool may_page(const struct queue *q)
{
    const struct pager *p = q->pager;
    return !p->is_failed && p->snapshot == SNAPSHOT_NONE &&
           p->flight_bytes < limits_of(q)->flight_bytes;
}

void pager_relieve(struct queue *q)
{
    struct backlog *b = &q->backlog;
    struct persist_loop *p = persist_of(q->home);
    if (!p || b->memory_bytes < memory_high(q))
        return;
    const size_t low = memory_low(q);
    pager_of(q);
    uint64_t growing = b->next_sequence / WINDOW_ENTRIES;
    for (uint64_t c = first_to_page(q); c < growing && b->memory_bytes > low && may_page(q); c++) {
        struct backlog_chunk *chunk = backlog_chunk(b, c);
        bool is_copied = may_have_copies(q->pager, c);
        if (!chunk) {
            if (!backlog_has_disk(b))
                continue;
            b->disk_end = c + 1; /* a gap belongs to what is around it */
            if (is_copied)
                repaged_add(q->pager, c, 0);
            continue;
        }
        if (chunk->live != chunk->ready)
            return; /* somebody holds part of it */
        uint64_t places = storable(q, c, chunk);
        if (places != (chunk->live & ~chunk->stored))
            return;
        if (is_copied) {
            read_again(q, c, chunk);
            repaged_add(q->pager, c, chunk->live);
        }
        store_places(q, c, chunk, places, false);
        if (!backlog_has_disk(b))
            q->pager->loaded_below = 0;
        backlog_page_out(b, c);
        persist_paged_out(q);
    }
}

/* --- back in --------------------------------------------------------------------------------------------- */

struct reading {
    struct queue *queue; /* referenced */
    struct loop *home;
    uint64_t number;
    uint64_t offset;
    uint64_t failures; /* of writes, when it was asked for */
    int error;
    struct lv_buffer bytes;
};

static void damage(const struct queue *q, const struct segment *s, uint64_t offset,
                   const char *what)
{
    log_error("queue '%.*s' in vhost '%.*s': segment %llu, offset %llu: %s",
              SLICE_ARG(queue_name(q)), SLICE_ARG(vhost_name(q->vhost)),
              (unsigned long long)s->number, (unsigned long long)offset, what);
}

static bool is_in_ranges(const struct segment *s, uint64_t sequence)
{
    size_t low = 0, high = s->range_count;
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (s->ranges[middle].to <= sequence)
            low = middle + 1;
        else
            high = middle;
    }
    return low < s->range_count && s->ranges[low].from <= sequence;
}

/* Messages that recovery found in the log take their places in the chunk that comes. */
static void place_stragglers(struct queue *q, uint64_t below)
{
    struct pager *p = q->pager;
    while (p->straggler_first < p->straggler_count) {
        struct straggler *s = &p->stragglers[p->straggler_first];
        if (s->sequence >= below)
            return;
        p->straggler_first++;
        if (!s->message)
            continue; /* settled meanwhile */
        uint64_t chunk = s->sequence / WINDOW_ENTRIES;
        backlog_page_in(&q->backlog, s->sequence, &s->message, s->redelivered);
        backlog_chunk(&q->backlog, chunk)->stored &= ~(1ull << (s->sequence % WINDOW_ENTRIES));
    }
}

/* The chunk at the beginning of what is on disk is whole: the next one's turn. */
static void next_chunk(struct queue *q)
{
    struct pager *p = q->pager;
    uint64_t chunk = q->backlog.disk_begin;
    place_stragglers(q, (chunk + 1) * WINDOW_ENTRIES);
    while (p->repaged_first < p->repaged_count && p->repaged[p->repaged_first].chunk <= chunk)
        p->repaged_first++;
    backlog_page_next(&q->backlog);
}

static void load_entry(struct queue *q, struct segment *s, uint64_t chunk,
                       const struct segment_entry *entry)
{
    uint64_t sequence = chunk * WINDOW_ENTRIES + entry->place;
    const struct repaged *again = repaged_find(q->pager, chunk);
    if (again && !(again->live >> entry->place & 1))
        return;
    if (s->is_recovered && (!entry->message.is_persistent || !is_in_ranges(s, sequence)))
        return;
    struct message *m =
        message_create(entry->message.exchange, entry->message.routing_key, entry->message.header,
                       entry->message.body.n, entry->message.is_persistent);
    if (!m) {
        damage(q, s, s->load_offset, "no memory for a message");
        return;
    }
    if (entry->message.body.n > 0)
        memcpy(message_body_space(m), entry->message.body.p, entry->message.body.n);
    place_stragglers(q, sequence); /* those before it: it may be taken as soon as it is here */
    count_read(q, s, m->body_bytes);
    /* It may have been delivered after this copy of it was written. */
    backlog_page_in(&q->backlog, sequence, &m,
                    entry->redelivered || sequence < q->pager->recovered_below ||
                        sequence < q->backlog.taken_below);
    /* What else the segments hold is over: nothing of it may be counted. */
    for (size_t i = 0; q->backlog.disk_ready == 0 && i < q->pager->count; i++)
        count_read_all(q, q->pager->segments[i]);
}

static void load_block(struct queue *q, struct segment *s, const struct segment_block *block)
{
    struct backlog *b = &q->backlog;
    if (block->chunk < b->disk_begin || block->chunk >= b->disk_end)
        return; /* a copy: what it holds is in memory, or gone */
    while (b->disk_begin < block->chunk)
        next_chunk(q);
    for (size_t i = 0; i < block->count; i++) {
        /* A second reading of the file brings again what was loaded before. */
        if (block->chunk * WINDOW_ENTRIES + block->entries[i].place >= q->pager->loaded_below)
            load_entry(q, s, block->chunk, &block->entries[i]);
    }
    uint64_t end = block->chunk * WINDOW_ENTRIES + block->entries[block->count - 1].place + 1;
    if (q->pager->loaded_below < end)
        q->pager->loaded_below = end;
}

/* Takes the blocks of what was read. */
static void load_bytes(struct queue *q, struct segment *s, struct slice bytes)
{
    struct segment_block block;
    uint64_t size = 0;
    while (bytes.n > 0) {
        enum segment_result result =
            segment_read_block(bytes, q->id, s->number, s->load_offset, &block, &size);
        if (result == SEGMENT_SHORT) {
            if (s->load_offset + bytes.n < s->bytes) {
                q->pager->read_bytes = (size_t)size;
                return;
            }
            damage(q, s, s->load_offset, "cut short; the rest of it is lost");
            s->load_offset = s->bytes;
            return;
        }
        if (result == SEGMENT_BROKEN) {
            uint64_t found;
            damage(q, s, s->load_offset, "broken block; what it held is lost");
            if (segment_find_block(bytes, q->id, s->number, s->load_offset, &found))
                size = found - s->load_offset;
            else if (bytes.n > SEGMENT_BLOCK_HEADER_BYTES && s->load_offset + bytes.n < s->bytes)
                size = bytes.n - SEGMENT_BLOCK_HEADER_BYTES; /* one may begin in its last bytes */
            else
                size = bytes.n;
        } else {
            load_block(q, s, &block);
        }
        s->load_offset += size;
        bytes = slice_of(bytes.p + size, bytes.n - (size_t)size);
    }
}

/* Only what is in memory is live of the segment from here on. */
static void recount(struct queue *q, struct segment *s)
{
    uint64_t live = 0, persistent = 0, bytes = 0;
    for (uint64_t c = s->first_sequence / WINDOW_ENTRIES;
         c <= (s->end_sequence - 1) / WINDOW_ENTRIES; c++) {
        const struct backlog_chunk *chunk = backlog_chunk(&q->backlog, c);
        for (uint64_t stored = chunk ? chunk->stored : 0; stored; stored &= stored - 1) {
            unsigned place = (unsigned)__builtin_ctzll(stored);
            uint64_t sequence = c * WINDOW_ENTRIES + place;
            const struct message *m = chunk->messages[place];
            if (sequence < s->first_sequence || sequence >= s->end_sequence)
                continue;
            live++;
            persistent += m->is_persistent;
            bytes += m->is_persistent ? m->body_bytes : 0;
        }
    }
    q->backlog.persistent -= s->persistent_live - persistent;
    s->live = live;
    s->persistent_live = persistent;
    s->persistent_bytes = bytes;
}

/* Nothing is left to be read: what is still counted as being on disk is lost. */
static void end_of_disk(struct queue *q)
{
    struct backlog *b = &q->backlog;
    while (backlog_has_disk(b))
        next_chunk(q);
    if (b->disk_ready == 0)
        return;
    log_error("queue '%.*s' in vhost '%.*s': %zu messages could not be read back",
              SLICE_ARG(queue_name(q)), SLICE_ARG(vhost_name(q->vhost)), b->disk_ready);
    q->counters.lost += b->disk_ready;
    b->ready -= b->disk_ready;
    b->ready_bytes -= b->disk_bytes;
    b->disk_ready = 0;
    b->disk_bytes = 0;
    for (size_t i = 0; i < q->pager->count; i++)
        recount(q, q->pager->segments[i]);
    end_empty_segments(q);
}

/* The segment with what is on disk next, or NULL. */
static struct segment *segment_to_read(const struct pager *p)
{
    for (size_t i = 0; i < p->count; i++) {
        if (p->segments[i]->load_offset < p->segments[i]->bytes)
            return p->segments[i];
    }
    return NULL;
}

static void load(struct queue *q, struct segment *s, struct slice bytes)
{
    q->pager->read_bytes = 0;
    load_bytes(q, s, bytes);
    if (s->load_offset >= s->bytes)
        count_read_all(q, s);
    if (!segment_to_read(q->pager))
        end_of_disk(q);
}

static void take_read(struct queue *q, struct segment *s, const struct reading *reading)
{
    if (reading->failures != q->pager->failures) {
        queue_deliver_soon(
            q); /* part of that may not have been written, as we know by now: again */
        return;
    }
    if (may_pass(reading->error)) {
        persist_try_again(q);
        return;
    }
    if (reading->error || reading->bytes.n == 0) {
        damage(q, s, s->load_offset, "cannot be read; the rest of it is lost");
        s->load_offset = s->bytes;
    }
    load(q, s, lv_buffer_slice(&reading->bytes));
    pager_read_ahead(q);
    queue_deliver_soon(q);
}

static void read_mail(struct loop *at, struct mail *mail)
{
    (void)at;
    struct reading *reading = mail->a;
    struct queue *q = reading->queue;
    struct pager *p = q->pager;
    struct segment *s = p && p->is_reading ? segment_to_read(p) : NULL;
    if (p)
        p->is_reading = false;
    if (s && files_of(q) && s->number == reading->number && s->load_offset == reading->offset) {
        take_read(q, s, reading);
    } else {
        queue_deliver_soon(q); /* it asks again for what is not here */
    }
    lv_buffer_free(&reading->bytes);
    queue_unref(&reading->queue);
    free(reading);
}

/* On the store's thread. */
static void has_read(void *arg, int error, struct lv_buffer *read)
{
    struct reading *reading = arg;
    reading->error = error;
    if (read) {
        reading->bytes = *read;
        *read = (struct lv_buffer){0};
    }
    struct mail mail = {.deliver = read_mail, .a = reading};
    loop_mail_from_outside(reading->home, &mail);
}

bool pager_want(struct queue *q)
{
    struct pager *p = q->pager;
    if (!p || p->is_reading || !backlog_has_disk(&q->backlog) || !files_of(q))
        return false;
    struct segment *s = segment_to_read(p);
    if (!s) {
        end_of_disk(q);
        return true;
    }
    if (s == p->writing)
        flush(q);
    const struct piece *kept = kept_piece(p, s->number, s->load_offset);
    if (kept && kept->offset <= s->load_offset) {
        size_t from = (size_t)(s->load_offset - kept->offset);
        load(q, s, slice_of(kept->bytes.p + from, kept->n - from));
        return true;
    }
    struct reading *reading = lv_calloc(1, sizeof *reading);
    reading->queue = queue_ref(q);
    reading->home = q->home;
    reading->number = s->number;
    reading->offset = s->load_offset;
    p->is_reading = true;
    uint64_t left = (kept ? kept->offset : s->bytes) - s->load_offset;
    size_t bytes = limits_of(q)->read_bytes;
    bytes = bytes > p->read_bytes ? bytes : p->read_bytes;
    reading->failures = p->failures;
    segments_read(files_of(q), q->id, s->number, s->load_offset,
                  left < bytes ? (size_t)left : bytes, has_read, reading);
    return false;
}

void pager_read_on(struct queue *q)
{
    const struct backlog *b = &q->backlog;
    if (!files_of(q))
        return;
    const struct pager_limits *limits = limits_of(q);
    if (b->disk_begin < b->cursor + limits->ahead_chunks && b->memory_bytes < limits->ahead_bytes)
        pager_want(q);
}

/* --- purge ----------------------------------------------------------------------------------------------- */

void pager_purge(struct queue *q)
{
    struct backlog *b = &q->backlog;
    struct pager *p = q->pager;
    if (!p || !backlog_has_disk(b))
        return;
    p->is_reading = false; /* what is being read comes too late */
    for (; p->straggler_first < p->straggler_count; p->straggler_first++) {
        struct straggler *s = &p->stragglers[p->straggler_first];
        if (!s->message)
            continue;
        b->persistent--;
        persist_settle(q, s->sequence);
        message_unref(&s->message);
    }
    for (size_t i = 0; i < p->count; i++) {
        struct segment *s = p->segments[i];
        if (s->load_offset >= s->bytes)
            continue;
        recount(q, s);
        s->load_offset = s->bytes;
        s->is_estimated = false; /* it went with what was on disk */
    }
    b->ready -= b->disk_ready;
    b->ready_bytes -= b->disk_bytes;
    b->disk_ready = 0;
    b->disk_bytes = 0;
    while (backlog_has_disk(b))
        backlog_page_next(b);
    p->repaged_first = p->repaged_count = 0;
    if (is_logged(q))
        pager_snapshot(q);
    end_empty_segments(q); /* unless a snapshot names them */
}

/* --- snapshots --------------------------------------------------------------------------------------------- */

struct range_list {
    struct log_range *items;
    size_t count, capacity;
};

static void range_add(struct range_list *list, uint64_t from, uint64_t count)
{
    struct log_range *last = list->count ? &list->items[list->count - 1] : NULL;
    if (last && last->from + last->count == from) {
        last->count += count;
        return;
    }
    if (list->count == list->capacity) {
        list->capacity = list->capacity ? list->capacity * 2 : 64;
        list->items = lv_realloc(list->items, list->capacity * sizeof *list->items);
    }
    lv_assert(list->items);
    list->items[list->count++] = (struct log_range){from, count};
}

/* Sequence numbers [from, to) of a segment that are on disk alone. */
static void add_unloaded(struct range_list *list, const struct segment *s, uint64_t from,
                         uint64_t to)
{
    from = from > s->first_sequence ? from : s->first_sequence;
    to = to < s->end_sequence ? to : s->end_sequence;
    if (!s->is_recovered) {
        if (from < to)
            range_add(list, from, to - from);
        return;
    }
    for (size_t i = 0; i < s->range_count; i++) {
        uint64_t a = s->ranges[i].from > from ? s->ranges[i].from : from;
        uint64_t b = s->ranges[i].to < to ? s->ranges[i].to : to;
        if (a < b)
            range_add(list, a, b - a);
    }
}

/* What of a segment is live, in order. */
static void add_live(struct queue *q, const struct segment *s, struct range_list *list)
{
    const struct backlog *b = &q->backlog;
    uint64_t end = (s->end_sequence + WINDOW_ENTRIES - 1) / WINDOW_ENTRIES;
    for (uint64_t c = s->first_sequence / WINDOW_ENTRIES; c < end; c++) {
        const struct backlog_chunk *chunk = backlog_chunk(b, c);
        uint64_t base = c * WINDOW_ENTRIES;
        for (uint64_t stored = chunk ? chunk->stored : 0; stored; stored &= stored - 1) {
            uint64_t sequence = base + (unsigned)__builtin_ctzll(stored);
            if (sequence >= s->first_sequence && sequence < s->end_sequence)
                range_add(list, sequence, 1);
        }
        bool is_on_disk = backlog_has_disk(b) && c >= b->disk_begin && c < b->disk_end;
        if (!is_on_disk)
            continue;
        uint64_t from =
            c == b->disk_begin && q->pager->loaded_below > base ? q->pager->loaded_below : base;
        const struct repaged *again = repaged_find(q->pager, c);
        if (again) {
            for (uint64_t live = again->live; live; live &= live - 1) {
                uint64_t sequence = base + (unsigned)__builtin_ctzll(live);
                if (sequence >= from)
                    add_unloaded(list, s, sequence, sequence + 1);
            }
            continue;
        }
        /* A run of whole chunks is one range. */
        uint64_t last = c;
        while (c != b->disk_begin && last + 1 < end && last + 1 < b->disk_end &&
               !repaged_find(q->pager, last + 1))
            last++;
        add_unloaded(list, s, from, (last + 1) * WINDOW_ENTRIES);
        c = last;
    }
}

/* Little of the segment is live, and all of that is in memory: it is taken for stored no more. */
static void give_up_if_sparse(struct queue *q, struct segment *s)
{
    struct pager *p = q->pager;
    if (s == p->writing || s->load_offset < s->bytes || s->live * SPARSE_DIVISOR > s->entries)
        return;
    for (uint64_t c = s->first_sequence / WINDOW_ENTRIES;
         c <= (s->end_sequence - 1) / WINDOW_ENTRIES; c++) {
        struct backlog_chunk *chunk = backlog_chunk(&q->backlog, c);
        for (uint64_t stored = chunk ? chunk->stored : 0; stored; stored &= stored - 1) {
            unsigned place = (unsigned)__builtin_ctzll(stored);
            uint64_t sequence = c * WINDOW_ENTRIES + place;
            if (sequence >= s->first_sequence && sequence < s->end_sequence)
                chunk->stored &= ~(1ull << place);
        }
    }
    if (p->needless_count == p->needless_capacity) {
        p->needless_capacity = p->needless_capacity ? p->needless_capacity * 2 : 8;
        p->needless = lv_realloc(p->needless, p->needless_capacity * sizeof *p->needless);
    }
    p->needless[p->needless_count++] = s->number;
    segment_remove_from_list(p, s);
    segment_free(s);
}

/* Places of a chunk that only the log and memory have. */
static uint64_t unstored(const struct backlog_chunk *chunk)
{
    uint64_t places = 0;
    for (uint64_t live = chunk->live & ~chunk->stored; live; live &= live - 1) {
        unsigned place = (unsigned)__builtin_ctzll(live);
        places |= chunk->messages[place]->is_persistent ? 1ull << place : 0;
    }
    return places;
}

static uint64_t unstored_bytes(struct queue *q)
{
    uint64_t bytes = 0;
    for (uint64_t c = q->backlog.window.first; c < q->backlog.window.end; c++) {
        const struct backlog_chunk *chunk = backlog_chunk(&q->backlog, c);
        for (uint64_t places = chunk ? unstored(chunk) & storable(q, c, chunk) : 0; places;
             places &= places - 1)
            bytes += message_memory(chunk->messages[__builtin_ctzll(places)]);
    }
    return bytes;
}

/* Transient messages, too: they would stand between those of the segment and could not be paged out
 * any more. */
static void store_copies(struct queue *q)
{
    for (uint64_t c = q->backlog.window.first; c < q->backlog.window.end; c++) {
        struct backlog_chunk *chunk = backlog_chunk(&q->backlog, c);
        uint64_t places = chunk ? storable(q, c, chunk) : 0;
        if (places)
            store_places(q, c, chunk, places, true);
    }
}

struct carried_list {
    struct log_carried *items;
    size_t count, capacity;
};

static void carry(struct carried_list *list, uint64_t sequence, const struct message *m,
                  bool redelivered)
{
    if (list->count == list->capacity) {
        list->capacity = list->capacity ? list->capacity * 2 : 64;
        list->items = lv_realloc(list->items, list->capacity * sizeof *list->items);
    }
    list->items[list->count++] = (struct log_carried){
        .sequence = sequence,
        .flags = redelivered ? LOG_DELIVERED : 0,
        .message = message_parts(m),
    };
}

/* In order of sequence: stragglers stand among chunks that are on disk. */
static void carry_all(struct queue *q, struct carried_list *list)
{
    const struct pager *p = q->pager;
    size_t next = p->straggler_first;
    for (uint64_t c = q->backlog.window.first; c < q->backlog.window.end; c++) {
        const struct backlog_chunk *chunk = backlog_chunk(&q->backlog, c);
        uint64_t places = chunk ? unstored(chunk) : 0;
        for (; places; places &= places - 1) {
            unsigned place = (unsigned)__builtin_ctzll(places);
            /* What is taken may have been delivered, and so may what came back. */
            bool delivered = ((chunk->redelivered | ~chunk->ready) >> place & 1) != 0;
            carry(list, c * WINDOW_ENTRIES + place, chunk->messages[place], delivered);
        }
        for (; next < p->straggler_count && p->stragglers[next].sequence / WINDOW_ENTRIES == c;
             next++) {
            const struct straggler *s = &p->stragglers[next];
            if (s->message)
                carry(list, s->sequence, s->message, s->redelivered);
        }
    }
}

static int by_sequence(const void *a, const void *b)
{
    uint64_t x = ((const struct log_carried *)a)->sequence;
    uint64_t y = ((const struct log_carried *)b)->sequence;
    return (x > y) - (x < y);
}

static void stage_snapshot(struct queue *q)
{
    struct pager *p = q->pager;
    struct log_segment *segments = lv_calloc(p->count + 1, sizeof *segments);
    struct range_list *lists = lv_calloc(p->count + 1, sizeof *lists);
    struct carried_list carried = {0};
    for (size_t i = 0; i < p->count; i++) {
        const struct segment *s = p->segments[i];
        add_live(q, s, &lists[i]);
        segments[i] = (struct log_segment){
            .number = s->number,
            .first_sequence = s->first_sequence,
            .end_sequence = s->end_sequence,
            .bytes = s->synced_bytes,
            .persistent_live = s->persistent_live,
            .persistent_bytes = s->persistent_bytes,
            .live = lists[i].items,
            .live_count = lists[i].count,
        };
    }
    carry_all(q, &carried);
    if (carried.count > 1)
        qsort(carried.items, carried.count, sizeof *carried.items, by_sequence);
    persist_snapshot(q, &(struct log_snapshot){
                            .queue = q->id,
                            .next_sequence = q->backlog.next_sequence,
                            .delivered_below = q->delivered_staged,
                            .segments = segments,
                            .segment_count = p->count,
                            .carried = carried.items,
                            .carried_count = carried.count,
                        });
    p->snapshot = SNAPSHOT_STAGED;
    for (size_t i = 0; i < p->count; i++)
        free(lists[i].items);
    free(lists);
    free(segments);
    free(carried.items);
}

struct syncing {
    struct queue *queue; /* referenced */
    struct loop *home;
    uint64_t number;
    uint64_t bytes;
    int error;
};

static void segments_are_synced(struct queue *q)
{
    struct pager *p = q->pager;
    if (p->snapshot_error == 0) {
        stage_snapshot(q);
        return;
    }
    /* The log keeps everything, until the next one or for ever. */
    p->snapshot = SNAPSHOT_NONE;
    p->wants_snapshot = true;
    if (may_pass(p->snapshot_error))
        persist_try_again(q);
    else
        fail_writing(q, p->snapshot_error);
}

static void synced_mail(struct loop *at, struct mail *mail)
{
    (void)at;
    struct syncing *syncing = mail->a;
    struct queue *q = syncing->queue;
    struct pager *p = q->pager;
    if (p && files_of(q) && p->snapshot == SNAPSHOT_SYNCING) {
        struct segment *s = segment_numbered(p, syncing->number);
        if (s && syncing->error == 0)
            s->synced_bytes = syncing->bytes;
        if (syncing->error && (p->snapshot_error == 0 || may_pass(p->snapshot_error)))
            p->snapshot_error = syncing->error;
        if (--p->syncs == 0)
            segments_are_synced(q);
    }
    queue_unref(&syncing->queue);
    free(syncing);
}

/* On the store's thread. */
static void has_synced(void *arg, int error, struct lv_buffer *read)
{
    (void)read;
    struct syncing *syncing = arg;
    syncing->error = error;
    struct mail mail = {.deliver = synced_mail, .a = syncing};
    loop_mail_from_outside(syncing->home, &mail);
}

static void sync_segment(struct queue *q, const struct segment *s)
{
    struct syncing *syncing = lv_malloc(sizeof *syncing);
    *syncing = (struct syncing){queue_ref(q), q->home, s->number, s->bytes, 0};
    q->pager->syncs++;
    segments_sync(files_of(q), q->id, s->number, has_synced, syncing);
}

void pager_snapshot(struct queue *q)
{
    struct pager *p = pager_of(q);
    if (p->snapshot != SNAPSHOT_NONE || p->kept_count > 0 || p->is_failed) {
        p->wants_snapshot = true;
        return;
    }
    p->wants_snapshot = false;
    p->snapshot_error = 0;
    for (size_t i = p->count; i-- > 0;)
        give_up_if_sparse(q, p->segments[i]);
    if (!p->is_failed && unstored_bytes(q) > limits_of(q)->carry_bytes)
        store_copies(q);
    flush(q);
    p->snapshot = SNAPSHOT_SYNCING;
    p->syncs = 1; /* ours, so that none that is done at once is the last */
    for (size_t i = 0; i < p->count; i++) {
        if (p->segments[i]->synced_bytes < p->segments[i]->bytes)
            sync_segment(q, p->segments[i]);
    }
    if (--p->syncs == 0)
        stage_snapshot(q);
}

void pager_snapshot_is_safe(struct queue *q, int error)
{
    struct pager *p = q->pager;
    if (!p || !files_of(q))
        return;
    p->snapshot = SNAPSHOT_NONE;
    for (size_t i = 0; error == 0 && i < p->needless_count; i++)
        remove_file(q, p->needless[i]);
    p->needless_count = error ? p->needless_count : 0;
    if (error)
        return;
    end_empty_segments(q);
    if (p->wants_snapshot)
        pager_snapshot(q);
    else
        pager_relieve(q);
}

/* --- recovery ------------------------------------------------------------------------------------------------ */

static void count_recovered(struct queue *q, const struct segment *s, int64_t sign)
{
    struct backlog *b = &q->backlog;
    int64_t n = sign * (int64_t)s->persistent_live;
    int64_t bytes = sign * (int64_t)s->persistent_bytes;
    b->ready += (size_t)n;
    b->disk_ready += (size_t)n;
    b->persistent += (size_t)n;
    b->ready_bytes += (uint64_t)bytes;
    b->disk_bytes += (uint64_t)bytes;
}

static void put_on_disk(struct backlog *b, uint64_t chunk)
{
    if (!backlog_has_disk(b))
        b->disk_begin = b->disk_end = chunk;
    if (chunk < b->disk_end)
        return;
    lv_window_extend_elsewhere(&b->window, chunk * WINDOW_ENTRIES);
    b->disk_end = chunk + 1;
}

static void restore_segment(struct queue *q, const struct log_segment *from)
{
    struct pager *p = pager_of(q);
    struct segment *s = segment_add(p, from->first_sequence, from->number);
    s->end_sequence = from->end_sequence;
    s->bytes = s->synced_bytes = from->bytes;
    s->entries = s->live = s->persistent_live = from->persistent_live;
    s->persistent_bytes = from->persistent_bytes;
    s->is_recovered = true;
    s->ranges = lv_calloc(from->live_count + 1, sizeof *s->ranges);
    s->range_capacity = from->live_count + 1;
    for (size_t i = 0; i < from->live_count; i++) {
        struct range r = {from->live[i].from, from->live[i].from + from->live[i].count};
        s->ranges[s->range_count++] = r;
        for (uint64_t c = r.from / WINDOW_ENTRIES; c <= (r.to - 1) / WINDOW_ENTRIES; c++)
            put_on_disk(&q->backlog, c);
    }
    count_recovered(q, s, 1);
}

static void add_straggler(struct pager *p, uint64_t sequence, struct message **message,
                          bool redelivered)
{
    if (p->straggler_count == p->straggler_capacity) {
        p->straggler_capacity = p->straggler_capacity ? p->straggler_capacity * 2 : 16;
        p->stragglers = lv_realloc(p->stragglers, p->straggler_capacity * sizeof *p->stragglers);
    }
    lv_assert(p->straggler_count == 0 || p->stragglers[p->straggler_count - 1].sequence < sequence);
    p->stragglers[p->straggler_count++] = (struct straggler){sequence, redelivered, *message};
    *message = NULL;
}

void pager_restore_message(struct queue *q, uint64_t sequence, struct message **message,
                           bool redelivered)
{
    struct backlog *b = &q->backlog;
    uint64_t c = sequence / WINDOW_ENTRIES;
    if (!backlog_has_disk(b) || c < b->disk_begin || c >= b->disk_end) {
        backlog_restore(b, sequence, message, redelivered, false);
        return;
    }
    b->ready++;
    b->disk_ready++;
    b->ready_bytes += (*message)->body_bytes;
    b->disk_bytes += (*message)->body_bytes;
    b->persistent++;
    if (b->next_sequence <= sequence)
        b->next_sequence = sequence + 1;
    if (!lv_window_is_elsewhere(&b->window, sequence))
        lv_window_extend_elsewhere(&b->window, sequence); /* a gap among what is on disk */
    add_straggler(pager_of(q), sequence, message, redelivered);
}

static void restore_carried(struct queue *q, const struct log_carried *from)
{
    const struct log_message *parts = &from->message;
    struct message *m = message_create(parts->exchange, parts->routing_key, parts->header,
                                       parts->body.n, parts->is_persistent);
    if (!m)
        return;
    if (parts->body.n > 0)
        memcpy(message_body_space(m), parts->body.p, parts->body.n);
    pager_restore_message(q, from->sequence, &m, (from->flags & LOG_DELIVERED) != 0);
}

void pager_restore_snapshot(struct queue *q, const struct log_snapshot *snapshot)
{
    struct backlog *b = &q->backlog;
    uint64_t next_number = q->pager ? q->pager->next_number : 1;
    backlog_free(b);
    pager_free(&q->pager);
    pager_of(q)->next_number = next_number;
    size_t carried = 0;
    /* Before the first that is on disk, then the disk, then the rest: places are made in order. */
    uint64_t disk = UINT64_MAX;
    for (size_t i = 0; i < snapshot->segment_count; i++) {
        if (snapshot->segments[i].live_count > 0 && disk == UINT64_MAX)
            disk = snapshot->segments[i].live[0].from / WINDOW_ENTRIES;
    }
    for (; carried < snapshot->carried_count &&
           snapshot->carried[carried].sequence / WINDOW_ENTRIES < disk;
         carried++)
        restore_carried(q, &snapshot->carried[carried]);
    for (size_t i = 0; i < snapshot->segment_count; i++)
        restore_segment(q, &snapshot->segments[i]);
    for (; carried < snapshot->carried_count; carried++)
        restore_carried(q, &snapshot->carried[carried]);
    if (b->next_sequence < snapshot->next_sequence)
        b->next_sequence = snapshot->next_sequence;
}

/* Takes [from, to) out of what is live of a recovered segment; how many that were. */
static uint64_t ranges_subtract(struct segment *s, uint64_t from, uint64_t to)
{
    uint64_t gone = 0;
    struct range *old = s->ranges;
    size_t count = s->range_count;
    lv_assert(count == 0 || old);
    s->range_capacity = count + 1;
    s->ranges = lv_malloc(s->range_capacity * sizeof *s->ranges);
    s->range_count = 0;
    for (size_t i = 0; i < count; i++) {
        struct range r = old[i];
        uint64_t a = r.from > from ? r.from : from, b = r.to < to ? r.to : to;
        if (a >= b) {
            s->ranges[s->range_count++] = r;
            continue;
        }
        gone += b - a;
        if (r.from < a)
            s->ranges[s->range_count++] = (struct range){r.from, a};
        if (b < r.to)
            s->ranges[s->range_count++] = (struct range){b, r.to};
    }
    free(old);
    return gone;
}

/* One settled message of a recovered segment. Runs at the beginning of what is live, the usual case,
 * only move its first range. */
static uint64_t segment_settle(struct segment *s, uint64_t from, uint64_t to)
{
    struct range *first = s->range_count ? &s->ranges[0] : NULL;
    if (first && from <= first->from && to > first->from && to < first->to) {
        uint64_t gone = to - first->from;
        first->from = to;
        return gone;
    }
    return ranges_subtract(s, from, to);
}

static void restore_settle_segments(struct queue *q, uint64_t from, uint64_t to)
{
    struct pager *p = q->pager;
    struct backlog *b = &q->backlog;
    for (size_t i = segment_place(p, from); i < p->count && p->segments[i]->first_sequence < to;
         i++) {
        struct segment *s = p->segments[i];
        uint64_t gone = segment_settle(s, from, to);
        gone = gone < s->persistent_live ? gone : s->persistent_live;
        uint64_t bytes = s->persistent_bytes; /* of all that are left; else their share of it */
        if (gone < s->persistent_live)
            bytes = bytes / s->persistent_live * gone;
        s->live -= gone;
        s->persistent_live -= gone;
        s->persistent_bytes -= bytes;
        b->ready -= gone;
        b->disk_ready -= gone;
        b->persistent -= gone;
        b->ready_bytes -= bytes;
        b->disk_bytes -= bytes;
    }
}

static void restore_settle_stragglers(struct queue *q, uint64_t from, uint64_t to)
{
    struct pager *p = q->pager;
    struct backlog *b = &q->backlog;
    for (size_t i = p->straggler_first; i < p->straggler_count; i++) {
        struct straggler *s = &p->stragglers[i];
        if (!s->message || s->sequence < from || s->sequence >= to)
            continue;
        b->ready--;
        b->disk_ready--;
        b->persistent--;
        b->ready_bytes -= s->message->body_bytes;
        b->disk_bytes -= s->message->body_bytes;
        message_unref(&s->message);
    }
}

void pager_restore_settle(struct queue *q, uint64_t from, uint64_t count)
{
    struct backlog *b = &q->backlog;
    uint64_t to = from + count;
    if (q->pager) {
        restore_settle_segments(q, from, to);
        restore_settle_stragglers(q, from, to);
    }
    uint64_t end = b->window.end * WINDOW_ENTRIES;
    uint64_t first = b->window.first * WINDOW_ENTRIES;
    struct backlog_left left;
    for (uint64_t s = from > first ? from : first; s < to && s < end; s++)
        backlog_remove(b, s, &left);
    if (b->next_sequence < to)
        b->next_sequence = to;
}

static void restore_without(struct queue *q, struct segment *s)
{
    count_recovered(q, s, -1);
    segment_remove_from_list(q->pager, s);
    segment_free(s);
}

void pager_restore_gone(struct queue *q, uint64_t number)
{
    struct pager *p = pager_of(q);
    for (size_t i = p->count; i-- > 0;) {
        if (p->segments[i]->number == number)
            restore_without(q, p->segments[i]);
    }
    if (p->next_number <= number)
        p->next_number = number + 1;
}

bool pager_restore_file(struct queue *q, uint64_t number, uint64_t bytes)
{
    struct pager *p = pager_of(q);
    if (p->next_number <= number)
        p->next_number = number + 1;
    for (size_t i = 0; i < p->count; i++) {
        if (p->segments[i]->number == number) {
            p->segments[i]->is_there = bytes >= p->segments[i]->bytes;
            return true;
        }
    }
    return false;
}

static void mark_delivered(struct queue *q)
{
    struct backlog *b = &q->backlog;
    for (uint64_t c = b->window.first; c < b->window.end; c++) {
        struct backlog_chunk *chunk = backlog_chunk(b, c);
        uint64_t base = c * WINDOW_ENTRIES;
        if (!chunk || base >= q->delivered_staged)
            continue;
        uint64_t places = q->delivered_staged - base;
        uint64_t below = places >= WINDOW_ENTRIES ? ~0ull : (1ull << places) - 1;
        chunk->redelivered |= chunk->live & below;
    }
}

void pager_restore_end(struct queue *q)
{
    struct pager *p = q->pager;
    mark_delivered(q);
    if (!p)
        return;
    for (size_t i = p->straggler_first; i < p->straggler_count; i++)
        p->stragglers[i].redelivered |= p->stragglers[i].sequence < q->delivered_staged;
    p->recovered_below = q->delivered_staged;
    /* A new message never joins a chunk that is on disk: numbers go on with the next chunk. */
    if (backlog_has_disk(&q->backlog) &&
        q->backlog.next_sequence < q->backlog.disk_end * WINDOW_ENTRIES)
        q->backlog.next_sequence = q->backlog.disk_end * WINDOW_ENTRIES;
    for (size_t i = p->count; i-- > 0;) {
        struct segment *s = p->segments[i];
        if (!s->is_there) {
            damage(q, s, 0, "the file is missing or cut short; its messages are lost");
            restore_without(q, s);
            continue;
        }
        if (s->persistent_live == 0)
            s->live = 0; /* the first snapshot removes it */
        s->unread_bytes = s->persistent_bytes;
        s->is_estimated = true;
    }
}
