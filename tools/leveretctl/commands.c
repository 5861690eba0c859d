/* The groups of commands, in the order in which `help` lists them, and what rows of several groups
 * share. */
#include <string.h>

#include "leveretctl/command.h"

const struct command_group command_groups[] = {
    {"Help", help_commands},
    {"Nodes", node_commands},
    {"Users", user_commands},
    {"Access Control", access_commands},
    {"Login attempts", login_commands},
    {"Monitoring and observability", monitoring_commands},
    {"Health checks", check_commands},
    {"Virtual hosts", vhost_commands},
    {"Parameters", parameter_commands},
    {"Policies", policy_commands},
    {"Configuration and Environment", configuration_commands},
    {"Definitions", definition_commands},
    {"Operations", operation_commands},
    {"Queues", queue_commands},
    {"Cluster", cluster_commands},
    {"Feature flags", feature_flag_commands},
    {"Plugins", plugin_commands},
    {"Upgrades", upgrade_commands},
    {"Diagnostics of the process and its machine", diagnostic_commands},
    {"Of RabbitMQ, and refused here", absent_commands},
    {NULL, NULL},
};

/* "explain-route" is as good as "explain_route". */
static bool is_spelling_of(const char *name, const char *typed)
{
    while (*name && (*name == *typed || (*name == '_' && *typed == '-'))) {
        name++;
        typed++;
    }
    return *name == *typed;
}

const struct command *command_find(const char *name)
{
    for (const struct command_group *g = command_groups; g->title; g++)
        for (const struct command *c = g->commands; c->name; c++)
            if (is_spelling_of(c->name, name))
                return c;
    return NULL;
}

const char *command_banner(const struct invocation *i, const struct command *c)
{
    for (const struct text_choice *t = c->banners; t; t++)
        if (!t->applies || t->applies(i))
            return t->text;
    return c->banner;
}

bool is_global(const struct invocation *i)
{
    return is_given(i, OPTION_GLOBAL);
}

/* --- failures --------------------------------------------------------------------------------- */

/* A vhost that does not exist has nothing to list: that is not a failure. */
const struct failure vhost_is_empty[] = {
    {.error = "no_such_vhost", .exit_code = EXIT_OK},
    {.error = NULL},
};

const struct failure vhost_is_missing[] = {
    {.error = "no_such_vhost", .exit_code = EXIT_DATA, .is_bare = true},
    {.error = NULL},
};

const struct failure parameter_is_missing[] = {
    {.error = "no_such_parameter", .exit_code = EXIT_UNAVAILABLE},
    {.error = NULL},
};

const struct failure json_fails[] = {
    {.error = "no_such_vhost", .exit_code = EXIT_DATA, .is_bare = true},
    {.error = "invalid_json", .exit_code = EXIT_UNAVAILABLE},
    {.error = "validation_failed", .exit_code = EXIT_UNAVAILABLE},
    {.error = "use_set_policy", .exit_code = EXIT_UNAVAILABLE},
    {.error = NULL},
};
