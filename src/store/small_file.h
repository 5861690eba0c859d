/* Files of a few bytes in the data directory, read and replaced as a whole. A new content is
 * written to DIR/NAME.new, which is synced and renamed, so that a crash leaves the old file or the
 * new one. The folder is not synced, since either file will do. */
#ifndef LEVERET_STORE_SMALL_FILE_H
#define LEVERET_STORE_SMALL_FILE_H

#include <stddef.h>
#include <stdint.h>

#include "base/slice.h"

/* Reads the file DIR/NAME into `ret`, at most `max` bytes. Returns the number of bytes, or a
 * negative ERR_...: ERR_NOT_FOUND if there is none. Any thread; blocks. */
int small_file_read(const char *dir, const char *name, uint8_t *ret, size_t max);

/* Replaces the file DIR/NAME, which has the mode 0600. Returns 0 or a negative ERR_... Any thread,
 * one at a time for each file; blocks. */
int small_file_replace(const char *dir, const char *name, struct slice content);

#endif
