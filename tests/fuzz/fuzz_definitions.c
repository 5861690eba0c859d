/* A file of definitions of any bytes is refused with a reason, or read into rows and a report. */
#include <stddef.h>
#include <stdint.h>

#include "base/assert.h"
#include "manage/definitions_rows.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n);

/* Every fault is a line. */
static void check_report(const struct definitions_report *report)
{
    size_t lines = 0;
    for (size_t i = 0; i < report->faults.n; i++)
        lines += report->faults.p[i] == '\n';
    lv_assert(lines <= report->fault_count);
    lv_assert((lines == 0) == (report->fault_count == 0));
}

static void check_rows(const struct definitions_file *file, const struct definitions_report *report)
{
    for (enum defined_kind kind = 0; kind < DEFINED_KINDS; kind++) {
        const struct defined_list *list = &file->lists[kind];
        lv_assert(list->count <= report->listed[kind]);
        for (size_t i = 0; i < list->count; i++)
            lv_assert(defined_at(list, i)->is_faulty ? report->fault_count > 0
                                                     : defined_at(list, i)->name.n <= 255);
    }
}

static void read_as(const struct definitions_import *what)
{
    struct definitions_report report = {0};
    struct definitions_file file;
    struct manage_error error = {0};
    if (definitions_read(what, &report, &file, &error)) {
        definitions_skip_unsupported(&file, &report);
        check_rows(&file, &report);
    } else {
        lv_assert(error.refusal == REFUSAL_MALFORMED && error.text.n > 0);
    }
    check_report(&report);
    definitions_file_free(&file);
    definitions_report_free(&report);
    manage_error_free(&error);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
    const struct definitions_source sources[] = {{"a", slice_of(bytes, n)},
                                                 {"b", slice_of(bytes, n)}};
    const struct slice vhost = slice_str("v");
    lv_assert(definitions_memory(slice_of(bytes, n)) >= n);
    read_as(&(struct definitions_import){.sources = sources, .source_count = 1});
    read_as(&(struct definitions_import){.sources = sources, .source_count = 2, .vhost = &vhost});
    return 0;
}
