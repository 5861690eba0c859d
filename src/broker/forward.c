/* The happy path:
 *   - forward_start() puts a job at the end of `waiting`;
 *   - at the end of the turn its message is made and routed, and published to each target;
 *   - it stands in a slot, whose number the confirms carry, until the last answer;
 *   - done(): the queue settles the message.
 *
 * And when it cannot go on:
 *   - no room, or a target is behind: it waits, and all behind it;
 *   - nobody to have it, or refused, and it must arrive: it is kept and tried again, when the
 *     topology has moved or after a while;
 *   - the queue is deleted: what waits is sent all the same, what is kept is given up. */
#include "broker/forward.h"

#include <stdlib.h>

#include "base/memory.h"
#include "broker/departures.h"
#include "broker/publish.h"
#include "queue/queue_home.h"
#include "topology/vhost.h"

enum {
    TASKS_MAX = 4,      /* who may wait for room at a time */
    BEHIND_MS = 5,      /* a target is behind: so long nothing more is sent */
    LOOK_MS = 100,      /* something is kept: so often is looked whether the topology has moved */
    RETRY_MS_MIN = 100, /* it has not: tried again all the same, after twice as long each time */
    RETRY_MS_MAX = 1000,
    SLOTS_MIN = 16,
    HEADER_BYTES_A_UNIT = 256,
    TARGET_SHIFT = 32, /* a confirm's number: the slot, and above it the target */
};

/* A queue that has been asked to take a job's message: its id, and this bit once it has. */
static const uint64_t HAS_IT = UINT64_C(1) << 63;

struct job {
    struct lv_list link; /* in forwarder.waiting or .kept; else it has a slot */
    const struct forward_rules *rules;
    struct forward forward; /* with a reference of the message */
    uint64_t body_bytes;
    uint64_t made_bytes; /* what the message under way costs */
    uint32_t slot;
    uint32_t answers_due;
    bool was_refused;
    bool was_taken;
    bool is_stuck; /* was kept before, and has not arrived since */
    enum forward_obstacle obstacle;
    struct queue *refuser; /* when it must arrive: the last one asked, later the one that refused;
                              referenced */
    uint64_t *targets;     /* when it must arrive: all that were ever asked */
    uint32_t target_count, target_capacity;
};

struct forwarder {
    struct confirm_sink sink;
    struct queue *queue; /* referenced while there is any job */
    struct lv_list waiting, kept;
    size_t job_count;     /* all */
    size_t busy_count;    /* under way or kept */
    size_t outside_count; /* that have no position */
    uint64_t body_bytes;  /* of those that do */
    uint64_t due_count;   /* that must arrive */
    uint64_t due_body_bytes;
    size_t stuck_count;
    uint64_t made_bytes;
    struct job **slots;
    uint32_t *free_slots; /* a ring: slots are used in turn, so that confirms' numbers follow each
                             other */
    uint32_t slot_count, free_first, free_count;
    struct loop_task run;
    struct loop_job job; /* goes on where forwards_run() had too much to do */
    struct loop_timer run_later;
    struct loop_timer retry;
    uint64_t retry_at_ms, retry_ms;
    uint64_t generation; /* of the topology at the last try */
    struct loop_task *tasks[TASKS_MAX];
    unsigned task_count;
};

static struct loop *home_of(const struct forwarder *f)
{
    return queue_home(f->queue);
}

/* --- routes ----------------------------------------------------------------------------------- */

void forward_find_route_from(struct loop *loop, struct exchange *exchange, const struct message *m,
                             struct slice bcc, struct route *ret)
{
    struct publish p;
    struct message *message = message_ref((struct message *)m);
    (void)publish_begin(&p, &message);
    p.bcc = bcc;
    publish_route(loop, exchange, &p, ret);
    publish_end(loop, &p);
}

bool forward_find_route(struct loop *loop, struct vhost *vhost, const struct message *m,
                        struct route *ret)
{
    struct exchange *exchange = exchange_find(vhost, message_exchange(m));
    if (exchange)
        forward_find_route_from(loop, exchange, m, SLICE_EMPTY, ret);
    return exchange != NULL;
}

/* --- slots ------------------------------------------------------------------------------------ */

/* Called when none is free. */
static void slots_grow(struct forwarder *f)
{
    uint32_t count = f->slot_count ? f->slot_count * 2 : SLOTS_MIN;
    f->slots = lv_realloc(f->slots, count * sizeof *f->slots);
    f->free_slots = lv_realloc(f->free_slots, count * sizeof *f->free_slots);
    f->free_first = 0;
    for (uint32_t slot = f->slot_count; slot < count; slot++) {
        f->slots[slot] = NULL;
        f->free_slots[f->free_count++] = slot;
    }
    f->slot_count = count;
}

static void slot_take(struct forwarder *f, struct job *job)
{
    if (f->free_count == 0)
        slots_grow(f);
    job->slot = f->free_slots[f->free_first];
    f->free_first = (f->free_first + 1) & (f->slot_count - 1);
    f->free_count--;
    f->slots[job->slot] = job;
}

static void slot_give(struct forwarder *f, struct job *job)
{
    f->slots[job->slot] = NULL;
    f->free_slots[(f->free_first + f->free_count) & (f->slot_count - 1)] = job->slot;
    f->free_count++;
}

/* --- ends ------------------------------------------------------------------------------------- */

static bool forwarder_has_room(const struct forwarder *f)
{
    return f->busy_count < FORWARDS_MAX && f->made_bytes < FORWARD_BYTES_MAX;
}

static void tell_of_room(struct forwarder *f)
{
    if (f->task_count == 0 || !forward_has_room(f->queue))
        return;
    for (unsigned i = 0; i < f->task_count; i++)
        loop_schedule(home_of(f), f->tasks[i]);
    f->task_count = 0;
}

static void count_job(struct forwarder *f, const struct job *job, int by)
{
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

/* A queue that was asked for this job. NULL: none. */
static void job_remember(struct job *job, struct queue *target)
{
    if (job->refuser)
        queue_unref(&job->refuser);
    job->refuser = target ? queue_ref(target) : NULL;
}

static void job_unstick(struct forwarder *f, struct job *job, enum forward_end end)
{
    if (!job->is_stuck)
        return;
    job->is_stuck = false;
    if (--f->stuck_count == 0 && job->rules->unstuck)
        job->rules->unstuck(f->queue, end == FORWARD_TAKEN);
}

/* The job is in no list and has no slot. The forwarder's queue may be gone afterwards. */
static void job_end(struct forwarder *f, struct job *job, enum forward_end end)
{
    struct queue *q = f->queue;
    count_job(f, job, -1);
    job_unstick(f, job, end);
    job_remember(job, NULL);
    job->rules->done(q, &job->forward, end);
    message_unref(&job->forward.message);
    free(job->targets);
    free(job);
    if (!lv_list_is_empty(&f->waiting) && forwarder_has_room(f) &&
        !loop_timer_is_running(&f->run_later))
        loop_schedule(queue_home(q), &f->run);
    tell_of_room(f);
    if (f->job_count == 0)
        queue_unref(&q); /* freed in a later turn: forward_free() */
}

static void job_keep(struct forwarder *f, struct job *job)
{
    if (queue_is_deleted(f->queue)) {
        f->busy_count--;
        job_end(f, job, FORWARD_ABANDONED);
        return;
    }
    lv_list_push(&f->kept, &job->link);
    f->stuck_count += !job->is_stuck;
    job->is_stuck = true;
    if (job->rules->stuck)
        job->rules->stuck(f->queue, &job->forward, job->obstacle,
                          job->obstacle == FORWARD_REFUSED ? job->refuser : NULL);
    job_remember(job, NULL);
    if (loop_timer_is_running(&f->retry))
        return;
    f->retry_ms = RETRY_MS_MIN;
    f->retry_at_ms = loop_now_ms(home_of(f)) + f->retry_ms;
    loop_timer_start(home_of(f), &f->retry, LOOK_MS);
}

/* Every target has answered. */
static void job_is_answered(struct forwarder *f, struct job *job)
{
    bool has_failed = job->was_refused || !job->was_taken;
    slot_give(f, job);
    f->made_bytes -= job->made_bytes;
    job->made_bytes = 0;
    if (has_failed && job->forward.must_arrive) {
        job_keep(f, job);
        return;
    }
    f->busy_count--;
    job_end(f, job, job->was_taken ? FORWARD_TAKEN : FORWARD_DROPPED);
}

/* Of several targets the one that was asked last is known by more than its id. */
static void note_refusal(struct job *job, uint32_t target)
{
    job->obstacle = FORWARD_REFUSED;
    if (job->refuser && queue_id(job->refuser) != (job->targets[target] & ~HAS_IT))
        job_remember(job, NULL);
}

/* A target that is gone neither takes nor refuses: when all are, nobody was to have it. */
static void job_answer(struct forwarder *f, struct job *job, uint32_t target,
                       enum confirm_answer answer)
{
    bool taken = answer == CONFIRM_TOOK;
    job->was_refused |= answer == CONFIRM_REFUSED;
    job->was_taken |= taken;
    if (answer == CONFIRM_REFUSED && job->forward.must_arrive)
        note_refusal(job, target);
    if (taken && job->forward.must_arrive)
        job->targets[target] |= HAS_IT;
    lv_assert(job->answers_due > 0);
    if (--job->answers_due == 0)
        job_is_answered(f, job);
}

static void sink_answer(struct confirm_sink *sink, uint64_t number, enum confirm_answer answer,
                        struct message *message)
{
    (void)message;
    struct forwarder *f = lv_container_of(sink, struct forwarder, sink);
    uint32_t slot = (uint32_t)number;
    lv_assert(slot < f->slot_count && f->slots[slot]);
    job_answer(f, f->slots[slot], (uint32_t)(number >> TARGET_SHIFT), answer);
}

/* --- sending ---------------------------------------------------------------------------------- */

/* The target's number in this job. */
static uint32_t number_target(struct job *job, const struct queue *target)
{
    for (uint32_t i = 0; i < job->target_count; i++) {
        if ((job->targets[i] & ~HAS_IT) == queue_id(target))
            return i;
    }
    if (job->target_count == job->target_capacity) {
        job->target_capacity = job->target_capacity ? job->target_capacity * 2 : 4;
        job->targets = lv_realloc(job->targets, job->target_capacity * sizeof *job->targets);
    }
    job->targets[job->target_count] = queue_id(target);
    return job->target_count++;
}

/* Sends it to one target. Whether that is behind. */
static bool send_to(struct forwarder *f, struct job *job, struct message *made,
                    struct queue *target)
{
    uint32_t number = 0;
    if (job->forward.must_arrive)
        number = number_target(job, target);
    if (job->forward.must_arrive && (job->targets[number] & HAS_IT)) {
        job->was_taken = true;
        return false;
    }
    if (job->forward.must_arrive && !job->was_refused)
        job_remember(job, target);
    job->answers_due++;
    enum confirm_answer answer = (job->rules->goes_back ? queue_publish_again : queue_publish)(
        home_of(f), target, made, &f->sink, (uint64_t)number << TARGET_SHIFT | job->slot);
    if (answer != CONFIRM_LATER)
        job_answer(f, job, number, answer);
    return queue_is_behind(target);
}

/* A copy of the targets, which the caller frees; routes are good until the next is looked for
 * only. */
static struct queue **find_targets(struct forwarder *f, struct job *job, const struct message *made,
                                   size_t *ret_count)
{
    struct route route = {0};
    job->obstacle = FORWARD_NO_ROUTE;
    if (job->rules->route)
        job->rules->route(f->queue, &job->forward, made, &route);
    else if (!forward_find_route(home_of(f), queue_vhost(f->queue), made, &route)) {
        route.count = 0;
        job->obstacle = FORWARD_NO_EXCHANGE;
    }
    loop_charge(home_of(f), route_cost(&route));
    struct queue **targets = lv_malloc((route.count + 1) * sizeof *targets);
    size_t count = 0;
    for (size_t i = 0; i < route.count; i++) {
        struct queue *target = queue_of_entry(route.queues[i]);
        if (!job->rules->is_target || job->rules->is_target(f->queue, &job->forward, made, target))
            targets[count++] = target;
    }
    *ret_count = count;
    return targets;
}

/* To all targets. The job may have ended when this returns. Whether any of them is behind. */
static bool send_to_all(struct forwarder *f, struct job *job, struct message *made)
{
    size_t count;
    bool is_behind = false;
    struct queue **targets = find_targets(f, job, made, &count);
    job->answers_due = 1; /* until all are asked */
    for (size_t i = 0; i < count; i++)
        is_behind |= send_to(f, job, made, targets[i]);
    free(targets);
    if (--job->answers_due == 0)
        job_is_answered(f, job);
    return is_behind;
}

/* Starts a job that is in no list and counted as busy. Whether a target is behind. */
static bool job_send(struct forwarder *f, struct job *job)
{
    struct message *made = NULL;
    if (!job->rules->make) {
        made = message_ref(job->forward.message);
    } else if (!job->rules->make(f->queue, &job->forward, &made)) {
        job->obstacle = FORWARD_NO_MEMORY;
        job_keep(f, job);
        return false;
    } else if (!made) {
        f->busy_count--;
        job_end(f, job, FORWARD_DROPPED);
        return false;
    }
    job->was_refused = job->was_taken = false;
    job->made_bytes = message_memory(made);
    f->made_bytes += job->made_bytes;
    slot_take(f, job);
    bool is_behind = send_to_all(f, job, made);
    message_unref(&made);
    return is_behind;
}

static struct job *take_first(struct lv_list *list)
{
    struct lv_list *first = list->next;
    /* The analyzer thinks that what was taken out and freed is still in it. */
    lv_assert(first->prev == list); // NOLINT(clang-analyzer-unix.Malloc)
    lv_list_remove(first);
    return lv_list_item(first, struct job, link);
}

/* What it costs, in units: the headers of a dead letter may be long. */
static unsigned cost_of(const struct job *job)
{
    return 1 + (unsigned)(message_header(job->forward.message).n / HEADER_BYTES_A_UNIT);
}

/* Whether there is one that may be sent now. */
static bool may_send(const struct forwarder *f)
{
    return !lv_list_is_empty(&f->waiting) && forwarder_has_room(f) &&
           !loop_timer_is_running(&f->run_later);
}

static void send_some(struct forwarder *f)
{
    struct loop *loop = home_of(f);
    struct queue *q = queue_ref(f->queue);
    while (may_send(f)) {
        if (!loop_spend(loop, cost_of(lv_list_item(f->waiting.next, struct job, link)))) {
            loop_job_start(loop, &f->job);
            break;
        }
        struct job *job = take_first(&f->waiting);
        f->busy_count++;
        if (job_send(f, job))
            loop_timer_start(loop, &f->run_later, BEHIND_MS);
    }
    queue_unref(&q);
}

static void forwards_run(struct loop *loop, struct loop_task *task)
{
    (void)loop;
    send_some(lv_container_of(task, struct forwarder, run));
}

static bool run_on(struct loop *loop, struct loop_job *job)
{
    (void)loop;
    send_some(lv_container_of(job, struct forwarder, job));
    return false; /* it has started itself again */
}

static void run_later(struct loop *loop, struct loop_timer *timer)
{
    (void)loop;
    send_some(lv_container_of(timer, struct forwarder, run_later));
}

/* Everything that is kept, once more, in its order. */
static void retry_all(struct forwarder *f)
{
    struct queue *q = queue_ref(f->queue);
    struct lv_list end;
    f->generation = topology_generation(queue_vhost(q)->topology);
    lv_list_push(&f->kept, &end);
    while (f->kept.next != &end) {
        struct job *job = take_first(&f->kept);
        job_send(f, job);
    }
    lv_list_remove(&end);
    queue_unref(&q);
}

static void forwards_retry(struct loop *loop, struct loop_timer *timer)
{
    struct forwarder *f = lv_container_of(timer, struct forwarder, retry);
    if (lv_list_is_empty(&f->kept))
        return;
    bool has_moved = topology_generation(queue_vhost(f->queue)->topology) != f->generation;
    /* Running already when a job comes back to `kept`: the pause is not reset by it. */
    loop_timer_start(loop, timer, LOOK_MS);
    if (!has_moved && loop_now_ms(loop) < f->retry_at_ms)
        return;
    f->retry_ms = has_moved ? RETRY_MS_MIN : f->retry_ms * 2;
    if (f->retry_ms > RETRY_MS_MAX)
        f->retry_ms = RETRY_MS_MAX;
    f->retry_at_ms = loop_now_ms(loop) + f->retry_ms;
    retry_all(f);
}

/* --- the door --------------------------------------------------------------------------------- */

/* NULL: nothing was ever forwarded. */
static struct forwarder *find_forwarder(const struct queue *q)
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
    f->sink.loop = queue_home(q);
    f->sink.answer = sink_answer;
    f->queue = q;
    lv_list_init(&f->waiting);
    lv_list_init(&f->kept);
    loop_task_init(&f->run, forwards_run);
    loop_job_init(&f->job, run_on);
    loop_timer_init(&f->run_later, run_later);
    loop_timer_init(&f->retry, forwards_retry);
    f->generation = topology_generation(queue_vhost(q)->topology);
    departures->forwarder = f;
    return f;
}

void forward_start(struct queue *q, const struct forward_rules *rules,
                   const struct forward *forward)
{
    struct forwarder *f = forwarder_of(q);
    struct job *job = lv_calloc(1, sizeof *job);
    job->rules = rules;
    job->forward = *forward;
    job->forward.message = message_ref(forward->message);
    job->body_bytes = forward->message->body_bytes;
    lv_list_push(&f->waiting, &job->link);
    if (f->job_count == 0)
        queue_ref(q);
    count_job(f, job, 1);
    if (!loop_timer_is_running(&f->run_later))
        loop_schedule(queue_home(q), &f->run);
}

bool forward_has_room(const struct queue *q)
{
    const struct forwarder *f = find_forwarder(q);
    return !f || (f->job_count < FORWARDS_MAX && f->made_bytes < FORWARD_BYTES_MAX);
}

void forward_when_room(struct queue *q, struct loop_task *task)
{
    struct forwarder *f = find_forwarder(q);
    if (!f || forward_has_room(q)) {
        loop_schedule(queue_home(q), task);
        return;
    }
    for (unsigned i = 0; i < f->task_count; i++) {
        if (f->tasks[i] == task)
            return;
    }
    lv_assert(f->task_count < TASKS_MAX);
    f->tasks[f->task_count++] = task;
}

void forward_not_when_room(struct queue *q, struct loop_task *task)
{
    struct forwarder *f = find_forwarder(q);
    for (unsigned i = 0; f && i < f->task_count; i++) {
        if (f->tasks[i] == task) {
            f->tasks[i] = f->tasks[--f->task_count];
            return;
        }
    }
}

struct queue_transit forward_in_transit(const struct queue *q)
{
    const struct forwarder *f = find_forwarder(q);
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
    const struct forwarder *f = find_forwarder(q);
    for (const struct lv_list *it = f ? f->kept.next : NULL; it && it != &f->kept; it = it->next) {
        if (lv_list_item(it, const struct job, link)->forward.position == position)
            return true;
    }
    return false;
}

static void abandon_all(struct forwarder *f, struct lv_list *list, bool is_busy)
{
    while (!lv_list_is_empty(list)) {
        struct job *job = take_first(list);
        f->busy_count -= is_busy;
        job_end(f, job, FORWARD_ABANDONED);
    }
}

void forward_stop(struct queue *q)
{
    struct forwarder *f = find_forwarder(q);
    if (!f)
        return;
    bool is_running = loop_current() == queue_home(q);
    struct queue *hold = queue_ref(q);
    f->task_count = 0;
    loop_timer_stop(queue_home(q), &f->run_later);
    loop_timer_stop(queue_home(q), &f->retry);
    abandon_all(f, &f->kept, true);
    while (is_running && !lv_list_is_empty(&f->waiting)) {
        struct job *job = take_first(&f->waiting);
        f->busy_count++;
        job_send(f, job);
    }
    abandon_all(f, &f->waiting, false);
    loop_unschedule(queue_home(q), &f->run);
    loop_job_stop(queue_home(q), &f->job);
    queue_unref(&hold);
}

void forward_free(struct queue *q)
{
    struct forwarder *f = find_forwarder(q);
    if (!f)
        return;
    lv_assert(f->job_count == 0);
    loop_unschedule(queue_home(q), &f->run);
    loop_job_stop(queue_home(q), &f->job);
    loop_timer_stop(queue_home(q), &f->run_later);
    loop_timer_stop(queue_home(q), &f->retry);
    free(f->slots);
    free(f->free_slots);
    free(f);
    queue_departures(q)->forwarder = NULL;
}
