/* What a new vhost begins with, by its name: limits, operator policies, users with permissions in
 * it. The configuration says so (default_limits.vhosts.*, default_policies.operator.*,
 * default_users.*). */
#ifndef LEVERET_MANAGE_VHOST_DEFAULTS_H
#define LEVERET_MANAGE_VHOST_DEFAULTS_H

#include "base/pattern.h"
#include "manage/manage.h"

/* In each of these, `name` is what the configuration calls it, and `vhosts` matches the names of
 * vhosts that it is for. Everything is owned. */

struct default_limits {
    char *name;
    struct pattern *vhosts;
    char *limits; /* JSON */
};

struct default_policy {
    char *name;
    struct pattern *vhosts;
    char *pattern, *apply_to;
    char *definition; /* JSON */
};

struct default_user {
    char *name;
    struct pattern *vhosts;
    char *password; /* empty: the user cannot log in with a password */
    char *tags;     /* separated by commas */
    char *configure, *write, *read;
};

struct vhost_defaults {
    struct default_limits *limits; /* the first that matches is used */
    size_t limits_count;
    struct default_policy *policies; /* each that matches is used */
    size_t policy_count;
    struct default_user *users; /* each that matches is used */
    size_t user_count;
};

/* Frees everything and clears the pointer. NULL is fine. */
void vhost_defaults_free(struct vhost_defaults **defaults);

/* Gives a vhost that the actor has just created what it begins with. A user that exists keeps its
 * password and tags. What is refused is logged, and the rest is done. For the thread see manage.h.
 */
void vhost_defaults_apply(const struct vhost_defaults *d, struct manage *m,
                          const struct actor *actor, struct slice vhost);

/* The same at the first start, before the loops have started, and when definitions are imported:
 * without events, and without waiting until it is durable. */
void vhost_defaults_begin(const struct vhost_defaults *d, struct auth *auth, struct vhost *vhost);

#endif
