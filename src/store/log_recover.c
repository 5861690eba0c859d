/* Finds where the log ends, after a start.
 *
 * log_recover() reads only what the start needs, which is bounded. The newest file with a valid
 * batch record says how far everything was synced for sure, which files are needed at all, and
 * which file came before it and where that one ends; the file before says the same about the one
 * before it, and so on: these files are the chain. log_recover() walks it from the position synced
 * for sure to its end. log_read() (log_read.c) reads the records later; meanwhile the log may be
 * written to, in files after that end.
 *
 * Where there is no valid record, the position decides:
 *   - before the position synced for sure it is damage. It is reported with file and offset, and
 *     reading continues at the next valid record;
 *   - after it, it belongs to the last writes, torn by a crash. They were never confirmed. The log
 *     is cut here, and the first batch record of the next file says so for good.
 *
 *   (1) A file that is not in the chain is not read: an earlier recovery has cut it off, it is no
 *       longer needed, or nothing has been written to it yet.
 *   (2) What was read is synced before anything is based on it: after a process has died, a file
 *       may be readable and not be on the disk yet. Before that sync, whatever was not synced for
 *       sure is written again, since the kernel may drop what it once failed to write. */
#include <inttypes.h>
#include <stdlib.h>
#include <sys/uio.h>

#include "base/assert.h"
#include "base/error.h"
#include "base/log.h"
#include "base/memory.h"
#include "store/log_unread.h"

/* --- headers and batch records: which files count --------------------------------------------- */

/* Reads the header of a file. Returns ERR_FORMAT if it is of a newer version. */
static int read_header(struct log_unread *r, struct found_file *f)
{
    struct slice bytes = SLICE_EMPTY;
    int err = unread_read_beginning(r, f, &bytes);
    if (err < 0 || bytes.n < LOG_FILE_HEADER_BYTES)
        return err;
    struct log_file_header header;
    err = log_read_file_header(bytes.p, &header);
    if (err == ERR_FORMAT) {
        return lv_error_explain(err,
                                LOG_FOLDER "/%020" PRIu64 ".log is of the newer version %" PRIu32
                                           ", this Leveret reads up to version %d: start the "
                                           "newer Leveret that wrote it",
                                f->number, header.version, LOG_FORMAT_VERSION);
    }
    if (err < 0)
        return 0; /* damaged, or a file that was being created: its records will tell */
    f->has_header = true;
    r->salt = header.salt;
    r->has_salt = true;
    return 0;
}

/* Refuses a log in which no file has a readable header, since it must not be taken for an empty
 * one. A first start that was cut short may leave a file without a header, but with nothing after
 * it. */
static int check_headers(const struct log_unread *r)
{
    for (size_t i = 0; !r->has_salt && i < r->count; i++) {
        if (r->files[i].bytes <= LOG_FILE_HEADER_BYTES + LOG_BATCH_BYTES)
            continue;
        return lv_error_explain(ERR_FORMAT, "no file in " LOG_FOLDER "/ has a readable header");
    }
    return 0;
}

/* Remembers what a batch record of a file says. */
static void note_batch(struct log_unread *r, struct found_file *f, const struct log_batch *batch)
{
    if (!f->has_batch)
        f->previous = batch->previous;
    f->has_batch = true;
    if (log_position_is_before(r->synced, batch->synced))
        r->synced = batch->synced;
    if (batch->floor > r->floor)
        r->floor = batch->floor;
}

/* Returns where to look for the next batch record after the one at `at`: where the next write
 * begins, if a batch record is there. Otherwise right after the one at `at`: from there the caller
 * goes on record by record. */
static uint64_t next_batch(struct slice bytes, uint64_t key, uint64_t at, uint64_t write_bytes)
{
    struct log_batch batch;
    uint64_t next = at + write_bytes;
    if (write_bytes >= LOG_BATCH_BYTES && next < bytes.n &&
        log_batch_read(slice_from(bytes, next), key, next, &batch))
        return next;
    return at + LOG_BATCH_BYTES;
}

/* Remembers the batch records of a file: those reached from write to write or from record to
 * record, and, after something that is not valid, all that can be found. */
static void note_batches(struct log_unread *r, struct found_file *f, struct slice bytes)
{
    uint64_t key = log_file_key(r->salt, f->number);
    bool is_in_step = true;
    for (uint64_t at = LOG_FILE_HEADER_BYTES; at + LOG_RECORD_HEADER_BYTES <= bytes.n;) {
        struct log_record record;
        struct log_batch batch;
        if (log_batch_read(slice_from(bytes, at), key, at, &batch)) {
            note_batch(r, f, &batch);
            is_in_step = true;
            at = next_batch(bytes, key, at, batch.bytes);
        } else if (is_in_step && log_record_read(slice_from(bytes, at), key, at, &record)) {
            at += record.bytes;
        } else {
            is_in_step = false;
            at = log_batch_find(bytes, at + 8);
        }
    }
}

/* Reads the first batch record of a file, or all of them if that one is not valid. */
static int read_link(struct log_unread *r, struct found_file *f)
{
    struct slice bytes = SLICE_EMPTY;
    int err = unread_read_beginning(r, f, &bytes);
    if (err < 0)
        return err;
    struct log_batch batch;
    if (log_batch_read(slice_from(bytes, LOG_FILE_HEADER_BYTES), log_file_key(r->salt, f->number),
                       LOG_FILE_HEADER_BYTES, &batch)) {
        note_batch(r, f, &batch);
        return 0;
    }
    err = unread_read(r, f, UINT64_MAX, &bytes);
    if (err == 0)
        note_batches(r, f, bytes);
    return err;
}

/* Finds the newest file with a valid batch record (NULL: there is none). */
static int find_newest(struct log_unread *r, struct found_file **ret)
{
    *ret = NULL;
    int err = 0;
    for (size_t i = r->count; err == 0 && i-- > 0;) {
        struct slice bytes = SLICE_EMPTY;
        err = unread_read(r, &r->files[i], UINT64_MAX, &bytes);
        if (err == 0)
            note_batches(r, &r->files[i], bytes);
        if (r->files[i].has_batch) {
            *ret = &r->files[i];
            break;
        }
        r->files[i].is_empty = true;
    }
    return err;
}

/* Returns the newest file below this number that is still needed, or NULL. */
static struct found_file *file_below(struct log_unread *r, uint64_t number)
{
    for (size_t i = r->count; i-- > 0;)
        if (r->files[i].number < number && r->files[i].number >= r->floor)
            return &r->files[i];
    return NULL;
}

/* Returns the file before `f` in the chain, or NULL if none is needed. */
static struct found_file *chain_back(struct log_unread *r, const struct found_file *f)
{
    if (!f->has_batch)
        return file_below(r, f->number);
    if (f->previous.file == 0 || f->previous.file < r->floor)
        return NULL;
    struct found_file *before = unread_find_file(r, f->previous.file);
    if (before) {
        before->end = f->previous.offset;
        return before;
    }
    unread_report(r, f->previous.file, 0, 0, "the file is missing");
    return file_below(r, f->previous.file);
}

/* Follows the chain from the newest file to the oldest that is needed. */
static int find_chain(struct log_unread *r)
{
    struct found_file *f;
    int err = find_newest(r, &f);
    while (err == 0 && f) {
        f->is_in_chain = true;
        f = chain_back(r, f);
        if (f && !f->has_batch)
            err = read_link(r, f);
    }
    return err;
}

/* --- the end of the log ----------------------------------------------------------------------- */

/* Counts the bytes that are cut off the end: as much of the last write as can be recognised. */
static void count_torn(struct log_unread *r, const struct found_file *f, struct slice bytes,
                       uint64_t offset, uint64_t batch_end)
{
    uint64_t key = log_file_key(r->salt, f->number);
    uint64_t end = batch_end > offset ? batch_end : offset;
    for (uint64_t at = unread_find_record(bytes, key, offset); at < bytes.n;) {
        struct log_record record;
        if (!log_record_read(slice_from(bytes, at), key, at, &record))
            break;
        at += record.bytes;
        end = at > end ? at : end;
    }
    r->counts.torn_bytes += end - offset;
    if (end > offset)
        log_warning("file %020" PRIu64 ".log of the log, offset %" PRIu64 ": cut off %" PRIu64
                    " bytes of a write torn by a crash",
                    f->number, offset, end - offset);
}

/* Walks a file from `offset` and sets f->end, where its last valid record ends. Sets *ret_is_torn
 * if a torn write follows: then the log ends in this file. */
static int find_file_end(struct log_unread *r, struct found_file *f, uint64_t offset,
                         bool *ret_is_torn)
{
    struct slice bytes = SLICE_EMPTY;
    uint64_t batch_end = 0;
    int err = unread_read_to_end(r, f, &bytes);
    while (err == 0) {
        struct log_record record;
        uint64_t next;
        enum step what = unread_step(r, f, bytes, offset, &record, &next);
        if (what == STEP_END)
            break;
        if (what == STEP_TORN) {
            count_torn(r, f, bytes, offset, batch_end);
            *ret_is_torn = true;
            break;
        }
        f->has_records |= what == STEP_RECORD && record.type != LOG_BATCH;
        struct log_batch batch;
        if (what == STEP_RECORD && record.type == LOG_BATCH &&
            log_batch_read(slice_from(bytes, offset), log_file_key(r->salt, f->number), offset,
                           &batch))
            batch_end = offset + batch.bytes;
        offset = next;
    }
    f->end = offset;
    return err;
}

/* Finds out whether a file whose end is known has any records. */
static int find_records(struct log_unread *r, struct found_file *f)
{
    struct slice bytes = SLICE_EMPTY;
    uint64_t offset = LOG_FILE_HEADER_BYTES;
    enum step what = STEP_DAMAGE;
    int err = unread_read_to_end(r, f, &bytes);
    while (err == 0 && !f->has_records && (what == STEP_DAMAGE || what == STEP_RECORD)) {
        struct log_record record;
        what = unread_step(r, f, bytes, offset, &record, &offset);
        f->has_records = what == STEP_RECORD && record.type != LOG_BATCH;
    }
    return err;
}

/* Removes a file from the chain: it follows a torn write. */
static void chain_remove(struct found_file *f)
{
    f->is_in_chain = false;
    log_warning("file %020" PRIu64
                ".log of the log follows a write torn by a crash, and is ignored",
                f->number);
}

/* Walks the part of the chain that is not known to be synced. */
static int walk_unsynced(struct log_unread *r)
{
    bool is_torn = false;
    int err = 0;
    for (size_t i = 0; err == 0 && i < r->count; i++) {
        struct found_file *f = &r->files[i];
        bool is_begun = f->number == r->synced.file && r->synced.offset > LOG_FILE_HEADER_BYTES;
        if (!f->is_in_chain || f->number < r->synced.file)
            continue;
        if (is_torn)
            chain_remove(f);
        else
            err =
                find_file_end(r, f, is_begun ? r->synced.offset : LOG_FILE_HEADER_BYTES, &is_torn);
    }
    return err;
}

/* Finds the end of the log: the end of the last file with records. Removes files after that one
 * from the chain. */
static int find_end(struct log_unread *r)
{
    bool is_torn = false;
    int err = walk_unsynced(r);
    for (size_t i = r->count; err == 0 && r->end.file == 0 && i-- > 0;) {
        struct found_file *f = &r->files[i];
        if (!f->is_in_chain)
            continue;
        if (f->end == 0)
            err = find_file_end(r, f, LOG_FILE_HEADER_BYTES, &is_torn);
        else if (!f->has_records && f->number <= r->synced.file)
            err = find_records(r, f);
        if (f->has_records)
            r->end = (struct log_position){f->number, f->end};
        else
            f->is_in_chain = false;
    }
    return err;
}

/* --- syncing what was read (2) ---------------------------------------------------------------- */

/* Writes again the part of a file that is not known to be synced. */
static int write_again(struct log_unread *r, const struct found_file *f, uint64_t from,
                       struct disk_file *file)
{
    struct slice bytes = SLICE_EMPTY;
    int err = unread_read(r, f, f->end, &bytes);
    if (err < 0 || from >= bytes.n)
        return err;
    lv_assert(bytes.p == r->memory);
    struct iovec part = {r->memory + from, bytes.n - (size_t)from};
    return r->disk->write(r->disk, file, from, &part, 1);
}

static int sync_file(struct log_unread *r, const struct found_file *f)
{
    uint64_t from = f->number == r->synced.file ? r->synced.offset : 0;
    lv_assert(f->end > 0);
    char path[LOG_PATH_BYTES];
    log_file_path(path, f->number);
    struct disk_file *file = NULL;
    int err = r->disk->open(r->disk, path, DISK_OPEN_WRITE, &file);
    if (err == 0 && from < f->end)
        err = write_again(r, f, from, file);
    if (err == 0)
        err = r->disk->sync(r->disk, file);
    r->disk->close(r->disk, &file);
    return err;
}

static int sync_chain(struct log_unread *r)
{
    int err = 0;
    for (size_t i = 0; err == 0 && i < r->count; i++)
        if (r->files[i].is_in_chain && r->files[i].number >= r->synced.file)
            err = sync_file(r, &r->files[i]);
    return err;
}

/* --- the steps of a recovery ------------------------------------------------------------------ */

/* Hands all files to the keeper. */
static void hand_over_files(struct log_unread *r)
{
    for (size_t i = 0; i < r->count; i++) {
        const struct found_file *f = &r->files[i];
        log_files_add_old(r->log, (struct log_old_file){
                                      .number = f->number,
                                      .bytes = f->bytes,
                                      .is_free = !f->is_in_chain,
                                      .is_empty = f->is_empty,
                                  });
    }
}

static int recover_all(struct log_unread *r)
{
    int err = unread_list(r);
    for (size_t i = 0; err == 0 && i < r->count; i++)
        err = read_header(r, &r->files[i]);
    if (err == 0)
        err = check_headers(r);
    if (err == 0)
        err = find_chain(r);
    if (err == 0)
        err = find_end(r);
    if (err == 0)
        err = sync_chain(r);
    if (err == 0)
        hand_over_files(r);
    return err;
}

int log_recover(struct log *log, struct log_recovered *ret)
{
    lv_assert(!log->unread && !log->has_threads);
    struct log_unread *r = log->unread = lv_calloc(1, sizeof *r);
    atomic_store(&log->has_unread, true);
    r->log = log;
    r->disk = log->options.disk;
    int err = recover_all(r);
    if (err == 0)
        *ret = (struct log_recovered){
            .salt = r->salt,
            .has_salt = r->has_salt,
            .last_number = r->count ? r->files[r->count - 1].number : 0,
            .floor = r->floor,
            .end = r->end,
        };
    return err;
}
