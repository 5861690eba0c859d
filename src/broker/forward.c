/* The forwarder of a queue. The happy path:
 *   - forward_start() appends a job to `waiting`;
 *   - at the end of the turn forward_job_send() makes the message, routes it, and publishes it to
 *     each target (forward_send.c);
 *   - the job has a slot, whose number the confirms carry, until the last target has answered;
 *   - ops->done(): the queue settles the message.
 *
 * Possible failure modes:
 *   - too much is in flight, or a target is behind: the job waits, and all behind it;
 *   - a message that must arrive has no route, or is refused: it is kept, and sent again when the
 *     topology has changed or after a while (forward_retry.c);
 *   - the queue is deleted: what waits is sent all the same, what is kept is given up. */
#include <stdlib.h>

#include "base/memory.h"
#include "broker/forward_private.h"
#include "queue/queue_home.h"

enum {
    BEHIND_MS = 5, /* nothing is sent for this long after a target was behind */
    HEADER_BYTES_A_UNIT = 256,
};

/* --- limits ----------------------------------------------------------------------------------- */

static bool forwarder_has_room(const struct forwarder *f)
{
    return f->started_count < FORWARDS_MAX && f->made_bytes < FORWARD_BYTES_MAX;
}

static void room_tasks_schedule(struct forwarder *f)
{
    if (f->room_task_count == 0 || !forward_has_room(f->queue))
        return;
    for (unsigned i = 0; i < f->room_task_count; i++)
        loop_schedule(forwarder_home(f), f->room_tasks[i]);
    f->room_task_count = 0;
}

/* Counts a job that begins (1) or ends (-1). */
static void job_count(struct forwarder *f, const struct forward_job *job, int by)
{
    lv_assert(by > 0 || f->job_count > 0);
    f->job_count += (size_t)by;
    if (job->forward.must_arrive) {
        f->due_count += (uint64_t)by;
        f->due_body_bytes += (uint64_t)by * job->body_bytes;
    }
    if (job->forward.is_outside) {
        f->outside_count += (size_t)by;
        queue_set_departures_behind(f->queue, f->outside_count > FORWARDS_MAX);
    } else {
        f->body_bytes += (uint64_t)by * job->body_bytes;
    }
}

void forward_job_end(struct forwarder *f, struct forward_job *job, enum forward_end end)
{
    struct queue *q = f->queue;
    lv_assert(job->answers_due == 0 && job->made_bytes == 0);
    job_count(f, job, -1);
    forward_unstick(f, job, end);
    if (job->refuser)
        queue_unref(&job->refuser);
    job->ops->done(q, &job->forward, end);
    message_unref(&job->forward.message);
    free(job->targets);
    free(job);
    if (!lv_list_is_empty(&f->waiting) && forwarder_has_room(f) &&
        !loop_timer_is_running(&f->run_later))
        loop_schedule(queue_home(q), &f->run);
    room_tasks_schedule(f);
    if (f->job_count == 0)
        queue_unref(&q); /* freed in a later turn: forward_free() */
}

/* --- those that wait are sent ----------------------------------------------------------------- */

struct forward_job *forward_take_first(struct lv_list *list)
{
    struct lv_list *first = list->next;
    lv_assert(first != list);
    /* The analyzer thinks that a job that was removed and freed is still in the list. */
    lv_assert(first->prev == list); // NOLINT(clang-analyzer-unix.Malloc)
    lv_list_remove(first);
    return lv_list_item(first, struct forward_job, link);
}

/* Returns what sending it costs, in units: the headers of a dead letter may be long. */
static unsigned job_cost(const struct forward_job *job)
{
    return 1 + (unsigned)(message_header(job->forward.message).n / HEADER_BYTES_A_UNIT);
}

/* Returns whether a job waits and may be sent now. */
static bool can_send(const struct forwarder *f)
{
    return !lv_list_is_empty(&f->waiting) && forwarder_has_room(f) &&
           !loop_timer_is_running(&f->run_later);
}

/* Sends what waits until the slice is used up, the limits are reached, or a target is behind. */
static void send_waiting(struct forwarder *f)
{
    struct loop *loop = forwarder_home(f);
    struct queue *q = queue_ref(f->queue);
    while (can_send(f)) {
        if (!loop_spend(loop, job_cost(lv_list_item(f->waiting.next, struct forward_job, link)))) {
            loop_job_start(loop, &f->run_on);
            break;
        }
        struct forward_job *job = forward_take_first(&f->waiting);
        f->started_count++;
        if (forward_job_send(f, job))
            loop_timer_start(loop, &f->run_later, BEHIND_MS);
    }
    queue_unref(&q);
}

static void forwarder_run(struct loop *loop, struct loop_task *task)
{
    (void)loop;
    send_waiting(lv_container_of(task, struct forwarder, run));
}

static bool forwarder_run_on(struct loop *loop, struct loop_job *job)
{
    (void)loop;
    send_waiting(lv_container_of(job, struct forwarder, run_on));
    return false; /* send_waiting() has started it again if more waits */
}

static void forwarder_run_later(struct loop *loop, struct loop_timer *timer)
{
    (void)loop;
    send_waiting(lv_container_of(timer, struct forwarder, run_later));
}

/* --- the forwarder ---------------------------------------------------------------------------- */

/* Returns NULL if nothing of the queue was ever forwarded. */
static struct forwarder *forwarder_find(const struct queue *q)
{
    const struct departures *departures = queue_departures(q);
    return departures ? departures->forwarder : NULL;
}

static struct forwarder *forwarder_of(struct queue *q)
{
    struct departures *departures = departures_of(q);
    if (departures->forwarder)
        return departures->forwarder;
    struct forwarder *f = lv_calloc(1, sizeof *f);
    f->queue = q;
    lv_list_init(&f->waiting);
    lv_list_init(&f->kept);
    loop_task_init(&f->run, forwarder_run);
    loop_job_init(&f->run_on, forwarder_run_on);
    loop_timer_init(&f->run_later, forwarder_run_later);
    forward_init_sending(f);
    forward_init_retries(f);
    departures->forwarder = f;
    return f;
}

void forward_start(struct queue *q, const struct forward_ops *ops, const struct forward *forward)
{
    departures_assert_home(q);
    lv_assert(ops->done && forward->message);
    struct forwarder *f = forwarder_of(q);
    struct forward_job *job = lv_calloc(1, sizeof *job);
    job->ops = ops;
    job->forward = *forward;
    job->forward.message = message_ref(forward->message);
    if (!forward->is_outside)
        job->forward.life = queue_life_at(q, forward->position);
    if (job->forward.life == 0)
        job->forward.life = message_life(forward->message);
    job->body_bytes = forward->message->body_bytes;
    lv_list_push(&f->waiting, &job->link);
    if (f->job_count == 0)
        queue_ref(q);
    job_count(f, job, 1);
    if (!loop_timer_is_running(&f->run_later))
        loop_schedule(queue_home(q), &f->run);
}

bool forward_has_room(const struct queue *q)
{
    const struct forwarder *f = forwarder_find(q);
    return !f || (f->job_count < FORWARDS_MAX && f->made_bytes < FORWARD_BYTES_MAX);
}

void forward_when_room(struct queue *q, struct loop_task *task)
{
    departures_assert_home(q);
    struct forwarder *f = forwarder_find(q);
    if (!f || forward_has_room(q)) {
        loop_schedule(queue_home(q), task);
        return;
    }
    for (unsigned i = 0; i < f->room_task_count; i++) {
        if (f->room_tasks[i] == task)
            return;
    }
    lv_assert(f->room_task_count < FORWARD_TASKS_MAX);
    f->room_tasks[f->room_task_count++] = task;
}

void forward_not_when_room(struct queue *q, struct loop_task *task)
{
    departures_assert_home(q);
    struct forwarder *f = forwarder_find(q);
    for (unsigned i = 0; f && i < f->room_task_count; i++) {
        if (f->room_tasks[i] == task) {
            f->room_tasks[i] = f->room_tasks[--f->room_task_count];
            return;
        }
    }
}

struct queue_transit forward_in_transit(const struct queue *q)
{
    const struct forwarder *f = forwarder_find(q);
    if (!f)
        return (struct queue_transit){0};
    return (struct queue_transit){
        .messages = f->job_count - f->outside_count,
        .body_bytes = f->body_bytes,
        .due_messages = f->due_count,
        .due_body_bytes = f->due_body_bytes,
    };
}

bool forward_is_kept(const struct queue *q, uint64_t position)
{
    departures_assert_home(q);
    const struct forwarder *f = forwarder_find(q);
    for (const struct lv_list *it = f ? f->kept.next : NULL; it && it != &f->kept; it = it->next) {
        if (lv_list_item(it, const struct forward_job, link)->forward.position == position)
            return true;
    }
    return false;
}

/* --- its end ---------------------------------------------------------------------------------- */

static void abandon_all(struct forwarder *f, struct lv_list *list, bool are_started)
{
    while (!lv_list_is_empty(list)) {
        struct forward_job *job = forward_take_first(list);
        f->started_count -= are_started;
        forward_job_end(f, job, FORWARD_ABANDONED);
    }
}

void forward_stop(struct queue *q)
{
    departures_assert_home(q);
    struct forwarder *f = forwarder_find(q);
    if (!f)
        return;
    bool is_running = loop_current() == queue_home(q);
    struct queue *hold = queue_ref(q);
    f->room_task_count = 0;
    loop_timer_stop(queue_home(q), &f->run_later);
    loop_timer_stop(queue_home(q), &f->retry);
    abandon_all(f, &f->kept, true);
    while (is_running && !lv_list_is_empty(&f->waiting)) {
        struct forward_job *job = forward_take_first(&f->waiting);
        f->started_count++;
        forward_job_send(f, job);
    }
    abandon_all(f, &f->waiting, false);
    loop_unschedule(queue_home(q), &f->run);
    loop_job_stop(queue_home(q), &f->run_on);
    queue_unref(&hold);
}

void forward_free(struct queue *q)
{
    departures_assert_home(q);
    struct forwarder *f = forwarder_find(q);
    if (!f)
        return;
    lv_assert(f->job_count == 0 && f->started_count == 0);
    loop_unschedule(queue_home(q), &f->run);
    loop_job_stop(queue_home(q), &f->run_on);
    loop_timer_stop(queue_home(q), &f->run_later);
    loop_timer_stop(queue_home(q), &f->retry);
    forward_free_sending(f);
    free(f);
    queue_departures(q)->forwarder = NULL;
}
