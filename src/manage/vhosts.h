/* Vhosts, as an operator sees and changes them. */
#ifndef LEVERET_MANAGE_VHOSTS_H
#define LEVERET_MANAGE_VHOSTS_H

#include "manage/listing.h"
#include "manage/manage.h"

struct vhost_facts {
    struct slice name, description;
    struct slice tags;               /* separated by commas */
    struct slice default_queue_type; /* "undefined": none is said */
    bool is_traced;
};

extern const struct column vhost_columns[];

/* A row for each vhost that the actor may see, by name. */
bool manage_list_vhosts(struct manage *m, const struct actor *actor, struct listing *ret,
                        struct manage_error *error);

/* Creates it; fine when it exists. Tags are separated by commas, and spaces around them are left
 * out. REFUSAL_PRECONDITION: there is no such queue type. */
bool manage_add_vhost(struct manage *m, const struct actor *actor,
                      const struct definition_vhost *vhost, struct manage_error *error);
bool manage_set_vhost_tags(struct manage *m, const struct actor *actor, struct slice vhost,
                           struct slice tags, struct manage_error *error);
/* With all in it; closes its connections and forgets its permissions. */
bool manage_delete_vhost(struct manage *m, const struct actor *actor, struct slice vhost,
                         struct manage_error *error);

/* Switches the firehose: copies of the vhost's messages go to amq.rabbitmq.trace. As in
 * RabbitMQ, a vhost that does not exist is fine. */
bool manage_trace(struct manage *m, const struct actor *actor, struct slice vhost, bool is_on,
                  struct manage_error *error);

#endif
