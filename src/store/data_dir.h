/* The data directory: made when it is missing, and held by one broker at a time. */
#ifndef LEVERET_STORE_DATA_DIR_H
#define LEVERET_STORE_DATA_DIR_H

#include <stdbool.h>

/* Makes the directory and those above it that are missing, readable by its owner alone (mode
 * 0700). A directory that is there already is left as it is. Any thread; blocks. */
int data_dir_create(const char *dir);

/* Takes the lock file DIR/lock for this process. ERR_BUSY when another process has it; ERR_REFUSED
 * when it is a symbolic link, or no regular file; lv_error_reason() says which file, and why. The
 * caller owns *ret_fd: closing it (or the end of the process, however it ends) gives the lock back.
 * The file holds the owner's process id as text, for the operator's eyes only. Blocks briefly. */
int data_dir_lock(const char *dir, int *ret_fd);

/* What is there already; false for what cannot be looked at. Blocks briefly. */
bool data_dir_has_log(const char *dir);      /* a file of the log */
bool data_dir_has_segments(const char *dir); /* a segment */
bool data_dir_has_definitions(const char *dir);

#endif
