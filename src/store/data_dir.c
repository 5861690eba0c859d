/* The data directory: made when it is missing, and held by one broker at a time.
 *
 * The lock is flock(2)'s: the kernel gives it back when the process ends, however it ends, so
 * there is never a stale one to remove by hand. */
#include "store/data_dir.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buffer.h"
#include "base/error.h"
#include "base/memory.h"

static int make_one(const char *path)
{
    struct stat st;

    if (mkdir(path, 0700) == 0)
        return 0;
    if (errno != EEXIST)
        return lv_error_from_errno(errno);
    if (stat(path, &st) != 0)
        return lv_error_from_errno(errno);
    return S_ISDIR(st.st_mode) ? 0 : ERR_EXISTS;
}

int data_dir_create(const char *dir)
{
    char *path = lv_strdup(dir);
    int err = 0;

    for (char *p = path + 1; err == 0 && path[0] && *p; p++) {
        if (*p != '/')
            continue;
        *p = '\0';
        err = make_one(path);
        *p = '/';
    }
    if (err == 0)
        err = make_one(path);
    free(path);
    return err;
}

/* For the operator who looks into the file; nobody relies on it, so a failure does not matter. */
static void write_process_id(int fd)
{
    char text[32];
    int n = snprintf(text, sizeof text, "%ld\n", (long)getpid());

    if (ftruncate(fd, 0) == 0 && pwrite(fd, text, (size_t)n, 0) != n && ftruncate(fd, 0) != 0)
        return; /* half a number stays */
}

int data_dir_lock(const char *dir, int *ret_fd)
{
    struct lv_buffer path = {0};
    int err = 0;
    int fd;

    lv_buffer_printf(&path, "%s/lock", dir);
    fd = open((const char *)path.p, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0)
        err = lv_error_from_errno(errno);
    else if (flock(fd, LOCK_EX | LOCK_NB) != 0)
        err = errno == EWOULDBLOCK ? ERR_BUSY : lv_error_from_errno(errno);
    lv_buffer_free(&path);
    if (err < 0) {
        if (fd >= 0)
            close(fd);
        return err;
    }
    write_process_id(fd);
    *ret_fd = fd;
    return 0;
}
