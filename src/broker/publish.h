/* The one way of a message into its queues. Every front end publishes by it, and so does what
 * the broker publishes itself: dead letters and delayed messages that move on, events, traces.
 *
 *     publish_route()   exchange, routing key, CC and BCC  ->  the queues it goes to
 *     publish_send()    to each of these queues: directly, or by mail to its home
 *     publish_end()     gives back what the publish holds
 *
 * In between a transaction may keep it (publish_keep()) and send it at commit. What a message's
 * header asks for is read once, into `properties`, before it is routed.
 *
 * Deduplication spans the two: exchanges claim a message's value while it is routed, and the
 * claims end when its queues have answered (topology/dedup.h). */
#ifndef LEVERET_BROKER_PUBLISH_H
#define LEVERET_BROKER_PUBLISH_H

#include "broker/broker.h"
#include "queue/consumer.h"
#include "queue/queue.h"
#include "topology/dedup.h"
#include "topology/exchange_counts.h"
#include "topology/route.h"
#include "wire/properties.h"

/* One message on its way to its queues. */
struct publish {
    /* Borrowed; content.message is NULL or a reference that publish_end() drops. */
    struct delivery content;
    struct properties properties; /* of content.header */
    struct slice bcc; /* the values of a header BCC that the message itself has lost; an array */
    /* Owned; with its BCC, for queues in which it waits until it is due; or NULL. */
    struct message *delayed;
    bool is_once;                   /* exchanges that drop duplicates are asked */
    struct dedup_claims claims;     /* owned; what they have said */
    struct exchange_counts *counts; /* of the exchange it was published to; publish_route()'s */
};

/* What the queues have said, and what the publisher should do about it. */
struct publish_result {
    struct confirm_answers answers;
    /* The first one that the publisher should wait for; borrowed for this turn; or NULL. */
    struct queue *behind;
    bool is_out_of_memory; /* not every queue has been asked */
};

/* Begins the publish of a message that is there already. Takes *message. Returns false if its
 * header cannot be read: then it is published as one without properties. Any loop. */
bool publish_begin(struct publish *p, struct message **message);

/* Finds the queues: by the routing key, and by those in the headers CC and BCC, and counts the
 * message at the exchange. *ret is valid as route_find() says. Any loop's own thread, read side. */
void publish_route(struct loop *loop, struct exchange *exchange, struct publish *p,
                   struct route *ret);

/* Makes p->content.message if there is none. Returns false if there is no memory. */
bool publish_need_message(struct publish *p);

/* Makes whatever form of the message the queues of this route will need, so that the publish no
 * longer borrows the bytes it began with. Returns false if there is no memory. */
bool publish_keep(struct publish *p, const struct route *route);

/* Hands the message to each queue. With a sink, each answer that `answers.later` counts comes to
 * it with this number. On `loop`'s thread. */
void publish_send(struct loop *loop, struct publish *p, const struct route *route,
                  struct confirm_sink *sink, uint64_t number, struct publish_result *ret);

/* Drops the messages, and the claims that have not been sent. On `loop`'s thread. */
void publish_end(struct loop *loop, struct publish *p);

/* --- the last route, remembered --------------------------------------------------------------- */

/* A publisher mostly publishes to one exchange by one key. Its memo holds what that led to for
 * as long as neither the topology nor the permissions change. */
enum { PUBLISH_MEMO_QUEUES_MAX = 16 };
struct publish_memo {
    uint64_t topology_generation;
    uint64_t permissions; /* whatever the caller compares: auth_generation() */
    bool is_valid;
    struct exchange_counts *counts; /* borrowed as the queues are */
    uint8_t exchange_bytes;
    uint8_t routing_key_bytes;
    size_t count;
    /* Borrowed while the topology's generation stands. */
    struct queue_entry *queues[PUBLISH_MEMO_QUEUES_MAX];
    uint8_t names[2 * SHORTSTR_BYTES_MAX];
};

/* Returns whether the memo (which may be NULL) holds for this exchange and routing key. */
bool publish_memo_holds(struct publish_memo *memo, struct topology *topology, uint64_t permissions,
                        struct slice exchange, struct slice routing_key);

/* Remembers the route of this publish, which was found in this generation of the topology and
 * under these permissions, in *memo, which is allocated if NULL (free() it). Routes that cannot
 * be remembered are left out. */
void publish_memo_write(struct publish_memo **memo, const struct exchange *exchange,
                        const struct publish *publish, const struct route *route,
                        uint64_t topology_generation, uint64_t permissions);

#endif
