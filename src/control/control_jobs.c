/* Jobs. */
#include <stdlib.h>

#include "control/control_private.h"
#include "manage/jobs.h"

static void run_list_jobs(struct request *r)
{
    struct columns columns;
    struct listing listing;
    struct manage_error error = {0};
    if (!columns_choose(r, job_columns, &columns))
        return;
    jobs_list(r->manage->jobs, &actor_cli, &listing);
    request_listing(r, true, &columns, &listing, &error);
}

static void run_cancel_job(struct request *r)
{
    struct manage_error error = {0};
    uint64_t id = strtoull((const char *)request_string(r, "id").p, NULL, 10);
    request_end(r, job_cancel(r->manage->jobs, &actor_cli, id, &error), &error);
}

const struct control_command control_job_commands[] = {
    {"list_jobs", run_list_jobs, ""},
    {"cancel_job", run_cancel_job, "id"},
    {NULL, NULL, NULL},
};
