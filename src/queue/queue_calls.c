/* Questions that other loops ask a queue's home (struct queue_call). */
#include "queue/queue_private.h"

#include <stdlib.h>

#include "base/counters.h"
#include "base/memory.h"
#include "message/events.h"
#include "message/message_header.h"
#include "paging/pager.h"
#include "queue/browser.h"
#include "queue/held.h"
#include "queue/queue_lives.h"
#include "topology/vhost.h"

static void call_done_mail(struct loop *at, struct mail *mail)
{
    (void)at;
    struct queue_call *call = mail->a;
    call->done(call);
}

/* Mails the answer from the home. A caller on the same loop gets mail, too, if its call has waited.
 */
static void call_answer(struct loop *at, struct queue_call *call)
{
    lv_assert(!call->is_waiting);
    struct mail back = {.deliver = call_done_mail, .a = call};
    loop_mail(at, call->from, &back);
}

static void call_run(struct queue_call *call)
{
    queue_assert_home(call->queue);
    struct slice before = events_act_as(call->user);
    call->run(call);
    events_act_as(before);
}

static void call_mail(struct loop *at, struct mail *mail)
{
    struct queue_call *call = mail->a;
    if (held_takes(call->queue, mail))
        return;
    call_run(call);
    if (!call->is_waiting)
        call_answer(at, call);
}

void queue_call_start(struct queue_call *call)
{
    lv_assert(call->run && call->done);
    lv_assert(!loop_current() || loop_current() == call->from);
    lv_assert(!call->is_waiting);
    struct mail mail = {.deliver = call_mail, .a = call};
    lv_list_init(&call->waiting_link);
    if (call->queue->entry.home != call->from) {
        loop_mail(call->from, call->queue->entry.home, &mail);
        return;
    }
    if (held_takes(call->queue, &mail))
        return;
    call_run(call);
    if (!call->is_waiting)
        call->done(call);
}

/* Refuses the call if the queue was deleted after the caller had found it. */
static bool call_finds_queue(struct queue_call *call)
{
    struct queue *q = call->queue;
    if (!queue_is_deleted(q))
        return true;
    call->refused = true;
    queue_entry_refuse_missing(queue_name(q), q->entry.vhost, &call->error);
    return false;
}

/* Sets the timestamp of the first ready message. A message on disk is not read for it, as in
 * RabbitMQ. */
static void status_find_head_time(struct queue *q, struct queue_status *ret)
{
    struct lane *l = lane_first_ready(&q->lanes);
    uint64_t sequence;
    if (!l || backlog_next(&l->backlog, &sequence) != BACKLOG_HERE)
        return;
    const struct message *m = backlog_find(&l->backlog, sequence);
    ret->has_head_time = m && message_timestamp(m, &ret->head_time);
}

/* Messages in transit to another queue are unacked, but no consumer has them, so they are
 * subtracted. Fewer may be left here than are in transit: a purge drops those on disk, too. */
static uint64_t unacked_of(const struct lane_totals *totals, const struct queue_transit *transit)
{
    return totals->unacked > transit->messages ? totals->unacked - transit->messages : 0;
}

bool queue_is_restoring(const struct queue *q)
{
    queue_assert_home(q);
    return q->is_restoring;
}

struct queue_lengths queue_lengths(const struct queue *q)
{
    lv_assert(!queue_is_restoring(q));
    const struct lane_totals totals = lanes_count(&q->lanes);
    const struct queue_transit transit = q->ops->in_transit(q);
    return (struct queue_lengths){
        .ready = totals.ready,
        .unacked = unacked_of(&totals, &transit),
        .dead_letters = transit.due_messages,
    };
}

void queue_read_status(struct queue *q, struct queue_status *ret)
{
    lv_assert(!queue_is_restoring(q));
    const struct lane_totals totals = lanes_count(&q->lanes);
    const struct queue_transit transit = q->ops->in_transit(q);
    const bool is_durable = q->entry.flags.durable;
    uint64_t unacked_bytes =
        totals.unacked_bytes > transit.body_bytes ? totals.unacked_bytes - transit.body_bytes : 0;
    *ret = (struct queue_status){
        .ready = totals.ready,
        .ready_bytes = totals.ready_bytes,
        .unacked = unacked_of(&totals, &transit),
        .unacked_bytes = unacked_bytes,
        .dead_letters = transit.due_messages,
        .dead_letter_bytes = transit.due_body_bytes,
        .disk_ready = totals.disk_ready,
        .disk_ready_bytes = totals.disk_bytes,
        .persistent = is_durable ? totals.persistent : 0,
        .persistent_bytes = is_durable ? totals.persistent_bytes : 0,
        .consumers = q->consumer_count,
        .utilisation = queue_use_average(&q->use, loop_now_ms(q->entry.home)),
        .counters = q->counters,
    };
    status_find_head_time(q, ret);
}

void queue_call_status(struct queue_call *call)
{
    if (call_finds_queue(call))
        queue_read_status(call->queue, &call->status);
}

void queue_call_redeclare(struct queue_call *call)
{
    queue_assert_home(call->queue);
    call->redeclare.is_gone = queue_is_deleted(call->queue);
    if (!call->redeclare.is_gone)
        queue_read_status(call->queue, &call->redeclare.status);
}

/* Returns whether clients may take messages from the queue at all. */
static bool check_clients(const struct queue *q, struct broker_error *error)
{
    return !q->ops->check_clients || q->ops->check_clients(q, error);
}

void queue_call_wait(struct queue_call *call)
{
    queue_assert_home(call->queue);
    call->is_waiting = true;
    if (lv_list_is_empty(&call->waiting_link))
        lv_list_push(&call->queue->waiting_calls, &call->waiting_link);
}

void queue_call_consume(struct queue_call *call)
{
    lv_assert(call->consumer);
    if (!call_finds_queue(call))
        return;
    struct queue *q = call->queue;
    if (call->consumer->is_browser) {
        browser_attach(call->consumer);
        return;
    }
    call->refused =
        !check_clients(q, &call->error) || !queue_check_consume(q, call->consumer, &call->error);
    if (!call->refused)
        queue_attach(q, call->consumer);
}

void queue_call_cancel(struct queue_call *call)
{
    lv_assert(call->consumer);
    queue_detach(call->queue, call->consumer, call->cancel.returns_all);
}

static void count_got(struct queue *q, bool no_ack, bool redelivered)
{
    q->counters.redelivered += redelivered;
    if (redelivered)
        COUNT_NTH(redelivered_classic, q->arguments.type);
    if (no_ack) {
        q->counters.got_no_ack++;
        COUNT_NTH(got_no_ack_classic, q->arguments.type);
    } else {
        q->counters.got++;
        COUNT_NTH(got_classic, q->arguments.type);
    }
}

static void count_got_empty(struct queue *q)
{
    q->counters.got_empty++;
    COUNT_NTH(got_empty_classic, q->arguments.type);
}

/* Gives the lane's first message, which can be delivered, to a get. */
static void get_take_first(struct queue *q, struct lane *l, struct queue_call *call)
{
    struct message *m;
    bool redelivered;
    uint64_t position = 0;
    uint32_t delivery_count;
    if (call->get.no_ack) {
        struct backlog_left left;
        delivery_count = queue_first_delivery_count(l);
        m = backlog_pop(&l->backlog, &left);
        queue_message_left(l, &left);
        redelivered = left.redelivered;
        if (q->lives)
            queue_life_goes_out(q, lane_position(l, left.sequence), m, true);
    } else {
        uint64_t sequence;
        m = message_ref(backlog_deliver(&l->backlog, &sequence, &redelivered));
        position = lane_position(l, sequence);
        if (q->lives)
            queue_life_goes_out(q, position, m, false);
        delivery_count = backlog_deliveries(&l->backlog, sequence);
        consumer_spend_credit(call->consumer);
        consumer_set_timeout(call->consumer, queue_timeout_for(q, call->consumer));
    }
    call->get.got = delivery_of_message(m);
    call->get.got.position = position;
    call->get.got.tells_count = l->backlog.counts_deliveries;
    call->get.got.delivery_count = delivery_count;
    call->get.got.redelivered = redelivered;
    count_got(q, call->get.no_ack, redelivered);
    pager_read_ahead(l);
}

void queue_call_get(struct queue_call *call)
{
    lv_assert(call->get.no_ack || call->consumer->is_getter);
    if (!call_finds_queue(call))
        return;
    struct queue *q = call->queue;
    call->refused = !check_clients(q, &call->error) || !queue_check_get(q, &call->error);
    if (call->refused)
        return;
    queue_used(q);
    bool is_first = lv_list_is_empty(&q->waiting_calls) || call->is_waiting;
    struct lane *l = lane_first_ready(&q->lanes);
    bool is_deliverable = is_first && l && queue_first_is_deliverable(l);
    if (!is_deliverable && l) {
        queue_call_wait(call);
        return;
    }
    call->is_waiting = false;
    if (is_deliverable)
        get_take_first(q, l, call);
    else
        count_got_empty(q);
    call->get.ready = lanes_count(&q->lanes).ready;
}

void queue_answer_waiting_calls(struct queue *q)
{
    queue_assert_home(q);
    while (!lv_list_is_empty(&q->waiting_calls)) {
        struct queue_call *call =
            lv_list_item(q->waiting_calls.next, struct queue_call, waiting_link);
        bool is_gone = queue_is_deleted(q);
        if (is_gone)
            call->is_waiting = false;
        call->run(call);
        if (call->is_waiting)
            return;
        lv_list_remove(&call->waiting_link);
        call_answer(q->entry.home, call);
    }
}

/* A purge drops all messages that are ready when it begins; unacked ones stay, and so do those that
 * arrive while it goes on. */
struct purge {
    struct loop_job job;
    struct queue_call *call;
    unsigned lane_count;
    struct purge_lane {
        struct lane *lane;
        uint64_t below; /* messages with lower sequence numbers are dropped */
    } lanes[];
};

static void purge_disk(struct queue_call *call, struct lane *l)
{
    size_t before = l->backlog.ready;
    pager_purge(l);
    call->purge.dropped += before - l->backlog.ready;
}

/* Drops one message, or all that is on disk. Returns false if nothing is left to drop. */
static bool purge_one(struct queue_call *call, const struct purge_lane *at)
{
    uint64_t sequence;
    struct backlog *b = &at->lane->backlog;
    enum backlog_next next = backlog_next(b, &sequence);
    if (next == BACKLOG_ON_DISK && b->disk_begin * SEQMAP_ENTRIES < at->below) {
        purge_disk(call, at->lane);
        return true;
    }
    if (next != BACKLOG_HERE || sequence >= at->below)
        return false;
    struct backlog_left left;
    struct message *m = backlog_pop(b, &left);
    queue_message_left(at->lane, &left);
    message_unref(&m);
    call->purge.dropped++;
    return true;
}

/* Drops as much as the slice allows. Returns true if all is dropped, or the rest is to stay. */
static bool purge_some(struct loop *loop, struct purge *purge)
{
    struct progress *progress = purge->call->purge.progress;
    while (purge->lane_count > 0 && !progress_is_cancelled(progress)) {
        progress_set(progress, purge->call->purge.dropped, 0);
        if (!loop_spend(loop, 1))
            return false;
        if (!purge_one(purge->call, &purge->lanes[purge->lane_count - 1]))
            purge->lane_count--;
    }
    progress_set(progress, purge->call->purge.dropped, 0);
    return true;
}

static bool purge_run(struct loop *loop, struct loop_job *job)
{
    struct purge *purge = lv_container_of(job, struct purge, job);
    if (!purge_some(loop, purge))
        return true;
    purge->call->is_waiting = false;
    call_answer(loop, purge->call);
    free(purge);
    return false;
}

void queue_call_purge(struct queue_call *call)
{
    if (!call_finds_queue(call))
        return;
    struct queue *q = call->queue;
    struct purge *purge = lv_malloc(sizeof *purge + q->lanes.lane_count * sizeof purge->lanes[0]);
    loop_job_init(&purge->job, purge_run);
    purge->call = call;
    purge->lane_count = q->lanes.lane_count;
    if (q->lives)
        queue_lives_purge(q);
    for (unsigned i = 0; i < q->lanes.lane_count; i++) {
        struct lane *l = queue_lane(q, i);
        purge->lanes[i] = (struct purge_lane){l, l->backlog.next_sequence};
        purge_disk(call, l);
    }
    call->is_waiting = !purge_some(q->entry.home, purge);
    if (call->is_waiting)
        loop_job_start(q->entry.home, &purge->job);
    else
        free(purge);
}

static bool deletion_refuse(struct queue_call *call, enum refusal refusal, const char *why)
{
    return broker_refuse_as(&call->error, refusal, 406, "queue '%.*s' in vhost '%.*s' %s",
                            SLICE_ARG(queue_name(call->queue)),
                            SLICE_ARG(vhost_name(call->queue->entry.vhost)), why);
}

static void deletion_mail(struct loop *at, struct mail *mail)
{
    struct queue_call *call = mail->a;
    call->is_waiting = false;
    call_answer(at, call);
}

/* Called on the definitions' thread when the deletion is stored: has the home answer the call. */
static void deletion_is_committed(void *arg, int error)
{
    (void)error; /* logged by the definitions; the queue is deleted from memory anyway */
    struct queue_call *call = arg;
    struct mail mail = {.deliver = deletion_mail, .a = call};
    loop_mail_from_outside(call->queue->entry.home, &mail);
}

void queue_call_delete(struct queue_call *call)
{
    queue_assert_home(call->queue);
    struct queue *q = call->queue;
    if (queue_is_deleted(q))
        return; /* deleting a missing queue succeeds */
    bool may = check_clients(q, &call->error);
    if (may && call->deletion.if_unused && q->consumer_count > 0)
        may = deletion_refuse(call, REFUSAL_IN_USE, "in use");
    else if (may && call->deletion.if_empty && lane_first_ready(&q->lanes))
        may = deletion_refuse(call, REFUSAL_NOT_EMPTY, "not empty");
    call->refused = !may;
    if (may)
        call->deletion.dropped = queue_delete_with(
            q, (struct durable_done){call->deletion.is_hasty ? NULL : deletion_is_committed, call},
            &call->is_waiting);
}
