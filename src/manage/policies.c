/* Policies and operator policies. */
#include "manage/policies.h"

#include "manage/announce.h"
#include "manage/change.h"
#include "manage/columns.h"
#include "manage/event_json.h"
#include "manage/facts.h"
#include "manage/settings.h"
#include "queue/queue.h"
#include "topology/vhost.h"
#include "wire/table.h"

/* --- events ----------------------------------------------------------------------------------- */

/* In RabbitMQ operator policies are parameters, so there is an event for the parameter, too. */
static void emit_operator_policy_set(struct manage *m, const struct actor *actor,
                                     const struct definition_policy *policy,
                                     struct slice definition)
{
    struct lv_buffer value = {0};
    struct table_writer w;
    struct field f;
    struct slice rest = definition, name;
    table_begin(&w, &value);
    table_put_str(&w, "apply-to", policy->apply_to);
    table_put_long(&w, "priority", policy->priority);
    while (table_next(&rest, &name, &f))
        table_put_field(&w, name, &f);
    table_put_str(&w, "pattern", policy->pattern);
    event_emit(broker_events(m->broker), "parameter.set", ACTOR(actor),
               EVENT_TABLE("value", table_end(&w)), EVENT_STR("name", policy->name),
               EVENT_TEXT("component", "operator_policy"), EVENT_STR("vhost", policy->vhost));
    lv_buffer_free(&value);
}

void announce_policy(struct manage *m, const struct actor *actor, const struct definition_policy *p)
{
    struct lv_buffer table = {0};
    actor_log(actor, "%spolicy '%.*s' in vhost '%.*s' is set: %.*s",
              p->is_operator ? "operator " : "", SLICE_ARG(p->name), SLICE_ARG(p->vhost),
              SLICE_ARG(p->definition));
    if (!events_are_wanted(broker_events(m->broker)))
        return;
    struct slice definition = table_of_json_value(&table, "definition", p->definition);
    if (p->is_operator)
        emit_operator_policy_set(m, actor, p, definition);
    event_emit(broker_events(m->broker), "policy.set", EVENT_STR("apply-to", p->apply_to),
               EVENT_LONG("priority", p->priority), EVENT_MEMBERS(definition),
               EVENT_STR("pattern", p->pattern), ACTOR(actor), EVENT_STR("vhost", p->vhost),
               EVENT_STR("name", p->name));
    lv_buffer_free(&table);
}

static void policy_announce(struct manage *m, const struct actor *actor, const void *row)
{
    announce_policy(m, actor, row);
}

static void policy_announce_clearing(struct manage *m, const struct actor *actor, const void *row)
{
    const struct definition_policy *p = row;
    if (p->is_operator)
        event_emit(broker_events(m->broker), "parameter.cleared", ACTOR(actor),
                   EVENT_STR("name", p->name), EVENT_TEXT("component", "operator_policy"),
                   EVENT_STR("vhost", p->vhost));
    event_emit(broker_events(m->broker),
               p->is_operator ? "operator.policy.cleared" : "policy.cleared", ACTOR(actor),
               EVENT_STR("vhost", p->vhost), EVENT_STR("name", p->name));
    actor_log(actor, "%spolicy '%.*s' in vhost '%.*s' is cleared",
              p->is_operator ? "operator " : "", SLICE_ARG(p->name), SLICE_ARG(p->vhost));
}

/* --- changes ---------------------------------------------------------------------------------- */

/* Only an administrator may set operator policies. */
static enum actor_rank rank_for(bool is_operator)
{
    return is_operator ? ACTOR_ADMINISTRATOR : ACTOR_POLICYMAKER;
}

/* A row of a setting. */
struct setting_policy {
    struct definition_policy policy; /* first: policy_announce() is given this */
    bool *ret_is_new;
};

static int policy_submit(struct manage *m, struct vhost *vhost, const void *row,
                         struct lv_buffer *reason, struct durable_done done)
{
    const struct setting_policy *p = row;
    (void)m;
    return policy_set(vhost, &p->policy, reason, done, p->ret_is_new);
}

bool manage_set_policy(struct manage *m, const struct actor *actor,
                       const struct definition_policy *row, bool *ret_is_new,
                       struct manage_error *error)
{
    bool is_new = false;
    const struct setting_policy policy = {*row, &is_new};
    const struct setting s = {
        .rank = rank_for(row->is_operator),
        .vhost = &row->vhost,
        .row = &policy,
        .submit = policy_submit,
        .announce = policy_announce,
        .is_for_queues = true,
    };
    bool is_done = setting_set(m, actor, &s, error);
    if (is_done && ret_is_new)
        *ret_is_new = is_new;
    return is_done;
}

static int policy_submit_clearing(struct manage *m, struct vhost *vhost, const void *row,
                                  struct lv_buffer *reason, struct durable_done done)
{
    const struct definition_policy *p = row;
    (void)m, (void)reason;
    return policy_clear(vhost, p->name, p->is_operator ? POLICY_OPERATOR : POLICY_ORDINARY, done);
}

bool manage_clear_policy(struct manage *m, const struct actor *actor, struct slice vhost,
                         struct slice name, enum policy_kind kind, struct manage_error *error)
{
    const struct definition_policy row = {
        .vhost = vhost, .name = name, .is_operator = kind == POLICY_OPERATOR};
    const struct setting s = {
        .rank = rank_for(row.is_operator),
        .vhost = &vhost,
        .row = &row,
        .submit = policy_submit_clearing,
        .announce = policy_announce_clearing,
        .is_for_queues = true,
    };
    return setting_clear(m, actor, &s, error);
}

/* --- the listing ------------------------------------------------------------------------------ */

static void add_policy(void *listing, const struct definition_policy *p)
{
    struct policy_facts f = {
        .vhost = p->vhost,
        .name = p->name,
        .pattern = p->pattern,
        .apply_to = p->apply_to,
        .definition = p->definition,
        .priority = p->priority,
    };
    listing_add(listing, FACTS_COPY(&f, &f.vhost, &f.name, &f.pattern, &f.apply_to, &f.definition));
}

bool manage_list_policies(struct manage *m, const struct actor *actor, struct slice vhost_name,
                          enum policy_kind kind, struct listing *ret, struct manage_error *error)
{
    *ret = (struct listing){.columns = policy_columns};
    if (!actor_check_vhost(actor, ACTOR_MANAGEMENT, vhost_name, error))
        return false;
    struct vhost *vhost = manage_vhost(m, vhost_name, error);
    if (vhost)
        policy_each(vhost, kind, add_policy, ret);
    return vhost != NULL;
}

bool manage_list_matching_policies(struct manage *m, const struct actor *actor,
                                   struct slice vhost_name, bool is_queue, struct slice name,
                                   struct listing *ret, struct manage_error *error)
{
    *ret = (struct listing){.columns = policy_columns};
    if (!actor_check_vhost(actor, ACTOR_MANAGEMENT, vhost_name, error))
        return false;
    struct vhost *vhost = manage_vhost(m, vhost_name, error);
    if (!vhost)
        return false;
    const struct queue *queue = is_queue ? queue_find(vhost, name) : NULL;
    if (is_queue && !queue)
        return manage_refuse(error, REFUSAL_NOT_FOUND, SUBJECT_QUEUE,
                             "there is no queue '%.*s' in vhost '%.*s'", SLICE_ARG(name),
                             SLICE_ARG(vhost_name));
    policy_each_match(vhost, POLICY_ORDINARY, queue, name, add_policy, ret);
    return true;
}

#define F struct policy_facts
#define COLUMN_OF(column) policy_column_##column
POLICY_COLUMNS(COLUMN_VALUE)
const struct column policy_columns[] = {POLICY_COLUMNS(COLUMN_ROW) COLUMNS_END};
