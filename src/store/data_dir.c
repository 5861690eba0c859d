/* The data directory: created if it is missing, and locked by one broker at a time.
 *
 * The lock is a flock(2): the kernel releases it when the process ends, however it ends, so there
 * is never a stale lock to remove by hand. */
#include "store/data_dir.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/assert.h"
#include "base/buffer.h"
#include "base/error.h"
#include "base/memory.h"
#include "store/definitions.h"

static int failed(const char *path)
{
    return lv_error_explain(lv_error_from_errno(errno), "%s: %s", path, strerror(errno));
}

static int directory_make(const char *path)
{
    if (mkdir(path, 0700) == 0)
        return 0;
    if (errno != EEXIST)
        return failed(path);
    struct stat st;
    if (stat(path, &st) != 0)
        return failed(path);
    return S_ISDIR(st.st_mode) ? 0 : lv_error_explain(ERR_EXISTS, "%s is not a directory", path);
}

int data_dir_create(const char *dir)
{
    char *path = lv_strdup(dir);
    int err = 0;
    for (char *p = path + 1; err == 0 && path[0] && *p; p++) {
        if (*p != '/')
            continue;
        *p = '\0';
        err = directory_make(path);
        *p = '/';
    }
    if (err == 0)
        err = directory_make(path);
    free(path);
    return err;
}

int data_dir_sync(const char *dir)
{
    int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int err = fd >= 0 && fsync(fd) == 0 ? 0 : failed(dir);
    if (fd >= 0)
        close(fd);
    return err;
}

/* Writes the process id into the lock file, for an operator who reads it. A failure to write it
 * does not matter. */
static void write_process_id(int fd)
{
    char text[32];
    int n = snprintf(text, sizeof text, "%ld\n", (long)getpid());
    lv_assert(n > 0 && (size_t)n < sizeof text);
    if (ftruncate(fd, 0) == 0 && pwrite(fd, text, (size_t)n, 0) != n && ftruncate(fd, 0) != 0)
        return; /* an incomplete number stays */
}

/* Opens the lock file. A symbolic link is not followed: its target would be truncated and
 * overwritten. */
static int lock_open(const char *path, int *ret_fd)
{
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0600);
    if (fd < 0 && errno == ELOOP)
        return lv_error_explain(ERR_REFUSED, "%s is a symbolic link: remove it", path);
    if (fd < 0)
        return failed(path);
    *ret_fd = fd;
    struct stat st;
    if (fstat(fd, &st) != 0)
        return failed(path);
    return S_ISREG(st.st_mode) ? 0
                               : lv_error_explain(ERR_REFUSED, "%s is not a regular file", path);
}

int data_dir_lock(const char *dir, int *ret_fd)
{
    struct lv_buffer path = {0};
    lv_buffer_printf(&path, "%s/lock", dir);
    int fd = -1;
    int err = lock_open((const char *)path.p, &fd);
    if (err == 0 && flock(fd, LOCK_EX | LOCK_NB) != 0)
        err = errno == EWOULDBLOCK ? ERR_BUSY : failed((const char *)path.p);
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

/* --- what the directory contains -------------------------------------------------------------- */

static bool ends_with(const char *name, const char *suffix)
{
    size_t n = strlen(name);
    size_t m = strlen(suffix);
    return n > m && strcmp(name + n - m, suffix) == 0;
}

static bool folder_has(const char *dir, const char *folder, const char *suffix)
{
    struct lv_buffer path = {0};
    lv_buffer_printf(&path, "%s/%s", dir, folder);
    DIR *entries = opendir((const char *)path.p);
    bool has = false;
    const struct dirent *entry;
    while (entries && !has && (entry = readdir(entries)))
        has = ends_with(entry->d_name, suffix);
    if (entries)
        closedir(entries);
    lv_buffer_free(&path);
    return has;
}

bool data_dir_has_log(const char *dir)
{
    return folder_has(dir, "log", ".log");
}

bool data_dir_has_segments(const char *dir)
{
    return folder_has(dir, "segments", ".seg");
}

bool data_dir_has_definitions(const char *dir)
{
    struct lv_buffer path = {0};
    lv_buffer_printf(&path, "%s/" DEFINITIONS_FILE, dir);
    struct stat st;
    bool has = lstat((const char *)path.p, &st) == 0;
    lv_buffer_free(&path);
    return has;
}

/* --- the reset -------------------------------------------------------------------------------- */

#define RESET_MARK "resetting"

/* A folder, and which of its files are deleted. */
struct reset_folder {
    const char *name;   /* "" is the directory itself */
    const char *prefix; /* of the files */
};

/* The definitions come after the messages: if the mark were lost, definitions without a log are
 * refused at the start. */
static const struct reset_folder reset_folders[] = {
    {"segments", ""},
    {"log", ""},
    {"", DEFINITIONS_FILE},
    {"", "cookie-key"},
};

/* Deletes the files of an open folder that begin with the prefix; folders in it stay. Not every
 * file system says in d_type what an entry is. */
static int files_delete(DIR *entries, const char *path, const char *prefix)
{
    int err = 0;
    const struct dirent *entry;
    while (err == 0 && (entry = readdir(entries))) {
        if (entry->d_type == DT_DIR || strncmp(entry->d_name, prefix, strlen(prefix)) != 0)
            continue;
        if (unlinkat(dirfd(entries), entry->d_name, 0) != 0 && errno != EISDIR)
            err = failed(path);
    }
    return err == 0 && fsync(dirfd(entries)) != 0 ? failed(path) : err;
}

static int folder_reset(const char *dir, const struct reset_folder *which)
{
    struct lv_buffer path = {0};
    lv_buffer_printf(&path, "%s/%s", dir, which->name);
    DIR *entries = opendir((const char *)path.p);
    int err = entries           ? files_delete(entries, (const char *)path.p, which->prefix)
              : errno == ENOENT ? 0
                                : failed((const char *)path.p);
    if (entries)
        closedir(entries);
    lv_buffer_free(&path);
    return err;
}

static const char *mark_path(const char *dir, struct lv_buffer *space)
{
    lv_buffer_printf(space, "%s/" RESET_MARK, dir);
    return (const char *)space->p;
}

int data_dir_finish_reset(const char *dir)
{
    struct lv_buffer mark = {0};
    struct stat st;
    int err = 0;
    const char *path = mark_path(dir, &mark);
    if (lstat(path, &st) == 0) {
        for (size_t i = 0; i < sizeof reset_folders / sizeof *reset_folders && err == 0; i++)
            err = folder_reset(dir, &reset_folders[i]);
        if (err == 0)
            err = unlink(path) == 0 ? data_dir_sync(dir) : failed(path);
    }
    lv_buffer_free(&mark);
    return err;
}

int data_dir_reset(const char *dir)
{
    struct lv_buffer mark = {0};
    const char *path = mark_path(dir, &mark);
    int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    int err = fd >= 0 ? data_dir_sync(dir) : failed(path);
    if (fd >= 0)
        close(fd);
    lv_buffer_free(&mark);
    return err < 0 ? err : data_dir_finish_reset(dir);
}
