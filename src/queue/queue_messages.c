/* A message in its queue, at home: it is published, delivered and settled. */
#include "queue/queue_private.h"

#include "base/counters.h"
#include "paging/journal.h"
#include "paging/pager.h"
#include "queue/browse.h"
#include "queue/browser.h"
#include "queue/conflation.h"
#include "queue/held.h"
#include "queue/queue_lives.h"
#include "queue/queue_settings.h"
#include "topology/dedup.h"
#include "topology/vhost.h"

/* --- deliveries ------------------------------------------------------------------------------- */

static void count_delivery(struct queue *q, const struct consumer *c, bool redelivered)
{
    if (c->no_ack) {
        q->counters.delivered_no_ack++;
        COUNT_NTH(delivered_no_ack_classic, q->arguments.type);
    } else {
        q->counters.delivered++;
        COUNT_NTH(delivered_classic, q->arguments.type);
    }
    if (redelivered) {
        q->counters.redelivered++;
        COUNT_NTH(redelivered_classic, q->arguments.type);
    }
}

static void queue_hand_over(struct queue *q, struct consumer *c, struct message *m,
                            uint64_t position, bool redelivered, uint32_t delivery_count)
{
    struct delivery d = delivery_of_message(m);
    d.position = position;
    d.redelivered = redelivered;
    d.tells_count = delivery_count > 0;
    d.delivery_count = delivery_count;
    consumer_spend_credit(c);
    count_delivery(q, c, redelivered);
    consumer_deliver(c, &d);
    queue_after_turn(q, c);
}

static bool has_lives(const struct queue *q)
{
    return __builtin_expect(q->lives != NULL, false);
}

void queue_message_left(struct lane *l, const struct backlog_left *left)
{
    if (left->is_persistent)
        journal_settle(l, left->sequence);
    if (left->is_stored || left->is_log_only)
        pager_left(l, left);
}

/* Gives the lane's first ready message, which is in memory, to this consumer. */
static void deliver_first(struct queue *q, struct lane *l, struct consumer *c)
{
    if (c->no_ack) {
        struct backlog_left left;
        uint32_t count = queue_first_delivery_count(l);
        struct message *m = backlog_pop(&l->backlog, &left);
        queue_message_left(l, &left);
        if (has_lives(q))
            queue_life_goes_out(q, lane_position(l, left.sequence), m, true);
        queue_hand_over(q, c, m, 0, left.redelivered, count);
        message_unref(&m);
        return;
    }
    uint64_t sequence;
    bool redelivered;
    struct message *m = backlog_deliver(&l->backlog, &sequence, &redelivered);
    if (has_lives(q))
        queue_life_goes_out(q, lane_position(l, sequence), m, false);
    queue_hand_over(q, c, m, lane_position(l, sequence), redelivered,
                    backlog_deliveries(&l->backlog, sequence));
}

void queue_settle_position(struct queue *q, uint64_t position)
{
    struct lane *l = lane_find(&q->lanes, position_priority(position));
    struct backlog_left left;
    if (has_lives(q))
        queue_life_left(q, position);
    if (l && backlog_settle(&l->backlog, position_sequence(position), &left))
        queue_message_left(l, &left);
}

void queue_take_browsed(struct queue *q, const struct browse_item *item, const struct message *m)
{
    queue_assert_home(q);
    bool redelivered;
    struct lane *l = lane_find(&q->lanes, position_priority(item->position));
    lv_assert(l && !item->is_unacked);
    if (item->is_here)
        backlog_deliver_at(&l->backlog, position_sequence(item->position), &redelivered);
    else
        pager_deliver_any_on_disk(l, position_sequence(item->position), m);
}

void queue_tidy(struct queue *q)
{
    queue_assert_home(q);
    for (unsigned i = 0; i < q->lanes.lane_count; i++) {
        struct lane *l = queue_lane(q, i);
        if (backlog_has_disk(&l->backlog) && l->backlog.disk_ready == 0)
            pager_want(l);
    }
}

struct loop_task *queue_delivery_task(struct queue *q)
{
    return &q->delivery_run;
}

/* Returns whether this message is due: then it is not delivered, and the caller has it expire. */
static bool message_is_due(const struct lane *l, uint64_t sequence)
{
    uint64_t deadline_ms = l->backlog.timed > 0 ? backlog_deadline(&l->backlog, sequence) : 0;
    return deadline_ms != 0 && deadline_ms <= loop_steady_ms(l->owner->home);
}

bool queue_first_is_deliverable(struct lane *l)
{
    uint64_t sequence;
    if (queue_of_lane(l)->returns > 0)
        return false;
    enum backlog_next next = backlog_next(&l->backlog, &sequence);
    while (next == BACKLOG_ON_DISK && pager_want(l))
        next = backlog_next(&l->backlog, &sequence);
    if (next == BACKLOG_HERE && message_is_due(l, sequence)) {
        loop_schedule(l->owner->home, &queue_of_lane(l)->expiry_run);
        return false;
    }
    return next == BACKLOG_HERE && journal_may_deliver(l, sequence);
}

/* After this many deliveries a run gives way to other work of the loop. */
enum { DELIVERIES_A_RUN = 2048 };

static void queue_read_ahead(struct queue *q)
{
    for (unsigned i = 0; i < q->lanes.lane_count; i++)
        pager_read_ahead(queue_lane(q, i));
}

/* Called when a message waits: notes that the queue is starved (queue_use.h) if no consumer is
 * ready. */
static void watch_starving(struct queue *q)
{
    if (!q->use.is_starved && lv_list_is_empty(&q->ready_consumers))
        queue_use_set(&q->use, true, loop_now_ms(q->entry.home));
}

void queue_run_deliveries(struct loop *loop, struct loop_task *task)
{
    struct queue *q = lv_container_of(task, struct queue, delivery_run);
    lv_assert(loop == q->entry.home);
    if (q->is_over_limit)
        queue_keep_limits(q);
    queue_answer_waiting_calls(q);
    for (unsigned n = 0; !lv_list_is_empty(&q->ready_consumers); n++) {
        struct lane *l = lane_first_ready(&q->lanes);
        if (!l || !queue_first_is_deliverable(l))
            break;
        if (n == DELIVERIES_A_RUN) {
            loop_job_start(q->entry.home, &q->work);
            break;
        }
        struct consumer *c = queue_next_consumer(q);
        if (!c)
            break;
        deliver_first(q, l, c);
    }
    if (lane_first_ready(&q->lanes))
        watch_starving(q);
    queue_read_ahead(q);
}

void queue_deliver_to(struct queue *q, struct consumer *c)
{
    queue_consumer_ready(q, c);
    if (c->is_browser)
        browser_give(c);
    else if (q->delivery_run.scheduled) /* not scheduled: nothing to deliver */
        queue_run_deliveries(q->entry.home, &q->delivery_run);
}

void queue_schedule_deliveries(struct queue *q)
{
    bool is_waited_for = !lv_list_is_empty(&q->waiting_calls) || q->is_over_limit;
    if (is_waited_for || (!lv_list_is_empty(&q->ready_consumers) && lane_first_ready(&q->lanes)))
        loop_schedule(q->entry.home, &q->delivery_run);
}

void queue_deliver_soon(struct queue *q)
{
    if (!queue_is_deleted(q))
        queue_schedule_deliveries(q);
}

/* --- publishing ------------------------------------------------------------------------------- */

/* Returns the lane for a message. The message's priority counts only in a queue with priorities. */
static struct lane *lane_for(struct queue *q, const struct message *m)
{
    int64_t most = q->settings.max_priority;
    if (most <= 0 || m->priority == 0)
        return &q->lanes.first;
    return lane_of(&q->lanes, m->priority < most ? m->priority : (unsigned)most);
}

static bool is_followed(const struct message *m)
{
    return __builtin_expect(message_life(m) != 0, false);
}

/* Puts a message that no consumer can take now into the lane. */
static void queue_push(struct queue *q, struct lane *l, struct message *message,
                       uint64_t deadline_ms)
{
    struct message *kept = message_ref(message);
    uint64_t sequence = backlog_push(&l->backlog, &kept);
    if (is_followed(message))
        queue_life_came(q, lane_position(l, sequence), message_life(message), false);
    watch_starving(q);
    journal_enqueue(l, message, sequence, false, deadline_ms);
    if (deadline_ms) {
        backlog_set_deadline(&l->backlog, sequence, deadline_ms);
        queue_watch_deadline(q, deadline_ms);
    }
    if (q->conflation)
        conflation_came(q, lane_position(l, sequence), message);
    if (queue_is_limited(q))
        queue_keep_limits(q);
    if (!lv_list_is_empty(&q->browses))
        browses_wake(q);
    queue_schedule_deliveries(q);
    pager_relieve(l);
    if (deadline_ms && deadline_ms <= loop_steady_ms(q->entry.home))
        queue_expire(q);
}

static enum confirm_answer message_refused(struct queue *q, const struct message *m,
                                           enum confirm_answer answer)
{
    if (is_followed(m))
        queue_life_event(q, message_life(m),
                         answer == CONFIRM_GONE ? LIFE_QUEUE_DELETED : LIFE_REFUSED);
    return answer;
}

enum confirm_answer queue_take_message(struct queue *q, struct message *message, bool is_kept)
{
    if (queue_is_deleted(q))
        return message_refused(q, message, CONFIRM_GONE);
    lv_assert(!q->is_restoring);
    enum confirm_answer answer = journal_answer(&q->lanes, message);
    if (answer == CONFIRM_REFUSED)
        return message_refused(q, message, answer);
    if (q->settings.overflow != OVERFLOW_DROP_HEAD && queue_would_overflow(q, message)) {
        message_refused(q, message, CONFIRM_REFUSED);
        if (q->settings.overflow == OVERFLOW_REJECT_PUBLISH_DLX && !is_kept)
            q->ops->turn_away(q, message, DEATH_MAXLEN);
        return CONFIRM_REFUSED;
    }
    q->counters.published++;
    COUNT(queued);
    struct lane *l = lane_for(q, message);
    if (q->conflation && q->lanes.lane_count > 1)
        conflation_number(q, l);
    uint64_t deadline_ms = queue_deadline(q, message);
    struct consumer *c = lane_first_ready(&q->lanes) ? NULL : queue_next_consumer(q);
    if (!c) {
        queue_push(q, l, message, deadline_ms);
        return answer;
    }
    if (c->no_ack) {
        if (is_followed(message))
            queue_life_event(q, message_life(message), LIFE_QUEUED);
        queue_hand_over(q, c, message, 0, false, 0);
        return CONFIRM_TOOK;
    }
    struct message *kept = message_ref(message);
    uint64_t sequence = backlog_push_unacked(&l->backlog, &kept);
    if (is_followed(message))
        queue_life_came(q, lane_position(l, sequence), message_life(message), true);
    journal_enqueue(l, message, sequence, true, deadline_ms);
    if (deadline_ms)
        backlog_set_deadline(&l->backlog, sequence, deadline_ms);
    if (q->conflation)
        conflation_came(q, lane_position(l, sequence), message);
    queue_hand_over(q, c, message, lane_position(l, sequence), false, 0);
    return answer;
}

/* Publishers are held back while mail with messages to one loop takes more than this. */
static const uint64_t MAILED_BYTES_MAX = 32 * 1024 * 1024;

static _Atomic uint64_t *mailed_bytes(const struct queue *q)
{
    return &q->entry.vhost->topology->mailed_bytes[loop_index(q->entry.home)];
}

bool queue_is_behind(const struct queue *q)
{
    return atomic_load_explicit(mailed_bytes(q), memory_order_relaxed) > MAILED_BYTES_MAX ||
           journal_is_behind(&q->lanes) ||
           atomic_load_explicit(&q->is_departures_behind, memory_order_relaxed) ||
           (q->entry.dedup && dedup_is_behind(q->entry.vhost->topology));
}

typedef enum confirm_answer take_fn(struct queue *q, struct message *m, struct confirm_sink *sink,
                                    uint64_t number);

static void message_arrives(struct loop *at, struct mail *mail, take_fn *take)
{
    struct message *m = mail->b;
    if (held_takes(mail->a, mail))
        return;
    atomic_fetch_sub_explicit(mailed_bytes(mail->a), message_memory(m), memory_order_relaxed);
    struct confirm_sink *sink = (struct confirm_sink *)(uintptr_t)mail->d;
    enum confirm_answer answer = take(mail->a, m, sink, mail->c);
    if (sink && answer != CONFIRM_LATER)
        confirm_sink_answer(at, sink, mail->c, answer, answer == CONFIRM_GONE ? m : NULL);
    message_unref(&m);
}

static void publish_mail(struct loop *at, struct mail *mail)
{
    message_arrives(at, mail, queue_take_once);
}

static void publish_again_mail(struct loop *at, struct mail *mail)
{
    message_arrives(at, mail, queue_take_again);
}

static enum confirm_answer publish_by_mail(struct loop *loop, struct queue *q,
                                           struct message *message, struct confirm_sink *sink,
                                           uint64_t number,
                                           void (*deliver)(struct loop *, struct mail *))
{
    atomic_fetch_add_explicit(mailed_bytes(q), message_memory(message), memory_order_relaxed);
    struct mail mail = {
        .deliver = deliver,
        .a = q,
        .b = message_ref(message),
        .c = number,
        .d = (uintptr_t)sink,
    };
    if (q->entry.home != loop || !held_takes(q, &mail))
        loop_mail(loop, q->entry.home, &mail);
    return CONFIRM_LATER;
}

enum confirm_answer queue_publish(struct loop *loop, struct queue *q, struct message *message,
                                  struct confirm_sink *sink, uint64_t number)
{
    if (q->entry.home == loop && !q->is_restoring)
        return queue_take_once(q, message, sink, number);
    return publish_by_mail(loop, q, message, sink, number, publish_mail);
}

enum confirm_answer queue_publish_again(struct loop *loop, struct queue *q, struct message *message,
                                        struct confirm_sink *sink, uint64_t number)
{
    if (q->entry.home == loop && !q->is_restoring)
        return queue_take_again(q, message, sink, number);
    return publish_by_mail(loop, q, message, sink, number, publish_again_mail);
}

/* Asks the journal for an answer when all that was settled is safe. Home. */
static enum confirm_answer queue_answer_settled(struct queue *q, struct confirm_sink *sink)
{
    enum confirm_answer answer = journal_answer_settled(&q->lanes);
    if (answer == CONFIRM_LATER)
        journal_confirm(&q->lanes, sink, 0);
    return answer;
}

static void ask_settled_mail(struct loop *at, struct mail *mail)
{
    struct queue *q = mail->a;
    enum confirm_answer answer = queue_answer_settled(q, mail->b);
    if (answer != CONFIRM_LATER)
        confirm_sink_answer(at, mail->b, 0, answer, NULL);
    queue_unref(&q);
}

enum confirm_answer queue_ask_settled(struct loop *loop, struct queue *q, struct confirm_sink *sink)
{
    if (q->entry.home == loop)
        return queue_answer_settled(q, sink);
    struct mail mail = {.deliver = ask_settled_mail, .a = queue_ref(q), .b = sink};
    loop_mail(loop, q->entry.home, &mail);
    return CONFIRM_LATER;
}

bool queue_pass_through(struct loop *loop, struct queue *q, const struct delivery *delivery)
{
    if (q->entry.home != loop || q->entry.dedup || lv_list_is_empty(&q->ready_consumers) ||
        lane_first_ready(&q->lanes))
        return false;
    struct consumer *c = lv_list_item(q->ready_consumers.next, struct consumer, ready_link);
    if (!c->is_unlimited || c->loop != loop || queue_is_limited(q))
        return false;
    q->counters.published++;
    q->counters.delivered_no_ack++;
    COUNT(queued);
    COUNT_NTH(delivered_no_ack_classic, q->arguments.type);
    consumer_deliver(c, delivery);
    queue_after_turn(q, c);
    return true;
}

/* --- settling: home --------------------------------------------------------------------------- */

/* Gives up a message that a consumer has rejected without requeueing it. */
static void queue_reject(struct queue *q, struct lane *l, uint64_t sequence)
{
    struct message *m = backlog_find_unacked(&l->backlog, sequence);
    if (m)
        q->ops->give_up(q, lane_position(l, sequence), m, DEATH_REJECTED);
}

static void count_acked(struct queue *q, uint32_t n)
{
    if (n == 0)
        return;
    q->counters.acked += n;
    COUNT_NTH_MANY(acked_classic, q->arguments.type, n);
}

void queue_settle(struct queue *q, struct consumer *c, uint64_t position, uint32_t count,
                  enum settle_kind kind)
{
    lv_assert(c->queue == q && count > 0);
    if (c->is_browser) {
        browser_settle(c, count);
        return;
    }
    struct lane *l = lane_find(&q->lanes, position_priority(position));
    uint64_t first = position_sequence(position);
    uint32_t acked = 0;
    if (has_lives(q))
        queue_lives_settle(q, c, position, count, kind);
    for (uint64_t s = first; l && s < first + count; s++) {
        struct backlog_left left;
        if (kind == SETTLE_REQUEUE) {
            queue_return(q, l, s);
        } else if (kind == SETTLE_REJECT) {
            queue_reject(q, l, s);
        } else if (backlog_settle(&l->backlog, s, &left)) {
            queue_message_left(l, &left);
            acked++;
        }
    }
    count_acked(q, acked);
    consumer_return_credit(c, count);
    queue_consumer_settled(q, c);
    if (kind == SETTLE_REQUEUE && queue_is_limited(q))
        queue_keep_limits(q);
    queue_consumer_ready(q, c);
    queue_schedule_deliveries(q);
}

/* --- settings --------------------------------------------------------------------------------- */

void queue_settings_changed(struct queue *q)
{
    queue_assert_home(q);
    queue_keep_limits(q);
    queue_consumers_refresh(q);
    queue_used(q);
    queue_watch_use(q);
    queue_schedule_deliveries(q);
}
