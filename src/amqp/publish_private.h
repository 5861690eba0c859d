/* What the files of basic.publish share. */
#ifndef LEVERET_AMQP_PUBLISH_PRIVATE_H
#define LEVERET_AMQP_PUBLISH_PRIVATE_H

#include "amqp/channel.h"
#include "base/counters.h"
#include "broker/publish.h"
#include "broker/publish_checks.h"
#include "wire/properties.h"

/* One whole message on its way in. */
struct publication {
    struct publish publish; /* while it has no message, its bytes lie in the read buffer */
    bool mandatory;
    /* owned; the message as it came, if its header was rewritten; else NULL */
    struct message *original;
};

/* --- publish.c -------------------------------------------------------------------------------- */

/* Checks and routes a publication, and sends it or keeps it for commit. Takes what *p owns. The
 * channel may be gone afterwards. */
void publish_whole(struct channel *ch, struct publication *p);

/* Has the channel wait until a backend has said whether the user may publish this, and keeps the
 * publish, none of which the channel has taken yet, to be executed then. */
void publish_await_access(struct channel *ch, const struct publication *p);
/* Returns whether the publication, with a body of this size, may be published to its exchange. If
 * not, the error says why. */
bool publish_is_allowed(struct channel *ch, const struct publication *p, uint64_t body_bytes,
                        struct broker_error *error);
/* Closes the connection for lack of memory. Returns false. */
bool publish_fail_without_memory(struct channel *ch);

/* --- publish_target.c ------------------------------------------------------------------------- */

/* Returns the queue that the channel's target names, until the end of the turn, or NULL with the
 * error NOT_FOUND. */
struct queue_entry *publish_find_target(struct channel *ch, struct broker_error *error);
/* Checks the properties of a message for the channel's target. Nothing is rewritten. Returns false
 * after refusing. */
bool publish_check_for_target(struct channel *ch, const struct properties *props);

/* --- publish_properties.c --------------------------------------------------------------------- */

/* Checks the properties for which a message may be refused, and rewrites the header into `space`,
 * which the caller frees, if a property asks for it. Returns false after refusing. */
bool publish_check_properties(struct channel *ch, struct publication *p, struct lv_buffer *space);
/* Refuses a delivery mode that is not known. Returns false. */
bool publish_refuse_delivery_mode(struct channel *ch, const struct properties *props);

/* --- tx.c ------------------------------------------------------------------------------------- */

/* Keeps a publication until commit, with the queues that it is routed to, each referenced. Takes
 * the publication's messages and claims. */
void tx_add_publish(struct channel *ch, struct publication *publication, const struct route *route);

/* --- for every message ------------------------------------------------------------------------ */

/* Counts a message with a body of this size; its exchange is counted by the tallies. */
static inline void channel_count_published(struct channel *ch, uint64_t body_bytes)
{
    ch->counts.publish++;
    COUNT_NTH(published_to_100, size_bucket(body_bytes));
    COUNT_MANY(published_bytes, body_bytes);
}

static inline bool publish_check_delivery_mode(struct channel *ch, const struct properties *props)
{
    return publish_knows_delivery_mode(props) || publish_refuse_delivery_mode(ch, props);
}

#endif
