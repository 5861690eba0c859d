/* The door to segment files, and the worker that serves their jobs.
 *
 * Every file with work to do has a list of jobs, in the order of the calls, and is in one of two
 * ready lists: that of the reads if its next job is a read, otherwise the other. The worker takes
 * the first file of the reads' list, does one job of it, and appends the file to the list its next
 * job belongs to. So a read waits for the job being done and for reads that came before, but not
 * for all the writes and syncs of other files; the order within a file is kept. After
 * READS_IN_A_ROW_MAX reads in a row one job is done from the other list.
 *
 *   (1) Jobs of one file are done in the order of the calls, one at a time. `done` is called once
 *       for each.
 *   (2) A file is in a ready list exactly if it has jobs and none of them is being done.
 *
 * segment_jobs.c does the jobs, segment_handles.c opens and closes the files. */
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>

#include "base/counters.h"
#include "base/error.h"
#include "base/memory.h"
#include "store/segments_private.h"

enum {
    FILES_OPEN_MAX = 64,
    FILES_DIRTY_MAX = 256,
    READS_IN_A_ROW_MAX = 8,
};

/* --- the worker ------------------------------------------------------------------------------- */

static void ready_list_add(struct segments *s, struct segment_file *f)
{
    lv_assert(s->is_locked);
    lv_assert(f->first != NULL);
    lv_assert(!f->is_busy);
    lv_assert(lv_list_is_empty(&f->ready));
    bool is_read = f->first->kind == JOB_READ;

    lv_list_push(&s->ready[is_read ? READY_READS : READY_OTHERS], &f->ready);
}

/* Returns the file whose job is next, or NULL if there is none. The caller holds the lock. */
static struct segment_file *ready_list_next(struct segments *s)
{
    struct lv_list *reads = &s->ready[READY_READS];
    struct lv_list *others = &s->ready[READY_OTHERS];
    bool is_others_turn = s->reads_in_a_row >= READS_IN_A_ROW_MAX && !lv_list_is_empty(others);
    struct lv_list *list = lv_list_is_empty(reads) || is_others_turn ? others : reads;
    lv_assert(s->is_locked);
    if (lv_list_is_empty(list))
        return NULL;
    s->reads_in_a_row = list == reads ? s->reads_in_a_row + 1 : 0;
    return lv_list_item(list->next, struct segment_file, ready);
}

/* Does the next job. Returns false if there is none. The caller holds the lock, which is released
 * while the job is being done. */
static bool do_next_job(struct segments *s)
{
    struct segment_file *f = ready_list_next(s);
    if (!f)
        return false;
    lv_assert(!f->is_busy);
    struct segment_job *job = f->first;
    f->first = job->next;
    lv_list_remove(&f->ready);
    f->is_busy = true;
    segments_unlock(s);
    segment_job_do(s, f, job);
    segments_lock(s);
    f->is_busy = false;
    if (f->first)
        ready_list_add(s, f);
    else
        segment_file_free_unless_needed(s, f);
    return true;
}

static void wait_for_work(struct segments *s)
{
    lv_assert(s->is_locked);
    s->is_locked = false;
    pthread_cond_wait(&s->has_work, &s->lock);
    s->is_locked = true;
}

static void *worker(void *arg)
{
    struct segments *s = arg;
    counters_register();
    segments_lock(s);
    s->worker = pthread_self();
    for (;;) {
        if (do_next_job(s))
            continue;
        if (s->is_closing)
            break;
        wait_for_work(s);
    }
    segments_unlock(s);
    counters_unregister();
    return NULL;
}

bool segments_step(struct segments *s)
{
    lv_assert(s->is_stepped);
    segments_lock(s);
    bool did_any = do_next_job(s);
    segments_unlock(s);
    return did_any;
}

/* --- submitting jobs -------------------------------------------------------------------------- */

static void job_submit(struct segments *s, uint64_t queue, uint64_t number,
                       const struct segment_job *wanted)
{
    struct segment_job *job = lv_malloc(sizeof *job);
    *job = *wanted;
    segments_lock(s);
    lv_assert(!s->is_closing || segments_is_worker(s));
    struct segment_file *f = segment_file_get(s, queue, number);
    bool is_waiting = f->is_busy || f->first;
    if (f->first)
        f->last->next = job;
    else
        f->first = job;
    f->last = job;
    if (!is_waiting)
        ready_list_add(s, f);
    segments_unlock(s);
    pthread_cond_signal(&s->has_work);
}

void segments_write(struct segments *s, uint64_t queue, uint64_t number, uint64_t offset,
                    struct lv_buffer *bytes, segments_done *done, void *arg)
{
    struct segment_job job = {
        .kind = JOB_WRITE, .offset = offset, .buffer = *bytes, .done = done, .arg = arg};
    *bytes = (struct lv_buffer){0};
    job_submit(s, queue, number, &job);
}

void segments_read(struct segments *s, uint64_t queue, uint64_t number, uint64_t offset,
                   size_t bytes, segments_done *done, void *arg)
{
    struct segment_job job = {
        .kind = JOB_READ, .offset = offset, .bytes = bytes, .done = done, .arg = arg};
    lv_assert(done != NULL);
    job_submit(s, queue, number, &job);
}

void segments_sync(struct segments *s, uint64_t queue, uint64_t number, segments_done *done,
                   void *arg)
{
    lv_assert(done != NULL);
    job_submit(s, queue, number, &(struct segment_job){.kind = JOB_SYNC, .done = done, .arg = arg});
}

void segments_remove(struct segments *s, uint64_t queue, uint64_t number, segments_done *done,
                     void *arg)
{
    job_submit(s, queue, number,
               &(struct segment_job){.kind = JOB_REMOVE, .done = done, .arg = arg});
}

void segments_leave_room(struct segments *s, uint64_t bytes)
{
    s->room_left = bytes;
}

void segments_watch_room(struct segments *s, uint64_t room_min, void (*on_low)(void *arg),
                         void *arg)
{
    lv_assert(room_min == 0 || on_low != NULL);
    segments_lock(s);
    s->room_min = room_min;
    s->on_low = on_low;
    s->on_low_arg = arg;
    segments_unlock(s);
}

/* --- opening and closing ---------------------------------------------------------------------- */

/* Starts the worker with all signals blocked: they are handled on the main thread. */
static int worker_start(struct segments *s)
{
    lv_assert(!s->is_stepped);
    sigset_t all;
    sigfillset(&all);
    sigset_t before;
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int number = pthread_create(&s->thread, NULL, worker, s);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (number != 0)
        return lv_error_from_errno(number);
    pthread_setname_np(s->thread, "segments");
    return 0;
}

static void worker_end(struct segments *s)
{
    lv_assert(!pthread_equal(s->thread, pthread_self()));
    segments_lock(s);
    s->is_closing = true;
    segments_unlock(s);
    pthread_cond_signal(&s->has_work);
    pthread_join(s->thread, NULL);
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
    for (int i = 0; i < READY_LISTS; i++)
        lv_list_init(&s->ready[i]);
    lv_list_init(&s->open);
    return s;
}

static void segments_free(struct segments *s)
{
    for (size_t i = 0; i < SEGMENT_FILE_BUCKETS; i++) {
        while (s->buckets[i]) {
            struct segment_file *f = s->buckets[i];
            lv_assert(f->first == NULL);
            lv_assert(!f->is_busy);
            s->buckets[i] = f->next;
            segment_handle_close(s, f);
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
    lv_assert(s->open_count == 0);
    s->open_max = files_max < FILES_OPEN_MAX ? files_max : FILES_OPEN_MAX;
    s->dirty_max = files_max < FILES_DIRTY_MAX ? files_max : FILES_DIRTY_MAX;
}

int segments_open(struct disk *disk, bool is_stepped, struct segments **ret)
{
    int err = disk->make_directory(disk, SEGMENTS_FOLDER);
    /* A broker that was killed may have created files without having synced the folder. */
    if (err == 0)
        err = disk->sync_directory(disk, SEGMENTS_FOLDER);
    if (err == 0)
        err = disk->sync_directory(disk, ".");
    if (err < 0)
        return err;
    struct segments *s = segments_create(disk, is_stepped);
    err = segment_files_check_versions(s);
    if (err == 0 && !is_stepped)
        err = worker_start(s);
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
        worker_end(s);
    }
    segments_free(s);
}
