/* Between policies.c and parameters.c. */
#ifndef LEVERET_MANAGE_POLICIES_PRIVATE_H
#define LEVERET_MANAGE_POLICIES_PRIVATE_H

#include "manage/manage.h"

#define ACTOR(actor) EVENT_STR("user_who_performed_action", (actor)->name)

/* The end of setting a policy or a parameter of this vhost. `reason` says why it is invalid;
 * NULL: it cannot be. */
bool end_of_setting(struct manage_error *error, int err, struct slice vhost,
                    const struct lv_buffer *reason);
/* The end of clearing one. */
bool end_of_clearing(struct manage_error *error, int err);

#endif
