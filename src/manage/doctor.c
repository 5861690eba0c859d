/* A diagnosis: which vhosts are looked at, and in which order their objects are. */
#include "manage/doctor.h"

#include <stdlib.h>

#include "base/assert.h"
#include "base/vec.h"
#include "manage/doctor_private.h"
#include "manage/vhosts.h"

static int by_slice(const void *a, const void *b)
{
    return slice_compare(*(const struct slice *)a, *(const struct slice *)b);
}

bool diagnosis_sees(const struct diagnosis *d, struct slice vhost)
{
    return d->vhost_count > 0 &&
           bsearch(&vhost, d->vhosts, d->vhost_count, sizeof vhost, by_slice) != NULL;
}

/* Finds the vhosts whose content the actor may see. */
static bool find_vhosts(struct diagnosis *d, const struct actor *actor, struct manage_error *error)
{
    struct listing vhosts = {0};
    struct manage_error ignored = {0};
    if (!manage_list_vhosts(d->m, actor, &vhosts, error))
        return false;
    for (size_t i = 0; i < vhosts.count; i++) {
        struct slice name = ((const struct vhost_facts *)vhosts.rows[i])->name;
        if (!actor_check_content(actor, name, &ignored))
            continue;
        lv_vec_room(d->vhosts, d->vhost_count, d->vhost_capacity);
        d->vhosts[d->vhost_count++] = slice_copy(name);
    }
    manage_error_free(&ignored);
    listing_free(&vhosts);
    if (d->vhost_count > 0)
        qsort(d->vhosts, d->vhost_count, sizeof *d->vhosts, by_slice);
    return true;
}

static void slice_free(struct slice s)
{
    free((void *)(uintptr_t)s.p);
}

static void diagnosis_free(struct diagnosis *d)
{
    for (size_t i = 0; i < d->vhost_count; i++)
        slice_free(d->vhosts[i]);
    free(d->vhosts);
    for (unsigned i = 0; i < LOOPS_MAX; i++) {
        slice_free(d->busiest[i].vhost);
        slice_free(d->busiest[i].name);
    }
    doctor_report_free(&d->report);
    free(d);
}

bool manage_diagnose(struct manage *m, const struct actor *actor, uint64_t period_s, json_t **ret,
                     struct manage_error *error)
{
    uint64_t covered_s = 0;
    lv_assert(period_s > 0 && period_s <= DOCTOR_PERIOD_S_MAX);
    if (!actor_check_rank(actor, ACTOR_MONITORING, error))
        return false;
    struct diagnosis *d = lv_calloc(1, sizeof *d);
    d->m = m;
    d->period_ms = period_s * 1000;
    bool is_done = find_vhosts(d, actor, error);
    if (is_done) {
        diagnose_exchanges(d);
        int err = diagnose_queues(d);
        if (err == 0)
            err = diagnose_sessions(d);
        is_done = manage_end(error, err);
    }
    if (is_done) {
        diagnose_node(d, &covered_s);
        *ret = doctor_report_json(&d->report, m->node_name, period_s, covered_s);
    }
    diagnosis_free(d);
    return is_done;
}
