/* Listings of all vhosts whose content the actor may see. */
#include "api/vhosts_seen.h"

#include <string.h>

#include "manage/vhosts.h"

/* Adds what is in the vhost. Returns false after refusing. */
static bool list_one(struct api_call *c, struct slice vhost, api_list_fn *list, struct listing *ret,
                     struct manage_error *error)
{
    struct manage_error refused = {0};
    struct listing found = {0};
    if (actor_check_content(&c->actor, vhost, &refused) && !list(c, vhost, &found, &refused) &&
        refused.refusal != REFUSAL_NOT_FOUND) {
        *error = refused;
        return false;
    }
    manage_error_free(&refused);
    if (found.free_row)
        ret->free_row = found.free_row;
    listing_join(ret, &found);
    return true;
}

static bool list_all(struct api_call *c, api_list_fn *list, struct listing *ret,
                     struct manage_error *error)
{
    struct listing vhosts = {0};
    if (!manage_list_vhosts(c->manage, &c->actor, &vhosts, error))
        return false;
    bool is_done = true;
    for (size_t i = 0; is_done && i < vhosts.count; i++)
        is_done = list_one(c, ((const struct vhost_facts *)vhosts.rows[i])->name, list, ret, error);
    listing_free(&vhosts);
    if (!is_done)
        listing_free(ret);
    return is_done;
}

bool api_list_vhosts(struct api_call *c, api_list_fn *list, struct listing *ret,
                     struct manage_error *error)
{
    if (strstr(c->route->path, "{vhost}"))
        return list(c, api_part(c, "vhost"), ret, error);
    return list_all(c, list, ret, error);
}
