#include "store/definitions_world.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include <sqlite3.h>

#include "base/assert.h"

/* --- changes ---------------------------------------------------------------------------------- */

struct definitions *definitions_opened(const char *dir)
{
    struct definitions *d = NULL;
    assert_int_equal(definitions_open(dir, &d), 0);
    return d;
}

void submit_change(struct definitions *d, struct definition_change *change)
{
    definitions_submit(d, change, NULL, NULL);
}

struct definition_change *put_queue(const char *vhost, const char *name)
{
    return definition_put_queue(&(struct definition_queue){.vhost = S(vhost), .name = S(name)});
}

struct definition_change *put_binding(const char *vhost, const char *source, const char *to,
                                      bool is_to_queue, const char *key)
{
    return definition_put_binding(&(struct definition_binding){.vhost = S(vhost),
                                                               .source = S(source),
                                                               .destination = S(to),
                                                               .is_to_queue = is_to_queue,
                                                               .routing_key = S(key)});
}

void check_rows_after_restart(const char *dir, struct definitions **d, const char *expected)
{
    definitions_close(d);
    *d = definitions_opened(dir);
    char *text = rows_text(*d);
    assert_string_equal(text, expected);
    free(text);
}

/* --- answers ---------------------------------------------------------------------------------- */

void outcome_done(void *arg, int error)
{
    struct outcome *outcome = arg;
    if (error < 0) {
        atomic_store(&outcome->last_error, error);
        atomic_fetch_add(&outcome->failed, 1);
    }
    atomic_fetch_add(&outcome->done, 1);
}

void outcome_wait(struct outcome *outcome, unsigned count)
{
    for (int ms = 0; atomic_load(&outcome->done) < count; ms++) {
        assert_true(ms < 10000);
        nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
    }
}

/* --- the file, by a connection of the test's own ---------------------------------------------- */

int count_rows(const char *dir, const char *table)
{
    char path[4200], sql[100];
    snprintf(path, sizeof path, "%s/%s", dir, DEFINITIONS_FILE);
    sqlite3 *db;
    assert_int_equal(sqlite3_open_v2(path, &db, SQLITE_OPEN_READONLY, NULL), SQLITE_OK);
    sqlite3_stmt *statement;
    snprintf(sql, sizeof sql, "SELECT count(*) FROM %s", table);
    assert_int_equal(sqlite3_prepare_v2(db, sql, -1, &statement, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_step(statement), SQLITE_ROW);
    int count = sqlite3_column_int(statement, 0);
    sqlite3_finalize(statement);
    sqlite3_close(db);
    return count;
}

int count_queues(const char *dir)
{
    return count_rows(dir, "queues");
}

void change_file(const char *dir, const char *sql)
{
    char path[4200];
    snprintf(path, sizeof path, "%s/%s", dir, DEFINITIONS_FILE);
    sqlite3 *db;
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(db);
}

/* --- a disk that fails: three methods of SQLite's own files are replaced ---------------------- */

static _Atomic unsigned operations;
static _Atomic unsigned fail_number;

struct methods {
    sqlite3_io_methods ours;
    const sqlite3_io_methods *real;
};

static struct methods known[8];
static sqlite3_vfs *real_vfs;
static sqlite3_vfs failing_vfs;

static const sqlite3_io_methods *real_methods(sqlite3_file *file)
{
    return ((const struct methods *)(const void *)file->pMethods)->real;
}

static int is_to_fail(void)
{
    return atomic_fetch_add(&operations, 1) + 1 == atomic_load(&fail_number);
}

static int failing_write(sqlite3_file *file, const void *p, int n, sqlite3_int64 offset)
{
    return is_to_fail() ? SQLITE_IOERR_WRITE : real_methods(file)->xWrite(file, p, n, offset);
}

static int failing_sync(sqlite3_file *file, int flags)
{
    return is_to_fail() ? SQLITE_IOERR_FSYNC : real_methods(file)->xSync(file, flags);
}

static int failing_truncate(sqlite3_file *file, sqlite3_int64 size)
{
    return is_to_fail() ? SQLITE_IOERR_TRUNCATE : real_methods(file)->xTruncate(file, size);
}

static const sqlite3_io_methods *replaced(const sqlite3_io_methods *real)
{
    size_t i = 0;
    while (known[i].real && known[i].real != real)
        lv_assert(++i < sizeof known / sizeof known[0]);
    if (!known[i].real) {
        known[i] = (struct methods){*real, real};
        known[i].ours.xWrite = failing_write;
        known[i].ours.xSync = failing_sync;
        known[i].ours.xTruncate = failing_truncate;
    }
    return &known[i].ours;
}

static int failing_open(sqlite3_vfs *vfs, sqlite3_filename name, sqlite3_file *file, int flags,
                        int *ret_flags)
{
    int rc = real_vfs->xOpen(vfs, name, file, flags, ret_flags);
    if (rc == SQLITE_OK && file->pMethods)
        file->pMethods = replaced(file->pMethods);
    return rc;
}

void sqlite_fail_at(unsigned number)
{
    if (!real_vfs) {
        real_vfs = sqlite3_vfs_find(NULL);
        failing_vfs = *real_vfs;
        failing_vfs.zName = "failing";
        failing_vfs.xOpen = failing_open;
        assert_int_equal(sqlite3_vfs_register(&failing_vfs, 1), SQLITE_OK);
    }
    atomic_store(&operations, 0);
    atomic_store(&fail_number, number);
}

/* --- rows as text ----------------------------------------------------------------------------- */

#define TEXT_OF(...)                                                                               \
    lv_buffer_printf(arg, __VA_ARGS__);                                                            \
    return 0

static int text_vhost(void *arg, const struct definition_vhost *r)
{
    TEXT_OF("vhost|%.*s|%.*s|%.*s|%.*s%s\n", SLICE_ARG(r->name), SLICE_ARG(r->description),
            SLICE_ARG(r->tags), SLICE_ARG(r->default_queue_type),
            r->is_protected ? "|protected" : "");
}

static int text_user(void *arg, const struct definition_user *r)
{
    TEXT_OF("user|%.*s|%.*s|%.*s|%.*s|%.*s\n", SLICE_ARG(r->name), SLICE_ARG(r->password_hash),
            SLICE_ARG(r->hashing_algorithm), SLICE_ARG(r->tags), SLICE_ARG(r->limits));
}

static int text_permission(void *arg, const struct definition_permission *r)
{
    TEXT_OF("permission|%.*s|%.*s|%.*s|%.*s|%.*s\n", SLICE_ARG(r->vhost), SLICE_ARG(r->user),
            SLICE_ARG(r->configure), SLICE_ARG(r->write), SLICE_ARG(r->read));
}

static int text_topic_permission(void *arg, const struct definition_topic_permission *r)
{
    TEXT_OF("topic_permission|%.*s|%.*s|%.*s|%.*s|%.*s\n", SLICE_ARG(r->vhost), SLICE_ARG(r->user),
            SLICE_ARG(r->exchange), SLICE_ARG(r->write), SLICE_ARG(r->read));
}

static int text_global_parameter(void *arg, const struct definition_global_parameter *r)
{
    TEXT_OF("global_parameter|%.*s|%.*s\n", SLICE_ARG(r->name), SLICE_ARG(r->value));
}

static int text_parameter(void *arg, const struct definition_parameter *r)
{
    TEXT_OF("parameter|%.*s|%.*s|%.*s|%.*s\n", SLICE_ARG(r->vhost), SLICE_ARG(r->component),
            SLICE_ARG(r->name), SLICE_ARG(r->value));
}

static int text_policy(void *arg, const struct definition_policy *r)
{
    TEXT_OF("policy|%.*s|%.*s|%d|%.*s|%.*s|%lld|%.*s\n", SLICE_ARG(r->vhost), SLICE_ARG(r->name),
            r->is_operator, SLICE_ARG(r->pattern), SLICE_ARG(r->apply_to), (long long)r->priority,
            SLICE_ARG(r->definition));
}

static int text_exchange(void *arg, const struct definition_exchange *r)
{
    TEXT_OF("exchange|%.*s|%.*s|%.*s|%d|%d|%zu\n", SLICE_ARG(r->vhost), SLICE_ARG(r->name),
            SLICE_ARG(r->type), r->is_auto_delete, r->is_internal, r->arguments.n);
}

static int text_queue(void *arg, const struct definition_queue *r)
{
    TEXT_OF("queue|%.*s|%.*s|%d|%zu%s%.*s\n", SLICE_ARG(r->vhost), SLICE_ARG(r->name),
            r->is_auto_delete, r->arguments.n, r->user.n > 0 ? "|" : "", SLICE_ARG(r->user));
}

static int text_binding(void *arg, const struct definition_binding *r)
{
    TEXT_OF("binding|%.*s|%.*s|%.*s|%d|%.*s|%zu\n", SLICE_ARG(r->vhost), SLICE_ARG(r->source),
            SLICE_ARG(r->destination), r->is_to_queue, SLICE_ARG(r->routing_key), r->arguments.n);
}

static int text_seen(void *arg, const struct definition_seen *row)
{
    lv_buffer_printf(arg, "seen|%.*s|%.*s|%d|%llx|%llx|%llu|%llu\n", SLICE_ARG(row->vhost),
                     SLICE_ARG(row->name), row->is_queue, (unsigned long long)row->low,
                     (unsigned long long)row->high, (unsigned long long)row->number,
                     (unsigned long long)row->until_ms);
    return 0;
}

char *rows_text(struct definitions *d)
{
    static const struct definitions_visitor visitor = {
        .vhost = text_vhost,
        .user = text_user,
        .permission = text_permission,
        .topic_permission = text_topic_permission,
        .global_parameter = text_global_parameter,
        .parameter = text_parameter,
        .policy = text_policy,
        .exchange = text_exchange,
        .queue = text_queue,
        .binding = text_binding,
        .seen = text_seen,
    };
    struct lv_buffer out = {0};
    assert_int_equal(definitions_load(d, &visitor, &out), 0);
    char *text = slice_strdup(lv_buffer_slice(&out));
    lv_buffer_free(&out);
    return text;
}
