/* What the files of the log share. Private to log*.c. */
#ifndef LEVERET_BASE_LOG_PRIVATE_H
#define LEVERET_BASE_LOG_PRIVATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/log.h"

enum { LOG_LINE_BYTES_MAX = 4096, LOG_SAMPLE_BYTES_MAX = 240 };

/* --- log.c ------------------------------------------------------------------------------------ */

/* Stamps, escapes and cuts the text; line has LOG_LINE_BYTES_MAX bytes. Returns its length, with
 * the newline. */
size_t log_compose(char *line, enum log_level level, const char *text);
/* Waits until a write of a line to standard error would not block. False after timeout_ms. */
bool log_wait_writable(int timeout_ms);

/* --- log_ring.c ------------------------------------------------------------------------------- */

/* Whether lines go through the ring. */
bool log_ring_is_running(void);
/* Hands a line to the thread, or counts it as dropped. False if there is no thread. */
bool log_ring_put(const char *line, size_t n);
/* Returns once the thread has written all, or after timeout_ms. Takes no lock. */
void log_ring_wait_until_empty(int timeout_ms);

/* Milliseconds of the monotonic clock. */
uint64_t log_now_ms(void);

/* --- log_repeats.c ---------------------------------------------------------------------------- */

/* Lines of one site that were too many. */
struct log_repeated {
    enum log_level level;
    uint64_t count;
    uint64_t ms; /* in which they came */
    char sample[LOG_SAMPLE_BYTES_MAX];
};

/* Counts a line of the site. False: it is one too many, and must not be written. */
bool log_repeats_admit(enum log_level level, const char *site, uint64_t kind, const char *text);
/* Takes the count of one site whose second has ended (or of any site, if `at_once`). False: there
 * is none. */
bool log_repeats_take(bool at_once, struct log_repeated *ret);
/* When to call log_repeats_take() again, in log_now_ms(); UINT64_MAX: not until a line was
 * admitted. */
uint64_t log_repeats_due_ms(void);

#endif
