/* Tasks, which run once at the end of a turn, and jobs, which do long work in slices: the part that
 * real and simulated loops share. Each of the two has its own way to choose when a job runs. */
#include "loop/loop_base.h"

/* --- tasks ------------------------------------------------------------------------------------ */

void loop_task_init(struct loop_task *task, void (*fn)(struct loop *, struct loop_task *))
{
    lv_assert(fn != NULL);
    lv_list_init(&task->link);
    task->fn = fn;
    task->scheduled = false;
}

void loop_schedule(struct loop *loop, struct loop_task *task)
{
    if (task->scheduled)
        return;
    loop_assert_home(loop);
    task->scheduled = true;
    lv_list_push(&loop_base(loop)->tasks, &task->link);
}

void loop_unschedule(struct loop *loop, struct loop_task *task)
{
    if (!task->scheduled)
        return;
    loop_assert_home(loop);
    task->scheduled = false;
    lv_list_remove(&task->link);
}

bool tasks_run(struct loop *loop)
{
    struct lv_list *tasks = &loop_base(loop)->tasks;
    if (lv_list_is_empty(tasks))
        return false;
    struct lv_list end;
    lv_list_init(&end);
    lv_list_push(tasks, &end);
    while (tasks->next != &end) {
        struct loop_task *task = lv_list_item(tasks->next, struct loop_task, link);
        loop_unschedule(loop, task);
        task->fn(loop, task);
    }
    lv_list_remove(&end);
    return true;
}

/* --- jobs ------------------------------------------------------------------------------------- */

void loop_job_init(struct loop_job *job, bool (*run)(struct loop *, struct loop_job *))
{
    lv_assert(run != NULL);
    lv_list_init(&job->link);
    job->run = run;
}

void loop_job_start(struct loop *loop, struct loop_job *job)
{
    loop_assert_home(loop);
    if (!loop_job_is_under_way(job))
        lv_list_push(&loop_base(loop)->jobs, &job->link);
}

void loop_job_stop(struct loop *loop, struct loop_job *job)
{
    loop_assert_home(loop);
    lv_list_remove(&job->link);
}

struct loop_job *jobs_take(struct loop_base *base)
{
    lv_assert(!lv_list_is_empty(&base->jobs));
    struct loop_job *job = lv_list_item(base->jobs.next, struct loop_job, link);
    lv_list_remove(&job->link);
    return job;
}

bool loop_spend(struct loop *loop, unsigned units)
{
    struct loop_base *base = loop_base(loop);
    if (base->units_left <= 0)
        return base->is_draining;
    base->units_left -= units;
    return true;
}

bool loop_charge(struct loop *loop, unsigned units)
{
    struct loop_base *base = loop_base(loop);
    base->units_left -= units;
    return base->units_left > 0 || base->is_draining;
}
