/* Users, their permissions and limits. A change returns once it is durable. Only an administrator
 * may list or change them. */
#ifndef LEVERET_MANAGE_USERS_H
#define LEVERET_MANAGE_USERS_H

#include "manage/listing.h"
#include "manage/manage.h"

struct user_facts {
    struct slice name;
    struct slice tags;                             /* separated by commas */
    struct slice limits;                           /* JSON, an object; empty: none */
    struct slice password_hash, hashing_algorithm; /* as in the definitions */
    bool has_permissions; /* in any vhost; of manage_list_users_without_permissions() alone */
};

struct permission_facts {
    struct slice user, vhost;
    struct slice exchange; /* of a topic permission; else empty */
    struct slice configure, write, read;
};

extern const struct column user_columns[], permission_columns[], topic_permission_columns[];

bool manage_list_users(struct manage *m, const struct actor *actor, struct listing *ret,
                       struct manage_error *error);
/* Lists the users that have no permissions in any vhost. */
bool manage_list_users_without_permissions(struct manage *m, const struct actor *actor,
                                           struct listing *ret, struct manage_error *error);
/* Lists the user of this name alone: one row, or none. */
bool manage_find_user(struct manage *m, const struct actor *actor, struct slice user,
                      struct listing *ret, struct manage_error *error);
/* Lists the user of this name, or (NULL) those that have limits. A user may see its own. */
bool manage_list_user_limits(struct manage *m, const struct actor *actor, const struct slice *user,
                             struct listing *ret, struct manage_error *error);

/* Lists the permissions of all users in a vhost, or those of a user in all vhosts: the other
 * argument is NULL. */
bool manage_list_permissions(struct manage *m, const struct actor *actor, const struct slice *user,
                             const struct slice *vhost, struct listing *ret,
                             struct manage_error *error);
bool manage_list_topic_permissions(struct manage *m, const struct actor *actor,
                                   const struct slice *user, const struct slice *vhost,
                                   struct listing *ret, struct manage_error *error);

/* Sets these permissions of the user in every vhost; `row->vhost` does not count. If it fails, they
 * have been set in some vhosts. */
bool manage_set_permissions_globally(struct manage *m, const struct actor *actor,
                                     const struct definition_permission *row,
                                     struct manage_error *error);

/* Creates a user. Tags are separated by commas. REFUSAL_EXISTS: there is a user of this name. */
bool manage_add_user(struct manage *m, const struct actor *actor, struct slice user,
                     struct slice password, struct slice tags, struct manage_error *error);

/* What a user shall be. */
struct user_wish {
    struct slice name;
    /* At most one of the two is not NULL. With neither, the user cannot log in with a password. */
    const struct slice *password, *password_hash;
    struct slice hashing_algorithm; /* of the hash; empty: SHA-256 */
    struct slice tags;              /* separated by commas; spaces around them are dropped */
    const struct slice *limits;     /* JSON; NULL: a new user has none, another one keeps its */
};

/* Creates the user, or changes all this of the one of this name. REFUSAL_PRECONDITION: the
 * password, the hash or a limit is invalid, and the text says why. */
bool manage_put_user(struct manage *m, const struct actor *actor, const struct user_wish *wish,
                     bool *ret_is_new, struct manage_error *error);
/* Deletes users one after the other. If one does not exist, nothing is deleted. */
bool manage_delete_users(struct manage *m, const struct actor *actor, const struct slice *users,
                         size_t count, struct manage_error *error);

bool manage_change_password(struct manage *m, const struct actor *actor, struct slice user,
                            struct slice password, struct manage_error *error);
/* Removes the user's password: the user cannot log in with a password until a new one is set. */
bool manage_clear_password(struct manage *m, const struct actor *actor, struct slice user,
                           struct manage_error *error);
bool manage_set_user_tags(struct manage *m, const struct actor *actor, struct slice user,
                          struct slice tags, struct manage_error *error);
/* Deletes a user and its permissions, and closes its connections. */
bool manage_delete_user(struct manage *m, const struct actor *actor, struct slice user,
                        struct manage_error *error);
/* Checks a password. REFUSAL_ACCESS: it is wrong. */
bool manage_authenticate(struct manage *m, const struct actor *actor, struct slice user,
                         struct slice password, struct manage_error *error);

/* Setting and clearing permissions cancels the consumers that are no longer permitted, before the
 * function returns. REFUSAL_PRECONDITION with SUBJECT_PATTERN: a pattern does not compile. */
bool manage_set_permissions(struct manage *m, const struct actor *actor,
                            const struct definition_permission *row, struct manage_error *error);
bool manage_clear_permissions(struct manage *m, const struct actor *actor, struct slice user,
                              struct slice vhost, struct manage_error *error);
bool manage_set_topic_permissions(struct manage *m, const struct actor *actor,
                                  const struct definition_topic_permission *row,
                                  struct manage_error *error);
/* Clears the user's permissions for one exchange, or for all exchanges if `exchange` is empty. */
bool manage_clear_topic_permissions(struct manage *m, const struct actor *actor, struct slice user,
                                    struct slice vhost, struct slice exchange,
                                    struct manage_error *error);

/* Sets limits of a user: JSON, {"max-connections": 5}; limits not named stay as they are.
 * REFUSAL_MALFORMED: this is not JSON. REFUSAL_PRECONDITION: a limit is invalid, and the text says
 * why. */
bool manage_set_user_limits(struct manage *m, const struct actor *actor, struct slice user,
                            struct slice limits, struct manage_error *error);
/* Clears one limit of the user, or "all" of them. */
bool manage_clear_user_limits(struct manage *m, const struct actor *actor, struct slice user,
                              struct slice limit, struct manage_error *error);

#endif
