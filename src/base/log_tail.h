/* The last lines of the log, kept in memory, so that an operator can read them and follow the log
 * wherever it is written to. Lines are kept from log_thread_start() on; the oldest are overwritten.
 */
#ifndef LEVERET_BASE_LOG_TAIL_H
#define LEVERET_BASE_LOG_TAIL_H

#include "base/log_record.h"

enum { LOG_TAIL_BYTES = 256 * 1024 };

/* Keeps a line, given as log_record_store() writes it. Any thread. */
void log_tail_put(const char *stored, size_t n);

/* Has wake(arg) called for each line that is kept from now on, on the thread that logs it, and
 * under a lock: it may do no more than wake a thread, and must not log. NULL: nothing is called; a
 * call that was under way has returned. There is one such function. Any thread. */
void log_tail_set_wake(void (*wake)(void *arg), void *arg);

/* A place in the log. Each function may be called by any thread. */
struct log_tail_reader {
    uint64_t at;
    char line[LOG_STORED_BYTES_MAX]; /* the line that was read last */
};

/* Begins at the last `lines` lines, or at the oldest if fewer are kept; with 0, at the next line
 * that is logged. */
void log_tail_begin(struct log_tail_reader *reader, uint64_t lines);

enum log_tail_result {
    LOG_TAIL_LINE, /* *ret is the next line, valid until the next call */
    LOG_TAIL_LOST, /* lines were overwritten before they were read; the next call goes on */
    LOG_TAIL_NONE, /* nothing was logged within the time */
};

/* Reads the next line, and waits at most timeout_ms for it. */
enum log_tail_result log_tail_next(struct log_tail_reader *reader, int timeout_ms,
                                   struct log_record *ret);

#endif
