/* Jobs: long work of operators (moving messages, purging a large queue, importing definitions),
 * which goes on when the one who has asked for it does not wait. A job tells its progress, can be
 * cancelled, and is remembered for a while after its end.
 *
 *   running ──► done | failed (with the refusal) | cancelled ──► forgotten
 *
 * Each job has a thread. At most JOBS_RUNNING_MAX run at the same time; of those that have ended at
 * most JOBS_ENDED_MAX are remembered, for JOBS_ENDED_MS. Every function may be called on any thread
 * that is registered with RCU and not a loop. */
#ifndef LEVERET_MANAGE_JOBS_H
#define LEVERET_MANAGE_JOBS_H

#include "base/progress.h"
#include "broker/queue_retry.h"
#include "manage/listing.h"
#include "manage/manage.h"

struct jobs; /* see jobs.c */

enum { JOBS_RUNNING_MAX = 32, JOBS_ENDED_MAX = 100, JOBS_ENDED_MS = 3600 * 1000 };

/* Creates the jobs of m, which is borrowed; none runs. The caller owns them. */
struct jobs *jobs_create(struct manage *m);
/* Cancels what is running, so that nobody waits for it for long, and refuses to start more. */
void jobs_close(struct jobs *jobs);
/* Closes the jobs, if they are not closed, waits for the end of what is running, frees them and
 * clears the pointer. NULL is fine. Call when nobody starts or lists jobs. */
void jobs_free(struct jobs **jobs);

/* --- starting --------------------------------------------------------------------------------- */

/* What the work tells at its end. All zero at first. */
struct job_result {
    struct lv_buffer notes; /* lines of text */
    bool is_unchanged;      /* there was nothing to do */
};

struct job_work {
    const char *kind;  /* "purge": static */
    struct slice what; /* what is worked on: "queue 'q' in vhost '/'"; copied */
    /* Does the work, on the job's thread, which is registered with RCU and online. Returns false
     * after refusing. When it is cancelled it ends soon, and returns true. */
    bool (*run)(struct manage *m, const struct actor *actor, void *arg, struct progress *progress,
                struct job_result *result, struct manage_error *error);
    void *arg;
    void (*free_arg)(void *arg); /* frees the argument after the end; NULL: nothing to free */
};

/* Starts a job in the actor's name. Takes work->arg, also when it refuses. Sets *ret_id to the
 * job's id. REFUSAL_LIMIT: too many jobs are running. */
bool job_start(struct jobs *jobs, const struct actor *actor, const struct job_work *work,
               uint64_t *ret_id, struct manage_error *error);

/* Start a job that drops a queue's messages; that moves dead letters, or all messages, as
 * manage_retry_dead_letters() does. */
bool job_start_purge(struct jobs *jobs, const struct actor *actor, struct slice vhost,
                     struct slice queue, uint64_t *ret_id, struct manage_error *error);
bool job_start_retry(struct jobs *jobs, const struct actor *actor, struct slice vhost,
                     struct slice queue, const struct retry_options *options, uint64_t *ret_id,
                     struct manage_error *error);

/* All of it is taken, but for the vhost. */
struct import_order {
    struct lv_buffer body;
    struct slice text;         /* the definitions, in the body */
    const struct slice *vhost; /* as in struct definitions_import; copied */
    bool skip_if_unchanged, skip_unsupported;
    /* Called with `memory` once the body is freed. NULL: nobody counts its memory. */
    void (*free_memory)(void *memory);
    void *memory;
};

/* Starts a job that imports definitions (definitions.h). It can be cancelled until it begins to
 * change something, and has then changed nothing. Takes what the order has, also when it
 * refuses. */
bool job_start_import(struct jobs *jobs, const struct actor *actor,
                      const struct import_order *order, uint64_t *ret_id,
                      struct manage_error *error);

/* --- what there is ---------------------------------------------------------------------------- */

enum job_state { JOB_RUNNING, JOB_DONE, JOB_FAILED, JOB_CANCELLED };

struct job_facts {
    uint64_t id;
    const char *kind;
    struct slice what, user, error, notes;
    bool is_unchanged;
    enum job_state state;
    enum refusal refusal; /* of a failed one */
    enum subject subject;
    int error_code; /* as in struct manage_error */
    uint64_t done, skipped, total;
    uint64_t started_ms, ended_ms; /* wall clock; ended_ms is 0 while it runs */
};

extern const struct column job_columns[];

/* Returns "running", "done" ... */
const char *job_state_name(enum job_state state);

/* Lists the jobs that the actor may see (monitors: all, others: their own), oldest first. */
void jobs_list(struct jobs *jobs, const struct actor *actor, struct listing *ret);
/* Waits until the job has ended, at most `ms`, and returns its facts, which the caller frees with
 * free(). Returns NULL after refusing: REFUSAL_NOT_FOUND, there is no job with this id that the
 * actor may see. RCU is offline while it waits. */
struct job_facts *job_wait(struct jobs *jobs, const struct actor *actor, uint64_t id, unsigned ms,
                           struct manage_error *error);
/* Cancels a job, if it is running: it ends soon. Administrators may cancel all, others their own.
 * REFUSAL_PRECONDITION: it is about to end, and can no longer be cancelled. */
bool job_cancel(struct jobs *jobs, const struct actor *actor, uint64_t id,
                struct manage_error *error);

#endif
