/* How an output writes a line: as text or as JSON, with RabbitMQ's settings
 * log.OUTPUT.formatter.*. */
#ifndef LEVERET_BASE_LOG_FORMAT_H
#define LEVERET_BASE_LOG_FORMAT_H

#include "base/buffer.h"
#include "base/log_record.h"

/* In the order of RabbitMQ's words: rfc3339_space, rfc3339_T, epoch_usecs, epoch_secs,
 * lager_default. */
enum log_time_format {
    LOG_TIME_RFC3339_SPACE,
    LOG_TIME_RFC3339_T,
    LOG_TIME_EPOCH_US,
    LOG_TIME_EPOCH_S,
    LOG_TIME_LAGER,
};

/* lc, uc, lc3, uc3, lc4, uc4. */
enum log_level_format {
    LOG_LEVEL_LC,
    LOG_LEVEL_UC,
    LOG_LEVEL_LC3,
    LOG_LEVEL_UC3,
    LOG_LEVEL_LC4,
    LOG_LEVEL_UC4,
};

struct log_format_settings {
    bool is_json;
    enum log_time_format time;
    enum log_level_format level;
    const char *line;          /* as text: "$time [$level] $pid $msg" */
    const char *field_map;     /* in JSON: "time level msg:message pid:- *:-" ... */
    const char *verbosity_map; /* in JSON: "debug:2 info:1 *:0" ... */
};

#define LOG_FORMAT_LINE_DEFAULT "$time [$level] $pid $msg"
#define LOG_FORMAT_FIELD_MAP_DEFAULT                                                               \
    "time level msg gl:- logger_formatter:- report_cb:- error_logger:-"

struct log_format; /* see log_format.c */

/* Returns a copy of the settings that the caller owns. */
struct log_format *log_format_create(const struct log_format_settings *settings);
/* Clears the pointer. NULL is fine. */
void log_format_free(struct log_format **format);
/* Returns what is used if nothing is set: text. A static format, which nobody frees. */
const struct log_format *log_format_default(void);
bool log_format_is_json(const struct log_format *format);

/* Appends the line, without a newline. Any thread. */
void log_format_put(const struct log_format *format, const struct log_record *record,
                    struct lv_buffer *out);
/* Appends a field of the line, by its name in JSON ("pid", "user" ...), escaped as in text. Returns
 * false if the line has no such field. */
bool log_format_put_field(const struct log_record *record, struct slice name,
                          struct lv_buffer *out);
/* Appends a time since 1970 in microseconds; LOG_TIME_RFC3339_SPACE and _T and LOG_TIME_LAGER are
 * in the system's time zone. */
void log_format_time(enum log_time_format format, int64_t us, struct lv_buffer *out);
/* Appends "rabbitmq.connection" ..., what RabbitMQ calls a line's domain. */
void log_format_domain(enum log_category category, struct lv_buffer *out);

#endif
