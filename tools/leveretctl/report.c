/* `report`: the output of other commands, one after the other, for the node and for each vhost. */
#include <stdio.h>
#include <stdlib.h>

#include "base/memory.h"
#include "leveretctl/talk.h"

/* Returns the names of columns, "a, b", as an argument, "a,b", which the caller frees. NULL:
 * none. */
static char *columns_without_spaces(const char *names)
{
    if (!names)
        return NULL;
    char *argument = slice_strdup(slice_str(names)), *to = argument;
    for (const char *from = argument; *from; from++)
        if (*from != ' ')
            *to++ = *from;
    *to = '\0';
    return argument;
}

/* Runs a command with all of its columns, or none, in this vhost. Returns the exit code; a command
 * of this name may not exist. */
static int report_part(const struct invocation *i, const char *name, const char *vhost)
{
    const struct command *c = command_find(name);
    if (!c)
        return EXIT_OK;
    struct invocation *part = lv_malloc(sizeof *part);
    *part = *i;
    part->ask = (struct ask){.fd = -1};
    part->command = name;
    part->vhost = vhost;
    part->argument_count = 0;
    char *columns = columns_without_spaces(c->listing.all_columns);
    if (columns)
        part->arguments[part->argument_count++] = columns;
    int code = c->run(part, c);
    ask_close(&part->ask);
    free(columns);
    free(part);
    printf("\n");
    return code;
}

static void keep_vhost(void *vhosts, const json_t *row)
{
    json_array_append(vhosts, json_array_get(row, 0));
}

int run_report(struct invocation *i, const struct command *c)
{
    static const char *const of_node[] = {"status",        "cluster_status",
                                          "environment",   "list_connections",
                                          "list_channels", "command_line_arguments"};
    static const char *const of_vhost[] = {"list_queues",      "list_exchanges", "list_bindings",
                                           "list_permissions", "list_policies",  "list_parameters"};
    json_t *vhosts = json_array(), *answer, *vhost;
    json_t *request = request_create(i, c);
    json_object_set_new(request, "columns", json_pack("[s]", "name"));
    int code = broker_ask(i, c, c->banner, request, keep_vhost, vhosts, &answer);
    ask_close(&i->ask);
    if (code == EXIT_OK)
        json_decref(answer);
    for (size_t n = 0; code == EXIT_OK && n < sizeof of_node / sizeof of_node[0]; n++)
        code = report_part(i, of_node[n], i->vhost);
    if (code == EXIT_OK)
        code = report_part(i, "list_global_parameters", i->vhost);
    size_t v;
    json_array_foreach(vhosts, v,
                       vhost) for (size_t n = 0;
                                   code == EXIT_OK && n < sizeof of_vhost / sizeof of_vhost[0]; n++)
        code = report_part(i, of_vhost[n], json_string_value(vhost));
    json_decref(vhosts);
    return code;
}
