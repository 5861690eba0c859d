/* What the files of users and permissions share. Private to them.
 *
 *   auth.c              users: loading, logging in, changing them
 *   auth_permissions.c  permissions: loading, asking, changing them
 *   auth_limits.c       how many connections and channels a user may have
 *   auth_model.c        what all of them are made of */
#ifndef LEVERET_AUTH_AUTH_PRIVATE_H
#define LEVERET_AUTH_AUTH_PRIVATE_H

#include <pthread.h>
#include <stdlib.h>

#include "auth/auth.h"
#include "auth/password.h"
#include "base/assert.h"
#include "base/memory.h"
#include "base/pattern.h"

struct auth_usage; /* see auth_limits.c */

/* --- ordered rows ----------------------------------------------------------------------------- */

struct rows {
    void **items;
    size_t count;
    size_t capacity;
};

typedef int (*row_compare)(const void *row, const void *key);

/* Where the row of that key is, or would be. */
size_t auth_rows_place(const struct rows *rows, const void *key, row_compare compare);
/* NULL when there is none. */
void *auth_rows_find(const struct rows *rows, const void *key, row_compare compare);
void auth_rows_insert(struct rows *rows, size_t at, void *row);
void auth_rows_remove(struct rows *rows, size_t at);

/* --- what is kept ----------------------------------------------------------------------------- */

struct permission {
    struct slice vhost;
    struct pattern *patterns[3]; /* by enum auth_action */
};

struct topic_permission {
    struct slice vhost;
    struct slice exchange;
    struct slice write_text; /* as given, with {username} and {vhost} in it */
    struct slice read_text;
    struct pattern *write;
    struct pattern *read;
};

struct user {
    struct slice name;
    uint64_t serial;
    struct slice password_hash;
    enum password_algorithm algorithm;
    struct slice tags;
    struct slice limits;           /* JSON */
    struct auth_usage *usage;      /* shared with its identities */
    struct rows permissions;       /* struct permission */
    struct rows topic_permissions; /* struct topic_permission */
};

struct auth {
    struct definitions *definitions; /* borrowed; NULL: nothing is durable */
    pthread_rwlock_t lock;
    struct rows users; /* struct user */
    struct slice *loopback_users;
    size_t loopback_count;
    uint64_t next_serial;
    char dummy_hash[PASSWORD_HASH_TEXT_MAX]; /* for logins of users that are not there */
    _Atomic size_t identities;
};

enum { IDENTITY_MAGIC = 0x1de27179 };

struct auth_identity {
    unsigned magic;
    _Atomic unsigned references;
    struct auth *auth;
    uint64_t serial;
    struct slice name;
    struct slice tags;
    bool is_impersonator;
    struct auth_usage *usage; /* a reference */
};

struct topic_key {
    struct slice vhost;
    struct slice exchange;
};

int auth_compare_user(const void *row, const void *key);
int auth_compare_permission(const void *row, const void *key);
int auth_compare_topic(const void *row, const void *key);

void auth_permission_free(struct permission *p);
void auth_topic_free(struct topic_permission *t);
void auth_user_free(struct user *user);

/* --- users; the lock is held ------------------------------------------------------------------ */

/* NULL when there is none. */
struct user *auth_find_user(const struct auth *auth, struct slice name);

/* The user of that name, made when there is none. In auth.c. */
struct user *auth_want_user(struct auth *auth, struct slice name);

/* Returns NULL if the user has been deleted, even if there is another one of that name. */
const struct user *auth_current_user(const struct auth_identity *identity);

/* --- limits ----------------------------------------------------------------------------------- */

/* Nothing is used, nothing limited. The caller owns the reference. */
struct auth_usage *auth_usage_make(void);
struct auth_usage *auth_usage_ref(struct auth_usage *usage);
/* Clears the pointer. NULL is fine. */
void auth_usage_unref(struct auth_usage **usage);

/* Replaces a user's limits by what this JSON says; the lock is held. */
void auth_keep_limits(struct user *user, struct slice text);

/* --- strings ---------------------------------------------------------------------------------- */

static inline struct slice own(struct slice s)
{
    return slice_of(slice_strdup(s), s.n);
}

static inline void disown(struct slice *s)
{
    free((void *)(uintptr_t)s->p);
    *s = SLICE_EMPTY;
}

static inline void replace(struct slice *old, struct slice fresh)
{
    struct slice copy = own(fresh); /* first: fresh may be a part of old */

    disown(old);
    *old = copy;
}

/* --- the lock --------------------------------------------------------------------------------- */

static inline void read_lock(struct auth *auth)
{
    pthread_rwlock_rdlock(&auth->lock);
}

static inline void write_lock(struct auth *auth)
{
    pthread_rwlock_wrlock(&auth->lock);
}

static inline void unlock(struct auth *auth)
{
    pthread_rwlock_unlock(&auth->lock);
}

static inline void generation_moves(void)
{
    atomic_fetch_add_explicit(&auth_generation_now, 1, memory_order_release);
}

/* --- changes ---------------------------------------------------------------------------------- */

/* A change of memory that is under way: from the lock to the call of `done`. */
struct change {
    struct auth *auth;
    definitions_done done;
    void *arg;
};

struct change auth_change_begin(struct auth *auth, definitions_done done, void *arg);
/* Submits the change to the definitions and only then releases the lock, so that both see one
 * order. Without definitions it counts as durable at once. Takes `definition`. */
int auth_change_end(struct change *change, struct definition_change *definition);
/* Releases the lock. Returns err. */
int auth_change_refused(struct change *change, int err);
/* The end of a change of a user. */
int auth_change_end_user(struct change *change, const struct user *user);
/* Its row; borrowed from the user. */
struct definition_user auth_user_row(const struct user *user);

#endif
