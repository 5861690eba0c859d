/* Adding and removing bindings, under the topology lock.
 *
 * The identity of a binding is made of its source, destination, routing key and arguments; the
 * arguments are sorted by name, as RabbitMQ does. As bytes:
 *
 *   offset  size
 *   0       8     the source exchange's address
 *   8       8     the destination's address
 *   16      1     length of the routing key
 *   17      n     routing key
 *   17 + n        arguments
 *
 * The identity is the binding's key in the vhost's table. It is at the end of the binding's
 * allocation, and binding->routing_key and binding->arguments point into it. */
#include "topology/binding.h"

#include <stdlib.h>

#include "base/memory.h"
#include "topology/exchange_private.h"
#include "topology/queue_entry.h"
#include "topology/topology_events.h"
#include "topology/vhost_private.h"
#include "wire/table.h"

enum { IDENTITY_KEY_AT = 17, IDENTITY_SPACE_BYTES = 512, ROUTING_KEY_BYTES_MAX = 255 };

void destination_init(struct destination *d, enum destination_kind kind, struct slice name,
                      bool is_durable)
{
    d->kind = kind;
    d->is_durable = is_durable;
    d->name = name;
    lv_list_init(&d->bindings_to);
}

/* --- identity --------------------------------------------------------------------------------- */

/* A field of a table: its name, and all its bytes as they are in the table. */
struct raw_field {
    struct slice name;
    struct slice bytes;
};

/* Orders fields by name. Fields of the same name keep their order in the table, which is the order
 * of their addresses. */
static int compare_raw_fields(const void *a, const void *b)
{
    const struct raw_field *x = a;
    const struct raw_field *y = b;
    int order = slice_compare(x->name, y->name);
    return order ? order : (x->bytes.p > y->bytes.p) - (x->bytes.p < y->bytes.p);
}

static size_t count_fields(struct slice table)
{
    struct slice name;
    struct field f;
    size_t count = 0;
    while (table_next(&table, &name, &f))
        count++;
    return count;
}

/* Writes a copy of a valid table with its fields sorted by name. */
static void table_put_sorted(uint8_t *out, struct slice table)
{
    size_t count = count_fields(table);
    struct raw_field few[16];
    struct raw_field *fields = count <= 16 ? few : lv_malloc(count * sizeof *fields);
    struct field f;
    for (size_t i = 0; i < count; i++) {
        const uint8_t *start = table.p;
        table_next(&table, &fields[i].name, &f);
        fields[i].bytes = slice_of(start, (size_t)(table.p - start));
    }
    qsort(fields, count, sizeof *fields, compare_raw_fields);
    for (size_t i = 0; i < count; i++) {
        memcpy(out, fields[i].bytes.p, fields[i].bytes.n);
        out += fields[i].bytes.n;
    }
    if (fields != few)
        free(fields);
}

/* The exchange and the destination that a request names; NULL: there is none of that name. */
struct ends {
    struct exchange *source;
    struct destination *destination;
};

static void identity_put(uint8_t *out, const struct ends *ends,
                         const struct binding_request *request)
{
    memcpy(out, &ends->source, 8);
    memcpy(out + 8, &ends->destination, 8);
    out[16] = (uint8_t)request->routing_key.n;
    if (request->routing_key.n)
        memcpy(out + IDENTITY_KEY_AT, request->routing_key.p, request->routing_key.n);
    if (request->arguments.n)
        table_put_sorted(out + IDENTITY_KEY_AT + request->routing_key.n, request->arguments);
}

static size_t identity_bytes(const struct binding_request *request)
{
    lv_assert(request->routing_key.n <= ROUTING_KEY_BYTES_MAX);
    return IDENTITY_KEY_AT + request->routing_key.n + request->arguments.n;
}

static struct binding *binding_find(struct vhost *vhost, const struct ends *ends,
                                    const struct binding_request *request)
{
    uint8_t few[IDENTITY_SPACE_BYTES];
    size_t bytes = identity_bytes(request);
    uint8_t *space = bytes <= sizeof few ? few : lv_malloc(bytes);
    identity_put(space, ends, request);
    struct lv_table_node *node = lv_table_find(vhost->bindings, slice_of(space, bytes));
    if (space != few)
        free(space);
    return node ? lv_container_of(node, struct binding, by_identity) : NULL;
}

/* --- one binding ------------------------------------------------------------------------------ */

static struct binding *binding_make(const struct ends *ends, const struct binding_request *request)
{
    size_t bytes = identity_bytes(request);
    struct binding *b = lv_malloc(sizeof *b + bytes);
    memset(b, 0, sizeof *b);
    identity_put(b->identity, ends, request);
    b->by_identity.key = slice_of(b->identity, bytes);
    b->source = ends->source;
    b->destination = ends->destination;
    b->routing_key = slice_of(b->identity + IDENTITY_KEY_AT, request->routing_key.n);
    b->arguments =
        slice_of(b->identity + IDENTITY_KEY_AT + request->routing_key.n, request->arguments.n);
    b->is_durable = ends->source->is_durable && ends->destination->is_durable;
    return b;
}

static void binding_free(struct lv_rcu_head *head)
{
    free(lv_container_of(head, struct binding, rcu));
}

/* If this is the event exchange, whose bindings have changed, updates events_are_wanted(). */
static void event_listeners_changed(const struct exchange *source)
{
    if (source->is_event_exchange)
        events_set_bound(&source->vhost->topology->events, source->bindings_from_count > 0);
}

static struct binding *binding_put(struct vhost *vhost, const struct ends *ends,
                                   const struct binding_request *request)
{
    lv_assert(topology_is_locked(vhost->topology));
    lv_assert(!ends->source->is_deleted);
    struct binding *b = binding_make(ends, request);
    lv_list_push(&ends->source->bindings_from, &b->from_link);
    lv_list_push(&ends->destination->bindings_to, &b->to_link);
    ends->source->bindings_from_count++;
    ends->source->type->bind(ends->source, b);
    event_listeners_changed(ends->source);
    lv_table_insert(vhost->bindings, &b->by_identity); /* last, so that readers find it complete */
    topology_moved(vhost->topology);
    return b;
}

void binding_drop(struct binding *binding)
{
    struct exchange *source = binding->source;
    lv_assert(topology_is_locked(source->vhost->topology));
    lv_assert(source->bindings_from_count > 0);
    source->type->unbind(source, binding);
    source->bindings_from_count--;
    event_binding_deleted(binding);
    event_listeners_changed(source);
    lv_list_remove(&binding->from_link);
    lv_list_remove(&binding->to_link);
    lv_table_remove(source->vhost->bindings, &binding->by_identity);
    lv_rcu_defer(&binding->rcu, binding_free);
}

/* --- bind and unbind -------------------------------------------------------------------------- */

static bool ends_find(struct vhost *vhost, const struct binding_request *request, struct ends *ret)
{
    ret->source = exchange_find(vhost, request->source);
    ret->destination = NULL;
    if (request->destination_kind == DESTINATION_EXCHANGE) {
        struct exchange *x = exchange_find(vhost, request->destination);
        ret->destination = x ? &x->destination : NULL;
    } else {
        struct queue_entry *q = queue_entry_find(vhost, request->destination);
        ret->destination = q ? &q->destination : NULL;
    }
    return ret->source && ret->destination;
}

static bool ends_refuse_missing(struct vhost *vhost, const struct binding_request *request,
                                const struct ends *ends, struct broker_error *error)
{
    if (!ends->source)
        return exchange_refuse_missing(request->source, vhost, error);
    if (request->destination_kind == DESTINATION_EXCHANGE)
        return exchange_refuse_missing(request->destination, vhost, error);
    return queue_entry_refuse_missing(request->destination, vhost, error);
}

static bool ends_check_access(const struct ends *ends, const struct binding_request *request,
                              struct broker_error *error)
{
    if (request->destination_kind != DESTINATION_QUEUE)
        return true;
    const struct queue_entry *q = queue_entry_of_destination(ends->destination);
    if (q->is_companion)
        return queue_entry_refuse_companion(q, error);
    return queue_entry_check_access(q, request->connection_id, error);
}

static struct definition_binding binding_definition(struct vhost *vhost, const struct binding *b)
{
    return (struct definition_binding){
        .vhost = vhost_name(vhost),
        .source = exchange_name(b->source),
        .destination = b->destination->name,
        .is_to_queue = b->destination->kind == DESTINATION_QUEUE,
        .routing_key = b->routing_key,
        .arguments = b->arguments,
    };
}

/* *ret_new: the ends of the binding if it is new, else NULL and NULL. */
static enum change_result binding_add_locked(struct vhost *vhost,
                                             const struct binding_request *request,
                                             struct durable_done done, struct broker_error *error,
                                             struct ends *ret_new)
{
    struct ends ends;
    *ret_new = (struct ends){0};
    if (!vhost_check(vhost, error))
        return CHANGE_REFUSED;
    if (!ends_find(vhost, request, &ends)) {
        ends_refuse_missing(vhost, request, &ends, error);
        return CHANGE_REFUSED;
    }
    const struct exchange_type *type = ends.source->type;
    if (type->check && !type->check(request->routing_key, request->arguments, error))
        return CHANGE_REFUSED;
    if (!ends_check_access(&ends, request, error))
        return CHANGE_REFUSED;
    if (binding_find(vhost, &ends, request))
        return CHANGE_DONE;
    struct binding *b = binding_put(vhost, &ends, request);
    *ret_new = ends;
    event_binding_created(b);
    struct durable_changes changes;
    durable_begin(&changes, vhost);
    if (b->is_durable && durable_is_stored(&changes)) {
        struct definition_binding row = binding_definition(vhost, b);
        durable_add(&changes, definition_put_binding(&row));
    }
    return durable_submit(&changes, done);
}

static enum change_result binding_remove_locked(struct vhost *vhost,
                                                const struct binding_request *request,
                                                struct durable_done done,
                                                struct broker_error *error)
{
    struct ends ends;
    struct binding *b =
        ends_find(vhost, request, &ends) ? binding_find(vhost, &ends, request) : NULL;
    if (!b)
        return CHANGE_DONE;
    if (!ends_check_access(&ends, request, error))
        return CHANGE_REFUSED;
    struct durable_changes changes;
    durable_begin(&changes, vhost);
    if (b->is_durable && durable_is_stored(&changes)) {
        struct definition_binding row = binding_definition(vhost, b);
        durable_add(&changes, definition_delete_binding(&row));
    }
    binding_drop(b);
    exchange_lost_binding(ends.source, &changes);
    topology_moved(vhost->topology);
    return durable_submit(&changes, done);
}

/* The request with CR and LF dropped from its names. */
struct stripped_request {
    struct binding_request request;
    uint8_t source[NAME_BYTES_MAX];
    uint8_t destination[NAME_BYTES_MAX];
};

/* Drops CR and LF from the names. Returns false, with the error filled in, if the request names the
 * default exchange or if its routing key is too long. */
static bool request_strip(const struct binding_request *request, struct stripped_request *ret,
                          struct broker_error *error)
{
    ret->request = *request;
    ret->request.source = name_strip(request->source, ret->source);
    ret->request.destination = name_strip(request->destination, ret->destination);
    if (ret->request.source.n == 0 ||
        (ret->request.destination.n == 0 && request->destination_kind == DESTINATION_EXCHANGE))
        return broker_refuse_as(error, REFUSAL_RESERVED, 403,
                                "operation not permitted on the default exchange");
    if (request->routing_key.n > ROUTING_KEY_BYTES_MAX)
        return broker_refuse(error, 406, "routing key of %zu bytes is longer than %d",
                             request->routing_key.n, ROUTING_KEY_BYTES_MAX);
    return true;
}

enum change_result binding_add(struct vhost *vhost, const struct binding_request *request,
                               struct durable_done done, struct broker_error *error)
{
    struct stripped_request stripped;
    if (!request_strip(request, &stripped, error))
        return CHANGE_REFUSED;
    topology_lock(vhost->topology);
    struct ends added;
    enum change_result result = binding_add_locked(vhost, &stripped.request, done, error, &added);
    topology_unlock(vhost->topology);
    if (added.source && added.source->type->bound)
        added.source->type->bound(added.source, added.destination);
    return result;
}

enum change_result binding_remove(struct vhost *vhost, const struct binding_request *request,
                                  struct durable_done done, struct broker_error *error)
{
    struct stripped_request stripped;
    if (!request_strip(request, &stripped, error))
        return CHANGE_REFUSED;
    topology_lock(vhost->topology);
    enum change_result result = binding_remove_locked(vhost, &stripped.request, done, error);
    topology_unlock(vhost->topology);
    return result;
}

bool binding_restore(struct vhost *vhost, const struct binding_request *request)
{
    struct ends ends;
    topology_lock(vhost->topology);
    bool is_whole = request->source.n > 0 && request->routing_key.n <= ROUTING_KEY_BYTES_MAX &&
                    table_is_valid(request->arguments) && ends_find(vhost, request, &ends);
    if (is_whole && !binding_find(vhost, &ends, request))
        binding_put(vhost, &ends, request);
    topology_unlock(vhost->topology);
    return is_whole;
}

/* --- all bindings to a destination, all of a vhost -------------------------------------------- */

void destination_unbind_all(struct vhost *vhost, struct destination *d)
{
    struct durable_changes changes;
    durable_begin(&changes, vhost);
    while (!lv_list_is_empty(&d->bindings_to)) {
        struct binding *b = lv_list_item(d->bindings_to.next, struct binding, to_link);
        struct exchange *source = b->source;
        binding_drop(b);
        exchange_lost_binding(source, &changes);
    }
    durable_submit(&changes, (struct durable_done){0});
    topology_moved(vhost->topology);
}

void binding_each(struct vhost *vhost, binding_visitor *visit, void *arg)
{
    struct lv_table_iter it;
    for (struct lv_table_node *node = lv_table_first(vhost->queues, &it); node;
         node = lv_table_next(vhost->queues, &it)) {
        const struct queue_entry *q = queue_entry_of_node(node);
        visit(arg, SLICE_EMPTY, &q->destination, queue_entry_name(q), SLICE_EMPTY);
    }
    for (struct lv_table_node *node = lv_table_first(vhost->bindings, &it); node;
         node = lv_table_next(vhost->bindings, &it)) {
        const struct binding *b = lv_container_of(node, struct binding, by_identity);
        visit(arg, exchange_name(b->source), b->destination, b->routing_key, b->arguments);
    }
}
