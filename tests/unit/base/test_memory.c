/* Whether freed memory is returned to the system. */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/memory.h"

#pragma weak mi_collect
void mi_collect(bool force);

enum { BLOCKS = 40000, BLOCK_BYTES = 1280, LIMIT_S = 60, PROCESSES = 50 };

static size_t resident_bytes(void)
{
    size_t whole, resident = 0;
    FILE *file = fopen("/proc/self/statm", "r");
    assert_non_null(file);
    assert_int_equal(fscanf(file, "%zu %zu", &whole, &resident), 2);
    fclose(file);
    return resident * (size_t)sysconf(_SC_PAGESIZE);
}

/* Frees all blocks but the first, whose segment therefore stays. */
static void *free_blocks(void *arg)
{
    void **blocks = arg;
    for (size_t i = 1; i < BLOCKS; i++)
        free(blocks[i]);
    return NULL;
}

/* The blocks are freed on another thread, as RCU does, and are found by this one's next
 * allocations. */
static void use_and_free(void **blocks)
{
    pthread_t thread;
    for (size_t i = 0; i < BLOCKS; i++)
        memset(blocks[i] = lv_malloc(BLOCK_BYTES), 1, BLOCK_BYTES);
    assert_int_equal(pthread_create(&thread, NULL, free_blocks, blocks), 0);
    assert_int_equal(pthread_join(thread, NULL), 0);
    for (size_t i = 1; i < BLOCKS; i++)
        blocks[i] = lv_malloc(BLOCK_BYTES);
    free_blocks(blocks);
}

static void memory_freed_earlier_is_returned_too(void **state)
{
    (void)state;
    if (!mi_collect)
        skip(); /* a sanitizer's allocator keeps it */
    void **blocks = lv_calloc(BLOCKS, sizeof *blocks);
    size_t before = resident_bytes();
    use_and_free(blocks);
    time_t end = time(NULL) + LIMIT_S;
    do {
        lv_memory_give_back(); /* the allocator keeps it for some milliseconds */
    } while (resident_bytes() > before + BLOCKS * BLOCK_BYTES / 4 && time(NULL) < end);
    assert_in_range(resident_bytes(), 0, before + BLOCKS * BLOCK_BYTES / 4);
    free(blocks[0]);
    free(blocks);
}

/* On a thread of its own, which allocates nothing else. Returns its argument if all is right. */
static void *use_and_free_on_thread(void *arg)
{
    void **blocks = arg;
    for (size_t i = 0; i < BLOCKS; i++)
        blocks[i] = lv_malloc(BLOCK_BYTES);
    free_blocks(blocks);
    lv_memory_give_back();
    bool is_in_use = lv_memory_is_in_use();
    free(blocks[0]);
    lv_memory_give_back();
    return is_in_use && !lv_memory_is_in_use() ? arg : NULL;
}

static void a_thread_knows_whether_its_memory_is_in_use(void **state)
{
    (void)state;
    pthread_t thread;
    void *ret;
    if (!mi_collect)
        skip();
    void **blocks = lv_calloc(BLOCKS, sizeof *blocks);
    assert_int_equal(pthread_create(&thread, NULL, use_and_free_on_thread, blocks), 0);
    assert_int_equal(pthread_join(thread, &ret), 0);
    assert_ptr_equal(ret, blocks);
    free(blocks);
}

static void *give_back_with_others(void *arg)
{
    pthread_barrier_wait(arg);
    lv_memory_give_back();
    return NULL;
}

/* In a new process, where it is the first time. Returns the exit status. */
static int give_back_at_the_same_time(void)
{
    enum { THREADS = 4 };
    pthread_t threads[THREADS];
    pthread_barrier_t barrier;
    pid_t child = fork();
    if (child != 0) {
        int status = -1;
        return waitpid(child, &status, 0) == child ? status : -1;
    }
    pthread_barrier_init(&barrier, NULL, THREADS);
    for (size_t i = 0; i < THREADS; i++)
        if (pthread_create(&threads[i], NULL, give_back_with_others, &barrier) != 0)
            _exit(1);
    for (size_t i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    _exit(0);
}

static void several_threads_may_return_memory_at_the_same_time(void **state)
{
    (void)state;
    for (size_t process = 0; process < PROCESSES; process++)
        assert_int_equal(give_back_at_the_same_time(), 0);
}

static void memory_in_use_is_not_returned(void **state)
{
    (void)state;
    void **blocks = lv_calloc(BLOCKS, sizeof *blocks);
    use_and_free(blocks);
    lv_memory_give_back();
    lv_memory_leave();
    for (size_t i = 0; i < BLOCK_BYTES; i++)
        assert_int_equal(((const char *)blocks[0])[i], 1);
    free(blocks[0]);
    free(blocks);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        /* first: the other tests return memory in this process */
        cmocka_unit_test(several_threads_may_return_memory_at_the_same_time),
        cmocka_unit_test(memory_in_use_is_not_returned),
        cmocka_unit_test(memory_freed_earlier_is_returned_too),
        cmocka_unit_test(a_thread_knows_whether_its_memory_is_in_use),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
