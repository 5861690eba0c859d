/* What operators change, told to the event exchange (broker/events.h): policies, parameters, limits. All
 * of it is an operator's doing, and told once it is durable. */
#include "base/buffer.h"
#include "control/control_private.h"
#include "message/events.h"
#include "wire/table_json.h"

#define ACTOR EVENT_TEXT("user_who_performed_action", EVENT_ACTOR_CLI)

static struct broker *broker_of(const struct request *r)
{
    return r->world->broker;
}

/* A table whose one field is the value that this JSON text stands for. Empty when it is none. */
static struct slice table_of_value(struct lv_buffer *out, const char *name, struct slice text)
{
    json_t *value = json_loadb((const char *)text.p, text.n, JSON_DECODE_ANY, NULL);
    json_t *object = json_object();
    if (value)
        json_object_set_new(object, name, value);
    table_from_json(out, object);
    json_decref(object);
    return lv_buffer_slice(out);
}

/* The fields of the object that this JSON text stands for. */
static struct slice table_of_members(struct lv_buffer *out, struct slice text)
{
    json_t *object = json_loadb((const char *)text.p, text.n, JSON_DECODE_ANY, NULL);
    if (object)
        table_from_json(out, object);
    json_decref(object);
    return lv_buffer_slice(out);
}

/* --- parameters --------------------------------------------------------------------------------- */

static bool are_limits(struct slice component)
{
    return slice_is(component, "vhost-limits");
}

void tell_parameter_set(struct request *r, struct slice component, struct slice name,
                        struct slice value)
{
    struct lv_buffer table = {0}, members = {0};
    if (!events_are_wanted(broker_of(r)))
        return;
    event_emit(broker_of(r), "parameter.set", ACTOR,
               EVENT_MEMBERS(table_of_value(&table, "value", value)), EVENT_STR("name", name),
               EVENT_STR("component", component), EVENT_STR("vhost", request_string(r, "vhost")));
    if (are_limits(component))
        event_emit(broker_of(r), "vhost.limits.set",
                   EVENT_MEMBERS(table_of_members(&members, value)), ACTOR,
                   EVENT_STR("name", name));
    lv_buffer_free(&table);
    lv_buffer_free(&members);
}

void tell_parameter_cleared(struct request *r, struct slice component, struct slice name)
{
    event_emit(broker_of(r), "parameter.cleared", ACTOR, EVENT_STR("name", name),
               EVENT_STR("component", component), EVENT_STR("vhost", request_string(r, "vhost")));
    if (are_limits(component))
        event_emit(broker_of(r), "vhost.limits.cleared", ACTOR, EVENT_STR("name", name));
}

void tell_global_parameter(struct request *r, bool is_set)
{
    struct lv_buffer table = {0};
    event_emit(broker_of(r), is_set ? "parameter.set" : "parameter.cleared", ACTOR,
               is_set ? EVENT_MEMBERS(table_of_value(&table, "value", request_string(r, "value")))
                      : EVENT_NONE,
               EVENT_STR("name", request_string(r, "name")), EVENT_TEXT("component", "global"));
    lv_buffer_free(&table);
}

void tell_user_limits(struct request *r, bool is_set)
{
    struct lv_buffer table = {0};
    event_emit(
        broker_of(r), is_set ? "user.limits.set" : "user.limits.cleared",
        is_set ? EVENT_MEMBERS(table_of_members(&table, request_string(r, "limits"))) : EVENT_NONE,
        EVENT_STR("username", request_string(r, "user")), ACTOR, EVENT_TEXT("name", "limits"));
    lv_buffer_free(&table);
}

/* --- policies ----------------------------------------------------------------------------------- */

/* RabbitMQ keeps operator policies as parameters, and says so. */
static void tell_operator_policy_set(struct request *r, const struct definition_policy *policy,
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
    event_emit(broker_of(r), "parameter.set", ACTOR, EVENT_TABLE("value", table_end(&w)),
               EVENT_STR("name", policy->name), EVENT_TEXT("component", "operator_policy"),
               EVENT_STR("vhost", request_string(r, "vhost")));
    lv_buffer_free(&value);
}

void tell_policy_set(struct request *r, const struct definition_policy *policy)
{
    struct lv_buffer table = {0};
    if (!events_are_wanted(broker_of(r)))
        return;
    struct slice definition = table_of_value(&table, "definition", policy->definition);
    if (policy->is_operator)
        tell_operator_policy_set(r, policy, definition);
    event_emit(broker_of(r), "policy.set", EVENT_STR("apply-to", policy->apply_to),
               EVENT_LONG("priority", policy->priority), EVENT_MEMBERS(definition),
               EVENT_STR("pattern", policy->pattern), ACTOR,
               EVENT_STR("vhost", request_string(r, "vhost")), EVENT_STR("name", policy->name));
    lv_buffer_free(&table);
}

void tell_policy_cleared(struct request *r, bool is_operator)
{
    struct slice vhost = request_string(r, "vhost"), name = request_string(r, "name");
    if (is_operator)
        event_emit(broker_of(r), "parameter.cleared", ACTOR, EVENT_STR("name", name),
                   EVENT_TEXT("component", "operator_policy"), EVENT_STR("vhost", vhost));
    event_emit(broker_of(r), is_operator ? "operator.policy.cleared" : "policy.cleared", ACTOR,
               EVENT_STR("vhost", vhost), EVENT_STR("name", name));
}
