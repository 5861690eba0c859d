/* The names of RabbitMQ's tools. leveretctl can be installed under each of them (meson's option
 * rabbitmq_names). It has every command under every name; the name decides which commands its help
 * lists first. */
#include <string.h>

#include "base/slice.h"
#include "leveretctl/command.h"

const struct tool tools[] = {
    {"rabbitmq-diagnostics",
     "alarms certificates check_alarms check_certificate_expiration "
     "check_if_cluster_has_classic_queue_mirroring_policy check_if_node_is_mirror_sync_critical "
     "check_if_node_is_quorum_critical check_local_alarms check_port_connectivity "
     "check_port_listener check_protocol_listener check_running check_virtual_hosts "
     "cluster_status command_line_arguments consume_event_stream "
     "disable_auth_attempt_source_tracking enable_auth_attempt_source_tracking environment "
     "is_booting is_running list_node_auth_attempt_stats list_policies_that_match "
     "list_network_interfaces listeners log_location log_tail log_tail_stream memory_breakdown "
     "message_size_stats node_health_check os_env ping quorum_status report "
     "reset_node_auth_attempt_metrics resolve_hostname server_version status "
     "tls_versions"},
    {"rabbitmq-plugins", "disable enable is_enabled list set"},
    {"rabbitmq-queues",
     "check_if_node_is_mirror_sync_critical check_if_node_is_quorum_critical peek quorum_status "
     "rebalance reclaim_quorum_memory add_member delete_member grow shrink"},
    {"rabbitmq-streams", "stream_status add_replica delete_replica"},
    {"rabbitmq-upgrade",
     "await_online_quorum_plus_one await_online_synchronized_mirror drain post_upgrade revive"},
    {NULL, NULL},
};

const struct tool *tool_find(const char *program)
{
    for (const struct tool *t = tools; t->name; t++)
        if (strcmp(t->name, program) == 0)
            return t;
    return NULL;
}

bool tool_lists(const struct tool *tool, const char *command)
{
    const size_t n = strlen(command);
    for (const char *p = tool->commands; *p; p += strspn(p, " ")) {
        size_t length = strcspn(p, " ");
        if (length == n && memcmp(p, command, n) == 0)
            return true;
        p += length;
    }
    return false;
}
