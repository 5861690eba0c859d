/* What sources have in common. */
#include <math.h>

#include "metrics/sources.h"

void gathering_fill(const struct gathering *g, struct samples *part, size_t row, const void *facts)
{
    double *values = samples_values(part, row);
    for (size_t i = 0; i < g->metric_count; i++) {
        double value = g->metrics[i]->value(facts);
        values[i] = g->is_sum ? values[i] + value : value;
    }
}

void gathering_add(const struct gathering *g, struct samples *part, struct slice labels,
                   const void *facts)
{
    if (!g->is_sum || part->count == 0)
        samples_add(part, g->is_sum ? SLICE_EMPTY : labels);
    gathering_fill(g, part, part->count - 1, facts);
}

static bool is_any_of(const struct slice *names, size_t count, struct slice name)
{
    bool is_wanted = count == 0;
    for (size_t i = 0; i < count && !is_wanted; i++)
        is_wanted = slice_equal(names[i], name);
    return is_wanted;
}

bool gathering_wants_vhost(const struct gathering *g, struct slice vhost)
{
    return is_any_of(g->vhosts, g->vhost_count, vhost);
}

bool gathering_wants_queue(const struct gathering *g, struct slice queue)
{
    return is_any_of(g->queues, g->queue_count, queue);
}
