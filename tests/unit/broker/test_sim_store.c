/* What the store promises, in worlds from seeds (store_world.h).
 *
 *   test_sim_store                      a fixed number of seeds, and those that once failed
 *   test_sim_store --seed N             that one, telling all its steps
 *   test_sim_store --soak [N [FIRST]]   N worlds (0: until stopped), from FIRST on; reports
 *                                       progress */
#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "sim_deferred.h"
#include "store_world.h"

enum { SEEDS = 300 };

/* --- tests ------------------------------------------------------------------------------------ */

static void nothing_confirmed_is_lost_and_nothing_settled_returns(void **state)
{
    (void)state;
    struct store_world_counts counts = {0};
    for (uint64_t seed = 1; seed <= SEEDS; seed++)
        store_world_run(seed, &counts);
    assert_true(counts.worlds == SEEDS);
    assert_true(counts.crashes > SEEDS);
    assert_true(counts.paged > SEEDS / 4);
    assert_true(counts.drained > 100 * SEEDS);
}

/* Each of these worlds has shown a mistake once. */
static void what_went_wrong_once_goes_well(void **state)
{
    (void)state;
    static const uint64_t seeds[] = {1, 5015207};
    struct store_world_counts counts = {0};
    for (size_t i = 0; i < sizeof seeds / sizeof seeds[0]; i++)
        store_world_run(seeds[i], &counts);
    assert_true(counts.worlds == sizeof seeds / sizeof seeds[0]);
}

/* --- without cmocka --------------------------------------------------------------------------- */

static void say(const struct store_world_counts *c, double seconds)
{
    printf("%" PRIu64 " worlds (%.0f a second), %" PRIu64
           " of them with a backlog on disk: %" PRIu64 " lives, %" PRIu64 " crashes, %" PRIu64
           " faults, %" PRIu64 " messages, %" PRIu64 " compared\n",
           c->worlds, (double)c->worlds / seconds, c->paged, c->lives, c->crashes, c->faults,
           c->messages, c->drained);
    fflush(stdout);
}

static double now_s(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static int soak(uint64_t worlds, uint64_t first)
{
    struct store_world_counts counts = {0};
    double start = now_s(), said = start;
    for (uint64_t seed = first; worlds == 0 || seed < first + worlds; seed++) {
        store_world_run(seed, &counts);
        if (now_s() - said > 10) {
            said = now_s();
            say(&counts, said - start);
        }
    }
    say(&counts, now_s() - start);
    return 0;
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_confirmed_is_lost_and_nothing_settled_returns),
        cmocka_unit_test(what_went_wrong_once_goes_well),
    };
    lv_rcu_register_thread();
    int result = 0;
    if (argc == 3 && strcmp(argv[1], "--seed") == 0) {
        struct store_world_counts counts = {0};
        store_world_is_verbose = true;
        store_world_run(strtoull(argv[2], NULL, 10), &counts);
    } else if (argc >= 2 && strcmp(argv[1], "--soak") == 0) {
        result = soak(argc > 2 ? strtoull(argv[2], NULL, 10) : 0,
                      argc > 3 ? strtoull(argv[3], NULL, 10) : 1);
    } else {
        result = cmocka_run_group_tests(tests, NULL, NULL);
    }
    lv_rcu_unregister_thread();
    return result;
}
