/* What all features of queues and exchanges promise together, in worlds from seeds
 * (feature_world.h). Without arguments: a fixed number of seeds, and those that once failed; with
 * some: world_program.h. */
#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "feature_world.h"
#include "sim_deferred.h"
#include "world_program.h"

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

static struct feature_world_counts counted; /* since the program began */

static void run(uint64_t seed)
{
    feature_world_run(seed, &counted);
}

static void say(double seconds)
{
    const struct feature_world_counts *c = &counted;
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
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_features_together_lose_nothing_and_keep_their_rules),
        cmocka_unit_test(what_went_wrong_once_goes_well),
    };
    lv_rcu_register_thread();
    int result = 0;
    if (!world_program_run(&(struct world_program){run, say}, argc, argv))
        result = cmocka_run_group_tests(tests, NULL, NULL);
    lv_rcu_unregister_thread();
    return result;
}
