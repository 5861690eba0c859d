/* What the files of the definitions share. Who may touch what:
 *
 *   (1) `head` to `tail` are the changes the writer has not taken yet; guarded by `queue_lock`.
 *   (2) `db` and the prepared statements are guarded by `db_lock`: the writer holds it for a batch,
 *       definitions_load() for a walk.
 *   (3) queue_lock is only held to append to the queue or to take it, and db_lock is never taken
 *       while holding it. */
#ifndef LEVERET_STORE_DEFINITIONS_PRIVATE_H
#define LEVERET_STORE_DEFINITIONS_PRIVATE_H

#include <pthread.h>

#include <sqlite3.h>

#include "store/definition_statements.h"
#include "store/definitions.h"

enum { DEFINITION_VALUES_MAX = 7 }; /* of a change */

/* --- changes: definition_changes.c ------------------------------------------------------------ */

enum definition_value_type { VALUE_TEXT, VALUE_BYTES, VALUE_NUMBER };

struct definition_value {
    enum definition_value_type type;
    struct slice bytes;
    int64_t number;
};

/* One block of memory: the struct, its values, and the bytes they point at. */
struct definition_change {
    struct definition_change *next;
    enum definition_operation operation;
    definitions_done done;
    void *arg;
    int count;
    struct definition_value values[];
};

/* --- open definitions: definitions.c ---------------------------------------------------------- */

struct definitions {
    char *path;

    pthread_mutex_t db_lock;
    sqlite3 *db;
    sqlite3_stmt *begin;
    sqlite3_stmt *commit;
    sqlite3_stmt *rollback;
    sqlite3_stmt *count;
    int64_t changes;      /* how many commits were ever counted (definitions_writer.c) */
    bool has_uncounted;   /* a commit after the last counted one was not counted */
    bool has_reserve;     /* definitions_reserve.c */
    uint64_t dirty_ms;    /* time of the first commit since the last checkpoint; 0: none */
    int mark_fd;          /* definitions_mark.c */
    int64_t mark_changes; /* what the mark contained when it was opened; 0: nothing */
    sqlite3_stmt *prepared[DEFINITION_STATEMENT_COUNT]; /* made when first needed */
    int first[DEFINITION_OPERATION_COUNT]; /* the first row of each operation in `statements` */
    bool is_failing;                       /* the last commit failed, and that was logged */

    pthread_mutex_t queue_lock;
    pthread_cond_t queue_grew;
    struct definition_change *head;
    struct definition_change *tail;
    bool is_closing;
    unsigned holds; /* definitions_hold() */

    bool has_thread;
    pthread_t thread;
};

/* Converts a result of SQLite into 0 or a negative ERR_... */
int definitions_error(int rc);
/* Returns a text for the log about the last failure of this database: the path, SQLite's reason and
 * the system's. `db` is NULL if the database could not be opened.
 * lv_error_reason(definitions_error(rc)) returns the same text. */
const char *definitions_explain(sqlite3 *db, const char *path, int rc);
/* Runs a statement whose rows do not matter, and resets it. Returns SQLITE_OK, or SQLite's result
 * if it failed. */
int definitions_run(sqlite3_stmt *statement);
/* Prepares a statement that will be run often. Returns SQLite's result. */
int definitions_prepare(sqlite3 *db, const char *sql, sqlite3_stmt **ret);

/* --- the file: definitions_file.c ------------------------------------------------------------- */

/* Creates the file, with the schema and no rows, if there is none. Logs a failure. Blocks. */
int definitions_create_file(const char *dir, const char *path);
/* Opens d->path and fills d->db. Returns ERR_FORMAT if the file is not Leveret's or is of a newer
 * version; the file is then not changed. Logs a failure. Blocks. */
int definitions_open_database(struct definitions *d);

/* --- the mark: definitions_mark.c ------------------------------------------------------------- */

/* Opens the mark beside the database and reads it into d->mark_changes. Logs a failure. Blocks. */
int definitions_open_mark(struct definitions *d);
/* Writes d->changes to the mark, without a sync. */
void definitions_put_mark(const struct definitions *d);

/* --- the reserve: definitions_reserve.c ------------------------------------------------------- */

/* Truncates the reserve, so that its room can be used. Returns false if that freed no room. */
bool definitions_release_reserve(struct definitions *d);
/* Makes the reserve if it is missing and the disk has room. */
void definitions_make_reserve(struct definitions *d);

/* --- the thread: definitions_writer.c --------------------------------------------------------- */

/* Starts the thread; called once. */
int definitions_start_writer(struct definitions *d);
/* Ends the thread and returns once it has answered everything submitted and has ended. Do not call
 * it on that thread. */
void definitions_stop_writer(struct definitions *d);

#endif
