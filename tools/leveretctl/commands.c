/* The table of commands. */
#include <string.h>

#include "leveretctl/command.h"
#include "manage/columns.h"

/* --- failures --------------------------------------------------------------------------------- */

#define END                                                                                        \
    {                                                                                              \
        NULL, NULL, 0, false, NULL                                                                 \
    }

static const struct failure no_failures[] = {END};

/* A vhost that is not there has nothing to list: that is no failure. */
static const struct failure vhost_is_empty[] = {
    {"no_such_vhost", NULL, EXIT_OK, true, NULL},
    END,
};

static const struct failure vhost_is_missing[] = {
    {"no_such_vhost", NULL, EXIT_DATA, true, NULL},
    END,
};

static const struct failure user_is_missing[] = {
    {"no_such_user", "User \"$1\" does not exist", EXIT_NO_USER, false, "User $1 does not exists"},
    END,
};

static const struct failure user_exists[] = {
    {"user_exists", "User \"$1\" already exists", EXIT_SOFTWARE, false, "User $1 already exists"},
    END,
};

static const struct failure user_has_no_listing[] = {
    {"no_such_user", "{:no_such_user, \"$1\"}", EXIT_UNAVAILABLE, false, NULL},
    END,
};

static const struct failure permissions_fail[] = {
    {"no_such_user", "User $1 does not exist", EXIT_NO_USER, false, "User $1 does not exist"},
    {"no_such_vhost", "Virtual host $v does not exist", EXIT_UNAVAILABLE, false,
     "Virtual host $v does not exist"},
    {"invalid_pattern", NULL, EXIT_UNAVAILABLE, false, NULL},
    END,
};

static const struct failure login_fails[] = {
    {"login_refused", "Error: failed to authenticate user \"$1\"\nuser '$1' - invalid credentials",
     EXIT_DATA, false, NULL},
    END,
};

static const struct failure purge_fails[] = {
    {"no_such_queue", "not_found", EXIT_UNAVAILABLE, false, NULL},
    END,
};

static const struct failure queue_is_missing[] = {
    {"no_such_queue", "Queue not found", EXIT_USAGE, false, NULL},
    END,
};

static const struct failure retry_fails[] = {
    {"no_such_queue", "Queue not found", EXIT_USAGE, false, NULL},
    {"retry_under_way", NULL, EXIT_UNAVAILABLE, false, NULL},
    END,
};

static const struct failure delete_queue_fails[] = {
    {"no_such_queue", "Queue not found", EXIT_USAGE, false, NULL},
    {"queue_in_use", "Queue is in use", EXIT_USAGE, false, NULL},
    {"queue_not_empty", "Queue is not empty", EXIT_USAGE, false, NULL},
    END,
};

static const struct failure delayed_fails[] = {
    {"no_such_exchange", "Exchange not found", EXIT_USAGE, false, NULL},
    {"not_delayed", "Exchange does not delay messages", EXIT_USAGE, false, NULL},
    {"no_such_vhost", NULL, EXIT_DATA, true, NULL},
    END,
};

static const struct failure explain_fails[] = {
    {"no_such_vhost", NULL, EXIT_DATA, true, NULL},
    {"no_such_exchange", NULL, EXIT_DATA, true, NULL},
    {"bad_header", NULL, EXIT_DATA, true, NULL},
    END,
};

static const struct failure close_fails[] = {
    {"invalid_pid", "Error:\n{:invalid_pid_syntax, \"$1\"}", EXIT_UNAVAILABLE, false, NULL},
    END,
};

static const struct failure level_is_unknown[] = {
    {"bad_level", NULL, EXIT_UNAVAILABLE, false, NULL},
    END,
};

static const struct failure json_fails[] = {
    {"no_such_vhost", NULL, EXIT_DATA, true, NULL},
    {"invalid_json", NULL, EXIT_UNAVAILABLE, false, NULL},
    {"validation_failed", NULL, EXIT_UNAVAILABLE, false, NULL},
    {"use_set_policy", NULL, EXIT_UNAVAILABLE, false, NULL},
    END,
};

static const struct failure parameter_is_missing[] = {
    {"no_such_parameter", NULL, EXIT_UNAVAILABLE, false, NULL},
    END,
};

static const struct failure user_limits_fail[] = {
    {"no_such_user", "{:no_such_user, \"$1\"}", EXIT_UNAVAILABLE, false, NULL},
    {"invalid_json", NULL, EXIT_UNAVAILABLE, false, NULL},
    {"invalid_limits", NULL, EXIT_UNAVAILABLE, false, NULL},
    END,
};

static const struct failure vhost_tags_fail[] = {
    {"no_such_vhost", "Virtual host \"$1\" does not exist", EXIT_DATA, false,
     "Virtual host \"$1\" does not exists"},
    END,
};

static const struct failure add_vhost_fails[] = {
    {"invalid_queue_type", "invalid_queue_type", EXIT_UNAVAILABLE, false, NULL},
    END,
};

/* --- the table -------------------------------------------------------------------------------- */

#define LISTING_USAGE "[--no-table-headers] "
#define COLUMNS_USAGE LISTING_USAGE "[<column> ...]"
#define TIMEOUT_USAGE " [--timeout <timeout>]"

#define POLICY_HEADERS "vhost name pattern apply-to definition priority"
#define POLICY_USAGE                                                                               \
    "[--vhost <vhost>] [--priority <priority>] [--apply-to <apply-to>] <name> <pattern> "          \
    "<definition>"

/* The names of a listing's columns, for help and to check what is asked for: "arguments,
 * auto_delete". */
#define COLUMN_NAME(column, ...) ", " #column
#define COLUMN_NAMES(COLUMNS) (&COLUMNS(COLUMN_NAME)[2])

static const char help_group[] = "Help", nodes_group[] = "Nodes", users_group[] = "Users",
                  access_group[] = "Access Control",
                  monitoring_group[] = "Monitoring, observability and health checks",
                  vhosts_group[] = "Virtual hosts",
                  configuration_group[] = "Configuration and Environment",
                  parameters_group[] = "Parameters", policies_group[] = "Policies",
                  operations_group[] = "Operations", queues_group[] = "Queues";

enum { NO_HEADERS = BIT(OPTION_NO_TABLE_HEADERS) };

/* clang-format off */
const struct command commands[] = {
    {.name = "help", .group = help_group, .usage = "[<command>]",
     .help = "Explains a command, or lists them all.", .arguments_max = 1, .run = run_help},
    {.name = "version", .group = help_group, .usage = "", .help = "Prints leveretctl's version.",
     .run = run_version},

    {.name = "await_startup", .group = nodes_group, .usage = "[--timeout <timeout>]",
     .help = "Waits until the broker has started (at most 300 s).", .run = run_await_startup},
    {.name = "stop", .group = nodes_group, .usage = "[--idempotent] [<pidfile>]",
     .help = "Stops the broker and waits until it is gone.", .arguments_max = 1,
     .options = BIT(OPTION_IDEMPOTENT), .run = run_stop,
     .banner = "Stopping and halting node $n ..."},
    {.name = "shutdown", .group = nodes_group, .usage = "[--timeout <timeout>]",
     .help = "The same as stop.", .options = BIT(OPTION_IDEMPOTENT), .run = run_stop,
     .banner = "Shutting down node $n ..."},

    {.name = "add_user", .group = users_group, .usage = "<username> <password>",
     .help = "Makes a user, without permissions; the password may come on standard input.",
     .arguments_min = 1, .arguments_max = 2, .run = run_add_user,
     .banner = "Adding user \"$1\" ...", .names = "user password",
     .done = "Done. Don't forget to grant the user permissions to some virtual hosts! See "
             "'$p help set_permissions' to learn more.",
     .done_form = DONE_UNLESS_QUIET,
     .failures = user_exists},
    {.name = "authenticate_user", .group = users_group, .usage = "<username> <password>",
     .help = "Checks a password; exits with 65 when it is not the user's.", .arguments_min = 1,
     .arguments_max = 2, .run = run_password_change, .banner = "Authenticating user \"$1\" ...",
     .names = "user password", .done = "Success", .failures = login_fails},
    {.name = "change_password", .group = users_group, .usage = "<username> <password>",
     .help = "Replaces a user's password; it may come on standard input.", .arguments_min = 1,
     .arguments_max = 2, .run = run_password_change,
     .banner = "Changing password for user \"$1\" ...", .names = "user password",
     .failures = user_is_missing},
    {.name = "clear_password", .group = users_group, .usage = "<username>",
     .help = "Clears a user's password and disables password login.", .arguments_min = 1,
     .arguments_max = 1, .run = run_change, .banner = "Clearing password for user \"$1\" ...",
     .names = "user", .failures = user_is_missing},
    {.name = "delete_user", .group = users_group, .usage = "<username>",
     .help = "Deletes a user with its permissions, and closes its connections.",
     .arguments_min = 1, .arguments_max = 1, .run = run_change,
     .banner = "Deleting user \"$1\" ...", .names = "user", .failures = user_is_missing},
    {.name = "list_users", .group = users_group, .usage = LISTING_USAGE "[--timeout <timeout>]",
     .help = "Lists users and their tags.", .options = NO_HEADERS, .run = run_listing,
     .banner = "Listing users ...", .columns = "user tags", .is_whole = true,
     .failures = no_failures},
    {.name = "clear_user_limits", .group = users_group, .usage = "<username> <limit_type> | all",
     .help = "Takes one of a user's limits away, max-connections or max-channels, or all.",
     .arguments_min = 2, .arguments_max = 2, .run = run_clear_user_limits, .names = "user limit",
     .failures = user_limits_fail},
    {.name = "list_user_limits", .group = users_group, .usage = "[--user <username>] [--global]",
     .help = "Shows a user's limits, or those of every user that has any.",
     .options = NO_HEADERS | BIT(OPTION_USER) | BIT(OPTION_GLOBAL), .run = run_list_user_limits,
     .columns = "user limits", .is_whole = true, .failures = user_limits_fail},
    {.name = "set_user_limits", .group = users_group, .usage = "<username> <definition>",
     .help = "Sets how many connections and channels a user may have, as JSON.",
     .arguments_min = 2, .arguments_max = 2, .run = run_change,
     .banner = "Setting user limits to \"$2\" for user \"$1\" ...", .names = "user limits",
     .failures = user_limits_fail},
    {.name = "set_user_tags", .group = users_group, .usage = "<username> <tag> [...]",
     .help = "Replaces a user's tags.", .arguments_min = 1, .arguments_max = -1,
     .run = run_change, .banner = "Setting tags for user \"$1\" to [$+] ...",
     .names = "user tags...", .failures = user_is_missing},

    {.name = "clear_permissions", .group = access_group, .usage = "[--vhost <vhost>] <username>",
     .help = "Clears a user's permissions in a vhost.", .arguments_min = 1, .arguments_max = 1,
     .run = run_change, .banner = "Clearing permissions for user \"$1\" in vhost \"$v\" ...",
     .names = "user", .failures = permissions_fail},
    {.name = "clear_topic_permissions", .group = access_group,
     .usage = "[--vhost <vhost>] <username> [<exchange>]",
     .help = "Clears a user's topic permissions in a vhost, for one exchange or for all.",
     .arguments_min = 1, .arguments_max = 2, .run = run_clear_topic_permissions,
     .names = "user exchange", .failures = permissions_fail},
    {.name = "list_permissions", .group = access_group,
     .usage = "[--vhost <vhost>] " LISTING_USAGE "[--timeout <timeout>]",
     .help = "Lists the permissions in a vhost.", .options = NO_HEADERS, .run = run_listing,
     .banner = "Listing permissions for vhost \"$v\" ...", .columns = "user configure write read",
     .is_whole = true, .failures = vhost_is_missing},
    {.name = "list_topic_permissions", .group = access_group,
     .usage = "[--vhost <vhost>] " LISTING_USAGE "[--timeout <timeout>]",
     .help = "Lists the topic permissions in a vhost.", .options = NO_HEADERS, .run = run_listing,
     .banner = "Listing topic permissions for vhost \"$v\" ...",
     .columns = "user exchange write read", .is_whole = true, .failures = vhost_is_missing},
    {.name = "list_user_permissions", .group = access_group,
     .usage = LISTING_USAGE "<username>" TIMEOUT_USAGE,
     .help = "Lists a user's permissions in every vhost.", .arguments_min = 1, .arguments_max = 1,
     .options = NO_HEADERS, .run = run_listing, .names = "user",
     .banner = "Listing permissions for user \"$1\" ...", .columns = "vhost configure write read",
     .is_whole = true, .failures = user_has_no_listing},
    {.name = "list_user_topic_permissions", .group = access_group,
     .usage = LISTING_USAGE "<username>" TIMEOUT_USAGE,
     .help = "Lists a user's topic permissions in every vhost.", .arguments_min = 1,
     .arguments_max = 1, .options = NO_HEADERS, .run = run_listing, .names = "user",
     .banner = "Listing topic permissions for user \"$1\" ...",
     .columns = "vhost exchange write read", .is_whole = true, .has_no_headers = true,
     .failures = user_has_no_listing},
    {.name = "list_vhosts", .group = access_group, .usage = COLUMNS_USAGE TIMEOUT_USAGE,
     .help = "Lists vhosts.", .arguments_max = -1, .options = NO_HEADERS, .run = run_listing,
     .banner = "Listing vhosts ...", .columns = "name",
     .all_columns = COLUMN_NAMES(VHOST_COLUMNS),
     .is_whole = true, .failures = no_failures},
    {.name = "set_permissions", .group = access_group,
     .usage = "[--vhost <vhost>] <username> <conf> <write> <read>",
     .help = "Sets what a user may configure, write and read in a vhost, as regular expressions.",
     .arguments_min = 4, .arguments_max = 4, .run = run_change,
     .banner = "Setting permissions for user \"$1\" in vhost \"$v\" ...",
     .names = "user configure write read", .failures = permissions_fail},
    {.name = "set_topic_permissions", .group = access_group,
     .usage = "[--vhost <vhost>] <username> <exchange> <write> <read>",
     .help = "Sets by which routing keys a user may publish and bind at a topic exchange.",
     .arguments_min = 4, .arguments_max = 4, .run = run_change,
     .banner = "Setting topic permissions on \"$2\" for user \"$1\" in vhost \"$v\" ...",
     .names = "user exchange write read", .failures = permissions_fail},

    {.name = "list_bindings", .group = monitoring_group,
     .usage = "[--vhost <vhost>] " COLUMNS_USAGE TIMEOUT_USAGE,
     .help = "Lists the bindings in a vhost.", .arguments_max = -1, .options = NO_HEADERS,
     .run = run_listing, .banner = "Listing bindings for vhost $v...",
     .columns = "source_name source_kind destination_name destination_kind routing_key arguments",
     .all_columns = COLUMN_NAMES(BINDING_COLUMNS),
     .failures = vhost_is_empty},
    {.name = "list_channels", .group = monitoring_group, .usage = COLUMNS_USAGE,
     .help = "Lists the open channels.", .arguments_max = -1, .options = NO_HEADERS,
     .run = run_listing, .banner = "Listing channels ...",
     .columns = "pid user consumer_count messages_unacknowledged", .all_columns = COLUMN_NAMES(CHANNEL_COLUMNS),
     .failures = no_failures},
    {.name = "list_connections", .group = monitoring_group, .usage = COLUMNS_USAGE TIMEOUT_USAGE,
     .help = "Lists the open connections.", .arguments_max = -1, .options = NO_HEADERS,
     .run = run_listing, .banner = "Listing connections ...",
     .columns = "user peer_host peer_port state", .all_columns = COLUMN_NAMES(CONNECTION_COLUMNS),
     .failures = no_failures},
    {.name = "list_consumers", .group = monitoring_group,
     .usage = "[--vhost <vhost>] " COLUMNS_USAGE TIMEOUT_USAGE,
     .help = "Lists the consumers in a vhost.", .arguments_max = -1, .options = NO_HEADERS,
     .run = run_listing, .banner = "Listing consumers in vhost $v ...",
     .columns = "queue_name channel_pid consumer_tag ack_required prefetch_count active arguments",
     .all_columns = COLUMN_NAMES(CONSUMER_COLUMNS), .failures = vhost_is_empty},
    {.name = "list_exchanges", .group = monitoring_group,
     .usage = "[--vhost <vhost>] " COLUMNS_USAGE TIMEOUT_USAGE,
     .help = "Lists the exchanges in a vhost.", .arguments_max = -1, .options = NO_HEADERS,
     .run = run_listing, .banner = "Listing exchanges for vhost $v ...", .columns = "name type",
     .all_columns = COLUMN_NAMES(EXCHANGE_COLUMNS),
     .failures = vhost_is_empty},
    {.name = "list_queues", .group = monitoring_group,
     .usage = "[--vhost <vhost>] [--online] [--offline] [--local] [--no-table-headers] "
              "[<column>, ...] [--timeout <timeout>]",
     .help = "Lists the queues in a vhost.", .arguments_max = -1,
     .options = NO_HEADERS | BIT(OPTION_ONLINE) | BIT(OPTION_OFFLINE) | BIT(OPTION_LOCAL),
     .run = run_listing,
     .banner = "Timeout: $t.0 seconds ...\nListing queues for vhost $v ...",
     .columns = "name messages",
     .all_columns = COLUMN_NAMES(QUEUE_COLUMNS), .failures = vhost_is_empty},
    {.name = "ping", .group = monitoring_group, .usage = "[--timeout <timeout>]",
     .help = "Checks that the broker answers.", .run = run_ping},
    {.name = "status", .group = monitoring_group, .usage = "[--unit <unit>] [--timeout <timeout>]",
     .help = "Shows what the broker is, uses and holds; --unit is bytes, mb or gb.",
     .options = BIT(OPTION_UNIT), .run = run_status, .banner = "Status of node $n ..."},

    {.name = "explain_route", .group = monitoring_group,
     .usage = "[--vhost <vhost>] " LISTING_USAGE "<exchange> <routing_key> "
              "[--header <name>[:<type>]=<value> ...] [--cc <routing_key> ...]" TIMEOUT_USAGE,
     .help = "Shows which queues a message would reach, by which bindings, and what stops the others; a "
             "header's type is string, int, float, bool, timestamp or void.",
     .arguments_min = 2, .arguments_max = 2,
     .options = NO_HEADERS | BIT(OPTION_HEADER) | BIT(OPTION_CC), .run = run_explain_route,
     .names = "exchange routing_key",
     .banner = "Explaining the route from exchange '$1' with key '$2' in vhost $v ...",
     .columns = "result path destination_kind destination routing_key arguments why",
     .is_whole = true, .failures = explain_fails},
    {.name = "trace_off", .group = monitoring_group, .usage = "[--vhost <vhost>]",
     .help = "Stops the firehose of a vhost.", .run = run_change,
     .banner = "Stopping tracing for vhost \"$v\" ...", .done = "Trace disabled for vhost $v", .done_form = DONE_AS_VALUE,
     .failures = no_failures},
    {.name = "trace_on", .group = monitoring_group, .usage = "[--vhost <vhost>]",
     .help = "Starts the firehose of a vhost: copies of what is published and delivered go to its exchange "
             "amq.rabbitmq.trace.",
     .run = run_change, .banner = "Starting tracing for vhost \"$v\" ...",
     .done = "Trace enabled for vhost $v", .done_form = DONE_AS_VALUE, .failures = no_failures},

    {.name = "add_vhost", .group = vhosts_group,
     .usage = "<vhost> [--description <description> --tags \"<tag1>,<tag2>,<...>\" "
              "--default-queue-type <quorum|classic|stream>]",
     .help = "Makes a vhost; fine when it is there.", .arguments_min = 1, .arguments_max = 1,
     .options = BIT(OPTION_DESCRIPTION) | BIT(OPTION_TAGS) | BIT(OPTION_QUEUE_TYPE),
     .run = run_change, .banner = "Adding vhost \"$1\" ...", .names = "vhost",
     .failures = add_vhost_fails},
    {.name = "delete_vhost", .group = vhosts_group, .usage = "<vhost>",
     .help = "Deletes a vhost with all in it, and closes the connections on it.",
     .arguments_min = 1, .arguments_max = 1, .run = run_change,
     .banner = "Deleting vhost \"$1\" ...", .names = "vhost", .failures = vhost_is_missing},
    {.name = "clear_vhost_limits", .group = vhosts_group, .usage = "[--vhost <vhost>]",
     .help = "Clears a vhost's limits.", .run = run_change,
     .banner = "Clearing vhost \"$v\" limits ...", .failures = parameter_is_missing},
    {.name = "list_vhost_limits", .group = vhosts_group,
     .usage = "[--vhost <vhost>] [--global] [--no-table-headers]",
     .help = "Shows a vhost's limits, or those of every vhost that has any.",
     .options = NO_HEADERS | BIT(OPTION_GLOBAL), .run = run_list_vhost_limits,
     .columns = "vhost limits", .is_whole = true, .failures = vhost_is_missing},
    {.name = "set_vhost_limits", .group = vhosts_group, .usage = "[--vhost <vhost>] <definition>",
     .help = "Sets how many connections and queues a vhost may have, as JSON.",
     .arguments_min = 1, .arguments_max = 1, .run = run_change,
     .banner = "Setting vhost limits to \"$1\" for vhost \"$v\" ...", .names = "limits",
     .failures = json_fails},
    {.name = "set_vhost_tags", .group = vhosts_group, .usage = "<vhost> <tag> [...]",
     .help = "Replaces a vhost's tags.", .arguments_min = 1, .arguments_max = -1,
     .run = run_change, .banner = "Setting tags for virtual host \"$1\" to [$+] ...",
     .names = "vhost tags...", .failures = vhost_tags_fail},

    {.name = "clear_global_parameter", .group = parameters_group, .usage = "<name>",
     .help = "Clears a global runtime parameter.", .arguments_min = 1, .arguments_max = 1,
     .run = run_change, .banner = "Clearing global runtime parameter \"$1\" ...",
     .names = "name", .failures = parameter_is_missing},
    {.name = "clear_parameter", .group = parameters_group,
     .usage = "[--vhost <vhost>] <component_name> <name>",
     .help = "Clears a runtime parameter.", .arguments_min = 2, .arguments_max = 2,
     .run = run_change,
     .banner = "Clearing runtime parameter \"$2\" for component \"$1\" on vhost \"$v\" ...",
     .names = "component name", .failures = parameter_is_missing},
    {.name = "list_global_parameters", .group = parameters_group,
     .usage = LISTING_USAGE "[--timeout <timeout>]", .help = "Lists global runtime parameters.",
     .options = NO_HEADERS, .run = run_listing,
     .banner = "Listing global runtime parameters ...", .columns = "name value", .is_whole = true,
     .failures = no_failures},
    {.name = "list_parameters", .group = parameters_group,
     .usage = "[--vhost <vhost>] " LISTING_USAGE "[--timeout <timeout>]",
     .help = "Lists the runtime parameters of a vhost.", .options = NO_HEADERS,
     .run = run_listing, .banner = "Listing runtime parameters for vhost \"$v\" ...",
     .columns = "component name value", .is_whole = true, .failures = vhost_is_missing},
    {.name = "set_cluster_name", .group = parameters_group, .usage = "<name>",
     .help = "Sets the name that clients are told.", .arguments_min = 1, .arguments_max = 1,
     .run = run_set_cluster_name, .banner = "Setting cluster name to $1 ...",
     .failures = json_fails},
    {.name = "set_global_parameter", .group = parameters_group, .usage = "<name> <value>",
     .help = "Sets a global runtime parameter, as JSON.", .arguments_min = 2, .arguments_max = 2,
     .run = run_change, .banner = "Setting global runtime parameter \"$1\" to \"$2\" ...",
     .names = "name value", .failures = json_fails},
    {.name = "set_parameter", .group = parameters_group,
     .usage = "[--vhost <vhost>] <component_name> <name> <value>",
     .help = "Sets a runtime parameter, as JSON.", .arguments_min = 3, .arguments_max = 3,
     .run = run_change,
     .banner = "Setting runtime parameter \"$2\" for component \"$1\" to \"$3\" in vhost "
               "\"$v\" ...",
     .names = "component name value", .failures = json_fails},

    {.name = "clear_operator_policy", .group = policies_group, .usage = "[--vhost <vhost>] <name>",
     .help = "Clears an operator policy.", .arguments_min = 1, .arguments_max = 1,
     .run = run_change, .banner = "Clearing operator policy \"$1\" on vhost \"$v\" ...",
     .names = "name", .failures = parameter_is_missing},
    {.name = "clear_policy", .group = policies_group, .usage = "[--vhost <vhost>] <name>",
     .help = "Clears a policy.", .arguments_min = 1, .arguments_max = 1, .run = run_change,
     .banner = "Clearing policy \"$1\" on vhost \"$v\" ...", .names = "name",
     .failures = parameter_is_missing},
    {.name = "list_operator_policies", .group = policies_group,
     .usage = "[--vhost <vhost>] " LISTING_USAGE "[--timeout <timeout>]",
     .help = "Lists the operator policies of a vhost.", .options = NO_HEADERS,
     .run = run_listing, .banner = "Listing operator policy overrides for vhost \"$v\" ...",
     .columns = POLICY_HEADERS, .is_whole = true, .failures = vhost_is_missing},
    {.name = "list_policies", .group = policies_group,
     .usage = "[--vhost <vhost>] " LISTING_USAGE "[--timeout <timeout>]",
     .help = "Lists the policies of a vhost.", .options = NO_HEADERS, .run = run_listing,
     .banner = "Listing policies for vhost \"$v\" ...", .columns = POLICY_HEADERS,
     .is_whole = true, .failures = vhost_is_missing},
    {.name = "set_operator_policy", .group = policies_group, .usage = POLICY_USAGE,
     .help = "Sets a policy that makes numbers smaller, whatever other policies say.",
     .arguments_min = 3, .arguments_max = 3,
     .options = BIT(OPTION_PRIORITY) | BIT(OPTION_APPLY_TO), .run = run_set_policy,
     .banner = "Setting operator policy override", .names = "name pattern definition",
     .failures = json_fails},
    {.name = "set_policy", .group = policies_group, .usage = POLICY_USAGE,
     .help = "Sets what rules the queues and exchanges whose names match a regular expression.",
     .arguments_min = 3, .arguments_max = 3,
     .options = BIT(OPTION_PRIORITY) | BIT(OPTION_APPLY_TO), .run = run_set_policy,
     .banner = "Setting policy", .names = "name pattern definition", .failures = json_fails},

    {.name = "environment", .group = configuration_group, .usage = "[--timeout <timeout>]",
     .help = "Shows the settings in force.", .run = run_environment,
     .banner = "Application environment of node $n ..."},
    {.name = "set_log_level", .group = configuration_group, .usage = "<log_level>",
     .help = "Sets which lines are logged: debug, info, warning, error, critical or none.",
     .arguments_min = 1, .arguments_max = 1, .run = run_set_log_level,
     .banner = "Setting log level to \"$1\" ...", .names = "level", .failures = level_is_unknown},

    {.name = "close_all_connections", .group = operations_group,
     .usage = "[--vhost <vhost> --limit <limit>] [-n <node> --global] [--per-connection-delay "
              "<delay>] <explanation>",
     .help = "Closes the connections on a vhost, or, with --global, all.", .arguments_min = 1,
     .arguments_max = 1, .options = BIT(OPTION_GLOBAL), .run = run_close_all_connections,
     .names = "reason", .done_form = DONE_AS_VALUE, .failures = no_failures},
    {.name = "close_connection", .group = operations_group,
     .usage = "<connection pid> <explanation>",
     .help = "Closes the connection that list_connections shows with this pid.",
     .arguments_min = 2, .arguments_max = 2, .run = run_change,
     .banner = "Closing connection $1, reason: $2...", .names = "pid reason",
     .failures = close_fails},

    {.name = "cancel_delayed", .group = queues_group,
     .usage = "[--vhost <vhost>] <exchange> <id> [...] | --all" TIMEOUT_USAGE,
     .help = "Drops messages that an exchange delays, by the ids that list_delayed shows, or all.",
     .arguments_min = 1, .arguments_max = -1, .options = BIT(OPTION_ALL),
     .run = run_cancel_delayed,
     .banner = "Cancelling delayed messages of exchange '$1' in vhost '$v' ...",
     .names = "exchange", .failures = delayed_fails},
    {.name = "list_delayed", .group = queues_group,
     .usage = "[--vhost <vhost>] [--limit <n>] " LISTING_USAGE "<exchange>" TIMEOUT_USAGE,
     .help = "Lists messages that an exchange delays, those that are due first.",
     .arguments_min = 1, .arguments_max = 1, .options = NO_HEADERS | BIT(OPTION_LIMIT),
     .run = run_listing,
     .banner = "Listing delayed messages of exchange '$1' in vhost '$v' ...",
     .names = "exchange", .columns = "id due routing_key message_bytes",
     .failures = delayed_fails},
    {.name = "delete_queue", .group = queues_group,
     .usage = "<queue_name> [--if-empty|-e] [--if-unused|-u]" TIMEOUT_USAGE,
     .help = "Deletes a queue with what is in it.", .arguments_min = 1, .arguments_max = 1,
     .options = BIT(OPTION_IF_EMPTY) | BIT(OPTION_IF_UNUSED), .run = run_delete_queue,
     .names = "queue", .failures = delete_queue_fails},
    {.name = "browse_queue", .group = queues_group,
     .usage = "<queue> [--vhost <vhost>] [--offset <n>] [--limit <n>] [--unacked] [--truncate <bytes>] "
              "[--no-table-headers] [<column> ...]",
     .help = "Shows a queue's messages, which stay as they are.",
     .arguments_min = 1, .arguments_max = -1,
     .options = NO_HEADERS | BIT(OPTION_OFFSET) | BIT(OPTION_LIMIT) | BIT(OPTION_UNACKED) |
                BIT(OPTION_TRUNCATE),
     .run = run_browse_queue, .banner = "Messages in queue '$1' in vhost '$v' ...",
     .names = "queue",
     .columns = "position redelivered exchange routing_key properties headers payload payload_encoding",
     .all_columns = COLUMN_NAMES(MESSAGE_COLUMNS),
     .failures = queue_is_missing},
    {.name = "purge_queue", .group = queues_group, .usage = "<queue>" TIMEOUT_USAGE,
     .help = "Drops the messages that wait in a queue.", .arguments_min = 1, .arguments_max = 1,
     .run = run_change, .banner = "Purging queue '$1' in vhost '$v' ...", .names = "queue",
     .failures = purge_fails},
    {.name = "retry_dead_letters", .group = queues_group,
     .usage = "<queue> [--vhost <vhost>] [--limit <n>] [--keep-history]" TIMEOUT_USAGE,
     .help = "Moves the dead letters in a queue back to the queues they came from.",
     .arguments_min = 1, .arguments_max = 1,
     .options = BIT(OPTION_LIMIT) | BIT(OPTION_KEEP_HISTORY), .run = run_retry_dead_letters,
     .banner = "Moving dead letters out of queue '$1' in vhost '$v' ...", .names = "queue",
     .failures = retry_fails},
    {.name = NULL},
};
/* clang-format on */

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
    for (const struct command *c = commands; c->name; c++)
        if (is_spelling_of(c->name, name))
            return c;
    return NULL;
}
