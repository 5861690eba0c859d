/* The cluster, which is this one node. */
#include "leveretctl/talk.h"

/* Refuses what needs another node. */
static int run_alone(struct invocation *i, const struct command *c)
{
    (void)i;
    return say_error(EXIT_UNAVAILABLE, "%s is not supported: %s", c->name, c->help);
}

#define NEEDS_ANOTHER_NODE(command, words)                                                         \
    {                                                                                              \
        .name = command, .run = run_alone, .usage = words,                                         \
        .help = "This version of Leveret runs on one node.", .arguments = {                        \
            .max = MANY,                                                                           \
            .options = UINT64_MAX                                                                  \
        }                                                                                          \
    }

/* clang-format off */
const struct command cluster_commands[] = {
    {.name = "cluster_status", .run = run_cluster_status,
     .usage = "[--timeout <timeout>]",
     .help = "Shows the cluster: its name, its one node, alarms, listeners and feature flags.",
     .banner = "Cluster status of node $node ...",
     .request = {.command = "status"}},
    NEEDS_ANOTHER_NODE("join_cluster", "[--disc|--ram] <existing_cluster_member>"),
    NEEDS_ANOTHER_NODE("forget_cluster_node", "[--offline] <existing_cluster_member>"),
    NEEDS_ANOTHER_NODE("rename_cluster_node", "<oldnode1> <newnode1> [...]"),
    NEEDS_ANOTHER_NODE("update_cluster_nodes", "<existing_cluster_member>"),
    NEEDS_ANOTHER_NODE("change_cluster_node_type", "<disc|ram>"),
    {.name = NULL},
};
/* clang-format on */
