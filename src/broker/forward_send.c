/* A message in flight: it is made, routed, published to each target, and has a slot until every
 * target has answered. The number of a confirm is the slot, and above it the target. */
#include <stdlib.h>

#include "base/memory.h"
#include "broker/forward_private.h"
#include "broker/publish.h"
#include "topology/flows.h"
#include "topology/lives.h"
#include "topology/vhost.h"

enum { SLOTS_MIN = 16, TARGET_SHIFT = 32 };

/* This bit is set in a target's id once the target has the message. */
static const uint64_t TARGET_HAS_IT = UINT64_C(1) << 63;

/* --- slots ------------------------------------------------------------------------------------ */

static void slots_grow(struct forwarder *f)
{
    uint32_t count = f->slot_count ? f->slot_count * 2 : SLOTS_MIN;
    lv_assert(f->free_count == 0);
    f->jobs = lv_realloc(f->jobs, count * sizeof *f->jobs);
    f->free_slots = lv_realloc(f->free_slots, count * sizeof *f->free_slots);
    f->free_first = 0;
    for (uint32_t slot = f->slot_count; slot < count; slot++) {
        f->jobs[slot] = NULL;
        f->free_slots[f->free_count++] = slot;
    }
    f->slot_count = count;
}

static void slot_take(struct forwarder *f, struct forward_job *job)
{
    if (f->free_count == 0)
        slots_grow(f);
    job->slot = f->free_slots[f->free_first];
    f->free_first = (f->free_first + 1) & (f->slot_count - 1);
    f->free_count--;
    lv_assert(!f->jobs[job->slot]);
    f->jobs[job->slot] = job;
}

static void slot_give(struct forwarder *f, struct forward_job *job)
{
    lv_assert(f->jobs[job->slot] == job);
    f->jobs[job->slot] = NULL;
    f->free_slots[(f->free_first + f->free_count) & (f->slot_count - 1)] = job->slot;
    f->free_count++;
}

/* --- answers ---------------------------------------------------------------------------------- */

static void refuser_set(struct forward_job *job, struct queue *target)
{
    if (job->refuser)
        queue_unref(&job->refuser);
    job->refuser = target ? queue_ref(target) : NULL;
}

/* Records that this target has refused a message that must arrive. job->refuser is the target asked
 * last; if another one has refused, only its id is known, and job->refuser becomes NULL. */
static void refusal_record(struct forward_job *job, uint32_t target)
{
    job->obstacle = FORWARD_REFUSED;
    if (job->refuser && queue_id(job->refuser) != (job->targets[target] & ~TARGET_HAS_IT))
        refuser_set(job, NULL);
}

/* Called when every target has answered. */
static void job_is_answered(struct forwarder *f, struct forward_job *job)
{
    bool has_failed = job->was_refused || !job->was_taken;
    slot_give(f, job);
    lv_assert(f->made_bytes >= job->made_bytes && f->started_count > 0);
    f->made_bytes -= job->made_bytes;
    job->made_bytes = 0;
    if (has_failed && job->forward.must_arrive) {
        forward_keep(f, job);
        return;
    }
    f->started_count--;
    forward_job_end(f, job, job->was_taken ? FORWARD_TAKEN : FORWARD_DROPPED);
}

/* Takes one target's answer. A target that has been deleted neither takes nor refuses: if all
 * are, the message had no target. */
static void job_answer(struct forwarder *f, struct forward_job *job, uint32_t target,
                       enum confirm_answer answer)
{
    bool taken = answer == CONFIRM_TOOK;
    job->was_refused |= answer == CONFIRM_REFUSED;
    job->was_taken |= taken;
    if (answer == CONFIRM_REFUSED && job->forward.must_arrive)
        refusal_record(job, target);
    if (taken && job->forward.must_arrive)
        job->targets[target] |= TARGET_HAS_IT;
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
    lv_assert(slot < f->slot_count && f->jobs[slot]);
    job_answer(f, f->jobs[slot], (uint32_t)(number >> TARGET_SHIFT), answer);
}

void forward_init_sending(struct forwarder *f)
{
    f->sink.loop = forwarder_home(f);
    f->sink.answer = sink_answer;
}

void forward_free_sending(struct forwarder *f)
{
    lv_assert(f->free_count == f->slot_count && f->made_bytes == 0);
    free(f->jobs);
    free(f->free_slots);
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

/* Finds the route, and records the obstacle in case it is empty. */
static void route_find_for(struct forwarder *f, struct forward_job *job, const struct message *made,
                           struct route *ret)
{
    job->obstacle = FORWARD_NO_ROUTE;
    if (job->ops->route) {
        job->ops->route(f->queue, &job->forward, made, ret);
        return;
    }
    struct exchange *exchange = exchange_find(queue_vhost(f->queue), message_exchange(made));
    if (exchange)
        forward_find_route_from(forwarder_home(f), exchange, made, SLICE_EMPTY, ret);
    else
        job->obstacle = FORWARD_NO_EXCHANGE;
}

/* Returns the targets in an array of their own, which the caller frees: the route is valid only
 * until the next one is looked for. */
static struct queue **targets_find(struct forwarder *f, struct forward_job *job,
                                   const struct message *made, size_t *ret_count)
{
    struct route route = {0};
    route_find_for(f, job, made, &route);
    loop_charge(forwarder_home(f), route_cost(&route));
    struct queue **targets = lv_malloc((route.count + 1) * sizeof *targets);
    size_t count = 0;
    for (size_t i = 0; i < route.count; i++) {
        struct queue *target = queue_of_entry(route.queues[i]);
        if (!job->ops->is_target || job->ops->is_target(f->queue, &job->forward, made, target))
            targets[count++] = target;
    }
    *ret_count = count;
    return targets;
}

/* --- sending ---------------------------------------------------------------------------------- */

/* Returns the target's index in job->targets, where it is added if it is new. */
static uint32_t target_index(struct forward_job *job, const struct queue *target)
{
    for (uint32_t i = 0; i < job->target_count; i++) {
        if ((job->targets[i] & ~TARGET_HAS_IT) == queue_id(target))
            return i;
    }
    if (job->target_count == job->target_capacity) {
        job->target_capacity = job->target_capacity ? job->target_capacity * 2 : 4;
        job->targets = lv_realloc(job->targets, job->target_capacity * sizeof *job->targets);
    }
    job->targets[job->target_count] = queue_id(target);
    return job->target_count++;
}

/* Counts the message for those who look at flows; not one that goes back to a queue it was in. */
static void flow_count(const struct forwarder *f, const struct forward_job *job,
                       const struct message *made, const struct queue *target)
{
    struct vhost *vhost = queue_vhost(f->queue);
    if ((vhost_watches(vhost) & VHOST_WATCH_FLOWS) && !job->ops->goes_back)
        flows_count_one(forwarder_home(f), vhost, message_exchange(made), queue_name(target));
}

/* Publishes to one target, unless that has the message from an earlier try. Returns whether the
 * target is behind. */
static bool send_to_target(struct forwarder *f, struct forward_job *job, struct message *made,
                           struct queue *target)
{
    uint32_t index = 0;
    if (job->forward.must_arrive)
        index = target_index(job, target);
    if (job->forward.must_arrive && (job->targets[index] & TARGET_HAS_IT)) {
        job->was_taken = true;
        return false;
    }
    if (job->forward.must_arrive && !job->was_refused)
        refuser_set(job, target);
    job->answers_due++;
    flow_count(f, job, made, target);
    enum confirm_answer answer = (job->ops->goes_back ? queue_publish_again : queue_publish)(
        forwarder_home(f), target, made, &f->sink, (uint64_t)index << TARGET_SHIFT | job->slot);
    if (answer != CONFIRM_LATER)
        job_answer(f, job, index, answer);
    return queue_is_behind(target);
}

/* --- those who look at it --------------------------------------------------------------------- */

/* Writes down that the message is forwarded: it has a life. */
static void life_write(const struct forwarder *f, const struct forward_job *job,
                       const struct message *made)
{
    bool is_dead = job->ops->reason_is_death;
    struct life_record record = {
        .event = is_dead ? LIFE_DEAD_LETTERED : LIFE_FORWARDED,
        .reason = is_dead ? (uint8_t)job->forward.reason : 0,
        .flags = is_dead ? LIFE_HAS_REASON : 0,
        .position = job->forward.is_outside ? LIFE_NO_POSITION : job->forward.position,
        .texts = {queue_name(f->queue), message_exchange(made), message_routing_key(made)},
    };
    lives_record(forwarder_home(f), queue_vhost(f->queue)->topology, job->forward.life, &record);
}

/* Has traces follow the message on its way to these targets, if its vhost has any. */
static void life_go_on(const struct forwarder *f, struct forward_job *job, struct message *made,
                       struct queue *const *targets, size_t count)
{
    static const struct life_publisher nobody;
    struct vhost *vhost = queue_vhost(f->queue);
    const struct delivery d = delivery_of_message(made);
    const struct route route = {.queues = (struct queue_entry *const *)(const void *)targets,
                                .count = count};
    if (!(vhost_watches(vhost) & VHOST_WATCH_LIVES))
        return;
    if (job->forward.life)
        life_write(f, job, made);
    job->forward.life = lives_publish(forwarder_home(f), vhost, &nobody, &d, made->is_persistent,
                                      &route, job->forward.life);
    if (job->forward.life)
        message_set_life(made, job->forward.life);
}

/* --- sending to its targets ------------------------------------------------------------------- */

/* Publishes to all targets. The job may have ended afterwards. Returns whether a target is
 * behind. */
static bool send_to_targets(struct forwarder *f, struct forward_job *job, struct message *made)
{
    size_t count;
    bool is_behind = false;
    struct queue **targets = targets_find(f, job, made, &count);
    life_go_on(f, job, made, targets, count);
    job->answers_due = 1; /* until all are asked */
    for (size_t i = 0; i < count; i++)
        is_behind |= send_to_target(f, job, made, targets[i]);
    free(targets);
    if (--job->answers_due == 0)
        job_is_answered(f, job);
    return is_behind;
}

bool forward_job_send(struct forwarder *f, struct forward_job *job)
{
    struct message *made = NULL;
    lv_assert(lv_list_is_empty(&job->link));
    lv_assert(job->answers_due == 0 && job->made_bytes == 0);
    if (!job->ops->make) {
        made = message_ref(job->forward.message);
    } else if (!job->ops->make(f->queue, &job->forward, &made)) {
        job->obstacle = FORWARD_NO_MEMORY;
        forward_keep(f, job);
        return false;
    } else if (!made) {
        f->started_count--;
        forward_job_end(f, job, FORWARD_DROPPED);
        return false;
    }
    job->was_refused = job->was_taken = false;
    job->made_bytes = message_memory(made);
    f->made_bytes += job->made_bytes;
    slot_take(f, job);
    bool is_behind = send_to_targets(f, job, made);
    message_unref(&made);
    return is_behind;
}
