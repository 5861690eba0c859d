/* The fields of the API's objects, a row each, as in manage/columns.h: the name, the type
 * (manage/column.h), and the value, computed from the facts `f` and from `m`, the struct manage.
 * Names with dots are members of an object in the object: "message_stats.publish"; those of one
 * object are neighbours. Output, `sort`, `columns` and openapi.json come from these rows. */
#ifndef LEVERET_API_FIELDS_H
#define LEVERET_API_FIELDS_H

/* clang-format off */
#define API_QUEUE_FIELDS(C)                                                                        \
    C("arguments", arguments, ARGUMENTS, f->arguments, queue_argument_is_known)                    \
    C("auto_delete", auto_delete, BOOL, f->is_auto_delete)                                         \
    C("consumers", consumers, NUMBER, f->consumers)                                                \
    C("durable", durable, BOOL, f->is_durable)                                                     \
    C("exclusive", exclusive, BOOL, f->owner != 0)                                                 \
    C("messages", messages, NUMBER, f->ready + f->unacked + f->dead_letters)                       \
    C("messages_ready", messages_ready, NUMBER, f->ready)                                          \
    C("messages_unacknowledged", messages_unacknowledged, NUMBER, f->unacked)                      \
    C("name", name, STRING, f->name)                                                               \
    C("node", node, TEXT, m->node_name)                                                            \
    C("type", type, TEXT, f->is_quorum ? "quorum" : "classic")

/* What /overview shows. */
#define API_OVERVIEW_FIELDS(C)                                                                     \
    STATISTIC_FIELDS(C, "churn_rates.", channel_closed, true)                                      \
    STATISTIC_FIELDS(C, "churn_rates.", channel_created, true)                                     \
    STATISTIC_FIELDS(C, "churn_rates.", connection_closed, true)                                   \
    STATISTIC_FIELDS(C, "churn_rates.", connection_created, true)                                  \
    STATISTIC_FIELDS(C, "churn_rates.", queue_created, true)                                       \
    STATISTIC_FIELDS(C, "churn_rates.", queue_declared, true)                                      \
    STATISTIC_FIELDS(C, "churn_rates.", queue_deleted, true)                                       \
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
    MESSAGE_STATS_PUBLISHED(C)                                                                     \
    MESSAGE_STATS_DELIVERED(C)                                                                     \
    STATISTIC_FIELDS(C, "message_stats.", disk_reads, HAS_MESSAGES)                                \
    STATISTIC_FIELDS(C, "message_stats.", disk_writes, HAS_MESSAGES)                               \
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
    STATISTIC_FIELDS(C, "queue_totals.", messages, true)                                           \
    STATISTIC_FIELDS(C, "queue_totals.", messages_ready, true)                                     \
    STATISTIC_FIELDS(C, "queue_totals.", messages_unacknowledged, true)                            \
    C("rabbitmq_version", rabbitmq_version, TEXT, f->node.version)                                 \
    C("rates_mode", rates_mode, TEXT, rates_mode_of(m))                                            \
    C("release_series_support_status", release_series_support_status, TEXT, "supported")           \
    C("sample_retention_policies", sample_retention_policies, TREE, f->retention)                  \
    C("statistics_db_event_queue", statistics_db_event_queue, NUMBER, 0)
#define HAS_MESSAGES (f->statistics.has_published || f->statistics.has_delivered)

#define API_NODE_FIELDS(C)                                                                         \
    C("applications", applications, TREE, f->applications)                                         \
    C("auth_mechanisms", auth_mechanisms, TREE, f->auth_mechanisms)                                \
    C("being_drained", being_drained, BOOL, false)                                                 \
    STATISTIC_FIELDS(C, "", channel_closed, true)                                                  \
    STATISTIC_FIELDS(C, "", channel_created, true)                                                 \
    C("cluster_links", cluster_links, WORDS, SLICE_EMPTY)                                          \
    C("config_files", config_files, TREE, f->config_files)                                         \
    STATISTIC_FIELDS(C, "", connection_closed, true)                                               \
    STATISTIC_FIELDS(C, "", connection_created, true)                                              \
    C("context_switches", context_switches, NUMBER, f->process.context_switches)                   \
    C("contexts", contexts, TREE, f->contexts)                                                     \
    C("db_dir", db_dir, TEXT, f->node.data_dir)                                                    \
    C("disk_free", disk_free, NUMBER, f->node.disk_free_bytes)                                     \
    C("disk_free_alarm", disk_free_alarm, BOOL, f->node.alarms & BROKER_ALARM_DISK)                \
    STATISTIC_DETAILS(C, "", disk_free, true)                                                      \
    C("disk_free_limit", disk_free_limit, NUMBER, f->node.disk_free_limit_bytes)                   \
    C("enabled_plugins", enabled_plugins, TREE, f->enabled_plugins)                                \
    C("exchange_types", exchange_types, TREE, f->exchange_types)                                   \
    C("fd_total", fd_total, NUMBER, f->process.files_max)                                          \
    C("fd_used", fd_used, NUMBER, f->process.files_used)                                           \
    STATISTIC_DETAILS(C, "", fd_used, true)                                                        \
    C("io_read_bytes", io_read_bytes, NUMBER, f->process.disk_read_bytes)                          \
    C("io_write_bytes", io_write_bytes, NUMBER, f->process.disk_written_bytes)                     \
    C("log_files", log_files, TREE, f->log_files)                                                  \
    C("mem_alarm", mem_alarm, BOOL, f->node.alarms & BROKER_ALARM_MEMORY)                          \
    C("mem_calculation_strategy", mem_calculation_strategy, TEXT, "rss")                           \
    C("mem_limit", mem_limit, NUMBER, f->node.memory_limit_bytes)                                  \
    C("mem_used", mem_used, NUMBER, f->node.memory_used_bytes)                                     \
    STATISTIC_DETAILS(C, "", mem_used, true)                                                       \
    C("memory", memory, TREE, f->memory)                                                           \
    C("name", name, TEXT, f->node.name)                                                            \
    C("net_ticktime", net_ticktime, NUMBER, 60)                                                    \
    C("node_tags.", node_tags, OBJECT)                                                             \
    C("os_pid", os_pid, TEXT, f->os_pid)                                                           \
    C("partitions", partitions, WORDS, SLICE_EMPTY)                                                \
    C("proc_total", proc_total, NUMBER, f->process.threads_max)                                    \
    C("proc_used", proc_used, NUMBER, f->process.threads)                                          \
    C("processors", processors, NUMBER, f->node.processors)                                        \
    STATISTIC_FIELDS(C, "", queue_created, true)                                                   \
    STATISTIC_FIELDS(C, "", queue_declared, true)                                                  \
    STATISTIC_FIELDS(C, "", queue_deleted, true)                                                   \
    C("ra_open_file_metrics.ra_log_segment_writer", ra_log_segment_writer, NUMBER, 0)              \
    C("ra_open_file_metrics.ra_log_wal", ra_log_wal, NUMBER, 0)                                    \
    C("rates_mode", rates_mode, TEXT, rates_mode_of(m))                                            \
    C("run_queue", run_queue, NUMBER, 0)                                                           \
    C("running", running, BOOL, true)                                                              \
    C("sockets_total", sockets_total, NUMBER, f->process.files_max - f->node.files_reserved)       \
    C("sockets_used", sockets_used, NUMBER, f->process.sockets_used)                               \
    STATISTIC_DETAILS(C, "", sockets_used, true)                                                   \
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
#define FIELD_ROW(name, field, ...) {name, COLUMN_OF(field)},

#endif
