/* What the worker does for a job: write, read, sync or remove a segment file.
 *
 *   (1) A failed sync, and a failed write for which there was room, are final for the file: every
 *       later write and sync of it fails with ERR_IO, since nobody knows what the disk has.
 *   (2) If a write found no room or could not open the file, the next sync fails with the error of
 *       the first such write: others may only follow from it. Writes after that sync may succeed
 *       again.
 *   (3) A sync succeeds only once the file's name is on the disk too. A failed sync of the folder
 *       is final for all files.
 *
 * After a failure the file can still be read: the checksums show which blocks are valid. */
#include <stdlib.h>

#include "base/counters.h"
#include "base/error.h"
#include "base/log.h"
#include "base/memory.h"
#include "store/segments_private.h"

/* --- writing ---------------------------------------------------------------------------------- */

static int write_bytes(struct segments *s, struct segment_file *f, const struct segment_job *job)
{
    struct iovec part = {job->buffer.p, job->buffer.n};
    int err = segment_handle_open(s, f, true, job->offset == 0);
    if (err < 0 || job->buffer.n == 0)
        return err;
    uint64_t room = s->disk->room(s->disk);
    if (room < s->room_left || room - s->room_left < job->buffer.n)
        return ERR_NO_SPACE;
    f->is_dirty = true;
    err = s->disk->write(s->disk, f->handle, job->offset, &part, 1);
    COUNT(segment_writes);
    COUNT_MANY(segment_written_bytes, err == 0 ? job->buffer.n : 0);
    if (err < 0 && err != ERR_NO_SPACE)
        err = f->error = segment_final_error(err);
    return err;
}

/* Calls on_low if the disk has less room left than the watcher wants. */
static void room_check(struct segments *s)
{
    void (*on_low)(void *arg) = NULL;
    void *arg = NULL;

    segments_lock(s);
    bool is_watched = s->room_min > 0;
    segments_unlock(s);
    if (!is_watched)
        return;
    uint64_t room = s->disk->room(s->disk);
    segments_lock(s);
    if (room < s->room_min) {
        on_low = s->on_low;
        arg = s->on_low_arg;
        s->room_min = 0;
    }
    segments_unlock(s);
    if (on_low)
        on_low(arg);
}

static int job_write(struct segments *s, struct segment_file *f, struct segment_job *job)
{
    if (f->error < 0)
        return f->error;
    int err = write_bytes(s, f, job);
    room_check(s);
    if (err < 0 && f->write_error == 0)
        f->write_error = err;
    return err;
}

/* --- reading ---------------------------------------------------------------------------------- */

static int job_read(struct segments *s, struct segment_file *f, struct segment_job *job)
{
    struct lv_buffer *to = &job->buffer;
    int err = segment_handle_open(s, f, false, false);
    lv_assert(!to->p);
    if (err < 0)
        return err;
    to->p = lv_try_malloc(job->bytes ? job->bytes : 1);
    if (!to->p)
        return ERR_NO_MEMORY;
    to->capacity = job->bytes ? job->bytes : 1;
    err = s->disk->read(s->disk, f->handle, job->offset, to->p, job->bytes, &to->n);
    if (err < 0)
        to->n = 0;
    lv_assert(to->n <= job->bytes);
    COUNT(segment_reads);
    COUNT_MANY(segment_read_bytes, to->n);
    return err;
}

/* --- syncing ---------------------------------------------------------------------------------- */

static int sync_folder(struct segments *s)
{
    int err = s->folder_error;
    if (err < 0 || !s->has_new_names)
        return err;
    while ((err = s->disk->sync_directory(s->disk, SEGMENTS_FOLDER)) == ERR_NO_DESCRIPTORS)
        if (!segment_handles_close_one(s))
            return err;
    s->folder_error = err < 0 ? segment_final_error(err) : 0;
    s->has_new_names = false;
    return s->folder_error;
}

static int job_sync(struct segments *s, struct segment_file *f)
{
    int err = f->error ? f->error : f->write_error;
    f->write_error = 0;
    if (err == 0)
        err = segment_handle_open(s, f, true, false);
    if (err < 0)
        return err;
    f->error = segment_handle_sync(s, f);
    COUNT(segment_syncs);
    if (f->error < 0)
        return f->error;
    f->is_dirty = false;
    err = sync_folder(s);
    segment_handles_trim(s);
    return err;
}

/* --- removing --------------------------------------------------------------------------------- */

static int job_remove(struct segments *s, struct segment_file *f)
{
    char path[SEGMENT_PATH_BYTES];
    segment_file_path(path, f->queue, f->number);
    segment_handle_close(s, f);
    int err = s->disk->remove(s->disk, path);
    if (err < 0 && err != ERR_NOT_FOUND)
        return err;
    f->error = 0;
    f->write_error = 0;
    return 0;
}

/* --- any job ---------------------------------------------------------------------------------- */

/* Logs a failure that cannot pass, once for each file, with the system's reason; the queue logs
 * what follows from it. ERR_NOT_FOUND is logged only for a read: otherwise the file may be one that
 * an earlier write could not create. */
static void report_failure(struct segment_file *f, const struct segment_job *job, int err)
{
    static const char *const what[] = {"write", "read", "sync", "remove"};
    bool may_pass = err == ERR_NO_SPACE || err == ERR_NO_DESCRIPTORS || err == ERR_NO_MEMORY ||
                    (err == ERR_NOT_FOUND && job->kind != JOB_READ);
    if (err == 0 || may_pass || f->is_reported)
        return;
    f->is_reported = true;
    char path[SEGMENT_PATH_BYTES];
    segment_file_path(path, f->queue, f->number);
    log_error("cannot %s %s: %s", what[job->kind], path, lv_error_reason(err));
}

void segment_job_do(struct segments *s, struct segment_file *f, struct segment_job *job)
{
    int err = 0;
    lv_assert(segments_is_worker(s));
    lv_assert(f->is_busy);
    switch (job->kind) {
    case JOB_WRITE: err = job_write(s, f, job); break;
    case JOB_READ: err = job_read(s, f, job); break;
    case JOB_SYNC: err = job_sync(s, f); break;
    case JOB_REMOVE: err = job_remove(s, f); break;
    }
    lv_assert(err <= 0);
    lv_assert((f->handle == NULL) == lv_list_is_empty(&f->open));
    report_failure(f, job, err);
    bool has_bytes = job->kind == JOB_READ || (job->kind == JOB_WRITE && err < 0);
    if (!has_bytes)
        lv_buffer_free(&job->buffer); /* now, since `done` counts the memory as free */
    if (job->done)
        job->done(job->arg, err, has_bytes ? &job->buffer : NULL);
    lv_buffer_free(&job->buffer);
    free(job);
}
