/* Messages that become unacked while they are on disk, out of their order: they expire, are
 * replaced by a newer one, or are moved by an operator. The chunk's meta has a bit for each. Such
 * a message may also become ready again while it is on disk. */
#include "paging/pager_private.h"

bool pager_is_on_disk_alone(const struct lane *l, uint64_t sequence)
{
    const struct backlog *b = &l->backlog;
    uint64_t chunk = sequence / SEQMAP_ENTRIES;
    if (!backlog_has_disk(b) || chunk < b->disk_begin || chunk >= b->disk_end)
        return false;
    return chunk > b->disk_begin || sequence >= l->pager->loaded_below;
}

bool pager_is_unacked_on_disk(const struct lane *l, uint64_t sequence)
{
    const struct backlog_meta *meta = backlog_meta(&l->backlog, sequence / SEQMAP_ENTRIES);
    return meta && (meta->unacked >> (sequence % SEQMAP_ENTRIES) & 1);
}

void pager_deliver_on_disk(struct lane *l, uint64_t sequence)
{
    lane_assert_home(l);
    struct segment *s = l->pager ? pager_segment_of(l->pager, sequence) : NULL;
    const struct backlog_meta *meta = backlog_meta(&l->backlog, sequence / SEQMAP_ENTRIES);
    lv_assert(meta && meta->times);
    bool is_log_only = (meta->log_only >> (sequence % SEQMAP_ENTRIES) & 1) != 0;
    if (s && !is_log_only)
        pager_count_read(l, s, meta->times->body_bytes[sequence % SEQMAP_ENTRIES]);
    if (l->pager)
        pager_fetch_delivered(l->pager, sequence);
    backlog_deliver_on_disk(&l->backlog, sequence);
    if (l->pager)
        pager_count_if_none_left(l);
}

bool pager_may_have(const struct lane *l, uint64_t sequence)
{
    return pager_is_on_disk_alone(l, sequence) && !backlog_is_gone_on_disk(&l->backlog, sequence);
}

bool pager_may_deliver(const struct lane *l, uint64_t sequence)
{
    return pager_may_have(l, sequence) && !pager_is_unacked_on_disk(l, sequence);
}

bool pager_deliver_known_on_disk(struct lane *l, uint64_t sequence, uint64_t body_bytes,
                                 bool is_persistent)
{
    lane_assert_home(l);
    if (!pager_may_deliver(l, sequence))
        return false;
    bool is_log_only = pager_log_only(l->pager, sequence) != NULL;
    backlog_set_content(&l->backlog, sequence, body_bytes, is_persistent, is_log_only);
    pager_deliver_on_disk(l, sequence);
    return true;
}

void pager_deliver_any_on_disk(struct lane *l, uint64_t sequence, const struct message *m)
{
    lane_assert_home(l);
    lv_assert(l->pager && m && pager_may_deliver(l, sequence));
    bool is_log_only = pager_log_only(l->pager, sequence) != NULL;
    backlog_set_content(&l->backlog, sequence, m->body_bytes, m->is_persistent, is_log_only);
    pager_deliver_on_disk(l, sequence);
}

bool pager_undeliver(struct lane *l, uint64_t sequence)
{
    lane_assert_home(l);
    bool is_here;
    if (!backlog_undeliver(&l->backlog, sequence, &is_here))
        return false;
    struct segment *s = l->pager && !is_here ? pager_segment_of(l->pager, sequence) : NULL;
    const struct backlog_meta *meta = backlog_meta(&l->backlog, sequence / SEQMAP_ENTRIES);
    if (s && s->is_estimated && !(meta->log_only >> (sequence % SEQMAP_ENTRIES) & 1))
        s->unread_bytes += meta->times->body_bytes[sequence % SEQMAP_ENTRIES];
    return true;
}
