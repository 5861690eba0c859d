/* Listings of exchanges and bindings: topology, read without asking anybody. */
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "control/control_private.h"
#include "queue/arguments.h"
#include "queue/queue.h"
#include "topology/binding.h"
#include "topology/exchange.h"
#include "topology/vhost.h"

#define COLUMN(name) static json_t *name(const struct request *r, const void *row)
#define UNUSED() ((void)r, (void)row)

/* --- exchanges ---------------------------------------------------------------------------- */

#define EXCHANGE (*(struct exchange *const *)row)

COLUMN(exchange_column_name)
{
    UNUSED();
    return json_of_slice(exchange_name(EXCHANGE));
}

COLUMN(exchange_column_type)
{
    UNUSED();
    return json_string(EXCHANGE->type_name);
}

COLUMN(exchange_column_durable)
{
    UNUSED();
    return json_boolean(EXCHANGE->is_durable);
}

COLUMN(exchange_column_auto_delete)
{
    UNUSED();
    return json_boolean(EXCHANGE->is_auto_delete);
}

COLUMN(exchange_column_internal)
{
    UNUSED();
    return json_boolean(EXCHANGE->is_internal);
}

COLUMN(exchange_column_arguments)
{
    UNUSED();
    return json_of_arguments(EXCHANGE->arguments, exchange_argument_is_known);
}

COLUMN(exchange_column_messages_delayed)
{
    uint64_t messages;
    bool is_known = r->delayed && EXCHANGE->delayed &&
                    delayed_counts_find(r->delayed, queue_of_entry(EXCHANGE->delayed), &messages);
    return is_known ? json_of_u64(messages) : json_string("");
}

COLUMN(exchange_column_policy)
{
    UNUSED();
    return json_of_policy_name(atomic_load_explicit(&EXCHANGE->policy, memory_order_acquire),
                               POLICY_ORDINARY);
}

static const struct column exchange_columns[] = {
    {"name", exchange_column_name},
    {"type", exchange_column_type},
    {"durable", exchange_column_durable},
    {"auto_delete", exchange_column_auto_delete},
    {"internal", exchange_column_internal},
    {"arguments", exchange_column_arguments},
    {"messages_delayed", exchange_column_messages_delayed},
    {"policy", exchange_column_policy},
    {NULL, NULL},
};

static int exchanges_by_name(const void *a, const void *b)
{
    return slice_compare(exchange_name(*(struct exchange *const *)a),
                         exchange_name(*(struct exchange *const *)b));
}

/* An exchange has no references, so all rows are made before any is written: writing may wait, and
 * while we wait an exchange may go. */
static void list_exchanges(struct request *r, const struct columns *columns)
{
    struct vhost *vhost = request_vhost(r);
    if (!vhost)
        return;
    struct exchange **found = lv_malloc(64 * sizeof(struct exchange *));
    size_t count = 0, capacity = 64;
    struct lv_table_iter it;
    found[count++] = vhost->default_exchange; /* it stands in no table */
    for (struct lv_table_node *node = lv_table_first(vhost->exchanges, &it); node;
         node = lv_table_next(vhost->exchanges, &it)) {
        if (count == capacity) {
            capacity *= 2;
            found = lv_realloc(found, capacity * sizeof(struct exchange *));
        }
        found[count++] = lv_container_of(node, struct exchange, by_name);
    }
    qsort(found, count, sizeof(struct exchange *), exchanges_by_name);
    json_t *rows = json_array();
    for (size_t i = 0; i < count; i++)
        json_array_append_new(rows, columns_json(r, columns, &found[i]));
    free(found);
    request_rows(r, rows);
    request_done(r, NULL);
}

static bool is_chosen(const struct columns *columns, const char *name)
{
    for (size_t i = 0; i < columns->count; i++) {
        if (strcmp(columns->chosen[i]->name, name) == 0)
            return true;
    }
    return false;
}

static void run_list_exchanges(struct request *r)
{
    struct columns columns;
    if (!columns_choose(r, exchange_columns, &columns))
        return;
    struct vhost *vhost = request_vhost(r);
    if (!vhost)
        return;
    struct delayed_counts *counts =
        is_chosen(&columns, "messages_delayed") ? delayed_counts_take(r, vhost) : NULL;
    r->delayed = counts;
    list_exchanges(r, &columns);
    r->delayed = NULL;
    delayed_counts_free(&counts);
}

/* --- bindings ----------------------------------------------------------------------------- */

struct binding_row {
    enum destination_kind kind;
    struct slice source, destination, routing_key, arguments; /* offsets into `bytes` at first */
};

struct binding_rows {
    struct lv_buffer bytes;
    struct lv_buffer rows; /* of struct binding_row */
};

/* A copy, as the row may wait for its reader longer than the binding lives. A slice is kept as its
 * offset, as the buffer may still move. */
static struct slice keep(struct binding_rows *rows, struct slice s)
{
    uintptr_t offset = rows->bytes.n;
    lv_buffer_add_slice(&rows->bytes, s);
    return (struct slice){.p = (const uint8_t *)offset,
                          .n = s.n}; // NOLINT(performance-no-int-to-ptr)
}

static void keep_binding(void *arg, struct slice source, const struct destination *destination,
                         struct slice routing_key, struct slice arguments)
{
    struct binding_rows *rows = arg;
    const struct binding_row row = {
        .kind = destination->kind,
        .source = keep(rows, source),
        .destination = keep(rows, destination->name),
        .routing_key = keep(rows, routing_key),
        .arguments = keep(rows, arguments),
    };
    lv_buffer_add(&rows->rows, &row, sizeof row);
}

static void settle(const struct binding_rows *rows, struct slice *s)
{
    s->p = rows->bytes.p ? rows->bytes.p + (uintptr_t)s->p : (const uint8_t *)"";
}

static int bindings_in_order(const void *a, const void *b)
{
    const struct binding_row *p = a, *q = b;
    int order = slice_compare(p->source, q->source);
    if (order == 0)
        order = slice_compare(p->destination, q->destination);
    if (order == 0)
        order = slice_compare(p->routing_key, q->routing_key);
    return order ? order : slice_compare(p->arguments, q->arguments);
}

#define BINDING ((const struct binding_row *)row)

COLUMN(binding_source_name)
{
    UNUSED();
    return json_of_slice(BINDING->source);
}

COLUMN(binding_source_kind)
{
    UNUSED();
    return json_string("exchange");
}

COLUMN(binding_destination_name)
{
    UNUSED();
    return json_of_slice(BINDING->destination);
}

COLUMN(binding_destination_kind)
{
    UNUSED();
    return json_string(BINDING->kind == DESTINATION_QUEUE ? "queue" : "exchange");
}

COLUMN(binding_routing_key)
{
    UNUSED();
    return json_of_slice(BINDING->routing_key);
}

COLUMN(binding_arguments)
{
    UNUSED();
    return json_of_table(BINDING->arguments);
}

static const struct column binding_columns[] = {
    {"source_name", binding_source_name},
    {"source_kind", binding_source_kind},
    {"destination_name", binding_destination_name},
    {"destination_kind", binding_destination_kind},
    {"routing_key", binding_routing_key},
    {"arguments", binding_arguments},
    {NULL, NULL},
};

static void run_list_bindings(struct request *r)
{
    struct columns columns;
    if (!columns_choose(r, binding_columns, &columns))
        return;
    struct vhost *vhost = request_vhost(r);
    if (!vhost)
        return;
    struct binding_rows rows = {0};
    binding_each(vhost, keep_binding, &rows);
    struct binding_row *row = (struct binding_row *)(void *)rows.rows.p;
    size_t count = rows.rows.n / sizeof *row;
    for (size_t i = 0; i < count; i++) {
        settle(&rows, &row[i].source);
        settle(&rows, &row[i].destination);
        settle(&rows, &row[i].routing_key);
        settle(&rows, &row[i].arguments);
    }
    if (count > 0)
        qsort(row, count, sizeof *row, bindings_in_order);
    for (size_t i = 0; i < count && !request_is_cut(r); i++)
        columns_row(r, &columns, &row[i]);
    lv_buffer_free(&rows.bytes);
    lv_buffer_free(&rows.rows);
    request_done(r, NULL);
}

const struct control_command control_topology_commands[] = {
    {"list_exchanges", run_list_exchanges, "vhost", "a row for each exchange: columns"},
    {"list_bindings", run_list_bindings, "vhost", "a row for each binding: columns"},
    {NULL, NULL, NULL, NULL},
};
