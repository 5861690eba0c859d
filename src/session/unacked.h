/* What a channel, or what a protocol has instead, has delivered and not yet seen acknowledged, by
 * delivery tag.
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

/* Frees the memory. Entries that are left keep their holds: the caller takes them first. */
void unacked_free(struct unacked *u);

/* Adds a delivery; `position` is where its message is in the queue. Tags grow, and so does the
 * time. Holds the consumer. */
void unacked_add(struct unacked *u, uint64_t tag, struct consumer *consumer, uint64_t position,
                 uint64_t now_ms);

/* Whether this tag is outstanding and not marked. */
bool unacked_has(const struct unacked *u, uint64_t tag);

/* Returns the lowest outstanding, unmarked tag from `from` on, or 0 if there is none. */
uint64_t unacked_next(const struct unacked *u, uint64_t from);
/* Returns the lowest outstanding, marked tag from `from` on, or 0 if there is none. */
uint64_t unacked_next_marked(const struct unacked *u, uint64_t from);

/* Takes out the entry, which must be there. The hold of its consumer is the caller's from here
 * on. */
struct unacked_entry unacked_take(struct unacked *u, uint64_t tag);

/* The consumer that the entry, which must be there, holds; the queue it came from. Borrowed. */
struct consumer *unacked_consumer(const struct unacked *u, uint64_t tag);
struct queue *unacked_queue(const struct unacked *u, uint64_t tag);

/* For how long the entry, which must be there, has been outstanding: to a tenth of a second, never
 * more than it was. */
uint64_t unacked_age_ms(const struct unacked *u, uint64_t tag, uint64_t now_ms);

/* Marks, or unmarks, all that are outstanding among these tags. unacked_mark() returns how many
 * were not marked before. */
size_t unacked_mark(struct unacked *u, uint64_t first, uint64_t last);
void unacked_unmark(struct unacked *u, uint64_t first, uint64_t last);

#endif
