/* The job that imports definitions. */
#include <stdlib.h>

#include "base/memory.h"
#include "manage/compute_slots.h"
#include "manage/definitions.h"
#include "manage/jobs.h"

struct import_job {
    struct import_order order;
    bool has_vhost;
    struct slice vhost; /* owned */
};

static void body_free(void *arg)
{
    lv_buffer_free(&((struct import_job *)arg)->order.body);
}

static void import_job_free(void *arg)
{
    struct import_job *j = arg;
    body_free(j);
    if (j->order.free_memory)
        j->order.free_memory(j->order.memory);
    free((void *)(uintptr_t)j->vhost.p);
    free(j);
}

static bool run_import(struct manage *m, const struct actor *actor, void *arg,
                       struct progress *progress, struct job_result *result,
                       struct manage_error *error)
{
    struct import_job *j = arg;
    const struct definitions_source source = {.text = j->order.text};
    const struct definitions_import what = {
        .sources = &source,
        .source_count = 1,
        .vhost = j->has_vhost ? &j->vhost : NULL,
        .is_read = body_free,
        .arg = j,
        .skip_if_unchanged = j->order.skip_if_unchanged,
        .skip_unsupported = j->order.skip_unsupported,
    };
    struct definitions_report report = {0};
    compute_slot_take();
    bool is_done = manage_import_definitions(m, actor, &what, progress, &report, error);
    definitions_report_log(&report);
    result->is_unchanged = report.is_unchanged;
    lv_buffer_add_slice(&result->notes, lv_buffer_slice(&report.notes));
    lv_buffer_add_slice(&result->notes, lv_buffer_slice(&report.skipped));
    definitions_report_free(&report);
    return is_done;
}

bool job_start_import(struct jobs *jobs, const struct actor *actor,
                      const struct import_order *order, uint64_t *ret_id,
                      struct manage_error *error)
{
    struct import_job *j = lv_calloc(1, sizeof *j);
    struct lv_buffer what = {0};
    j->order = *order;
    j->has_vhost = order->vhost != NULL;
    j->vhost = slice_copy(order->vhost ? *order->vhost : SLICE_EMPTY);
    j->order.vhost = NULL;
    lv_buffer_printf(&what, "definitions%s%.*s%s", j->has_vhost ? " of vhost '" : "",
                     SLICE_ARG(j->vhost), j->has_vhost ? "'" : "");
    const struct job_work work = {.kind = "import",
                                  .what = lv_buffer_slice(&what),
                                  .run = run_import,
                                  .arg = j,
                                  .free_arg = import_job_free};
    bool is_started = job_start(jobs, actor, &work, ret_id, error);
    lv_buffer_free(&what);
    return is_started;
}
