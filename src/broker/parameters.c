/* Runtime parameters: the table of components, the list of each vhost, and its changes. */
#include "broker/parameters.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/log.h"
#include "base/memory.h"
#include "broker/limits.h"
#include "broker/operator_parameter.h"
#include "broker/policy.h"
#include "broker/vhost_life.h"
#include "topology/durable.h"
#include "topology/vhost.h"
#include "wire/erlang_json.h"

/* Immutable. The component of a global parameter is empty. */
struct parameter {
    struct slice component;
    struct slice name;
    struct slice value; /* JSON with sorted keys */
};

/* --- components ------------------------------------------------------------------------------- */

static const char limits_name[] = "limits";

static bool check_vhost_limits(struct slice name, json_t *value, struct lv_buffer *reason)
{
    if (slice_is(name, limits_name))
        return limits_check(value, vhost_limit_names, limits_name, reason);
    lv_buffer_printf(reason, "a vhost's limits are the parameter 'limits', not '%.*s'\n",
                     SLICE_ARG(name));
    return false;
}

static void apply_vhost_limits(struct vhost *vhost, struct slice name, const json_t *value)
{
    if (slice_is(name, limits_name))
        vhost_limits_set(&vhost->limits, value);
}

static const struct component {
    const char *name;
    bool (*check)(struct slice name, json_t *value, struct lv_buffer *reason);
    /* Puts the value into effect; NULL: it was cleared. The caller holds the topology lock. */
    void (*apply)(struct vhost *vhost, struct slice name, const json_t *value);
} components[] = {
    {"vhost-limits", check_vhost_limits, apply_vhost_limits},
};

static const struct component *component_find(struct slice name)
{
    for (size_t i = 0; i < sizeof components / sizeof *components; i++) {
        if (slice_is(name, components[i].name))
            return &components[i];
    }
    return NULL;
}

/* --- lists ------------------------------------------------------------------------------------ */

static struct parameter *parameter_make(struct slice component, struct slice name,
                                        const json_t *value)
{
    struct parameter *p = lv_malloc(sizeof *p);
    *p = (struct parameter){
        .component = slice_copy(component),
        .name = slice_copy(name),
        .value = slice_str(json_dumps(value, JSON_COMPACT | JSON_SORT_KEYS | JSON_ENCODE_ANY)),
    };
    lv_assert(p->value.p);
    return p;
}

static void parameter_free(struct parameter *p)
{
    free((void *)(uintptr_t)p->component.p);
    free((void *)(uintptr_t)p->name.p);
    free((void *)(uintptr_t)p->value.p);
    free(p);
}

void parameters_free(struct parameter_list *list)
{
    for (size_t i = 0; i < list->count; i++)
        parameter_free(list->items[i]);
    free(list->items);
    *list = (struct parameter_list){0};
}

static int parameter_compare(const struct parameter *p, struct slice component, struct slice name)
{
    int order = slice_compare(p->component, component);
    return order ? order : slice_compare(p->name, name);
}

/* Returns where the parameter is in the list, or would be inserted. */
static size_t list_index(const struct parameter_list *list, struct slice component,
                         struct slice name)
{
    size_t at = 0;
    while (at < list->count && parameter_compare(list->items[at], component, name) < 0)
        at++;
    return at;
}

/* Removes the parameter from the list and frees it. Returns false if there is none. */
static bool list_remove(struct parameter_list *list, struct slice component, struct slice name)
{
    size_t at = list_index(list, component, name);
    if (at == list->count || parameter_compare(list->items[at], component, name) != 0)
        return false;
    parameter_free(list->items[at]);
    list->count--;
    memmove(list->items + at, list->items + at + 1, (list->count - at) * sizeof *list->items);
    return true;
}

/* Returns whether the list has the parameter with the same value. */
static bool list_has(const struct parameter_list *list, const struct parameter *p)
{
    size_t at = list_index(list, p->component, p->name);
    return at < list->count && parameter_compare(list->items[at], p->component, p->name) == 0 &&
           slice_equal(list->items[at]->value, p->value);
}

/* Puts the parameter, which it takes, into the list, in place of any of the same component and
 * name. */
static void list_put(struct parameter_list *list, struct parameter *p)
{
    list_remove(list, p->component, p->name);
    size_t at = list_index(list, p->component, p->name);
    list->items = lv_realloc(list->items, (list->count + 1) * sizeof *list->items);
    memmove(list->items + at + 1, list->items + at, (list->count - at) * sizeof *list->items);
    list->items[at] = p;
    list->count++;
}

/* --- of a vhost ------------------------------------------------------------------------------- */

static json_t *value_parse(struct slice text)
{
    return json_loadb(text.n ? (const char *)text.p : "", text.n, JSON_DECODE_ANY, NULL);
}

static void change_answer(struct durable_done done, enum change_result result)
{
    if (result == CHANGE_DONE && done.fn)
        done.fn(done.arg, 0);
}

static int parameter_store(struct vhost *vhost, const struct component *c, struct slice name,
                           const json_t *value, struct durable_done done)
{
    struct slice component = slice_str(c->name);
    struct durable_changes changes;
    topology_lock(vhost->topology);
    if (atomic_load(&vhost->is_deleted)) {
        topology_unlock(vhost->topology);
        return ERR_NOT_FOUND;
    }
    struct parameter *p = parameter_make(component, name, value);
    if (list_has(&vhost->rules->parameters, p)) {
        topology_unlock(vhost->topology);
        parameter_free(p);
        return ERR_EXISTS;
    }
    const struct definition_parameter row = {vhost_name(vhost), component, name, p->value};
    durable_begin(&changes, vhost);
    if (durable_is_stored(&changes))
        durable_add(&changes, definition_put_parameter(&row));
    list_put(&vhost->rules->parameters, p);
    c->apply(vhost, name, value);
    enum change_result result = durable_submit(&changes, done);
    topology_unlock(vhost->topology);
    change_answer(done, result);
    return 0;
}

static int component_refuse(struct slice component, struct lv_buffer *reason)
{
    lv_buffer_printf(reason, "component %.*s not found\n", SLICE_ARG(component));
    return ERR_INVALID;
}

static int value_check(const struct definition_parameter *row, json_t *value,
                       struct lv_buffer *reason)
{
    const struct component *c = component_find(row->component);
    if (slice_is(row->component, OPERATOR_COMPONENT))
        return operator_parameter_check(row->name, value, reason);
    if (!c)
        return component_refuse(row->component, reason);
    return c->check(row->name, value, reason) ? 0 : ERR_INVALID;
}

bool parameter_has_component(struct slice component)
{
    return component_find(component) || slice_is(component, OPERATOR_COMPONENT) ||
           slice_is(component, "policy");
}

int parameter_check(const struct definition_parameter *row, struct lv_buffer *reason)
{
    if (slice_is(row->component, "policy"))
        return ERR_REFUSED;
    json_t *value = value_parse(row->value);
    int err = value ? value_check(row, value, reason) : ERR_FORMAT;
    json_decref(value);
    return err;
}

int parameter_set(struct vhost *vhost, const struct definition_parameter *row,
                  struct lv_buffer *reason, struct durable_done done)
{
    const struct component *c = component_find(row->component);
    lv_assert(!loop_current());
    if (slice_is(row->component, "policy"))
        return ERR_REFUSED;
    json_t *value = value_parse(row->value);
    int err = 0;
    if (!value)
        return ERR_FORMAT;
    if (slice_is(row->component, OPERATOR_COMPONENT))
        err = operator_parameter_set(vhost, row->name, value, reason, done);
    else if ((err = value_check(row, value, reason)) == 0)
        err = parameter_store(vhost, c, row->name, value, done);
    json_decref(value);
    return err;
}

int parameter_clear(struct vhost *vhost, struct slice component, struct slice name,
                    struct durable_done done)
{
    const struct component *c = component_find(component);
    struct durable_changes changes;
    lv_assert(!loop_current());
    if (slice_is(component, OPERATOR_COMPONENT))
        return policy_clear(vhost, name, POLICY_OPERATOR, done);
    topology_lock(vhost->topology);
    if (!list_remove(&vhost->rules->parameters, component, name)) {
        topology_unlock(vhost->topology);
        return ERR_NOT_FOUND;
    }
    durable_begin(&changes, vhost);
    if (durable_is_stored(&changes))
        durable_add(&changes, definition_delete_parameter(vhost_name(vhost), component, name));
    if (c)
        c->apply(vhost, name, NULL);
    enum change_result result = durable_submit(&changes, done);
    topology_unlock(vhost->topology);
    change_answer(done, result);
    return 0;
}

void parameter_restore(struct vhost *vhost, const struct definition_parameter *row)
{
    const struct component *c = component_find(row->component);
    struct lv_buffer reason = {0};
    json_t *value = value_parse(row->value);
    if (!value) {
        log_warning("parameter '%.*s' of component '%.*s' in vhost '%.*s' is skipped: it is not "
                    "JSON",
                    SLICE_ARG(row->name), SLICE_ARG(row->component), SLICE_ARG(row->vhost));
        return;
    }
    topology_lock(vhost->topology);
    list_put(&vhost->rules->parameters, parameter_make(row->component, row->name, value));
    if (c && c->check(row->name, value, &reason))
        c->apply(vhost, row->name, value);
    topology_unlock(vhost->topology);
    if (!c)
        lv_buffer_printf(&reason, "its component is unknown\n");
    if (reason.n > 0)
        log_warning("parameter '%.*s' of component '%.*s' in vhost '%.*s' has no effect: %.*s",
                    SLICE_ARG(row->name), SLICE_ARG(row->component), SLICE_ARG(row->vhost),
                    (int)reason.n - 1, (const char *)reason.p);
    json_decref(value);
    lv_buffer_free(&reason);
}

void parameter_each(struct vhost *vhost, struct slice component, parameter_visit *visit, void *arg)
{
    topology_lock(vhost->topology);
    for (size_t i = 0; i < vhost->rules->parameters.count; i++) {
        const struct parameter *p = vhost->rules->parameters.items[i];
        const struct definition_parameter row = {vhost_name(vhost), p->component, p->name,
                                                 p->value};
        if (component.n == 0 || slice_equal(component, p->component))
            visit(arg, &row);
    }
    topology_unlock(vhost->topology);
    if (component.n == 0 || slice_is(component, OPERATOR_COMPONENT))
        operator_parameter_each(vhost, visit, arg);
}

/* --- global ones ------------------------------------------------------------------------------ */

struct global_text {
    struct lv_rcu_head rcu;
    size_t n;
    uint8_t bytes[];
};

static void global_text_free(struct lv_rcu_head *head)
{
    free(lv_container_of(head, struct global_text, rcu));
}

/* Puts a global parameter into effect; NULL: it was cleared. One that is not a string counts as not
 * set. The caller holds the topology lock. */
static void global_apply(struct broker *broker, struct slice name, const json_t *value)
{
    struct global_text *fresh = NULL;
    bool is_name = slice_is(name, "cluster_name");
    if (!is_name && !slice_is(name, "internal_cluster_id"))
        return;
    if (json_is_string(value)) {
        struct slice text = json_slice(value);
        fresh = lv_calloc(1, sizeof *fresh + text.n);
        fresh->n = text.n;
        memcpy(fresh->bytes, text.p, text.n);
    }
    struct global_text *old = atomic_exchange_explicit(
        is_name ? &broker->cluster_name : &broker->cluster_id, fresh, memory_order_acq_rel);
    if (old)
        lv_rcu_defer(&old->rcu, global_text_free);
}

struct slice cluster_name_now(struct broker *broker, const char *configured)
{
    const struct global_text *name =
        atomic_load_explicit(&broker->cluster_name, memory_order_acquire);
    return name ? slice_of(name->bytes, name->n) : slice_str(configured);
}

struct slice cluster_id_now(struct broker *broker)
{
    const struct global_text *id = atomic_load_explicit(&broker->cluster_id, memory_order_acquire);
    return id ? slice_of(id->bytes, id->n) : SLICE_EMPTY;
}

/* Takes the change, submits it to the definitions, and unlocks the topology. If nothing is stored,
 * calls `done` itself. */
static void global_change_end(struct broker *broker, struct definition_change *change,
                              struct durable_done done)
{
    bool is_stored = broker->topology.definitions != NULL;
    if (is_stored)
        definitions_submit(broker->topology.definitions, change, done.fn, done.arg);
    else
        definition_change_free(&change);
    topology_unlock(&broker->topology);
    if (!is_stored && done.fn)
        done.fn(done.arg, 0);
}

int global_parameter_set(struct broker *broker, struct slice name, struct slice value,
                         struct durable_done done)
{
    lv_assert(!loop_current());
    json_t *json = value_parse(value);
    if (!json)
        return ERR_FORMAT;
    topology_lock(&broker->topology);
    struct parameter *p = parameter_make(SLICE_EMPTY, name, json);
    const struct definition_global_parameter row = {name, p->value};
    struct definition_change *change = definition_put_global_parameter(&row);
    list_put(broker->globals, p);
    global_apply(broker, name, json);
    global_change_end(broker, change, done);
    json_decref(json);
    return 0;
}

int global_parameter_clear(struct broker *broker, struct slice name, struct durable_done done)
{
    lv_assert(!loop_current());
    topology_lock(&broker->topology);
    if (!list_remove(broker->globals, SLICE_EMPTY, name)) {
        topology_unlock(&broker->topology);
        return ERR_NOT_FOUND;
    }
    global_apply(broker, name, NULL);
    global_change_end(broker, definition_delete_global_parameter(name), done);
    return 0;
}

void global_parameter_restore(struct broker *broker, const struct definition_global_parameter *row)
{
    json_t *json = value_parse(row->value);
    if (!json) {
        log_warning("global parameter '%.*s' is skipped: it is not JSON", SLICE_ARG(row->name));
        return;
    }
    topology_lock(&broker->topology);
    list_put(broker->globals, parameter_make(SLICE_EMPTY, row->name, json));
    global_apply(broker, row->name, json);
    topology_unlock(&broker->topology);
    json_decref(json);
}

void global_parameter_each(struct broker *broker, global_parameter_visit *visit, void *arg)
{
    topology_lock(&broker->topology);
    for (size_t i = 0; i < broker->globals->count; i++) {
        const struct parameter *p = broker->globals->items[i];
        visit(arg, &(struct definition_global_parameter){p->name, p->value});
    }
    topology_unlock(&broker->topology);
}

void global_parameters_free(struct broker *broker)
{
    free(atomic_exchange(&broker->cluster_name, NULL));
    free(atomic_exchange(&broker->cluster_id, NULL));
    parameters_free(broker->globals);
    free(broker->globals);
    broker->globals = NULL;
}
