/* Asking loops from a thread that may wait: each loop is mailed a function and runs it in its own
 * turn; the asking thread continues when all have. A loop never waits. */
#ifndef LEVERET_MANAGE_ASK_H
#define LEVERET_MANAGE_ASK_H

#include <pthread.h>
#include <stdbool.h>

#include "loop/loop.h"
#include "store/definitions.h"

struct asker; /* see ask.c */

/* The caller owns the asker; the loops are borrowed. */
struct asker *asker_create(struct loops *loops);
/* The loops have stopped: every question that waits, and every later one, returns ERR_CLOSED. Any
 * thread. */
void asker_close(struct asker *asker);
/* After asker_close(), when no thread is asking. Clears the pointer. NULL is fine. */
void asker_free(struct asker **asker);

/* Runs on a loop, within a turn: keep it short. It leaves its result in `arg`, in a slot for each
 * loop (loop_index) or under a lock of its own. */
typedef void ask_fn(struct loop *loop, void *arg);

/* Calls fn(loop, arg) on every loop and returns when all calls have returned. ERR_CLOSED: the
 * broker has stopped; some calls may not have been made, and none will be. On a thread that is not
 * a loop and is registered with RCU: it is offline while it waits, so pointers read before are
 * stale. */
int ask_every_loop(struct asker *asker, ask_fn *fn, void *arg);
/* Like ask_every_loop(), for one loop. */
int ask_loop(struct asker *asker, struct loop *loop, ask_fn *fn, void *arg);

/* Like ask_loop(), for what a loop cannot answer in one turn: fn is called on the loop, and the
 * question is answered when ask_answer() is called, once, by fn or later on the loop. ERR_CLOSED is
 * returned after the loops have stopped: callbacks that fn has registered will not run, so `arg`
 * may be freed. */
struct question;
typedef void ask_later_fn(struct loop *loop, void *arg, struct question *question);
int ask_loop_later(struct asker *asker, struct loop *loop, ask_later_fn *fn, void *arg);
void ask_answer(struct question *question);

/* Like ask_loop(), for what must be released in any case: if the broker has stopped, fn(NULL, arg)
 * is called on this thread instead, for one thread at a time. fn must not ask. */
void ask_loop_or_end(struct asker *asker, struct loop *loop, ask_fn *fn, void *arg);

/* Waits `ms` milliseconds. ERR_CLOSED: the broker has stopped. Thread and RCU as above. */
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
/* A definitions_done: called once, on any thread. */
void commit_done(void *commit, int error);
/* Waits for commit_done(). `submitted` is what the change returned: if it is negative, the change
 * was not submitted, and it is returned at once. Else returns the commit's error or 0. Thread and
 * RCU as above. */
int commit_end(struct commit *c, int submitted);

#endif
