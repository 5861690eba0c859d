/* What operators can ask and change, independent of the interface they use. What exists is gathered
 * into facts (queues.h, connections.h ...), which listings show column by column (listing.h); each
 * change is one function. Both take the actor who asks. JSON and sockets belong to the interfaces,
 * of which control/ is one.
 *
 * A function that takes an actor may wait: for loops (ask.h), for the disk, for another change. It
 * is called on a thread that is not a loop and is registered with RCU, online before and after the
 * call and offline while it waits: pointers read before the call are stale after it. */
#ifndef LEVERET_MANAGE_MANAGE_H
#define LEVERET_MANAGE_MANAGE_H

#include "auth/auth.h"
#include "base/buffer.h"
#include "base/slice.h"
#include "broker/broker.h"
#include "manage/ask.h"

struct jobs;           /* see jobs.h */
struct message_traces; /* see message_traces.h */
struct node_source;    /* see node.h */
struct session_server;
struct statistics;     /* see statistics.h */
struct vhost_defaults; /* see vhost_defaults.h */

/* What is managed: one for all interfaces. All borrowed. */
struct manage {
    struct loops *loops;
    struct asker *asker;
    struct broker *broker;
    struct auth *auth;
    struct session_server *sessions;
    const char *node_name;                       /* as listings show it: "leveret@host" */
    const struct vhost_defaults *vhost_defaults; /* NULL: new vhosts begin with nothing */
    const struct node_source *node;
    struct jobs *jobs;
    struct message_traces *traces;
    struct statistics *statistics; /* NULL: none are collected */
};

/* --- who asks --------------------------------------------------------------------------------- */

struct actor {
    struct slice name; /* in events and log lines */
    /* Borrowed. NULL: the operator of this machine, who may do everything. */
    struct auth_identity *identity;
};

/* The actor at the control socket, which only the broker's own user can open. */
extern const struct actor actor_cli;

/* For after a check of auth/access.h that was not passed: if a backend has to be asked first, waits
 * for it and returns true; then the caller checks again. RCU as in compute_slots.h. */
struct broker_error;
bool actor_awaits(const struct actor *actor, const struct broker_error *told);

/* An operator's rank, which its tags give. Each rank includes the ranks listed before it, except
 * that a policymaker is not a monitor. */
enum actor_rank {
    ACTOR_MANAGEMENT,    /* sees the vhosts it has access to */
    ACTOR_MONITORING,    /* sees everything */
    ACTOR_POLICYMAKER,   /* sets policies and parameters in the vhosts it has access to */
    ACTOR_ADMINISTRATOR, /* may do everything that its permissions allow */
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
    SUBJECT_DEFINITIONS,
};

/* Why something was not done. The caller frees it in any case. */
struct manage_error {
    enum refusal refusal; /* REFUSAL_NONE: it was done */
    enum subject subject; /* what is missing, invalid, in use ... */
    int error;            /* ERR_... with REFUSAL_INTERNAL; else 0 */
    struct lv_buffer text;
};

/* Fills in the error and returns false. */
bool manage_refuse(struct manage_error *error, enum refusal refusal, enum subject subject,
                   const char *format, ...) __attribute__((format(printf, 4, 5)));
/* Returns true if err is 0; else fills in the error with ERR_... and returns false. */
bool manage_end(struct manage_error *error, int err);
void manage_error_free(struct manage_error *error);

/* The functions below return false after refusing with REFUSAL_ACCESS. */
bool actor_check_rank(const struct actor *actor, enum actor_rank rank, struct manage_error *error);
/* Checks that the actor has the rank, and access to the vhost. Administrators need no access; nor
 * do monitors, to see something (ACTOR_MANAGEMENT). */
bool actor_check_vhost(const struct actor *actor, enum actor_rank rank, struct slice vhost,
                       struct manage_error *error);
/* Checks that the actor may see what is in the vhost: it has access to it, or is an
 * administrator. */
bool actor_check_content(const struct actor *actor, struct slice vhost, struct manage_error *error);
/* Check that the actor has the permission that a client would need. */
bool actor_check_queue(const struct actor *actor, enum auth_action action, struct slice vhost,
                       struct slice queue, struct manage_error *error);
bool actor_check_exchange(const struct actor *actor, enum auth_action action, struct slice vhost,
                          struct slice exchange, struct manage_error *error);
/* Fills in the error with a refusal of the broker, and returns false. */
bool manage_refuse_as_broker(struct manage_error *error, enum subject subject,
                             const struct broker_error *told);

/* Logs what an actor has done: "rmq-cli: queue 'q' in vhost '/' is deleted". */
void actor_log(const struct actor *actor, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* Waits until the messages that the log has of queues have been read, which goes on for a while
 * after a start. Returns 0, or ERR_CLOSED if the broker has stopped.
 *
 * For functions that need messages, or exact counts: a queue that is still being restored holds
 * what it is asked (queue/held.h), which may be longer than the asking thread exists. Facts are
 * gathered without waiting; those of such a queue lack what is not known yet. RCU as for
 * ask_every_loop(). */
int manage_await_messages(const struct manage *m);

/* Returns the vhost of this name, or NULL after refusing. Valid until the thread waits. */
struct vhost *manage_vhost(struct manage *m, struct slice name, struct manage_error *error);

#endif
