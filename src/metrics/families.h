/* Every metric, a row each, in families: what belongs together, is computed from the same facts and
 * has the same labels. From these tables come all endpoints and docs/metrics.md.
 *
 * A family's name is what /metrics/detailed?family= takes; names, types and labels are RabbitMQ's,
 * except those with the prefix leveret_.
 *
 *   F(family, source, prefix, endpoints, LIST)
 *     source     where its values come from, and its labels: sources.h
 *     prefix     of its metrics' names: RABBITMQ is rabbitmq_, and rabbitmq_detailed_ at
 *                /metrics/detailed; CLUSTER is rabbitmq_cluster_, OWN is leveret_, NONE is nothing
 *     endpoints  ALWAYS: /metrics and /metrics/per-object. SUMS: only the first. OBJECTS: only the
 *                second. DETAILED: /metrics/detailed, if it is asked for. MEMORY:
 *                /metrics/memory-breakdown
 *   M(family, name, type, help, value)
 *     value      computed from the facts `f` (sources.h); NAN: there is none */
#ifndef LEVERET_METRICS_FAMILIES_H
#define LEVERET_METRICS_FAMILIES_H

/* clang-format off */
#define FAMILIES(F)                                                                                \
    F(process_metrics, node, NONE, ALWAYS, PROCESS_METRICS)                                        \
    F(alarm_metrics, node, RABBITMQ, ALWAYS, ALARM_METRICS)                                        \
    F(connection_churn_metrics, node, RABBITMQ, ALWAYS | DETAILED, CONNECTION_CHURN_METRICS)       \
    F(node_coarse_metrics, node, RABBITMQ, ALWAYS | DETAILED, NODE_COARSE_METRICS)                 \
    F(node_metrics, node, RABBITMQ, ALWAYS | DETAILED, NODE_METRICS)                               \
    F(node_persister_metrics, node, RABBITMQ, ALWAYS | DETAILED, NODE_PERSISTER_METRICS)           \
    F(totals, node, RABBITMQ, ALWAYS, TOTALS)                                                      \
    F(auth_attempt_metrics, auth, RABBITMQ, ALWAYS | DETAILED, AUTH_ATTEMPT_METRICS)               \
    F(auth_attempt_detailed_metrics, login_sources, RABBITMQ, OBJECTS | DETAILED,                  \
      AUTH_ATTEMPT_DETAILED_METRICS)                                                               \
    F(queue_coarse_metrics, queues, RABBITMQ, ALWAYS | DETAILED, QUEUE_COARSE_METRICS)             \
    F(queue_consumer_count, queues, RABBITMQ, DETAILED, QUEUE_CONSUMER_COUNT)                      \
    F(queue_sums, queues, RABBITMQ, SUMS, QUEUE_GAUGES)                                            \
    F(queue_counter_sums, ever, RABBITMQ, SUMS, QUEUE_COUNTERS)                                    \
    F(queue_metrics, queues, RABBITMQ, OBJECTS | DETAILED, QUEUE_METRICS)                          \
    F(channel_queue_exchange_metrics, queues, RABBITMQ, OBJECTS | DETAILED,                        \
      CHANNEL_QUEUE_EXCHANGE_METRICS)                                                              \
    F(queue_delivery_metrics, queues, RABBITMQ, OBJECTS | DETAILED, QUEUE_DELIVERY_METRICS)        \
    F(channel_metrics, channels, RABBITMQ, ALWAYS | DETAILED, CHANNEL_METRICS)                     \
    F(channel_exchange_sums, ever, RABBITMQ, SUMS, CHANNEL_EXCHANGE_METRICS)                       \
    F(channel_exchange_metrics, publishes, RABBITMQ, OBJECTS | DETAILED, CHANNEL_EXCHANGE_METRICS) \
    F(channel_queue_sums, ever, RABBITMQ, SUMS, CHANNEL_QUEUE_METRICS)                             \
    F(channel_queue_metrics, deliveries, RABBITMQ, OBJECTS | DETAILED, CHANNEL_QUEUE_METRICS)      \
    F(connection_sums, connections, RABBITMQ, SUMS, CONNECTION_GAUGES)                             \
    F(connection_counter_sums, ever, RABBITMQ, SUMS, CONNECTION_COUNTERS)                          \
    F(connection_coarse_metrics, connections, RABBITMQ, OBJECTS | DETAILED,                        \
      CONNECTION_COARSE_METRICS)                                                                   \
    F(connection_metrics, connections, RABBITMQ, OBJECTS | DETAILED, CONNECTION_METRICS)           \
    F(exchange_metrics, exchanges, RABBITMQ, ALWAYS | DETAILED, EXCHANGE_METRICS)                  \
    F(global_metrics, protocol, RABBITMQ, ALWAYS, GLOBAL_METRICS)                                  \
    F(global_queue_metrics, queue_type, RABBITMQ, ALWAYS, GLOBAL_QUEUE_METRICS)                    \
    F(global_dead_letter_metrics, dead_letters, RABBITMQ, ALWAYS, GLOBAL_DEAD_LETTER_METRICS)      \
    F(message_size, message_sizes, RABBITMQ, ALWAYS, MESSAGE_SIZE)                                 \
    F(vhost_status, vhosts, CLUSTER, DETAILED, VHOST_STATUS)                                       \
    F(exchange_bindings, bindings, CLUSTER, DETAILED, EXCHANGE_BINDINGS)                           \
    F(exchange_names, bindings, CLUSTER, DETAILED, EXCHANGE_NAMES)                                 \
    F(loop_turns, loop_turns, OWN, ALWAYS, LOOP_TURNS)                                             \
    F(loop_mail, loop_mail, OWN, ALWAYS, LOOP_MAIL)                                                \
    F(log_syncs, log_syncs, OWN, ALWAYS, LOG_SYNCS)                                                \
    F(confirms, confirms, OWN, ALWAYS, CONFIRMS)                                                   \
    F(store_metrics, store, OWN, ALWAYS, STORE_METRICS)                                            \
    F(queue_disk_sums, queues, OWN, SUMS, QUEUE_DISK_BYTES)                                        \
    F(queue_loss_sums, ever, OWN, SUMS, QUEUE_LOSSES)                                              \
    F(queue_disk_metrics, queues, OWN, OBJECTS, QUEUE_DISK_METRICS)                                \
    F(listener_metrics, listeners, OWN, ALWAYS, LISTENER_METRICS)                                  \
    F(certificate_metrics, certificates, OWN, ALWAYS, CERTIFICATE_METRICS)                         \
    F(node_memory, memory, RABBITMQ, MEMORY,                                                       \
      NODE_MEMORY)                                                                                 \
    F(queue_info, queue_infos, RABBITMQ, OBJECTS | DETAILED, QUEUE_INFO)                           \
    F(build_info, build, RABBITMQ, EVERYWHERE, BUILD_INFO)                                         \
    F(identity_info, identity, RABBITMQ, EVERYWHERE, IDENTITY_INFO)

/* --- the node --------------------------------------------------------------------------------- */

#define PROCESS_METRICS(M, x)                                                                      \
    M(x, process_start_time_seconds, GAUGE, "When the broker was started, in seconds since 1970",  \
      f->started_s)

#define ALARM_METRICS(M, x)                                                                        \
    M(x, alarms_file_descriptor_limit, UNTYPED,                                                    \
      "Always 0: without descriptors Leveret accepts no connection, but sets no alarm",            \
      0)                                                                                           \
    M(x, alarms_free_disk_space_watermark, UNTYPED,                                                \
      "1 while publishers are blocked as the disk has less free space than the limit",             \
      (f->node.alarms & BROKER_ALARM_DISK) != 0)                                                   \
    M(x, alarms_memory_used_watermark, UNTYPED,                                                    \
      "1 while publishers are blocked as the broker uses more memory than the limit",              \
      (f->node.alarms & BROKER_ALARM_MEMORY) != 0)

#define CONNECTION_CHURN_METRICS(M, x)                                                             \
    M(x, connections_opened_total, COUNTER, "Connections that were accepted",                      \
      f->counters.connections_opened)                                                              \
    M(x, connections_closed_total, COUNTER, "Connections that have ended",                         \
      f->counters.connections_closed)                                                              \
    M(x, channels_opened_total, COUNTER, "Channels that were opened", f->counters.channels_opened) \
    M(x, channels_closed_total, COUNTER, "Channels that have ended", f->counters.channels_closed)  \
    M(x, queues_declared_total, COUNTER, "Declarations of queues, new or not",                     \
      f->counters.queues_declared)                                                                 \
    M(x, queues_created_total, COUNTER, "Queues that were created", f->counters.queues_created)    \
    M(x, queues_deleted_total, COUNTER, "Queues that were deleted", f->counters.queues_deleted)

#define NODE_COARSE_METRICS(M, x)                                                                  \
    M(x, process_open_fds, GAUGE, "Open file descriptors", f->process.files_used)                  \
    M(x, process_open_tcp_sockets, GAUGE, "Open sockets", f->process.sockets_used)                 \
    M(x, process_resident_memory_bytes, GAUGE, "Resident memory in bytes",                         \
      f->node.memory_used_bytes)                                                                   \
    M(x, disk_space_available_bytes, GAUGE, "Free bytes on the disk of the data directory",        \
      f->node.disk_free_bytes)                                                                     \
    M(x, erlang_processes_used, GAUGE, "Threads of the broker", f->process.threads)                \
    M(x, erlang_scheduler_context_switches_total, COUNTER,                                         \
      "Context switches of the broker's threads",                                                  \
      f->process.context_switches)

#define NODE_METRICS(M, x)                                                                         \
    M(x, process_max_fds, GAUGE, "How many file descriptors may be open", f->process.files_max)    \
    M(x, process_max_tcp_sockets, GAUGE, "How many of these connections may use",                  \
      difference(f->process.files_max, f->node.files_reserved))                                    \
    M(x, resident_memory_limit_bytes, GAUGE,                                                       \
      "Memory above which publishers are blocked, in bytes",                                       \
      f->node.memory_limit_bytes)                                                                  \
    M(x, disk_space_available_limit_bytes, GAUGE,                                                  \
      "Free bytes on the disk below which publishers are blocked",                                 \
      f->node.disk_free_limit_bytes)                                                               \
    M(x, erlang_processes_limit, GAUGE, "How many threads the broker may have",                    \
      f->process.threads_max)                                                                      \
    M(x, erlang_uptime_seconds, GAUGE, "How long the broker has run",                              \
      (double)f->node.uptime_ms / 1000)

#define NODE_PERSISTER_METRICS(M, x)                                                               \
    M(x, io_read_ops_total, COUNTER, "Reads of queues' segment files", f->counters.segment_reads)  \
    M(x, io_read_bytes_total, COUNTER, "Bytes read from queues' segment files",                    \
      f->counters.segment_read_bytes)                                                              \
    M(x, io_write_ops_total, COUNTER, "Writes to the log and to queues' segment files",            \
      f->counters.log_writes + f->counters.segment_writes)                                         \
    M(x, io_write_bytes_total, COUNTER, "Bytes written to the log and to queues' segment files",   \
      f->counters.log_written_bytes + f->counters.segment_written_bytes)                           \
    M(x, io_sync_ops_total, COUNTER, "Syncs of the log and of queues' segment files", f->syncs)    \
    M(x, io_sync_time_seconds_total, COUNTER, "Time that syncs of the log took",                   \
      (double)f->counters.log_sync_us / 1e6)

#define TOTALS(M, x)                                                                               \
    M(x, connections, GAUGE, "Open connections",                                                   \
      difference(f->counters.connections_opened, f->counters.connections_closed))                  \
    M(x, channels, GAUGE, "Open channels",                                                         \
      difference(f->counters.channels_opened, f->counters.channels_closed))                        \
    M(x, consumers, GAUGE, "Consumers",                                                            \
      difference(f->counters.consumers_added, f->counters.consumers_removed))                      \
    M(x, queues, GAUGE, "Queues", f->node.queues)

#define NODE_MEMORY(M, x)                                                                          \
    M(x, memory_code_module_bytes, GAUGE,                                                          \
      "The program, its libraries and other mapped files in memory",                               \
      f->code)                                                                                     \
    M(x, memory_client_connection_writer_bytes, GAUGE, "Output that clients have not read yet",    \
      f->connection_writers)                                                                       \
    M(x, memory_classic_queue_erlang_process_bytes, GAUGE,                                         \
      "Classic queues and their messages in memory",                                               \
      f->queue_procs)                                                                              \
    M(x, memory_quorum_queue_erlang_process_bytes, GAUGE,                                          \
      "Quorum queues and their messages in memory",                                                \
      f->quorum_queue_procs)                                                                       \
    M(x, memory_runtime_allocated_unused_bytes, GAUGE,                                             \
      "Memory that is free, but between bytes in use",                                             \
      f->allocated_unused)                                                                         \
    M(x, memory_other_erlang_process_bytes, GAUGE,                                                 \
      "All other memory of the process: connections, definitions, caches, stacks",                 \
      f->other_proc)

/* --- logins ----------------------------------------------------------------------------------- */

/* If track_auth_attempt_source is on. */
#define AUTH_ATTEMPT_DETAILED_METRICS(M, x)                                                        \
    M(x, auth_attempts_detailed_total, COUNTER,                                                    \
      "Logins that were tried, by address, user and protocol, if track_auth_attempt_source is on", \
      f->accepted + f->refused)                                                                    \
    M(x, auth_attempts_detailed_succeeded_total, COUNTER, "Logins of these that succeeded",        \
      f->accepted)                                                                                 \
    M(x, auth_attempts_detailed_failed_total, COUNTER, "Logins of these that failed", f->refused)

#define AUTH_ATTEMPT_METRICS(M, x)                                                                 \
    M(x, auth_attempts_total, COUNTER, "Logins that were answered",                                \
      f->accepted + f->refused)                                                                    \
    M(x, auth_attempts_succeeded_total, COUNTER, "Logins that were accepted", f->accepted)         \
    M(x, auth_attempts_failed_total, COUNTER, "Logins that were refused", f->refused)

/* --- queues ----------------------------------------------------------------------------------- */

#define QUEUE_COARSE_METRICS(M, x)                                                                 \
    M(x, queue_messages_ready, GAUGE, "Messages that wait for a consumer", f->ready)               \
    M(x, queue_messages_unacked, GAUGE, "Messages that consumers have and have not acknowledged",  \
      f->unacked)                                                                                  \
    M(x, queue_messages, GAUGE, "All messages of the queue",                                       \
      f->ready + f->unacked + f->dead_letters)

#define QUEUE_CONSUMER_COUNT(M, x)                                                                 \
    M(x, queue_consumers, GAUGE, "Consumers of the queue", f->consumers)

#define QUEUE_METRICS(M, x)                                                                        \
    QUEUE_GAUGES(M, x)                                                                             \
    QUEUE_MESSAGES_ON_DISK(M, x)

#define QUEUE_COUNTERS(M, x)                                                                       \
    QUEUE_MESSAGES_ON_DISK(M, x)                                                                   \
    CHANNEL_QUEUE_EXCHANGE_METRICS(M, x)                                                           \
    QUEUE_DELIVERY_METRICS(M, x)

#define QUEUE_GAUGES(M, x)                                                                         \
    QUEUE_CONSUMER_COUNT(M, x)                                                                     \
    M(x, queue_consumer_capacity, GAUGE,                                                           \
      "Share of the time in which the queue could deliver at once; 0: it has no consumers",        \
      f->consumers > 0 ? f->utilisation : 0)                                                       \
    M(x, queue_consumer_utilisation, GAUGE, "The same as queue_consumer_capacity",                 \
      f->consumers > 0 ? f->utilisation : 0)                                                       \
    M(x, queue_process_memory_bytes, GAUGE,                                                        \
      "Memory that the queue takes, with its messages, approximately",                             \
      f->memory)                                                                                   \
    M(x, queue_messages_ram, GAUGE, "Messages of the queue that are in memory",                    \
      f->ready - f->disk_ready + f->unacked)                                                       \
    M(x, queue_messages_ram_bytes, GAUGE, "Bytes of the bodies of these",                          \
      f->ready_bytes - f->disk_ready_bytes + f->unacked_bytes)                                     \
    M(x, queue_messages_ready_ram, GAUGE, "Ready messages that are in memory",                     \
      f->ready - f->disk_ready)                                                                    \
    M(x, queue_messages_unacked_ram, GAUGE, "Unacknowledged messages, which are all in memory",    \
      f->unacked)                                                                                  \
    M(x, queue_messages_persistent, GAUGE, "Messages that survive a restart", f->persistent)       \
    M(x, queue_messages_persistent_bytes, GAUGE, "Bytes of the bodies of these",                   \
      f->persistent_bytes)                                                                         \
    M(x, queue_messages_bytes, GAUGE, "Bytes of the bodies of all messages",                       \
      f->ready_bytes + f->unacked_bytes + f->dead_letter_bytes)                                    \
    M(x, queue_messages_ready_bytes, GAUGE, "Bytes of the bodies of ready messages",               \
      f->ready_bytes)                                                                              \
    M(x, queue_messages_unacked_bytes, GAUGE, "Bytes of the bodies of unacknowledged messages",    \
      f->unacked_bytes)                                                                            \
    M(x, queue_messages_paged_out, GAUGE, "Ready messages that are only on disk", f->disk_ready)   \
    M(x, queue_messages_paged_out_bytes, GAUGE, "Bytes of the bodies of these",                    \
      f->disk_ready_bytes)                                                                         \
    M(x, queue_head_message_timestamp, GAUGE,                                                      \
      "Timestamp of the first ready message, if it has one, in seconds since 1970",                \
      f->has_head_time ? (double)f->head_time : NAN)

#define QUEUE_MESSAGES_ON_DISK(M, x)                                                               \
    M(x, queue_disk_reads_total, COUNTER, "Messages that were read from the queue's files",        \
      f->counters.disk.reads)                                                                      \
    M(x, queue_disk_writes_total, COUNTER, "Messages that were written to the queue's files",      \
      f->counters.disk.writes)

#define CHANNEL_QUEUE_EXCHANGE_METRICS(M, x)                                                       \
    M(x, queue_messages_published_total, COUNTER, "Messages that the queue took",                  \
      f->counters.published)

#define QUEUE_DELIVERY_METRICS(M, x)                                                               \
    M(x, queue_get_ack_total, COUNTER, "Messages got from the queue, to be acknowledged",          \
      f->counters.got)                                                                             \
    M(x, queue_get_total, COUNTER, "Messages got from the queue without acknowledgement",          \
      f->counters.got_no_ack)                                                                      \
    M(x, queue_messages_delivered_ack_total, COUNTER,                                              \
      "Messages delivered to consumers of the queue that acknowledge",                             \
      f->counters.delivered)                                                                       \
    M(x, queue_messages_delivered_total, COUNTER,                                                  \
      "Messages delivered to consumers of the queue that do not acknowledge",                      \
      f->counters.delivered_no_ack)                                                                \
    M(x, queue_messages_redelivered_total, COUNTER,                                                \
      "Messages of the queue that were delivered or got again",                                    \
      f->counters.redelivered)                                                                     \
    M(x, queue_messages_acked_total, COUNTER, "Messages of the queue that were acknowledged",      \
      f->counters.acked)                                                                           \
    M(x, queue_get_empty_total, COUNTER, "Gets from the queue while it had no message to give",    \
      f->counters.got_empty)

#define QUEUE_INFO(M, x)                                                                           \
    M(x, queue_info, GAUGE, "1 for every queue, with its type", 1)

/* --- channels and connections ----------------------------------------------------------------- */

#define CHANNEL_METRICS(M, x)                                                                      \
    M(x, channel_consumers, GAUGE, "Consumers of the channel", f->consumers)                       \
    M(x, channel_messages_unacked, GAUGE,                                                          \
      "Messages delivered on the channel and not acknowledged",                                    \
      f->unacknowledged)                                                                           \
    M(x, channel_messages_unconfirmed, GAUGE,                                                      \
      "Messages published on the channel and not confirmed",                                       \
      f->unconfirmed)                                                                              \
    M(x, channel_messages_uncommitted, GAUGE,                                                      \
      "Messages published in the channel's open transaction",                                      \
      f->uncommitted)                                                                              \
    M(x, channel_acks_uncommitted, GAUGE, "Acknowledgements in the channel's open transaction",    \
      f->acks_uncommitted)                                                                         \
    M(x, consumer_prefetch, GAUGE,                                                                 \
      "How many unacknowledged messages each new consumer of the channel may have; 0: no "         \
      "limit",                                                                                     \
      f->prefetch_count)                                                                           \
    M(x, channel_prefetch, GAUGE,                                                                  \
      "How many unacknowledged messages the channel may have; 0: no limit",                        \
      f->global_prefetch_count)

#define CHANNEL_EXCHANGE_METRICS(M, x)                                                             \
    M(x, channel_messages_published_total, COUNTER,                                                \
      "Messages published to the exchange on the channel",                                         \
      f->counts.publish)                                                                           \
    M(x, channel_messages_confirmed_total, COUNTER, "Messages of these that were confirmed",       \
      f->counts.confirm)                                                                           \
    M(x, channel_messages_unroutable_returned_total, COUNTER,                                      \
      "Messages of these that were mandatory and returned, as no queue took them",                 \
      f->counts.return_unroutable)                                                                 \
    M(x, channel_messages_unroutable_dropped_total, COUNTER,                                       \
      "Messages of these that were routed to no queue and dropped",                                \
      f->counts.drop_unroutable)

#define CHANNEL_QUEUE_METRICS(M, x)                                                                \
    M(x, channel_get_ack_total, COUNTER,                                                           \
      "Messages that the channel has got from the queue, to be acknowledged",                      \
      f->counts.get)                                                                               \
    M(x, channel_get_total, COUNTER,                                                               \
      "Messages that the channel has got from the queue without acknowledgement",                  \
      f->counts.get_no_ack)                                                                        \
    M(x, channel_messages_delivered_ack_total, COUNTER,                                            \
      "Messages delivered from the queue to the channel's consumers that acknowledge",             \
      f->counts.deliver)                                                                           \
    M(x, channel_messages_delivered_total, COUNTER,                                                \
      "Messages delivered from the queue to the channel's consumers that do not acknowledge",      \
      f->counts.deliver_no_ack)                                                                    \
    M(x, channel_messages_redelivered_total, COUNTER,                                              \
      "Messages of these that had been delivered or got before",                                   \
      f->counts.redeliver)                                                                         \
    M(x, channel_messages_acked_total, COUNTER,                                                    \
      "Messages of these that the channel has acknowledged",                                       \
      f->counts.ack)                                                                               \
    M(x, channel_get_empty_total, COUNTER,                                                         \
      "Gets of the channel from the queue while it had no message to give",                        \
      f->counts.get_empty)

#define CONNECTION_COARSE_METRICS(M, x)                                                            \
    M(x, connection_incoming_bytes_total, COUNTER, "Bytes received on the connection",             \
      f->received_bytes)                                                                           \
    M(x, connection_outgoing_bytes_total, COUNTER, "Bytes sent on the connection", f->sent_bytes)

#define CONNECTION_COUNTERS(M, x)                                                                  \
    CONNECTION_COARSE_METRICS(M, x)                                                                \
    CONNECTION_PACKETS(M, x)

#define CONNECTION_METRICS(M, x)                                                                   \
    CONNECTION_PACKETS(M, x)                                                                       \
    CONNECTION_GAUGES(M, x)

#define CONNECTION_PACKETS(M, x)                                                                   \
    M(x, connection_incoming_packets_total, COUNTER, "Reads of the connection's socket", f->reads) \
    M(x, connection_outgoing_packets_total, COUNTER, "Writes to the connection's socket",          \
      f->writes)

#define CONNECTION_GAUGES(M, x)                                                                    \
    M(x, connection_pending_packets, GAUGE, "Bytes that wait to be sent on the connection",        \
      f->unwritten_bytes)                                                                          \
    M(x, connection_channels, GAUGE, "Channels of the connection", f->channels)

/* --- exchanges and vhosts --------------------------------------------------------------------- */

#define EXCHANGE_METRICS(M, x)                                                                     \
    M(x, exchange_messages_published_total, COUNTER, "Messages published to the exchange",         \
      f->published)

#define VHOST_STATUS(M, x)                                                                         \
    M(x, vhost_status, GAUGE, "1 for every vhost: it is running", 1)

#define EXCHANGE_BINDINGS(M, x)                                                                    \
    M(x, exchange_bindings, GAUGE, "Bindings that begin at the exchange", f->bindings)

#define EXCHANGE_NAMES(M, x)                                                                       \
    M(x, exchange_name, GAUGE, "1 for every exchange", 1)

/* --- totals of all protocols, queue types and dead letters ------------------------------------ */

#define GLOBAL_METRICS(M, x)                                                                       \
    M(x, global_messages_received_total, COUNTER, "Messages that clients published",               \
      f->counters.published)                                                                       \
    M(x, global_messages_received_confirm_total, COUNTER,                                          \
      "Messages that clients published on channels that confirm",                                  \
      f->counters.published_confirming)                                                            \
    M(x, global_messages_routed_total, COUNTER, "Queues that messages were routed to, for each message", \
      f->counters.routed)                                                                          \
    M(x, global_messages_unroutable_dropped_total, COUNTER,                                        \
      "Messages that were routed to no queue and dropped",                                         \
      f->counters.unroutable)                                                                      \
    M(x, global_messages_unroutable_returned_total, COUNTER,                                       \
      "Mandatory messages that were returned to their publisher",                                  \
      f->counters.returned)                                                                        \
    M(x, global_messages_confirmed_total, COUNTER,                                                 \
      "Messages that were confirmed to their publisher",                                           \
      f->counters.confirmed)                                                                       \
    M(x, global_publishers, GAUGE, "Channels that have published", f->publishers)                  \
    M(x, global_consumers, GAUGE, "Consumers",                                                     \
      difference(f->counters.consumers_added, f->counters.consumers_removed))

#define GLOBAL_QUEUE_METRICS(M, x)                                                                 \
    M(x, global_messages_delivered_total, COUNTER, "Messages delivered or got",                    \
      f->delivered + f->delivered_no_ack + f->got + f->got_no_ack)                                 \
    M(x, global_messages_delivered_consume_manual_ack_total, COUNTER,                              \
      "Messages delivered to consumers that acknowledge",                                          \
      f->delivered)                                                                                \
    M(x, global_messages_delivered_consume_auto_ack_total, COUNTER,                                \
      "Messages delivered to consumers that do not acknowledge",                                   \
      f->delivered_no_ack)                                                                         \
    M(x, global_messages_delivered_get_manual_ack_total, COUNTER,                                  \
      "Messages got, to be acknowledged",                                                          \
      f->got)                                                                                      \
    M(x, global_messages_delivered_get_auto_ack_total, COUNTER,                                    \
      "Messages got without acknowledgement",                                                      \
      f->got_no_ack)                                                                               \
    M(x, global_messages_get_empty_total, COUNTER,                                                 \
      "Gets from a queue that had no message to give",                                             \
      f->got_empty)                                                                                \
    M(x, global_messages_redelivered_total, COUNTER,                                               \
      "Messages delivered or got that had been before",                                            \
      f->redelivered)                                                                              \
    M(x, global_messages_acknowledged_total, COUNTER, "Messages that were acknowledged", f->acked)

#define GLOBAL_DEAD_LETTER_METRICS(M, x)                                                           \
    M(x, global_messages_dead_lettered_expired_total, COUNTER,                                     \
      "Messages that expired, dead-lettered as the label says",                                    \
      f->expired)                                                                                  \
    M(x, global_messages_dead_lettered_rejected_total, COUNTER,                                    \
      "Messages that were rejected, dead-lettered as the label says",                              \
      f->rejected)                                                                                 \
    M(x, global_messages_dead_lettered_maxlen_total, COUNTER,                                      \
      "Messages that a full queue dropped or turned away, dead-lettered as the label says",        \
      f->maxlen)                                                                                   \
    M(x, global_messages_dead_lettered_delivery_limit_total, COUNTER,                              \
      "Messages that were delivered too often, dead-lettered as the label says",                   \
      f->delivery_limit)                                                                           \
    M(x, global_messages_dead_lettered_confirmed_total, COUNTER,                                   \
      "Messages that were dead-lettered at least once and have arrived",                           \
      f->confirmed)

#define MESSAGE_SIZE(M, x)                                                                         \
    M(x, message_size_bytes, HISTOGRAM, "Bytes of the bodies of messages that clients published", 0)

/* --- Leveret's own ---------------------------------------------------------------------------- */

#define LOOP_TURNS(M, x)                                                                           \
    M(x, loop_turn_seconds, HISTOGRAM,                                                             \
      "How long turns of the loops took, but for HTTP's: a connection or queue waits at most that " \
      "long for its loop",                                                                         \
      0)

#define LOOP_MAIL(M, x)                                                                            \
    M(x, loop_mail_waiting, HISTOGRAM,                                                             \
      "How much mail from other loops was waiting when a loop began to deliver it",                \
      0)

#define LOG_SYNCS(M, x)                                                                            \
    M(x, log_sync_seconds, HISTOGRAM,                                                              \
      "How long syncs of the log took, for which confirms of persistent messages wait",            \
      0)

#define CONFIRMS(M, x)                                                                             \
    M(x, confirm_seconds, HISTOGRAM,                                                               \
      "How long after its publish a message was confirmed, in whole milliseconds",                 \
      0)

#define STORE_METRICS(M, x)                                                                        \
    M(x, log_files, GAUGE, "Files of the log, with those that are kept to be used again",          \
      f->log_files)                                                                                \
    M(x, log_bytes, GAUGE, "Bytes that these take on the disk", f->log_bytes)                      \
    M(x, segment_files, GAUGE, "Segment files, to which queues page messages out",                 \
      f->segment_files)                                                                            \
    M(x, segment_bytes, GAUGE, "Bytes that these take on the disk", f->segment_bytes)

#define QUEUE_DISK_METRICS(M, x)                                                                   \
    QUEUE_DISK_BYTES(M, x)                                                                         \
    QUEUE_LOSSES(M, x)

#define QUEUE_DISK_BYTES(M, x)                                                                     \
    M(x, queue_disk_bytes, GAUGE,                                                                  \
      "Bytes of the bodies of messages that are on disk; their share of leveret_log_bytes + "      \
      "leveret_segment_bytes is live",                                                             \
      f->persistent_bytes > f->disk_ready_bytes ? f->persistent_bytes : f->disk_ready_bytes)

#define QUEUE_LOSSES(M, x)                                                                         \
    M(x, queue_messages_lost_total, COUNTER, "Messages that could not be read from the disk",      \
      f->counters.disk.lost)

#define LISTENER_METRICS(M, x)                                                                     \
    M(x, listener_connections, GAUGE,                                                              \
      "Open connections of the listener, whether or not they have logged in",                      \
      f->connections)

#define CERTIFICATE_METRICS(M, x)                                                                  \
    M(x, tls_certificate_expires_seconds, GAUGE,                                                   \
      "When the certificate expires, in seconds since 1970",                                       \
      f->ends_at_s)

/* --- what runs -------------------------------------------------------------------------------- */

#define BUILD_INFO(M, x)                                                                           \
    M(x, build_info, UNTYPED, "1, with the version that clients see and Leveret's own", 1)

#define IDENTITY_INFO(M, x)                                                                        \
    M(x, identity_info, UNTYPED, "1, with the names of the node and of the cluster", 1)
/* clang-format on */

#endif
