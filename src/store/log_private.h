/* What the files of the log share. Which thread may use what:
 *
 *   (1) A member of struct log_stage or struct log belongs to a loop, to the writer's thread, or to
 *       whoever holds log->lock, as the comments there say. The lock is held for a handful of
 *       instructions, never during a call of the disk or a callback to the log's user.
 *   (2) The bytes of a chunk below the stage's `submitted` mark belong to the writer, those above
 *       to the loop. Neither reads the other's.
 *   (3) The keeper (log_files.c) touches only files that the writer does not: the one prepared to
 *       come next, and those that are no longer needed.
 *
 * A log without threads (is_stepped, or while it is opened or closed) does the work of the writer
 * and of the keeper on the caller's thread. */
#ifndef LEVERET_STORE_LOG_PRIVATE_H
#define LEVERET_STORE_LOG_PRIVATE_H

#include <pthread.h>
#include <stdatomic.h>

#include "base/assert.h"
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
    LOG_SPARES_MAX = 3,    /* files that are not needed, kept to be used again */
    LOG_RETRY_MS = 200,    /* between checks whether the disk has room again */
    LOG_PATH_BYTES = 40,
};

#define LOG_FOLDER "log"
/* A file of zeros that is not part of the log yet. It becomes the next file when the disk is full,
 * so that settles can be stored until old files can be removed, and so that a start finds room. */
#define LOG_RESERVE LOG_FOLDER "/reserve"
enum { LOG_RESERVE_DIVISOR = 4 }; /* of file_bytes */

/* --- stages: log_stage.c ---------------------------------------------------------------------- */

/* A piece of memory with staged records; no record is split over two. */
struct log_chunk {
    struct log_chunk *next;
    size_t end; /* of its records; set when the next chunk is appended */
    size_t capacity;
    uint8_t bytes[];
};

/* A position in a stage's chunks. */
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
    size_t open_length; /* 0: no record is open */
    const void *identity;
    uint64_t staged_bytes; /* of closed records, not yet submitted */
    uint64_t ticket;       /* of the last submit */
    uint64_t floor_wanted;
    struct log_chunk *idle;
    size_t run_count;
    uint16_t run_of[LOG_RUN_SLOTS]; /* by a queue's hash: index of its last run; may be stale */
    struct log_run runs[LOG_RUNS_MAX];

    /* Guarded by log->lock. */
    struct log_mark taken; /* the writer is done with everything before */
    struct log_mark submitted;
    uint64_t submitted_ticket;
    uint64_t submitted_bytes; /* not yet taken by the writer */
    struct log_chunk *returned;
    size_t returned_count;

    /* The writer's: the round under way writes the records from `at` to `until`. */
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
    uint64_t bytes;  /* size filled in advance, where it counts as full; 0: not filled */
    bool is_reserve; /* was LOG_RESERVE */
};

struct log_old_file {
    uint64_t number;
    uint64_t bytes;
    bool is_free;  /* not needed, whatever the floor is */
    bool is_empty; /* holds nothing that a recovery would read */
};

struct log_files {
    /* Guarded by log->lock. */
    struct log_file next; /* prepared; handle NULL: none */
    uint64_t last_number; /* the highest given to a file */
    int next_error;       /* why there is no next file of full size; 0: there is, or no try yet */
    uint64_t floor;       /* in a synced batch record: files below are free */
    bool is_pressing;     /* the writer cannot go on without a next file */
    bool is_tight;        /* no room was left for another file when one was last prepared */
    bool has_reserve;     /* LOG_RESERVE exists and has its full size */
    bool had_no_room;     /* creating the reserve failed; tried again when there may be room */
    struct log_old_file *old;
    size_t old_count;
    size_t old_capacity;
};

/* Writes the path of a file below the disk's directory. */
void log_file_path(char path[LOG_PATH_BYTES], uint64_t number);
/* Returns the number in a file's name, or 0 if it is not the name of a file of the log. */
uint64_t log_file_number(const char *name);

/* Makes the first file after a start and writes and syncs this batch record in it. Call only before
 * log_start(). */
int log_files_begin(struct log *log, const struct log_batch *batch, struct log_file *ret);
/* Hands a file that is full or left behind to the keeper, the log's second thread, which prepares
 * and removes files. On the writer's thread. */
void log_files_add_old(struct log *log, struct log_old_file file);
/* Finds out whether LOG_RESERVE exists, and sets has_reserve. Call before log_files_begin(). */
void log_files_find_reserve(struct log *log);
/* Does one piece of the keeper's work. Returns true if it did anything. On the keeper's thread. */
bool log_files_keep(struct log *log);
/* Returns true if the keeper has something to do now. The caller holds log->lock. */
bool log_files_has_work(const struct log *log);
/* Returns true for the errors that may pass by themselves. */
static inline bool log_is_out_of_room(int error)
{
    return error == ERR_NO_SPACE || error == ERR_NO_DESCRIPTORS;
}

/* --- the writer: log_writer.c ----------------------------------------------------------------- */

struct log_round {
    bool is_active;
    bool is_built;    /* `parts` wait to be written */
    bool wants_batch; /* a batch record is to be written even if no other record is */
    unsigned stage;   /* index of the stage whose records are written next */
    uint64_t bytes;   /* of `parts`, without the padding */
    size_t part_count;
    struct iovec parts[LOG_PARTS_MAX + 2];
    uint8_t batch[LOG_BATCH_BYTES];
};

enum log_progress { LOG_IDLE, LOG_WORKED, LOG_BLOCKED };

/* All functions below run on the writer's thread. */

/* Does one round: takes what is submitted, writes, syncs, answers. Returns LOG_BLOCKED if it could
 * write nothing, because the disk has no room or there is no next file yet; the next call then goes
 * on with the same round. */
enum log_progress log_writer_round(struct log *log);
/* Fails everything that is not yet safe, and everything that is submitted later. `what` says, for
 * the log line, during what the error came, such as "syncing". */
void log_writer_fail(struct log *log, int error, const char *what);
/* Syncs what is written, and writes a last batch record that says so. */
void log_writer_finish(struct log *log);
/* Returns the milliseconds until the next sync of LOG_INTERVAL is due, or UINT64_MAX if none is. */
uint64_t log_writer_due_ms(const struct log *log);
/* Calls on_space if there was room at its last call and there is none now, or the other way
 * round. */
void log_writer_report_space(struct log *log);
/* Returns true if there is something to write or to report. The caller holds log->lock. */
bool log_writer_has_work(const struct log *log);

/* --- recovery: log_recover.c, log_read.c, log_unread.c ---------------------------------------- */

struct log_recovered {
    uint64_t salt;
    bool has_salt;
    uint64_t last_number;
    uint64_t floor;
    struct log_position end; /* file 0: the log was empty */
};

struct log_unread; /* see log_unread.h */

/* Finds where the log ends, and makes sure that everything before is synced. Adds every file to
 * log->files, and sets log->unread to what log_read() is to read. Call once, before log_start(). */
int log_recover(struct log *log, struct log_recovered *ret);
void log_unread_free(struct log_unread **unread);

/* --- the log ---------------------------------------------------------------------------------- */

struct log {
    struct log_options options;
    uint64_t salt;
    struct log_stage *stages;

    pthread_mutex_t lock; /* taken with log_lock() only */
    pthread_cond_t writer_wake;
    pthread_cond_t keeper_wake;
    pthread_t writer;
    pthread_t keeper;
    bool has_threads;        /* changed only while neither runs */
    bool is_stopping;        /* guarded by the lock: the writer is to end */
    bool is_keeper_stopping; /* guarded by the lock */
    bool writer_sleeps;      /* guarded by the lock */
    uint64_t submits;        /* guarded by the lock */
    uint64_t submits_seen;   /* guarded by the lock */

    struct log_files files;

    struct log_unread *unread; /* used by the caller of log_read(); NULL: all was read */
    struct log_recovery recovered;

    /* The writer's. */
    struct log_round round;
    struct log_file current;
    uint64_t key;    /* of the current file */
    uint64_t offset; /* where the next write begins: a multiple of 8 */
    struct log_position previous;
    struct log_position synced;
    uint64_t unsynced_from; /* the first file with anything not synced */
    uint64_t dirty_since_ms;
    bool is_dirty;
    bool is_write_blocked;
    bool has_reported_no_room;

    _Atomic uint64_t floor_written;
    _Atomic uint64_t current_number;
    _Atomic uint64_t unsafe_bytes;
    _Atomic int failure;
    _Atomic uint64_t room_min;
    _Atomic uint64_t room;          /* left in the current file, up to where it is filled */
    _Atomic uint64_t busy_since_ms; /* CLOCK_MONOTONIC; 0: the writer has nothing to do */
    _Atomic bool is_short;          /* the disk is short of room: no spare files are kept */
    _Atomic bool has_unread;        /* log_read() has not read everything: no floor may be raised */
};

/* Returns the lowest floor of all stages, or the number of the current file if that is lower. Any
 * thread. */
uint64_t log_floor(const struct log *log);

/* --- the lock, and who runs: log.c ------------------------------------------------------------ */

enum log_role { LOG_ROLE_OTHER, LOG_ROLE_WRITER, LOG_ROLE_KEEPER };

extern _Thread_local enum log_role log_role;        /* of this thread */
extern _Thread_local const struct log *log_lock_of; /* the log whose lock this thread holds */

/* The lock is not recursive, and a thread holds the lock of at most one log. */
void log_lock(struct log *log);
void log_unlock(struct log *log);

static inline void log_assert_locked(const struct log *log)
{
    lv_assert(log_lock_of == log);
}

/* Is called before anything that may take long: calls of the disk and callbacks to the log's
 * user. */
static inline void log_assert_unlocked(void)
{
    lv_assert(log_lock_of == NULL);
}

static inline void log_assert_role(const struct log *log, enum log_role role)
{
    lv_assert(!log->has_threads || log_role == role);
}

#endif
