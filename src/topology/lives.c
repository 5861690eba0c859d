/* A trace is in the slot of its bit while it runs, which holds a reference; readers find it there
 * under RCU. Loops end a trace when they see that its time is over: nobody needs a timer, since a
 * trace without messages costs nothing.
 *
 * A slot is used again by later traces while messages with its bit may still exist, so a trace
 * follows only numbers that were given after its beginning. A message that only traces have
 * followed that have ended gets a new number when a trace chooses it. Numbers start again after
 * 2^24; then a message that is older by half of them could be taken for a newer one, and would be
 * shown with a life that began before the trace. */
#include "topology/lives.h"

#include <stdlib.h>

#include "base/memory.h"

enum { ROUTED_MAX = 64 }; /* so many queues of a message are written down */

/* --- their life ------------------------------------------------------------------------------- */

static void trace_after_grace(struct lv_rcu_refs *refs)
{
    struct life_trace *t = lv_container_of(refs, struct life_trace, refs);
    for (unsigned i = 0; i < LOOPS_MAX; i++)
        life_ring_free(&t->rings[i]);
    vhost_unref(&t->vhost);
    pattern_free(&t->settings.pattern);
    free((void *)t->settings.name.p);
    free(t);
}

static struct life_trace *trace_create(struct vhost *vhost,
                                       const struct life_trace_settings *settings)
{
    struct life_trace *t = lv_calloc(1, sizeof *t);
    lv_rcu_refs_init(&t->refs, trace_after_grace);
    vhost_ref(vhost);
    t->vhost = vhost;
    t->settings = *settings;
    t->settings.name = slice_copy(settings->name);
    t->budget.bytes_max = settings->bytes_max;
    t->begun_us = settings->now_us();
    t->ends_us = t->begun_us + settings->seconds * 1000000;
    return t;
}

bool lives_begin(struct topology *topology, struct vhost *vhost,
                 const struct life_trace_settings *settings, struct life_trace **ret)
{
    struct lives *lives = topology->lives;
    struct life_trace *t = trace_create(vhost, settings);
    t->first_number =
        atomic_load_explicit(&lives->next_number, memory_order_relaxed); /* and those after it */
    for (t->slot = 0; t->slot < LIFE_TRACES_MAX; t->slot++) {
        struct life_trace *none = NULL;
        lv_rcu_ref(&t->refs); /* the slot's */
        if (atomic_compare_exchange_strong_explicit(&lives->running[t->slot], &none, t,
                                                    memory_order_release, memory_order_relaxed)) {
            atomic_fetch_add_explicit(&lives->count, 1, memory_order_relaxed);
            vhost_watch(vhost, VHOST_WATCH_LIVES);
            *ret = t;
            return true;
        }
        lv_rcu_unref(&t->refs);
    }
    lv_rcu_unref(&t->refs);
    return false;
}

static bool vhost_is_traced(struct lives *lives, const struct vhost *vhost)
{
    for (unsigned i = 0; i < LIFE_TRACES_MAX; i++) {
        const struct life_trace *t = atomic_load_explicit(&lives->running[i], memory_order_acquire);
        if (t && t->vhost == vhost)
            return true;
    }
    return false;
}

/* Another trace of the vhost may begin at the same time, so the flag is looked at again after it
 * was cleared. */
void lives_end(struct topology *topology, struct life_trace *t)
{
    struct lives *lives = topology->lives;
    struct life_trace *it = t;
    if (!atomic_compare_exchange_strong_explicit(&lives->running[t->slot], &it, NULL,
                                                 memory_order_acq_rel, memory_order_relaxed))
        return;
    uint64_t now = t->settings.now_us();
    atomic_store_explicit(&t->ended_us, now < t->ends_us ? now : t->ends_us, memory_order_relaxed);
    atomic_fetch_sub_explicit(&lives->count, 1, memory_order_relaxed);
    vhost_unwatch(t->vhost, VHOST_WATCH_LIVES);
    if (vhost_is_traced(lives, t->vhost))
        vhost_watch(t->vhost, VHOST_WATCH_LIVES);
    lv_rcu_unref(&t->refs);
}

void lives_free(struct topology *topology, struct life_trace **trace)
{
    struct life_trace *t = *trace;
    *trace = NULL;
    if (!t)
        return;
    lives_end(topology, t);
    lv_rcu_unref(&t->refs);
}

bool life_trace_is_over(const struct life_trace *t, uint64_t now_us)
{
    return now_us >= t->ends_us || atomic_load_explicit(&t->ended_us, memory_order_relaxed) != 0;
}

/* --- whom they follow ------------------------------------------------------------------------- */

/* Returns the trace in this slot; ends it and returns NULL if its time is over. */
static struct life_trace *trace_at(struct topology *topology, unsigned slot, uint64_t *ret_now_us)
{
    struct life_trace *t =
        atomic_load_explicit(&topology->lives->running[slot], memory_order_acquire);
    if (!t)
        return NULL;
    *ret_now_us = t->settings.now_us();
    if (!life_trace_is_over(t, *ret_now_us))
        return t;
    lives_end(topology, t);
    return NULL;
}

static bool trace_knows(const struct life_trace *t, uint32_t life)
{
    uint32_t since = life_number(life) - life_number(t->first_number);
    return life_number(since) < 1u << (LIFE_NUMBER_BITS - 1);
}

static bool trace_follows(const struct life_trace *t, uint32_t life)
{
    return (life_traces(life) & 1u << t->slot) && trace_knows(t, life);
}

static bool route_has(const struct route *route, struct slice queue)
{
    for (size_t i = 0; i < route->count; i++) {
        if (slice_equal(queue_entry_name(route->queues[i]), queue))
            return true;
    }
    return false;
}

/* Returns whether the trace is to follow a message that comes by its exchange or queue and has this
 * life, or none; if so, the message counts as followed. A number that was given before the trace
 * began is not the trace's. */
static bool trace_chooses(struct life_trace *t, struct slice routing_key, uint32_t life)
{
    atomic_fetch_add_explicit(&t->seen, 1, memory_order_relaxed);
    if (t->settings.pattern && !pattern_matches(t->settings.pattern, routing_key))
        return false;
    uint64_t nth = atomic_fetch_add_explicit(&t->fitting, 1, memory_order_relaxed);
    if (nth % t->settings.one_in != 0 || (life && !trace_knows(t, life)))
        return false;
    uint64_t before = atomic_fetch_add_explicit(&t->followed, 1, memory_order_relaxed);
    if (before < t->settings.messages_max)
        return true;
    atomic_fetch_sub_explicit(&t->followed, 1, memory_order_relaxed);
    return false;
}

/* Adds the trace to those that follow the life, which gets a number if it has none. */
static void life_add(struct lives *lives, const struct life_trace *t, uint32_t *life)
{
    if (*life == 0)
        *life = life_of(0, life_number(atomic_fetch_add_explicit(&lives->next_number, 1,
                                                                 memory_order_relaxed)));
    *life |= life_of(1u << t->slot, 0);
}

bool lives_follow(struct topology *topology, uint32_t life)
{
    for (unsigned traces = life_traces(life), i = 0; traces; traces >>= 1, i++) {
        uint64_t now_us;
        const struct life_trace *t = traces & 1 ? trace_at(topology, i, &now_us) : NULL;
        if (t && trace_follows(t, life))
            return true;
    }
    return false;
}

/* --- writing down ----------------------------------------------------------------------------- */

static void trace_write(struct life_trace *t, struct loop *loop, const struct life_record *record)
{
    lv_assert(!loop_current() || loop_current() == loop);
    life_ring_put(&t->rings[loop_index(loop)], &t->budget, record);
}

void lives_record(struct loop *loop, struct topology *topology, uint32_t life,
                  struct life_record *record)
{
    record->life = life;
    for (unsigned traces = life_traces(life), i = 0; traces; traces >>= 1, i++) {
        struct life_trace *t = traces & 1 ? trace_at(topology, i, &record->at_us) : NULL;
        if (t && trace_follows(t, life))
            trace_write(t, loop, record);
    }
}

static struct slice beginning(struct slice bytes, uint32_t n)
{
    return slice_of(bytes.p, bytes.n < n ? bytes.n : n);
}

static void write_publish(struct life_trace *t, struct loop *loop, uint64_t now_us,
                          const struct life_publisher *who, const struct delivery *m, uint8_t flags,
                          uint32_t life)
{
    bool is_cut = m->header.n > LIFE_TEXT_BYTES_MAX; /* part of a header says nothing */
    const struct life_record record = {
        .at_us = now_us,
        .life = life,
        .event = LIFE_PUBLISHED,
        .flags = (uint8_t)(flags | (who->is_mandatory ? LIFE_IS_MANDATORY : 0) |
                           (is_cut ? LIFE_IS_CUT : 0)),
        .channel = who->channel,
        .connection = who->connection_id,
        .value = m->body.n,
        .texts = {m->exchange, m->routing_key, who->connection, who->user,
                  is_cut ? SLICE_EMPTY : m->header, beginning(m->body, t->settings.body_bytes)},
    };
    trace_write(t, loop, &record);
}

static void write_route(struct loop *loop, struct topology *topology, const struct route *route,
                        bool is_returned, uint32_t life)
{
    struct life_record none = {.event = LIFE_UNROUTABLE,
                               .flags = is_returned ? LIFE_IS_RETURNED : 0};
    if (route->count == 0)
        lives_record(loop, topology, life, &none);
    for (size_t i = 0; i < route->count && i < ROUTED_MAX; i++) {
        struct life_record record = {
            .event = LIFE_ROUTED,
            .value = route->count,
            .texts = {queue_entry_name(route->queues[i])},
        };
        lives_record(loop, topology, life, &record);
    }
}

uint32_t lives_publish(struct loop *loop, struct vhost *vhost, const struct life_publisher *who,
                       const struct delivery *message, bool is_persistent,
                       const struct route *route, uint32_t life)
{
    struct lives *lives = vhost->topology->lives;
    unsigned follow = 0;
    uint64_t now_us[LIFE_TRACES_MAX];
    if (life && !lives_follow(vhost->topology, life))
        life = 0; /* those that followed it have ended: it begins anew */
    for (unsigned i = 0; i < LIFE_TRACES_MAX; i++) {
        struct life_trace *t = trace_at(vhost->topology, i, &now_us[i]);
        if (!t || t->vhost != vhost || trace_follows(t, life))
            continue;
        bool comes_by = t->settings.is_of_queue ? route_has(route, t->settings.name)
                                                : slice_equal(t->settings.name, message->exchange);
        if (!comes_by || !trace_chooses(t, message->routing_key, life))
            continue;
        life_add(lives, t, &life);
        follow |= 1u << i;
    }
    for (unsigned i = 0; i < LIFE_TRACES_MAX; i++) {
        struct life_trace *t = follow & 1u << i ? trace_at(vhost->topology, i, &now_us[i]) : NULL;
        if (t)
            write_publish(t, loop, now_us[i], who, message, is_persistent ? LIFE_IS_PERSISTENT : 0,
                          life);
    }
    if (life)
        write_route(loop, vhost->topology, route, who->is_mandatory, life);
    return life;
}

uint32_t lives_find_held(struct loop *loop, struct vhost *vhost, struct slice queue,
                         const struct delivery *message, bool is_persistent)
{
    struct lives *lives = vhost->topology->lives;
    static const struct life_publisher nobody;
    uint32_t life = 0;
    for (unsigned i = 0; i < LIFE_TRACES_MAX; i++) {
        uint64_t now_us;
        struct life_trace *t = trace_at(vhost->topology, i, &now_us);
        if (!t || t->vhost != vhost || !t->settings.is_of_queue ||
            !slice_equal(t->settings.name, queue))
            continue;
        if (!trace_chooses(t, message->routing_key, life))
            continue;
        life_add(lives, t, &life);
        write_publish(t, loop, now_us, &nobody, message,
                      (uint8_t)(LIFE_WAS_THERE | (is_persistent ? LIFE_IS_PERSISTENT : 0)), life);
    }
    return life;
}
