/* Jobs that work on queues. */
#include <stdlib.h>

#include "base/memory.h"
#include "manage/jobs.h"
#include "manage/messages.h"
#include "manage/queues.h"

/* The argument of a job; the slices are owned. */
struct queue_job {
    struct slice vhost, queue;
    struct retry_options options; /* of a retry */
};

static struct queue_job *queue_job_create(struct slice vhost, struct slice queue)
{
    struct queue_job *j = lv_calloc(1, sizeof *j);
    j->vhost = slice_copy(vhost);
    j->queue = slice_copy(queue);
    return j;
}

static void queue_job_free(void *arg)
{
    struct queue_job *j = arg;
    free((void *)(uintptr_t)j->vhost.p);
    free((void *)(uintptr_t)j->queue.p);
    free((void *)(uintptr_t)j->options.destination.p);
    free(j);
}

static bool queue_job_start(struct jobs *jobs, const struct actor *actor, struct job_work work,
                            struct queue_job *j, uint64_t *ret_id, struct manage_error *error)
{
    struct lv_buffer what = {0};
    lv_buffer_printf(&what, "queue '%.*s' in vhost '%.*s'", SLICE_ARG(j->queue),
                     SLICE_ARG(j->vhost));
    work.what = lv_buffer_slice(&what);
    work.arg = j;
    work.free_arg = queue_job_free;
    bool is_started = job_start(jobs, actor, &work, ret_id, error);
    lv_buffer_free(&what);
    return is_started;
}

static bool run_purge(struct manage *m, const struct actor *actor, void *arg,
                      struct progress *progress, struct job_result *result,
                      struct manage_error *error)
{
    const struct queue_job *j = arg;
    uint64_t dropped;
    (void)result;
    if (!manage_purge_queue(m, actor, j->vhost, j->queue, progress, &dropped, error))
        return false;
    progress_set_total(progress, dropped);
    return true;
}

static bool run_retry(struct manage *m, const struct actor *actor, void *arg,
                      struct progress *progress, struct job_result *result,
                      struct manage_error *error)
{
    const struct queue_job *j = arg;
    struct retry_progress ended;
    (void)result;
    return manage_retry_dead_letters(m, actor, j->vhost, j->queue, &j->options, progress, &ended,
                                     error);
}

bool job_start_purge(struct jobs *jobs, const struct actor *actor, struct slice vhost,
                     struct slice queue, uint64_t *ret_id, struct manage_error *error)
{
    return queue_job_start(jobs, actor, (struct job_work){.kind = "purge", .run = run_purge},
                           queue_job_create(vhost, queue), ret_id, error);
}

bool job_start_retry(struct jobs *jobs, const struct actor *actor, struct slice vhost,
                     struct slice queue, const struct retry_options *options, uint64_t *ret_id,
                     struct manage_error *error)
{
    struct queue_job *j = queue_job_create(vhost, queue);
    j->options = *options;
    j->options.destination = slice_copy(options->destination);
    return queue_job_start(
        jobs, actor,
        (struct job_work){.kind = options->destination.n > 0 ? "move" : "retry", .run = run_retry},
        j, ret_id, error);
}
