/* What a publisher is sent: confirms, and returns of messages that no queue has taken.
 *
 *   queue ---> publisher_answer() ---> confirms.c ---> a task at the end of the turn ---> ack, nack
 *                                  '--> basic.return at once, before its ack
 *
 * Answers that queues give at once are handled in publish.c. */
#include <stdlib.h>

#include "amqp/channel.h"
#include "base/counters.h"
#include "base/memory.h"
#include "topology/exchange_counts.h"

/* --- confirms --------------------------------------------------------------------------------- */

void channel_follow_confirm(struct channel *ch, uint32_t life)
{
    followed_add(&ch->followed, confirms_next(ch->confirms), life);
}

/* The channel, and what it tells the client. */
struct told {
    struct channel *channel;
    bool is_nack;
};

static void followed_is_told(void *arg, uint64_t number, uint32_t life)
{
    const struct told *told = arg;
    const struct channel *ch = told->channel;
    session_life_confirmed(&ch->connection->session, ch->number, life, number, told->is_nack);
}

static void send_confirm(void *arg, uint64_t number, bool multiple, bool nack)
{
    struct channel *ch = arg;
    if (nack)
        CHANNEL_SEND(ch, basic_nack, .delivery_tag = number, .multiple = multiple, .requeue = true);
    else
        CHANNEL_SEND(ch, basic_ack, .delivery_tag = number, .multiple = multiple);
    struct told told = {ch, nack};
    if (ch->followed)
        followed_take(&ch->followed, number, multiple, followed_is_told, &told);
}

static void confirm_task_run(struct loop *loop, struct loop_task *task)
{
    (void)loop;
    struct channel *ch = lv_container_of(task, struct channel, confirm_task);
    confirms_flush(ch->confirms, send_confirm, ch);
}

void channel_init_confirm_task(struct channel *ch)
{
    loop_task_init(&ch->confirm_task, confirm_task_run);
}

void channel_confirm_soon(struct channel *ch)
{
    loop_schedule(connection_loop(ch->connection), &ch->confirm_task);
}

void channel_flush_confirms(struct channel *ch)
{
    if (ch->confirms)
        confirms_flush(ch->confirms, send_confirm, ch);
}

static uint64_t now_ms(const struct channel *ch)
{
    return loop_now_ms(connection_loop(ch->connection));
}

static void confirm_answered(struct channel *ch, uint64_t number, enum confirm_answer answer,
                             struct message *message)
{
    lv_assert(ch->confirms);
    enum confirm_end end = confirms_answer(ch->confirms, number, answer, now_ms(ch));
    if (end == CONFIRM_OPEN)
        return;
    if (end == CONFIRM_RETURNED) /* the last answer comes with the message */
        channel_return_message(ch, message);
    channel_confirm_soon(ch);
}

/* --- mandatory without confirms: the client gets returns alone -------------------------------- */

/* The bit that marks a number as one of channel.watched. */
static const uint64_t WATCHED = UINT64_C(1) << 63;

uint64_t channel_watch_next(struct channel *ch)
{
    if (!ch->watched) {
        ch->watched = lv_malloc(sizeof *ch->watched);
        confirms_init(ch->watched);
    }
    return confirms_next(ch->watched) | WATCHED;
}

void channel_watch(struct channel *ch, const struct confirm_answers *answers)
{
    lv_assert(ch->watched);
    confirms_wait(ch->watched, answers, true, now_ms(ch));
}

static void confirm_discard(void *arg, uint64_t number, bool multiple, bool nack)
{
    (void)arg;
    (void)number;
    (void)multiple;
    (void)nack;
}

static void watched_answered(struct channel *ch, uint64_t number, enum confirm_answer answer,
                             struct message *message)
{
    if (!ch->watched)
        return; /* the channel has been shut: it only waits for a commit to end */
    if (confirms_answer(ch->watched, number, answer, now_ms(ch)) == CONFIRM_RETURNED)
        channel_return_message(ch, message);
    confirms_flush(ch->watched, confirm_discard, NULL);
}

static void publisher_answer(struct confirm_sink *sink, uint64_t number, enum confirm_answer answer,
                             struct message *message)
{
    struct publisher *p = lv_container_of(sink, struct publisher, sink);
    struct channel *ch = p->channel;
    lv_assert(p->waiting > 0);
    p->waiting--;
    if (!ch) {
        if (p->waiting == 0)
            free(p);
        return;
    }
    if (number & WATCHED)
        watched_answered(ch, number & ~WATCHED, answer, message);
    else if (ch->mode == CHANNEL_CONFIRM)
        confirm_answered(ch, number, answer, message);
    if (ch->mode != CHANNEL_TX)
        return;
    p->has_failed |= answer == CONFIRM_REFUSED;
    if (p->waiting == 0 && tx_is_committing(ch))
        tx_is_committed(ch);
}

struct publisher *channel_publisher(struct channel *ch)
{
    if (!ch->publisher) {
        ch->publisher = lv_calloc(1, sizeof *ch->publisher);
        ch->publisher->sink.loop = connection_loop(ch->connection);
        ch->publisher->sink.answer = publisher_answer;
        ch->publisher->channel = ch;
    }
    return ch->publisher;
}

void channel_forget_publisher(struct channel *ch)
{
    struct publisher *p = ch->publisher;
    /* During tx.commit the channel waits until the last queue has answered, even if the channel
     * was closed in the meantime. */
    if (!p || (tx_is_committing(ch) && p->waiting > 0))
        return;
    ch->publisher = NULL;
    p->channel = NULL;
    if (p->waiting == 0)
        free(p);
}

/* --- unroutable messages ---------------------------------------------------------------------- */

struct exchange_counts *channel_counts_of_exchange(const struct channel *ch, struct slice name)
{
    struct exchange *exchange = exchange_find(ch->connection->session.vhost, name);
    return exchange ? exchange_counts_of(exchange, connection_loop(ch->connection)) : NULL;
}

void channel_count_dropped(struct channel *ch, struct exchange_counts *counts)
{
    if (counts)
        exchange_count_unroutable(counts, false);
    struct publish_tally *tally = tallies_current(&ch->tallies);
    if (tally)
        tally->drop_unroutable++;
    ch->counts.drop_unroutable++;
    COUNT(unroutable);
}

void channel_return(struct channel *ch, const struct delivery *content,
                    struct exchange_counts *counts)
{
    struct slice counted = channel_counted_exchange(ch, content->exchange);
    struct publish_tally *tally = tallies_find(&ch->tallies, counted);
    if (tally)
        tally->return_unroutable++;
    if (counts)
        exchange_count_unroutable(counts, true);
    ch->counts.return_unroutable++;
    COUNT(returned);
    CHANNEL_SEND(ch, basic_return, .reply_code = REPLY_NO_ROUTE,
                 .reply_text = slice_str("NO_ROUTE"), .exchange = content->exchange,
                 .routing_key = content->routing_key);
    channel_write_content(ch, content->header, content->body, content->message);
    session_watch_output(&ch->connection->session);
}

void channel_return_message(struct channel *ch, struct message *m)
{
    const struct delivery content = delivery_of_message(m);
    struct slice counted = channel_counted_exchange(ch, content.exchange);
    channel_return(ch, &content, channel_counts_of_exchange(ch, counted));
}
