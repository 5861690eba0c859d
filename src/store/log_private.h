/* What the files of the log share. Who may touch what:
 *
 *   (1) A stage's own part belongs to its loop; what is marked so, to the writer; the rest is
 *       guarded by log->lock. The lock is held for a handful of instructions, never across a call
 *       of the disk.
 *   (2) A chunk's bytes below the stage's submitted mark belong to the writer, those above to the
 *       loop. Neither looks at the other's.
 *   (3) The keeper (log_files.c) touches only files that the writer does not: the one prepared to
 *       come next, and those that are no longer needed. */
#ifndef LEVERET_STORE_LOG_PRIVATE_H
#define LEVERET_STORE_LOG_PRIVATE_H

#include <pthread.h>
#include <stdatomic.h>

#include "base/error.h"
#include "store/log.h"
#include "store/log_records.h"

enum {
    LOG_CHUNK_BYTES = 64 * 1024,
    LOG_CHUNKS_KEPT = 16, /* idle, per stage */
    LOG_RUNS_MAX = 1024,  /* ranges of a settle record */
    LOG_RUN_SLOTS = 256,
    LOG_PARTS_MAX = 64,    /* of one write */
    LOG_PAGE_BYTES = 4096, /* a write ends at a multiple of this: see log_writer.c */
    LOG_SPARES_MAX = 3,    /* files that nobody needs, kept to be used again */
    LOG_RETRY_MS = 200,    /* between looks whether the disk has room again */
    LOG_PATH_BYTES = 40,
};

#define LOG_FOLDER "log"
/* A file of zeros that is no file of the log yet: what the log goes on with when the disk is full,
 * so that settles can be stored until old files can be removed, and so that a start finds room. */
#define LOG_RESERVE LOG_FOLDER "/reserve"
enum { LOG_RESERVE_DIVISOR = 4 }; /* of file_bytes */

/* --- stages: log_stage.c ---------------------------------------------------------------------- */

/* A piece of memory with staged records; no record is split over two. */
struct log_chunk {
    struct log_chunk *next;
    size_t end; /* of its records, once there is a next one */
    size_t capacity;
    uint8_t bytes[];
};

struct log_mark {
    struct log_chunk *chunk;
    size_t offset;
};

static inline bool log_mark_equal(struct log_mark a, struct log_mark b)
{
    return a.chunk == b.chunk && a.offset == b.offset;
}

struct log_run {
    uint64_t queue;
    struct log_range range;
};

struct log_stage {
    struct log *log;
    unsigned index;

    /* The loop's. The open record begins at tail->bytes + used and is not counted in `used`. */
    struct log_chunk *tail;
    size_t used;
    size_t open_length; /* 0: none is open */
    const void *identity;
    uint64_t staged_bytes;
    uint64_t ticket;
    uint64_t floor_wanted;
    struct log_chunk *idle;
    size_t run_count;
    uint16_t run_of[LOG_RUN_SLOTS]; /* hash of a queue -> its last run; may be stale */
    struct log_run runs[LOG_RUNS_MAX];

    /* Guarded by log->lock. */
    struct log_mark taken; /* by the writer, up to here */
    struct log_mark submitted;
    uint64_t submitted_ticket;
    uint64_t submitted_bytes; /* not yet taken */
    struct log_chunk *returned;
    size_t returned_count;

    /* The writer's: the round under way. */
    struct log_mark at;
    struct log_mark until;
    uint64_t round_ticket;
    uint64_t round_bytes;
    uint64_t answered_ticket;

    _Atomic uint64_t done_ticket; /* the writer no longer touches anything up to here */
    _Atomic uint64_t floor;
};

void log_stage_init(struct log_stage *stage, struct log *log, unsigned index);
void log_stage_free(struct log_stage *stage);

/* --- files: log_files.c ----------------------------------------------------------------------- */

struct log_file {
    struct disk_file *handle;
    uint64_t number;
    uint64_t bytes;  /* written ahead of the records: it is full there; 0: none */
    bool is_reserve; /* was LOG_RESERVE */
};

struct log_old_file {
    uint64_t number;
    uint64_t bytes;
    bool is_free;  /* needed by nobody, whatever the floor says */
    bool is_empty; /* holds nothing that a recovery would look at */
};

struct log_files {
    /* Guarded by log->lock. */
    struct log_file next; /* prepared; handle NULL: none */
    uint64_t last_number; /* the highest given to a file */
    int next_error;       /* why there is no next one; 0: not tried yet, or there is */
    uint64_t floor;       /* synced: files below are free */
    bool is_pressing;     /* the writer cannot go on without a next file */
    bool has_reserve;     /* LOG_RESERVE is there, and whole */
    bool had_no_room;     /* ... or could not be made; tried again when room was made */
    struct log_old_file *old;
    size_t old_count;
    size_t old_capacity;
};

void log_file_path(char path[LOG_PATH_BYTES], uint64_t number);
/* Reads a file's name; 0: it is not one of ours. */
uint64_t log_file_number(const char *name);

/* Makes the file that the log goes on with, and writes this batch record into it, synced. */
int log_files_begin(struct log *log, const struct log_batch *batch, struct log_file *ret);
/* The file is full or left behind. */
void log_files_add_old(struct log *log, struct log_old_file file);
/* Looks for LOG_RESERVE. Before log_files_begin(). */
void log_files_find_reserve(struct log *log);
/* One piece of the keeper's work. True when it did anything. */
bool log_files_keep(struct log *log);
/* Under the lock: the keeper has something to do now. */
bool log_files_has_work(const struct log *log);
/* Errors that may pass by themselves. */
static inline bool log_is_out_of_room(int error)
{
    return error == ERR_NO_SPACE || error == ERR_NO_DESCRIPTORS;
}

/* --- the writer: log_writer.c ----------------------------------------------------------------- */

struct log_round {
    bool is_active;
    bool is_built;    /* `parts` wait to be written */
    bool wants_batch; /* even with no record */
    unsigned stage;   /* of whose records the next part begins */
    uint64_t bytes;   /* of `parts`, without the padding */
    size_t part_count;
    struct iovec parts[LOG_PARTS_MAX + 2];
    uint8_t batch[LOG_BATCH_BYTES];
};

enum log_progress { LOG_IDLE, LOG_WORKED, LOG_BLOCKED };

/* One round: takes what is submitted, writes, syncs, answers. LOG_BLOCKED: there is no room; the
 * same call goes on later. */
enum log_progress log_writer_round(struct log *log);
/* Everything that is not yet safe fails with this, and all that comes. */
void log_writer_fail(struct log *log, int error, const char *what);
/* Syncs what is written, and notes in the file that it is. */
void log_writer_finish(struct log *log);
/* Milliseconds until the next sync of LOG_INTERVAL is due; UINT64_MAX: none is. */
uint64_t log_writer_due_ms(const struct log *log);
/* Says on_space when it has changed. */
void log_writer_say_space(struct log *log);
/* Under the lock, on the writer's thread: there is something to write or to say. */
bool log_writer_has_work(const struct log *log);

/* --- recovery: log_recover.c, log_read.c, log_unread.c ---------------------------------------- */

struct log_recovered {
    uint64_t salt;
    bool has_salt;
    uint64_t last_number;
    uint64_t floor;
    struct log_position end; /* 0: nothing was there */
};

struct log_unread; /* see log_unread.h */

/* Finds where the log ends, and sees to it that all before that is synced; adds every file to
 * log->files. What log_read() is to read is noted in log->unread. */
int log_recover(struct log *log, struct log_recovered *ret);
void log_unread_free(struct log_unread **unread);

/* --- the log ---------------------------------------------------------------------------------- */

struct log {
    struct log_options options;
    uint64_t salt;
    struct log_stage *stages;

    pthread_mutex_t lock;
    pthread_cond_t writer_wake;
    pthread_cond_t keeper_wake;
    pthread_t writer;
    pthread_t keeper;
    bool has_threads;
    bool is_stopping;        /* guarded by the lock: the writer is to end */
    bool is_keeper_stopping; /* guarded by the lock */
    bool writer_sleeps;      /* guarded by the lock */
    uint64_t submits;        /* guarded by the lock */
    uint64_t submits_seen;   /* guarded by the lock */

    struct log_files files;

    struct log_unread *unread; /* used by the caller of log_read(); NULL: all is read */
    struct log_recovery recovered;

    /* The writer's. */
    struct log_round round;
    struct log_file current;
    uint64_t key; /* of the current file */
    uint64_t offset;
    struct log_position previous;
    struct log_position synced;
    uint64_t unsynced_from; /* the first file with anything not synced */
    uint64_t dirty_since_ms;
    bool is_dirty;
    bool is_write_blocked;
    bool has_said_no_room;

    _Atomic uint64_t floor_written;
    _Atomic uint64_t current_number;
    _Atomic uint64_t unsafe_bytes;
    _Atomic int failure;
    _Atomic uint64_t room_min;
    _Atomic uint64_t room; /* left in the current file, as far as it is filled */
    _Atomic bool is_short; /* the disk is: nothing is kept that is not needed */
};

/* The floor of all stages together, not above the current file. */
uint64_t log_floor(const struct log *log);

#endif
