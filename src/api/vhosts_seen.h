/* Listings of all vhosts that the actor may see something of. */
#ifndef LEVERET_API_VHOSTS_SEEN_H
#define LEVERET_API_VHOSTS_SEEN_H

#include "api/api_private.h"

/* Lists what is in one vhost, as manage_list_...() do. */
typedef bool api_list_fn(struct api_call *c, struct slice vhost, struct listing *ret,
                         struct manage_error *error);

/* Joins the listings of the vhost in the path, or of all vhosts that the actor may see if the path
 * has none. A vhost that is deleted meanwhile is left out. Returns false after refusing. */
bool api_list_vhosts(struct api_call *c, api_list_fn *list, struct listing *ret,
                     struct manage_error *error);
/* Joins the listings of all vhosts for which `list` does not refuse: it decides what the actor may
 * see. Returns false after refusing. */
bool api_list_vhosts_allowed(struct api_call *c, api_list_fn *list, struct listing *ret,
                             struct manage_error *error);

#endif
