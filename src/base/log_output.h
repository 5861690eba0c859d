/* The outputs of the log: where lines go, in which form, from which level on.
 *
 * An output has a slot, a ring of lines that are not written yet, and a thread that writes them
 * with the operations of its sink: to the console, to a file, to a syslog server. An output that is
 * slow or fails loses lines, which are counted; it delays neither who logs nor the other outputs.
 */
#ifndef LEVERET_BASE_LOG_OUTPUT_H
#define LEVERET_BASE_LOG_OUTPUT_H

#include "base/log_record.h"

struct log_format;

enum {
    LOG_OUTPUTS_MAX = 16,
    LOG_OUTPUT_CONSOLE = 0, /* the slot of the console, which is in use at the start */
    LOG_OUTPUT_FILE = 1,    /* the slot of the log file */
    LOG_OUTPUT_RING_BYTES = 256 * 1024,
};

/* A level for each category: the lowest that the output takes. */
struct log_output_levels {
    uint8_t of[LOG_CATEGORY_COUNT];
};
/* The level of a category that the output does not take, whatever log_set_level() says. */
enum { LOG_LEFT_OUT = LOG_NONE + 1 };

/* What an output's thread does with lines. A sink is used by one thread at a time. */
struct log_sink_ops {
    /* Takes a line; the record is borrowed. Returns false if the sink can take none at present:
     * the thread then asks again later, until the log ends. */
    bool (*put)(void *sink, const struct log_record *record);
    /* Writes what the sink has taken. Returns false if some of it could not be written: the thread
     * then asks again later. */
    bool (*flush)(void *sink);
    /* Opens the sink's file or connection again. NULL: there is none. */
    void (*reopen)(void *sink);
    /* Writes a finished line at once, while another thread may be using the sink. NULL: cannot. */
    void (*last_words)(void *sink, const char *line, size_t n);
    void (*free)(void *sink); /* NULL: the sink is static */
};

/* Makes the sink that of the slot, with these levels, and takes it. `location` says to an operator
 * where the lines go: "<stderr>", a path; it is copied, and cut if it is very long. If the slot has
 * a sink, its thread goes on with the new one once it has written what the old one has taken, and
 * frees the old one. Starts a thread if log_thread_start() has been called. Serialised by the
 * caller, with the functions below. */
void log_output_set(unsigned slot, const char *location, const struct log_sink_ops *ops, void *sink,
                    const struct log_output_levels *levels);
/* Returns the location of a slot's output, written to `space`; NULL if the slot is not in use. Any
 * thread. */
enum { LOG_LOCATION_BYTES_MAX = 1024 };
const char *log_output_location(unsigned slot, char space[LOG_LOCATION_BYTES_MAX]);
bool log_output_is_used(unsigned slot);
/* Changes the levels alone. The slot must be in use. */
void log_output_set_levels(unsigned slot, const struct log_output_levels *levels);
/* Ends the output. Its thread writes what is in the ring and frees the sink. Does not wait. */
void log_output_clear(unsigned slot);

/* Makes every output's thread open its file again. Any thread. */
void log_outputs_reopen(void);
/* Returns how many lines the outputs together have dropped since the start. Any thread. */
uint64_t log_outputs_dropped(void);
/* Keeps this thread's lines from an output, or lets them go there again: those that are logged
 * while this output's own lines are delivered. */
void log_output_shun(unsigned slot, bool is_shunned);
/* Returns whether log_thread_start() has been called, and log_thread_stop() has not. */
bool log_threads_are_running(void);

/* --- the console: log_console.c --------------------------------------------------------------- */

/* Returns a sink that writes to the descriptor, which stays open. Takes the format. */
struct log_console *log_console_create(int fd, struct log_format *format);
extern const struct log_sink_ops log_console_ops;

#endif
