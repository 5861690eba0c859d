/* Operator policies as runtime parameters: their value is checked, set as a policy, and listed. */
#include "broker/operator_parameter.h"

#include <stdlib.h>

#include "base/error.h"
#include "broker/policy.h"
#include "wire/erlang_json.h"

static bool check_member(json_t *value, const char *key, struct slice name,
                         struct lv_buffer *reason)
{
    if (json_object_get(value, key))
        return true;
    lv_buffer_printf(reason, "Key \"%s\" not found in %.*s\n", key, SLICE_ARG(name));
    return false;
}

static bool check_type(json_t *value, const char *key, json_type type, const char *what,
                       struct lv_buffer *reason)
{
    const json_t *member = json_object_get(value, key);
    if (!member || json_typeof(member) == type)
        return true;
    lv_buffer_printf(reason, "%s should be %s, actually was ", key, what);
    json_put_erlang(reason, member);
    lv_buffer_printf(reason, "\n");
    return false;
}

static bool check_members(json_t *value, struct slice name, struct lv_buffer *reason)
{
    static const char *const members[] = {"pattern", "definition", "priority", "apply-to"};
    json_t *unknown = json_copy(value);
    for (size_t i = 0; i < sizeof members / sizeof *members; i++)
        json_object_del(unknown, members[i]);
    bool are_known = json_object_size(unknown) == 0;
    if (!are_known) {
        lv_buffer_printf(reason, "Unrecognised terms ");
        json_put_erlang_list(reason, unknown);
        lv_buffer_printf(reason, " in %.*s\n", SLICE_ARG(name));
    }
    json_decref(unknown);
    bool has_definition = check_member(value, "definition", name, reason);
    bool has_pattern = check_member(value, "pattern", name, reason);
    bool has_priority = check_member(value, "priority", name, reason);
    bool is_text = check_type(value, "apply-to", JSON_STRING, "binary", reason) &&
                   check_type(value, "pattern", JSON_STRING, "binary", reason);
    bool is_number = check_type(value, "priority", JSON_INTEGER, "a number", reason);
    return are_known && has_definition && has_pattern && has_priority && is_text && is_number;
}

/* Appends what is wrong with the form of the value. */
static bool check_form(struct slice name, json_t *value, struct lv_buffer *reason)
{
    if (json_is_object(value))
        return check_members(value, name, reason);
    lv_buffer_printf(reason, "%.*s not a list ", SLICE_ARG(name));
    json_put_erlang(reason, value);
    lv_buffer_printf(reason, "\n");
    return false;
}

/* Returns the policy. Its definition is owned by the caller; the rest borrows from the value. */
static struct definition_policy policy_of(struct slice name, const json_t *value)
{
    const json_t *apply_to = json_object_get(value, "apply-to");
    return (struct definition_policy){
        .name = name,
        .is_operator = true,
        .pattern = json_slice(json_object_get(value, "pattern")),
        .apply_to = apply_to ? json_slice(apply_to) : slice_str("all"),
        .priority = json_integer_value(json_object_get(value, "priority")),
        .definition = slice_str(json_dumps(json_object_get(value, "definition"), JSON_ENCODE_ANY)),
    };
}

int operator_parameter_check(struct slice name, json_t *value, struct lv_buffer *reason)
{
    if (!check_form(name, value, reason))
        return ERR_INVALID;
    struct definition_policy row = policy_of(name, value);
    int err = policy_check(&row, reason);
    free((void *)(uintptr_t)row.definition.p);
    return err;
}

int operator_parameter_set(struct vhost *vhost, struct slice name, json_t *value,
                           struct lv_buffer *reason, struct durable_done done)
{
    if (!check_form(name, value, reason))
        return ERR_INVALID;
    struct definition_policy row = policy_of(name, value);
    int err = policy_set(vhost, &row, reason, done, NULL);
    free((void *)(uintptr_t)row.definition.p);
    return err;
}

struct visiting {
    parameter_visit *visit;
    void *arg;
};

static void policy_visit_as_parameter(void *arg, const struct definition_policy *row)
{
    const struct visiting *v = arg;
    json_t *value = json_object();
    json_object_set_new(value, "pattern",
                        json_stringn_nocheck((const char *)row->pattern.p, row->pattern.n));
    json_object_set_new(value, "definition",
                        json_loadb((const char *)row->definition.p, row->definition.n, 0, NULL));
    json_object_set_new(value, "priority", json_integer(row->priority));
    json_object_set_new(value, "apply-to",
                        json_stringn((const char *)row->apply_to.p, row->apply_to.n));
    char *text = json_dumps(value, JSON_COMPACT);
    const struct definition_parameter parameter = {row->vhost, slice_str(OPERATOR_COMPONENT),
                                                   row->name, text ? slice_str(text) : SLICE_EMPTY};
    v->visit(v->arg, &parameter);
    free(text);
    json_decref(value);
}

void operator_parameter_each(struct vhost *vhost, parameter_visit *visit, void *arg)
{
    struct visiting v = {visit, arg};
    policy_each(vhost, POLICY_OPERATOR, policy_visit_as_parameter, &v);
}
