/* The file DIR/version: which Leveret last opened the data directory, and which releases can read
 * what it writes. An earlier release refuses the directory by the name of the release that it
 * needs, before it opens anything. docs/formats/version.md describes the file. */
#ifndef LEVERET_STORE_VERSION_FILE_H
#define LEVERET_STORE_VERSION_FILE_H

/* Returns ERR_FORMAT if this Leveret is older than the file says is needed; lv_error_reason() then
 * names both versions. Returns 0 otherwise, also if there is no such file or it is not understood:
 * the definitions, the log and the segments have versions of their own. Any thread; blocks. */
int version_file_check(const char *dir);

/* Replaces the file if it does not yet contain this Leveret's version. Call when the directory has
 * been opened. Returns 0 or a negative ERR_... Any thread, one at a time; blocks. */
int version_file_write(const char *dir);

#endif
