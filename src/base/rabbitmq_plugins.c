/* What the plugins of RabbitMQ are to Leveret, in the order of their names. */
#include "base/rabbitmq_plugins.h"

#include <string.h>

const struct rabbitmq_plugin rabbitmq_plugins[] = {
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
    {NULL, PLUGIN_UNKNOWN},
};

/* Libraries of theirs, which RabbitMQ lists beside the plugins. */
static const char *const libraries[] = {
    "accept", "amqp_client", "cowboy", "cowlib", "oauth2_client", NULL,
};

enum plugin_kind plugin_kind(const char *name)
{
    for (const struct rabbitmq_plugin *p = rabbitmq_plugins; p->name; p++)
        if (strcmp(p->name, name) == 0)
            return p->kind;
    for (const char *const *library = libraries; *library; library++)
        if (strcmp(*library, name) == 0)
            return PLUGIN_BUILT_IN;
    return PLUGIN_UNKNOWN;
}

bool plugin_is_part(enum plugin_kind kind)
{
    return kind == PLUGIN_BUILT_IN || kind == PLUGIN_AUTH;
}
