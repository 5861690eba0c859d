/* Files of a few bytes: each is one read or one write. */
#include "store/small_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "base/buffer.h"
#include "base/error.h"

int small_file_read(const char *dir, const char *name, uint8_t *ret, size_t max)
{
    struct lv_buffer path = {0};
    lv_buffer_printf(&path, "%s/%s", dir, name);
    int fd = open((const char *)path.p, O_RDONLY | O_CLOEXEC);
    lv_buffer_free(&path);
    if (fd < 0)
        return lv_error_from_errno(errno);
    ssize_t n = read(fd, ret, max);
    int err = n < 0 ? lv_error_from_errno(errno) : (int)n;
    close(fd);
    return err;
}

static int write_synced(const char *path, struct slice content)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0)
        return lv_error_from_errno(errno);
    ssize_t written = write(fd, content.p, content.n);
    int err = 0;
    if (written < 0 || fsync(fd) != 0)
        err = lv_error_from_errno(errno);
    else if ((size_t)written < content.n)
        err = ERR_NO_SPACE;
    close(fd);
    return err;
}

int small_file_replace(const char *dir, const char *name, struct slice content)
{
    struct lv_buffer path = {0}, fresh = {0};
    lv_buffer_printf(&path, "%s/%s", dir, name);
    lv_buffer_printf(&fresh, "%s/%s.new", dir, name);
    int err = write_synced((const char *)fresh.p, content);
    if (err == 0 && rename((const char *)fresh.p, (const char *)path.p) != 0)
        err = lv_error_from_errno(errno);
    lv_buffer_free(&path);
    lv_buffer_free(&fresh);
    return err;
}
