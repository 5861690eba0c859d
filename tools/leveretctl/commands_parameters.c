/* Runtime parameters, of a vhost or global. */
#include <stdlib.h>

#include "leveretctl/command.h"

/* Adds the cluster's name, which is a global parameter: its value is JSON. */
static int add_cluster_name(const struct invocation *i, const struct command *c, json_t *request)
{
    json_t *name = json_string(i->arguments[0]);
    char *value = json_dumps(name, JSON_ENCODE_ANY);
    (void)c;
    json_object_set_new(request, "name", json_string("cluster_name"));
    json_object_set_new(request, "value", json_string(value ? value : ""));
    free(value);
    json_decref(name);
    return EXIT_OK;
}

/* clang-format off */
const struct command parameter_commands[] = {
    {.name = "clear_global_parameter", .run = run_change,
     .usage = "<name>",
     .help = "Clears a global runtime parameter.",
     .banner = "Clearing global runtime parameter \"$1\" ...",
     .arguments = {.min = 1, .max = 1, .names = "name"},
     .failures = parameter_is_missing},
    {.name = "clear_parameter", .run = run_change,
     .usage = "[--vhost <vhost>] <component_name> <name>",
     .help = "Clears a runtime parameter.",
     .banner = "Clearing runtime parameter \"$2\" for component \"$1\" on vhost \"$vhost\" ...",
     .arguments = {.min = 2, .max = 2, .names = "component name"},
     .failures = parameter_is_missing},
    {.name = "list_global_parameters", .run = run_listing,
     .usage = LISTING_USAGE "[--timeout <timeout>]",
     .help = "Lists global runtime parameters.",
     .banner = "Listing global runtime parameters ...",
     .arguments = {.options = NO_HEADERS},
     .listing = {.columns = "name value", .is_whole = true}},
    {.name = "list_parameters", .run = run_listing,
     .usage = "[--vhost <vhost>] " LISTING_USAGE "[--timeout <timeout>]",
     .help = "Lists the runtime parameters of a vhost.",
     .banner = "Listing runtime parameters for vhost \"$vhost\" ...",
     .arguments = {.options = NO_HEADERS},
     .listing = {.columns = "component name value", .is_whole = true},
     .failures = vhost_is_missing},
    {.name = "set_cluster_name", .run = run_change,
     .usage = "<name>",
     .help = "Sets the cluster name, which clients see when they connect.",
     .banner = "Setting cluster name to $1 ...",
     .arguments = {.min = 1, .max = 1},
     .request = {.command = "set_global_parameter", .add = add_cluster_name},
     .failures = json_fails},
    {.name = "set_global_parameter", .run = run_change,
     .usage = "<name> <value>",
     .help = "Sets a global runtime parameter; the value is JSON.",
     .banner = "Setting global runtime parameter \"$1\" to \"$2\" ...",
     .arguments = {.min = 2, .max = 2, .names = "name value"},
     .failures = json_fails},
    {.name = "set_parameter", .run = run_change,
     .usage = "[--vhost <vhost>] <component_name> <name> <value>",
     .help = "Sets a runtime parameter; the value is JSON.",
     .banner = "Setting runtime parameter \"$2\" for component \"$1\" to \"$3\" in vhost "
               "\"$vhost\" ...",
     .arguments = {.min = 3, .max = 3, .names = "component name value"},
     .failures = json_fails},
    {.name = NULL},
};
/* clang-format on */
