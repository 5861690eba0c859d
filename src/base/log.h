/* Log lines: one line for one fact, written whole with a single write(2) to standard error.
 *
 *   2026-11-23 17:42:05.123 [info] connection 127.0.0.1:51044 closed: silent for 120 s
 *
 * A function logs or returns an error, not both. Any thread. */
#ifndef LEVERET_BASE_LOG_H
#define LEVERET_BASE_LOG_H

#include <stdbool.h>

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

/* Lines below this level are dropped. Starts as LOG_INFO. */
void log_set_level(enum log_level level);
enum log_level log_get_level(void);

/* Reads "debug" ... "none". False when it is none of them; *ret_level is then unchanged. */
bool log_level_parse(const char *text, enum log_level *ret_level);

/* Writes one line. Control characters in it are escaped: a peer's bytes never forge a line. */
void log_line(enum log_level level, const char *format, ...) __attribute__((format(printf, 2, 3)));

#define log_debug(...) log_line(LOG_DEBUG, __VA_ARGS__)
#define log_info(...) log_line(LOG_INFO, __VA_ARGS__)
#define log_warning(...) log_line(LOG_WARNING, __VA_ARGS__)
#define log_error(...) log_line(LOG_ERROR, __VA_ARGS__)

#endif
