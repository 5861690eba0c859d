#include "leveretd/service_notify.h"

#include <errno.h>
#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "base/assert.h"
#include "base/buffer.h"
#include "base/log.h"

static int notify_fd = -1;
static struct sockaddr_un address;
static socklen_t address_n;

/* Returns false if the path is not one that the protocol permits: a name that begins with '/', or
 * with '@' for an abstract socket, whose name has a zero byte in that place. */
static bool set_address(const char *path)
{
    size_t n = strlen(path);
    if ((path[0] != '/' && path[0] != '@') || n < 2 || n > sizeof address.sun_path)
        return false;
    address.sun_family = AF_UNIX;
    memcpy(address.sun_path, path, n);
    if (path[0] == '@')
        address.sun_path[0] = '\0';
    address_n = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + n);
    return true;
}

void service_notify_open(void)
{
    const char *path = getenv("NOTIFY_SOCKET");
    lv_assert(notify_fd < 0);
    if (!path || !path[0])
        return;
    if (!set_address(path)) {
        log_warning("NOTIFY_SOCKET is ignored: expected an absolute path or a name that begins "
                    "with @, of at most %zu bytes",
                    sizeof address.sun_path);
        return;
    }
    notify_fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (notify_fd < 0) {
        log_warning("cannot notify the service manager: %s", strerror(errno));
        return;
    }
    const struct timeval limit = {.tv_sec = 1};
    setsockopt(notify_fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
}

static void notify(struct slice state)
{
    if (notify_fd < 0)
        return;
    ssize_t sent;
    do
        sent = sendto(notify_fd, state.p, state.n, MSG_NOSIGNAL, (const struct sockaddr *)&address,
                      address_n);
    while (sent < 0 && errno == EINTR);
    if (sent < 0)
        log_debug("cannot notify the service manager: %s", strerror(errno));
}

static void notify_status(const char *before, struct slice status)
{
    struct lv_buffer state = {0};
    lv_buffer_printf(&state, "%sSTATUS=%.*s", before, SLICE_ARG(status));
    notify(lv_buffer_slice(&state));
    lv_buffer_free(&state);
}

void service_notify_ready(struct slice status)
{
    notify_status("READY=1\n", status);
}

void service_notify_status(struct slice status)
{
    notify_status("", status);
}

void service_notify_reloading(void)
{
    char state[64];
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    uint64_t us = (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
    snprintf(state, sizeof state, "RELOADING=1\nMONOTONIC_USEC=%" PRIu64, us);
    notify(slice_str(state));
}

void service_notify_reloaded(void)
{
    notify(slice_str("READY=1"));
}

void service_notify_stopping(void)
{
    notify(slice_str("STOPPING=1\nSTATUS=Closing connections"));
}

void service_notify_alive(void)
{
    notify(slice_str("WATCHDOG=1"));
}

/* Returns 0 if the variable is not set, or not a positive number. */
static uint64_t variable_number(const char *name)
{
    const char *text = getenv(name);
    char *end;
    if (!text || text[0] < '0' || text[0] > '9')
        return 0;
    errno = 0;
    uint64_t value = strtoull(text, &end, 10);
    return errno == 0 && *end == '\0' ? value : 0;
}

uint64_t service_notify_watchdog_us(void)
{
    if (notify_fd < 0)
        return 0;
    if (getenv("WATCHDOG_PID") && variable_number("WATCHDOG_PID") != (uint64_t)getpid())
        return 0;
    return variable_number("WATCHDOG_USEC");
}
