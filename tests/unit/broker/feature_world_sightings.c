/* What has been seen of each message of a feature world, and what may be seen: where it can be,
 * when, and how often. */
#include "feature_world_private.h"

#include "base/memory.h"

/* --- where ------------------------------------------------------------------------------------ */

/* Whether it may stand in the slot with no history: its publisher put it there, what delays it led
 * there, or a retry did. */
static bool may_be_fresh(const struct feature_world *w, const struct fw_arrival *a)
{
    const struct fw_message *m = &w->messages[a->number];
    unsigned where = m->entries | (a->is_after_delay ? m->queues : 0);
    if (w->has_retries) {
        for (unsigned i = 0; i < FW_SLOTS_MAX; i++) {
            if (m->entries >> i & 1)
                where |= fw_reach_of(w, i, m->step);
        }
    }
    return where >> a->slot & 1;
}

static bool may_follow(const struct feature_world *w, const struct fw_arrival *a)
{
    const struct fw_message *m = &w->messages[a->number];
    unsigned last = a->deaths[0].slot;
    unsigned next = fw_next_of(w, last, m->step);
    for (unsigned i = FW_QUEUES_MAX; i < FW_SLOTS_MAX; i++) { /* it may have waited in between */
        if (next >> i & 1)
            next |= fw_next_of(w, i, m->step);
    }
    return w->has_retries || (next >> a->slot & 1);
}

/* --- why -------------------------------------------------------------------------------------- */

static bool may_have_expired(const struct feature_world *w, const struct fw_message *m,
                             unsigned slot)
{
    const struct fw_slot *s = &w->slots[slot];
    uint64_t age_ms = fw_now_ms(w) - m->published_ms;
    bool may = m->has_ttl && age_ms >= m->ttl_ms;
    for (unsigned i = 0; i < s->regime_count; i++) {
        int64_t ttl_ms = s->regimes[i].settings.ttl_ms;
        may |=
            fw_counts_since(&s->regimes[i], m->step) && ttl_ms >= 0 && age_ms >= (uint64_t)ttl_ms;
    }
    return may;
}

static bool was_limited(const struct fw_slot *s, uint64_t step)
{
    bool was = false;
    for (unsigned i = 0; i < s->regime_count; i++) {
        const struct fw_settings *r = &s->regimes[i].settings;
        was |= fw_counts_since(&s->regimes[i], step) && (r->max_length >= 0 || r->max_bytes >= 0);
    }
    return was;
}

static void check_death(struct feature_world *w, const struct fw_arrival *a, unsigned at)
{
    const struct fw_message *m = &w->messages[a->number];
    unsigned slot = a->deaths[at].slot;
    const struct fw_copy *copy = &m->copies[slot];
    const struct fw_slot *s = &w->slots[slot];
    bool may = false;
    switch (a->deaths[at].reason) {
    case DEATH_REJECTED: may = copy->rejects >= a->deaths[at].count; break;
    case DEATH_EXPIRED: may = may_have_expired(w, m, slot); break;
    case DEATH_MAXLEN: may = was_limited(s, m->step); break;
    case DEATH_DELIVERY_LIMIT: may = s->is_quorum && copy->returns > 0; break;
    case DEATH_COUNT: break;
    }
    if (!may)
        fw_fail(w, "message %u cannot have been %s in queue %u (%" PRId64 " times)", a->number,
                death_word(a->deaths[at].reason), slot, a->deaths[at].count);
}

void fw_check_arrival(struct feature_world *w, const struct fw_arrival *a)
{
    const struct fw_message *m = &w->messages[a->number];
    if (a->death_count == 0 ? !may_be_fresh(w, a) : !may_follow(w, a))
        fw_fail(w, "message %u comes from queue %u, where nothing leads", a->number, a->slot);
    for (unsigned i = 0; i < a->death_count; i++)
        check_death(w, a, i);
    bool is_alone = (m->entries & (m->entries - 1)) == 0;
    if (m->is_refused_cleanly && is_alone && (m->entries >> a->slot & 1) && a->death_count == 0 &&
        !w->has_retries)
        fw_fail(w, "message %u is in queue %u, which refused it", a->number, a->slot);
    if (m->is_duplicate)
        fw_fail(w, "message %u is there, though it was a duplicate", a->number);
    if (m->life < w->story.life && !m->is_persistent && a->death_count == 0 && !a->is_after_delay &&
        !w->slots[a->slot].is_quorum && !w->has_retries)
        fw_fail(w, "message %u is transient, and has outlived the broker", a->number);
}

/* --- when ------------------------------------------------------------------------------------- */

/* What it may live at most in the queue that it was put into; FW_NEVER_MS: for ever. */
static uint64_t longest_life_ms(const struct feature_world *w, const struct fw_message *m,
                                unsigned slot)
{
    const struct fw_slot *s = &w->slots[slot];
    uint64_t longest_ms = 0;
    for (unsigned i = 0; i < s->regime_count; i++) {
        int64_t ttl_ms = s->regimes[i].settings.ttl_ms;
        uint64_t ms = ttl_ms < 0 ? FW_NEVER_MS : (uint64_t)ttl_ms;
        if (fw_counts_since(&s->regimes[i], m->step) && ms > longest_ms)
            longest_ms = ms;
    }
    return m->has_ttl && m->ttl_ms < longest_ms ? m->ttl_ms : longest_ms;
}

void fw_check_time(struct feature_world *w, const struct fw_arrival *a, bool is_delivered,
                   bool is_on_its_loop)
{
    const struct fw_message *m = &w->messages[a->number];
    uint64_t now_ms = fw_now_ms(w);
    if (a->is_after_delay && now_ms < m->published_ms + m->delay_ms)
        fw_fail(w, "message %u comes %" PRIu64 " ms too early", a->number,
                m->published_ms + m->delay_ms - now_ms);
    if (a->death_count > 0 || a->is_after_delay || !is_on_its_loop || w->has_retries ||
        m->arrived_ms == FW_NEVER || w->slots[a->slot].is_delaying)
        return;
    uint64_t longest_ms = longest_life_ms(w, m, a->slot);
    if (longest_ms < FW_NEVER_MS && now_ms >= m->arrived_ms + longest_ms)
        fw_fail(w, "message %u %s although its time is over", a->number,
                is_delivered ? "comes" : "is ready");
}

/* --- how often -------------------------------------------------------------------------------- */

static bool is_same(const struct fw_sighting *s, const struct fw_arrival *a)
{
    return s->slot == a->slot && s->history == (a->history << 1 | a->is_after_delay);
}

struct fw_sighting *fw_sighting_of(struct feature_world *w, const struct fw_arrival *a)
{
    struct fw_message *m = &w->messages[a->number];
    for (struct fw_sighting *s = m->sightings; s; s = s->next) {
        if (is_same(s, a))
            return s;
    }
    struct fw_sighting *s = lv_calloc(1, sizeof *s);
    s->slot = (uint8_t)a->slot;
    s->history = a->history << 1 | a->is_after_delay;
    s->next = m->sightings;
    m->sightings = s;
    return s;
}

bool fw_may_be_twofold(const struct feature_world *w, const struct fw_arrival *a)
{
    const struct fw_message *m = &w->messages[a->number];
    bool has_moved = a->death_count > 0 || a->is_after_delay;
    bool is_alone = !w->has_fanout && (m->queues & (m->queues - 1)) == 0;
    /* Two that have turned in circles may have the same history, from different ways. */
    for (unsigned i = 0; i < a->death_count && !is_alone; i++) {
        if (a->deaths[i].count > 1)
            return true;
    }
    /* Two that a retry has brought back to one queue look the same. */
    if (w->has_retries && (!is_alone || m->life < w->story.life))
        return true;
    return has_moved && (m->life < w->story.life || w->failure_step >= m->step);
}

void fw_sight_held(struct feature_world *w, const struct fw_arrival *a)
{
    struct fw_sighting *s = fw_sighting_of(w, a);
    bool may_return = fw_may_be_twofold(w, a) || w->has_retries;
    if (s->state == SEEN_HELD && !may_return)
        fw_fail(w, "message %u comes from queue %u although somebody holds it", a->number, a->slot);
    if ((s->state == SEEN_ENDED || s->state == SEEN_SEALED) && !may_return)
        fw_fail(w, "message %u comes from queue %u although it was settled", a->number, a->slot);
    s->state = SEEN_HELD;
}

void fw_sight_ended(struct feature_world *w, const struct fw_arrival *a)
{
    w->messages[a->number].copies[a->slot].ends++;
    fw_sighting_of(w, a)->state = SEEN_ENDED;
}

void fw_sight_rejected(struct feature_world *w, const struct fw_arrival *a)
{
    fw_sighting_of(w, a)->state = SEEN_ENDED;
}

void fw_sight_ready(struct feature_world *w, const struct fw_arrival *a)
{
    fw_sighting_of(w, a)->state = SEEN_READY;
}

void fw_seal(struct feature_world *w)
{
    for (uint32_t i = 0; i < w->message_count; i++) {
        for (struct fw_sighting *s = w->messages[i].sightings; s; s = s->next) {
            if (s->state == SEEN_ENDED)
                s->state = SEEN_SEALED;
        }
    }
}

void fw_sightings_forget(struct feature_world *w)
{
    for (uint32_t i = 0; i < w->message_count; i++) {
        for (struct fw_sighting *s = w->messages[i].sightings; s; s = s->next) {
            if (s->state != SEEN_SEALED)
                s->state = SEEN_READY;
        }
    }
}
