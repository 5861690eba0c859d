/* What setting and clearing policies, parameters and global parameters have in common. */
#ifndef LEVERET_MANAGE_SETTINGS_H
#define LEVERET_MANAGE_SETTINGS_H

#include "manage/manage.h"

struct setting {
    enum actor_rank rank;      /* the rank that the actor needs, in the vhost if there is one */
    const struct slice *vhost; /* NULL: the setting is global */
    const void *row;           /* the definition's row; to clear, only the members that name it */
    /* Submits the change. Returns 0 or an error, as policy_set() and parameter_set() do. `vhost` is
     * NULL if the setting is global. */
    int (*submit)(struct manage *m, struct vhost *vhost, const void *row, struct lv_buffer *reason,
                  struct durable_done done);
    /* Sends the events of a durable change, and logs it. */
    void (*announce)(struct manage *m, const struct actor *actor, const void *row);
    bool is_for_queues; /* the change ends once the home of every queue has applied it */
};

/* Sets the setting. If it is set to the same already, this succeeds and is not announced. Returns
 * false after refusing: REFUSAL_NOT_FOUND, the vhost does not exist; REFUSAL_MALFORMED, the value
 * is not JSON; REFUSAL_PRECONDITION, it is invalid, and the text says why; REFUSAL_RESERVED,
 * policies are not set as parameters. */
bool setting_set(struct manage *m, const struct actor *actor, const struct setting *s,
                 struct manage_error *error);
/* Returns true if `err`, of policy_set() or parameter_set(), is 0; otherwise refuses as
 * setting_set() does. `reason` is what they have said, `vhost` is NULL for a global setting. */
bool setting_end(const struct slice *vhost, int err, const struct lv_buffer *reason,
                 struct manage_error *error);

/* Clears the setting. Returns false after refusing: REFUSAL_NOT_FOUND, there is no such parameter,
 * policy or vhost. */
bool setting_clear(struct manage *m, const struct actor *actor, const struct setting *s,
                   struct manage_error *error);

#endif
