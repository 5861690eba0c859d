/* The operator's side of the broker, whatever the way an operator comes by: what exists is
 * gathered into facts (queues.h, connections.h ...), which listings show column by column
 * (listing.h), and each change is one function, which is told who asks. No JSON is printed here,
 * and no socket is known: that is for the skins, of which control/ is one.
 *
 * Every function here that is told who asks may wait, for loops (ask.h), for the disk, for
 * another change: it is called on a thread that is no loop and is registered with RCU, which is
 * online before and after, and offline while the thread waits: pointers read before are stale
 * then. */
#ifndef LEVERET_MANAGE_MANAGE_H
#define LEVERET_MANAGE_MANAGE_H

#include "auth/auth.h"
#include "base/buffer.h"
#include "base/slice.h"
#include "broker/broker.h"
#include "manage/ask.h"

struct session_server;

/* What is managed. All borrowed. */
struct manage {
    struct loops *loops;
    struct asker *asker;
    struct broker *broker;
    struct auth *auth;
    struct session_server *sessions;
    const char *node_name; /* as listings show it: "leveret@host" */
};

/* --- who asks --------------------------------------------------------------------------------- */

struct actor {
    struct slice name; /* in events and log lines */
    const struct auth_identity
        *identity; /* borrowed; NULL: this machine's operator, who may do all */
};

/* Who comes by the control socket, which only the broker's own user can open. */
extern const struct actor actor_cli;

/* What an operator is, by its tags. Each is all that is above it, but that a policymaker is no
 * monitor. */
enum actor_rank {
    ACTOR_MANAGEMENT,    /* sees the vhosts it may enter */
    ACTOR_MONITORING,    /* sees all */
    ACTOR_POLICYMAKER,   /* sets policies and parameters of vhosts it may enter */
    ACTOR_ADMINISTRATOR, /* may do all but use what permissions keep from it */
};

/* --- what is refused -------------------------------------------------------------------------- */

enum subject {
    SUBJECT_NONE,
    SUBJECT_VHOST,
    SUBJECT_QUEUE,
    SUBJECT_EXCHANGE,
    SUBJECT_USER,
    SUBJECT_PATTERN,   /* of a permission */
    SUBJECT_PARAMETER, /* or a policy that is set or cleared */
    SUBJECT_POLICY,
    SUBJECT_LIMITS,
    SUBJECT_QUEUE_TYPE,
    SUBJECT_COLUMN,
};

/* Why something was not done. The caller frees it, refused or not. */
struct manage_error {
    enum refusal refusal; /* REFUSAL_NONE: it was done */
    enum subject subject; /* what it is about */
    int error;            /* ERR_..., with REFUSAL_INTERNAL; else 0 */
    struct lv_buffer text;
};

/* Fills the error, and returns false. */
bool manage_refuse(struct manage_error *error, enum refusal refusal, enum subject subject,
                   const char *format, ...) __attribute__((format(printf, 4, 5)));
/* Returns true when err is 0; else the world has failed, or the broker stops. */
bool manage_end(struct manage_error *error, int err);
void manage_error_free(struct manage_error *error);

/* These return false after refusing with REFUSAL_ACCESS. */
bool actor_check_rank(const struct actor *actor, enum actor_rank rank, struct manage_error *error);
/* Of that rank, and may enter the vhost. */
bool actor_check_vhost(const struct actor *actor, enum actor_rank rank, struct slice vhost,
                       struct manage_error *error);
/* May do this to the queue or exchange, as by AMQP. */
bool actor_check_queue(const struct actor *actor, enum auth_action action, struct slice vhost,
                       struct slice queue, struct manage_error *error);
bool actor_check_exchange(const struct actor *actor, enum auth_action action, struct slice vhost,
                          struct slice exchange, struct manage_error *error);
/* The broker's refusal, in its own words. Returns false. */
bool manage_refuse_as_told(struct manage_error *error, enum subject subject,
                           const struct broker_error *told);

/* Logs what an actor has done: "rmq-cli: queue 'q' in vhost '/' is deleted". */
void actor_log(const struct actor *actor, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* The vhost of this name, or NULL after refusing. Valid until the next wait. */
struct vhost *manage_vhost(struct manage *m, struct slice name, struct manage_error *error);

#endif
