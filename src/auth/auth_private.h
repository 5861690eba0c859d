/* Shared by the files of users and permissions. Private to them.
 *
 *   auth.c              users: loading, changes
 *   identity.c          those who have logged in
 *   internal.c          checking their passwords
 *   auth_permissions.c  permissions: loading, checks, changes
 *   auth_limits.c       limits of a user's connections and channels
 *   auth_model.c        the structs below, and how a change is submitted */
#ifndef LEVERET_AUTH_AUTH_PRIVATE_H
#define LEVERET_AUTH_AUTH_PRIVATE_H

#include <pthread.h>
#include <stdlib.h>

#include "auth/ask.h"
#include "auth/attempts.h"
#include "auth/auth.h"
#include "auth/login_cache.h"
#include "base/assert.h"
#include "base/memory.h"
#include "base/pattern.h"

struct auth_chain; /* see chain.h */
struct auth_grant; /* see chain_private.h */
struct auth_usage; /* see auth_limits.c */
struct decisions;  /* see decisions.h */

/* --- ordered rows ----------------------------------------------------------------------------- */

struct rows {
    void **items;
    size_t count;
    size_t capacity;
};

typedef int (*row_compare)(const void *row, const void *key);

/* Returns the index of the row with that key, or the index where it would be. */
size_t auth_rows_position(const struct rows *rows, const void *key, row_compare compare);
/* Returns the row with that key, or NULL. */
void *auth_rows_find(const struct rows *rows, const void *key, row_compare compare);
/* Inserts the row before the one at this index. */
void auth_rows_insert(struct rows *rows, size_t at, void *row);
/* Removes the row at this index; it is not freed. */
void auth_rows_remove(struct rows *rows, size_t at);

/* --- users and permissions -------------------------------------------------------------------- */

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
    uint64_t serial;            /* unique: a user created again under the same name has another */
    struct slice password_hash; /* empty: the user cannot log in with a password */
    enum password_algorithm algorithm;
    struct slice tags;
    struct slice limits;           /* JSON */
    struct auth_usage *usage;      /* shared with the identities of the user's logins */
    struct rows permissions;       /* of struct permission, by vhost */
    struct rows topic_permissions; /* of struct topic_permission, by vhost and exchange */
};

struct auth {
    struct definitions *definitions; /* borrowed; NULL: nothing is durable */
    pthread_rwlock_t lock;           /* of the members below, up to password_pattern */
    struct rows users;               /* of struct user, by name */
    struct slice *loopback_users;
    size_t loopback_count;
    uint64_t next_serial;
    bool is_writing;                  /* the lock is held for writing */
    size_t password_count;            /* of users who have a password */
    size_t slow_password_count;       /* of these, users whose hash is slow */
    size_t password_min;              /* auth_set_validator() */
    struct pattern *password_pattern; /* owned; NULL: any password */

    _Atomic enum password_algorithm new_algorithm; /* of passwords that are set */
    /* what passwords of names without one are compared with; never changed */
    char fast_dummy[PASSWORD_HASH_TEXT_MAX];
    char slow_dummy[PASSWORD_HASH_TEXT_MAX];
    struct login_cache *checked;
    struct ask_pool *hashing;
    bool is_single_threaded; /* before auth_start_threads(), after auth_stop_threads() */

    pthread_mutex_t chain_lock;       /* of the next two */
    struct auth_chain *chain;         /* in force */
    struct lv_list chains;            /* struct auth_chain.link: this one, and older ones in use */
    struct ask_pool *freeing;         /* frees chains that were replaced */
    _Atomic uint64_t fresh_ms;        /* auth_set_decisions() */
    _Atomic uint64_t decisions_epoch; /* changed by auth_forget_decisions() */

    struct auth_attempts *attempts; /* has a lock of its own */

    _Atomic size_t identities; /* how many have not been freed */
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
    bool is_internal;         /* the internal backend is among those that authorize it */
    struct auth_usage *usage; /* a reference of its own */

    /* if backends elsewhere authorize it, or it was told something by one */
    struct auth_chain *chain;  /* used; NULL: none */
    struct auth_grant *grants; /* owned: the backends that authorize it, also the internal one */
    size_t grant_count;
    struct decisions *decisions; /* NULL: no backend elsewhere authorizes it */
    struct slice client_id;
    struct slice peer_address;
    uint64_t expires_at_s; /* 0: never */
};

/* Returns the identity's auth. */
static inline struct auth *identity_auth(const struct auth_identity *identity)
{
    lv_assert(identity->magic == IDENTITY_MAGIC);
    return identity->auth;
}

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

/* --- users: the caller holds the lock --------------------------------------------------------- */

/* Returns the user, or NULL. */
struct user *auth_find_user(const struct auth *auth, struct slice name);

/* Returns the user; creates it if there is none. The caller holds the lock for writing. In
 * auth.c. */
struct user *auth_want_user(struct auth *auth, struct slice name);

/* Returns the user of the identity, or NULL if it has been deleted, even if there is another user
 * of the same name. */
const struct user *auth_current_user(const struct auth_identity *identity);

/* --- limits ----------------------------------------------------------------------------------- */

/* Creates a usage of zero, without limits. The caller owns the reference. */
struct auth_usage *auth_usage_create(void);
struct auth_usage *auth_usage_ref(struct auth_usage *usage);
/* Clears the pointer. NULL is fine. */
void auth_usage_unref(struct auth_usage **usage);

/* Replaces a user's limits with those in this JSON. The caller holds the lock for writing. */
void auth_keep_limits(struct user *user, struct slice text);

/* --- strings ---------------------------------------------------------------------------------- */

/* Frees a string that slice_copy() made, and empties the slice. */
static inline void string_free(struct slice *s)
{
    free((void *)(uintptr_t)s->p);
    *s = SLICE_EMPTY;
}

/* Replaces a string that slice_copy() made with a copy of `fresh`, which may be a part of it. */
static inline void string_replace(struct slice *old, struct slice fresh)
{
    struct slice copy = slice_copy(fresh);

    string_free(old);
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
    lv_assert(!auth->is_writing);
    auth->is_writing = true;
}

static inline void unlock_auth(struct auth *auth)
{
    if (auth->is_writing) /* a reader never finds it set */
        auth->is_writing = false;
    pthread_rwlock_unlock(&auth->lock);
}

/* The caller holds the lock for writing. */
static inline void assert_writing(const struct auth *auth)
{
    lv_assert(auth->is_writing);
}

/* Makes every caller that keeps answers ask again. The caller holds the lock for writing. */
static inline void bump_generation(const struct auth *auth)
{
    assert_writing(auth);
    atomic_fetch_add_explicit(&auth_generation_now, 1, memory_order_release);
}

/* --- changes ---------------------------------------------------------------------------------- */

/* A change under way. The lock is held for writing from auth_change_begin() to auth_change_end() or
 * auth_change_refused(). */
struct change {
    struct auth *auth;
    definitions_done done;
    void *arg;
};

struct change auth_change_begin(struct auth *auth, definitions_done done, void *arg);
/* Submits the change to the definitions and only then releases the lock, so both see changes in the
 * same order. Without definitions, calls `done` at once. Takes `definition`. Returns 0. */
int auth_change_end(struct change *change, struct definition_change *definition);
/* Ends a change that is refused before anything has changed: releases the lock. Returns err. */
int auth_change_refused(struct change *change, int err);
/* Calls auth_change_end() with a definition that stores the user's row. */
int auth_change_end_user(struct change *change, const struct user *user);
/* Returns the user's row, borrowed from the user. */
struct definition_user auth_user_row(const struct user *user);

#endif
