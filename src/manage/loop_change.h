/* A change of a vhost's exchanges, queues or bindings that is made on a loop, as a client's
 * connection would make it. */
#ifndef LEVERET_MANAGE_LOOP_CHANGE_H
#define LEVERET_MANAGE_LOOP_CHANGE_H

#include "manage/manage.h"
#include "topology/topology.h"

struct loop_change {
    struct slice vhost;
    enum subject subject; /* of a refusal */
    /* Makes the change, on a loop; returns what the topology's functions return. */
    enum change_result (*run)(struct loop *loop, struct vhost *vhost, void *what,
                              struct durable_done done, struct broker_error *error);
    void *what; /* run()'s inputs and outputs */
};

/* Makes the change in the actor's name, and waits until it is durable. Returns false after
 * refusing, also if there is no such vhost; with REFUSAL_NONE if run() has refused without an error
 * (queue_declaration.only_if_there). For the thread see manage.h. */
bool loop_change_make(struct manage *m, const struct actor *actor, const struct loop_change *change,
                      struct manage_error *error);

/* The declaration of a queue or an exchange. What is there already needs fewer permissions, so it
 * is looked for first; change.run() refuses without an error if it is gone by then. */
struct loop_declaration {
    struct loop_change change;
    /* Looks for it in the vhost, and notes in change.what whether it is there. */
    void (*look)(struct vhost *vhost, void *what);
    /* Checks the permissions, as in auth/access.h. */
    bool (*may)(struct auth_identity *identity, struct slice vhost, const void *what,
                struct broker_error *told);
};

/* Checks the actor's permissions and makes the change as loop_change_make() does. What is deleted
 * between the two is declared again. */
bool loop_declare(struct manage *m, const struct actor *actor, const struct loop_declaration *d,
                  struct manage_error *error);

#endif
