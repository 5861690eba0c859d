/* Reads the log after log_recover() has found its end: reads the files of the chain (log_recover.c)
 * from the oldest to the newest, one per call, and calls the visitor for each record. */
#include <inttypes.h>
#include <stdio.h>

#include "base/assert.h"
#include "base/error.h"
#include "base/log.h"
#include "store/log_unread.h"

static void report_damage(struct log_unread *r, uint64_t file, uint64_t from, uint64_t to)
{
    char what[96];
    snprintf(what, sizeof what, "damaged, %" PRIu64 " bytes cannot be read and are skipped",
             to - from);
    unread_report(r, file, from, to - from, what);
}

/* Returns ERR_FORMAT, with a reason that names file and offset. */
static int refuse_record(const struct found_file *f, uint64_t offset)
{
    char why[128];
    snprintf(why, sizeof why, "%s", lv_error_reason(ERR_FORMAT));
    return lv_error_explain(ERR_FORMAT,
                            LOG_FOLDER "/%020" PRIu64 ".log, offset %" PRIu64
                                       ": %s, which this Leveret does not know: start the newer "
                                       "Leveret that wrote it",
                            f->number, offset, why);
}

static int visit_record(struct log_unread *r, const struct found_file *f,
                        const struct log_record *record, uint64_t offset)
{
    int err = log_record_visit(record, f->number, r->visitor, r->arg, &r->scratch);
    if (err == ERR_FORMAT)
        return refuse_record(f, offset);
    if (err < 0)
        unread_report(r, f->number, offset, record->bytes, "a malformed record is skipped");
    else
        r->counts.records += record->type != LOG_BATCH;
    return 0;
}

/* Reads a file and visits its records. */
static int read_records(struct log_unread *r, const struct found_file *f)
{
    struct slice bytes = SLICE_EMPTY;
    int err = unread_read_to_end(r, f, &bytes);
    if (err < 0)
        return err;
    r->counts.files++;
    r->counts.bytes_read += bytes.n;
    if (!f->has_header)
        unread_report(r, f->number, 0, LOG_FILE_HEADER_BYTES, "the header is damaged");
    uint64_t offset = LOG_FILE_HEADER_BYTES;
    for (;;) {
        struct log_record record;
        uint64_t next;
        enum step what = unread_step(r, f, bytes, offset, &record, &next);
        if (what == STEP_END || what == STEP_TORN)
            return 0;
        if (what == STEP_DAMAGE)
            report_damage(r, f->number, offset, next);
        else
            err = visit_record(r, f, &record, offset);
        if (err < 0)
            return err;
        offset = next;
    }
}

static const struct found_file *next_to_read(const struct log_unread *r)
{
    for (size_t i = r->next; i < r->count; i++)
        if (r->files[i].is_in_chain)
            return &r->files[i];
    return NULL;
}

static void log_what_was_read(const struct log_recovery *c)
{
    if (c->files == 0)
        return;
    log_info(
        "log: read %" PRIu64 " records, %" PRIu64 " bytes in %" PRIu64 " files; %" PRIu64
        " bytes of a torn write dropped, %" PRIu64 " damaged ranges (%" PRIu64 " bytes) skipped",
        c->records, c->bytes_read, c->files, c->torn_bytes, c->damaged_ranges, c->damaged_bytes);
}

int log_read(struct log *log, const struct log_visitor *visitor, void *arg, bool *ret_is_over)
{
    struct log_unread *r = log->unread;
    lv_assert(r != NULL);
    lv_assert(visitor != NULL);
    const struct found_file *f = next_to_read(r);
    r->visitor = visitor;
    r->arg = arg;
    if (f) {
        int err = read_records(r, f);
        if (err < 0)
            return err;
        r->next = (size_t)(f - r->files) + 1;
    }
    *ret_is_over = !next_to_read(r);
    log->recovered = r->counts;
    if (*ret_is_over) {
        log_what_was_read(&r->counts);
        log_unread_free(&log->unread);
        atomic_store_explicit(&log->has_unread, false, memory_order_release);
    }
    return 0;
}

uint64_t log_unread_bytes(const struct log *log)
{
    const struct log_unread *r = log->unread;
    uint64_t bytes = 0;
    for (size_t i = r ? r->next : 0; r && i < r->count; i++)
        if (r->files[i].is_in_chain)
            bytes += r->files[i].end ? r->files[i].end : r->files[i].bytes;
    return bytes;
}
