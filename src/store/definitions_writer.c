/* The thread that writes the definitions.
 *
 * The path of a change:
 *   - a constructor copies its values into one block of memory, with the name of the operation;
 *   - definitions_submit() appends it to the queue and wakes the writer if the queue was empty;
 *   - the writer takes the whole queue, begins a transaction, runs each change's statements, and
 *     commits: one sync for all changes that gathered while the last batch was being synced;
 *   - then it calls each change's `done`, in order.
 *
 * How it can fail:
 *   - a statement or the commit fails (disk full, an I/O error): the transaction is rolled back,
 *     every change in it gets the error, and one line is logged. The next batch consists of new
 *     changes only: a failed change is never tried again, except once with the room of the reserve;
 *   - the process dies: either all changes of the batch are stored or none. */
#include <signal.h>
#include <time.h>

#include "base/assert.h"
#include "base/error.h"
#include "base/log.h"
#include "store/definitions_private.h"

static const struct statement {
    enum definition_operation operation;
    const char *sql;
} statements[] = {
#define STATEMENT_ROW(operation, sql) {operation, sql},
    DEFINITION_STATEMENTS(STATEMENT_ROW)
#undef STATEMENT_ROW
};

enum { CHECKPOINT_MS = 200 };

static uint64_t now_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

static int value_bind(sqlite3_stmt *statement, int index, const struct definition_value *value)
{
    if (value->type == VALUE_NUMBER)
        return sqlite3_bind_int64(statement, index, value->number);
    if (value->type == VALUE_BYTES)
        return sqlite3_bind_blob64(statement, index, value->bytes.p, value->bytes.n, SQLITE_STATIC);
    return sqlite3_bind_text64(statement, index, (const char *)value->bytes.p, value->bytes.n,
                               SQLITE_STATIC, SQLITE_UTF8);
}

static int statement_run(sqlite3_stmt *statement, const struct definition_change *change)
{
    int count = sqlite3_bind_parameter_count(statement);
    int rc = SQLITE_OK;
    lv_assert(count <= change->count);
    for (int i = 0; i < count && rc == SQLITE_OK; i++)
        rc = value_bind(statement, i + 1, &change->values[i]);
    return rc == SQLITE_OK ? definitions_run(statement) : rc;
}

static int change_apply(struct definitions *d, const struct definition_change *change)
{
    int rc = SQLITE_OK;
    for (int i = d->first[change->operation];
         i < DEFINITION_STATEMENT_COUNT && statements[i].operation == change->operation &&
         rc == SQLITE_OK;
         i++) {
        if (!d->prepared[i])
            rc = definitions_prepare(d->db, statements[i].sql, &d->prepared[i]);
        if (rc == SQLITE_OK)
            rc = statement_run(d->prepared[i], change);
    }
    return rc;
}

/* Returns true if this commit is counted. Counting writes one page more, so only the first commit
 * after each checkpoint is counted, and the last before one (count_last_commit()). So a database
 * lacks at least one counted commit if its write-ahead log is lost with commits in it, or if it is
 * a copy from before the last checkpoint. */
static bool commit_is_counted(const struct definitions *d)
{
    return d->dirty_ms == 0;
}

static int count_write(struct definitions *d)
{
    int rc = sqlite3_bind_int64(d->count, 1, d->changes + 1);
    return rc == SQLITE_OK ? definitions_run(d->count) : rc;
}

static int write_batch(struct definitions *d, const struct definition_change *batch,
                       bool is_counted)
{
    int rc = definitions_run(d->begin);
    for (const struct definition_change *c = batch; c && rc == SQLITE_OK; c = c->next)
        rc = change_apply(d, c);
    if (rc == SQLITE_OK && is_counted)
        rc = count_write(d);
    if (rc == SQLITE_OK)
        rc = definitions_run(d->commit);
    return rc;
}

static void roll_back(struct definitions *d)
{
    if (!sqlite3_get_autocommit(d->db))
        definitions_run(d->rollback);
}

/* Rolls a failed batch back. The failure is logged once, until a batch succeeds again. */
static void batch_failed(struct definitions *d, int rc)
{
    /* This is logged before the rollback, which overwrites SQLite's text of the failure. */
    if (!d->is_failing)
        log_error("definitions: cannot write %s; declarations are refused until it can be written "
                  "again",
                  definitions_explain(d->db, d->path, rc));
    d->is_failing = true;
    roll_back(d);
}

/* Notes a counted commit, here and in the mark. */
static void commit_counted(struct definitions *d)
{
    lv_assert(sqlite3_get_autocommit(d->db)); /* no transaction is open */
    d->changes++;
    definitions_put_mark(d);
    d->has_uncounted = false;
}

static void batch_succeeded(struct definitions *d)
{
    lv_assert(sqlite3_get_autocommit(d->db)); /* no transaction is open */
    if (commit_is_counted(d)) {
        commit_counted(d);
        d->dirty_ms = now_ms();
    } else {
        d->has_uncounted = true;
    }
    if (!d->is_failing)
        return;
    log_info("definitions: %s can be written again", d->path);
    d->is_failing = false;
}

/* Counts the last commit before a checkpoint, by a commit of the count alone. If somebody reads the
 * database, the checkpoint leaves the newest commits in the write-ahead log, and so at least one
 * counted commit. If counting fails (a full disk), the checkpoint is made nevertheless: it frees
 * disk space. The caller holds db_lock. */
static void count_last_commit(struct definitions *d)
{
    if (!d->has_uncounted)
        return;
    if (write_batch(d, NULL, true) == SQLITE_OK)
        commit_counted(d);
    else
        roll_back(d);
}

/* Moves what is committed from the write-ahead log to the database itself. This happens soon after
 * a commit, so that little is lost if one file is copied or lost without the other. While somebody
 * reads the database, a part may be left for the next checkpoint. */
static void checkpoint(struct definitions *d)
{
    pthread_mutex_lock(&d->db_lock);
    count_last_commit(d);
    sqlite3_wal_checkpoint_v2(d->db, NULL, SQLITE_CHECKPOINT_PASSIVE, NULL, NULL);
    d->dirty_ms = 0;
    pthread_mutex_unlock(&d->db_lock);
    definitions_make_reserve(d);
}

static bool is_checkpoint_due(const struct definitions *d)
{
    return d->dirty_ms > 0 && now_ms() >= d->dirty_ms + CHECKPOINT_MS;
}

static int commit_batch(struct definitions *d, const struct definition_change *batch)
{
    lv_assert(batch != NULL);
    pthread_mutex_lock(&d->db_lock);
    int rc = write_batch(d, batch, commit_is_counted(d));
    if ((rc & 0xff) == SQLITE_FULL && definitions_release_reserve(d)) {
        roll_back(d);
        rc = write_batch(d, batch, commit_is_counted(d));
    }
    if (rc == SQLITE_OK)
        batch_succeeded(d);
    else
        batch_failed(d, rc);
    pthread_mutex_unlock(&d->db_lock);
    return definitions_error(rc);
}

static void finish_batch(struct definition_change *batch, int err)
{
    while (batch) {
        struct definition_change *change = batch;
        batch = change->next;
        if (change->done)
            change->done(change->arg, err);
        definition_change_free(&change);
    }
}

/* Waits until something is queued, the writer is to end, or a checkpoint is due. The caller holds
 * queue_lock. */
static void wait_for_work(struct definitions *d)
{
    struct timespec until = {(time_t)((d->dirty_ms + CHECKPOINT_MS) / 1000),
                             (long)((d->dirty_ms + CHECKPOINT_MS) % 1000) * 1000000};
    if (d->dirty_ms == 0)
        pthread_cond_wait(&d->queue_grew, &d->queue_lock);
    else
        pthread_cond_timedwait(&d->queue_grew, &d->queue_lock, &until);
}

/* Waits for changes and returns all that are queued, or NULL if the writer is to end. */
static struct definition_change *take_batch(struct definitions *d)
{
    pthread_mutex_lock(&d->queue_lock);
    while ((!d->head || d->holds > 0) && !d->is_closing) {
        wait_for_work(d);
        if (!is_checkpoint_due(d))
            continue;
        pthread_mutex_unlock(&d->queue_lock);
        checkpoint(d);
        pthread_mutex_lock(&d->queue_lock);
    }
    struct definition_change *batch = d->head;
    d->head = NULL;
    d->tail = NULL;
    pthread_mutex_unlock(&d->queue_lock);
    return batch;
}

static void *writer(void *arg)
{
    struct definitions *d = arg;
    struct definition_change *batch;
    while ((batch = take_batch(d)) != NULL) {
        finish_batch(batch, commit_batch(d, batch));
        if (is_checkpoint_due(d))
            checkpoint(d);
    }
    return NULL;
}

void definitions_submit(struct definitions *d, struct definition_change *change,
                        definitions_done done, void *arg)
{
    lv_assert(!change->next);
    lv_assert(!change->done); /* it was not submitted before */
    change->done = done;
    change->arg = arg;
    pthread_mutex_lock(&d->queue_lock);
    lv_assert(!d->is_closing || pthread_equal(d->thread, pthread_self()));
    bool was_empty = !d->head;
    if (was_empty)
        d->head = change;
    else
        d->tail->next = change;
    d->tail = change;
    pthread_mutex_unlock(&d->queue_lock);
    if (was_empty)
        pthread_cond_signal(&d->queue_grew);
}

void definitions_hold(struct definitions *d)
{
    pthread_mutex_lock(&d->queue_lock);
    d->holds++;
    pthread_mutex_unlock(&d->queue_lock);
}

void definitions_release(struct definitions *d)
{
    pthread_mutex_lock(&d->queue_lock);
    lv_assert(d->holds > 0);
    d->holds--;
    pthread_mutex_unlock(&d->queue_lock);
    pthread_cond_signal(&d->queue_grew);
}

/* Fills d->first: where each operation's rows begin in `statements`. */
static void statements_find(struct definitions *d)
{
    for (int i = DEFINITION_STATEMENT_COUNT - 1; i >= 0; i--) {
        lv_assert(i == 0 || statements[i - 1].operation <= statements[i].operation);
        d->first[statements[i].operation] = i;
    }
    for (int i = 0; i < DEFINITION_OPERATION_COUNT; i++)
        lv_assert(statements[d->first[i]].operation == (enum definition_operation)i);
}

/* Starts the writer with all signals blocked: they are handled on the main thread. */
int definitions_start_writer(struct definitions *d)
{
    lv_assert(!d->has_thread);
    statements_find(d);
    sigset_t all;
    sigfillset(&all);
    sigset_t before;
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int number = pthread_create(&d->thread, NULL, writer, d);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (number != 0)
        return lv_error_from_errno(number);
    d->has_thread = true;
    pthread_setname_np(d->thread, "definitions");
    return 0;
}

void definitions_stop_writer(struct definitions *d)
{
    lv_assert(d->has_thread);
    lv_assert(!pthread_equal(d->thread, pthread_self()));
    pthread_mutex_lock(&d->queue_lock);
    lv_assert(!d->is_closing);
    d->is_closing = true;
    pthread_mutex_unlock(&d->queue_lock);
    pthread_cond_signal(&d->queue_grew);
    pthread_join(d->thread, NULL);
}
