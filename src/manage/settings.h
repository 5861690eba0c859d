/* What setting and clearing policies, parameters and global parameters have in common. */
#ifndef LEVERET_MANAGE_SETTINGS_H
#define LEVERET_MANAGE_SETTINGS_H

#include "manage/manage.h"

struct setting {
    enum actor_rank rank;      /* the actor needs; in the vhost, if there is one */
    const struct slice *vhost; /* NULL: the setting is global */
    const void *row;           /* the definition's row; of one that is cleared, what names it */
    /* Makes the change: 0 or ERR_... as policy_set() and parameter_set() return them. `vhost` is
     * NULL if the setting is global. */
    int (*submit)(struct manage *m, struct vhost *vhost, const void *row, struct lv_buffer *reason,
                  struct durable_done done);
    /* Sends the events of a durable change, and logs it. */
    void (*announce)(struct manage *m, const struct actor *actor, const void *row);
    bool is_for_queues; /* wait also until the home of every queue has applied it */
};

/* Sets it. Setting what is set already succeeds and is not announced. Returns false after refusing:
 * REFUSAL_NOT_FOUND, the vhost does not exist; REFUSAL_MALFORMED, not JSON; REFUSAL_PRECONDITION,
 * invalid, and the text says why; REFUSAL_RESERVED, it is a policy. */
bool setting_set(struct manage *m, const struct actor *actor, const struct setting *s,
                 struct manage_error *error);
/* Clears it. Returns false after refusing: REFUSAL_NOT_FOUND, there is no such parameter, policy or
 * vhost. */
bool setting_clear(struct manage *m, const struct actor *actor, const struct setting *s,
                   struct manage_error *error);

#endif
