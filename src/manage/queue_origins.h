/* Where each of a queue's settings comes from: its argument, its policy, its operator policy, or
 * the broker's configuration. */
#ifndef LEVERET_MANAGE_QUEUE_ORIGINS_H
#define LEVERET_MANAGE_QUEUE_ORIGINS_H

#include <jansson.h>

#include "manage/listing.h"
#include "manage/manage.h"

/* A setting of a queue. Values are owned; NULL: nobody gives this one. */
struct queue_setting {
    char *key;            /* as in policies: "max-length"; owned */
    const char *source;   /* whose value is in force: "argument", "policy", "operator_policy" or
                           * "default" */
    bool has_effect;      /* false: the broker takes it, and does nothing with it */
    json_t *value;        /* in force */
    json_t *argument;     /* of the argument "x-KEY" */
    json_t *of_policy[2]; /* by enum policy_kind */
    char *policy_name[2]; /* of those that give a value; owned */
};

/* Lists the settings of a queue by their keys: what its arguments and policies say and, where they
 * say nothing of it, the configuration's consumer timeout. Who may see the vhost may see them.
 * REFUSAL_NOT_FOUND: there is no such vhost, or no such queue. A policy that is changed meanwhile
 * may be missing. ret->columns is not set: rows are struct queue_setting. */
bool manage_list_queue_settings(struct manage *m, const struct actor *actor, struct slice vhost,
                                struct slice name, struct listing *ret, struct manage_error *error);

#endif
