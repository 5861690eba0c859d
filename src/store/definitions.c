/* Opens, reads and closes the durable definitions, which SQLite stores.
 *
 * Changes are made in definition_changes.c and written by the thread of definitions_writer.c;
 * definitions_file.c creates the file and checks its format. Loading walks the tables, each in the
 * order of its primary key (`seen` by number). docs/formats/definitions.md describes the file. */
#include "store/definitions.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/assert.h"
#include "base/buffer.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/log.h"
#include "base/memory.h"
#include "store/definitions_private.h"

int definitions_error(int rc)
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

const char *definitions_explain(sqlite3 *db, const char *path, int rc)
{
    int number = db ? sqlite3_system_errno(db) : 0;
    int err = definitions_error(rc);
    lv_error_explain(err, "%s: %s%s%s", path, db ? sqlite3_errmsg(db) : sqlite3_errstr(rc),
                     number ? ": " : "", number ? strerror(number) : "");
    return lv_error_reason(err);
}

int definitions_run(sqlite3_stmt *statement)
{
    int rc = sqlite3_step(statement);
    sqlite3_reset(statement);
    return rc == SQLITE_ROW ? SQLITE_OK : rc == SQLITE_DONE ? SQLITE_OK : rc;
}

int definitions_prepare(sqlite3 *db, const char *sql, sqlite3_stmt **ret)
{
    return sqlite3_prepare_v3(db, sql, -1, SQLITE_PREPARE_PERSISTENT, ret, NULL);
}

/* --- opening and closing ---------------------------------------------------------------------- */

static struct definitions *definitions_new(const char *data_dir)
{
    struct definitions *d = lv_calloc(1, sizeof *d);
    struct lv_buffer path = {0};
    lv_buffer_printf(&path, "%s/%s", data_dir, DEFINITIONS_FILE);
    d->path = (char *)path.p; /* lv_buffer_printf() ends it with a NUL */
    d->mark_fd = -1;
    pthread_mutex_init(&d->db_lock, NULL);
    pthread_mutex_init(&d->queue_lock, NULL);
    clock_cond_init(&d->queue_grew);
    return d;
}

static void close_database(struct definitions *d)
{
    for (int i = 0; i < DEFINITION_STATEMENT_COUNT; i++)
        sqlite3_finalize(d->prepared[i]);
    sqlite3_finalize(d->begin);
    sqlite3_finalize(d->commit);
    sqlite3_finalize(d->rollback);
    sqlite3_finalize(d->count);
    int rc = sqlite3_close(d->db);
    lv_assert(rc == SQLITE_OK); /* every statement was finalized above */
    if (d->mark_fd >= 0)
        close(d->mark_fd);
    d->begin = d->commit = d->rollback = d->count = NULL;
    d->db = NULL;
    d->mark_fd = -1;
}

/* Opens the database; on a full disk it is tried once more with the room of the reserve. SQLite
 * sometimes reports a full disk as an I/O error, so the reserve is used for that too. */
static int open_database(struct definitions *d)
{
    int err = definitions_open_database(d);
    if ((err == ERR_NO_SPACE || err == ERR_IO) && definitions_release_reserve(d)) {
        close_database(d);
        err = definitions_open_database(d);
    }
    return err;
}

int definitions_open(const char *data_dir, struct definitions **ret)
{
    struct definitions *d = definitions_new(data_dir);
    int err = definitions_create_file(data_dir, d->path);
    if (err == 0)
        err = open_database(d);
    if (err == 0)
        err = definitions_start_writer(d);
    if (err < 0) {
        definitions_close(&d);
        return err;
    }
    *ret = d;
    return 0;
}

void definitions_close(struct definitions **definitions)
{
    struct definitions *d = *definitions;
    if (!d)
        return;
    *definitions = NULL;
    if (d->has_thread)
        definitions_stop_writer(d);
    lv_assert(!d->head); /* every change was answered */
    close_database(d);
    pthread_mutex_destroy(&d->db_lock);
    pthread_mutex_destroy(&d->queue_lock);
    pthread_cond_destroy(&d->queue_grew);
    free(d->path);
    free(d);
}

bool definitions_are_behind(const struct definitions *d)
{
    return d->changes < d->mark_changes;
}

/* --- loading ---------------------------------------------------------------------------------- */

static struct slice column(sqlite3_stmt *s, int index)
{
    const void *p = sqlite3_column_blob(
        s, index); /* called first: it may change what sqlite3_column_bytes() returns */
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
                                                    .default_queue_type = column(s, 3),
                                                    .is_protected = column_bool(s, 4)});
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
                                                    .id = (uint64_t)sqlite3_column_int64(s, 4),
                                                    .user = column(s, 5)});
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

/* K(kind, table): the kinds in the order in which definitions_load() visits them. */
#define KINDS(K)                                                                                   \
    K(vhost, "vhosts LEFT JOIN vhost_protection USING (name)")                                     \
    K(user, "users")                                                                               \
    K(permission, "permissions")                                                                   \
    K(topic_permission, "topic_permissions")                                                       \
    K(global_parameter, "global_parameters")                                                       \
    K(parameter, "parameters")                                                                     \
    K(policy, "policies")                                                                          \
    K(exchange, "exchanges")                                                                       \
    K(queue, "queues LEFT JOIN queue_users USING (id)")                                            \
    K(binding, "bindings")                                                                         \
    K(seen, "seen ORDER BY number")

typedef int (*row_visit)(sqlite3_stmt *s, const struct definitions_visitor *v, void *arg);

/* Visits the rows of a table. Without ORDER BY they come in the order of the primary key, in which
 * they are stored. */
static int table_walk(struct definitions *d, const char *sql, row_visit visit,
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
        log_error("definitions: cannot read %s", definitions_explain(d->db, d->path, rc));
        err = definitions_error(rc);
    }
    sqlite3_finalize(statement);
    return err;
}

int definitions_load(struct definitions *d, const struct definitions_visitor *visitor, void *arg)
{
    lv_assert(visitor != NULL);
    lv_assert(d->db != NULL);
    pthread_mutex_lock(&d->db_lock);
    int err = 0;
#define KIND_WALK(kind, table)                                                                     \
    if (err == 0 && visitor->kind)                                                                 \
        err = table_walk(d, "SELECT * FROM " table, visit_##kind, visitor, arg);
    KINDS(KIND_WALK)
#undef KIND_WALK
    pthread_mutex_unlock(&d->db_lock);
    return err;
}
