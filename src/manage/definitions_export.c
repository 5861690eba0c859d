/* Exporting definitions.
 *
 * First what the text is made of is collected: a reference to each queue, a copy of each exchange
 * and binding. Then the text is written, row by row, in parts; writing may wait for its reader, so
 * nothing is borrowed from the topology meanwhile. An object that is created or deleted during the
 * collection is in the text or not; but a binding is only written if both its ends are. */
#include "manage/definitions.h"

#include <jansson.h>
#include <stdlib.h>

#include "base/memory.h"
#include "base/search.h"
#include "base/vec.h"
#include "broker/delayed.h"
#include "broker/parameters.h"
#include "broker/policy.h"
#include "manage/facts.h"
#include "queue/queue.h"
#include "session/session.h"
#include "topology/exchange.h"
#include "topology/vhost.h"
#include "wire/table.h"
#include "wire/table_json.h"

enum { PART_BYTES = 64 * 1024 };

/* --- what is collected ------------------------------------------------------------------------ */

struct exported_exchange {
    struct slice name, arguments;
    const char *type;
    bool is_durable, is_auto_delete, is_internal;
};

struct exported_binding {
    struct slice source, destination, routing_key, arguments;
    bool is_to_queue;
};

struct exported_vhost {
    struct slice name, description, tags, default_queue_type; /* owned, in one copy */
    bool is_protected;
    struct queue **queues; /* references; by name */
    size_t queue_count, queue_capacity;
    struct exported_exchange **exchanges; /* by name */
    size_t exchange_count, exchange_capacity;
    struct exported_binding **bindings; /* by source, destination, key, arguments */
    size_t binding_count, binding_capacity;
};

struct export
{
    struct manage *m;
    const struct definitions_export *what;
    definitions_write *write;
    void *arg;
    bool is_cut;                    /* the reader wants no more */
    struct exported_vhost **vhosts; /* by name */
    size_t vhost_count, vhost_capacity;
    struct lv_buffer out;  /* not yet written */
    struct lv_buffer rows; /* of a list that is collected as text */
    bool is_first;         /* no row of the list has been written yet */
};

static int queues_in_order(const void *a, const void *b)
{
    return slice_compare(queue_name(*(struct queue *const *)a),
                         queue_name(*(struct queue *const *)b));
}

static int exchanges_in_order(const void *a, const void *b)
{
    return slice_compare((*(struct exported_exchange *const *)a)->name,
                         (*(struct exported_exchange *const *)b)->name);
}

static int vhosts_in_order(const void *a, const void *b)
{
    return slice_compare((*(struct exported_vhost *const *)a)->name,
                         (*(struct exported_vhost *const *)b)->name);
}

static int bindings_in_order(const void *a, const void *b)
{
    const struct exported_binding *x = *(struct exported_binding *const *)a;
    const struct exported_binding *y = *(struct exported_binding *const *)b;
    int order = slice_compare(x->source, y->source);
    if (order == 0)
        order = slice_compare(x->destination, y->destination);
    if (order == 0)
        order = slice_compare(x->routing_key, y->routing_key);
    return order ? order : slice_compare(x->arguments, y->arguments);
}

static void sort(void *items, size_t count, int (*compare)(const void *a, const void *b))
{
    if (count > 1)
        qsort(items, count, sizeof(void *), compare);
}

/* Returns whether this is one of the broker's own names. */
static bool is_own(struct slice name)
{
    return name.n == 0 || slice_begins(name, "amq.");
}

static void collect_queues(struct vhost *vhost, struct exported_vhost *v)
{
    struct lv_table_iter it;
    for (struct lv_table_node *node = lv_table_first(vhost->queues, &it); node;
         node = lv_table_next(vhost->queues, &it)) {
        struct queue *q = queue_of_node(node);
        if (is_own(queue_name(q)) || queue_entry(q)->exclusive_owner != 0 ||
            queue_entry(q)->is_companion)
            continue;
        lv_vec_room(v->queues, v->queue_count, v->queue_capacity);
        v->queues[v->queue_count++] = queue_ref(q);
    }
    sort(v->queues, v->queue_count, queues_in_order);
}

static void collect_exchanges(struct vhost *vhost, struct exported_vhost *v)
{
    struct lv_table_iter it;
    for (struct lv_table_node *node = lv_table_first(vhost->exchanges, &it); node;
         node = lv_table_next(vhost->exchanges, &it)) {
        const struct exchange *x = lv_container_of(node, struct exchange, by_name);
        struct exported_exchange row = {
            .name = exchange_name(x),
            .arguments = x->arguments,
            .type = x->type_name,
            .is_durable = x->is_durable,
            .is_auto_delete = x->is_auto_delete,
            .is_internal = x->is_internal,
        };
        if (is_own(row.name) || x->is_predeclared)
            continue;
        lv_vec_room(v->exchanges, v->exchange_count, v->exchange_capacity);
        v->exchanges[v->exchange_count++] = FACTS_COPY(&row, &row.name, &row.arguments);
    }
    sort(v->exchanges, v->exchange_count, exchanges_in_order);
}

static void add_binding(void *arg, struct slice source, const struct destination *destination,
                        struct slice routing_key, struct slice arguments)
{
    struct exported_vhost *v = arg;
    struct exported_binding row = {
        .source = source,
        .destination = destination->name,
        .routing_key = routing_key,
        .arguments = arguments,
        .is_to_queue = destination->kind == DESTINATION_QUEUE,
    };
    if (source.n == 0)
        return;
    lv_vec_room(v->bindings, v->binding_count, v->binding_capacity);
    v->bindings[v->binding_count++] =
        FACTS_COPY(&row, &row.source, &row.destination, &row.routing_key, &row.arguments);
}

static void collect_vhost(struct export *e, struct vhost *vhost)
{
    struct exported_vhost texts = {.name = vhost_name(vhost),
                                   .default_queue_type = vhost->default_queue_type};
    topology_lock(vhost->topology);
    texts.description = vhost->description;
    texts.tags = vhost->tags;
    texts.is_protected = vhost->is_protected;
    struct exported_vhost *v =
        FACTS_COPY(&texts, &texts.name, &texts.description, &texts.tags, &texts.default_queue_type);
    topology_unlock(vhost->topology);
    collect_exchanges(vhost, v);
    collect_queues(vhost, v);
    binding_each(vhost, add_binding, v);
    sort(v->bindings, v->binding_count, bindings_in_order);
    lv_vec_room(e->vhosts, e->vhost_count, e->vhost_capacity);
    e->vhosts[e->vhost_count++] = v;
}

static void collect_all(struct export *e)
{
    struct lv_table *vhosts = e->m->broker->topology.vhosts;
    struct lv_table_iter it;
    for (struct lv_table_node *node = lv_table_first(vhosts, &it); node;
         node = lv_table_next(vhosts, &it))
        collect_vhost(e, lv_container_of(node, struct vhost, by_name));
    sort(e->vhosts, e->vhost_count, vhosts_in_order);
}

static void vhost_release(struct exported_vhost *v)
{
    for (size_t i = 0; i < v->queue_count; i++)
        queue_unref(&v->queues[i]);
    for (size_t i = 0; i < v->exchange_count; i++)
        free(v->exchanges[i]);
    for (size_t i = 0; i < v->binding_count; i++)
        free(v->bindings[i]);
    free(v->queues);
    free(v->exchanges);
    free(v->bindings);
    free(v);
}

static void export_free(struct export *e)
{
    for (size_t i = 0; i < e->vhost_count; i++)
        vhost_release(e->vhosts[i]);
    free(e->vhosts);
    lv_buffer_free(&e->out);
    lv_buffer_free(&e->rows);
}

/* --- writing ---------------------------------------------------------------------------------- */

static void part_write(struct export *e)
{
    if (!e->is_cut && e->out.n > 0)
        e->is_cut = !e->write(e->arg, lv_buffer_slice(&e->out));
    e->out.n = 0;
}

static int add_text(const char *text, size_t n, void *out)
{
    lv_buffer_add(out, text, n);
    return 0;
}

static void put_json(struct lv_buffer *out, const json_t *value)
{
    json_dump_callback(value, add_text, out, JSON_COMPACT | JSON_ENCODE_ANY);
}

static void list_begin(struct export *e, const char *comma, enum defined_kind kind)
{
    lv_buffer_printf(&e->out, "%s\"%s\":[", comma, defined_kind_name(kind));
    e->is_first = true;
}

/* Puts one row, which it takes, into a buffer. */
static void row_put(struct export *e, struct lv_buffer *out, json_t *row)
{
    lv_assert(row != NULL);
    if (!e->is_first)
        lv_buffer_add_u8(out, ',');
    e->is_first = false;
    put_json(out, row);
    json_decref(row);
}

static void row_write(struct export *e, json_t *row)
{
    row_put(e, &e->out, row);
    if (e->out.n >= PART_BYTES)
        part_write(e);
}

static void list_end(struct export *e)
{
    lv_buffer_add_u8(&e->out, ']');
}

/* A row of a list that is visited under a lock: it is kept until the lock is released. */
static void row_keep(struct export *e, json_t *row)
{
    row_put(e, &e->rows, row);
}

static void rows_write(struct export *e)
{
    lv_buffer_add_slice(&e->out, lv_buffer_slice(&e->rows));
    e->rows.n = 0;
    if (e->out.n >= PART_BYTES)
        part_write(e);
}

/* --- rows ------------------------------------------------------------------------------------- */

static json_t *object_of_text(struct slice text)
{
    json_t *json = text.n ? json_loadb((const char *)text.p, text.n, JSON_DECODE_ANY, NULL) : NULL;
    return json ? json : json_object();
}

static json_t *tags_json(struct slice tags)
{
    json_t *list = json_array();
    while (tags.n > 0) {
        const uint8_t *comma = memchr(tags.p, ',', tags.n);
        size_t n = comma ? (size_t)(comma - tags.p) : tags.n;
        json_array_append_new(list, text_to_json(slice_of(tags.p, n)));
        n += comma != NULL;
        tags = slice_of(tags.p + n, tags.n - n);
    }
    return list;
}

/* Adds the vhost, unless only one is exported: then its rows do not name it. */
static void set_vhost(const struct export *e, json_t *row, struct slice vhost)
{
    if (!e->what->vhost)
        json_object_set_new(row, "vhost", text_to_json(vhost));
}

static void keep_user(void *arg, const struct definition_user *u)
{
    row_keep(arg, json_pack("{s:o, s:o, s:o, s:o, s:o}", "name", text_to_json(u->name),
                            "password_hash", text_to_json(u->password_hash), "hashing_algorithm",
                            text_to_json(u->hashing_algorithm), "tags", tags_json(u->tags),
                            "limits", object_of_text(u->limits)));
}

static void keep_permission(void *arg, const struct definition_permission *p)
{
    row_keep(arg, json_pack("{s:o, s:o, s:o, s:o, s:o}", "user", text_to_json(p->user), "vhost",
                            text_to_json(p->vhost), "configure", text_to_json(p->configure),
                            "write", text_to_json(p->write), "read", text_to_json(p->read)));
}

static void keep_topic_permission(void *arg, const struct definition_topic_permission *p)
{
    row_keep(arg, json_pack("{s:o, s:o, s:o, s:o, s:o}", "user", text_to_json(p->user), "vhost",
                            text_to_json(p->vhost), "exchange", text_to_json(p->exchange), "write",
                            text_to_json(p->write), "read", text_to_json(p->read)));
}

/* Parameters name their vhost even in the export of one, as in RabbitMQ. */
static void keep_parameter(void *arg, const struct definition_parameter *p)
{
    row_keep(arg, json_pack("{s:o, s:o, s:o, s:o}", "value", object_of_text(p->value), "vhost",
                            text_to_json(p->vhost), "component", text_to_json(p->component), "name",
                            text_to_json(p->name)));
}

static void keep_global_parameter(void *arg, const struct definition_global_parameter *p)
{
    row_keep(arg, json_pack("{s:o, s:o}", "name", text_to_json(p->name), "value",
                            object_of_text(p->value)));
}

static void keep_policy(void *arg, const struct definition_policy *p)
{
    struct export *e = arg;
    json_t *row = json_object();
    set_vhost(e, row, p->vhost);
    if (e->what->vhost) /* policies name it, too */
        json_object_set_new(row, "vhost", text_to_json(p->vhost));
    json_object_set_new(row, "name", text_to_json(p->name));
    json_object_set_new(row, "pattern", text_to_json(p->pattern));
    json_object_set_new(row, "apply-to", text_to_json(p->apply_to));
    json_object_set_new(row, "definition", object_of_text(p->definition));
    json_object_set_new(row, "priority", json_integer(p->priority));
    row_keep(e, row);
}

static const char *type_word(const struct queue *q)
{
    return queue_type_name(queue_type(q));
}

static json_t *queue_row(const struct export *e, const struct exported_vhost *v,
                         const struct queue *q)
{
    json_t *row = json_object();
    json_object_set_new(row, "name", text_to_json(queue_name(q)));
    set_vhost(e, row, v->name);
    if (e->what->is_for_cli)
        json_object_set_new(row, "type", json_string(type_word(q)));
    json_object_set_new(row, "durable", json_boolean(queue_entry(q)->flags.durable));
    json_object_set_new(row, "auto_delete", json_boolean(queue_entry(q)->flags.auto_delete));
    json_object_set_new(row, "arguments", table_to_json(queue_entry(q)->argument_table));
    return row;
}

static json_t *exchange_row(const struct export *e, const struct exported_vhost *v,
                            const struct exported_exchange *x)
{
    json_t *row = json_object();
    json_object_set_new(row, "name", text_to_json(x->name));
    set_vhost(e, row, v->name);
    json_object_set_new(row, "type", json_string(x->type));
    json_object_set_new(row, "durable", json_boolean(x->is_durable));
    json_object_set_new(row, "auto_delete", json_boolean(x->is_auto_delete));
    json_object_set_new(row, "internal", json_boolean(x->is_internal));
    json_object_set_new(row, "arguments", table_to_json(x->arguments));
    return row;
}

static json_t *binding_row(const struct export *e, const struct exported_vhost *v,
                           const struct exported_binding *b)
{
    json_t *row = json_object();
    json_object_set_new(row, "source", text_to_json(b->source));
    set_vhost(e, row, v->name);
    json_object_set_new(row, "destination", text_to_json(b->destination));
    json_object_set_new(row, "destination_type",
                        json_string(b->is_to_queue ? "queue" : "exchange"));
    json_object_set_new(row, "routing_key", text_to_json(b->routing_key));
    json_object_set_new(row, "arguments", table_to_json(b->arguments));
    return row;
}

/* --- which bindings are written --------------------------------------------------------------- */

static bool has_queue(const struct exported_vhost *v, struct slice name)
{
    size_t found;
    LV_LOWER_BOUND(found, v->queue_count, at, slice_compare(queue_name(v->queues[at]), name) < 0);
    return found < v->queue_count && slice_equal(queue_name(v->queues[found]), name);
}

static bool has_exchange(const struct exported_vhost *v, struct slice name)
{
    size_t found;
    if (slice_begins(name, "amq."))
        return true; /* every vhost has it */
    LV_LOWER_BOUND(found, v->exchange_count, at, slice_compare(v->exchanges[at]->name, name) < 0);
    return found < v->exchange_count && slice_equal(v->exchanges[found]->name, name);
}

static bool is_exported(const struct exported_vhost *v, const struct exported_binding *b)
{
    return has_exchange(v, b->source) &&
           (b->is_to_queue ? has_queue(v, b->destination) : has_exchange(v, b->destination));
}

/* --- lists ------------------------------------------------------------------------------------ */

/* What is collected as limits of a vhost, for rabbitmqctl's form. */
static void take_limits(void *arg, const struct definition_parameter *p)
{
    json_t **limits = arg;
    json_decref(*limits);
    *limits = object_of_text(p->value);
}

static json_t *limits_json(struct export *e, struct slice name)
{
    json_t *limits = json_object();
    struct vhost *vhost = vhost_find(&e->m->broker->topology, name);
    if (vhost)
        parameter_each(vhost, slice_str("vhost-limits"), take_limits, &limits);
    return limits;
}

static json_t *metadata_json(const struct exported_vhost *v)
{
    json_t *metadata = json_pack("{s:o, s:o}", "description", text_to_json(v->description), "tags",
                                 tags_json(v->tags));
    if (v->default_queue_type.n > 0)
        json_object_set_new(metadata, "default_queue_type", text_to_json(v->default_queue_type));
    if (v->is_protected)
        json_object_set_new(metadata, "protected_from_deletion", json_true());
    return metadata;
}

/* RabbitMQ's HTTP API has only the names; what else a vhost has is added where there is any. */
static json_t *vhost_row(struct export *e, const struct exported_vhost *v)
{
    json_t *row = json_pack("{s:o}", "name", text_to_json(v->name));
    bool has_metadata =
        v->description.n > 0 || v->tags.n > 0 || v->default_queue_type.n > 0 || v->is_protected;
    if (e->what->is_for_cli)
        json_object_set_new(row, "limits", limits_json(e, v->name));
    if (has_metadata || e->what->is_for_cli)
        json_object_set_new(row, "metadata", metadata_json(v));
    return row;
}

static void write_users(struct export *e)
{
    list_begin(e, ",", DEFINED_USERS);
    auth_list_users(e->m->auth, keep_user, e);
    rows_write(e);
    list_end(e);
    list_begin(e, ",", DEFINED_VHOSTS);
    for (size_t i = 0; i < e->vhost_count; i++)
        row_write(e, vhost_row(e, e->vhosts[i]));
    list_end(e);
    list_begin(e, ",", DEFINED_PERMISSIONS);
    auth_list_permissions(e->m->auth, SLICE_EMPTY, SLICE_EMPTY, keep_permission, e);
    rows_write(e);
    list_end(e);
    list_begin(e, ",", DEFINED_TOPIC_PERMISSIONS);
    auth_list_topic_permissions(e->m->auth, SLICE_EMPTY, SLICE_EMPTY, keep_topic_permission, e);
    rows_write(e);
    list_end(e);
}

static void write_parameters(struct export *e)
{
    list_begin(e, ",", DEFINED_PARAMETERS);
    for (size_t i = 0; i < e->vhost_count; i++) {
        struct vhost *vhost = vhost_find(&e->m->broker->topology, e->vhosts[i]->name);
        if (vhost)
            parameter_each(vhost, SLICE_EMPTY, keep_parameter, e);
        rows_write(e);
    }
    list_end(e);
    if (e->what->vhost)
        return;
    list_begin(e, ",", DEFINED_GLOBAL_PARAMETERS);
    global_parameter_each(e->m->broker, keep_global_parameter, e);
    rows_write(e);
    list_end(e);
}

static void write_policies(struct export *e)
{
    list_begin(e, ",", DEFINED_POLICIES);
    for (size_t i = 0; i < e->vhost_count; i++) {
        struct vhost *vhost = vhost_find(&e->m->broker->topology, e->vhosts[i]->name);
        if (vhost)
            policy_each(vhost, POLICY_ORDINARY, keep_policy, e);
        rows_write(e);
    }
    list_end(e);
}

static void write_queues(struct export *e)
{
    list_begin(e, ",", DEFINED_QUEUES);
    for (size_t i = 0; i < e->vhost_count; i++)
        for (size_t at = 0; at < e->vhosts[i]->queue_count && !e->is_cut; at++)
            row_write(e, queue_row(e, e->vhosts[i], e->vhosts[i]->queues[at]));
    list_end(e);
}

static void write_exchanges(struct export *e)
{
    list_begin(e, ",", DEFINED_EXCHANGES);
    for (size_t i = 0; i < e->vhost_count; i++)
        for (size_t at = 0; at < e->vhosts[i]->exchange_count && !e->is_cut; at++)
            row_write(e, exchange_row(e, e->vhosts[i], e->vhosts[i]->exchanges[at]));
    list_end(e);
}

static void write_bindings(struct export *e)
{
    list_begin(e, ",", DEFINED_BINDINGS);
    for (size_t i = 0; i < e->vhost_count; i++) {
        const struct exported_vhost *v = e->vhosts[i];
        for (size_t at = 0; at < v->binding_count && !e->is_cut; at++)
            if (is_exported(v, v->bindings[at]))
                row_write(e, binding_row(e, v, v->bindings[at]));
    }
    list_end(e);
}

/* --- all of it -------------------------------------------------------------------------------- */

static void member_put(struct lv_buffer *out, const char *comma, const char *key, const char *value)
{
    json_t *text = json_string(value);
    lv_buffer_printf(out, "%s\"%s\":", comma, key);
    put_json(out, text);
    json_decref(text);
}

static void write_versions(struct export *e)
{
    const struct session_settings *s = &e->m->sessions->settings;
    const char *version = atomic_load(&s->version);
    lv_buffer_add_u8(&e->out, '{');
    member_put(&e->out, "", "rabbit_version", version);
    if (e->what->vhost)
        return;
    member_put(&e->out, ",", "rabbitmq_version", version);
    if (e->what->is_for_cli)
        return;
    member_put(&e->out, ",", "product_name", "Leveret");
    member_put(&e->out, ",", "product_version", s->leveret_version);
}

static void write_all(struct export *e)
{
    write_versions(e);
    if (!e->what->vhost)
        write_users(e);
    write_parameters(e);
    write_policies(e);
    write_queues(e);
    write_exchanges(e);
    write_bindings(e);
    lv_buffer_add_u8(&e->out, '}');
    part_write(e);
}

bool manage_export_definitions(struct manage *m, const struct actor *actor,
                               const struct definitions_export *what, definitions_write *write,
                               void *arg, struct manage_error *error)
{
    struct export e = {.m = m, .what = what, .write = write, .arg = arg};
    struct vhost *vhost = NULL;
    if (!actor_check_rank(actor, ACTOR_ADMINISTRATOR, error) ||
        (what->vhost && !(vhost = manage_vhost(m, *what->vhost, error))))
        return false;
    if (vhost)
        collect_vhost(&e, vhost);
    else
        collect_all(&e);
    write_all(&e);
    export_free(&e);
    return true;
}
