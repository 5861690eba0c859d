/* Declarations shared by the files of the log. Private to log*.c. */
#ifndef LEVERET_BASE_LOG_PRIVATE_H
#define LEVERET_BASE_LOG_PRIVATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/log.h"
#include "base/log_output.h"
#include "base/log_record.h"

enum { LOG_SAMPLE_BYTES_MAX = 240 };

/* --- log.c ------------------------------------------------------------------------------------ */

/* Logs a text that is not counted as repeated. */
void log_text(enum log_category category, enum log_level level, struct slice text);
/* Returns milliseconds of the monotonic clock. */
uint64_t log_now_ms(void);
/* Returns "8,699" for 8699, written into `room`. */
const char *log_with_commas(uint64_t n, char room[32]);

/* --- log_record.c ----------------------------------------------------------------------------- */

/* Returns this thread's notes, valid until it adds or clears some. */
struct slice log_notes_now(void);

/* --- log_output.c ----------------------------------------------------------------------------- */

/* Puts the record into the rings of the outputs that take it. Returns false if no output has a
 * thread. */
bool log_outputs_put(const struct log_record *record);
/* Writes the record to the console on this thread. */
void log_output_direct(const struct log_record *record);
/* Waits until the rings are empty, or timeout_ms have passed. Takes no lock. */
void log_outputs_wait_until_empty(int timeout_ms);
/* Writes a finished line to every output that can take one at any time. Takes no lock. */
void log_outputs_last_words(const char *line, size_t n);

/* --- log_console.c ---------------------------------------------------------------------------- */

/* Waits until a write to the descriptor would not block. Returns false after timeout_ms. */
bool log_wait_writable(int fd, int timeout_ms);
extern struct log_console log_console_default; /* standard error, as text; never freed */

/* --- log_repeats.c ---------------------------------------------------------------------------- */

/* The lines of one site that were not written because they were too many. */
struct log_repeated {
    enum log_category category;
    enum log_level level;
    uint64_t count;
    uint64_t ms; /* the time within which they were logged */
    char sample[LOG_SAMPLE_BYTES_MAX];
};

/* Counts a line of the site. Returns false if it is one too many, and must not be written. */
bool log_repeats_admit(enum log_category category, enum log_level level, const char *site,
                       uint64_t kind, const char *text);
/* Logs a line for each site whose second is over, or with `at_once` for any site, that says how
 * many of its lines were suppressed. */
void log_repeats_tell(bool at_once);
/* Returns the time, by log_now_ms(), when log_repeats_tell() is to be called again; UINT64_MAX if
 * no call site is being counted. */
uint64_t log_repeats_due_ms(void);

#endif
