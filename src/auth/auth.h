/* Who may come in, and what they may touch: users, passwords, tags, permissions.
 *
 * The model lives in memory and is read by every loop; a change is made in memory at once, under
 * a lock, and handed to the definitions to be made durable. A caller that asks often keeps the
 * answer together with auth_generation() and asks again when that number has moved: a change takes
 * hold on open channels with their next command. */
#ifndef LEVERET_AUTH_AUTH_H
#define LEVERET_AUTH_AUTH_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buffer.h"
#include "base/slice.h"
#include "store/definitions.h"

struct auth;          /* see auth.c */
struct auth_identity; /* see auth.c */

enum auth_action { AUTH_CONFIGURE, AUTH_WRITE, AUTH_READ };

/* Users' tags that mean something to the broker. */
#define AUTH_TAG_ADMINISTRATOR "administrator"
#define AUTH_TAG_MONITORING "monitoring"
#define AUTH_TAG_POLICYMAKER "policymaker"
#define AUTH_TAG_MANAGEMENT "management"
#define AUTH_TAG_IMPERSONATOR "impersonator"

/* Moves with every change of users or permissions, in any struct auth. Read it before asking.
 * Any thread; one load. */
extern _Atomic uint64_t auth_generation_now;

static inline uint64_t auth_generation(void)
{
    return atomic_load_explicit(&auth_generation_now, memory_order_acquire);
}

/* Borrows the definitions, which must outlive it. With NULL nothing is durable, and every `done`
 * below is called before its function returns. No users yet; guest is confined to loopback. */
struct auth *auth_create(struct definitions *definitions);
/* Clears the pointer. No identity may be left. NULL is fine. */
void auth_free(struct auth **auth);

/* Loading: hand these rows over as definitions_load() visits them. They change memory alone. A row
 * that cannot be used (a pattern that does not compile) is logged, and grants nothing. */
int auth_load_user(struct auth *auth, const struct definition_user *row);
int auth_load_permission(struct auth *auth, const struct definition_permission *row);
int auth_load_topic_permission(struct auth *auth, const struct definition_topic_permission *row);

/* The users that may log in from a loopback address only (default: guest). Replaces the set. */
void auth_set_loopback_users(struct auth *auth, const struct slice *names, size_t count);

/* --- Logging in ------------------------------------------------------------------------------- */

/* Checks name and password. True: *ret is the caller's reference (auth_identity_unref). False: the
 * login is refused, *ret is unchanged and `reason` (NULL is fine) has got a text for the log,
 * never for the peer: "user 'guest' - invalid credentials",
 * "user 'guest' can only connect via localhost". Never says or logs the password. Any thread. */
bool auth_login(struct auth *auth, struct slice user, struct slice password, bool is_from_loopback,
                struct auth_identity **ret, struct lv_buffer *reason);

/* An identity without a password: for what the broker does on a user's behalf. ERR_NOT_FOUND. */
int auth_identity_of(struct auth *auth, struct slice user, struct auth_identity **ret);

/* References may be shared between threads. The identity is as it was at the login: a change of
 * tags shows with the next login. */
struct auth_identity *auth_identity_ref(struct auth_identity *identity);
/* Gives the reference back and clears the pointer. NULL is fine. */
void auth_identity_unref(struct auth_identity **identity);

/* Borrowed from the identity. */
struct slice auth_identity_name(const struct auth_identity *identity);
/* Separated by commas, as listings show them. */
struct slice auth_identity_tags(const struct auth_identity *identity);
bool auth_has_tag(const struct auth_identity *identity, const char *tag);
/* May set user_id to another's name. */
bool auth_is_impersonator(const struct auth_identity *identity);
/* Returns false if the user has been deleted since the login: it is then allowed nothing. */
bool auth_is_current(const struct auth_identity *identity);

/* --- Permissions. Any thread; cheap enough for a command, cache for a message. ---------------- */

/* Has the user any permission entry in this vhost? (That the vhost is there is not checked.) */
bool auth_can_access_vhost(const struct auth_identity *identity, struct slice vhost);

/* May the user do this to the queue or exchange of this name? The default exchange is called
 * "amq.default" here; an empty name is taken for it. The pattern is searched in the name, so it
 * matches a part of it unless it is anchored; the empty pattern matches nothing. */
bool auth_allows(const struct auth_identity *identity, struct slice vhost, enum auth_action action,
                 struct slice resource);

/* May the user publish with (AUTH_WRITE) or bind by (AUTH_READ) this routing key at this topic
 * exchange? True where there is no topic permission for user, vhost and exchange. The default
 * exchange never asks. */
bool auth_allows_topic(const struct auth_identity *identity, struct slice vhost,
                       struct slice exchange, enum auth_action action, struct slice routing_key);

/* --- Limits: how many connections and channels a user has open, on any vhost ------------------ */

enum auth_limit { AUTH_LIMIT_CONNECTIONS, AUTH_LIMIT_CHANNELS, AUTH_LIMITS };

/* Takes a place. False when the user has as many as it may; then *ret_limit says how many that is.
 * Any thread; a few atomic operations. */
bool auth_take(const struct auth_identity *identity, enum auth_limit what, int64_t *ret_limit);
void auth_give(const struct auth_identity *identity, enum auth_limit what);

/* ---- Management ----
 * Each changes memory before it returns, then submits to the definitions. 0: `done` (NULL is fine)
 * will be called, on the definitions' thread, once the change is durable or has failed to become
 * so. Negative: nothing changed, `done` is not called. Any thread. */

/* ERR_EXISTS. The password may be empty: then nobody can log in. */
int auth_add_user(struct auth *auth, struct slice user, struct slice password, struct slice tags,
                  definitions_done done, void *arg);
/* Adds or replaces a user whose hash is known (definitions import, the HTTP API). ERR_INVALID:
 * unknown algorithm, or no base64. The row's limits are kept as they are given. */
int auth_put_user(struct auth *auth, const struct definition_user *row, definitions_done done,
                  void *arg);
/* ERR_NOT_FOUND. An empty password: nobody can log in until it is changed again. */
int auth_change_password(struct auth *auth, struct slice user, struct slice password,
                         definitions_done done, void *arg);
/* ERR_NOT_FOUND. Its permissions go with it. */
int auth_delete_user(struct auth *auth, struct slice user, definitions_done done, void *arg);
/* ERR_NOT_FOUND. Tags separated by commas; they replace the old ones. */
int auth_set_user_tags(struct auth *auth, struct slice user, struct slice tags,
                       definitions_done done, void *arg);
/* JSON, {"max-connections": 5}: other limits stay as they are; below 0 is none. ERR_NOT_FOUND.
 * ERR_FORMAT: no JSON. ERR_INVALID: `reason` gets a line for each thing that is wrong, in
 * RabbitMQ's words. Who has more open already keeps it. */
int auth_set_limits(struct auth *auth, struct slice user, struct slice limits,
                    struct lv_buffer *reason, definitions_done done, void *arg);
/* Takes one away, or "all"; a name that is none is fine. ERR_NOT_FOUND. */
int auth_clear_limits(struct auth *auth, struct slice user, struct slice which,
                      definitions_done done, void *arg);

/* ERR_NOT_FOUND: no such user. ERR_INVALID: a pattern does not compile; `reason` (NULL is fine)
 * gets a sentence saying which, where and why. That the vhost is there is the caller's to check. */
int auth_set_permissions(struct auth *auth, const struct definition_permission *row,
                         struct lv_buffer *reason, definitions_done done, void *arg);
/* ERR_NOT_FOUND: no such user. Fine when there are no permissions. */
int auth_clear_permissions(struct auth *auth, struct slice user, struct slice vhost,
                           definitions_done done, void *arg);
/* As auth_set_permissions(). The patterns may contain {username} and {vhost}. */
int auth_set_topic_permissions(struct auth *auth, const struct definition_topic_permission *row,
                               struct lv_buffer *reason, definitions_done done, void *arg);
/* An empty exchange clears those of every exchange. ERR_NOT_FOUND: no such user. */
int auth_clear_topic_permissions(struct auth *auth, struct slice user, struct slice vhost,
                                 struct slice exchange, definitions_done done, void *arg);

/* Forgets every permission in a vhost that is being deleted. Memory alone: the definitions' own
 * change of deleting the vhost removes the rows. */
void auth_forget_vhost(struct auth *auth, struct slice vhost);

/* Listings, ordered by name (by user, vhost, exchange). The row is borrowed for the call, which
 * must not call back into auth. An empty slice means "of every". */
typedef void (*auth_user_visit)(void *arg, const struct definition_user *row);
typedef void (*auth_permission_visit)(void *arg, const struct definition_permission *row);
typedef void (*auth_topic_permission_visit)(void *arg,
                                            const struct definition_topic_permission *row);
void auth_list_users(struct auth *auth, auth_user_visit visit, void *arg);
void auth_list_permissions(struct auth *auth, struct slice user, struct slice vhost,
                           auth_permission_visit visit, void *arg);
void auth_list_topic_permissions(struct auth *auth, struct slice user, struct slice vhost,
                                 auth_topic_permission_visit visit, void *arg);
size_t auth_user_count(struct auth *auth);
bool auth_has_user(struct auth *auth, struct slice user);

/* --- The first boot --------------------------------------------------------------------------- */

struct auth_default_user {
    struct slice name;
    struct slice password;
    struct slice tags;
    struct slice vhost;
    struct slice configure;
    struct slice write;
    struct slice read;
};

/* Makes this user with its permissions when there is no user at all; true when it did. The vhost's
 * definition is the caller's. Call after loading. */
bool auth_bootstrap(struct auth *auth, const struct auth_default_user *user);

#endif
