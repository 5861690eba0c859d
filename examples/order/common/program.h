/* What each of the three programs is, as a process: it has a name in its log lines, a clock, and
 * it ends when SIGINT or SIGTERM asks for it. */
#ifndef ORDER_PROGRAM_H
#define ORDER_PROGRAM_H

#include <stdbool.h>
#include <stdint.h>

/* Sets the name that starts each log line and takes the signals. Call once, before threads start.
 * Borrows the name. */
void program_start(const char *name);

/* One line on stderr, with the time of day and the program's name. Any thread. */
void program_log(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Asks the program to end, as a signal does. Any thread. */
void program_end(void);

/* Whether the program was asked to end. Any thread. */
bool program_is_ending(void);

/* A descriptor that becomes readable, and stays so, when the program is to end. Borrowed: never
 * read from it or close it. */
int program_end_fd(void);

/* Sleeps so many milliseconds, -1: for ever. Returns true, at once, when the program is to end. */
bool program_sleep(int64_t duration_ms);

/* Milliseconds since 1970, as the world counts them. */
int64_t clock_wall_ms(void);

/* Microseconds on a clock that is never set, for durations. */
int64_t clock_steady_us(void);

/* How long to wait before the next try. Doubles from BACKOFF_MS_MIN to BACKOFF_MS_MAX. */
enum { BACKOFF_MS_MIN = 100, BACKOFF_MS_MAX = 3200 };
struct backoff {
    int64_t wait_ms; /* what the last wait was, 0: none yet */
};

/* Waits the next, longer time. Returns true when the program is to end. */
bool backoff_wait(struct backoff *backoff);

/* Something worked: the next wait is short again. */
void backoff_reset(struct backoff *backoff);

#endif
