/* The files of a log after a start, and what is in them: records, or damage, after which the next
 * valid record is searched for. The search takes a bounded time, whatever the bytes are. */
#include "store/log_unread.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "base/assert.h"
#include "base/error.h"
#include "base/log.h"
#include "base/memory.h"
#include "base/vec.h"

enum {
    PIECE_BYTES = 4096,
    SEARCH_FACTOR = 16, /* a search checks at most this many times the bytes searched */
};

/* --- the list of files ------------------------------------------------------------------------ */

static void note_file(void *arg, const char *name, uint64_t bytes)
{
    struct log_unread *r = arg;
    uint64_t number = log_file_number(name);
    if (number == 0)
        return;
    lv_vec_room(r->files, r->count, r->capacity);
    r->files[r->count++] = (struct found_file){.number = number, .bytes = bytes};
}

static int found_file_compare(const void *a, const void *b)
{
    uint64_t x = ((const struct found_file *)a)->number;
    uint64_t y = ((const struct found_file *)b)->number;
    return (x > y) - (x < y);
}

struct found_file *unread_find_file(struct log_unread *r, uint64_t number)
{
    struct found_file key = {.number = number};
    return r->count ? bsearch(&key, r->files, r->count, sizeof key, found_file_compare) : NULL;
}

void unread_report(struct log_unread *r, uint64_t file, uint64_t offset, uint64_t bytes,
                   const char *what)
{
    r->counts.damaged_ranges++;
    r->counts.damaged_bytes += bytes;
    log_error("file %020" PRIu64 ".log of the log, offset %" PRIu64 ": %s", file, offset, what);
}

int unread_list(struct log_unread *r)
{
    int err = r->disk->list(r->disk, LOG_FOLDER, note_file, r);
    if (err == 0 && r->count > 0)
        qsort(r->files, r->count, sizeof *r->files, found_file_compare);
    return err;
}

/* --- reading a file --------------------------------------------------------------------------- */

/* Makes r->memory at least this large. Its content is lost if it grows. */
static int memory_grow(struct log_unread *r, uint64_t bytes)
{
    if (bytes <= r->memory_bytes)
        return 0;
    if (r->memory)
        munmap(r->memory, r->memory_bytes);
    r->memory = NULL;
    r->memory_bytes = 0;
    void *p = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (p == MAP_FAILED)
        return ERR_NO_MEMORY;
    r->memory = p;
    r->memory_bytes = bytes;
    return 0;
}

/* Reads a file piece by piece, after a read has failed; a piece that cannot be read is taken for
 * zeros. Returns ERR_IO if no piece can be read: then the whole disk fails. */
static int read_pieces(struct log_unread *r, struct disk_file *file, uint64_t number, size_t bytes,
                       size_t *ret_read)
{
    size_t failed = 0;
    size_t pieces = 0;
    for (size_t offset = 0; offset < bytes; offset += PIECE_BYTES, pieces++) {
        size_t n = bytes - offset < PIECE_BYTES ? bytes - offset : PIECE_BYTES;
        memset(r->memory + offset, 0, n);
        size_t got;
        int err = r->disk->read(r->disk, file, offset, r->memory + offset, n, &got);
        if (err == 0)
            continue;
        failed++;
        unread_report(r, number, offset, 0, "the disk cannot read this block");
    }
    *ret_read = bytes;
    return failed == pieces ? ERR_IO : 0;
}

int unread_read(struct log_unread *r, const struct found_file *f, uint64_t bytes, struct slice *ret)
{
    if (bytes > f->bytes)
        bytes = f->bytes;
    if (r->memory_file == f->number && bytes <= r->memory_got) {
        *ret = slice_of(r->memory, (size_t)bytes);
        return 0;
    }
    r->memory_file = 0;
    int err = memory_grow(r, bytes);
    char path[LOG_PATH_BYTES];
    log_file_path(path, f->number);
    struct disk_file *file = NULL;
    if (err == 0)
        err = r->disk->open(r->disk, path, DISK_OPEN_READ, &file);
    size_t got = 0;
    if (err == 0 && bytes > 0)
        err = r->disk->read(r->disk, file, 0, r->memory, (size_t)bytes, &got);
    if (err == ERR_IO && file)
        err = read_pieces(r, file, f->number, (size_t)bytes, &got);
    r->disk->close(r->disk, &file);
    if (err < 0)
        return err;
    lv_assert(got <= bytes);
    r->memory_file = f->number;
    r->memory_got = got;
    *ret = slice_of(r->memory, got);
    return 0;
}

int unread_read_beginning(struct log_unread *r, const struct found_file *f, struct slice *ret)
{
    if (r->memory_file == f->number && r->memory_got >= sizeof r->beginning)
        return unread_read(r, f, sizeof r->beginning, ret);
    char path[LOG_PATH_BYTES];
    log_file_path(path, f->number);
    struct disk_file *file = NULL;
    int err = r->disk->open(r->disk, path, DISK_OPEN_READ, &file);
    size_t got = 0;
    if (err == 0)
        err = r->disk->read(r->disk, file, 0, r->beginning, sizeof r->beginning, &got);
    r->disk->close(r->disk, &file);
    if (err == ERR_IO) /* which can read piece by piece */
        return unread_read(r, f, sizeof r->beginning, ret);
    *ret = slice_of(r->beginning, got);
    return err;
}

/* --- records ---------------------------------------------------------------------------------- */

/* Returns true if there is a valid record. A check reads as many bytes as the record's length says,
 * which may be anything: they are taken from the budget. Returns false if the budget is too
 * small. */
static bool record_is_valid(struct slice bytes, uint64_t key, uint64_t offset, uint64_t *budget)
{
    if (bytes.n < LOG_RECORD_HEADER_BYTES || bytes.p[12] == 0 || bytes.p[12] >= LOG_TYPES)
        return false;
    struct log_batch batch;
    if (log_batch_read(bytes, key, offset, &batch))
        return true;
    uint32_t length = log_get32(bytes.p + 8);
    if (length > bytes.n || length > *budget)
        return false;
    *budget -= length;
    struct log_record record;
    return log_record_read(bytes, key, offset, &record);
}

uint64_t unread_find_record(struct slice bytes, uint64_t key, uint64_t offset)
{
    uint64_t budget = (uint64_t)bytes.n * SEARCH_FACTOR;
    struct slice here = slice_from(bytes, offset);
    if (here.n >= LOG_RECORD_HEADER_BYTES) {
        uint64_t next = offset + log_align(log_get32(here.p + 8));
        if (next > offset && record_is_valid(slice_from(bytes, next), key, next, &budget))
            return next;
    }
    for (uint64_t next = offset + 8; next < bytes.n; next += 8)
        if (record_is_valid(slice_from(bytes, next), key, next, &budget))
            return next;
    return bytes.n;
}

/* Returns where to continue after damage at `offset`: at the next valid record or else at the end
 * of the file's records, but at the latest at the position up to which everything was synced, since
 * a batch record is there. Returns `offset`, which ends the file, if there is none of these.
 * `bytes` is cut at the end of the records where that is known. */
static uint64_t skip_damage(const struct log_unread *r, const struct found_file *f,
                            struct slice bytes, uint64_t offset)
{
    uint64_t next = unread_find_record(bytes, log_file_key(r->salt, f->number), offset);
    if (next >= bytes.n)
        next = f->end;
    if (f->number == r->synced.file && (next == 0 || next > r->synced.offset))
        next = r->synced.offset;
    return next > offset ? next : offset;
}

enum step unread_step(const struct log_unread *r, const struct found_file *f, struct slice bytes,
                      uint64_t offset, struct log_record *ret, uint64_t *ret_next)
{
    uint64_t key = log_file_key(r->salt, f->number);
    lv_assert(offset >= LOG_FILE_HEADER_BYTES);
    *ret_next = offset;
    if (f->end > 0 && offset >= f->end)
        return STEP_END;
    if (log_record_read(slice_from(bytes, offset), key, offset, ret)) {
        *ret_next = offset + ret->bytes;
        return STEP_RECORD;
    }
    if (!log_position_is_before((struct log_position){f->number, offset}, r->synced))
        return STEP_TORN;
    *ret_next = skip_damage(r, f, bytes, offset);
    return *ret_next > offset ? STEP_DAMAGE : STEP_END;
}

int unread_read_to_end(struct log_unread *r, const struct found_file *f, struct slice *ret)
{
    return unread_read(r, f, f->end ? f->end : UINT64_MAX, ret);
}

/* --- freeing ---------------------------------------------------------------------------------- */

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
