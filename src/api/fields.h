/* The fields of the API's objects, a row each, as in manage/columns.h: the name, the type
 * (manage/column.h), and the value, computed from the facts `f` and from `m`, the struct manage.
 * Names with dots are members of an object in the object: "message_stats.publish"; those of one
 * object are neighbours. Output, `sort`, `columns` and openapi.json come from these rows. */
#ifndef LEVERET_API_FIELDS_H
#define LEVERET_API_FIELDS_H

#include "api/statistic_values.h"

/* A statistic, and its rate and samples. */
#define STATISTIC_FIELD(C, prefix, name)                                                           \
    C(prefix #name, name, STATISTIC, f->statistics, STATISTIC_##name)                              \
    C(prefix #name "_details", name##_details, DETAILS, f->statistics, STATISTIC_##name)
/* The rate of a field whose value is a fact: 0 until the sampler has seen the object. */
#define DETAILS_FIELD(C, name)                                                                     \
    C(#name "_details", name##_details, DETAILS_OR_ZERO, f->statistics, STATISTIC_##name)

/* Of a queue: what it holds. Left out while its messages are still being read. */
#define HELD_FIELD(C, name, n) C(#name, name, NUMBER_WHERE, !f->is_restoring, n)

/* clang-format off */
#define DELIVERY_FIELDS(C)                                                                         \
    STATISTIC_FIELD(C, "message_stats.", ack)                                                      \
    STATISTIC_FIELD(C, "message_stats.", deliver)                                                  \
    STATISTIC_FIELD(C, "message_stats.", deliver_get)                                              \
    STATISTIC_FIELD(C, "message_stats.", deliver_no_ack)                                           \
    STATISTIC_FIELD(C, "message_stats.", get)                                                      \
    STATISTIC_FIELD(C, "message_stats.", get_empty)                                                \
    STATISTIC_FIELD(C, "message_stats.", get_no_ack)                                               \
    STATISTIC_FIELD(C, "message_stats.", publish)                                                  \
    STATISTIC_FIELD(C, "message_stats.", redeliver)
#define PUBLISHER_FIELDS(C)                                                                        \
    STATISTIC_FIELD(C, "message_stats.", confirm)                                                  \
    STATISTIC_FIELD(C, "message_stats.", drop_unroutable)                                          \
    STATISTIC_FIELD(C, "message_stats.", return_unroutable)

/* What is shown of a queue without statistics (disable_stats); with enable_queue_totals also the
 * totals. Without totals the state is "live": that the queue is there. */
#define API_QUEUE_PLAIN_FIELDS(C)                                                                  \
    C("arguments", arguments, TABLE, f->arguments)                                                 \
    C("auto_delete", auto_delete, BOOL, f->is_auto_delete)                                         \
    C("durable", durable, BOOL, f->is_durable)                                                     \
    C("exclusive", exclusive, BOOL, f->owner != 0)                                                 \
    C("name", name, STRING, f->name)                                                               \
    C("node", node, TEXT, m->node_name)                                                            \
    C("type", type, TEXT, queue_type_name(queue_type(f->queue)))                                   \
    C("vhost", vhost, STRING, vhost_name(queue_entry(f->queue)->vhost))
#define API_QUEUE_LIVE_FIELDS(C)                                                                   \
    C("state", live, TEXT, "live")
#define API_QUEUE_TOTAL_FIELDS(C)                                                                  \
    HELD_FIELD(C, messages, f->ready + f->unacked + f->dead_letters)                               \
    HELD_FIELD(C, messages_ready, f->ready)                                                        \
    HELD_FIELD(C, messages_unacknowledged, f->unacked)                                             \
    C("state", state, TEXT, queue_state(f))
#define API_QUEUE_REPLICA_FIELDS(C)                                                                \
    C("leader", leader, STRING_WHERE, f->is_quorum, slice_str(m->node_name))                       \
    C("members", members, NODES_WHERE, f->is_quorum)                                               \
    C("online", online, NODES_WHERE, f->is_quorum)
/* Without statistics, a policy is shown if there is one. */
#define API_QUEUE_POLICY_FIELDS(C)                                                                 \
    C("policy", policy_if_any, STRING_WHERE, policy_name(f, POLICY_ORDINARY).n > 0,                \
      policy_name(f, POLICY_ORDINARY))
#define API_QUEUE_STATISTIC_FIELDS(C)                                                              \
    C("consumer_capacity", consumer_capacity, REAL_IF, f->consumers > 0, f->utilisation)           \
    C("consumer_utilisation", consumer_utilisation, REAL_IF, f->consumers > 0, f->utilisation)     \
    HELD_FIELD(C, consumers, f->consumers)                                                         \
    C("effective_policy_definition", effective_policy_definition, DEFINITION, f->policy)           \
    C("exclusive_consumer_tag", exclusive_consumer_tag, STRING_OR_NULL, f->exclusive_tag)          \
    C("head_message_timestamp", head_message_timestamp, NUMBER_IF, f->has_head_time, f->head_time) \
    C("idle_since", idle_since, IDLE_SINCE, f->statistics)                                         \
    C("memory", memory, NUMBER, f->memory)                                                         \
    HELD_FIELD(C, message_bytes, f->ready_bytes + f->unacked_bytes + f->dead_letter_bytes)         \
    C("message_bytes_dlx", message_bytes_dlx, NUMBER_WHERE, f->is_quorum && !f->is_restoring, f->dead_letter_bytes) \
    HELD_FIELD(C, message_bytes_paged_out, f->disk_ready_bytes)                                    \
    HELD_FIELD(C, message_bytes_persistent, f->persistent_bytes)                                   \
    HELD_FIELD(C, message_bytes_ram, f->ready_bytes - f->disk_ready_bytes + f->unacked_bytes)      \
    HELD_FIELD(C, message_bytes_ready, f->ready_bytes)                                             \
    HELD_FIELD(C, message_bytes_unacknowledged, f->unacked_bytes)                                  \
    DELIVERY_FIELDS(C)                                                                             \
    DETAILS_FIELD(C, messages)                                                                     \
    C("messages_dlx", messages_dlx, NUMBER_WHERE, f->is_quorum && !f->is_restoring, f->dead_letters) \
    HELD_FIELD(C, messages_paged_out, f->disk_ready)                                               \
    HELD_FIELD(C, messages_persistent, f->persistent)                                              \
    HELD_FIELD(C, messages_ram, f->ready - f->disk_ready + f->unacked)                             \
    DETAILS_FIELD(C, messages_ready)                                                               \
    HELD_FIELD(C, messages_ready_ram, f->ready - f->disk_ready)                                    \
    DETAILS_FIELD(C, messages_unacknowledged)                                                      \
    HELD_FIELD(C, messages_unacknowledged_ram, f->unacked)                                         \
    C("operator_policy", operator_policy, STRING_OR_NULL, policy_name(f, POLICY_OPERATOR))         \
    C("policy", policy, STRING_OR_NULL, policy_name(f, POLICY_ORDINARY))                           \
    C("recoverable_slaves", recoverable_slaves, NOTHING_WHERE, !f->is_quorum)                      \
    C("single_active_consumer_ctag", single_active_consumer_ctag, STRING_OR_NULL_WHERE, f->is_quorum, f->active_tag) \
    C("single_active_consumer_tag", single_active_consumer_tag, STRING_OR_NULL_WHERE, !f->is_quorum, f->active_tag)

/* Of a queue: a setting, and who gives it which value. */
#define API_SETTING_FIELDS(C)                                                                      \
    C("argument", argument, TREE, f->argument)                                                     \
    C("has_effect", has_effect, BOOL, f->has_effect)                                               \
    C("key", key, TEXT, f->key)                                                                    \
    C("operator_policy.name", operator_name, STRING_WHERE, f->policy_name[POLICY_OPERATOR] != NULL, slice_str(f->policy_name[POLICY_OPERATOR])) \
    C("operator_policy.value", operator_value, TREE, f->of_policy[POLICY_OPERATOR])                \
    C("policy.name", policy_of_name, STRING_WHERE, f->policy_name[POLICY_ORDINARY] != NULL, slice_str(f->policy_name[POLICY_ORDINARY])) \
    C("policy.value", policy_value, TREE, f->of_policy[POLICY_ORDINARY])                           \
    C("source", source, TEXT, f->source)                                                           \
    C("value", value_in_force, TREE, f->value)

#define API_EXCHANGE_FIELDS(C)                                                                     \
    C("arguments", arguments, TABLE, f->arguments)                                                 \
    C("auto_delete", auto_delete, BOOL, f->is_auto_delete)                                         \
    C("durable", durable, BOOL, f->is_durable)                                                     \
    C("internal", internal, BOOL, f->is_internal)                                                  \
    STATISTIC_FIELD(C, "message_stats.", publish_in)                                               \
    STATISTIC_FIELD(C, "message_stats.", publish_out)                                              \
    C("messages_delayed", messages_delayed, NUMBER_WHERE, f->is_counted, f->messages_delayed)      \
    C("name", name, STRING, f->name)                                                               \
    C("policy", policy, STRING_WHERE, f->policy.n > 0, f->policy)                                  \
    C("type", type, TEXT, f->type)                                                                 \
    C("vhost", vhost, STRING, f->vhost)

#define API_TRACE_FIELDS(C)                                                                        \
    C("followed", followed, NUMBER, f->followed)                                                   \
    C("id", id, NUMBER, f->id)                                                                     \
    C("kind", kind, TEXT, f->is_of_queue ? "queue" : "exchange")                                   \
    C("left_ms", left_ms, NUMBER, f->is_running ? f->seconds * 1000 - f->run_ms : 0)               \
    C("matching", matching, NUMBER, f->fitting)                                                    \
    C("memory", memory, NUMBER, f->memory)                                                         \
    C("memory_limit", memory_limit, NUMBER, f->bytes)                                              \
    C("messages", messages, NUMBER, f->messages)                                                   \
    C("name", name, STRING, f->name)                                                               \
    C("one_in", one_in, NUMBER, f->one_in)                                                         \
    C("overwritten", overwritten, NUMBER, f->overwritten)                                          \
    C("payload_bytes", payload_bytes, NUMBER, f->payload_bytes)                                    \
    C("records", records, NUMBER, f->records)                                                      \
    C("routing_key", routing_key, STRING, f->pattern)                                              \
    C("run_ms", run_ms, NUMBER, f->run_ms)                                                         \
    C("seconds", seconds, NUMBER, f->seconds)                                                      \
    C("seen", seen, NUMBER, f->seen)                                                               \
    C("started_at", started_at, NUMBER, f->started_ms)                                             \
    C("state", state, TEXT, f->is_running ? "running" : "ended")                                   \
    C("user", user, STRING, f->user)                                                               \
    C("vhost", vhost, STRING, f->vhost)

#define API_TRACED_FIELDS(C)                                                                       \
    C("beginning_lost", beginning_lost, BOOL, f->is_beginning_lost)                                \
    C("channel", channel, NUMBER, f->channel)                                                      \
    C("connection", connection, STRING, f->connection)                                             \
    C("dead_letters", dead_letters, NUMBER, f->deaths)                                             \
    C("deliveries", deliveries, NUMBER, f->deliveries)                                             \
    C("exchange", exchange, STRING, f->exchange)                                                   \
    C("number", number, NUMBER, f->number)                                                         \
    C("payload_bytes", payload_bytes, NUMBER, f->body_bytes)                                       \
    C("persistent", persistent, BOOL, f->is_persistent)                                            \
    C("queue", queue, STRING, f->queue)                                                            \
    C("queued", queued, NUMBER, f->queued)                                                         \
    C("records", records, NUMBER, f->records)                                                      \
    C("redeliveries", redeliveries, NUMBER, f->redeliveries)                                       \
    C("routing_key", routing_key, STRING, f->routing_key)                                          \
    C("run_us", run_us, NUMBER, f->run_us)                                                         \
    C("started_at", started_at, NUMBER, f->started_ms)                                             \
    C("state", state, TEXT, f->state)                                                              \
    C("user", user, STRING, f->user)                                                               \
    C("was_there", was_there, BOOL, f->was_there)

#define API_FLOW_FIELDS(C)                                                                         \
    C("count", count, NUMBER, f->count)                                                            \
    C("counted_ms", counted_ms, NUMBER, f->counted_ms)                                             \
    C("destination", destination, STRING, f->destination)                                          \
    C("destination_type", destination_type, TEXT, "queue")                                         \
    C("rate", rate, REAL, f->rate)                                                                 \
    C("source", source, STRING, f->source)                                                         \
    C("vhost", vhost, STRING, f->vhost)

#define API_BINDING_FIELDS(C)                                                                      \
    C("arguments", arguments, TABLE, f->arguments)                                                 \
    C("destination", destination, STRING, f->destination)                                          \
    C("destination_type", destination_type, TEXT, f->is_to_queue ? "queue" : "exchange")           \
    C("properties_key", properties_key, BINDING_KEY, f->routing_key, f->arguments)                 \
    C("routing_key", routing_key, STRING, f->routing_key)                                          \
    C("source", source, STRING, f->source)                                                         \
    C("vhost", vhost, STRING, f->vhost)

/* What is shown of a connection without statistics, and of those of a user. */
#define API_CONNECTION_PLAIN_FIELDS(C)                                                             \
    C("name", name, STRING, f->name)                                                               \
    C("node", node, TEXT, m->node_name)                                                            \
    C("user", user, STRING, f->user)                                                               \
    C("vhost", vhost, STRING, f->vhost)
#define API_CONNECTION_STATISTIC_FIELDS(C)                                                         \
    C("auth_mechanism", auth_mechanism, STRING, f->auth_mechanism)                                 \
    C("channel_max", channel_max, NUMBER, f->channel_max)                                          \
    C("channels", channels, NUMBER, f->channels)                                                   \
    C("client_properties", client_properties, TABLE, f->client_properties)                         \
    C("connected_at", connected_at, NUMBER, f->connected_at_ms)                                    \
    C("frame_max", frame_max, NUMBER, f->frame_bytes_max)                                          \
    C("host", host, TEXT, f->peer.local.text)                                                      \
    C("peer_cert_issuer", peer_cert_issuer, OPTIONAL, f->tls.cert_issuer)                          \
    C("peer_cert_subject", peer_cert_subject, OPTIONAL, f->tls.cert_subject)                       \
    C("peer_cert_validity", peer_cert_validity, OPTIONAL, f->tls.cert_validity)                    \
    C("peer_host", peer_host, TEXT, f->peer.peer.text)                                             \
    C("peer_port", peer_port, NUMBER, f->peer.peer.port)                                           \
    C("port", port, NUMBER, f->peer.local.port)                                                    \
    C("protocol", protocol, TEXT, protocol_name(f->protocol))                                      \
    C("recv_cnt", recv_cnt, NUMBER, f->reads)                                                      \
    C("recv_oct", recv_oct, NUMBER, f->received_bytes)                                             \
    DETAILS_FIELD(C, recv_oct)                                                                     \
    C("send_cnt", send_cnt, NUMBER, f->writes)                                                     \
    C("send_oct", send_oct, NUMBER, f->sent_bytes)                                                 \
    DETAILS_FIELD(C, send_oct)                                                                     \
    C("send_pend", send_pend, NUMBER, f->unwritten_bytes)                                          \
    C("ssl", ssl, BOOL, f->tls.is_on)                                                              \
    C("ssl_cipher", ssl_cipher, OPTIONAL, f->tls.cipher)                                           \
    C("ssl_hash", ssl_hash, OPTIONAL, f->tls.hash)                                                 \
    C("ssl_key_exchange", ssl_key_exchange, OPTIONAL, f->tls.key_exchange)                         \
    C("ssl_protocol", ssl_protocol, OPTIONAL, f->tls.protocol)                                     \
    C("state", state, TEXT, f->state)                                                              \
    C("timeout", timeout, NUMBER, f->heartbeat_s)                                                  \
    C("type", type, TEXT, "network")                                                               \
    C("user_provided_name", user_provided_name, STRING_WHERE, has_own_name(f), own_name(f))        \
    C("user_who_performed_action", user_who_performed_action, STRING, f->user)

#define API_CHANNEL_FIELDS(C)                                                                      \
    C("acks_uncommitted", acks_uncommitted, NUMBER, f->acks_uncommitted)                           \
    C("confirm", confirming, BOOL, f->is_confirming)                                                  \
    C("connection_details.name", connection_name, STRING, f->connection_name)                      \
    C("connection_details.peer_host", peer_host, TEXT, f->peer.peer.text)                          \
    C("connection_details.peer_port", peer_port, NUMBER, f->peer.peer.port)                        \
    C("connection_details.user_provided_name", user_provided_name, STRING_WHERE, f->client_name.n > 0, f->client_name) \
    C("consumer_count", consumer_count, NUMBER, f->consumers)                                      \
    C("global_prefetch_count", global_prefetch_count, NUMBER, f->global_prefetch_count)            \
    C("idle_since", idle_since, IDLE_SINCE, f->statistics)                                         \
    DELIVERY_FIELDS(C)                                                                             \
    PUBLISHER_FIELDS(C)                                                                            \
    C("messages_unacknowledged", messages_unacknowledged, NUMBER, f->unacknowledged)               \
    C("messages_uncommitted", messages_uncommitted, NUMBER, f->uncommitted)                        \
    C("messages_unconfirmed", messages_unconfirmed, NUMBER, f->unconfirmed)                        \
    C("name", name, STRING, f->name)                                                               \
    C("node", node, TEXT, m->node_name)                                                            \
    C("number", number, NUMBER, f->number)                                                         \
    C("pending_raft_commands", pending_raft_commands, NUMBER, 0)                                   \
    C("prefetch_count", prefetch_count, NUMBER, f->prefetch_count)                                 \
    C("state", state, TEXT, "running")                                                             \
    C("transactional", transactional, BOOL, f->is_transactional)                                   \
    C("user", user, STRING, f->user)                                                               \
    C("user_who_performed_action", user_who_performed_action, STRING, f->user)                     \
    C("vhost", vhost, STRING, f->vhost)

#define API_CONSUMER_FIELDS(C)                                                                     \
    C("ack_required", ack_required, BOOL, !f->no_ack)                                              \
    C("active", active, BOOL, f->is_active)                                                        \
    C("activity_status", activity_status, TEXT, f->activity)                                       \
    C("arguments", arguments, TABLE, f->arguments)                                                 \
    C("channel_details.connection_name", connection_name, STRING, f->connection_name)              \
    C("channel_details.name", channel_name, STRING, f->channel_name)                               \
    C("channel_details.node", node, TEXT, m->node_name)                                            \
    C("channel_details.number", number, NUMBER, f->channel)                                        \
    C("channel_details.peer_host", peer_host, TEXT, f->peer.peer.text)                             \
    C("channel_details.peer_port", peer_port, NUMBER, f->peer.peer.port)                           \
    C("channel_details.user", user, STRING, f->user)                                               \
    C("channel_details.user_provided_name", user_provided_name, STRING_WHERE, f->client_name.n > 0, f->client_name) \
    C("consumer_tag", consumer_tag, STRING, f->tag)                                                \
    C("exclusive", exclusive, BOOL, f->exclusive)                                                  \
    C("messages_unacknowledged", messages_unacknowledged, NUMBER, f->unacknowledged)               \
    C("prefetch_count", prefetch_count, NUMBER, f->prefetch_count)                                 \
    C("queue.name", queue_name, STRING, f->queue)                                                  \
    C("queue.vhost", queue_vhost, STRING, f->vhost)

/* What a channel does with a queue or an exchange: in which objects that is shown, and what. */
#define API_TRAFFIC_CHANNEL_FIELDS(C)                                                              \
    C("channel_details.connection_name", connection_name, STRING, f->connection_name)              \
    C("channel_details.name", channel_name, STRING, f->channel_name)                               \
    C("channel_details.node", node, TEXT, m->node_name)                                            \
    C("channel_details.number", number, NUMBER, f->channel)                                        \
    C("channel_details.peer_host", peer_host, TEXT, f->peer.peer.text)                             \
    C("channel_details.peer_port", peer_port, NUMBER, f->peer.peer.port)                           \
    C("channel_details.user", user, STRING, f->user)                                               \
    C("channel_details.user_provided_name", user_provided_name, STRING_WHERE, f->client_name.n > 0, f->client_name)
#define API_TRAFFIC_QUEUE_FIELDS(C)                                                                \
    C("queue.name", queue_name, STRING, f->queue)                                                  \
    C("queue.vhost", queue_vhost, STRING, f->vhost)
#define API_TRAFFIC_EXCHANGE_FIELDS(C)                                                             \
    C("exchange.name", exchange_name, STRING, f->exchange)                                         \
    C("exchange.vhost", exchange_vhost, STRING, f->vhost)
#define API_TRAFFIC_DELIVERY_FIELDS(C)                                                             \
    STATISTIC_FIELD(C, "stats.", ack)                                                              \
    STATISTIC_FIELD(C, "stats.", deliver)                                                          \
    STATISTIC_FIELD(C, "stats.", deliver_get)                                                      \
    STATISTIC_FIELD(C, "stats.", deliver_no_ack)                                                   \
    STATISTIC_FIELD(C, "stats.", get)                                                              \
    STATISTIC_FIELD(C, "stats.", get_empty)                                                        \
    STATISTIC_FIELD(C, "stats.", get_no_ack)                                                       \
    STATISTIC_FIELD(C, "stats.", redeliver)
#define API_TRAFFIC_PUBLISH_FIELDS(C)                                                              \
    STATISTIC_FIELD(C, "stats.", confirm)                                                          \
    STATISTIC_FIELD(C, "stats.", drop_unroutable)                                                  \
    STATISTIC_FIELD(C, "stats.", publish)                                                          \
    STATISTIC_FIELD(C, "stats.", return_unroutable)

/* What /overview shows. */
#define API_OVERVIEW_FIELDS(C)                                                                     \
    STATISTIC_FIELD(C, "churn_rates.", channel_closed)                                             \
    STATISTIC_FIELD(C, "churn_rates.", channel_created)                                            \
    STATISTIC_FIELD(C, "churn_rates.", connection_closed)                                          \
    STATISTIC_FIELD(C, "churn_rates.", connection_created)                                         \
    STATISTIC_FIELD(C, "churn_rates.", queue_created)                                              \
    STATISTIC_FIELD(C, "churn_rates.", queue_declared)                                             \
    STATISTIC_FIELD(C, "churn_rates.", queue_deleted)                                              \
    C("cluster_name", cluster_name, STRING, cluster_name_now(m->broker, m->sessions->settings.cluster_name)) \
    C("cluster_tags.", cluster_tags, OBJECT)                                                       \
    C("contexts", contexts, TREE, f->contexts)                                                     \
    C("default_queue_type", default_queue_type, TEXT, m->broker->topology.default_queue_type)      \
    C("disable_stats", disable_stats, BOOL, statistics_are_off(m))                                 \
    C("enable_queue_totals", enable_queue_totals, BOOL, false)                                     \
    C("erlang_full_version", erlang_full_version, TEXT, "none")                                    \
    C("erlang_version", erlang_version, TEXT, "none")                                              \
    C("exchange_types", exchange_types, TREE, f->exchange_types)                                   \
    C("leveret_version", leveret_version, TEXT, f->node.leveret_version)                           \
    C("listeners", listeners, TREE, f->listeners)                                                  \
    C("management_version", management_version, TEXT, f->node.version)                             \
    C("message_stats.", message_stats, OBJECT)                                                     \
    DELIVERY_FIELDS(C)                                                                             \
    PUBLISHER_FIELDS(C)                                                                            \
    STATISTIC_FIELD(C, "message_stats.", disk_reads)                                               \
    STATISTIC_FIELD(C, "message_stats.", disk_writes)                                              \
    C("node", node, TEXT, f->node.name)                                                            \
    C("node_tags.", node_tags, OBJECT)                                                             \
    C("object_totals.channels", object_channels, NUMBER, f->channels)                              \
    C("object_totals.connections", object_connections, NUMBER, f->connections)                     \
    C("object_totals.consumers", object_consumers, NUMBER_WHERE, f->sees_all, f->consumers)        \
    C("object_totals.exchanges", object_exchanges, NUMBER, f->exchanges)                           \
    C("object_totals.queues", object_queues, NUMBER, f->queues)                                    \
    C("product_name", product_name, TEXT, m->sessions->settings.product)                           \
    C("product_version", product_version, TEXT, f->node.version)                                   \
    C("queue_totals.", queue_totals, OBJECT)                                                       \
    STATISTIC_FIELD(C, "queue_totals.", messages)                                                  \
    STATISTIC_FIELD(C, "queue_totals.", messages_ready)                                            \
    STATISTIC_FIELD(C, "queue_totals.", messages_unacknowledged)                                   \
    C("rabbitmq_version", rabbitmq_version, TEXT, f->node.version)                                 \
    C("rates_mode", rates_mode, TEXT, rates_mode_of(m))                                            \
    C("release_series_support_status", release_series_support_status, TEXT, "supported")           \
    C("sample_retention_policies", sample_retention_policies, TREE, f->retention)                  \
    C("started", started, NUMBER, clock_wall_ms() - f->node.uptime_ms)                             \
    C("statistics_db_event_queue", statistics_db_event_queue, NUMBER, 0)

#define API_NODE_FIELDS(C)                                                                         \
    C("applications", applications, TREE, f->applications)                                         \
    C("auth_mechanisms", auth_mechanisms, TREE, f->auth_mechanisms)                                \
    C("being_drained", being_drained, BOOL, false)                                                 \
    STATISTIC_FIELD(C, "", channel_closed)                                                         \
    STATISTIC_FIELD(C, "", channel_created)                                                        \
    C("cluster_links", cluster_links, WORDS, SLICE_EMPTY)                                          \
    C("config_files", config_files, TREE, f->config_files)                                         \
    STATISTIC_FIELD(C, "", connection_closed)                                                      \
    STATISTIC_FIELD(C, "", connection_created)                                                     \
    C("context_switches", context_switches, NUMBER, f->process.context_switches)                   \
    C("contexts", contexts, TREE, f->contexts)                                                     \
    C("db_dir", db_dir, TEXT, f->node.data_dir)                                                    \
    C("disk_free", disk_free, NUMBER, f->node.disk_free_bytes)                                     \
    C("disk_free_alarm", disk_free_alarm, BOOL, f->node.alarms & BROKER_ALARM_DISK)                \
    DETAILS_FIELD(C, disk_free)                                                                    \
    C("disk_free_limit", disk_free_limit, NUMBER, f->node.disk_free_limit_bytes)                   \
    C("enabled_plugins", enabled_plugins, TREE, f->enabled_plugins)                                \
    C("exchange_types", exchange_types, TREE, f->exchange_types)                                   \
    C("fd_total", fd_total, NUMBER, f->process.files_max)                                          \
    C("fd_used", fd_used, NUMBER, f->process.files_used)                                           \
    DETAILS_FIELD(C, fd_used)                                                                      \
    C("io_read_bytes", io_read_bytes, NUMBER, f->process.disk_read_bytes)                          \
    C("io_sync_avg_time", io_sync_avg_time, REAL_WHERE, f->sync_ms >= 0, f->sync_ms)               \
    C("io_write_bytes", io_write_bytes, NUMBER, f->process.disk_written_bytes)                     \
    C("log_files", log_files, TREE, f->log_files)                                                  \
    STATISTIC_FIELD(C, "", log_sync_us)                                                            \
    STATISTIC_FIELD(C, "", log_syncs)                                                              \
    C("loops", loops, TREE, f->loops)                                                              \
    C("mem_alarm", mem_alarm, BOOL, f->node.alarms & BROKER_ALARM_MEMORY)                          \
    C("mem_calculation_strategy", mem_calculation_strategy, TEXT, "rss")                           \
    C("mem_limit", mem_limit, NUMBER, f->node.memory_limit_bytes)                                  \
    C("mem_used", mem_used, NUMBER, f->node.memory_used_bytes)                                     \
    DETAILS_FIELD(C, mem_used)                                                                     \
    C("memory", memory, TREE, f->memory)                                                           \
    C("name", name, TEXT, f->node.name)                                                            \
    C("net_ticktime", net_ticktime, NUMBER, 60)                                                    \
    C("node_tags.", node_tags, OBJECT)                                                             \
    C("os_pid", os_pid, TEXT, f->os_pid)                                                           \
    C("partitions", partitions, WORDS, SLICE_EMPTY)                                                \
    C("proc_total", proc_total, NUMBER, f->process.threads_max)                                    \
    C("proc_used", proc_used, NUMBER, f->process.threads)                                          \
    C("processors", processors, NUMBER, f->node.processors)                                        \
    STATISTIC_FIELD(C, "", queue_created)                                                          \
    STATISTIC_FIELD(C, "", queue_declared)                                                         \
    STATISTIC_FIELD(C, "", queue_deleted)                                                          \
    C("ra_open_file_metrics.ra_log_segment_writer", ra_log_segment_writer, NUMBER, 0)              \
    C("ra_open_file_metrics.ra_log_wal", ra_log_wal, NUMBER, 0)                                    \
    C("rates_mode", rates_mode, TEXT, rates_mode_of(m))                                            \
    C("run_queue", run_queue, NUMBER, 0)                                                           \
    C("running", running, BOOL, true)                                                              \
    C("sockets_total", sockets_total, NUMBER, f->process.files_max - f->node.files_reserved)       \
    C("sockets_used", sockets_used, NUMBER, f->process.sockets_used)                               \
    DETAILS_FIELD(C, sockets_used)                                                                 \
    C("type", type, TEXT, "disc")                                                                  \
    C("uptime", uptime, NUMBER, f->node.uptime_ms)
/* clang-format on */

/* A table of fields from its rows:
 *
 *     #define F struct queue_facts
 *     #define COLUMN_OF(field) queue_field_##field
 *     API_QUEUE_FIELDS(FIELD_VALUE)
 *     const struct column api_queue_fields[] = {API_QUEUE_FIELDS(FIELD_ROW) COLUMNS_END}; */
#define FIELD_VALUE(name, field, ...) COLUMN_VALUE(field, __VA_ARGS__)
#define FIELD_ROW(name, field, type, ...) {name, COLUMN_OF(field), #type, TYPE_IS_STATISTIC(type)},

#endif
