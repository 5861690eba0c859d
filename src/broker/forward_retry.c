/* Messages that could not arrive are kept, and sent again in their order: soon after the topology
 * has changed, and otherwise after pauses that grow from RETRY_MS_MIN to RETRY_MS_MAX. */
#include "broker/forward_private.h"
#include "topology/vhost.h"

enum {
    LOOK_MS = 100, /* between two looks whether the topology has changed */
    RETRY_MS_MIN = 100,
    RETRY_MS_MAX = 1000,
};

void forward_keep(struct forwarder *f, struct forward_job *job)
{
    lv_assert(f->started_count > 0);
    if (queue_is_deleted(f->queue)) {
        f->started_count--;
        forward_job_end(f, job, FORWARD_ABANDONED);
        return;
    }
    lv_list_push(&f->kept, &job->link);
    f->stuck_count += !job->is_stuck;
    job->is_stuck = true;
    if (job->ops->stuck)
        job->ops->stuck(f->queue, &job->forward, job->obstacle,
                        job->obstacle == FORWARD_REFUSED ? job->refuser : NULL);
    if (job->refuser)
        queue_unref(&job->refuser);
    if (loop_timer_is_running(&f->retry))
        return;
    f->retry_ms = RETRY_MS_MIN;
    f->retry_at_ms = loop_now_ms(forwarder_home(f)) + f->retry_ms;
    loop_timer_start(forwarder_home(f), &f->retry, LOOK_MS);
}

void forward_unstick(struct forwarder *f, struct forward_job *job, enum forward_end end)
{
    if (!job->is_stuck)
        return;
    lv_assert(f->stuck_count > 0);
    job->is_stuck = false;
    if (--f->stuck_count == 0 && job->ops->unstuck)
        job->ops->unstuck(f->queue, end == FORWARD_TAKEN);
}

/* Sends everything that is kept once more, in its order. If a route comes into being meanwhile, on
 * another loop, those behind this point arrive before those ahead of it, which are kept again. */
static void retry_all(struct forwarder *f)
{
    struct queue *q = queue_ref(f->queue);
    struct lv_list end; /* a mark in the list: the jobs behind it were kept again */
    f->generation = topology_generation(queue_vhost(q)->topology);
    lv_list_push(&f->kept, &end);
    while (f->kept.next != &end)
        forward_job_send(f, forward_take_first(&f->kept));
    lv_list_remove(&end);
    queue_unref(&q);
}

static void retry_timer(struct loop *loop, struct loop_timer *timer)
{
    struct forwarder *f = lv_container_of(timer, struct forwarder, retry);
    if (lv_list_is_empty(&f->kept))
        return;
    bool has_moved = topology_generation(queue_vhost(f->queue)->topology) != f->generation;
    /* Started before the retry: a job that is kept again then leaves the pause as it is. */
    loop_timer_start(loop, timer, LOOK_MS);
    if (!has_moved && loop_now_ms(loop) < f->retry_at_ms)
        return;
    f->retry_ms = has_moved ? RETRY_MS_MIN : f->retry_ms * 2;
    if (f->retry_ms > RETRY_MS_MAX)
        f->retry_ms = RETRY_MS_MAX;
    f->retry_at_ms = loop_now_ms(loop) + f->retry_ms;
    retry_all(f);
}

void forward_init_retries(struct forwarder *f)
{
    loop_timer_init(&f->retry, retry_timer);
    f->generation = topology_generation(queue_vhost(f->queue)->topology);
}
