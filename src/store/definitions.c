/* Durable definitions in SQLite, written by a thread of its own.
 *
 * The way of a change:
 *   - a constructor copies its values into one block of memory, with the name of the operation;
 *   - definitions_submit() puts it at the end of the queue and wakes the writer if it was empty;
 *   - the writer takes the whole queue, begins a transaction, runs each change's statements, and
 *     commits: one sync for all that gathered while the last one was being synced;
 *   - then it calls each change's `done`, in order.
 *
 * The ways it fails:
 *   - any statement or the commit fails (disk full, an I/O error): the transaction is rolled back,
 *     every change in it gets the error, one line is logged, and the next batch is a new attempt
 *     of its own changes alone: nothing that failed is tried again behind its owner's back;
 *   - the process dies: what was committed is there, the rest of the batch is not, whole.
 *
 *   (1) `head` .. `tail` are changes nobody has begun; guarded by `queue_lock`.
 *   (2) `db` and the prepared statements are used under `db_lock` alone: by the writer for a
 *       batch, by definitions_load() for a walk.
 *   (3) queue_lock is never taken for longer than an append or a take; db_lock is never wanted
 *       while holding it.
 *
 * The file's format is in docs/formats/definitions.md; schema_sql below must agree with it. */
#include "store/definitions.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <sqlite3.h>

#include "base/assert.h"
#include "base/buffer.h"
#include "base/error.h"
#include "base/log.h"
#include "base/memory.h"

enum {
    SCHEMA_VERSION = 1,
    APPLICATION_ID = 0x4c766572, /* "Lver", so that file(1) and we know our own */
    BUSY_TIMEOUT_MS = 5000,      /* for an operator's sqlite3 that is reading or writing */
};

/* Tables without a rowid are their own primary key's tree: no second index to write. The order
 * of a binding's key makes a queue's bindings neighbours; those of an exchange as a source have
 * an index, so that deleting an exchange costs its own bindings. */
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

/* What exchanges and queues have seen, when they drop duplicates. It came later than the rest: a file
 * without it gets it when it is opened, and a Leveret that does not know it leaves it alone. */
static const char seen_sql[] =
    "CREATE TABLE IF NOT EXISTS seen (vhost TEXT, is_queue INTEGER, name TEXT, low INTEGER,"
    " high INTEGER, number INTEGER NOT NULL, until_ms INTEGER NOT NULL,"
    " PRIMARY KEY (vhost, is_queue, name, low, high)) WITHOUT ROWID;";

/* ---- Changes ---- */

/* Every operation with its statements, in the order they are run. ?1 is the change's first
 * value. Rows of one operation stand together. */
#define STATEMENTS(S)                                                                              \
    S(PUT_VHOST, "INSERT OR REPLACE INTO vhosts VALUES (?1, ?2, ?3, ?4)")                          \
    S(PUT_USER, "INSERT OR REPLACE INTO users VALUES (?1, ?2, ?3, ?4, ?5)")                        \
    S(PUT_PERMISSION, "INSERT OR REPLACE INTO permissions VALUES (?1, ?2, ?3, ?4, ?5)")            \
    S(PUT_TOPIC_PERMISSION,                                                                        \
      "INSERT OR REPLACE INTO topic_permissions VALUES (?1, ?2, ?3, ?4, ?5)")                      \
    S(PUT_GLOBAL_PARAMETER, "INSERT OR REPLACE INTO global_parameters VALUES (?1, ?2)")            \
    S(PUT_PARAMETER, "INSERT OR REPLACE INTO parameters VALUES (?1, ?2, ?3, ?4)")                  \
    S(PUT_POLICY, "INSERT OR REPLACE INTO policies VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)")           \
    S(PUT_EXCHANGE, "INSERT OR REPLACE INTO exchanges VALUES (?1, ?2, ?3, ?4, ?5, ?6)")            \
    S(PUT_QUEUE, "INSERT OR REPLACE INTO queues VALUES (?1, ?2, ?3, ?4, ?5)")                      \
    S(PUT_BINDING, "INSERT OR IGNORE INTO bindings VALUES (?1, ?2, ?3, ?4, ?5, ?6)")               \
    S(PUT_SEEN, "INSERT OR REPLACE INTO seen VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)")                 \
    S(DELETE_VHOST, "DELETE FROM seen WHERE vhost = ?1")                                           \
    S(DELETE_VHOST, "DELETE FROM vhosts WHERE name = ?1")                                          \
    S(DELETE_VHOST, "DELETE FROM permissions WHERE vhost = ?1")                                    \
    S(DELETE_VHOST, "DELETE FROM topic_permissions WHERE vhost = ?1")                              \
    S(DELETE_VHOST, "DELETE FROM parameters WHERE vhost = ?1")                                     \
    S(DELETE_VHOST, "DELETE FROM policies WHERE vhost = ?1")                                       \
    S(DELETE_VHOST, "DELETE FROM exchanges WHERE vhost = ?1")                                      \
    S(DELETE_VHOST, "DELETE FROM queues WHERE vhost = ?1")                                         \
    S(DELETE_VHOST, "DELETE FROM bindings WHERE vhost = ?1")                                       \
    S(DELETE_USER, "DELETE FROM users WHERE name = ?1")                                            \
    S(DELETE_USER, "DELETE FROM permissions WHERE user = ?1")                                      \
    S(DELETE_USER, "DELETE FROM topic_permissions WHERE user = ?1")                                \
    S(DELETE_PERMISSION, "DELETE FROM permissions WHERE user = ?1 AND vhost = ?2")                 \
    S(DELETE_TOPIC_PERMISSION, "DELETE FROM topic_permissions"                                     \
                               " WHERE user = ?1 AND vhost = ?2 AND (?3 = '' OR exchange = ?3)")   \
    S(DELETE_GLOBAL_PARAMETER, "DELETE FROM global_parameters WHERE name = ?1")                    \
    S(DELETE_PARAMETER,                                                                            \
      "DELETE FROM parameters WHERE vhost = ?1 AND component = ?2 AND name = ?3")                  \
    S(DELETE_POLICY, "DELETE FROM policies WHERE vhost = ?1 AND is_operator = ?2 AND name = ?3")   \
    S(DELETE_EXCHANGE, "DELETE FROM seen WHERE vhost = ?1 AND is_queue = 0 AND name = ?2")         \
    S(DELETE_EXCHANGE, "DELETE FROM exchanges WHERE vhost = ?1 AND name = ?2")                     \
    S(DELETE_EXCHANGE, "DELETE FROM bindings WHERE vhost = ?1 AND source = ?2")                    \
    S(DELETE_EXCHANGE,                                                                             \
      "DELETE FROM bindings WHERE vhost = ?1 AND is_to_queue = 0 AND destination = ?2")            \
    S(DELETE_SEEN, "DELETE FROM seen"                                                              \
                   " WHERE vhost = ?1 AND is_queue = ?2 AND name = ?3 AND low = ?4 AND high = ?5") \
    S(DELETE_QUEUE, "DELETE FROM seen WHERE vhost = ?1 AND is_queue = 1 AND name = ?2")            \
    S(DELETE_QUEUE, "DELETE FROM queues WHERE vhost = ?1 AND name = ?2")                           \
    S(DELETE_QUEUE,                                                                                \
      "DELETE FROM bindings WHERE vhost = ?1 AND is_to_queue = 1 AND destination = ?2")            \
    S(DELETE_BINDING, "DELETE FROM bindings WHERE vhost = ?1 AND is_to_queue = ?2"                 \
                      " AND destination = ?3 AND source = ?4 AND routing_key = ?5"                 \
                      " AND arguments = ?6")

enum operation {
    PUT_VHOST,
    PUT_USER,
    PUT_PERMISSION,
    PUT_TOPIC_PERMISSION,
    PUT_GLOBAL_PARAMETER,
    PUT_PARAMETER,
    PUT_POLICY,
    PUT_EXCHANGE,
    PUT_QUEUE,
    PUT_BINDING,
    PUT_SEEN,
    DELETE_VHOST,
    DELETE_USER,
    DELETE_PERMISSION,
    DELETE_TOPIC_PERMISSION,
    DELETE_GLOBAL_PARAMETER,
    DELETE_PARAMETER,
    DELETE_POLICY,
    DELETE_EXCHANGE,
    DELETE_QUEUE,
    DELETE_BINDING,
    DELETE_SEEN,
    OPERATION_COUNT
};

static const struct statement {
    enum operation operation;
    const char *sql;
} statements[] = {
#define STATEMENT_ROW(operation, sql) {operation, sql},
    STATEMENTS(STATEMENT_ROW)
#undef STATEMENT_ROW
};

enum { STATEMENT_COUNT = sizeof statements / sizeof statements[0], VALUES_MAX = 7 };

enum value_type { VALUE_TEXT, VALUE_BYTES, VALUE_NUMBER };

struct value {
    enum value_type type;
    struct slice bytes;
    int64_t number;
};

#define TEXT(s) ((struct value){.type = VALUE_TEXT, .bytes = (s)})
#define BYTES(s) ((struct value){.type = VALUE_BYTES, .bytes = (s)})
#define NUMBER(n) ((struct value){.type = VALUE_NUMBER, .number = (n)})

/* One block: the struct, its values, and the bytes they point at. */
struct definition_change {
    struct definition_change *next;
    enum operation operation;
    definitions_done done;
    void *arg;
    int count;
    struct value values[];
};

static struct definition_change *change_make(enum operation operation, int count,
                                             const struct value *values)
{
    struct definition_change *change;
    size_t head = sizeof *change + (size_t)count * sizeof *values;
    size_t n = head;
    uint8_t *p;

    lv_assert(count <= VALUES_MAX);
    for (int i = 0; i < count; i++)
        n += values[i].bytes.n;
    change = lv_malloc(n);
    *change = (struct definition_change){.operation = operation, .count = count};
    p = (uint8_t *)change + head;
    for (int i = 0; i < count; i++) {
        change->values[i] = values[i];
        change->values[i].bytes.p = p;
        if (values[i].bytes.n > 0)
            memcpy(p, values[i].bytes.p, values[i].bytes.n);
        p += values[i].bytes.n;
    }
    return change;
}

#define CHANGE(operation, ...)                                                                     \
    change_make(operation, (int)(sizeof((struct value[]){__VA_ARGS__}) / sizeof(struct value)),    \
                (const struct value[]){__VA_ARGS__})

void definition_change_free(struct definition_change **change)
{
    free(*change);
    *change = NULL;
}

struct definition_change *definition_put_vhost(const struct definition_vhost *row)
{
    return CHANGE(PUT_VHOST, TEXT(row->name), TEXT(row->description), TEXT(row->tags),
                  TEXT(row->default_queue_type));
}

struct definition_change *definition_put_user(const struct definition_user *row)
{
    return CHANGE(PUT_USER, TEXT(row->name), TEXT(row->password_hash), TEXT(row->hashing_algorithm),
                  TEXT(row->tags), TEXT(row->limits));
}

struct definition_change *definition_put_permission(const struct definition_permission *row)
{
    return CHANGE(PUT_PERMISSION, TEXT(row->user), TEXT(row->vhost), TEXT(row->configure),
                  TEXT(row->write), TEXT(row->read));
}

struct definition_change *
definition_put_topic_permission(const struct definition_topic_permission *row)
{
    return CHANGE(PUT_TOPIC_PERMISSION, TEXT(row->user), TEXT(row->vhost), TEXT(row->exchange),
                  TEXT(row->write), TEXT(row->read));
}

struct definition_change *definition_put_exchange(const struct definition_exchange *row)
{
    return CHANGE(PUT_EXCHANGE, TEXT(row->vhost), TEXT(row->name), TEXT(row->type),
                  NUMBER(row->is_auto_delete), NUMBER(row->is_internal), BYTES(row->arguments));
}

struct definition_change *definition_put_queue(const struct definition_queue *row)
{
    return CHANGE(PUT_QUEUE, TEXT(row->vhost), TEXT(row->name), NUMBER(row->is_auto_delete),
                  BYTES(row->arguments), NUMBER((int64_t)row->id));
}

static struct definition_change *binding_change(enum operation operation,
                                                const struct definition_binding *row)
{
    return CHANGE(operation, TEXT(row->vhost), NUMBER(row->is_to_queue), TEXT(row->destination),
                  TEXT(row->source), TEXT(row->routing_key), BYTES(row->arguments));
}

struct definition_change *definition_put_binding(const struct definition_binding *row)
{
    return binding_change(PUT_BINDING, row);
}

struct definition_change *definition_put_parameter(const struct definition_parameter *row)
{
    return CHANGE(PUT_PARAMETER, TEXT(row->vhost), TEXT(row->component), TEXT(row->name),
                  TEXT(row->value));
}

struct definition_change *
definition_put_global_parameter(const struct definition_global_parameter *row)
{
    return CHANGE(PUT_GLOBAL_PARAMETER, TEXT(row->name), TEXT(row->value));
}

struct definition_change *definition_put_policy(const struct definition_policy *row)
{
    return CHANGE(PUT_POLICY, TEXT(row->vhost), NUMBER(row->is_operator), TEXT(row->name),
                  TEXT(row->pattern), TEXT(row->apply_to), NUMBER(row->priority),
                  TEXT(row->definition));
}

struct definition_change *definition_put_seen(const struct definition_seen *row)
{
    return CHANGE(PUT_SEEN, TEXT(row->vhost), NUMBER(row->is_queue), TEXT(row->name),
                  NUMBER((int64_t)row->low), NUMBER((int64_t)row->high),
                  NUMBER((int64_t)row->number), NUMBER((int64_t)row->until_ms));
}

struct definition_change *definition_delete_seen(const struct definition_seen *row)
{
    return CHANGE(DELETE_SEEN, TEXT(row->vhost), NUMBER(row->is_queue), TEXT(row->name),
                  NUMBER((int64_t)row->low), NUMBER((int64_t)row->high));
}

struct definition_change *definition_delete_vhost(struct slice name)
{
    return CHANGE(DELETE_VHOST, TEXT(name));
}

struct definition_change *definition_delete_user(struct slice name)
{
    return CHANGE(DELETE_USER, TEXT(name));
}

struct definition_change *definition_delete_permission(struct slice vhost, struct slice user)
{
    return CHANGE(DELETE_PERMISSION, TEXT(user), TEXT(vhost));
}

struct definition_change *definition_delete_topic_permission(struct slice vhost, struct slice user,
                                                             struct slice exchange)
{
    return CHANGE(DELETE_TOPIC_PERMISSION, TEXT(user), TEXT(vhost), TEXT(exchange));
}

struct definition_change *definition_delete_exchange(struct slice vhost, struct slice name)
{
    return CHANGE(DELETE_EXCHANGE, TEXT(vhost), TEXT(name));
}

struct definition_change *definition_delete_queue(struct slice vhost, struct slice name)
{
    return CHANGE(DELETE_QUEUE, TEXT(vhost), TEXT(name));
}

struct definition_change *definition_delete_binding(const struct definition_binding *row)
{
    return binding_change(DELETE_BINDING, row);
}

struct definition_change *definition_delete_parameter(struct slice vhost, struct slice component,
                                                      struct slice name)
{
    return CHANGE(DELETE_PARAMETER, TEXT(vhost), TEXT(component), TEXT(name));
}

struct definition_change *definition_delete_global_parameter(struct slice name)
{
    return CHANGE(DELETE_GLOBAL_PARAMETER, TEXT(name));
}

struct definition_change *definition_delete_policy(struct slice vhost, struct slice name,
                                                   bool is_operator)
{
    return CHANGE(DELETE_POLICY, TEXT(vhost), NUMBER(is_operator), TEXT(name));
}

/* ---- The store of them ---- */

struct definitions {
    char *path;

    pthread_mutex_t db_lock;
    sqlite3 *db;
    sqlite3_stmt *begin;
    sqlite3_stmt *commit;
    sqlite3_stmt *rollback;
    sqlite3_stmt *prepared[STATEMENT_COUNT]; /* made when first needed */
    int first[OPERATION_COUNT];              /* the row in `statements` where it begins */
    bool is_failing;                         /* the last commit failed: its like was logged */

    pthread_mutex_t queue_lock;
    pthread_cond_t queue_grew;
    struct definition_change *head;
    struct definition_change *tail;
    bool is_closing;

    bool has_thread;
    pthread_t thread;
};

static int error_from_sqlite(int rc)
{
    switch (rc & 0xff) {
    case SQLITE_OK:
    case SQLITE_ROW:
    case SQLITE_DONE: return 0;
    case SQLITE_NOMEM: return ERR_NO_MEMORY;
    case SQLITE_FULL: return ERR_NO_SPACE;
    case SQLITE_BUSY:
    case SQLITE_LOCKED: return ERR_BUSY;
    case SQLITE_TOOBIG: return ERR_TOO_LARGE;
    case SQLITE_NOTADB:
    case SQLITE_CORRUPT: return ERR_FORMAT;
    default: return ERR_IO;
    }
}

/* Runs a statement that returns no rows. */
static int run(sqlite3_stmt *statement)
{
    int rc = sqlite3_step(statement);

    sqlite3_reset(statement);
    return rc == SQLITE_ROW ? SQLITE_OK : rc == SQLITE_DONE ? SQLITE_OK : rc;
}

static int prepare(sqlite3 *db, const char *sql, sqlite3_stmt **ret)
{
    return sqlite3_prepare_v3(db, sql, -1, SQLITE_PREPARE_PERSISTENT, ret, NULL);
}

/* ---- The writer ---- */

static int bind(sqlite3_stmt *statement, int index, const struct value *value)
{
    if (value->type == VALUE_NUMBER)
        return sqlite3_bind_int64(statement, index, value->number);
    if (value->type == VALUE_BYTES)
        return sqlite3_bind_blob64(statement, index, value->bytes.p, value->bytes.n, SQLITE_STATIC);
    return sqlite3_bind_text64(statement, index, (const char *)value->bytes.p, value->bytes.n,
                               SQLITE_STATIC, SQLITE_UTF8);
}

static int run_with(sqlite3_stmt *statement, const struct definition_change *change)
{
    int count = sqlite3_bind_parameter_count(statement);
    int rc = SQLITE_OK;

    for (int i = 0; i < count && rc == SQLITE_OK; i++)
        rc = bind(statement, i + 1, &change->values[i]);
    return rc == SQLITE_OK ? run(statement) : rc;
}

static int apply(struct definitions *d, const struct definition_change *change)
{
    int rc = SQLITE_OK;

    for (int i = d->first[change->operation];
         i < STATEMENT_COUNT && statements[i].operation == change->operation && rc == SQLITE_OK;
         i++) {
        if (!d->prepared[i])
            rc = prepare(d->db, statements[i].sql, &d->prepared[i]);
        if (rc == SQLITE_OK)
            rc = run_with(d->prepared[i], change);
    }
    return rc;
}

static int write_batch(struct definitions *d, const struct definition_change *batch)
{
    int rc = run(d->begin);

    for (const struct definition_change *c = batch; c && rc == SQLITE_OK; c = c->next)
        rc = apply(d, c);
    if (rc == SQLITE_OK)
        rc = run(d->commit);
    return rc;
}

/* Undoes what a failed batch began, and says so once until a batch goes well again. */
static void batch_failed(struct definitions *d, int rc)
{
    /* The text of the failure, before another call overwrites it. */
    if (!d->is_failing)
        log_error("definitions: cannot write %s: %s (%s); declarations are refused until it can "
                  "be written again",
                  d->path, sqlite3_errmsg(d->db), sqlite3_errstr(rc));
    d->is_failing = true;
    if (!sqlite3_get_autocommit(d->db))
        run(d->rollback);
}

static int commit_batch(struct definitions *d, const struct definition_change *batch)
{
    int rc;

    pthread_mutex_lock(&d->db_lock);
    rc = write_batch(d, batch);
    if (rc != SQLITE_OK) {
        batch_failed(d, rc);
    } else if (d->is_failing) {
        log_info("definitions: %s can be written again", d->path);
        d->is_failing = false;
    }
    pthread_mutex_unlock(&d->db_lock);
    return error_from_sqlite(rc);
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

/* Everything that is queued; NULL when it is time to end. Waits for either. */
static struct definition_change *take_batch(struct definitions *d)
{
    struct definition_change *batch;

    pthread_mutex_lock(&d->queue_lock);
    while (!d->head && !d->is_closing)
        pthread_cond_wait(&d->queue_grew, &d->queue_lock);
    batch = d->head;
    d->head = NULL;
    d->tail = NULL;
    pthread_mutex_unlock(&d->queue_lock);
    return batch;
}

static void *writer(void *arg)
{
    struct definitions *d = arg;
    struct definition_change *batch;

    while ((batch = take_batch(d)) != NULL)
        finish_batch(batch, commit_batch(d, batch));
    return NULL;
}

void definitions_submit(struct definitions *d, struct definition_change *change,
                        definitions_done done, void *arg)
{
    bool was_empty;

    change->next = NULL;
    change->done = done;
    change->arg = arg;
    pthread_mutex_lock(&d->queue_lock);
    was_empty = !d->head;
    if (was_empty)
        d->head = change;
    else
        d->tail->next = change;
    d->tail = change;
    pthread_mutex_unlock(&d->queue_lock);
    if (was_empty)
        pthread_cond_signal(&d->queue_grew);
}

/* ---- Opening and closing ---- */

static int read_number(sqlite3 *db, const char *sql, int64_t *ret)
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

/* Is the file ours, of a version we know? Changes nothing in it. */
static int check_format(struct definitions *d)
{
    int64_t application = 0;
    int64_t version = 0;
    int rc = read_number(d->db, "PRAGMA user_version", &version);

    if (rc == SQLITE_OK)
        rc = read_number(d->db, "PRAGMA application_id", &application);
    if (rc != SQLITE_OK) {
        log_error("definitions: cannot read %s: %s", d->path, sqlite3_errmsg(d->db));
        return error_from_sqlite(rc);
    }
    if (application != APPLICATION_ID) {
        log_error("definitions: %s is a database, but not of Leveret's definitions", d->path);
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

/* Fills a new file. Without a journal and without syncs: until its name is final it is nobody's. */
static int write_schema(const char *path)
{
    char *sql = sqlite3_mprintf("PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF;"
                                "BEGIN; %s PRAGMA application_id = %d; PRAGMA user_version = %d;"
                                "COMMIT; PRAGMA journal_mode = WAL;",
                                schema_sql, APPLICATION_ID, SCHEMA_VERSION);
    sqlite3 *db = NULL;
    int rc = sql ? sqlite3_open_v2(path, &db, SQLITE_OPEN_READWRITE, NULL) : SQLITE_NOMEM;

    if (rc == SQLITE_OK)
        rc = sqlite3_exec(db, sql, NULL, NULL, NULL);
    sqlite3_free(sql);
    sqlite3_close(db);
    return error_from_sqlite(rc);
}

static int sync_directory(const char *dir)
{
    int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int err = fd >= 0 && fsync(fd) == 0 ? 0 : lv_error_from_errno(errno);

    if (fd >= 0)
        close(fd);
    return err;
}

/* Made under another name, synced once and then renamed: after a crash there is either no file or
 * a whole one. (SQLite's own way, with a journal, took eight times as long at the first start.) */
static int create_file(const char *dir, const char *path)
{
    struct lv_buffer fresh = {0};
    const char *name;
    int err = 0;
    int fd;

    lv_buffer_printf(&fresh, "%s.new", path);
    name = (const char *)fresh.p;
    /* SQLite would make it readable by everybody; it will have password hashes in it. */
    fd = open(name, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (fd < 0)
        err = lv_error_from_errno(errno);
    if (err == 0)
        err = write_schema(name);
    if (err == 0 && (fsync(fd) != 0 || rename(name, path) != 0))
        err = lv_error_from_errno(errno);
    if (err == 0)
        err = sync_directory(dir);
    if (fd >= 0)
        close(fd);
    lv_buffer_free(&fresh);
    return err;
}

static int create_file_if_missing(const char *dir, const char *path)
{
    struct stat st;
    int err;

    if (stat(path, &st) == 0)
        return 0;
    err = errno == ENOENT ? create_file(dir, path) : lv_error_from_errno(errno);
    if (err < 0)
        log_error("definitions: cannot create %s: %s", path, lv_error_text(err));
    return err;
}

/* The write-ahead log with full syncs: a commit is one append and one sync, and is durable when
 * it returns. Readers (an operator's sqlite3) hold up nobody. */
static const char settings_sql[] = "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;"
                                   "PRAGMA journal_size_limit = 16777216;"
                                   "PRAGMA cache_size = -8192; PRAGMA temp_store = MEMORY;";

static int configure_database(struct definitions *d)
{
    int rc = sqlite3_exec(d->db, settings_sql, NULL, NULL, NULL);

    if (rc == SQLITE_OK)
        rc = sqlite3_exec(d->db, seen_sql, NULL, NULL, NULL);
    if (rc == SQLITE_OK)
        rc = prepare(d->db, "BEGIN IMMEDIATE", &d->begin);
    if (rc == SQLITE_OK)
        rc = prepare(d->db, "COMMIT", &d->commit);
    if (rc == SQLITE_OK)
        rc = prepare(d->db, "ROLLBACK", &d->rollback);
    return rc;
}

/* The format is looked at first: a file that is not ours stays as it is. */
static int open_database(struct definitions *d)
{
    int rc = sqlite3_open_v2(
        d->path, &d->db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE, NULL);
    int err;

    if (rc == SQLITE_OK)
        rc = sqlite3_busy_timeout(d->db, BUSY_TIMEOUT_MS);
    if (rc == SQLITE_OK && (err = check_format(d)) < 0)
        return err;
    if (rc == SQLITE_OK)
        rc = configure_database(d);
    if (rc != SQLITE_OK)
        log_error("definitions: cannot open %s: %s", d->path,
                  d->db ? sqlite3_errmsg(d->db) : sqlite3_errstr(rc));
    return error_from_sqlite(rc);
}

/* The writer takes no signals: they are for the main thread. */
static int start_writer(struct definitions *d)
{
    sigset_t all;
    sigset_t before;
    int number;

    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    number = pthread_create(&d->thread, NULL, writer, d);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (number != 0)
        return lv_error_from_errno(number);
    d->has_thread = true;
    pthread_setname_np(d->thread, "definitions");
    return 0;
}

static struct definitions *definitions_new(const char *data_dir)
{
    struct definitions *d = lv_calloc(1, sizeof *d);
    struct lv_buffer path = {0};

    lv_buffer_printf(&path, "%s/%s", data_dir, DEFINITIONS_FILE);
    d->path = (char *)path.p; /* printf left a NUL behind it */
    pthread_mutex_init(&d->db_lock, NULL);
    pthread_mutex_init(&d->queue_lock, NULL);
    pthread_cond_init(&d->queue_grew, NULL);
    for (int i = STATEMENT_COUNT - 1; i >= 0; i--)
        d->first[statements[i].operation] = i;
    return d;
}

int definitions_open(const char *data_dir, struct definitions **ret)
{
    struct definitions *d = definitions_new(data_dir);
    int err = create_file_if_missing(data_dir, d->path);

    if (err == 0)
        err = open_database(d);
    if (err == 0)
        err = start_writer(d);
    if (err < 0) {
        definitions_close(&d);
        return err;
    }
    *ret = d;
    return 0;
}

static void stop_writer(struct definitions *d)
{
    pthread_mutex_lock(&d->queue_lock);
    d->is_closing = true;
    pthread_mutex_unlock(&d->queue_lock);
    pthread_cond_signal(&d->queue_grew);
    pthread_join(d->thread, NULL);
}

void definitions_close(struct definitions **definitions)
{
    struct definitions *d = *definitions;
    int rc;

    if (!d)
        return;
    *definitions = NULL;
    if (d->has_thread)
        stop_writer(d);
    lv_assert(!d->head);
    for (int i = 0; i < STATEMENT_COUNT; i++)
        sqlite3_finalize(d->prepared[i]);
    sqlite3_finalize(d->begin);
    sqlite3_finalize(d->commit);
    sqlite3_finalize(d->rollback);
    rc = sqlite3_close(d->db);
    lv_assert(rc == SQLITE_OK); /* else a statement was forgotten above */
    pthread_mutex_destroy(&d->db_lock);
    pthread_mutex_destroy(&d->queue_lock);
    pthread_cond_destroy(&d->queue_grew);
    free(d->path);
    free(d);
}

/* ---- Loading ---- */

static struct slice column(sqlite3_stmt *s, int index)
{
    const void *p = sqlite3_column_blob(s, index); /* first: it may change what _bytes says */

    return slice_of(p, (size_t)sqlite3_column_bytes(s, index));
}

static bool column_bool(sqlite3_stmt *s, int index)
{
    return sqlite3_column_int(s, index) != 0;
}

static int visit_vhost(sqlite3_stmt *s, const struct definitions_visitor *v, void *arg)
{
    return v->vhost(arg, &(struct definition_vhost){.name = column(s, 0),
                                                    .description = column(s, 1),
                                                    .tags = column(s, 2),
                                                    .default_queue_type = column(s, 3)});
}

static int visit_user(sqlite3_stmt *s, const struct definitions_visitor *v, void *arg)
{
    return v->user(arg, &(struct definition_user){.name = column(s, 0),
                                                  .password_hash = column(s, 1),
                                                  .hashing_algorithm = column(s, 2),
                                                  .tags = column(s, 3),
                                                  .limits = column(s, 4)});
}

static int visit_permission(sqlite3_stmt *s, const struct definitions_visitor *v, void *arg)
{
    return v->permission(arg, &(struct definition_permission){.user = column(s, 0),
                                                              .vhost = column(s, 1),
                                                              .configure = column(s, 2),
                                                              .write = column(s, 3),
                                                              .read = column(s, 4)});
}

static int visit_topic_permission(sqlite3_stmt *s, const struct definitions_visitor *v, void *arg)
{
    return v->topic_permission(arg, &(struct definition_topic_permission){.user = column(s, 0),
                                                                          .vhost = column(s, 1),
                                                                          .exchange = column(s, 2),
                                                                          .write = column(s, 3),
                                                                          .read = column(s, 4)});
}

static int visit_global_parameter(sqlite3_stmt *s, const struct definitions_visitor *v, void *arg)
{
    return v->global_parameter(
        arg, &(struct definition_global_parameter){.name = column(s, 0), .value = column(s, 1)});
}

static int visit_parameter(sqlite3_stmt *s, const struct definitions_visitor *v, void *arg)
{
    return v->parameter(arg, &(struct definition_parameter){.vhost = column(s, 0),
                                                            .component = column(s, 1),
                                                            .name = column(s, 2),
                                                            .value = column(s, 3)});
}

static int visit_policy(sqlite3_stmt *s, const struct definitions_visitor *v, void *arg)
{
    return v->policy(arg, &(struct definition_policy){.vhost = column(s, 0),
                                                      .is_operator = column_bool(s, 1),
                                                      .name = column(s, 2),
                                                      .pattern = column(s, 3),
                                                      .apply_to = column(s, 4),
                                                      .priority = sqlite3_column_int64(s, 5),
                                                      .definition = column(s, 6)});
}

static int visit_exchange(sqlite3_stmt *s, const struct definitions_visitor *v, void *arg)
{
    return v->exchange(arg, &(struct definition_exchange){.vhost = column(s, 0),
                                                          .name = column(s, 1),
                                                          .type = column(s, 2),
                                                          .is_auto_delete = column_bool(s, 3),
                                                          .is_internal = column_bool(s, 4),
                                                          .arguments = column(s, 5)});
}

static int visit_queue(sqlite3_stmt *s, const struct definitions_visitor *v, void *arg)
{
    return v->queue(arg, &(struct definition_queue){.vhost = column(s, 0),
                                                    .name = column(s, 1),
                                                    .is_auto_delete = column_bool(s, 2),
                                                    .arguments = column(s, 3),
                                                    .id = (uint64_t)sqlite3_column_int64(s, 4)});
}

static int visit_binding(sqlite3_stmt *s, const struct definitions_visitor *v, void *arg)
{
    return v->binding(arg, &(struct definition_binding){.vhost = column(s, 0),
                                                        .is_to_queue = column_bool(s, 1),
                                                        .destination = column(s, 2),
                                                        .source = column(s, 3),
                                                        .routing_key = column(s, 4),
                                                        .arguments = column(s, 5)});
}

static int visit_seen(sqlite3_stmt *s, const struct definitions_visitor *v, void *arg)
{
    return v->seen(arg,
                   &(struct definition_seen){.vhost = column(s, 0),
                                             .is_queue = column_bool(s, 1),
                                             .name = column(s, 2),
                                             .low = (uint64_t)sqlite3_column_int64(s, 3),
                                             .high = (uint64_t)sqlite3_column_int64(s, 4),
                                             .number = (uint64_t)sqlite3_column_int64(s, 5),
                                             .until_ms = (uint64_t)sqlite3_column_int64(s, 6)});
}

/*    kind              table                */
#define KINDS(K)                                                                                   \
    K(vhost, "vhosts")                                                                             \
    K(user, "users")                                                                               \
    K(permission, "permissions")                                                                   \
    K(topic_permission, "topic_permissions")                                                       \
    K(global_parameter, "global_parameters")                                                       \
    K(parameter, "parameters")                                                                     \
    K(policy, "policies")                                                                          \
    K(exchange, "exchanges")                                                                       \
    K(queue, "queues")                                                                             \
    K(binding, "bindings")                                                                         \
    K(seen, "seen ORDER BY number")

typedef int (*row_visit)(sqlite3_stmt *s, const struct definitions_visitor *v, void *arg);

/* Walks a table, if not told otherwise in the order of its primary key, which is the order it lies in. */
static int walk(struct definitions *d, const char *sql, row_visit visit,
                const struct definitions_visitor *visitor, void *arg)
{
    sqlite3_stmt *statement = NULL;
    int rc = sqlite3_prepare_v2(d->db, sql, -1, &statement, NULL);
    int err = 0;

    while (rc == SQLITE_OK || rc == SQLITE_ROW) {
        rc = sqlite3_step(statement);
        if (rc == SQLITE_ROW && (err = visit(statement, visitor, arg)) < 0)
            break;
    }
    if (err == 0 && rc != SQLITE_DONE) {
        log_error("definitions: cannot read %s: %s", d->path, sqlite3_errmsg(d->db));
        err = error_from_sqlite(rc);
    }
    sqlite3_finalize(statement);
    return err;
}

int definitions_load(struct definitions *d, const struct definitions_visitor *visitor, void *arg)
{
    int err = 0;

    pthread_mutex_lock(&d->db_lock);
#define KIND_WALK(kind, table)                                                                     \
    if (err == 0 && visitor->kind)                                                                 \
        err = walk(d, "SELECT * FROM " table, visit_##kind, visitor, arg);
    KINDS(KIND_WALK)
#undef KIND_WALK
    pthread_mutex_unlock(&d->db_lock);
    return err;
}
