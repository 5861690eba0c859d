/* The other end of the control socket (docs/formats/control.md). */
#ifndef LEVERETCTL_ASK_H
#define LEVERETCTL_ASK_H

#include <jansson.h>
#include <stdint.h>

#include "base/buffer.h"

struct ask {
    int fd;         /* -1: not connected */
    int timeout_ms; /* for all that is waited for together; -1: for ever */
    uint64_t deadline_ms;
    struct lv_buffer in;
    size_t taken; /* bytes of `in` that have been handed out */
};

/* Connects to the socket of this data directory. ERR_NOT_FOUND: there is none; ERR_REFUSED: nobody
 * listens on it, or we may not; ERR_TOO_LARGE: the path does not fit; ERR_BUSY: the time is up. */
int ask_open(struct ask *a, const char *data_dir, int timeout_ms);
/* Fine on what is not open. */
void ask_close(struct ask *a);

/* Sends a request. ERR_IO; ERR_BUSY: the time is up. */
int ask_send(struct ask *a, const json_t *request);
/* The next line of the answer; the caller owns it. ERR_CLOSED: the broker has ended the connection;
 * ERR_BUSY: the time is up; ERR_FORMAT: it is no JSON. */
int ask_line(struct ask *a, json_t **ret);

#endif
