/* Transactions: publishes and acknowledgements wait for commit. They are atomic in no other sense,
 * as in RabbitMQ: a commit (tx_commit.c) applies them one after the other. */
#include <stdlib.h>

#include "amqp/tx_private.h"
#include "base/memory.h"
#include "topology/lives.h"

/* --- what is kept ----------------------------------------------------------------------------- */

/* Returns a new publish at the end of the transaction, for the caller to fill in. */
static struct tx_publish *publish_append(struct tx *tx)
{
    struct tx_page *page = tx->last_page;
    if (!page || page->count == TX_PAGE_PUBLISHES) {
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
    lv_assert(ch->tx && !ch->tx->is_committing);
    struct tx_publish *publish = publish_append(ch->tx);
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

static void settles_add(struct tx *tx, const struct settle_range *range)
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

/* A range may include tags that an earlier range has marked: when the later range is settled, those
 * are settled already. */
void tx_add_settle(struct channel *ch, uint64_t first, uint64_t last, enum settle_kind kind)
{
    lv_assert(ch->tx && !ch->tx->is_committing);
    if (last > ch->unacked.last)
        last = ch->unacked.last;
    size_t count = first <= last ? unacked_mark(&ch->unacked, first, last) : 0;
    if (count == 0)
        return;
    ch->tx->settle_count += count;
    settles_add(ch->tx, &(struct settle_range){first, last, kind});
}

/* Forgets the acknowledgements of the transaction: the deliveries are outstanding again. */
static void settles_unmark(struct channel *ch)
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

/* --- what is dropped -------------------------------------------------------------------------- */

void tx_publish_drop(struct loop *loop, struct tx_publish *publish)
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

void tx_pages_advance(struct tx_page **first)
{
    struct tx_page *page = *first;
    lv_assert(page->first < page->count);
    if (++page->first < page->count)
        return;
    *first = page->next;
    free(page);
}

/* Publishes that will not be committed are dropped, in slices. */
struct dropping {
    struct loop_job job;
    struct topology *topology;
    struct tx_page *first_page;
};

static void life_is_rolled_back(struct loop *loop, struct topology *topology,
                                const struct message *message)
{
    struct life_record record = {.event = LIFE_ROLLED_BACK};
    uint32_t life = message ? message_life(message) : 0;
    if (life)
        lives_record(loop, topology, life, &record);
}

static bool dropping_go_on(struct loop *loop, struct loop_job *job)
{
    struct dropping *dropping = lv_container_of(job, struct dropping, job);
    while (dropping->first_page) {
        if (!loop_spend(loop, 1))
            return true;
        struct tx_page *page = dropping->first_page;
        struct tx_publish *publish = &page->publishes[page->first];
        life_is_rolled_back(loop, dropping->topology, publish->message);
        tx_publish_drop(loop, publish);
        tx_pages_advance(&dropping->first_page);
    }
    free(dropping);
    return false;
}

static void publishes_drop(struct tx *tx)
{
    if (!tx->first_page)
        return;
    struct dropping *dropping = lv_malloc(sizeof *dropping);
    dropping->first_page = tx->first_page;
    dropping->topology = &connection_server(tx->channel->connection)->broker->topology;
    loop_job_init(&dropping->job, dropping_go_on);
    tx->first_page = tx->last_page = NULL;
    tx->publish_count = 0;
    if (dropping_go_on(tx_loop(tx), &dropping->job))
        loop_job_start(tx_loop(tx), &dropping->job);
}

void tx_free(struct channel *ch)
{
    struct tx *tx = ch->tx;
    lv_assert(!tx->is_committing);
    ch->tx = NULL;
    publishes_drop(tx);
    free(tx->settles);
    free(tx);
}

void tx_end(struct channel *ch)
{
    struct tx *tx = ch->tx;
    if (!tx)
        return;
    if (!tx->is_committing) {
        settles_unmark(ch);
        tx_free(ch);
    } else {
        tx_commit_hurry(tx);
    }
}

/* --- the commands ----------------------------------------------------------------------------- */

static void tx_begin(struct channel *ch)
{
    struct tx *tx = lv_calloc(1, sizeof *tx);
    tx->channel = ch;
    tx_init_commit(tx);
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

bool tx_check_mode(struct channel *ch, uint32_t method)
{
    if (ch->mode == CHANNEL_TX)
        return true;
    channel_fail(ch, method, REPLY_PRECONDITION_FAILED, "channel is not transactional");
    return false;
}

void cmd_tx_rollback(struct channel *ch, struct slice args)
{
    CHANNEL_READ(ch, args, tx_rollback, AMQP_TX_ROLLBACK, m);
    if (!tx_check_mode(ch, AMQP_TX_ROLLBACK))
        return;
    publishes_drop(ch->tx);
    settles_unmark(ch);
    channel_look_for_timeouts(ch);
    CHANNEL_SEND(ch, tx_rollback_ok, .none = 0);
}
