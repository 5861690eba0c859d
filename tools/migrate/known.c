#include "migrate/known.h"

#include <stddef.h>
#include <string.h>

const char *const known_exchange_types[] = {
    "direct",
    "fanout",
    "headers",
    "topic",
    "x-consistent-hash",
    "x-delayed-message",
    "x-local-random",
    "x-message-deduplication",
    "x-modulus-hash",
    "x-random",
    "x-recent-history",
    NULL,
};

const char *const known_hashes[] = {
    "rabbit_password_hashing_sha256",
    "rabbit_password_hashing_sha512",
    "rabbit_password_hashing_md5",
    "scrypt",
    NULL,
};

const char *const known_components[] = {"operator_policy", "policy", "vhost-limits", NULL};

const char *const known_policy_keys[] = {
    "alternate-exchange",
    "consumer-disconnected-timeout",
    "consumer-timeout",
    "dead-letter-exchange",
    "dead-letter-routing-key",
    "dead-letter-strategy",
    "delayed-message",
    "delayed-retry-max",
    "delayed-retry-min",
    "delayed-retry-type",
    "delivery-limit",
    "expires",
    "federation-upstream",
    "federation-upstream-pattern",
    "federation-upstream-set",
    "federation-upstream-set-pattern",
    "ha-mode",
    "ha-params",
    "ha-promote-on-failure",
    "ha-promote-on-shutdown",
    "ha-sync-batch-size",
    "ha-sync-mode",
    "initial-cluster-size",
    "max-age",
    "max-in-memory-bytes",
    "max-in-memory-length",
    "max-length",
    "max-length-bytes",
    "message-ttl",
    "overflow",
    "queue-leader-locator",
    "queue-master-locator",
    "queue-mode",
    "queue-version",
    "routing-key",
    "shards-per-node",
    "stream-filter-size-bytes",
    "stream-max-segment-size-bytes",
    "target-group-size",
    NULL,
};

const char *const known_queue_arguments[] = {
    "x-cache-persistence",
    "x-cache-size",
    "x-cache-ttl",
    "x-consumer-timeout",
    "x-dead-letter-exchange",
    "x-dead-letter-routing-key",
    "x-dead-letter-strategy",
    "x-deduplication-header",
    "x-delivery-limit",
    "x-expires",
    "x-initial-cluster-size",
    "x-last-value-key",
    "x-max-age",
    "x-max-in-memory-bytes",
    "x-max-in-memory-length",
    "x-max-length",
    "x-max-length-bytes",
    "x-max-priority",
    "x-message-deduplication",
    "x-message-ttl",
    "x-overflow",
    "x-queue-leader-locator",
    "x-queue-master-locator",
    "x-queue-mode",
    "x-queue-type",
    "x-queue-version",
    "x-quorum-initial-group-size",
    "x-single-active-consumer",
    "x-stream-max-segment-size-bytes",
    NULL,
};

bool is_known(const char *name, const char *const *list)
{
    while (*list && strcmp(*list, name) != 0)
        list++;
    return *list != NULL;
}

/* What is in no list is unknown: a plugin that somebody has written. */
static const struct {
    const char *name;
    enum plugin_kind kind;
} plugins[] = {
    {"accept", PLUGIN_BUILT_IN},
    {"amqp_client", PLUGIN_BUILT_IN},
    {"cowboy", PLUGIN_BUILT_IN},
    {"cowlib", PLUGIN_BUILT_IN},
    {"oauth2_client", PLUGIN_BUILT_IN},
    {"rabbitmq_amqp1_0", PLUGIN_MISSING},
    {"rabbitmq_auth_backend_cache", PLUGIN_AUTH},
    {"rabbitmq_auth_backend_http", PLUGIN_AUTH},
    {"rabbitmq_auth_backend_internal_loopback", PLUGIN_MISSING},
    {"rabbitmq_auth_backend_ldap", PLUGIN_AUTH},
    {"rabbitmq_auth_backend_oauth2", PLUGIN_AUTH},
    {"rabbitmq_auth_mechanism_ssl", PLUGIN_AUTH},
    {"rabbitmq_aws", PLUGIN_BUILT_IN},
    {"rabbitmq_consistent_hash_exchange", PLUGIN_BUILT_IN},
    {"rabbitmq_delayed_message_exchange", PLUGIN_BUILT_IN},
    {"rabbitmq_event_exchange", PLUGIN_BUILT_IN},
    {"rabbitmq_federation", PLUGIN_MISSING},
    {"rabbitmq_federation_management", PLUGIN_MISSING},
    {"rabbitmq_jms_topic_exchange", PLUGIN_MISSING},
    {"rabbitmq_management", PLUGIN_BUILT_IN},
    {"rabbitmq_management_agent", PLUGIN_BUILT_IN},
    {"rabbitmq_message_deduplication", PLUGIN_BUILT_IN},
    {"rabbitmq_mqtt", PLUGIN_MISSING},
    {"rabbitmq_peer_discovery_aws", PLUGIN_BUILT_IN},
    {"rabbitmq_peer_discovery_common", PLUGIN_BUILT_IN},
    {"rabbitmq_peer_discovery_consul", PLUGIN_BUILT_IN},
    {"rabbitmq_peer_discovery_etcd", PLUGIN_BUILT_IN},
    {"rabbitmq_peer_discovery_k8s", PLUGIN_BUILT_IN},
    {"rabbitmq_prometheus", PLUGIN_BUILT_IN},
    {"rabbitmq_random_exchange", PLUGIN_BUILT_IN},
    {"rabbitmq_recent_history_exchange", PLUGIN_BUILT_IN},
    {"rabbitmq_sharding", PLUGIN_MISSING},
    {"rabbitmq_shovel", PLUGIN_MISSING},
    {"rabbitmq_shovel_management", PLUGIN_MISSING},
    {"rabbitmq_stomp", PLUGIN_MISSING},
    {"rabbitmq_stream", PLUGIN_MISSING},
    {"rabbitmq_stream_common", PLUGIN_MISSING},
    {"rabbitmq_stream_management", PLUGIN_MISSING},
    {"rabbitmq_top", PLUGIN_BUILT_IN},
    {"rabbitmq_tracing", PLUGIN_MISSING},
    {"rabbitmq_trust_store", PLUGIN_MISSING},
    {"rabbitmq_web_dispatch", PLUGIN_BUILT_IN},
    {"rabbitmq_web_mqtt", PLUGIN_MISSING},
    {"rabbitmq_web_stomp", PLUGIN_MISSING},
};

enum plugin_kind plugin_kind(const char *name)
{
    for (size_t i = 0; i < sizeof plugins / sizeof *plugins; i++)
        if (strcmp(plugins[i].name, name) == 0)
            return plugins[i].kind;
    return PLUGIN_UNKNOWN;
}
