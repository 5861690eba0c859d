/* Jobs, and what starts them: moving messages, and retrying dead letters. */
#include "api/api_jobs.h"

#include <stdlib.h>

enum { WAIT_MS = 10000 };

/* --- a job ------------------------------------------------------------------------------------ */

static void add_location(struct api_call *c, uint64_t id)
{
    struct lv_buffer location = {0};
    lv_buffer_printf(&location, "/api/jobs/%llu", (unsigned long long)id);
    http_add_header(c->http, "location", lv_buffer_slice(&location));
    lv_buffer_free(&location);
}

/* Refuses as what the job did was refused. */
static void refuse_failed(struct api_call *c, const struct job_facts *f)
{
    struct manage_error error = {.refusal = f->refusal, .subject = f->subject};
    lv_buffer_add_slice(&error.text, f->error);
    if (f->refusal == REFUSAL_NOT_FOUND && f->subject == SUBJECT_QUEUE)
        api_refuse_as(c, &error);
    else
        api_refuse_change(c, &error);
}

struct job_facts *api_await_job(struct api_call *c, bool is_started, uint64_t id,
                                struct manage_error *error)
{
    unsigned ms = api_query_flag(c, "async") ? 0 : WAIT_MS;
    struct job_facts *f = is_started ? job_wait(c->manage->jobs, &c->actor, id, ms, error) : NULL;
    if (f)
        return f;
    if (error->refusal == REFUSAL_LIMIT)
        api_refuse(c, 503, "service_unavailable", "%.*s", SLICE_ARG(lv_buffer_slice(&error->text)));
    else
        api_refuse_as(c, error);
    manage_error_free(error);
    return NULL;
}

void api_show_job(struct api_call *c, const struct job_facts *f)
{
    if (api_query_flag(c, "async") || f->state == JOB_RUNNING) {
        http_status(c->http, 202);
        add_location(c, f->id);
    }
    api_write_fields(c, job_columns, f);
}

void api_answer_job(struct api_call *c, bool is_started, uint64_t id, struct manage_error *error)
{
    struct job_facts *f = api_await_job(c, is_started, id, error);
    if (f && f->state == JOB_FAILED && !api_query_flag(c, "async"))
        refuse_failed(c, f);
    else if (f)
        api_show_job(c, f);
    free(f);
}

/* --- starting --------------------------------------------------------------------------------- */

static void start_retry(struct api_call *c, struct slice destination)
{
    struct manage_error error = {0};
    uint64_t id = 0;
    int64_t count = api_integer(c, "count", -1);
    const struct retry_options options = {
        .destination = destination,
        .limit = count < 0 ? UINT64_MAX : (uint64_t)count,
        .keep_history = api_bool(c, "keep_history", false),
    };
    bool is_started = job_start_retry(c->manage->jobs, &c->actor, api_part(c, "vhost"),
                                      api_part(c, "name"), &options, &id, &error);
    api_answer_job(c, is_started, id, &error);
}

static void move_messages(struct api_call *c)
{
    struct slice destination = api_string(c, "destination");
    if (destination.n > 0)
        start_retry(c, destination);
    else
        api_refuse(c, 400, "bad_request", "destination: expected the name of a queue");
}

static void retry_dead_letters(struct api_call *c)
{
    start_retry(c, SLICE_EMPTY);
}

/* --- what there is ---------------------------------------------------------------------------- */

static void list_jobs(struct api_call *c)
{
    struct listing listing;
    struct manage_error error = {0};
    jobs_list(c->manage->jobs, &c->actor, &listing);
    api_answer_listing(c, true, &listing, &error);
}

static uint64_t id_of(const struct api_call *c)
{
    char *end;
    const char *text = (const char *)api_part(c, "id").p;
    uint64_t id = strtoull(text, &end, 10);
    return *end == '\0' ? id : 0; /* no job has the id 0 */
}

static void show_job(struct api_call *c)
{
    struct manage_error error = {0};
    struct job_facts *f = job_wait(c->manage->jobs, &c->actor, id_of(c), 0, &error);
    if (f)
        api_write_fields(c, job_columns, f);
    else
        api_refuse_as(c, &error);
    free(f);
}

static void cancel_job(struct api_call *c)
{
    struct manage_error error = {0};
    if (job_cancel(c->manage->jobs, &c->actor, id_of(c), &error))
        api_done(c, 204);
    else
        api_refuse_as(c, &error);
}

#define JOB_ANSWER                                                                                 \
    " Answers with the job once it has ended; with 202 and its address in `Location` if that "     \
    "takes longer than 10 s, or at once with `async=true`."

const struct api_route api_job_routes[] = {
    {"POST", "/queues/{vhost}/{name}/move", API_VHOST, move_messages,
     "Moves the ready messages of a queue to another queue of the vhost, at most `count`." JOB_ANSWER,
     .body = "destination:string! count:integer", .answer = job_columns},
    {"POST", "/queues/{vhost}/{name}/retry", API_VHOST, retry_dead_letters,
     "Moves dead letters back to the queues they came from, at most `count`." JOB_ANSWER,
     .body = "count:integer keep_history:boolean", .answer = job_columns},
    {"GET", "/jobs", API_MANAGEMENT, list_jobs,
     "Lists jobs: those of the user who asks, or all for monitors.", .answer = job_columns,
     .is_list = true},
    {"GET", "/jobs/{id}", API_MANAGEMENT, show_job, "Shows a job and its progress.",
     .answer = job_columns},
    {"DELETE", "/jobs/{id}", API_MANAGEMENT, cancel_job,
     "Cancels a job that is running: what it has done stays done. An import of definitions that has "
     "begun to change something can no longer be cancelled (400)."},
    {NULL},
};
