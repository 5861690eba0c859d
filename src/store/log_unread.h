/* A log that is being read after a start, for log_recover.c and log_read.c. Everything is called on
 * one thread at a time: that of log_open(), then those of log_read(). */
#ifndef LEVERET_STORE_LOG_UNREAD_H
#define LEVERET_STORE_LOG_UNREAD_H

#include "store/log_private.h"

struct found_file {
    uint64_t number;
    uint64_t bytes;
    bool has_header;
    bool has_batch; /* has a valid batch record; searched for in the chain and newer files only */
    bool is_empty;  /* newer than the newest file with a batch record */
    bool is_in_chain;
    bool has_records;
    uint64_t end; /* of its records; 0: not known yet */
    struct log_position previous;
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
    size_t next; /* index of the next one to read */
    bool has_salt;
    uint64_t salt;
    struct log_position synced; /* everything before it was synced */
    uint64_t floor;
    struct log_position end;

    uint8_t *memory; /* one file's bytes */
    size_t memory_bytes;
    uint64_t memory_file; /* number of the file in it; 0: none */
    size_t memory_got;    /* bytes of it */
    uint8_t beginning[LOG_FILE_HEADER_BYTES + LOG_BATCH_BYTES];
};

/* Returns the part of the slice from `offset` on, or an empty slice if it is not longer than
 * that. */
static inline struct slice slice_from(struct slice s, uint64_t offset)
{
    return offset < s.n ? slice_of(s.p + offset, s.n - (size_t)offset) : SLICE_EMPTY;
}

/* --- the files -------------------------------------------------------------------------------- */

/* Lists the files in the log's folder, by number. */
int unread_list(struct log_unread *r);
/* Returns the file with this number, or NULL. */
struct found_file *unread_find_file(struct log_unread *r, uint64_t number);

/* Reads up to `bytes` of a file into r->memory, where they stay until the next call. A call for
 * bytes that are there already does not read the disk: the newest file is needed more than once. */
int unread_read(struct log_unread *r, const struct found_file *f, uint64_t bytes,
                struct slice *ret);
/* Like unread_read(), but reads up to the end of the file's records, or all of it if that end is
 * not known. */
int unread_read_to_end(struct log_unread *r, const struct found_file *f, struct slice *ret);
/* Reads the header and the first batch record of a file. Changes r->memory only after a read
 * error. */
int unread_read_beginning(struct log_unread *r, const struct found_file *f, struct slice *ret);

/* --- the records in them ---------------------------------------------------------------------- */

enum step { STEP_RECORD, STEP_DAMAGE, STEP_TORN, STEP_END };

/* Returns what is at `offset` of a file, whose content is `bytes`. Sets *ret_next to where it ends,
 * and *ret if it is a record. */
enum step unread_step(const struct log_unread *r, const struct found_file *f, struct slice bytes,
                      uint64_t offset, struct log_record *ret, uint64_t *ret_next);
/* Returns the offset of the next valid record after `offset`, or bytes.n if there is none. */
uint64_t unread_find_record(struct slice bytes, uint64_t key, uint64_t offset);

/* Counts a range that cannot be read, and logs it. */
void unread_report(struct log_unread *r, uint64_t file, uint64_t offset, uint64_t bytes,
                   const char *what);

#endif
