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
    /* NULL: the application is stopped (`leveretctl stop_app`), and only the commands that a
     * stopped node has are answered (control_stopped.c). */
    struct manage *manage;
    const char *node_name;
    const char *data_dir;
    void *arg; /* of the functions below */

    /* Each begins what its name says, and must not wait. stop() ends the process. stop_app() is
     * called only while the application runs, start_app() only while it is stopped. */
    void (*stop)(void *arg);
    void (*stop_app)(void *arg);
    void (*start_app)(void *arg);
    /* Takes the socket of a client that has asked for one of these, and has been answered that it
     * begins. The client is told on it when that has ended, or sees the end of the process. Called
     * within control_stop(). */
    void (*keep)(void *arg, int fd);
    /* Deletes all definitions and messages, while the application is stopped. Returns a negative
     * error. Blocks. */
    int (*reset)(void *arg);

    /* Sets a limit of memory or disk until the next start: "disk_free_limit.absolute", "1GB".
     * Returns false if the value is not one. Called on loop 0. */
    bool (*set_limit)(void *arg, const char *key, const char *value);
    /* Switches the disk alarm off or on, until the next start. Called on loop 0. */
    void (*watch_disk)(void *arg, bool is_on);
    /* Closes the listeners of clients, or opens them again; called on loop 0, as is set_limit().
     * Returns a negative error if one cannot be opened: then the others are. */
    void (*suspend_listeners)(void *arg);
    int (*resume_listeners)(void *arg);
    /* Puts the node into maintenance: listeners are suspended, and the connections of clients are
     * closed; or ends that. On loop 0; returns like resume_listeners(). */
    void (*drain)(void *arg);
    int (*revive)(void *arg);
    /* Counts a client that is about to speak AMQP. Returns false if there are as many as there may
     * be. Called on the control socket's thread, as the next one is; must not wait. */
    bool (*reserve_amqp)(void *arg);
    /* Takes the socket (-1: the client has left) of a client that was counted, and which from now
     * on speaks AMQP as an operator. */
    void (*take_amqp)(void *arg, int fd);
};

struct control; /* see control.c */

/* Opens the socket (mode 0600), starts serving, and makes a link to it (base/node_links.h; if that
 * fails, the log says so). Returns 0; ERR_TOO_LARGE if the path is too long for a unix address;
 * ERR_NO_MEMORY if no thread can be started; else the error of a system call. The caller owns *ret.
 * May be called before or after loops_start(). */
int control_start(const struct control_world *world, struct control **ret);

/* Ends every request (those that wait end with an error), joins the threads and removes the socket
 * and its link. Clears the pointer. NULL is fine. Call after asker_close(). */
void control_stop(struct control **control);

#endif
