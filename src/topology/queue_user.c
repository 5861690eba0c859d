/* A user is in the table as long as it has queues; its memory is freed a grace period after the
 * last of them. */
#include "topology/queue_user.h"

#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "base/memory.h"

static void queue_user_free(struct lv_rcu_refs *refs)
{
    free(lv_container_of(refs, struct queue_user, refs));
}

/* The name is behind the struct. */
static struct queue_user *queue_user_make(struct topology *topology, struct slice name)
{
    struct queue_user *user = lv_calloc(1, sizeof *user + name.n);
    lv_rcu_refs_init(&user->refs, queue_user_free); /* the table's */
    user->by_name.key = slice_of(memcpy(user + 1, name.p, name.n), name.n);
    lv_table_insert(topology->queue_users, &user->by_name);
    return user;
}

struct queue_user *queue_user_enter(struct topology *topology, struct slice name)
{
    lv_assert(topology_is_locked(topology));
    if (name.n == 0)
        return NULL;
    struct lv_table_node *node = lv_table_find(topology->queue_users, name);
    struct queue_user *user =
        node ? lv_container_of(node, struct queue_user, by_name) : queue_user_make(topology, name);
    user->queues++;
    lv_rcu_ref(&user->refs);
    return user;
}

void queue_user_leave(struct topology *topology, struct queue_user *user)
{
    lv_assert(topology_is_locked(topology));
    if (!user)
        return;
    lv_assert(user->queues > 0);
    if (--user->queues > 0)
        return;
    lv_table_remove(topology->queue_users, &user->by_name);
    lv_rcu_unref(&user->refs);
}

void queue_user_unref(struct queue_user **user)
{
    struct queue_user *u = *user;
    *user = NULL;
    if (u)
        lv_rcu_unref(&u->refs);
}
