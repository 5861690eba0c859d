/* Users, passwords, tags and permissions: who may log in, and what they may access.
 *
 * All of it is in memory, where every loop reads it. A change is made in memory at once, under a
 * lock, and submitted to the definitions to become durable. A caller that asks often keeps the
 * answer with the value of auth_generation() before it asked, and asks again when that has changed;
 * so a change takes effect on open channels with their next command. */
#ifndef LEVERET_AUTH_AUTH_H
#define LEVERET_AUTH_AUTH_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "auth/password.h"
#include "base/buffer.h"
#include "base/slice.h"
#include "store/definitions.h"

struct auth;          /* see auth.c */
struct auth_identity; /* see auth.c */

enum auth_action { AUTH_CONFIGURE, AUTH_WRITE, AUTH_READ };
enum auth_resource { AUTH_VHOST, AUTH_QUEUE, AUTH_EXCHANGE, AUTH_TOPIC };

enum auth_answer {
    AUTH_ALLOWED,
    AUTH_REFUSED,
    /* Of a backend (backend.h): it could not be asked, or its answer makes no sense. Of
     * auth_check(): it has not answered yet. */
    AUTH_UNANSWERED,
};

/* Tags of users that have a meaning for the broker. */
#define AUTH_TAG_ADMINISTRATOR "administrator"
#define AUTH_TAG_MONITORING "monitoring"
#define AUTH_TAG_POLICYMAKER "policymaker"
#define AUTH_TAG_MANAGEMENT "management"
#define AUTH_TAG_IMPERSONATOR "impersonator"

/* This number changes with every change of users or permissions, in any struct auth. A caller reads
 * it, with auth_generation(), before it asks. Any thread; one load. */
extern _Atomic uint64_t auth_generation_now;

static inline uint64_t auth_generation(void)
{
    return atomic_load_explicit(&auth_generation_now, memory_order_acquire);
}

/* Creates an auth without users, in which guest is a loopback user. The caller owns it. Borrows the
 * definitions, which must outlive it. Without definitions (NULL) nothing is durable, and each
 * `done` below is called before its function returns. */
struct auth *auth_create(struct definitions *definitions);
/* Frees the auth and clears the pointer. NULL is fine. Call only after every identity has been
 * given back. */
void auth_free(struct auth **auth);

/* Sets how new passwords are hashed: scrypt at first. A user's hash stays as it is until its
 * password is changed. Any thread. */
void auth_set_hashing(struct auth *auth, enum password_algorithm algorithm);

/* Sets what a password must be that is set from now on: at least `length_min` bytes, and matched by
 * the pattern, which is taken (NULL: any). Any thread. */
struct pattern;
void auth_set_validator(struct auth *auth, size_t length_min, struct pattern *pattern);
/* Returns whether the password may be set; otherwise appends why not, in RabbitMQ's words. Any
 * thread. */
bool auth_password_is_fine(struct auth *auth, struct slice password, struct lv_buffer *reason);

/* From here on slow hashes and questions to backends are answered on threads of their own. Until
 * then, and in tests, the caller waits. Call before the loops start. */
void auth_start_threads(struct auth *auth);
/* Waits for what is under way, and ends the threads. Call after the loops have ended; the answers
 * are left in their mail. */
void auth_stop_threads(struct auth *auth);

/* Load a row that definitions_load() visits. They change memory only, and return 0. A row that
 * cannot be used (a pattern that does not compile) is logged, and grants nothing. */
int auth_load_user(struct auth *auth, const struct definition_user *row);
int auth_load_permission(struct auth *auth, const struct definition_permission *row);
int auth_load_topic_permission(struct auth *auth, const struct definition_topic_permission *row);

/* Replaces the set of users that may log in only from a loopback address (at first: guest). Any
 * thread. */
void auth_set_loopback_users(struct auth *auth, const struct slice *names, size_t count);

/* --- Logging in ------------------------------------------------------------------------------- */

/* Checks name and password, and waits for the answer: for callers on threads that may wait. (Front
 * ends do not wait: auth/login.h.) Returns true with a reference in *ret, which the caller gives
 * back with auth_identity_unref(); or false with *ret unchanged and the reason appended to `reason`
 * (NULL is fine): "user 'guest' - invalid credentials". Never on a loop. */
bool auth_login(struct auth *auth, struct slice user, struct slice password, bool is_from_loopback,
                struct auth_identity **ret, struct lv_buffer *reason);

/* Returns whether a user in the definitions may log in with this password, from a loopback address
 * or from others: for checks of the configuration. Nothing is counted or logged, and no backend
 * elsewhere is asked. May wait for a slow hash: never on a loop. */
bool auth_admits(struct auth *auth, struct slice user, struct slice password,
                 bool is_from_loopback);

/* Returns in *ret a reference to an identity of the user, without a password: for actions of the
 * broker on a user's behalf. ERR_NOT_FOUND: no such user. Any thread. */
int auth_identity_of(struct auth *auth, struct slice user, struct auth_identity **ret);

/* The name of those who use the control socket: no user's own name is meant by it. */
#define AUTH_OPERATOR "(leveretctl)"
/* Returns a reference to an identity of that name, which may do everything, whatever users there
 * are, and has no limits. Any thread. */
struct auth_identity *auth_identity_of_operator(struct auth *auth);

/* Takes another reference. References may be shared between threads. An identity does not change
 * after the login: a change of the user's tags shows at the next login. */
struct auth_identity *auth_identity_ref(struct auth_identity *identity);
/* Gives the reference back and clears the pointer. NULL is fine. */
void auth_identity_unref(struct auth_identity **identity);

/* Returns the user's name, borrowed from the identity. */
struct slice auth_identity_name(const struct auth_identity *identity);
/* Returns the user's tags, separated by commas, borrowed from the identity. */
struct slice auth_identity_tags(const struct auth_identity *identity);
bool auth_has_tag(const struct auth_identity *identity, const char *tag);
/* Returns true if the user may publish with another user's name in user_id. */
bool auth_is_impersonator(const struct auth_identity *identity);
/* Returns false if the user has been deleted since the login: the identity has no rights then.
 * Users whom only backends elsewhere know are never deleted. */
bool auth_is_current(const struct auth_identity *identity);

/* --- Permissions ------------------------------------------------------------------------------ */

/* Any thread. Cheap enough to ask for each command; for each message, keep the answer. */

/* What a user wants to do. */
struct auth_request {
    enum auth_resource resource;
    enum auth_action action; /* of AUTH_TOPIC: write or read; not used for AUTH_VHOST */
    struct slice vhost;
    struct slice name;        /* of the queue or exchange; the default exchange's may be empty */
    struct slice routing_key; /* of AUTH_TOPIC */
};

/* Returns whether the identity may do this. Every backend that authorizes it must allow it. A
 * backend elsewhere is asked on another thread: AUTH_UNANSWERED means that it has been asked, and
 * the caller comes back when auth_await() has called it. An answer is used for a while
 * (auth_set_decisions()); then it is asked for again, while the old answer, if that was yes, is
 * still used for some time. If a backend cannot be asked, its last answer stays, and where there is
 * none, it is no. Any thread. */
enum auth_answer auth_check(struct auth_identity *identity, const struct auth_request *request);

/* --- Answers that are awaited ----------------------------------------------------------------- */

struct auth_wait; /* see decisions.c */
struct loop;

/* Calls done(arg) on the loop when the question for which auth_check() has last returned
 * AUTH_UNANSWERED for this identity is answered, or soon if it already is: then the caller calls
 * auth_check() again. (It may return AUTH_UNANSWERED again, if something else was answered.) Never
 * calls done() before it returns. With loop NULL, done() is called on any thread, perhaps before
 * this function returns; NULL is returned then. */
struct auth_wait *auth_await(struct auth_identity *identity, struct loop *loop,
                             void (*done)(void *arg), void *arg);
/* Ends a wait: done() is not called. Clears the pointer. NULL is fine. On the loop that waits. */
void auth_wait_forget(struct auth_wait **wait);
/* Waits itself. Never on a loop. */
void auth_await_here(struct auth_identity *identity);

/* Sets for how long answers of backends elsewhere are used before they are asked for again: 15 s at
 * first. Any thread. */
void auth_set_decisions(struct auth *auth, uint64_t fresh_ms);
uint64_t auth_decisions_ms(const struct auth *auth);
/* Forgets the answers of backends elsewhere, also those of the backend cache: each is asked for
 * again before it is used. Any thread. */
void auth_forget_decisions(struct auth *auth);
/* Has every caller that keeps answers ask again, so that old answers are noticed. Any thread. */
void auth_ask_again(void);
/* Returns true if a backend elsewhere authorizes the identity. */
bool auth_is_external(const struct auth_identity *identity);
/* Returns when the login ends, in seconds of the wall clock; 0: never. */
uint64_t auth_expires_at_s(const struct auth_identity *identity);

/* --- Permissions in the definitions ----------------------------------------------------------- */

/* What the internal backend alone says; for other backends' identities it says no. */

/* Returns true if the user has any permission in this vhost, whether or not the vhost exists. */
bool auth_can_access_vhost(const struct auth_identity *identity, struct slice vhost);

/* Returns true if the user may do this to the queue or exchange of this name. The default exchange
 * is "amq.default" here, or an empty name. The permission's pattern is searched for in the name, so
 * it matches a part of the name unless it is anchored; the empty pattern matches nothing. */
bool auth_allows(const struct auth_identity *identity, struct slice vhost, enum auth_action action,
                 struct slice resource);

/* Returns true if the user may publish (AUTH_WRITE) or bind (AUTH_READ) with this routing key at
 * this topic exchange; also if there is no topic permission for user, vhost and exchange. */
bool auth_allows_topic(const struct auth_identity *identity, struct slice vhost,
                       struct slice exchange, enum auth_action action, struct slice routing_key);

/* --- Limits: how many connections and channels a user has open, in all vhosts ----------------- */

enum auth_limit { AUTH_LIMIT_CONNECTIONS, AUTH_LIMIT_CHANNELS, AUTH_LIMITS };

/* Counts one more connection or channel of the user. Returns false, counting nothing and with the
 * limit in *ret_limit, if the user has reached its limit. Any thread; a few atomic operations. */
bool auth_take(const struct auth_identity *identity, enum auth_limit what, int64_t *ret_limit);
/* Counts one less: once for each auth_take() that returned true. */
void auth_give(const struct auth_identity *identity, enum auth_limit what);

/* --- Management ------------------------------------------------------------------------------- */

/* Each of these changes memory, then submits the change to the definitions. Returns 0, and `done`
 * (NULL is fine) is called on the definitions' thread once the change is durable or could not be
 * stored; or a negative error, with nothing changed and `done` not called. Any thread. */

/* Adds a user; waits for the hash of its password, so never on a loop. With an empty password the
 * user cannot log in. ERR_EXISTS: there is such a user. ERR_NO_MEMORY: the password could not be
 * hashed. */
int auth_add_user(struct auth *auth, struct slice user, struct slice password, struct slice tags,
                  definitions_done done, void *arg);
/* Hashes a password as auth_add_user() does, for auth_put_user(): writes text and algorithm. The
 * text is empty for an empty password. Returns ERR_NO_MEMORY if it could not be hashed. Waits,
 * so never on a loop. */
int auth_hash_password(struct auth *auth, struct slice password,
                       enum password_algorithm *ret_algorithm,
                       char ret_text[PASSWORD_HASH_TEXT_MAX]);
/* Adds or replaces a user whose password hash is known (definitions import, the HTTP API), with the
 * limits in the row. *ret_is_new (NULL is fine) tells whether there was none of this name.
 * ERR_INVALID: the algorithm is unknown, or the hash is not one of it. */
int auth_put_user(struct auth *auth, const struct definition_user *row, definitions_done done,
                  void *arg, bool *ret_is_new);
/* Changes the user's password; waits for its hash, so never on a loop. With an empty one the user
 * cannot log in until it is changed again. ERR_NOT_FOUND: no such user. ERR_NO_MEMORY: the password
 * could not be hashed. */
int auth_change_password(struct auth *auth, struct slice user, struct slice password,
                         definitions_done done, void *arg);
/* Deletes the user with its permissions. ERR_NOT_FOUND: no such user. */
int auth_delete_user(struct auth *auth, struct slice user, definitions_done done, void *arg);
/* Replaces the user's tags, which are separated by commas. ERR_NOT_FOUND: no such user. */
int auth_set_user_tags(struct auth *auth, struct slice user, struct slice tags,
                       definitions_done done, void *arg);
/* Sets the limits in a JSON object, {"max-connections": 5}, and keeps the others; a negative number
 * means no limit. Connections and channels above a new limit stay open. ERR_NOT_FOUND: no such
 * user. ERR_FORMAT: not JSON. ERR_INVALID: `reason` gets a line for each error, in RabbitMQ's
 * words. */
int auth_set_limits(struct auth *auth, struct slice user, struct slice limits,
                    struct lv_buffer *reason, definitions_done done, void *arg);
/* Removes one limit, or "all"; another name is ignored. ERR_NOT_FOUND: no such user. */
int auth_clear_limits(struct auth *auth, struct slice user, struct slice which,
                      definitions_done done, void *arg);

/* Sets or replaces the user's permissions in a vhost; the caller checks that the vhost exists.
 * ERR_NOT_FOUND: no such user. ERR_INVALID: a pattern does not compile; `reason` (NULL is fine)
 * gets a sentence that says which, where and why. */
int auth_set_permissions(struct auth *auth, const struct definition_permission *row,
                         struct lv_buffer *reason, definitions_done done, void *arg);
/* Clears the user's permissions in a vhost; it is fine if there are none. ERR_NOT_FOUND: no such
 * user. */
int auth_clear_permissions(struct auth *auth, struct slice user, struct slice vhost,
                           definitions_done done, void *arg);
/* Like auth_set_permissions(), with patterns that may contain {username} and {vhost}. */
int auth_set_topic_permissions(struct auth *auth, const struct definition_topic_permission *row,
                               struct lv_buffer *reason, definitions_done done, void *arg);
/* Return what auth_put_user(), auth_set_limits(), auth_set_permissions() and
 * auth_set_topic_permissions() would return for these values, and change nothing; but whether there
 * is such a user is not asked. */
int auth_check_user(const struct definition_user *row);
int auth_check_limits(struct slice limits, struct lv_buffer *reason);
int auth_check_permissions(const struct definition_permission *row, struct lv_buffer *reason);
int auth_check_topic_permissions(const struct definition_topic_permission *row,
                                 struct lv_buffer *reason);
/* Clears the topic permissions of one exchange, or of every exchange if it is empty. ERR_NOT_FOUND:
 * no such user. */
int auth_clear_topic_permissions(struct auth *auth, struct slice user, struct slice vhost,
                                 struct slice exchange, definitions_done done, void *arg);

/* Removes every permission in a vhost that is being deleted, from memory only: the definitions
 * delete the rows together with the vhost. Any thread. */
void auth_forget_vhost(struct auth *auth, struct slice vhost);

/* --- Listings --------------------------------------------------------------------------------- */

/* Visit the rows in order of user, vhost and exchange; an empty slice means every user or vhost.
 * The row is borrowed for the call. `visit` runs under the lock and must not call into auth. Any
 * thread. */
typedef void (*auth_user_visit)(void *arg, const struct definition_user *row);
typedef void (*auth_permission_visit)(void *arg, const struct definition_permission *row);
typedef void (*auth_topic_permission_visit)(void *arg,
                                            const struct definition_topic_permission *row);
void auth_list_users(struct auth *auth, auth_user_visit visit, void *arg);
void auth_list_permissions(struct auth *auth, struct slice user, struct slice vhost,
                           auth_permission_visit visit, void *arg);
void auth_list_topic_permissions(struct auth *auth, struct slice user, struct slice vhost,
                                 auth_topic_permission_visit visit, void *arg);
/* Visits one user. Returns false if there is no user of this name. */
bool auth_visit_user(struct auth *auth, struct slice user, auth_user_visit visit, void *arg);
size_t auth_user_count(struct auth *auth);
bool auth_has_user(struct auth *auth, struct slice user);

/* --- The first start -------------------------------------------------------------------------- */

struct auth_default_user {
    struct slice name;
    struct slice password;
    struct slice tags;
    struct slice vhost;
    struct slice configure;
    struct slice write;
    struct slice read;
};

/* Creates this user with its permissions if there is no user at all. Returns true if it did. The
 * user can log in at once, but a slow hash of its password is made on another thread, if there are
 * any: until done(arg) is called, the definitions must not be written (definitions_hold()), as the
 * hash that was submitted belongs to no password. done() (NULL is fine) is called once, on any
 * thread and perhaps before this function returns; it is not called if false is returned. The
 * caller creates the vhost. Call only after the definitions have been loaded. */
bool auth_bootstrap(struct auth *auth, const struct auth_default_user *user,
                    void (*done)(void *arg), void *arg);

#endif
