#include "shop/orders.h"

#include "common/program.h"

#include <inttypes.h>
#include <sqlite3.h>
#include <stdlib.h>

enum { BUSY_TIMEOUT_MS = 5000 };

/* WAL lets the page be read while an order is written; synchronous=FULL puts every order on disk
 * before it is answered. */
static const char schema[] =
    "PRAGMA journal_mode = WAL;"
    "PRAGMA synchronous = FULL;"
    "CREATE TABLE IF NOT EXISTS orders ("
    "  id INTEGER PRIMARY KEY AUTOINCREMENT,"
    "  customer TEXT NOT NULL, email TEXT NOT NULL, item TEXT NOT NULL, note TEXT NOT NULL,"
    "  quantity INTEGER NOT NULL, unit_cents INTEGER NOT NULL,"
    "  ordered_at_ms INTEGER NOT NULL,"
    "  state TEXT NOT NULL DEFAULT 'stored' CHECK (state IN ('stored', 'published')),"
    "  published_at_ms INTEGER NOT NULL DEFAULT 0);"
    "CREATE INDEX IF NOT EXISTS orders_stored ON orders (id) WHERE state = 'stored';";

#define ROW_COLUMNS                                                                                \
    "id, customer, email, item, note, quantity, unit_cents, ordered_at_ms, published_at_ms"

#define STATEMENTS(S)                                                                              \
    S(ADD, "INSERT INTO orders (customer, email, item, note, quantity, unit_cents, ordered_at_ms)" \
           " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)")                                                 \
    S(NEWEST, "SELECT " ROW_COLUMNS " FROM orders ORDER BY id DESC LIMIT ?1")                      \
    S(UNPUBLISHED,                                                                                 \
      "SELECT " ROW_COLUMNS " FROM orders WHERE state = 'stored' ORDER BY id LIMIT ?1")            \
    S(SET_PUBLISHED, "UPDATE orders SET state = 'published', published_at_ms = ?2 WHERE id = ?1")  \
    S(BEGIN, "BEGIN IMMEDIATE")                                                                    \
    S(COMMIT, "COMMIT")                                                                            \
    S(ROLLBACK, "ROLLBACK")

#define STATEMENT_NAME(name, sql) name,
#define STATEMENT_SQL(name, sql) sql,
enum statement { STATEMENTS(STATEMENT_NAME) STATEMENT_COUNT };
static const char *const statement_sql[STATEMENT_COUNT] = {STATEMENTS(STATEMENT_SQL)};

struct orders {
    sqlite3 *database;
    sqlite3_stmt *statements[STATEMENT_COUNT];
};

static int failed(const struct orders *orders, const char *what)
{
    program_log("the orders' database: %s: %s", what, sqlite3_errmsg(orders->database));
    return -1;
}

int orders_open(const char *path, struct orders **ret)
{
    struct orders *orders = calloc(1, sizeof(*orders));
    if (!orders || sqlite3_open(path, &orders->database) != SQLITE_OK) {
        program_log("%s: %s", path, orders ? sqlite3_errmsg(orders->database) : "out of memory");
        goto fail;
    }
    sqlite3_busy_timeout(orders->database, BUSY_TIMEOUT_MS);
    if (sqlite3_exec(orders->database, schema, NULL, NULL, NULL) != SQLITE_OK) {
        failed(orders, path);
        goto fail;
    }
    for (int i = 0; i < STATEMENT_COUNT; i++) {
        if (sqlite3_prepare_v3(orders->database, statement_sql[i], -1, SQLITE_PREPARE_PERSISTENT,
                               &orders->statements[i], NULL) != SQLITE_OK) {
            failed(orders, statement_sql[i]);
            goto fail;
        }
    }
    *ret = orders;
    return 0;

fail:
    orders_close(&orders);
    return -1;
}

void orders_close(struct orders **orders)
{
    if (!*orders)
        return;
    for (int i = 0; i < STATEMENT_COUNT; i++)
        sqlite3_finalize((*orders)->statements[i]);
    sqlite3_close((*orders)->database);
    free(*orders);
    *orders = NULL;
}

/* Runs a statement that brings no rows, and readies it for the next time. */
static int run(struct orders *orders, enum statement which)
{
    sqlite3_stmt *statement = orders->statements[which];
    int status = sqlite3_step(statement);
    int result = status == SQLITE_DONE ? 0 : failed(orders, "writing");
    sqlite3_reset(statement);
    sqlite3_clear_bindings(statement);
    return result;
}

int orders_add(struct orders *orders, struct order *order)
{
    sqlite3_stmt *statement = orders->statements[ADD];
    sqlite3_bind_text(statement, 1, order->customer, -1, SQLITE_STATIC);
    sqlite3_bind_text(statement, 2, order->email, -1, SQLITE_STATIC);
    sqlite3_bind_text(statement, 3, order->item, -1, SQLITE_STATIC);
    sqlite3_bind_text(statement, 4, order->note, -1, SQLITE_STATIC);
    sqlite3_bind_int(statement, 5, order->quantity);
    sqlite3_bind_int(statement, 6, order->unit_cents);
    sqlite3_bind_int64(statement, 7, order->ordered_at_ms);
    if (run(orders, ADD) < 0)
        return -1;
    order->id = sqlite3_last_insert_rowid(orders->database);
    return 0;
}

static void column_text(sqlite3_stmt *statement, int column, char *field, size_t field_size)
{
    const char *text = (const char *)sqlite3_column_text(statement, column);
    if (!text || order_copy_text(field, field_size, text) < 0)
        *field = '\0'; /* somebody else wrote to our file: order_check() finds it */
}
#define COLUMN_TEXT(statement, column, field)                                                      \
    column_text((statement), (column), (field), sizeof(field))

static void read_row(sqlite3_stmt *statement, struct order_row *row)
{
    *row = (struct order_row){0};
    row->order.id = sqlite3_column_int64(statement, 0);
    COLUMN_TEXT(statement, 1, row->order.customer);
    COLUMN_TEXT(statement, 2, row->order.email);
    COLUMN_TEXT(statement, 3, row->order.item);
    COLUMN_TEXT(statement, 4, row->order.note);
    row->order.quantity = sqlite3_column_int(statement, 5);
    row->order.unit_cents = sqlite3_column_int(statement, 6);
    row->order.ordered_at_ms = sqlite3_column_int64(statement, 7);
    row->published_at_ms = sqlite3_column_int64(statement, 8);
}

static int read_rows(struct orders *orders, enum statement which, struct order_row *rows,
                     int rows_max)
{
    sqlite3_stmt *statement = orders->statements[which];
    sqlite3_bind_int(statement, 1, rows_max);
    int count = 0, status;
    while ((status = sqlite3_step(statement)) == SQLITE_ROW)
        read_row(statement, &rows[count++]);
    int result = status == SQLITE_DONE ? count : failed(orders, "reading");
    sqlite3_reset(statement);
    return result;
}

int orders_newest(struct orders *orders, struct order_row *rows, int rows_max)
{
    return read_rows(orders, NEWEST, rows, rows_max);
}

int orders_unpublished(struct orders *orders, struct order_row *rows, int rows_max)
{
    return read_rows(orders, UNPUBLISHED, rows, rows_max);
}

int orders_set_published(struct orders *orders, const struct order_row *rows, int count,
                         int64_t published_at_ms)
{
    if (run(orders, BEGIN) < 0)
        return -1;
    for (int i = 0; i < count; i++) {
        sqlite3_bind_int64(orders->statements[SET_PUBLISHED], 1, rows[i].order.id);
        sqlite3_bind_int64(orders->statements[SET_PUBLISHED], 2, published_at_ms);
        if (run(orders, SET_PUBLISHED) < 0)
            goto undo;
    }
    if (run(orders, COMMIT) == 0)
        return 0;
undo:
    run(orders, ROLLBACK);
    return -1;
}
