/* Rules about the nodes, their plugins and listeners, and the clients that are connected. */
#include <stdlib.h>
#include <string.h>

#include "base/rabbitmq_plugins.h"
#include "migrate/check_rules.h"
#include "migrate/known.h"

static const json_t *nodes_of(const json_t *source)
{
    return json_object_get(source, "nodes");
}

void migration_rule_several_nodes(const json_t *source, struct places *out)
{
    const json_t *node;
    size_t n;
    if (json_array_size(nodes_of(source)) > 1)
        json_array_foreach(nodes_of(source), n, node)
            places_add(out, "node '%s'", text_of_member(node, "name"));
}

void migration_rule_alarms(const json_t *source, struct places *out)
{
    const json_t *node;
    size_t n;
    json_array_foreach(nodes_of(source), n, node)
    {
        if (json_is_true(json_object_get(node, "mem_alarm")))
            places_add(out, "memory, node '%s'", text_of_member(node, "name"));
        if (json_is_true(json_object_get(node, "disk_free_alarm")))
            places_add(out, "disk, node '%s'", text_of_member(node, "name"));
    }
}

void migration_rule_version(const json_t *source, struct places *out)
{
    const char *version = text_of_member(json_object_get(source, "overview"), "rabbitmq_version");
    char *end;
    long major = strtol(version, &end, 10);
    long minor = *end == '.' ? strtol(end + 1, NULL, 10) : 0;
    if (*version && (major != 3 || minor < 8))
        places_add(out, "%s", version);
}

void migration_rule_tracing(const json_t *source, struct places *out)
{
    const json_t *vhost;
    size_t n;
    json_array_foreach(json_object_get(source, "vhosts"), n, vhost)
    {
        if (json_is_true(json_object_get(vhost, "tracing")))
            places_add(out, "vhost '%s'", text_of_member(vhost, "name"));
    }
}

/* --- plugins ---------------------------------------------------------------------------------- */

/* Adds the plugins of this kind: those that are enabled on the first node, as on all of them. */
static void add_plugins(struct places *out, const json_t *source, enum plugin_kind kind)
{
    const json_t *plugin;
    size_t n;
    json_array_foreach(json_object_get(json_array_get(nodes_of(source), 0), "enabled_plugins"), n,
                       plugin)
    {
        if (json_is_string(plugin) && plugin_kind(json_string_value(plugin)) == kind)
            places_add(out, "%s", json_string_value(plugin));
    }
}

void migration_rule_missing_plugins(const json_t *source, struct places *out)
{
    add_plugins(out, source, PLUGIN_MISSING);
}

void migration_rule_unknown_plugins(const json_t *source, struct places *out)
{
    add_plugins(out, source, PLUGIN_UNKNOWN);
}

void migration_rule_auth_plugins(const json_t *source, struct places *out)
{
    add_plugins(out, source, PLUGIN_AUTH);
}

/* --- listeners -------------------------------------------------------------------------------- */

static bool is_secure(const char *protocol)
{
    return strcmp(protocol, "https") == 0 || strstr(protocol, "/ssl") || strstr(protocol, "/tls") ||
           strncmp(protocol, "https/", strlen("https/")) == 0;
}

typedef bool listener_test(const char *protocol);

static void add_listeners(struct places *out, const json_t *source, listener_test *test)
{
    const json_t *listener;
    size_t n;
    json_array_foreach(json_object_get(json_object_get(source, "overview"), "listeners"), n,
                       listener)
    {
        const char *protocol = text_of_member(listener, "protocol");
        if (test(protocol))
            places_add(out, "%s, port %" JSON_INTEGER_FORMAT ", node '%s'", protocol,
                       number_of_member(listener, "port"), text_of_member(listener, "node"));
    }
}

static bool is_foreign_listener(const char *protocol)
{
    static const char *const ours[] = {"amqp",  "amqp/ssl",        "clustering",       "http",
                                       "https", "http/prometheus", "https/prometheus", NULL};
    return !is_known(protocol, ours);
}

void migration_rule_foreign_listeners(const json_t *source, struct places *out)
{
    add_listeners(out, source, is_foreign_listener);
}

void migration_rule_tls_listeners(const json_t *source, struct places *out)
{
    add_listeners(out, source, is_secure);
}

/* --- clients ---------------------------------------------------------------------------------- */

/* Returns whether the protocol of a connection is one that Leveret speaks; "Direct ..." are
 * RabbitMQ's own connections, such as those of shovels. A connection that has just been opened has
 * none. */
static bool is_spoken(const char *protocol)
{
    static const char *const spoken[] = {"", "AMQP 0-9-1", "AMQP 0-9", "AMQP 0-8", NULL};
    return is_known(protocol, spoken) || strncmp(protocol, "Direct ", strlen("Direct ")) == 0;
}

void migration_rule_foreign_connections(const json_t *source, struct places *out)
{
    const json_t *connection;
    size_t n;
    json_array_foreach(json_object_get(source, "connections"), n, connection)
    {
        const char *protocol = text_of_member(connection, "protocol");
        if (!is_spoken(protocol))
            places_add(out, "%s, user '%s', connection '%s'", protocol,
                       text_of_member(connection, "user"), text_of_member(connection, "name"));
    }
}

void migration_rule_consumer_timeout(const json_t *source, struct places *out)
{
    const json_t *consumer;
    size_t n;
    json_array_foreach(json_object_get(source, "consumers"), n, consumer)
    {
        if (json_is_true(json_object_get(consumer, "ack_required")))
            places_add(out, "consumer '%s' of queue '%s'", text_of_member(consumer, "consumer_tag"),
                       text_of_member(json_object_get(consumer, "queue"), "name"));
    }
}

/* --- what was not seen ------------------------------------------------------------------------ */

void migration_rule_unread(const json_t *source, struct places *out)
{
    const json_t *row;
    size_t n;
    json_array_foreach(json_object_get(source, "unread"), n, row)
        places_add(out, "%s: %s", text_of_member(row, "path"), text_of_member(row, "reason"));
}

void migration_rule_config_files(const json_t *source, struct places *out)
{
    const json_t *node, *file;
    size_t n, i;
    json_array_foreach(nodes_of(source), n, node)
    {
        json_array_foreach(json_object_get(node, "config_files"), i, file)
        {
            if (json_is_string(file))
                places_add(out, "%s, node '%s'", json_string_value(file),
                           text_of_member(node, "name"));
        }
    }
}
