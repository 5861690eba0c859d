/* What has been counted by channels and connections that have ended. */
#include "session/channel_counts.h"

#include "base/assert.h"
#include "topology/vhost.h"

enum { COUNTS = sizeof(struct vhost_ended_counts) / sizeof(uint64_t) };

_Static_assert((int)COUNTS <= (int)VHOST_ENDED_COUNTS_MAX, "a vhost has room for them");
_Static_assert(sizeof(struct vhost_ended_counts) == COUNTS * sizeof(uint64_t), "only numbers");

void vhost_count_ended(struct vhost *vhost, const struct vhost_ended_counts *counts)
{
    const uint64_t *of = (const uint64_t *)(const void *)counts;
    for (size_t i = 0; i < COUNTS; i++) {
        if (of[i] > 0)
            atomic_fetch_add_explicit(&vhost->ended_counts[i], of[i], memory_order_relaxed);
    }
}

void vhost_ended_read(const struct vhost *vhost, struct vhost_ended_counts *ret)
{
    uint64_t *of = (uint64_t *)(void *)ret;
    for (size_t i = 0; i < COUNTS; i++)
        of[i] = atomic_load_explicit(&vhost->ended_counts[i], memory_order_relaxed);
}
