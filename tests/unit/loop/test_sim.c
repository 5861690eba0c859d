#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "loop/sim/loop_sim.h"

enum { LOOPS = 3, LETTERS = 200 };

static uint64_t next_from[LOOPS][LOOPS]; /* [at][from] */
static char trace[LOOPS * LOOPS * LETTERS];
static size_t trace_n;

static void letter(struct loop *at, struct mail *mail)
{
    assert_ptr_equal(loop_current(), at);
    assert_int_equal(mail->d, next_from[loop_index(at)][mail->c]++);
    trace[trace_n++] = (char)('a' + loop_index(at) * LOOPS + mail->c);
}

static void run(uint64_t seed, char *ret_trace)
{
    struct loops *set = loop_sim_create(LOOPS, seed);
    memset(next_from, 0, sizeof next_from);
    trace_n = 0;
    for (uint64_t i = 0; i < LETTERS; i++) {
        for (unsigned from = 0; from < LOOPS; from++) {
            for (unsigned to = 0; to < LOOPS; to++) {
                struct mail mail = {.deliver = letter, .c = from, .d = i};
                loop_mail(loops_at(set, from), loops_at(set, to), &mail);
            }
        }
        if (i % 20 == 0)
            loop_sim_turn(set);
    }
    loop_sim_settle(set);
    assert_false(loop_sim_turn(set));
    for (unsigned at = 0; at < LOOPS; at++) {
        for (unsigned from = 0; from < LOOPS; from++)
            assert_int_equal(next_from[at][from], LETTERS);
    }
    memcpy(ret_trace, trace, sizeof trace);
    loop_sim_free(&set);
    assert_null(set);
}

static void the_same_seed_gives_the_same_order_and_another_seed_another(void **state)
{
    (void)state;
    static char one[sizeof trace], same[sizeof trace], other[sizeof trace];
    run(1, one);
    run(1, same);
    run(2, other);
    assert_memory_equal(one, same, sizeof one);
    assert_memory_not_equal(one, other, sizeof one);
}

static struct loop_timer timers[3];
static uint64_t fired_at[3];

static void fired(struct loop *loop, struct loop_timer *timer)
{
    fired_at[timer - timers] = loop_now_ms(loop);
}

static void the_clock_moves_only_when_told_to(void **state)
{
    (void)state;
    struct loops *set = loop_sim_create(2, 5);
    struct loop *loop = loops_at(set, 1);
    assert_int_equal(loop_now_ms(loop), 1000000);
    assert_int_equal(loop_wall_ms(loop), UINT64_C(1700000000000));
    for (unsigned i = 0; i < 3; i++)
        loop_timer_init(&timers[i], fired);
    loop_timer_start(loop, &timers[0], 10);
    loop_timer_start(loop, &timers[1], 5);
    loop_timer_start(loop, &timers[2], 11);
    loop_sim_settle(set);
    assert_int_equal(fired_at[1], 0);
    loop_sim_advance(set, 10);
    assert_int_equal(fired_at[0], 1000010);
    assert_int_equal(fired_at[1], 1000005);
    assert_int_equal(fired_at[2], 0);
    assert_true(loop_timer_is_running(&timers[2]));
    assert_int_equal(loop_now_ms(loop), 1000010);
    loop_timer_stop(loop, &timers[2]);
    loop_sim_free(&set);
}

static void a_patient_timer_does_not_count_a_stall(void **state)
{
    (void)state;
    struct loops *set = loop_sim_create(2, 5);
    struct loop *loop = loops_at(set, 1);
    loop_timer_init_patient(&timers[0], fired);
    loop_timer_init(&timers[1], fired);
    memset(fired_at, 0, sizeof fired_at);
    loop_timer_start(loop, &timers[0], 10);
    loop_timer_start(loop, &timers[1], 10);
    loop_sim_advance(set, 6);
    loop_sim_stall(set, 5000);
    loop_sim_advance(set, 3);
    assert_int_equal(fired_at[1], 1005006);
    assert_int_equal(fired_at[0], 0);
    assert_int_equal(loop_patient_ms(loop), 1000009);
    loop_sim_advance(set, 1);
    assert_int_equal(fired_at[0], 1005010);
    loop_sim_free(&set);
}

static unsigned ran;

static void task_ran(struct loop *loop, struct loop_task *task)
{
    if (++ran < 20)
        loop_schedule(loop, task);
}

static void tasks_run_until_none_is_left(void **state)
{
    (void)state;
    struct loops *set = loop_sim_create(1, 3);
    struct loop_task task;
    loop_task_init(&task, task_ran);
    loop_sim_enter(loops_at(set, 0));
    assert_ptr_equal(loop_current(), loops_at(set, 0));
    loop_schedule(loop_current(), &task);
    loop_sim_settle(set);
    assert_int_equal(ran, 20);
    loop_sim_free(&set);
}

enum { JOBS = 3, WORK = 50, UNITS = 8 };

/* Fifty pieces of work, and which job did each. */
struct work {
    struct loop_job job;
    char name;
    unsigned left;
    char *trace;
};

static bool work_some(struct loop *loop, struct loop_job *job)
{
    struct work *work = lv_container_of(job, struct work, job);
    unsigned before = work->left;
    while (work->left > 0 && loop_spend(loop, 1)) {
        *work->trace++ = work->name;
        work->left--;
    }
    assert_in_range(before - work->left, 1, UNITS);
    return work->left > 0;
}

static void jobs_alternate_in_slices_until_they_are_done(void **state)
{
    (void)state;
    struct loops *set = loop_sim_create(1, 3);
    struct loop *loop = loops_at(set, 0);
    struct work works[JOBS];
    char traces[JOBS][WORK];
    unsigned turns = 0;
    loop_sim_cut_slices(set, UNITS);
    for (unsigned i = 0; i < JOBS; i++) {
        works[i] = (struct work){.name = (char)('a' + i), .left = WORK, .trace = traces[i]};
        loop_job_init(&works[i].job, work_some);
        loop_job_start(loop, &works[i].job);
        loop_job_start(loop, &works[i].job);
        assert_true(loop_job_is_under_way(&works[i].job));
    }
    while (loop_sim_turn(set))
        turns++;
    for (unsigned i = 0; i < JOBS; i++) {
        assert_int_equal(works[i].left, 0);
        assert_false(loop_job_is_under_way(&works[i].job));
    }
    assert_in_range(turns, WORK / UNITS, WORK * JOBS);
    loop_sim_free(&set);
}

static void a_stopped_job_does_not_run_again(void **state)
{
    (void)state;
    struct loops *set = loop_sim_create(1, 3);
    char own[WORK];
    struct work work = {.name = 'a', .left = WORK, .trace = own};
    loop_job_init(&work.job, work_some);
    loop_job_start(loops_at(set, 0), &work.job);
    loop_job_stop(loops_at(set, 0), &work.job);
    loop_sim_settle(set);
    assert_int_equal(work.left, WORK);
    loop_sim_free(&set);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_same_seed_gives_the_same_order_and_another_seed_another),
        cmocka_unit_test(the_clock_moves_only_when_told_to),
        cmocka_unit_test(a_patient_timer_does_not_count_a_stall),
        cmocka_unit_test(tasks_run_until_none_is_left),
        cmocka_unit_test(jobs_alternate_in_slices_until_they_are_done),
        cmocka_unit_test(a_stopped_job_does_not_run_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
