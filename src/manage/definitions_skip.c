/* What a file has that this broker does not support is left out if the importer wants that: queues
 * and exchanges of unknown types, their bindings, and parameters of unknown components. */
#include "manage/definitions_rows.h"

#include <stdlib.h>

#include "broker/parameters.h"
#include "topology/exchange.h"
#include "wire/table.h"

struct skipping {
    struct definitions_file *file;
    struct definitions_report *report;
    struct name_index queues, exchanges;
};

static void skip_parameter(struct skipping *s, struct defined *row)
{
    struct slice component = ((struct defined_parameter *)row)->component;
    if (!parameter_has_component(component))
        report_skipped(s->report, DEFINED_PARAMETERS, row, "component %.*s not found",
                       SLICE_ARG(component));
}

static void skip_queue(struct skipping *s, struct defined *row)
{
    struct field type;
    bool has_type = table_find(((struct defined_queue *)row)->arguments, "x-queue-type", &type) &&
                    type.type == FIELD_LONGSTR;
    if (has_type && !slice_is(type.bytes, "classic") && !slice_is(type.bytes, "quorum"))
        report_skipped(s->report, DEFINED_QUEUES, row, "queue type '%.*s' is not supported",
                       SLICE_ARG(type.bytes));
}

static void skip_exchange(struct skipping *s, struct defined *row)
{
    const struct defined_exchange *x = (struct defined_exchange *)row;
    const struct exchange_declaration d = {.type = x->type, .arguments = x->arguments};
    if (!exchange_type_of(&d))
        report_skipped(s->report, DEFINED_EXCHANGES, row, "unknown exchange type '%.*s'",
                       SLICE_ARG(x->type));
}

static bool is_left_out(const struct name_index *index, const struct defined *binding,
                        struct slice name)
{
    const struct defined *row = index_find(index, binding->vhost, name);
    return row && row->is_skipped;
}

static void skip_binding(struct skipping *s, struct defined *row)
{
    const struct defined_binding *b = (struct defined_binding *)row;
    bool is_to_queue = slice_is(b->destination_type, "queue");
    if (is_left_out(&s->exchanges, row, row->name))
        report_skipped(s->report, DEFINED_BINDINGS, row, "its source is left out");
    else if (is_left_out(is_to_queue ? &s->queues : &s->exchanges, row, b->destination))
        report_skipped(s->report, DEFINED_BINDINGS, row, "its destination is left out");
}

static void skip_in(struct skipping *s, enum defined_kind kind,
                    void (*skip)(struct skipping *s, struct defined *row))
{
    for (size_t i = 0; i < s->file->lists[kind].count; i++) {
        struct defined *row = defined_at(&s->file->lists[kind], i);
        if (!row->is_faulty)
            skip(s, row);
    }
}

void definitions_skip_unsupported(struct definitions_file *file, struct definitions_report *report)
{
    struct skipping s = {
        .file = file,
        .report = report,
        .queues = index_make(&file->lists[DEFINED_QUEUES]),
        .exchanges = index_make(&file->lists[DEFINED_EXCHANGES]),
    };
    skip_in(&s, DEFINED_PARAMETERS, skip_parameter);
    skip_in(&s, DEFINED_EXCHANGES, skip_exchange);
    skip_in(&s, DEFINED_QUEUES, skip_queue);
    skip_in(&s, DEFINED_BINDINGS, skip_binding);
    free(s.queues.rows);
    free(s.exchanges.rows);
}
