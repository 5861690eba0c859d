/* One limit of a vhost at a time. They are stored together, as one parameter: it is read, changed
 * and set again, by one thread at a time. */
#include <pthread.h>

#include <stdlib.h>

#include "base/rcu.h"
#include "manage/policies.h"

static pthread_mutex_t changing = PTHREAD_MUTEX_INITIALIZER;

/* Reads the vhost's limits. Returns an object that the caller owns, or NULL after refusing. */
static json_t *limits_read(struct manage *m, const struct actor *actor, struct slice vhost,
                           struct manage_error *error)
{
    struct listing l = {0};
    json_t *limits = NULL;
    if (manage_list_vhost_limits(m, actor, &vhost, &l, error)) {
        const struct parameter_facts *f = l.count > 0 ? l.rows[0] : NULL;
        if (f)
            limits = json_loadb((const char *)f->value.p, f->value.n, 0, NULL);
        if (!json_is_object(limits)) { /* none, or an empty list */
            json_decref(limits);
            limits = json_object();
        }
    }
    listing_free(&l);
    return limits;
}

static bool limits_write(struct manage *m, const struct actor *actor, struct slice vhost,
                         const json_t *limits, struct manage_error *error)
{
    char *text = json_dumps(limits, JSON_COMPACT);
    bool is_done = manage_set_vhost_limits(m, actor, vhost, slice_str(text), error);
    free(text);
    return is_done;
}

static bool limit_change(struct manage *m, const struct actor *actor, struct slice vhost,
                         struct slice limit, const json_t *value, struct manage_error *error)
{
    json_t *limits = limits_read(m, actor, vhost, error);
    const char *name = (const char *)limit.p;
    bool is_done;
    if (!limits)
        return false;
    if (value) {
        json_object_setn_new(limits, name, limit.n, json_deep_copy(value));
        is_done = limits_write(m, actor, vhost, limits, error);
    } else if (!json_object_getn(limits, name, limit.n)) {
        is_done = true;
    } else {
        json_object_deln(limits, name, limit.n);
        is_done = json_object_size(limits) > 0 ? limits_write(m, actor, vhost, limits, error)
                                               : manage_clear_vhost_limits(m, actor, vhost, error);
    }
    json_decref(limits);
    return is_done;
}

bool manage_change_vhost_limit(struct manage *m, const struct actor *actor, struct slice vhost,
                               struct slice limit, const json_t *value, struct manage_error *error)
{
    if (!actor_check_rank(actor, ACTOR_ADMINISTRATOR, error))
        return false;
    lv_rcu_offline();
    pthread_mutex_lock(&changing);
    lv_rcu_online();
    bool is_done = limit_change(m, actor, vhost, limit, value, error);
    pthread_mutex_unlock(&changing);
    return is_done;
}
