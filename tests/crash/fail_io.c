/* Loaded before the C library (LD_PRELOAD): makes reads, writes or syncs of chosen files fail, as
 * on a disk that dies.
 *
 *     FAIL_IO_PATH    part of the path of the files concerned: /log/, .seg
 *     FAIL_IO_CALL    sync, write or read
 *     FAIL_IO_THREAD  if it is set, only calls of the thread with this name are concerned
 *     FAIL_IO_WHEN    a file; while it exists, the calls fail with EIO
 *     FAIL_IO_WAITS   if it is set, they wait instead until the file is gone, and then succeed
 *
 * So a test decides when the disk dies or stands still, and whether it recovers. */
#undef _FILE_OFFSET_BITS /* we define both names of each call: one must not become the other */
#include <dlfcn.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/uio.h>
#include <unistd.h>

static bool fd_is_chosen(int fd)
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

static bool thread_is_chosen(void)
{
    char name[16] = "";
    const char *wanted = getenv("FAIL_IO_THREAD");
    return !wanted || (prctl(PR_GET_NAME, name) == 0 && strcmp(name, wanted) == 0);
}

static bool call_must_fail(const char *call, int fd)
{
    const char *wanted = getenv("FAIL_IO_CALL"), *when = getenv("FAIL_IO_WHEN");
    int error = errno;
    bool fails = wanted && when && strcmp(wanted, call) == 0 && thread_is_chosen() &&
                 fd_is_chosen(fd) && access(when, F_OK) == 0;
    while (fails && getenv("FAIL_IO_WAITS")) {
        usleep(1000);
        fails = access(when, F_OK) == 0;
    }
    errno = fails ? EIO : error;
    return fails;
}

static void *next_symbol(const char *name)
{
    void *found = dlsym(RTLD_NEXT, name);
    if (!found)
        abort();
    return found;
}

int fdatasync(int fd)
{
    int (*real)(int) = (int (*)(int))next_symbol("fdatasync");
    return call_must_fail("sync", fd) ? -1 : real(fd);
}

int fsync(int fd)
{
    int (*real)(int) = (int (*)(int))next_symbol("fsync");
    return call_must_fail("sync", fd) ? -1 : real(fd);
}

ssize_t pwritev(int fd, const struct iovec *parts, int count, off_t offset)
{
    ssize_t (*real)(int, const struct iovec *, int, off_t) =
        (ssize_t(*)(int, const struct iovec *, int, off_t))next_symbol("pwritev");
    return call_must_fail("write", fd) ? -1 : real(fd, parts, count, offset);
}

ssize_t pwritev64(int fd, const struct iovec *parts, int count, off64_t offset)
{
    ssize_t (*real)(int, const struct iovec *, int, off64_t) =
        (ssize_t(*)(int, const struct iovec *, int, off64_t))next_symbol("pwritev64");
    return call_must_fail("write", fd) ? -1 : real(fd, parts, count, offset);
}

ssize_t pwrite(int fd, const void *bytes, size_t n, off_t offset)
{
    ssize_t (*real)(int, const void *, size_t, off_t) =
        (ssize_t(*)(int, const void *, size_t, off_t))next_symbol("pwrite");
    return call_must_fail("write", fd) ? -1 : real(fd, bytes, n, offset);
}

ssize_t pread(int fd, void *bytes, size_t n, off_t offset)
{
    ssize_t (*real)(int, void *, size_t, off_t) =
        (ssize_t(*)(int, void *, size_t, off_t))next_symbol("pread");
    return call_must_fail("read", fd) ? -1 : real(fd, bytes, n, offset);
}

ssize_t pread64(int fd, void *bytes, size_t n, off64_t offset)
{
    ssize_t (*real)(int, void *, size_t, off64_t) =
        (ssize_t(*)(int, void *, size_t, off64_t))next_symbol("pread64");
    return call_must_fail("read", fd) ? -1 : real(fd, bytes, n, offset);
}
