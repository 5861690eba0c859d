/* A client of the control socket: one request after the other is read, run, and answered.
 *
 *   READS ---- a line has come ----> RUNS, on a thread of its own (a prompt command: at once)
 *     ^                                |  the command has ended
 *     '---- all has been sent ---- SENDS
 *
 * While it RUNS or SENDS nothing more is read from it. Everything here is called on the control
 * socket's thread, and none of it waits for the client. */
#ifndef LEVERET_CONTROL_CLIENT_H
#define LEVERET_CONTROL_CLIENT_H

#include <poll.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/list.h"
#include "control/control_private.h"

enum {
    REQUESTS_MAX = 32, /* with a thread of their own at a time; one more is refused */
    REQUEST_BYTES_MAX = 1024 * 1024,
};

/* What clients share. */
struct service {
    const struct control_world *world; /* borrowed */
    struct manage *manage;             /* borrowed */
    int stop_fd;                       /* readable once the control stops */
    int wake_fd;                       /* an eventfd: some client's thread has done something */
    struct spool_budget budget;
    unsigned thread_count; /* requests that have a thread */
};

struct client {
    struct lv_list link; /* the caller's */
    /* See client.c. */
    struct service *service;
    int fd; /* -1: closed, and a thread still works */
    enum client_state { CLIENT_READS, CLIENT_RUNS, CLIENT_SENDS, CLIENT_LINGERS } state;
    uint64_t since_ms; /* READS: of the last answer; else: of the last byte it has taken */
    bool is_unsent;    /* the spool held something at the last look */
    bool is_last;      /* nothing more is read: it is closed when all has been sent */
    bool has_thread;
    pthread_t thread;
    _Atomic bool is_done; /* the thread is about to end */
    struct lv_buffer in;
    struct request request;
    struct spool *spool;
};

/* Takes the descriptor, which does not block. The caller owns the client. Times are a monotonic
 * clock's. */
struct client *client_create(struct service *service, int fd, uint64_t now_ms);

/* What poll(2) is to look for. */
struct pollfd client_wants(const struct client *c);
/* Does what can be done now. */
void client_turn(struct client *c, short revents, uint64_t now_ms);
/* Nothing is left to do, and no thread works for it: client_free(). */
bool client_is_over(const struct client *c);

/* Since when we have been waiting for the client itself: for a request, or for it to read its
 * answer. UINT64_MAX: it waits for us, or has asked for the end of the process. */
uint64_t client_waited_since(const struct client *c);
/* Tells the client why, in the answer's form, if it awaits none yet, and closes its socket. A
 * command under way goes on by itself. */
void client_cut(struct client *c, const char *error, const char *text);

/* The control stops: no command waits for its client any more, and one whose client is behind
 * ends. */
void client_never_wait(struct client *c);
/* Waits for the thread, sends what the socket takes, and closes it, unless the client waits for the
 * end of the process. Clears the pointer. */
void client_free(struct client **client);

#endif
