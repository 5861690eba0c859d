/* There are two passes: a walk, which finds the exchanges; then a pass over all bindings of the
 * vhost, which makes a verdict for each binding from one of those exchanges. Then the rows are
 * emitted. */
#include "topology/explain.h"

#include <stdlib.h>

#include "base/memory.h"
#include "topology/exchange_private.h"
#include "topology/route_private.h"

/* An exchange on the walk. */
struct visit {
    struct exchange *exchange;
    struct exchange *alternate; /* the one that got the message; NULL: none did */
    char *path;                 /* owned; NULL: not known yet */
    /* The destinations that were first found here: [from, to) of the route set's lists. */
    size_t queues_from, queues_to;
    size_t exchanges_from, exchanges_to;
};

/* A binding from a visited exchange, and whether it takes the message. */
struct verdict {
    size_t visit; /* index of its source in explanation.visits */
    const struct binding *binding;
    bool is_taken;
    char *why; /* owned */
};

struct explanation {
    const struct slice *keys;
    size_t key_count;
    const struct routing_input *message;
    struct route_set set;
    struct visit *visits;
    size_t visit_count, visit_capacity;
    struct verdict *verdicts;
    size_t verdict_count, verdict_capacity;
    explain_visitor *emit;
    void *arg;
};

const char *explain_result_name(enum explain_result result)
{
    static const char *const names[] = {
        [EXPLAIN_REACHES] = "reaches",     [EXPLAIN_PASSES] = "passes",
        [EXPLAIN_ALTERNATE] = "alternate", [EXPLAIN_STOPPED] = "stopped",
        [EXPLAIN_RETURNED] = "returned",   [EXPLAIN_REFUSED] = "refused",
    };
    return names[result];
}

/* Returns the array, reallocated if it has no room for one more item. */
static void *array_with_room(void *items, size_t count, size_t *capacity, size_t item_bytes)
{
    if (count < *capacity)
        return items;
    *capacity = *capacity ? *capacity * 2 : 16;
    return lv_realloc(items, *capacity * item_bytes);
}

/* --- the walk --------------------------------------------------------------------------------- */

static void add_visit(void *arg, struct exchange *exchange, struct exchange *alternate)
{
    struct explanation *e = arg;
    const struct visit *before = e->visit_count ? &e->visits[e->visit_count - 1] : NULL;
    const struct visit visit = {
        .exchange = exchange,
        .alternate = alternate,
        .queues_from = before ? before->queues_to : 0,
        .queues_to = e->set.queues.count,
        .exchanges_from = before ? before->exchanges_to : 1, /* item 0 is where the walk begins */
        .exchanges_to = e->set.exchanges.count,
    };
    e->visits = array_with_room(e->visits, e->visit_count, &e->visit_capacity, sizeof *e->visits);
    e->visits[e->visit_count++] = visit;
}

/* Returns the index of the exchange's visit, or visit_count if it is not on the walk. */
static size_t find_visit(const struct explanation *e, const struct exchange *exchange)
{
    size_t i = 0;
    while (i < e->visit_count && e->visits[i].exchange != exchange)
        i++;
    return i;
}

/* --- the bindings ----------------------------------------------------------------------------- */

/* Returns whether this visit has added the destination to the route set. Used for types that choose
 * among all their bindings at once. */
static bool was_found_here(const struct explanation *e, const struct visit *v,
                           const struct destination *d)
{
    bool is_queue = d->kind == DESTINATION_QUEUE;
    const struct pointer_list *found = is_queue ? &e->set.queues : &e->set.exchanges;
    size_t at = is_queue ? v->queues_from : v->exchanges_from;
    size_t end = is_queue ? v->queues_to : v->exchanges_to;
    for (; at < end; at++) {
        const void *of_queue =
            is_queue ? &((struct queue_entry *)found->items[at])->destination : NULL;
        const void *of_exchange =
            is_queue ? NULL : &((struct exchange *)found->items[at])->destination;
        if (d == of_queue || d == of_exchange)
            return true;
    }
    return false;
}

/* Asks the exchange's type about a binding. The reason written is the one for the first key by
 * which the message takes the binding, or, if there is no such key, the one for the routing key. */
static bool type_explain(const struct explanation *e, struct exchange *x, struct binding *b,
                         struct lv_buffer *why)
{
    struct lv_buffer text = {0};
    bool is_taken = false;
    for (size_t i = 0; i < e->key_count && !is_taken; i++) {
        struct routing_input input = *e->message;
        input.routing_key = e->keys[i];
        text.n = 0;
        is_taken = x->type->explain(x, b, &input, &text);
        if (!is_taken && i > 0)
            continue;
        why->n = 0;
        lv_buffer_add_slice(why, lv_buffer_slice(&text));
        if (is_taken && i > 0)
            lv_buffer_printf(why, " (with the key '%.*s')", SLICE_ARG(e->keys[i]));
    }
    lv_buffer_free(&text);
    return is_taken;
}

static void add_verdict(struct explanation *e, size_t at, struct binding *b)
{
    struct exchange *x = e->visits[at].exchange;
    struct lv_buffer why = {0};
    bool is_taken;
    if (x->type->explain) {
        is_taken = type_explain(e, x, b, &why);
    } else {
        is_taken = was_found_here(e, &e->visits[at], b->destination);
        lv_buffer_printf(&why, "the %s exchange %s", x->type->name,
                         is_taken ? "has chosen it" : "has chosen otherwise");
    }
    e->verdicts =
        array_with_room(e->verdicts, e->verdict_count, &e->verdict_capacity, sizeof *e->verdicts);
    e->verdicts[e->verdict_count++] =
        (struct verdict){at, b, is_taken, slice_strdup(lv_buffer_slice(&why))};
    lv_buffer_free(&why);
}

static void add_verdicts(struct explanation *e, struct vhost *vhost)
{
    struct lv_table_iter it;
    for (struct lv_table_node *node = lv_table_first(vhost->bindings, &it); node;
         node = lv_table_next(vhost->bindings, &it)) {
        struct binding *b = lv_container_of(node, struct binding, by_identity);
        size_t at = find_visit(e, b->source);
        if (at < e->visit_count)
            add_verdict(e, at, b);
    }
}

static int compare_verdicts(const void *a, const void *b)
{
    const struct verdict *p = a, *q = b;
    if (p->visit != q->visit)
        return p->visit < q->visit ? -1 : 1;
    if (p->is_taken != q->is_taken)
        return p->is_taken ? -1 : 1;
    int order = slice_compare(p->binding->destination->name, q->binding->destination->name);
    if (order == 0)
        order = slice_compare(p->binding->routing_key, q->binding->routing_key);
    return order ? order : slice_compare(p->binding->arguments, q->binding->arguments);
}

/* --- rows ------------------------------------------------------------------------------------- */

static struct slice shown_name(const struct exchange *x)
{
    return exchange_name(x).n ? exchange_name(x) : slice_str("(default)");
}

/* Sets the path of an exchange that the message reaches from `from`, unless it has one. */
static void visit_set_path(struct explanation *e, const struct visit *from,
                           const struct exchange *to)
{
    size_t at = find_visit(e, to);
    struct lv_buffer path = {0};
    if (at == e->visit_count || e->visits[at].path)
        return;
    lv_buffer_printf(&path, "%s -> %.*s", from->path, SLICE_ARG(shown_name(to)));
    e->visits[at].path = slice_strdup(lv_buffer_slice(&path));
    lv_buffer_free(&path);
}

static void emit_row(struct explanation *e, const struct visit *v, struct explain_row row,
                     const char *why)
{
    row.path = slice_str(v->path ? v->path : ""); /* NULL: the topology has changed meanwhile */
    row.why = slice_str(why);
    e->emit(e->arg, &row);
}

static void emit_verdict(struct explanation *e, const struct visit *v,
                         const struct verdict *verdict)
{
    struct destination *d = verdict->binding->destination;
    struct explain_row row = {
        .result = EXPLAIN_STOPPED,
        .destination_kind = d->kind,
        .destination = d->name,
        .routing_key = verdict->binding->routing_key,
        .arguments = verdict->binding->arguments,
    };
    if (verdict->is_taken && d->kind == DESTINATION_QUEUE)
        row.result = EXPLAIN_REACHES;
    if (verdict->is_taken && d->kind == DESTINATION_EXCHANGE) {
        row.result = EXPLAIN_PASSES;
        visit_set_path(e, v, lv_container_of(d, struct exchange, destination));
    }
    emit_row(e, v, row, verdict->why);
}

/* Emits the rows of the default exchange, whose bindings are implied: each queue is bound by its
 * name. */
static void emit_default(struct explanation *e, const struct visit *v)
{
    for (size_t i = 0; i < e->key_count; i++) {
        bool is_there = exchange_default_find(v->exchange->vhost, e->keys[i]) != NULL;
        const struct explain_row row = {
            .result = is_there ? EXPLAIN_REACHES : EXPLAIN_STOPPED,
            .destination = e->keys[i],
            .routing_key = e->keys[i],
        };
        emit_row(e, v, row,
                 is_there ? "the queue has this name" : "there is no queue of this name");
    }
}

/* Emits the row of the alternate exchange, if there is one. Called if no binding has taken the
 * message. */
static void emit_alternate(struct explanation *e, const struct visit *v)
{
    struct slice wanted = exchange_alternate(v->exchange);
    const struct explain_row row = {
        .result = v->alternate ? EXPLAIN_ALTERNATE : EXPLAIN_STOPPED,
        .destination_kind = DESTINATION_EXCHANGE,
        .destination = v->alternate ? exchange_name(v->alternate) : wanted,
    };
    if (v->alternate) {
        visit_set_path(e, v, v->alternate);
        emit_row(e, v, row, "no binding took the message");
    } else if (wanted.n > 0) {
        emit_row(e, v, row, "the alternate exchange does not exist");
    }
}

static void emit_all(struct explanation *e)
{
    struct visit *first = &e->visits[0];
    lv_assert(e->visit_count > 0);
    first->path = slice_strdup(shown_name(first->exchange));
    if (first->exchange->is_internal)
        emit_row(e, first, (struct explain_row){.result = EXPLAIN_REFUSED},
                 "the exchange is internal: no client may publish to it");
    size_t at = 0;
    for (size_t i = 0; i < e->visit_count; i++) {
        const struct visit *v = &e->visits[i];
        bool is_taken = false;
        for (; at < e->verdict_count && e->verdicts[at].visit == i; at++) {
            emit_verdict(e, v, &e->verdicts[at]);
            is_taken |= e->verdicts[at].is_taken;
        }
        if (exchange_name(v->exchange).n == 0)
            emit_default(e, v);
        if (!is_taken)
            emit_alternate(e, v);
    }
    if (e->set.queues.count == 0)
        emit_row(
            e, first, (struct explain_row){.result = EXPLAIN_RETURNED},
            "no queue takes it: returned with 312 NO_ROUTE when it is mandatory, else dropped");
}

static void explanation_free(struct explanation *e)
{
    for (size_t i = 0; i < e->visit_count; i++)
        free(e->visits[i].path);
    for (size_t i = 0; i < e->verdict_count; i++)
        free(e->verdicts[i].why);
    free(e->visits);
    free(e->verdicts);
    route_set_free(&e->set);
}

size_t explain_route(struct exchange *exchange, const struct slice *keys, size_t count,
                     const struct routing_input *message, explain_visitor *visit, void *arg)
{
    struct explanation e = {
        .keys = keys, .key_count = count, .message = message, .emit = visit, .arg = arg};
    lv_assert(count > 0);
    route_walk(&e.set, exchange, keys, count, message, add_visit, &e);
    add_verdicts(&e, exchange->vhost);
    if (e.verdict_count > 0)
        qsort(e.verdicts, e.verdict_count, sizeof *e.verdicts, compare_verdicts);
    emit_all(&e);
    size_t reached = e.set.queues.count;
    explanation_free(&e);
    return reached;
}
