/* The bytes of the log: pure functions from values to bytes and back. docs/formats/log.md has the
 * tables; the layout is also drawn at the top of log_records.c.
 *
 *   (1) A record is valid at one position only: its checksum is bound to the file's number, the
 *       offset, and the salt of the log. So the records of an earlier life of a reused file are not
 *       valid, nor are bytes inside a message's body that look like a record.
 *   (2) Records begin at multiples of 8.
 *
 * A stage seals a record before its position is known (log_record_seal); the writer binds it to its
 * position when it appends it to a file (log_record_bind). */
#ifndef LEVERET_STORE_LOG_RECORDS_H
#define LEVERET_STORE_LOG_RECORDS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/assert.h"
#include "base/buffer.h"
#include "base/slice.h"
#include "store/log.h"

enum {
    LOG_FORMAT_VERSION = 3, /* 1: without LOG_QUEUE; 2: without a format octet in messages */
    LOG_FORMAT_VERSION_PLAUSIBLE = 255, /* a version up to this is believed without a checksum */
    LOG_FILE_HEADER_BYTES = 64,
    LOG_RECORD_HEADER_BYTES = 16,
    LOG_BATCH_BYTES = 64,
    LOG_ENQUEUE_BYTES = 32, /* without the message and the targets */
    LOG_TARGET_BYTES = 16,  /* without a deadline */
    LOG_DEADLINE_BYTES = 8,
    LOG_RANGE_BYTES = 24,
    LOG_PAIR_BYTES = 32,  /* records of two numbers */
    LOG_QUEUE_BYTES = 32, /* without the names and arguments */
    LOG_RECORD_VERSION = 0,
};

#define LOG_RECORD_BYTES_MAX UINT64_C(0xfffffff0)
/* Sequence numbers share a word with their flags. */
#define LOG_SEQUENCE_MAX ((UINT64_C(1) << 56) - 1)

enum log_type {
    LOG_BATCH = 1,
    LOG_ENQUEUE,
    LOG_SETTLE,
    LOG_DELIVERED_BELOW,
    LOG_SNAPSHOT,
    LOG_SEGMENT_GONE,
    LOG_QUEUE_GONE,
    LOG_COUNT,
    LOG_QUEUE,
    LOG_TYPES
};

/* A position in the log. */
struct log_position {
    uint64_t file;
    uint64_t offset;
};

static inline bool log_position_is_before(struct log_position a, struct log_position b)
{
    return a.file != b.file ? a.file < b.file : a.offset < b.offset;
}

static inline size_t log_align(size_t n)
{
    return (n + 7) & ~(size_t)7;
}

/* --- numbers: little-endian ------------------------------------------------------------------- */

static inline void log_put16(uint8_t *p, uint16_t v)
{
    memcpy(p, &v, sizeof v);
}

static inline void log_put32(uint8_t *p, uint32_t v)
{
    memcpy(p, &v, sizeof v);
}

static inline void log_put64(uint8_t *p, uint64_t v)
{
    memcpy(p, &v, sizeof v);
}

static inline uint16_t log_get16(const uint8_t *p)
{
    uint16_t v;
    memcpy(&v, p, sizeof v);
    return v;
}

static inline uint32_t log_get32(const uint8_t *p)
{
    uint32_t v;
    memcpy(&v, p, sizeof v);
    return v;
}

static inline uint64_t log_get64(const uint8_t *p)
{
    uint64_t v;
    memcpy(&v, p, sizeof v);
    return v;
}

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "the log is little-endian");

/* --- files ------------------------------------------------------------------------------------ */

struct log_file_header {
    uint32_t version;
    uint64_t number;
    uint64_t salt; /* the same in all files of a log */
};

/* Writes LOG_FILE_HEADER_BYTES. */
void log_put_file_header(uint8_t *out, const struct log_file_header *header);
/* Reads LOG_FILE_HEADER_BYTES. Returns ERR_INVALID if they are not a header, or ERR_FORMAT if it is
 * of a newer version, which is then in ret->version. */
int log_read_file_header(const uint8_t *in, struct log_file_header *ret);

/* Returns the key that the records of a file are bound with. */
uint64_t log_file_key(uint64_t salt, uint64_t number);

/* --- records ---------------------------------------------------------------------------------- */

struct log_record {
    enum log_type type;
    unsigned flags;
    unsigned version; /* log_record_visit() refuses one above LOG_RECORD_VERSION */
    unsigned format;  /* of the header of an ENQUEUE record's message */
    struct slice payload;
    size_t bytes; /* on disk, with header and padding */
};

/* The batch record, which begins each write. */
struct log_batch {
    struct log_position synced;   /* everything before it has been synced */
    struct log_position previous; /* the file before this one, and where it ends; 0: none */
    uint64_t floor;               /* files below are no longer needed */
    uint64_t bytes;               /* of this write in this file, this record included */
};

/* Fills in the header and the checksum of a record whose payload is in place; `length` counts both.
 * There must be room for log_align(length) bytes: the padding is cleared. */
void log_record_seal(uint8_t *record, enum log_type type, size_t length);

/* Binds a sealed record to its position. Call only once per record. */
static inline void log_record_bind(uint8_t *record, uint64_t file_key, uint64_t offset)
{
    lv_assert(offset % 8 == 0);
    log_put64(record, log_get64(record) ^ (file_key + offset * UINT64_C(0x9e3779b97f4a7c15)));
}

/* Returns the bytes that a sealed record takes on disk: a multiple of 8. */
static inline size_t log_record_bytes(const uint8_t *record)
{
    size_t length = log_get32(record + 8);
    lv_assert(length >= LOG_RECORD_HEADER_BYTES);
    return log_align(length);
}

/* Reads the record at `offset` of a file. `bytes` is the file from that offset on. Returns false if
 * there is no valid record. The payload borrows from `bytes`. */
bool log_record_read(struct slice bytes, uint64_t file_key, uint64_t offset,
                     struct log_record *ret);

/* Like log_record_read(), but for batch records only; costs next to nothing if something else is
 * there. */
bool log_batch_read(struct slice bytes, uint64_t file_key, uint64_t offset, struct log_batch *ret);

/* Returns the next offset, from `offset` on, at which the bytes look like the beginning of a batch
 * record, or bytes.n if there is none. Fast enough for whole files. */
uint64_t log_batch_find(struct slice bytes, uint64_t offset);

/* Writes a sealed batch record of LOG_BATCH_BYTES. */
void log_put_batch(uint8_t *out, const struct log_batch *batch);

/* --- payloads --------------------------------------------------------------------------------- */

/* Returns the bytes of an enqueue record without targets. */
static inline uint64_t log_enqueue_bytes(const struct log_message *m)
{
    return LOG_ENQUEUE_BYTES + (uint64_t)m->exchange.n + m->routing_key.n + m->header.n + m->body.n;
}

/* Writes an enqueue record of log_enqueue_bytes(), without targets and not sealed. */
void log_put_enqueue(uint8_t *record, const struct log_message *message);
/* Adds a target to an enqueue record of this length, and returns the new length. There must be room
 * for LOG_TARGET_BYTES + LOG_DEADLINE_BYTES. */
size_t log_put_target(uint8_t *record, size_t length, uint64_t queue, uint64_t sequence,
                      unsigned flags, uint64_t deadline_ms);
/* Writes one range of a settle record, LOG_RANGE_BYTES. */
void log_put_range(uint8_t *at, uint64_t queue, struct log_range range);
/* Writes a record of two numbers, LOG_PAIR_BYTES, not sealed. */
void log_put_pair(uint8_t *record, uint64_t first, uint64_t second);
/* Returns the bytes of a queue record. */
uint64_t log_queue_bytes(const struct log_queue *queue);
/* Writes a queue record of log_queue_bytes(), not sealed. */
void log_put_queue_record(uint8_t *record, const struct log_queue *queue);
/* Returns the bytes of a snapshot record. */
uint64_t log_snapshot_bytes(const struct log_snapshot *snapshot);
/* Writes a snapshot record of log_snapshot_bytes(), not sealed. */
void log_put_snapshot_record(uint8_t *record, const struct log_snapshot *snapshot);

/* --- handing records to a visitor ------------------------------------------------------------- */

/* Memory for decoding snapshots. Begins as zeros; is freed with log_scratch_free(). */
struct log_scratch {
    struct lv_buffer segments;
    struct lv_buffer ranges;
    struct lv_buffer carried;
    struct lv_buffer counts;
};

void log_scratch_free(struct log_scratch *scratch);

/* Decodes a record of file number `file` and calls the visitor for each thing in it (members that
 * are NULL are skipped). Returns ERR_INVALID if the payload is malformed, or ERR_FORMAT if the
 * record is of a newer version or the header of a message is in a format that this Leveret does not
 * know (lv_error_reason() says which). After an error nothing was called. */
int log_record_visit(const struct log_record *record, uint64_t file,
                     const struct log_visitor *visitor, void *arg, struct log_scratch *scratch);

#endif
