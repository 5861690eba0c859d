/* A vhost's limits: what may be said of them, and what is refused because of them. */
#include "broker/broker_world.h"
#include "broker/limits.h"

static struct world w;
static struct loop *here;

static int set_up(void **state)
{
    (void)state;
    world_start_broker(&w, 2, 7);
    here = loops_at(w.loops, 0);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    world_stop_broker(&w);
    return 0;
}

static void limit(const char *json)
{
    struct lv_buffer reason = {0};
    const struct definition_parameter row = {slice_str("/"), slice_str("vhost-limits"),
                                             slice_str("limits"), slice_str(json)};
    assert_int_equal(parameter_set(w.vhost, &row, &reason, NOBODY), 0);
    lv_buffer_free(&reason);
}

static void limit_no_more(void)
{
    assert_int_equal(
        parameter_clear(w.vhost, slice_str("vhost-limits"), slice_str("limits"), NOBODY), 0);
}

static bool declare(const char *name)
{
    const struct queue_declaration d = {.name = slice_str(name)};
    struct queue *q = NULL;
    bool created;
    loop_sim_enter(here);
    enum change_result result = queue_declare(here, w.vhost, &d, NOBODY, &w.error, &q, &created);
    loop_sim_enter(NULL);
    loop_sim_settle(w.loops);
    return result == CHANGE_DONE;
}

/* --- what may be said ------------------------------------------------------------------------- */

static void check_refused(const char *name, const char *json, const char *wanted)
{
    struct lv_buffer reason = {0};
    const struct definition_parameter row = {slice_str("/"), slice_str("vhost-limits"),
                                             slice_str(name), slice_str(json)};
    assert_int_equal(parameter_set(w.vhost, &row, &reason, NOBODY), ERR_INVALID);
    lv_buffer_add_u8(&reason, 0);
    assert_string_equal((const char *)reason.p, wanted);
    lv_buffer_free(&reason);
}

static void limits_that_are_not_numbers_or_unknown_are_refused_with_a_line_for_each(void **state)
{
    (void)state;
    limit("{\"max-queues\":7}");
    check_refused("limits", "{\"max-channels\":1}",
                  "Unrecognised terms [{<<\"max-channels\">>,1}] in limits\n");
    check_refused("limits", "{\"max-connections\":\"x\",\"max-queues\":1.5,\"a\":1}",
                  "Unrecognised terms [{<<\"a\">>,1}] in limits\n"
                  "max-queues should be a number, actually was 1.5\n"
                  "max-connections should be a number, actually was <<\"x\">>\n");
    check_refused("limits", "5", "limits not a list 5\n");
    check_refused("others", "{}", "a vhost's limits are the parameter 'limits', not 'others'\n");
    assert_int_equal(atomic_load(&w.vhost->limits.queues_max), 7);
}

static void an_empty_list_is_an_object_without_limits(void **state)
{
    (void)state;
    limit("{\"max-queues\":7}");
    limit("[]");
    assert_int_equal(atomic_load(&w.vhost->limits.queues_max), -1);
}

static void what_new_limits_do_not_name_is_no_longer_limited(void **state)
{
    (void)state;
    limit("{\"max-queues\":1,\"max-connections\":2}");
    assert_int_equal(atomic_load(&w.vhost->limits.queues_max), 1);
    assert_int_equal(atomic_load(&w.vhost->limits.connections_max), 2);
    limit("{\"max-connections\":3}");
    assert_int_equal(atomic_load(&w.vhost->limits.queues_max), -1);
    assert_int_equal(atomic_load(&w.vhost->limits.connections_max), 3);
}

/* --- queues ----------------------------------------------------------------------------------- */

static void a_vhost_with_as_many_queues_as_it_may_have_gets_no_new_one(void **state)
{
    (void)state;
    limit("{\"max-queues\":2}");
    assert_true(declare("a"));
    assert_true(declare("b"));
    assert_false(declare("c"));
    assert_error(&w, 406, "cannot declare queue 'c': queue limit in vhost '/' (2) is reached");
    assert_int_equal(w.error.refusal, REFUSAL_LIMIT);
    assert_null(queue_find(w.vhost, slice_str("c")));
}

static void an_existing_queue_may_be_declared_again_at_the_limit(void **state)
{
    (void)state;
    assert_true(declare("a"));
    assert_true(declare("b"));
    limit("{\"max-queues\":1}");
    assert_true(declare("a"));
    assert_true(declare("b"));
    assert_false(declare("c"));
}

static void a_limit_of_0_allows_none_and_a_negative_one_is_no_limit(void **state)
{
    (void)state;
    int64_t max;
    limit("{\"max-queues\":0,\"max-connections\":0}");
    assert_false(declare("a"));
    assert_false(vhost_take_connection(w.vhost, &max));
    limit("{\"max-queues\":-1,\"max-connections\":-1}");
    assert_true(declare("a"));
    assert_true(vhost_take_connection(w.vhost, &max));
    vhost_give_connection(w.vhost);
}

static void a_limit_that_is_cleared_no_longer_holds(void **state)
{
    (void)state;
    limit("{\"max-queues\":0}");
    assert_false(declare("a"));
    limit_no_more();
    assert_true(declare("a"));
}

static void one_vhosts_limit_does_not_hold_for_another(void **state)
{
    (void)state;
    int64_t max;
    struct vhost *limited = w.vhost;
    limit("{\"max-queues\":0,\"max-connections\":0}");
    assert_int_equal(vhost_create(w.broker, &(struct definition_vhost){.name = slice_str("other")},
                                  false, NOBODY, &w.vhost),
                     CHANGE_DONE);
    assert_true(declare("a"));
    assert_true(vhost_take_connection(w.vhost, &max));
    vhost_give_connection(w.vhost);
    w.vhost = limited;
    assert_false(declare("a"));
}

static void a_queue_in_which_an_exchange_delays_messages_does_not_count(void **state)
{
    (void)state;
    struct lv_buffer arguments = {0};
    limit("{\"max-queues\":1}");
    table_add_str(&arguments, "x-delayed-type", "fanout");
    loop_sim_enter(here);
    assert_non_null(
        world_exchange_with(&w, "later", "x-delayed-message", "", lv_buffer_slice(&arguments)));
    loop_sim_enter(NULL);
    lv_buffer_free(&arguments);
    assert_true(declare("a"));
    assert_false(declare("b"));
}

/* --- connections ------------------------------------------------------------------------------ */

static void a_connection_too_many_is_refused_with_the_limit_and_not_counted(void **state)
{
    (void)state;
    int64_t max = 0;
    limit("{\"max-connections\":2}");
    assert_true(vhost_take_connection(w.vhost, &max));
    assert_true(vhost_take_connection(w.vhost, &max));
    assert_false(vhost_take_connection(w.vhost, &max));
    assert_int_equal(max, 2);
    assert_int_equal(atomic_load(&w.vhost->limits.connections), 2);
    vhost_give_connection(w.vhost);
    assert_true(vhost_take_connection(w.vhost, &max));
    vhost_give_connection(w.vhost);
    vhost_give_connection(w.vhost);
}

static void connections_are_counted_before_there_is_a_limit(void **state)
{
    (void)state;
    int64_t max = 0;
    assert_true(vhost_take_connection(w.vhost, &max));
    limit("{\"max-connections\":1}");
    assert_false(vhost_take_connection(w.vhost, &max));
    assert_int_equal(max, 1);
    vhost_give_connection(w.vhost);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        T(limits_that_are_not_numbers_or_unknown_are_refused_with_a_line_for_each),
        T(an_empty_list_is_an_object_without_limits),
        T(what_new_limits_do_not_name_is_no_longer_limited),
        T(a_vhost_with_as_many_queues_as_it_may_have_gets_no_new_one),
        T(an_existing_queue_may_be_declared_again_at_the_limit),
        T(a_limit_of_0_allows_none_and_a_negative_one_is_no_limit),
        T(a_limit_that_is_cleared_no_longer_holds),
        T(one_vhosts_limit_does_not_hold_for_another),
        T(a_queue_in_which_an_exchange_delays_messages_does_not_count),
        T(a_connection_too_many_is_refused_with_the_limit_and_not_counted),
        T(connections_are_counted_before_there_is_a_limit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
