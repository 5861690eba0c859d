/* Single messages from the disk, out of their order: those whose time has come. And deadlines that only the
 * disk knows after a start. */
#include "broker/pager_private.h"

#include <stdlib.h>

#include "base/error.h"
#include "base/memory.h"
#include "broker/conflation.h"
#include "broker/queue_private.h"

enum {
    BUCKETS = 256,      /* a power of two */
    FETCHES_MAX = 1024, /* chunks */
    FETCHED_BYTES_MAX = 4 * 1024 * 1024,
    READS_MAX = 64, /* under way */
    SCAN_BYTES = 512 * 1024,
    SCAN_FAILURES_MAX = 3,
};

/* The blocks of one chunk in one segment, read for the sake of some of its messages. */
struct fetching {
    struct fetching *next;
    uint64_t chunk;
    uint64_t until_ms; /* messages with later deadlines are not kept */
    bool is_here;
    uint64_t places;
    struct message *messages[WINDOW_ENTRIES]; /* owned, those of `places` */
};

struct fetches {
    struct fetching *buckets[BUCKETS]; /* lists, by chunk */
    size_t count;
    size_t reads; /* of those: not here yet */
    size_t bytes; /* of the messages that are here */
    unsigned next_victim;
};

/* A read under way, of blocks or of the next piece of a scan. */
struct fetch_read {
    struct lane *lane; /* referenced */
    struct loop *home;
    uint64_t number;
    uint64_t offset;
    uint64_t bytes_asked;
    uint64_t chunk;
    bool is_scan;
    int error;
    struct lv_buffer bytes;
};

/* --- where blocks stand --------------------------------------------------------------------------------- */

void pager_index_block(struct segment *s, uint64_t chunk, uint64_t offset, uint64_t bytes)
{
    if (offset != s->indexed_bytes)
        return; /* what stands before it is not known: a scan will find it */
    if (s->block_count == s->block_capacity) {
        s->block_capacity = s->block_capacity ? s->block_capacity * 2 : 16;
        s->blocks = lv_realloc(s->blocks, s->block_capacity * sizeof *s->blocks);
    }
    s->blocks[s->block_count++] = (struct block_place){chunk, offset};
    s->indexed_bytes = offset + bytes;
}

/* The run of blocks of this chunk: [*ret_from, *ret_to) in the file. False when it has none. */
static bool find_blocks(const struct segment *s, uint64_t chunk, uint64_t *ret_from,
                        uint64_t *ret_to)
{
    size_t low = 0, high = s->block_count;
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (s->blocks[middle].chunk < chunk)
            low = middle + 1;
        else
            high = middle;
    }
    if (low == s->block_count || s->blocks[low].chunk != chunk)
        return false;
    size_t end = low;
    while (end < s->block_count && s->blocks[end].chunk == chunk)
        end++;
    *ret_from = s->blocks[low].offset;
    *ret_to = end < s->block_count ? s->blocks[end].offset : s->indexed_bytes;
    return true;
}

/* --- what has been fetched ------------------------------------------------------------------------------ */

static struct fetches *fetches_of(struct pager *p)
{
    if (!p->fetches)
        p->fetches = lv_calloc(1, sizeof *p->fetches);
    return p->fetches;
}

/* Where it stands, or would. */
static struct fetching **fetching_find(struct pager *p, uint64_t chunk)
{
    struct fetching **at = &fetches_of(p)->buckets[chunk & (BUCKETS - 1)];
    while (*at && (*at)->chunk != chunk)
        at = &(*at)->next;
    return at;
}

static void drop_message(struct fetches *all, struct fetching *f, unsigned place)
{
    all->bytes -= message_memory(f->messages[place]);
    f->places &= ~(1ull << place);
    message_unref(&f->messages[place]);
}

static void fetching_free(struct fetches *all, struct fetching **at)
{
    struct fetching *f = *at;
    *at = f->next;
    while (f->places)
        drop_message(all, f, (unsigned)__builtin_ctzll(f->places));
    all->count--;
    all->reads -= !f->is_here;
    free(f);
}

void pager_fetch_free(struct pager *p)
{
    for (unsigned i = 0; p->fetches && i < BUCKETS; i++) {
        while (p->fetches->buckets[i])
            fetching_free(p->fetches, &p->fetches->buckets[i]);
    }
    free(p->fetches);
    p->fetches = NULL;
}

static bool has_room(const struct fetches *all)
{
    return all->count < FETCHES_MAX && all->bytes < FETCHED_BYTES_MAX && all->reads < READS_MAX;
}

/* Something that is here makes room for what is asked for now. False when nothing is here. */
static bool evict(struct fetches *all)
{
    for (unsigned i = 0; i < BUCKETS; i++) {
        struct fetching **at = &all->buckets[all->next_victim++ & (BUCKETS - 1)];
        while (*at && !(*at)->is_here)
            at = &(*at)->next;
        if (!*at)
            continue;
        fetching_free(all, at);
        return true;
    }
    return false;
}

static struct message *message_of_entry(const struct segment_entry *e)
{
    struct message *m =
        message_create(e->message.exchange, e->message.routing_key, e->message.header,
                       e->message.body.n, e->message.is_persistent);
    if (m && e->message.body.n > 0)
        memcpy(message_body_space(m), e->message.body.p, e->message.body.n);
    return m;
}

static void keep_entries(struct lane *l, struct fetching *f, const struct segment_block *block)
{
    struct fetches *all = l->pager->fetches;
    for (size_t i = 0; block->chunk == f->chunk && i < block->count; i++) {
        const struct segment_entry *e = &block->entries[i];
        uint64_t bit = 1ull << e->place;
        struct backlog_first_due due;
        bool is_wanted =
            backlog_find_timed(&l->backlog, f->chunk * WINDOW_ENTRIES + e->place, &due) &&
            !due.is_here && due.deadline_ms <= f->until_ms;
        if ((f->places & bit) || !is_wanted)
            continue;
        f->messages[e->place] = message_of_entry(e);
        if (!f->messages[e->place])
            continue;
        f->places |= bit;
        all->bytes += message_memory(f->messages[e->place]);
    }
}

/* --- reading -------------------------------------------------------------------------------------------- */

static void take_scan(struct lane *l, struct segment *s, struct fetch_read *r);

/* Where the next block of the index begins; UINT64_MAX: none. */
static uint64_t next_block(const struct segment *s, uint64_t offset)
{
    size_t i = s->block_count;
    while (i > 0 && s->blocks[i - 1].offset > offset)
        i--;
    return i < s->block_count ? s->blocks[i].offset : UINT64_MAX;
}

static void tell_of_damage(const struct lane *l, struct segment *s, uint64_t offset)
{
    if (s->is_damage_told)
        return;
    s->is_damage_told = true;
    pager_damage(l, s, offset,
                 "cannot be read; what is due of it is lost, and messages_lost of the queue counts "
                 "it; this will not be reported again for this segment");
}

/* Blocks as they stand in `bytes`; what is broken is passed over, and is lost. */
static void take_blocks(struct lane *l, struct segment *s, struct fetching *f, uint64_t offset,
                        struct slice bytes)
{
    struct segment_block block;
    uint64_t size;
    if (bytes.n == 0)
        tell_of_damage(l, s, offset);
    while (bytes.n > 0) {
        if (segment_read_block(bytes, l->id, s->number, offset, &block, &size) == SEGMENT_BLOCK) {
            keep_entries(l, f, &block);
        } else {
            tell_of_damage(l, s, offset);
            size = next_block(s, offset) - offset;
        }
        size = size < bytes.n ? size : bytes.n;
        offset += size;
        bytes = slice_of(bytes.p + size, bytes.n - (size_t)size);
    }
    f->is_here = true;
    l->pager->fetches->reads--;
}

/* Whether messages that were asked for are there: if they were not found, whoever asks hears of it. */
static bool is_wanted_still(const struct lane *l, const struct fetching *f)
{
    for (uint64_t s = f->chunk * WINDOW_ENTRIES; s < (f->chunk + 1) * WINDOW_ENTRIES; s++) {
        struct backlog_first_due due;
        if (backlog_find_timed(&l->backlog, s, &due) && !due.is_here &&
            due.deadline_ms <= f->until_ms)
            return true;
    }
    return false;
}

static void take_fetch(struct lane *l, struct segment *s, struct fetch_read *r)
{
    struct fetching **at = fetching_find(l->pager, r->chunk);
    if (!*at)
        return;
    if (pager_may_pass(r->error)) {
        fetching_free(l->pager->fetches, at);
        persist_try_again(l);
        return;
    }
    take_blocks(l, s, *at, r->offset, lv_buffer_slice(&r->bytes));
    if ((*at)->places == 0 && !is_wanted_still(l, *at))
        fetching_free(l->pager->fetches, at);
}

static void fetched_mail(struct loop *at, struct mail *mail)
{
    (void)at;
    struct fetch_read *r = mail->a;
    struct lane *l = r->lane;
    struct pager *p = l->pager;
    if (p && r->is_scan)
        p->is_scanning = false;
    if (p && pager_files(l)) {
        struct segment *s = pager_segment_numbered(p, r->number);
        struct fetching **fetching = fetching_find(p, r->chunk);
        if (s && r->is_scan)
            take_scan(l, s, r);
        else if (s)
            take_fetch(l, s, r);
        else if (!r->is_scan && *fetching)
            fetching_free(p->fetches, fetching); /* it was settled, or is in memory */
        if (r->is_scan)
            pager_scan(l);
        queue_fetched(l->queue, r->is_scan);
    }
    lv_buffer_free(&r->bytes);
    lane_unref(&r->lane);
    free(r);
}

/* On the store's thread. */
static void has_read(void *arg, int error, struct lv_buffer *read)
{
    struct fetch_read *r = arg;
    r->error = error;
    if (read) {
        r->bytes = *read;
        *read = (struct lv_buffer){0};
    }
    struct mail mail = {.deliver = fetched_mail, .a = r};
    loop_mail_from_outside(r->home, &mail);
}

static void read_segment(struct lane *l, struct segment *s, const struct fetch_read *what)
{
    struct pager *p = l->pager;
    if (s == p->writing && what->offset + what->bytes_asked > s->bytes - p->pending.n)
        pager_flush(l);
    struct fetch_read *r = lv_malloc(sizeof *r);
    *r = *what;
    r->lane = lane_ref(l);
    r->home = l->queue->home;
    r->number = s->number;
    segments_read(pager_files(l), l->id, s->number, r->offset, (size_t)r->bytes_asked, has_read, r);
}

/* --- single messages ------------------------------------------------------------------------------------ */

static void start_fetch(struct lane *l, struct segment *s, uint64_t chunk, uint64_t until_ms)
{
    struct pager *p = l->pager;
    uint64_t from, to;
    if (!find_blocks(s, chunk, &from, &to))
        return;
    struct fetching *f = lv_calloc(1, sizeof *f);
    f->chunk = chunk;
    f->until_ms = until_ms;
    f->next = *fetching_find(p, chunk);
    *fetching_find(p, chunk) = f;
    p->fetches->count++;
    p->fetches->reads++;
    const struct piece *kept = pager_kept_piece(p, s->number, from);
    if (kept && kept->offset <= from && to <= kept->offset + kept->n) {
        struct slice bytes = slice_of(kept->bytes.p + (from - kept->offset), (size_t)(to - from));
        take_blocks(l, s, f, from, bytes);
        return;
    }
    read_segment(l, s,
                 &(struct fetch_read){.chunk = chunk, .offset = from, .bytes_asked = to - from});
}

bool pager_fetch(struct lane *l, uint64_t sequence, uint64_t until_ms, struct message **ret)
{
    struct pager *p = l->pager;
    uint64_t chunk = sequence / WINDOW_ENTRIES;
    unsigned place = (unsigned)(sequence % WINDOW_ENTRIES);
    struct straggler *straggler = p ? pager_straggler(p, sequence) : NULL;
    *ret = straggler ? message_ref(straggler->message) : NULL;
    if (*ret)
        return true;
    struct segment *s = p && pager_files(l) ? pager_segment_of(p, sequence) : NULL;
    if (!s)
        return false;
    struct fetching **at = fetching_find(p, chunk);
    bool was_not_kept =
        *at && (*at)->is_here && backlog_deadline(&l->backlog, sequence) > (*at)->until_ms;
    if (was_not_kept)
        fetching_free(p->fetches, at);
    at = fetching_find(p, chunk);
    if (!*at && s->indexed_bytes < s->bytes) {
        pager_scan(l);
        return true;
    }
    if (!*at) {
        if (!has_room(p->fetches) && !evict(p->fetches))
            return true; /* all of them are being read */
        start_fetch(l, s, chunk, until_ms);
        at = fetching_find(p, chunk);
        if (!*at)
            tell_of_damage(l, s, 0); /* its block was passed over when the segment was indexed */
    }
    if (!*at || !(*at)->is_here)
        return *at != NULL;
    if ((*at)->places >> place & 1)
        *ret = message_ref((*at)->messages[place]);
    return *ret != NULL;
}

/* The message has been taken, perhaps by somebody who did not ask for it here. */
static void drop_fetched(struct pager *p, uint64_t sequence)
{
    if (!p->fetches)
        return;
    struct fetching **at = fetching_find(p, sequence / WINDOW_ENTRIES);
    struct fetching *f = *at;
    unsigned place = (unsigned)(sequence % WINDOW_ENTRIES);
    if (!f || !f->is_here)
        return;
    if (f->places >> place & 1)
        drop_message(p->fetches, f, place);
    if (f->places == 0)
        fetching_free(p->fetches, at);
}

void pager_fetch_forget(struct pager *p, uint64_t chunk)
{
    struct fetching **at = fetching_find(p, chunk);
    if (*at)
        fetching_free(p->fetches, at);
}

struct ahead {
    struct lane *lane;
    uint64_t until_ms;
};

/* False: that is enough. */
static bool fetch_ahead(void *arg, uint64_t chunk)
{
    const struct ahead *ahead = arg;
    struct lane *l = ahead->lane;
    struct pager *p = l->pager;
    if (!has_room(p->fetches))
        return false;
    if (*fetching_find(p, chunk))
        return true;
    struct segment *s = pager_segment_of(p, chunk * WINDOW_ENTRIES);
    if (s && s->indexed_bytes == s->bytes)
        start_fetch(l, s, chunk, ahead->until_ms);
    return true;
}

void pager_fetch_ahead(struct lane *l, uint64_t until_ms)
{
    struct pager *p = l->pager;
    struct ahead ahead = {l, until_ms};
    if (!p || !pager_files(l) || !backlog_has_disk(&l->backlog) || !has_room(fetches_of(p)))
        return;
    backlog_each_due_on_disk(&l->backlog, until_ms, fetch_ahead, &ahead);
}

/* --- what only the disk knows --------------------------------------------------------------------------- */

bool pager_is_on_disk_alone(const struct lane *l, uint64_t sequence)
{
    const struct backlog *b = &l->backlog;
    uint64_t chunk = sequence / WINDOW_ENTRIES;
    if (!backlog_has_disk(b) || chunk < b->disk_begin || chunk >= b->disk_end)
        return false;
    return chunk > b->disk_begin || sequence >= l->pager->loaded_below;
}

static void scan_block(struct lane *l, struct segment *s, const struct segment_block *block)
{
    for (size_t i = 0; s->is_recovered && i < block->count; i++) {
        const struct segment_entry *e = &block->entries[i];
        uint64_t sequence = block->chunk * WINDOW_ENTRIES + e->place;
        if (!e->message.is_persistent || !pager_is_live(s, sequence) ||
            !pager_may_have(l, sequence))
            continue;
        if (e->deadline_ms)
            backlog_note_on_disk(&l->backlog, sequence, e->deadline_ms, e->message.body.n, false);
        if (l->queue->conflation)
            conflation_found(l->queue, lane_place(l, sequence), e->message.header,
                             e->message.body.n, true);
    }
}

/* How many of these bytes, which begin with a broken block, have no valid one beginning in them. */
static uint64_t broken_bytes(const struct lane *l, const struct segment *s, struct slice bytes)
{
    uint64_t at = s->indexed_bytes, found;
    if (segment_find_block(bytes, l->id, s->number, at, &found))
        return found - at;
    bool is_more = bytes.n > SEGMENT_BLOCK_HEADER_BYTES && at + bytes.n < s->bytes;
    return is_more ? bytes.n - SEGMENT_BLOCK_HEADER_BYTES : s->bytes - at; /* one may begin there */
}

/* Passes over what is broken: the reader that comes later says so. */
static void scan_blocks(struct lane *l, struct segment *s, struct slice bytes)
{
    struct segment_block block;
    while (bytes.n > 0 && s->indexed_bytes < s->bytes) {
        uint64_t at = s->indexed_bytes, size = 0;
        enum segment_result result = segment_read_block(bytes, l->id, s->number, at, &block, &size);
        if (result == SEGMENT_SHORT && at + bytes.n < s->bytes) {
            l->pager->scan_bytes = size;
            return;
        }
        if (result == SEGMENT_BLOCK) {
            scan_block(l, s, &block);
            pager_index_block(s, block.chunk, at, size);
        } else if (result == SEGMENT_BROKEN) {
            size = broken_bytes(l, s, bytes);
            s->indexed_bytes += size;
        } else {
            s->indexed_bytes = s->bytes;
        }
        size = size < bytes.n ? size : bytes.n;
        bytes = slice_of(bytes.p + size, bytes.n - (size_t)size);
        if (result == SEGMENT_BROKEN && bytes.n <= SEGMENT_BLOCK_HEADER_BYTES)
            break; /* read again, with what comes behind */
    }
    l->pager->scan_bytes = 0;
}

/* A read that failed is tried again later, but not for ever. */
static void take_scan(struct lane *l, struct segment *s, struct fetch_read *r)
{
    struct pager *p = l->pager;
    bool has_failed = r->error || r->bytes.n == 0;
    if (has_failed && (pager_may_pass(r->error) || ++p->scan_failures < SCAN_FAILURES_MAX)) {
        p->is_scan_waiting = true;
        persist_try_again(l);
    } else if (has_failed) {
        s->indexed_bytes = s->bytes;
    } else {
        scan_blocks(l, s, lv_buffer_slice(&r->bytes));
    }
}

bool pager_must_scan(const struct lane *l)
{
    return l->pager && l->pager->has_unknown_deadlines;
}

/* What could not be written yet is not in the file. The first such piece behind what has been scanned
 * then, or NULL. */
static const struct piece *scan_kept(struct lane *l, struct segment *s)
{
    for (;;) {
        uint64_t at = s->indexed_bytes;
        const struct piece *kept = pager_kept_piece(l->pager, s->number, at);
        if (!kept || kept->offset > at)
            return kept;
        size_t from = (size_t)(at - kept->offset);
        scan_blocks(l, s, slice_of(kept->bytes.p + from, kept->n - from));
        lv_assert(s->indexed_bytes > at); /* whole blocks */
    }
}

void pager_scan(struct lane *l)
{
    struct pager *p = l->pager;
    if (!p || p->is_scanning || p->is_scan_waiting || !pager_files(l))
        return;
    for (size_t i = 0; i < p->count; i++) {
        struct segment *s = p->segments[i];
        const struct piece *kept = scan_kept(l, s);
        if (s->indexed_bytes >= s->bytes)
            continue;
        uint64_t left = (kept ? kept->offset : s->bytes) - s->indexed_bytes;
        uint64_t bytes = p->scan_bytes > SCAN_BYTES ? p->scan_bytes : SCAN_BYTES;
        p->is_scanning = true;
        read_segment(l, s,
                     &(struct fetch_read){.is_scan = true,
                                          .offset = s->indexed_bytes,
                                          .bytes_asked = left < bytes ? left : bytes});
        return;
    }
    p->has_unknown_deadlines = false;
}

void pager_take_on_disk(struct lane *l, uint64_t sequence)
{
    struct segment *s = l->pager ? pager_segment_of(l->pager, sequence) : NULL;
    const struct backlog_note *note = backlog_note(&l->backlog, sequence / WINDOW_ENTRIES);
    bool is_stray = (note->stray >> (sequence % WINDOW_ENTRIES) & 1) != 0;
    if (s && !is_stray)
        pager_count_read(l, s, note->times->body_bytes[sequence % WINDOW_ENTRIES]);
    if (l->pager)
        drop_fetched(l->pager, sequence);
    backlog_take_on_disk(&l->backlog, sequence);
    for (size_t i = 0; l->backlog.disk_ready == 0 && l->pager && i < l->pager->count; i++)
        pager_count_read_all(l, l->pager->segments[i]);
}

bool pager_may_have(const struct lane *l, uint64_t sequence)
{
    return pager_is_on_disk_alone(l, sequence) && !backlog_is_gone_on_disk(&l->backlog, sequence);
}

bool pager_take_known_on_disk(struct lane *l, uint64_t sequence, uint64_t body_bytes,
                              bool is_persistent)
{
    const struct backlog_note *note = backlog_note(&l->backlog, sequence / WINDOW_ENTRIES);
    bool is_taken = note && (note->taken >> (sequence % WINDOW_ENTRIES) & 1);
    if (!pager_may_have(l, sequence) || is_taken)
        return false;
    bool is_stray = pager_straggler(l->pager, sequence) != NULL;
    backlog_note_content(&l->backlog, sequence, body_bytes, is_persistent, is_stray);
    pager_take_on_disk(l, sequence);
    return true;
}

void pager_find_stragglers(struct lane *l)
{
    const struct pager *p = l->pager;
    for (size_t i = p ? p->straggler_first : 0; p && i < p->straggler_count; i++) {
        const struct straggler *s = &p->stragglers[i];
        if (s->message)
            conflation_found(l->queue, lane_place(l, s->sequence), message_header(s->message),
                             s->message->body_bytes, s->message->is_persistent);
    }
}

void pager_take_any_on_disk(struct lane *l, uint64_t sequence, const struct message *m)
{
    bool is_stray = pager_straggler(l->pager, sequence) != NULL;
    backlog_note_content(&l->backlog, sequence, m->body_bytes, m->is_persistent, is_stray);
    pager_take_on_disk(l, sequence);
}

bool pager_untake(struct lane *l, uint64_t sequence)
{
    bool is_here;
    if (!backlog_untake(&l->backlog, sequence, &is_here))
        return false;
    struct segment *s = l->pager && !is_here ? pager_segment_of(l->pager, sequence) : NULL;
    const struct backlog_note *note = backlog_note(&l->backlog, sequence / WINDOW_ENTRIES);
    if (s && s->is_estimated && !(note->stray >> (sequence % WINDOW_ENTRIES) & 1))
        s->unread_bytes += note->times->body_bytes[sequence % WINDOW_ENTRIES];
    return true;
}
