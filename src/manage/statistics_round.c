/* A round of the sampler: everything is read once.
 *
 *   (1) Queues and exchanges are found under RCU, by the sampler. A queue that is new gets an
 *       object, which holds a reference to it; one that is found no longer loses its object.
 *   (2) Each loop then reads the figures of its queues, of its connections and channels,
 *       OBJECTS_A_TURN in a turn, into memory that the sampler has given it.
 *   (3) Between these turns the sampler notes what was read, under the lock, which it never holds
 *       while it waits.
 *
 * A queue whose messages are still being read from the log has no figures yet. Until all have some,
 * nothing is noted of vhosts and of the node: their sums would be wrong.
 *
 * A counter of a vhost is the sum over the channels that there are, and of those that have ended.
 * A channel that ends while the round goes on may be missed in both; so that counters never fall,
 * such a sum is not noted if it is lower than the one before. The next round has it. */
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "base/counters.h"
#include "base/memory.h"
#include "base/vec.h"
#include "manage/statistics_private.h"
#include "session/session.h"
#include "topology/exchange.h"
#include "topology/exchange_counts.h"
#include "topology/vhost.h"

/* Where figures are in their arrays (object_figures). */
enum { LENGTHS = OBJECT_LENGTHS, VHOST_CHANNELS = 3, VHOST_OCTETS = 14 };
enum { CHANNEL_COUNTS_COUNT = sizeof(struct channel_counts) / sizeof(uint64_t) };
_Static_assert(VHOST_CHANNELS + CHANNEL_COUNTS_COUNT == VHOST_OCTETS, "octets follow");
/* Where these are in struct channel_counts: deliveries follow publishes. */
enum { PUBLISH_COUNTS = 4, DELIVERY_COUNTS = CHANNEL_COUNTS_COUNT - PUBLISH_COUNTS };
_Static_assert(offsetof(struct channel_counts, deliver) == PUBLISH_COUNTS * sizeof(uint64_t),
               "deliveries come after publishes");

static const struct retention *retention_of(const struct statistics *s, enum object_kind kind)
{
    static const struct retention none;
    if (s->settings.rates_mode == RATES_NONE)
        return &none;
    if (kind == OBJECT_DELIVERY || kind == OBJECT_PUBLISH)
        return &s->settings.detailed;
    return kind == OBJECT_VHOST || kind == OBJECT_NODE ? &s->settings.global : &s->settings.basic;
}

/* Returns when an object of which nothing is noted yet had no figures; 0: that is not known. */
static uint64_t before_ms(const struct statistics *s, const struct object *o, enum object_kind kind)
{
    if (kind == OBJECT_VHOST || kind == OBJECT_NODE)
        return s->before_sums_ms;
    return o->was_restoring ? 0 : s->before_ms;
}

/* Under the lock. */
static void note(struct statistics *s, struct object *o, enum object_kind kind,
                 const uint64_t *figures)
{
    object_note(o, kind, retention_of(s, kind), s->now_ms, before_ms(s, o, kind), figures);
}

/* Returns the object with this key, which the round has found; makes it if it is new. */
static struct object *object_meet(struct statistics *s, enum object_kind kind, uint64_t key)
{
    struct object *o = object_find(&s->objects[kind], key);
    if (!o) {
        pthread_mutex_lock(&s->lock);
        o = object_add(&s->objects[kind], key);
        pthread_mutex_unlock(&s->lock);
    }
    o->seen = (uint32_t)s->rounds_begun;
    return o;
}

/* --- the topology ----------------------------------------------------------------------------- */

static void meet_queue(struct statistics *s, struct object *vhost, struct queue *q)
{
    struct object *o = object_meet(s, OBJECT_QUEUE, queue_id(q));
    if (!o->queue) {
        o->queue = queue_ref(q);
        o->vhost = vhost;
    }
    struct home_queues *home = &s->homes[loop_index(queue_home(q))];
    lv_vec_room(home->queues, home->count, home->capacity);
    home->queues[home->count++] = o;
}

static void meet_exchange(struct statistics *s, struct vhost *vhost, struct exchange *x)
{
    uint64_t figures[4];
    struct object *o =
        object_meet(s, OBJECT_EXCHANGE, exchange_key(vhost_name(vhost), exchange_name(x)));
    exchange_counts_read(x, &figures[0], &figures[1]);
    exchange_unroutable_read(x, &figures[2], &figures[3]);
    pthread_mutex_lock(&s->lock);
    if (figures[0] < object_figure(o, 0)) /* it was deleted, and there is another of this name */
        history_free(&o->history);
    note(s, o, OBJECT_EXCHANGE, figures);
    pthread_mutex_unlock(&s->lock);
}

static void meet_vhost(struct statistics *s, struct vhost *vhost)
{
    struct object *o = object_meet(s, OBJECT_VHOST, vhost_key(vhost_name(vhost)));
    struct lv_table_iter it;
    if (!o->sums) {
        o->sums = lv_calloc(object_figures[OBJECT_VHOST].count, sizeof o->sums[0]);
        pthread_mutex_lock(&s->lock);
        o->name = slice_copy(vhost_name(vhost));
        pthread_mutex_unlock(&s->lock);
    }
    struct vhost_ended_counts ended;
    vhost_ended_read(vhost, &ended);
    memset(o->sums, 0, LENGTHS * sizeof o->sums[0]);
    memcpy(o->sums + VHOST_CHANNELS, &ended, sizeof ended);
    meet_exchange(s, vhost, vhost->default_exchange); /* it is in no table */
    for (struct lv_table_node *n = lv_table_first(vhost->exchanges, &it); n;
         n = lv_table_next(vhost->exchanges, &it))
        meet_exchange(s, vhost, lv_container_of(n, struct exchange, by_name));
    for (struct lv_table_node *n = lv_table_first(vhost->queues, &it); n;
         n = lv_table_next(vhost->queues, &it))
        meet_queue(s, o, queue_of_node(n));
}
_Static_assert(sizeof(struct vhost_ended_counts) == (CHANNEL_COUNTS_COUNT + 2) * sizeof(uint64_t),
               "the figures of a vhost from VHOST_CHANNELS on");

static void meet_topology(struct statistics *s)
{
    struct lv_table *vhosts = s->broker->topology.vhosts;
    struct lv_table_iter it;
    for (unsigned i = 0; i < LOOPS_MAX; i++)
        s->homes[i].count = s->homes[i].next = 0;
    for (struct lv_table_node *n = lv_table_first(vhosts, &it); n; n = lv_table_next(vhosts, &it))
        meet_vhost(s, lv_container_of(n, struct vhost, by_name));
}

/* Removes the objects that the round has not found. */
static void forget_unseen(struct statistics *s, enum object_kind kind)
{
    struct object_set *set = &s->objects[kind];
    for (size_t i = set->count; i-- > 0;) {
        if (set->all[i]->seen == (uint32_t)s->rounds_begun)
            continue;
        pthread_mutex_lock(&s->lock);
        object_remove(set, set->all[i]);
        pthread_mutex_unlock(&s->lock);
    }
}

/* --- queues ----------------------------------------------------------------------------------- */

/* Returns false if the queue has no figures yet. */
static bool queue_read(const struct queue *q, uint64_t *ret)
{
    if (queue_is_restoring(q))
        return false;
    const struct queue_lengths lengths = queue_lengths(q);
    const struct queue_counters *c = queue_counters(q);
    const uint64_t figures[] = {
        lengths.ready + lengths.unacked + lengths.dead_letters,
        lengths.ready,
        lengths.unacked,
        c->published,
        c->delivered,
        c->delivered_no_ack,
        c->got,
        c->got_no_ack,
        c->got_empty,
        c->redelivered,
        c->acked,
        c->disk.reads,
        c->disk.writes,
        c->dropped[DEATH_EXPIRED],
        c->dropped[DEATH_MAXLEN],
        c->circled,
        c->disk.lost,
    };
    _Static_assert(sizeof figures / sizeof figures[0] == OBJECT_QUEUE_LOST + 1, "it is the last");
    memcpy(ret, figures, sizeof figures);
    return true;
}
enum { QUEUE_DISK = 11 };

static void read_queues(struct loop *loop, void *arg)
{
    struct statistics *s = arg;
    struct home_queues *home = &s->homes[loop_index(loop)];
    struct slice_read *read = s->slices[loop_index(loop)];
    read->first = home->next;
    read->count = home->count - home->next;
    if (read->count > OBJECTS_A_TURN)
        read->count = OBJECTS_A_TURN;
    for (size_t i = 0; i < read->count; i++)
        read->is_known[i] = queue_read(home->queues[read->first + i]->queue, read->figures[i]);
    home->next += read->count;
}

static void add_rise(uint64_t *sum, uint64_t before, uint64_t now)
{
    if (now > before)
        *sum += now - before;
}

/* Under the lock. `figures`: NULL if the queue has none yet. */
static void queue_note(struct statistics *s, struct object *o, const uint64_t *figures)
{
    if (!figures) {
        o->was_restoring = true;
        s->is_whole = false;
        return;
    }
    for (unsigned i = 0; i < LENGTHS; i++)
        o->vhost->sums[i] += figures[i];
    if (o->was_restoring && !o->sums) {
        o->sums = lv_malloc(LENGTHS * sizeof o->sums[0]);
        memcpy(o->sums, figures, LENGTHS * sizeof o->sums[0]);
    }
    add_rise(&s->disk_reads, object_figure(o, QUEUE_DISK), figures[QUEUE_DISK]);
    add_rise(&s->disk_writes, object_figure(o, QUEUE_DISK + 1), figures[QUEUE_DISK + 1]);
    note(s, o, OBJECT_QUEUE, figures);
}

static bool note_queues(struct statistics *s)
{
    bool is_over = true;
    for (unsigned i = 0; i < loops_count(s->loops); i++) {
        const struct slice_read *read = s->slices[i];
        pthread_mutex_lock(&s->lock);
        for (size_t j = 0; j < read->count; j++)
            queue_note(s, s->homes[i].queues[read->first + j],
                       read->is_known[j] ? read->figures[j] : NULL);
        pthread_mutex_unlock(&s->lock);
        is_over &= s->homes[i].next == s->homes[i].count;
    }
    return is_over;
}

static int round_queues(struct statistics *s)
{
    int err = 0;
    bool is_over = s->objects[OBJECT_QUEUE].count == 0;
    while (err == 0 && !is_over) {
        err = ask_every_loop(s->asker, read_queues, s);
        is_over = err < 0 || note_queues(s);
    }
    return err;
}

/* --- connections and channels ----------------------------------------------------------------- */

struct visit {
    struct statistics *s;
    struct slice_read *read;
};

static struct session_row *row_add(struct visit *v, enum object_kind kind, uint64_t key)
{
    struct slice_read *read = v->read;
    lv_vec_room(read->rows, read->row_count, read->row_capacity);
    struct session_row *row = &read->rows[read->row_count++];
    *row = (struct session_row){.key = key, .kind = kind};
    return row;
}

/* On a loop, while the sampler waits: the set of vhosts does not change. */
static struct object *vhost_of(const struct visit *v, const struct session_facts *c)
{
    return object_find(&v->s->objects[OBJECT_VHOST], vhost_key(c->vhost));
}

static void visit_connection(void *arg, const struct session_facts *c)
{
    struct session_row *row = row_add(arg, OBJECT_CONNECTION, c->id);
    row->vhost = vhost_of(arg, c);
    row->figures[0] = c->received_bytes;
    row->figures[1] = c->sent_bytes;
}

static void visit_channel(void *arg, const struct session_channel_facts *c)
{
    struct session_row *row =
        row_add(arg, OBJECT_CHANNEL, channel_key(c->connection->id, c->number));
    row->vhost = vhost_of(arg, c->connection);
    memcpy(row->figures, &c->counts, sizeof c->counts);
}

static void visit_delivery(void *arg, const struct session_delivery_facts *d)
{
    const struct session_channel_facts *c = d->channel;
    struct session_row *row =
        row_add(arg, OBJECT_DELIVERY, traffic_key(c->connection->id, c->number, d->queue));
    memcpy(row->figures, &d->counts.deliver, DELIVERY_COUNTS * sizeof(uint64_t));
}

static void visit_publish(void *arg, const struct session_publish_facts *p)
{
    const struct session_channel_facts *c = p->channel;
    struct session_row *row =
        row_add(arg, OBJECT_PUBLISH, traffic_key(c->connection->id, c->number, p->exchange));
    memcpy(row->figures, &p->counts, PUBLISH_COUNTS * sizeof(uint64_t));
}

static void read_sessions(struct loop *loop, void *arg)
{
    struct statistics *s = arg;
    struct session_visitor visitor = {.connection = visit_connection, .channel = visit_channel};
    if (s->settings.rates_mode == RATES_DETAILED) {
        visitor.delivery = visit_delivery;
        visitor.publish = visit_publish;
    }
    struct slice_read *read = s->slices[loop_index(loop)];
    struct visit visit = {s, read};
    read->row_count = 0;
    read->turn_us = counters_here.turn_ns / 1000;
    if (!read->is_walking)
        sessions_walk_begin(loop, &read->walk);
    else if (!read->has_more)
        return;
    read->is_walking = true;
    read->has_more = sessions_walk_on(loop, &read->walk, OBJECTS_A_TURN, &visitor, &visit);
}

/* Called with NULL when the broker has stopped: no loop runs then. */
static void end_walks(struct loop *loop, void *arg)
{
    struct statistics *s = arg;
    for (unsigned i = 0; i < loops_count(s->loops); i++) {
        struct slice_read *read = s->slices[i];
        if ((loop && i != loop_index(loop)) || !read->is_walking)
            continue;
        sessions_walk_end(&read->walk);
        read->is_walking = false;
    }
}

/* Adds up what several consumers of a channel have got from one queue. */
static void traffic_add(struct statistics *s, const struct session_row *row)
{
    unsigned count = object_figures[row->kind].count;
    const struct object *before = object_find(&s->objects[row->kind], row->key);
    bool is_first = !before || before->seen != (uint32_t)s->rounds_begun;
    struct object *o = object_meet(s, row->kind, row->key);
    if (!o->sums)
        o->sums = lv_calloc(count, sizeof o->sums[0]);
    for (unsigned i = 0; i < count; i++)
        o->sums[i] = row->figures[i] + (is_first ? 0 : o->sums[i]);
}

static void row_note(struct statistics *s, const struct session_row *row)
{
    enum object_kind kind = row->kind;
    unsigned count = object_figures[kind].count;
    unsigned at = kind == OBJECT_CHANNEL ? VHOST_CHANNELS : VHOST_OCTETS;
    struct object *o = object_meet(s, kind, row->key);
    uint64_t *sums = row->vhost ? row->vhost->sums + at : NULL;
    for (unsigned i = 0; sums && i < count; i++)
        sums[i] += row->figures[i];
    pthread_mutex_lock(&s->lock);
    note(s, o, kind, row->figures);
    pthread_mutex_unlock(&s->lock);
}

static bool note_sessions(struct statistics *s)
{
    bool is_over = true;
    for (unsigned i = 0; i < loops_count(s->loops); i++) {
        const struct slice_read *read = s->slices[i];
        for (size_t j = 0; j < read->row_count; j++) {
            bool is_traffic =
                read->rows[j].kind == OBJECT_DELIVERY || read->rows[j].kind == OBJECT_PUBLISH;
            (is_traffic ? traffic_add : row_note)(s, &read->rows[j]);
        }
        is_over &= !read->has_more;
    }
    return is_over;
}

static int round_sessions(struct statistics *s)
{
    int err = 0;
    for (bool is_over = false; err == 0 && !is_over;) {
        err = ask_every_loop(s->asker, read_sessions, s);
        is_over = err < 0 || note_sessions(s);
    }
    for (unsigned i = 0; i < loops_count(s->loops); i++)
        ask_loop_or_end(s->asker, loops_at(s->loops, i), end_walks, s);
    return err;
}

/* --- sums ------------------------------------------------------------------------------------- */

/* Keeps counters from falling. */
static void keep_rising(const struct object *o, unsigned first, unsigned end, uint64_t *figures)
{
    for (unsigned i = first; i < end; i++) {
        uint64_t before = object_figure(o, i);
        if (figures[i] < before)
            figures[i] = before;
    }
}

/* Notes what channels do with queues, or with exchanges. A consumer that ends takes its counts with
 * it; sums do not fall. */
static void note_traffic(struct statistics *s, enum object_kind kind)
{
    const struct object_set *set = &s->objects[kind];
    pthread_mutex_lock(&s->lock);
    for (size_t i = 0; i < set->count; i++) {
        keep_rising(set->all[i], 0, object_figures[kind].count, set->all[i]->sums);
        note(s, set->all[i], kind, set->all[i]->sums);
    }
    pthread_mutex_unlock(&s->lock);
}

static void note_vhosts(struct statistics *s, uint64_t *lengths)
{
    const struct object_set *vhosts = &s->objects[OBJECT_VHOST];
    pthread_mutex_lock(&s->lock);
    for (size_t i = 0; i < vhosts->count; i++) {
        struct object *o = vhosts->all[i];
        for (unsigned n = 0; n < LENGTHS; n++)
            lengths[n] += o->sums[n];
        keep_rising(o, VHOST_CHANNELS, object_figures[OBJECT_VHOST].count, o->sums);
        note(s, o, OBJECT_VHOST, o->sums);
    }
    pthread_mutex_unlock(&s->lock);
}

static void note_loops(struct statistics *s)
{
    for (unsigned i = 0; i < loops_count(s->loops); i++) {
        struct object *o = object_meet(s, OBJECT_LOOP, i);
        pthread_mutex_lock(&s->lock);
        note(s, o, OBJECT_LOOP, &s->slices[i]->turn_us);
        pthread_mutex_unlock(&s->lock);
    }
}

static void note_node(struct statistics *s, const uint64_t *lengths)
{
    uint64_t all[STATISTICS_COUNT] = {0}, figures[OBJECT_FIGURES_MAX];
    const struct object_figures *kind = &object_figures[OBJECT_NODE];
    struct counters c;
    counters_read(&c);
    memcpy(all, lengths, LENGTHS * sizeof lengths[0]);
    all[STATISTIC_publish] = c.published;
    all[STATISTIC_confirm] = c.confirmed;
    all[STATISTIC_return_unroutable] = c.returned;
    all[STATISTIC_drop_unroutable] = c.unroutable;
    all[STATISTIC_deliver] = c.delivered;
    all[STATISTIC_deliver_no_ack] = c.delivered_no_ack;
    all[STATISTIC_get] = c.got;
    all[STATISTIC_get_no_ack] = c.got_no_ack;
    all[STATISTIC_get_empty] = c.got_empty;
    all[STATISTIC_redeliver] = c.redelivered;
    all[STATISTIC_ack] = c.acked;
    all[STATISTIC_disk_reads] = s->disk_reads;
    all[STATISTIC_disk_writes] = s->disk_writes;
    all[STATISTIC_connection_created] = c.connections_opened;
    all[STATISTIC_connection_closed] = c.connections_closed;
    all[STATISTIC_channel_created] = c.channels_opened;
    all[STATISTIC_channel_closed] = c.channels_closed;
    all[STATISTIC_queue_declared] = c.queues_declared;
    all[STATISTIC_queue_created] = c.queues_created;
    all[STATISTIC_queue_deleted] = c.queues_deleted;
    all[STATISTIC_log_sync_us] = c.log_sync_us;
    for (unsigned i = 0; i < DOUBLING_BUCKETS; i++)
        all[STATISTIC_log_syncs] += (&c.log_syncs_64us_1)[i];
    if (s->settings.read_node)
        s->settings.read_node(s->settings.arg, all);
    for (unsigned i = 0; i < kind->count; i++)
        figures[i] = all[kind->statistics[i]];
    pthread_mutex_lock(&s->lock);
    note(s, s->node, OBJECT_NODE, figures);
    pthread_mutex_unlock(&s->lock);
}
_Static_assert(STATISTIC_messages == 0 && STATISTIC_messages_unacknowledged == LENGTHS - 1,
               "lengths are the first statistics");

/* --- all of it -------------------------------------------------------------------------------- */

int statistics_round(struct statistics *s)
{
    uint64_t lengths[LENGTHS] = {0};
    for (unsigned i = 0; i < loops_count(s->loops); i++) {
        if (!s->slices[i])
            s->slices[i] = lv_calloc(1, sizeof *s->slices[i]);
    }
    s->is_whole = true;
    meet_topology(s);
    forget_unseen(s, OBJECT_QUEUE);
    forget_unseen(s, OBJECT_EXCHANGE);
    forget_unseen(s, OBJECT_VHOST);
    int err = round_queues(s);
    if (err == 0)
        err = round_sessions(s);
    if (err < 0)
        return err;
    forget_unseen(s, OBJECT_CHANNEL);
    forget_unseen(s, OBJECT_CONNECTION);
    forget_unseen(s, OBJECT_DELIVERY);
    forget_unseen(s, OBJECT_PUBLISH);
    note_traffic(s, OBJECT_DELIVERY);
    note_traffic(s, OBJECT_PUBLISH);
    note_loops(s);
    if (!s->is_whole)
        return 0;
    note_vhosts(s, lengths);
    note_node(s, lengths);
    s->before_sums_ms = s->now_ms;
    return 0;
}

void statistics_round_free(struct statistics *s)
{
    for (unsigned i = 0; i < LOOPS_MAX; i++) {
        free(s->homes[i].queues);
        if (s->slices[i])
            free(s->slices[i]->rows);
        free(s->slices[i]);
    }
}
