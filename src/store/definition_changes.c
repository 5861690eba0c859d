/* The constructors of changes of the definitions. Pure.
 *
 * A constructor copies its values into one block of memory, together with the operation. The writer
 * binds the values, in the constructor's order, to the statements of that operation
 * (definition_statements.h). */
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "base/memory.h"
#include "store/definitions_private.h"

#define TEXT(s) ((struct definition_value){.type = VALUE_TEXT, .bytes = (s)})
#define BYTES(s) ((struct definition_value){.type = VALUE_BYTES, .bytes = (s)})
#define NUMBER(n) ((struct definition_value){.type = VALUE_NUMBER, .number = (n)})

static struct definition_change *change_make(enum definition_operation operation, int count,
                                             const struct definition_value *values)
{
    struct definition_change *change;
    size_t head = sizeof *change + (size_t)count * sizeof *values;
    size_t n = head;
    lv_assert(count > 0);
    lv_assert(count <= DEFINITION_VALUES_MAX);
    lv_assert(operation < DEFINITION_OPERATION_COUNT);
    for (int i = 0; i < count; i++)
        n += values[i].bytes.n;
    change = lv_malloc(n);
    *change = (struct definition_change){.operation = operation, .count = count};
    uint8_t *p = (uint8_t *)change + head;
    for (int i = 0; i < count; i++) {
        change->values[i] = values[i];
        change->values[i].bytes.p = p;
        if (values[i].bytes.n > 0)
            memcpy(p, values[i].bytes.p, values[i].bytes.n);
        p += values[i].bytes.n;
    }
    lv_assert(p == (uint8_t *)change + n);
    return change;
}

#define CHANGE(operation, ...)                                                                     \
    change_make(                                                                                   \
        operation,                                                                                 \
        (int)(sizeof((struct definition_value[]){__VA_ARGS__}) / sizeof(struct definition_value)), \
        (const struct definition_value[]){__VA_ARGS__})

void definition_change_free(struct definition_change **change)
{
    free(*change);
    *change = NULL;
}

struct definition_change *definition_put_vhost(const struct definition_vhost *row)
{
    return CHANGE(PUT_VHOST, TEXT(row->name), TEXT(row->description), TEXT(row->tags),
                  TEXT(row->default_queue_type), NUMBER(row->is_protected));
}

struct definition_change *definition_put_user(const struct definition_user *row)
{
    return CHANGE(PUT_USER, TEXT(row->name), TEXT(row->password_hash), TEXT(row->hashing_algorithm),
                  TEXT(row->tags), TEXT(row->limits));
}

struct definition_change *definition_put_permission(const struct definition_permission *row)
{
    return CHANGE(PUT_PERMISSION, TEXT(row->user), TEXT(row->vhost), TEXT(row->configure),
                  TEXT(row->write), TEXT(row->read));
}

struct definition_change *
definition_put_topic_permission(const struct definition_topic_permission *row)
{
    return CHANGE(PUT_TOPIC_PERMISSION, TEXT(row->user), TEXT(row->vhost), TEXT(row->exchange),
                  TEXT(row->write), TEXT(row->read));
}

struct definition_change *definition_put_exchange(const struct definition_exchange *row)
{
    return CHANGE(PUT_EXCHANGE, TEXT(row->vhost), TEXT(row->name), TEXT(row->type),
                  NUMBER(row->is_auto_delete), NUMBER(row->is_internal), BYTES(row->arguments));
}

struct definition_change *definition_put_queue(const struct definition_queue *row)
{
    return CHANGE(PUT_QUEUE, TEXT(row->vhost), TEXT(row->name), NUMBER(row->is_auto_delete),
                  BYTES(row->arguments), NUMBER((int64_t)row->id), TEXT(row->user));
}

static struct definition_change *binding_change(enum definition_operation operation,
                                                const struct definition_binding *row)
{
    return CHANGE(operation, TEXT(row->vhost), NUMBER(row->is_to_queue), TEXT(row->destination),
                  TEXT(row->source), TEXT(row->routing_key), BYTES(row->arguments));
}

struct definition_change *definition_put_binding(const struct definition_binding *row)
{
    return binding_change(PUT_BINDING, row);
}

struct definition_change *definition_put_parameter(const struct definition_parameter *row)
{
    return CHANGE(PUT_PARAMETER, TEXT(row->vhost), TEXT(row->component), TEXT(row->name),
                  TEXT(row->value));
}

struct definition_change *
definition_put_global_parameter(const struct definition_global_parameter *row)
{
    return CHANGE(PUT_GLOBAL_PARAMETER, TEXT(row->name), TEXT(row->value));
}

struct definition_change *definition_put_policy(const struct definition_policy *row)
{
    return CHANGE(PUT_POLICY, TEXT(row->vhost), NUMBER(row->is_operator), TEXT(row->name),
                  TEXT(row->pattern), TEXT(row->apply_to), NUMBER(row->priority),
                  TEXT(row->definition));
}

struct definition_change *definition_put_seen(const struct definition_seen *row)
{
    return CHANGE(PUT_SEEN, TEXT(row->vhost), NUMBER(row->is_queue), TEXT(row->name),
                  NUMBER((int64_t)row->low), NUMBER((int64_t)row->high),
                  NUMBER((int64_t)row->number), NUMBER((int64_t)row->until_ms));
}

struct definition_change *definition_delete_seen(const struct definition_seen *row)
{
    return CHANGE(DELETE_SEEN, TEXT(row->vhost), NUMBER(row->is_queue), TEXT(row->name),
                  NUMBER((int64_t)row->low), NUMBER((int64_t)row->high));
}

struct definition_change *definition_delete_vhost(struct slice name)
{
    return CHANGE(DELETE_VHOST, TEXT(name));
}

struct definition_change *definition_delete_user(struct slice name)
{
    return CHANGE(DELETE_USER, TEXT(name));
}

struct definition_change *definition_delete_permission(struct slice vhost, struct slice user)
{
    return CHANGE(DELETE_PERMISSION, TEXT(user), TEXT(vhost));
}

struct definition_change *definition_delete_topic_permission(struct slice vhost, struct slice user,
                                                             struct slice exchange)
{
    return CHANGE(DELETE_TOPIC_PERMISSION, TEXT(user), TEXT(vhost), TEXT(exchange));
}

struct definition_change *definition_delete_exchange(struct slice vhost, struct slice name)
{
    return CHANGE(DELETE_EXCHANGE, TEXT(vhost), TEXT(name));
}

struct definition_change *definition_delete_queue(struct slice vhost, struct slice name)
{
    return CHANGE(DELETE_QUEUE, TEXT(vhost), TEXT(name));
}

struct definition_change *definition_delete_binding(const struct definition_binding *row)
{
    return binding_change(DELETE_BINDING, row);
}

struct definition_change *definition_delete_parameter(struct slice vhost, struct slice component,
                                                      struct slice name)
{
    return CHANGE(DELETE_PARAMETER, TEXT(vhost), TEXT(component), TEXT(name));
}

struct definition_change *definition_delete_global_parameter(struct slice name)
{
    return CHANGE(DELETE_GLOBAL_PARAMETER, TEXT(name));
}

struct definition_change *definition_delete_policy(struct slice vhost, struct slice name,
                                                   bool is_operator)
{
    return CHANGE(DELETE_POLICY, TEXT(vhost), NUMBER(is_operator), TEXT(name));
}
