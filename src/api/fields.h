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
