/* Transactions: publishes and acknowledgements wait for commit. They are atomic in no other sense,
 * as in RabbitMQ: commit applies them one after the other, and is answered when all queues have
 * the messages and the log has the persistent ones and the acknowledgements.
 *
 * A long commit is done in slices, and pauses while a queue's home is behind:
 *
 *   commit -> publishes, in order -> settles -> (every queue has answered) -> commit-ok
 *             '---- in slices, while the channel waits ----'
 *
 * Once begun, it is carried through, even if the client disconnects meanwhile. */
#include <stdlib.h>

#include "amqp/publish_private.h"
#include "base/assert.h"
#include "base/counters.h"
#include "base/memory.h"

enum { PAGE_PUBLISHES = 128, PAUSE_MS = 1, UNIT_BYTES = 4096 };

struct tx_publish {
    struct message *message; /* owned */
    struct message *delayed; /* owned; as struct publish has it */
    bool mandatory;
    struct queue_entry **queues; /* where it went when it was published; owned, each a reference */
    size_t queue_count;
    struct dedup_claims claims; /* owned */
};

/* Publishes in the order in which they came. */
struct tx_page {
    struct tx_page *next;
    unsigned first; /* those before have been committed, or dropped */
    unsigned count;
    struct tx_publish publishes[PAGE_PUBLISHES];
};

struct tx {
    struct channel *channel;
    struct tx_page *first_page, *last_page;
    size_t publish_count;
    struct settle_range *settles;
    size_t range_count, range_capacity;
    size_t settle_count; /* deliveries in them */
    /* The commit under way. */
    bool is_committing;
    struct loop_job job;
    struct queue *behind; /* it pauses until this queue's home has caught up; referenced */
    struct loop_timer pause;
};

static struct loop *loop_of(const struct tx *tx)
{
    return connection_loop(tx->channel->connection);
}

/* --- what is kept ----------------------------------------------------------------------------- */

static struct tx_publish *new_publish(struct tx *tx)
{
    struct tx_page *page = tx->last_page;
    if (!page || page->count == PAGE_PUBLISHES) {
        page = lv_malloc(sizeof *page);
        page->next = NULL;
        page->first = page->count = 0;
        if (tx->last_page)
            tx->last_page->next = page;
        else
            tx->first_page = page;
        tx->last_page = page;
    }
    tx->publish_count++;
    return &page->publishes[page->count++];
}

void tx_add_publish(struct channel *ch, struct publication *p, const struct route *route)
{
    struct tx_publish *publish = new_publish(ch->tx);
    *publish = (struct tx_publish){.message = p->publish.content.message,
                                   .delayed = p->publish.delayed,
                                   .mandatory = p->mandatory,
                                   .claims = p->publish.claims};
    p->publish = (struct publish){0};
    if (route->count == 0)
        return;
    publish->queues = lv_malloc(route->count * sizeof(struct queue_entry *));
    publish->queue_count = route->count;
    for (size_t i = 0; i < route->count; i++)
        publish->queues[i] = queue_entry_ref(route->queues[i]);
}

static void add_range(struct tx *tx, const struct settle_range *range)
{
    if (tx->range_count > 0) {
        struct settle_range *last = &tx->settles[tx->range_count - 1];
        if (last->kind == range->kind && last->last + 1 == range->first) {
            last->last = range->last;
            return;
        }
    }
    if (tx->range_count == tx->range_capacity) {
        tx->range_capacity = tx->range_capacity ? tx->range_capacity * 2 : 8;
        tx->settles = lv_realloc(tx->settles, tx->range_capacity * sizeof *tx->settles);
    }
    tx->settles[tx->range_count++] = *range;
}

/* A range may include tags that an earlier range has marked: those have been settled when this
 * one's turn comes. */
void tx_add_settle(struct channel *ch, uint64_t first, uint64_t last, enum settle_kind kind)
{
    if (last > ch->unacked.last)
        last = ch->unacked.last;
    size_t count = first <= last ? unacked_mark(&ch->unacked, first, last) : 0;
    if (count == 0)
        return;
    ch->tx->settle_count += count;
    add_range(ch->tx, &(struct settle_range){first, last, kind});
}

/* Rollback: what was acknowledged is outstanding again. */
static void unmark_settles(struct channel *ch)
{
    struct tx *tx = ch->tx;
    for (size_t i = 0; i < tx->range_count; i++)
        unacked_unmark(&ch->unacked, tx->settles[i].first, tx->settles[i].last);
    tx->range_count = 0;
    tx->settle_count = 0;
}

uint64_t tx_publish_count(const struct channel *ch)
{
    return ch->tx ? ch->tx->publish_count : 0;
}

uint64_t tx_settle_count(const struct channel *ch)
{
    return ch->tx ? ch->tx->settle_count : 0;
}

/* --- publishes leave -------------------------------------------------------------------------- */

static void drop_publish(struct loop *loop, struct tx_publish *publish)
{
    if (publish->message)
        message_unref(&publish->message);
    if (publish->delayed)
        message_unref(&publish->delayed);
    if (!dedup_claims_are_empty(&publish->claims))
        dedup_claims_drop(loop, &publish->claims);
    for (size_t i = 0; i < publish->queue_count; i++)
        queue_entry_unref(&publish->queues[i]);
    free(publish->queues);
}

/* Removes the first publish, which has been committed or dropped. */
static void leave_first(struct tx_page **first)
{
    struct tx_page *page = *first;
    if (++page->first < page->count)
        return;
    *first = page->next;
    free(page);
}

/* Publishes that will not be committed are dropped, in slices. */
struct dropping {
    struct loop_job job;
    struct tx_page *first_page;
};

static bool drop_some(struct loop *loop, struct loop_job *job)
{
    struct dropping *dropping = lv_container_of(job, struct dropping, job);
    while (dropping->first_page) {
        if (!loop_spend(loop, 1))
            return true;
        struct tx_page *page = dropping->first_page;
        drop_publish(loop, &page->publishes[page->first]);
        leave_first(&dropping->first_page);
    }
    free(dropping);
    return false;
}

static void drop_publishes(struct tx *tx)
{
    if (!tx->first_page)
        return;
    struct dropping *dropping = lv_malloc(sizeof *dropping);
    dropping->first_page = tx->first_page;
    loop_job_init(&dropping->job, drop_some);
    tx->first_page = tx->last_page = NULL;
    tx->publish_count = 0;
    if (drop_some(loop_of(tx), &dropping->job))
        loop_job_start(loop_of(tx), &dropping->job);
}

/* --- commit: publishes ------------------------------------------------------------------------ */

/* Makes the commit wait until this queue's home has caught up; but not once the client is gone,
 * since what is left of its transaction is bounded. */
static void pause_for(struct tx *tx, struct queue *q)
{
    if (!tx->behind && tx->channel->state == CHANNEL_OPEN)
        tx->behind = queue_ref(q);
}

static void pause_is_over(struct loop *loop, struct loop_timer *timer)
{
    struct tx *tx = lv_container_of(timer, struct tx, pause);
    if (queue_is_behind(tx->behind)) {
        loop_timer_start(loop, timer, PAUSE_MS);
        return;
    }
    queue_unref(&tx->behind);
    loop_job_start(loop, &tx->job);
}

/* Makes the publish from what was kept of it, and takes what *kept owns. */
static struct publish publish_of(struct tx_publish *kept)
{
    struct publish p;
    (void)publish_begin(&p, &kept->message);
    p.delayed = kept->delayed;
    p.claims = kept->claims;
    kept->delayed = NULL;
    kept->claims = (struct dedup_claims){0};
    return p;
}

/* Sends it to its queues. A queue that has been deleted since answers CONFIRM_GONE. */
static void commit_publish(struct channel *ch, struct tx_publish *kept)
{
    struct loop *loop = connection_loop(ch->connection);
    struct publisher *publisher = channel_publisher(ch);
    struct publish p = publish_of(kept);
    const struct route route = {.queues = kept->queues, .count = kept->queue_count};
    /* Nothing is returned to a client that is gone. */
    bool is_watched = kept->mandatory && ch->state == CHANNEL_OPEN;
    if (is_watched && route.count == 0)
        channel_return_message(ch, p.content.message);
    COUNT_MANY(unroutable, !kept->mandatory && route.count == 0);
    uint64_t number = is_watched ? channel_watch_next(ch) : 0;
    struct publish_result result;
    publish_send(loop, &p, &route, &publisher->sink, number, &result);
    lv_assert(!result.is_out_of_memory); /* publish_keep() has made all that was needed */
    if (result.behind)
        pause_for(ch->tx, result.behind);
    publisher->waiting += result.answers.later;
    publisher->has_failed |= result.answers.refused;
    if (is_watched && result.answers.later > 0)
        channel_watch(ch, &result.answers);
    else if (is_watched && confirm_answers_sum(&result.answers) == CONFIRM_GONE)
        channel_return_message(ch, p.content.message);
    publish_end(loop, &p);
}

/* Returns what sending a message costs, in units; its bytes are copied for the log. */
static unsigned cost_of(const struct tx_publish *publish)
{
    return (unsigned)(1 + publish->queue_count + publish->message->body_bytes / UNIT_BYTES);
}

/* Sends until the slice is used up or a queue is behind. Returns whether all have been sent. */
static bool commit_publishes(struct tx *tx)
{
    struct channel *ch = tx->channel;
    struct loop *loop = loop_of(tx);
    while (tx->first_page) {
        struct tx_publish *publish = &tx->first_page->publishes[tx->first_page->first];
        if (tx->behind || !loop_spend(loop, cost_of(publish)))
            return false;
        commit_publish(ch, publish);
        ch->published++;
        COUNT(published);
        drop_publish(loop, publish);
        tx->publish_count--;
        leave_first(&tx->first_page);
    }
    tx->last_page = NULL;
    if (tx->behind)
        queue_unref(&tx->behind);
    return true;
}

/* --- commit: settles, and its end ------------------------------------------------------------- */

void tx_has_settled(struct channel *ch, struct queue *q)
{
    struct publisher *publisher = channel_publisher(ch);
    enum confirm_answer answer =
        queue_ask_settled(connection_loop(ch->connection), q, &publisher->sink);
    publisher->waiting += answer == CONFIRM_LATER;
    publisher->has_failed |= answer == CONFIRM_REFUSED;
}

/* Settles what was acknowledged. Returns whether that is done at once. */
static bool commit_settles(struct tx *tx, void (*done)(struct channel *ch))
{
    struct settle_range *ranges = tx->settles;
    size_t count = tx->range_count;
    if (count == 0)
        return true;
    tx->settles = NULL;
    tx->range_count = tx->range_capacity = tx->settle_count = 0;
    return channel_settle_commit(tx->channel, ranges, count, done);
}

bool tx_is_committing(const struct channel *ch)
{
    return ch->tx && ch->tx->is_committing;
}

/* Called when all queues have answered. */
static void commit_end(struct channel *ch)
{
    bool has_failed = ch->publisher && ch->publisher->has_failed;
    if (ch->publisher)
        ch->publisher->has_failed = false;
    if (ch->state != CHANNEL_OPEN)
        return;
    if (has_failed)
        channel_fail(ch, AMQP_TX_COMMIT, REPLY_PRECONDITION_FAILED, "partial tx completion");
    else
        CHANNEL_SEND(ch, tx_commit_ok, .none = 0);
}

static void tx_free(struct channel *ch)
{
    struct tx *tx = ch->tx;
    ch->tx = NULL;
    drop_publishes(tx);
    free(tx->settles);
    free(tx);
}

void tx_is_committed(struct channel *ch)
{
    ch->tx->is_committing = false;
    commit_end(ch);
    if (ch->tx && ch->state != CHANNEL_OPEN)
        tx_free(ch);
    channel_go_on(ch);
}

/* Called when everything is sent: only queues' answers are still to come. */
static void is_sent(struct channel *ch)
{
    if (--ch->publisher->waiting == 0)
        tx_is_committed(ch);
}

static bool commit_on(struct loop *loop, struct loop_job *job)
{
    struct tx *tx = lv_container_of(job, struct tx, job);
    struct channel *ch = tx->channel;
    if (!commit_publishes(tx)) {
        if (tx->behind)
            loop_timer_start(loop, &tx->pause, PAUSE_MS);
        return !tx->behind;
    }
    if (commit_settles(tx, is_sent))
        is_sent(ch); /* the channel may be gone afterwards */
    return false;
}

void tx_end(struct channel *ch)
{
    struct tx *tx = ch->tx;
    if (!tx)
        return;
    if (!tx->is_committing) {
        unmark_settles(ch);
        tx_free(ch);
    } else if (tx->behind) {
        queue_unref(&tx->behind);
        loop_timer_stop(loop_of(tx), &tx->pause);
        loop_job_start(loop_of(tx), &tx->job);
    }
}

/* --- the commands ----------------------------------------------------------------------------- */

static void tx_begin(struct channel *ch)
{
    struct tx *tx = lv_calloc(1, sizeof *tx);
    tx->channel = ch;
    loop_job_init(&tx->job, commit_on);
    loop_timer_init(&tx->pause, pause_is_over);
    ch->tx = tx;
}

void cmd_tx_select(struct channel *ch, struct slice args)
{
    CHANNEL_READ(ch, args, tx_select, AMQP_TX_SELECT, m);
    if (ch->mode == CHANNEL_CONFIRM) {
        channel_fail(ch, AMQP_TX_SELECT, REPLY_PRECONDITION_FAILED,
                     "cannot switch from confirm to tx mode");
        return;
    }
    if (!ch->tx)
        tx_begin(ch);
    ch->mode = CHANNEL_TX;
    CHANNEL_SEND(ch, tx_select_ok, .none = 0);
}

static bool is_transactional(struct channel *ch, uint32_t method)
{
    if (ch->mode == CHANNEL_TX)
        return true;
    channel_fail(ch, method, REPLY_PRECONDITION_FAILED, "channel is not transactional");
    return false;
}

void cmd_tx_commit(struct channel *ch, struct slice args)
{
    CHANNEL_READ(ch, args, tx_commit, AMQP_TX_COMMIT, m);
    if (!is_transactional(ch, AMQP_TX_COMMIT))
        return;
    struct tx *tx = ch->tx;
    tx->is_committing = true;
    channel_publisher(ch)->waiting++; /* until all is sent */
    if (!commit_publishes(tx)) {
        channel_wait(ch, AMQP_TX_COMMIT);
        loop_job_start(loop_of(tx), &tx->job);
    } else if (!commit_settles(tx, is_sent) || --ch->publisher->waiting > 0) {
        channel_wait(ch, AMQP_TX_COMMIT);
    } else {
        tx->is_committing = false;
        commit_end(ch);
    }
}

void cmd_tx_rollback(struct channel *ch, struct slice args)
{
    CHANNEL_READ(ch, args, tx_rollback, AMQP_TX_ROLLBACK, m);
    if (!is_transactional(ch, AMQP_TX_ROLLBACK))
        return;
    drop_publishes(ch->tx);
    unmark_settles(ch);
    channel_look_for_timeouts(ch);
    CHANNEL_SEND(ch, tx_rollback_ok, .none = 0);
}
