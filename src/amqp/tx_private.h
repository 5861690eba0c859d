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
    struct message *delayed; /* owned; as struct publish has it */
    bool mandatory;
    struct queue_entry **queues; /* its route when it was published; owned, each a reference */
    size_t queue_count;
    struct dedup_claims claims; /* owned */
};

/* Publishes in the order in which they came. */
struct tx_page {
    struct tx_page *next;
    unsigned first; /* those before have been committed or dropped */
    unsigned count;
    struct tx_publish publishes[TX_PAGE_PUBLISHES];
};

struct tx {
    struct channel *channel;
    struct tx_page *first_page, *last_page;
    size_t publish_count;
    struct settle_range *settles;
    size_t range_count, range_capacity;
    size_t settle_count; /* deliveries in them */

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
/* Removes the first publish, which has been committed or dropped, from the pages. */
void tx_pages_advance(struct tx_page **first);
/* Returns whether the channel is transactional; if not, refuses. */
bool tx_check_mode(struct channel *ch, uint32_t method);
/* Frees the channel's transaction, which is not being committed; its publishes are dropped. */
void tx_free(struct channel *ch);

/* --- tx_commit.c ------------------------------------------------------------------------------ */

/* Prepares what the commit needs. */
void tx_init_commit(struct tx *tx);
/* Lets a commit that pauses go on at once: the client is gone. */
void tx_commit_hurry(struct tx *tx);

#endif
