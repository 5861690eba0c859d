/* The commit of a transaction: it is answered when all queues have the messages, and the log has
 * the persistent ones and the acknowledgements.
 *
 * A long commit is done in slices, and pauses while a queue's home is behind:
 *
 *   commit -> publishes, in order -> settles -> (every queue has answered) -> commit-ok
 *             '---- in slices, while the channel waits ----'
 *
 * Once begun, it is carried through, even if the client disconnects meanwhile. */
#include "amqp/tx_private.h"
#include "base/counters.h"

enum { PAUSE_MS = 1, UNIT_BYTES = 4096 };

/* --- publishes -------------------------------------------------------------------------------- */

/* Makes the commit wait until this queue's home has caught up; but not once the client is gone,
 * since what is left of its transaction is bounded. */
static void commit_pause_for(struct tx *tx, struct queue *q)
{
    if (!tx->behind && tx->channel->state == CHANNEL_OPEN)
        tx->behind = queue_ref(q);
}

static void pause_timer_fire(struct loop *loop, struct loop_timer *timer)
{
    struct tx *tx = lv_container_of(timer, struct tx, pause);
    lv_assert(tx->is_committing && tx->behind);
    if (queue_is_behind(tx->behind)) {
        loop_timer_start(loop, timer, PAUSE_MS);
        return;
    }
    queue_unref(&tx->behind);
    loop_job_start(loop, &tx->job);
}

/* Makes the publish from what was kept of it, and takes what *kept owns. */
static struct publish publish_revive(struct tx_publish *kept)
{
    struct publish p;
    (void)publish_begin(&p, &kept->message);
    p.delayed = kept->delayed;
    p.claims = kept->claims;
    kept->delayed = NULL;
    kept->claims = (struct dedup_claims){0};
    return p;
}

/* Sends a kept publish to its queues. A queue that has been deleted since answers CONFIRM_GONE. */
static void commit_publish(struct channel *ch, struct tx_publish *kept)
{
    struct loop *loop = connection_loop(ch->connection);
    struct publisher *publisher = channel_publisher(ch);
    struct publish p = publish_revive(kept);
    const struct route route = {.queues = kept->queues, .count = kept->queue_count};
    /* Nothing is returned to a client that is gone. */
    bool is_watched = kept->mandatory && ch->state == CHANNEL_OPEN;
    if (is_watched && route.count == 0)
        channel_return_message(ch, p.content.message);
    if (!kept->mandatory && route.count == 0)
        channel_count_dropped(ch, channel_counts_of_exchange(ch, p.content.exchange));
    COUNT_MANY(routed, route.count);
    uint64_t number = is_watched ? channel_watch_next(ch) : 0;
    struct publish_result result;
    publish_send(loop, &p, &route, &publisher->sink, number, &result);
    lv_assert(!result.is_out_of_memory); /* publish_keep() has made all that was needed */
    if (result.behind)
        commit_pause_for(ch->tx, result.behind);
    publisher->waiting += result.answers.later;
    publisher->has_failed |= result.answers.refused;
    if (is_watched && result.answers.later > 0)
        channel_watch(ch, &result.answers);
    else if (is_watched && confirm_answers_sum(&result.answers) == CONFIRM_GONE)
        channel_return_message(ch, p.content.message);
    publish_end(loop, &p);
}

/* Returns what sending a message costs, in units; its bytes are copied for the log. */
static unsigned publish_cost(const struct tx_publish *publish)
{
    return (unsigned)(1 + publish->queue_count + publish->message->body_bytes / UNIT_BYTES);
}

/* Sends until the slice is used up or a queue is behind. Returns whether all have been sent. */
static bool commit_publishes(struct tx *tx)
{
    struct channel *ch = tx->channel;
    struct loop *loop = tx_loop(tx);
    while (tx->first_page) {
        struct tx_publish *publish = &tx->first_page->publishes[tx->first_page->first];
        if (tx->behind || !loop_spend(loop, publish_cost(publish)))
            return false;
        tallies_count(&ch->tallies,
                      channel_counted_exchange(ch, message_exchange(publish->message)));
        channel_count_published(ch, publish->message->body_bytes);
        commit_publish(ch, publish);
        tx_publish_drop(loop, publish);
        lv_assert(tx->publish_count > 0);
        tx->publish_count--;
        tx_pages_advance(&tx->first_page);
    }
    tx->last_page = NULL;
    if (tx->behind)
        queue_unref(&tx->behind);
    return true;
}

/* --- settles ---------------------------------------------------------------------------------- */

void tx_has_settled(struct channel *ch, struct queue *q)
{
    struct publisher *publisher = channel_publisher(ch);
    lv_assert(tx_is_committing(ch));
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

/* Answers the commit, when all queues have answered. */
static void commit_answer(struct channel *ch)
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

/* --- its end, and the command ----------------------------------------------------------------- */

void tx_is_committed(struct channel *ch)
{
    lv_assert(tx_is_committing(ch));
    ch->tx->is_committing = false;
    commit_answer(ch);
    if (ch->tx && ch->state != CHANNEL_OPEN)
        tx_free(ch);
    channel_go_on(ch);
}

/* Ends the sending of a commit: from now on only queues' answers are still to come. */
static void commit_is_sent(struct channel *ch)
{
    lv_assert(ch->publisher->waiting > 0);
    if (--ch->publisher->waiting == 0)
        tx_is_committed(ch);
}

static bool commit_go_on(struct loop *loop, struct loop_job *job)
{
    struct tx *tx = lv_container_of(job, struct tx, job);
    struct channel *ch = tx->channel;
    if (!commit_publishes(tx)) {
        if (tx->behind)
            loop_timer_start(loop, &tx->pause, PAUSE_MS);
        return !tx->behind;
    }
    if (commit_settles(tx, commit_is_sent))
        commit_is_sent(ch); /* the channel may be gone afterwards */
    return false;
}

void cmd_tx_commit(struct channel *ch, struct slice args)
{
    CHANNEL_READ(ch, args, tx_commit, AMQP_TX_COMMIT, m);
    if (!tx_check_mode(ch, AMQP_TX_COMMIT))
        return;
    struct tx *tx = ch->tx;
    lv_assert(!tx->is_committing && !tx->behind);
    tx->is_committing = true;
    channel_publisher(ch)->waiting++; /* until all is sent */
    if (!commit_publishes(tx)) {
        channel_wait(ch, AMQP_TX_COMMIT);
        loop_job_start(tx_loop(tx), &tx->job);
    } else if (!commit_settles(tx, commit_is_sent) || --ch->publisher->waiting > 0) {
        channel_wait(ch, AMQP_TX_COMMIT);
    } else {
        tx->is_committing = false;
        commit_answer(ch);
    }
}

void tx_init_commit(struct tx *tx)
{
    loop_job_init(&tx->job, commit_go_on);
    loop_timer_init(&tx->pause, pause_timer_fire);
}

void tx_commit_hurry(struct tx *tx)
{
    lv_assert(tx->is_committing);
    if (!tx->behind)
        return;
    queue_unref(&tx->behind);
    loop_timer_stop(tx_loop(tx), &tx->pause);
    loop_job_start(tx_loop(tx), &tx->job);
}
