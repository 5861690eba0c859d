/* Log lines: one line for one fact, to standard error.
 *
 *   2026-11-23 17:42:05.123 [info] connection 127.0.0.1:51044 closed: silent for 120 s
 *
 * Until log_thread_start() the caller writes its line itself, with one write(2). From then on a
 * line is copied into a ring that a thread empties, so no caller waits for whoever reads the log:
 *
 *   - What the ring cannot hold is dropped, and a line says how many lines that were.
 *   - Of one call site at most LOG_LINES_A_SECOND are written; then one line says how many
 *     more there were.
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

/* Lines below this level are dropped. Starts as LOG_INFO. */
void log_set_level(enum log_level level);
enum log_level log_get_level(void);

/* Reads "debug" ... "none". False when it is none of them; *ret_level is then unchanged. */
bool log_level_parse(const char *text, enum log_level *ret_level);

/* Logs one line. Control characters in it, and what is no UTF-8, are escaped: a peer's
 * bytes never forge a line. A site is
 * known by its format; "%s" alone is nobody's, and such lines are all written. */
void log_line(enum log_level level, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Like log_line(), for a site whose lines differ in kind: repeated lines of one kind do not hide
 * those of another. The kinds should be few (reply codes, not names). */
void log_line_of(enum log_level level, uint64_t kind, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Starts the thread that writes. Once; while nobody else logs. */
void log_thread_start(void);
/* Has the thread write what waits and end; lines are written by their callers again then. False
 * if it has not ended after LOG_STOP_MS, since nobody reads: it is left to itself, and lines go
 * on into the ring. True if there is no thread. */
bool log_thread_stop(void);

/* Writes "leveret: " and the text to standard error itself, after the lines that wait, and
 * aborts. Waits for a slow reader for a second at most. */
_Noreturn void log_panic(const char *format, ...) __attribute__((format(printf, 1, 2)));

#define log_debug(...) log_line(LOG_DEBUG, __VA_ARGS__)
#define log_info(...) log_line(LOG_INFO, __VA_ARGS__)
#define log_warning(...) log_line(LOG_WARNING, __VA_ARGS__)
#define log_error(...) log_line(LOG_ERROR, __VA_ARGS__)

#endif
