/* Deadlines: messages that are due leave the queue from any position, in the order of their
 * deadlines; a queue that is not used for long enough is deleted.
 *
 * There is one timer, for the earliest deadline of all lanes. A message on disk that will be sent
 * on is read a little before it is due. */
#include "queue/queue_private.h"

#include "base/counters.h"
#include "message/message_header.h"
#include "paging/pager.h"

enum {
    WATCH_MS_MAX = 60000, /* timers stand still while the machine sleeps: look again */
};

/* --- deadlines -------------------------------------------------------------------------------- */

static uint64_t deadline_by_ttl(const struct queue *q, const struct message *m)
{
    uint64_t ttl_ms = (uint64_t)q->settings.message_ttl_ms, own_ms;
    bool has_ttl = q->settings.message_ttl_ms != ARGUMENT_UNSET;
    if (message_expiration(m, &own_ms)) {
        ttl_ms = has_ttl && ttl_ms < own_ms ? ttl_ms : own_ms;
        has_ttl = true;
    }
    return has_ttl ? loop_steady_ms(q->entry.home) + ttl_ms : 0;
}

uint64_t queue_deadline(const struct queue *q, const struct message *m)
{
    return q->ops->deadline ? q->ops->deadline(q, m) : deadline_by_ttl(q, m);
}

/* --- the timer -------------------------------------------------------------------------------- */

static void due_timer_start(struct queue *q, uint64_t wake_ms)
{
    uint64_t now = loop_steady_ms(q->entry.home);
    q->due_ms = wake_ms;
    uint64_t wait_ms = wake_ms > now ? wake_ms - now : 0;
    loop_timer_start(q->entry.home, &q->due_timer, wait_ms < WATCH_MS_MAX ? wait_ms : WATCH_MS_MAX);
}

void queue_watch_deadline(struct queue *q, uint64_t deadline_ms)
{
    lv_assert(deadline_ms != 0);
    if (!loop_timer_is_running(&q->due_timer) || deadline_ms < q->due_ms)
        due_timer_start(q, deadline_ms);
}

/* Finds the message with the earliest deadline in all lanes. Returns false if none has one. */
static bool find_due(struct queue *q, struct lane **ret_lane, struct backlog_first_due *ret)
{
    bool is_found = false;
    for (unsigned i = 0; i < q->lanes.lane_count; i++) {
        struct backlog_first_due due;
        struct lane *l = queue_lane(q, i);
        if (!backlog_find_due(&l->backlog, &due) ||
            (is_found && due.deadline_ms >= ret->deadline_ms))
            continue;
        is_found = true;
        *ret = due;
        *ret_lane = l;
    }
    return is_found;
}

/* --- expiry ----------------------------------------------------------------------------------- */

/* Makes the message that is due unacked. Returns false if its body is needed and not read yet. */
static bool due_take(struct queue *q, struct lane *l, const struct backlog_first_due *due,
                     struct message **ret)
{
    *ret = NULL;
    if (due->is_here) {
        bool redelivered;
        *ret = message_ref(backlog_deliver_at(&l->backlog, due->sequence, &redelivered));
        return true;
    }
    uint64_t until_ms = loop_steady_ms(q->entry.home) + PAGER_FETCH_AHEAD_MS;
    if (q->ops->sends_on(q)) {
        bool can_be_read = pager_fetch(l, due->sequence, until_ms, ret);
        q->waits_for_disk = can_be_read && !*ret;
        if (q->waits_for_disk)
            return false;
        q->counters.disk.lost += !can_be_read;
        COUNT_MANY(messages_lost, !can_be_read);
    }
    pager_deliver_on_disk(l, due->sequence);
    return true;
}

/* Gives up a message that is due. Returns false if it must wait; the expiry is scheduled again
 * then. */
static bool due_give_up(struct queue *q, struct lane *l, const struct backlog_first_due *due)
{
    struct message *m;
    if (q->ops->sends_on(q) && !q->ops->can_send_on(q))
        return false;
    if (!due_take(q, l, due, &m))
        return false;
    q->ops->give_up(q, lane_position(l, due->sequence), m, DEATH_EXPIRED);
    if (m)
        message_unref(&m);
    queue_schedule_deliveries(q); /* it may have been at the head, with the next one deliverable */
    return true;
}

void queue_expire(struct queue *q)
{
    queue_assert_home(q);
    struct lane *l = NULL;
    struct backlog_first_due due = {0};
    const uint64_t now = loop_steady_ms(q->entry.home);
    if (queue_is_deleted(q))
        return;
    if (q->ops->is_delaying && pager_must_scan(&q->lanes.first))
        return; /* goes on in queue_fetched(), when all deadlines are known */
    for (unsigned i = 0; i < q->lanes.lane_count && q->ops->sends_on(q); i++)
        pager_fetch_ahead(queue_lane(q, i), now);
    for (;;) {
        if (!find_due(q, &l, &due))
            return;
        if (due.deadline_ms > now) {
            bool is_early =
                !due.is_here && q->ops->sends_on(q) && due.deadline_ms > now + PAGER_FETCH_AHEAD_MS;
            due_timer_start(q, due.deadline_ms - (is_early ? PAGER_FETCH_AHEAD_MS : 0));
            return;
        }
        if (!loop_spend(q->entry.home, 1)) {
            loop_job_start(q->entry.home, &q->work);
            return;
        }
        if (!due_give_up(q, l, &due))
            return;
    }
}

static void expiry_run(struct loop *loop, struct loop_task *task)
{
    (void)loop;
    queue_expire(lv_container_of(task, struct queue, expiry_run));
}

static bool work_on(struct loop *loop, struct loop_job *job)
{
    (void)loop;
    struct queue *q = lv_container_of(job, struct queue, work);
    queue_expire(q);
    if (q->is_over_limit)
        queue_keep_limits(q);
    queue_deliver_soon(q);
    return false; /* what is not finished has started the job again */
}

static void on_due(struct loop *loop, struct loop_timer *timer)
{
    (void)loop;
    queue_expire(lv_container_of(timer, struct queue, due_timer));
}

void queue_fetched(struct queue *q, bool is_deadline)
{
    queue_assert_home(q);
    if (queue_is_deleted(q))
        return;
    if (is_deadline || q->waits_for_disk)
        loop_schedule(q->entry.home,
                      &q->expiry_run); /* otherwise nothing that arrived is due yet */
    if (q->ops->is_delaying)
        queue_schedule_deliveries(q); /* for calls that wait for messages on disk */
}

struct loop_task *queue_expiry_task(struct queue *q)
{
    return &q->expiry_run;
}

/* --- a queue that is not used ----------------------------------------------------------------- */

void queue_used(struct queue *q)
{
    const struct loop *here = loop_current(); /* NULL: no loop runs yet */
    atomic_store_explicit(&q->used_ms, loop_now_ms(here ? here : q->entry.home),
                          memory_order_relaxed);
}

void queue_watch_use(struct queue *q)
{
    queue_assert_home(q);
    if (q->settings.expires_ms == ARGUMENT_UNSET) {
        loop_timer_stop(q->entry.home, &q->idle_timer);
        return;
    }
    uint64_t now = loop_now_ms(q->entry.home);
    uint64_t end =
        atomic_load_explicit(&q->used_ms, memory_order_relaxed) + (uint64_t)q->settings.expires_ms;
    loop_timer_start(q->entry.home, &q->idle_timer, end > now ? end - now : 0);
}

static void on_idle(struct loop *loop, struct loop_timer *timer)
{
    struct queue *q = lv_container_of(timer, struct queue, idle_timer);
    if (q->consumer_count > 0)
        return; /* the timer starts again when the last one leaves */
    uint64_t end =
        atomic_load_explicit(&q->used_ms, memory_order_relaxed) + (uint64_t)q->settings.expires_ms;
    if (end > loop_now_ms(loop))
        queue_watch_use(q);
    else
        queue_delete(q);
}

/* --- its life --------------------------------------------------------------------------------- */

void queue_init_expiry(struct queue *q)
{
    loop_task_init(&q->expiry_run, expiry_run);
    loop_job_init(&q->work, work_on);
    loop_timer_init(&q->due_timer, on_due);
    loop_timer_init_patient(&q->idle_timer, on_idle);
}

static void expiry_begin(struct queue *q)
{
    if (queue_is_deleted(q))
        return;
    queue_used(q); /* the process may have been stopped while the mail was on its way */
    queue_watch_use(q);
    for (unsigned i = 0; i < q->lanes.lane_count; i++) {
        if (pager_must_scan(queue_lane(q, i)))
            pager_scan(queue_lane(q, i));
    }
    queue_expire(q);
    queue_keep_limits(q); /* messages that were unacked before a restart are ready now */
}

static void expiry_begin_mail(struct loop *at, struct mail *mail)
{
    (void)at;
    struct queue *q = mail->a;
    expiry_begin(q);
    queue_unref(&q);
}

void queue_begin_expiry(struct queue *q)
{
    bool is_needed = q->settings.expires_ms != ARGUMENT_UNSET ||
                     (queue_is_limited(q) && lanes_count(&q->lanes).ready > 0);
    for (unsigned i = 0; i < q->lanes.lane_count; i++)
        is_needed |= queue_lane(q, i)->backlog.timed > 0 || pager_must_scan(queue_lane(q, i));
    queue_used(q);
    if (!is_needed)
        return;
    struct mail mail = {.deliver = expiry_begin_mail, .a = queue_ref(q)};
    loop_mail_from_outside(q->entry.home, &mail);
}

void queue_end_expiry(struct queue *q)
{
    queue_assert_home(q);
    loop_unschedule(q->entry.home, &q->expiry_run);
    loop_job_stop(q->entry.home, &q->work);
    loop_timer_stop(q->entry.home, &q->due_timer);
    loop_timer_stop(q->entry.home, &q->idle_timer);
}
