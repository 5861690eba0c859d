/* Failures of the world are returned up the call chain as negative ERR_... numbers. This table is
 * the only place where each has its number, its name and its sentence. */
#ifndef LEVERET_BASE_ERROR_H
#define LEVERET_BASE_ERROR_H

#define ERR_MAP(E)                                                                                 \
    E(1, ERR_IO, "input or output failed")                                                         \
    E(2, ERR_NO_MEMORY, "out of memory")                                                           \
    E(3, ERR_NO_SPACE, "no space left on the disk")                                                \
    E(4, ERR_NOT_FOUND, "not found")                                                               \
    E(5, ERR_EXISTS, "already exists")                                                             \
    E(6, ERR_INVALID, "invalid value")                                                             \
    E(7, ERR_REFUSED, "refused")                                                                   \
    E(8, ERR_BUSY, "in use by another process")                                                    \
    E(9, ERR_FORMAT, "malformed or of an unknown version")                                         \
    E(10, ERR_TOO_LARGE, "larger than the limit")                                                  \
    E(11, ERR_CLOSED, "closed")                                                                    \
    E(12, ERR_NO_DESCRIPTORS, "too many open files")                                               \
    E(13, ERR_TIMED_OUT, "timed out")                                                              \
    E(14, ERR_FORBIDDEN, "permission denied")

enum lv_error {
#define ERR_ENUM(number, name, sentence) name = -(number),
    ERR_MAP(ERR_ENUM)
#undef ERR_ENUM
};

/* Return the error's name ("ERR_IO") and its sentence ("input or output failed"); never NULL. Any
 * thread. */
const char *lv_error_name(int error);
const char *lv_error_text(int error);

/* Notes for this thread why a call fails with this ERR_... ("log/7.log: Read-only file system"; cut
 * after 255 bytes), and returns the error. Any thread. */
int lv_error_explain(int error, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Returns what was noted last on this thread if it was noted for this error, else lv_error_text().
 * Valid until the next lv_error_explain() on this thread. */
const char *lv_error_reason(int error);

/* Returns the ERR_... that fits an errno (ERR_IO where nothing fits better). Any thread. */
int lv_error_from_errno(int number);

#endif
