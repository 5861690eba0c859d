#include "manage/jobs.h"

#include <pthread.h>
#include <stdlib.h>

#include "base/background.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/list.h"
#include "base/memory.h"
#include "base/rcu.h"
#include "manage/columns.h"
#include "manage/compute_slots.h"
#include "manage/facts.h"

struct job {
    struct lv_list link; /* in jobs->all */
    struct jobs *jobs;
    uint64_t id;
    struct job_work work; /* owns `what` */
    struct slice user;    /* owned */
    struct actor actor;
    struct auth_identity *identity; /* a reference; NULL: the operator of this machine */
    uint64_t started_ms;
    struct progress progress;
    /* Under jobs->lock. */
    enum job_state state;
    uint64_t ended_ms;
    struct manage_error error; /* of a failed one */
    struct job_result result;  /* of one that has ended */
};

struct jobs {
    struct manage *m;
    pthread_mutex_t lock;   /* for what follows */
    pthread_cond_t changed; /* a job has ended */
    struct lv_list all;     /* the oldest first */
    uint64_t last_id;
    unsigned running, ended;
    unsigned threads; /* may be more than `running` for a moment */
    bool is_closed;
};

/* --- the set of jobs -------------------------------------------------------------------------- */

struct jobs *jobs_create(struct manage *m)
{
    struct jobs *jobs = lv_calloc(1, sizeof *jobs);
    jobs->m = m;
    pthread_mutex_init(&jobs->lock, NULL);
    clock_cond_init(&jobs->changed);
    lv_list_init(&jobs->all);
    return jobs;
}

static void job_free(struct job *j)
{
    lv_list_remove(&j->link);
    if (j->work.free_arg)
        j->work.free_arg(j->work.arg);
    auth_identity_unref(&j->identity);
    manage_error_free(&j->error);
    lv_buffer_free(&j->result.notes);
    free((void *)(uintptr_t)j->work.what.p);
    free((void *)(uintptr_t)j->user.p);
    free(j);
}

void jobs_close(struct jobs *jobs)
{
    struct lv_list *it, *after;
    pthread_mutex_lock(&jobs->lock);
    jobs->is_closed = true;
    lv_list_each (it, after, &jobs->all)
        progress_cancel(&lv_list_item(it, struct job, link)->progress);
    pthread_mutex_unlock(&jobs->lock);
}

void jobs_free(struct jobs **ret)
{
    struct jobs *jobs = *ret;
    struct lv_list *it, *after;
    *ret = NULL;
    if (!jobs)
        return;
    jobs_close(jobs);
    pthread_mutex_lock(&jobs->lock);
    while (jobs->threads > 0)
        pthread_cond_wait(&jobs->changed, &jobs->lock);
    pthread_mutex_unlock(&jobs->lock);
    lv_list_each (it, after, &jobs->all)
        job_free(lv_list_item(it, struct job, link));
    pthread_cond_destroy(&jobs->changed);
    pthread_mutex_destroy(&jobs->lock);
    free(jobs);
}

/* Forgets jobs that ended long ago, and the oldest of too many. The caller holds the lock. */
static void forget_old(struct jobs *jobs)
{
    uint64_t now_ms = clock_wall_ms();
    struct lv_list *it, *after;
    lv_list_each (it, after, &jobs->all) {
        struct job *j = lv_list_item(it, struct job, link);
        if (j->state == JOB_RUNNING ||
            (jobs->ended <= JOBS_ENDED_MAX && now_ms < j->ended_ms + JOBS_ENDED_MS))
            continue;
        jobs->ended--;
        job_free(j);
    }
}

/* --- running ---------------------------------------------------------------------------------- */

static void *job_thread(void *arg)
{
    struct job *j = arg;
    struct jobs *jobs = j->jobs;
    pthread_setname_np(pthread_self(), "job");
    thread_enter_background();
    lv_rcu_register_thread();
    bool is_done =
        j->work.run(jobs->m, &j->actor, j->work.arg, &j->progress, &j->result, &j->error);
    compute_slot_give();
    lv_rcu_unregister_thread();
    pthread_mutex_lock(&jobs->lock);
    j->state = !is_done                              ? JOB_FAILED
               : progress_is_cancelled(&j->progress) ? JOB_CANCELLED
                                                     : JOB_DONE;
    j->ended_ms = clock_wall_ms();
    jobs->running--;
    jobs->ended++;
    jobs->threads--;
    pthread_cond_broadcast(&jobs->changed); /* the last of jobs_free(), which may free them now */
    pthread_mutex_unlock(&jobs->lock);
    return NULL;
}

static bool thread_start(struct job *j)
{
    pthread_t thread;
    pthread_attr_t attributes;
    pthread_attr_init(&attributes);
    pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
    bool is_started = pthread_create(&thread, &attributes, job_thread, j) == 0;
    pthread_attr_destroy(&attributes);
    return is_started;
}

static struct job *job_create(struct jobs *jobs, const struct actor *actor,
                              const struct job_work *work)
{
    struct job *j = lv_calloc(1, sizeof *j);
    lv_list_init(&j->link);
    j->jobs = jobs;
    j->work = *work;
    j->work.what = slice_copy(work->what);
    j->user = slice_copy(actor->name);
    j->identity = actor->identity ? auth_identity_ref(actor->identity) : NULL;
    j->actor = (struct actor){j->user, j->identity};
    j->started_ms = clock_wall_ms();
    return j;
}

/* The caller holds the lock. */
static bool job_run(struct jobs *jobs, struct job *j, struct manage_error *error)
{
    forget_old(jobs);
    if (jobs->is_closed)
        return manage_end(error, ERR_CLOSED);
    if (jobs->running >= JOBS_RUNNING_MAX)
        return manage_refuse(error, REFUSAL_LIMIT, SUBJECT_NONE, "%d jobs are running already",
                             JOBS_RUNNING_MAX);
    j->id = ++jobs->last_id;
    if (!thread_start(j))
        return manage_end(error, ERR_NO_MEMORY);
    lv_list_push(&jobs->all, &j->link);
    jobs->running++;
    jobs->threads++;
    return true;
}

bool job_start(struct jobs *jobs, const struct actor *actor, const struct job_work *work,
               uint64_t *ret_id, struct manage_error *error)
{
    struct job *j = job_create(jobs, actor, work);
    pthread_mutex_lock(&jobs->lock);
    bool is_started = job_run(jobs, j, error);
    if (is_started)
        *ret_id = j->id;
    pthread_mutex_unlock(&jobs->lock);
    if (!is_started)
        job_free(j);
    return is_started;
}

/* --- what there is ---------------------------------------------------------------------------- */

const char *job_state_name(enum job_state state)
{
    static const char *const names[] = {[JOB_RUNNING] = "running",
                                        [JOB_DONE] = "done",
                                        [JOB_FAILED] = "failed",
                                        [JOB_CANCELLED] = "cancelled"};
    return names[state];
}

static bool is_own(const struct job *j, const struct actor *actor)
{
    return actor->identity && slice_equal(j->user, actor->name);
}

static bool may(const struct job *j, const struct actor *actor, enum actor_rank rank)
{
    struct manage_error ignored = {0};
    bool may_all = is_own(j, actor) || actor_check_rank(actor, rank, &ignored);
    manage_error_free(&ignored);
    return may_all;
}

/* The caller holds the lock. */
static struct job_facts *facts_of(const struct job *j)
{
    struct job_facts f = {
        .id = j->id,
        .kind = j->work.kind,
        .what = j->work.what,
        .user = j->user,
        .notes = j->state == JOB_RUNNING ? SLICE_EMPTY : lv_buffer_slice(&j->result.notes),
        .is_unchanged = j->state != JOB_RUNNING && j->result.is_unchanged,
        .error = j->state == JOB_FAILED ? lv_buffer_slice(&j->error.text) : SLICE_EMPTY,
        .state = j->state,
        .refusal = j->state == JOB_FAILED ? j->error.refusal : REFUSAL_NONE,
        .subject = j->state == JOB_FAILED ? j->error.subject : SUBJECT_NONE,
        .error_code = j->state == JOB_FAILED ? j->error.error : 0,
        .done = atomic_load(&j->progress.done),
        .skipped = atomic_load(&j->progress.skipped),
        .total = atomic_load(&j->progress.total),
        .started_ms = j->started_ms,
        .ended_ms = j->ended_ms,
    };
    return FACTS_COPY(&f, &f.what, &f.user, &f.notes, &f.error);
}

void jobs_list(struct jobs *jobs, const struct actor *actor, struct listing *ret)
{
    struct lv_list *it, *after;
    *ret = (struct listing){.columns = job_columns};
    pthread_mutex_lock(&jobs->lock);
    forget_old(jobs);
    lv_list_each (it, after, &jobs->all) {
        const struct job *j = lv_list_item(it, struct job, link);
        if (may(j, actor, ACTOR_MONITORING))
            listing_add(ret, facts_of(j));
    }
    pthread_mutex_unlock(&jobs->lock);
}

/* Returns NULL if there is no such job that the actor may see. The caller holds the lock. */
static struct job *find(struct jobs *jobs, const struct actor *actor, uint64_t id)
{
    struct lv_list *it, *after;
    lv_list_each (it, after, &jobs->all) {
        struct job *j = lv_list_item(it, struct job, link);
        if (j->id == id)
            return may(j, actor, ACTOR_MONITORING) ? j : NULL;
    }
    return NULL;
}

static bool refuse_missing(uint64_t id, struct manage_error *error)
{
    return manage_refuse(error, REFUSAL_NOT_FOUND, SUBJECT_NONE, "There is no job %llu",
                         (unsigned long long)id);
}

static struct timespec time_after(unsigned ms)
{
    struct timespec at;
    clock_gettime(CLOCK_MONOTONIC, &at);
    at.tv_sec += ms / 1000;
    at.tv_nsec += (long)(ms % 1000) * 1000000;
    at.tv_sec += at.tv_nsec / 1000000000;
    at.tv_nsec %= 1000000000;
    return at;
}

struct job_facts *job_wait(struct jobs *jobs, const struct actor *actor, uint64_t id, unsigned ms,
                           struct manage_error *error)
{
    struct timespec until = time_after(ms);
    struct job_facts *facts = NULL;
    bool is_late = ms == 0;
    bool had_slot = compute_slot_pause();
    pthread_mutex_lock(&jobs->lock);
    struct job *j = find(jobs, actor, id);
    while (j && j->state == JOB_RUNNING && !is_late) {
        is_late = pthread_cond_timedwait(&jobs->changed, &jobs->lock, &until) != 0;
        j = find(jobs, actor, id); /* it may have been forgotten */
    }
    if (j)
        facts = facts_of(j);
    pthread_mutex_unlock(&jobs->lock);
    compute_slot_resume(had_slot);
    if (!facts)
        refuse_missing(id, error);
    return facts;
}

/* The caller holds the lock. */
static bool cancel(struct job *j, const struct actor *actor, struct manage_error *error)
{
    if (!is_own(j, actor) && !actor_check_rank(actor, ACTOR_ADMINISTRATOR, error))
        return false;
    if (j->state == JOB_RUNNING && !progress_cancel(&j->progress))
        return manage_refuse(error, REFUSAL_PRECONDITION, SUBJECT_NONE,
                             "job %llu is about to end, and can no longer be cancelled",
                             (unsigned long long)j->id);
    return true;
}

bool job_cancel(struct jobs *jobs, const struct actor *actor, uint64_t id,
                struct manage_error *error)
{
    pthread_mutex_lock(&jobs->lock);
    struct job *j = find(jobs, actor, id);
    bool is_cancelled = j ? cancel(j, actor, error) : refuse_missing(id, error);
    pthread_mutex_unlock(&jobs->lock);
    if (is_cancelled)
        actor_log(actor, "job %llu is cancelled", (unsigned long long)id);
    return is_cancelled;
}

#define F struct job_facts
#define COLUMN_OF(column) job_column_##column
JOB_COLUMNS(COLUMN_VALUE)
const struct column job_columns[] = {JOB_COLUMNS(COLUMN_ROW) COLUMNS_END};
