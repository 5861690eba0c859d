/* Commands about policies and operator policies. */
#include "control/control_private.h"
#include "manage/policies.h"

static void set_policy(struct request *r, bool is_operator)
{
    const json_t *priority = json_object_get(r->arguments, "priority");
    if (priority && !json_is_integer(priority)) {
        request_refuse(r, "bad_request", "priority: expected an integer");
        return;
    }
    const struct definition_policy row = {
        .vhost = request_string(r, "vhost"),
        .name = request_string(r, "name"),
        .is_operator = is_operator,
        .pattern = request_string(r, "pattern"),
        .apply_to = request_has(r, "apply_to") ? request_string(r, "apply_to") : slice_str("all"),
        .priority = json_integer_value(priority),
        .definition = request_string(r, "definition"),
    };
    struct manage_error error = {0};
    request_end(r, manage_set_policy(r->manage, &actor_cli, &row, NULL, &error), &error);
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
    struct manage_error error = {0};
    bool is_done = manage_clear_policy(r->manage, &actor_cli, request_string(r, "vhost"),
                                       request_string(r, "name"), kind, &error);
    request_end(r, is_done, &error);
}

static void run_clear_policy(struct request *r)
{
    clear_policy(r, POLICY_ORDINARY);
}

static void run_clear_operator_policy(struct request *r)
{
    clear_policy(r, POLICY_OPERATOR);
}

static void list_policies(struct request *r, enum policy_kind kind)
{
    struct columns columns;
    struct listing listing;
    struct manage_error error = {0};
    columns_named(policy_columns, "vhost name pattern apply_to definition priority", &columns);
    bool is_done = manage_list_policies(r->manage, &actor_cli, request_string(r, "vhost"), kind,
                                        &listing, &error);
    request_listing(r, is_done, &columns, &listing, &error);
}

static void run_list_policies(struct request *r)
{
    list_policies(r, POLICY_ORDINARY);
}

static void run_list_operator_policies(struct request *r)
{
    list_policies(r, POLICY_OPERATOR);
}

static void run_list_matching(struct request *r)
{
    struct columns columns;
    struct listing listing = {0};
    struct manage_error error = {0};
    const bool is_queue = !slice_is(request_string(r, "object_type"), "exchange");
    columns_named(policy_columns, "vhost name pattern apply_to definition priority", &columns);
    bool is_done =
        manage_list_matching_policies(r->manage, &actor_cli, request_string(r, "vhost"), is_queue,
                                      request_string(r, "name"), &listing, &error);
    request_listing(r, is_done, &columns, &listing, &error);
}

const struct control_command control_policy_commands[] = {
    {"set_policy", run_set_policy, "vhost name pattern definition [apply_to]"},
    {"clear_policy", run_clear_policy, "vhost name"},
    {"list_policies", run_list_policies, "vhost"},
    {"list_policies_that_match", run_list_matching, "vhost name [object_type]"},
    {"set_operator_policy", run_set_operator_policy, "vhost name pattern definition [apply_to]"},
    {"clear_operator_policy", run_clear_operator_policy, "vhost name"},
    {"list_operator_policies", run_list_operator_policies, "vhost"},
    {NULL, NULL, NULL},
};
