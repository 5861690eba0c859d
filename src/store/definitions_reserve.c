/* The reserve: a file beside the database that only takes up room, and is truncated if the database
 * cannot be opened or written for want of room. So on a full disk a broker can still be started and
 * queues can be deleted. It is made again when there is room. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buffer.h"
#include "base/log.h"
#include "store/definitions_private.h"

enum { RESERVE_BYTES = 512 * 1024 };

static int reserve_open(const struct definitions *d, int flags)
{
    struct lv_buffer path = {0};
    lv_buffer_printf(&path, "%s.reserve", d->path);
    int fd = open((const char *)path.p, O_RDWR | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | flags, 0600);
    lv_buffer_free(&path);
    return fd;
}

bool definitions_release_reserve(struct definitions *d)
{
    int fd = reserve_open(d, 0);
    d->has_reserve = false;
    if (fd < 0)
        return false;
    struct stat st;
    bool has_given =
        fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_size > 0 && ftruncate(fd, 0) == 0;
    close(fd);
    if (has_given)
        log_info("definitions: the disk is full, using the reserve of %d bytes", RESERVE_BYTES);
    return has_given;
}

void definitions_make_reserve(struct definitions *d)
{
    if (d->has_reserve)
        return;
    int fd = reserve_open(d, O_CREAT);
    if (fd < 0)
        return; /* whatever needs the reserve reports the full disk */
    d->has_reserve = posix_fallocate(fd, 0, RESERVE_BYTES) == 0;
    if (!d->has_reserve && ftruncate(fd, 0) != 0)
        log_debug("definitions: the incomplete reserve could not be truncated");
    close(fd);
}
