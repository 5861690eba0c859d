/* Stages: where a loop's records wait for the writer.
 *
 * A record is written once, into a chunk of memory, in the form it will have on disk, and is
 * written to the disk from there. Submitting moves a mark; the writer takes the records below it
 * while the loop continues above it, in the same chunk. Once the writer has caught up, the stage
 * starts its chunk over, so that a loop with little to do uses the same few kilobytes again and
 * again, which stay in the CPU's cache.
 *
 *   (1) An enqueue record stays open for more targets until the next record or the submit.
 *   (2) Settled ranges are gathered in `runs` until the submit, or until a record is staged that
 *       must not come before them. So a settle may be stored after enqueues that were staged later,
 *       but never before anything staged earlier. Messages of several queues that are settled one
 *       by one in turn still become one range per queue.
 *   (3) Staging a message or a snapshot makes the stage depend on the current file: a higher floor
 *       is lowered to it.
 *   (4) Records begin at multiples of 8, and a submitted record is closed. */
#include <stdlib.h>

#include "base/assert.h"
#include "base/memory.h"
#include "store/log_private.h"

/* --- chunks ----------------------------------------------------------------------------------- */

static struct log_chunk *chunk_create(size_t capacity)
{
    struct log_chunk *chunk = lv_malloc(sizeof *chunk + capacity);
    *chunk = (struct log_chunk){.capacity = capacity};
    return chunk;
}

static void chunks_free(struct log_chunk *chunk)
{
    while (chunk) {
        struct log_chunk *next = chunk->next;
        free(chunk);
        chunk = next;
    }
}

/* Takes the chunks that the writer has given back. */
static struct log_chunk *chunks_take_returned(struct log_stage *stage)
{
    log_lock(stage->log);
    struct log_chunk *chunk = stage->returned;
    stage->returned = NULL;
    stage->returned_count = 0;
    log_unlock(stage->log);
    return chunk;
}

/* Returns an empty chunk with room for at least `bytes`. */
static struct log_chunk *chunk_for(struct log_stage *stage, size_t bytes)
{
    if (bytes > LOG_CHUNK_BYTES)
        return chunk_create(bytes);
    if (!stage->idle)
        stage->idle = chunks_take_returned(stage);
    struct log_chunk *chunk = stage->idle;
    if (!chunk)
        return chunk_create(LOG_CHUNK_BYTES);
    lv_assert(chunk->capacity == LOG_CHUNK_BYTES);
    stage->idle = chunk->next;
    chunk->next = NULL;
    chunk->end = 0;
    return chunk;
}

static void chunk_append(struct log_stage *stage, struct log_chunk *chunk)
{
    lv_assert(!stage->tail->next && !chunk->next);
    lv_assert(stage->used <= stage->tail->capacity);
    stage->tail->end = stage->used;
    stage->tail->next = chunk;
    stage->tail = chunk;
    stage->used = 0;
}

/* Makes the stage start its chunk over. Call only if nothing is staged and the writer is done with
 * everything submitted. A chunk made for a large record is freed, and one of the usual size takes
 * its place. */
static void stage_rewind(struct log_stage *stage)
{
    struct log_chunk *old = stage->tail;
    lv_assert(stage->staged_bytes == 0);
    lv_assert(stage->open_length == 0);
    if (old->capacity > LOG_CHUNK_BYTES)
        stage->tail = chunk_for(stage, LOG_CHUNK_BYTES);
    stage->used = 0;
    log_lock(stage->log);
    lv_assert(stage->taken.chunk == old);
    lv_assert(log_mark_equal(stage->taken, stage->submitted));
    stage->taken = stage->submitted = (struct log_mark){stage->tail, 0};
    log_unlock(stage->log);
    if (old != stage->tail)
        free(old);
}

/* --- records ---------------------------------------------------------------------------------- */

/* Ends the record of this length that begins at tail->bytes + used. */
static void record_close(struct log_stage *stage, enum log_type type, uint64_t length)
{
    size_t aligned = log_align((size_t)length);
    lv_assert(stage->used + aligned <= stage->tail->capacity);
    log_record_seal(stage->tail->bytes + stage->used, type, (size_t)length);
    stage->used += aligned;
    stage->staged_bytes += aligned;
}

/* Ends the enqueue record that is open for more targets, if one is. */
static void close_open(struct log_stage *stage)
{
    stage->identity = NULL;
    if (stage->open_length == 0)
        return;
    record_close(stage, LOG_ENQUEUE, stage->open_length);
    stage->open_length = 0;
}

/* Returns memory for a record of at most `bytes`. No record may be open. */
static uint8_t *record_reserve(struct log_stage *stage, uint64_t bytes)
{
    lv_assert(bytes <= LOG_RECORD_BYTES_MAX);
    lv_assert(stage->open_length == 0);
    lv_assert(stage->used % 8 == 0);
    if (stage->staged_bytes == 0 && stage->used > 0 &&
        atomic_load_explicit(&stage->done_ticket, memory_order_acquire) == stage->ticket)
        stage_rewind(stage);
    if (stage->tail->capacity - stage->used < log_align((size_t)bytes))
        chunk_append(stage, chunk_for(stage, log_align((size_t)bytes)));
    return stage->tail->bytes + stage->used;
}

/* Stages the settled ranges gathered so far. */
static void flush_runs(struct log_stage *stage)
{
    size_t length = LOG_RECORD_HEADER_BYTES + stage->run_count * LOG_RANGE_BYTES;
    if (stage->run_count == 0)
        return;
    close_open(stage);
    uint8_t *record = record_reserve(stage, length);
    memset(record + 12, 0, 4);
    for (size_t i = 0; i < stage->run_count; i++)
        log_put_range(record + LOG_RECORD_HEADER_BYTES + i * LOG_RANGE_BYTES, stage->runs[i].queue,
                      stage->runs[i].range);
    record_close(stage, LOG_SETTLE, length);
    stage->run_count = 0;
}

/* Lowers the floor to the current file if it is higher: what is staged now will be stored in that
 * file or a later one. */
static void depend_on_current(struct log_stage *stage)
{
    uint64_t current = log_current_file(stage->log);
    if (stage->floor_wanted > current) {
        stage->floor_wanted = current;
        atomic_store_explicit(&stage->floor, current, memory_order_release);
    }
}

/* Moves the open record, which no longer fits, to a chunk in which it can grow. */
static void move_open(struct log_stage *stage)
{
    size_t length = stage->open_length;
    const uint8_t *record = stage->tail->bytes + stage->used;
    struct log_chunk *chunk = chunk_for(stage, log_align(length + length / 2 + 1024));
    memcpy(chunk->bytes, record, length);
    chunk_append(stage, chunk);
}

static void add_target(struct log_stage *stage, uint64_t queue, uint64_t sequence, unsigned flags,
                       uint64_t deadline_ms)
{
    size_t most = stage->open_length + LOG_TARGET_BYTES + LOG_DEADLINE_BYTES;
    lv_assert(stage->open_length >= LOG_ENQUEUE_BYTES);
    if (stage->tail->capacity - stage->used < log_align(most))
        move_open(stage);
    stage->open_length = log_put_target(stage->tail->bytes + stage->used, stage->open_length, queue,
                                        sequence, flags, deadline_ms);
}

void log_enqueue(struct log_stage *stage, const struct log_message *message, const void *identity,
                 uint64_t queue, uint64_t sequence, unsigned flags, uint64_t deadline_ms)
{
    uint64_t length = log_enqueue_bytes(message);
    lv_assert(identity != NULL);
    if (identity != stage->identity || stage->open_length > LOG_RECORD_BYTES_MAX / 2) {
        close_open(stage);
        depend_on_current(stage);
        log_put_enqueue(record_reserve(stage, length + LOG_TARGET_BYTES + LOG_DEADLINE_BYTES),
                        message);
        stage->open_length = (size_t)length;
        stage->identity = identity;
    }
    add_target(stage, queue, sequence, flags, deadline_ms);
}

void log_end_message(struct log_stage *stage)
{
    stage->identity = NULL;
}

/* Adds the range to the run and returns true if they are adjacent, on either side. */
static bool run_extend(struct log_range *run, uint64_t from, uint64_t count)
{
    if (from == run->from + run->count) {
        run->count += count;
        return true;
    }
    if (from + count == run->from) {
        run->from = from;
        run->count += count;
        return true;
    }
    return false;
}

void log_settle(struct log_stage *stage, uint64_t queue, uint64_t from, uint64_t count)
{
    uint16_t *slot = &stage->run_of[(queue * UINT64_C(0x9e3779b97f4a7c15)) >> 56];
    lv_assert(count > 0);
    lv_assert(from + count - 1 <= LOG_SEQUENCE_MAX);
    stage->identity = NULL;
    if (*slot < stage->run_count && stage->runs[*slot].queue == queue &&
        run_extend(&stage->runs[*slot].range, from, count))
        return;
    if (stage->run_count == LOG_RUNS_MAX)
        flush_runs(stage);
    *slot = (uint16_t)stage->run_count;
    stage->runs[stage->run_count++] = (struct log_run){queue, {from, count}};
}

/* Stages a record of two numbers. */
static void stage_pair(struct log_stage *stage, enum log_type type, uint64_t first, uint64_t second)
{
    close_open(stage);
    flush_runs(stage);
    log_put_pair(record_reserve(stage, LOG_PAIR_BYTES), first, second);
    record_close(stage, type, LOG_PAIR_BYTES);
}

void log_delivered(struct log_stage *stage, uint64_t queue, uint64_t below)
{
    stage_pair(stage, LOG_DELIVERED_BELOW, queue, below);
}

void log_count(struct log_stage *stage, uint64_t queue, struct log_count count)
{
    uint64_t most = count.count < UINT8_MAX ? count.count : UINT8_MAX;
    lv_assert(count.sequence <= LOG_SEQUENCE_MAX);
    stage_pair(stage, LOG_COUNT, queue, count.sequence << 8 | most);
}

void log_segment_gone(struct log_stage *stage, uint64_t queue, uint64_t number)
{
    stage_pair(stage, LOG_SEGMENT_GONE, queue, number);
}

void log_queue_gone(struct log_stage *stage, uint64_t queue)
{
    stage_pair(stage, LOG_QUEUE_GONE, queue, 0);
}

void log_put_queue(struct log_stage *stage, const struct log_queue *queue)
{
    uint64_t length = log_queue_bytes(queue);
    close_open(stage);
    flush_runs(stage);
    log_put_queue_record(record_reserve(stage, length), queue);
    record_close(stage, LOG_QUEUE, length);
}

void log_put_snapshot(struct log_stage *stage, const struct log_snapshot *snapshot)
{
    uint64_t length = log_snapshot_bytes(snapshot);
    close_open(stage);
    flush_runs(stage);
    depend_on_current(stage);
    log_put_snapshot_record(record_reserve(stage, length), snapshot);
    record_close(stage, LOG_SNAPSHOT, length);
}

/* --- handing over ----------------------------------------------------------------------------- */

uint64_t log_submit(struct log_stage *stage)
{
    struct log *log = stage->log;
    flush_runs(stage);
    close_open(stage);
    if (stage->staged_bytes == 0)
        return stage->ticket;
    lv_assert(stage->staged_bytes % 8 == 0);
    stage->ticket++;
    atomic_fetch_add_explicit(&log->unsafe_bytes, stage->staged_bytes, memory_order_relaxed);
    log_lock(log);
    lv_assert(stage->submitted_ticket + 1 == stage->ticket);
    stage->submitted = (struct log_mark){stage->tail, stage->used};
    stage->submitted_ticket = stage->ticket;
    stage->submitted_bytes += stage->staged_bytes;
    log->submits++;
    bool must_wake = log->writer_sleeps;
    log_unlock(log);
    if (must_wake)
        pthread_cond_signal(&log->writer_wake);
    stage->staged_bytes = 0;
    return stage->ticket;
}

uint64_t log_ticket(const struct log_stage *stage)
{
    bool is_empty = stage->staged_bytes == 0 && stage->run_count == 0 && stage->open_length == 0;
    return stage->ticket + !is_empty;
}

void log_set_floor(struct log_stage *stage, uint64_t file)
{
    struct log *log = stage->log;
    if (stage->floor_wanted == file)
        return;
    lv_assert(file < stage->floor_wanted ||
              !atomic_load_explicit(&log->has_unread, memory_order_acquire));
    stage->floor_wanted = file;
    atomic_store_explicit(&stage->floor, file, memory_order_release);
    log_lock(log);
    bool must_wake = log->writer_sleeps;
    log_unlock(log);
    if (must_wake)
        pthread_cond_signal(&log->writer_wake);
}

void log_stage_init(struct log_stage *stage, struct log *log, unsigned index)
{
    stage->log = log;
    stage->index = index;
    stage->tail = chunk_create(LOG_CHUNK_BYTES);
    stage->taken = stage->submitted = (struct log_mark){stage->tail, 0};
}

void log_stage_free(struct log_stage *stage)
{
    chunks_free(stage->taken.chunk); /* and all chunks that follow it, up to the tail */
    chunks_free(stage->returned);
    chunks_free(stage->idle);
}
