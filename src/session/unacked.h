/* Unacknowledged deliveries of a channel, or of what a protocol has instead, by delivery tag.
 *
 * An entry holds its consumer (consumer_hold), which knows the queue. In a transaction an
 * acknowledged entry is marked until commit or rollback: it cannot be acknowledged twice. */
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

/* Frees the memory. The caller has taken all entries before. */
void unacked_free(struct unacked *u);

/* Adds a delivery; `position` is where its message is in the queue. Each tag is higher than those
 * before, and no time is earlier. Holds the consumer. */
void unacked_add(struct unacked *u, uint64_t tag, struct consumer *consumer, uint64_t position,
                 uint64_t now_ms);

/* Returns whether this tag is outstanding and not marked. */
bool unacked_has(const struct unacked *u, uint64_t tag);

/* Returns the lowest outstanding, unmarked tag from `from` on, or 0 if there is none. */
uint64_t unacked_next(const struct unacked *u, uint64_t from);
/* Returns the lowest outstanding, marked tag from `from` on, or 0 if there is none. */
uint64_t unacked_next_marked(const struct unacked *u, uint64_t from);

/* Removes and returns the entry, which must be there. The caller owns the hold of its consumer from
 * here on. */
struct unacked_entry unacked_take(struct unacked *u, uint64_t tag);

/* Return the consumer of the entry, which must be there, or its queue. Borrowed. */
struct consumer *unacked_consumer(const struct unacked *u, uint64_t tag);
struct queue *unacked_queue(const struct unacked *u, uint64_t tag);

/* Returns for how long the entry, which must be there, has been outstanding, to a tenth of a second
 * and never too much. */
uint64_t unacked_age_ms(const struct unacked *u, uint64_t tag, uint64_t now_ms);

/* Mark or unmark all that are outstanding among these tags. unacked_mark() returns how many were
 * not marked before. */
size_t unacked_mark(struct unacked *u, uint64_t first, uint64_t last);
void unacked_unmark(struct unacked *u, uint64_t first, uint64_t last);

#endif
