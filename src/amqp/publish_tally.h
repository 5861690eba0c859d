/* What a channel has published to each exchange. The first TALLIES_MAX exchanges have a tally; what
 * is published to others is in the channel's own counts alone. */
#ifndef LEVERET_AMQP_PUBLISH_TALLY_H
#define LEVERET_AMQP_PUBLISH_TALLY_H

#include <stdint.h>

#include "amqp/confirms.h"
#include "base/slice.h"

enum { TALLIES_MAX = CONFIRM_TAGS - 1 };

struct publish_tally {
    struct slice exchange; /* its name, owned */
    uint64_t publish, return_unroutable, drop_unroutable;
};

/* All zero: none yet. A tally's index is the tag of its publishes in struct confirms. */
struct publish_tallies {
    struct publish_tally *of; /* owned */
    unsigned count;
    unsigned current; /* that of the latest publish; TALLIES_MAX: it has none */
    unsigned of_memo; /* that of the exchange of the channel's memo, likewise; unused in tx mode */
};

/* Makes the exchange's tally the current one, and makes it first if there is room. */
void tallies_change(struct publish_tallies *t, struct slice exchange);
/* Returns the exchange's tally, or NULL if it has none. */
struct publish_tally *tallies_find(const struct publish_tallies *t, struct slice exchange);
void tallies_free(struct publish_tallies *t);

/* Returns the current tally, or NULL. */
static inline struct publish_tally *tallies_current(const struct publish_tallies *t)
{
    return t->current < t->count ? &t->of[t->current] : NULL;
}

/* Counts a publish to the exchange, whose tally becomes the current one. */
static inline void tallies_count(struct publish_tallies *t, struct slice exchange)
{
    struct publish_tally *tally = tallies_current(t);
    if (!tally || !slice_equal(tally->exchange, exchange)) {
        tallies_change(t, exchange);
        tally = tallies_current(t);
    }
    if (tally)
        tally->publish++;
}

/* Counts a publish to the exchange of the channel's memo. */
static inline void tallies_count_memo(struct publish_tallies *t)
{
    t->current = t->of_memo;
    struct publish_tally *tally = tallies_current(t);
    if (tally)
        tally->publish++;
}

#endif
