/* The users who declared queues. A queue knows its user by a reference, so that many queues of the
 * same user keep one copy of the name. The user need not exist any more. */
#ifndef LEVERET_TOPOLOGY_QUEUE_USER_H
#define LEVERET_TOPOLOGY_QUEUE_USER_H

#include "base/rcu.h"
#include "topology/topology.h"

struct queue_user {
    struct lv_rcu_refs refs; /* the table's, and one of each queue that is not freed yet */
    struct lv_table_node by_name;
    size_t queues; /* how many that are not deleted; under the topology lock */
};

/* Counts one more queue of the user of this name. Returns a reference, or NULL if the name is
 * empty. The caller holds the topology lock. */
struct queue_user *queue_user_enter(struct topology *topology, struct slice name);
/* Counts one queue less, which is deleted; its reference stays. NULL is fine. The caller holds the
 * topology lock. */
void queue_user_leave(struct topology *topology, struct queue_user *user);
/* Drops a reference and clears the pointer. NULL is fine. Any thread that is registered with
 * RCU. */
void queue_user_unref(struct queue_user **user);

/* Returns the name, which is empty if the user is NULL: it is not known. */
static inline struct slice queue_user_name(const struct queue_user *user)
{
    return user ? user->by_name.key : SLICE_EMPTY;
}

#endif
