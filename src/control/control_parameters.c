/* Commands about runtime parameters, global parameters, and the limits of vhosts and users. */
#include "control/control_private.h"
#include "manage/policies.h"
#include "manage/users.h"

/* --- parameters ------------------------------------------------------------------------------- */

static void run_set_parameter(struct request *r)
{
    const struct definition_parameter row = {
        .vhost = request_string(r, "vhost"),
        .component = request_string(r, "component"),
        .name = request_string(r, "name"),
        .value = request_string(r, "value"),
    };
    struct manage_error error = {0};
    request_end(r, manage_set_parameter(r->manage, &actor_cli, &row, &error), &error);
}

static void run_clear_parameter(struct request *r)
{
    struct manage_error error = {0};
    bool is_done =
        manage_clear_parameter(r->manage, &actor_cli, request_string(r, "vhost"),
                               request_string(r, "component"), request_string(r, "name"), &error);
    request_end(r, is_done, &error);
}

static void run_list_parameters(struct request *r)
{
    struct columns columns;
    struct listing listing;
    struct manage_error error = {0};
    columns_named(parameter_columns, "component name value", &columns);
    bool is_done = manage_list_parameters(r->manage, &actor_cli, request_string(r, "vhost"),
                                          SLICE_EMPTY, &listing, &error);
    request_listing(r, is_done, &columns, &listing, &error);
}

/* --- global parameters ------------------------------------------------------------------------ */

static void run_set_global_parameter(struct request *r)
{
    struct manage_error error = {0};
    bool is_done = manage_set_global_parameter(r->manage, &actor_cli, request_string(r, "name"),
                                               request_string(r, "value"), &error);
    request_end(r, is_done, &error);
}

static void run_clear_global_parameter(struct request *r)
{
    struct manage_error error = {0};
    bool is_done =
        manage_clear_global_parameter(r->manage, &actor_cli, request_string(r, "name"), &error);
    request_end(r, is_done, &error);
}

static void run_list_global_parameters(struct request *r)
{
    struct columns columns;
    struct listing listing;
    struct manage_error error = {0};
    columns_named(parameter_columns, "name value", &columns);
    bool is_done = manage_list_global_parameters(r->manage, &actor_cli, &listing, &error);
    request_listing(r, is_done, &columns, &listing, &error);
}

/* --- limits of vhosts ------------------------------------------------------------------------- */

static void run_set_vhost_limits(struct request *r)
{
    struct manage_error error = {0};
    bool is_done = manage_set_vhost_limits(r->manage, &actor_cli, request_string(r, "vhost"),
                                           request_string(r, "limits"), &error);
    request_end(r, is_done, &error);
}

static void run_clear_vhost_limits(struct request *r)
{
    struct manage_error error = {0};
    bool is_done =
        manage_clear_vhost_limits(r->manage, &actor_cli, request_string(r, "vhost"), &error);
    request_end(r, is_done, &error);
}

static void run_list_vhost_limits(struct request *r)
{
    struct slice vhost = request_string(r, "vhost");
    struct columns columns;
    struct listing listing;
    struct manage_error error = {0};
    columns_named(parameter_columns, "vhost value", &columns);
    bool is_done = manage_list_vhost_limits(
        r->manage, &actor_cli, request_has(r, "vhost") ? &vhost : NULL, &listing, &error);
    request_listing(r, is_done, &columns, &listing, &error);
}

/* --- limits of users -------------------------------------------------------------------------- */

static void run_set_user_limits(struct request *r)
{
    struct manage_error error = {0};
    bool is_done = manage_set_user_limits(r->manage, &actor_cli, request_string(r, "user"),
                                          request_string(r, "limits"), &error);
    request_end(r, is_done, &error);
}

static void run_clear_user_limits(struct request *r)
{
    struct manage_error error = {0};
    bool is_done = manage_clear_user_limits(r->manage, &actor_cli, request_string(r, "user"),
                                            request_string(r, "limit"), &error);
    request_end(r, is_done, &error);
}

static void run_list_user_limits(struct request *r)
{
    struct slice user = request_string(r, "user");
    struct columns columns;
    struct listing listing;
    struct manage_error error = {0};
    columns_named(user_columns, "user limits", &columns);
    bool is_done = manage_list_user_limits(r->manage, &actor_cli,
                                           request_has(r, "user") ? &user : NULL, &listing, &error);
    request_listing(r, is_done, &columns, &listing, &error);
}

const struct control_command control_parameter_commands[] = {
    {"set_parameter", run_set_parameter, "vhost component name value"},
    {"clear_parameter", run_clear_parameter, "vhost component name"},
    {"list_parameters", run_list_parameters, "vhost"},
    {"set_global_parameter", run_set_global_parameter, "name value"},
    {"clear_global_parameter", run_clear_global_parameter, "name"},
    {"list_global_parameters", run_list_global_parameters, ""},
    {"set_vhost_limits", run_set_vhost_limits, "vhost limits"},
    {"clear_vhost_limits", run_clear_vhost_limits, "vhost"},
    {"list_vhost_limits", run_list_vhost_limits, "[vhost]"},
    {"set_user_limits", run_set_user_limits, "user limits"},
    {"clear_user_limits", run_clear_user_limits, "user limit"},
    {"list_user_limits", run_list_user_limits, "[user]"},
    {NULL, NULL, NULL},
};
