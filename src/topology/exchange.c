/* Declaring and deleting exchanges.
 *
 * An auto-delete exchange is deleted when the last binding from it is removed. The bindings to it
 * are then removed as well, and these may be the last ones from other auto-delete exchanges, in
 * chains and cycles of any length. So exchanges to delete wait in a list, and nothing recurses. */
#include "topology/exchange_private.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/log.h"
#include "base/memory.h"
#include "topology/dedup.h"
#include "topology/effective_policy.h"
#include "topology/exchange_arguments.h"
#include "topology/exchange_counts.h"
#include "topology/queue_entry.h"
#include "topology/topology_events.h"
#include "topology/vhost_private.h"
#include "wire/table.h"

static const struct exchange_type *const types[] = {
    &exchange_direct,
    &exchange_fanout,
    &exchange_headers,
    &exchange_topic,
    &exchange_consistent_hash,
    &exchange_random,
    &exchange_local_random,
    &exchange_modulus_hash,
    &exchange_recent_history,
    &exchange_deduplication,
    NULL,
};

const char *exchange_type_name(size_t n)
{
    enum { TYPES = sizeof types / sizeof *types - 1 };
    return n < TYPES ? types[n]->name : n == TYPES ? DELAYED_TYPE : NULL;
}

const struct exchange_type *exchange_type_find(struct slice name)
{
    for (size_t i = 0; types[i]; i++) {
        if (slice_is(name, types[i]->name))
            return types[i];
    }
    return NULL;
}

const struct exchange_type *exchange_type_of(const struct exchange_declaration *d)
{
    struct field inner;
    if (!slice_is(d->type, DELAYED_TYPE))
        return exchange_type_find(d->type);
    bool is_there = table_find(d->arguments, "x-delayed-type", &inner) &&
                    (inner.type == FIELD_LONGSTR || inner.type == FIELD_BINARY);
    return is_there ? exchange_type_find(inner.bytes) : NULL;
}

bool exchange_refuse_unknown_type(struct slice type, struct broker_error *error)
{
    return broker_refuse_connection(error, 503, "%s exchange type '%.*s'",
                                    type.n > 0 ? "unknown" : "invalid", SLICE_ARG(type));
}

struct exchange *exchange_find(struct vhost *vhost, struct slice name)
{
    if (name.n == 0)
        return vhost->default_exchange;
    struct lv_table_node *node = lv_table_find(vhost->exchanges, name);
    return node ? lv_container_of(node, struct exchange, by_name) : NULL;
}

bool exchange_refuse_missing(struct slice name, struct vhost *vhost, struct broker_error *error)
{
    return broker_refuse(error, 404, "no exchange '%.*s' in vhost '%.*s'", SLICE_ARG(name),
                         SLICE_ARG(vhost_name(vhost)));
}

static bool exchange_refuse_default(struct broker_error *error)
{
    return broker_refuse_as(error, REFUSAL_RESERVED, 403,
                            "operation not permitted on the default exchange");
}

/* --- creation --------------------------------------------------------------------------------- */

/* Copies the bytes to *space, returns the copy, and moves *space behind it. */
static struct slice slice_copy_to(uint8_t **space, struct slice s)
{
    if (s.n == 0)
        return SLICE_EMPTY;
    struct slice copy = slice_of(memcpy(*space, s.p, s.n), s.n);
    *space += s.n;
    return copy;
}

static void exchange_read_alternate(struct exchange *x)
{
    struct field f;
    x->has_alternate =
        table_find(x->arguments, "alternate-exchange", &f) && f.type == FIELD_LONGSTR;
    x->alternate = x->has_alternate ? f.bytes : SLICE_EMPTY;
}

struct slice exchange_alternate(const struct exchange *exchange)
{
    if (exchange->has_alternate || exchange_name(exchange).n == 0)
        return exchange->alternate;
    const struct effective_policy *policy =
        atomic_load_explicit(&exchange->policy, memory_order_acquire);
    return policy ? policy->alternate : SLICE_EMPTY;
}

static bool exchange_is_dedup(const struct exchange_type *type)
{
    return type == &exchange_deduplication;
}

static const struct exchange_hooks *hooks_of(const struct exchange *x)
{
    return x->vhost->topology->exchange_hooks;
}

/* Makes an exchange in one allocation: the struct, then the name and the arguments. */
static struct exchange *exchange_make(struct vhost *vhost, const struct exchange_declaration *d,
                                      const struct exchange_type *type)
{
    struct exchange *x = lv_calloc(1, sizeof *x + d->name.n + d->arguments.n);
    uint8_t *space = (uint8_t *)(x + 1);
    x->magic = EXCHANGE_MAGIC;
    destination_init(&x->destination, DESTINATION_EXCHANGE, slice_copy_to(&space, d->name),
                     d->durable);
    x->by_name.key = x->destination.name;
    x->vhost = vhost;
    x->type = type;
    x->type_name = slice_is(d->type, DELAYED_TYPE) ? DELAYED_TYPE : type->name;
    x->is_delaying = exchange_is_to_delay(d);
    x->is_durable = d->durable;
    x->is_auto_delete = d->auto_delete;
    x->is_internal = d->internal;
    x->arguments = slice_copy_to(&space, d->arguments);
    exchange_read_alternate(x);
    x->dedup =
        dedup_create(vhost, &x->destination, d->durable, x->arguments, exchange_is_dedup(type));
    x->is_never_cached = type->is_never_cached || x->dedup || x->is_delaying;
    lv_list_init(&x->bindings_from);
    lv_list_init(&x->doomed_link);
    type->create(x);
    return x;
}

struct exchange *exchange_create(struct vhost *vhost, const struct exchange_declaration *d,
                                 const struct exchange_type *type, bool is_predeclared)
{
    lv_assert(topology_is_locked(vhost->topology));
    lv_assert(type != NULL);
    lv_assert(d->name.n > 0 || !vhost->default_exchange); /* one for each vhost */
    if (d->name.n > 0 && exchange_find(vhost, d->name))
        return NULL;
    struct exchange *x = exchange_make(vhost, d, type);
    x->is_predeclared = is_predeclared;
    if (hooks_of(x))
        hooks_of(x)->begin(x);
    if (d->name.n > 0)
        lv_table_insert(vhost->exchanges, &x->by_name);
    return x;
}

void exchange_free(struct exchange *exchange)
{
    lv_assert(exchange->magic == EXCHANGE_MAGIC);
    lv_assert(exchange->is_deleted || exchange_name(exchange).n == 0);
    lv_assert(exchange->bindings_from_count == 0);
    lv_assert(lv_list_is_empty(&exchange->destination.bindings_to));
    exchange->magic = 0;
    exchange->type->destroy(exchange);
    if (exchange->delayed)
        queue_entry_unref(&exchange->delayed);
    struct effective_policy *policy = atomic_load(&exchange->policy);
    effective_policy_unref(&policy);
    dedup_free(&exchange->dedup);
    exchange_counts_free(exchange);
    free(exchange);
}

static void exchange_free_deferred(struct lv_rcu_head *head)
{
    exchange_free(lv_container_of(head, struct exchange, rcu));
}

/* --- removal ---------------------------------------------------------------------------------- */

/* Adds the exchange to the list of exchanges to delete if it is an auto-delete exchange, no binding
 * from it is left, and it is neither deleted nor in the list. */
static void exchange_doom_if_unbound(struct exchange *x, struct lv_list *doomed)
{
    if (x->is_auto_delete && x->bindings_from_count == 0 && !x->is_deleted &&
        lv_list_is_empty(&x->doomed_link))
        lv_list_push(doomed, &x->doomed_link);
}

static void exchange_drop_bindings(struct exchange *x, struct lv_list *doomed)
{
    struct lv_list *it, *after;
    lv_list_each (it, after, &x->bindings_from)
        binding_drop(lv_list_item(it, struct binding, from_link));
    lv_assert(x->bindings_from_count == 0);
    lv_list_each (it, after, &x->destination.bindings_to) {
        struct binding *b = lv_list_item(it, struct binding, to_link);
        struct exchange *source = b->source;
        binding_drop(b);
        exchange_doom_if_unbound(source, doomed);
    }
}

static void exchange_remove_one(struct exchange *x, struct lv_list *doomed,
                                struct durable_changes *changes)
{
    lv_assert(!x->is_deleted);
    lv_assert(exchange_name(x).n > 0); /* the default exchange is not deleted */
    x->is_deleted = true;
    dedup_close(x->dedup);
    exchange_counts_retire(x);
    lv_table_remove(x->vhost->exchanges, &x->by_name);
    event_exchange_deleted(x);
    if (x->delayed)
        hooks_of(x)->delete_queue(x);
    exchange_drop_bindings(x, doomed);
    if (x->is_durable && durable_is_stored(changes))
        durable_add(changes, definition_delete_exchange(vhost_name(x->vhost), exchange_name(x)));
    lv_rcu_defer(&x->rcu, exchange_free_deferred);
}

static void doomed_remove_all(struct lv_list *doomed, struct durable_changes *changes)
{
    while (!lv_list_is_empty(doomed)) {
        struct exchange *x = lv_list_item(doomed->next, struct exchange, doomed_link);
        lv_list_remove(&x->doomed_link);
        exchange_remove_one(x, doomed, changes);
    }
}

void exchange_remove(struct exchange *exchange, struct durable_changes *changes)
{
    struct lv_list doomed;
    lv_assert(topology_is_locked(exchange->vhost->topology));
    lv_list_init(&doomed);
    exchange_remove_one(exchange, &doomed, changes);
    doomed_remove_all(&doomed, changes);
}

void exchange_lost_binding(struct exchange *exchange, struct durable_changes *changes)
{
    struct lv_list doomed;
    lv_assert(topology_is_locked(exchange->vhost->topology));
    lv_list_init(&doomed);
    exchange_doom_if_unbound(exchange, &doomed);
    doomed_remove_all(&doomed, changes);
}

/* --- exchange.declare ------------------------------------------------------------------------- */

static bool exchange_refuse_inequivalent(struct exchange *x, const char *what, const char *received,
                                         const char *current, struct broker_error *error)
{
    return broker_refuse(error, 406,
                         "inequivalent arg '%s' for exchange '%.*s' in vhost '%.*s': received '%s' "
                         "but current is '%s'",
                         what, SLICE_ARG(exchange_name(x)), SLICE_ARG(vhost_name(x->vhost)),
                         received, current);
}

static bool exchange_check_flag(struct exchange *x, const char *what, bool received, bool current,
                                struct broker_error *error)
{
    return received == current || exchange_refuse_inequivalent(x, what, received ? "true" : "false",
                                                               current ? "true" : "false", error);
}

/* RabbitMQ prints a type as an Erlang atom, which is in quotes of its own if it has a hyphen. */
static bool exchange_refuse_other_type(struct exchange *x, struct slice type,
                                       struct broker_error *error)
{
    char names[2][64];
    const struct slice both[2] = {type, slice_str(x->type_name)};
    for (size_t i = 0; i < 2; i++) {
        const char *quote = memchr(both[i].p, '-', both[i].n) ? "'" : "";
        snprintf(names[i], sizeof names[i], "%s%.*s%s", quote, SLICE_ARG(both[i]), quote);
    }
    return exchange_refuse_inequivalent(x, "type", names[0], names[1], error);
}

static bool exchange_is_equivalent(struct exchange *x, const struct exchange_declaration *d,
                                   struct broker_error *error)
{
    if (!slice_is(d->type, x->type_name))
        return exchange_refuse_other_type(x, d->type, error);
    return exchange_check_flag(x, "durable", d->durable, x->is_durable, error) &&
           exchange_check_flag(x, "auto_delete", d->auto_delete, x->is_auto_delete, error) &&
           exchange_check_flag(x, "internal", d->internal, x->is_internal, error) &&
           exchange_arguments_are_equivalent(x, d, error);
}

bool exchange_refuse_type(const struct exchange_declaration *d, struct vhost *vhost,
                          const char *argument, const struct field *value,
                          struct broker_error *error)
{
    return broker_refuse(error, 406,
                         "invalid arg '%s' for exchange '%.*s' in vhost '%.*s': "
                         "{unacceptable_type,%s}",
                         argument, SLICE_ARG(d->name), SLICE_ARG(vhost_name(vhost)),
                         field_type_name(value->type));
}

static bool exchange_check_new(struct vhost *vhost, const struct exchange_declaration *d,
                               struct broker_error *error)
{
    if (!vhost_check(vhost, error))
        return false;
    if (slice_begins(d->name, "amq."))
        return broker_refuse_as(error, REFUSAL_RESERVED, 403,
                                "exchange name '%.*s' contains reserved prefix 'amq.*'",
                                SLICE_ARG(d->name));
    struct dedup_settings dedup;
    const struct exchange_type *type = exchange_type_of(d); /* NULL is refused below */
    return exchange_arguments_check(vhost, d, error) &&
           dedup_settings_read(d->arguments, exchange_is_dedup(type), &dedup, error) &&
           (!type->check_arguments || type->check_arguments(vhost, d, error));
}

static enum change_result exchange_store(struct exchange *x, struct durable_done done)
{
    struct durable_changes changes;
    durable_begin(&changes, x->vhost);
    struct definition_exchange row = {
        .vhost = vhost_name(x->vhost),
        .name = exchange_name(x),
        .type = slice_str(x->type_name),
        .is_auto_delete = x->is_auto_delete,
        .is_internal = x->is_internal,
        .arguments = x->arguments,
    };
    if (x->is_durable && durable_is_stored(&changes))
        durable_add(&changes, definition_put_exchange(&row));
    return durable_submit(&changes, done);
}

static enum change_result exchange_declare_locked(struct vhost *vhost,
                                                  const struct exchange_declaration *d,
                                                  struct durable_done done,
                                                  struct broker_error *error, bool *ret_created)
{
    struct exchange *x = exchange_find(vhost, d->name);
    if (x)
        return exchange_is_equivalent(x, d, error) ? CHANGE_DONE : CHANGE_REFUSED;
    if (d->only_if_there || !exchange_check_new(vhost, d, error) ||
        !node_check_exchange_limit(vhost, d->name, error))
        return CHANGE_REFUSED;
    x = exchange_create(vhost, d, exchange_type_of(d), false);
    if (x->is_delaying) {
        hooks_of(x)->create_queue(x);
        lv_assert(x->delayed != NULL);
    }
    *ret_created = true;
    topology_moved(vhost->topology); /* it may be the alternate exchange of others */
    event_exchange_created(x);
    return exchange_store(x, done);
}

static enum change_result exchange_declare_passively(struct vhost *vhost, struct slice name,
                                                     struct broker_error *error)
{
    if (name.n == 0)
        exchange_refuse_default(error);
    else if (!exchange_find(vhost, name))
        exchange_refuse_missing(name, vhost, error);
    else
        return CHANGE_DONE;
    return CHANGE_REFUSED;
}

/* Checks what needs no lookup: the type, and that it is not the default exchange. */
static bool exchange_check_outside(const struct exchange_declaration *d, struct broker_error *error)
{
    if (!slice_is(d->type, DELAYED_TYPE) && !exchange_type_find(d->type))
        return exchange_refuse_unknown_type(d->type, error);
    return d->name.n > 0 || exchange_refuse_default(error);
}

bool exchange_check(struct vhost *vhost, const struct exchange_declaration *d,
                    struct broker_error *error)
{
    uint8_t space[NAME_BYTES_MAX];
    struct exchange_declaration stripped = *d;
    stripped.name = name_strip(d->name, space);
    if (!exchange_check_outside(&stripped, error))
        return false;
    topology_lock(vhost->topology);
    struct exchange *x = exchange_find(vhost, stripped.name);
    bool is_fine = x ? exchange_is_equivalent(x, &stripped, error)
                     : exchange_check_new(vhost, &stripped, error);
    topology_unlock(vhost->topology);
    return is_fine;
}

enum change_result exchange_declare(struct vhost *vhost, const struct exchange_declaration *d,
                                    struct durable_done done, struct broker_error *error,
                                    bool *ret_created)
{
    uint8_t space[NAME_BYTES_MAX];
    struct exchange_declaration stripped = *d;
    stripped.name = name_strip(d->name, space);
    *ret_created = false;
    if (d->passive)
        return exchange_declare_passively(vhost, stripped.name, error);
    if (!exchange_check_outside(&stripped, error))
        return CHANGE_REFUSED;
    topology_lock(vhost->topology);
    enum change_result result = exchange_declare_locked(vhost, &stripped, done, error, ret_created);
    topology_unlock(vhost->topology);
    return result;
}

void exchange_restore(struct vhost *vhost, const struct exchange_declaration *d)
{
    const struct exchange_type *type = exchange_type_of(d);
    if (!type || d->name.n == 0) {
        log_warning("exchange '%.*s' in vhost '%.*s' has the unknown type '%.*s': not restored",
                    SLICE_ARG(d->name), SLICE_ARG(vhost_name(vhost)), SLICE_ARG(d->type));
        return;
    }
    topology_lock(vhost->topology);
    exchange_create(vhost, d, type, false);
    topology_moved(vhost->topology);
    topology_unlock(vhost->topology);
}

/* --- exchange.delete -------------------------------------------------------------------------- */

static bool exchange_check_deletion(struct vhost *vhost, struct slice name,
                                    struct broker_error *error)
{
    if (name.n == 0)
        return exchange_refuse_default(error);
    if (slice_begins(name, "amq."))
        return broker_refuse_as(error, REFUSAL_RESERVED, 403,
                                "deletion of system exchange '%.*s' in vhost '%.*s' not allowed",
                                SLICE_ARG(name), SLICE_ARG(vhost_name(vhost)));
    return true;
}

static enum change_result exchange_delete_locked(struct vhost *vhost, struct slice name,
                                                 bool if_unused, struct durable_done done,
                                                 struct broker_error *error)
{
    struct exchange *x = exchange_find(vhost, name);
    if (!x)
        return CHANGE_DONE;
    if (if_unused && x->bindings_from_count > 0) {
        broker_refuse_as(error, REFUSAL_IN_USE, 406, "exchange '%.*s' in vhost '%.*s' in use",
                         SLICE_ARG(name), SLICE_ARG(vhost_name(vhost)));
        return CHANGE_REFUSED;
    }
    struct durable_changes changes;
    durable_begin(&changes, vhost);
    exchange_remove(x, &changes);
    topology_moved(vhost->topology);
    return durable_submit(&changes, done);
}

enum change_result exchange_delete(struct vhost *vhost, struct slice name, bool if_unused,
                                   struct durable_done done, struct broker_error *error)
{
    uint8_t space[NAME_BYTES_MAX];
    name = name_strip(name, space);
    if (!exchange_check_deletion(vhost, name, error))
        return CHANGE_REFUSED;
    topology_lock(vhost->topology);
    enum change_result result = exchange_delete_locked(vhost, name, if_unused, done, error);
    topology_unlock(vhost->topology);
    return result;
}
