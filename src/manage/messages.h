/* Messages, as an operator sees and moves them: those in a queue, those that an exchange delays,
 * dead letters that go back, and the way that one would take. */
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
    const char *state;    /* ready, unacked, dead_letter: one that nobody can take */
    struct slice payload; /* as much of it as was asked for */
    bool is_text;         /* the payload is UTF-8 */
    bool is_in_memory, redelivered;
};

extern const struct column message_columns[], delayed_columns[], explain_columns[];

/* --- browsing --------------------------------------------------------------------------------- */

struct browsing {
    struct slice vhost, queue;
    uint64_t offset, limit;
    uint64_t payload_bytes; /* at most, of each */
    bool with_unacked;
    /* Called for each message, in order; the facts are borrowed. It may wait. False: that is
     * enough. */
    bool (*visit)(void *arg, const struct message_facts *facts);
    void *arg;
};

/* Looks at messages, which stay in the queue. */
bool manage_browse(struct manage *m, const struct actor *actor, const struct browsing *browsing,
                   struct manage_error *error);

/* --- delayed messages ------------------------------------------------------------------------- */

/* Those that wait in the exchange, at most `limit`, those due first. REFUSAL_PRECONDITION: it
 * delays none. */
bool manage_list_delayed(struct manage *m, const struct actor *actor, struct slice vhost,
                         struct slice exchange, size_t limit, struct listing *ret,
                         struct manage_error *error);
/* Drops those of these ids; `ids` NULL: all. *ret: how many. */
bool manage_cancel_delayed(struct manage *m, const struct actor *actor, struct slice vhost,
                           struct slice exchange, const uint64_t *ids, size_t count, uint64_t *ret,
                           struct manage_error *error);

/* --- dead letters ----------------------------------------------------------------------------- */

/* Moves dead letters back to the queues they came from, and waits until that is over.
 * REFUSAL_BUSY: it is being done already. REFUSAL_NOT_FOUND: the queue was deleted, perhaps
 * meanwhile. */
bool manage_retry_dead_letters(struct manage *m, const struct actor *actor, struct slice vhost,
                               struct slice queue, const struct retry_options *options,
                               struct retry_progress *ret, struct manage_error *error);

/* --- routes ----------------------------------------------------------------------------------- */

/* A row for each binding on the way of a message with these routing keys (its own and those of
 * CC) and headers. *ret_queues: how many queues it reaches. */
bool manage_explain_route(struct manage *m, const struct actor *actor, struct slice vhost,
                          struct slice exchange, const struct slice *keys, size_t count,
                          struct slice headers, struct listing *ret, size_t *ret_queues,
                          struct manage_error *error);

#endif
