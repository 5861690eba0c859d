/* Exporting and importing definitions. A file may be larger than a request, so a client sends it in
 * parts before it asks for the import. */
#include "control/control_private.h"
#include "manage/compute_slots.h"
#include "manage/definitions.h"

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

static void run_import_definitions(struct request *r)
{
    const struct definitions_source source = {.text = lv_buffer_slice(r->upload)};
    const struct definitions_import what = {
        .sources = &source,
        .source_count = 1,
        .skip_if_unchanged = request_flag(r, "skip_if_unchanged"),
    };
    struct definitions_report report = {0};
    struct manage_error error = {0};
    compute_slot_take();
    bool is_done = manage_import_definitions(r->manage, &actor_cli, &what, &report, &error);
    if (!is_done || report.note_count > 0)
        definitions_report_log(&report);
    request_end_with(r, is_done,
                     json_pack("{s:b, s:s%}", "unchanged", report.is_unchanged, "notes",
                               report.notes.n ? (const char *)report.notes.p : "", report.notes.n),
                     &error);
    definitions_report_free(&report);
    lv_buffer_free(r->upload);
}

const struct control_command control_definition_commands[] = {
    {"export_definitions", run_export_definitions, ""},
    {"upload", run_upload, "text"},
    {"import_definitions", run_import_definitions, ""},
    {NULL, NULL, NULL},
};
