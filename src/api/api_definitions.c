/* Definitions: exported as a file, imported from a body or from a form with a file. */
#include <stdlib.h>

#include "api/api_jobs.h"
#include "api/multipart.h"
#include "manage/compute_slots.h"
#include "manage/definitions.h"
#include "topology/vhost.h"

/* --- export ----------------------------------------------------------------------------------- */

static bool part_write(void *call, struct slice part)
{
    struct api_call *c = call;
    lv_buffer_add_slice(http_out(c->http), part);
    return api_flush(c);
}

/* ?download=NAME makes browsers save the answer as a file. Only characters that need no quotes are
 * taken over. */
static void set_file_name(struct api_call *c)
{
    struct slice name = api_query(c, "download");
    struct lv_buffer value = {0};
    if (name.n == 0)
        return;
    lv_buffer_printf(&value, "attachment; filename=");
    for (size_t i = 0; i < name.n; i++) {
        uint8_t b = name.p[i];
        bool is_plain = (b >= '0' && b <= '9') || (b >= 'a' && b <= 'z') ||
                        (b >= 'A' && b <= 'Z') || b == '.' || b == '-' || b == '_';
        lv_buffer_add_u8(&value, is_plain ? b : '_');
    }
    http_add_header(c->http, "content-disposition", lv_buffer_slice(&value));
    lv_buffer_free(&value);
}

static void answer_export(struct api_call *c, const struct slice *vhost)
{
    const struct definitions_export what = {.vhost = vhost};
    struct manage_error error = {0};
    compute_slot_take();
    set_file_name(c);
    if (!manage_export_definitions(c->manage, &c->actor, &what, part_write, c, &error))
        api_refuse_as(c, &error);
}

static void export_all(struct api_call *c)
{
    answer_export(c, NULL);
}

/* --- import ----------------------------------------------------------------------------------- */

/* A page that has sent a form is sent on, but only to a place on this server. */
static bool is_local(struct slice location)
{
    for (size_t i = 0; i < location.n && location.p[i] != '/'; i++)
        if (location.p[i] == ':' || location.p[i] == '\\')
            return false;
    return location.n > 0 && !slice_begins(location, "//") && !slice_begins(location, "/\\");
}

static void answer_import(struct api_call *c, struct slice redirect)
{
    if (!is_local(redirect)) {
        api_done(c, 204);
        return;
    }
    api_done(c, 303);
    http_add_header(c->http, "location", redirect);
}

/* RabbitMQ's reason, and beside it what is wrong and where. */
static void refuse_text(struct api_call *c, struct slice message)
{
    api_refuse(c, 400, "bad_request", "failed_to_parse_json");
    http_out(c->http)->n--; /* the bracket at the end */
    json_write_key(&c->json, "message");
    json_write_string(&c->json, message);
    json_write_end(&c->json, '}');
}

static void refuse_import(struct api_call *c, const struct job_facts *f)
{
    struct manage_error error = {.refusal = f->refusal, .subject = f->subject};
    if (f->refusal == REFUSAL_MALFORMED) {
        refuse_text(c, f->error);
        return;
    }
    lv_buffer_add_slice(&error.text, f->error);
    api_refuse_as(c, &error);
}

static void answer_ended(struct api_call *c, const struct job_facts *f, struct slice redirect)
{
    if (f->state == JOB_FAILED)
        refuse_import(c, f);
    else if (f->state == JOB_CANCELLED)
        api_refuse(c, 409, "conflict", "the import was cancelled: nothing is changed");
    else if (api_query_flag(c, "skip_unsupported"))
        api_show_job(c, f); /* it says what was left out */
    else
        answer_import(c, redirect);
}

static void memory_free(void *hold)
{
    struct http_hold *h = hold;
    http_hold_free(&h);
}

/* Starts the job, with the body and what is reserved of memory. */
static struct job_facts *start_import(struct api_call *c, struct slice text,
                                      const struct slice *vhost)
{
    struct import_order order = {
        .text = text.n > 0 ? text : slice_str("{}"),
        .vhost = vhost,
        .skip_unsupported = api_query_flag(c, "skip_unsupported"),
        .free_memory = memory_free,
    };
    struct manage_error error = {0};
    uint64_t id = 0;
    order.memory = http_take_body(c->http, &order.body);
    bool is_started = job_start_import(c->manage->jobs, &c->actor, &order, &id, &error);
    return api_await_job(c, is_started, id, &error);
}

/* --- what an import would do ------------------------------------------------------------------ */

static void write_lines(struct api_call *c, const char *key, const struct lv_buffer *lines)
{
    struct slice rest = lv_buffer_slice(lines);
    json_write_key(&c->json, key);
    json_write_begin(&c->json, '[');
    while (rest.n > 0) {
        const uint8_t *end = memchr(rest.p, '\n', rest.n);
        size_t n = (size_t)(end - rest.p);
        json_write_string(&c->json, slice_of(rest.p, n));
        rest = slice_of(rest.p + n + 1, rest.n - n - 1);
    }
    json_write_end(&c->json, ']');
}

static void compare_text(struct api_call *c, struct slice text, const struct slice *vhost)
{
    const struct definitions_source source = {.text = text.n > 0 ? text : slice_str("{}")};
    const struct definitions_import what = {.sources = &source,
                                            .source_count = 1,
                                            .vhost = vhost,
                                            .skip_unsupported =
                                                api_query_flag(c, "skip_unsupported")};
    struct definitions_report report = {0};
    struct manage_error error = {0};
    json_t *difference = NULL;
    compute_slot_take();
    if (manage_compare_definitions(c->manage, &c->actor, &what, &report, &difference, &error)) {
        json_write_begin(&c->json, '{');
        json_write_key(&c->json, "kinds");
        json_write_tree(&c->json, difference);
        write_lines(c, "notes", &report.notes);
        write_lines(c, "skipped", &report.skipped);
        json_write_end(&c->json, '}');
    } else if (error.refusal == REFUSAL_MALFORMED) {
        refuse_text(c, lv_buffer_slice(&error.text));
        manage_error_free(&error);
    } else {
        api_refuse_as(c, &error);
    }
    definitions_report_free(&report);
}

/* --- the import itself ------------------------------------------------------------------------ */

static void import_text(struct api_call *c, struct slice text, struct slice redirect,
                        const struct slice *vhost)
{
    if (!http_reserve(c->http, definitions_memory(text))) {
        api_refuse(c, 503, "service_unavailable", "there is no memory for a request of this size");
        return;
    }
    if (api_query_flag(c, "dry_run")) {
        compare_text(c, text, vhost);
        return;
    }
    struct slice location = slice_copy(redirect); /* the body is taken */
    struct job_facts *f = start_import(c, text, vhost);
    if (f && (f->state == JOB_RUNNING || api_query_flag(c, "async")))
        api_show_job(c, f);
    else if (f)
        answer_ended(c, f, location);
    free((void *)(uintptr_t)location.p);
    free(f);
}

static void import_into(struct api_call *c, const struct slice *vhost)
{
    struct slice type = http_header(c->http, "content-type"), body = http_body(c->http);
    struct slice file = body, redirect = SLICE_EMPTY;
    if (multipart_is(type)) {
        if (!multipart_find(type, body, "file", &file)) {
            refuse_text(c, slice_str("the form has no part 'file'"));
            return;
        }
        multipart_find(type, body, "redirect", &redirect);
    }
    import_text(c, file, redirect, vhost);
}

static void import_all(struct api_call *c)
{
    import_into(c, NULL);
}

/* --- of a vhost ------------------------------------------------------------------------------- */

/* Returns whether the vhost exists. If not, RabbitMQ does not answer as for other paths. */
static bool has_vhost(struct api_call *c, unsigned status, const char *error)
{
    if (vhost_find(&c->manage->broker->topology, api_part(c, "vhost")))
        return true;
    api_refuse(c, status, error, "vhost_not_found");
    return false;
}

static void export_vhost(struct api_call *c)
{
    struct slice vhost = api_part(c, "vhost");
    if (has_vhost(c, 400, "bad_request"))
        answer_export(c, &vhost);
}

static void import_vhost(struct api_call *c)
{
    struct slice vhost = api_part(c, "vhost");
    if (has_vhost(c, 404, "not_found"))
        import_into(c, &vhost);
}

#define IMPORT_ANSWER                                                                              \
    " Answers with 204 once all of it is stored; with 202, the job and its address in `Location` " \
    "if that takes longer than 10 s, or at once with `async=true`. "                               \
    "`skip_unsupported=true` leaves out queues and exchanges of types that this broker does not "  \
    "have, their bindings, and parameters of components that it does not have; the answer is the " \
    "job, whose `notes` name them. `dry_run=true` changes nothing, and answers what an import "    \
    "would create, change and leave."

static const char import_summary[] =
    "Imports definitions, all of them or none: JSON, or a form with a part `file`, and perhaps "
    "`redirect`, a path that the answer leads to." IMPORT_ANSWER;

const struct api_route api_definition_routes[] = {
    {"GET", "/definitions", API_ADMINISTRATOR, export_all,
     "Exports all definitions; `download` is the name of a file for browsers.",
     .may_log_in_by_query = true},
    {"POST", "/definitions", API_ADMINISTRATOR, import_all, import_summary},
    {"GET", "/all-configuration", API_ADMINISTRATOR, export_all,
     "Exports all definitions: the old path.", .may_log_in_by_query = true},
    {"POST", "/all-configuration", API_ADMINISTRATOR, import_all, import_summary},
    {"GET", "/definitions/{vhost}", API_ADMINISTRATOR, export_vhost,
     "Exports the definitions of a vhost.", .may_log_in_by_query = true},
    {"POST", "/definitions/{vhost}", API_ADMINISTRATOR, import_vhost,
     "Imports definitions into a vhost, all of them or none." IMPORT_ANSWER},
    {NULL},
};
