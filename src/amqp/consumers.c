/* The consumers of a channel: a list, in the order in which they came, and, where they are many, a table
 * by tag, so that a consume or a cancel looks at few of the others.
 *
 * When the channel closes they go, in slices where they are many. Those whose queue is at home elsewhere are
 * let go at once, by mail, since their home would go on delivering to them. */
#include <stdlib.h>

#include "amqp/channel.h"
#include "base/assert.h"
#include "base/memory.h"
#include "base/rcu.h"

/* Up to so many are looked through one by one. */
enum { FEW_CONSUMERS = 16, TAG_PLACES_MIN = 64 };
enum { LEAVING_UNITS = 2 };

static struct lv_list *place_of(const struct channel *ch, struct slice tag)
{
    return &ch->tags[lv_hash(tag) & (ch->tag_places - 1)];
}

static void forget_table(struct channel *ch)
{
    free(ch->tags);
    ch->tags = NULL;
    ch->tag_places = 0;
}

/* All of the list, into a table with room for twice as many. */
static void make_table(struct channel *ch)
{
    struct lv_list *it, *after;
    free(ch->tags);
    ch->tag_places = TAG_PLACES_MIN;
    while (ch->tag_places < 2 * ch->consumer_count)
        ch->tag_places *= 2;
    ch->tags = lv_malloc(ch->tag_places * sizeof *ch->tags);
    for (size_t i = 0; i < ch->tag_places; i++)
        lv_list_init(&ch->tags[i]);
    lv_list_each (it, after, &ch->consumers) {
        struct consumer *c = lv_list_item(it, struct consumer, session_link);
        lv_list_push(place_of(ch, c->tag), &c->tag_link);
    }
}

void channel_add_consumer(struct channel *ch, struct consumer *c)
{
    lv_list_push(&ch->consumers, &c->session_link);
    ch->consumer_count++;
    if (ch->tags && ch->consumer_count <= ch->tag_places)
        lv_list_push(place_of(ch, c->tag), &c->tag_link);
    else if (ch->consumer_count > FEW_CONSUMERS)
        make_table(ch);
}

void channel_remove_consumer(struct channel *ch, struct consumer *c)
{
    lv_assert(ch->consumer_count > 0);
    lv_list_remove(&c->session_link);
    lv_list_remove(&c->tag_link);
    if (--ch->consumer_count == 0)
        forget_table(ch);
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
    struct lv_list *it, *after;
    if (!ch->tags)
        return find_in_list(ch, tag);
    lv_list_each (it, after, place_of(ch, tag)) {
        struct consumer *c = lv_list_item(it, struct consumer, tag_link);
        if (slice_equal(c->tag, tag))
            return c;
    }
    return NULL;
}

/* --- the channel closes ------------------------------------------------------------------------- */

/* As far as the slice goes. Whether all are let go. */
static bool let_go(struct channel *ch)
{
    while (!lv_list_is_empty(&ch->leaving)) {
        if (!loop_spend(connection_loop(ch->connection), LEAVING_UNITS))
            return false;
        struct consumer *c = lv_list_item(ch->leaving.next, struct consumer, session_link);
        lv_list_remove(&c->session_link);
        channel_cancel_consumer(ch, c, true);
    }
    return true;
}

static bool let_go_on(struct loop *loop, struct loop_job *job)
{
    (void)loop;
    struct channel *ch = lv_container_of(job, struct channel, leaving_job);
    if (!let_go(ch))
        return true;
    channel_is_detached(ch); /* and may be gone */
    return false;
}

void channel_init_consumers(struct channel *ch)
{
    lv_list_init(&ch->consumers);
    lv_list_init(&ch->leaving);
    loop_job_init(&ch->leaving_job, let_go_on);
}

void channel_let_consumers_go(struct channel *ch)
{
    struct loop *loop = connection_loop(ch->connection);
    forget_table(ch);
    ch->consumer_count = 0;
    while (!lv_list_is_empty(&ch->consumers)) {
        struct consumer *c = lv_list_item(ch->consumers.next, struct consumer, session_link);
        lv_list_remove(&c->session_link);
        lv_list_init(&c->tag_link);
        c->is_closed = true;
        consumer_stall(c);
        if (c->queue->home != loop || c->is_browser)
            channel_cancel_consumer(ch, c, true);
        else
            lv_list_push(&ch->leaving, &c->session_link);
    }
    if (loop_job_is_under_way(&ch->leaving_job) || let_go(ch))
        return;
    ch->detaching++;
    loop_job_start(loop, &ch->leaving_job);
}
