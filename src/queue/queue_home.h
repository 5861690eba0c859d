/* What broker/ uses of a queue to move messages from queue to queue: dead letters, delays, retries.
 * Everything is called at the queue's home, unless the comment says otherwise. */
#ifndef LEVERET_QUEUE_QUEUE_HOME_H
#define LEVERET_QUEUE_QUEUE_HOME_H

#include "paging/lane_owner.h"
#include "queue/browse.h"
#include "queue/queue.h"
#include "queue/queue_ops.h"

struct departures;
struct policy;

/* --- its life --------------------------------------------------------------------------------- */

/* Makes a queue of the broker's own, which clients have not declared and cannot use. Its definition
 * is stored if it is durable. Call only with a name that no queue has. The caller holds the
 * topology lock; any thread. */
struct queue *queue_create_owned(struct vhost *vhost, struct slice name, bool durable);

/* Deletes the queue: its name at once, the rest at home by mail. The caller holds the topology
 * lock; any thread. */
void queue_delete_owned(struct queue *q);

/* --- its policy: the topology lock is held; any thread ---------------------------------------- */

/* Returns the queue's array of the policies that match it, indexed by kind; an entry is NULL if no
 * policy of that kind does. policy_apply.c reads and changes it. */
const struct policy **queue_matched_policies(struct queue *q);

/* Sets the first policy (NULL: none) of a new queue, before others can see it. Takes the policy. */
void queue_begin_policy(struct queue *q, struct effective_policy *policy);

/* --- its messages ----------------------------------------------------------------------------- */

/* Returns the owner of the queue's lanes, which hold its messages. */
struct lane_owner *queue_lanes(const struct queue *q);

/* Removes the unacked message at this position. Does nothing if there is none. */
void queue_settle_position(struct queue *q, uint64_t position);

/* Returns the life of the message at this position (message/life.h); 0: nobody follows it. */
uint32_t queue_life_at(struct queue *q, uint64_t position);
/* Follows the message at this position no longer: its end has been written down. */
void queue_life_ends(struct queue *q, uint64_t position);

/* Makes unacked the ready message `m`, which a browse of the queue has just found. */
void queue_take_browsed(struct queue *q, const struct browse_item *item, const struct message *m);

/* Puts back a message that queue_take_browsed() has taken, as if it had never been delivered. If a
 * newer message has replaced it meanwhile, it leaves the queue instead. If the queue is above its
 * limit then, and drops at the head, messages at the head are dropped. */
void queue_put_back(struct queue *q, uint64_t position, const struct message *m);

/* Frees what the queue keeps about segments of which nothing is left. Called after
 * queue_take_browsed(). */
void queue_tidy(struct queue *q);

/* Return the queue's tasks that are scheduled when there is room again after ops->can_send_on() has
 * returned false: its expiry, and its deliveries, which also keep its limits. */
struct loop_task *queue_expiry_task(struct queue *q);
struct loop_task *queue_delivery_task(struct queue *q);

/* Counts a message that has arrived at the dead-letter exchange. */
void queue_count_dead_letter(struct queue *q, enum death reason);
/* Count that the queue has given up a message for this reason, which is lost; and that it has sent
 * on a dead letter that circulates. */
void queue_count_dropped(struct queue *q, enum death reason);
void queue_count_circled(struct queue *q);

/* --- calls that wait -------------------------------------------------------------------------- */

/* Makes a call that has no answer yet wait: its run() is called again at each delivery run of the
 * queue, until it has one. */
void queue_call_wait(struct queue_call *call);

/* --- broker/'s part --------------------------------------------------------------------------- */

/* Return and set the struct that broker/ keeps with the queue (broker/departures.h); NULL at first.
 * ops->free() frees it. */
struct departures *queue_departures(const struct queue *q);
void queue_set_departures(struct queue *q, struct departures *departures);

/* Sets whether publishers should pause because too many messages that the queue has turned away
 * wait to be sent on. While this is set, queue_is_behind() returns true. */
void queue_set_departures_behind(struct queue *q, bool is_behind);

#endif
