/* Publishing: how every message gets into its queues, whether a front end publishes it or the
 * broker itself (dead letters and delayed messages that are forwarded, events, traces).
 *
 *     publish_route()   exchange, routing key, CC and BCC  ->  the queues it is routed to
 *     publish_send()    to each of these queues: directly, or by mail to its home
 *     publish_end()     releases what the publish holds
 *
 * Between the first two a transaction may keep the publish (publish_keep()) and send it at commit.
 * The message's header is read once, into `properties`, before it is routed.
 *
 * Deduplication spans the first two: exchanges claim a message's value while it is routed, and the
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
    struct slice bcc;             /* the header BCC, an array, which was removed from the message */
    /* Owned; the message with its BCC, for queues of exchanges that delay it; or NULL. */
    struct message *delayed;
    bool is_once;                   /* exchanges may drop it as a duplicate */
    struct dedup_claims claims;     /* owned; what they answered */
    struct exchange_counts *counts; /* of its exchange; set by publish_route() */
};

/* What the queues answered, and what follows for the publisher. */
struct publish_result {
    struct confirm_answers answers;
    /* The first queue whose home loop has too much work waiting (queue_is_behind()): the publisher
     * should pause. Borrowed for this turn; or NULL. */
    struct queue *behind;
    bool is_out_of_memory; /* the message was not sent to all queues */
};

/* Begins the publish of an existing message. Takes *message. Returns false if its header cannot be
 * read: it is then published as if it had no properties. Any loop. */
bool publish_begin(struct publish *p, struct message **message);

/* Finds the queues by the routing key and the keys in the headers CC and BCC, and counts the
 * message at the exchange. *ret is valid as route_find() says. On `loop`'s thread, read side. */
void publish_route(struct loop *loop, struct exchange *exchange, struct publish *p,
                   struct route *ret);

/* Makes p->content.message if there is none. Returns false if there is no memory. */
bool publish_need_message(struct publish *p);

/* Makes each form of the message that the queues of this route will need, so that the publish no
 * longer borrows the bytes it began with. Returns false if there is no memory. */
bool publish_keep(struct publish *p, const struct route *route);

/* Gives the message to each queue of the route. Each answer that ret->answers.later counts comes to
 * the sink later, with this number; without a sink none does. On `loop`'s thread. */
void publish_send(struct loop *loop, struct publish *p, const struct route *route,
                  struct confirm_sink *sink, uint64_t number, struct publish_result *ret);

/* Drops the publish's messages, and the claims of a message that was not sent. On `loop`'s
 * thread. */
void publish_end(struct loop *loop, struct publish *p);

/* --- memo of the last route ------------------------------------------------------------------- */

/* Most publishers publish to one exchange with one routing key. The memo keeps the route of the
 * last publish; it holds until the topology or the permissions change. */
enum { PUBLISH_MEMO_QUEUES_MAX = 16 };
struct publish_memo {
    uint64_t topology_generation;
    uint64_t permissions; /* only compared: auth_generation() */
    bool is_valid;
    struct exchange_counts *counts; /* borrowed, as the queues are */
    uint8_t exchange_bytes;
    uint8_t routing_key_bytes;
    size_t count;
    /* Borrowed while the topology's generation is the same. */
    struct queue_entry *queues[PUBLISH_MEMO_QUEUES_MAX];
    uint8_t names[2 * SHORTSTR_BYTES_MAX];
};

/* Returns whether the memo (which may be NULL) holds for this exchange and routing key. */
bool publish_memo_holds(struct publish_memo *memo, struct topology *topology, uint64_t permissions,
                        struct slice exchange, struct slice routing_key);

/* Writes the route of this publish, which was found in this generation of the topology and under
 * these permissions, into *memo, which is allocated if NULL (free() it). A route that
 * depends on more than the routing key, or has too many queues, is not remembered. Returns whether
 * the memo is of this publish's exchange now; if not, it is unchanged. */
bool publish_memo_write(struct publish_memo **memo, const struct exchange *exchange,
                        const struct publish *publish, const struct route *route,
                        uint64_t topology_generation, uint64_t permissions);

#endif
