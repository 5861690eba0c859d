/* The file of the definitions: its schema, how it is created, and the check of its format.
 *
 * The format is described in docs/formats/definitions.md; schema_sql below must agree with it. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/assert.h"
#include "base/buffer.h"
#include "base/error.h"
#include "base/log.h"
#include "store/data_dir.h"
#include "store/definitions_private.h"

enum {
    SCHEMA_VERSION = 1,
    APPLICATION_ID = 0x4c766572, /* "Lver": tells our file from others, also to file(1) */
    BUSY_TIMEOUT_MS = 5000,      /* how long to wait while an operator's sqlite3 uses the file */
};

/* A table without a rowid is stored in the tree of its primary key, so there is no second index to
 * write. The order of a binding's key makes the bindings to a queue adjacent; those from an
 * exchange are found by an index, so that deleting an exchange takes time for its own bindings
 * only. */
static const char schema_sql[] =
    "CREATE TABLE vhosts (name TEXT PRIMARY KEY, description TEXT NOT NULL, tags TEXT NOT NULL,"
    " default_queue_type TEXT NOT NULL) WITHOUT ROWID;"
    "CREATE TABLE users (name TEXT PRIMARY KEY, password_hash TEXT NOT NULL,"
    " hashing_algorithm TEXT NOT NULL, tags TEXT NOT NULL, limits TEXT NOT NULL) WITHOUT ROWID;"
    "CREATE TABLE permissions (user TEXT, vhost TEXT, configure TEXT NOT NULL,"
    " write TEXT NOT NULL, read TEXT NOT NULL, PRIMARY KEY (user, vhost)) WITHOUT ROWID;"
    "CREATE TABLE topic_permissions (user TEXT, vhost TEXT, exchange TEXT, write TEXT NOT NULL,"
    " read TEXT NOT NULL, PRIMARY KEY (user, vhost, exchange)) WITHOUT ROWID;"
    "CREATE TABLE global_parameters (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;"
    "CREATE TABLE parameters (vhost TEXT, component TEXT, name TEXT, value TEXT NOT NULL,"
    " PRIMARY KEY (vhost, component, name)) WITHOUT ROWID;"
    "CREATE TABLE policies (vhost TEXT, is_operator INTEGER, name TEXT, pattern TEXT NOT NULL,"
    " apply_to TEXT NOT NULL, priority INTEGER NOT NULL, definition TEXT NOT NULL,"
    " PRIMARY KEY (vhost, is_operator, name)) WITHOUT ROWID;"
    "CREATE TABLE exchanges (vhost TEXT, name TEXT, type TEXT NOT NULL,"
    " is_auto_delete INTEGER NOT NULL, is_internal INTEGER NOT NULL, arguments BLOB NOT NULL,"
    " PRIMARY KEY (vhost, name)) WITHOUT ROWID;"
    "CREATE TABLE queues (vhost TEXT, name TEXT, is_auto_delete INTEGER NOT NULL,"
    " arguments BLOB NOT NULL, id INTEGER NOT NULL, PRIMARY KEY (vhost, name)) WITHOUT ROWID;"
    "CREATE TABLE bindings (vhost TEXT, is_to_queue INTEGER, destination TEXT, source TEXT,"
    " routing_key TEXT, arguments BLOB,"
    " PRIMARY KEY (vhost, is_to_queue, destination, source, routing_key, arguments))"
    " WITHOUT ROWID;"
    "CREATE INDEX bindings_by_source ON bindings (vhost, source);";

/* The values that exchanges and queues which drop duplicates have seen. This table is newer than
 * the others: a file without it gets it when it is opened, and an older Leveret ignores it. */
static const char seen_sql[] =
    "CREATE TABLE IF NOT EXISTS seen (vhost TEXT, is_queue INTEGER, name TEXT, low INTEGER,"
    " high INTEGER, number INTEGER NOT NULL, until_ms INTEGER NOT NULL,"
    " PRIMARY KEY (vhost, is_queue, name, low, high)) WITHOUT ROWID;";

/* Who declared each queue, by the queue's id, which no other queue ever has. This table too is
 * newer than the others: it is added when a file without it is opened, whose queues then have no
 * user. An older Leveret ignores it, and leaves the rows of queues that it deletes. */
static const char queue_users_sql[] =
    "CREATE TABLE IF NOT EXISTS queue_users (id INTEGER PRIMARY KEY, user TEXT NOT NULL);";

/* Which vhosts are protected from deletion; added as the table before it. */
static const char vhost_protection_sql[] =
    "CREATE TABLE IF NOT EXISTS vhost_protection (name TEXT PRIMARY KEY,"
    " is_protected INTEGER NOT NULL) WITHOUT ROWID;";

/* How many commits have been counted (definitions_writer.c). This table too is newer than the
 * others and is added when a file without it is opened. */
static const char state_sql[] = "CREATE TABLE IF NOT EXISTS state (name TEXT PRIMARY KEY,"
                                " value INTEGER NOT NULL) WITHOUT ROWID;";

/* --- creating the file ------------------------------------------------------------------------ */

/* Fills a new file. It needs no journal and no syncs, since nobody uses it before it is renamed. */
static int schema_write(const char *path)
{
    char *sql = sqlite3_mprintf("PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF;"
                                "BEGIN; %s PRAGMA application_id = %d; PRAGMA user_version = %d;"
                                "COMMIT; PRAGMA journal_mode = WAL;",
                                schema_sql, APPLICATION_ID, SCHEMA_VERSION);
    sqlite3 *db = NULL;
    int rc = sql ? sqlite3_open_v2(path, &db, SQLITE_OPEN_READWRITE, NULL) : SQLITE_NOMEM;

    if (rc == SQLITE_OK)
        rc = sqlite3_exec(db, sql, NULL, NULL, NULL);
    if (rc != SQLITE_OK)
        definitions_explain(db, path, rc);
    sqlite3_free(sql);
    sqlite3_close(db);
    return definitions_error(rc);
}

static int failed(const char *path)
{
    return lv_error_explain(lv_error_from_errno(errno), "%s: %s", path, strerror(errno));
}

/* Creates the file under another name, syncs it once and renames it: after a crash there is either
 * no file or a complete one. (Letting SQLite do it, with a journal, took eight times as long at the
 * first start.) */
static int file_create(const char *dir, const char *path)
{
    struct lv_buffer fresh = {0};
    lv_buffer_printf(&fresh, "%s.new", path);
    const char *name = (const char *)fresh.p;
    /* SQLite would make it readable for everybody, and it will contain password hashes. */
    int fd = open(name, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
    int err = 0;
    if (fd < 0)
        err = failed(name);
    if (err == 0)
        err = schema_write(name);
    if (err == 0 && (fsync(fd) != 0 || rename(name, path) != 0))
        err = failed(name);
    if (err == 0)
        err = data_dir_sync(dir);
    if (fd >= 0)
        close(fd);
    lv_buffer_free(&fresh);
    return err;
}

int definitions_create_file(const char *dir, const char *path)
{
    struct stat st;
    if (stat(path, &st) == 0)
        return 0;
    int err = errno == ENOENT ? file_create(dir, path) : failed(path);
    if (err < 0)
        log_error("definitions: cannot create %s: %s", path, lv_error_reason(err));
    return err;
}

/* --- opening the file ------------------------------------------------------------------------- */

static int number_read(sqlite3 *db, const char *sql, int64_t *ret)
{
    sqlite3_stmt *statement = NULL;
    int rc = sqlite3_prepare_v2(db, sql, -1, &statement, NULL);

    if (rc == SQLITE_OK)
        rc = sqlite3_step(statement);
    if (rc == SQLITE_ROW)
        *ret = sqlite3_column_int64(statement, 0);
    sqlite3_finalize(statement);
    return rc == SQLITE_ROW ? SQLITE_OK : rc;
}

/* Returns ERR_FORMAT if the file is not Leveret's or of a newer version. Changes nothing in it. */
static int check_format(struct definitions *d)
{
    int64_t application = 0;
    int64_t version = 0;
    int rc = number_read(d->db, "PRAGMA user_version", &version);
    if (rc == SQLITE_OK)
        rc = number_read(d->db, "PRAGMA application_id", &application);
    if (rc != SQLITE_OK) {
        log_error("definitions: cannot read %s", definitions_explain(d->db, d->path, rc));
        return definitions_error(rc);
    }
    if (application != APPLICATION_ID) {
        log_error("definitions: %s is a database, but not one of Leveret's definitions", d->path);
        return ERR_FORMAT;
    }
    if (version > SCHEMA_VERSION) {
        log_error("definitions: %s is of version %lld, this Leveret reads up to version %d: "
                  "start the newer Leveret that wrote it",
                  d->path, (long long)version, SCHEMA_VERSION);
        return ERR_FORMAT;
    }
    return 0;
}

/* With a write-ahead log and full syncs a commit is one append and one sync, and is durable when it
 * returns. Readers (an operator's sqlite3) block nobody. */
static const char settings_sql[] = "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;"
                                   "PRAGMA journal_size_limit = 16777216;"
                                   "PRAGMA cache_size = -8192; PRAGMA temp_store = MEMORY;";

static int configure_database(struct definitions *d)
{
    int rc = sqlite3_exec(d->db, settings_sql, NULL, NULL, NULL);
    if (rc == SQLITE_OK)
        rc = sqlite3_exec(d->db, seen_sql, NULL, NULL, NULL);
    if (rc == SQLITE_OK)
        rc = sqlite3_exec(d->db, state_sql, NULL, NULL, NULL);
    if (rc == SQLITE_OK)
        rc = sqlite3_exec(d->db, queue_users_sql, NULL, NULL, NULL);
    if (rc == SQLITE_OK)
        rc = sqlite3_exec(d->db, vhost_protection_sql, NULL, NULL, NULL);
    if (rc == SQLITE_OK)
        rc = definitions_prepare(d->db,
                                 "INSERT INTO state VALUES ('changes', ?1)"
                                 " ON CONFLICT (name) DO UPDATE SET value = ?1",
                                 &d->count);
    if (rc == SQLITE_OK)
        rc = definitions_prepare(d->db, "BEGIN IMMEDIATE", &d->begin);
    if (rc == SQLITE_OK)
        rc = definitions_prepare(d->db, "COMMIT", &d->commit);
    if (rc == SQLITE_OK)
        rc = definitions_prepare(d->db, "ROLLBACK", &d->rollback);
    return rc;
}

/* Refuses symbolic links: SQLite would follow one to another file and write to it. (SQLite's own
 * flag against links also refuses a path with a link among its directories, which a data directory
 * may have.) */
static int refuse_links(const char *path)
{
    static const char *const suffixes[] = {"", "-wal", "-shm"};
    struct lv_buffer one = {0};
    int err = 0;
    for (size_t i = 0; err == 0 && i < sizeof suffixes / sizeof suffixes[0]; i++) {
        one.n = 0;
        lv_buffer_printf(&one, "%s%s", path, suffixes[i]);
        struct stat st;
        if (lstat((const char *)one.p, &st) != 0)
            err = errno == ENOENT ? 0 : failed((const char *)one.p);
        else if (!S_ISREG(st.st_mode))
            err = lv_error_explain(ERR_REFUSED, "%s is %s", (const char *)one.p,
                                   S_ISLNK(st.st_mode) ? "a symbolic link: put the file itself here"
                                                       : "not a regular file");
    }
    lv_buffer_free(&one);
    if (err < 0)
        log_error("definitions: %s", lv_error_reason(err));
    return err;
}

/* The format is checked before anything is written, so a file that is not ours is never changed. */
int definitions_open_database(struct definitions *d)
{
    int err = refuse_links(d->path);
    lv_assert(!d->db);
    lv_assert(d->mark_fd < 0);
    if (err < 0)
        return err;
    int rc = sqlite3_open_v2(
        d->path, &d->db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE, NULL);
    if (rc == SQLITE_OK)
        rc = sqlite3_busy_timeout(d->db, BUSY_TIMEOUT_MS);
    if (rc == SQLITE_OK && (err = check_format(d)) < 0)
        return err;
    if (rc == SQLITE_OK)
        rc = configure_database(d);
    if (rc == SQLITE_OK)
        rc = number_read(d->db, "SELECT coalesce(max(value), 0) FROM state WHERE name = 'changes'",
                         &d->changes);
    if (rc == SQLITE_OK && (err = definitions_open_mark(d)) < 0)
        return err;
    if (rc != SQLITE_OK)
        log_error("definitions: cannot open %s", definitions_explain(d->db, d->path, rc));
    return definitions_error(rc);
}
