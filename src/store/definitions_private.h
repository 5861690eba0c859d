/* What the files of the definitions share. Who may touch what:
 *
 *   (1) `head` .. `tail` are changes nobody has begun; guarded by `queue_lock`.
 *   (2) `db` and the prepared statements are used under `db_lock` alone: by the writer for a
 *       batch, by definitions_load() for a walk.
 *   (3) queue_lock is never taken for longer than an append or a take; db_lock is never wanted
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

/* One block: the struct, its values, and the bytes they point at. */
struct definition_change {
    struct definition_change *next;
    enum definition_operation operation;
    definitions_done done;
    void *arg;
    int count;
    struct definition_value values[];
};

/* --- the store of them: definitions.c --------------------------------------------------------- */

struct definitions {
    char *path;

    pthread_mutex_t db_lock;
    sqlite3 *db;
    sqlite3_stmt *begin;
    sqlite3_stmt *commit;
    sqlite3_stmt *rollback;
    sqlite3_stmt *count;
    int64_t changes;      /* commits that were counted, ever (definitions_writer.c) */
    bool has_reserve;     /* definitions_reserve.c */
    uint64_t dirty_ms;    /* when the first commit since the last checkpoint was; 0: none */
    int mark_fd;          /* definitions_mark.c */
    int64_t mark_changes; /* what it said when it was opened; 0: nothing */
    sqlite3_stmt *prepared[DEFINITION_STATEMENT_COUNT]; /* made when first needed */
    int first[DEFINITION_OPERATION_COUNT]; /* the row in `statements` where it begins */
    bool is_failing;                       /* the last commit failed: its like was logged */

    pthread_mutex_t queue_lock;
    pthread_cond_t queue_grew;
    struct definition_change *head;
    struct definition_change *tail;
    bool is_closing;

    bool has_thread;
    pthread_t thread;
};

/* SQLite's result as one of ours. */
int definitions_error(int rc);
/* What went wrong last with this database (NULL: it could not be opened), for the log: the path,
 * SQLite's words and the system's. It is also noted for lv_error_reason(definitions_error(rc)). */
const char *definitions_explain(sqlite3 *db, const char *path, int rc);
/* Runs a statement that returns no rows; SQLite's result. */
int definitions_run(sqlite3_stmt *statement);
/* A statement that will be run often; SQLite's result. */
int definitions_prepare(sqlite3 *db, const char *sql, sqlite3_stmt **ret);

/* --- the file: definitions_file.c ------------------------------------------------------------- */

/* Makes the file, with the schema and no rows, where there is none. What went wrong is logged.
 * Blocks. */
int definitions_create_file(const char *dir, const char *path);
/* Opens d->path and fills d->db. ERR_FORMAT: not ours, or of a newer version; it is unchanged then.
 * What went wrong is logged. Blocks. */
int definitions_open_database(struct definitions *d);

/* --- the mark: definitions_mark.c ------------------------------------------------------------- */

/* Opens the mark beside the database, and reads it into d->mark_changes. What went wrong is
 * logged. */
int definitions_open_mark(struct definitions *d);
/* Notes d->changes in the mark. Never waits for the disk. */
void definitions_put_mark(const struct definitions *d);

/* --- the reserve: definitions_reserve.c ------------------------------------------------------- */

/* Gives its room back to the disk. False: there is none. */
bool definitions_release_reserve(struct definitions *d);
/* Makes it, where it is not there and the disk has room. */
void definitions_make_reserve(struct definitions *d);

/* --- the thread: definitions_writer.c --------------------------------------------------------- */

int definitions_start_writer(struct definitions *d);
/* Returns once everything submitted has been answered and the thread has ended. */
void definitions_stop_writer(struct definitions *d);

#endif
