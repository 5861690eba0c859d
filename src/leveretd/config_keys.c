/* Keys without effect, and how lines about a key are reported.
 *
 * RabbitMQ has many keys that do nothing here. Where a file sets one, a log line says why it has no
 * effect, so that nobody relies on it. */
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "leveretd/config_private.h"

/* RabbitMQ's keys that do nothing here. LOG_WARNING: whoever sets the key relies on something that
 * Leveret does not have. A star at the end matches any rest; the first row that matches is used. */
static const struct idle_key {
    const char *key;
    enum log_level level;
    const char *why;
} idle_keys[] = {
    {"ssl_options.client_renegotiation", LOG_INFO, "renegotiation is always refused"},
    {"ssl_options.secure_renegotiate", LOG_INFO, "renegotiation is always refused"},
    {"ssl_options.honor_ecc_order", LOG_INFO, "ssl_options.honor_cipher_order decides that too"},
    {"ssl_options.psk_identity", LOG_WARNING, "pre-shared keys are not supported"},
    {"ssl_options.cert", LOG_WARNING, "name a file with ssl_options.certfile"},
    {"ssl_options.key.*", LOG_WARNING, "name a file with ssl_options.keyfile"},
    {"ssl_options.cacerts.*", LOG_WARNING, "name a file with ssl_options.cacertfile"},
    {"ssl_options.dh", LOG_WARNING, "name a file with ssl_options.dhfile"},
    {"ssl_options.log_*", LOG_INFO, "handshakes that fail are always logged"},
    {"ssl_options.crl_sources.*", LOG_WARNING, "name a file with ssl_options.crlfile"},
    {"ssl_options.bypass_pem_cache", LOG_INFO, "files are read again when they change"},
    {"ssl_options.hibernate_after", LOG_INFO, "an idle connection is always small"},
    {"ssl_options", LOG_INFO, "there are no options until some are set"},
    {"ssl_allow_poodle_attack", LOG_INFO, "TLS 1.2 is the oldest version"},
    {"management.tcp.inactivity_timeout", LOG_INFO,
     "an answer under way has all the time it needs"},
    {"management.tcp.shutdown_timeout", LOG_INFO, "connections end when the broker stops"},
    {"management.tcp.*", LOG_INFO, "this setting of the listener is not supported"},
    {"management.listener.*", LOG_WARNING, "use management.tcp.* and management.ssl.*"},
    {"management.oauth_*", LOG_WARNING,
     "the page is a public client that uses the code flow with PKCE"},
    {"management.ssl.client_renegotiation", LOG_INFO, "renegotiation is always refused"},
    {"management.ssl.secure_renegotiate", LOG_INFO, "renegotiation is always refused"},
    {"management.ssl.honor_ecc_order", LOG_INFO,
     "management.ssl.honor_cipher_order decides that too"},
    {"management.ssl.inactivity_timeout", LOG_INFO,
     "an answer under way has all the time it needs"},
    {"management.ssl.shutdown_timeout", LOG_INFO, "connections end when the broker stops"},
    {"management.ssl.backlog", LOG_INFO, "as many connections wait as the system allows"},
    {"management.ssl.*", LOG_WARNING, "set management.tcp.*: it is for connections with TLS, too"},
    {"auth_cache.cache_module", LOG_INFO,
     "there is one cache: a table in memory that all loops use; reloading the configuration empties "
     "it"},
    {"auth_http.authorization_failure_disclosure", LOG_WARNING,
     "reasons that the service gives are logged, and never sent to a client"},
    {"auth_http.ssl_options.hostname_verification", LOG_INFO,
     "a certificate's name is always checked, and may contain a wildcard"},
    {"auth_http.ssl_options.fail_if_no_peer_cert", LOG_INFO, "a server always has a certificate"},
    {"auth_http.ssl_options.*", LOG_WARNING,
     "TLS 1.2 and 1.3 are used, with OpenSSL's ciphers; the server's name is that in the URL"},
    {"auth_ldap.ssl_options.fail_if_no_peer_cert", LOG_INFO, "a server always has a certificate"},
    {"auth_ldap.ssl_options.*", LOG_WARNING, "TLS 1.2 and 1.3 are used, with OpenSSL's ciphers"},
    {"trust_store.*", LOG_WARNING, "list the CAs in ssl_options.cacertfile"},
    {"definitions.hashing.*", LOG_INFO, "there is one hash"},
    {"definitions.tls.fail_if_no_peer_cert", LOG_INFO, "a server always has a certificate"},
    {"definitions.tls.log_level", LOG_INFO,
     "why a server's certificate is refused is always logged"},
    {"definitions.tls.cacerts.*", LOG_WARNING, "name a file with definitions.tls.cacertfile"},
    {"definitions.tls.cert", LOG_WARNING, "name a file with definitions.tls.certfile"},
    {"definitions.tls.key", LOG_WARNING, "name a file with definitions.tls.keyfile"},
    {"definitions.tls.crl_check", LOG_WARNING, "lists of revoked certificates are not read"},
    {"definitions.tls.*", LOG_INFO, "one file is fetched, by a connection of its own"},
    {"definitions.*", LOG_WARNING,
     "definitions are loaded from local files and from definitions.https.url"},
    {"mqtt.*", LOG_WARNING, "MQTT comes in a later version"},
    {"web_mqtt.*", LOG_WARNING, "MQTT comes in a later version"},
    {"stomp.*", LOG_WARNING, "STOMP comes in a later version"},
    {"web_stomp.*", LOG_WARNING, "STOMP comes in a later version"},
    {"stream.*", LOG_WARNING, "the stream protocol comes in a later version"},
    {"amqp1_0.*", LOG_WARNING, "AMQP 1.0 comes in a later version"},
    {"prometheus.filter_aggregated_queue_metrics_pattern", LOG_INFO, "all queues are counted"},
    {"prometheus.ssl.client_renegotiation", LOG_INFO, "renegotiation is always refused"},
    {"prometheus.ssl.secure_renegotiate", LOG_INFO, "renegotiation is always refused"},
    {"prometheus.ssl.honor_ecc_order", LOG_INFO,
     "prometheus.ssl.honor_cipher_order decides that too"},
    {"prometheus.ssl.*", LOG_INFO, "management.tcp.* is for every listener of HTTP"},
    {"prometheus.tcp.*", LOG_INFO, "management.tcp.* is for every listener of HTTP"},
    {"prometheus.*", LOG_INFO, "metrics have no such setting"},
    {"management.restrictions.quorum_queue_replica_operations.disabled", LOG_INFO,
     "there is one replica, which no operation changes"},
    {"management.restrictions.*", LOG_WARNING, "this cannot be restricted"},
    {"management.enable_queue_totals", LOG_INFO, "totals are always shown"},
    {"management.*", LOG_INFO, "the management API has no such setting"},
    {"management_agent.*", LOG_INFO, "statistics need no agent"},
    {"tcp_listen_options", LOG_INFO, "set the options one by one"},
    {"log.console.use_colors", LOG_INFO, "lines have no colours"},
    {"log.console.color_esc_seqs.*", LOG_INFO, "lines have no colours"},
    {"log.console.formatter.single_line", LOG_INFO, "each event is one line"},
    {"log.file.formatter.single_line", LOG_INFO, "each event is one line"},
    {"log.syslog.formatter.single_line", LOG_INFO, "each event is one line"},
    {"log.exchange.formatter.single_line", LOG_INFO, "each event is one line"},
    {"log.syslog.multiline_mode", LOG_INFO, "each event is one line"},
    {"log.syslog.ssl_options.*", LOG_INFO, "the server's certificate is checked"},
    {"log.summarize_process_state", LOG_INFO, "there is no Erlang"},
    {"log.error_logger_format_depth", LOG_INFO, "there is no Erlang"},
    {"log.*", LOG_INFO, "this setting of the log is not supported"},
    {"tcp_listen_options.exit_on_close", LOG_INFO, "a client that closes its side has left"},
    {"tcp_listen_options.buffer", LOG_INFO,
     "connections share the buffers that they are read into"},
    {"tcp_listen_options.high_watermark", LOG_INFO, "docs/configuration.md tells how much waits"},
    {"tcp_listen_options.low_watermark", LOG_INFO, "docs/configuration.md tells how much waits"},
    {"tcp_listen_options.*", LOG_INFO, "the kernel's default is used"},
    {"num_acceptors.*", LOG_INFO, "every loop accepts connections"},
    {"reverse_dns_lookups", LOG_INFO, "peers are shown by address"},
    {"cluster_formation.*", LOG_WARNING, "this version runs as a single node"},
    {"cluster_partition_handling", LOG_INFO, "this version runs as a single node"},
    {"cluster_partition_handling.*", LOG_INFO, "this version runs as a single node"},
    {"cluster_keepalive_interval", LOG_INFO, "this version runs as a single node"},
    {"cluster_tags.*", LOG_INFO, "this version runs as a single node"},
    {"node_tags.*", LOG_INFO, "this version runs as a single node"},
    {"mirroring_sync_*", LOG_INFO, "this version runs as a single node"},
    {"distribution.*", LOG_INFO, "there is no Erlang distribution"},
    {"net_ticktime", LOG_INFO, "there is no Erlang distribution"},
    {"erlang.*", LOG_INFO, "there is no Erlang"},
    {"sysmon_handler.*", LOG_INFO, "there is no Erlang"},
    {"background_gc_*", LOG_INFO, "there is no garbage collector"},
    {"hipe_compile", LOG_INFO, "there is no Erlang"},
    {"delegate_count", LOG_INFO, "the number of threads is set with loops"},
    {"default_worker_pool_size", LOG_INFO, "the number of threads is set with loops"},
    {"socket_writer.*", LOG_INFO, "there is no garbage collector"},
    {"queue_leader_locator", LOG_INFO, "this version runs as a single node"},
    {"queue_master_locator", LOG_INFO, "this version runs as a single node"},
    {"quorum_queue.*", LOG_INFO, "this version runs as a single node"},
    {"quorum_*", LOG_INFO, "this version runs as a single node"},
    {"raft.*", LOG_INFO, "this version runs as a single node"},
    {"classic_queue.*", LOG_INFO, "there is only one kind of message store"},
    {"queue_index_embed_msgs_below", LOG_INFO, "there is only one kind of message store"},
    {"message_store_shutdown_timeout", LOG_INFO,
     "the broker stops only after pending writes are stored"},
    {"msg_store_*", LOG_INFO, "there is only one kind of message store"},
    {"mnesia_*", LOG_INFO, "definitions are stored in SQLite"},
    {"khepri_*", LOG_INFO, "definitions are stored in SQLite"},
    {"metadata_store.*", LOG_INFO, "definitions are stored in SQLite"},
    {"collect_statistics", LOG_INFO, "management.rates_mode decides what is collected"},
    {"memory_monitor_interval", LOG_INFO, "memory is checked at least once a second"},
    {"vm_memory_calculation_strategy", LOG_INFO, "resident memory is measured"},
    {"vm_memory_high_watermark_paging_ratio", LOG_INFO, "paging out needs no ratio"},
    {"vhost_restart_strategy", LOG_INFO, "a vhost never fails on its own"},
    {"session_max_per_connection", LOG_INFO, "AMQP 1.0 comes in a later version"},
    {"link_max_per_session", LOG_INFO, "AMQP 1.0 comes in a later version"},
    {"exchange_types.*", LOG_INFO, "every exchange type is available"},
    {"message_interceptors.*", LOG_WARNING, "message interceptors are not supported"},
    {"event_exchange.protocol", LOG_INFO, "events are always AMQP 0-9-1 messages"},
    {"shovel.*", LOG_WARNING, "shovels come in a later version"},
    {"federation.*", LOG_WARNING, "federation comes in a later version"},
    {"deprecated_features.*", LOG_INFO, "all deprecated features are permitted"},
    {"amqp10_client.*", LOG_WARNING, "shovels come in a later version"},
    {"amqp_client.*", LOG_WARNING, "shovels and federation come in a later version"},
    {"channel_interceptor.*", LOG_WARNING, "message interceptors are not supported"},
    {"consumer_disconnected_timeout", LOG_INFO, "this version runs as a single node"},
    {"http_dispatch.*", LOG_INFO, "management.* has the settings of the API"},
    {"prevent_startup_if_node_was_reset", LOG_INFO,
     "lost definitions are noticed by the log of messages"},
    {"queue_types.*", LOG_WARNING, "every queue type is available"},
    {"runtime_parameters.limits.*", LOG_WARNING, "this limit is not supported"},
    {"tracing.*", LOG_INFO, "traced messages are not written to files"},
    {"motd_file", LOG_INFO, "there is no message of the day"},
    {"aws.*", LOG_INFO, "this version runs as a single node"},
};

void config_tell(const struct location *location, enum log_level level, const char *format, ...)
{
    struct lv_buffer text = {0};
    lv_buffer_printf(&text, "%s:", location->source);
    if (location->line > 0)
        lv_buffer_printf(&text, "%d:", location->line);
    lv_buffer_add_u8(&text, ' ');
    va_list args;
    va_start(args, format);
    lv_buffer_vprintf(&text, format, args);
    va_end(args);
    location->say(location->arg, level, (const char *)text.p);
    lv_buffer_free(&text);
}

void config_say_log(void *arg, enum log_level level, const char *text)
{
    (void)arg;
    log_line(level, "%s", text);
}

void config_say_nothing(void *arg, enum log_level level, const char *text)
{
    (void)arg, (void)level, (void)text;
}

static bool is_idle_key(const struct idle_key *idle, const char *key)
{
    size_t n = strlen(idle->key);
    if (idle->key[n - 1] == '*')
        return strncmp(key, idle->key, n - 1) == 0;
    return strcmp(key, idle->key) == 0;
}

/* Reports that the key has no effect, if it is one of these. Returns false if it is not. */
static bool tell_idle(const struct idle_key *keys, size_t count, const char *key,
                      const struct location *location)
{
    for (size_t i = 0; i < count; i++) {
        if (is_idle_key(&keys[i], key)) {
            config_tell(location, keys[i].level, "%s has no effect: %s", key, keys[i].why);
            return true;
        }
    }
    return false;
}

void config_tell_unknown(const char *key, const struct location *location)
{
    if (tell_idle(idle_keys, sizeof idle_keys / sizeof idle_keys[0], key, location))
        return;
    char *meant = config_suggest(key);
    if (meant)
        config_tell(location, LOG_WARNING, "ignoring unknown key '%s': did you mean %s?", key,
                    meant);
    else
        config_tell(location, LOG_WARNING, "ignoring unknown key '%s'", key);
    free(meant);
}

void config_suggest_idle(struct nearest *nearest)
{
    for (size_t i = 0; i < sizeof idle_keys / sizeof idle_keys[0]; i++)
        config_suggest_consider(nearest, idle_keys[i].key);
}
