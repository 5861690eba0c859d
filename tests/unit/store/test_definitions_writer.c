/* The thread that writes the definitions: when `done` is called, and what a failed write does. */
#include "store/definitions_world.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/error.h"
#include "base/log.h"
#include "base/memory.h"

/* --- done ------------------------------------------------------------------------------------- */

struct sequence {
    unsigned expected;
    unsigned wrong;
};

struct numbered {
    struct sequence *sequence;
    unsigned number;
};

static void check_number(void *arg, int error)
{
    struct numbered *n = arg;
    if (error != 0 || n->number != n->sequence->expected++)
        n->sequence->wrong++;
}

static void done_is_called_in_the_order_of_the_submits(void **state)
{
    (void)state;
    enum { COUNT = 5000 };
    char *dir = scratch_create();
    struct definitions *d = definitions_opened(dir);
    struct numbered *numbers = lv_calloc(COUNT, sizeof *numbers);
    struct sequence sequence = {0};
    for (unsigned i = 0; i < COUNT; i++) {
        numbers[i] = (struct numbered){&sequence, i};
        char name[32];
        snprintf(name, sizeof name, "q%u", i % 7);
        definitions_submit(d,
                           i % 2 ? definition_delete_queue(S("/"), S(name)) : put_queue("/", name),
                           check_number, &numbers[i]);
    }
    definitions_close(&d);
    assert_int_equal(sequence.expected, COUNT);
    assert_int_equal(sequence.wrong, 0);
    free(numbers);
    scratch_remove(&dir);
}

static void what_is_submitted_during_a_hold_is_committed_after_it(void **state)
{
    (void)state;
    char *dir = scratch_create();
    struct definitions *d = definitions_opened(dir);
    struct outcome outcome = {0};
    definitions_hold(d);
    definitions_submit(d, put_queue("/", "a"), outcome_done, &outcome);
    definitions_submit(d, put_queue("/", "b"), outcome_done, &outcome);
    assert_int_equal(count_queues(dir), 0);
    definitions_release(d);
    outcome_wait(&outcome, 2);
    assert_int_equal(count_queues(dir), 2);
    definitions_hold(d); /* closing commits all the same */
    definitions_submit(d, put_queue("/", "c"), outcome_done, &outcome);
    definitions_close(&d);
    assert_int_equal(count_queues(dir), 3);
    scratch_remove(&dir);
}

static void a_change_is_committed_when_done_is_called(void **state)
{
    (void)state;
    char *dir = scratch_create();
    struct definitions *d = definitions_opened(dir);
    struct outcome outcome = {0};
    for (unsigned i = 1; i <= 20; i++) {
        char name[32];
        snprintf(name, sizeof name, "q%u", i);
        definitions_submit(d, put_queue("/", name), outcome_done, &outcome);
        outcome_wait(&outcome, i);
        assert_int_equal(count_queues(dir), i);
    }
    assert_int_equal(outcome.failed, 0);
    definitions_close(&d);
    scratch_remove(&dir);
}

struct chain {
    struct definitions *d;
    int left;
};

static void submit_next(void *arg, int error)
{
    struct chain *chain = arg;
    assert_int_equal(error, 0);
    if (chain->left-- == 0)
        return;
    char name[32];
    snprintf(name, sizeof name, "chained%d", chain->left);
    definitions_submit(chain->d, put_queue("/", name), submit_next, chain);
}

static void what_done_submits_while_closing_is_committed_too(void **state)
{
    (void)state;
    char *dir = scratch_create();
    struct definitions *d = definitions_opened(dir);
    struct chain chain = {d, 5};
    definitions_submit(d, put_queue("/", "first"), submit_next, &chain);
    definitions_close(&d);
    assert_int_equal(count_queues(dir), 6);
    scratch_remove(&dir);
}

struct submitter {
    struct definitions *d;
    struct outcome *outcome;
    unsigned number;
};

static void *submit_many(void *arg)
{
    struct submitter *s = arg;
    for (unsigned i = 0; i < 500; i++) {
        char name[32];
        snprintf(name, sizeof name, "q%u.%u", s->number, i);
        definitions_submit(s->d, put_queue("/", name), outcome_done, s->outcome);
    }
    return NULL;
}

static void many_threads_submit_at_once(void **state)
{
    (void)state;
    char *dir = scratch_create();
    struct definitions *d = definitions_opened(dir);
    struct outcome outcome = {0};
    struct submitter submitters[4];
    pthread_t threads[4];
    for (unsigned i = 0; i < 4; i++) {
        submitters[i] = (struct submitter){d, &outcome, i};
        assert_int_equal(pthread_create(&threads[i], NULL, submit_many, &submitters[i]), 0);
    }
    for (unsigned i = 0; i < 4; i++)
        pthread_join(threads[i], NULL);
    outcome_wait(&outcome, 2000);
    assert_int_equal(outcome.failed, 0);
    definitions_close(&d);
    assert_int_equal(count_queues(dir), 2000);
    scratch_remove(&dir);
}

/* --- a failing disk --------------------------------------------------------------------------- */

/* Three batches on a disk whose n-th operation fails. Returns whether any failed. What was
 * reported as done must be there, and what was reported as failed must not. */
static bool commit_three_batches(unsigned fail_at)
{
    char *dir = scratch_create();
    sqlite_fail_at(0);
    struct definitions *d = definitions_opened(dir);
    sqlite_fail_at(fail_at);
    struct outcome outcomes[3] = {0};
    char expected[200] = "";
    bool has_failed = false;
    for (int i = 0; i < 3; i++) {
        char name[32];
        snprintf(name, sizeof name, "q%d", i);
        definitions_submit(d, put_queue("/", name), outcome_done, &outcomes[i]);
        outcome_wait(&outcomes[i], 1);
        if (outcomes[i].failed) {
            assert_int_equal(outcomes[i].last_error, ERR_IO);
            has_failed = true;
        } else {
            sprintf(expected + strlen(expected), "queue|/|q%d|0|0\n", i);
        }
    }
    char *text = rows_text(d);
    assert_string_equal(text, expected);
    free(text);
    sqlite_fail_at(0);
    check_rows_after_restart(dir, &d, expected);
    definitions_close(&d);
    scratch_remove(&dir);
    return has_failed;
}

static void a_failed_write_fails_only_its_batch(void **state)
{
    (void)state;
    log_set_level(LOG_NONE);
    unsigned number = 1;
    while (commit_three_batches(number)) /* until one run needs no failing operation */
        number++;
    log_set_level(LOG_INFO);
    assert_true(number > 6); /* at least a write and a sync for each */
}

/* Keeps the writer busy until it may go on, so that what is submitted meanwhile is one batch. */
static void hold_writer(void *arg, int error)
{
    assert_int_equal(error, 0);
    for (int ms = 0; !atomic_load((_Atomic bool *)arg); ms++) {
        assert_true(ms < 10000);
        nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
    }
}

static void a_failed_commit_is_reported_to_every_change_in_it(void **state)
{
    (void)state;
    char *dir = scratch_create();
    log_set_level(LOG_NONE);
    sqlite_fail_at(0);
    struct definitions *d = definitions_opened(dir);
    _Atomic bool may_go_on = false;
    definitions_submit(d, put_queue("/", "first"), hold_writer, &may_go_on);
    for (int i = 0; count_queues(dir) == 0; i++) {
        assert_true(i < 10000);
        nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
    }
    struct outcome outcome = {0};
    for (int i = 0; i < 10; i++) {
        char name[32];
        snprintf(name, sizeof name, "q%d", i);
        definitions_submit(d, put_queue("/", name), outcome_done, &outcome);
    }
    sqlite_fail_at(1);
    atomic_store(&may_go_on, true);
    outcome_wait(&outcome, 10);
    assert_int_equal(outcome.failed, 10);
    assert_int_equal(count_queues(dir), 1);
    log_set_level(LOG_INFO);
    sqlite_fail_at(0);
    definitions_close(&d);
    scratch_remove(&dir);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(done_is_called_in_the_order_of_the_submits),
        cmocka_unit_test(what_is_submitted_during_a_hold_is_committed_after_it),
        cmocka_unit_test(a_change_is_committed_when_done_is_called),
        cmocka_unit_test(what_done_submits_while_closing_is_committed_too),
        cmocka_unit_test(many_threads_submit_at_once),
        cmocka_unit_test(a_failed_write_fails_only_its_batch),
        cmocka_unit_test(a_failed_commit_is_reported_to_every_change_in_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
