/* Asking loops, from a thread that waits: real loops run beside it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>

#include "base/error.h"
#include "base/rcu.h"
#include "base/semaphore.h"
#include "manage/ask.h"

enum { LOOPS = 3 };

struct world {
    struct loops *loops;
    struct asker *asker;
    pthread_t thread;
    bool are_stopped;
};

static void *run_loops(void *arg)
{
    loops_run(arg);
    return NULL;
}

static void begin(struct world *w)
{
    *w = (struct world){.loops = loops_create(LOOPS)};
    w->asker = asker_create(w->loops);
    loops_start(w->loops);
    assert_int_equal(pthread_create(&w->thread, NULL, run_loops, w->loops), 0);
    lv_rcu_register_thread();
}

static void stop_loops(struct world *w)
{
    loops_stop(w->loops);
    lv_rcu_offline();
    assert_int_equal(pthread_join(w->thread, NULL), 0);
    lv_rcu_online();
    w->are_stopped = true;
}

static void end(struct world *w)
{
    if (!w->are_stopped)
        stop_loops(w);
    asker_close(w->asker);
    asker_free(&w->asker);
    lv_rcu_unregister_thread();
    loops_free(&w->loops);
}

/* --- answers in one turn ---------------------------------------------------------------------- */

static void note_loop(struct loop *loop, void *arg)
{
    unsigned *times = arg;
    times[loop_index(loop)]++;
}

static void every_loop_is_asked_once_and_has_answered(void **state)
{
    (void)state;
    struct world w;
    unsigned times[LOOPS] = {0};
    begin(&w);
    assert_int_equal(ask_every_loop(w.asker, note_loop, times), 0);
    for (unsigned i = 0; i < LOOPS; i++)
        assert_int_equal(times[i], 1);
    end(&w);
}

static void one_loop_is_asked_alone(void **state)
{
    (void)state;
    struct world w;
    unsigned times[LOOPS] = {0};
    begin(&w);
    assert_int_equal(ask_loop(w.asker, loops_at(w.loops, 1), note_loop, times), 0);
    assert_int_equal(times[0], 0);
    assert_int_equal(times[1], 1);
    assert_int_equal(times[2], 0);
    end(&w);
}

/* --- answers that come later ------------------------------------------------------------------ */

struct work {
    struct loop_job job;
    struct question *question;
    unsigned turns_left;
};

static bool work_on(struct loop *loop, struct loop_job *job)
{
    (void)loop;
    struct work *work = lv_container_of(job, struct work, job);
    if (--work->turns_left > 0)
        return true;
    ask_answer(work->question);
    return false;
}

static void work_begin(struct loop *loop, void *arg, struct question *question)
{
    struct work *work = arg;
    work->question = question;
    loop_job_init(&work->job, work_on);
    loop_job_start(loop, &work->job);
}

static void a_question_may_be_answered_some_turns_later(void **state)
{
    (void)state;
    struct world w;
    struct work work = {.turns_left = 5};
    begin(&w);
    assert_int_equal(ask_loop_later(w.asker, loops_at(w.loops, 2), work_begin, &work), 0);
    assert_int_equal(work.turns_left, 0);
    end(&w);
}

/* On the thread that asks, which waits; the loop answers when it is told to. */
struct waiting {
    struct world *w;
    struct question *_Atomic question;
    int err;
};

static void keep_question(struct loop *loop, void *arg, struct question *question)
{
    struct waiting *h = arg;
    (void)loop;
    atomic_store(&h->question, question);
}

static void *ask_and_wait(void *arg)
{
    struct waiting *h = arg;
    lv_rcu_register_thread();
    h->err = ask_loop_later(h->w->asker, loops_at(h->w->loops, 1), keep_question, h);
    lv_rcu_unregister_thread();
    return NULL;
}

static void answer_waiting(struct loop *loop, void *arg)
{
    struct waiting *h = arg;
    (void)loop;
    ask_answer(atomic_load(&h->question));
}

static void before_a_stop_what_was_asked_is_answered_and_nothing_more(void **state)
{
    (void)state;
    struct world w;
    struct waiting held = {.w = &w, .err = 1}, refused = {.w = &w};
    pthread_t thread;
    begin(&w);
    assert_false(asker_is_busy(w.asker));
    assert_int_equal(pthread_create(&thread, NULL, ask_and_wait, &held), 0);
    while (!atomic_load(&held.question))
        sched_yield();
    asker_refuse_later(w.asker);
    assert_true(asker_is_busy(w.asker));
    assert_int_equal(ask_loop_later(w.asker, loops_at(w.loops, 1), keep_question, &refused),
                     ERR_CLOSED);
    assert_null(refused.question);
    assert_int_equal(ask_loop(w.asker, loops_at(w.loops, 1), answer_waiting, &held), 0);
    pthread_join(thread, NULL);
    assert_int_equal(held.err, 0);
    assert_false(asker_is_busy(w.asker));
    end(&w);
}

static void answer_at_once(struct loop *loop, void *arg, struct question *question)
{
    *(unsigned *)arg = loop_index(loop);
    ask_answer(question);
}

static void ask_loop_later_may_be_answered_at_once(void **state)
{
    (void)state;
    struct world w;
    unsigned loop = 99;
    begin(&w);
    assert_int_equal(ask_loop_later(w.asker, loops_at(w.loops, 1), answer_at_once, &loop), 0);
    assert_int_equal(loop, 1);
    end(&w);
}

/* --- a loop that does not answer -------------------------------------------------------------- */

struct held {
    struct asker *asker;
    struct loop *loop;
    sem_t is_held, release;
};

static void wait_for(struct loop *loop, void *arg)
{
    struct held *h = arg;
    (void)loop;
    sem_post(&h->is_held);
    semaphore_wait(&h->release);
}

static void *hold_loop(void *arg)
{
    struct held *h = arg;
    lv_rcu_register_thread();
    ask_loop(h->asker, h->loop, wait_for, h);
    lv_rcu_unregister_thread();
    return NULL;
}

static void a_loop_that_does_not_end_its_turn_is_noticed(void **state)
{
    (void)state;
    struct world w;
    pthread_t thread;
    begin(&w);
    assert_int_equal(ask_for_a_turn(w.asker, 60000), 0);
    struct held h = {.asker = w.asker, .loop = loops_at(w.loops, 1)};
    sem_init(&h.is_held, 0, 0);
    sem_init(&h.release, 0, 0);
    pthread_create(&thread, NULL, hold_loop, &h);
    semaphore_wait(&h.is_held);
    assert_int_equal(ask_for_a_turn(w.asker, 1), ERR_TIMED_OUT);
    sem_post(&h.release);
    pthread_join(thread, NULL);
    assert_int_equal(ask_for_a_turn(w.asker, 60000), 0);
    sem_destroy(&h.is_held);
    sem_destroy(&h.release);
    end(&w);
}

/* --- the broker stops ------------------------------------------------------------------------- */

static void questions_end_unanswered_once_the_loops_have_stopped(void **state)
{
    (void)state;
    struct world w;
    unsigned times[LOOPS] = {0};
    struct work work = {.turns_left = 1};
    begin(&w);
    stop_loops(&w);
    asker_close(w.asker);
    assert_int_equal(ask_every_loop(w.asker, note_loop, times), ERR_CLOSED);
    assert_int_equal(ask_loop_later(w.asker, loops_at(w.loops, 0), work_begin, &work), ERR_CLOSED);
    assert_int_equal(ask_pause(w.asker, 60000), ERR_CLOSED);
    end(&w);
    for (unsigned i = 0; i < LOOPS; i++)
        assert_int_equal(times[i], 0);
    assert_null(work.question);
}

static void *close_asker(void *arg)
{
    struct world *w = arg;
    asker_close(w->asker);
    return NULL;
}

/* It would take longer than the test may. */
static void a_pause_ends_when_the_broker_stops(void **state)
{
    (void)state;
    struct world w;
    pthread_t closer;
    begin(&w);
    stop_loops(&w);
    assert_int_equal(pthread_create(&closer, NULL, close_asker, &w), 0);
    assert_int_equal(ask_pause(w.asker, 3600 * 1000), ERR_CLOSED);
    assert_int_equal(pthread_join(closer, NULL), 0);
    end(&w);
}

static void a_pause_ends_by_itself(void **state)
{
    (void)state;
    struct world w;
    begin(&w);
    assert_int_equal(ask_pause(w.asker, 1), 0);
    end(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_loop_is_asked_once_and_has_answered),
        cmocka_unit_test(one_loop_is_asked_alone),
        cmocka_unit_test(a_question_may_be_answered_some_turns_later),
        cmocka_unit_test(ask_loop_later_may_be_answered_at_once),
        cmocka_unit_test(before_a_stop_what_was_asked_is_answered_and_nothing_more),
        cmocka_unit_test(a_loop_that_does_not_end_its_turn_is_noticed),
        cmocka_unit_test(questions_end_unanswered_once_the_loops_have_stopped),
        cmocka_unit_test(a_pause_ends_when_the_broker_stops),
        cmocka_unit_test(a_pause_ends_by_itself),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
