/* The writer's work, a round at a time:
 *   - take what every stage has submitted (by two marks: nothing is copied);
 *   - append the records to the file: bind each to its offset, and gather them into one write that
 *     begins with a batch record;
 *   - write, sync, and answer: each stage's tickets are safe.
 * At the end of a file the round continues in the next one, after a sync (in LOG_NEVER without).
 *
 * The ways it fails:
 *   - there is no next file, or no room for a write: the round stops (LOG_BLOCKED) and continues
 *     when there is room; the same bytes are then written at the same offset;
 *   - a write or a sync fails in any other way, or no next file can be made: the log has failed,
 *     for good. What was not yet safe is answered with the error, and so is everything submitted
 *     later. A sync is never repeated.
 *
 *   (1) In LOG_SYNC, the writes of at most one round are not synced: one write, or several if the
 *       round has more than LOG_PARTS_MAX parts. Each batch record says up to which position
 *       everything was synced when it was written.
 *   (2) A write ends at the end of a page, with zeros after the records where the file has been
 *       filled: so the kernel never has to read a page in order to change a part of it.
 *   (3) Tickets are answered in order, after done_ticket and unsafe_bytes have been updated. */
#include <inttypes.h>
#include <stdlib.h>
#include <time.h>

#include "base/assert.h"
#include "base/counters.h"
#include "base/log.h"
#include "base/memory.h"
#include "store/log_private.h"

static const uint8_t zeros[LOG_PAGE_BYTES];

static uint64_t now_us(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000;
}

static uint64_t now_ms(void)
{
    return now_us() / 1000;
}

/* --- for those who watch ---------------------------------------------------------------------- */

/* Ended by round_answer(). */
static void note_busy(struct log *log)
{
    atomic_store_explicit(&log->busy_since_ms, now_ms(), memory_order_relaxed);
}

uint64_t log_busy_ms(const struct log *log)
{
    uint64_t since = atomic_load_explicit(&log->busy_since_ms, memory_order_relaxed);
    uint64_t now = now_ms();
    return since > 0 && now > since ? now - since : 0;
}

/* --- taking ----------------------------------------------------------------------------------- */

bool log_writer_has_work(const struct log *log)
{
    log_assert_locked(log);
    if (log->submits != log->submits_seen || log->round.is_active)
        return true;
    if (atomic_load(&log->failure) == 0 && log_floor(log) > atomic_load(&log->floor_written))
        return true;
    return log_is_out_of_room(log->files.next_error) != log->has_reported_no_room &&
           !log->is_write_blocked;
}

static void stage_take(struct log_stage *stage)
{
    lv_assert(stage->answered_ticket == stage->round_ticket); /* the last round has ended */
    lv_assert(stage->submitted_ticket >= stage->round_ticket);
    stage->at = stage->taken;
    stage->until = stage->submitted;
    stage->round_ticket = stage->submitted_ticket;
    stage->round_bytes = stage->submitted_bytes;
    stage->submitted_bytes = 0;
}

/* Begins a round. Returns false if there is nothing to write. */
static bool round_begin(struct log *log)
{
    struct log_round *round = &log->round;
    lv_assert(!round->is_active);
    log_lock(log);
    bool has_records = log->submits != log->submits_seen;
    log->submits_seen = log->submits;
    for (unsigned i = 0; has_records && i < log->options.stages; i++)
        stage_take(&log->stages[i]);
    log_unlock(log);
    round->wants_batch = log_floor(log) > atomic_load(&log->floor_written);
    round->stage = 0;
    round->is_built = false;
    round->is_active = has_records || (round->wants_batch && atomic_load(&log->failure) == 0);
    if (round->is_active)
        note_busy(log);
    return round->is_active;
}

/* Returns the next record of the stage to be written in this round, or NULL if there is none. */
static uint8_t *stage_record(struct log_stage *stage)
{
    while (stage->at.chunk != stage->until.chunk && stage->at.offset == stage->at.chunk->end)
        stage->at = (struct log_mark){stage->at.chunk->next, 0};
    if (log_mark_equal(stage->at, stage->until))
        return NULL;
    lv_assert(stage->at.offset % 8 == 0);
    lv_assert(stage->at.offset < stage->at.chunk->capacity);
    return stage->at.chunk->bytes + stage->at.offset;
}

/* Returns the next record to be written in this round, or NULL if there is none. Records come stage
 * by stage. */
static uint8_t *round_record(struct log *log)
{
    struct log_round *round = &log->round;
    uint8_t *record = NULL;
    while (round->stage < log->options.stages &&
           !(record = stage_record(&log->stages[round->stage])))
        round->stage++;
    return record;
}

/* --- answering -------------------------------------------------------------------------------- */

/* Moves the chunks that the round has written to stage->returned, except those that are to be
 * freed: returns these. */
static struct log_chunk *chunks_give_back(struct log_stage *stage)
{
    struct log_chunk *to_free = NULL;
    log_assert_locked(stage->log);
    while (stage->taken.chunk != stage->until.chunk) {
        struct log_chunk *chunk = stage->taken.chunk;
        bool is_kept =
            chunk->capacity == LOG_CHUNK_BYTES && stage->returned_count < LOG_CHUNKS_KEPT;
        struct log_chunk **list = is_kept ? &stage->returned : &to_free;
        stage->taken.chunk = chunk->next;
        stage->returned_count += is_kept;
        chunk->next = *list;
        *list = chunk;
    }
    stage->taken = stage->until;
    return to_free;
}

/* Ends the stage's part of the round: from here on the writer does not touch its records. */
static void stage_release(struct log_stage *stage)
{
    struct log *log = stage->log;
    log_lock(log);
    struct log_chunk *to_free = chunks_give_back(stage);
    log_unlock(log);
    while (to_free) {
        struct log_chunk *chunk = to_free;
        to_free = chunk->next;
        free(chunk);
    }
    uint64_t unsafe_bytes =
        atomic_fetch_sub_explicit(&log->unsafe_bytes, stage->round_bytes, memory_order_relaxed);
    lv_assert(unsafe_bytes >= stage->round_bytes);
    atomic_store_explicit(&stage->done_ticket, stage->round_ticket, memory_order_release);
}

/* Ends the round: reports the tickets of all stages, with 0 or an error. */
static void round_answer(struct log *log, int error)
{
    log_assert_unlocked();
    log->round.is_active = false;
    log->round.is_built = false;
    atomic_store_explicit(&log->busy_since_ms, 0, memory_order_relaxed);
    for (unsigned i = 0; i < log->options.stages; i++) {
        struct log_stage *stage = &log->stages[i];
        if (stage->answered_ticket == stage->round_ticket)
            continue;
        lv_assert(stage->round_ticket > stage->answered_ticket);
        stage_release(stage);
        stage->answered_ticket = stage->round_ticket;
        log->options.on_safe(log->options.arg, i, stage->round_ticket, error);
    }
}

void log_writer_fail(struct log *log, int error, const char *what)
{
    lv_assert(error < 0);
    log_assert_role(log, LOG_ROLE_WRITER);
    if (atomic_load(&log->failure) == 0)
        log_error("%s file %" PRIu64 " of the log failed: %s; nothing more is stored", what,
                  log->current.number, lv_error_reason(error));
    atomic_store(&log->failure, error);
    round_answer(log, error);
}

void log_writer_report_space(struct log *log)
{
    log_assert_role(log, LOG_ROLE_WRITER);
    log_lock(log);
    bool has_no_room = log->is_write_blocked || log_is_out_of_room(log->files.next_error);
    log_unlock(log);
    if (has_no_room == log->has_reported_no_room)
        return;
    log->has_reported_no_room = has_no_room;
    if (log->options.on_space)
        log->options.on_space(log->options.arg, !has_no_room);
}

/* --- syncing ---------------------------------------------------------------------------------- */

/* Syncs a file that the writer has left without a sync (LOG_NEVER). Returns 0 if the file has been
 * removed, since it was no longer needed then. */
static int sync_left_file(struct log *log, uint64_t number)
{
    struct disk *disk = log->options.disk;
    char path[LOG_PATH_BYTES];
    log_file_path(path, number);
    struct disk_file *file = NULL;
    int err = disk->open(disk, path, DISK_OPEN_WRITE, &file);
    if (err == ERR_NOT_FOUND)
        return 0;
    if (err == 0)
        err = disk->sync(disk, file);
    disk->close(disk, &file);
    return err;
}

static void count_sync(uint64_t us)
{
    COUNT_NTH(log_syncs_64us_1, doubling_bucket((us + 63) / 64));
    COUNT_MANY(log_sync_us, us);
}

/* Syncs everything written. After a failure it must not be called again: the kernel may have
 * dropped what it could not write. */
static int writer_sync(struct log *log)
{
    struct disk *disk = log->options.disk;
    int err = 0;
    log_assert_unlocked();
    lv_assert(atomic_load(&log->failure) == 0);
    lv_assert(log->unsynced_from <= log->current.number);
    for (; err == 0 && log->unsynced_from < log->current.number; log->unsynced_from++)
        err = sync_left_file(log, log->unsynced_from);
    uint64_t begun_us = now_us();
    if (err == 0)
        err = disk->sync(disk, log->current.handle);
    count_sync(now_us() - begun_us);
    if (err < 0)
        return err;
    log->is_dirty = false;
    log->synced = (struct log_position){log->current.number, log->offset};
    return 0;
}

/* Sets the floor that the keeper goes by to the one written last. Call only after a sync. */
static void publish_floor(struct log *log)
{
    uint64_t floor = atomic_load(&log->floor_written);
    if (log->files.floor == floor) /* read without the lock: only the writer changes it */
        return;
    lv_assert(floor > log->files.floor);
    lv_assert(!log->is_dirty);
    log_lock(log);
    log->files.floor = floor;
    bool must_wake = log_files_has_work(log);
    log_unlock(log);
    if (must_wake)
        pthread_cond_signal(&log->keeper_wake);
}

/* --- files ------------------------------------------------------------------------------------ */

/* Returns the size of the current file. */
static uint64_t current_bytes(const struct log *log)
{
    return log->current.bytes > log->offset ? log->current.bytes : log->offset;
}

static void file_leave_current(struct log *log)
{
    struct disk *disk = log->options.disk;
    disk->close(disk, &log->current.handle);
    log->previous = (struct log_position){log->current.number, log->offset};
    log_files_add_old(log, (struct log_old_file){
                               .number = log->current.number,
                               .bytes = current_bytes(log),
                           });
}

/* Takes the file that the keeper has prepared. If there is none, tells the keeper that the writer
 * waits, and returns an error. */
static int file_take_next(struct log *log, struct log_file *ret)
{
    log_lock(log);
    *ret = log->files.next;
    log->files.next.handle = NULL;
    int err = log->files.next_error;
    log->files.is_pressing = !ret->handle;
    log_unlock(log);
    if (ret->handle)
        return 0;
    pthread_cond_signal(&log->keeper_wake);
    return err == 0 ? ERR_NO_SPACE : err; /* 0: it is being prepared */
}

/* Moves to the next file. Returns ERR_NO_SPACE or ERR_NO_DESCRIPTORS if the keeper has not prepared
 * it yet. */
static int file_move_to_next(struct log *log)
{
    struct log_file next;
    int err = file_take_next(log, &next);
    if (err < 0)
        return err;
    lv_assert(next.number > log->current.number);
    file_leave_current(log);
    log->current = next;
    log->key = log_file_key(log->salt, next.number);
    log->offset = LOG_FILE_HEADER_BYTES;
    if (log->options.durability != LOG_NEVER)
        log->unsynced_from = next.number;
    atomic_store(&log->current_number, next.number);
    pthread_cond_signal(&log->keeper_wake);
    return 0;
}

static bool file_has_next(struct log *log)
{
    log_lock(log);
    bool has = log->files.next.handle != NULL;
    log_unlock(log);
    return has;
}

/* Returns the offset at which the current file is full. */
static uint64_t file_limit(const struct log *log)
{
    return log->current.bytes ? log->current.bytes : log->options.file_bytes;
}

/* Returns true if the writer must go to the next file: the current one has no room for a record of
 * this size, or it was not filled and the next one is ready. A record that is larger than a file
 * becomes the first of one, which grows for it. */
static bool must_leave_file(struct log *log, size_t record_bytes)
{
    uint64_t end = log->offset + LOG_BATCH_BYTES + record_bytes;
    if (log->offset == LOG_FILE_HEADER_BYTES)
        return false;
    return end > file_limit(log) || (log->current.bytes == 0 && file_has_next(log));
}

/* Makes sure that the current file has room for a batch record and the next record to be written:
 * if it has not, moves to the next file. */
static int make_room(struct log *log)
{
    uint8_t *record = round_record(log);
    if (!must_leave_file(log, record ? log_record_bytes(record) : 0))
        return 0;
    if (log->options.durability != LOG_NEVER && log->is_dirty) {
        int err = writer_sync(log);
        if (err < 0) {
            log_writer_fail(log, err, "syncing");
            return err;
        }
    }
    int err = file_move_to_next(log);
    if (err < 0 && !log_is_out_of_room(err))
        log_writer_fail(log, err, "preparing the successor of");
    return err;
}

/* --- writing ---------------------------------------------------------------------------------- */

/* Adds a record to the write. Returns false if the write has as many parts as it may. */
static bool add_part(struct log_round *round, const uint8_t *record, size_t bytes)
{
    lv_assert(round->part_count > 0);
    struct iovec *last = &round->parts[round->part_count - 1];
    if ((uint8_t *)last->iov_base + last->iov_len == record) {
        last->iov_len += bytes;
        return true;
    }
    if (round->part_count > LOG_PARTS_MAX)
        return false;
    round->parts[round->part_count++] = (struct iovec){(void *)(uintptr_t)record, bytes};
    return true;
}

/* Adds zeros up to the end of the page, if the file has been filled that far. */
static void add_padding(struct log *log)
{
    struct log_round *round = &log->round;
    uint64_t end = log->offset + round->bytes;
    uint64_t pad = -end % LOG_PAGE_BYTES;
    lv_assert(end % 8 == 0);
    if (pad > 0 && end + pad <= log->current.bytes)
        round->parts[round->part_count++] = (struct iovec){(void *)(uintptr_t)zeros, (size_t)pad};
    lv_assert(round->part_count <= LOG_PARTS_MAX + 2);
}

/* Gathers as many records as fit into the file and into one write. */
static void round_build(struct log *log)
{
    struct log_round *round = &log->round;
    uint64_t file_bytes = file_limit(log);
    lv_assert(!round->is_built);
    lv_assert(log->offset >= LOG_FILE_HEADER_BYTES);
    round->parts[0] = (struct iovec){round->batch, LOG_BATCH_BYTES};
    round->part_count = 1;
    round->bytes = LOG_BATCH_BYTES;
    uint8_t *record;
    while ((record = round_record(log))) {
        size_t bytes = log_record_bytes(record);
        uint64_t offset = log->offset + round->bytes;
        bool is_first = offset == LOG_FILE_HEADER_BYTES + LOG_BATCH_BYTES;
        if ((offset + bytes > file_bytes && !is_first) || !add_part(round, record, bytes))
            break;
        log_record_bind(record, log->key, offset);
        round->bytes += bytes;
        log->stages[round->stage].at.offset += bytes;
    }
    add_padding(log);
}

/* Makes the batch record that begins the write, in round->batch, and sets floor_written to its
 * floor. */
static void round_put_batch(struct log *log)
{
    struct log_round *round = &log->round;
    uint64_t floor = log_floor(log);
    lv_assert(!log_position_is_before((struct log_position){log->current.number, log->offset},
                                      log->synced));
    lv_assert(log->previous.file < log->current.number);
    if (floor < atomic_load(&log->floor_written))
        floor = atomic_load(&log->floor_written);
    log_put_batch(round->batch, &(struct log_batch){
                                    .synced = log->synced,
                                    .previous = log->previous,
                                    .floor = floor,
                                    .bytes = round->bytes,
                                });
    log_record_bind(round->batch, log->key, log->offset);
    atomic_store(&log->floor_written, floor);
}

static void note_room(struct log *log)
{
    uint64_t left = log->current.bytes > log->offset ? log->current.bytes - log->offset : 0;
    atomic_store_explicit(&log->room, left, memory_order_relaxed);
}

/* Writes the parts of the round to the file. */
static int round_write(struct log *log)
{
    struct disk *disk = log->options.disk;
    struct log_round *round = &log->round;
    log_assert_unlocked();
    lv_assert(round->part_count > 0 && round->bytes >= LOG_BATCH_BYTES);
    lv_assert(log->current.handle);
    int err = disk->write(disk, log->current.handle, log->offset, round->parts, round->part_count);
    if (err == 0) {
        if (!log->is_dirty && log->options.durability == LOG_INTERVAL)
            log->dirty_since_ms = now_ms();
        log->is_dirty = true;
        log->offset += round->bytes;
        COUNT(log_writes);
        COUNT_MANY(log_written_bytes, round->bytes);
        note_room(log);
        round->is_built = false;
        round->wants_batch = false;
    } else if (!log_is_out_of_room(err)) {
        log_writer_fail(log, err, "writing");
    }
    log->is_write_blocked = log_is_out_of_room(err);
    return err;
}

/* Writes the rest of the round, as far as there is room. */
static int round_continue(struct log *log)
{
    struct log_round *round = &log->round;
    int err = 0;
    lv_assert(round->is_active);
    while (err == 0 && (round->is_built || round->wants_batch || round_record(log))) {
        if (!round->is_built) {
            err = make_room(log);
            if (err < 0)
                break;
            round_build(log);
            round_put_batch(log);
            round->is_built = true;
        }
        err = round_write(log);
    }
    return err;
}

uint64_t log_writer_due_ms(const struct log *log)
{
    uint64_t due = log->dirty_since_ms + log->options.interval_ms;
    if (log->options.durability != LOG_INTERVAL || !log->is_dirty || atomic_load(&log->failure) < 0)
        return UINT64_MAX;
    if (log->options.is_stepped)
        return 0;
    uint64_t now = now_ms();
    return now < due ? due - now : 0;
}

/* Returns true if the round is to be synced before it is answered: always in LOG_SYNC, and in every
 * mode if it wrote a new floor, since files are removed because of that. */
static bool must_sync(const struct log *log)
{
    return log->options.durability == LOG_SYNC ||
           log->files.floor != atomic_load(&log->floor_written);
}

static enum log_progress sync_and_answer(struct log *log)
{
    if (!log->round.is_active)
        note_busy(log);
    int err = log->is_dirty ? writer_sync(log) : 0;
    if (err < 0) {
        log_writer_fail(log, err, "syncing");
        return LOG_WORKED;
    }
    publish_floor(log);
    round_answer(log, 0);
    return LOG_WORKED;
}

enum log_progress log_writer_round(struct log *log)
{
    struct log_position before = {log->current.number, log->offset};
    log_writer_report_space(log);
    if (!log->round.is_active && !round_begin(log))
        return log_writer_due_ms(log) == 0 ? sync_and_answer(log) : LOG_IDLE;
    if (atomic_load(&log->failure) < 0) {
        round_answer(log, atomic_load(&log->failure));
        return LOG_WORKED;
    }
    int err = round_continue(log);
    log_writer_report_space(log);
    if (log_is_out_of_room(err) && atomic_load(&log->failure) == 0)
        return log_position_is_before(before,
                                      (struct log_position){log->current.number, log->offset})
                   ? LOG_WORKED
                   : LOG_BLOCKED;
    if (err < 0)
        return LOG_WORKED;
    if (must_sync(log))
        return sync_and_answer(log);
    round_answer(log, 0);
    if (!log->options.is_stepped && log_writer_due_ms(log) == 0)
        return sync_and_answer(log);
    return LOG_WORKED;
}

/* --- the end ---------------------------------------------------------------------------------- */

/* The last batch record says that everything before it is synced. So the next start recognises
 * damage to the last records as damage; otherwise it would look like a write torn by a crash. */
void log_writer_finish(struct log *log)
{
    lv_assert(!log->has_threads && !log->round.is_active);
    int err = log->is_dirty ? writer_sync(log) : 0;
    if (err == 0 && log->offset + LOG_BATCH_BYTES <= file_limit(log)) {
        log->round.part_count = 1;
        log->round.parts[0] = (struct iovec){log->round.batch, LOG_BATCH_BYTES};
        log->round.bytes = LOG_BATCH_BYTES;
        round_put_batch(log);
        add_padding(log);
        err = round_write(log);
        if (err == 0)
            err = writer_sync(log);
    }
    if (err < 0 && !log_is_out_of_room(err) && atomic_load(&log->failure) == 0)
        log_writer_fail(log, err, "closing");
}
