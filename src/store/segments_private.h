/* What the files of the segments share. Who may touch what:
 *
 *   (1) The table of files, their jobs and the ready lists are guarded by `lock`, which is never
 *       held across a call of the disk or of a callback.
 *   (2) Handles, errors and the list of open files belong to the worker: the thread of segments.c,
 *       or in a simulation the caller of segments_step(). */
#ifndef LEVERET_STORE_SEGMENTS_PRIVATE_H
#define LEVERET_STORE_SEGMENTS_PRIVATE_H

#include <pthread.h>

#include "base/assert.h"
#include "base/list.h"
#include "store/segments.h"

#define SEGMENTS_FOLDER "segments"

enum {
    SEGMENT_FILE_BUCKETS = 1024, /* a power of two */
    SEGMENT_PATH_BYTES = 64,
};

enum segment_job_kind { JOB_WRITE, JOB_READ, JOB_SYNC, JOB_REMOVE };

struct segment_job {
    struct segment_job *next; /* of the same file */
    enum segment_job_kind kind;
    uint64_t offset;
    size_t bytes;            /* to read */
    struct lv_buffer buffer; /* to write, or what was read */
    segments_done *done;
    void *arg;
};

/* A file that is open, has jobs, or has failed. */
struct segment_file {
    uint64_t queue;
    uint64_t number;
    struct segment_file *next; /* in its bucket */
    struct segment_job *first;
    struct segment_job *last;
    struct lv_list ready; /* in one of segments.ready if there are jobs and none is being done */
    bool is_busy;         /* the worker is doing one of its jobs */

    /* The worker's own. */
    struct lv_list open; /* in segments.open if it has a handle */
    struct disk_file *handle;
    bool is_writable;
    bool is_dirty;    /* written since the last sync */
    int write_error;  /* the next sync fails with it (segment_jobs.c) */
    int error;        /* final: every write and sync fails with it (segment_jobs.c) */
    bool is_reported; /* a failure was logged */
};

enum segments_ready { READY_READS, READY_OTHERS, READY_LISTS };

struct segments {
    struct disk *disk;
    bool is_stepped;
    pthread_t thread;

    pthread_mutex_t lock; /* taken by segments_lock() */
    bool is_locked;
    pthread_cond_t has_work;
    bool is_closing;
    struct lv_list ready[READY_LISTS];
    unsigned reads_in_a_row;
    struct segment_file *buckets[SEGMENT_FILE_BUCKETS];
    uint64_t room_min; /* 0: the room is not watched */
    void (*on_low)(void *arg);
    void *on_low_arg;

    /* The worker's own. */
    pthread_t worker;    /* unless is_stepped */
    uint64_t room_left;  /* what a write leaves of the disk; set before any */
    struct lv_list open; /* the least recently used first */
    size_t open_count;
    size_t open_max;
    size_t dirty_max;
    bool has_new_names; /* files were created since the folder was synced */
    int folder_error;   /* final: every sync fails with it */
};

static inline void segments_lock(struct segments *s)
{
    pthread_mutex_lock(&s->lock);
    lv_assert(!s->is_locked);
    s->is_locked = true;
}

static inline void segments_unlock(struct segments *s)
{
    lv_assert(s->is_locked);
    s->is_locked = false;
    pthread_mutex_unlock(&s->lock);
}

static inline bool segments_is_worker(const struct segments *s)
{
    return s->is_stepped || pthread_equal(s->worker, pthread_self());
}

/* --- names and the table of files: segment_files.c -------------------------------------------- */

/* Writes the file's path, SEGMENT_PATH_BYTES at most. */
void segment_file_path(char *path, uint64_t queue, uint64_t number);
/* Returns the file's entry in the table, making it if there is none. The caller holds the lock. */
struct segment_file *segment_file_get(struct segments *s, uint64_t queue, uint64_t number);
/* Frees the entry unless its file is open, has jobs or has failed. The caller is the worker and
 * holds the lock. */
void segment_file_free_unless_needed(struct segments *s, struct segment_file *f);
/* Returns ERR_FORMAT if a file is of a newer version; lv_error_reason() then names it. A file that
 * cannot be read is not an error here; reading it later is. Call it before the worker starts. */
int segment_files_check_versions(struct segments *s);

/* --- open files: segment_handles.c ------------------------------------------------------------ */

/* Opens the file, and moves it to the most recently used end of the open files. A file that is open
 * for reading is opened again to be written. Closes other files if too many are open. With
 * may_create a missing file is created. The caller is the worker. */
int segment_handle_open(struct segments *s, struct segment_file *f, bool is_writable,
                        bool may_create);
/* Closes the file if it is open, without a sync. The caller is the worker, or the worker has
 * ended. */
void segment_handle_close(struct segments *s, struct segment_file *f);
/* Syncs the open file. If that fails, returns ERR_IO, which is final for the file. The caller is
 * the worker. */
int segment_handle_sync(struct segments *s, struct segment_file *f);
/* Closes files until no more are open than allowed. The caller is the worker. */
void segment_handles_trim(struct segments *s);
/* Closes one file to free a descriptor. Returns false if none is open. The caller is the worker. */
bool segment_handles_close_one(struct segments *s);
/* Turns any error into ERR_IO with the same reason. Used for final failures: other errors, such as
 * a full disk, may pass. */
int segment_final_error(int err);

/* --- what the worker does for a job: segment_jobs.c ------------------------------------------- */

/* Does the job, calls its `done`, and frees it. The caller is the worker and does not hold the
 * lock. */
void segment_job_do(struct segments *s, struct segment_file *f, struct segment_job *job);

#endif
