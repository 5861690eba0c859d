#include "api/vhosts_seen.h"

#include "manage/vhosts.h"

struct everywhere {
    struct api_call *c;
    api_list_fn *list;
    bool is_list_to_decide; /* what the actor may see; else it must have access to the vhost */
    struct listing *ret;
};

static void join(struct listing *to, struct listing *found)
{
    if (found->free_row)
        to->free_row = found->free_row;
    listing_join(to, found);
}

/* Adds what is in the vhost. Returns false after refusing. */
static bool list_one(const struct everywhere *e, struct slice vhost, struct manage_error *error)
{
    struct manage_error refused = {0};
    struct listing found = {0};
    bool is_asked = e->is_list_to_decide || actor_check_content(&e->c->actor, vhost, &refused);
    bool is_failed = is_asked && !e->list(e->c, vhost, &found, &refused) && !e->is_list_to_decide &&
                     refused.refusal != REFUSAL_NOT_FOUND;
    if (is_failed) {
        *error = refused;
        return false;
    }
    manage_error_free(&refused);
    join(e->ret, &found);
    return true;
}

static bool list_all(const struct everywhere *e, struct manage_error *error)
{
    struct listing vhosts = {0};
    if (!manage_list_vhosts(e->c->manage, &e->c->actor, &vhosts, error))
        return false;
    bool is_done = true;
    for (size_t i = 0; is_done && i < vhosts.count; i++)
        is_done = list_one(e, ((const struct vhost_facts *)vhosts.rows[i])->name, error);
    listing_free(&vhosts);
    if (!is_done)
        listing_free(e->ret);
    return is_done;
}

bool api_list_vhosts(struct api_call *c, api_list_fn *list, struct listing *ret,
                     struct manage_error *error)
{
    struct slice vhost;
    if (api_find_part(c, "vhost", &vhost))
        return list(c, vhost, ret, error);
    return list_all(&(struct everywhere){.c = c, .list = list, .ret = ret}, error);
}

bool api_list_vhosts_allowed(struct api_call *c, api_list_fn *list, struct listing *ret,
                             struct manage_error *error)
{
    const struct everywhere e = {.c = c, .list = list, .is_list_to_decide = true, .ret = ret};
    return list_all(&e, error);
}
