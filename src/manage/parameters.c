/* Parameters of vhosts, global parameters, and the limits of vhosts. */
#include "broker/parameters.h"

#include "base/error.h"
#include "manage/columns.h"
#include "manage/event_json.h"
#include "manage/facts.h"
#include "manage/policies.h"
#include "manage/policies_private.h"
#include "message/events.h"
#include "topology/vhost.h"

static const char limits_component[] = "vhost-limits", limits_name[] = "limits";

/* --- events ----------------------------------------------------------------------------------- */

static void tell_set(struct manage *m, const struct actor *actor,
                     const struct definition_parameter *p)
{
    struct lv_buffer table = {0}, members = {0};
    if (!events_are_wanted(broker_events(m->broker)))
        return;
    event_emit(broker_events(m->broker), "parameter.set", ACTOR(actor),
               EVENT_MEMBERS(table_of_json_value(&table, "value", p->value)),
               EVENT_STR("name", p->name), EVENT_STR("component", p->component),
               EVENT_STR("vhost", p->vhost));
    if (slice_is(p->component, limits_component))
        event_emit(broker_events(m->broker), "vhost.limits.set",
                   EVENT_MEMBERS(table_of_json_members(&members, p->value)), ACTOR(actor),
                   EVENT_STR("name", p->name));
    lv_buffer_free(&table);
    lv_buffer_free(&members);
}

static void tell_cleared(struct manage *m, const struct actor *actor, struct slice vhost,
                         struct slice component, struct slice name)
{
    event_emit(broker_events(m->broker), "parameter.cleared", ACTOR(actor), EVENT_STR("name", name),
               EVENT_STR("component", component), EVENT_STR("vhost", vhost));
    if (slice_is(component, limits_component))
        event_emit(broker_events(m->broker), "vhost.limits.cleared", ACTOR(actor),
                   EVENT_STR("name", name));
}

/* NULL: it is cleared. */
static void tell_global(struct manage *m, const struct actor *actor, struct slice name,
                        const struct slice *value)
{
    struct lv_buffer table = {0};
    event_emit(broker_events(m->broker), value ? "parameter.set" : "parameter.cleared",
               ACTOR(actor),
               value ? EVENT_MEMBERS(table_of_json_value(&table, "value", *value)) : EVENT_NONE,
               EVENT_STR("name", name), EVENT_TEXT("component", "global"));
    lv_buffer_free(&table);
}

/* --- of vhosts -------------------------------------------------------------------------------- */

/* Limits are an administrator's. */
static bool may_set(const struct actor *actor, struct slice vhost, struct slice component,
                    struct manage_error *error)
{
    bool are_limits = slice_is(component, limits_component);
    return actor_check_vhost(actor, are_limits ? ACTOR_ADMINISTRATOR : ACTOR_POLICYMAKER, vhost,
                             error);
}

bool manage_set_parameter(struct manage *m, const struct actor *actor,
                          const struct definition_parameter *row, struct manage_error *error)
{
    struct lv_buffer reason = {0};
    struct commit c;
    if (!may_set(actor, row->vhost, row->component, error))
        return false;
    struct vhost *vhost = manage_vhost(m, row->vhost, error);
    if (!vhost)
        return false;
    commit_begin(&c);
    struct slice before = events_act_as(actor->name);
    int err = parameter_set(vhost, row, &reason, (struct durable_done){commit_done, &c});
    events_act_as(before);
    err = commit_end(&c, err);
    if (err == 0) {
        tell_set(m, actor, row);
        actor_log(actor, "parameter '%.*s' of '%.*s' in vhost '%.*s' is set", SLICE_ARG(row->name),
                  SLICE_ARG(row->component), SLICE_ARG(row->vhost));
    }
    bool is_done;
    if (err == ERR_REFUSED)
        is_done = manage_refuse(error, REFUSAL_RESERVED, SUBJECT_POLICY,
                                "policies may not be set using this method");
    else
        is_done = end_of_setting(error, err == ERR_EXISTS ? 0 : err, row->vhost, &reason);
    lv_buffer_free(&reason);
    return is_done;
}

bool manage_clear_parameter(struct manage *m, const struct actor *actor, struct slice vhost_name,
                            struct slice component, struct slice name, struct manage_error *error)
{
    struct commit c;
    if (!may_set(actor, vhost_name, component, error))
        return false;
    struct vhost *vhost = vhost_find(&m->broker->topology, vhost_name);
    if (!vhost)
        return end_of_clearing(error, ERR_NOT_FOUND);
    commit_begin(&c);
    struct slice before = events_act_as(actor->name);
    int err = parameter_clear(vhost, component, name, (struct durable_done){commit_done, &c});
    events_act_as(before);
    err = commit_end(&c, err);
    if (err == 0) {
        tell_cleared(m, actor, vhost_name, component, name);
        actor_log(actor, "parameter '%.*s' of '%.*s' in vhost '%.*s' is cleared", SLICE_ARG(name),
                  SLICE_ARG(component), SLICE_ARG(vhost_name));
    }
    return end_of_clearing(error, err);
}

static void add_parameter(void *listing, const struct definition_parameter *p)
{
    struct parameter_facts f = {p->vhost, p->component, p->name, p->value};
    listing_add(listing, FACTS_COPY(&f, &f.vhost, &f.component, &f.name, &f.value));
}

bool manage_list_parameters(struct manage *m, const struct actor *actor, struct slice vhost_name,
                            struct slice component, struct listing *ret, struct manage_error *error)
{
    *ret = (struct listing){.columns = parameter_columns};
    if (!actor_check_vhost(actor, ACTOR_POLICYMAKER, vhost_name, error))
        return false;
    struct vhost *vhost = manage_vhost(m, vhost_name, error);
    if (vhost)
        parameter_each(vhost, component, add_parameter, ret);
    return vhost != NULL;
}

/* --- global ----------------------------------------------------------------------------------- */

bool manage_set_global_parameter(struct manage *m, const struct actor *actor, struct slice name,
                                 struct slice value, struct manage_error *error)
{
    struct commit c;
    if (!actor_check_rank(actor, ACTOR_ADMINISTRATOR, error))
        return false;
    commit_begin(&c);
    int err = global_parameter_set(m->broker, name, value, (struct durable_done){commit_done, &c});
    err = commit_end(&c, err);
    if (err == 0) {
        tell_global(m, actor, name, &value);
        actor_log(actor, "global parameter '%.*s' is set", SLICE_ARG(name));
    }
    return end_of_setting(error, err, SLICE_EMPTY, NULL);
}

bool manage_clear_global_parameter(struct manage *m, const struct actor *actor, struct slice name,
                                   struct manage_error *error)
{
    struct commit c;
    if (!actor_check_rank(actor, ACTOR_ADMINISTRATOR, error))
        return false;
    commit_begin(&c);
    int err = global_parameter_clear(m->broker, name, (struct durable_done){commit_done, &c});
    err = commit_end(&c, err);
    if (err == 0) {
        tell_global(m, actor, name, NULL);
        actor_log(actor, "global parameter '%.*s' is cleared", SLICE_ARG(name));
    }
    return end_of_clearing(error, err);
}

static void add_global(void *listing, const struct definition_global_parameter *p)
{
    struct parameter_facts f = {.name = p->name, .value = p->value};
    listing_add(listing, FACTS_COPY(&f, &f.name, &f.value));
}

bool manage_list_global_parameters(struct manage *m, const struct actor *actor, struct listing *ret,
                                   struct manage_error *error)
{
    *ret = (struct listing){.columns = parameter_columns};
    if (!actor_check_rank(actor, ACTOR_POLICYMAKER, error))
        return false;
    global_parameter_each(m->broker, add_global, ret);
    return true;
}

/* --- limits of vhosts ------------------------------------------------------------------------- */

bool manage_set_vhost_limits(struct manage *m, const struct actor *actor, struct slice vhost,
                             struct slice limits, struct manage_error *error)
{
    const struct definition_parameter row = {
        .vhost = vhost,
        .component = slice_str(limits_component),
        .name = slice_str(limits_name),
        .value = limits,
    };
    return manage_set_parameter(m, actor, &row, error);
}

bool manage_clear_vhost_limits(struct manage *m, const struct actor *actor, struct slice vhost,
                               struct manage_error *error)
{
    return manage_clear_parameter(m, actor, vhost, slice_str(limits_component),
                                  slice_str(limits_name), error);
}

static int by_vhost(const void *a, const void *b)
{
    const struct parameter_facts *p = *(struct parameter_facts *const *)a;
    const struct parameter_facts *q = *(struct parameter_facts *const *)b;
    return slice_compare(p->vhost, q->vhost);
}

bool manage_list_vhost_limits(struct manage *m, const struct actor *actor,
                              const struct slice *vhost, struct listing *ret,
                              struct manage_error *error)
{
    if (vhost)
        return manage_list_parameters(m, actor, *vhost, slice_str(limits_component), ret, error);
    *ret = (struct listing){.columns = parameter_columns};
    if (!actor_check_rank(actor, ACTOR_ADMINISTRATOR, error))
        return false;
    struct lv_table_iter it;
    for (struct lv_table_node *node = lv_table_first(m->broker->topology.vhosts, &it); node;
         node = lv_table_next(m->broker->topology.vhosts, &it))
        parameter_each(lv_container_of(node, struct vhost, by_name), slice_str(limits_component),
                       add_parameter, ret);
    listing_sort_by(ret, by_vhost);
    return true;
}

#define F struct parameter_facts
#define COLUMN_OF(column) parameter_column_##column
PARAMETER_COLUMNS(COLUMN_VALUE)
const struct column parameter_columns[] = {PARAMETER_COLUMNS(COLUMN_ROW) COLUMNS_END};
