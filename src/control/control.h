/* The control socket, DIR/control.sock, on which the broker answers leveretctl
 * (docs/formats/control.md).
 *
 * Requests run on threads of this room, which may wait: for loops (manage/ask.h), for a commit, for
 * a slow client. So a loop never waits for an operator, nor an operator for another one's client.
 */
#ifndef LEVERET_CONTROL_CONTROL_H
#define LEVERET_CONTROL_CONTROL_H

#include <jansson.h>

#include "auth/auth.h"
#include "broker/broker.h"
#include "loop/loop.h"
#include "session/session.h"

#define CONTROL_SOCKET_FILE "control.sock"

struct vhost_defaults; /* see manage/vhost_defaults.h */

/* What the room needs of the process around it. Everything is borrowed until control_stop(). */
struct control_world {
    struct loops *loops;
    struct broker *broker;
    struct auth *auth;
    struct session_server *sessions;
    const char *data_dir;
    const char *node_name; /* as listings and messages show it: "leveret@host" */
    const struct vhost_defaults *vhost_defaults; /* what new vhosts begin with */
    void *
        arg; /* of the functions below, which are called on the socket's thread and must not wait */
    void (*stop)(void *arg);                        /* begins the graceful stop */
    void (*facts)(void *arg, json_t *object);       /* adds what `status` shows of the process */
    void (*environment)(void *arg, json_t *object); /* adds the effective settings */
    /* Sets a limit of memory or disk until the next start: "disk_free_limit.absolute", "1GB".
     * Returns false if the value is not one. Called on loop 0, unlike the others. */
    bool (*set_limit)(void *arg, const char *key, const char *value);
};

struct control; /* see control.c */

/* Opens the socket (mode 0600) and starts serving. Returns 0; ERR_TOO_LARGE if the path is too long
 * for a unix address; ERR_NO_MEMORY if no thread can be started; else the error of a system call.
 * The caller owns *ret. May be called before or after loops_start(). */
int control_start(const struct control_world *world, struct control **ret);

/* Ends every request (those that wait end with an error), joins the threads and removes the socket.
 * Clears the pointer. NULL is fine. Call after loops_run() has returned and before loops_free(). */
void control_stop(struct control **control);

#endif
