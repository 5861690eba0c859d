/* Vhosts are created once, deleted once, and whoever asked is told. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/error.h"
#include "broker/vhost_life.h"
#include "topology/exchange.h"

static const struct durable_done NOBODY = {0};
static struct loops *loops;
static struct broker *broker;

static int set_up(void **state)
{
    (void)state;
    lv_rcu_register_thread();
    loops = loops_create(2);
    broker = broker_create(loops, NULL);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    broker_free(&broker);
    loops_free(&loops);
    lv_rcu_barrier();
    lv_rcu_unregister_thread();
    return 0;
}

static void a_vhost_that_exists_is_not_created_again(void **state)
{
    (void)state;
    struct vhost *first, *again;
    const struct definition_vhost described = {.name = slice_str("v"), .tags = slice_str("a,b")};
    const struct definition_vhost otherwise = {.name = slice_str("v"), .tags = slice_str("c")};
    vhost_create(broker, &described, true, NOBODY, &first);
    vhost_create(broker, &otherwise, true, NOBODY, &again);
    assert_ptr_equal(first, again);
    assert_ptr_equal(vhost_find(&broker->topology, slice_str("v")), first);
    assert_ptr_equal(vhost_broker(first), broker);
    assert_true(slice_is(first->tags, "a,b"));
    assert_non_null(exchange_find(first, slice_str("amq.direct")));
}

static void count_done(void *arg, int error)
{
    assert_int_equal(error, 0);
    (*(int *)arg)++;
}

static void a_deletion_calls_done_once_and_deleting_a_missing_vhost_does_not(void **state)
{
    (void)state;
    struct vhost *vhost;
    int told = 0;
    const struct durable_done counter = {count_done, &told};
    vhost_create(broker, &(struct definition_vhost){.name = slice_str("v")}, true, NOBODY, &vhost);
    assert_int_equal(vhost_delete(broker, slice_str("v"), counter), 0);
    assert_int_equal(told, 1);
    assert_null(vhost_find(&broker->topology, slice_str("v")));
    assert_int_equal(vhost_delete(broker, slice_str("v"), counter), ERR_NOT_FOUND);
    assert_int_equal(told, 1);
}

static void a_protected_vhost_is_not_deleted(void **state)
{
    (void)state;
    struct vhost *vhost;
    int told = 0;
    const struct durable_done counter = {count_done, &told};
    const struct definition_vhost row = {.name = slice_str("v"), .is_protected = true};
    vhost_create(broker, &row, true, NOBODY, &vhost);
    assert_int_equal(vhost_delete(broker, slice_str("v"), counter), ERR_REFUSED);
    assert_ptr_equal(vhost_find(&broker->topology, slice_str("v")), vhost);
    assert_int_equal(vhost_protect(vhost, false, counter), 0);
    assert_int_equal(told, 1);
    vhost_ref(vhost);
    assert_int_equal(vhost_delete(broker, slice_str("v"), counter), 0);
    assert_int_equal(vhost_protect(vhost, true, counter), ERR_NOT_FOUND);
    assert_int_equal(told, 2);
    vhost_unref(&vhost);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_protected_vhost_is_not_deleted, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_vhost_that_exists_is_not_created_again, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(
            a_deletion_calls_done_once_and_deleting_a_missing_vhost_does_not, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
