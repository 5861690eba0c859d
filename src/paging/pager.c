/* A lane's segments: their list, in order and without overlap; what is live in each; when they
 * are removed.
 *
 *   its messages are written (pager_out.c), and read back when they are needed (pager_in.c)
 *     -> each one is settled, or lost: pager_left() counts it off, until none is live
 *     -> a record in the log says that the segment is gone, and is synced -> the file is removed
 *
 * A segment in which nothing is live stays while a snapshot that may name it is under way, and
 * while segments are held (pager_hold_segments). */
#include "paging/pager_private.h"

#include <stdlib.h>

#include "base/error.h"
#include "base/log.h"
#include "base/memory.h"
#include "base/search.h"
#include "base/vec.h"

/* --- the pager and its pieces ----------------------------------------------------------------- */

struct pager *pager_of(struct lane *l)
{
    if (!l->pager) {
        l->pager = lv_calloc(1, sizeof *l->pager);
        l->pager->next_number = 1;
    }
    return l->pager;
}

struct segments *pager_files(const struct lane *l)
{
    const struct journal_loop *p = journal_of(l->owner->home);
    return p ? p->journal->segments : NULL;
}

const struct pager_limits *pager_limits_of(const struct lane *l)
{
    lv_assert(journal_of(l->owner->home)); /* the store is open */
    return &journal_of(l->owner->home)->journal->limits.pager;
}

bool pager_has_segments(const struct lane *l)
{
    return l->pager && l->pager->count > 0;
}

void pager_piece_free(struct piece *piece)
{
    lv_buffer_free(&piece->bytes);
    free(piece);
}

void pager_piece_end(struct pager *p, struct piece *piece)
{
    lv_assert(p->flight_bytes >= piece->n);
    p->flight_bytes -= piece->n;
    pager_piece_free(piece);
}

static bool piece_is_before(const struct piece *x, const struct piece *y)
{
    return x->number != y->number ? x->number < y->number : x->offset < y->offset;
}

void pager_piece_keep(struct pager *p, struct piece *piece)
{
    lv_assert(!piece->lane); /* not being written */
    lv_vec_room(p->kept, p->kept_count, p->kept_capacity);
    size_t at = p->kept_count++;
    for (; at > 0 && piece_is_before(piece, p->kept[at - 1]); at--)
        p->kept[at] = p->kept[at - 1];
    p->kept[at] = piece;
}

/* Frees the kept pieces of a segment that is being removed. */
static void kept_drop(struct pager *p, uint64_t number)
{
    size_t left = 0;
    for (size_t i = 0; i < p->kept_count; i++) {
        if (p->kept[i]->number == number)
            pager_piece_end(p, p->kept[i]);
        else
            p->kept[left++] = p->kept[i];
    }
    p->kept_count = left;
}

struct piece *pager_kept_piece(const struct pager *p, uint64_t number, uint64_t offset)
{
    for (size_t i = 0; i < p->kept_count; i++) {
        if (p->kept[i]->number == number && p->kept[i]->offset + p->kept[i]->n > offset)
            return p->kept[i];
    }
    return NULL;
}

void pager_segment_free(struct segment *s)
{
    free(s->ranges);
    free(s->settled);
    free(s->blocks);
    free(s);
}

void pager_free(struct pager **pager)
{
    struct pager *p = *pager;
    *pager = NULL;
    if (!p)
        return;
    for (size_t i = 0; i < p->count; i++)
        pager_segment_free(p->segments[i]);
    for (size_t i = p->log_only_first; i < p->log_only_count; i++) {
        if (p->log_only[i].message) /* NULL: settled meanwhile */
            message_unref(&p->log_only[i].message);
    }
    free(p->log_only);
    pager_fetch_free(p);
    for (size_t i = 0; i < p->kept_count; i++)
        pager_piece_free(p->kept[i]);
    free(p->kept);
    free(p->needless);
    free(p->segments);
    lv_buffer_free(&p->pending);
    free(p);
}

size_t pager_segment_index(const struct pager *p, uint64_t sequence)
{
    size_t found;
    LV_LOWER_BOUND(found, p->count, i, p->segments[i]->end_sequence <= sequence);
    return found;
}

struct segment *pager_segment_of(const struct pager *p, uint64_t sequence)
{
    size_t at = pager_segment_index(p, sequence);
    return at < p->count && p->segments[at]->first_sequence <= sequence ? p->segments[at] : NULL;
}

struct segment *pager_segment_add(struct pager *p, uint64_t first_sequence, uint64_t number)
{
    lv_vec_room(p->segments, p->count, p->capacity);
    struct segment *s = lv_calloc(1, sizeof *s);
    s->number = number;
    s->first_sequence = s->end_sequence = first_sequence;
    size_t at = pager_segment_index(p, first_sequence);
    memmove(p->segments + at + 1, p->segments + at, (p->count - at) * sizeof(struct segment *));
    p->segments[at] = s;
    p->count++;
    if (p->next_number <= number)
        p->next_number = number + 1;
    return s;
}

void pager_segment_unlist(struct pager *p, const struct segment *s)
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

/* --- estimates of bytes ----------------------------------------------------------------------- */

/* Corrects the counts of bytes. Recovery knows how many messages were settled, not how large they
 * were: until a recovered segment has been read once, the bytes left in it are an estimate, which
 * is corrected as it is read. */
static void correct_bytes(struct lane *l, struct segment *s, int64_t difference)
{
    l->backlog.ready_bytes += (uint64_t)difference;
    l->backlog.disk_bytes += (uint64_t)difference;
    /* Only persistent messages count in a recovered segment. */
    l->backlog.persistent_bytes += (uint64_t)difference;
    s->persistent_bytes += (uint64_t)difference;
}

void pager_count_read(struct lane *l, struct segment *s, uint64_t bytes)
{
    if (!s->is_estimated)
        return;
    if (bytes > s->unread_bytes) {
        correct_bytes(l, s, (int64_t)(bytes - s->unread_bytes));
        s->unread_bytes = bytes;
    }
    s->unread_bytes -= bytes;
}

void pager_count_read_all(struct lane *l, struct segment *s)
{
    lv_assert(l->pager);
    if (!s->is_estimated)
        return;
    s->is_estimated = false;
    correct_bytes(l, s, -(int64_t)s->unread_bytes);
    s->unread_bytes = 0;
}

void pager_count_if_none_left(struct lane *l)
{
    lv_assert(l->pager);
    for (size_t i = 0; l->backlog.disk_ready == 0 && i < l->pager->count; i++)
        pager_count_read_all(l, l->pager->segments[i]);
}

/* --- removing segments ------------------------------------------------------------------------ */

struct removal {
    struct segments *files;
    uint64_t queue;
    uint64_t number;
};

static void removal_is_safe(struct loop *loop, void *arg, int error)
{
    struct removal *removal = arg;
    if (error == 0 && journal_of(loop))
        segments_remove(removal->files, removal->queue, removal->number, NULL, NULL);
    free(removal);
}

void pager_remove_file(struct lane *l, uint64_t number)
{
    lane_assert_home(l);
    if (!pager_files(l))
        return; /* the store is closed; the next start removes the file */
    if (!l->owner->journal) {
        segments_remove(pager_files(l), l->id, number, NULL, NULL);
        return;
    }
    struct removal *removal = lv_malloc(sizeof *removal);
    *removal = (struct removal){pager_files(l), l->id, number};
    l->owner->journal->segment_gone(l, number, removal_is_safe, removal);
}

static void segment_end(struct lane *l, struct segment *s)
{
    struct pager *p = l->pager;
    pager_count_read_all(l, s);
    if (p->writing == s) {
        p->writing = NULL;
        p->pending.n = 0;
    }
    pager_segment_unlist(p, s);
    kept_drop(p, s->number);
    pager_remove_file(l, s->number);
    pager_segment_free(s);
}

/* Removes the segment if nothing in it is live. While a snapshot is under way or segments are held,
 * it stays, and is removed when that ends. */
static void segment_end_if_empty(struct lane *l, struct segment *s)
{
    struct pager *p = l->pager;
    if (s->live > 0 || p->snapshot != SNAPSHOT_NONE)
        return;
    if (p->holds > 0)
        p->is_holding_back = true;
    else
        segment_end(l, s);
}

void pager_hold_segments(struct lane *l)
{
    lane_assert_home(l);
    lv_assert(l->pager);
    l->pager->holds++;
}

void pager_release_segments(struct lane *l)
{
    lane_assert_home(l);
    struct pager *p = l->pager;
    lv_assert(p && p->holds > 0);
    if (--p->holds > 0 || !p->is_holding_back)
        return;
    p->is_holding_back = false;
    pager_end_empty_segments(l);
}

size_t pager_log_only_from(const struct pager *p, uint64_t sequence)
{
    const size_t first = p->log_only_first;
    size_t found;
    LV_LOWER_BOUND(found, p->log_only_count - first, i, p->log_only[first + i].sequence < sequence);
    return first + found;
}

struct log_only *pager_log_only(const struct pager *p, uint64_t sequence)
{
    size_t at = pager_log_only_from(p, sequence);
    bool is_there = at < p->log_only_count && p->log_only[at].sequence == sequence;
    return is_there && p->log_only[at].message ? &p->log_only[at] : NULL;
}

void pager_left(struct lane *l, const struct backlog_left *left)
{
    lv_assert(l->pager);
    if (left->is_log_only) {
        struct log_only *s = pager_log_only(l->pager, left->sequence);
        if (s)
            message_unref(&s->message);
        return;
    }
    struct segment *s = pager_segment_of(l->pager, left->sequence);
    if (!s)
        return;
    lv_assert(s->live > 0);
    s->live--;
    if (left->is_persistent) {
        lv_assert(s->persistent_live > 0);
        s->persistent_live--;
        s->persistent_bytes -= left->body_bytes;
    }
    segment_end_if_empty(l, s);
}

void pager_end_empty_segments(struct lane *l)
{
    for (size_t i = l->pager->count; i-- > 0;)
        segment_end_if_empty(l, l->pager->segments[i]);
}

void pager_delete(struct lane *l)
{
    lane_assert_home(l);
    lv_assert(l->owner->is_ended);
    struct pager *p = l->pager;
    if (!p || !pager_files(l))
        return;
    for (size_t i = 0; i < p->count; i++)
        pager_remove_file(l, p->segments[i]->number);
    for (size_t i = 0; i < p->needless_count; i++)
        pager_remove_file(l, p->needless[i]);
    pager_free(&l->pager);
}

/* --- purge ------------------------------------------------------------------------------------ */

void pager_purge(struct lane *l)
{
    lane_assert_home(l);
    struct backlog *b = &l->backlog;
    struct pager *p = l->pager;
    if (!p || (!backlog_has_disk(b) && !p->has_lost))
        return;
    p->has_lost = false;
    p->is_reading = false; /* a read under way is ignored when it arrives */
    pager_fetch_drop(p);
    for (; p->log_only_first < p->log_only_count; p->log_only_first++) {
        struct log_only *s = &p->log_only[p->log_only_first];
        if (!s->message)
            continue;
        b->persistent--;
        b->persistent_bytes -= s->message->body_bytes;
        journal_settle(l, s->sequence);
        message_unref(&s->message);
    }
    for (size_t i = 0; i < p->count; i++) {
        struct segment *s = p->segments[i];
        if (s->load_offset >= s->bytes)
            continue;
        pager_recount(l, s);
        s->load_offset = s->bytes;
        s->is_estimated = false; /* its counts are exact now */
    }
    backlog_drop_disk(b);
    if (l->owner->journal)
        pager_snapshot(l);
    pager_end_empty_segments(l); /* or later, if a snapshot is under way */
}
