/* Unacknowledged deliveries of a channel (or of what a protocol has instead), by delivery tag.
 *
 * An entry has a hold on its consumer (consumer_hold()), and finds its queue through it. In a
 * transaction an acknowledged entry is marked until commit or rollback, so that it cannot be
 * acknowledged twice. */
#ifndef LEVERET_SESSION_UNACKED_H
#define LEVERET_SESSION_UNACKED_H

#include "base/seqmap.h"
#include "queue/consumer.h"

struct unacked {
    struct lv_seqmap chunks;
    size_t count; /* entries, marked ones included */
    size_t marked;
    uint64_t last; /* the highest tag ever added */
};

struct unacked_entry {
    struct consumer *consumer;
    uint64_t position;
};

void unacked_init(struct unacked *u);

/* Frees the memory. Call only when all entries have been taken. */
void unacked_free(struct unacked *u);

/* Adds a delivery; `position` is that of its message in the queue. Takes a hold on the consumer.
 * Call only with a tag that is higher than all before, and a time that is not earlier. */
void unacked_add(struct unacked *u, uint64_t tag, struct consumer *consumer, uint64_t position,
                 uint64_t now_ms);

/* Returns whether this tag is outstanding and not marked. */
bool unacked_has(const struct unacked *u, uint64_t tag);

/* Returns the lowest outstanding, unmarked tag from `from` on, or 0 if there is none. */
uint64_t unacked_next(const struct unacked *u, uint64_t from);
/* Returns the lowest outstanding, marked tag from `from` on, or 0 if there is none. */
uint64_t unacked_next_marked(const struct unacked *u, uint64_t from);

/* Removes and returns the entry, which must be there. The caller then owns the entry's hold on the
 * consumer. */
struct unacked_entry unacked_take(struct unacked *u, uint64_t tag);

/* Return the consumer of the entry, which must be there, or its queue. Borrowed. */
struct consumer *unacked_consumer(const struct unacked *u, uint64_t tag);
struct queue *unacked_queue(const struct unacked *u, uint64_t tag);

/* Returns for how long the entry, which must be there, has been outstanding: in steps of a tenth of
 * a second, never too long. */
uint64_t unacked_age_ms(const struct unacked *u, uint64_t tag, uint64_t now_ms);

/* Mark or unmark all outstanding entries among these tags. unacked_mark() returns how many were not
 * marked before. */
size_t unacked_mark(struct unacked *u, uint64_t first, uint64_t last);
void unacked_unmark(struct unacked *u, uint64_t first, uint64_t last);

#endif
