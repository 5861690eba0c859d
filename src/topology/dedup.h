/* Deduplication: an exchange or a queue that remembers a value of each message and drops the
 * messages that bring it again.
 *
 *   x-message-deduplication  true; implied by the exchange type of that name
 *   x-cache-size             so many values are remembered at most (128)
 *   x-cache-ttl              for so many milliseconds at most; a message's header of that name goes
 *                            before it
 *   x-deduplication-header   the header whose value counts (x-deduplication-header)
 *   x-cache-persistence      memory: not stored
 *
 * A value that comes for the first time is *claimed* until its message is where it belongs:
 *
 *     dedup_admits -+-> true, value claimed -> its queues are asked -> dedup_publish_end
 *                   |                          (dedup_publish_begin)       |
 *                   |                                        +-------------+-------------+
 *                   |                                  queues took it             queues refused it
 *                   |                                  value stored, kept         value forgotten
 *                   |
 *                   +-> false, a duplicate: it is dropped, and answered by dedup_answer_duplicate
 *
 * dedup_claims_drop forgets what was claimed for a message that is not published after all.
 *
 *   (1) A value is stored after its message is safe, never before: what a crash takes back can be
 *       published again.
 *   (2) A confirm for a message with a value comes after that value is stored; so does one for a
 *       duplicate. What has been confirmed is remembered.
 *   (3) A message whose queues are all gone before it came is as good as refused: its value is
 *       forgotten.
 *   (4) Values are stored for persistent messages at what is durable. Of others nothing is left
 *       after a restart, neither message nor value.
 *
 * A mutex guards each memory: exchanges are asked on all loops. */
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
    bool is_stored;      /* unless what it belongs to is not durable */
    uint32_t size;       /* values */
    uint64_t ttl_ms;     /* 0: no limit */
    struct slice header; /* in the arguments; or a literal */
};

/* Whether it is the name of an argument that deduplication knows. */
bool dedup_argument_is_known(struct slice name);

/* False with the error filled. `is_of_type`: of the exchange type x-message-deduplication, which
 * has it without being told, and must be told the size. */
bool dedup_settings_read(struct slice arguments, bool is_of_type, struct dedup_settings *ret,
                         struct broker_error *error);

/* A memory for this exchange or queue, as its arguments say; NULL when they do not ask for it. The
 * caller owns it. `is_durable`: the owner's definition is stored. */
struct dedup *dedup_create(struct vhost *vhost, const struct destination *owner, bool is_durable,
                           struct slice arguments, bool is_of_type);

/* What it belongs to is being deleted: nothing is stored from here on. Before the deletion is
 * submitted to the definitions. NULL is fine. */
void dedup_close(struct dedup *dedup);

/* Drops the owner's hold and clears the pointer. NULL is fine. */
void dedup_free(struct dedup **dedup);

/* Recovery, in the order of numbers. */
void dedup_restore(struct dedup *dedup, struct value_hash value, uint64_t number, uint64_t until_ms,
                   uint64_t now_ms);

/* Values remembered. Any thread. */
size_t dedup_count(struct dedup *dedup);

/* Whether so many values wait to be stored that their publishers should be held back. Any
 * thread. */
bool dedup_is_behind(const struct topology *topology);

/* --- a message -------------------------------------------------------------------------------- */

struct dedup_claim;

/* What one message has claimed, and whether it was a duplicate somewhere. Zero-initialised is
 * valid and empty. Owns the claims. */
struct dedup_claims {
    struct dedup_claim *first;
    struct dedup *seen_by; /* owned reference; NULL: no duplicate */
    struct value_hash seen;
};

static inline bool dedup_claims_are_empty(const struct dedup_claims *claims)
{
    return !claims->first && !claims->seen_by;
}

/* False when the message, by its headers table, is a duplicate and is to be dropped. A dead letter
 * is none, and claims nothing: it has its value from before. Any loop. */
bool dedup_admits(struct dedup *dedup, struct slice headers, struct dedup_claims *claims);

/* Publishing what has claims (claims->first): queues answer to dedup_publish_sink() with number 0.
 * Takes the claims. The caller's loop. */
struct dedup_publish;
struct dedup_publish *dedup_publish_begin(struct loop *loop, struct dedup_claims *claims,
                                          bool is_persistent);
struct confirm_sink *dedup_publish_sink(struct dedup_publish *publish);

/* All queues have been asked, and have answered so. Takes *publish. The answer for the publisher,
 * as queue_publish() gives it: with `to`, CONFIRM_LATER promises one. */
enum confirm_answer dedup_publish_end(struct dedup_publish **publish,
                                      const struct confirm_answers *answers,
                                      struct confirm_sink *to, uint64_t number);

/* The answer for a duplicate (claims->seen_by): CONFIRM_LATER when the first message with its value
 * is still on its way. `to` may be NULL. Ends the claims' hold. */
enum confirm_answer dedup_answer_duplicate(struct dedup_claims *claims, struct confirm_sink *to,
                                           uint64_t number);

/* Nobody publishes it after all: what was claimed is forgotten. */
void dedup_claims_drop(struct loop *loop, struct dedup_claims *claims);

#endif
