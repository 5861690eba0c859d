/* The control socket: DIR/control.sock, where leveretctl asks and the broker answers
 * (docs/formats/control.md).
 *
 * Requests are served on threads of this room's own, which may wait: for loops that are asked
 * (ask.h), for the definitions' commit, for a slow reader. So no loop ever waits for an operator,
 * and no operator for another one's client. */
#ifndef LEVERET_CONTROL_CONTROL_H
#define LEVERET_CONTROL_CONTROL_H

#include <jansson.h>

#include "auth/auth.h"
#include "broker/broker.h"
#include "loop/loop.h"
#include "session/session.h"

#define CONTROL_SOCKET_FILE "control.sock"

/* What the room needs to know of the process around it. All borrowed for the control's life. */
struct control_world {
    struct loops *loops;
    struct broker *broker;
    struct auth *auth;
    struct session_server *sessions;
    const char *data_dir;
    const char *node_name; /* as listings and messages show it: "leveret@host" */
    void *arg;             /* for the calls below, which come on the socket's thread: none waits */
    void (*stop)(void *arg);                        /* begins the graceful stop */
    void (*facts)(void *arg, json_t *object);       /* adds what `status` shows of the process */
    void (*environment)(void *arg, json_t *object); /* adds the effective settings */
};

struct control; /* see control.c */

/* Opens the socket (mode 0600) and starts serving. ERR_BUSY when somebody answers on it,
 * ERR_TOO_LARGE when the path does not fit a unix address. The caller owns *ret. Before or after
 * loops_start(). */
int control_start(const struct control_world *world, struct control **ret);

/* Ends every request, the waiting ones with an error, joins the threads and removes the socket.
 * After loops_run() has returned and before loops_free(). Clears the pointer. NULL is fine. */
void control_stop(struct control **control);

#endif
