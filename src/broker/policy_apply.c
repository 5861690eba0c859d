/* Which policies apply to what, and applying them.
 *
 * A queue remembers which policies matched it, an exchange its effective policy. After a change,
 * each queue that other policies match gets its new effective policy by mail; each exchange gets
 * its own at once. A policy that is replaced counts as another one.
 *
 * However many queues there are, loops do not wait for this: names are matched under the policy
 * lock alone, and the topology lock is held for one queue or exchange at a time: for a queue only
 * if other policies match it now. A queue that is declared meanwhile begins with the new
 * policies. */
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "broker/delayed.h"
#include "broker/policy_private.h"
#include "broker/vhost_life.h"
#include "message/events.h"
#include "queue/queue_home.h"
#include "queue/queue_settings.h"
#include "topology/exchange.h"
#include "wire/erlang_json.h"
#include "wire/table_json.h"

/* --- matching --------------------------------------------------------------------------------- */

struct match {
    const struct policy *of[POLICY_KINDS]; /* NULL: none */
};

bool policy_matches(const struct policy *p, struct slice name)
{
    /* An empty pattern matches every name here; in a permission, the empty one. */
    return pattern_text(p->pattern).n == 0 || pattern_matches(p->pattern, name);
}

/* Returns the first policy of the list that applies to a thing of this name and kind, or NULL.
 * `what` is the APPLIES_TO_... bit of the kind. */
static const struct policy *list_match(const struct policy_list *list, struct slice name,
                                       unsigned what)
{
    for (size_t i = 0; i < list->count; i++) {
        const struct policy *p = list->items[i];
        if ((p->applies_to & what) && policy_matches(p, name))
            return p;
    }
    return NULL;
}

static struct match match_find(const struct vhost *vhost, struct slice name, unsigned what)
{
    struct match match;
    for (int kind = 0; kind < POLICY_KINDS; kind++)
        match.of[kind] = list_match(&vhost->rules->policies[kind], name, what);
    return match;
}

/* Returns the merged definition. It is a deep copy: jansson's reference counts are not atomic, and
 * the policies' own values are freed on another thread. Call only if something matched. */
static json_t *definition_of(const struct match *match)
{
    const struct policy *ordinary = match->of[POLICY_ORDINARY];
    const struct policy *operator_s = match->of[POLICY_OPERATOR];
    lv_assert(ordinary || operator_s);
    if (!ordinary || !operator_s)
        return json_deep_copy((ordinary ? ordinary : operator_s)->definition);
    json_t *merged = policy_merge(ordinary->definition, operator_s->definition);
    json_t *copy = json_deep_copy(merged);
    json_decref(merged);
    return copy;
}

/* Makes the effective policy; the caller owns the reference. Call only if something matched. */
static struct effective_policy *effective_make(const struct match *match)
{
    const struct slice *names[POLICY_KINDS];
    for (int kind = 0; kind < POLICY_KINDS; kind++)
        names[kind] = match->of[kind] ? &match->of[kind]->name : NULL;
    return effective_policy_make(names, definition_of(match));
}

/* --- effective policies, made once each ------------------------------------------------------- */

/* One for each combination of policies that has matched something since the vhost's policies
 * last changed. */
struct policy_pair {
    struct match match;
    struct effective_policy *effective; /* a reference */
};

/* Returns a reference, which the caller owns, or NULL if nothing matched. */
static struct effective_policy *effective_of(struct vhost *vhost, const struct match *match)
{
    struct policy_pairs *pairs = &vhost->rules->policy_pairs;
    if (!match->of[POLICY_ORDINARY] && !match->of[POLICY_OPERATOR])
        return NULL;
    for (size_t i = 0; i < pairs->count; i++) {
        if (memcmp(&pairs->items[i].match, match, sizeof *match) == 0)
            return effective_policy_ref(pairs->items[i].effective);
    }
    pairs->items = lv_realloc(pairs->items, (pairs->count + 1) * sizeof *pairs->items);
    pairs->items[pairs->count] = (struct policy_pair){*match, effective_make(match)};
    return effective_policy_ref(pairs->items[pairs->count++].effective);
}

void policy_pairs_forget(struct vhost *vhost)
{
    struct policy_pairs *pairs = &vhost->rules->policy_pairs;
    for (size_t i = 0; i < pairs->count; i++)
        effective_policy_unref(&pairs->items[i].effective);
    free(pairs->items);
    *pairs = (struct policy_pairs){0};
}

/* --- queues ----------------------------------------------------------------------------------- */

/* No policy applies to an exchange's own queue (delayed.h). */
unsigned policy_kind_of_queue(const struct queue *q)
{
    if (delayed_is_queue(queue_name(q)))
        return 0;
    return queue_type(q) == QUEUE_QUORUM ? APPLIES_TO_QUORUM : APPLIES_TO_CLASSIC;
}

static struct match queue_match(const struct queue *q)
{
    return match_find(queue_vhost(q), queue_name(q), policy_kind_of_queue(q));
}

static void match_remember(struct queue *q, const struct match *match)
{
    for (int kind = 0; kind < POLICY_KINDS; kind++)
        queue_matched_policies(q)[kind] = match->of[kind];
}

void policy_begin_queue(struct queue *q)
{
    struct match match = queue_match(q);
    match_remember(q, &match);
    queue_begin_policy(q, effective_of(queue_vhost(q), &match));
}

static struct slice definition_table(const struct policy *p, struct lv_buffer *space)
{
    return table_from_json(space, p->definition) == 0 ? lv_buffer_slice(space) : SLICE_EMPTY;
}

/* Emits the event. As in RabbitMQ it describes the policy that was set, even if another one applies
 * to the queue now. */
static void policy_event(const struct queue *q, const struct policy *set)
{
    struct broker *broker = vhost_broker(queue_vhost(q));
    bool is_quorum = queue_type(q) == QUEUE_QUORUM;
    const struct event_field type =
        EVENT_TEXT("type", is_quorum ? "rabbit_quorum_queue" : "rabbit_classic_queue");
    if (!set) {
        event_emit(broker_events(broker), "queue.policy.cleared", EVENT_ACTOR, type,
                   EVENT_STR("vhost", vhost_name(queue_vhost(q))),
                   EVENT_STR("name", queue_name(q)));
        return;
    }
    struct lv_buffer space = {0};
    event_emit(broker_events(broker), "queue.policy.updated", EVENT_STR("apply-to", set->apply_to),
               EVENT_LONG("priority", set->priority),
               EVENT_TABLE("definition", definition_table(set, &space)),
               EVENT_STR("pattern", pattern_text(set->pattern)), EVENT_ACTOR, type,
               EVENT_STR("vhost", vhost_name(queue_vhost(q))), EVENT_STR("name", queue_name(q)));
    lv_buffer_free(&space);
}

static void queue_apply(struct queue *q, const struct policy *set)
{
    struct match match = queue_match(q);
    struct effective_policy *effective = NULL;
    if (memcmp(queue_matched_policies(q), match.of, sizeof match.of) == 0)
        return;
    topology_lock(queue_vhost(q)->topology);
    bool is_there = !queue_is_deleted(q);
    if (is_there) {
        match_remember(q, &match);
        effective = effective_of(queue_vhost(q), &match);
        queue_ref(q);
        policy_event(q, set);
    }
    topology_unlock(queue_vhost(q)->topology);
    if (is_there)
        queue_settings_mail(q, effective);
}

/* --- exchanges -------------------------------------------------------------------------------- */

static struct match exchange_match(const struct exchange *x)
{
    return match_find(x->vhost, exchange_name(x), APPLIES_TO_EXCHANGES);
}

void policy_begin_exchange(struct exchange *x)
{
    struct match match = exchange_match(x);
    atomic_store_explicit(&x->policy, effective_of(x->vhost, &match), memory_order_release);
}

static void exchange_apply(struct exchange *x)
{
    struct match match = exchange_match(x);
    struct effective_policy *old = NULL;
    topology_lock(x->vhost->topology);
    if (!x->is_deleted)
        old = atomic_exchange_explicit(&x->policy, effective_of(x->vhost, &match),
                                       memory_order_acq_rel);
    topology_unlock(x->vhost->topology);
    effective_policy_unref(&old);
}

/* --- the whole vhost -------------------------------------------------------------------------- */

void policy_apply(struct vhost *vhost, const struct policy *set)
{
    struct lv_table_iter it;
    struct lv_table_node *node = lv_table_first(vhost->queues, &it);
    for (; node; node = lv_table_next(vhost->queues, &it))
        queue_apply(queue_of_node(node), set);
    node = lv_table_first(vhost->exchanges, &it);
    for (; node; node = lv_table_next(vhost->exchanges, &it))
        exchange_apply(lv_container_of(node, struct exchange, by_name));
    exchange_apply(vhost->default_exchange);
    topology_lock(vhost->topology);
    topology_moved(vhost->topology);
    topology_unlock(vhost->topology);
}
