/* Log lines: one line for one fact, to standard error.
 *
 *   2026-11-23 17:42:05.123 [info] connection 127.0.0.1:51044 closed: silent for 120 s
 *
 * Until log_thread_start() the caller writes its line itself, with one write(2). From then on a
 * line is copied into a ring that a thread empties, so no caller waits for a slow reader of the
 * log:
 *
 *   - Lines that the ring cannot hold are dropped, and a line says how many were.
 *   - At most LOG_LINES_A_SECOND lines of one call site are written in a second; after it, one line
 *     says how many more there were.
 *
 * A function logs or returns an error, not both. Any thread. */
#ifndef LEVERET_BASE_LOG_H
#define LEVERET_BASE_LOG_H

#include <stdbool.h>
#include <stdint.h>

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

enum { LOG_LINES_A_SECOND = 20, LOG_STOP_MS = 1000 };

/* Lines below this level are dropped. It is LOG_INFO at the start. */
void log_set_level(enum log_level level);
enum log_level log_get_level(void);

/* Reads "debug" ... "none". Returns false, with *ret_level unchanged, if the text is none of
 * them. */
bool log_level_parse(const char *text, enum log_level *ret_level);

/* Logs one line. Control characters and bytes that are not UTF-8 are escaped, so a peer's bytes
 * cannot forge a line. A call site is identified by its format; lines of the format "%s" are all
 * written. */
void log_line(enum log_level level, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Like log_line(), for a call site whose lines are of several kinds: each kind is limited by
 * itself, so repeated lines of one do not hide those of another. The kinds should be few (reply
 * codes, not names). */
void log_line_of(enum log_level level, uint64_t kind, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Starts the thread that writes. Call only if it is not running, and while no other thread logs. */
void log_thread_start(void);
/* Lets the thread write what is in the ring and end; from then on callers write their lines
 * themselves again. Returns true once it has ended, or if there is none. Returns false if it has
 * not ended after LOG_STOP_MS, because standard error takes no bytes: the thread then runs on, and
 * lines still go into the ring. */
bool log_thread_stop(void);

/* Writes "leveret: " and the text to standard error, after the lines that are in the ring, and
 * aborts. Waits at most a second for a slow reader. Any thread. */
_Noreturn void log_panic(const char *format, ...) __attribute__((format(printf, 1, 2)));

#define log_debug(...) log_line(LOG_DEBUG, __VA_ARGS__)
#define log_info(...) log_line(LOG_INFO, __VA_ARGS__)
#define log_warning(...) log_line(LOG_WARNING, __VA_ARGS__)
#define log_error(...) log_line(LOG_ERROR, __VA_ARGS__)

#endif
