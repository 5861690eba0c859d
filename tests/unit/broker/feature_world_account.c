/* Whether what was confirmed and is not there has gone for a reason that holds.
 *
 * A copy (a message in a queue) is *explained* when it is there, or has gone for a reason that
 * needs no witness, or for one whose witnesses are explained. So explanations grow from what is
 * there, until no more follow: what two missing messages say of each other explains neither. */
#include "feature_world_private.h"

#include <string.h>

struct account {
    struct feature_world *w;
    uint64_t now_ms;
    unsigned reach[FW_SLOTS_MAX]; /* by any regime ever */
    /* Of the slot that is looked at: of the explained copies that came at this step or later ... */
    uint32_t later_count[FW_STEPS_MAX + 1];
    uint64_t later_bytes[FW_STEPS_MAX + 1];
    uint64_t newest_of[FW_VALUES_MAX + 1]; /* ... the newest of each value, when it came ... */
    /* ... and the oldest of each in a life. */
    uint64_t twin_of[FW_LIVES_MAX + 1][FW_VALUES_MAX + 1];
};

/* --- what is known of a copy ------------------------------------------------------------------ */

static unsigned step_index(uint64_t step)
{
    return step < FW_STEPS_MAX ? (unsigned)step : FW_STEPS_MAX;
}

static bool is_direct(const struct fw_message *m, unsigned slot)
{
    return m->entries >> slot & 1;
}

/* Whether it may have gone there from another queue. */
static bool may_have_gone_to(const struct account *a, const struct fw_message *m, unsigned slot)
{
    for (unsigned i = 0; i < FW_SLOTS_MAX; i++) {
        if ((m->entries >> i & 1) && (a->reach[i] >> slot & 1))
            return true;
    }
    return false;
}

/* When it came there, at the latest. */
static uint64_t came_by(const struct account *a, const struct fw_message *m, unsigned slot)
{
    bool is_sure = !a->w->has_retries && !may_have_gone_to(a, m, slot);
    return is_sure ? m->arrived_step : FW_NEVER;
}

static bool may_have_been_in(const struct account *a, const struct fw_message *m, unsigned slot)
{
    return is_direct(m, slot) || may_have_gone_to(a, m, slot);
}

/* --- witnesses of a slot ---------------------------------------------------------------------- */

/* So often it may be there at a time: crashes double what goes on, and ways part and meet again. */
static uint32_t copies_at_most(const struct account *a, const struct fw_message *m, unsigned slot)
{
    const struct feature_world *w = a->w;
    uint32_t ways = (uint32_t)__builtin_popcount(m->queues) * (w->has_fanout ? 4 : 1);
    bool is_plain = m->entries == 1u << slot && !(a->reach[slot] >> slot & 1) && !w->has_retries;
    uint32_t lives = 1 + w->story.life - m->life;
    /* What was delayed goes on twice, and a crash may double it each time. */
    return is_plain ? 1 : ways * lives * (m->has_delay ? lives : 1);
}

static void add_witness(struct account *a, const struct fw_message *m, unsigned slot)
{
    uint64_t came = a->w->slots[slot].has_priorities ? FW_NEVER : came_by(a, m, slot);
    uint32_t copies = copies_at_most(a, m, slot);
    a->later_count[step_index(came)] += copies;
    a->later_bytes[step_index(came)] += (uint64_t)copies * m->body_bytes;
    came = came_by(a, m, slot);
    if (m->value > 0 && a->newest_of[m->value] < came)
        a->newest_of[m->value] = came;
    /* What was delayed may have come in any life. */
    bool is_new = is_direct(m, slot) || (m->has_delay && (m->queues >> slot & 1));
    for (uint32_t life = 0; is_new && m->twin > 0 && life <= FW_LIVES_MAX; life++) {
        if ((m->has_delay || m->life == life) && a->twin_of[life][m->twin] > m->step)
            a->twin_of[life][m->twin] = m->step;
    }
}

static void gather_witnesses(struct account *a, unsigned slot)
{
    struct feature_world *w = a->w;
    memset(a->later_count, 0, sizeof a->later_count);
    memset(a->later_bytes, 0, sizeof a->later_bytes);
    memset(a->newest_of, 0, sizeof a->newest_of);
    memset(a->twin_of, 0xff, sizeof a->twin_of);
    for (uint32_t i = 0; i < w->message_count; i++) {
        if (w->messages[i].copies[slot].is_explained)
            add_witness(a, &w->messages[i], slot);
    }
    for (unsigned i = FW_STEPS_MAX; i-- > 0;) {
        a->later_count[i] += a->later_count[i + 1];
        a->later_bytes[i] += a->later_bytes[i + 1];
    }
}

static bool is_replaced(const struct account *a, const struct fw_message *m, unsigned slot)
{
    return a->w->slots[slot].conflates && m->value > 0 && a->newest_of[m->value] >= m->step;
}

static bool is_twin(const struct account *a, const struct fw_message *m, unsigned slot)
{
    if (!a->w->slots[slot].drops_duplicates || m->twin == 0)
        return false;
    /* What comes from another queue, or back, is no duplicate. */
    uint64_t came = is_direct(m, slot) ? m->arrived_step : FW_NEVER;
    for (uint32_t life = m->life; life <= (m->has_delay ? FW_LIVES_MAX : m->life); life++) {
        if (a->twin_of[life][m->twin] <= came)
            return true;
    }
    return false;
}

static bool is_pushed_out(const struct account *a, const struct fw_message *m, unsigned slot,
                          const struct fw_settings *s)
{
    unsigned step = step_index(m->step);
    bool is_estimate = a->w->slots[slot].estimate_step >= m->step; /* of its bytes, after a start */
    if (s->overflow != OVERFLOW_DROP_HEAD)
        return false;
    return (s->max_length >= 0 && a->later_count[step] >= (uint64_t)s->max_length) ||
           (s->max_bytes >= 0 &&
            (is_estimate || a->later_bytes[step] + m->body_bytes > (uint64_t)s->max_bytes));
}

/* --- why it may have left --------------------------------------------------------------------- */

struct causes {
    bool is_rejected;
    bool is_timely;     /* it has expired, or come back too often, or waited long enough */
    bool is_pushed_out; /* with witnesses */
    bool is_limited;    /* without: where it is found behind that, none is needed */
};

static bool has_expired(const struct account *a, const struct fw_message *m, unsigned slot,
                        const struct fw_settings *s)
{
    uint64_t age_ms = a->now_ms - m->published_ms;
    bool keeps_ttl = m->has_ttl && ((m->queues | m->entries) >> slot & 1);
    return (s->ttl_ms >= 0 && age_ms >= (uint64_t)s->ttl_ms) || (keeps_ttl && age_ms >= m->ttl_ms);
}

enum { LIMIT_DEFAULT = 20 };

static bool came_back_too_often(const struct fw_slot *s, const struct fw_copy *copy,
                                const struct fw_settings *settings)
{
    int64_t limit = settings->delivery_limit >= 0 ? settings->delivery_limit : LIMIT_DEFAULT;
    return s->is_quorum && copy->returns > limit;
}

static struct causes causes_of(const struct account *a, const struct fw_message *m, unsigned slot)
{
    const struct fw_slot *s = &a->w->slots[slot];
    struct causes c = {.is_rejected = m->copies[slot].rejects > 0};
    c.is_timely = s->is_delaying && m->has_delay && a->now_ms >= m->published_ms + m->delay_ms;
    for (unsigned i = 0; i < s->regime_count && !s->is_delaying; i++) {
        const struct fw_settings *r = &s->regimes[i].settings;
        if (!fw_counts_since(&s->regimes[i], m->step))
            continue;
        c.is_timely |= has_expired(a, m, slot, r) || came_back_too_often(s, &m->copies[slot], r);
        c.is_pushed_out |= is_pushed_out(a, m, slot, r);
        c.is_limited |=
            r->overflow == OVERFLOW_DROP_HEAD && (r->max_length >= 0 || r->max_bytes >= 0);
    }
    return c;
}

/* --- where it went then ----------------------------------------------------------------------- */

static bool may_refuse(const struct fw_slot *s, uint64_t step)
{
    bool may = false;
    for (unsigned i = 0; i < s->regime_count; i++) {
        const struct fw_settings *r = &s->regimes[i].settings;
        may |= fw_counts_since(&s->regimes[i], step) && r->overflow != OVERFLOW_DROP_HEAD &&
               (r->max_length >= 0 || r->max_bytes >= 0);
    }
    return may;
}

/* Whether this target is right not to have it. */
static bool may_lack(const struct account *a, const struct fw_message *m, unsigned from,
                     unsigned target, const struct fw_settings *s, const struct causes *c)
{
    bool turns = (a->reach[target] >> from & 1) || target == from;
    bool must_arrive = s && s->at_least_once && s->overflow == OVERFLOW_REJECT_PUBLISH;
    if ((c->is_timely || c->is_limited) && turns && !a->w->slots[from].is_delaying)
        return true;
    return !must_arrive &&
           (may_refuse(&a->w->slots[target], m->step) || a->w->failure_step >= m->step);
}

static bool all_have(const struct account *a, const struct fw_message *m, unsigned from,
                     unsigned targets, const struct fw_settings *s, const struct causes *c)
{
    for (unsigned i = 0; i < FW_SLOTS_MAX; i++) {
        if ((targets >> i & 1) && !m->copies[i].is_explained && !may_lack(a, m, from, i, s, c))
            return false;
    }
    return true;
}

/* Where the settings send it, with its delay or without. */
static bool has_gone_on(const struct account *a, const struct fw_message *m, unsigned slot,
                        const struct fw_settings *s, const struct causes *c)
{
    const struct feature_world *w = a->w;
    if (s->dlx == DLX_NONE)
        return c->is_rejected || c->is_timely || c->is_pushed_out;
    if (!c->is_rejected && !c->is_timely && !c->is_limited)
        return false;
    unsigned targets = fw_targets(w, s->dlx, s->dlx_key, false);
    unsigned delayed = fw_targets(w, s->dlx, s->dlx_key, m->has_delay);
    return all_have(a, m, slot, targets, s, c) ||
           (delayed != targets && all_have(a, m, slot, delayed, s, c));
}

static bool has_left(const struct account *a, const struct fw_message *m, unsigned slot,
                     const struct causes *c)
{
    const struct fw_slot *s = &a->w->slots[slot];
    if (s->is_delaying)
        return c->is_timely && all_have(a, m, slot, fw_next_of(a->w, slot, 0), NULL, c);
    for (unsigned i = 0; i < s->regime_count; i++) {
        if (fw_counts_since(&s->regimes[i], m->step) &&
            has_gone_on(a, m, slot, &s->regimes[i].settings, c))
            return true;
    }
    return false;
}

static bool was_retried(const struct account *a, const struct fw_message *m, unsigned slot)
{
    if (a->w->slots[slot].retry_step < m->step || a->w->slots[slot].retry_step == 0)
        return false;
    for (unsigned i = 0; i < a->w->queue_count; i++) {
        if ((a->reach[i] >> slot & 1) && m->copies[i].is_explained)
            return true;
    }
    return false;
}

/* --- explanations ----------------------------------------------------------------------------- */

static bool needs_no_witness(const struct account *a, const struct fw_message *m, unsigned slot)
{
    const struct fw_copy *copy = &m->copies[slot];
    bool is_over = !m->is_persistent && m->life < a->w->story.life;
    return copy->is_found || copy->ends > 0 || copy->is_excused || is_over;
}

static bool is_explained(const struct account *a, const struct fw_message *m, unsigned slot)
{
    struct feature_world *w = a->w;
    struct causes c = causes_of(a, m, slot);
    if (is_replaced(a, m, slot)) {
        w->counts->replaced++;
        return true;
    }
    if (is_twin(a, m, slot)) {
        w->counts->dropped_twins++;
        return true;
    }
    if (has_left(a, m, slot, &c)) {
        w->counts->pushed_out += c.is_pushed_out;
        return true;
    }
    return was_retried(a, m, slot);
}

/* Whether anything new has been explained. */
static bool explain_more(struct account *a, unsigned slot)
{
    struct feature_world *w = a->w;
    bool any = false;
    gather_witnesses(a, slot);
    for (uint32_t i = 0; i < w->message_count; i++) {
        struct fw_message *m = &w->messages[i];
        if (m->copies[slot].is_explained || m->is_duplicate || !may_have_been_in(a, m, slot))
            continue;
        m->copies[slot].is_explained = is_explained(a, m, slot);
        any |= m->copies[slot].is_explained;
    }
    return any;
}

static void begin(struct account *a)
{
    struct feature_world *w = a->w;
    for (unsigned slot = 0; slot < FW_SLOTS_MAX; slot++)
        a->reach[slot] = w->slots[slot].is_used ? fw_reach_of(w, slot, 0) : 0;
    for (unsigned slot = 0; slot < FW_SLOTS_MAX; slot++) {
        for (uint32_t i = 0; i < w->message_count; i++) {
            struct fw_message *m = &w->messages[i];
            m->copies[slot].is_explained =
                may_have_been_in(a, m, slot) && needs_no_witness(a, m, slot);
        }
    }
}

static bool is_confirmed(const struct fw_message *m)
{
    return m->answers == m->answers_due && !m->is_refused && !m->is_duplicate;
}

/* Who might have been a witness: those of the same value, or twin. */
static void tell_of_relatives(struct feature_world *w, const struct fw_message *m, unsigned slot)
{
    for (uint32_t i = 0; i < w->message_count; i++) {
        const struct fw_message *other = &w->messages[i];
        bool is_related =
            (m->value > 0 && other->value == m->value) || (m->twin > 0 && other->twin == m->twin);
        if (other != m && is_related && (other->entries >> slot & 1))
            fw_note(
                w, "    %u of life %u, step %" PRIu64 "..%" PRIu64 ", value %u, twin %u%s%s%s%s", i,
                other->life, other->step, other->arrived_step, other->value, other->twin,
                other->is_persistent ? "" : ", transient", is_confirmed(other) ? ", confirmed" : "",
                other->copies[slot].is_found ? ", found" : "",
                other->copies[slot].is_explained ? ", explained" : "");
    }
}

static void tell(struct feature_world *w, uint32_t number)
{
    const struct fw_message *m = &w->messages[number];
    fw_step(w, "message %u of life %u, step %" PRIu64 "..%" PRIu64 ", %s, value %u, twin %u",
            number, m->life, m->step, m->arrived_step,
            m->is_persistent ? "persistent" : "transient", m->value, m->twin);
    fw_step(w, "  %u bytes, ttl %" PRId64 ", delay %" PRId64 ", age %" PRIu64 " ms", m->body_bytes,
            m->has_ttl ? (int64_t)m->ttl_ms : -1, m->has_delay ? (int64_t)m->delay_ms : -1,
            fw_now_ms(w) - m->published_ms);
    for (unsigned i = 0; i < FW_SLOTS_MAX; i++) {
        const struct fw_copy *c = &m->copies[i];
        if (c->is_explained || c->rejects || c->returns || (m->entries >> i & 1))
            fw_step(w, "  queue %u: %u rejected, %u returned, %u ended%s%s%s", i, c->rejects,
                    c->returns, c->ends, c->is_excused ? ", excused" : "",
                    c->is_found ? ", found" : "", c->is_explained ? ", explained" : "");
    }
}

void fw_check_accounts(struct feature_world *w)
{
    static struct account account;
    struct account *a = &account;
    a->w = w;
    a->now_ms = fw_now_ms(w);
    begin(a);
    for (bool any = true; any;) {
        any = false;
        for (unsigned slot = 0; slot < FW_SLOTS_MAX; slot++) {
            if (w->slots[slot].is_used)
                any |= explain_more(a, slot);
        }
    }
    for (uint32_t i = 0; i < w->message_count; i++) {
        const struct fw_message *m = &w->messages[i];
        for (unsigned slot = 0; slot < FW_SLOTS_MAX && is_confirmed(m); slot++) {
            if (!(m->entries >> slot & 1) || m->copies[slot].is_explained)
                continue;
            tell(w, i);
            tell_of_relatives(w, m, slot);
            fw_fail(w, "message %u is lost from queue %u", i, slot);
        }
    }
}
