/* The fields of what is administrated: vhosts, users, permissions, policies, parameters, limits.
 * For the rows see fields.h. */
#ifndef LEVERET_API_ADMIN_FIELDS_H
#define LEVERET_API_ADMIN_FIELDS_H

#include "api/fields.h"

/* clang-format off */
#define API_VHOST_FIELDS(C)                                                                        \
    C("cluster_state", cluster_state, CLUSTER)                                                     \
    C("default_queue_type", default_queue_type, STRING, f->default_queue_type)                     \
    C("description", description, STRING, f->description)                                          \
    DELIVERY_FIELDS(C)                                                                             \
    PUBLISHER_FIELDS(C)                                                                            \
    STATISTIC_FIELD(C, "", messages)                                                               \
    STATISTIC_FIELD(C, "", messages_ready)                                                         \
    STATISTIC_FIELD(C, "", messages_unacknowledged)                                                \
    C("metadata.description", metadata_description, STRING, f->description)                        \
    C("metadata.protected_from_deletion", metadata_protection, BOOL_WHERE, f->is_protected, true)  \
    C("metadata.tags", metadata_tags, WORDS, f->tags)                                              \
    C("name", name, STRING, f->name)                                                               \
    C("protected_from_deletion", protected_from_deletion, BOOL, f->is_protected)                   \
    STATISTIC_FIELD(C, "", recv_oct)                                                               \
    STATISTIC_FIELD(C, "", send_oct)                                                               \
    C("tags", tags, WORDS, f->tags)                                                                \
    C("tracing", tracing, BOOL, f->is_traced)

#define API_USER_FIELDS(C)                                                                         \
    C("hashing_algorithm", hashing_algorithm, STRING, f->hashing_algorithm)                        \
    C("limits", limits, JSON, f->limits.n > 0 ? f->limits : slice_str("{}"))                       \
    C("name", name, STRING, f->name)                                                               \
    C("password_hash", password_hash, STRING, f->password_hash)                                    \
    C("tags", tags, WORDS, f->tags)

#define API_PERMISSION_FIELDS(C)                                                                   \
    C("configure", configure, STRING, f->configure)                                                \
    C("read", read, STRING, f->read)                                                               \
    C("user", user, STRING, f->user)                                                               \
    C("vhost", vhost, STRING, f->vhost)                                                            \
    C("write", write, STRING, f->write)

#define API_TOPIC_PERMISSION_FIELDS(C)                                                             \
    C("exchange", exchange, STRING, f->exchange)                                                   \
    C("read", read, STRING, f->read)                                                               \
    C("user", user, STRING, f->user)                                                               \
    C("vhost", vhost, STRING, f->vhost)                                                            \
    C("write", write, STRING, f->write)

#define API_POLICY_FIELDS(C)                                                                       \
    C("apply-to", apply_to, STRING, f->apply_to)                                                   \
    C("definition", definition, JSON, f->definition)                                               \
    C("name", name, STRING, f->name)                                                               \
    C("pattern", pattern, STRING, f->pattern)                                                      \
    C("priority", priority, INTEGER, f->priority)                                                  \
    C("vhost", vhost, STRING, f->vhost)

#define API_PARAMETER_FIELDS(C)                                                                    \
    C("component", component, STRING, f->component)                                                \
    C("name", name, STRING, f->name)                                                               \
    C("value", value, JSON, f->value)                                                              \
    C("vhost", vhost, STRING, f->vhost)

#define API_GLOBAL_PARAMETER_FIELDS(C)                                                             \
    C("name", name, STRING, f->name)                                                               \
    C("value", value, JSON, f->value)

#define API_VHOST_LIMIT_FIELDS(C)                                                                  \
    C("value", value, JSON, f->value)                                                              \
    C("vhost", vhost, STRING, f->vhost)

#define API_USER_LIMIT_FIELDS(C)                                                                   \
    C("user", user, STRING, f->name)                                                               \
    C("value", value, JSON, f->limits)

#define API_ACCESS_FIELDS(C)                                                                       \
    C("action", action, TEXT, f->action)                                                           \
    C("allowed", allowed, BOOL, f->is_allowed)                                                     \
    C("pattern", pattern, STRING_WHERE, f->has_pattern, f->pattern)                                \
    C("reason", reason, STRING, f->reason)

#define API_PREVIEW_FIELDS(C)                                                                      \
    C("effect", effect, TEXT, policy_effect_name(f->effect))                                       \
    C("kind", kind, TEXT, f->is_queue ? "queue" : "exchange")                                      \
    C("name", name, STRING, f->name)                                                               \
    C("other.name", other_name, STRING_WHERE, f->has_other, f->other)                              \
    C("other.priority", other_priority, INTEGER_WHERE, f->has_other, f->other_priority)            \
    C("type", type, TEXT, f->type)

#define API_ATTEMPTS_FIELDS(C)                                                                     \
    C("auth_attempts", auth_attempts, NUMBER, f->accepted + f->refused)                            \
    C("auth_attempts_failed", auth_attempts_failed, NUMBER, f->refused)                            \
    C("auth_attempts_succeeded", auth_attempts_succeeded, NUMBER, f->accepted)                     \
    C("protocol", protocol, TEXT, f->protocol)

#define API_SOURCE_FIELDS(C)                                                                       \
    API_ATTEMPTS_FIELDS(C)                                                                         \
    C("remote_address", remote_address, STRING, f->address)                                        \
    C("username", username, STRING, f->user)
/* clang-format on */

#endif
