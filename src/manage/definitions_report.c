/* What is wrong with a file of definitions, a line each, and what is ignored of it. */
#include <stdarg.h>

#include "base/log.h"
#include "manage/definitions_rows.h"

enum { FAULTS_SHOWN_MAX = 1000, NOTE_BYTES_MAX = 16 * 1024 };

const char *defined_kind_name(enum defined_kind kind)
{
    static const char *const names[] = {
#define DEFINED_NAME(id, name) name,
        DEFINITIONS_KINDS(DEFINED_NAME)
#undef DEFINED_NAME
    };
    return names[kind];
}

/* Appends which row it is. */
static void where_put(struct lv_buffer *out, enum defined_kind kind, const struct defined *row)
{
    if (row->source)
        lv_buffer_printf(out, "%s: ", row->source);
    lv_buffer_printf(out, "%s[%zu]", defined_kind_name(kind), row->index);
    if (kind == DEFINED_BINDINGS) {
        const struct defined_binding *b = (const struct defined_binding *)row;
        lv_buffer_printf(out, " from '%.*s' to '%.*s'", SLICE_ARG(row->name),
                         SLICE_ARG(b->destination));
    } else if (kind == DEFINED_PERMISSIONS || kind == DEFINED_TOPIC_PERMISSIONS) {
        lv_buffer_printf(out, " of user '%.*s'", SLICE_ARG(row->name));
    } else {
        lv_buffer_printf(out, " '%.*s'", SLICE_ARG(row->name));
    }
    if (row->vhost.n > 0)
        lv_buffer_printf(out, " in vhost '%.*s'", SLICE_ARG(row->vhost));
    lv_buffer_printf(out, ": ");
}

/* Ends a line, whose newlines within become spaces: a fault is one line. */
static void line_end(struct lv_buffer *out, size_t start)
{
    while (out->n > start && out->p[out->n - 1] == '\n')
        out->n--;
    for (size_t i = start; i < out->n; i++)
        if (out->p[i] == '\n' || out->p[i] == '\r')
            out->p[i] = ' ';
    lv_buffer_add_u8(out, '\n');
}

static bool fault_is_shown(struct definitions_report *report)
{
    return ++report->fault_count <= FAULTS_SHOWN_MAX;
}

bool report_fault(struct definitions_report *report, enum defined_kind kind, struct defined *row,
                  const char *format, ...)
{
    size_t start = report->faults.n;
    row->is_faulty = true;
    if (!fault_is_shown(report))
        return false;
    where_put(&report->faults, kind, row);
    va_list args;
    va_start(args, format);
    lv_buffer_vprintf(&report->faults, format, args);
    va_end(args);
    line_end(&report->faults, start);
    return false;
}

bool report_file_fault(struct definitions_report *report, const char *format, ...)
{
    size_t start = report->faults.n;
    if (!fault_is_shown(report))
        return false;
    va_list args;
    va_start(args, format);
    lv_buffer_vprintf(&report->faults, format, args);
    va_end(args);
    line_end(&report->faults, start);
    return false;
}

void report_skipped(struct definitions_report *report, enum defined_kind kind, struct defined *row,
                    const char *format, ...)
{
    size_t start = report->skipped.n;
    row->is_skipped = true;
    if (++report->skipped_count > FAULTS_SHOWN_MAX)
        return;
    where_put(&report->skipped, kind, row);
    lv_buffer_printf(&report->skipped, "left out: ");
    va_list args;
    va_start(args, format);
    lv_buffer_vprintf(&report->skipped, format, args);
    va_end(args);
    line_end(&report->skipped, start);
}

/* Returns whether the notes have this line already. */
static bool notes_have(const struct definitions_report *report, struct slice line)
{
    struct slice rest = lv_buffer_slice(&report->notes);
    while (rest.n > 0) {
        const uint8_t *end = memchr(rest.p, '\n', rest.n);
        size_t n = (size_t)(end - rest.p) + 1;
        if (slice_equal(slice_of(rest.p, n), line))
            return true;
        rest = slice_of(rest.p + n, rest.n - n);
    }
    return false;
}

void report_note(struct definitions_report *report, const char *format, ...)
{
    struct lv_buffer line = {0};
    va_list args;
    va_start(args, format);
    lv_buffer_vprintf(&line, format, args);
    va_end(args);
    line_end(&line, 0);
    if (report->notes.n + line.n <= NOTE_BYTES_MAX && !notes_have(report, lv_buffer_slice(&line))) {
        report->note_count++;
        lv_buffer_add_slice(&report->notes, lv_buffer_slice(&line));
    }
    lv_buffer_free(&line);
}

static void lines_log(enum log_level level, struct slice lines)
{
    while (lines.n > 0) {
        const uint8_t *end = memchr(lines.p, '\n', lines.n);
        size_t n = (size_t)(end - lines.p);
        log_line(level, "definitions: %.*s", (int)n, (const char *)lines.p);
        lines = slice_of(lines.p + n + 1, lines.n - n - 1);
    }
}

void definitions_report_log(const struct definitions_report *report)
{
    lines_log(LOG_WARNING, lv_buffer_slice(&report->notes));
    lines_log(LOG_WARNING, lv_buffer_slice(&report->skipped));
    if (report->skipped_count > FAULTS_SHOWN_MAX)
        log_warning("definitions: ... and %zu rows more are left out",
                    report->skipped_count - FAULTS_SHOWN_MAX);
    lines_log(LOG_ERROR, lv_buffer_slice(&report->faults));
    if (report->fault_count > FAULTS_SHOWN_MAX)
        log_error("definitions: ... and %zu faults more", report->fault_count - FAULTS_SHOWN_MAX);
}

void definitions_report_free(struct definitions_report *report)
{
    lv_buffer_free(&report->faults);
    lv_buffer_free(&report->notes);
    lv_buffer_free(&report->skipped);
}
