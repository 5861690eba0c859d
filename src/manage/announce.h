/* The events and log lines of changes that are made in more than one way: one by one, and when
 * definitions are imported. Each names the actor. Call any of these on any thread, once the change
 * is in effect. */
#ifndef LEVERET_MANAGE_ANNOUNCE_H
#define LEVERET_MANAGE_ANNOUNCE_H

#include "manage/manage.h"

void announce_user_created(struct manage *m, const struct actor *actor, struct slice user);
void announce_user_tags(struct manage *m, const struct actor *actor, struct slice user,
                        struct slice tags);
/* `limits` is JSON; NULL: they were cleared. */
void announce_user_limits(struct manage *m, const struct actor *actor, struct slice user,
                          const struct slice *limits);
void announce_permissions(struct manage *m, const struct actor *actor,
                          const struct definition_permission *row);
void announce_topic_permissions(struct manage *m, const struct actor *actor,
                                const struct definition_topic_permission *row);
void announce_vhost_tags(struct manage *m, const struct actor *actor, struct slice vhost,
                         struct slice tags);
void announce_policy(struct manage *m, const struct actor *actor,
                     const struct definition_policy *row);
void announce_parameter(struct manage *m, const struct actor *actor,
                        const struct definition_parameter *row);
void announce_global_parameter(struct manage *m, const struct actor *actor,
                               const struct definition_global_parameter *row);

#endif
