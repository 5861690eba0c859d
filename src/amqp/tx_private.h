/* What the files of transactions share.
 *
 *   tx.c         what a transaction keeps, and the commands
 *   tx_commit.c  the commit, in slices
 */
#ifndef LEVERET_AMQP_TX_PRIVATE_H
#define LEVERET_AMQP_TX_PRIVATE_H

#include "amqp/publish_private.h"

enum { TX_PAGE_PUBLISHES = 128 };

struct tx_publish {
    struct message *message; /* owned */
    struct message *delayed; /* owned; as in struct publish */
    bool mandatory;
    /* the queues it was routed to when it was published; owned, each a reference */
    struct queue_entry **queues;
    size_t queue_count;
    struct dedup_claims claims; /* owned */
};

/* Publishes in the order in which they came. */
struct tx_page {
    struct tx_page *next;
    unsigned first; /* the index of the first that has not been committed or dropped */
    unsigned count;
    struct tx_publish publishes[TX_PAGE_PUBLISHES];
};

struct tx {
    struct channel *channel;
    struct tx_page *first_page, *last_page;
    size_t publish_count;
    struct settle_range *settles;
    size_t range_count, range_capacity;
    size_t settle_count; /* how many deliveries `settles` is about */

    /* tx_commit.c */
    bool is_committing;
    struct loop_job job;
    struct queue *behind; /* the commit pauses until this queue's home has caught up; referenced */
    struct loop_timer pause;
};

static inline struct loop *tx_loop(const struct tx *tx)
{
    return connection_loop(tx->channel->connection);
}

/* --- tx.c ------------------------------------------------------------------------------------- */

/* Releases what the publish holds. */
void tx_publish_drop(struct loop *loop, struct tx_publish *publish);
/* Removes the first publish from the pages. Call when it has been committed or dropped. */
void tx_pages_advance(struct tx_page **first);
/* Returns whether the channel is transactional; refuses if it is not. */
bool tx_check_mode(struct channel *ch, uint32_t method);
/* Frees the channel's transaction and drops its publishes. Call only if it is not being
 * committed. */
void tx_free(struct channel *ch);

/* --- tx_commit.c ------------------------------------------------------------------------------ */

/* Initialises what tx_commit.c keeps in the transaction. */
void tx_init_commit(struct tx *tx);
/* Ends the pause of a commit under way, if it pauses. Called when the channel ends: from then on a
 * commit no longer waits for queues' homes. */
void tx_commit_hurry(struct tx *tx);

#endif
