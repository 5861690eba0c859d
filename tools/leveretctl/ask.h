/* The client's end of the control socket (docs/formats/control.md). */
#ifndef LEVERETCTL_ASK_H
#define LEVERETCTL_ASK_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/buffer.h"

struct ask {
    int fd;         /* -1: not connected */
    int timeout_ms; /* for all waiting together; -1: for ever */
    uint64_t deadline_ms;
    struct lv_buffer in;
    size_t taken; /* bytes of `in` that have been handed out */
};

/* Connects to the socket in this data directory. ERR_NOT_FOUND: there is no socket; ERR_REFUSED: no
 * process listens on it; ERR_FORBIDDEN: we have no permission; ERR_TOO_LARGE: the path is too long;
 * ERR_BUSY: the timeout has passed. */
int ask_open(struct ask *a, const char *data_dir, int timeout_ms);
/* Closes the connection. Does nothing if there is none. */
void ask_close(struct ask *a);

/* Sends a request. ERR_IO; ERR_BUSY: the timeout has passed. */
int ask_send(struct ask *a, const json_t *request);
/* Waits at most `ms` milliseconds. Returns whether ask_line() need not wait: something has come, or
 * the broker has closed the connection. */
bool ask_wait(const struct ask *a, int ms);
/* Reads the next line of the answer into *ret, which the caller owns. ERR_CLOSED: the broker has
 * closed the connection; ERR_BUSY: the timeout has passed; ERR_FORMAT: the line is not JSON. */
int ask_line(struct ask *a, json_t **ret);

#endif
