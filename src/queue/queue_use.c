/* The average of a queue's use: times are added up at each transition, and folded into the average
 * from time to time. */
#include "queue/queue_use.h"

#include <math.h>

enum { FOLD_MS = 100 }; /* this much is added up before it is folded in: exp() is not cheap */

static const double FORGET_MS = 1000;

void queue_use_init(struct queue_use *use, uint64_t now_ms)
{
    *use = (struct queue_use){.since_ms = now_ms, .average = 1};
}

static void queue_use_add_up(struct queue_use *use, uint64_t now_ms)
{
    uint64_t ms = now_ms > use->since_ms ? now_ms - use->since_ms : 0;
    *(use->is_starved ? &use->starving_ms : &use->flowing_ms) += ms;
    use->since_ms = now_ms;
}

static void queue_use_fold(struct queue_use *use)
{
    double ms = (double)(use->flowing_ms + use->starving_ms);
    if (ms == 0)
        return;
    double kept = exp(-ms / FORGET_MS);
    use->average = kept * use->average + (1 - kept) * (double)use->flowing_ms / ms;
    use->flowing_ms = use->starving_ms = 0;
}

void queue_use_set(struct queue_use *use, bool is_starved, uint64_t now_ms)
{
    if (use->is_starved == is_starved)
        return;
    queue_use_add_up(use, now_ms);
    use->is_starved = is_starved;
    if (use->flowing_ms + use->starving_ms >= FOLD_MS)
        queue_use_fold(use);
}

double queue_use_average(const struct queue_use *use, uint64_t now_ms)
{
    struct queue_use copy = *use;
    queue_use_add_up(&copy, now_ms);
    queue_use_fold(&copy);
    return copy.average;
}
