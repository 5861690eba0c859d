/* The real disk: files under one directory, opened relative to its descriptor.
 *
 *   (1) A write or read that the kernel cuts short is continued until all is done.
 *   (2) Callers never see EINTR. A sync is not expected to be interrupted; if it is, it has failed.
 *   (3) A sync is fdatasync(2) and is never repeated after a failure: the kernel may have dropped
 *       what it could not write, so a second try that succeeds would prove nothing.
 *
 * Any thread; struct disk_posix never changes. */
#include "store/disk.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "base/assert.h"
#include "base/error.h"
#include "base/memory.h"

enum {
    DISK_MAGIC = 0x6469736b,
    FILE_MAGIC = 0x66696c65,
    PARTS_PER_CALL = 64,     /* of an iovec, at most: they are copied to the stack */
    FILL_BYTES = 256 * 1024, /* written with one call, by fill() */
    PATH_BYTES_MAX = 4096,   /* of a path built from the directory's descriptor */
};

struct disk_posix {
    struct disk port;
    unsigned magic;
    int directory;
};

struct disk_file {
    unsigned magic;
    int fd;
    char path[]; /* for messages about failures */
};

static struct disk_posix *posix_of(struct disk *disk)
{
    struct disk_posix *d = lv_container_of(disk, struct disk_posix, port);
    lv_assert(d->magic == DISK_MAGIC);
    return d;
}

static int fd_of(struct disk_file *file)
{
    lv_assert(file->magic == FILE_MAGIC);
    return file->fd;
}

/* Returns the ERR_... for errno. Notes this path and the system's reason for lv_error_reason(). */
static int failed(const char *path)
{
    return lv_error_explain(lv_error_from_errno(errno), "%s: %s", path, strerror(errno));
}

/* Opens a path relative to the directory. ThreadSanitizer tracks descriptors like memory and knows
 * open(), but not openat(). If libuv has closed a socket with a bare system call and openat()
 * returns the same number, the tool still takes it for the socket. So open() is used under it. */
static int open_at(int directory, const char *path, int flags)
{
    lv_assert(path[0] != '/');
#ifdef __SANITIZE_THREAD__
    char whole[PATH_BYTES_MAX];
    int n = snprintf(whole, sizeof whole, "/proc/self/fd/%d/%s", directory, path);

    lv_assert(n > 0 && (size_t)n < sizeof whole);
    return open(whole, flags, 0600);
#else
    return openat(directory, path, flags, 0600);
#endif
}

/* --- files ------------------------------------------------------------------------------------ */

static int posix_open(struct disk *disk, const char *path, enum disk_open how,
                      struct disk_file **ret)
{
    static const int flags[] = {
        [DISK_OPEN_READ] = O_RDONLY,
        [DISK_OPEN_WRITE] = O_RDWR,
        [DISK_OPEN_CREATE] = O_RDWR | O_CREAT | O_TRUNC,
    };
    size_t path_bytes = strlen(path) + 1;
    int fd;
    do
        fd = open_at(posix_of(disk)->directory, path, flags[how] | O_CLOEXEC | O_NOFOLLOW);
    while (fd < 0 && errno == EINTR);
    if (fd < 0)
        return failed(path);
    struct disk_file *file = lv_malloc(sizeof *file + path_bytes);
    *file = (struct disk_file){FILE_MAGIC, fd};
    memcpy(file->path, path, path_bytes);
    *ret = file;
    return 0;
}

static void posix_close(struct disk *disk, struct disk_file **file)
{
    (void)disk;
    if (!*file)
        return;
    close(fd_of(*file));
    (*file)->magic = 0;
    free(*file);
    *file = NULL;
}

/* Removes `done` bytes from the front of the parts. Returns how many parts are left. */
static size_t parts_skip(struct iovec *parts, size_t count, size_t done)
{
    size_t first = 0;
    while (first < count && done >= parts[first].iov_len)
        done -= parts[first++].iov_len;
    memmove(parts, parts + first, (count - first) * sizeof *parts);
    if (done > 0) {
        lv_assert(first < count);
        parts[0].iov_base = (uint8_t *)parts[0].iov_base + done;
        parts[0].iov_len -= done;
    }
    return count - first;
}

static int write_parts(struct disk_file *file, uint64_t *offset, struct iovec *parts, size_t count)
{
    while (count > 0) {
        ssize_t n = pwritev(fd_of(file), parts, (int)count, (off_t)*offset);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return failed(file->path);
        *offset += (uint64_t)n;
        count = parts_skip(parts, count, (size_t)n);
        if (n == 0 && count > 0)
            return lv_error_explain(ERR_IO, "%s: nothing was written", file->path);
    }
    return 0;
}

static int posix_write(struct disk *disk, struct disk_file *file, uint64_t offset,
                       const struct iovec *parts, size_t count)
{
    (void)disk;
    int err = 0;
    while (err == 0 && count > 0) {
        size_t n = count < PARTS_PER_CALL ? count : PARTS_PER_CALL;
        struct iovec some[PARTS_PER_CALL];
        memcpy(some, parts, n * sizeof *parts);
        err = write_parts(file, &offset, some, n);
        parts += n;
        count -= n;
    }
    return err;
}

static int posix_read(struct disk *disk, struct disk_file *file, uint64_t offset, void *to,
                      size_t bytes, size_t *ret_read)
{
    (void)disk;
    size_t got = 0;
    while (got < bytes) {
        ssize_t n = pread(fd_of(file), (uint8_t *)to + got, bytes - got, (off_t)(offset + got));
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return failed(file->path);
        if (n == 0)
            break;
        got += (size_t)n;
    }
    *ret_read = got;
    return 0;
}

static int posix_sync(struct disk *disk, struct disk_file *file)
{
    (void)disk;
    return fdatasync(fd_of(file)) == 0 ? 0 : failed(file->path);
}

static int posix_size(struct disk *disk, struct disk_file *file, uint64_t *ret_bytes)
{
    (void)disk;
    struct stat st;
    if (fstat(fd_of(file), &st) != 0)
        return failed(file->path);
    *ret_bytes = (uint64_t)st.st_size;
    return 0;
}

static int posix_truncate(struct disk *disk, struct disk_file *file, uint64_t bytes)
{
    (void)disk;
    return ftruncate(fd_of(file), (off_t)bytes) == 0 ? 0 : failed(file->path);
}

/* Writes zeros and waits until they are on the disk. So the sync at the end has little left to
 * write, and syncs of other files, which may have to wait for it, wait briefly. */
static int write_zeros(struct disk_file *file, uint64_t offset, uint64_t bytes)
{
    static const uint8_t zeros[FILL_BYTES];
    struct iovec part = {(void *)(uintptr_t)zeros, (size_t)bytes};
    uint64_t end = offset;
    lv_assert(bytes <= FILL_BYTES);
    int err = write_parts(file, &end, &part, 1);
    if (err < 0)
        return err;
    if (sync_file_range(fd_of(file), (off_t)offset, (off_t)bytes,
                        SYNC_FILE_RANGE_WRITE | SYNC_FILE_RANGE_WAIT_AFTER) != 0 &&
        errno == EIO)
        return failed(file->path);
    return 0;
}

/* The blocks are reserved in one piece first, so that the file is contiguous and a full disk is
 * noticed before anything is written. Then zeros are written, since the first write to a block that
 * is only reserved changes metadata. */
static int posix_fill(struct disk *disk, struct disk_file *file, uint64_t bytes)
{
    int err = posix_truncate(disk, file, 0);
    if (err == 0 && bytes > 0 && fallocate(fd_of(file), 0, 0, (off_t)bytes) != 0 &&
        errno != EOPNOTSUPP && errno != ENOSYS)
        err = failed(file->path);
    for (uint64_t offset = 0; err == 0 && offset < bytes; offset += FILL_BYTES)
        err = write_zeros(file, offset, bytes - offset < FILL_BYTES ? bytes - offset : FILL_BYTES);
    return err;
}

/* --- names ------------------------------------------------------------------------------------ */

static int posix_rename(struct disk *disk, const char *from, const char *to)
{
    int directory = posix_of(disk)->directory;
    lv_assert(from[0] != '/' && to[0] != '/');
    return renameat(directory, from, directory, to) == 0 ? 0 : failed(from);
}

static int posix_remove(struct disk *disk, const char *path)
{
    return unlinkat(posix_of(disk)->directory, path, 0) == 0 ? 0 : failed(path);
}

static int posix_make_directory(struct disk *disk, const char *path)
{
    if (mkdirat(posix_of(disk)->directory, path, 0700) == 0 || errno == EEXIST)
        return 0;
    return failed(path);
}

static int posix_sync_directory(struct disk *disk, const char *path)
{
    int fd = open_at(posix_of(disk)->directory, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return failed(path);
    int err = fsync(fd) == 0 ? 0 : failed(path);
    close(fd);
    return err;
}

static int visit_entries(DIR *entries, const char *path,
                         void (*visit)(void *arg, const char *name, uint64_t bytes), void *arg)
{
    struct dirent *entry;
    for (errno = 0; (entry = readdir(entries)); errno = 0) {
        struct stat st;
        if (fstatat(dirfd(entries), entry->d_name, &st, AT_SYMLINK_NOFOLLOW) != 0) {
            if (errno == ENOENT)
                continue; /* removed meanwhile */
            return failed(entry->d_name);
        }
        if (S_ISREG(st.st_mode))
            visit(arg, entry->d_name, (uint64_t)st.st_size);
    }
    return errno == 0 ? 0 : failed(path);
}

static int posix_list(struct disk *disk, const char *path,
                      void (*visit)(void *arg, const char *name, uint64_t bytes), void *arg)
{
    int fd = open_at(posix_of(disk)->directory, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return failed(path);
    DIR *entries = fdopendir(fd);
    if (!entries) {
        int err = failed(path);
        close(fd);
        return err;
    }
    int err = visit_entries(entries, path, visit, arg);
    closedir(entries);
    return err;
}

static uint64_t posix_room(struct disk *disk)
{
    struct statvfs fs;
    if (fstatvfs(posix_of(disk)->directory, &fs) != 0)
        return UINT64_MAX;
    return (uint64_t)fs.f_bavail * (uint64_t)fs.f_frsize;
}

/* --- the object ------------------------------------------------------------------------------- */

static const struct disk posix_port = {
    .open = posix_open,
    .close = posix_close,
    .write = posix_write,
    .read = posix_read,
    .sync = posix_sync,
    .size = posix_size,
    .truncate = posix_truncate,
    .fill = posix_fill,
    .rename = posix_rename,
    .remove = posix_remove,
    .make_directory = posix_make_directory,
    .sync_directory = posix_sync_directory,
    .room = posix_room,
    .list = posix_list,
};

struct disk *disk_posix_create(const char *directory)
{
    struct disk_posix *d = lv_malloc(sizeof *d);
    *d = (struct disk_posix){.port = posix_port, .magic = DISK_MAGIC};
    d->directory = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return &d->port;
}

void disk_posix_free(struct disk **disk)
{
    if (!*disk)
        return;
    struct disk_posix *d = posix_of(*disk);
    if (d->directory >= 0)
        close(d->directory);
    d->magic = 0;
    free(d);
    *disk = NULL;
}
