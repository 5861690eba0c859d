/* Visiting the sessions of all loops from a thread that may wait. */
#ifndef LEVERET_MANAGE_SESSION_WALKS_H
#define LEVERET_MANAGE_SESSION_WALKS_H

#include "manage/manage.h"
#include "session/session.h"

/* Visits every session: each loop its own, a limited number of connections and channels in a turn.
 * The visitor gets args[i] on the i-th loop. Returns 0, or ERR_CLOSED if the broker has stopped:
 * not all have been visited then. RCU as for ask_every_loop(). */
int manage_visit_sessions(struct manage *m, const struct session_visitor *visitor,
                          void *const *args);

#endif
