/* A log file as a sink.
 *
 * The file is appended to. When it has been moved or removed (logrotate), it is created again: at
 * once when the outputs are reopened (SIGHUP, `leveretctl rotate_logs`), else with a line that is
 * logged at least a second later. When it is due for rotation it is renamed to NAME.0, what was
 * NAME.0 to NAME.1 and so on, as in RabbitMQ. */
#ifndef LEVERET_LOGGING_LOG_FILE_H
#define LEVERET_LOGGING_LOG_FILE_H

#include "base/log_format.h"
#include "base/log_output.h"
#include "logging/rotation.h"

struct log_file_settings {
    const char *path; /* absolute; copied */
    struct rotation_date date;
    int64_t bytes_max;  /* rotated when the next line would exceed this; 0: never */
    unsigned archives;  /* how many are kept; 0: a file that is due is deleted */
    bool is_compressed; /* archives are compressed, and called NAME.0.gz ... */
};

struct log_file; /* see log_file.c */

extern const struct log_sink_ops log_file_ops;

/* Creates the file's directory if need be, and opens the file. Takes the format on success. Returns
 * the error of a system call. Blocks. */
int log_file_open(const struct log_file_settings *settings, struct log_format *format,
                  struct log_file **ret);

/* Returns 0 if log_file_open() would find what it needs at this absolute path, without creating
 * anything: a file, its directory, or the directory of that, each writable. Else ERR_..., whose
 * lv_error_reason() names what is missing. Blocks. */
int log_file_check(const char *path);

#endif
