/* A browse's position in each lane, and how the next message is found from there: in memory, or
 * with a pager_reader on disk. Messages that are skipped are counted by chunks, not read. */
#include "queue/browse.h"

#include <stdlib.h>

#include "base/memory.h"
#include "base/vec.h"
#include "paging/pager.h"
#include "queue/queue_private.h"

/* A browse's position in a lane. */
struct browse_lane {
    unsigned priority;
    uint64_t next; /* the first sequence number that it has not seen */
    uint64_t end;  /* it ends before this one */
    struct pager_reader_cursor disk;
};

struct browse {
    struct lv_list link; /* in queue->browses */
    struct queue *queue; /* referenced */
    bool is_bounded;
    bool with_unacked;
    void (*wake)(void *arg);
    void *arg;
    uint64_t skip; /* how many messages are still to be skipped */
    size_t passed;
    struct browse_lane *lanes; /* the lanes in which it has a position */
    size_t lane_count, lane_capacity;
    struct pager_reader *reader; /* NULL: nothing was on disk yet */
    /* The message that was found last. */
    struct lane *found_lane;
    bool is_here;
    uint64_t sequence;
    struct pager_found found; /* if it is on disk */
};

/* --- its life --------------------------------------------------------------------------------- */

static struct browse_lane *browse_lane_at(struct browse *br, const struct lane *l)
{
    for (size_t i = 0; i < br->lane_count; i++) {
        if (br->lanes[i].priority == l->priority)
            return &br->lanes[i];
    }
    lv_vec_room(br->lanes, br->lane_count, br->lane_capacity);
    struct browse_lane *at = &br->lanes[br->lane_count++];
    *at = (struct browse_lane){.priority = l->priority, .end = br->is_bounded ? 0 : UINT64_MAX};
    return at;
}

static void browse_pass_all(struct browse *br)
{
    for (unsigned i = 0; i < br->queue->lanes.lane_count; i++) {
        const struct lane *l = queue_lane(br->queue, i);
        browse_lane_at(br, l)->next = l->backlog.next_sequence;
    }
}

struct browse *browse_open(struct queue *q, const struct browse_options *options)
{
    queue_assert_home(q);
    lv_assert(options->wake);
    struct browse *br = lv_calloc(1, sizeof *br);
    br->queue = queue_ref(q);
    br->is_bounded = options->is_bounded;
    br->with_unacked = options->with_unacked;
    br->wake = options->wake;
    br->arg = options->arg;
    br->skip = options->start.skip;
    lv_list_init(&br->link);
    lv_list_push(&q->browses, &br->link);
    for (unsigned i = 0; br->is_bounded && i < q->lanes.lane_count; i++)
        browse_lane_at(br, queue_lane(q, i))->end = queue_lane(q, i)->backlog.next_sequence;
    uint64_t ready = lanes_count(&q->lanes).ready;
    if (options->start.is_last)
        br->skip = ready > 0 ? ready - 1 : 0;
    if (options->start.is_next) {
        browse_pass_all(br);
        br->passed = ready;
    }
    return br;
}

void browse_close(struct browse **browse)
{
    struct browse *br = *browse;
    *browse = NULL;
    if (!br)
        return;
    lv_list_remove(&br->link);
    pager_reader_free(&br->reader);
    queue_unref(&br->queue);
    free(br->lanes);
    free(br);
}

void browses_wake(struct queue *q)
{
    queue_assert_home(q);
    struct lv_list *it, *after;
    lv_list_each (it, after, &q->browses) {
        struct browse *br = lv_list_item(it, struct browse, link);
        br->wake(br->arg);
    }
}

/* --- looking ---------------------------------------------------------------------------------- */

static bool chunk_is_on_disk(const struct backlog *b, uint64_t chunk)
{
    return backlog_has_disk(b) && chunk >= b->disk_begin && chunk < b->disk_end;
}

/* Returns the slots of a chunk, from this sequence number on, whose messages are in memory and
 * ready (or unacked, with with_unacked). */
static uint64_t slots_here(const struct browse *br, const struct backlog_chunk *chunk, uint64_t c,
                           uint64_t from)
{
    uint64_t slots = !chunk ? 0 : br->with_unacked ? chunk->live : chunk->ready;
    return c == from / SEQMAP_ENTRIES ? slots & (~UINT64_C(0) << from % SEQMAP_ENTRIES) : slots;
}

static bool deadline_is_over(const struct browse *br, uint64_t deadline_ms)
{
    return deadline_ms != 0 && deadline_ms <= loop_steady_ms(br->queue->entry.home);
}

static enum browse_result found_here(struct browse *br, struct lane *l, uint64_t sequence)
{
    br->found_lane = l;
    br->is_here = true;
    br->sequence = sequence;
    return BROWSE_ITEM;
}

static enum browse_result found_on_disk(struct browse *br, struct lane *l)
{
    br->found_lane = l;
    br->is_here = false;
    br->sequence = br->found.sequence;
    return BROWSE_ITEM;
}

/* Skips all that is on disk in a lane, if all of it is to be skipped and none of it has been seen.
 * Returns whether it did. */
static bool skip_disk(struct browse *br, const struct lane *l, uint64_t from)
{
    const struct backlog *b = &l->backlog;
    if (br->with_unacked || br->skip < b->disk_ready || from > pager_disk_from(l))
        return false;
    br->skip -= b->disk_ready;
    br->passed += b->disk_ready;
    return true;
}

/* Skips these slots of a chunk at once, if all of them are to be skipped. Returns whether it did.
 */
static bool skip_slots(struct browse *br, const struct backlog *b, uint64_t slots)
{
    unsigned count = (unsigned)__builtin_popcountll(slots);
    if (br->skip < count || b->timed > 0)
        return false;
    br->skip -= count;
    br->passed += count;
    return true;
}

static void reader_wake(void *arg)
{
    struct browse *br = arg;
    br->wake(br->arg);
}

static enum pager_reader_result browse_look_on_disk(struct browse *br, struct lane *l,
                                                    struct browse_lane *at, uint64_t from)
{
    if (!br->reader)
        br->reader = pager_reader_create(br->queue->entry.home, reader_wake, br);
    return pager_reader_find(br->reader, l, &at->disk, from, br->with_unacked, &br->found);
}

/* Finds the first message of the lane that has not been seen. BROWSE_END: there is none, and the
 * position is at the lane's end. */
static enum browse_result browse_look(struct browse *br, struct lane *l, struct browse_lane *at)
{
    const struct backlog *b = &l->backlog;
    uint64_t c = at->next / SEQMAP_ENTRIES;
    for (c = c > b->chunks.first ? c : b->chunks.first; c < b->chunks.end; c++) {
        const struct backlog_chunk *chunk = backlog_chunk(b, c);
        const uint64_t begin = c * SEQMAP_ENTRIES;
        if (at->next < begin)
            at->next = begin;
        uint64_t here = slots_here(br, chunk, c, at->next);
        uint64_t first = begin + (here ? (unsigned)__builtin_ctzll(here) : 0);
        if (!chunk_is_on_disk(b, c)) {
            if (here && !skip_slots(br, b, here))
                return found_here(br, l, first);
            continue;
        }
        if (here && c == b->disk_begin)
            return found_here(br, l, first); /* the part of this chunk on disk is after it */
        if (c == b->disk_begin && skip_disk(br, l, at->next)) {
            c = b->disk_end - 1;
            continue;
        }
        switch (browse_look_on_disk(br, l, at, at->next)) {
        case READER_WAIT: return BROWSE_WAIT;
        case READER_END: c = b->disk_end - 1; continue;
        case READER_FOUND: return found_on_disk(br, l);
        }
    }
    at->next = b->next_sequence;
    return BROWSE_END;
}

static bool found_is_unacked(const struct browse *br)
{
    const struct backlog *b = &br->found_lane->backlog;
    if (!br->is_here)
        return br->found.is_unacked;
    const struct backlog_chunk *chunk = backlog_chunk(b, br->sequence / SEQMAP_ENTRIES);
    return !(chunk->ready >> (br->sequence % SEQMAP_ENTRIES) & 1);
}

/* Skips the message that was found, if it has expired or is to be skipped. Returns whether it did.
 */
static bool found_is_skipped(struct browse *br)
{
    const struct backlog *b = &br->found_lane->backlog;
    uint64_t deadline_ms = br->is_here ? backlog_deadline(b, br->sequence) : br->found.deadline_ms;
    if (deadline_is_over(br, deadline_ms) &&
        !found_is_unacked(br)) { /* an unacked one does not expire */
        browse_lane_at(br, br->found_lane)->next = br->sequence + 1;
        return true;
    }
    if (br->skip == 0)
        return false;
    br->skip--;
    browse_pass(br);
    return true;
}

static void item_fill(const struct browse *br, struct browse_item *ret)
{
    const struct lane *l = br->found_lane;
    *ret = (struct browse_item){
        .position = lane_position(l, br->sequence),
        .is_here = br->is_here,
        .passed = br->passed,
        .redelivered = br->found.redelivered,
        .is_unacked = found_is_unacked(br),
    };
    if (!br->is_here)
        return;
    const struct backlog_chunk *chunk = backlog_chunk(&l->backlog, br->sequence / SEQMAP_ENTRIES);
    ret->redelivered = (chunk->redelivered >> (br->sequence % SEQMAP_ENTRIES) & 1) != 0;
}

enum browse_result browse_peek(struct browse *br, struct browse_item *ret)
{
    queue_assert_home(br->queue);
    struct queue *q = br->queue;
    if (queue_is_deleted(q))
        return BROWSE_GONE;
    for (unsigned i = 0; i < q->lanes.lane_count; i++) {
        struct lane *l = queue_lane(q, i);
        struct browse_lane *at = browse_lane_at(br, l);
        while (at->next < l->backlog.next_sequence && at->next < at->end) {
            enum browse_result result = browse_look(br, l, at);
            if (result == BROWSE_WAIT)
                return result;
            if (result == BROWSE_ITEM && br->sequence >= at->end)
                at->next = at->end;
            else if (result == BROWSE_ITEM && !found_is_skipped(br)) {
                item_fill(br, ret);
                return BROWSE_ITEM;
            }
        }
    }
    if (br->reader)
        pager_reader_rest(br->reader);
    br->skip = 0; /* messages that arrive from now on are not skipped */
    return BROWSE_END;
}

struct message *browse_message(struct browse *br)
{
    lv_assert(br->found_lane);
    const struct lane *l = br->found_lane;
    if (br->is_here) {
        const struct backlog_chunk *chunk =
            backlog_chunk(&l->backlog, br->sequence / SEQMAP_ENTRIES);
        return message_ref(chunk->messages[br->sequence % SEQMAP_ENTRIES]);
    }
    if (br->found.log_only)
        return message_ref(br->found.log_only);
    return message_from_store(&br->found.parts);
}

void browse_pass(struct browse *br)
{
    lv_assert(br->found_lane);
    browse_lane_at(br, br->found_lane)->next = br->sequence + 1;
    br->passed++;
}
