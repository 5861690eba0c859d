/* What only tests ask a pager: they look where src/paging itself alone does. */
#ifndef LEVERET_TESTS_PAGER_PROBE_H
#define LEVERET_TESTS_PAGER_PROBE_H

#include "paging/pager_private.h"

/* A snapshot is under way, or wanted: what was purged before may come back after a crash. */
static inline bool pager_is_busy(const struct lane *l)
{
    return l->pager && (l->pager->snapshot != SNAPSHOT_NONE || l->pager->wants_snapshot);
}

/* Whether the lane's ready bytes are an estimate: some of what was settled before the last start
 * was in segments that have not been read since. */
static inline bool pager_estimates_bytes(const struct lane *l)
{
    for (size_t i = 0; l->pager && i < l->pager->count; i++) {
        if (l->pager->segments[i]->is_estimated)
            return true;
    }
    return false;
}

#endif
