/* Jobs: from their start to their end, who may see and cancel them, and how many there may be. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <semaphore.h>
#include <stdlib.h>

#include "base/semaphore.h"
#include "manage/jobs.h"
#include "manage/manage_world.h"

#define S(text) slice_str(text)
enum { LONG_MS = 180 * 1000 };

static struct world w;
static struct jobs *jobs;
static sem_t gate; /* posted once for each job that may end */

static int set_up(void **state)
{
    (void)state;
    sem_init(&gate, 0, 0);
    world_begin(&w, (struct statistics_settings){.rates_mode = RATES_BASIC});
    jobs = jobs_create(&w.m);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    jobs_free(&jobs);
    world_end(&w);
    sem_destroy(&gate);
    return 0;
}

static bool wait_at_gate(struct manage *m, const struct actor *actor, void *arg,
                         struct progress *progress, struct job_result *result,
                         struct manage_error *error)
{
    (void)m, (void)actor, (void)arg, (void)progress, (void)result, (void)error;
    semaphore_wait(&gate);
    return true;
}

static bool refuse(struct manage *m, const struct actor *actor, void *arg,
                   struct progress *progress, struct job_result *result, struct manage_error *error)
{
    (void)m, (void)actor, (void)arg, (void)progress, (void)result;
    return manage_refuse(error, REFUSAL_NOT_FOUND, SUBJECT_QUEUE, "Queue not found");
}

static uint64_t start(const struct job_work *work)
{
    uint64_t id;
    assert_true(job_start(jobs, &actor_cli, work, &id, &w.error));
    return id;
}

static const struct job_work waiting = {
    .kind = "purge", .what = {(const uint8_t *)"queue 'q'", 9}, .run = wait_at_gate};

static void assert_state(uint64_t id, unsigned wait_ms, enum job_state expected)
{
    struct job_facts *f = job_wait(jobs, &actor_cli, id, wait_ms, &w.error);
    assert_non_null(f);
    assert_int_equal(f->id, id);
    assert_int_equal(f->state, expected);
    assert_int_equal(f->ended_ms != 0, expected != JOB_RUNNING);
    free(f);
}

/* --- tests ------------------------------------------------------------------------------------ */

static void a_job_runs_is_done_and_is_remembered(void **state)
{
    (void)state;
    struct listing l;
    uint64_t id = start(&waiting);
    assert_state(id, 0, JOB_RUNNING);
    sem_post(&gate);
    assert_state(id, LONG_MS, JOB_DONE);
    jobs_list(jobs, &actor_cli, &l);
    assert_int_equal(l.count, 1);
    listing_free(&l);
    assert_null(job_wait(jobs, &actor_cli, id + 1, 0, &w.error));
    assert_int_equal(w.error.refusal, REFUSAL_NOT_FOUND);
    manage_error_free(&w.error);
}

static void a_job_that_is_refused_has_failed_and_says_why(void **state)
{
    (void)state;
    const struct job_work work = {.kind = "purge", .what = S("queue 'q'"), .run = refuse};
    uint64_t id = start(&work);
    struct job_facts *f = job_wait(jobs, &actor_cli, id, LONG_MS, &w.error);
    assert_non_null(f);
    assert_int_equal(f->state, JOB_FAILED);
    assert_int_equal(f->refusal, REFUSAL_NOT_FOUND);
    assert_int_equal(f->subject, SUBJECT_QUEUE);
    assert_true(slice_is(f->error, "Queue not found"));
    free(f);
}

static void a_cancelled_job_ends_as_cancelled(void **state)
{
    (void)state;
    uint64_t id = start(&waiting);
    assert_true(job_cancel(jobs, &actor_cli, id, &w.error));
    sem_post(&gate);
    assert_state(id, LONG_MS, JOB_CANCELLED);
}

static void only_so_many_run_at_the_same_time(void **state)
{
    (void)state;
    uint64_t ids[JOBS_RUNNING_MAX], more;
    for (unsigned i = 0; i < JOBS_RUNNING_MAX; i++)
        ids[i] = start(&waiting);
    assert_false(job_start(jobs, &actor_cli, &waiting, &more, &w.error));
    assert_int_equal(w.error.refusal, REFUSAL_LIMIT);
    manage_error_free(&w.error);
    w.error = (struct manage_error){0};
    for (unsigned i = 0; i < JOBS_RUNNING_MAX; i++)
        sem_post(&gate);
    for (unsigned i = 0; i < JOBS_RUNNING_MAX; i++)
        assert_state(ids[i], LONG_MS, JOB_DONE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_job_runs_is_done_and_is_remembered, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_job_that_is_refused_has_failed_and_says_why, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(a_cancelled_job_ends_as_cancelled, set_up, tear_down),
        cmocka_unit_test_setup_teardown(only_so_many_run_at_the_same_time, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
