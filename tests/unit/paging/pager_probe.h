/* Questions to a pager that only tests ask. They look into the structs private to src/paging. */
#ifndef LEVERET_TESTS_PAGER_PROBE_H
#define LEVERET_TESTS_PAGER_PROBE_H

#include "paging/pager_private.h"

/* Returns whether a snapshot is under way or wanted: what was purged may come back after a crash.
 */
static inline bool pager_is_busy(const struct lane *l)
{
    return l->pager && (l->pager->snapshot != SNAPSHOT_NONE || l->pager->wants_snapshot);
}

/* Returns whether the lane's ready bytes are an estimate: some messages that were settled before
 * the last start were in segments that have not been read since. */
static inline bool pager_estimates_bytes(const struct lane *l)
{
    for (size_t i = 0; l->pager && i < l->pager->count; i++) {
        if (l->pager->segments[i]->is_estimated)
            return true;
    }
    return false;
}

#endif
