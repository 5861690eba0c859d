/* Log lines: one line for one event.
 *
 *   2026-11-23 17:42:05.123456+00:00 [info] <0.7.0> connection 127.0.0.1:51044 ...: closed
 *
 * A line has a level and a category; RabbitMQ has the same ones. Outputs (log_output.h) each take
 * the lines above a level of theirs for that category; the first output is the console, which is
 * standard error at the start. A line that no output takes costs a load and a comparison, and its
 * arguments are not evaluated.
 *
 * Until log_thread_start() the caller writes its line to the console itself. From then on each
 * output has a ring and a thread that empties it, so no caller waits for a slow reader of the log:
 *
 *   - Lines that a ring cannot hold are dropped, and a line says how many were.
 *   - At most LOG_LINES_A_SECOND lines of one call site are logged in a second; after it, one line
 *     says how many more there were.
 *
 * A function logs or returns an error, not both. Any thread. */
#ifndef LEVERET_BASE_LOG_H
#define LEVERET_BASE_LOG_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/slice.h"

#define LOG_LEVELS(L)                                                                              \
    L(LOG_DEBUG, "debug")                                                                          \
    L(LOG_INFO, "info")                                                                            \
    L(LOG_WARNING, "warning")                                                                      \
    L(LOG_ERROR, "error")                                                                          \
    L(LOG_CRITICAL, "critical")                                                                    \
    L(LOG_NONE, "none")

enum log_level {
#define LOG_ENUM(name, text) name,
    LOG_LEVELS(LOG_ENUM)
#undef LOG_ENUM
};

/* What a line is about. LOG_ABOUT_DEFAULT is everything that has no category of its own. */
#define LOG_CATEGORIES(C)                                                                          \
    C(LOG_ABOUT_DEFAULT, "default")                                                                \
    C(LOG_ABOUT_CONNECTION, "connection")                                                          \
    C(LOG_ABOUT_CHANNEL, "channel")                                                                \
    C(LOG_ABOUT_QUEUE, "queue")                                                                    \
    C(LOG_ABOUT_USER, "user")                                                                      \
    C(LOG_ABOUT_LDAP, "ldap")                                                                      \
    C(LOG_ABOUT_FEDERATION, "federation")                                                          \
    C(LOG_ABOUT_SHOVEL, "shovel")                                                                  \
    C(LOG_ABOUT_UPGRADE, "upgrade")

enum log_category {
#define LOG_ENUM(name, text) name,
    LOG_CATEGORIES(LOG_ENUM)
#undef LOG_ENUM
        LOG_CATEGORY_COUNT
};

/* The category of a file's lines. A file with lines of another one defines it before it includes
 * anything: #define LOG_CATEGORY LOG_ABOUT_CONNECTION. */
#ifndef LOG_CATEGORY
#define LOG_CATEGORY LOG_ABOUT_DEFAULT
#endif

enum { LOG_LINES_A_SECOND = 20, LOG_STOP_MS = 1000, LOG_TEXT_BYTES_MAX = 4000 };

/* The lowest level of each category that an output takes. Read only by log_is_on(). */
extern atomic_uchar log_lowest[LOG_CATEGORY_COUNT];

/* Returns whether some output takes lines of this category and level. */
static inline bool log_is_on(enum log_category category, enum log_level level)
{
    unsigned lowest = atomic_load_explicit(&log_lowest[category], memory_order_relaxed);
    return (unsigned)level >= lowest;
}

/* Sets the lowest level that the outputs take, in every category. It is LOG_INFO at the start.
 * LOG_NONE silences all. A category that is not written to an output at all stays so. */
void log_set_level(enum log_level level);
/* Like log_set_level(), for one category. */
void log_set_category_level(enum log_category category, enum log_level level);
/* Returns the lowest level of LOG_ABOUT_DEFAULT that is logged. */
enum log_level log_get_level(void);

/* Reads "debug" ... "none". RabbitMQ's other levels are read as the next that is logged here:
 * "notice" as "warning", "alert" and "emergency" as "none". Returns false, with *ret_level
 * unchanged, if the text is none of them. */
bool log_level_parse(const char *text, enum log_level *ret_level);
const char *log_level_name(enum log_level level);
/* Reads "connection" ...; returns false, with *ret unchanged, if the text is no category. */
bool log_category_parse(const char *text, enum log_category *ret);
const char *log_category_name(enum log_category category);

/* Logs one line. Control characters and bytes that are not UTF-8 are escaped, so a peer's bytes
 * cannot forge a line. A call site is identified by its format; lines of the format "%s" are all
 * written. A text is cut after LOG_TEXT_BYTES_MAX bytes and then ends in "...". */
#define log_line(level, ...) log_line_of(level, 0, __VA_ARGS__)
/* Like log_line(), for a call site whose lines are of several kinds: each kind is limited by
 * itself, so repeated lines of one do not hide those of another. The kinds should be few (reply
 * codes, not names). */
#define log_line_of(level, kind, ...) log_line_about(LOG_CATEGORY, level, kind, __VA_ARGS__)
/* Like log_line_of(), for a call site whose lines are of several categories. */
#define log_line_about(category, level, kind, ...)                                                 \
    (log_is_on((category), (level)) ? log_write((category), (level), (kind), __VA_ARGS__) : (void)0)

#define log_debug(...) log_line(LOG_DEBUG, __VA_ARGS__)
#define log_info(...) log_line(LOG_INFO, __VA_ARGS__)
#define log_warning(...) log_line(LOG_WARNING, __VA_ARGS__)
#define log_error(...) log_line(LOG_ERROR, __VA_ARGS__)

/* Only the macros above call it. */
void log_write(enum log_category category, enum log_level level, uint64_t kind, const char *format,
               ...) __attribute__((format(printf, 4, 5)));

/* What a line is about, beside its text: fields of a line in JSON, and of journald. */
#define LOG_NOTES(N)                                                                               \
    N(LOG_NOTE_PID, "pid")                                                                         \
    N(LOG_NOTE_CONNECTION, "connection")                                                           \
    N(LOG_NOTE_CONNECTION_NAME, "connection_name")                                                 \
    N(LOG_NOTE_PEER, "peer")                                                                       \
    N(LOG_NOTE_USER, "user")                                                                       \
    N(LOG_NOTE_VHOST, "vhost")                                                                     \
    N(LOG_NOTE_CHANNEL, "channel")

enum log_note {
#define LOG_ENUM(name, text) name,
    LOG_NOTES(LOG_ENUM)
#undef LOG_ENUM
        LOG_NOTE_COUNT
};

/* Adds a note to the next line that this thread logs; a later note of the same kind replaces an
 * earlier one. A function that composes an argument of a line calls it: session_title() does. A
 * note that does not fit into LOG_NOTES_BYTES_MAX together with the others is left out. */
void log_note(enum log_note note, struct slice value);
void log_note_number(enum log_note note, uint64_t value);
/* Forgets this thread's notes: the line they were for is not logged. */
void log_notes_clear(void);

/* Starts the threads that write, one for each output. Call only if they are not running, and while
 * no other thread logs. */
void log_thread_start(void);
/* Lets the threads write what is in the rings and end; from then on callers write their lines to
 * the console again. Returns true once all have ended, or if there are none. Returns false if one
 * has not ended after LOG_STOP_MS, because its output takes no bytes: the thread then runs on, and
 * lines still go into its ring. */
bool log_thread_stop(void);

/* Writes "leveret: " and the text to standard error (and to log files), after the lines that are in
 * the rings, and aborts. Waits at most a second for slow outputs. Any thread. */
_Noreturn void log_panic(const char *format, ...) __attribute__((format(printf, 1, 2)));

#endif
