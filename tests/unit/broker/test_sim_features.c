/* What all features of queues and exchanges promise together, in worlds from seeds
 * (feature_world.h).
 *
 *   test_sim_features                      a fixed number of seeds, and those that once failed
 *   test_sim_features --seed N             that one, telling all its steps
 *   test_sim_features --soak [N [FIRST]]   N worlds (0: until stopped), from FIRST on; reports
 *                                          progress */
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

#include "feature_world.h"
#include "sim_deferred.h"

enum { SEEDS = 300 };

/* --- tests ------------------------------------------------------------------------------------ */

static void all_features_together_lose_nothing_and_keep_their_rules(void **state)
{
    (void)state;
    struct feature_world_counts c = {0};
    for (uint64_t seed = 1; seed <= SEEDS; seed++)
        feature_world_run(seed, &c);
    assert_true(c.worlds == SEEDS);
    assert_true(c.crashes > SEEDS);
    assert_true(c.paged > SEEDS / 4);
    assert_true(c.found > 20 * SEEDS);
    assert_true(c.refused > SEEDS && c.duplicates > SEEDS && c.dropped_twins > 0);
    assert_true(c.pushed_out > SEEDS && c.replaced > SEEDS && c.delayed > SEEDS);
    assert_true(c.retried > 0 && c.policies > SEEDS / 2);
    for (int i = 0; i < 4; i++)
        assert_true(c.deaths[i] > 0);
}

/* Each of these worlds has shown a mistake once. */
static void what_went_wrong_once_goes_well(void **state)
{
    (void)state;
    static const uint64_t seeds[] = {341,   1832,  2177,  2213,   4540,  14254,
                                     21043, 33916, 41739, 101385, 333776};
    struct feature_world_counts counts = {0};
    for (size_t i = 0; i < sizeof seeds / sizeof seeds[0]; i++)
        feature_world_run(seeds[i], &counts);
    assert_true(counts.worlds == sizeof seeds / sizeof seeds[0]);
}

/* --- without cmocka --------------------------------------------------------------------------- */

static void say(const struct feature_world_counts *c, double seconds)
{
    printf("%" PRIu64 " worlds (%.0f a second), %" PRIu64 " with a backlog on disk: %" PRIu64
           " lives, %" PRIu64 " crashes, %" PRIu64 " faults, %" PRIu64 " policies; %" PRIu64
           " messages, %" PRIu64 " refused, %" PRIu64 " duplicates; %" PRIu64
           " censuses found %" PRIu64 "; %" PRIu64 " dead letters (%" PRIu64 " rejected, %" PRIu64
           " expired, %" PRIu64 " maxlen, %" PRIu64 " delivery_limit), %" PRIu64
           " delayed, %" PRIu64 " retried; gone: %" PRIu64 " pushed out, %" PRIu64
           " replaced, %" PRIu64 " twins\n",
           c->worlds, (double)c->worlds / seconds, c->paged, c->lives, c->crashes, c->faults,
           c->policies, c->messages, c->refused, c->duplicates, c->censuses, c->found,
           c->dead_letters, c->deaths[0], c->deaths[1], c->deaths[2], c->deaths[3], c->delayed,
           c->retried, c->pushed_out, c->replaced, c->dropped_twins);
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
    struct feature_world_counts counts = {0};
    double start = now_s(), said = start;
    for (uint64_t seed = first; worlds == 0 || seed < first + worlds; seed++) {
        feature_world_run(seed, &counts);
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
        cmocka_unit_test(all_features_together_lose_nothing_and_keep_their_rules),
        cmocka_unit_test(what_went_wrong_once_goes_well),
    };
    lv_rcu_register_thread();
    int result = 0;
    if (argc == 3 && strcmp(argv[1], "--seed") == 0) {
        struct feature_world_counts counts = {0};
        feature_world_is_verbose = true;
        feature_world_run(strtoull(argv[2], NULL, 10), &counts);
    } else if (argc >= 2 && strcmp(argv[1], "--soak") == 0) {
        result = soak(argc > 2 ? strtoull(argv[2], NULL, 10) : 0,
                      argc > 3 ? strtoull(argv[3], NULL, 10) : 1);
    } else {
        result = cmocka_run_group_tests(tests, NULL, NULL);
    }
    lv_rcu_unregister_thread();
    return result;
}
