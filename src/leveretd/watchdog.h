/* The watchdog: tells the service manager that the process is alive, but while loops run only if
 * every loop answers. The service manager restarts a process with a loop that is stuck
 * (WatchdogSec= in its unit).
 *
 * A thread sends mail to every loop. When all have answered it notifies the service manager, waits
 * a quarter of the service manager's limit, and begins again. So a loop that is merely slow has
 * about three quarters of the limit to answer. While no loops run, which is when the application
 * stops or starts in a process that stays, there is nobody to ask and the process counts as alive.
 *
 * There is one for the process. Call these functions on the thread of loop 0. */
#ifndef LEVERET_LEVERETD_WATCHDOG_H
#define LEVERET_LEVERETD_WATCHDOG_H

#include "loop/loop.h"

/* Watches these loops from now on; the first call starts the thread. Does nothing if the service
 * manager expects no notifications (service_notify_watchdog_us()). Logs an error if the thread
 * cannot be started. Borrows the loops until watchdog_leave(). Call after loops_start(). */
void watchdog_watch(struct loops *loops);

/* Watches no loops from now on. Mail may still be under way to them, whose delivery is harmless.
 * Does nothing if none are watched. Call once the loops have ended. */
void watchdog_leave(void);

/* Ends the thread. Call before the process ends, after watchdog_leave(). */
void watchdog_stop(void);

#endif
