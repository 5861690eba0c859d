/* Durable definitions: everything that survives a restart, except messages.
 *
 * They are stored in one SQLite file in the data directory, which a thread of its own writes. A
 * change is made by one of the constructors below and handed over with definitions_submit(). The
 * thread takes all changes that are waiting, applies them in the order in which they were
 * submitted, in one transaction, and calls their `done` after the commit. The file format is in
 * docs/formats/definitions.md. */
#ifndef LEVERET_STORE_DEFINITIONS_H
#define LEVERET_STORE_DEFINITIONS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/slice.h"

struct definitions;       /* see definitions_private.h */
struct definition_change; /* see definitions_private.h */

/* The name of the file in the data directory. */
#define DEFINITIONS_FILE "definitions.sqlite"

/* The rows. Names are bytes as they came over the wire. `arguments` is the content of an AMQP
 * field table without its length prefix (empty: no arguments); values and definitions of
 * parameters and policies are JSON text. */

struct definition_vhost {
    struct slice name;
    struct slice description;
    struct slice tags;               /* separated by commas */
    struct slice default_queue_type; /* empty: the broker's default */
    bool is_protected;               /* it is not deleted */
};

struct definition_user {
    struct slice name;
    struct slice password_hash;     /* base64; empty: nobody can log in with a password */
    struct slice hashing_algorithm; /* rabbit_password_hashing_sha256 ... */
    struct slice tags;              /* separated by commas */
    struct slice limits;            /* JSON object; empty: none */
};

struct definition_permission {
    struct slice vhost;
    struct slice user;
    struct slice configure;
    struct slice write;
    struct slice read;
};

struct definition_topic_permission {
    struct slice vhost;
    struct slice user;
    struct slice exchange;
    struct slice write;
    struct slice read;
};

struct definition_exchange {
    struct slice vhost;
    struct slice name;
    struct slice type;
    bool is_auto_delete;
    bool is_internal;
    struct slice arguments;
};

struct definition_queue {
    struct slice vhost;
    struct slice name;
    bool is_auto_delete;
    struct slice arguments;
    uint64_t id;       /* its number in the log and the segments; never used twice */
    struct slice user; /* who declared it; empty: not known */
};

struct definition_binding {
    struct slice vhost;
    struct slice source;      /* an exchange */
    struct slice destination; /* a queue, or an exchange */
    bool is_to_queue;
    struct slice routing_key;
    struct slice arguments; /* part of the binding's identity */
};

/* A value that an exchange or a queue remembers in order to drop duplicates; only its hash is
 * stored. */
struct definition_seen {
    struct slice vhost;
    struct slice name;
    bool is_queue;      /* else an exchange */
    uint64_t low, high; /* the halves of the hash */
    uint64_t number;    /* increases from value to value */
    uint64_t until_ms;  /* when it is forgotten, by loop_steady_ms(); 0: when its room is needed */
};

struct definition_parameter {
    struct slice vhost;
    struct slice component;
    struct slice name;
    struct slice value; /* JSON */
};

struct definition_global_parameter {
    struct slice name;
    struct slice value; /* JSON */
};

struct definition_policy {
    struct slice vhost;
    struct slice name;
    bool is_operator;
    struct slice pattern;
    struct slice apply_to;
    int64_t priority;
    struct slice definition; /* JSON */
};

/* One callback per kind of row; a NULL callback skips that kind. The row and its slices are
 * borrowed for the call. A negative return value ends the walk and is returned by
 * definitions_load(). The kinds are visited in this order, so that a row comes after the vhost,
 * user and exchanges it refers to. */
struct definitions_visitor {
    int (*vhost)(void *arg, const struct definition_vhost *row);
    int (*user)(void *arg, const struct definition_user *row);
    int (*permission)(void *arg, const struct definition_permission *row);
    int (*topic_permission)(void *arg, const struct definition_topic_permission *row);
    int (*global_parameter)(void *arg, const struct definition_global_parameter *row);
    int (*parameter)(void *arg, const struct definition_parameter *row);
    int (*policy)(void *arg, const struct definition_policy *row);
    int (*exchange)(void *arg, const struct definition_exchange *row);
    int (*queue)(void *arg, const struct definition_queue *row);
    int (*binding)(void *arg, const struct definition_binding *row);
    int (*seen)(void *arg, const struct definition_seen *row); /* in order of `number` */
};

/* Opens the definitions in this directory, creating the file if there is none, and starts the
 * writer thread. Returns ERR_FORMAT if the file is of a newer version of Leveret or is not a
 * definitions file, ERR_NOT_FOUND if there is no such directory. The reason is logged; the caller
 * logs what follows from it. The caller owns *ret. Blocks. */
int definitions_open(const char *data_dir, struct definitions **ret);

/* Returns true if the file was older at definitions_open() than what was last committed to it: it
 * is an old copy, or its write-ahead log is missing. The count of commits then goes on from the
 * file's own, and the first commit writes it to the mark (definitions_mark.c), so that the next
 * start accepts the file. */
bool definitions_are_behind(const struct definitions *d);

/* Visits every row. Changes that are submitted meanwhile (also from a callback) are not seen and
 * are written after the walk. Any thread; blocks, so not on a loop that serves connections. */
int definitions_load(struct definitions *d, const struct definitions_visitor *visitor, void *arg);

/* Called on the writer thread after the commit that contains the change (error 0), or with a
 * negative ERR_... if that commit failed. The change is then undone; only if a sync failed and the
 * machine stops before the next commit, a restart may find it done nevertheless. It must not block
 * and not close the definitions; it may submit. */
typedef void (*definitions_done)(void *arg, int error);
/* Takes a change and queues it for the writer thread. Changes are applied, and their `done` (NULL
 * is fine) are called, in the order in which they were submitted. Any thread; does not wait for the
 * disk. */
void definitions_submit(struct definitions *d, struct definition_change *change,
                        definitions_done done, void *arg);

/* Keep the writer from taking changes, and let it go on: what is submitted in between is applied in
 * one transaction, so a crash leaves all of it or nothing. Any thread. */
void definitions_hold(struct definitions *d);
void definitions_release(struct definitions *d);

/* Commits everything submitted before, and what `done` submits meanwhile, calls every `done`, ends
 * the thread, closes the file and clears the pointer. No other thread may use the definitions from
 * here on. NULL is fine. Blocks. */
void definitions_close(struct definitions **definitions);

/* Constructors of changes. They copy the row; the caller owns the change until definitions_submit()
 * takes it. Any thread.
 *
 * A put inserts the row or replaces the one with the same primary key. Deleting a row that does not
 * exist changes nothing. */
struct definition_change *definition_put_vhost(const struct definition_vhost *row);
struct definition_change *definition_put_user(const struct definition_user *row);
struct definition_change *definition_put_permission(const struct definition_permission *row);
struct definition_change *
definition_put_topic_permission(const struct definition_topic_permission *row);
struct definition_change *definition_put_exchange(const struct definition_exchange *row);
struct definition_change *definition_put_queue(const struct definition_queue *row);
struct definition_change *definition_put_binding(const struct definition_binding *row);
struct definition_change *definition_put_parameter(const struct definition_parameter *row);
struct definition_change *
definition_put_global_parameter(const struct definition_global_parameter *row);
struct definition_change *definition_put_policy(const struct definition_policy *row);
struct definition_change *definition_put_seen(const struct definition_seen *row);

/* Deletes the vhost and everything in it: permissions, topic permissions, parameters, policies,
 * exchanges, queues, bindings, and the values that exchanges and queues have seen. */
struct definition_change *definition_delete_vhost(struct slice name);
/* Deletes the user and its permissions and topic permissions. */
struct definition_change *definition_delete_user(struct slice name);
struct definition_change *definition_delete_permission(struct slice vhost, struct slice user);
/* An empty exchange deletes the user's topic permissions on every exchange of the vhost. */
struct definition_change *definition_delete_topic_permission(struct slice vhost, struct slice user,
                                                             struct slice exchange);
/* Deletes the exchange, every binding from it and to it, and the values it has seen. */
struct definition_change *definition_delete_exchange(struct slice vhost, struct slice name);
/* Deletes the queue, every binding to it, and the values it has seen. */
struct definition_change *definition_delete_queue(struct slice vhost, struct slice name);
struct definition_change *definition_delete_binding(const struct definition_binding *row);
struct definition_change *definition_delete_seen(const struct definition_seen *row);
struct definition_change *definition_delete_parameter(struct slice vhost, struct slice component,
                                                      struct slice name);
struct definition_change *definition_delete_global_parameter(struct slice name);
struct definition_change *definition_delete_policy(struct slice vhost, struct slice name,
                                                   bool is_operator);

/* Frees a change that was not submitted and clears the pointer. NULL is fine. */
void definition_change_free(struct definition_change **change);

#endif
