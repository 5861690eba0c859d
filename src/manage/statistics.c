/* The sampler's thread, and the answers. */
#include "manage/statistics.h"

#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "base/background.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/memory.h"
#include "base/rcu.h"
#include "manage/statistics_private.h"

enum { INTERVAL_MS = 5000, STACK_BYTES = 256 * 1024 };

const struct statistic_kind statistic_kinds[STATISTICS_COUNT] = {
#define STATISTIC_KIND(name, group) {#name, STATISTIC_##group},
    STATISTICS(STATISTIC_KIND)
#undef STATISTIC_KIND
};

/* --- the thread ------------------------------------------------------------------------------- */

static uint64_t now_ms(const struct statistics *s)
{
    return s->settings.clock_ms ? s->settings.clock_ms() : clock_up_ms();
}

/* Waits until the round is due, or wanted, or the sampler is to end. Returns whether to go on. */
static bool wait_for_round(struct statistics *s, uint64_t due_ms)
{
    lv_rcu_offline();
    pthread_mutex_lock(&s->lock);
    uint64_t now;
    while (!s->is_stopping && s->rounds_wanted <= s->rounds_ended &&
           (now = clock_read_ms(CLOCK_MONOTONIC)) < due_ms) {
        const struct timespec until = {.tv_sec = (time_t)(due_ms / 1000),
                                       .tv_nsec = (long)(due_ms % 1000) * 1000000};
        pthread_cond_timedwait(&s->changed, &s->lock, &until);
    }
    bool goes_on = !s->is_stopping;
    s->rounds_begun += goes_on;
    pthread_mutex_unlock(&s->lock);
    lv_rcu_online();
    return goes_on;
}

static void round_ended(struct statistics *s)
{
    pthread_mutex_lock(&s->lock);
    s->rounds_ended = s->rounds_begun;
    s->before_ms = s->now_ms;
    pthread_cond_broadcast(&s->changed);
    pthread_mutex_unlock(&s->lock);
}

static void note_begin(struct statistics *s)
{
    pthread_mutex_lock(&s->lock);
    if (s->begun_ms == 0)
        s->begun_ms = s->now_ms;
    pthread_mutex_unlock(&s->lock);
}

static void *sampler_main(void *arg)
{
    struct statistics *s = arg;
    pthread_setname_np(pthread_self(), "statistics");
    thread_enter_background();
    lv_rcu_register_thread();
    uint64_t due_ms = clock_read_ms(CLOCK_MONOTONIC);
    while (wait_for_round(s, due_ms)) {
        uint64_t begun_ms = clock_read_ms(CLOCK_MONOTONIC);
        s->now_ms = now_ms(s);
        note_begin(s);
        if (statistics_round(s) < 0)
            break;
        round_ended(s);
        while (due_ms <= begun_ms)
            due_ms += s->settings.interval_ms;
    }
    lv_rcu_unregister_thread();
    lv_memory_leave();
    return NULL;
}

/* --- its life --------------------------------------------------------------------------------- */

static void fill_in_settings(struct statistics_settings *settings)
{
    static const struct retention global = {
        .count = 4, .levels = {{600, 5}, {3600, 60}, {28800, 600}, {86400, 1800}}};
    static const struct retention basic = {.count = 2, .levels = {{600, 5}, {3600, 60}}};
    static const struct retention detailed = {.count = 1, .levels = {{600, 5}}};
    if (settings->interval_ms == 0)
        settings->interval_ms = INTERVAL_MS;
    if (settings->global.count == 0)
        settings->global = global;
    if (settings->basic.count == 0)
        settings->basic = basic;
    if (settings->detailed.count == 0)
        settings->detailed = detailed;
}

static int thread_start(struct statistics *s)
{
    pthread_attr_t attributes;
    pthread_attr_init(&attributes);
    pthread_attr_setstacksize(&attributes, STACK_BYTES);
    int err = pthread_create(&s->thread, &attributes, sampler_main, s);
    pthread_attr_destroy(&attributes);
    s->has_thread = err == 0;
    return err == 0 ? 0 : ERR_NO_MEMORY;
}

int statistics_start(struct loops *loops, struct broker *broker,
                     const struct statistics_settings *settings, struct statistics **ret)
{
    struct statistics *s = lv_calloc(1, sizeof *s);
    s->loops = loops;
    s->broker = broker;
    s->settings = *settings;
    fill_in_settings(&s->settings);
    s->asker = asker_create(loops);
    pthread_mutex_init(&s->lock, NULL);
    clock_cond_init(&s->changed);
    s->node = object_add(&s->objects[OBJECT_NODE], 0);
    int err = s->settings.is_disabled ? 0 : thread_start(s);
    if (err < 0)
        statistics_stop(&s);
    else
        *ret = s;
    return err;
}

static void thread_stop(struct statistics *s)
{
    pthread_mutex_lock(&s->lock);
    s->is_stopping = true;
    pthread_cond_broadcast(&s->changed);
    pthread_mutex_unlock(&s->lock);
    asker_close(s->asker);
    lv_rcu_offline();
    int err = pthread_join(s->thread, NULL);
    lv_assert(err == 0);
    lv_rcu_online();
}

void statistics_stop(struct statistics **statistics)
{
    struct statistics *s = *statistics;
    *statistics = NULL;
    if (!s)
        return;
    if (s->has_thread)
        thread_stop(s);
    else
        asker_close(s->asker);
    asker_free(&s->asker);
    for (unsigned i = 0; i < OBJECT_KINDS; i++)
        object_set_free(&s->objects[i]);
    statistics_round_free(s);
    pthread_cond_destroy(&s->changed);
    pthread_mutex_destroy(&s->lock);
    free(s);
}

const struct statistics_settings *statistics_settings(const struct statistics *s)
{
    return &s->settings;
}

enum rates_mode statistics_rates_mode(const struct statistics *s)
{
    return s && !s->settings.is_disabled ? s->settings.rates_mode : RATES_NONE;
}

int statistics_refresh(struct statistics *s)
{
    if (!s->has_thread)
        return ERR_CLOSED;
    lv_rcu_offline();
    pthread_mutex_lock(&s->lock);
    uint64_t wanted = s->rounds_begun + 1;
    if (s->rounds_wanted < wanted)
        s->rounds_wanted = wanted;
    pthread_cond_broadcast(&s->changed);
    while (!s->is_stopping && s->rounds_ended < wanted)
        pthread_cond_wait(&s->changed, &s->lock);
    int err = s->rounds_ended < wanted ? ERR_CLOSED : 0;
    pthread_mutex_unlock(&s->lock);
    lv_rcu_online();
    return err;
}

/* --- answers ---------------------------------------------------------------------------------- */

/* Sets which samples the answer has, and makes room for them. */
static void answer_begin(const struct statistics *s, const struct statistics_range *range,
                         struct statistics_answer *ret)
{
    size_t numbers = 0, at = 0;
    uint64_t wall_ms = clock_wall_ms();
    *ret = (struct statistics_answer){.space = NULL};
    if (!range || s->settings.rates_mode == RATES_NONE)
        return;
    for (unsigned g = 0; g < STATISTIC_GROUPS; g++) {
        uint64_t age = range->of[g].age_s, step = range->of[g].incr_s;
        if (age == 0 || step == 0 || age > UINT32_MAX || step > UINT32_MAX)
            continue;
        uint64_t count = age / step + 1;
        ret->samples[g].count = count < STATISTIC_SAMPLES_MAX ? count : STATISTIC_SAMPLES_MAX;
        ret->samples[g].step_ms = step * 1000;
        ret->samples[g].newest_ms = wall_ms - wall_ms % (step * 1000);
    }
    for (unsigned i = 0; i < STATISTICS_COUNT; i++)
        numbers += ret->samples[statistic_kinds[i].group].count;
    if (numbers == 0)
        return;
    ret->space = lv_calloc(numbers, sizeof ret->space[0]);
    for (unsigned i = 0; i < STATISTICS_COUNT; i++) {
        size_t count = ret->samples[statistic_kinds[i].group].count;
        ret->of[i].samples = count ? ret->space + at : NULL;
        at += count;
    }
}

/* Where the answer keeps the samples of a statistic. */
static uint64_t *space_of(struct statistics_answer *a, unsigned statistic)
{
    const uint64_t *samples = a->of[statistic].samples;
    return samples ? a->space + (samples - a->space) : NULL;
}

/* Adds the samples of a group that the object has. */
static void answer_add_samples(const struct statistics *s, const struct object *o,
                               const struct object_figures *kind, enum statistic_group group,
                               struct statistics_answer *a)
{
    size_t count = a->samples[group].count;
    uint64_t step_ms = a->samples[group].step_ms, now = now_ms(s);
    /* From the wall clock to the sampler's. A time before its clock began is taken as its 0. */
    uint64_t ago_ms = clock_wall_ms() - a->samples[group].newest_ms + (count - 1) * step_ms;
    uint64_t first_ms = now > ago_ms ? now - ago_ms : 0;
    uint64_t *figures = lv_malloc(count * kind->count * sizeof *figures);
    history_samples(o->history, now, first_ms, step_ms, count, figures);
    for (unsigned i = 0; i < kind->count; i++) {
        if (statistic_kinds[kind->statistics[i]].group != group)
            continue;
        uint64_t *samples = space_of(a, kind->statistics[i]);
        for (size_t n = 0; n < count; n++)
            samples[n] += figures[(count - 1 - n) * kind->count + i];
    }
    free(figures);
}

enum { CHURN = 1 << STATISTIC_NODE, ALL_GROUPS = (1 << STATISTIC_GROUPS) - 1 };

/* Adds to the answer what the object has of these groups (bits). Under the lock. */
static void answer_add(const struct statistics *s, const struct object *o, enum object_kind k,
                       unsigned groups, struct statistics_answer *a)
{
    const struct object_figures *kind = &object_figures[k];
    bool has_group[STATISTIC_GROUPS] = {false};
    for (unsigned i = 0; i < kind->count; i++) {
        struct statistic_answer *of = &a->of[kind->statistics[i]];
        if (!(groups >> statistic_kinds[kind->statistics[i]].group & 1))
            continue;
        if (s->settings.rates_mode == RATES_NONE &&
            statistic_kinds[kind->statistics[i]].group == STATISTIC_MESSAGES)
            continue;
        of->is_known = true;
        of->value += object_figure(o, i);
        of->rate += object_rate(o, i);
        has_group[statistic_kinds[kind->statistics[i]].group] = true;
    }
    for (unsigned g = 0; g < STATISTIC_GROUPS; g++) {
        if (o->history && has_group[g] && a->samples[g].count > 0)
            answer_add_samples(s, o, kind, (enum statistic_group)g, a);
    }
}

/* deliver_get is the sum of these. */
static void answer_sum_deliveries(struct statistics_answer *a)
{
    static const unsigned parts[] = {STATISTIC_deliver, STATISTIC_deliver_no_ack, STATISTIC_get,
                                     STATISTIC_get_no_ack};
    struct statistic_answer *sum = &a->of[STATISTIC_deliver_get];
    uint64_t *samples = space_of(a, STATISTIC_deliver_get);
    for (unsigned i = 0; i < sizeof parts / sizeof *parts; i++) {
        const struct statistic_answer *part = &a->of[parts[i]];
        sum->is_known |= part->is_known;
        sum->value += part->value;
        sum->rate += part->rate;
        for (size_t n = 0; samples && n < a->samples[STATISTIC_MESSAGES].count; n++)
            samples[n] += part->samples[n];
    }
}

/* Computes averages, and the rate as RabbitMQ does if there are samples. */
static void answer_average(struct statistic_answer *of, size_t count, uint64_t step_ms)
{
    double sum = 0, step_s = (double)step_ms / 1000;
    for (size_t n = 0; n < count; n++)
        sum += (double)of->samples[n];
    of->avg = sum / (double)count;
    if (count < 2)
        return;
    double risen = (double)of->samples[0] - (double)of->samples[count - 1];
    of->avg_rate = risen / (step_s * (double)(count - 1));
    of->rate = ((double)of->samples[0] - (double)of->samples[1]) / step_s;
}

static void answer_end(struct statistics_answer *a)
{
    const struct statistic_answer *of = a->of;
    answer_sum_deliveries(a);
    for (unsigned i = 0; i < STATISTICS_COUNT; i++) {
        size_t group = statistic_kinds[i].group;
        if (a->of[i].samples)
            answer_average(&a->of[i], a->samples[group].count, a->samples[group].step_ms);
    }
    a->has_published = of[STATISTIC_publish].value > 0;
    a->has_delivered = of[STATISTIC_deliver_get].value > 0 || of[STATISTIC_get_empty].value > 0 ||
                       of[STATISTIC_ack].value > 0 || of[STATISTIC_redeliver].value > 0;
}

static bool answer_of(struct statistics *s, enum object_kind kind, uint64_t key,
                      const struct statistics_range *range, struct statistics_answer *ret)
{
    if (!s) {
        *ret = (struct statistics_answer){.space = NULL};
        return false;
    }
    answer_begin(s, range, ret);
    pthread_mutex_lock(&s->lock);
    const struct object *o = object_find(&s->objects[kind], key);
    bool is_known = o && o->noted_ms > 0;
    if (is_known) {
        answer_add(s, o, kind, ALL_GROUPS, ret);
        ret->moved_ms = clock_wall_ms() - (now_ms(s) - o->moved_ms);
    }
    pthread_mutex_unlock(&s->lock);
    if (is_known)
        answer_end(ret);
    return is_known;
}

bool statistics_queue(struct statistics *s, uint64_t queue_id, const struct statistics_range *range,
                      struct statistics_answer *ret)
{
    return answer_of(s, OBJECT_QUEUE, queue_id, range, ret);
}

bool statistics_exchange(struct statistics *s, struct slice vhost, struct slice name,
                         const struct statistics_range *range, struct statistics_answer *ret)
{
    return answer_of(s, OBJECT_EXCHANGE, exchange_key(vhost, name), range, ret);
}

bool statistics_connection(struct statistics *s, uint64_t connection,
                           const struct statistics_range *range, struct statistics_answer *ret)
{
    return answer_of(s, OBJECT_CONNECTION, connection, range, ret);
}

bool statistics_channel(struct statistics *s, uint64_t connection, uint16_t number,
                        const struct statistics_range *range, struct statistics_answer *ret)
{
    return answer_of(s, OBJECT_CHANNEL, channel_key(connection, number), range, ret);
}

bool statistics_delivery(struct statistics *s, uint64_t connection, uint16_t number,
                         struct slice queue, const struct statistics_range *range,
                         struct statistics_answer *ret)
{
    return answer_of(s, OBJECT_DELIVERY, traffic_key(connection, number, queue), range, ret);
}

bool statistics_publish(struct statistics *s, uint64_t connection, uint16_t number,
                        struct slice exchange, const struct statistics_range *range,
                        struct statistics_answer *ret)
{
    return answer_of(s, OBJECT_PUBLISH, traffic_key(connection, number, exchange), range, ret);
}

bool statistics_vhost(struct statistics *s, struct slice vhost,
                      const struct statistics_range *range, struct statistics_answer *ret)
{
    return answer_of(s, OBJECT_VHOST, vhost_key(vhost), range, ret);
}

bool statistics_node(struct statistics *s, const struct statistics_range *range,
                     struct statistics_answer *ret)
{
    return answer_of(s, OBJECT_NODE, 0, range, ret);
}

void statistics_answer_free(struct statistics_answer *a)
{
    free(a->space);
    *a = (struct statistics_answer){.space = NULL};
}

/* --- what an actor may see -------------------------------------------------------------------- */

struct names {
    struct slice *names; /* owned, each */
    size_t count;
};

static struct names copy_vhost_names(struct statistics *s)
{
    struct names ret = {0};
    pthread_mutex_lock(&s->lock);
    const struct object_set *vhosts = &s->objects[OBJECT_VHOST];
    ret.names = lv_calloc(vhosts->count + 1, sizeof *ret.names);
    for (; ret.count < vhosts->count; ret.count++)
        ret.names[ret.count] = slice_copy(vhosts->all[ret.count]->name);
    pthread_mutex_unlock(&s->lock);
    return ret;
}

/* Keeps the vhosts that the actor has access to. It may wait for a backend. */
static void keep_visible(struct names *vhosts, const struct actor *actor)
{
    struct manage_error ignored = {0};
    size_t kept = 0;
    for (size_t i = 0; i < vhosts->count; i++) {
        if (actor_check_vhost(actor, ACTOR_MANAGEMENT, vhosts->names[i], &ignored))
            vhosts->names[kept++] = vhosts->names[i];
        else
            free((void *)(uintptr_t)vhosts->names[i].p);
    }
    vhosts->count = kept;
    manage_error_free(&ignored);
}

bool statistics_overview(struct statistics *s, const struct actor *actor,
                         const struct statistics_range *range, struct statistics_answer *ret)
{
    struct manage_error ignored = {0};
    bool sees_all = actor_check_rank(actor, ACTOR_MONITORING, &ignored);
    manage_error_free(&ignored);
    if (!s || sees_all)
        return statistics_node(s, range, ret);
    struct names vhosts = copy_vhost_names(s);
    keep_visible(&vhosts, actor);
    answer_begin(s, range, ret);
    pthread_mutex_lock(&s->lock);
    bool is_known = s->rounds_ended > 0;
    if (s->node->noted_ms > 0)
        answer_add(s, s->node, OBJECT_NODE, CHURN, ret);
    for (size_t i = 0; i < vhosts.count; i++) {
        const struct object *o = object_find(&s->objects[OBJECT_VHOST], vhost_key(vhosts.names[i]));
        if (o && o->noted_ms > 0)
            answer_add(s, o, OBJECT_VHOST, ALL_GROUPS, ret);
        free((void *)(uintptr_t)vhosts.names[i].p);
    }
    pthread_mutex_unlock(&s->lock);
    free(vhosts.names);
    answer_end(ret);
    return is_known;
}

/* --- keys to sort by -------------------------------------------------------------------------- */

void statistics_lock(struct statistics *s)
{
    if (s)
        pthread_mutex_lock(&s->lock);
}

void statistics_unlock(struct statistics *s)
{
    if (s)
        pthread_mutex_unlock(&s->lock);
}

int64_t statistics_queue_key(const struct statistics *s, uint64_t queue_id, enum statistic which,
                             bool is_rate)
{
    const struct object_figures *kind = &object_figures[OBJECT_QUEUE];
    const struct object *o = s ? object_find(&s->objects[OBJECT_QUEUE], queue_id) : NULL;
    int64_t key = 0;
    for (unsigned i = 0; o && o->history && i < kind->count; i++) {
        enum statistic is = kind->statistics[i];
        bool is_part =
            which == STATISTIC_deliver_get && is >= STATISTIC_deliver && is < STATISTIC_deliver_get;
        if (is == which || is_part)
            key += is_rate ? (int64_t)(object_rate(o, i) * 1000) : (int64_t)object_figure(o, i);
    }
    return key;
}

/* --- spans ------------------------------------------------------------------------------------ */

static const struct object *span_object(const struct statistics *s, enum object_kind kind,
                                        uint64_t key)
{
    bool is_kept = s && s->settings.rates_mode != RATES_NONE;
    const struct object *o = is_kept ? object_find(&s->objects[kind], key) : NULL;
    return o && o->noted_ms > 0 ? o : NULL;
}

/* What a queue had when its messages had been read is no change. */
static void span_begin_restored(const struct object *o, uint64_t first_ms,
                                struct statistics_span *ret)
{
    if (o->was_restoring && o->sums && o->begun_ms > first_ms)
        memcpy(ret->before, o->sums, OBJECT_LENGTHS * sizeof o->sums[0]);
}

/* Returns when the last round has begun that was not later than first_ms. Loops count the time of
 * the questions they are asked in a round: so a loop's figures change in each. */
static uint64_t round_before(const struct statistics *s, uint64_t first_ms)
{
    const struct object *loop = object_find(&s->objects[OBJECT_LOOP], 0);
    uint64_t begun_ms =
        loop && loop->history ? history_noted_ms(loop->history, now_ms(s), first_ms) : 0;
    return begun_ms >= s->begun_ms ? begun_ms : first_ms;
}

static bool span_of(const struct statistics *s, enum object_kind kind, uint64_t key, uint64_t ms,
                    struct statistics_span *ret)
{
    const struct object *o = span_object(s, kind, key);
    *ret = (struct statistics_span){.ms = 0};
    if (!o)
        return false;
    uint64_t before[OBJECT_FIGURES_MAX] = {0}, known_ms = o->noted_ms - s->begun_ms;
    uint64_t first_ms = o->noted_ms - (ms < known_ms ? ms : known_ms);
    if (kind == OBJECT_LOOP || kind == OBJECT_NODE)
        first_ms = round_before(s, first_ms);
    ret->ms = o->noted_ms - first_ms;
    ret->idle_ms = now_ms(s) - o->moved_ms;
    if (o->history)
        history_samples(o->history, now_ms(s), first_ms, 1, 1, before);
    for (unsigned i = 0; i < object_figures[kind].count; i++) {
        ret->before[object_figures[kind].statistics[i]] = before[i];
        ret->now[object_figures[kind].statistics[i]] = object_figure(o, i);
    }
    if (kind == OBJECT_QUEUE)
        span_begin_restored(o, first_ms, ret);
    return true;
}

bool statistics_queue_span(const struct statistics *s, uint64_t queue_id, uint64_t ms,
                           struct statistics_span *ret)
{
    return span_of(s, OBJECT_QUEUE, queue_id, ms, ret);
}

bool statistics_exchange_span(const struct statistics *s, struct slice vhost, struct slice name,
                              uint64_t ms, struct statistics_span *ret)
{
    return span_of(s, OBJECT_EXCHANGE, exchange_key(vhost, name), ms, ret);
}

bool statistics_channel_span(const struct statistics *s, uint64_t connection, uint16_t number,
                             uint64_t ms, struct statistics_span *ret)
{
    return span_of(s, OBJECT_CHANNEL, channel_key(connection, number), ms, ret);
}

bool statistics_node_span(const struct statistics *s, uint64_t ms, struct statistics_span *ret)
{
    return span_of(s, OBJECT_NODE, 0, ms, ret);
}

bool statistics_loop_span(const struct statistics *s, unsigned loop, uint64_t ms,
                          struct statistics_span *ret)
{
    return span_of(s, OBJECT_LOOP, loop, ms, ret);
}

bool statistics_queue_is_idle(const struct statistics *s, uint64_t queue_id, uint64_t ms)
{
    const struct object *o = span_object(s, OBJECT_QUEUE, queue_id);
    bool has_moved = o && o->history && now_ms(s) - o->moved_ms < ms;
    return o && object_figure(o, 0) == 0 && object_figure(o, OBJECT_QUEUE_LOST) == 0 && !has_moved;
}
