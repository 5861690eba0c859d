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
/* Makes ask_loop_later() return ERR_CLOSED from now on; questions that wait go on. Call on any
 * thread, before the loops stop, and then let them run while asker_is_busy(). */
void asker_refuse_later(struct asker *asker);
/* Returns whether somebody waits for an answer in ask_loop_later(). On any thread. */
bool asker_is_busy(const struct asker *asker);
/* Makes every question that waits, and every later one, return ERR_CLOSED. Call on any thread, once
 * the loops have stopped. */
void asker_close(struct asker *asker);
/* Frees the asker and clears the pointer. NULL is fine. Call after asker_close(), when no thread is
 * asking. */
void asker_free(struct asker **asker);

/* A function that runs on a loop, within a turn: keep it short. It leaves its result in `arg`, in a
 * slot for each loop (loop_index) or under a lock of its own. */
typedef void ask_fn(struct loop *loop, void *arg);

/* Calls fn(loop, arg) on every loop. Returns 0 when all calls have returned, or ERR_CLOSED if the
 * broker has stopped: some calls may then not have been made, and none will be. Call on a thread
 * that is not a loop and is registered with RCU; RCU is offline while it waits, so pointers read
 * before are stale. */
int ask_every_loop(struct asker *asker, ask_fn *fn, void *arg);
/* Like ask_every_loop(), for one loop. */
int ask_loop(struct asker *asker, struct loop *loop, ask_fn *fn, void *arg);

/* Waits at most `ms` milliseconds until every loop has ended a turn. Returns 0, ERR_TIMED_OUT if
 * one has not, or ERR_CLOSED. For thread and RCU see ask_every_loop(). */
int ask_for_a_turn(struct asker *asker, unsigned ms);

/* Like ask_loop(), for a question that a loop cannot answer in one turn: fn is called on the loop,
 * and ask_answer() must be called once for it, by fn or later on the same loop. After
 * asker_refuse_later() ERR_CLOSED is returned before fn is called. If the loops stop before the
 * answer, it is returned too, although what fn has registered may still be called when the loops
 * are drained: hence asker_is_busy(). */
struct question;
typedef void ask_later_fn(struct loop *loop, void *arg, struct question *question);
int ask_loop_later(struct asker *asker, struct loop *loop, ask_later_fn *fn, void *arg);
void ask_answer(struct question *question);

/* Like ask_loop(), for a function that must be called in any case, as it releases something: if the
 * broker has stopped, fn(NULL, arg) is called on the asking thread instead, under a lock of the
 * asker's. fn must not ask. */
void ask_loop_or_end(struct asker *asker, struct loop *loop, ask_fn *fn, void *arg);

/* Waits `ms` milliseconds. Returns 0, or ERR_CLOSED if the broker has stopped. For thread and RCU
 * see ask_every_loop(). */
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
/* Ends a commit. `submitted` is what the function that makes the change returned: if it is
 * negative, nothing was submitted, and commit_end() returns it at once; else it waits for
 * commit_done() and returns the commit's error or 0. For thread and RCU see ask_every_loop(). */
int commit_end(struct commit *c, int submitted);

#endif
