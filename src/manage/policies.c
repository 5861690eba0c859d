/* Policies and operator policies. */
#include "manage/policies.h"

#include "base/error.h"
#include "manage/columns.h"
#include "manage/event_json.h"
#include "manage/facts.h"
#include "manage/policies_private.h"
#include "message/events.h"
#include "topology/vhost.h"
#include "wire/table.h"

/* --- events ----------------------------------------------------------------------------------- */

/* RabbitMQ keeps operator policies as parameters, and says so. */
static void tell_operator_policy_set(struct manage *m, const struct actor *actor,
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

static void tell_policy_set(struct manage *m, const struct actor *actor,
                            const struct definition_policy *policy)
{
    struct lv_buffer table = {0};
    if (!events_are_wanted(broker_events(m->broker)))
        return;
    struct slice definition = table_of_json_value(&table, "definition", policy->definition);
    if (policy->is_operator)
        tell_operator_policy_set(m, actor, policy, definition);
    event_emit(broker_events(m->broker), "policy.set", EVENT_STR("apply-to", policy->apply_to),
               EVENT_LONG("priority", policy->priority), EVENT_MEMBERS(definition),
               EVENT_STR("pattern", policy->pattern), ACTOR(actor),
               EVENT_STR("vhost", policy->vhost), EVENT_STR("name", policy->name));
    lv_buffer_free(&table);
}

static void tell_policy_cleared(struct manage *m, const struct actor *actor, struct slice vhost,
                                struct slice name, bool is_operator)
{
    if (is_operator)
        event_emit(broker_events(m->broker), "parameter.cleared", ACTOR(actor),
                   EVENT_STR("name", name), EVENT_TEXT("component", "operator_policy"),
                   EVENT_STR("vhost", vhost));
    event_emit(broker_events(m->broker), is_operator ? "operator.policy.cleared" : "policy.cleared",
               ACTOR(actor), EVENT_STR("vhost", vhost), EVENT_STR("name", name));
}

/* --- ends of changes, also of parameters ------------------------------------------------------ */

bool end_of_setting(struct manage_error *error, int err, struct slice vhost,
                    const struct lv_buffer *reason)
{
    if (err == ERR_FORMAT)
        return manage_refuse(error, REFUSAL_MALFORMED, SUBJECT_PARAMETER,
                             "JSON decoding error. Reason: badarg");
    if (err == ERR_INVALID && reason)
        return manage_refuse(error, REFUSAL_PRECONDITION, SUBJECT_PARAMETER,
                             "Validation failed\n\n%.*s", SLICE_ARG(lv_buffer_slice(reason)));
    if (err == ERR_NOT_FOUND)
        return manage_refuse(error, REFUSAL_NOT_FOUND, SUBJECT_VHOST,
                             "Virtual host '%.*s' does not exist", SLICE_ARG(vhost));
    return manage_end(error, err);
}

bool end_of_clearing(struct manage_error *error, int err)
{
    if (err == ERR_NOT_FOUND)
        return manage_refuse(error, REFUSAL_NOT_FOUND, SUBJECT_PARAMETER,
                             "Parameter does not exist");
    return manage_end(error, err);
}

/* --- changes ---------------------------------------------------------------------------------- */

static void nothing_to_do(struct loop *loop, void *arg)
{
    (void)loop;
    (void)arg;
}

/* What a change mailed to the loops is in front of this question. */
static int wait_for_homes(struct manage *m)
{
    return ask_every_loop(m->asker, nothing_to_do, NULL);
}

/* An operator's policy is kept from who may only set ordinary ones. */
static bool may_rule(const struct actor *actor, bool is_operator, struct slice vhost,
                     struct manage_error *error)
{
    return actor_check_vhost(actor, is_operator ? ACTOR_ADMINISTRATOR : ACTOR_POLICYMAKER, vhost,
                             error);
}

bool manage_set_policy(struct manage *m, const struct actor *actor,
                       const struct definition_policy *row, struct manage_error *error)
{
    struct lv_buffer reason = {0};
    struct commit c;
    if (!may_rule(actor, row->is_operator, row->vhost, error))
        return false;
    struct vhost *vhost = manage_vhost(m, row->vhost, error);
    if (!vhost)
        return false;
    commit_begin(&c);
    struct slice before = events_act_as(actor->name);
    int err = policy_set(vhost, row, &reason, (struct durable_done){commit_done, &c});
    events_act_as(before);
    err = commit_end(&c, err);
    if (err == 0) {
        tell_policy_set(m, actor, row);
        actor_log(actor, "%spolicy '%.*s' in vhost '%.*s' is set: %.*s",
                  row->is_operator ? "operator " : "", SLICE_ARG(row->name), SLICE_ARG(row->vhost),
                  SLICE_ARG(row->definition));
    }
    if (err == 0 || err == ERR_EXISTS)
        err = wait_for_homes(m);
    bool is_done = end_of_setting(error, err, row->vhost, &reason);
    lv_buffer_free(&reason);
    return is_done;
}

bool manage_clear_policy(struct manage *m, const struct actor *actor, struct slice vhost_name,
                         struct slice name, enum policy_kind kind, struct manage_error *error)
{
    struct commit c;
    if (!may_rule(actor, kind == POLICY_OPERATOR, vhost_name, error))
        return false;
    struct vhost *vhost = vhost_find(&m->broker->topology, vhost_name);
    if (!vhost)
        return end_of_clearing(error, ERR_NOT_FOUND);
    commit_begin(&c);
    struct slice before = events_act_as(actor->name);
    int err = policy_clear(vhost, name, kind, (struct durable_done){commit_done, &c});
    events_act_as(before);
    err = commit_end(&c, err);
    if (err == 0) {
        tell_policy_cleared(m, actor, vhost_name, name, kind == POLICY_OPERATOR);
        actor_log(actor, "%spolicy '%.*s' in vhost '%.*s' is cleared",
                  kind == POLICY_OPERATOR ? "operator " : "", SLICE_ARG(name),
                  SLICE_ARG(vhost_name));
        err = wait_for_homes(m);
    }
    return end_of_clearing(error, err);
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
    if (!may_rule(actor, false, vhost_name, error))
        return false;
    struct vhost *vhost = manage_vhost(m, vhost_name, error);
    if (vhost)
        policy_each(vhost, kind, add_policy, ret);
    return vhost != NULL;
}

#define F struct policy_facts
#define COLUMN_OF(column) policy_column_##column
POLICY_COLUMNS(COLUMN_VALUE)
const struct column policy_columns[] = {POLICY_COLUMNS(COLUMN_ROW) COLUMNS_END};
