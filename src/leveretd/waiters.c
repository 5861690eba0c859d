#include "leveretd/waiters.h"

#include <jansson.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

void waiters_add(struct waiters *w, int fd)
{
    if (w->count == WAITERS_MAX)
        close(fd);
    else
        w->sockets[w->count++] = fd;
}

/* Returns the line, which the caller frees. */
static char *line_of(const char *failure)
{
    json_t *line = failure ? json_pack("{s:s, s:s}", "error", "start_failed", "text", failure)
                           : json_pack("{s:b}", "ok", true);
    char *text = json_dumps(line, JSON_COMPACT);
    json_decref(line);
    return text;
}

void waiters_answer(struct waiters *w, const char *failure)
{
    char *line = line_of(failure);
    for (unsigned i = 0; i < w->count; i++) {
        int fd = w->sockets[i];
        /* The socket's buffer is empty, so it takes all of a short line; or the client is gone. */
        (void)!send(fd, line, strlen(line), MSG_NOSIGNAL | MSG_DONTWAIT | MSG_MORE);
        (void)!send(fd, "\n", 1, MSG_NOSIGNAL | MSG_DONTWAIT);
        close(fd);
    }
    w->count = 0;
    free(line);
}
