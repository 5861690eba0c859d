/* Loaded before the C library (LD_PRELOAD): lets writes or syncs of chosen files fail, as a disk
 * that dies does.
 *
 *     FAIL_IO_PATH    a piece of the path of the files it is about: /log/, .seg
 *     FAIL_IO_CALL    sync or write
 *     FAIL_IO_WHEN    a file; as long as it is there, the calls fail with EIO
 *
 * So a test decides when the disk dies, and that it stays dead or comes back. */
#undef _FILE_OFFSET_BITS /* both names of each call are ours: none may stand for the other */
#include <dlfcn.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

static bool is_about(int fd)
{
    char link[64], path[4096];
    const char *piece = getenv("FAIL_IO_PATH");
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t n = readlink(link, path, sizeof path - 1);
    if (n < 0 || !piece)
        return false;
    path[n] = 0;
    return strstr(path, piece) != NULL;
}

static bool must_fail(const char *call, int fd)
{
    const char *wanted = getenv("FAIL_IO_CALL"), *when = getenv("FAIL_IO_WHEN");
    int error = errno;
    bool fails =
        wanted && when && strcmp(wanted, call) == 0 && is_about(fd) && access(when, F_OK) == 0;
    errno = fails ? EIO : error;
    return fails;
}

static void *next(const char *name)
{
    void *found = dlsym(RTLD_NEXT, name);
    if (!found)
        abort();
    return found;
}

int fdatasync(int fd)
{
    int (*real)(int) = (int (*)(int))next("fdatasync");
    return must_fail("sync", fd) ? -1 : real(fd);
}

int fsync(int fd)
{
    int (*real)(int) = (int (*)(int))next("fsync");
    return must_fail("sync", fd) ? -1 : real(fd);
}

ssize_t pwritev(int fd, const struct iovec *parts, int count, off_t offset)
{
    ssize_t (*real)(int, const struct iovec *, int, off_t) =
        (ssize_t(*)(int, const struct iovec *, int, off_t))next("pwritev");
    return must_fail("write", fd) ? -1 : real(fd, parts, count, offset);
}

ssize_t pwritev64(int fd, const struct iovec *parts, int count, off64_t offset)
{
    ssize_t (*real)(int, const struct iovec *, int, off64_t) =
        (ssize_t(*)(int, const struct iovec *, int, off64_t))next("pwritev64");
    return must_fail("write", fd) ? -1 : real(fd, parts, count, offset);
}

ssize_t pwrite(int fd, const void *bytes, size_t n, off_t offset)
{
    ssize_t (*real)(int, const void *, size_t, off_t) =
        (ssize_t(*)(int, const void *, size_t, off_t))next("pwrite");
    return must_fail("write", fd) ? -1 : real(fd, bytes, n, offset);
}
