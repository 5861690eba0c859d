/* Rules about queues, and about exchanges. */
#include "manage/doctor_rules.h"

static uint64_t messages_of(const struct queue_look *q)
{
    return q->ready + q->unacked;
}

/* "orders", as it begins a sentence. */
#define NAME(q) SLICE_ARG((q)->name)

bool doctor_rule_messages_lost(const struct queue_look *q, struct verdict *ret)
{
    return q->lost > 0 && doctor_find(ret, SEVERITY_CRITICAL, q->lost,
                                      "%s of %.*s could not be read back from the disk.",
                                      COUNT_OF(q->lost, "message"), NAME(q));
}

/* --- growing ---------------------------------------------------------------------------------- */

bool doctor_rule_queue_grows_unconsumed(const struct queue_look *q, struct verdict *ret)
{
    enum { MANY = 100, VERY_MANY = 100000 };
    if (q->consumers > 0 || q->grown < MANY)
        return false;
    uint64_t grown = (uint64_t)q->grown;
    return doctor_find(ret, grown >= VERY_MANY ? SEVERITY_CRITICAL : SEVERITY_WARNING, grown,
                       "%.*s grew by %s messages in the last %s, to %s; it has no consumer.",
                       NAME(q), NUMBER(grown), TIME(q->span_s), NUMBER(messages_of(q)));
}

bool doctor_rule_queue_grows(const struct queue_look *q, struct verdict *ret)
{
    enum { MANY = 1000 };
    if (q->consumers == 0 || q->grown < MANY || (uint64_t)q->grown < q->published / 10)
        return false;
    return doctor_find(ret, SEVERITY_WARNING, (uint64_t)q->grown,
                       "%.*s grew by %s messages in the last %s, to %s: %s were published, and its "
                       "%s consumed %s.",
                       NAME(q), NUMBER((uint64_t)q->grown), TIME(q->span_s), NUMBER(messages_of(q)),
                       NUMBER(q->published), COUNT_OF(q->consumers, "consumer"),
                       NUMBER(q->consumed));
}

bool doctor_rule_queue_abandoned(const struct queue_look *q, struct verdict *ret)
{
    enum { LONG_S = 3600 };
    return q->consumers == 0 && q->ready > 0 && q->span_s > 0 && q->idle_s >= LONG_S &&
           doctor_find(ret, SEVERITY_ADVICE, q->ready,
                       "%.*s holds %s and has no consumer; nothing has moved in it for "
                       "%s.",
                       NAME(q), COUNT_OF(q->ready, "message"), TIME(q->idle_s));
}

/* --- limits ----------------------------------------------------------------------------------- */

/* What happens to messages above the limit. */
static const char *beyond_limit(const struct queue_look *q)
{
    if (q->overflow != OVERFLOW_DROP_HEAD)
        return "publishers' messages are turned away";
    return q->has_dead_letter_exchange ? "the oldest are dead-lettered" : "the oldest are dropped";
}

/* Returns whether at least 90 % of the limit are used; a negative one is none. */
static bool is_near(uint64_t used, int64_t limit)
{
    return limit > 0 && used >= (uint64_t)limit - (uint64_t)limit / 10;
}

bool doctor_rule_queue_near_limit(const struct queue_look *q, struct verdict *ret)
{
    enum { RING_MIN = 100 };
    bool is_by_length = is_near(q->ready, q->max_length);
    bool drops = q->overflow == OVERFLOW_DROP_HEAD;
    if (!is_by_length && !is_near(q->ready_bytes, q->max_length_bytes))
        return false;
    if (drops && is_by_length && q->max_length < RING_MIN)
        return false;
    uint64_t used = is_by_length ? q->ready : q->ready_bytes;
    uint64_t limit = (uint64_t)(is_by_length ? q->max_length : q->max_length_bytes);
    doctor_find(ret, drops ? SEVERITY_ADVICE : SEVERITY_WARNING, q->dropped,
                "%.*s has %s ready %s; its limit is %s, above which %s", NAME(q), NUMBER(used),
                is_by_length ? "messages" : "bytes", NUMBER(limit), beyond_limit(q));
    if (q->dropped > 0)
        lv_buffer_printf(&ret->evidence, ": %s in the last %s", NUMBER(q->dropped),
                         TIME(q->span_s));
    lv_buffer_printf(&ret->evidence, ".");
    return true;
}

/* --- what is lost ----------------------------------------------------------------------------- */

bool doctor_rule_transient_in_durable(const struct queue_look *q, struct verdict *ret)
{
    enum { MANY = 10 };
    uint64_t all = messages_of(q), transient = all > q->persistent ? all - q->persistent : 0;
    return q->is_durable && !q->is_exclusive && transient >= MANY &&
           doctor_find(ret, SEVERITY_ADVICE, transient,
                       "%s of the %s in the durable queue %.*s are not persistent.",
                       NUMBER(transient), COUNT_OF(all, "message"), NAME(q));
}

bool doctor_rule_expired_unkept(const struct queue_look *q, struct verdict *ret)
{
    return !q->has_dead_letter_exchange && q->expired > 0 &&
           doctor_find(ret, SEVERITY_ADVICE, q->expired,
                       "%s of %.*s expired in the last %s and went nowhere: it has no "
                       "dead-letter exchange.",
                       COUNT_OF(q->expired, "message"), NAME(q), TIME(q->span_s));
}

/* --- in circles ------------------------------------------------------------------------------- */

bool doctor_rule_dead_letter_loop(const struct queue_look *q, struct verdict *ret)
{
    enum { VERY_MANY = 1000 };
    return q->circled > 0 &&
           doctor_find(ret, q->circled >= VERY_MANY ? SEVERITY_CRITICAL : SEVERITY_WARNING,
                       q->circled,
                       "%s in the last %s a message left %.*s as a dead letter that had "
                       "already been round many times.",
                       COUNT_OF(q->circled, "time"), TIME(q->span_s), NAME(q));
}

bool doctor_rule_redelivery_loop(const struct queue_look *q, struct verdict *ret)
{
    enum { MANY = 100, FACTOR = 10 };
    return q->redelivered >= MANY && q->redelivered / FACTOR >= q->consumed &&
           doctor_find(ret, SEVERITY_WARNING, q->redelivered,
                       "%s of the %s deliveries of %.*s in the last %s were redeliveries; %s %s "
                       "consumed.",
                       NUMBER(q->redelivered), NUMBER(q->delivered), NAME(q), TIME(q->span_s),
                       COUNT_OF(q->consumed, "message"), WERE(q->consumed));
}

bool doctor_rule_polling(const struct queue_look *q, struct verdict *ret)
{
    enum { MANY = 20 };
    return q->gets >= MANY && q->gets >= q->span_s &&
           doctor_find(ret, SEVERITY_ADVICE, q->gets,
                       "%s basic.get of %.*s in the last %s; %s of them found no message.",
                       NUMBER(q->gets), NAME(q), TIME(q->span_s), NUMBER(q->gets_empty));
}

/* --- exchanges -------------------------------------------------------------------------------- */

bool doctor_rule_unroutable(const struct exchange_look *x, struct verdict *ret)
{
    static const char the_default[] = "the default exchange";
    struct slice name = x->name.n > 0 ? x->name : slice_str(the_default);
    if (x->dropped == 0 && x->returned == 0)
        return false;
    doctor_find(ret, x->dropped > 0 ? SEVERITY_WARNING : SEVERITY_ADVICE, x->dropped + x->returned,
                "Of %s published to %.*s in the last %s, ", COUNT_OF(x->published, "message"),
                SLICE_ARG(name), TIME(x->span_s));
    if (x->dropped > 0)
        lv_buffer_printf(&ret->evidence, "%s %s dropped%s", NUMBER(x->dropped), WERE(x->dropped),
                         x->returned > 0 ? " and " : "");
    if (x->returned > 0)
        lv_buffer_printf(&ret->evidence, "%s %s returned", NUMBER(x->returned), WERE(x->returned));
    lv_buffer_printf(&ret->evidence, ", as no queue was bound for %s.",
                     x->dropped + x->returned == 1 ? "it" : "them");
    return true;
}
