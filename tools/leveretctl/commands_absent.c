/* Commands of RabbitMQ's tools that cannot do here what they do there: each is refused with what to
 * use instead, so that a script fails where it asks for what does not exist. */
#include "leveretctl/talk.h"

static int run_refused(struct invocation *i, const struct command *c)
{
    (void)i;
    return say_error(EXIT_UNAVAILABLE, "%s is not supported: %s", c->name, c->help);
}

#define REFUSED(command, why)                                                                      \
    {                                                                                              \
        .name = command, .run = run_refused, .usage = "[<argument> ...]", .help = why,             \
        .arguments = {                                                                             \
            .max = MANY,                                                                           \
            .options = UINT64_MAX                                                                  \
        }                                                                                          \
    }

#define ERLANG "Leveret does not run on Erlang; "
#define ONE_NODE "Leveret is one node, so queues have one member."
#define STREAMS "this version has no streams."
#define SHOVEL "this version has no shovels; the HTTP API moves messages between queues."
#define FEDERATION "this version has no federation."
#define OAUTH "keys are settings: auth_oauth2.signing_keys.ID names a key's file."
#define TRUST "ssl_options.cacertfile has the certificates that are trusted."
#define INTERCEPTORS "there are no channel interceptors."
#define PROTOCOL "this version speaks AMQP 0-9-1 only; list_connections has all connections."

const struct command absent_commands[] = {
    REFUSED("eval", ERLANG "use the commands of leveretctl or the HTTP API."),
    REFUSED("eval_file", ERLANG "use the commands of leveretctl or the HTTP API."),
    REFUSED("exec", ERLANG "use the commands of leveretctl or the HTTP API."),
    REFUSED("remote_shell", ERLANG "use the commands of leveretctl or the HTTP API."),
    REFUSED("observer", ERLANG "use status, memory_breakdown, doctor or the management page."),
    REFUSED("directories", "there are no directories of plugins: what they do is part of Leveret."),
    REFUSED("erlang_version", ERLANG "server_version has the version of the broker."),
    REFUSED("erlang_cookie_hash", ERLANG "there is no cookie: the control socket is protected by "
                                         "the permissions of the data directory."),
    REFUSED("erlang_cookie_sources", ERLANG "there is no cookie: the control socket is protected "
                                            "by the permissions of the data directory."),
    REFUSED("runtime_thread_stats", ERLANG "metrics and the doctor show how busy the loops are."),
    REFUSED("maybe_stuck", ERLANG "node_health_check fails if a loop does not answer."),
    REFUSED("hipe_compile", ERLANG "there is nothing to compile."),
    REFUSED("resolver_info", ERLANG "names are resolved by the system, as resolve_hostname shows."),
    REFUSED("schema_info", "definitions are not kept in Mnesia; export_definitions shows them."),
    REFUSED("force_checkpoint", "queues have no Raft log that would need a checkpoint."),
    REFUSED("reset_stats_db",
            "statistics are samples of the broker's counters, which are not reset."),
    REFUSED("add_signing_key", OAUTH),
    REFUSED("add_uaa_key", OAUTH),
    REFUSED("list_trust_store_certificates", TRUST),
    REFUSED("refresh_trust_store", TRUST),
    REFUSED("list_channel_interceptors", INTERCEPTORS),
    REFUSED("set_channel_interceptor_priorities", INTERCEPTORS),
    REFUSED("sync_queue", ONE_NODE),
    REFUSED("cancel_sync_queue", ONE_NODE),
    REFUSED("force_standalone_khepri_boot", "definitions are not kept in Khepri."),
    REFUSED("metadata_store_status", "definitions are not kept in Khepri."),
    REFUSED("remove_classic_queue_mirroring_from_policies", ONE_NODE),
    REFUSED("add_member", ONE_NODE),
    REFUSED("delete_member", ONE_NODE),
    REFUSED("grow", ONE_NODE),
    REFUSED("grow_to_count", ONE_NODE),
    REFUSED("shrink", ONE_NODE),
    REFUSED("transfer_leadership", ONE_NODE),
    REFUSED("add_super_stream", STREAMS),
    REFUSED("delete_super_stream", STREAMS),
    REFUSED("activate_stream_consumer", STREAMS),
    REFUSED("list_stream_connections", STREAMS),
    REFUSED("list_stream_consumers", STREAMS),
    REFUSED("list_stream_publishers", STREAMS),
    REFUSED("list_stream_consumer_groups", STREAMS),
    REFUSED("list_stream_group_consumers", STREAMS),
    REFUSED("list_stream_tracking", STREAMS),
    REFUSED("reset_offset", STREAMS),
    REFUSED("add_replica", STREAMS),
    REFUSED("delete_replica", STREAMS),
    REFUSED("stream_status", STREAMS),
    REFUSED("coordinator_status", STREAMS),
    REFUSED("restart_stream", STREAMS),
    REFUSED("list_mqtt_connections", PROTOCOL),
    REFUSED("list_stomp_connections", PROTOCOL),
    REFUSED("list_web_mqtt_connections", PROTOCOL),
    REFUSED("list_amqp10_connections", PROTOCOL),
    REFUSED("shovel_status", SHOVEL),
    REFUSED("restart_shovel", SHOVEL),
    REFUSED("delete_shovel", SHOVEL),
    REFUSED("federation_status", FEDERATION),
    REFUSED("restart_federation_link", FEDERATION),
    {.name = NULL},
};
