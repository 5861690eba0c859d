/* Connections and channels: each loop adds those that are its own. Their label is RabbitMQ's, which
 * names both kinds "channel". */
#include "metrics/gather_sessions.h"

#include <stdlib.h>

#include "base/buffer.h"
#include "manage/session_walks.h"
#include "message/events.h"
#include "metrics/sources.h"

/* --- samples ---------------------------------------------------------------------------------- */

struct target {
    const struct gathering *g;
    struct samples *part;
};

static void add_session(const struct target *t, uint64_t connection, unsigned channel,
                        const void *facts)
{
    char space[EVENT_PID_MAX];
    struct lv_buffer labels = {0};
    label_add(&labels, "channel", event_pid(t->g->m->node_name, space, connection, channel));
    gathering_add(t->g, t->part, lv_buffer_slice(&labels), facts);
    lv_buffer_free(&labels);
}

static void add_connection(void *arg, const struct session_facts *facts)
{
    add_session(arg, facts->id, 0, facts);
}

static void add_channel(void *arg, const struct session_channel_facts *facts)
{
    add_session(arg, facts->connection->id, facts->number, facts);
}

static int gather(struct gathering *g, const struct session_visitor *visitor)
{
    struct target targets[LOOPS_MAX];
    void *args[LOOPS_MAX];
    g->part_count = loops_count(g->m->loops);
    for (unsigned i = 0; i < g->part_count; i++) {
        targets[i] = (struct target){g, &g->parts[i]};
        args[i] = &targets[i];
    }
    return manage_visit_sessions(g->m, visitor, args);
}

int connections_gather(struct gathering *g)
{
    return gather(g, &(struct session_visitor){.connection = add_connection});
}

int channels_gather(struct gathering *g)
{
    return gather(g, &(struct session_visitor){.channel = add_channel});
}

/* Adds a row about what a channel did with an exchange or a queue. */
static void add_between(const struct target *t, const struct session_channel_facts *channel,
                        const char *kind, struct slice name, const void *facts)
{
    char space[EVENT_PID_MAX];
    struct lv_buffer labels = {0};
    if (!gathering_wants_vhost(t->g, channel->connection->vhost))
        return;
    label_add(&labels, "channel",
              event_pid(t->g->m->node_name, space, channel->connection->id, channel->number));
    label_add(&labels, "vhost", channel->connection->vhost);
    label_add(&labels, kind, name);
    gathering_add(t->g, t->part, lv_buffer_slice(&labels), facts);
    lv_buffer_free(&labels);
}

static void add_publish(void *arg, const struct session_publish_facts *facts)
{
    add_between(arg, facts->channel, "exchange", facts->exchange, facts);
}

int publishes_gather(struct gathering *g)
{
    return gather(g, &(struct session_visitor){.publish = add_publish});
}

/* Several consumers of a channel may be of the same queue, so their rows are added up. */
static void add_delivery(void *arg, const struct session_delivery_facts *facts)
{
    const struct target *t = arg;
    if (gathering_wants_queue(t->g, facts->queue))
        add_between(t, facts->channel, "queue", facts->queue, facts);
}

int deliveries_gather(struct gathering *g)
{
    int err = gather(g, &(struct session_visitor){.delivery = add_delivery});
    for (unsigned i = 0; i < g->part_count; i++)
        samples_merge(&g->parts[i]);
    return err;
}

/* --- publishers ------------------------------------------------------------------------------- */

static void count_publisher(void *arg, const struct session_channel_facts *facts)
{
    *(uint64_t *)arg += facts->counts.publish > 0;
}

int sessions_count_publishers(struct manage *m, uint64_t *ret)
{
    uint64_t counts[LOOPS_MAX] = {0};
    void *args[LOOPS_MAX];
    for (unsigned i = 0; i < LOOPS_MAX; i++)
        args[i] = &counts[i];
    *ret = 0;
    int err = manage_visit_sessions(m, &(struct session_visitor){.channel = count_publisher}, args);
    for (unsigned i = 0; err == 0 && i < LOOPS_MAX; i++)
        *ret += counts[i];
    return err;
}
