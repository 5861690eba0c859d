/* What rolling upgrades of a cluster ask of each node before and after it is stopped: here the
 * answer is that of a single node. */
#include <stdio.h>

#include "leveretctl/talk.h"

enum { NODES_TIMEOUT_S = 300, REPLICAS_TIMEOUT_S = 120 };

#define APPLIES_NOT "Target node seems to be the only one in a single node cluster, the "

/* --- nodes ------------------------------------------------------------------------------------ */

static int check_count(const struct invocation *i, const struct command *c)
{
    json_int_t count;
    if (read_number(i->arguments[0], &count) && count > 0)
        return EXIT_OK;
    return usage_error(i, c, EXIT_DATA, "Bad argument: Argument must be a positive integer");
}

/* Does not wait for more nodes than one: none would come. */
static int run_await_online_nodes(struct invocation *i, const struct command *c)
{
    json_t *status;
    json_int_t count;
    int code = broker_ask(i, c, c->banner, request_create(i, c), NULL, NULL, &status);
    if (code != EXIT_OK)
        return code;
    json_decref(status);
    read_number(i->arguments[0], &count);
    if (count > 1)
        return say_error(EXIT_SOFTWARE,
                         "Error: not enough nodes joined %s's cluster: this version of Leveret "
                         "runs on one node.",
                         i->node);
    say_done(i, NULL);
    return EXIT_OK;
}

/* In JSON RabbitMQ answers with the queues that got another leader: there are none. */
static void no_leaders_print(const struct invocation *i, const json_t *answer)
{
    (void)answer;
    if (i->format == FORMAT_JSON)
        say_value(i, json_array());
}

/* clang-format off */
const struct command upgrade_commands[] = {
    {.name = "await_online_nodes", .run = run_await_online_nodes,
     .usage = "<count>" TIMEOUT_USAGE,
     .help = "Succeeds for 1, and fails for more nodes, since there is one.",
     .banner = "Will wait for at least $1 nodes to join the cluster of $node. Timeout: $timeout seconds.",
     .arguments = {.min = 1, .max = 1, .check = check_count},
     .request = {.command = "status", .timeout_s = NODES_TIMEOUT_S}},
    {.name = "await_online_quorum_plus_one", .run = run_check,
     .usage = "[--timeout <timeout>]",
     .help = "Succeeds at once, since there is one node.",
     .banner = "Will wait for a quorum + 1 of nodes to be online for all quorum queues for $timeout seconds...",
     .request = {.check = "node-is-quorum-critical", .timeout_s = REPLICAS_TIMEOUT_S},
     .answer = {.done = APPLIES_NOT "command does not apply", .json = APPLIES_NOT "check does not apply"}},
    {.name = "await_online_synchronized_mirror", .run = run_check,
     .usage = "[--timeout <timeout>]",
     .help = "Succeeds at once, since there is one node.",
     .banner = "Will wait for a synchronised mirror be online for all classic mirrored queues for "
               "$timeout seconds...",
     .request = {.check = "node-is-quorum-critical", .timeout_s = REPLICAS_TIMEOUT_S},
     .answer = {.done = APPLIES_NOT "command does not apply", .json = APPLIES_NOT "check does not apply"}},
    {.name = "discover_peers", .run = run_change,
     .usage = "[--timeout <timeout>]",
     .help = "Finds no peers, since there is one node.",
     .banner = "Discovering peers nodes ...",
     .request = {.command = "status"},
     .answer = {.done = "No peers discovered"}},
    {.name = "has_reached_target_cluster_size", .run = run_check,
     .usage = "[--timeout <timeout>]",
     .help = "Succeeds, since one node is all there can be.",
     .banner = "Checking if target cluster size has been reached on node $node ...",
     .request = {.check = "reached-target-cluster-size"},
     .answer = {.done = "Target cluster size has been reached on node $node"}},
    {.name = "post_upgrade", .run = run_change,
     .usage = "[--timeout <timeout>]",
     .help = "Succeeds and changes nothing: there is nothing to rebalance on one node.",
     .banner = "Executing post upgrade tasks...\nRebalancing queue masters...",
     .request = {.command = "status"},
     .answer = {.print = no_leaders_print}},
    {.name = NULL},
};
/* clang-format on */
