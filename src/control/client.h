/* A client of the control socket: its requests are read, run and answered one after the other.
 *
 *   READS ---- a line is received ----> RUNS, on a thread of its own
 *     ^  '-- a prompt command: it is      | the command has ended
 *     |      run at once ------------.    v
 *     '----- the answer is sent ------- SENDS ---- the answer to `stop` is sent ----> LINGERS
 *                                         '--- the answer to `amqp` is sent: the socket is handed
 *                                              over, and the client is over
 *
 * While a client RUNS or SENDS, nothing is read from it. Every function here is called on the
 * control socket's thread and never waits for the client. */
#ifndef LEVERET_CONTROL_CLIENT_H
#define LEVERET_CONTROL_CLIENT_H

#include <poll.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/list.h"
#include "control/control_private.h"

enum {
    REQUESTS_MAX = 32, /* running on threads of their own; one more is refused */
    REQUEST_BYTES_MAX = 1024 * 1024,
};

/* What clients share. */
struct service {
    const struct control_world *world; /* borrowed */
    struct manage *manage;             /* borrowed */
    int stop_fd;                       /* readable once the control stops */
    int wake_fd; /* an eventfd: there is something to send, or a command has ended */
    struct spool_budget budget;
    unsigned thread_count; /* requests that have a thread */
};

struct client {
    struct lv_list link; /* the caller's */
    /* Private to client.c. */
    struct service *service;
    int fd; /* -1: closed; a command may still run */
    enum client_state { CLIENT_READS, CLIENT_RUNS, CLIENT_SENDS, CLIENT_LINGERS } state;
    /* READS: when the client connected or was last answered. Else: when it last took a byte of its
     * answer, or when there was first one to send. */
    uint64_t since_ms;
    bool is_unsent; /* the spool was not empty at the last look */
    bool is_last;   /* the client is closed once this answer is sent */
    bool has_thread;
    pthread_t thread;
    _Atomic bool is_done; /* the thread has run the command and is ending */
    struct lv_buffer in;
    struct lv_buffer upload; /* of the client's `upload` requests */
    struct request request;
    struct spool *spool;
};

/* Takes the descriptor, which must not block. The caller owns the client. Times are those of a
 * monotonic clock. */
struct client *client_create(struct service *service, int fd, uint64_t now_ms);

/* Returns what poll(2) is to wait for. */
struct pollfd client_wants(const struct client *c);
/* Reads, runs and sends what can be done now. */
void client_turn(struct client *c, short revents, uint64_t now_ms);
/* Returns true if the socket is closed and no command runs: the caller then frees the client. */
bool client_is_over(const struct client *c);

/* Returns since when we have been waiting for the client: for its request, or for it to read its
 * answer. Returns UINT64_MAX if we are not waiting for it. */
uint64_t client_waited_since(const struct client *c);
/* Closes the client's socket; a client that READS is first sent the error. A command that is
 * running continues. */
void client_cut(struct client *c, const char *error, const char *text);

/* Called when the control stops: from here on no command waits for its client. A running command
 * whose client has not read all of the answer so far is cut off. */
void client_never_wait(struct client *c);
/* Frees the client: waits for the thread, sends what the socket takes, and closes the socket,
 * which the world keeps if the client LINGERS. Clears the pointer. */
void client_free(struct client **client);

#endif
