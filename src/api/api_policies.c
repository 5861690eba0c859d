/* Policies and operator policies. */
#include <math.h>
#include <stdlib.h>

#include "api/admin.h"
#include "api/admin_fields.h"
#include "manage/policies.h"
#include "wire/erlang_json.h"

#define F struct policy_facts
#define COLUMN_OF(field) policy_field_##field
API_POLICY_FIELDS(FIELD_VALUE)
static const struct column policy_fields[] = {API_POLICY_FIELDS(FIELD_ROW) COLUMNS_END};
#undef F
#undef COLUMN_OF

#define F struct preview_facts
#define COLUMN_OF(field) preview_field_##field
API_PREVIEW_FIELDS(FIELD_VALUE)
static const struct column preview_fields[] = {API_PREVIEW_FIELDS(FIELD_ROW) COLUMNS_END};

/* --- reading ---------------------------------------------------------------------------------- */

static bool list_ordinary(struct api_call *c, struct slice vhost, struct listing *ret,
                          struct manage_error *error)
{
    return manage_list_policies(c->manage, &c->actor, vhost, POLICY_ORDINARY, ret, error);
}

static bool list_operator(struct api_call *c, struct slice vhost, struct listing *ret,
                          struct manage_error *error)
{
    return manage_list_policies(c->manage, &c->actor, vhost, POLICY_OPERATOR, ret, error);
}

/* Answers policies by their priority, as RabbitMQ does, and those of one priority by name. */
static void answer_policies(struct api_call *c, bool is_done, struct listing *l,
                            struct manage_error *error)
{
    l->columns = policy_fields;
    if (is_done)
        listing_sort(l, c->manage, column_find(policy_fields, slice_str("priority")), false);
    api_answer_listing(c, is_done, l, error);
}

static void answer_all(struct api_call *c, api_list_fn *list)
{
    struct listing l = {0};
    struct manage_error error = {0};
    bool is_done = api_list_vhosts_allowed(c, list, &l, &error);
    answer_policies(c, is_done, &l, &error);
}

static void list_all_policies(struct api_call *c)
{
    answer_all(c, list_ordinary);
}

static void list_all_operator_policies(struct api_call *c)
{
    answer_all(c, list_operator);
}

static void answer_list(struct api_call *c, api_list_fn *list)
{
    struct listing l = {0};
    struct manage_error error = {0};
    bool is_done = list(c, api_part(c, "vhost"), &l, &error);
    answer_policies(c, is_done, &l, &error);
}

static void list_policies(struct api_call *c)
{
    answer_list(c, list_ordinary);
}

static void list_operator_policies(struct api_call *c)
{
    answer_list(c, list_operator);
}

/* Lists the policy of the path: a row or none. */
static bool list_one(struct api_call *c, api_list_fn *list, struct listing *ret,
                     struct manage_error *error)
{
    bool is_done = list(c, api_part(c, "vhost"), ret, error);
    if (is_done)
        admin_keep_named(c, ret, "name", api_part(c, "name"));
    return is_done;
}

static void show(struct api_call *c, api_list_fn *list)
{
    struct listing l = {0};
    struct manage_error error = {0};
    bool is_done = list_one(c, list, &l, &error);
    admin_answer_one(c, is_done, &l, policy_fields, &error);
}

static void show_policy(struct api_call *c)
{
    show(c, list_ordinary);
}

static void show_operator_policy(struct api_call *c)
{
    show(c, list_operator);
}

/* --- changing --------------------------------------------------------------------------------- */

/* Refuses a member that has not the type of the policy's row, in RabbitMQ's words. */
static void refuse_type(struct api_call *c, const char *name, const char *type)
{
    struct lv_buffer text = {0};
    json_put_erlang(&text, api_member(c, name));
    api_refuse(c, 400, "bad_request", "Validation failed\n\n%s should be %s, actually was %.*s\n",
               name, type, SLICE_ARG(lv_buffer_slice(&text)));
    lv_buffer_free(&text);
}

static bool check_types(struct api_call *c)
{
    const json_t *pattern = api_member(c, "pattern"), *priority = api_member(c, "priority");
    if (!json_is_string(pattern)) {
        struct lv_buffer text = {0};
        json_put_erlang(&text, pattern);
        api_refuse(c, 400, "bad_request",
                   "Validation failed\n\npattern should be a binary but was %.*s\n",
                   SLICE_ARG(lv_buffer_slice(&text)));
        lv_buffer_free(&text);
        return false;
    }
    if (priority && !json_is_number(priority)) {
        refuse_type(c, "priority", "a number");
        return false;
    }
    if (json_is_real(priority) && fabs(json_real_value(priority)) > (double)INT32_MAX) {
        refuse_type(c, "priority", "an integer");
        return false;
    }
    return true;
}

/* Returns the policy that the body describes. `definition` is the body's, as JSON. */
static struct definition_policy policy_of_body(const struct api_call *c, struct slice name,
                                               bool is_operator, const char *definition)
{
    return (struct definition_policy){
        .vhost = api_part(c, "vhost"),
        .name = name,
        .is_operator = is_operator,
        .pattern = api_string(c, "pattern"),
        .apply_to = api_member(c, "apply-to") ? api_string(c, "apply-to") : slice_str("all"),
        .priority = (int64_t)json_number_value(api_member(c, "priority")),
        .definition = slice_str(definition),
    };
}

static void put(struct api_call *c, bool is_operator)
{
    struct manage_error error = {0};
    if (!admin_has_vhost_to_change(c) || !check_types(c))
        return;
    bool is_new = false;
    char *definition = admin_json(c, "definition");
    const struct definition_policy row =
        policy_of_body(c, api_part(c, "name"), is_operator, definition);
    bool is_done = manage_set_policy(c->manage, &c->actor, &row, &is_new, &error);
    api_end(c, is_done, is_new, &error);
    free(definition);
}

static void put_policy(struct api_call *c)
{
    put(c, false);
}

static void put_operator_policy(struct api_call *c)
{
    if (api_may_change_operator_policies(c))
        put(c, true);
}

static void delete (struct api_call *c, enum policy_kind kind)
{
    struct manage_error error = {0};
    bool is_done = manage_clear_policy(c->manage, &c->actor, api_part(c, "vhost"),
                                       api_part(c, "name"), kind, &error);
    api_end(c, is_done, false, &error);
}

static void delete_policy(struct api_call *c)
{
    delete (c, POLICY_ORDINARY);
}

static void delete_operator_policy(struct api_call *c)
{
    if (api_may_change_operator_policies(c))
        delete (c, POLICY_OPERATOR);
}

/* --- previews --------------------------------------------------------------------------------- */

static void write_counts(struct api_call *c, const char *key, const uint64_t *by_effect)
{
    json_write_key(&c->json, key);
    json_write_begin(&c->json, '{');
    for (enum policy_effect effect = 0; effect <= POLICY_LOST; effect++) {
        json_write_key(&c->json, policy_effect_name(effect));
        json_write_u64(&c->json, by_effect[effect]);
    }
    json_write_end(&c->json, '}');
}

static void write_preview(struct api_call *c, const struct listing *rows,
                          const struct policy_preview_counts *counts)
{
    json_write_begin(&c->json, '{');
    write_counts(c, "queues", counts->by_effect[true]);
    write_counts(c, "exchanges", counts->by_effect[false]);
    api_write_rows(c, "items", preview_fields, rows);
    json_write_end(&c->json, '}');
}

static void preview(struct api_call *c, bool is_operator)
{
    struct listing rows = {0};
    struct policy_preview_counts counts;
    struct manage_error error = {0};
    if (!check_types(c))
        return;
    char *definition = api_member(c, "definition") ? admin_json(c, "definition") : NULL;
    const struct definition_policy row =
        policy_of_body(c, api_string(c, "name"), is_operator, definition ? definition : "{}");
    if (manage_preview_policy(c->manage, &c->actor, &row, &rows, &counts, &error))
        write_preview(c, &rows, &counts);
    else
        api_refuse_as(c, &error);
    listing_free(&rows);
    free(definition);
}

static void preview_policy(struct api_call *c)
{
    preview(c, false);
}

static void preview_operator_policy(struct api_call *c)
{
    preview(c, true);
}

#define PREVIEW_BODY "pattern:any! definition:object priority:any apply-to:string name:string"
#define PREVIEW_SUMMARY                                                                            \
    " of this body would apply to if it were set, and sets nothing: how many `queues` and "        \
    "`exchanges`, and the first 100 of them as `items`. `effect` is `in_force`; `hidden`: the "    \
    "policy `other` comes before it; `unsupported`: a key is not for this type of queue; or "      \
    "`lost`: the policy of this `name` applies now, and would no longer. With `in_force`, "        \
    "`other` is the policy that it would displace. The definition may be left out."

#define POLICY_BODY "pattern:any! definition:object! priority:any apply-to:string"

const struct api_route api_policy_routes[] = {
    {"GET", "/policies", API_MANAGEMENT, list_all_policies,
     "Lists the policies of all vhosts that the user may see.", .answer = policy_fields,
     .is_list = true},
    {"GET", "/policies/{vhost}", API_VHOST, list_policies, "Lists the policies of a vhost.",
     .answer = policy_fields, .is_list = true},
    {"GET", "/policies/{vhost}/{name}", API_POLICYMAKER, show_policy, "Shows a policy.",
     .answer = policy_fields},
    {"PUT", "/policies/{vhost}/{name}", API_POLICYMAKER, put_policy,
     "Sets a policy: its definition applies to queues, exchanges or all whose name matches the "
     "pattern.",
     POLICY_BODY},
    {"DELETE", "/policies/{vhost}/{name}", API_POLICYMAKER, delete_policy, "Deletes a policy."},
    {"GET", "/operator-policies", API_MANAGEMENT, list_all_operator_policies,
     "Lists the operator policies of all vhosts that the user may see.", .answer = policy_fields,
     .is_list = true},
    {"GET", "/operator-policies/{vhost}", API_VHOST, list_operator_policies,
     "Lists the operator policies of a vhost.", .answer = policy_fields, .is_list = true},
    {"GET", "/operator-policies/{vhost}/{name}", API_ADMINISTRATOR, show_operator_policy,
     "Shows an operator policy.", .answer = policy_fields},
    {"PUT", "/operator-policies/{vhost}/{name}", API_ADMINISTRATOR, put_operator_policy,
     "Sets an operator policy, whose limits no policy can exceed.", POLICY_BODY},
    {"DELETE", "/operator-policies/{vhost}/{name}", API_ADMINISTRATOR, delete_operator_policy,
     "Deletes an operator policy."},
    {"POST", "/policy-preview/{vhost}", API_POLICYMAKER, preview_policy,
     "Shows what a policy" PREVIEW_SUMMARY, PREVIEW_BODY},
    {"POST", "/operator-policy-preview/{vhost}", API_ADMINISTRATOR, preview_operator_policy,
     "Shows what an operator policy" PREVIEW_SUMMARY, PREVIEW_BODY},
    {NULL},
};
