#include "broker/limits.h"

#include <inttypes.h>
#include <string.h>

#include "topology/vhost.h"
#include "wire/erlang_json.h"

/* In the order in which complaints about them come. */
const char *const vhost_limit_names[] = {"max-queues", "max-connections", NULL};

static int64_t limit_of(const json_t *object, const char *name)
{
    const json_t *value = json_object_get(object, name);
    return json_is_integer(value) ? json_integer_value(value) : -1;
}

void vhost_limits_init(struct vhost_limits *limits)
{
    atomic_init(&limits->connections_max, -1);
    atomic_init(&limits->queues_max, -1);
    atomic_init(&limits->connections, 0);
}

void vhost_limits_set(struct vhost_limits *limits, const json_t *object)
{
    atomic_store_explicit(&limits->connections_max, limit_of(object, "max-connections"),
                          memory_order_relaxed);
    atomic_store_explicit(&limits->queues_max, limit_of(object, "max-queues"),
                          memory_order_relaxed);
}

bool vhost_take_connection(struct vhost *vhost, int64_t *ret_limit)
{
    struct vhost_limits *limits = &vhost->limits;
    int64_t max = atomic_load_explicit(&limits->connections_max, memory_order_relaxed);
    int64_t before = atomic_fetch_add_explicit(&limits->connections, 1, memory_order_relaxed);
    if (max < 0 || before < max)
        return true;
    vhost_give_connection(vhost);
    *ret_limit = max;
    return false;
}

void vhost_give_connection(struct vhost *vhost)
{
    int64_t before = atomic_fetch_sub_explicit(&vhost->limits.connections, 1, memory_order_relaxed);
    lv_assert(before > 0);
}

bool vhost_check_queue_limit(struct vhost *vhost, struct slice queue, struct broker_error *error)
{
    int64_t max = atomic_load_explicit(&vhost->limits.queues_max, memory_order_relaxed);
    size_t count = lv_table_count(vhost->queues) - vhost->delaying_queues;
    if (max < 0 || (int64_t)count < max)
        return true;
    return broker_refuse_as(error, REFUSAL_LIMIT, 406,
                            "cannot declare queue '%.*s': queue limit in vhost '%.*s' (%" PRId64
                            ") is reached",
                            SLICE_ARG(queue), SLICE_ARG(vhost_name(vhost)), max);
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
