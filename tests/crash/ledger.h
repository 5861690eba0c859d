/* What the broker has promised: the state of every message, in every queue it was published to.
 * Clients record what they do before they do it, and what they were answered afterwards.
 *
 *            published          delivered          ack sent          commit-ok
 *   (none) -----------> THERE -----------> TAKEN -----------> GOING ----------> GONE
 *                         ^                 |                   |
 *                         '--- requeued ----'                   | a kill: the ack may have
 *                         '--- a kill ------'                   v been stored, or not
 *                         ^                                   MAYBE
 *                         '-- found after a restart ----------' | not found: GONE
 *
 * A message that is not confirmed may be missing after a kill; if it is found after one it counts
 * as confirmed. A message that is GONE must never be seen again. Transient messages are GONE after
 * a kill.
 *
 * A message's size, body, targets and persistence follow from its publisher, its number and the
 * run's seed, so they are not stored. Any thread; one mutex. */
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
    uint64_t settled;   /* acknowledged, or purged or deleted with their queue */
    uint64_t verified;  /* found after a restart, counted each time */
    uint64_t came_back; /* an ack was sent before the kill, and the message is there: allowed */
    uint64_t unconfirmed_lost; /* allowed */
    uint64_t gambled_away;     /* sent without acknowledgement, and lost: allowed */
    /* Not allowed: */
    uint64_t lost;
    uint64_t returned; /* settled for good, and seen again */
    uint64_t twice;
    uint64_t reordered;
    uint64_t damaged;
    uint64_t unmarked; /* delivered before, and not marked as redelivered */
    uint64_t other;    /* any other complaint */
};

struct ledger *ledger_create(uint64_t seed);
void ledger_free(struct ledger **ledger);
struct ledger_counts ledger_counts(struct ledger *l);

const char *ledger_queue_name(unsigned queue);
const char *ledger_exchange_name(unsigned exchange);
/* Returns how many queues are bound to a fanout exchange, and which. */
unsigned ledger_bound(unsigned exchange, unsigned ret_queues[TARGETS_MAX]);

/* Says that something is wrong: it is printed, if it is one of the first few, and counted in
 * counts.other. */
void ledger_complain(struct ledger *l, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* --- publishing ------------------------------------------------------------------------------- */

/* Makes the publisher's next message and records that it is published. The body is borrowed from
 * the ledger, and valid as long as that. */
void ledger_publish(struct ledger *l, unsigned publisher, struct letter *ret);
/* Records that the messages from .. to are confirmed. */
void ledger_confirm(struct ledger *l, unsigned publisher, uint64_t from, uint64_t to);

/* --- consuming -------------------------------------------------------------------------------- */

/* One delivery: of which message, from which of its queues. */
struct receipt {
    unsigned publisher;
    unsigned target; /* the index of the queue in the message's targets */
    uint64_t number;
};

/* Records a delivery. Returns false, after a complaint, if it was never published or is damaged. */
bool ledger_deliver(struct ledger *l, unsigned queue, const char *message_id, bool is_persistent,
                    const uint8_t *body, size_t body_bytes, bool redelivered, struct receipt *ret);
/* Record what is about to be sent about a delivery, and in the last case, what was received. */
void ledger_requeue(struct ledger *l, const struct receipt *r);
void ledger_settle(struct ledger *l, const struct receipt *r);  /* ack, or nack without requeue */
void ledger_settled(struct ledger *l, const struct receipt *r); /* commit-ok */
/* Records with is_out that a message of the queue is about to be requested without acknowledgement:
 * it is settled when it is sent, and a kill may lose it on its way. Without is_out: the answer has
 * arrived. */
void ledger_gamble(struct ledger *l, unsigned queue, bool is_out);
/* Records that the queue is about to be purged or deleted. */
void ledger_clear(struct ledger *l, unsigned queue);
/* Records the answer: this many messages were ready. is_final: none of them may come back. */
void ledger_cleared(struct ledger *l, unsigned queue, uint32_t count, bool is_final);

/* --- after a kill ----------------------------------------------------------------------------- */

/* Records that the broker has ended. */
void ledger_killed(struct ledger *l);
/* A queue is read from one end to the other: begin, each message, end. A message that must be there
 * and was not read is lost. ledger_verify() returns false, after a complaint, if it was never
 * published or is damaged. */
void ledger_verify_begin(struct ledger *l, unsigned queue);
bool ledger_verify(struct ledger *l, unsigned queue, const char *message_id, bool is_persistent,
                   const uint8_t *body, size_t body_bytes, bool redelivered);
/* The queue's messages are about to be settled (in a transaction), or requeued. */
void ledger_verify_end(struct ledger *l, unsigned queue);
/* Everything that was read has been settled for good. */
void ledger_drained(struct ledger *l, unsigned queue);
/* Returns how many bytes of bodies were in the queues when they were last read. */
uint64_t ledger_live_bytes(struct ledger *l);

#endif
