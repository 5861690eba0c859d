/* A channel's life: its states, and how it ends.
 *
 * Only channel_enter() changes the state. A channel that ends cancels its consumers and returns
 * what it holds (channel_shut()), leaves its connection (channel_leave()), and is freed when
 * nothing of it is under way any longer: until then it is one of its connection's zombies. */
#include "amqp/channel.h"

#include <stdlib.h>

#include "base/memory.h"

/* --- states ----------------------------------------------------------------------------------- */

#define TO(state) (1u << CHANNEL_##state)

static const unsigned channel_moves[] = {
    [CHANNEL_OPEN] = TO(CLOSING) | TO(ENDING) | TO(GONE),
    [CHANNEL_CLOSING] = TO(GONE),
    [CHANNEL_ENDING] = TO(GONE),
    [CHANNEL_GONE] = TO(LEFT),
    [CHANNEL_LEFT] = 0,
};

void channel_enter(struct channel *ch, enum channel_state next)
{
    channel_assert_home(ch);
    lv_assert(channel_moves[ch->state] & 1u << next);
    ch->state = next;
}

/* --- its life --------------------------------------------------------------------------------- */

struct channel *channel_create(struct connection *conn, uint16_t number)
{
    struct channel *ch = lv_calloc(1, sizeof *ch);
    ch->magic = CHANNEL_MAGIC;
    ch->connection = conn;
    ch->number = number;
    lv_list_init(&ch->getters);
    channel_init_consumers(ch);
    unacked_init(&ch->unacked);
    channel_init_confirm_task(ch);
    channel_init_settling(ch);
    channel_init_timeouts(ch);
    connection_add_channel(conn, ch);
    return ch;
}

static void channel_free(struct channel *ch)
{
    lv_assert(ch->unacked.count == 0);
    lv_assert(!channel_is_settling(ch) && lv_list_is_empty(&ch->touched));
    lv_assert(lv_list_is_empty(&ch->consumers) && lv_list_is_empty(&ch->getters));
    lv_assert(!ch->call && !ch->tx && !ch->incoming && !ch->reply_to);
    lv_assert(!ch->tags && !ch->access_wait && lv_list_is_empty(&ch->leaving));
    channel_forget_publisher(ch);
    unacked_free(&ch->unacked);
    lv_buffer_free(&ch->deferred);
    lv_buffer_free(&ch->held_reply);
    vhost_count_ended(ch->connection->session.vhost,
                      &(struct vhost_ended_counts){.channels = ch->counts});
    shared_credit_unref(&ch->limit);
    free(ch->memo);
    free((void *)(uintptr_t)ch->target.p);
    free(ch->followed);
    tallies_free(&ch->tallies);
    free(ch->last_queue);
    free(ch->generated_queue);
    ch->magic = 0;
    free(ch);
}

void channel_leave(struct channel *ch)
{
    struct connection *conn = ch->connection;
    lv_assert(ch->state == CHANNEL_GONE);
    session_count_deferred(&conn->session, 0, ch->deferred.n);
    ch->deferred.n = 0;
    connection_remove_channel(conn, ch);
    session_give_channel(&conn->session);
    channel_enter(ch, CHANNEL_LEFT);
    if (ch->is_waiting || ch->detaching > 0)
        conn->zombies++;
    else
        channel_free(ch);
}

void channel_bury(struct channel *ch)
{
    struct connection *conn = ch->connection;
    lv_assert(ch->state == CHANNEL_LEFT);
    if (ch->is_waiting || ch->detaching > 0)
        return;
    channel_free(ch);
    connection_zombie_gone(conn);
}

void channel_is_detached(struct channel *ch)
{
    struct connection *conn = ch->connection;
    channel_assert_home(ch);
    lv_assert(ch->detaching > 0);
    ch->detaching--;
    if (ch->state == CHANNEL_LEFT) {
        channel_bury(ch);
    } else if (ch->state == CHANNEL_ENDING) {
        channel_end(ch);
        connection_try_to_finish(conn);
    }
}

static void incoming_forget(struct channel *ch)
{
    struct connection *conn = ch->connection;
    uint64_t of_this_frame = 0;
    /* the rest of the current frame is dropped; its last octet is the frame's end */
    if (conn->body_channel == ch) {
        lv_assert(conn->body_left > 0);
        of_this_frame = conn->body_left - 1;
        conn->body_channel = NULL;
    }
    if (!ch->incoming)
        return;
    if (ch->content == CONTENT_AWAIT_BODY)
        ch->dropped_body_left = ch->incoming->body_bytes - ch->incoming->body_got - of_this_frame;
    if (ch->content == CONTENT_AWAIT_BODY && ch->dropped_body_left == 0)
        ch->content = CONTENT_NONE;
    channel_release_room(ch);
    if (ch->incoming->message)
        message_unref(&ch->incoming->message);
    free(ch->incoming->refusal);
    free(ch->incoming);
    ch->incoming = NULL;
}

/* Releases the channel's getters. A getter is attached to no queue, so it need not be detached. */
static void getters_release(struct channel *ch)
{
    struct lv_list *it, *after;
    lv_list_each (it, after, &ch->getters) {
        struct consumer *c = lv_list_item(it, struct consumer, session_link);
        lv_list_remove(&c->session_link);
        consumer_release(&c);
    }
}

struct channel_counts channel_counts(const struct channel *ch)
{
    struct channel_counts counts = ch->counts;
    if (ch->confirms)
        counts.confirm += confirms_acked(ch->confirms);
    return counts;
}

static void confirms_delete(struct confirms **confirms)
{
    if (*confirms)
        confirms_free(*confirms);
    free(*confirms);
    *confirms = NULL;
}

void channel_shut(struct channel *ch, enum channel_state next)
{
    bool was_open = ch->state == CHANNEL_OPEN;
    channel_enter(ch, next);
    /* a consumer that is detached at once must not end the channel before all of this is done */
    ch->detaching++;
    /* The consumer of a consume or cancel under way gets no more deliveries. */
    if (ch->call && ch->call->consumer)
        ch->call->consumer->is_closed = true;
    incoming_forget(ch);
    session_count_deferred(&ch->connection->session, 0, ch->deferred.n);
    ch->deferred.n = 0;
    channel_forget_access(ch);
    /* Consumers end first: otherwise what is requeued would be delivered to them again. */
    channel_detach_consumers(ch);
    if (was_open)
        session_event_channel_closed(&ch->connection->session, ch->number);
    tx_end(ch);
    channel_requeue_all(ch);
    getters_release(ch);
    channel_forget_publisher(ch);
    loop_unschedule(connection_loop(ch->connection), &ch->confirm_task);
    loop_timer_stop(connection_loop(ch->connection), &ch->timeout_timer);
    ch->counts = channel_counts(ch);
    confirms_delete(&ch->confirms);
    confirms_delete(&ch->watched);
    reply_to_free(ch);
    ch->detaching--;
}
