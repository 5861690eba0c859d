/* The consumers of a channel: a list in the order of their creation, and, if there are many, a
 * table by tag, so that a consume or a cancel looks at few of them. Only the channel's loop reads
 * the table, so a consumer that was removed from it may be freed at once.
 *
 * When the channel closes, its consumers are cancelled, in slices if there are many. Browsers are
 * cancelled at once, and so are consumers whose queue is at home on another loop, by mail, since
 * that home would go on delivering to them. */
#include "amqp/channel.h"
#include "base/assert.h"
#include "base/rcu.h"

/* At most this many are searched one by one. */
enum { FEW_CONSUMERS = 16 };
enum { LEAVING_UNITS = 2 };

static void tags_create(struct channel *ch)
{
    struct lv_list *it, *after;
    ch->tags = lv_table_create();
    lv_list_each (it, after, &ch->consumers)
        lv_table_insert(ch->tags, &lv_list_item(it, struct consumer, session_link)->by_tag);
}

void channel_add_consumer(struct channel *ch, struct consumer *c)
{
    lv_assert(c->session == ch && lv_list_is_empty(&c->session_link));
    lv_list_push(&ch->consumers, &c->session_link);
    ch->consumer_count++;
    if (ch->tags)
        lv_table_insert(ch->tags, &c->by_tag);
    else if (ch->consumer_count > FEW_CONSUMERS)
        tags_create(ch);
}

/* Removes the consumer from its list, and from the table if there is one. */
static void consumer_unlink(struct channel *ch, struct consumer *c)
{
    lv_list_remove(&c->session_link);
    if (!ch->tags)
        return;
    lv_table_remove(ch->tags, &c->by_tag);
    if (lv_table_count(ch->tags) == 0)
        lv_table_free(&ch->tags);
}

void channel_remove_consumer(struct channel *ch, struct consumer *c)
{
    lv_assert(ch->consumer_count > 0);
    ch->consumer_count--;
    consumer_unlink(ch, c);
}

static struct consumer *find_in_list(struct channel *ch, struct slice tag)
{
    struct lv_list *it, *after;
    lv_list_each (it, after, &ch->consumers) {
        struct consumer *c = lv_list_item(it, struct consumer, session_link);
        if (slice_equal(c->tag, tag))
            return c;
    }
    return NULL;
}

struct consumer *channel_find_consumer(struct channel *ch, struct slice tag)
{
    if (!ch->tags)
        return find_in_list(ch, tag);
    struct lv_table_node *node = lv_table_find(ch->tags, tag);
    return node ? lv_container_of(node, struct consumer, by_tag) : NULL;
}

/* --- the channel closes ----------------------------------------------------------------------- */

/* Cancels until the slice is used up. Returns whether all are cancelled. */
static bool leaving_cancel(struct channel *ch)
{
    while (!lv_list_is_empty(&ch->leaving)) {
        if (!loop_spend(connection_loop(ch->connection), LEAVING_UNITS))
            return false;
        struct consumer *c = lv_list_item(ch->leaving.next, struct consumer, session_link);
        consumer_unlink(ch, c);
        channel_cancel_consumer(ch, c, true);
    }
    return true;
}

static bool leaving_go_on(struct loop *loop, struct loop_job *job)
{
    (void)loop;
    struct channel *ch = lv_container_of(job, struct channel, leaving_job);
    if (!leaving_cancel(ch))
        return true;
    channel_is_detached(ch); /* the channel may be gone afterwards */
    return false;
}

void channel_init_consumers(struct channel *ch)
{
    lv_list_init(&ch->consumers);
    lv_list_init(&ch->leaving);
    loop_job_init(&ch->leaving_job, leaving_go_on);
}

void channel_detach_consumers(struct channel *ch)
{
    struct loop *loop = connection_loop(ch->connection);
    while (!lv_list_is_empty(&ch->consumers)) {
        struct consumer *c = lv_list_item(ch->consumers.next, struct consumer, session_link);
        c->is_closed = true;
        consumer_stall(c);
        if (queue_home(c->queue) != loop || c->is_browser) {
            channel_cancel_consumer(ch, c, true);
            continue;
        }
        lv_assert(ch->consumer_count > 0);
        ch->consumer_count--;
        lv_list_remove(&c->session_link);
        lv_list_push(&ch->leaving, &c->session_link);
    }
    if (loop_job_is_under_way(&ch->leaving_job) || leaving_cancel(ch))
        return;
    ch->detaching++;
    loop_job_start(loop, &ch->leaving_job);
}
