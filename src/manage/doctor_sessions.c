/* Looking at connections, channels and consumers. On their loops, in slices, those are picked that
 * stand out; what they have done in the period is looked up afterwards. */
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "manage/doctor_private.h"
#include "manage/facts.h"
#include "manage/session_walks.h"
#include "manage/statistics.h"
#include "queue/queue.h"
#include "topology/vhost.h"

/* Of each kind and loop no more are picked, so that memory is bounded. */
enum { PICKED_MAX = 20000 };

struct picked_consumer {
    struct consumer_look look;
    uint64_t connection;
    uint16_t channel;
};

/* What a loop has picked. */
struct picked {
    const struct diagnosis *d;
    struct listing consumers, channels, connections; /* looks */
    uint64_t blocked;
};

/* --- picking ---------------------------------------------------------------------------------- */

static bool has_room(const struct listing *l)
{
    return l->count < PICKED_MAX;
}

static struct slice channel_name(const struct session_channel_facts *c, struct lv_buffer *space)
{
    lv_buffer_printf(space, "%.*s (%u)", SLICE_ARG(c->connection->name), c->number);
    return lv_buffer_slice(space);
}

static void pick_connection(void *arg, const struct session_facts *c)
{
    struct picked *p = arg;
    struct connection_look look = {
        .vhost = c->vhost,
        .name = c->name,
        .user = c->user,
        .heartbeat_s = c->heartbeat_s,
        .channels = c->channels,
        .channel_max = c->channel_max,
        .is_loopback = c->peer->peer.is_loopback,
    };
    struct verdict v = {.weight = 0};
    p->blocked += strcmp(c->state, "blocked") == 0;
    bool is_odd = doctor_rule_no_heartbeat(&look, &v) || doctor_rule_channels_leak(&look, &v);
    lv_buffer_free(&v.evidence);
    if (is_odd && has_room(&p->connections) && diagnosis_sees(p->d, c->vhost))
        listing_add(&p->connections, FACTS_COPY(&look, &look.vhost, &look.name, &look.user));
}

static void pick_channel(void *arg, const struct session_channel_facts *c)
{
    struct picked *p = arg;
    bool is_odd = c->transient_confirming >= DOCTOR_TRANSIENT_MANY ||
                  doctor_timeout_is_near(c->held_ms, c->held_timeout_ms);
    if (!is_odd || !has_room(&p->channels) || !diagnosis_sees(p->d, c->connection->vhost))
        return;
    struct lv_buffer name = {0};
    struct channel_look look = {
        .vhost = c->connection->vhost,
        .name = channel_name(c, &name),
        .connection = c->connection->name,
        .user = c->connection->user,
        .published = c->counts.publish,
        .transient = c->transient_confirming,
        .held_ms = c->held_ms,
        .held_timeout_ms = c->held_timeout_ms,
    };
    listing_add(&p->channels,
                FACTS_COPY(&look, &look.vhost, &look.name, &look.connection, &look.user));
    lv_buffer_free(&name);
}

/* Sets the limit that the consumer has reached, or else its own or its channel's; 0: it has none.
 * And how many messages that limit counts. */
static void look_at_limit(const struct session_consumer_facts *c, struct consumer_look *look)
{
    const struct session_channel_facts *channel = c->channel;
    bool is_own_full = c->prefetch_count > 0 && c->unacknowledged >= c->prefetch_count;
    look->is_limit_of_channel = channel->global_prefetch_count > 0 && !is_own_full;
    look->limit = look->is_limit_of_channel ? channel->global_prefetch_count : c->prefetch_count;
    look->unacked = look->is_limit_of_channel ? channel->unacknowledged : c->unacknowledged;
}

static void pick_consumer(void *arg, const struct session_consumer_facts *c)
{
    struct picked *p = arg;
    const struct session_facts *connection = c->channel->connection;
    struct picked_consumer one = {.connection = connection->id, .channel = c->channel->number};
    struct consumer_look *look = &one.look;
    look_at_limit(c, look);
    bool is_odd =
        !c->no_ack && look->unacked >= (look->limit > 0 ? look->limit : DOCTOR_UNACKED_MANY);
    if (!is_odd || !has_room(&p->consumers) || !diagnosis_sees(p->d, connection->vhost))
        return;
    struct lv_buffer name = {0};
    look->vhost = connection->vhost;
    look->tag = c->tag;
    look->queue = c->queue;
    look->channel = channel_name(c->channel, &name);
    look->connection = connection->name;
    look->user = connection->user;
    listing_add(&p->consumers, FACTS_COPY(&one, &one.look.vhost, &one.look.tag, &one.look.queue,
                                          &one.look.channel, &one.look.connection, &one.look.user));
    lv_buffer_free(&name);
}

/* --- looking ---------------------------------------------------------------------------------- */

/* Returns how many messages are ready in the queue, if it is known. RCU online. */
static uint64_t ready_in(struct manage *m, struct slice vhost_name, struct slice name)
{
    struct vhost *vhost = vhost_find(&m->broker->topology, vhost_name);
    struct queue *q = vhost ? queue_find(vhost, name) : NULL;
    int64_t ready = 0;
    if (q)
        ready = statistics_queue_key(m->statistics, queue_id(q), STATISTIC_messages_ready, false);
    return (uint64_t)ready;
}

/* Between statistics_lock() and statistics_unlock(). */
static void look_back(const struct diagnosis *d, struct picked_consumer *one)
{
    struct consumer_look *look = &one->look;
    struct statistics_span span;
    if (!statistics_channel_span(d->m->statistics, one->connection, one->channel, d->period_ms,
                                 &span))
        return;
    look->span_s = span.ms / 1000;
    look->delivered_before = span.before[STATISTIC_deliver];
    look->delivered = span.now[STATISTIC_deliver] - span.before[STATISTIC_deliver];
    look->acked = span.now[STATISTIC_ack] - span.before[STATISTIC_ack];
    look->ready = ready_in(d->m, look->vhost, look->queue);
}

static void examine_picked(struct diagnosis *d, struct picked *p)
{
    d->blocked += p->blocked;
    statistics_lock(d->m->statistics);
    for (size_t i = 0; i < p->consumers.count; i++)
        look_back(d, p->consumers.rows[i]);
    statistics_unlock(d->m->statistics);
    for (size_t i = 0; i < p->consumers.count; i++)
        doctor_examine_consumer(&d->report,
                                &((const struct picked_consumer *)p->consumers.rows[i])->look);
    for (size_t i = 0; i < p->channels.count; i++)
        doctor_examine_channel(&d->report, p->channels.rows[i]);
    for (size_t i = 0; i < p->connections.count; i++)
        doctor_examine_connection(&d->report, p->connections.rows[i]);
}

int diagnose_sessions(struct diagnosis *d)
{
    static const struct session_visitor visitor = {.connection = pick_connection,
                                                   .channel = pick_channel,
                                                   .consumer = pick_consumer,
                                                   .wants_timeouts = true};
    struct picked *picked = lv_calloc(LOOPS_MAX, sizeof *picked);
    void *args[LOOPS_MAX];
    for (unsigned i = 0; i < LOOPS_MAX; i++) {
        picked[i].d = d;
        args[i] = &picked[i];
    }
    int err = manage_visit_sessions(d->m, &visitor, args);
    for (unsigned i = 0; i < LOOPS_MAX; i++) {
        if (err == 0)
            examine_picked(d, &picked[i]);
        listing_free(&picked[i].consumers);
        listing_free(&picked[i].channels);
        listing_free(&picked[i].connections);
    }
    free(picked);
    return err;
}
