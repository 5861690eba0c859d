/* Deduplication: an exchange or a queue remembers the value of a header of each message and drops
 * the messages that have the same value again.
 *
 *   x-message-deduplication  true: it is on; the exchange type of that name implies it
 *   x-cache-size             how many values are remembered at most; default: 128
 *   x-cache-ttl              for how many milliseconds at most; a message's header of that name
 *                            takes precedence
 *   x-deduplication-header   the name of the header; default: x-deduplication-header
 *   x-cache-persistence      disk (default), or memory: values are not stored
 *
 * A new value is *claimed* until the queues have answered for its message:
 *
 *     dedup_admits -+-> true, value claimed -> its queues are asked -> dedup_publish_end
 *                   |                          (dedup_publish_begin)       |
 *                   |                                        +-------------+-------------+
 *                   |                                  queues took it             queues refused it
 *                   |                                  value stored, kept         value forgotten
 *                   |
 *                   +-> false, a duplicate: it is dropped, and answered by dedup_answer_duplicate
 *
 * dedup_claims_drop() forgets the values that were claimed for a message that is then not
 * published.
 *
 *   (1) A value is stored after its message is safe, never before: so a message that was lost in a
 *       crash can be published again.
 *   (2) A message with a value, and a duplicate of it, are confirmed after the value is stored: so
 *       the value of a confirmed message survives a crash.
 *   (3) If all queues of a message are deleted before it arrives, its value is forgotten, as if
 *       they had refused the message.
 *   (4) Only the values of persistent messages at durable exchanges and queues are stored. Of any
 *       other message neither the message nor its value survives a restart.
 *
 * Exchanges are asked on all loops, so each struct dedup has a mutex. */
#ifndef LEVERET_TOPOLOGY_DEDUP_H
#define LEVERET_TOPOLOGY_DEDUP_H

#include "message/confirm.h"
#include "message/dedup_cache.h"
#include "topology/binding.h"
#include "topology/topology.h"
#include "topology/vhost.h"

struct dedup;

struct dedup_settings {
    bool is_on;
    bool is_stored;      /* values are stored if the owner is durable */
    uint32_t size;       /* at most this many values are remembered */
    uint64_t ttl_ms;     /* how long they are remembered; 0: no limit */
    struct slice header; /* borrowed from the arguments, or a literal */
};

/* Returns whether deduplication has an argument of this name. */
bool dedup_argument_is_known(struct slice name);

/* Reads the arguments of an exchange or a queue. Returns false, with error 406, if they are
 * invalid. `is_of_type`: the exchange is of the type x-message-deduplication, which always
 * deduplicates and requires x-cache-size. */
bool dedup_settings_read(struct slice arguments, bool is_of_type, struct dedup_settings *ret,
                         struct broker_error *error);

/* Returns the deduplication of an exchange or a queue with these arguments, which the caller owns;
 * NULL if they do not ask for any. `is_durable`: the definition of the exchange or queue is stored.
 */
struct dedup *dedup_create(struct vhost *vhost, const struct destination *owner, bool is_durable,
                           struct slice arguments, bool is_of_type);

/* Stops storing values: the exchange or queue is being deleted. Call it before the deletion is
 * submitted to the definitions. NULL is fine. Any thread. */
void dedup_close(struct dedup *dedup);

/* Drops the owner's reference and clears the pointer; the struct is freed after the last claim and
 * the last duplicate that refer to it. NULL is fine. */
void dedup_free(struct dedup **dedup);

/* Restores a stored value at recovery, or deletes it from the definitions if it has expired. Call
 * it for the values in the order of their numbers. */
void dedup_restore(struct dedup *dedup, struct value_hash value, uint64_t number, uint64_t until_ms,
                   uint64_t now_ms);

/* Returns whether so many values wait to be stored that publishers should be held back. Any
 * thread. */
bool dedup_is_behind(const struct topology *topology);

/* --- a message -------------------------------------------------------------------------------- */

struct dedup_claim;

/* The values that a message has claimed, at one or more exchanges, and whether it is a duplicate at
 * another. Zero-initialised is valid and empty. Owns the claims. */
struct dedup_claims {
    struct dedup_claim *first;
    struct dedup *seen_by; /* where it is a duplicate; a reference, or NULL: nowhere */
    struct value_hash seen;
};

static inline bool dedup_claims_are_empty(const struct dedup_claims *claims)
{
    return !claims->first && !claims->seen_by;
}

/* Returns true if the message with this headers table is new, and claims its value, if it has one.
 * Returns false if it is a duplicate, to be dropped. A dead letter is never a duplicate and claims
 * nothing: its value was claimed when it was published. On a loop. */
bool dedup_admits(struct dedup *dedup, struct slice headers, struct dedup_claims *claims);

/* Begins to publish a message that has claims, and takes ownership of claims->first. The caller
 * then publishes to the queues, with dedup_publish_sink() as the sink and 0 as the number, and
 * calls dedup_publish_end(). `loop` is the calling one. */
struct dedup_publish;
struct dedup_publish *dedup_publish_begin(struct loop *loop, struct dedup_claims *claims,
                                          bool is_persistent);
struct confirm_sink *dedup_publish_sink(struct dedup_publish *publish);

/* Ends the publish; `answers` is the sum of what queue_publish() has returned for all queues. Takes
 * ownership of *publish. Returns the answer for the publisher; if that is CONFIRM_LATER, the answer
 * is sent to `to` later, with `number`. If `to` is NULL, nobody waits, and CONFIRM_LATER is not
 * returned. */
enum confirm_answer dedup_publish_end(struct dedup_publish **publish,
                                      const struct confirm_answers *answers,
                                      struct confirm_sink *to, uint64_t number);

/* Returns the answer for a duplicate, and drops claims->seen_by, which must be set. The answer is
 * CONFIRM_LATER if the first message with the value is not answered yet and `to` is not NULL. */
enum confirm_answer dedup_answer_duplicate(struct dedup_claims *claims, struct confirm_sink *to,
                                           uint64_t number);

/* Drops the claims of a message that is not published: its values are forgotten, duplicates that
 * wait for them are refused, and claims->seen_by is dropped. `loop` is the calling one. */
void dedup_claims_drop(struct loop *loop, struct dedup_claims *claims);

#endif
