/* The files of the log, and their keeper: a thread that has the next file ready before the writer
 * wants it, and gives back those that nobody needs. So that a sync writes no metadata, a file has
 * been filled with zeros before its first record, or has been a file of the log before.
 *
 * How a file comes to its name:
 *   - a new one is created under it, filled, given its header, synced, and its folder synced;
 *   - a used one gets its new header under its old name, is synced, renamed, and the folder synced.
 * The writer sees it only after that, so a confirmed record is never in a file without a name.
 *
 *   (1) Numbers only grow and none is used twice, so what an earlier life of a file left behind is
 *       not valid in a later one.
 *   (2) A file is used again or removed only when a batch record that says so (its floor) has been
 *       synced: a removal that a crash undoes, or does for some files and not for others, changes
 *       nothing that recovery sees. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "base/digits.h"
#include "base/log.h"
#include "base/memory.h"
#include "base/vec.h"
#include "store/log_private.h"

enum { NAME_DIGITS = 20 };

void log_file_path(char path[LOG_PATH_BYTES], uint64_t number)
{
    snprintf(path, LOG_PATH_BYTES, LOG_FOLDER "/%0*llu.log", NAME_DIGITS,
             (unsigned long long)number);
}

uint64_t log_file_number(const char *name)
{
    struct slice rest = slice_str(name);
    uint64_t number;

    if (!lv_digits_take(&rest, &number) || rest.p != (const uint8_t *)name + NAME_DIGITS)
        return 0;
    return slice_is(rest, ".log") ? number : 0;
}

/* --- making a file ---------------------------------------------------------------------------- */

/* The header, and the batch record where there is one already. */
static int write_head(struct log *log, struct log_file *file, const struct log_batch *batch)
{
    struct disk *disk = log->options.disk;
    uint8_t head[LOG_FILE_HEADER_BYTES + LOG_BATCH_BYTES];
    struct iovec part = {head, LOG_FILE_HEADER_BYTES};
    int err;

    log_put_file_header(head,
                        &(struct log_file_header){LOG_FORMAT_VERSION, file->number, log->salt});
    if (batch) {
        log_put_batch(head + LOG_FILE_HEADER_BYTES, batch);
        log_record_bind(head + LOG_FILE_HEADER_BYTES, log_file_key(log->salt, file->number),
                        LOG_FILE_HEADER_BYTES);
        part.iov_len += LOG_BATCH_BYTES;
    }
    err = disk->write(disk, file->handle, 0, &part, 1);
    return err < 0 ? err : disk->sync(disk, file->handle);
}

static int file_create(struct log *log, uint64_t bytes, const struct log_batch *batch,
                       struct log_file *file)
{
    struct disk *disk = log->options.disk;
    char path[LOG_PATH_BYTES];
    int err;

    log_file_path(path, file->number);
    err = disk->open(disk, path, DISK_OPEN_CREATE, &file->handle);
    if (err == 0 && bytes > 0)
        err = disk->fill(disk, file->handle, bytes);
    if (err == 0)
        err = write_head(log, file, batch);
    if (err == 0)
        err = disk->sync_directory(disk, LOG_FOLDER);
    if (err < 0 && file->handle) {
        disk->close(disk, &file->handle);
        disk->remove(disk, path); /* a half-filled file would keep the room that is missing */
    }
    file->bytes = bytes;
    return err;
}

/* A file that is filled already, with `bytes`. */
static int file_adopt(struct log *log, const char *old_path, uint64_t bytes,
                      const struct log_batch *batch, struct log_file *file)
{
    struct disk *disk = log->options.disk;
    char path[LOG_PATH_BYTES];
    int err;

    log_file_path(path, file->number);
    err = disk->open(disk, old_path, DISK_OPEN_WRITE, &file->handle);
    if (err == 0)
        err = write_head(log, file, batch);
    if (err == 0)
        err = disk->rename(disk, old_path, path);
    if (err == 0)
        err = disk->sync_directory(disk, LOG_FOLDER);
    if (err < 0)
        disk->close(disk, &file->handle);
    file->bytes = bytes;
    return err;
}

static int file_reuse(struct log *log, uint64_t old_number, const struct log_batch *batch,
                      struct log_file *file)
{
    char old_path[LOG_PATH_BYTES];

    log_file_path(old_path, old_number);
    return file_adopt(log, old_path, log->options.file_bytes, batch, file);
}

/* --- the reserve ------------------------------------------------------------------------------ */

static uint64_t reserve_bytes(const struct log *log)
{
    return log->options.file_bytes / LOG_RESERVE_DIVISOR / 8 * 8;
}

/* Returns true if files may take this much more of the disk and still leave the room it is to
 * keep. */
static bool has_room_for(const struct log *log, uint64_t bytes)
{
    struct disk *disk = log->options.disk;
    uint64_t room = disk->room(disk);
    uint64_t least = atomic_load(&log->room_min);

    return room >= bytes && room - bytes >= least;
}

void log_files_find_reserve(struct log *log)
{
    struct disk *disk = log->options.disk;
    struct disk_file *file = NULL;
    uint64_t bytes = 0;
    int err = disk->open(disk, LOG_RESERVE, DISK_OPEN_READ, &file);

    if (err == 0)
        err = disk->size(disk, file, &bytes);
    disk->close(disk, &file);
    log->files.has_reserve = err == 0 && bytes == reserve_bytes(log);
}

/* A file for want of anything else. */
static int file_from_reserve(struct log *log, const struct log_batch *batch, struct log_file *file)
{
    int err = file_adopt(log, LOG_RESERVE, reserve_bytes(log), batch, file);

    file->is_reserve = true;
    if (err == 0)
        log_info("the disk is full: the log goes on in its reserve");
    return err;
}

static int reserve_create(struct log *log)
{
    struct disk *disk = log->options.disk;
    struct disk_file *file = NULL;
    int err = disk->open(disk, LOG_RESERVE, DISK_OPEN_CREATE, &file);

    if (err == 0)
        err = disk->fill(disk, file, reserve_bytes(log));
    if (err == 0)
        err = disk->sync(disk, file);
    if (err == 0)
        err = disk->sync_directory(disk, LOG_FOLDER);
    if (err < 0 && file) {
        disk->close(disk, &file);
        disk->remove(disk,
                     LOG_RESERVE); /* a half-filled file would keep the room that is missing */
    }
    disk->close(disk, &file);
    return err;
}

/* --- files that are over ---------------------------------------------------------------------- */

void log_files_add_old(struct log *log, struct log_old_file file)
{
    struct log_files *files = &log->files;

    pthread_mutex_lock(&log->lock);
    lv_vec_room(files->old, files->old_count, files->old_capacity);
    files->old[files->old_count++] = file;
    pthread_mutex_unlock(&log->lock);
}

static bool is_free(const struct log_files *files, const struct log_old_file *file)
{
    return file->is_free || file->number < files->floor;
}

static bool is_fit(const struct log *log, const struct log_old_file *file)
{
    return file->bytes == log->options.file_bytes;
}

static size_t find_reusable(const struct log *log)
{
    const struct log_files *files = &log->files;
    size_t i = 0;

    while (i < files->old_count && !(is_free(files, &files->old[i]) && is_fit(log, &files->old[i])))
        i++;
    return i;
}

/* One that is free and of no use, or one of too many. */
static size_t find_removable(const struct log *log)
{
    const struct log_files *files = &log->files;
    size_t spares_max = atomic_load(&log->is_short) ? 0 : LOG_SPARES_MAX;
    size_t spares = 0;

    for (size_t i = 0; i < files->old_count; i++) {
        if (!is_free(files, &files->old[i]))
            continue;
        if (!is_fit(log, &files->old[i]) || ++spares > spares_max)
            return i;
    }
    return files->old_count;
}

static struct log_old_file take_old(struct log_files *files, size_t i)
{
    struct log_old_file file = files->old[i];

    files->old[i] = files->old[--files->old_count];
    return file;
}

static void remove_old(struct log *log, struct log_old_file file)
{
    struct disk *disk = log->options.disk;
    char path[LOG_PATH_BYTES];
    int err;

    log_file_path(path, file.number);
    err = disk->remove(disk, path);
    if (err < 0 && err != ERR_NOT_FOUND)
        log_warning("cannot remove %s, which is needed no more: %s", path, lv_error_reason(err));
}

/* --- the keeper's work ------------------------------------------------------------------------ */

static void say_prepare_failed(struct log *log, uint64_t number, int err)
{
    if (err == log->files.next_error)
        return; /* said already */
    log_warning("cannot prepare file %llu of the log: %s; %s", (unsigned long long)number,
                lv_error_reason(err),
                log_is_out_of_room(err) ? "trying again until there is room"
                                        : "the log will end with the current file");
}

static bool is_small(const struct log *log, const struct log_file *file)
{
    return file->bytes < log->options.file_bytes;
}

/* One of full size, if that leaves the room that is to be left. Else none, unless the writer must
 * have one: then a small one, or the reserve. */
static int make_next(struct log *log, bool is_pressing, bool has_reserve, struct log_file *file)
{
    uint64_t bytes = log->options.file_bytes;
    int err = ERR_NO_SPACE;

    if (has_room_for(log, bytes))
        err = file_create(log, bytes, NULL, file);
    else
        lv_error_explain(err, "%" PRIu64 " bytes would leave less than disk_free_limit", bytes);
    if (err == ERR_NO_SPACE && is_pressing)
        err = file_create(log, reserve_bytes(log), NULL, file);
    if (err == ERR_NO_SPACE && is_pressing && has_reserve)
        err = file_from_reserve(log, NULL, file);
    return err;
}

/* Under the lock, which is given back meanwhile. A used file whose making failed is left alone:
 * nobody needs it, and the next start finds it. */
static void prepare_next(struct log *log)
{
    struct log_files *files = &log->files;
    struct log_file file = {.number = files->last_number + 1};
    size_t reusable = find_reusable(log);
    struct log_old_file old = {0};
    bool is_pressing = files->is_pressing;
    bool has_reserve = files->has_reserve;
    int err;

    if (reusable < files->old_count)
        old = take_old(files, reusable);
    pthread_mutex_unlock(&log->lock);
    if (old.number > 0)
        err = file_reuse(log, old.number, NULL, &file);
    else
        err = make_next(log, is_pressing, has_reserve, &file);
    pthread_mutex_lock(&log->lock);
    files->has_reserve &= !file.is_reserve;
    if (err < 0) {
        say_prepare_failed(log, file.number, err);
        files->next_error = err;
        return;
    }
    files->last_number = file.number;
    files->next = file;
    files->had_no_room = false;
    files->is_pressing = false;
    files->next_error = is_small(log, &file) ? ERR_NO_SPACE : 0;
}

static bool wants_reserve(const struct log_files *files)
{
    return !files->has_reserve && !files->had_no_room && files->next.handle &&
           files->next_error == 0;
}

/* Under the lock, which is given back meanwhile. False: there is no room for it, or it is there. */
static bool prepare_reserve(struct log *log)
{
    struct log_files *files = &log->files;
    int err = ERR_NO_SPACE;

    if (!wants_reserve(files))
        return false;
    pthread_mutex_unlock(&log->lock);
    if (has_room_for(log, reserve_bytes(log)))
        err = reserve_create(log);
    pthread_mutex_lock(&log->lock);
    files->has_reserve = err == 0;
    files->had_no_room = err < 0;
    return err == 0;
}

/* Under the lock. The next file is a small one for want of room: is there room again for more? */
static bool has_room_again(const struct log *log)
{
    const struct log_files *files = &log->files;

    return files->next.handle && files->next_error < 0 &&
           (find_reusable(log) < files->old_count || has_room_for(log, log->options.file_bytes));
}

static bool wants_next(const struct log *log)
{
    const struct log_files *files = &log->files;

    return !files->next.handle && (files->next_error == 0 || log_is_out_of_room(files->next_error));
}

bool log_files_has_work(const struct log *log)
{
    const struct log_files *files = &log->files;

    return (wants_next(log) && files->next_error == 0) || wants_reserve(files) ||
           find_removable(log) < files->old_count;
}

/* The next file comes first, unless there was no room for it: then what can be removed. */
bool log_files_keep(struct log *log)
{
    struct log_files *files = &log->files;
    struct log_old_file old;
    size_t removable;
    bool has_worked;

    pthread_mutex_lock(&log->lock);
    removable = find_removable(log);
    has_worked = wants_next(log);
    if (removable < files->old_count && (!has_worked || files->next_error < 0)) {
        old = take_old(files, removable);
        files->had_no_room = false;
        pthread_mutex_unlock(&log->lock);
        remove_old(log, old);
        return true;
    }
    if (has_worked) {
        prepare_next(log);
        has_worked = files->next.handle != NULL;
    } else if (has_room_again(log)) {
        files->next_error = 0;
        has_worked = true;
    } else {
        has_worked = prepare_reserve(log);
    }
    pthread_mutex_unlock(&log->lock);
    return has_worked;
}

/* --- the first file --------------------------------------------------------------------------- */

/* A file that was prepared before the last stop serves at once; the reserve, where the disk is
 * full. A new one is begun without filling it, so that the start does not wait; the writer leaves
 * it as soon as the next one is ready. What recovery has found to be needed no more stays until the
 * batch record has been synced. */
int log_files_begin(struct log *log, const struct log_batch *batch, struct log_file *ret)
{
    struct log_files *files = &log->files;
    struct log_file file = {.number = ++files->last_number};
    size_t i = 0;
    int err;

    while (i < files->old_count &&
           !(is_fit(log, &files->old[i]) &&
             (files->old[i].is_empty || files->old[i].number < files->floor)))
        i++;
    if (i < files->old_count)
        err = file_reuse(log, take_old(files, i).number, batch, &file);
    else if (files->has_reserve && !has_room_for(log, log->options.file_bytes))
        err = file_from_reserve(log, batch, &file);
    else
        err = file_create(log, 0, batch, &file);
    files->has_reserve &= !file.is_reserve;
    if (err == 0)
        *ret = file;
    return err;
}
