/* Parameters of vhosts, global parameters, and the limits of vhosts. */
#include "broker/parameters.h"

#include "base/error.h"
#include "broker/operator_parameter.h"
#include "manage/announce.h"
#include "manage/change.h"
#include "manage/columns.h"
#include "manage/event_json.h"
#include "manage/facts.h"
#include "manage/policies.h"
#include "manage/settings.h"
#include "topology/vhost.h"

static const char limits_component[] = "vhost-limits", limits_name[] = "limits";

/* --- of vhosts -------------------------------------------------------------------------------- */

/* Only an administrator may set limits, and policies that policymakers cannot exceed. */
static enum actor_rank rank_for(struct slice component)
{
    bool is_limiting =
        slice_is(component, limits_component) || slice_is(component, OPERATOR_COMPONENT);
    return is_limiting ? ACTOR_ADMINISTRATOR : ACTOR_POLICYMAKER;
}

static int parameter_submit(struct manage *m, struct vhost *vhost, const void *row,
                            struct lv_buffer *reason, struct durable_done done)
{
    (void)m;
    return parameter_set(vhost, row, reason, done);
}

void announce_parameter(struct manage *m, const struct actor *actor,
                        const struct definition_parameter *p)
{
    struct lv_buffer table = {0}, members = {0};
    actor_log(actor, "parameter '%.*s' of '%.*s' in vhost '%.*s' is set", SLICE_ARG(p->name),
              SLICE_ARG(p->component), SLICE_ARG(p->vhost));
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

static void parameter_announce(struct manage *m, const struct actor *actor, const void *row)
{
    announce_parameter(m, actor, row);
}

bool manage_set_parameter(struct manage *m, const struct actor *actor,
                          const struct definition_parameter *row, struct manage_error *error)
{
    const struct setting s = {
        .rank = rank_for(row->component),
        .vhost = &row->vhost,
        .row = row,
        .submit = parameter_submit,
        .announce = parameter_announce,
    };
    return setting_set(m, actor, &s, error);
}

static int parameter_submit_clearing(struct manage *m, struct vhost *vhost, const void *row,
                                     struct lv_buffer *reason, struct durable_done done)
{
    const struct definition_parameter *p = row;
    (void)m, (void)reason;
    return parameter_clear(vhost, p->component, p->name, done);
}

static void parameter_announce_clearing(struct manage *m, const struct actor *actor,
                                        const void *row)
{
    const struct definition_parameter *p = row;
    event_emit(broker_events(m->broker), "parameter.cleared", ACTOR(actor),
               EVENT_STR("name", p->name), EVENT_STR("component", p->component),
               EVENT_STR("vhost", p->vhost));
    if (slice_is(p->component, limits_component))
        event_emit(broker_events(m->broker), "vhost.limits.cleared", ACTOR(actor),
                   EVENT_STR("name", p->name));
    actor_log(actor, "parameter '%.*s' of '%.*s' in vhost '%.*s' is cleared", SLICE_ARG(p->name),
              SLICE_ARG(p->component), SLICE_ARG(p->vhost));
}

bool manage_clear_parameter(struct manage *m, const struct actor *actor, struct slice vhost,
                            struct slice component, struct slice name, struct manage_error *error)
{
    const struct definition_parameter row = {.vhost = vhost, .component = component, .name = name};
    const struct setting s = {
        .rank = rank_for(component),
        .vhost = &vhost,
        .row = &row,
        .submit = parameter_submit_clearing,
        .announce = parameter_announce_clearing,
    };
    return setting_clear(m, actor, &s, error);
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
    bool is_limits = slice_is(component, limits_component);
    enum actor_rank rank = is_limits ? ACTOR_MANAGEMENT : ACTOR_POLICYMAKER;
    if (!actor_check_vhost(actor, rank, vhost_name, error))
        return false;
    struct vhost *vhost = manage_vhost(m, vhost_name, error);
    if (vhost)
        parameter_each(vhost, component, add_parameter, ret);
    return vhost != NULL;
}

/* --- global ----------------------------------------------------------------------------------- */

static int global_submit(struct manage *m, struct vhost *vhost, const void *row,
                         struct lv_buffer *reason, struct durable_done done)
{
    const struct definition_global_parameter *p = row;
    (void)vhost, (void)reason;
    return global_parameter_set(m->broker, p->name, p->value, done);
}

void announce_global_parameter(struct manage *m, const struct actor *actor,
                               const struct definition_global_parameter *p)
{
    struct lv_buffer table = {0};
    event_emit(broker_events(m->broker), "parameter.set", ACTOR(actor),
               EVENT_MEMBERS(table_of_json_value(&table, "value", p->value)),
               EVENT_STR("name", p->name), EVENT_TEXT("component", "global"));
    lv_buffer_free(&table);
    actor_log(actor, "global parameter '%.*s' is set", SLICE_ARG(p->name));
}

static void global_announce(struct manage *m, const struct actor *actor, const void *row)
{
    announce_global_parameter(m, actor, row);
}

bool manage_set_global_parameter(struct manage *m, const struct actor *actor, struct slice name,
                                 struct slice value, struct manage_error *error)
{
    const struct definition_global_parameter row = {.name = name, .value = value};
    const struct setting s = {
        .rank = ACTOR_POLICYMAKER,
        .row = &row,
        .submit = global_submit,
        .announce = global_announce,
    };
    return setting_set(m, actor, &s, error);
}

static int global_submit_clearing(struct manage *m, struct vhost *vhost, const void *row,
                                  struct lv_buffer *reason, struct durable_done done)
{
    const struct definition_global_parameter *p = row;
    (void)vhost, (void)reason;
    return global_parameter_clear(m->broker, p->name, done);
}

static void global_announce_clearing(struct manage *m, const struct actor *actor, const void *row)
{
    const struct definition_global_parameter *p = row;
    event_emit(broker_events(m->broker), "parameter.cleared", ACTOR(actor),
               EVENT_STR("name", p->name), EVENT_TEXT("component", "global"));
    actor_log(actor, "global parameter '%.*s' is cleared", SLICE_ARG(p->name));
}

bool manage_clear_global_parameter(struct manage *m, const struct actor *actor, struct slice name,
                                   struct manage_error *error)
{
    const struct definition_global_parameter row = {.name = name};
    const struct setting s = {
        .rank = ACTOR_POLICYMAKER,
        .row = &row,
        .submit = global_submit_clearing,
        .announce = global_announce_clearing,
    };
    return setting_clear(m, actor, &s, error);
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
