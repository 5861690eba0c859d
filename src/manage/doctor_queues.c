/* Looking at queues and exchanges.
 *
 * A queue that holds nothing, has lost nothing and has not moved has nothing wrong with it: the
 * sampler knows which these are, and they are left out. The others are examined in batches, so that
 * memory is bounded; the figures of a batch come from the loops, in slices. */
#include <stdlib.h>

#include "base/memory.h"
#include "base/vec.h"
#include "manage/doctor_private.h"
#include "manage/queues_private.h"
#include "queue/queue_settings.h"
#include "topology/exchange_counts.h"
#include "topology/vhost.h"

enum { BATCH = 2048 };

struct candidates {
    struct queue **queues; /* references */
    size_t count, capacity;
};

/* --- which queues ----------------------------------------------------------------------------- */

/* Under RCU and the lock of statistics. */
static void add_candidates(const struct diagnosis *d, struct vhost *vhost, struct candidates *c)
{
    struct lv_table_iter it;
    for (struct lv_table_node *n = lv_table_first(vhost->queues, &it); n;
         n = lv_table_next(vhost->queues, &it)) {
        struct queue *q = queue_of_node(n);
        if (statistics_queue_is_idle(d->m->statistics, queue_id(q), d->period_ms))
            continue;
        lv_vec_room(c->queues, c->count, c->capacity);
        c->queues[c->count++] = queue_ref(q);
    }
}

static void find_candidates(const struct diagnosis *d, struct candidates *c)
{
    statistics_lock(d->m->statistics);
    for (size_t i = 0; i < d->vhost_count; i++) {
        struct vhost *vhost = vhost_find(&d->m->broker->topology, d->vhosts[i]);
        if (vhost)
            add_candidates(d, vhost, c);
    }
    statistics_unlock(d->m->statistics);
}

/* --- looking ---------------------------------------------------------------------------------- */

static void look_at_settings(const struct queue_facts *f, struct queue_look *look)
{
    const struct queue_entry *entry = queue_entry(f->queue);
    struct queue_arguments arguments, settings;
    struct broker_error ignored;
    look->max_length = look->max_length_bytes = ARGUMENT_UNSET;
    if (!queue_arguments_read(f->arguments, entry->flags, look->name, look->vhost, &arguments,
                              &ignored))
        return; /* they were refused, had they been like that */
    queue_settings_merge(&arguments, f->policy, &settings);
    look->max_length = settings.max_length;
    look->max_length_bytes = settings.max_length_bytes;
    look->overflow = settings.overflow;
    look->has_dead_letter_exchange = settings.has_dead_letter_exchange;
}

static void look_at_span(const struct statistics_span *span, struct queue_look *look)
{
    look->span_s = span->ms / 1000;
    look->idle_s = span->idle_ms / 1000;
    look->grown = (int64_t)(span->now[STATISTIC_messages] - span->before[STATISTIC_messages]);
    look->published = statistics_rise(span, STATISTIC_publish);
    look->gets = statistics_rise(span, STATISTIC_get) +
                 statistics_rise(span, STATISTIC_get_no_ack) +
                 statistics_rise(span, STATISTIC_get_empty);
    look->gets_empty = statistics_rise(span, STATISTIC_get_empty);
    look->delivered = statistics_rise(span, STATISTIC_deliver) +
                      statistics_rise(span, STATISTIC_deliver_no_ack) + look->gets -
                      look->gets_empty;
    look->consumed = statistics_rise(span, STATISTIC_ack) +
                     statistics_rise(span, STATISTIC_deliver_no_ack) +
                     statistics_rise(span, STATISTIC_get_no_ack);
    look->redelivered = statistics_rise(span, STATISTIC_redeliver);
    look->expired = statistics_rise(span, STATISTIC_dropped_expired);
    look->dropped = statistics_rise(span, STATISTIC_dropped_maxlen);
    look->circled = statistics_rise(span, STATISTIC_circled);
}

static void note_busiest(struct diagnosis *d, unsigned home, const struct queue_look *look)
{
    struct busy_queue *busiest = &d->busiest[home];
    uint64_t moved = look->published + look->delivered;
    if (moved <= busiest->moved)
        return;
    free((void *)(uintptr_t)busiest->vhost.p);
    free((void *)(uintptr_t)busiest->name.p);
    *busiest = (struct busy_queue){slice_copy(look->vhost), slice_copy(look->name), moved};
}

static void examine_queue(struct diagnosis *d, const struct queue_facts *f)
{
    struct queue_look look = {
        .vhost = vhost_name(queue_vhost(f->queue)),
        .name = f->name,
        .is_durable = f->is_durable,
        .is_exclusive = f->owner != 0,
        .consumers = f->consumers,
        .ready = f->ready,
        .ready_bytes = f->ready_bytes,
        .unacked = f->unacked,
        .persistent = f->persistent,
        .lost = f->counters.disk.lost,
    };
    struct statistics_span span;
    if (f->is_gone || f->is_restoring)
        return;
    look_at_settings(f, &look);
    statistics_lock(d->m->statistics);
    bool is_sampled =
        statistics_queue_span(d->m->statistics, queue_id(f->queue), d->period_ms, &span);
    statistics_unlock(d->m->statistics);
    if (is_sampled)
        look_at_span(&span, &look);
    note_busiest(d, f->home, &look);
    doctor_examine_queue(&d->report, &look);
}

/* Takes the references. */
static int examine_batch(struct diagnosis *d, struct queue **queues, size_t count)
{
    struct listing l = {.free_row = queue_facts_free};
    struct manage_error error = {0};
    for (size_t i = 0; i < count; i++) {
        listing_add(&l, queue_facts_begin(queues[i]));
        queue_unref(&queues[i]);
    }
    bool is_done = queue_facts_gather(d->m, &l, &error);
    int err = error.error;
    manage_error_free(&error);
    if (!is_done)
        return err;
    for (size_t i = 0; i < l.count; i++)
        examine_queue(d, l.rows[i]);
    listing_free(&l);
    return 0;
}

int diagnose_queues(struct diagnosis *d)
{
    struct candidates c = {0};
    int err = 0;
    size_t at = 0;
    find_candidates(d, &c);
    for (; err == 0 && at < c.count; at += BATCH)
        err = examine_batch(d, c.queues + at, c.count - at < BATCH ? c.count - at : BATCH);
    for (; at < c.count; at++)
        queue_unref(&c.queues[at]);
    free(c.queues);
    return err;
}

/* --- exchanges -------------------------------------------------------------------------------- */

static void examine_exchange(struct diagnosis *d, struct slice vhost, const struct exchange *x)
{
    struct exchange_look look = {.vhost = vhost, .name = exchange_name(x)};
    struct statistics_span span;
    uint64_t returned, dropped;
    exchange_unroutable_read(x, &returned, &dropped);
    if ((returned == 0 && dropped == 0) ||
        !statistics_exchange_span(d->m->statistics, vhost, look.name, d->period_ms, &span))
        return;
    look.span_s = span.ms / 1000;
    look.published = statistics_rise(&span, STATISTIC_publish_in);
    look.returned = statistics_rise(&span, STATISTIC_return_unroutable);
    look.dropped = statistics_rise(&span, STATISTIC_drop_unroutable);
    doctor_examine_exchange(&d->report, &look);
}

void diagnose_exchanges(struct diagnosis *d)
{
    statistics_lock(d->m->statistics);
    for (size_t i = 0; i < d->vhost_count; i++) {
        struct vhost *vhost = vhost_find(&d->m->broker->topology, d->vhosts[i]);
        struct lv_table_iter it;
        if (!vhost)
            continue;
        examine_exchange(d, d->vhosts[i], vhost->default_exchange); /* it is in no table */
        for (struct lv_table_node *n = lv_table_first(vhost->exchanges, &it); n;
             n = lv_table_next(vhost->exchanges, &it))
            examine_exchange(d, d->vhosts[i], lv_container_of(n, struct exchange, by_name));
    }
    statistics_unlock(d->m->statistics);
}
