/* Limits as JSON: they are checked, and a vhost's are set. */
#include "broker/limits.h"

#include <string.h>

#include "wire/erlang_json.h"

/* In the order in which RabbitMQ checks them. */
const char *const vhost_limit_names[] = {"max-queues", "max-connections", NULL};

static int64_t limit_of(const json_t *object, const char *name)
{
    const json_t *value = json_object_get(object, name);
    return json_is_integer(value) ? json_integer_value(value) : -1;
}

void vhost_limits_set(struct vhost_limits *limits, const json_t *object)
{
    atomic_store_explicit(&limits->connections_max, limit_of(object, "max-connections"),
                          memory_order_relaxed);
    atomic_store_explicit(&limits->queues_max, limit_of(object, "max-queues"),
                          memory_order_relaxed);
}

static bool check_all_known(json_t *object, const char *const *names, const char *subject,
                            struct lv_buffer *reason)
{
    json_t *unknown = json_copy(object);
    for (; *names; names++)
        json_object_del(unknown, *names);
    bool are_known = json_object_size(unknown) == 0;
    if (!are_known) {
        lv_buffer_printf(reason, "Unrecognised terms ");
        json_put_erlang_list(reason, unknown);
        lv_buffer_printf(reason, " in %s\n", subject);
    }
    json_decref(unknown);
    return are_known;
}

bool limits_check(json_t *object, const char *const *names, const char *subject,
                  struct lv_buffer *reason)
{
    if (json_is_empty_list(object))
        return true;
    if (!json_is_object(object)) {
        lv_buffer_printf(reason, "%s not a list ", subject);
        json_put_erlang(reason, object);
        lv_buffer_printf(reason, "\n");
        return false;
    }
    bool is_fine = check_all_known(object, names, subject, reason);
    for (; *names; names++) {
        const json_t *value = json_object_get(object, *names);
        if (!value || json_is_integer(value))
            continue;
        lv_buffer_printf(reason, "%s should be a number, actually was ", *names);
        json_put_erlang(reason, value);
        lv_buffer_printf(reason, "\n");
        is_fine = false;
    }
    return is_fine;
}
