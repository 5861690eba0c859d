/* Asking loops from a thread that may wait: every loop is mailed a call, runs it in its own
 * turn, and the asker goes on when all have. A loop never waits for anybody. */
#ifndef LEVERET_MANAGE_ASK_H
#define LEVERET_MANAGE_ASK_H

#include <pthread.h>
#include <stdbool.h>

#include "loop/loop.h"
#include "store/definitions.h"

struct asker; /* see ask.c */

struct asker *asker_create(struct loops *loops);
/* No loop runs any more: every question under way, and every later one, is answered ERR_CLOSED. Any
 * thread. */
void asker_close(struct asker *asker);
/* Nobody asks any more. Clears the pointer. NULL is fine. */
void asker_free(struct asker **asker);

/* Runs on a loop, in one turn: keep it short. What it finds it leaves in `arg`, in a slot per loop
 * (loop_index) or under a lock of its own. */
typedef void ask_fn(struct loop *loop, void *arg);

/* Calls fn(loop, arg) on every loop, and returns when all calls are done. ERR_CLOSED: the broker
 * has stopped meanwhile; some calls may not have been made, and none will be. On a thread that
 * is no loop and has registered with RCU: it is offline while it waits, so pointers read before
 * are stale. */
int ask_every_loop(struct asker *asker, ask_fn *fn, void *arg);
/* Like ask_every_loop(), for one loop. */
int ask_loop(struct asker *asker, struct loop *loop, ask_fn *fn, void *arg);

/* Like ask_loop(), for what a loop cannot answer in one turn: fn is called on the loop, and the
 * question is answered when ask_answer() has been called once, by fn or on the loop later.
 * ERR_CLOSED comes after the loops have stopped: callbacks that fn left behind will not run, so
 * `arg` may be freed. */
struct question;
typedef void ask_later_fn(struct loop *loop, void *arg, struct question *question);
int ask_loop_later(struct asker *asker, struct loop *loop, ask_later_fn *fn, void *arg);
void ask_answer(struct question *question);

/* Like ask_loop(), for what has to be given back in any case: when the broker has stopped, no
 * loop runs any more, and fn(NULL, arg) is called here, on one thread at a time. fn must not
 * ask. */
void ask_loop_or_end(struct asker *asker, struct loop *loop, ask_fn *fn, void *arg);

/* Waits this long. ERR_CLOSED: no loop runs any more. RCU as above. */
int ask_pause(struct asker *asker, unsigned ms);

/* Waiting for a commit:
 *
 *     struct commit c;
 *     commit_begin(&c);
 *     err = auth_add_user(..., commit_done, &c);
 *     return commit_end(&c, err);
 */
struct commit {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    bool is_done;
    int error;
};
void commit_begin(struct commit *c);
/* A definitions_done. */
void commit_done(void *commit, int error);
/* `submitted` is what the change itself returned: below 0, nothing is waited for. The first
 * error of the two. RCU as above. */
int commit_end(struct commit *c, int submitted);

#endif
