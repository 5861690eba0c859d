/* What the store promises, in worlds from seeds (store_world.h). Without arguments: a fixed number
 * of seeds, and those that once failed; with some: world_program.h. */
#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "sim_deferred.h"
#include "store_world.h"
#include "world_program.h"

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

static struct store_world_counts counted; /* since the program began */

static void run(uint64_t seed)
{
    store_world_run(seed, &counted);
}

static void say(double seconds)
{
    const struct store_world_counts *c = &counted;
    printf("%" PRIu64 " worlds (%.0f a second), %" PRIu64
           " of them with a backlog on disk: %" PRIu64 " lives, %" PRIu64 " crashes, %" PRIu64
           " faults, %" PRIu64 " messages, %" PRIu64 " compared\n",
           c->worlds, (double)c->worlds / seconds, c->paged, c->lives, c->crashes, c->faults,
           c->messages, c->drained);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_confirmed_is_lost_and_nothing_settled_returns),
        cmocka_unit_test(what_went_wrong_once_goes_well),
    };
    lv_rcu_register_thread();
    int result = 0;
    if (!world_program_run(&(struct world_program){run, say}, argc, argv))
        result = cmocka_run_group_tests(tests, NULL, NULL);
    lv_rcu_unregister_thread();
    return result;
}
