/* Reading the log after a start, in two parts.
 *
 * log_recover() reads what the start cannot do without, which is bounded: where the log ends. The newest file with a valid batch record says how far everything was synced for sure, which files
 * are needed at all, and which file came before it and where that ends; the file before says the same
 * of the one before it, and so on: the chain. From the place up to which all was synced it is walked to
 * its end. Then log_read() reads the chain from its oldest file to its newest, a file at a time, each
 * record handed to the visitor; the log may be in use meanwhile, behind that end.
 *
 * Where no valid record stands, the place decides:
 *   - below what was synced for sure: damage. It is reported with file and offset; reading goes on at
 *     the next valid record;
 *   - beyond: the last write, which a crash has torn. Nobody was told of it. The log is cut here, and
 *     the batch record of the file that is begun next says so for good.
 *
 *   (1) A file that is not in the chain is not read: an earlier recovery has cut it off, or it is
 *       needed no more, or nothing has been written to it yet.
 *   (2) What was read is synced before anything follows from it: after a process has died, a file may
 *       read well and not be on the disk yet. Whatever was not synced for sure is written again for that,
 *       since the kernel forgets what it once failed to write.
 *   (3) Looking for the next valid record costs a bounded time, whatever bytes stand there. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "base/assert.h"
#include "base/error.h"
#include "base/log.h"
#include "base/memory.h"
#include "store/log_private.h"

enum { PIECE_BYTES = 4096, SEARCH_FACTOR = 16 };

struct found_file {
    uint64_t number;
    uint64_t bytes;
    bool has_header;
    bool has_batch; /* known from the newest file and from the chain */
    bool is_empty;  /* newer than the newest with a batch record */
    bool is_in_chain;
    bool has_records;
    uint64_t end; /* of its records; 0: not known */
    struct log_place previous;
};

struct log_unread {
    struct log *log;
    struct disk *disk;
    const struct log_visitor *visitor; /* of the call of log_read() under way */
    void *arg;
    struct log_recovery counts;
    struct log_scratch scratch;

    struct found_file *files; /* by number */
    size_t count;
    size_t capacity;
    size_t next; /* the place of the next one to read */
    bool has_salt;
    uint64_t salt;
    struct log_place synced; /* everything before it was */
    uint64_t floor;
    struct log_place end;

    uint8_t *memory; /* one file's bytes */
    size_t memory_bytes;
    uint64_t memory_file; /* what is in it; 0: nothing that counts */
    size_t memory_got;
    uint8_t beginning[LOG_FILE_HEADER_BYTES + LOG_BATCH_BYTES];
};

/* --- what is there -------------------------------------------------------------------------------- */

static void note_file(void *arg, const char *name, uint64_t bytes)
{
    struct log_unread *r = arg;
    uint64_t number = log_file_number(name);

    if (number == 0)
        return;
    if (r->count == r->capacity) {
        r->capacity = r->capacity ? r->capacity * 2 : 16;
        r->files = lv_realloc(r->files, r->capacity * sizeof *r->files);
    }
    r->files[r->count++] = (struct found_file){.number = number, .bytes = bytes};
}

static int by_number(const void *a, const void *b)
{
    uint64_t x = ((const struct found_file *)a)->number;
    uint64_t y = ((const struct found_file *)b)->number;

    return (x > y) - (x < y);
}

static struct found_file *find_file(struct log_unread *r, uint64_t number)
{
    struct found_file key = {.number = number};

    return r->count ? bsearch(&key, r->files, r->count, sizeof key, by_number) : NULL;
}

/* The newest file below this number that is still needed. */
static struct found_file *file_below(struct log_unread *r, uint64_t number)
{
    for (size_t i = r->count; i-- > 0;)
        if (r->files[i].number < number && r->files[i].number >= r->floor)
            return &r->files[i];
    return NULL;
}

static void report(struct log_unread *r, uint64_t file, uint64_t offset, uint64_t bytes,
                   const char *what)
{
    r->counts.broken_places++;
    r->counts.broken_bytes += bytes;
    log_error("file %020" PRIu64 ".log of the log, offset %" PRIu64 ": %s", file, offset, what);
}

static void report_damage(struct log_unread *r, uint64_t file, uint64_t from, uint64_t to)
{
    char what[96];

    snprintf(what, sizeof what, "damaged, %" PRIu64 " bytes cannot be read and are skipped",
             to - from);
    report(r, file, from, to - from, what);
}

/* --- reading a file ------------------------------------------------------------------------------- */

static int make_memory(struct log_unread *r, uint64_t bytes)
{
    void *p;

    if (bytes <= r->memory_bytes)
        return 0;
    if (r->memory)
        munmap(r->memory, r->memory_bytes);
    r->memory = NULL;
    r->memory_bytes = 0;
    p = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (p == MAP_FAILED)
        return ERR_NO_MEMORY;
    r->memory = p;
    r->memory_bytes = bytes;
    return 0;
}

/* Piece by piece, after a read has failed: what cannot be read counts as zeros. When nothing can be
 * read the disk is at fault, not a place on it. */
static int read_pieces(struct log_unread *r, struct disk_file *file, uint64_t number, size_t bytes,
                       size_t *ret_read)
{
    size_t failed = 0;
    size_t pieces = 0;
    size_t got;
    int err;

    for (size_t offset = 0; offset < bytes; offset += PIECE_BYTES, pieces++) {
        size_t n = bytes - offset < PIECE_BYTES ? bytes - offset : PIECE_BYTES;

        memset(r->memory + offset, 0, n);
        err = r->disk->read(r->disk, file, offset, r->memory + offset, n, &got);
        if (err == 0)
            continue;
        failed++;
        report(r, number, offset, 0, "the disk cannot read this place");
    }
    *ret_read = bytes;
    return failed == pieces ? ERR_IO : 0;
}

/* Reads up to `bytes` of a file into the memory. The newest file is looked at more than once: what
 * was read last is not read again. */
static int read_file(struct log_unread *r, const struct found_file *f, uint64_t bytes,
                     struct slice *ret)
{
    struct disk_file *file = NULL;
    char path[LOG_PATH_BYTES];
    size_t got = 0;
    int err;

    if (bytes > f->bytes)
        bytes = f->bytes;
    if (r->memory_file == f->number && bytes <= r->memory_got) {
        *ret = slice_of(r->memory, (size_t)bytes);
        return 0;
    }
    r->memory_file = 0;
    err = make_memory(r, bytes);
    log_file_path(path, f->number);
    if (err == 0)
        err = r->disk->open(r->disk, path, DISK_OPEN_READ, &file);
    if (err == 0 && bytes > 0)
        err = r->disk->read(r->disk, file, 0, r->memory, (size_t)bytes, &got);
    if (err == ERR_IO && file)
        err = read_pieces(r, file, f->number, (size_t)bytes, &got);
    r->disk->close(r->disk, &file);
    if (err < 0)
        return err;
    r->memory_file = f->number;
    r->memory_got = got;
    *ret = slice_of(r->memory, got);
    return 0;
}

/* Reads the beginning of a file, which is short, and leaves what was read last. */
static int read_beginning(struct log_unread *r, const struct found_file *f, struct slice *ret)
{
    struct disk_file *file = NULL;
    char path[LOG_PATH_BYTES];
    size_t got = 0;

    if (r->memory_file == f->number && r->memory_got >= sizeof r->beginning)
        return read_file(r, f, sizeof r->beginning, ret);
    log_file_path(path, f->number);
    int err = r->disk->open(r->disk, path, DISK_OPEN_READ, &file);
    if (err == 0)
        err = r->disk->read(r->disk, file, 0, r->beginning, sizeof r->beginning, &got);
    r->disk->close(r->disk, &file);
    if (err == ERR_IO) /* piece by piece */
        return read_file(r, f, sizeof r->beginning, ret);
    *ret = slice_of(r->beginning, got);
    return err;
}

static struct slice slice_from(struct slice s, uint64_t offset)
{
    return offset < s.n ? slice_of(s.p + offset, s.n - (size_t)offset) : SLICE_EMPTY;
}

/* --- headers and batch records: which files count ------------------------------------------------- */

static int read_header(struct log_unread *r, struct found_file *f)
{
    struct log_file_header header;
    struct slice bytes = SLICE_EMPTY;
    int err = read_beginning(r, f, &bytes);

    if (err < 0 || bytes.n < LOG_FILE_HEADER_BYTES)
        return err;
    err = log_read_file_header(bytes.p, &header);
    if (err == ERR_FORMAT) {
        return lv_error_explain(err,
                                LOG_FOLDER "/%020" PRIu64 ".log is of the newer version %" PRIu32
                                           ", this Leveret reads up to version %d: start the "
                                           "newer Leveret that wrote it",
                                f->number, header.version, LOG_FORMAT_VERSION);
    }
    if (err < 0)
        return 0; /* damaged, or a file that was being made: its records will tell */
    f->has_header = true;
    r->salt = header.salt;
    r->has_salt = true;
    return 0;
}

/* A first start that was cut short leaves a file without a header, but nothing behind it. Anything
 * else without one readable header cannot be read at all, and must not be taken for an empty log. */
static int check_headers(const struct log_unread *r)
{
    for (size_t i = 0; !r->has_salt && i < r->count; i++) {
        if (r->files[i].bytes <= LOG_FILE_HEADER_BYTES + LOG_BATCH_BYTES)
            continue;
        return lv_error_explain(ERR_FORMAT, "no file in " LOG_FOLDER "/ has a readable header");
    }
    return 0;
}

static void note_batch(struct log_unread *r, struct found_file *f, const struct log_batch *batch)
{
    if (!f->has_batch)
        f->previous = batch->previous;
    f->has_batch = true;
    if (log_place_is_before(r->synced, batch->synced))
        r->synced = batch->synced;
    if (batch->floor > r->floor)
        r->floor = batch->floor;
}

/* Where to look for the next batch record: the one at `at` says where the next write begins. If none
 * stands there, it is looked for record by record. */
static uint64_t next_batch(struct slice bytes, uint64_t key, uint64_t at, uint64_t write_bytes)
{
    struct log_batch batch;
    uint64_t next = at + write_bytes;

    if (write_bytes >= LOG_BATCH_BYTES && next < bytes.n &&
        log_batch_read(slice_from(bytes, next), key, next, &batch))
        return next;
    return at + LOG_BATCH_BYTES;
}

/* Notes the batch records of a file: those that are reached from write to write or from record to
 * record, and, past places that are not valid, those that can be found at all. */
static void note_batches(struct log_unread *r, struct found_file *f, struct slice bytes)
{
    uint64_t key = log_file_key(r->salt, f->number);
    struct log_record record;
    struct log_batch batch;
    bool is_in_step = true;

    for (uint64_t at = LOG_FILE_HEADER_BYTES; at + LOG_RECORD_HEADER_BYTES <= bytes.n;) {
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

/* Only the first batch record, where it should be; else any. */
static int read_link(struct log_unread *r, struct found_file *f)
{
    struct slice bytes = SLICE_EMPTY;
    struct log_batch batch;
    int err = read_beginning(r, f, &bytes);

    if (err < 0)
        return err;
    if (log_batch_read(slice_from(bytes, LOG_FILE_HEADER_BYTES), log_file_key(r->salt, f->number),
                       LOG_FILE_HEADER_BYTES, &batch)) {
        note_batch(r, f, &batch);
        return 0;
    }
    err = read_file(r, f, UINT64_MAX, &bytes);
    if (err == 0)
        note_batches(r, f, bytes);
    return err;
}

static int find_newest(struct log_unread *r, struct found_file **ret)
{
    struct slice bytes = SLICE_EMPTY;
    int err = 0;

    *ret = NULL;
    for (size_t i = r->count; err == 0 && i-- > 0;) {
        err = read_file(r, &r->files[i], UINT64_MAX, &bytes);
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

/* The file before `f` in the chain; NULL: there is none that is needed. */
static struct found_file *chain_back(struct log_unread *r, const struct found_file *f)
{
    struct found_file *before;

    if (!f->has_batch)
        return file_below(r, f->number);
    if (f->previous.file == 0 || f->previous.file < r->floor)
        return NULL;
    before = find_file(r, f->previous.file);
    if (before) {
        before->end = f->previous.offset;
        return before;
    }
    report(r, f->previous.file, 0, 0, "the file is missing");
    return file_below(r, f->previous.file);
}

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

/* --- records -------------------------------------------------------------------------------------- */

/* (3): a length that stands in arbitrary bytes is believed as long as the budget lasts. */
static bool is_record(struct slice bytes, uint64_t key, uint64_t offset, uint64_t *budget)
{
    struct log_record record;
    struct log_batch batch;
    uint32_t length;

    if (bytes.n < LOG_RECORD_HEADER_BYTES || bytes.p[12] == 0 || bytes.p[12] >= LOG_TYPES)
        return false;
    if (log_batch_read(bytes, key, offset, &batch))
        return true;
    length = log_get32(bytes.p + 8);
    if (length > bytes.n || length > *budget)
        return false;
    *budget -= length;
    return log_record_read(bytes, key, offset, &record);
}

/* The next valid record behind `offset`; bytes.n when there is none. */
static uint64_t find_record(struct slice bytes, uint64_t key, uint64_t offset)
{
    uint64_t budget = (uint64_t)bytes.n * SEARCH_FACTOR;
    struct slice here = slice_from(bytes, offset);
    uint64_t next;

    if (here.n >= LOG_RECORD_HEADER_BYTES) {
        next = offset + log_align(log_get32(here.p + 8));
        if (next > offset && is_record(slice_from(bytes, next), key, next, &budget))
            return next;
    }
    for (next = offset + 8; next < bytes.n; next += 8)
        if (is_record(slice_from(bytes, next), key, next, &budget))
            return next;
    return bytes.n;
}

/* What was cut off the end: as much of the last write as can be told. */
static void count_torn(struct log_unread *r, const struct found_file *f, struct slice bytes,
                       uint64_t offset, uint64_t batch_end)
{
    uint64_t key = log_file_key(r->salt, f->number);
    uint64_t end = batch_end > offset ? batch_end : offset;
    struct log_record record;

    for (uint64_t at = find_record(bytes, key, offset); at < bytes.n;) {
        if (!log_record_read(slice_from(bytes, at), key, at, &record))
            break;
        at += record.bytes;
        end = at > end ? at : end;
    }
    r->counts.torn_bytes += end - offset;
    if (end > offset)
        log_warning("file %020" PRIu64 ".log of the log, offset %" PRIu64 ": cut off %" PRIu64
                    " bytes of a write that a crash has torn",
                    f->number, offset, end - offset);
}

/* Where to go on after damage at `offset`; the same again when the file just ends here, which is so
 * when nobody has said where it does. `bytes` is cut at the file's end where that is known. At the
 * place up to which all was synced a batch record stands: no search goes past it. */
static uint64_t skip_damage(const struct log_unread *r, const struct found_file *f,
                            struct slice bytes, uint64_t offset)
{
    uint64_t next = find_record(bytes, log_file_key(r->salt, f->number), offset);

    if (next >= bytes.n)
        next = f->end;
    if (f->number == r->synced.file && (next == 0 || next > r->synced.offset))
        next = r->synced.offset;
    return next > offset ? next : offset;
}

enum step { STEP_RECORD, STEP_DAMAGE, STEP_TORN, STEP_END };

/* What stands at `offset`, and where it ends. */
static enum step step(const struct log_unread *r, const struct found_file *f, struct slice bytes,
                      uint64_t offset, struct log_record *ret, uint64_t *ret_next)
{
    uint64_t key = log_file_key(r->salt, f->number);

    *ret_next = offset;
    if (f->end > 0 && offset >= f->end)
        return STEP_END;
    if (log_record_read(slice_from(bytes, offset), key, offset, ret)) {
        *ret_next = offset + ret->bytes;
        return STEP_RECORD;
    }
    if (!log_place_is_before((struct log_place){f->number, offset}, r->synced))
        return STEP_TORN;
    *ret_next = skip_damage(r, f, bytes, offset);
    return *ret_next > offset ? STEP_DAMAGE : STEP_END;
}

static int read_to_end(struct log_unread *r, const struct found_file *f, struct slice *ret)
{
    return read_file(r, f, f->end ? f->end : UINT64_MAX, ret);
}

/* --- the end of the log --------------------------------------------------------------------------- */

/* Walks a file from `offset` to its end, which is noted: where its last valid record ends. *ret_is_torn:
 * the log ends in it. */
static int find_file_end(struct log_unread *r, struct found_file *f, uint64_t offset,
                         bool *ret_is_torn)
{
    struct slice bytes = SLICE_EMPTY;
    struct log_record record;
    struct log_batch batch;
    uint64_t batch_end = 0;
    uint64_t next;
    int err = read_to_end(r, f, &bytes);

    while (err == 0) {
        enum step what = step(r, f, bytes, offset, &record, &next);

        if (what == STEP_END)
            break;
        if (what == STEP_TORN) {
            count_torn(r, f, bytes, offset, batch_end);
            *ret_is_torn = true;
            break;
        }
        f->has_records |= what == STEP_RECORD && record.type != LOG_BATCH;
        if (what == STEP_RECORD && record.type == LOG_BATCH &&
            log_batch_read(slice_from(bytes, offset), log_file_key(r->salt, f->number), offset,
                           &batch))
            batch_end = offset + batch.bytes;
        offset = next;
    }
    f->end = offset;
    return err;
}

/* Whether records stand in a file whose end is known. */
static int look_for_records(struct log_unread *r, struct found_file *f)
{
    struct slice bytes = SLICE_EMPTY;
    struct log_record record;
    uint64_t offset = LOG_FILE_HEADER_BYTES;
    enum step what = STEP_DAMAGE;
    int err = read_to_end(r, f, &bytes);

    while (err == 0 && !f->has_records && (what == STEP_DAMAGE || what == STEP_RECORD)) {
        what = step(r, f, bytes, offset, &record, &offset);
        f->has_records = what == STEP_RECORD && record.type != LOG_BATCH;
    }
    return err;
}

static void leave_out(struct found_file *f)
{
    f->is_in_chain = false;
    log_warning("file %020" PRIu64 ".log of the log stands behind a place that a crash has "
                "torn, and is left out",
                f->number);
}

/* Walks what is not known to be synced. */
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
            leave_out(f);
        else
            err =
                find_file_end(r, f, is_begun ? r->synced.offset : LOG_FILE_HEADER_BYTES, &is_torn);
    }
    return err;
}

/* Where the log ends: with the last file that holds records. Files behind it are not needed. */
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
            err = look_for_records(r, f);
        if (f->has_records)
            r->end = (struct log_place){f->number, f->end};
        else
            f->is_in_chain = false;
    }
    return err;
}

/* --- making it last (2) --------------------------------------------------------------------------- */

/* Writes again what is not known to be synced. */
static int write_again(struct log_unread *r, const struct found_file *f, uint64_t from,
                       struct disk_file *file)
{
    struct slice bytes = SLICE_EMPTY;
    struct iovec part;
    int err = read_file(r, f, f->end, &bytes);

    if (err < 0 || from >= bytes.n)
        return err;
    part = (struct iovec){r->memory + from, bytes.n - (size_t)from};
    return r->disk->write(r->disk, file, from, &part, 1);
}

static int sync_file(struct log_unread *r, const struct found_file *f)
{
    struct disk_file *file = NULL;
    uint64_t from = f->number == r->synced.file ? r->synced.offset : 0;
    char path[LOG_PATH_BYTES];
    int err;

    log_file_path(path, f->number);
    err = r->disk->open(r->disk, path, DISK_OPEN_WRITE, &file);
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

/* --- all of it ------------------------------------------------------------------------------------ */

static void add_files(struct log_unread *r)
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

static int recover(struct log_unread *r)
{
    int err = r->disk->list(r->disk, LOG_FOLDER, note_file, r);

    if (err == 0 && r->count > 0)
        qsort(r->files, r->count, sizeof *r->files, by_number);
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
        add_files(r);
    return err;
}

int log_recover(struct log *log, struct log_recovered *ret)
{
    struct log_unread *r = log->unread = lv_calloc(1, sizeof *r);

    r->log = log;
    r->disk = log->options.disk;
    int err = recover(r);
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

void log_unread_free(struct log_unread **unread)
{
    struct log_unread *r = *unread;

    *unread = NULL;
    if (!r)
        return;
    if (r->memory)
        munmap(r->memory, r->memory_bytes);
    log_scratch_free(&r->scratch);
    free(r->files);
    free(r);
}

/* --- reading it ----------------------------------------------------------------------------------- */

static void visit(struct log_unread *r, const struct found_file *f, const struct log_record *record,
                  uint64_t offset)
{
    if (!log_record_visit(record, f->number, r->visitor, r->arg, &r->scratch)) {
        report(r, f->number, offset, record->bytes, "a record that makes no sense is skipped");
        return;
    }
    r->counts.records += record->type != LOG_BATCH;
}

/* Hands over the records of a file. */
static int read_records(struct log_unread *r, const struct found_file *f)
{
    struct slice bytes = SLICE_EMPTY;
    struct log_record record;
    uint64_t offset = LOG_FILE_HEADER_BYTES;
    uint64_t next;
    int err = read_to_end(r, f, &bytes);

    if (err < 0)
        return err;
    r->counts.files++;
    r->counts.bytes_read += bytes.n;
    if (!f->has_header)
        report(r, f->number, 0, LOG_FILE_HEADER_BYTES, "the header is damaged");
    for (;;) {
        enum step what = step(r, f, bytes, offset, &record, &next);

        if (what == STEP_END || what == STEP_TORN)
            return 0;
        if (what == STEP_DAMAGE)
            report_damage(r, f->number, offset, next);
        else
            visit(r, f, &record, offset);
        offset = next;
    }
}

static const struct found_file *next_to_read(const struct log_unread *r)
{
    for (size_t i = r->next; i < r->count; i++)
        if (r->files[i].is_in_chain)
            return &r->files[i];
    return NULL;
}

static void say_what_was_read(const struct log_recovery *c)
{
    if (c->files == 0)
        return;
    log_info("log: read %" PRIu64 " records, %" PRIu64 " bytes in %" PRIu64 " files; %" PRIu64
             " bytes of a torn write dropped, %" PRIu64 " damaged places (%" PRIu64
             " bytes) skipped",
             c->records, c->bytes_read, c->files, c->torn_bytes, c->broken_places, c->broken_bytes);
}

int log_read(struct log *log, const struct log_visitor *visitor, void *arg, bool *ret_is_over)
{
    struct log_unread *r = log->unread;
    const struct found_file *f = next_to_read(r);

    r->visitor = visitor;
    r->arg = arg;
    if (f) {
        int err = read_records(r, f);
        if (err < 0)
            return err;
        r->next = (size_t)(f - r->files) + 1;
    }
    *ret_is_over = !next_to_read(r);
    log->recovered = r->counts;
    if (*ret_is_over) {
        say_what_was_read(&r->counts);
        log_unread_free(&log->unread);
    }
    return 0;
}

uint64_t log_unread_bytes(const struct log *log)
{
    const struct log_unread *r = log->unread;
    uint64_t bytes = 0;

    for (size_t i = r ? r->next : 0; r && i < r->count; i++)
        if (r->files[i].is_in_chain)
            bytes += r->files[i].end ? r->files[i].end : r->files[i].bytes;
    return bytes;
}
