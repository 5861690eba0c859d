/* The queues, exchanges and policies of a feature world, and where messages can go between them. */
#include "feature_world_private.h"

#include <stdio.h>
#include <string.h>

#include "base/buffer.h"
#include "base/error.h"
#include "broker/delayed.h"
#include "broker/policy.h"
#include "wire/table.h"

/* A regime that has been replaced, and may still rule until everybody has heard of it. */
static const uint64_t ENDING = FW_NEVER - 1;

static const char VALUE_HEADER[] = "value"; /* what queues conflate by */

static const char *overflow_word(enum queue_overflow overflow)
{
    static const char *const words[] = {"drop-head", "reject-publish", "reject-publish-dlx"};
    return words[overflow];
}

/* --- choosing --------------------------------------------------------------------------------- */

static const struct fw_settings nothing = {
    .ttl_ms = -1, .max_length = -1, .max_bytes = -1, .delivery_limit = -1, .dlx = DLX_NONE};

static void choose_dead_letters(struct feature_world *w, unsigned slot, struct fw_settings *ret)
{
    unsigned key = (unsigned)fw_below(w, w->queue_count);
    unsigned exchange = (unsigned)fw_below(w, FW_EXCHANGES_MAX);
    if (w->queue_count > slot + 1 && !fw_one_in(w, 4)) /* mostly no circles */
        key = slot + 1 + (unsigned)fw_below(w, w->queue_count - slot - 1);
    ret->dlx = w->exchanges[exchange].is_used && fw_one_in(w, 2) ? (int)exchange : DLX_DEFAULT;
    ret->dlx_key = key;
    /* Who must get a message into a queue that sends on what it refuses would do so without end. */
    ret->at_least_once = w->slots[slot].is_quorum && !w->sends_refused_on && fw_one_in(w, 2);
    if (ret->at_least_once && fw_one_in(w, 2)) {
        ret->has_overflow = true;
        ret->overflow = OVERFLOW_REJECT_PUBLISH;
    }
}

static void choose_limits(struct feature_world *w, unsigned slot, struct fw_settings *ret)
{
    if (fw_one_in(w, 3))
        ret->max_bytes = FW_PICK(w, 100, 800, 3000);
    else
        ret->max_length = FW_PICK(w, 0, 1, 3, 10, 40);
    if (!ret->has_overflow && fw_one_in(w, 2)) {
        ret->has_overflow = true;
        ret->overflow = (enum queue_overflow)fw_below(
            w, w->slots[slot].is_quorum || !w->sends_refused_on ? 2 : 3);
    }
}

static struct fw_settings choose_settings(struct feature_world *w, unsigned slot)
{
    struct fw_settings s = nothing;
    if (fw_one_in(w, 2))
        choose_dead_letters(w, slot, &s);
    if (fw_one_in(w, 3))
        choose_limits(w, slot, &s);
    if (fw_one_in(w, 4))
        s.ttl_ms = FW_PICK(w, 0, 20, 500, FW_TIME_MS_MAX);
    if (w->slots[slot].is_quorum && fw_one_in(w, 2))
        s.delivery_limit = FW_PICK(w, 0, 1, 3);
    return s;
}

static void choose_exchange(struct feature_world *w, unsigned number, bool is_single)
{
    struct fw_exchange *x = &w->exchanges[number];
    *x = (struct fw_exchange){.is_used = !fw_one_in(w, 3)};
    x->is_delaying = fw_one_in(w, 3);
    x->drops_duplicates = fw_one_in(w, 4);
    snprintf(x->name, sizeof x->name, "x%u", number);
    x->queues = 1u << fw_below(w, w->queue_count);
    if (!is_single)
        x->queues |= 1u << fw_below(w, w->queue_count);
    w->has_fanout |= x->is_used && (x->queues & (x->queues - 1));
    struct fw_slot *s = &w->slots[FW_QUEUES_MAX + number];
    s->is_used = x->is_used && x->is_delaying;
    s->is_delaying = true;
    s->arguments = s->policy = nothing;
    snprintf(s->name, sizeof s->name, DELAYED_QUEUE_PREFIX "x%u", number);
}

static struct fw_settings merged(const struct fw_slot *s);

static void begin_regime(struct feature_world *w, struct fw_slot *s)
{
    if (s->regime_count > 0)
        s->regimes[s->regime_count - 1].to = ENDING;
    s->regimes[s->regime_count++] = (struct fw_regime){merged(s), w->story.step, FW_NEVER};
}

static void choose_queue(struct feature_world *w, unsigned slot)
{
    struct fw_slot *s = &w->slots[slot];
    s->is_used = true;
    s->is_quorum = fw_one_in(w, 3);
    s->has_priorities = !s->is_quorum && fw_one_in(w, 3);
    s->conflates = fw_one_in(w, 4);
    s->drops_duplicates = fw_one_in(w, 5);
    snprintf(s->name, sizeof s->name, "q%u", slot);
}

void fw_choose_topology(struct feature_world *w)
{
    bool is_single = fw_one_in(w, 2);
    w->sends_refused_on = fw_one_in(w, 2);
    w->queue_count = 2 + (unsigned)fw_below(w, FW_QUEUES_MAX - 1);
    for (unsigned i = 0; i < w->queue_count; i++)
        choose_queue(w, i);
    for (unsigned i = 0; i < FW_EXCHANGES_MAX; i++)
        choose_exchange(w, i, is_single);
    for (unsigned i = 0; i < w->queue_count; i++) {
        w->slots[i].arguments = choose_settings(w, i);
        w->slots[i].policy = nothing;
    }
    for (unsigned i = 0; i < FW_SLOTS_MAX; i++)
        begin_regime(w, &w->slots[i]);
}

/* --- what rules a queue ----------------------------------------------------------------------- */

static int64_t smaller(int64_t a, int64_t b)
{
    if (a < 0 || b < 0)
        return a < 0 ? b : a;
    return a < b ? a : b;
}

static struct fw_settings merged(const struct fw_slot *s)
{
    struct fw_settings m = s->arguments;
    const struct fw_settings *p = &s->policy;
    m.ttl_ms = smaller(m.ttl_ms, p->ttl_ms);
    m.max_length = smaller(m.max_length, p->max_length);
    m.max_bytes = smaller(m.max_bytes, p->max_bytes);
    m.delivery_limit = smaller(m.delivery_limit, p->delivery_limit);
    if (m.dlx == DLX_NONE) {
        m.dlx = p->dlx;
        m.dlx_key = p->dlx_key;
    }
    m.at_least_once |= p->at_least_once;
    if (!m.has_overflow)
        m.overflow = p->overflow;
    return m;
}

const struct fw_settings *fw_settings_now(const struct fw_slot *s)
{
    return &s->regimes[s->regime_count - 1].settings;
}

void fw_regimes_settle(struct feature_world *w)
{
    for (unsigned slot = 0; slot < FW_SLOTS_MAX; slot++) {
        struct fw_slot *s = &w->slots[slot];
        for (unsigned i = 0; i < s->regime_count; i++) {
            if (s->regimes[i].to == ENDING)
                s->regimes[i].to = w->story.step;
        }
    }
}

/* --- policies --------------------------------------------------------------------------------- */

static void add_number(struct lv_buffer *out, const char *key, int64_t value)
{
    if (value >= 0)
        lv_buffer_printf(out, ",\"%s\":%" PRId64, key, value);
}

static void describe_policy(const struct feature_world *w, const struct fw_settings *p,
                            struct lv_buffer *out)
{
    lv_buffer_printf(out, "{\"consumer-timeout\":100000000"); /* so that it is never empty */
    add_number(out, "message-ttl", p->ttl_ms);
    add_number(out, "max-length", p->max_length);
    add_number(out, "max-length-bytes", p->max_bytes);
    add_number(out, "delivery-limit", p->delivery_limit);
    if (p->dlx != DLX_NONE)
        lv_buffer_printf(out, ",\"dead-letter-exchange\":\"%s\"",
                         p->dlx == DLX_DEFAULT ? "" : w->exchanges[p->dlx].name);
    if (p->dlx == DLX_DEFAULT)
        lv_buffer_printf(out, ",\"dead-letter-routing-key\":\"%s\"", w->slots[p->dlx_key].name);
    if (p->at_least_once)
        lv_buffer_printf(out, ",\"dead-letter-strategy\":\"at-least-once\"");
    if (p->has_overflow)
        lv_buffer_printf(out, ",\"overflow\":\"%s\"", overflow_word(p->overflow));
    lv_buffer_printf(out, "}");
}

/* Sets it, or restores it. */
static void put_policy(struct feature_world *w, unsigned slot, bool is_restored)
{
    struct lv_buffer text = {0}, pattern = {0}, reason = {0};
    const struct fw_slot *s = &w->slots[slot];
    lv_buffer_printf(&pattern, "^%s$", s->name);
    describe_policy(w, &s->policy, &text);
    const struct definition_policy row = {
        .vhost = slice_str("/"),
        .name = slice_str(s->name),
        .pattern = lv_buffer_slice(&pattern),
        .apply_to = slice_str("queues"),
        .definition = lv_buffer_slice(&text),
    };
    int err = 0;
    if (is_restored)
        policy_restore(w->machine.vhost, &row);
    else
        err = policy_set(w->machine.vhost, &row, &reason, (struct durable_done){0}, NULL);
    if (err < 0 && err != ERR_EXISTS) /* which says that it is there already */
        fw_fail(w, "the policy is refused: %.*s", SLICE_ARG(lv_buffer_slice(&reason)));
    fw_step(w, "queue %u is ruled by %.*s", slot, SLICE_ARG(lv_buffer_slice(&text)));
    lv_buffer_free(&text);
    lv_buffer_free(&pattern);
    lv_buffer_free(&reason);
}

void fw_change_policy(struct feature_world *w, unsigned slot)
{
    struct fw_slot *s = &w->slots[slot];
    if (s->regime_count == FW_REGIMES_MAX || slot >= w->queue_count)
        return;
    w->counts->policies++;
    if (s->has_policy && fw_one_in(w, 3)) {
        s->has_policy = false;
        s->policy = nothing;
        fw_step(w, "queue %u is ruled by its arguments alone", slot);
        policy_clear(w->machine.vhost, slice_str(s->name), POLICY_ORDINARY,
                     (struct durable_done){0});
    } else {
        s->has_policy = true;
        s->policy = choose_settings(w, slot);
        put_policy(w, slot, false);
    }
    s->may_exceed = true;
    begin_regime(w, s);
}

/* --- into a broker ---------------------------------------------------------------------------- */

static void put_number(struct table_writer *t, const char *name, int64_t value)
{
    if (value >= 0)
        table_put_long(t, name, value);
}

static struct slice arguments_of(const struct feature_world *w, const struct fw_slot *s,
                                 struct lv_buffer *space)
{
    struct table_writer t;
    const struct fw_settings *a = &s->arguments;
    table_begin(&t, space);
    put_number(&t, "x-message-ttl", a->ttl_ms);
    put_number(&t, "x-max-length", a->max_length);
    put_number(&t, "x-max-length-bytes", a->max_bytes);
    put_number(&t, "x-delivery-limit", a->delivery_limit);
    if (s->is_quorum)
        table_put_str(&t, "x-queue-type", slice_str("quorum"));
    if (s->has_priorities)
        table_put_long(&t, "x-max-priority", FW_PRIORITIES - 1);
    if (a->dlx != DLX_NONE)
        table_put_str(&t, "x-dead-letter-exchange",
                      slice_str(a->dlx == DLX_DEFAULT ? "" : w->exchanges[a->dlx].name));
    if (a->dlx == DLX_DEFAULT)
        table_put_str(&t, "x-dead-letter-routing-key", slice_str(w->slots[a->dlx_key].name));
    if (a->at_least_once)
        table_put_str(&t, "x-dead-letter-strategy", slice_str("at-least-once"));
    if (a->has_overflow)
        table_put_str(&t, "x-overflow", slice_str(overflow_word(a->overflow)));
    if (s->conflates)
        table_put_str(&t, "x-last-value-key", slice_str(VALUE_HEADER));
    if (s->drops_duplicates)
        table_put_bool(&t, "x-message-deduplication", true);
    return table_end(&t);
}

static void make_queue(struct feature_world *w, unsigned slot)
{
    struct fw_slot *s = &w->slots[slot];
    struct lv_buffer space = {0};
    if (!s->is_used)
        return;
    if (s->has_policy)
        put_policy(w, slot, true);
    s->queue = queue_ref(queue_restore(
        w->machine.vhost, slice_str(s->name), (struct queue_flags){.durable = true},
        s->is_delaying ? SLICE_EMPTY : arguments_of(w, s, &space), SLICE_EMPTY, slot + 1));
    s->lost = 0;
    s->was_estimated = s->was_purged = false;
    if (!s->is_delaying) {
        struct lv_buffer text = {0};
        table_print(&text, lv_buffer_slice(&space));
        fw_step(w, "queue %u at home on loop %u: %.*s", slot, loop_index(queue_home(s->queue)),
                SLICE_ARG(lv_buffer_slice(&text)));
        lv_buffer_free(&text);
    }
    lv_buffer_free(&space);
}

static void make_exchange(struct feature_world *w, const struct fw_exchange *x)
{
    struct lv_buffer space = {0};
    struct table_writer t;
    if (!x->is_used)
        return;
    table_begin(&t, &space);
    if (x->is_delaying)
        table_put_str(&t, "x-delayed-type", slice_str("fanout"));
    if (x->drops_duplicates)
        table_put_bool(&t, "x-message-deduplication", true);
    const struct exchange_declaration d = {
        .name = slice_str(x->name),
        .type = slice_str(x->is_delaying ? DELAYED_TYPE : "fanout"),
        .durable = true,
        .arguments = table_end(&t),
    };
    exchange_restore(w->machine.vhost, &d);
    fw_step(w, "exchange %s%s%s leads to queues %x", x->name, x->is_delaying ? ", delaying," : "",
            x->drops_duplicates ? ", dropping duplicates," : "", x->queues);
    lv_buffer_free(&space);
}

static void make_bindings(struct feature_world *w, const struct fw_exchange *x)
{
    for (unsigned i = 0; x->is_used && i < w->queue_count; i++) {
        const struct binding_request r = {
            .source = slice_str(x->name),
            .destination = slice_str(w->slots[i].name),
            .destination_kind = DESTINATION_QUEUE,
        };
        if ((x->queues >> i & 1) && !binding_restore(w->machine.vhost, &r))
            fw_fail(w, "cannot bind queue %u", i);
    }
}

void fw_make_topology(struct feature_world *w)
{
    for (unsigned i = 0; i < FW_EXCHANGES_MAX; i++)
        make_exchange(w, &w->exchanges[i]);
    for (unsigned i = 0; i < FW_SLOTS_MAX; i++)
        make_queue(w, i);
    for (unsigned i = 0; i < FW_EXCHANGES_MAX; i++)
        make_bindings(w, &w->exchanges[i]);
    delayed_restore_end(w->machine.broker);
}

/* --- ways ------------------------------------------------------------------------------------- */

unsigned fw_targets(const struct feature_world *w, int exchange, unsigned key, bool has_delay)
{
    if (exchange == DLX_NONE)
        return 0;
    if (exchange == DLX_DEFAULT)
        return 1u << key;
    const struct fw_exchange *x = &w->exchanges[exchange];
    return x->is_delaying && has_delay ? 1u << (FW_QUEUES_MAX + exchange) : x->queues;
}

unsigned fw_next_of(const struct feature_world *w, unsigned slot, uint64_t step)
{
    const struct fw_slot *s = &w->slots[slot];
    unsigned next = 0;
    if (s->is_delaying)
        return w->exchanges[slot - FW_QUEUES_MAX].queues;
    for (unsigned i = 0; i < s->regime_count; i++) {
        const struct fw_regime *r = &s->regimes[i];
        if (fw_counts_since(r, step))
            next |= fw_targets(w, r->settings.dlx, r->settings.dlx_key, false) |
                    fw_targets(w, r->settings.dlx, r->settings.dlx_key, true);
    }
    return next;
}

unsigned fw_reach_of(const struct feature_world *w, unsigned slot, uint64_t step)
{
    unsigned reach = fw_next_of(w, slot, step), before = 0;
    while (reach != before) {
        before = reach;
        for (unsigned i = 0; i < FW_SLOTS_MAX; i++) {
            if (before >> i & 1)
                reach |= fw_next_of(w, i, step);
        }
    }
    return reach;
}

unsigned fw_slot_named(const struct feature_world *w, struct slice name)
{
    for (unsigned i = 0; i < FW_SLOTS_MAX; i++) {
        if (w->slots[i].is_used && slice_is(name, w->slots[i].name))
            return i;
    }
    return FW_SLOTS_MAX;
}
