/* Keys that set nothing, and how anything is said about a key.
 *
 * RabbitMQ knows many keys that do nothing here, and some of ours wait for what will act on them.
 * A file that sets one is answered with a log line that says why, so that nobody relies on it. */
#include <stdarg.h>
#include <string.h>

#include "base/buffer.h"
#include "leveretd/config_private.h"

/* Keys that RabbitMQ knows and that do nothing here. A file that sets one of the WARNING keys
 * relies on something that does not exist here. A star matches any rest. */
static const struct idle_key {
    const char *key;
    enum log_level level;
    const char *why;
} idle_keys[] = {
    {"listeners.ssl*", LOG_WARNING, "TLS comes in a later version; this listener is not opened"},
    {"ssl_*", LOG_WARNING, "TLS comes in a later version"},
    {"management.ssl*", LOG_WARNING, "TLS comes in a later version"},
    {"proxy_protocol", LOG_WARNING, "the PROXY protocol comes in a later version"},
    {"auth_backends.*", LOG_WARNING, "users are checked by the internal backend alone"},
    {"auth_mechanisms.*", LOG_WARNING, "the mechanisms are PLAIN and AMQPLAIN"},
    {"auth_http.*", LOG_WARNING, "users are checked by the internal backend alone"},
    {"auth_ldap.*", LOG_WARNING, "users are checked by the internal backend alone"},
    {"auth_oauth2.*", LOG_WARNING, "users are checked by the internal backend alone"},
    {"auth_cache.*", LOG_INFO, "users are checked in memory"},
    {"credential_validator.*", LOG_WARNING, "any password is taken"},
    {"password_hashing_module", LOG_INFO, "new passwords are hashed with SHA-256"},
    {"trust_store.*", LOG_WARNING, "TLS comes in a later version"},
    {"definitions.*", LOG_WARNING, "load_definitions names a file"},
    {"default_users.*", LOG_WARNING, "one user is made at the first start: default_user"},
    {"default_limits.*", LOG_WARNING, "limits are set for each vhost"},
    {"default_policies.*", LOG_WARNING, "policies are set for each vhost"},
    {"mqtt.*", LOG_WARNING, "MQTT comes in a later version"},
    {"web_mqtt.*", LOG_WARNING, "MQTT comes in a later version"},
    {"stomp.*", LOG_WARNING, "STOMP comes in a later version"},
    {"web_stomp.*", LOG_WARNING, "STOMP comes in a later version"},
    {"stream.*", LOG_WARNING, "the stream protocol comes in a later version"},
    {"amqp1_0.*", LOG_WARNING, "AMQP 1.0 comes in a later version"},
    {"prometheus.*", LOG_WARNING, "metrics come in a later version"},
    {"management.*", LOG_INFO, "only the port and the address of the API can be chosen"},
    {"management_agent.*", LOG_INFO, "statistics are always collected"},
    {"log.file*", LOG_INFO, "lines go to standard error"},
    {"log.dir", LOG_INFO, "lines go to standard error"},
    {"log.console*", LOG_INFO, "lines go to standard error, as text"},
    {"log.syslog*", LOG_WARNING, "lines go to standard error"},
    {"log.journald*", LOG_INFO, "lines go to standard error"},
    {"log.exchange*", LOG_WARNING, "lines go to standard error"},
    {"log.*", LOG_INFO, "one level holds for every category: log.level"},
    {"tcp_listen_options.*", LOG_INFO, "the kernel's default is used"},
    {"num_acceptors.*", LOG_INFO, "every loop accepts"},
    {"reverse_dns_lookups", LOG_INFO, "peers are named by their addresses"},
    {"cluster_formation.*", LOG_WARNING, "this version runs on one machine"},
    {"cluster_partition_handling*", LOG_INFO, "this version runs on one machine"},
    {"cluster_keepalive_interval", LOG_INFO, "this version runs on one machine"},
    {"cluster_tags.*", LOG_INFO, "this version runs on one machine"},
    {"node_tags.*", LOG_INFO, "this version runs on one machine"},
    {"mirroring_sync_*", LOG_INFO, "this version runs on one machine"},
    {"distribution.*", LOG_INFO, "there is no Erlang distribution"},
    {"net_ticktime", LOG_INFO, "there is no Erlang distribution"},
    {"erlang.*", LOG_INFO, "there is no Erlang"},
    {"sysmon_handler.*", LOG_INFO, "there is no Erlang"},
    {"background_gc_*", LOG_INFO, "there is nothing to collect"},
    {"hipe_compile", LOG_INFO, "there is nothing to compile"},
    {"delegate_count", LOG_INFO, "loops do the work"},
    {"default_worker_pool_size", LOG_INFO, "loops do the work"},
    {"socket_writer.*", LOG_INFO, "there is nothing to collect"},
    {"queue_leader_locator", LOG_INFO, "this version runs on one machine"},
    {"queue_master_locator", LOG_INFO, "this version runs on one machine"},
    {"quorum_queue.*", LOG_INFO, "this version runs on one machine"},
    {"quorum_*", LOG_INFO, "this version runs on one machine"},
    {"raft.*", LOG_INFO, "this version runs on one machine"},
    {"classic_queue.*", LOG_INFO, "there is one kind of store"},
    {"queue_index_embed_msgs_below", LOG_INFO, "there is one kind of store"},
    {"message_store_shutdown_timeout", LOG_INFO, "a stop waits for what must be stored"},
    {"msg_store_*", LOG_INFO, "there is one kind of store"},
    {"mnesia_*", LOG_INFO, "definitions live in SQLite"},
    {"khepri_*", LOG_INFO, "definitions live in SQLite"},
    {"metadata_store.*", LOG_INFO, "definitions live in SQLite"},
    {"collect_statistics*", LOG_INFO, "statistics are always collected"},
    {"total_memory_available_override_value", LOG_INFO, "the machine's memory is taken"},
    {"memory_monitor_interval", LOG_INFO, "memory is looked at all the time"},
    {"vm_memory_calculation_strategy", LOG_INFO, "resident memory is what counts"},
    {"vm_memory_high_watermark_paging_ratio", LOG_INFO, "paging needs no ratio"},
    {"vhost_restart_strategy", LOG_INFO, "a vhost does not fail alone"},
    {"vhost_max", LOG_WARNING, "there is no such limit"},
    {"channel_max_per_node", LOG_WARNING, "there is no such limit"},
    {"session_max_per_connection", LOG_INFO, "AMQP 1.0 comes in a later version"},
    {"link_max_per_session", LOG_INFO, "AMQP 1.0 comes in a later version"},
    {"consumer_max_per_channel", LOG_WARNING, "there is no such limit"},
    {"cluster_queue_limit", LOG_WARNING, "there is no such limit"},
    {"cluster_exchange_limit", LOG_WARNING, "there is no such limit"},
    {"ranch_connection_max", LOG_WARNING, "there is no such limit"},
    {"exchange_types.*", LOG_INFO, "every type is there"},
    {"message_interceptors.*", LOG_WARNING, "there are no interceptors"},
    {"event_exchange.protocol", LOG_INFO, "events are always there as AMQP 0-9-1"},
    {"shovel.*", LOG_WARNING, "shovels come in a later version"},
    {"federation.*", LOG_WARNING, "federation comes in a later version"},
    {"deprecated_features.*", LOG_INFO, "everything deprecated is permitted"},
    {"motd_file", LOG_INFO, "there is no message of the day"},
    {"product.*", LOG_INFO, "use server_product and server_version"},
    {"aws.*", LOG_INFO, "this version runs on one machine"},
    {"config_entry_decoder.*", LOG_WARNING, "encrypted values cannot be read"},
};

/* Settings of ours that are read and checked, but that nothing in this version acts on. Whoever
 * makes one act takes its row away. */
static const struct idle_key waiting_keys[] = {
    {"load_definitions", LOG_WARNING, "definitions are imported in a later version"},
    {"management.tcp.*", LOG_INFO, "the management API comes in a later version"},
};

void config_tell(const struct place *place, enum log_level level, const char *format, ...)
{
    struct lv_buffer text = {0};
    va_list args;

    lv_buffer_printf(&text, "%s:", place->name);
    if (place->line > 0)
        lv_buffer_printf(&text, "%d:", place->line);
    lv_buffer_add_u8(&text, ' ');
    va_start(args, format);
    lv_buffer_vprintf(&text, format, args);
    va_end(args);
    place->say(place->arg, level, (const char *)text.p);
    lv_buffer_free(&text);
}

void config_say_log(void *arg, enum log_level level, const char *text)
{
    (void)arg;
    log_line(level, "%s", text);
}

static bool is_idle_key(const struct idle_key *idle, const char *key)
{
    size_t n = strlen(idle->key);

    if (idle->key[n - 1] == '*')
        return strncmp(key, idle->key, n - 1) == 0;
    return strcmp(key, idle->key) == 0;
}

/* Says that the key is one of these; false when it is none. */
static bool tell_idle(const struct idle_key *keys, size_t count, const char *key,
                      const struct place *place)
{
    for (size_t i = 0; i < count; i++) {
        if (is_idle_key(&keys[i], key)) {
            config_tell(place, keys[i].level, "%s has no effect: %s", key, keys[i].why);
            return true;
        }
    }
    return false;
}

void config_tell_waiting(const char *key, const struct place *place)
{
    tell_idle(waiting_keys, sizeof waiting_keys / sizeof waiting_keys[0], key, place);
}

void config_tell_unknown(const char *key, const struct place *place)
{
    if (!tell_idle(idle_keys, sizeof idle_keys / sizeof idle_keys[0], key, place))
        config_tell(place, LOG_WARNING, "unknown key '%s' is ignored", key);
}
