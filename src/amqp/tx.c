/* Transactions: publishes and acknowledgements wait for commit. They are atomic in no other sense,
 * as in RabbitMQ: commit applies them one after the other, and answers when all queues have them and
 * the log has what is persistent: messages, and what was settled. */
#include <stdlib.h>

#include "amqp/publish_private.h"
#include "base/memory.h"

struct tx_publish {
    struct message *message; /* owned */
    struct message *waiting; /* owned; for queues where it waits to be due; NULL: the same */
    bool mandatory;
    struct queue **queues; /* where it went when it was published; owned, each a reference */
    size_t queue_count;
    struct dedup_claims claims; /* owned */
};

struct tx_settle {
    uint64_t tag;
    enum settle_kind kind;
};

struct tx {
    struct tx_publish *publishes;
    size_t publish_count, publish_capacity;
    struct tx_settle *settles;
    size_t settle_count, settle_capacity;
};

static void *grown(void *items, size_t count, size_t *capacity, size_t item_bytes)
{
    if (count < *capacity)
        return items;
    *capacity = *capacity ? *capacity * 2 : 8;
    return lv_realloc(items, *capacity * item_bytes);
}

void tx_add_publish(struct channel *ch, struct publication *p, const struct route *route)
{
    struct tx *tx = ch->tx;
    tx->publishes =
        grown(tx->publishes, tx->publish_count, &tx->publish_capacity, sizeof *tx->publishes);
    struct tx_publish *publish = &tx->publishes[tx->publish_count++];
    *publish = (struct tx_publish){.message = p->message,
                                   .waiting = p->waiting,
                                   .mandatory = p->mandatory,
                                   .claims = p->claims};
    p->message = NULL;
    p->waiting = NULL;
    p->claims = (struct dedup_claims){0};
    if (route->count == 0)
        return;
    publish->queues = lv_malloc(route->count * sizeof(struct queue *));
    publish->queue_count = route->count;
    for (size_t i = 0; i < route->count; i++)
        publish->queues[i] = queue_ref(route->queues[i]);
}

void tx_add_settle(struct channel *ch, uint64_t first, uint64_t last, enum settle_kind kind)
{
    struct tx *tx = ch->tx;
    uint64_t tag = unacked_next(&ch->unacked, first);
    for (; tag != 0 && tag <= last; tag = unacked_next(&ch->unacked, tag + 1)) {
        unacked_mark(&ch->unacked, tag);
        tx->settles =
            grown(tx->settles, tx->settle_count, &tx->settle_capacity, sizeof *tx->settles);
        tx->settles[tx->settle_count++] = (struct tx_settle){tag, kind};
    }
}

static void drop_publish(struct loop *loop, struct tx_publish *publish)
{
    dedup_claims_drop(loop, &publish->claims);
    message_unref(&publish->message);
    if (publish->waiting)
        message_unref(&publish->waiting);
    for (size_t i = 0; i < publish->queue_count; i++)
        queue_unref(&publish->queues[i]);
    free(publish->queues);
}

static void drop_publishes(struct channel *ch)
{
    struct tx *tx = ch->tx;
    for (size_t i = 0; i < tx->publish_count; i++)
        drop_publish(connection_loop(ch->connection), &tx->publishes[i]);
    tx->publish_count = 0;
}

/* What was acknowledged is outstanding again. */
static void unmark_settles(struct channel *ch)
{
    for (size_t i = 0; i < ch->tx->settle_count; i++)
        unacked_unmark(&ch->unacked, ch->tx->settles[i].tag);
    ch->tx->settle_count = 0;
}

void tx_free(struct channel *ch)
{
    struct tx *tx = ch->tx;
    if (!tx)
        return;
    drop_publishes(ch);
    unmark_settles(ch);
    free(tx->publishes);
    free(tx->settles);
    free(tx);
    ch->tx = NULL;
}

uint64_t tx_publish_count(const struct channel *ch)
{
    return ch->tx ? ch->tx->publish_count : 0;
}

uint64_t tx_settle_count(const struct channel *ch)
{
    return ch->tx ? ch->tx->settle_count : 0;
}

/* --- commit --------------------------------------------------------------------------------------- */

/* Hands it to its queues, which have answered so. One that has gone since it was published says so. */
static void send_to_queues(struct channel *ch, struct tx_publish *publish,
                           struct confirm_sink *sink, uint64_t number,
                           struct queue_answers *answers)
{
    for (size_t i = 0; i < publish->queue_count; i++) {
        struct queue *q = publish->queues[i];
        bool waits = publish->waiting && q->rules->is_delaying;
        queue_answers_add(answers,
                          queue_publish(connection_loop(ch->connection), q,
                                        waits ? publish->waiting : publish->message, sink, number));
    }
}

/* The same, of a message that exchanges have looked at for duplicates. */
static void send_once(struct channel *ch, struct tx_publish *publish, struct confirm_sink *sink,
                      uint64_t number, struct queue_answers *answers)
{
    struct dedup_publish *once = dedup_publish_begin(
        connection_loop(ch->connection), &publish->claims, publish->message->is_persistent);
    struct queue_answers of_queues = {0};
    send_to_queues(ch, publish, dedup_publish_sink(once), 0, &of_queues);
    queue_answers_add(answers, dedup_publish_end(&once, &of_queues, sink, number));
}

static void commit_publish(struct channel *ch, struct tx_publish *publish)
{
    struct message *m = publish->message;
    if (message_exchange(m).n == 0 && reply_to_is_made_name(message_routing_key(m))) {
        reply_to_publish(ch, message_routing_key(m), m);
        return;
    }
    if (publish->mandatory && publish->queue_count == 0)
        channel_return_message(ch, m);
    struct publisher *publisher = channel_publisher(ch);
    struct queue_answers answers = {0};
    uint64_t number = publish->mandatory ? channel_watch_next(ch) : 0;
    (publish->claims.first ? send_once : send_to_queues)(ch, publish, &publisher->sink, number,
                                                         &answers);
    if (publish->claims.seen_by)
        queue_answers_add(&answers,
                          dedup_answer_duplicate(&publish->claims, &publisher->sink, number));
    publisher->waiting += answers.later;
    publisher->has_failed |= answers.refused;
    if (publish->mandatory && answers.later > 0)
        channel_watch(ch, &answers);
    else if (publish->mandatory && queue_answers_sum(&answers) == QUEUE_GONE)
        channel_return_message(ch, m);
}

static int by_address(const void *a, const void *b)
{
    const struct queue *x = *(struct queue *const *)a, *y = *(struct queue *const *)b;
    return (x > y) - (x < y);
}

/* The queues of what is about to be settled, each once and referenced. The caller owns the list. */
static struct queue **queues_settled(struct channel *ch, const struct tx_settle *settles,
                                     size_t count, size_t *ret_count)
{
    struct queue **queues = lv_malloc((count + 1) * sizeof(struct queue *));
    size_t n = 0, distinct = 0;
    for (size_t i = 0; i < count; i++) {
        struct queue *q = unacked_queue(&ch->unacked, settles[i].tag);
        if (n == 0 || queues[n - 1] != q)
            queues[n++] = q;
    }
    qsort(queues, n, sizeof(struct queue *), by_address);
    for (size_t i = 0; i < n; i++) {
        if (distinct == 0 || queues[distinct - 1] != queues[i])
            queues[distinct++] = queue_ref(queues[i]);
    }
    *ret_count = distinct;
    return queues;
}

/* The answer waits until each of them has stored what was settled. Takes the list. */
static void wait_for_settles(struct channel *ch, struct queue **queues, size_t count)
{
    struct publisher *publisher = channel_publisher(ch);
    for (size_t i = 0; i < count; i++) {
        enum queue_answer answer =
            queue_ask_settled(connection_loop(ch->connection), queues[i], &publisher->sink);
        publisher->waiting += answer == QUEUE_LATER;
        publisher->has_failed |= answer == QUEUE_REFUSED;
        queue_unref(&queues[i]);
    }
    free(queues);
}

static void commit_settles(struct channel *ch)
{
    struct tx *tx = ch->tx;
    size_t count = tx->settle_count;
    struct tx_settle *settles = tx->settles;
    size_t queue_count;
    struct queue **queues = queues_settled(ch, settles, count, &queue_count);
    /* The list goes first: settling may bring a delivery, and that a look at the transaction. */
    tx->settle_count = 0;
    tx->settles = NULL;
    tx->settle_capacity = 0;
    for (size_t i = 0; i < count; i++)
        unacked_unmark(&ch->unacked, settles[i].tag);
    for (size_t i = 0; i < count; i++)
        channel_settle(ch, settles[i].tag, settles[i].tag, settles[i].kind);
    free(settles);
    wait_for_settles(ch, queues, queue_count);
}

bool tx_is_committing(const struct channel *ch)
{
    return ch->is_waiting && ch->waiting_for == AMQP_TX_COMMIT;
}

/* All have answered. */
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

void tx_is_committed(struct channel *ch)
{
    commit_end(ch);
    channel_go_on(ch);
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
        ch->tx = lv_calloc(1, sizeof *ch->tx);
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
    for (size_t i = 0; i < tx->publish_count; i++)
        commit_publish(ch, &tx->publishes[i]);
    ch->published += tx->publish_count;
    drop_publishes(ch);
    commit_settles(ch);
    if (ch->publisher && ch->publisher->waiting > 0)
        channel_wait(ch, AMQP_TX_COMMIT);
    else
        commit_end(ch);
}

void cmd_tx_rollback(struct channel *ch, struct slice args)
{
    CHANNEL_READ(ch, args, tx_rollback, AMQP_TX_ROLLBACK, m);
    if (!is_transactional(ch, AMQP_TX_ROLLBACK))
        return;
    drop_publishes(ch);
    unmark_settles(ch);
    channel_look_for_timeouts(ch);
    CHANNEL_SEND(ch, tx_rollback_ok, .none = 0);
}
