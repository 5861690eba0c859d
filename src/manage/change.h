/* A change that an actor makes: the events that the change causes name the actor, and change_end()
 * returns once the change is durable.
 *
 *     struct change change;
 *     err = policy_set(..., change_begin(&change, actor));
 *     return change_end(&change, err);
 *
 * The calling thread is as in manage.h. */
#ifndef LEVERET_MANAGE_CHANGE_H
#define LEVERET_MANAGE_CHANGE_H

#include "manage/manage.h"
#include "message/events.h"

/* The field of an event that names the actor. */
#define ACTOR(actor) EVENT_STR("user_who_performed_action", (actor)->name)

struct change {
    struct commit commit;
    struct slice actor_before;
};

/* Begins a change. Returns the callback to pass to the function that makes the change, which calls
 * it once the change is durable. The actor's name is borrowed until change_end(). */
struct durable_done change_begin(struct change *c, const struct actor *actor);
/* Ends a change: waits until it is durable. `submitted` is what the function that makes it
 * returned; if it is negative, there is nothing to wait for, and it is returned. Else returns 0 or
 * the error of the commit. RCU is offline while it waits. */
int change_end(struct change *c, int submitted);

#endif
