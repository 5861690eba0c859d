/* Declarations shared by the files of the log. Private to log*.c. */
#ifndef LEVERET_BASE_LOG_PRIVATE_H
#define LEVERET_BASE_LOG_PRIVATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/log.h"

enum { LOG_LINE_BYTES_MAX = 4096, LOG_SAMPLE_BYTES_MAX = 240 };

/* --- log.c ------------------------------------------------------------------------------------ */

/* Builds a line: time, level, and the text, escaped and cut. `line` has LOG_LINE_BYTES_MAX bytes.
 * Returns its length, newline included. */
size_t log_compose(char *line, enum log_level level, const char *text);
/* Waits until a write to standard error would not block. Returns false after timeout_ms. */
bool log_wait_writable(int timeout_ms);

/* --- log_ring.c ------------------------------------------------------------------------------- */

/* Returns whether lines go through the ring. */
bool log_ring_is_running(void);
/* Puts a line into the ring, or counts it as dropped. Returns false if there is no thread. */
bool log_ring_put(const char *line, size_t n);
/* Waits until the thread has written everything, or timeout_ms have passed. Takes no lock. */
void log_ring_wait_until_empty(int timeout_ms);

/* Returns milliseconds of the monotonic clock. */
uint64_t log_now_ms(void);

/* --- log_repeats.c ---------------------------------------------------------------------------- */

/* The lines of one site that were not written because they were too many. */
struct log_repeated {
    enum log_level level;
    uint64_t count;
    uint64_t ms; /* the time within which they were logged */
    char sample[LOG_SAMPLE_BYTES_MAX];
};

/* Counts a line of the site. Returns false if it is one too many, and must not be written. */
bool log_repeats_admit(enum log_level level, const char *site, uint64_t kind, const char *text);
/* Takes the count of suppressed lines of one call site whose second is over, or with `at_once` of
 * any call site. Returns false if there is no such count. */
bool log_repeats_take(bool at_once, struct log_repeated *ret);
/* Returns the time, by log_now_ms(), when log_repeats_take() is to be called again; UINT64_MAX if
 * no call site is being counted. */
uint64_t log_repeats_due_ms(void);

#endif
