/* Tells the service manager (systemd) about the state of the process: the protocol of sd_notify(3).
 * A state is one datagram to the Unix socket that NOTIFY_SOCKET names. Without that variable the
 * functions do nothing. They may be called on any thread, and wait at most a second if the service
 * manager does not read. A datagram that cannot be sent is logged at debug level and dropped.
 *
 * The variables stay in the environment, so a process that executes itself again can still use
 * them. The socket is closed on execve(2). */
#ifndef LEVERET_LEVERETD_SERVICE_NOTIFY_H
#define LEVERET_LEVERETD_SERVICE_NOTIFY_H

#include <stdint.h>

#include "base/slice.h"

/* Opens the socket. Call once, before the other functions and before other threads exist. */
void service_notify_open(void);

/* The broker serves clients, for the first time or again after a reload. `status` is shown by
 * `systemctl status`. */
void service_notify_ready(struct slice status);
/* A reload begins; service_notify_reloaded() ends it, whether or not it changed anything. */
void service_notify_reloading(void);
void service_notify_reloaded(void);
/* What the process does, for `systemctl status`; its state is as before. */
void service_notify_status(struct slice status);
/* The stop of the process has begun. */
void service_notify_stopping(void);
/* The process is alive: see watchdog.h. */
void service_notify_alive(void);

/* Returns the microseconds within which the service manager expects service_notify_alive() each
 * time, or 0 if it does not expect it from this process (WATCHDOG_USEC, WATCHDOG_PID). */
uint64_t service_notify_watchdog_us(void);

#endif
