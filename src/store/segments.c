/* Segment files, and the thread that reads and writes them.
 *
 * Every file with work to do has a list of jobs, in the order of the calls, and is in one of
 * two lines: that of the reads when its next job is a read, else the other. The worker takes the
 * first file of the readers' line, does one job of it, and puts the file at the end of the line
 * that its next job belongs to. So somebody's read waits for one write at most, whatever is queued
 * for other files, while the order within a file is kept. After READS_IN_A_ROW_MAX reads the other
 * line has its turn.
 *
 *   (1) Jobs of one file are done in the order of the calls. `done` is called once for each.
 *   (2) At most FILES_OPEN_MAX files are open (or fewer: segments_limit_open), and more, up to
 *       FILES_DIRTY_MAX, only when all of them have been written since their last sync. One of
 *       those is synced before it is closed to make room for others: the system may forget a failed
 *       write-back when nobody has the file open.
 *   (3) A failed sync, and a failed write for which there was room, are final for the file: every
 *       later write and sync of it fails, with ERR_IO. Nobody knows what the disk has.
 *   (4) When a write failed for want of room, or of descriptors, so does the next sync; writes
 *       after that may go well again.
 *   (5) A sync is done when the file's name is on the disk too. A failed sync of the folder is
 *       final for all files.
 *
 * Reads are served after a failure as before: blocks have checksums. */
#include <inttypes.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "base/error.h"
#include "base/list.h"
#include "base/log.h"
#include "base/memory.h"
#include "store/segments.h"

enum {
    FILES_OPEN_MAX = 64,
    FILES_DIRTY_MAX = 256,
    READS_IN_A_ROW_MAX = 8,
    BUCKETS = 1024, /* a power of two */
    PATH_BYTES = 64,
};

#define FOLDER "segments"

enum segments_job_kind { JOB_WRITE, JOB_READ, JOB_SYNC, JOB_REMOVE };

struct segments_job {
    struct segments_job *next; /* for the same file */
    enum segments_job_kind kind;
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
    struct segments_job *first;
    struct segments_job *last;
    struct lv_list line; /* in one of segments.lines while there are jobs and none is being done */
    bool is_busy;        /* one of its jobs is being done */

    /* The worker's own. */
    struct lv_list used; /* in segments.open, the least recently used first */
    struct disk_file *handle;
    bool is_writable;
    bool is_dirty;   /* written since the last sync */
    int write_error; /* (4) */
    int error;       /* (3) */
    bool is_told;    /* the log says that it failed */
};

enum { LINE_READS, LINE_OTHERS, LINES };

struct segments {
    struct disk *disk;
    bool is_stepped;
    pthread_t thread;

    pthread_mutex_t lock; /* holds the files' tables, jobs and lines */
    pthread_cond_t has_work;
    bool is_closing;
    struct lv_list lines[LINES];
    unsigned reads_in_a_row;
    struct segment_file *buckets[BUCKETS];
    uint64_t room_min; /* 0: nobody wants to know */
    void (*on_low)(void *arg);
    void *on_low_arg;

    /* The worker's own. */
    struct lv_list open;
    size_t open_count;
    size_t open_max;
    size_t dirty_max;
    bool has_new_names; /* files were made since the folder was synced */
    int folder_error;   /* (5) */
};

/* --- names ------------------------------------------------------------------------------------ */

static void file_path(char *path, uint64_t queue, uint64_t number)
{
    snprintf(path, PATH_BYTES, FOLDER "/%" PRIx64 "-%" PRIx64 ".seg", queue, number);
}

/* Only what file_path() would have written is a name. */
static bool file_name_parse(const char *name, uint64_t *ret_queue, uint64_t *ret_number)
{
    char path[PATH_BYTES];
    uint64_t queue;
    uint64_t number;

    if (sscanf(name, "%16" SCNx64 "-%16" SCNx64 ".seg", &queue, &number) != 2)
        return false;
    file_path(path, queue, number);
    if (strcmp(path + sizeof FOLDER, name) != 0)
        return false;
    *ret_queue = queue;
    *ret_number = number;
    return true;
}

/* --- the table of files: under the lock ------------------------------------------------------- */

static struct segment_file **file_bucket(struct segments *s, uint64_t queue, uint64_t number)
{
    uint64_t hash = (queue * 0x9e3779b97f4a7c15u + number) * 0x9e3779b97f4a7c15u;
    return &s->buckets[(hash >> 32) & (BUCKETS - 1)];
}

static struct segment_file *file_get(struct segments *s, uint64_t queue, uint64_t number)
{
    struct segment_file **bucket = file_bucket(s, queue, number);

    for (struct segment_file *f = *bucket; f; f = f->next)
        if (f->queue == queue && f->number == number)
            return f;
    struct segment_file *f = lv_calloc(1, sizeof *f);
    f->queue = queue;
    f->number = number;
    f->next = *bucket;
    *bucket = f;
    lv_list_init(&f->line);
    lv_list_init(&f->used);
    return f;
}

static bool file_is_needed(const struct segment_file *f)
{
    return f->handle || f->is_busy || f->write_error || f->error || f->first;
}

static void file_free_unless_needed(struct segments *s, struct segment_file *f)
{
    struct segment_file **at = file_bucket(s, f->queue, f->number);

    if (file_is_needed(f))
        return;
    while (*at != f)
        at = &(*at)->next;
    *at = f->next;
    free(f);
}

/* --- open files: the worker ------------------------------------------------------------------- */

static void file_close(struct segments *s, struct segment_file *f)
{
    if (!f->handle)
        return;
    s->disk->close(s->disk, &f->handle);
    lv_list_remove(&f->used);
    s->open_count--;
    f->is_dirty = false;
}

/* The file to close when there are too many: the least recently used that need not be synced;
 * if all need it, the least recently used of all. Returns NULL if none is open. */
static struct segment_file *file_to_close(const struct segments *s)
{
    struct lv_list *it;
    struct lv_list *after;

    lv_list_each (it, after, &s->open) {
        struct segment_file *f = lv_list_item(it, struct segment_file, used);
        if (!f->is_dirty)
            return f;
    }
    return lv_list_is_empty(&s->open) ? NULL
                                      : lv_list_item(s->open.next, struct segment_file, used);
}

/* Returns true if opening `more` files would exceed the limit. */
static bool has_too_many_open(const struct segments *s, size_t more)
{
    if (s->open_count + more <= s->open_max)
        return false;
    return s->open_count + more > s->dirty_max || !file_to_close(s)->is_dirty;
}

/* (3), whatever the reason was: room that comes later does not help it. */
static int final_error(int err)
{
    return lv_error_explain(ERR_IO, "%s", lv_error_reason(err));
}

static int sync_handle(struct segments *s, struct segment_file *f)
{
    int err = s->disk->sync(s->disk, f->handle);

    return err < 0 ? final_error(err) : 0;
}

/* False when none is open. */
static bool close_one(struct segments *s)
{
    struct segment_file *f = file_to_close(s);

    if (!f)
        return false;
    if (f->is_dirty && !f->error)
        f->error = sync_handle(s, f);
    file_close(s, f);
    pthread_mutex_lock(&s->lock);
    file_free_unless_needed(s, f);
    pthread_mutex_unlock(&s->lock);
    return true;
}

/* Opens a path, closing other files as long as there are too many. */
static int open_path(struct segments *s, const char *path, enum disk_open how,
                     struct disk_file **ret)
{
    int err;

    while ((err = s->disk->open(s->disk, path, how, ret)) == ERR_NO_DESCRIPTORS)
        if (!close_one(s))
            break;
    return err;
}

/* Opens it for writing; makes it when that is asked for and it is not there. */
static int open_writable(struct segments *s, const char *path, bool may_create,
                         struct disk_file **ret)
{
    int err = open_path(s, path, DISK_OPEN_WRITE, ret);

    if (err != ERR_NOT_FOUND || !may_create)
        return err;
    err = open_path(s, path, DISK_OPEN_CREATE, ret);
    if (err == 0)
        s->has_new_names = true;
    return err;
}

static int file_open(struct segments *s, struct segment_file *f, bool is_writable, bool may_create)
{
    char path[PATH_BYTES];
    int err;

    if (f->handle && (f->is_writable || !is_writable)) {
        lv_list_remove(&f->used);
        lv_list_push(&s->open, &f->used);
        return 0;
    }
    file_close(s, f);
    while (has_too_many_open(s, 1))
        close_one(s);
    file_path(path, f->queue, f->number);
    err = is_writable ? open_writable(s, path, may_create, &f->handle)
                      : open_path(s, path, DISK_OPEN_READ, &f->handle);
    if (err < 0) {
        f->handle = NULL;
        return err;
    }
    f->is_writable = is_writable;
    lv_list_push(&s->open, &f->used);
    s->open_count++;
    return 0;
}

/* --- the work --------------------------------------------------------------------------------- */

static int write_bytes(struct segments *s, struct segment_file *f, const struct segments_job *job)
{
    struct iovec part = {job->buffer.p, job->buffer.n};
    int err = file_open(s, f, true, job->offset == 0);

    if (err < 0 || job->buffer.n == 0)
        return err;
    f->is_dirty = true;
    err = s->disk->write(s->disk, f->handle, job->offset, &part, 1);
    if (err < 0 && err != ERR_NO_SPACE)
        err = f->error = final_error(err);
    return err;
}

void segments_watch_room(struct segments *s, uint64_t room_min, void (*on_low)(void *arg),
                         void *arg)
{
    pthread_mutex_lock(&s->lock);
    s->room_min = room_min;
    s->on_low = on_low;
    s->on_low_arg = arg;
    pthread_mutex_unlock(&s->lock);
}

/* After something was written. */
static void look_for_room(struct segments *s)
{
    void (*on_low)(void *arg) = NULL;

    pthread_mutex_lock(&s->lock);
    if (s->room_min > 0 && s->disk->room(s->disk) < s->room_min) {
        on_low = s->on_low;
        s->room_min = 0;
    }
    pthread_mutex_unlock(&s->lock);
    if (on_low)
        on_low(s->on_low_arg);
}

static int do_write(struct segments *s, struct segment_file *f, struct segments_job *job)
{
    if (f->error < 0)
        return f->error;
    int err = write_bytes(s, f, job);
    look_for_room(s);
    if (err < 0)
        f->write_error = err;
    return err;
}

static int do_read(struct segments *s, struct segment_file *f, struct segments_job *job)
{
    struct lv_buffer *to = &job->buffer;
    int err = file_open(s, f, false, false);

    if (err < 0)
        return err;
    to->p = lv_try_malloc(job->bytes ? job->bytes : 1);
    if (!to->p)
        return ERR_NO_MEMORY;
    to->capacity = job->bytes ? job->bytes : 1;
    err = s->disk->read(s->disk, f->handle, job->offset, to->p, job->bytes, &to->n);
    if (err < 0)
        to->n = 0;
    return err;
}

static int sync_folder(struct segments *s)
{
    int err = s->folder_error;

    if (err < 0 || !s->has_new_names)
        return err;
    while ((err = s->disk->sync_directory(s->disk, FOLDER)) == ERR_NO_DESCRIPTORS)
        if (!close_one(s))
            return err;
    s->folder_error = err < 0 ? final_error(err) : 0;
    s->has_new_names = false;
    return s->folder_error;
}

static int do_sync(struct segments *s, struct segment_file *f)
{
    int err = f->error ? f->error : f->write_error;

    f->write_error = 0;
    if (err == 0)
        err = file_open(s, f, true, false);
    if (err < 0)
        return err;
    f->error = sync_handle(s, f);
    if (f->error < 0)
        return f->error;
    f->is_dirty = false;
    err = sync_folder(s);
    while (has_too_many_open(s, 0))
        close_one(s);
    return err;
}

static int do_remove(struct segments *s, struct segment_file *f)
{
    char path[PATH_BYTES];
    int err;

    file_path(path, f->queue, f->number);
    file_close(s, f);
    err = s->disk->remove(s->disk, path);
    if (err < 0 && err != ERR_NOT_FOUND)
        return err;
    f->error = 0;
    f->write_error = 0;
    return 0;
}

/* What fails for good is said once for each file, with the system's reason; its owner says what
 * follows for the queue. A file that is not there may be one that an earlier job could not make. */
static void say_failure(struct segment_file *f, const struct segments_job *job, int err)
{
    static const char *const what[] = {"write", "read", "sync", "remove"};
    char path[PATH_BYTES];
    bool may_pass = err == ERR_NO_SPACE || err == ERR_NO_DESCRIPTORS || err == ERR_NO_MEMORY ||
                    (err == ERR_NOT_FOUND && job->kind != JOB_READ);

    if (err == 0 || may_pass || f->is_told)
        return;
    f->is_told = true;
    file_path(path, f->queue, f->number);
    log_error("cannot %s %s: %s", what[job->kind], path, lv_error_reason(err));
}

static void do_job(struct segments *s, struct segment_file *f, struct segments_job *job)
{
    int err = 0;

    switch (job->kind) {
    case JOB_WRITE: err = do_write(s, f, job); break;
    case JOB_READ: err = do_read(s, f, job); break;
    case JOB_SYNC: err = do_sync(s, f); break;
    case JOB_REMOVE: err = do_remove(s, f); break;
    }
    say_failure(f, job, err);
    bool has_bytes = job->kind == JOB_READ || (job->kind == JOB_WRITE && err < 0);
    if (!has_bytes)
        lv_buffer_free(&job->buffer); /* before `done` counts the memory as free */
    if (job->done)
        job->done(job->arg, err, has_bytes ? &job->buffer : NULL);
    lv_buffer_free(&job->buffer);
    free(job);
}

/* --- the lines: under the lock ---------------------------------------------------------------- */

static void stand_in_line(struct segments *s, struct segment_file *f)
{
    bool is_read = f->first->kind == JOB_READ;

    lv_list_push(&s->lines[is_read ? LINE_READS : LINE_OTHERS], &f->line);
}

/* NULL when there is nothing to do. */
static struct segment_file *next_in_line(struct segments *s)
{
    struct lv_list *reads = &s->lines[LINE_READS];
    struct lv_list *others = &s->lines[LINE_OTHERS];
    bool is_others_turn = s->reads_in_a_row >= READS_IN_A_ROW_MAX && !lv_list_is_empty(others);
    struct lv_list *line = lv_list_is_empty(reads) || is_others_turn ? others : reads;

    if (lv_list_is_empty(line))
        return NULL;
    s->reads_in_a_row = line == reads ? s->reads_in_a_row + 1 : 0;
    return lv_list_item(line->next, struct segment_file, line);
}

/* Does the next job, letting go of the lock meanwhile. False when there is none. */
static bool do_next(struct segments *s)
{
    struct segment_file *f = next_in_line(s);
    struct segments_job *job;

    if (!f)
        return false;
    job = f->first;
    f->first = job->next;
    lv_list_remove(&f->line);
    f->is_busy = true;
    pthread_mutex_unlock(&s->lock);
    do_job(s, f, job);
    pthread_mutex_lock(&s->lock);
    f->is_busy = false;
    if (f->first)
        stand_in_line(s, f);
    else
        file_free_unless_needed(s, f);
    return true;
}

static void *worker(void *arg)
{
    struct segments *s = arg;

    pthread_mutex_lock(&s->lock);
    for (;;) {
        if (do_next(s))
            continue;
        if (s->is_closing)
            break;
        pthread_cond_wait(&s->has_work, &s->lock);
    }
    pthread_mutex_unlock(&s->lock);
    return NULL;
}

bool segments_step(struct segments *s)
{
    lv_assert(s->is_stepped);
    pthread_mutex_lock(&s->lock);
    bool did_any = do_next(s);
    pthread_mutex_unlock(&s->lock);
    return did_any;
}

/* --- asking ----------------------------------------------------------------------------------- */

static void segments_ask(struct segments *s, uint64_t queue, uint64_t number,
                         const struct segments_job *wanted)
{
    struct segments_job *job = lv_malloc(sizeof *job);

    *job = *wanted;
    pthread_mutex_lock(&s->lock);
    struct segment_file *f = file_get(s, queue, number);
    bool is_waiting = f->is_busy || f->first;
    if (f->first)
        f->last->next = job;
    else
        f->first = job;
    f->last = job;
    if (!is_waiting)
        stand_in_line(s, f);
    pthread_mutex_unlock(&s->lock);
    pthread_cond_signal(&s->has_work);
}

void segments_write(struct segments *s, uint64_t queue, uint64_t number, uint64_t offset,
                    struct lv_buffer *bytes, segments_done *done, void *arg)
{
    struct segments_job job = {
        .kind = JOB_WRITE, .offset = offset, .buffer = *bytes, .done = done, .arg = arg};

    *bytes = (struct lv_buffer){0};
    segments_ask(s, queue, number, &job);
}

void segments_read(struct segments *s, uint64_t queue, uint64_t number, uint64_t offset,
                   size_t bytes, segments_done *done, void *arg)
{
    struct segments_job job = {
        .kind = JOB_READ, .offset = offset, .bytes = bytes, .done = done, .arg = arg};

    segments_ask(s, queue, number, &job);
}

void segments_sync(struct segments *s, uint64_t queue, uint64_t number, segments_done *done,
                   void *arg)
{
    segments_ask(s, queue, number,
                 &(struct segments_job){.kind = JOB_SYNC, .done = done, .arg = arg});
}

void segments_remove(struct segments *s, uint64_t queue, uint64_t number, segments_done *done,
                     void *arg)
{
    segments_ask(s, queue, number,
                 &(struct segments_job){.kind = JOB_REMOVE, .done = done, .arg = arg});
}

/* --- what is there ---------------------------------------------------------------------------- */

struct listing {
    void (*visit)(void *arg, uint64_t queue, uint64_t number, uint64_t bytes);
    void *arg;
};

static void visit_name(void *arg, const char *name, uint64_t bytes)
{
    struct listing *listing = arg;
    uint64_t queue;
    uint64_t number;

    if (file_name_parse(name, &queue, &number))
        listing->visit(listing->arg, queue, number, bytes);
}

int segments_list(struct segments *s,
                  void (*visit)(void *arg, uint64_t queue, uint64_t number, uint64_t bytes),
                  void *arg)
{
    struct listing listing = {visit, arg};

    return s->disk->list(s->disk, FOLDER, visit_name, &listing);
}

struct file_id {
    uint64_t queue;
    uint64_t number;
};

static void note_file(void *arg, uint64_t queue, uint64_t number, uint64_t bytes)
{
    const struct file_id id = {queue, number};

    (void)bytes;
    lv_buffer_add(arg, &id, sizeof id);
}

/* What cannot be read is said when somebody wants to read it. */
static int check_version(struct segments *s, const struct file_id *id)
{
    struct disk_file *file = NULL;
    uint8_t beginning[8];
    char path[PATH_BYTES];
    size_t got = 0;
    unsigned version;

    file_path(path, id->queue, id->number);
    if (s->disk->open(s->disk, path, DISK_OPEN_READ, &file) < 0)
        return 0;
    if (s->disk->read(s->disk, file, 0, beginning, sizeof beginning, &got) < 0)
        got = 0;
    s->disk->close(s->disk, &file);
    version = segment_newer_version(slice_of(beginning, got));
    if (version == 0)
        return 0;
    return lv_error_explain(ERR_FORMAT,
                            "%s is of the newer version %u, this Leveret reads up to version %d: "
                            "start the newer Leveret that wrote it",
                            path, version, SEGMENT_VERSION);
}

static int check_versions(struct segments *s)
{
    struct lv_buffer ids = {0};
    int err = segments_list(s, note_file, &ids);

    for (size_t at = 0; err == 0 && at < ids.n; at += sizeof(struct file_id))
        err = check_version(s, (const struct file_id *)(const void *)(ids.p + at));
    lv_buffer_free(&ids);
    return err;
}

/* --- beginning and end ------------------------------------------------------------------------ */

/* The thread takes no signals: they are for the main thread. */
static int start_worker(struct segments *s)
{
    sigset_t all;
    sigset_t before;
    int number;

    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    number = pthread_create(&s->thread, NULL, worker, s);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (number != 0)
        return lv_error_from_errno(number);
    pthread_setname_np(s->thread, "segments");
    return 0;
}

static struct segments *segments_create(struct disk *disk, bool is_stepped)
{
    struct segments *s = lv_calloc(1, sizeof *s);
    s->open_max = FILES_OPEN_MAX;
    s->dirty_max = FILES_DIRTY_MAX;

    s->disk = disk;
    s->is_stepped = is_stepped;
    pthread_mutex_init(&s->lock, NULL);
    pthread_cond_init(&s->has_work, NULL);
    for (int i = 0; i < LINES; i++)
        lv_list_init(&s->lines[i]);
    lv_list_init(&s->open);
    return s;
}

static void segments_free(struct segments *s)
{
    for (size_t i = 0; i < BUCKETS; i++) {
        while (s->buckets[i]) {
            struct segment_file *f = s->buckets[i];
            lv_assert(f->first == NULL);
            s->buckets[i] = f->next;
            file_close(s, f);
            free(f);
        }
    }
    lv_assert(s->open_count == 0);
    pthread_cond_destroy(&s->has_work);
    pthread_mutex_destroy(&s->lock);
    free(s);
}

void segments_limit_open(struct segments *s, unsigned files_max)
{
    lv_assert(files_max > 0);
    s->open_max = files_max < FILES_OPEN_MAX ? files_max : FILES_OPEN_MAX;
    s->dirty_max = files_max < FILES_DIRTY_MAX ? files_max : FILES_DIRTY_MAX;
}

int segments_open(struct disk *disk, bool is_stepped, struct segments **ret)
{
    int err = disk->make_directory(disk, FOLDER);

    /* A broker that was killed may have made files and not come to sync the folder. */
    if (err == 0)
        err = disk->sync_directory(disk, FOLDER);
    if (err == 0)
        err = disk->sync_directory(disk, ".");
    if (err < 0)
        return err;
    struct segments *s = segments_create(disk, is_stepped);
    err = check_versions(s);
    if (err == 0 && !is_stepped)
        err = start_worker(s);
    if (err < 0) {
        segments_free(s);
        return err;
    }
    *ret = s;
    return 0;
}

void segments_close(struct segments **segments)
{
    struct segments *s = *segments;

    if (!s)
        return;
    *segments = NULL;
    if (s->is_stepped) {
        while (segments_step(s))
            ;
    } else {
        pthread_mutex_lock(&s->lock);
        s->is_closing = true;
        pthread_mutex_unlock(&s->lock);
        pthread_cond_signal(&s->has_work);
        pthread_join(s->thread, NULL);
    }
    segments_free(s);
}
