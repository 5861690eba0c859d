/* The mark: a small file beside the database that contains how many of the database's commits have
 * been counted (definitions_writer.c says which are). The mark is written after such a commit and
 * never synced, so after a crash its count may be lower than the database's, and never higher. If
 * it is higher, the database is an older copy or lacks its write-ahead log, and the other files of
 * the data directory are newer than the definitions. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/assert.h"
#include "base/buffer.h"
#include "base/error.h"
#include "base/log.h"
#include "store/definitions_private.h"

enum { MARK_BYTES = 32 };

/* Returns the count in the mark, or 0 if the mark is empty or not valid. */
static int64_t mark_read(int fd)
{
    char text[MARK_BYTES + 1] = "";
    ssize_t n = pread(fd, text, MARK_BYTES, 0);
    if (n != MARK_BYTES || strncmp(text, "changes ", 8) != 0)
        return 0;
    char *end;
    long long changes = strtoll(text + 8, &end, 10);
    return changes > 0 && *end == ' ' ? changes : 0;
}

int definitions_open_mark(struct definitions *d)
{
    struct lv_buffer path = {0};
    lv_assert(d->mark_fd < 0);
    lv_buffer_printf(&path, "%s.mark", d->path);
    d->mark_fd =
        open((const char *)path.p, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0600);
    int err = 0;
    if (d->mark_fd < 0) {
        err = lv_error_explain(lv_error_from_errno(errno), "%s: %s", (const char *)path.p,
                               strerror(errno));
        log_error("definitions: cannot open %s", lv_error_reason(err));
    } else {
        d->mark_changes = mark_read(d->mark_fd);
    }
    lv_buffer_free(&path);
    return err;
}

void definitions_put_mark(const struct definitions *d)
{
    char text[MARK_BYTES + 1];
    int n = snprintf(text, sizeof text, "changes %-23" PRId64, d->changes);
    lv_assert(n == MARK_BYTES - 1);
    lv_assert(d->mark_fd >= 0);
    text[MARK_BYTES - 1] = '\n';
    if (pwrite(d->mark_fd, text, MARK_BYTES, 0) != MARK_BYTES)
        return; /* a full disk: the mark is behind the database, which is fine */
}
