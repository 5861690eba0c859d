/* The modes without a sync before each answer: LOG_NEVER and LOG_INTERVAL. */
#include "store/log_world.h"

static void without_syncs_a_ticket_is_answered_after_the_write(void **state)
{
    (void)state;
    struct world *w = world_create();
    w->options.durability = LOG_NEVER;
    world_reopen(w);
    world_step(w);
    world_enqueue(w, 0, 1, "one");
    world_submit_and_step(w, 0); /* the files are ready: they need no more syncs */
    uint64_t syncs = disk_sim_syncs(w->sim);
    world_enqueue(w, 0, 2, "two");
    world_submit_and_step(w, 0);
    check_text(&w->answers, "0:1 0:2 ");
    assert_int_equal(disk_sim_syncs(w->sim), syncs);
    disk_sim_kill(w->sim); /* the process dies, the machine lives */
    world_reopen(w);
    check_text(&w->read, "1.1 one\n1.2 two\n");
    world_cut_power(w); /* recovery has synced what it read */
    check_text(&w->read, "1.1 one\n1.2 two\n");
    world_free(w);
}

static void with_an_interval_the_sync_comes_later(void **state)
{
    (void)state;
    struct world *w = world_create();
    w->options.durability = LOG_INTERVAL;
    world_reopen(w);
    world_step(w);
    world_enqueue(w, 0, 1, "one");
    world_submit_and_step(w, 0);
    world_enqueue(w, 0, 2, "two");
    log_submit(log_stage(w->log, 0));
    uint64_t syncs = disk_sim_syncs(w->sim);
    w->answers.n = 0;
    assert_true(log_step(w->log));
    check_text(&w->answers, "0:2 ");
    assert_int_equal(disk_sim_syncs(w->sim), syncs);
    assert_true(log_step(w->log)); /* a stepped log's interval is over when it has nothing to do */
    assert_int_equal(disk_sim_syncs(w->sim), syncs + 1);
    world_cut_power(w);
    check_text(&w->read, "1.1 one\n1.2 two\n");
    world_free(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(without_syncs_a_ticket_is_answered_after_the_write),
        cmocka_unit_test(with_an_interval_the_sync_comes_later),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
