/* A queue as broker/ sees it, which moves its messages on: dead letters, delays, retries. All at
 * the queue's home, unless it says otherwise. */
#ifndef LEVERET_QUEUE_QUEUE_HOME_H
#define LEVERET_QUEUE_QUEUE_HOME_H

#include "paging/lane_owner.h"
#include "queue/browse.h"
#include "queue/queue.h"
#include "queue/queue_ops.h"

struct departures;
struct policy;

/* --- its life --------------------------------------------------------------------------------- */

/* Makes a queue that clients have not declared and cannot use, under a name that no queue has. Its
 * definition is stored if it is durable. The topology lock is held; any thread. */
struct queue *queue_create_owned(struct vhost *vhost, struct slice name, bool durable);

/* Deletes it: its name at once, the rest at home by mail. The topology lock is held; any thread. */
void queue_delete_owned(struct queue *q);

/* --- its policy: the topology lock is held; any thread ---------------------------------------- */

/* Which policies were found for it, of each kind; NULL: none. policy_apply.c's to read and to
 * change. */
const struct policy **queue_matched_policies(struct queue *q);

/* The queue is made, and nobody has seen it: begins with this policy (NULL: none), which is
 * taken. */
void queue_begin_policy(struct queue *q, struct effective_policy *policy);

/* --- its messages ----------------------------------------------------------------------------- */

/* Its lanes, which hold its messages. */
struct lane_owner *queue_lanes(const struct queue *q);

/* What it has counted. */
const struct queue_counters *queue_counters(const struct queue *q);

/* The message at this position, which is unacked, leaves the queue. */
void queue_settle_position(struct queue *q, uint64_t position);

/* Takes the message that a browse of the queue has just found. */
void queue_take_browsed(struct queue *q, const struct browse_item *item, const struct message *m);

/* Puts a message back that queue_take_browsed() has taken, as if it had never been delivered. It
 * leaves the queue if a newer message has replaced it meanwhile, or if the queue is full by now. */
void queue_put_back(struct queue *q, uint64_t position, const struct message *m);

/* Frees what the queue remembers of segments of which nothing is left; after
 * queue_take_browsed(). */
void queue_tidy(struct queue *q);

/* What ops->can_send_on() schedules when there is room again: the queue's expiry, and its
 * deliveries, which keep its limits too. */
struct loop_task *queue_expiry_task(struct queue *q);
struct loop_task *queue_delivery_task(struct queue *q);

/* Counts a message that has arrived at the dead-letter exchange. */
void queue_count_dead_letter(struct queue *q, enum death reason);

/* --- what waits ------------------------------------------------------------------------------- */

/* The call has no answer yet: it is run again when something in the queue has changed. */
void queue_call_wait(struct queue_call *call);

/* --- broker/'s part --------------------------------------------------------------------------- */

/* What broker/ keeps with the queue (broker/departures.h), NULL at first. ops->free() frees it. */
struct departures *queue_departures(const struct queue *q);
void queue_set_departures(struct queue *q, struct departures *departures);

/* Whether so many messages that the queue has turned away wait to be sent on that publishers should
 * pause: queue_is_behind() says so from here on. */
void queue_set_departures_behind(struct queue *q, bool is_behind);

#endif
