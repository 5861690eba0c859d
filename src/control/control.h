/* The control socket, DIR/control.sock, on which the broker answers leveretctl
 * (docs/formats/control.md).
 *
 * Requests run on threads of this room, which may wait: for loops (manage/ask.h), for a commit, for
 * a slow client. So a loop never waits for an operator, nor an operator for another one's client.
 */
#ifndef LEVERET_CONTROL_CONTROL_H
#define LEVERET_CONTROL_CONTROL_H

#include <stdbool.h>

#define CONTROL_SOCKET_FILE "control.sock"

struct manage;

/* What the room needs of the process around it. Everything is borrowed until control_stop(). */
struct control_world {
    struct manage *manage;
    const char *data_dir;
    void *arg;               /* of the functions below */
    void (*stop)(void *arg); /* begins the graceful stop; must not wait */
    /* Sets a limit of memory or disk until the next start: "disk_free_limit.absolute", "1GB".
     * Returns false if the value is not one. Called on loop 0. */
    bool (*set_limit)(void *arg, const char *key, const char *value);
};

struct control; /* see control.c */

/* Opens the socket (mode 0600) and starts serving. Returns 0; ERR_TOO_LARGE if the path is too long
 * for a unix address; ERR_NO_MEMORY if no thread can be started; else the error of a system call.
 * The caller owns *ret. May be called before or after loops_start(). */
int control_start(const struct control_world *world, struct control **ret);

/* Ends every request (those that wait end with an error), joins the threads and removes the socket.
 * Clears the pointer. NULL is fine. Call after asker_close(). */
void control_stop(struct control **control);

#endif
