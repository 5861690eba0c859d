/* The files of the log, and their keeper: a thread that prepares the next file before the writer
 * needs it, and reuses or removes files that are no longer needed. A file has been filled with
 * zeros before its first record, or has been a file of the log before, so that a sync writes no
 * metadata.
 *
 * How a file gets its name:
 *   - a new file is created with it, filled, given its header, synced, and the folder synced;
 *   - a used file gets its new header under its old name, is synced and renamed, and the folder is
 *     synced.
 * The writer gets a file only after that, so a confirmed record is never in a file whose name a
 * crash could take away.
 *
 *   (1) Numbers only grow and none is used twice, so the records of a file's earlier life are not
 *       valid in a later one.
 *   (2) A file is used again or removed only after a batch record that says so (its floor) has been
 *       synced. If a crash undoes a removal, or some of several, recovery still sees the same. */
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
    lv_assert(number > 0);
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

/* Writes the header, and a batch record if one is given, and syncs them. */
static int file_write_head(struct log *log, struct log_file *file, const struct log_batch *batch)
{
    struct disk *disk = log->options.disk;
    uint8_t head[LOG_FILE_HEADER_BYTES + LOG_BATCH_BYTES];
    struct iovec part = {head, LOG_FILE_HEADER_BYTES};
    log_put_file_header(head,
                        &(struct log_file_header){LOG_FORMAT_VERSION, file->number, log->salt});
    if (batch) {
        log_put_batch(head + LOG_FILE_HEADER_BYTES, batch);
        log_record_bind(head + LOG_FILE_HEADER_BYTES, log_file_key(log->salt, file->number),
                        LOG_FILE_HEADER_BYTES);
        part.iov_len += LOG_BATCH_BYTES;
    }
    int err = disk->write(disk, file->handle, 0, &part, 1);
    return err < 0 ? err : disk->sync(disk, file->handle);
}

/* Creates a file, fills it with `bytes` of zeros (0: does not fill it), and writes its head. Leaves
 * it open. */
static int file_create(struct log *log, uint64_t bytes, const struct log_batch *batch,
                       struct log_file *file)
{
    struct disk *disk = log->options.disk;
    log_assert_unlocked();
    lv_assert(!file->handle);
    char path[LOG_PATH_BYTES];
    log_file_path(path, file->number);
    int err = disk->open(disk, path, DISK_OPEN_CREATE, &file->handle);
    if (err == 0 && bytes > 0)
        err = disk->fill(disk, file->handle, bytes);
    if (err == 0)
        err = file_write_head(log, file, batch);
    if (err == 0)
        err = disk->sync_directory(disk, LOG_FOLDER);
    if (err < 0 && file->handle) {
        disk->close(disk, &file->handle);
        disk->remove(disk, path); /* half filled, it would only take up room */
    }
    file->bytes = bytes;
    return err;
}

/* Makes the file `file->number` out of an existing one that has `bytes`: writes its new head, and
 * renames it. Leaves it open. */
static int file_adopt(struct log *log, const char *old_path, uint64_t bytes,
                      const struct log_batch *batch, struct log_file *file)
{
    struct disk *disk = log->options.disk;
    log_assert_unlocked();
    lv_assert(!file->handle);
    lv_assert(bytes >= LOG_FILE_HEADER_BYTES + LOG_BATCH_BYTES);
    char path[LOG_PATH_BYTES];
    log_file_path(path, file->number);
    int err = disk->open(disk, old_path, DISK_OPEN_WRITE, &file->handle);
    if (err == 0)
        err = file_write_head(log, file, batch);
    if (err == 0)
        err = disk->rename(disk, old_path, path);
    if (err == 0)
        err = disk->sync_directory(disk, LOG_FOLDER);
    if (err < 0)
        disk->close(disk, &file->handle);
    file->bytes = bytes;
    return err;
}

static int file_reuse(struct log *log, struct log_old_file old, const struct log_batch *batch,
                      struct log_file *file)
{
    lv_assert(old.number < file->number);
    char old_path[LOG_PATH_BYTES];
    log_file_path(old_path, old.number);
    return file_adopt(log, old_path, old.bytes, batch, file);
}

/* --- the reserve ------------------------------------------------------------------------------ */

uint64_t log_small_file_bytes(uint64_t file_bytes)
{
    return file_bytes / LOG_RESERVE_DIVISOR / 8 * 8;
}

static uint64_t reserve_bytes(const struct log *log)
{
    return log_small_file_bytes(log->options.file_bytes);
}

/* Returns true if files can take this many bytes more and still leave room_min on the disk. */
static bool disk_has_room(const struct log *log, uint64_t bytes)
{
    struct disk *disk = log->options.disk;
    uint64_t least = atomic_load(&log->room_min);
    log_assert_unlocked();
    uint64_t room = disk->room(disk);
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
    lv_assert(!log->files.next.handle);
    log->files.has_reserve = err == 0 && bytes == reserve_bytes(log);
}

/* Makes the reserve the next file, when there is no room for a new one. */
static int file_from_reserve(struct log *log, const struct log_batch *batch, struct log_file *file)
{
    int err = file_adopt(log, LOG_RESERVE, reserve_bytes(log), batch, file);
    file->is_reserve = true;
    if (err == 0)
        log_info("the disk is full: the log continues in its reserve");
    return err;
}

static int reserve_create(struct log *log)
{
    struct disk *disk = log->options.disk;
    struct disk_file *file = NULL;
    log_assert_unlocked();
    int err = disk->open(disk, LOG_RESERVE, DISK_OPEN_CREATE, &file);
    if (err == 0)
        err = disk->fill(disk, file, reserve_bytes(log));
    if (err == 0)
        err = disk->sync(disk, file);
    if (err == 0)
        err = disk->sync_directory(disk, LOG_FOLDER);
    if (err < 0 && file) {
        disk->close(disk, &file);
        disk->remove(disk, LOG_RESERVE); /* half filled, it would only take up room */
    }
    disk->close(disk, &file);
    return err;
}

/* --- old files -------------------------------------------------------------------------------- */

void log_files_add_old(struct log *log, struct log_old_file file)
{
    struct log_files *files = &log->files;
    lv_assert(file.number > 0);
    log_lock(log);
    lv_vec_room(files->old, files->old_count, files->old_capacity);
    files->old[files->old_count++] = file;
    log_unlock(log);
}

static bool old_is_free(const struct log_files *files, const struct log_old_file *file)
{
    return file->is_free || file->number < files->floor;
}

/* Returns true if the file has the full size, so that it can be used again. */
static bool old_is_reusable(const struct log *log, const struct log_old_file *file)
{
    return file->bytes == log->options.file_bytes;
}

/* Returns the index of a file to use again, or old_count if there is none. */
static size_t find_reusable(const struct log *log)
{
    const struct log_files *files = &log->files;
    size_t i = 0;
    while (i < files->old_count &&
           !(old_is_free(files, &files->old[i]) && old_is_reusable(log, &files->old[i])))
        i++;
    return i;
}

/* Returns the index of a file to remove, or old_count if there is none. That is one that is free
 * and either cannot be used again or exceeds the number of spares. */
static size_t find_removable(const struct log *log)
{
    const struct log_files *files = &log->files;
    size_t spares_max = atomic_load(&log->is_short) || files->is_tight ? 0 : LOG_SPARES_MAX;
    size_t spares = 0;
    for (size_t i = 0; i < files->old_count; i++) {
        if (!old_is_free(files, &files->old[i]))
            continue;
        if (!old_is_reusable(log, &files->old[i]) || ++spares > spares_max)
            return i;
    }
    return files->old_count;
}

static struct log_old_file old_take(struct log_files *files, size_t i)
{
    lv_assert(i < files->old_count);
    struct log_old_file file = files->old[i];
    files->old[i] = files->old[--files->old_count];
    return file;
}

static void old_remove(struct log *log, struct log_old_file file)
{
    struct disk *disk = log->options.disk;
    log_assert_unlocked();
    char path[LOG_PATH_BYTES];
    log_file_path(path, file.number);
    int err = disk->remove(disk, path);
    if (err < 0 && err != ERR_NOT_FOUND)
        log_warning("cannot remove %s, which is no longer needed: %s", path, lv_error_reason(err));
}

/* --- the keeper's work ------------------------------------------------------------------------ */

static void report_prepare_failed(struct log *log, uint64_t number, int err)
{
    if (err == log->files.next_error)
        return; /* reported already */
    log_warning("cannot prepare file %llu of the log: %s; %s", (unsigned long long)number,
                lv_error_reason(err),
                log_is_out_of_room(err) ? "trying again until there is room"
                                        : "the log will end with the current file");
}

static bool file_is_small(const struct log *log, const struct log_file *file)
{
    return file->bytes < log->options.file_bytes;
}

/* Makes a new file of full size, if that leaves room_min on the disk. Otherwise returns
 * ERR_NO_SPACE, except when the writer cannot go on without a file: then makes a small one, or uses
 * the reserve. */
static int file_make_next(struct log *log, bool is_pressing, bool has_reserve,
                          struct log_file *file)
{
    uint64_t bytes = log->options.file_bytes;
    int err = ERR_NO_SPACE;
    if (disk_has_room(log, bytes))
        err = file_create(log, bytes, NULL, file);
    else
        lv_error_explain(err, "%" PRIu64 " bytes would leave less than disk_free_limit", bytes);
    if (err == ERR_NO_SPACE && is_pressing)
        err = file_create(log, reserve_bytes(log), NULL, file);
    if (err == ERR_NO_SPACE && is_pressing && has_reserve)
        err = file_from_reserve(log, NULL, file);
    return err;
}

/* The functions keep_...() each do one piece of work, and return true if they achieved something.
 * The caller holds the lock; they release it while they use the disk. */

/* Prepares the next file. If an old file cannot be reused, it is dropped from the list: nobody
 * needs it, and the next start finds it. */
static bool keep_next(struct log *log)
{
    struct log_files *files = &log->files;
    struct log_file file = {.number = files->last_number + 1};
    size_t reusable = find_reusable(log);
    struct log_old_file old = {0};
    bool is_pressing = files->is_pressing;
    bool has_reserve = files->has_reserve;
    lv_assert(!files->next.handle);
    if (reusable < files->old_count)
        old = old_take(files, reusable);
    log_unlock(log);
    int err;
    if (old.number > 0)
        err = file_reuse(log, old, NULL, &file);
    else
        err = file_make_next(log, is_pressing, has_reserve, &file);
    bool is_tight = !disk_has_room(log, log->options.file_bytes);
    log_lock(log);
    lv_assert(!files->next.handle); /* nobody else makes one */
    files->is_tight = is_tight;
    files->has_reserve &= !file.is_reserve;
    if (err < 0) {
        report_prepare_failed(log, file.number, err);
        files->next_error = err;
        return false;
    }
    files->last_number = file.number;
    files->next = file;
    files->had_no_room = false;
    files->is_pressing = false;
    files->next_error = file_is_small(log, &file) ? ERR_NO_SPACE : 0;
    return true;
}

static bool wants_reserve(const struct log_files *files)
{
    return !files->has_reserve && !files->had_no_room && files->next.handle &&
           files->next_error == 0;
}

static bool keep_reserve(struct log *log)
{
    struct log_files *files = &log->files;
    if (!wants_reserve(files))
        return false;
    log_unlock(log);
    int err = ERR_NO_SPACE;
    if (disk_has_room(log, reserve_bytes(log)))
        err = reserve_create(log);
    log_lock(log);
    files->has_reserve = err == 0;
    files->had_no_room = err < 0;
    return err == 0;
}

/* Returns true if the next file is a small one, for lack of room. */
static bool is_next_small(const struct log_files *files)
{
    return files->next.handle && files->next_error < 0;
}

/* Finds out whether a file of full size can be had again, and clears next_error then. */
static bool keep_looking_for_room(struct log *log)
{
    struct log_files *files = &log->files;
    bool has_room = find_reusable(log) < files->old_count;
    if (!has_room) {
        log_unlock(log);
        has_room = disk_has_room(log, log->options.file_bytes);
        log_lock(log);
    }
    if (has_room)
        files->next_error = 0;
    return has_room;
}

static bool keep_removing(struct log *log, size_t removable)
{
    struct log_files *files = &log->files;
    struct log_old_file old = old_take(files, removable);
    files->had_no_room = false;
    log_unlock(log);
    old_remove(log, old);
    log_lock(log);
    return true;
}

static bool wants_next(const struct log *log)
{
    const struct log_files *files = &log->files;
    return !files->next.handle && (files->next_error == 0 || log_is_out_of_room(files->next_error));
}

bool log_files_has_work(const struct log *log)
{
    const struct log_files *files = &log->files;
    log_assert_locked(log);
    return (wants_next(log) && files->next_error == 0) || wants_reserve(files) ||
           find_removable(log) < files->old_count;
}

/* Prepares the next file first, unless there was no room for it: then removes a file first. */
bool log_files_keep(struct log *log)
{
    struct log_files *files = &log->files;
    log_assert_role(log, LOG_ROLE_KEEPER);
    log_lock(log);
    size_t removable = find_removable(log);
    bool has_worked;
    if (removable < files->old_count && (!wants_next(log) || files->next_error < 0))
        has_worked = keep_removing(log, removable);
    else if (wants_next(log))
        has_worked = keep_next(log);
    else if (is_next_small(files))
        has_worked = keep_looking_for_room(log);
    else
        has_worked = keep_reserve(log);
    log_unlock(log);
    return has_worked;
}

/* --- the first file --------------------------------------------------------------------------- */

/* Returns the index of an old file of this size that holds nothing a recovery would read, or
 * old_count if there is none. */
static size_t find_empty(const struct log *log, uint64_t bytes)
{
    const struct log_files *files = &log->files;
    size_t i = 0;
    while (i < files->old_count &&
           !(files->old[i].bytes == bytes &&
             (files->old[i].is_empty || files->old[i].number < files->floor)))
        i++;
    return i;
}

/* Cuts off what follows the end of the log in its last file: zeros, or a torn write. Sets
 * *ret_bytes to how much room that gives back, in whole pages. */
static int cut_behind_end(struct log *log, struct log_position end, uint64_t *ret_bytes)
{
    struct disk *disk = log->options.disk;
    struct disk_file *file = NULL;
    uint64_t bytes = 0;
    char path[LOG_PATH_BYTES];
    log_file_path(path, end.file);
    int err = disk->open(disk, path, DISK_OPEN_WRITE, &file);
    if (err == 0)
        err = disk->size(disk, file, &bytes);
    if (err == 0 && bytes > end.offset)
        err = disk->truncate(disk, file, end.offset);
    disk->close(disk, &file);
    for (size_t i = 0; i < log->files.old_count; i++)
        if (log->files.old[i].number == end.file)
            log->files.old[i].bytes = end.offset; /* too short to be used again */
    uint64_t pages_end = end.offset + -end.offset % LOG_PAGE_BYTES;
    *ret_bytes = bytes > pages_end ? (bytes - pages_end) / LOG_PAGE_BYTES * LOG_PAGE_BYTES : 0;
    return err;
}

/* Makes a file in the room that the log's last file does not use, and fills it, so that the next
 * start finds room in the same way. */
static int file_from_room_behind_end(struct log *log, const struct log_batch *batch,
                                     struct log_file *file)
{
    const uint64_t most = reserve_bytes(log);
    uint64_t bytes = 0;
    if (batch->previous.file == 0)
        return ERR_NO_SPACE;
    int err = cut_behind_end(log, batch->previous, &bytes);
    if (err == 0)
        err = file_create(log, bytes < most ? bytes : most, batch, file);
    if (err == 0)
        log_info("the disk is full: the log continues in the room left in its last file");
    return err;
}

/* Finds room for a file on a disk that has too little for one of full size. */
static int file_begin_small(struct log *log, const struct log_batch *batch, struct log_file *file)
{
    size_t i = find_empty(log, reserve_bytes(log));
    if (i < log->files.old_count)
        return file_reuse(log, old_take(&log->files, i), batch, file);
    int err = file_create(log, reserve_bytes(log), batch, file);
    if (err == ERR_NO_SPACE && log->files.has_reserve)
        err = file_from_reserve(log, batch, file);
    else if (err == ERR_NO_SPACE)
        err = file_from_room_behind_end(log, batch, file);
    return err;
}

/* Uses an old file: one that was prepared before the last stop, or one below the floor. If there is
 * none, makes a new one, which is not filled, so that the start does not wait; the writer leaves it
 * as soon as the next one is ready. On a full disk makes a small one, which is filled. Files that
 * only this recovery has found to be no longer needed are kept until the batch record has been
 * synced. */
int log_files_begin(struct log *log, const struct log_batch *batch, struct log_file *ret)
{
    struct log_files *files = &log->files;
    struct log_file file = {.number = ++files->last_number};
    lv_assert(!log->has_threads && !files->next.handle);
    size_t i = find_empty(log, log->options.file_bytes);
    int err;
    if (i < files->old_count)
        err = file_reuse(log, old_take(files, i), batch, &file);
    else if (disk_has_room(log, log->options.file_bytes))
        err = file_create(log, 0, batch, &file);
    else
        err = file_begin_small(log, batch, &file);
    files->has_reserve &= !file.is_reserve;
    if (err == 0)
        *ret = file;
    return err;
}
