/* Clients of the control socket who wait until the application has stopped or started. */
#ifndef LEVERET_LEVERETD_WAITERS_H
#define LEVERET_LEVERETD_WAITERS_H

enum { WAITERS_MAX = 512 }; /* more than the control socket has clients at a time */

/* All zero: nobody waits. One thread at a time. */
struct waiters {
    int sockets[WAITERS_MAX];
    unsigned count;
};

/* Takes the socket of one who waits. If too many do, it is closed. */
void waiters_add(struct waiters *w, int fd);

/* Sends each the last line of its answer (docs/formats/control.md), ok or, if `failure` is not
 * NULL, the error `start_failed` with this text, and closes the sockets. */
void waiters_answer(struct waiters *w, const char *failure);

#endif
