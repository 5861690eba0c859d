/* What a running RabbitMQ uses that Leveret does not have, or does differently: a row each. A rule
 * is a pure function of what was read (management.c), which is foreign JSON of any shape: it adds
 * the places where it finds something, and finds nothing in what is missing.
 *
 * Of this machine, what was read may have two more members: `data_disk_free`, the bytes that are
 * free where the data directory is; and `local`, if a broker runs, with `faults`, a list of texts:
 * why it would refuse to import the definitions.
 *
 *   R(name, severity, what, instead, remedy)
 *     name      of the rule, for ever: in reports, in docs/moving-over.md
 *     severity  BLOCKS: something would be lost, or is refused; DIFFERS; NOTE: to be thought of
 *     what      it is
 *     instead   what Leveret does
 *     remedy    what to do */
#ifndef MIGRATE_CHECK_RULES_H
#define MIGRATE_CHECK_RULES_H

#include <jansson.h>

#include "migrate/places.h"

enum migration_severity {
    MIGRATION_BLOCKS,
    MIGRATION_DIFFERS,
    MIGRATION_NOTE,
    MIGRATION_SEVERITIES,
};

/* clang-format off */
#define MIGRATION_RULES(R)                                                                         \
    R(stream_queues, BLOCKS, "Queues of type stream",                                              \
      "refuses to declare and to import them",                                                     \
      "Keep these at RabbitMQ, or let their clients use classic or quorum queues; import the definitions with --skip-unsupported.") \
    R(unknown_queue_types, BLOCKS, "Queues of another type",                                       \
      "has classic and quorum queues",                                                             \
      "Declare these queues as classic or quorum queues; import the definitions with --skip-unsupported.") \
    R(exchange_types, BLOCKS, "Exchanges of types that Leveret does not have",                     \
      "refuses to declare and to import them",                                                     \
      "Use another type, or import the definitions with --skip-unsupported, which leaves out their bindings as well.") \
    R(delayed_messages, BLOCKS, "Messages that a delayed exchange holds",                          \
      "cannot get them: no client can read them, so they stay behind",                             \
      "Wait until they are due, then move; or let the applications publish them again.")           \
    R(foreign_connections, BLOCKS, "Clients that speak another protocol than AMQP 0-9-1",          \
      "speaks AMQP 0-9-1 alone",                                                                   \
      "Leave these clients at RabbitMQ, or let them use a library for AMQP 0-9-1.")                \
    R(shovels_and_federation, BLOCKS, "Shovels, federation upstreams and other parameters of plugins", \
      "refuses to import them",                                                                    \
      "Import the definitions with --skip-unsupported, and let an application move those messages, or a shovel of another RabbitMQ, which can connect to Leveret.") \
    R(unknown_policy_keys, BLOCKS, "Keys of policies that Leveret does not know",                  \
      "refuses to import these policies",                                                          \
      "Take the key out of the policy before you export the definitions.")                         \
    R(password_hashes, BLOCKS, "Users whose passwords are hashed by an algorithm that Leveret does not know", \
      "refuses to import these users",                                                             \
      "Take password_hash out of the exported file for these users, and set their passwords after the import.") \
    R(refused_by_import, BLOCKS, "Definitions that the broker on this machine would refuse",       \
      "imports nothing as long as one of them is in the file",                                     \
      "Change them at RabbitMQ, or in the exported file; --skip-unsupported leaves out what is of unknown types.") \
    R(disk_too_small, BLOCKS, "More messages than the disk of this machine can take",              \
      "stops publishers when the disk is nearly full",                                             \
      "Give the data directory more space, or let consumers empty the queues first.")              \
    R(several_nodes, DIFFERS, "Several nodes",                                                     \
      "is one node, without replicas",                                                             \
      "Plan for the time in which one machine is down: messages are safe on its disk, but nobody gets them.") \
    R(mirrored_queues, DIFFERS, "Policies for mirrored queues",                                    \
      "takes ha-... keys, which have no effect on one node",                                       \
      "Nothing need be changed.")                                                                  \
    R(quorum_queues, DIFFERS, "Quorum queues",                                                     \
      "keeps them on one node, every message on disk before it is confirmed; returned messages keep their places in the queue", \
      "Nothing need be changed.")                                                                  \
    R(delivery_limit_missing, DIFFERS, "Quorum queues with a dead letter exchange and without a delivery limit", \
      "dead-letters a message that was returned more than 20 times",                               \
      "If messages should be returned for ever, set x-delivery-limit to -1, or to a higher number.") \
    R(policies_without_effect, DIFFERS, "Policies for federation, sharding or streams",            \
      "takes them; these keys have no effect",                                                     \
      "See what relies on them.")                                                                  \
    R(foreign_listeners, DIFFERS, "Listeners for other protocols",                                 \
      "has listeners for AMQP 0-9-1, HTTP and metrics",                                            \
      "See whether clients use these ports: those connected now are listed by foreign_connections.") \
    R(missing_plugins, DIFFERS, "Plugins whose work Leveret does not do",                          \
      "does not have what they do",                                                                \
      "See what uses them.")                                                                       \
    R(unknown_plugins, DIFFERS, "Plugins that Leveret does not know",                              \
      "has no plugins of RabbitMQ's",                                                              \
      "Find out what they change: routing, logins, or nothing that clients notice.")               \
    R(auth_plugins, DIFFERS, "Plugins that decide who may log in and do what",                     \
      "can ask the same services, if it is configured: docs/authentication.md, docs/tls.md",       \
      "Carry over the settings auth_backends, auth_mechanisms and those of each backend; users and permissions that the services know are in no export.") \
    R(queue_arguments, DIFFERS, "Arguments of queues that Leveret does not know",                   \
      "takes them",                                                                                \
      "See what relies on them.")                                                                  \
    R(unknown_tags, NOTE, "Users with tags that give no rights",                                   \
      "keeps them, without effect",                                                                \
      "If an authentication plugin gives them a meaning, see what takes its place.")               \
    R(exclusive_queues, NOTE, "Exclusive queues",                                                  \
      "gets them from the clients, which declare them when they connect",                          \
      "Nothing need be moved: they and their messages end with their connections.")                \
    R(transient_queues, NOTE, "Queues that are not durable",                                       \
      "gets them from the clients, which declare them; definitions do not have them",              \
      "Let clients that expect them declare them, or consume their messages before you move.")     \
    R(unacked_messages, NOTE, "Messages that consumers hold unacknowledged",                       \
      "can get them only when they are back in their queues",                                      \
      "Stop these consumers before the last messages are moved; a message is in the queue again when its channel is closed.") \
    R(single_consumers, NOTE, "Queues with an exclusive or a single active consumer",              \
      "does the same",                                                                             \
      "Stop that consumer while messages are moved: as long as it is there, nobody else can read the queue.") \
    R(alarms, NOTE, "Alarms at RabbitMQ",                                                          \
      "has alarms, too",                                                                           \
      "RabbitMQ blocks publishers while an alarm is on; see that this machine has more memory and disk.") \
    R(tls_listeners, NOTE, "Listeners with TLS",                                                   \
      "reads the same ssl_options and PEM files",                                                  \
      "Copy the certificates and keys to this machine; the certificate must name the host that clients connect to.") \
    R(tracing, NOTE, "Virtual hosts that are traced",                                              \
      "traces in the same way, when trace_on is called",                                           \
      "Call leveretctl trace_on after the move, if it is still wanted.")                           \
    R(version, NOTE, "A version of RabbitMQ that is not 3.8 to 3.13",                              \
      "behaves like RabbitMQ 3.10",                                                                \
      "From 4.x: quorum queues have a delivery limit of 20 there, and AMQP 1.0 is built in. Before 3.8: import the definitions and compare.") \
    R(unread, NOTE, "Paths of the HTTP API that could not be read",                                \
      "was not compared in these",                                                                 \
      "Look at the reason, and check again.")                                                      \
    R(consumer_timeout, NOTE, "Consumers that acknowledge: their timeout is not shown over HTTP",  \
      "lets a consumer hold a delivery for any time, unless consumer_timeout, x-consumer-timeout or a policy sets one; RabbitMQ closes the channel after 30 minutes", \
      "Set consumer_timeout if you rely on it.")                                                   \
    R(config_files, NOTE, "The configuration, which the HTTP API does not show",                   \
      "reads rabbitmq.conf, and its environment variables",                                        \
      "Run leveretd --check-config rabbitmq.conf with RabbitMQ's file: it says which keys have no effect here. advanced.config is to be read by eye.")
/* clang-format on */

struct migration_rule {
    const char *name;
    enum migration_severity severity;
    const char *what, *instead, *remedy;
    void (*find)(const json_t *source, struct places *out);
};

enum {
#define MIGRATION_RULE_INDEX(name, ...) MIGRATION_RULE_##name,
    MIGRATION_RULES(MIGRATION_RULE_INDEX)
#undef MIGRATION_RULE_INDEX
        MIGRATION_RULES_COUNT
};

extern const struct migration_rule migration_rules[MIGRATION_RULES_COUNT];

#define MIGRATION_RULE_FUNCTION(name, ...)                                                         \
    void migration_rule_##name(const json_t *source, struct places *out);
MIGRATION_RULES(MIGRATION_RULE_FUNCTION)
#undef MIGRATION_RULE_FUNCTION

/* As struct migrate_module's `check` (migrate.h). */
json_t *migration_report(const json_t *source);

#endif
