/* What a policy would apply to if it were set: the decisions of policy_apply.c, with nothing
 * changed. */
#include "broker/policy_private.h"
#include "broker/vhost_life.h"
#include "queue/queue.h"
#include "topology/exchange.h"

struct previewing {
    const struct policy *drafted;
    const struct policy_list *list; /* those of its kind that are set */
    policy_preview_visit *visit;
    void *arg;
};

static bool is_of_its_name(const struct previewing *p, const struct policy *other)
{
    return slice_equal(other->name, p->drafted->name);
}

/* Returns the first policy that applies to the thing, or NULL; without the one that the draft would
 * replace, unless `with_replaced`. */
static const struct policy *first_of(const struct previewing *p, struct slice name, unsigned kind,
                                     bool with_replaced)
{
    for (size_t i = 0; i < p->list->count; i++) {
        const struct policy *each = p->list->items[i];
        if ((each->applies_to & kind) && (with_replaced || !is_of_its_name(p, each)) &&
            policy_matches(each, name))
            return each;
    }
    return NULL;
}

static void row_name(struct policy_preview_row *row, const struct policy *other)
{
    row->has_other = other != NULL;
    if (!other)
        return;
    row->other = other->name;
    row->other_priority = other->priority;
}

/* Fills in what would become of a thing that the draft's pattern and apply-to match. */
static void fill_matched(const struct previewing *p, unsigned kind, const struct policy *now,
                         struct policy_preview_row *row)
{
    const struct policy *rival = first_of(p, row->name, kind, false);
    if (!(p->drafted->applies_to & kind)) {
        row->effect = POLICY_UNSUPPORTED;
    } else if (rival && policy_compare(rival, p->drafted) < 0) {
        row->effect = POLICY_HIDDEN;
        row_name(row, rival);
    } else {
        row->effect = POLICY_IN_FORCE;
        row_name(row, now && !is_of_its_name(p, now) ? now : NULL);
    }
}

/* Visits a thing if it is concerned. */
static void consider(const struct previewing *p, unsigned kind, struct policy_preview_row *row)
{
    const struct policy *now = first_of(p, row->name, kind, true);
    if ((p->drafted->asked_for & kind) && policy_matches(p->drafted, row->name)) {
        fill_matched(p, kind, now, row);
    } else if (now && is_of_its_name(p, now)) {
        row->effect = POLICY_LOST;
        row_name(row, first_of(p, row->name, kind, false));
    } else {
        return;
    }
    p->visit(p->arg, row);
}

static void consider_exchange(const struct previewing *p, const struct exchange *x)
{
    struct policy_preview_row row = {.name = exchange_name(x), .type = x->type_name};
    consider(p, APPLIES_TO_EXCHANGES, &row);
}

static void consider_all(const struct previewing *p, const struct vhost *vhost)
{
    struct lv_table_iter it;
    struct lv_table_node *node = lv_table_first(vhost->queues, &it);
    for (; node; node = lv_table_next(vhost->queues, &it)) {
        const struct queue *q = queue_of_node(node);
        struct policy_preview_row row = {.is_queue = true, .name = queue_name(q)};
        row.type = queue_type_name(queue_type(q));
        consider(p, policy_kind_of_queue(q), &row);
    }
    node = lv_table_first(vhost->exchanges, &it);
    for (; node; node = lv_table_next(vhost->exchanges, &it))
        consider_exchange(p, lv_container_of(node, struct exchange, by_name));
    consider_exchange(p, vhost->default_exchange);
}

int policy_preview(struct vhost *vhost, const struct definition_policy *row,
                   struct lv_buffer *reason, policy_preview_visit *visit, void *arg)
{
    struct policy *drafted = NULL;
    int err = policy_read(row, true, reason, &drafted);
    if (err < 0)
        return err;
    const struct previewing p = {drafted, &vhost->rules->policies[drafted->kind], visit, arg};
    pthread_mutex_lock(&vhost_broker(vhost)->policy_lock);
    consider_all(&p, vhost);
    pthread_mutex_unlock(&vhost_broker(vhost)->policy_lock);
    policy_free(drafted);
    return 0;
}
