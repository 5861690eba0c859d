/* Exporting and importing definitions. A file may be larger than a request, so a client sends it in
 * parts before it asks for the import. */
#include <stdlib.h>

#include "control/control_private.h"
#include "manage/compute_slots.h"
#include "manage/definitions.h"
#include "manage/jobs.h"

enum { WAIT_MS = 1000 };

/* A part of an export is a row with one string. */
static bool part_write(void *request, struct slice part)
{
    struct request *r = request;
    request_row(r, json_pack("[o]", json_stringn((const char *)part.p, part.n)));
    return !request_is_cut(r);
}

static void run_export_definitions(struct request *r)
{
    const struct definitions_export what = {.is_for_cli = true};
    struct manage_error error = {0};
    compute_slot_take();
    bool is_done = manage_export_definitions(r->manage, &actor_cli, &what, part_write, r, &error);
    request_end(r, is_done, &error);
}

static void run_upload(struct request *r)
{
    struct slice text = request_string(r, "text");
    if (r->upload->n + text.n > DEFINITIONS_BYTES_MAX) {
        request_refuse(r, "bad_request", "at most %d bytes can be uploaded", DEFINITIONS_BYTES_MAX);
        return;
    }
    lv_buffer_add_slice(r->upload, text);
    request_done(r, NULL);
}

static void answer_import(struct request *r, const struct job_facts *f)
{
    struct manage_error error = {
        .refusal = f->refusal, .subject = f->subject, .error = f->error_code};
    lv_buffer_add_slice(&error.text, f->error);
    if (f->state == JOB_CANCELLED)
        manage_refuse(&error, REFUSAL_PRECONDITION, SUBJECT_NONE,
                      "the import was cancelled: nothing is changed");
    request_end_with(r, f->state == JOB_DONE,
                     json_pack("{s:b, s:s%}", "unchanged", f->is_unchanged, "notes",
                               f->notes.n ? (const char *)f->notes.p : "", f->notes.n),
                     &error);
}

/* Waits for the end of the job, as long as the client does. */
static void await_import(struct request *r, uint64_t id)
{
    struct manage_error error = {0};
    struct job_facts *f = NULL;
    do {
        free(f);
        f = job_wait(r->manage->jobs, &actor_cli, id, WAIT_MS, &error);
    } while (f && f->state == JOB_RUNNING && !request_is_cut(r));
    if (f)
        answer_import(r, f);
    else
        request_end(r, false, &error);
    free(f);
}

/* Answers what an import of what was uploaded would change. */
static void compare_definitions(struct request *r)
{
    const struct slice text = lv_buffer_slice(r->upload);
    const struct definitions_source source = {.text = text.n > 0 ? text : slice_str("{}")};
    const struct definitions_import what = {.sources = &source,
                                            .source_count = 1,
                                            .skip_unsupported =
                                                request_flag(r, "skip_unsupported")};
    struct definitions_report report = {0};
    struct manage_error error = {0};
    json_t *kinds = NULL, *more = NULL;
    compute_slot_take();
    bool is_done =
        manage_compare_definitions(r->manage, &actor_cli, &what, &report, &kinds, &error);
    if (is_done) {
        lv_buffer_add_slice(&report.notes, lv_buffer_slice(&report.skipped));
        more = json_pack("{s:o, s:o}", "kinds", kinds, "notes",
                         json_of_slice(lv_buffer_slice(&report.notes)));
    }
    request_end_with(r, is_done, more, &error);
    definitions_report_free(&report);
    lv_buffer_free(r->upload);
}

static void run_import_definitions(struct request *r)
{
    if (request_flag(r, "dry_run")) {
        compare_definitions(r);
        return;
    }
    const struct import_order order = {
        .body = *r->upload,
        .text = lv_buffer_slice(r->upload),
        .skip_if_unchanged = request_flag(r, "skip_if_unchanged"),
        .skip_unsupported = request_flag(r, "skip_unsupported"),
    };
    struct manage_error error = {0};
    uint64_t id = 0;
    *r->upload = (struct lv_buffer){0};
    if (job_start_import(r->manage->jobs, &actor_cli, &order, &id, &error))
        await_import(r, id);
    else
        request_end(r, false, &error);
}

const struct control_command control_definition_commands[] = {
    {"export_definitions", run_export_definitions, ""},
    {"upload", run_upload, "text"},
    {"import_definitions", run_import_definitions, ""},
    {NULL, NULL, NULL},
};
