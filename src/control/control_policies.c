/* Commands about policies and operator policies. A change is answered once it is durable and every queue's
 * home has taken it. */
#include <stdlib.h>

#include "base/error.h"
#include "broker/policy.h"
#include "control/control_private.h"
#include "message/events.h"
#include "topology/exchange.h"
#include "topology/vhost.h"

/* --- changes ------------------------------------------------------------------------------ */

static void nothing_to_do(struct loop *loop, void *arg)
{
    (void)loop;
    (void)arg;
}

/* What a change mailed to the loops is in front of this question. */
static int wait_for_homes(struct request *r)
{
    return ask_every_loop(r->asker, nothing_to_do, NULL);
}

void request_end_json(struct request *r, int err, const struct lv_buffer *reason)
{
    struct slice vhost = request_string(r, "vhost");
    if (err == ERR_FORMAT)
        request_refuse(r, "invalid_json", "JSON decoding error. Reason: badarg");
    else if (err == ERR_INVALID && reason)
        request_refuse(r, "validation_failed", "Validation failed\n\n%.*s",
                       SLICE_ARG(lv_buffer_slice(reason)));
    else if (err == ERR_NOT_FOUND)
        request_refuse(r, "no_such_vhost", "Virtual host '%.*s' does not exist", SLICE_ARG(vhost));
    else
        request_end(r, err);
}

void request_end_clear(struct request *r, int err)
{
    if (err == ERR_NOT_FOUND)
        request_refuse(r, "no_such_parameter", "Parameter does not exist");
    else
        request_end(r, err);
}

static void set_policy(struct request *r, bool is_operator)
{
    const json_t *priority = json_object_get(r->arguments, "priority");
    if (priority && !json_is_integer(priority)) {
        request_refuse(r, "bad_request", "priority is a number");
        return;
    }
    struct vhost *vhost = request_vhost(r);
    if (!vhost)
        return;
    const struct definition_policy row = {
        .name = request_string(r, "name"),
        .is_operator = is_operator,
        .pattern = request_string(r, "pattern"),
        .apply_to = request_has(r, "apply_to") ? request_string(r, "apply_to") : slice_str("all"),
        .priority = json_integer_value(priority),
        .definition = request_string(r, "definition"),
    };
    struct lv_buffer reason = {0};
    struct commit c;
    commit_begin(&c);
    struct slice before = events_act_as(slice_str(EVENT_ACTOR_CLI));
    int err = policy_set(vhost, &row, &reason, (struct durable_done){commit_done, &c});
    events_act_as(before);
    err = commit_end(&c, err);
    if (err == 0)
        tell_policy_set(r, &row);
    if (err == ERR_EXISTS)
        err = 0;
    if (err == 0)
        err = wait_for_homes(r);
    request_end_json(r, err, &reason);
    lv_buffer_free(&reason);
}

static void run_set_policy(struct request *r)
{
    set_policy(r, false);
}

static void run_set_operator_policy(struct request *r)
{
    set_policy(r, true);
}

static void clear_policy(struct request *r, enum policy_kind kind)
{
    struct vhost *vhost = vhost_find(r->world->broker, request_string(r, "vhost"));
    int err = ERR_NOT_FOUND;
    if (vhost) {
        struct commit c;
        commit_begin(&c);
        struct slice before = events_act_as(slice_str(EVENT_ACTOR_CLI));
        err = policy_clear(vhost, request_string(r, "name"), kind,
                           (struct durable_done){commit_done, &c});
        events_act_as(before);
        err = commit_end(&c, err);
    }
    if (err == 0)
        tell_policy_cleared(r, kind == POLICY_OPERATOR);
    if (err == 0)
        err = wait_for_homes(r);
    request_end_clear(r, err);
}

static void run_clear_policy(struct request *r)
{
    clear_policy(r, POLICY_ORDINARY);
}

static void run_clear_operator_policy(struct request *r)
{
    clear_policy(r, POLICY_OPERATOR);
}

/* --- listings ----------------------------------------------------------------------------- */

static void add_row(void *rows, const struct definition_policy *p)
{
    json_t *row = json_array();
    json_array_append_new(row, json_of_slice(p->vhost));
    json_array_append_new(row, json_of_slice(p->name));
    json_array_append_new(row, json_of_slice(p->pattern));
    json_array_append_new(row, json_of_slice(p->apply_to));
    json_array_append_new(row, json_of_slice(p->definition));
    json_array_append_new(row, json_integer(p->priority));
    json_array_append_new(rows, row);
}

static void list_policies(struct request *r, enum policy_kind kind)
{
    struct vhost *vhost = request_vhost(r);
    if (!vhost)
        return;
    json_t *rows = json_array();
    policy_each(vhost, kind, add_row, rows);
    request_rows(r, rows);
    request_done(r, NULL);
}

static void run_list_policies(struct request *r)
{
    list_policies(r, POLICY_ORDINARY);
}

static void run_list_operator_policies(struct request *r)
{
    list_policies(r, POLICY_OPERATOR);
}

/* --- columns of queues and exchanges ------------------------------------------------------ */

json_t *json_of_policy_name(const struct effective_policy *policy, enum policy_kind kind)
{
    return policy ? json_of_slice(policy->names[kind]) : json_string("");
}

/* [TYPE, VALUE] as tables have them. What has no type in a table is shown as JSON. */
static json_t *typed(const json_t *value)
{
    const char *type = "longstr";
    json_t *shown = NULL;
    if (json_is_string(value) || json_is_integer(value) || json_is_boolean(value)) {
        type = json_is_string(value) ? "longstr" : json_is_integer(value) ? "long" : "bool";
        shown = json_copy((json_t *)(uintptr_t)value); /* the policy's own is not ours to count */
    } else {
        char *text = json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY);
        shown = json_string(text);
        free(text);
    }
    return json_pack("[s, o]", type, shown);
}

json_t *json_of_policy_definition(const struct effective_policy *policy)
{
    json_t *fields = json_array();
    const char *name;
    json_t *value;
    json_object_foreach(policy ? policy->definition : NULL, name, value)
    {
        json_t *field = typed(value);
        json_array_insert_new(field, 0, json_string(name));
        json_array_append_new(fields, field);
    }
    return json_pack("{s: o}", "table", fields);
}

const struct control_command control_policy_commands[] = {
    {"set_policy", run_set_policy, "vhost name pattern definition [apply_to]",
     "sets what rules the queues and exchanges whose names match"},
    {"clear_policy", run_clear_policy, "vhost name", "takes it away"},
    {"list_policies", run_list_policies, "vhost",
     "rows of vhost, name, pattern, apply-to, definition, priority"},
    {"set_operator_policy", run_set_operator_policy, "vhost name pattern definition [apply_to]",
     "the same, to make numbers smaller whatever other policies say"},
    {"clear_operator_policy", run_clear_operator_policy, "vhost name", "takes it away"},
    {"list_operator_policies", run_list_operator_policies, "vhost", "rows as of list_policies"},
    {NULL, NULL, NULL, NULL},
};
