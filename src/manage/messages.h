/* Messages: publishing and getting them, browsing those of a queue, listing and cancelling those
 * that an exchange delays, moving dead letters back, and explaining the route of one. */
#ifndef LEVERET_MANAGE_MESSAGES_H
#define LEVERET_MANAGE_MESSAGES_H

#include "base/progress.h"
#include "broker/queue_retry.h"
#include "manage/listing.h"
#include "manage/manage.h"
#include "topology/route.h"

struct message;
struct properties;

struct message_facts {
    uint64_t position;
    struct message *message;
    const char *state;    /* ready, unacked, dead_letter (kept, and given to no consumer) */
    struct slice payload; /* as much of it as was asked for */
    bool is_text;         /* the payload is UTF-8 */
    bool is_in_memory, redelivered;
};

extern const struct column message_columns[], delayed_columns[], explain_columns[];

/* --- publishing: publishing.c ----------------------------------------------------------------- */

struct publishing {
    struct slice vhost, exchange, routing_key;
    const struct properties *properties;
    struct slice body;
};

/* Publishes a message as a client would that sets `mandatory` and waits for the confirm. Sets
 * *ret_routed: whether it was routed to a queue; if so, every queue has it safely. REFUSAL_LIMIT: a
 * queue has refused it. REFUSAL_BUSY: an alarm blocks publishers. */
bool manage_publish(struct manage *m, const struct actor *actor, const struct publishing *p,
                    bool *ret_routed, struct manage_error *error);

/* --- getting: getting.c ----------------------------------------------------------------------- */

struct got_facts {
    struct message *message;
    struct slice header; /* as its receiver sees it */
    bool redelivered;
    uint64_t left; /* how many messages are ready after this */
};

struct getting {
    struct slice vhost, queue;
    uint64_t count;   /* at most this many */
    bool is_requeued; /* else they are removed: acknowledged ... */
    bool is_rejected; /* ... or rejected, so that they are dead-lettered */
    /* Called for each message, in order, on the calling thread; the facts are borrowed. It may
     * wait. Returns false to end: all messages are then requeued. */
    bool (*visit)(void *arg, const struct got_facts *facts);
    /* Called after the last message: returns false if the messages are to be requeued after all,
     * because nobody has them. */
    bool (*has_taken)(void *arg);
    void *arg;
};

/* Takes messages from the head of a queue, as basic.get does, and settles all of them at the
 * end. */
bool manage_get(struct manage *m, const struct actor *actor, const struct getting *g,
                struct manage_error *error);

/* --- browsing --------------------------------------------------------------------------------- */

struct browsing {
    struct slice vhost, queue;
    uint64_t offset, limit;
    uint64_t payload_bytes; /* of each payload at most this much is shown */
    bool with_unacked;
    /* Called for each message, in order, on the calling thread; the facts are borrowed. It may
     * wait. Returns false to end. */
    bool (*visit)(void *arg, const struct message_facts *facts);
    void *arg;
};

/* Visits messages of a queue, in which they stay. */
bool manage_browse(struct manage *m, const struct actor *actor, const struct browsing *browsing,
                   struct manage_error *error);

/* --- delayed messages ------------------------------------------------------------------------- */

/* Lists at most `limit` of the messages that the exchange delays, the earliest due first.
 * REFUSAL_PRECONDITION: it does not delay messages. */
bool manage_list_delayed(struct manage *m, const struct actor *actor, struct slice vhost,
                         struct slice exchange, size_t limit, struct listing *ret,
                         struct manage_error *error);
/* Drops the delayed messages with these ids, or (`ids` is NULL) all. Sets *ret to their number. */
bool manage_cancel_delayed(struct manage *m, const struct actor *actor, struct slice vhost,
                           struct slice exchange, const uint64_t *ids, size_t count, uint64_t *ret,
                           struct manage_error *error);

/* --- dead letters ----------------------------------------------------------------------------- */

/* Moves the dead letters in this queue back to the queues they came from, or (options->destination)
 * all its messages to another queue, and waits until this is done. REFUSAL_BUSY: they are being
 * moved already. REFUSAL_NOT_FOUND: there is no such queue, or it was deleted meanwhile. */
bool manage_retry_dead_letters(struct manage *m, const struct actor *actor, struct slice vhost,
                               struct slice queue, const struct retry_options *options,
                               struct progress *progress, struct retry_progress *ret,
                               struct manage_error *error);

/* --- routes ----------------------------------------------------------------------------------- */

/* Lists the bindings on the way of a message that would be published to the exchange, and what
 * becomes of the message at each. Of the `count` routing keys the first is the message's own, the
 * others are those of its header CC. Sets *ret_queues to the number of queues it reaches. */
bool manage_explain_route(struct manage *m, const struct actor *actor, struct slice vhost,
                          struct slice exchange, const struct slice *keys, size_t count,
                          struct slice headers, struct listing *ret, size_t *ret_queues,
                          struct manage_error *error);

#endif
