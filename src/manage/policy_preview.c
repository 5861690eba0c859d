/* What a policy would concern. */
#include "manage/policies.h"

#include "manage/compute_slots.h"
#include "manage/facts.h"
#include "manage/settings.h"
#include "topology/vhost.h"

struct previewing {
    struct listing *rows;
    struct policy_preview_counts *counts;
};

static int rows_in_order(const void *a, const void *b)
{
    const struct preview_facts *x = *(const struct preview_facts *const *)a;
    const struct preview_facts *y = *(const struct preview_facts *const *)b;
    return x->is_queue != y->is_queue ? y->is_queue - x->is_queue : slice_compare(x->name, y->name);
}

/* Keeps the first rows. */
static void cut(struct listing *rows)
{
    listing_sort_by(rows, rows_in_order);
    listing_keep_page(rows, 0, PREVIEW_ROWS_MAX);
}

static void take(void *arg, const struct policy_preview_row *row)
{
    struct previewing *p = arg;
    struct preview_facts f = {
        .name = row->name,
        .other = row->other,
        .is_queue = row->is_queue,
        .has_other = row->has_other,
        .type = row->type,
        .effect = row->effect,
        .other_priority = row->other_priority,
    };
    p->counts->by_effect[row->is_queue][row->effect]++;
    listing_add(p->rows, FACTS_COPY(&f, &f.name, &f.other));
    if (p->rows->count == 16 * PREVIEW_ROWS_MAX)
        cut(p->rows);
}

const char *policy_effect_name(enum policy_effect effect)
{
    static const char *const names[] = {
        [POLICY_IN_FORCE] = "in_force",
        [POLICY_HIDDEN] = "hidden",
        [POLICY_UNSUPPORTED] = "unsupported",
        [POLICY_LOST] = "lost",
    };
    return names[effect];
}

bool manage_preview_policy(struct manage *m, const struct actor *actor,
                           const struct definition_policy *row, struct listing *ret,
                           struct policy_preview_counts *ret_counts, struct manage_error *error)
{
    struct lv_buffer reason = {0};
    struct previewing p = {ret, ret_counts};
    enum actor_rank rank = row->is_operator ? ACTOR_ADMINISTRATOR : ACTOR_POLICYMAKER;
    *ret = (struct listing){0};
    *ret_counts = (struct policy_preview_counts){0};
    if (!actor_check_vhost(actor, rank, row->vhost, error))
        return false;
    compute_slot_take(); /* it may wait */
    struct vhost *vhost = manage_vhost(m, row->vhost, error);
    if (!vhost)
        return false;
    int err = policy_preview(vhost, row, &reason, take, &p);
    cut(ret);
    bool is_done = setting_end(&row->vhost, err, &reason, error);
    lv_buffer_free(&reason);
    return is_done;
}
