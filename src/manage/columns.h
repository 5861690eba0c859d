/* The columns of every listing, a row each: the name, the type (column.h), and the value, which is
 * computed from the facts `f` (struct queue_facts ...) and from `m`, the struct manage.
 *
 * Columns are in the order in which help shows them. The names are part of the control protocol.
 * This header includes nothing, so that leveretctl, which may include nothing else of the broker
 * but base/, can take the names from it. */
#ifndef LEVERET_MANAGE_COLUMNS_H
#define LEVERET_MANAGE_COLUMNS_H

/* clang-format off */
#define QUEUE_COLUMNS(C)                                                                           \
    C(arguments, ARGUMENTS, f->arguments, queue_argument_is_known)                                 \
    C(auto_delete, BOOL, f->is_auto_delete)                                                        \
    C(consumer_capacity, REAL_IF, f->consumers > 0, f->utilisation)                                \
    C(consumer_utilisation, REAL_IF, f->consumers > 0, f->utilisation)                             \
    C(consumers, NUMBER, f->consumers)                                                             \
    C(disk_reads, NUMBER, f->counters.disk.reads)                                                  \
    C(disk_writes, NUMBER, f->counters.disk.writes)                                                \
    C(durable, BOOL, f->is_durable)                                                                \
    C(effective_policy_definition, DEFINITION, f->policy)                                          \
    C(exclusive, BOOL, f->owner != 0)                                                              \
    C(exclusive_consumer_pid, SESSION_IF, f->exclusive_connection != 0, f->exclusive_connection, f->exclusive_channel) \
    C(exclusive_consumer_tag, STRING, f->exclusive_tag)                                            \
    C(head_message_timestamp, NUMBER_IF, f->has_head_time, f->head_time)                           \
    C(leader, TEXT, f->is_quorum ? m->node_name : "")                                              \
    C(members, NODES_IF, f->is_quorum)                                                             \
    C(memory, NUMBER, f->memory)                                                                   \
    C(message_bytes, NUMBER, f->ready_bytes + f->unacked_bytes + f->dead_letter_bytes)             \
    C(message_bytes_dlx, NUMBER, f->dead_letter_bytes)                                             \
    C(message_bytes_persistent, NUMBER, f->persistent_bytes)                                       \
    C(message_bytes_ram, NUMBER, f->ready_bytes - f->disk_ready_bytes + f->unacked_bytes)          \
    C(message_bytes_ready, NUMBER, f->ready_bytes)                                                 \
    C(message_bytes_unacknowledged, NUMBER, f->unacked_bytes)                                      \
    C(messages, NUMBER, f->ready + f->unacked + f->dead_letters)                                   \
    C(messages_dlx, NUMBER, f->dead_letters)                                                       \
    C(messages_lost, NUMBER, f->counters.disk.lost)                                                \
    C(messages_persistent, NUMBER, f->persistent)                                                  \
    C(messages_ram, NUMBER, f->ready - f->disk_ready + f->unacked)                                 \
    C(messages_ready, NUMBER, f->ready)                                                            \
    C(messages_ready_ram, NUMBER, f->ready - f->disk_ready)                                        \
    C(messages_unacknowledged, NUMBER, f->unacked)                                                 \
    C(messages_unacknowledged_ram, NUMBER, f->unacked)                                             \
    C(name, STRING, f->name)                                                                       \
    C(online, NODES_IF, f->is_quorum)                                                              \
    C(operator_policy, STRING, policy_name(f->policy, POLICY_OPERATOR))                            \
    C(owner_pid, SESSION_IF, f->owner != 0, f->owner, 0)                                           \
    C(pid, HOME, f->home)                                                                          \
    C(policy, STRING, policy_name(f->policy, POLICY_ORDINARY))                                     \
    C(slave_pids, NOTHING)                                                                         \
    C(state, TEXT, f->is_gone ? "stopped" : f->is_restoring ? "recovering" : "running")            \
    C(synchronised_slave_pids, NOTHING)                                                            \
    C(type, TEXT, f->is_quorum ? "quorum" : "classic")

#define EXCHANGE_COLUMNS(C)                                                                        \
    C(arguments, ARGUMENTS, f->arguments, exchange_argument_is_known)                              \
    C(auto_delete, BOOL, f->is_auto_delete)                                                        \
    C(durable, BOOL, f->is_durable)                                                                \
    C(internal, BOOL, f->is_internal)                                                              \
    C(messages_delayed, NUMBER_IF, f->is_counted, f->messages_delayed)                             \
    C(name, STRING, f->name)                                                                       \
    C(policy, STRING, f->policy)                                                                   \
    C(type, TEXT, f->type)

#define BINDING_COLUMNS(C)                                                                         \
    C(arguments, TABLE, f->arguments)                                                              \
    C(destination_kind, TEXT, f->is_to_queue ? "queue" : "exchange")                               \
    C(destination_name, STRING, f->destination)                                                    \
    C(routing_key, STRING, f->routing_key)                                                         \
    C(source_kind, TEXT, "exchange")                                                               \
    C(source_name, STRING, f->source)

#define CONNECTION_COLUMNS(C)                                                                      \
    C(auth_mechanism, STRING, f->auth_mechanism)                                                   \
    C(channel_max, NUMBER, f->channel_max)                                                         \
    C(channels, NUMBER, f->channels)                                                               \
    C(client_properties, TABLE, f->client_properties)                                              \
    C(connected_at, NUMBER, f->connected_at_ms)                                                    \
    C(frame_max, NUMBER, f->frame_bytes_max)                                                       \
    C(host, TEXT, f->peer.local.text)                                                              \
    C(name, STRING, f->name)                                                                       \
    C(peer_cert_issuer, STRING, f->tls.cert_issuer)                                                \
    C(peer_cert_subject, STRING, f->tls.cert_subject)                                              \
    C(peer_cert_validity, STRING, f->tls.cert_validity)                                            \
    C(peer_host, TEXT, f->peer.peer.text)                                                          \
    C(peer_port, NUMBER, f->peer.peer.port)                                                        \
    C(pid, SESSION, f->id, 0)                                                                      \
    C(port, NUMBER, f->peer.local.port)                                                            \
    C(protocol, TEXT, f->protocol)                                                                 \
    C(recv_cnt, NUMBER, f->reads)                                                                  \
    C(recv_oct, NUMBER, f->received_bytes)                                                         \
    C(send_cnt, NUMBER, f->writes)                                                                 \
    C(send_oct, NUMBER, f->sent_bytes)                                                             \
    C(send_pend, NUMBER, f->unwritten_bytes)                                                       \
    C(ssl, BOOL, f->tls.is_on)                                                                     \
    C(ssl_cipher, STRING, f->tls.cipher)                                                           \
    C(ssl_hash, STRING, f->tls.hash)                                                               \
    C(ssl_key_exchange, STRING, f->tls.key_exchange)                                               \
    C(ssl_protocol, STRING, f->tls.protocol)                                                       \
    C(state, TEXT, f->state)                                                                       \
    C(timeout, NUMBER, f->heartbeat_s)                                                             \
    C(user, STRING, f->user)                                                                       \
    C(vhost, STRING, f->vhost)

#define CHANNEL_COLUMNS(C)                                                                         \
    C(acks_uncommitted, NUMBER, f->acks_uncommitted)                                               \
    C(confirm, BOOL, f->is_confirming)                                                             \
    C(connection, SESSION, f->connection, 0)                                                       \
    C(consumer_count, NUMBER, f->consumers)                                                        \
    C(global_prefetch_count, NUMBER, f->global_prefetch_count)                                     \
    C(messages_unacknowledged, NUMBER, f->unacknowledged)                                          \
    C(messages_uncommitted, NUMBER, f->uncommitted)                                                \
    C(messages_unconfirmed, NUMBER, f->unconfirmed)                                                \
    C(name, STRING, f->name)                                                                       \
    C(number, NUMBER, f->number)                                                                   \
    C(pid, SESSION, f->connection, f->number)                                                      \
    C(prefetch_count, NUMBER, f->prefetch_count)                                                   \
    C(transactional, BOOL, f->is_transactional)                                                    \
    C(user, STRING, f->user)                                                                       \
    C(vhost, STRING, f->vhost)

#define CONSUMER_COLUMNS(C)                                                                        \
    C(ack_required, BOOL, !f->no_ack)                                                              \
    C(active, BOOL, f->is_active)                                                                  \
    C(activity_status, TEXT, f->activity)                                                          \
    C(arguments, ARGUMENTS, f->arguments, consumer_argument_is_known)                              \
    C(channel_pid, SESSION, f->connection, f->channel)                                             \
    C(consumer_tag, STRING, f->tag)                                                                \
    C(prefetch_count, NUMBER, f->prefetch_count)                                                   \
    C(queue_name, STRING, f->queue)

#define VHOST_COLUMNS(C)                                                                           \
    C(cluster_state, CLUSTER)                                                                      \
    C(default_queue_type, STRING, f->default_queue_type)                                           \
    C(description, STRING, f->description)                                                         \
    C(name, STRING, f->name)                                                                       \
    C(protected_from_deletion, BOOL, f->is_protected)                                              \
    C(tags, STRING, f->tags)                                                                       \
    C(tracing, BOOL, f->is_traced)

/* Messages in a queue. */
#define MESSAGE_COLUMNS(C)                                                                         \
    C(exchange, STRING, message_exchange(f->message))                                              \
    C(headers, TABLE, headers_of(f))                                                               \
    C(location, TEXT, f->is_in_memory ? "memory" : "disk")                                         \
    C(payload, BYTES, f->payload, f->is_text)                                                      \
    C(payload_bytes, NUMBER, f->message->body_bytes)                                               \
    C(payload_encoding, TEXT, f->is_text ? "string" : "base64")                                    \
    C(position, NUMBER, f->position)                                                               \
    C(properties, PROPERTIES, message_header(f->message))                                          \
    C(redelivered, BOOL, f->redelivered)                                                           \
    C(routing_key, STRING, message_routing_key(f->message))                                        \
    C(state, TEXT, f->state)

/* Jobs; `done` counts the skipped ones, too. */
#define JOB_COLUMNS(C)                                                                             \
    C(done, NUMBER, f->done)                                                                       \
    C(ended, TIME, f->ended_ms)                                                                    \
    C(error, STRING, f->error)                                                                     \
    C(id, NUMBER, f->id)                                                                           \
    C(kind, TEXT, f->kind)                                                                         \
    C(notes, STRING, f->notes)                                                                     \
    C(skipped, NUMBER, f->skipped)                                                                 \
    C(started, TIME, f->started_ms)                                                                \
    C(state, TEXT, job_state_name(f->state))                                                       \
    C(total, NUMBER, f->total)                                                                     \
    C(user, STRING, f->user)                                                                       \
    C(what, STRING, f->what)

/* Feature flags (manage/feature_flags.h). */
#define FEATURE_FLAG_COLUMNS(C)                                                                    \
    C(desc, TEXT, f->description)                                                                  \
    C(doc_url, TEXT, "")                                                                           \
    C(name, TEXT, f->name)                                                                         \
    C(provided_by, TEXT, "rabbit")                                                                 \
    C(stability, TEXT, "stable")                                                                   \
    C(state, TEXT, "enabled")

/* Messages that an exchange delays. */
#define DELAYED_COLUMNS(C)                                                                         \
    C(due, TIME, f->due_ms)                                                                        \
    C(due_ms, NUMBER, f->due_ms)                                                                   \
    C(id, NUMBER, f->position)                                                                     \
    C(message_bytes, NUMBER, f->body_bytes)                                                        \
    C(routing_key, STRING, slice_of(f->routing_key, f->routing_key_bytes))

/* What explain_route shows: each binding on a message's way and what becomes of the message there.
 * A row that is not a binding says that the message is passed to an alternate exchange, returned or
 * refused. */
#define EXPLAIN_COLUMNS(C)                                                                         \
    C(arguments, TABLE, f->arguments)                                                              \
    C(destination, STRING, f->destination)                                                         \
    C(destination_kind, TEXT, destination_kind_of(f))                                              \
    C(path, STRING, f->path)                                                                       \
    C(result, TEXT, explain_result_name(f->result))                                                \
    C(routing_key, STRING, f->routing_key)                                                         \
    C(why, STRING, f->why)

#define USER_COLUMNS(C)                                                                            \
    C(user, STRING, f->name)                                                                       \
    C(tags, WORDS, f->tags)                                                                        \
    C(limits, STRING, f->limits)

#define PERMISSION_COLUMNS(C)                                                                      \
    C(user, STRING, f->user)                                                                       \
    C(vhost, STRING, f->vhost)                                                                     \
    C(configure, STRING, f->configure)                                                             \
    C(write, STRING, f->write)                                                                     \
    C(read, STRING, f->read)

#define TOPIC_PERMISSION_COLUMNS(C)                                                                \
    C(user, STRING, f->user)                                                                       \
    C(vhost, STRING, f->vhost)                                                                     \
    C(exchange, STRING, f->exchange)                                                               \
    C(write, STRING, f->write)                                                                     \
    C(read, STRING, f->read)

#define POLICY_COLUMNS(C)                                                                          \
    C(vhost, STRING, f->vhost)                                                                     \
    C(name, STRING, f->name)                                                                       \
    C(pattern, STRING, f->pattern)                                                                 \
    C(apply_to, STRING, f->apply_to)                                                               \
    C(definition, STRING, f->definition)                                                           \
    C(priority, INTEGER, f->priority)

/* Parameters. The columns are also those of global parameters, which have no vhost and no
 * component, and of the limits of vhosts. */
#define PARAMETER_COLUMNS(C)                                                                       \
    C(vhost, STRING, f->vhost)                                                                     \
    C(component, STRING, f->component)                                                             \
    C(name, STRING, f->name)                                                                       \
    C(value, STRING, f->value)
/* clang-format on */

#endif
