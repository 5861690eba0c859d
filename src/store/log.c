/* The log as a whole: opening, its two threads, closing. What happens to a record on its way:
 *   - log_stage.c writes it into the stage's memory, in the form it has on disk;
 *   - log_submit() moves a mark and wakes the writer if it sleeps;
 *   - log_writer.c, on the writer's thread, appends it to a file, syncs, and answers;
 *   - log_files.c, on the keeper's thread, prepares the next file and reuses or removes old ones;
 *   - log_recover.c and log_read.c read it after the next start. */
#include "store/log.h"

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/random.h>
#include <time.h>

#include "base/assert.h"
#include "base/clock.h"
#include "base/counters.h"
#include "base/error.h"
#include "base/log.h"
#include "base/memory.h"
#include "store/log_private.h"

/* --- the lock --------------------------------------------------------------------------------- */

_Thread_local enum log_role log_role;
_Thread_local const struct log *log_lock_of;

void log_lock(struct log *log)
{
    lv_assert(log_lock_of == NULL);
    pthread_mutex_lock(&log->lock);
    log_lock_of = log;
}

void log_unlock(struct log *log)
{
    log_assert_locked(log);
    log_lock_of = NULL;
    pthread_mutex_unlock(&log->lock);
}

/* Waits for the condition, for at most `ms` (UINT64_MAX: for ever). The lock is released meanwhile,
 * and held again afterwards. */
static void lock_wait(struct log *log, pthread_cond_t *cond, uint64_t ms)
{
    log_assert_locked(log);
    log_lock_of = NULL;
    if (ms == UINT64_MAX) {
        pthread_cond_wait(cond, &log->lock);
    } else {
        struct timespec until;
        clock_gettime(CLOCK_MONOTONIC, &until);
        until.tv_sec += (time_t)(ms / 1000);
        until.tv_nsec += (long)(ms % 1000) * 1000000;
        if (until.tv_nsec >= 1000000000) {
            until.tv_sec++;
            until.tv_nsec -= 1000000000;
        }
        pthread_cond_timedwait(cond, &log->lock, &until);
    }
    log_lock_of = log;
}

/* --- questions and settings ------------------------------------------------------------------- */

uint64_t log_floor(const struct log *log)
{
    uint64_t floor = atomic_load_explicit(&log->current_number, memory_order_acquire);
    for (unsigned i = 0; i < log->options.stages; i++) {
        uint64_t of_stage = atomic_load_explicit(&log->stages[i].floor, memory_order_acquire);
        if (of_stage < floor)
            floor = of_stage;
    }
    return floor;
}

uint64_t log_current_file(const struct log *log)
{
    return atomic_load_explicit(&log->current_number, memory_order_acquire);
}

uint64_t log_unsafe_bytes(const struct log *log)
{
    return atomic_load_explicit(&log->unsafe_bytes, memory_order_relaxed);
}

int log_failure(const struct log *log)
{
    return atomic_load(&log->failure);
}

struct log_stage *log_stage(struct log *log, unsigned index)
{
    lv_assert(index < log->options.stages);
    return &log->stages[index];
}

void log_set_room_min(struct log *log, uint64_t bytes)
{
    atomic_store(&log->room_min, bytes);
}

uint64_t log_room(const struct log *log)
{
    return atomic_load_explicit(&log->room, memory_order_relaxed);
}

void log_set_short(struct log *log, bool is_short)
{
    if (atomic_exchange(&log->is_short, is_short) == is_short)
        return;
    /* Taking the lock makes sure that the keeper either still sees the change or is asleep and
     * woken. */
    log_lock(log);
    log_unlock(log);
    pthread_cond_signal(&log->keeper_wake);
}

/* --- the threads ------------------------------------------------------------------------------ */

enum { KEEPER_SLEEP_MS = 60 * 1000 };

static void writer_sleep(struct log *log, uint64_t ms)
{
    if (ms == 0)
        return;
    log->writer_sleeps = true;
    lock_wait(log, &log->writer_wake, ms);
    log->writer_sleeps = false;
}

/* Returns true if the writer, which was LOG_BLOCKED for lack of a next file, has one now. A write
 * that found no room is not seen here: it is tried again after LOG_RETRY_MS. */
static bool is_unblocked(const struct log *log)
{
    log_assert_locked(log);
    return log->files.next.handle && !log->is_write_blocked;
}

/* Sleeps until there is something to do. Returns false if the log is being closed and nothing is
 * left that can be done. */
static bool writer_wait(struct log *log, enum log_progress last)
{
    log_lock(log);
    if (last == LOG_BLOCKED && !log->is_stopping && !is_unblocked(log))
        writer_sleep(log, LOG_RETRY_MS);
    else if (last == LOG_IDLE && !log->is_stopping && !log_writer_has_work(log))
        writer_sleep(log, log_writer_due_ms(log));
    bool goes_on =
        !log->is_stopping || last == LOG_WORKED || (last == LOG_IDLE && log_writer_has_work(log));
    log_unlock(log);
    return goes_on;
}

static void *writer_main(void *arg)
{
    struct log *log = arg;
    log_role = LOG_ROLE_WRITER;
    enum log_progress last = LOG_WORKED;
    counters_register();
    while (writer_wait(log, last))
        last = log_writer_round(log);
    counters_unregister();
    return NULL;
}

static void *keeper_main(void *arg)
{
    struct log *log = arg;
    log_role = LOG_ROLE_KEEPER;
    bool is_stopping = false;
    while (!is_stopping) {
        log_files_keep(log);
        log_lock(log);
        pthread_cond_signal(&log->writer_wake);
        if (!log->is_keeper_stopping && !log_files_has_work(log))
            lock_wait(log, &log->keeper_wake,
                      log_is_out_of_room(log->files.next_error) ? LOG_RETRY_MS : KEEPER_SLEEP_MS);
        is_stopping = log->is_keeper_stopping;
        log_unlock(log);
    }
    return NULL;
}

/* Starts a thread that gets no signals. */
static int thread_start(pthread_t *ret, void *(*main)(void *arg), struct log *log, const char *name)
{
    sigset_t all;
    sigfillset(&all);
    sigset_t before;
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int number = pthread_create(ret, NULL, main, log);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (number != 0)
        return lv_error_from_errno(number);
    pthread_setname_np(*ret, name);
    return 0;
}

static void keeper_stop(struct log *log)
{
    log_lock(log);
    log->is_keeper_stopping = true;
    log_unlock(log);
    pthread_cond_signal(&log->keeper_wake);
    pthread_join(log->keeper, NULL);
}

int log_start(struct log *log)
{
    lv_assert(!log->options.is_stepped);
    lv_assert(!log->has_threads);
    lv_assert(!log->is_stopping);
    log->has_threads = true;
    int err = thread_start(&log->keeper, keeper_main, log, "log-keeper");
    if (err == 0) {
        err = thread_start(&log->writer, writer_main, log, "log-writer");
        if (err < 0)
            keeper_stop(log);
    }
    if (err < 0)
        log->has_threads = false;
    return err;
}

/* Ends the threads, the writer first: its last records may need a next file from the keeper. */
static void threads_stop(struct log *log)
{
    lv_assert(log_role == LOG_ROLE_OTHER);
    log_lock(log);
    log->is_stopping = true;
    log_unlock(log);
    pthread_cond_signal(&log->writer_wake);
    pthread_join(log->writer, NULL);
    keeper_stop(log);
    log->has_threads = false;
}

bool log_step(struct log *log)
{
    lv_assert(log->options.is_stepped);
    bool has_kept = log_files_keep(log);
    return log_writer_round(log) == LOG_WORKED || has_kept;
}

/* --- opening and closing ---------------------------------------------------------------------- */

static uint64_t random_salt(void)
{
    uint64_t salt = 0;
    ssize_t n = getrandom(&salt, sizeof salt, 0);
    lv_assert(n == sizeof salt);
    return salt;
}

static struct log *log_create(const struct log_options *options)
{
    struct log *log = lv_calloc(1, sizeof *log);
    lv_assert(options->disk != NULL);
    lv_assert(options->on_safe != NULL);
    lv_assert(options->stages > 0);
    lv_assert(options->file_bytes % 8 == 0);
    lv_assert(options->file_bytes >= LOG_PAGE_BYTES);
    lv_assert(options->durability <= LOG_NEVER);
    lv_assert(options->durability != LOG_INTERVAL || options->interval_ms > 0 ||
              options->is_stepped);
    log->options = *options;
    log->stages = lv_calloc(options->stages, sizeof *log->stages);
    for (unsigned i = 0; i < options->stages; i++)
        log_stage_init(&log->stages[i], log, i);
    pthread_mutex_init(&log->lock, NULL);
    clock_cond_init(&log->writer_wake);
    clock_cond_init(&log->keeper_wake);
    return log;
}

static void log_free(struct log *log)
{
    struct disk *disk = log->options.disk;
    lv_assert(!log->has_threads);
    log_unread_free(&log->unread);
    disk->close(disk, &log->current.handle);
    disk->close(disk, &log->files.next.handle);
    for (unsigned i = 0; i < log->options.stages; i++)
        log_stage_free(&log->stages[i]);
    pthread_cond_destroy(&log->keeper_wake);
    pthread_cond_destroy(&log->writer_wake);
    pthread_mutex_destroy(&log->lock);
    free(log->files.old);
    free(log->stages);
    free(log);
}

static int folder_create(struct log *log)
{
    struct disk *disk = log->options.disk;
    int err = disk->make_directory(disk, LOG_FOLDER);
    return err < 0 ? err : disk->sync_directory(disk, ".");
}

/* Begins a new file after the log that was found. Its first batch record says where that log ends:
 * so what a crash left beyond that end stays cut off for good, and the next recovery reads the same
 * records. */
static int begin_file(struct log *log, const struct log_recovered *found)
{
    struct log_batch batch = {
        .synced = found->end,
        .previous = found->end,
        .floor = found->floor,
        .bytes = LOG_BATCH_BYTES,
    };
    log->files.last_number = found->last_number;
    log->files.floor = found->floor;
    if (batch.floor == 0)
        batch.floor = log->files.floor = found->last_number + 1;
    log_files_find_reserve(log);
    int err = log_files_begin(log, &batch, &log->current);
    if (err < 0)
        return err;
    log->key = log_file_key(log->salt, log->current.number);
    log->offset = LOG_FILE_HEADER_BYTES + LOG_BATCH_BYTES;
    log->previous = batch.previous;
    lv_assert(log->offset % 8 == 0);
    log->synced = (struct log_position){log->current.number, log->offset};
    log->unsynced_from = log->current.number;
    atomic_store(&log->floor_written, batch.floor);
    atomic_store(&log->current_number, log->current.number);
    return 0;
}

int log_open(const struct log_options *options, struct log **ret)
{
    struct log *log = log_create(options);
    struct log_recovered found = {0};
    int err = folder_create(log);
    if (err == 0)
        err = log_recover(log, &found);
    if (err == 0) {
        if (found.has_salt)
            log->salt = found.salt;
        else
            log->salt = options->salt ? options->salt : random_salt();
        err = begin_file(log, &found);
    }
    if (err < 0) {
        log_free(log);
        return err;
    }
    *ret = log;
    return 0;
}

struct log_recovery log_recovered(const struct log *log)
{
    return log->recovered;
}

/* Writes what is submitted, as far as there is room, and answers all of it. */
static void write_submitted(struct log *log)
{
    bool has_kept = true;
    lv_assert(!log->has_threads);
    while (has_kept) {
        while (log_writer_round(log) == LOG_WORKED)
            continue;
        has_kept = log->round.is_active && log_files_keep(log);
    }
    if (log->round.is_active)
        log_writer_fail(log, ERR_NO_SPACE, "closing");
    while (log_writer_round(log) == LOG_WORKED)
        continue; /* what was submitted after that round is answered too */
    lv_assert(!log->round.is_active);
    lv_assert(log_unsafe_bytes(log) == 0);
}

void log_close(struct log **log)
{
    if (!*log)
        return;
    if ((*log)->has_threads)
        threads_stop(*log);
    write_submitted(*log);
    if (log_failure(*log) == 0)
        log_writer_finish(*log);
    log_free(*log);
    *log = NULL;
}
