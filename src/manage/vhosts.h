/* Vhosts: listing, creating, tagging, deleting, tracing. */
#ifndef LEVERET_MANAGE_VHOSTS_H
#define LEVERET_MANAGE_VHOSTS_H

#include "manage/listing.h"
#include "manage/manage.h"

struct statistics_answer;

struct vhost_facts {
    struct slice name, description;
    struct slice tags;               /* separated by commas */
    struct slice default_queue_type; /* "undefined" if none is set */
    bool is_traced, is_protected;
    const struct statistics_answer *statistics; /* for whoever shows them; NULL */
};

extern const struct column vhost_columns[];

/* Lists the vhost of this name alone: one row, or none. Only an administrator may. */
bool manage_find_vhost(struct manage *m, const struct actor *actor, struct slice vhost,
                       struct listing *ret, struct manage_error *error);
/* Lists the vhosts that the actor may see, by name. */
bool manage_list_vhosts(struct manage *m, const struct actor *actor, struct listing *ret,
                        struct manage_error *error);

/* Creates a vhost; succeeds if it exists. *ret_is_new (NULL is fine) tells whether it did not. Tags
 * are separated by commas; spaces around them are dropped. REFUSAL_PRECONDITION: there is no such
 * queue type. */
bool manage_add_vhost(struct manage *m, const struct actor *actor,
                      const struct definition_vhost *vhost, bool *ret_is_new,
                      struct manage_error *error);

/* What a vhost shall be. What is NULL stays as it is, or is empty in a new vhost. The default queue
 * type is that of a new vhost: later it stays as it is. */
struct vhost_wish {
    struct slice name;
    const struct slice *description;
    const struct slice *tags; /* separated by commas */
    const struct slice *default_queue_type;
    const bool *is_traced;
};

/* Creates the vhost, and gives its creator all permissions in it if this is a user in the
 * definitions; or changes the vhost of this name. REFUSAL_PRECONDITION: there is no such queue
 * type. */
bool manage_put_vhost(struct manage *m, const struct actor *actor, const struct vhost_wish *wish,
                      bool *ret_is_new, struct manage_error *error);
/* Changes a vhost that exists: its description and tags, those that the wish has; nothing else of
 * it counts. */
bool manage_update_vhost(struct manage *m, const struct actor *actor, const struct vhost_wish *wish,
                         struct manage_error *error);
bool manage_set_vhost_tags(struct manage *m, const struct actor *actor, struct slice vhost,
                           struct slice tags, struct manage_error *error);
/* Protects the vhost from manage_delete_vhost(), or ends that. */
bool manage_protect_vhost(struct manage *m, const struct actor *actor, struct slice vhost,
                          bool is_protected, struct manage_error *error);
/* Deletes a vhost and everything in it, closes its connections and deletes its permissions.
 * REFUSAL_PRECONDITION, SUBJECT_VHOST: it is protected from deletion. */
bool manage_delete_vhost(struct manage *m, const struct actor *actor, struct slice vhost,
                         struct manage_error *error);

/* Turns the firehose on or off: copies of the vhost's messages are published to amq.rabbitmq.trace.
 * As in RabbitMQ, this succeeds if the vhost does not exist. */
bool manage_trace(struct manage *m, const struct actor *actor, struct slice vhost, bool is_on,
                  struct manage_error *error);

#endif
