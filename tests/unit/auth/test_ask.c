#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <pthread.h>
#include <semaphore.h>
#include <stdio.h>
#include <stdlib.h>

#include "auth/ask.h"
#include "base/memory.h"

#define S(text) slice_str(text)

/* A question that is answered when the test says so. */
struct question {
    struct ask ask;
    char name[16];
    sem_t *begun; /* NULL: nobody waits for it */
    sem_t *may_end;
};

/* The names of the questions in the order in which they were answered. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static char answered[4096];
static pthread_t answered_by;

static void question_run(struct ask *ask)
{
    struct question *q = lv_container_of(ask, struct question, ask);
    if (q->begun)
        sem_post(q->begun);
    if (q->may_end)
        sem_wait(q->may_end);
    pthread_mutex_lock(&lock);
    size_t n = strlen(answered);
    snprintf(answered + n, sizeof answered - n, "%s ", q->name);
    answered_by = pthread_self();
    pthread_mutex_unlock(&lock);
    free(q);
}

static bool ask(struct ask_pool *pool, const char *source, const char *name, sem_t *begun,
                sem_t *may_end)
{
    struct question *q = lv_calloc(1, sizeof *q);
    q->ask.run = question_run;
    q->begun = begun;
    q->may_end = may_end;
    snprintf(q->name, sizeof q->name, "%s", name);
    bool is_asked = ask_submit(pool, &q->ask, S(source));
    if (!is_asked)
        free(q);
    return is_asked;
}

static int start(void **state)
{
    (void)state;
    answered[0] = '\0';
    return 0;
}

static void without_threads_the_caller_answers(void **state)
{
    (void)state;
    struct ask_pool *pool = ask_pool_create("test", 0, false);
    assert_true(ask(pool, "a", "a1", NULL, NULL));
    assert_string_equal(answered, "a1 ");
    assert_true(pthread_equal(answered_by, pthread_self()));
    ask_pool_free(&pool);
    assert_null(pool);
}

static void sources_take_turns(void **state)
{
    (void)state;
    struct ask_pool *pool = ask_pool_create("test", 1, true);
    sem_t begun, may_end;
    sem_init(&begun, 0, 0);
    sem_init(&may_end, 0, 0);
    assert_true(ask(pool, "a", "a1", &begun, &may_end));
    sem_wait(&begun); /* from here on nothing is taken until it ends */
    for (int i = 2; i <= 4; i++) {
        char name[16];
        snprintf(name, sizeof name, "a%d", i);
        assert_true(ask(pool, "a", name, NULL, NULL));
    }
    assert_true(ask(pool, "b", "b1", NULL, NULL));
    assert_true(ask(pool, "c", "c1", NULL, NULL));
    assert_true(ask(pool, "b", "b2", NULL, NULL));
    assert_int_equal(ask_waiting(pool), 6);
    sem_post(&may_end);
    ask_pool_free(&pool);
    assert_string_equal(answered, "a1 a2 b1 c1 a3 b2 a4 ");
    sem_destroy(&begun);
    sem_destroy(&may_end);
}

static void the_addresses_of_one_ipv6_network_are_one_source(void **state)
{
    (void)state;
    struct ask_pool *pool = ask_pool_create("test", 1, true);
    sem_t begun, may_end;
    sem_init(&begun, 0, 0);
    sem_init(&may_end, 0, 0);
    assert_true(ask(pool, "2001:db8::1", "a1", &begun, &may_end));
    sem_wait(&begun);
    assert_true(ask(pool, "2001:db8::2", "a2", NULL, NULL));
    assert_true(ask(pool, "2001:db8::2:0:0:3", "a3", NULL, NULL));
    assert_true(ask(pool, "2001:db8:0:1::1", "b1", NULL, NULL));
    assert_true(ask(pool, "192.0.2.1", "c1", NULL, NULL));
    assert_true(ask(pool, "192.0.2.2", "d1", NULL, NULL));
    sem_post(&may_end);
    ask_pool_free(&pool);
    assert_string_equal(answered, "a1 a2 b1 c1 d1 a3 ");
    sem_destroy(&begun);
    sem_destroy(&may_end);
}

static void a_source_never_has_every_thread(void **state)
{
    (void)state;
    struct ask_pool *pool = ask_pool_create("test", 3, false);
    sem_t begun, may_end, other;
    sem_init(&begun, 0, 0);
    sem_init(&may_end, 0, 0);
    sem_init(&other, 0, 0);
    for (int i = 0; i < 10; i++)
        assert_true(ask(pool, "slow", "s", &begun, &may_end));
    sem_wait(&begun);
    sem_wait(&begun);
    assert_true(ask(pool, "other", "o", &other, NULL));
    sem_wait(&other); /* else this test would never end */
    for (int i = 0; i < 10; i++)
        sem_post(&may_end);
    ask_pool_free(&pool);
    sem_destroy(&begun);
    sem_destroy(&may_end);
    sem_destroy(&other);
}

static void a_source_that_waits_for_its_own_threads_keeps_no_idle_thread_from_others(void **state)
{
    (void)state;
    struct ask_pool *pool = ask_pool_create("test", 2, false);
    sem_t begun, may_end;
    sem_init(&begun, 0, 0);
    sem_init(&may_end, 0, 0);
    assert_true(ask(pool, "a", "", &begun, &may_end));
    assert_true(ask(pool, "b", "", &begun, &may_end));
    sem_wait(&begun); /* both threads are there; each is idle soon after its question */
    sem_wait(&begun);
    sem_post(&may_end);
    sem_post(&may_end);
    for (int i = 0; i < 5; i++)
        assert_true(ask(pool, "slow", "", &begun, &may_end));
    sem_wait(&begun);
    assert_true(ask(pool, "other", "", &begun, NULL));
    sem_wait(&begun); /* else this test would never end */
    for (int i = 0; i < 5; i++)
        sem_post(&may_end);
    ask_pool_free(&pool);
    sem_destroy(&begun);
    sem_destroy(&may_end);
}

static void too_many_questions_are_refused(void **state)
{
    (void)state;
    struct ask_pool *pool = ask_pool_create("test", 1, false);
    sem_t begun, may_end;
    sem_init(&begun, 0, 0);
    sem_init(&may_end, 0, 0);
    assert_true(ask(pool, "a", "first", &begun, &may_end));
    sem_wait(&begun);
    for (int i = 0; i < ASKS_OF_SOURCE_MAX; i++)
        assert_true(ask(pool, "a", "", NULL, NULL));
    assert_false(ask(pool, "a", "", NULL, NULL));
    for (int i = 0; i < ASKS_MAX - ASKS_OF_SOURCE_MAX; i++)
        assert_true(ask(pool, i % 2 ? "b" : "c", "", NULL, NULL));
    assert_false(ask(pool, "d", "", NULL, NULL));
    assert_int_equal(ask_waiting(pool), ASKS_MAX);
    sem_post(&may_end);
    ask_pool_free(&pool);
    sem_destroy(&begun);
    sem_destroy(&may_end);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(without_threads_the_caller_answers, start),
        cmocka_unit_test_setup(sources_take_turns, start),
        cmocka_unit_test_setup(the_addresses_of_one_ipv6_network_are_one_source, start),
        cmocka_unit_test_setup(a_source_never_has_every_thread, start),
        cmocka_unit_test_setup(
            a_source_that_waits_for_its_own_threads_keeps_no_idle_thread_from_others, start),
        cmocka_unit_test_setup(too_many_questions_are_refused, start),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
