/* Messages: browsing a queue, those that an exchange delays, moving dead letters back, and
 * explaining a route. */
#ifndef LEVERET_MANAGE_MESSAGES_H
#define LEVERET_MANAGE_MESSAGES_H

#include "broker/queue_retry.h"
#include "manage/listing.h"
#include "manage/manage.h"
#include "topology/route.h"

struct message;

struct message_facts {
    uint64_t position;
    struct message *message;
    const char *state;    /* ready, unacked, dead_letter (kept, and given to no consumer) */
    struct slice payload; /* as much of it as was asked for */
    bool is_text;         /* the payload is UTF-8 */
    bool is_in_memory, redelivered;
};

extern const struct column message_columns[], delayed_columns[], explain_columns[];

/* --- browsing --------------------------------------------------------------------------------- */

struct browsing {
    struct slice vhost, queue;
    uint64_t offset, limit;
    uint64_t payload_bytes; /* at most, of each payload */
    bool with_unacked;
    /* Called for each message, in order, on the calling thread; the facts are borrowed. It may
     * wait. Returns false to end. */
    bool (*visit)(void *arg, const struct message_facts *facts);
    void *arg;
};

/* Visits messages, which stay in the queue. */
bool manage_browse(struct manage *m, const struct actor *actor, const struct browsing *browsing,
                   struct manage_error *error);

/* --- delayed messages ------------------------------------------------------------------------- */

/* Lists at most `limit` of the messages that the exchange delays, the earliest due first.
 * REFUSAL_PRECONDITION: it does not delay messages. */
bool manage_list_delayed(struct manage *m, const struct actor *actor, struct slice vhost,
                         struct slice exchange, size_t limit, struct listing *ret,
                         struct manage_error *error);
/* Drops the delayed messages with these ids; `ids` NULL: all. *ret: how many. */
bool manage_cancel_delayed(struct manage *m, const struct actor *actor, struct slice vhost,
                           struct slice exchange, const uint64_t *ids, size_t count, uint64_t *ret,
                           struct manage_error *error);

/* --- dead letters ----------------------------------------------------------------------------- */

/* Moves dead letters back to the queues they came from, and waits until this is done. REFUSAL_BUSY:
 * they are being moved already. REFUSAL_NOT_FOUND: there is no such queue, or it was deleted
 * meanwhile. */
bool manage_retry_dead_letters(struct manage *m, const struct actor *actor, struct slice vhost,
                               struct slice queue, const struct retry_options *options,
                               struct retry_progress *ret, struct manage_error *error);

/* --- routes ----------------------------------------------------------------------------------- */

/* Lists the bindings that a message meets. Of its `count` routing keys the first is its own, the
 * others are those of CC. *ret_queues: how many queues it reaches. */
bool manage_explain_route(struct manage *m, const struct actor *actor, struct slice vhost,
                          struct slice exchange, const struct slice *keys, size_t count,
                          struct slice headers, struct listing *ret, size_t *ret_queues,
                          struct manage_error *error);

#endif
