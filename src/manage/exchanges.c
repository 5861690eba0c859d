/* Exchanges and bindings are topology: their facts are copied under RCU. The number of messages
 * that an exchange delays is known only to the home of its queue of delayed messages, which is
 * asked last. */
#include "manage/exchanges.h"

#include <stdlib.h>

#include "base/error.h"
#include "broker/policy.h"
#include "manage/columns.h"
#include "manage/facts.h"
#include "manage/queues.h"
#include "topology/binding.h"
#include "topology/exchange.h"
#include "topology/exchange_arguments.h"
#include "topology/exchange_counts.h"
#include "topology/vhost.h"

/* --- exchanges -------------------------------------------------------------------------------- */

static void exchange_facts_free(void *facts)
{
    struct exchange_facts *f = facts;
    if (f->delayed)
        queue_unref(&f->delayed);
    free(f);
}

/* References to an exchange cannot be held, so all of its facts are copied. */
static void add_exchange(struct listing *l, struct slice vhost, struct exchange *x)
{
    const struct effective_policy *policy = atomic_load_explicit(&x->policy, memory_order_acquire);
    struct exchange_facts f = {
        .vhost = vhost,
        .name = exchange_name(x),
        .policy = policy ? policy->names[POLICY_ORDINARY] : SLICE_EMPTY,
        .arguments = x->arguments,
        .type = x->type_name,
        .is_durable = x->is_durable,
        .is_auto_delete = x->is_auto_delete,
        .is_internal = x->is_internal,
        .delayed = x->delayed ? queue_ref(queue_of_entry(x->delayed)) : NULL,
    };
    exchange_counts_read(x, &f.in, &f.out);
    listing_add(l, FACTS_COPY(&f, &f.vhost, &f.name, &f.policy, &f.arguments));
}

static int by_name(const void *a, const void *b)
{
    const struct exchange_facts *p = *(struct exchange_facts *const *)a;
    const struct exchange_facts *q = *(struct exchange_facts *const *)b;
    return slice_compare(p->name, q->name);
}

/* Counts how many messages the exchange delays: 0 if its queue has been deleted meanwhile. */
static void count_on_loop(struct loop *loop, void *arg)
{
    struct exchange_facts *f = arg;
    (void)loop;
    f->is_counted = !queue_is_restoring(f->delayed);
    if (!f->is_counted || queue_is_deleted(f->delayed))
        return;
    const struct queue_lengths lengths = queue_lengths(f->delayed);
    f->messages_delayed = lengths.ready + lengths.unacked;
}

/* Leaves them uncounted if the broker stops. */
static void count_delayed(struct manage *m, struct exchange_facts *f)
{
    if (f->delayed)
        ask_loop(m->asker, queue_home(f->delayed), count_on_loop, f);
}

bool manage_list_exchanges(struct manage *m, const struct actor *actor, struct slice vhost_name,
                           bool counts_delayed, struct listing *ret, struct manage_error *error)
{
    *ret = (struct listing){.columns = exchange_columns, .free_row = exchange_facts_free};
    if (!actor_check_vhost(actor, ACTOR_MANAGEMENT, vhost_name, error))
        return false;
    struct vhost *vhost = manage_vhost(m, vhost_name, error);
    if (!vhost)
        return false;
    struct lv_table_iter it;
    add_exchange(ret, vhost_name, vhost->default_exchange); /* it is in no table */
    for (struct lv_table_node *node = lv_table_first(vhost->exchanges, &it); node;
         node = lv_table_next(vhost->exchanges, &it))
        add_exchange(ret, vhost_name, lv_container_of(node, struct exchange, by_name));
    listing_sort_by(ret, by_name);
    for (size_t i = 0; counts_delayed && i < ret->count; i++)
        count_delayed(m, ret->rows[i]);
    return true;
}

/* --- bindings --------------------------------------------------------------------------------- */

/* The bindings of a vhost, on their way into a listing. */
struct binding_walk {
    struct slice vhost;
    const struct binding_ends *choice;
    struct listing *listing;
};

static bool is_chosen(const struct binding_ends *choice, struct slice source,
                      const struct destination *destination)
{
    if (choice->source && !slice_equal(*choice->source, source))
        return false;
    return !choice->destination ||
           (slice_equal(*choice->destination, destination->name) &&
            choice->is_to_queue == (destination->kind == DESTINATION_QUEUE));
}

static void add_binding(void *arg, struct slice source, const struct destination *destination,
                        struct slice routing_key, struct slice arguments)
{
    const struct binding_walk *walk = arg;
    if (!is_chosen(walk->choice, source, destination))
        return;
    struct binding_facts f = {
        .vhost = walk->vhost,
        .source = source,
        .destination = destination->name,
        .routing_key = routing_key,
        .arguments = arguments,
        .is_to_queue = destination->kind == DESTINATION_QUEUE,
    };
    listing_add(walk->listing,
                FACTS_COPY(&f, &f.vhost, &f.source, &f.destination, &f.routing_key, &f.arguments));
}

static int bindings_in_order(const void *a, const void *b)
{
    const struct binding_facts *p = *(struct binding_facts *const *)a;
    const struct binding_facts *q = *(struct binding_facts *const *)b;
    int order = slice_compare(p->source, q->source);
    if (order == 0)
        order = slice_compare(p->destination, q->destination);
    if (order == 0)
        order = slice_compare(p->routing_key, q->routing_key);
    return order ? order : slice_compare(p->arguments, q->arguments);
}

bool manage_find_bindings(struct manage *m, const struct actor *actor, struct slice vhost_name,
                          const struct binding_ends *choice, struct listing *ret,
                          struct manage_error *error)
{
    *ret = (struct listing){.columns = binding_columns};
    if (!actor_check_vhost(actor, ACTOR_MANAGEMENT, vhost_name, error))
        return false;
    struct vhost *vhost = manage_vhost(m, vhost_name, error);
    if (!vhost)
        return false;
    binding_each(vhost, add_binding, &(struct binding_walk){vhost_name, choice, ret});
    listing_sort_by(ret, bindings_in_order);
    return true;
}

bool manage_list_bindings(struct manage *m, const struct actor *actor, struct slice vhost,
                          struct listing *ret, struct manage_error *error)
{
    return manage_find_bindings(m, actor, vhost, &(struct binding_ends){NULL}, ret, error);
}

/* --- columns ---------------------------------------------------------------------------------- */

#define F struct exchange_facts
#define COLUMN_OF(column) exchange_column_##column
EXCHANGE_COLUMNS(COLUMN_VALUE)
const struct column exchange_columns[] = {EXCHANGE_COLUMNS(COLUMN_ROW) COLUMNS_END};
#undef F
#undef COLUMN_OF

#define F struct binding_facts
#define COLUMN_OF(column) binding_column_##column
BINDING_COLUMNS(COLUMN_VALUE)
const struct column binding_columns[] = {BINDING_COLUMNS(COLUMN_ROW) COLUMNS_END};
