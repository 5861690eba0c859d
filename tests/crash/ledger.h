/* What the broker has promised: for every message, in every queue it was published to, where it
 * stands. Clients write down what they do before they do it, and what they were told after.
 *
 *            published          delivered          ack sent          commit-ok
 *   (none) -----------> THERE -----------> TAKEN -----------> GOING ----------> GONE
 *                         ^                 |                   |
 *                         '--- requeued ----'                   | a kill: the ack may have
 *                         '--- a kill ------'                   v been stored, or not
 *                         ^                                   MAYBE
 *                         '-- found after a restart ----------' | not found: GONE
 *
 * A message that is not confirmed may be missing after a kill; found after one it counts as
 * confirmed. Whatever is GONE must never be seen again. Transient messages are GONE after a kill.
 *
 * Everything about a message (size, body, targets, whether it is persistent) follows from its
 * publisher, its number and the run's seed, so nothing of that is kept. Any thread; one mutex. */
#ifndef LEVERET_CRASH_LEDGER_H
#define LEVERET_CRASH_LEDGER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    SHARED_QUEUES = 12,
    QUEUE_PURGED = SHARED_QUEUES, /* its one client purges it now and then */
    QUEUE_DELETED,                /* its one client deletes and declares it again */
    QUEUES,
    EXCHANGES = 2,
    TARGETS_MAX = 4,
    CONFIRMERS = 3, /* publishers with confirms to the shared queues */
    PUBLISHER_TX = CONFIRMERS,
    PUBLISHER_PURGER,
    PUBLISHER_DELETER,
    PUBLISHERS,
    BODY_BYTES_MAX = 10 * 1024 * 1024,
};

struct ledger;

/* A message as it is published. */
struct letter {
    unsigned publisher;
    uint64_t number;
    char message_id[32];
    bool is_persistent;
    const char *exchange; /* "" or one of the fanout exchanges */
    const char *key;
    unsigned targets[TARGETS_MAX]; /* queues */
    unsigned target_count;
    const uint8_t *body;
    size_t body_bytes;
};

struct ledger_counts {
    uint64_t published;
    uint64_t confirmed;
    uint64_t delivered;
    uint64_t settled;   /* known to be gone, or purged or deleted with their queue */
    uint64_t verified;  /* looked at after a restart, each time */
    uint64_t came_back; /* an ack was sent, a kill came, and the message was there again: allowed */
    uint64_t unconfirmed_lost; /* allowed, too */
    uint64_t gambled_away;     /* asked for without acknowledgement: allowed */
    /* Not allowed: */
    uint64_t lost;
    uint64_t returned; /* settled for good, and there again */
    uint64_t twice;
    uint64_t reordered;
    uint64_t damaged;
    uint64_t unmarked; /* delivered before, and not marked as redelivered */
    uint64_t other;    /* what clients were told that they should not have been */
};

struct ledger *ledger_create(uint64_t seed);
void ledger_free(struct ledger **ledger);
struct ledger_counts ledger_counts(struct ledger *l);

const char *ledger_queue_name(unsigned queue);
const char *ledger_exchange_name(unsigned exchange);
/* The queues that are bound to a fanout exchange. */
unsigned ledger_bound(unsigned exchange, unsigned ret_queues[TARGETS_MAX]);

/* Something is wrong: printed (the first few) and counted in *count, one of ledger_counts's. */
void ledger_complain(struct ledger *l, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* --- publishing ------------------------------------------------------------------------------- */

/* Makes the publisher's next message and writes down that it is published. The body is the
 * ledger's; it stays. */
void ledger_publish(struct ledger *l, unsigned publisher, struct letter *ret);
/* These are confirmed: [from, to]. */
void ledger_confirm(struct ledger *l, unsigned publisher, uint64_t from, uint64_t to);

/* --- consuming -------------------------------------------------------------------------------- */

/* One delivery of a message: which it was. */
struct receipt {
    unsigned publisher;
    unsigned target; /* the place of the queue among the message's targets */
    uint64_t number;
};

/* This came from the queue. False when it is no message of ours, or damaged. */
bool ledger_deliver(struct ledger *l, unsigned queue, const char *message_id, bool is_persistent,
                    const uint8_t *body, size_t body_bytes, bool redelivered, struct receipt *ret);
/* What is about to be said, or has been heard, of a delivery. */
void ledger_requeue(struct ledger *l, const struct receipt *r);
void ledger_settle(struct ledger *l, const struct receipt *r);  /* an ack is about to be sent */
void ledger_settled(struct ledger *l, const struct receipt *r); /* commit-ok came */
/* A message of the queue is about to be asked for without acknowledgement: it is settled when it
 * leaves, and a kill may take it on its way. False: the answer is here. */
void ledger_gamble(struct ledger *l, unsigned queue, bool is_out);
/* The queue is about to be purged or deleted ... */
void ledger_clear(struct ledger *l, unsigned queue);
/* ... and was, with this many messages ready; final: none of them comes back. */
void ledger_cleared(struct ledger *l, unsigned queue, uint32_t count, bool is_final);

/* --- after a kill ----------------------------------------------------------------------------- */

void ledger_killed(struct ledger *l);
/* The queue is read from one end to the other: begin, each message, end. What must be there and was
 * not seen is lost. */
void ledger_verify_begin(struct ledger *l, unsigned queue);
bool ledger_verify(struct ledger *l, unsigned queue, const char *message_id, bool is_persistent,
                   const uint8_t *body, size_t body_bytes, bool redelivered);
/* The queue's messages are about to be settled (in a transaction), or given back. */
void ledger_verify_end(struct ledger *l, unsigned queue);
/* All that was seen has been settled for good. */
void ledger_drained(struct ledger *l, unsigned queue);
/* Bytes of bodies that may stand in queues. */
uint64_t ledger_live_bytes(struct ledger *l);

#endif
