/* The data directory: created if it is missing, and locked by one broker at a time. */
#ifndef LEVERET_STORE_DATA_DIR_H
#define LEVERET_STORE_DATA_DIR_H

#include <stdbool.h>

/* Creates the directory and its missing parents, accessible only to their owner (mode 0700). An
 * existing directory is not changed. Returns 0 or a negative ERR_...; lv_error_reason() then has
 * the details. Any thread; blocks. */
int data_dir_create(const char *dir);

/* Locks the file DIR/lock for this process. Returns ERR_BUSY if another process has locked it,
 * ERR_REFUSED if it is not a regular file (lv_error_reason() names the file and the reason). The
 * caller owns *ret_fd: closing it (or the end of the process, however it ends) releases the lock.
 * The file contains the owner's process id as text, only for the operator. Blocks briefly. */
int data_dir_lock(const char *dir, int *ret_fd);

/* Syncs the directory itself: which files are in it. Returns 0 or a negative ERR_... Blocks. */
int data_dir_sync(const char *dir);

/* Deletes the definitions and the messages, so that the next start is a first start. The lock, the
 * clock and log files stay. A crash or an error within leaves a mark, with which
 * data_dir_finish_reset() goes on; that does nothing if there is none. Call while the directory is
 * locked and nothing in it is open. Return 0 or a negative ERR_... (lv_error_reason() names the
 * file); what was deleted until then is gone. Block. */
int data_dir_reset(const char *dir);
int data_dir_finish_reset(const char *dir);

/* Return whether the directory contains a file of the log, a segment, or the definitions; false
 * also if it cannot be read. Block briefly. */
bool data_dir_has_log(const char *dir);
bool data_dir_has_segments(const char *dir);
bool data_dir_has_definitions(const char *dir);

#endif
