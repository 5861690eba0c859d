/* Parameters of vhosts, by component and name, and global parameters. */
#include <stdlib.h>

#include "api/admin.h"
#include "api/admin_fields.h"
#include "manage/policies.h"

#define F struct parameter_facts
#define COLUMN_OF(field) parameter_field_##field
API_PARAMETER_FIELDS(FIELD_VALUE)
static const struct column parameter_fields[] = {API_PARAMETER_FIELDS(FIELD_ROW) COLUMNS_END};
static const struct column global_fields[] = {API_GLOBAL_PARAMETER_FIELDS(FIELD_ROW) COLUMNS_END};

/* --- of vhosts -------------------------------------------------------------------------------- */

static bool list_all_components(struct api_call *c, struct slice vhost, struct listing *ret,
                                struct manage_error *error)
{
    return manage_list_parameters(c->manage, &c->actor, vhost, SLICE_EMPTY, ret, error);
}

static bool list_component(struct api_call *c, struct slice vhost, struct listing *ret,
                           struct manage_error *error)
{
    return manage_list_parameters(c->manage, &c->actor, vhost, api_part(c, "component"), ret,
                                  error);
}

static void list_parameters(struct api_call *c)
{
    admin_list_everywhere(c, list_all_components, parameter_fields);
}

static void list_parameters_of_component(struct api_call *c)
{
    admin_list_everywhere(c, list_component, parameter_fields);
}

static void list_parameters_in_vhost(struct api_call *c)
{
    struct listing l = {0};
    struct manage_error error = {0};
    bool is_done = list_component(c, api_part(c, "vhost"), &l, &error);
    l.columns = parameter_fields;
    api_answer_listing(c, is_done, &l, &error);
}

/* Lists the parameter of the path: a row or none. */
static bool list_one(struct api_call *c, struct listing *ret, struct manage_error *error)
{
    bool is_done = list_component(c, api_part(c, "vhost"), ret, error);
    if (is_done)
        admin_keep_named(c, ret, "name", api_part(c, "name"));
    return is_done;
}

static void show_parameter(struct api_call *c)
{
    struct listing l = {0};
    struct manage_error error = {0};
    bool is_done = list_one(c, &l, &error);
    admin_answer_one(c, is_done, &l, parameter_fields, &error);
}

/* Operator policies are also parameters. */
static bool may_change(struct api_call *c)
{
    return !slice_is(api_part(c, "component"), "operator_policy") ||
           api_may_change_operator_policies(c);
}

static void put_parameter(struct api_call *c)
{
    struct listing l = {0};
    struct manage_error error = {0};
    if (!admin_has_vhost_to_change(c) || !may_change(c))
        return;
    bool is_done = list_one(c, &l, &error);
    bool is_new = l.count == 0;
    char *value = admin_json(c, "value");
    const struct definition_parameter row = {
        .vhost = api_part(c, "vhost"),
        .component = api_part(c, "component"),
        .name = api_part(c, "name"),
        .value = slice_str(value),
    };
    is_done = is_done && manage_set_parameter(c->manage, &c->actor, &row, &error);
    api_end(c, is_done, is_new, &error);
    listing_free(&l);
    free(value);
}

static void delete_parameter(struct api_call *c)
{
    struct manage_error error = {0};
    if (!may_change(c))
        return;
    bool is_done = manage_clear_parameter(c->manage, &c->actor, api_part(c, "vhost"),
                                          api_part(c, "component"), api_part(c, "name"), &error);
    api_end(c, is_done, false, &error);
}

/* --- global ----------------------------------------------------------------------------------- */

static void list_global_parameters(struct api_call *c)
{
    struct listing l = {0};
    struct manage_error error = {0};
    bool is_done = manage_list_global_parameters(c->manage, &c->actor, &l, &error);
    l.columns = global_fields;
    api_answer_listing(c, is_done, &l, &error);
}

static bool list_one_global(struct api_call *c, struct listing *ret, struct manage_error *error)
{
    bool is_done = manage_list_global_parameters(c->manage, &c->actor, ret, error);
    if (is_done)
        admin_keep_named(c, ret, "name", api_part(c, "name"));
    return is_done;
}

static void show_global_parameter(struct api_call *c)
{
    struct listing l = {0};
    struct manage_error error = {0};
    bool is_done = list_one_global(c, &l, &error);
    admin_answer_one(c, is_done, &l, global_fields, &error);
}

static void put_global_parameter(struct api_call *c)
{
    struct listing l = {0};
    struct manage_error error = {0};
    bool is_done = list_one_global(c, &l, &error);
    bool is_new = l.count == 0;
    char *value = admin_json(c, "value");
    is_done = is_done && manage_set_global_parameter(c->manage, &c->actor, api_part(c, "name"),
                                                     slice_str(value), &error);
    api_end(c, is_done, is_new, &error);
    listing_free(&l);
    free(value);
}

static void delete_global_parameter(struct api_call *c)
{
    struct manage_error error = {0};
    bool is_done = manage_clear_global_parameter(c->manage, &c->actor, api_part(c, "name"), &error);
    api_end(c, is_done, false, &error);
}

const struct api_route api_parameter_routes[] = {
    {"GET", "/parameters", API_POLICYMAKER, list_parameters,
     "Lists the parameters of all vhosts that the user may see.", .answer = parameter_fields,
     .is_list = true},
    {"GET", "/parameters/{component}", API_POLICYMAKER, list_parameters_of_component,
     "Lists the parameters of a component in all vhosts that the user may see.",
     .answer = parameter_fields, .is_list = true},
    {"GET", "/parameters/{component}/{vhost}", API_POLICYMAKER, list_parameters_in_vhost,
     "Lists the parameters of a component in a vhost.", .answer = parameter_fields,
     .is_list = true},
    {"GET", "/parameters/{component}/{vhost}/{name}", API_POLICYMAKER, show_parameter,
     "Shows a parameter.", .answer = parameter_fields},
    {"PUT", "/parameters/{component}/{vhost}/{name}", API_POLICYMAKER, put_parameter,
     "Sets a parameter. Limits and operator policies may be set by administrators alone.",
     "value:any!"},
    {"DELETE", "/parameters/{component}/{vhost}/{name}", API_POLICYMAKER, delete_parameter,
     "Deletes a parameter."},
    {"GET", "/global-parameters", API_POLICYMAKER, list_global_parameters,
     "Lists the global parameters.", .answer = global_fields, .is_list = true},
    {"GET", "/global-parameters/{name}", API_POLICYMAKER, show_global_parameter,
     "Shows a global parameter.", .answer = global_fields},
    {"PUT", "/global-parameters/{name}", API_POLICYMAKER, put_global_parameter,
     "Sets a global parameter.", "value:any!"},
    {"DELETE", "/global-parameters/{name}", API_POLICYMAKER, delete_global_parameter,
     "Deletes a global parameter."},
    {NULL},
};
