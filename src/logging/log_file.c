/* Lines are collected while there are more of them and written with one write(2). A file is
 * rotated between two lines. A write that is cut short by a full disk is continued later where it
 * stopped. */
#include "logging/log_file.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#include "base/buffer.h"
#include "base/error.h"
#include "base/memory.h"

enum { COLLECTED_BYTES_MAX = 16 * 1024, COPY_BYTES = 64 * 1024, FILE_MODE = 0640 };

struct log_file {
    struct log_file_settings settings; /* `path` is owned */
    struct log_format *format;
    int fd; /* -1: could not be opened again */
    dev_t device;
    ino_t inode;
    int64_t bytes;          /* of the file, with what is collected */
    int64_t rotate_us;      /* when it is due, by the lines' times */
    int64_t checked_us;     /* when the path was last looked at */
    struct lv_buffer lines; /* collected; the first `sent` bytes are written */
    size_t sent;
    bool is_failing; /* this was said */
};

/* --- opening ---------------------------------------------------------------------------------- */

static int make_directory(const char *path)
{
    char *copy = lv_strdup(path);
    int result = mkdir(dirname(copy), 0750);
    int err = result == 0 || errno == EEXIST ? 0 : lv_error_from_errno(errno);
    free(copy);
    return err;
}

static int refuse(const char *path, int number)
{
    return lv_error_explain(lv_error_from_errno(number), "%s: %s", path, strerror(number));
}

/* Returns 0 if a file or a directory can be created in this directory. */
static int check_directory(const char *path)
{
    struct stat status;
    if (stat(path, &status) < 0 || access(path, W_OK | X_OK) < 0)
        return refuse(path, errno);
    return S_ISDIR(status.st_mode) ? 0 : refuse(path, ENOTDIR);
}

/* Returns 0 if there is a directory for the file, or one can be created. */
static int check_place(const char *path)
{
    char *copy = lv_strdup(path);
    const char *directory = dirname(copy);
    int err =
        access(directory, F_OK) == 0 ? check_directory(directory) : check_directory(dirname(copy));
    free(copy);
    return err;
}

int log_file_check(const char *path)
{
    struct stat status;
    if (stat(path, &status) < 0)
        return check_place(path);
    if (S_ISDIR(status.st_mode))
        return refuse(path, EISDIR);
    return access(path, W_OK) == 0 ? 0 : refuse(path, errno);
}

static int file_open(struct log_file *f)
{
    struct stat status;
    int fd = open(f->settings.path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, FILE_MODE);
    if (fd < 0 || fstat(fd, &status) < 0) {
        int err = lv_error_from_errno(errno);
        if (fd >= 0)
            close(fd);
        return err;
    }
    if (f->fd >= 0)
        close(f->fd);
    f->fd = fd;
    f->device = status.st_dev;
    f->inode = status.st_ino;
    f->bytes = status.st_size + (int64_t)(f->lines.n - f->sent);
    /* a file that was due while the broker was down is rotated now */
    int64_t last_us = status.st_size > 0 ? (int64_t)status.st_mtim.tv_sec * 1000000 : f->checked_us;
    f->rotate_us = last_us > 0 ? rotation_next_us(&f->settings.date, last_us) : 0;
    return 0;
}

int log_file_open(const struct log_file_settings *settings, struct log_format *format,
                  struct log_file **ret)
{
    int err = make_directory(settings->path);
    if (err < 0)
        return err;
    struct log_file *f = lv_calloc(1, sizeof *f);
    f->settings = *settings;
    f->settings.path = lv_strdup(settings->path);
    f->fd = -1;
    err = file_open(f);
    if (err < 0) {
        free((void *)f->settings.path);
        free(f);
        return err;
    }
    f->format = format;
    *ret = f;
    return 0;
}

/* --- failing ---------------------------------------------------------------------------------- */

static void file_fails(struct log_file *f, const char *what, const char *why)
{
    if (!f->is_failing)
        log_error("cannot %s the log file %s: %s; lines wait in memory, and are dropped when it is "
                  "used up",
                  what, f->settings.path, why);
    f->is_failing = true;
}

static void file_works(struct log_file *f)
{
    if (f->is_failing)
        log_info("the log file %s can be written again", f->settings.path);
    f->is_failing = false;
}

/* --- writing ---------------------------------------------------------------------------------- */

static bool file_flush(void *sink)
{
    struct log_file *f = sink;
    while (f->sent < f->lines.n) {
        ssize_t n = f->fd < 0 ? -1 : write(f->fd, f->lines.p + f->sent, f->lines.n - f->sent);
        if (n < 0 && f->fd >= 0 && errno == EINTR)
            continue;
        if (n < 0) {
            file_fails(f, "write", strerror(f->fd < 0 ? ENOENT : errno));
            return false;
        }
        f->sent += (size_t)n;
    }
    lv_buffer_free(&f->lines);
    f->sent = 0;
    file_works(f);
    return true;
}

static void file_reopen(void *sink)
{
    struct log_file *f = sink;
    if (f->sent == 0 || file_flush(f)) { /* not in the middle of a line */
        int err = make_directory(f->settings.path);
        err = err < 0 ? err : file_open(f);
        if (err < 0)
            file_fails(f, "open", lv_error_text(err));
    }
}

/* Opens the file again if its path no longer leads to it. Looks once a second. */
static void check_path(struct log_file *f, int64_t now_us)
{
    struct stat status;
    if (now_us >= f->checked_us && now_us - f->checked_us < 1000000 && f->fd >= 0)
        return;
    f->checked_us = now_us;
    bool is_ours = f->fd >= 0 && stat(f->settings.path, &status) == 0 &&
                   status.st_dev == f->device && status.st_ino == f->inode;
    if (!is_ours)
        file_reopen(f);
}

/* --- rotation --------------------------------------------------------------------------------- */

static void archive_name(const struct log_file *f, unsigned n, bool is_compressed,
                         struct lv_buffer *ret)
{
    ret->n = 0;
    lv_buffer_printf(ret, "%s.%u%s", f->settings.path, n, is_compressed ? ".gz" : "");
    lv_buffer_add_u8(ret, '\0');
}

/* Moves the archives up by one, compressed or not, and deletes the last. */
static void shift_archives(const struct log_file *f)
{
    struct lv_buffer from = {0}, to = {0};
    for (int z = 0; z < 2; z++) {
        archive_name(f, f->settings.archives - 1, z, &from);
        unlink((const char *)from.p);
        for (unsigned n = f->settings.archives - 1; n > 0; n--) {
            archive_name(f, n - 1, z, &from);
            archive_name(f, n, z, &to);
            rename((const char *)from.p, (const char *)to.p);
        }
    }
    lv_buffer_free(&from);
    lv_buffer_free(&to);
}

/* Creates a compressed file that is never readable for more users than the log is. */
static gzFile archive_create(const char *path)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, FILE_MODE);
    gzFile gz = fd < 0 ? NULL : gzdopen(fd, "wb");
    if (fd >= 0 && !gz)
        close(fd);
    return gz;
}

/* Copies the file, compressed. Returns false if either cannot be read or written. */
static bool copy_compressed(const char *from, const char *to)
{
    static _Thread_local char bytes[COPY_BYTES];
    int fd = open(from, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return false;
    unlink(to);
    gzFile gz = archive_create(to);
    ssize_t n = gz ? 1 : -1;
    while (gz && (n = read(fd, bytes, sizeof bytes)) > 0) {
        if (gzwrite(gz, bytes, (unsigned)n) != n) {
            n = -1;
            break;
        }
    }
    close(fd);
    return gz && gzclose(gz) == Z_OK && n == 0;
}

static void compress_archive(struct log_file *f)
{
    struct lv_buffer from = {0}, to = {0};
    archive_name(f, 0, false, &from);
    archive_name(f, 0, true, &to);
    if (copy_compressed((const char *)from.p, (const char *)to.p)) {
        unlink((const char *)from.p);
    } else {
        log_warning("cannot compress the log file %s; it stays as it is", (const char *)from.p);
        unlink((const char *)to.p);
    }
    lv_buffer_free(&from);
    lv_buffer_free(&to);
}

static void rotate(struct log_file *f)
{
    struct lv_buffer to = {0};
    bool is_archived = false;
    if (f->settings.archives == 0) {
        unlink(f->settings.path);
    } else {
        shift_archives(f);
        archive_name(f, 0, false, &to);
        is_archived = rename(f->settings.path, (const char *)to.p) == 0;
        if (!is_archived)
            log_warning("cannot rename the log file %s to %s: %s", f->settings.path,
                        (const char *)to.p, strerror(errno));
        lv_buffer_free(&to);
    }
    file_reopen(f);
    if (is_archived && f->settings.is_compressed)
        compress_archive(f);
}

/* Rotates the file if the next line, of n bytes, shall not be in it any more. */
static void rotate_if_due(struct log_file *f, int64_t now_us, size_t n)
{
    bool is_too_large =
        f->settings.bytes_max > 0 && f->bytes > 0 && f->bytes + (int64_t)n > f->settings.bytes_max;
    if (f->rotate_us == 0)
        f->rotate_us = rotation_next_us(&f->settings.date, now_us);
    bool is_old = now_us >= f->rotate_us;
    if ((!is_too_large && !is_old) || !file_flush(f))
        return;
    if (f->bytes > 0)
        rotate(f);
    f->rotate_us = rotation_next_us(&f->settings.date, now_us);
}

/* --- the sink --------------------------------------------------------------------------------- */

static bool file_put(void *sink, const struct log_record *record)
{
    struct log_file *f = sink;
    struct lv_buffer line = {0};
    if (f->lines.n >= COLLECTED_BYTES_MAX && !file_flush(f))
        return false;
    check_path(f, record->us);
    log_format_put(f->format, record, &line);
    lv_buffer_add_u8(&line, '\n');
    rotate_if_due(f, record->us, line.n);
    lv_buffer_add_slice(&f->lines, lv_buffer_slice(&line));
    f->bytes += (int64_t)line.n;
    lv_buffer_free(&line);
    return true;
}

static void file_last_words(void *sink, const char *line, size_t n)
{
    const struct log_file *f = sink;
    if (f->fd >= 0 && write(f->fd, line, n) < 0)
        return; /* there is nowhere left to report it */
}

static void file_free(void *sink)
{
    struct log_file *f = sink;
    if (f->fd >= 0)
        close(f->fd);
    lv_buffer_free(&f->lines);
    log_format_free(&f->format);
    free((void *)f->settings.path);
    free(f);
}

const struct log_sink_ops log_file_ops = {
    .put = file_put,
    .flush = file_flush,
    .reopen = file_reopen,
    .last_words = file_last_words,
    .free = file_free,
};
