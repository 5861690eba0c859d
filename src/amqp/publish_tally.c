#include "amqp/publish_tally.h"

#include <stdlib.h>

#include "base/memory.h"

struct publish_tally *tallies_find(const struct publish_tallies *t, struct slice exchange)
{
    for (unsigned i = 0; i < t->count; i++)
        if (slice_equal(t->of[i].exchange, exchange))
            return &t->of[i];
    return NULL;
}

void tallies_change(struct publish_tallies *t, struct slice exchange)
{
    struct publish_tally *tally = tallies_find(t, exchange);
    if (!tally && t->count < TALLIES_MAX) {
        t->of = lv_realloc(t->of, (t->count + 1) * sizeof *t->of);
        tally = &t->of[t->count++];
        *tally = (struct publish_tally){.exchange = slice_copy(exchange)};
    }
    t->current = tally ? (unsigned)(tally - t->of) : TALLIES_MAX;
}

void tallies_free(struct publish_tallies *t)
{
    for (unsigned i = 0; i < t->count; i++)
        free((void *)(uintptr_t)t->of[i].exchange.p);
    free(t->of);
    *t = (struct publish_tallies){0};
}
