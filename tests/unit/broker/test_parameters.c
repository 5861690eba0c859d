/* Runtime parameters: what is accepted and refused, in which order they are visited, and when they
 * take effect. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "base/error.h"
#include "broker/parameters.h"
#include "broker/vhost_life.h"

static const struct durable_done NOBODY = {0};
static struct loops *loops;
static struct broker *broker;
static struct vhost *vhost;
static struct lv_buffer reason, listed;

static int set_up(void **state)
{
    (void)state;
    lv_rcu_register_thread();
    loops = loops_create(1);
    broker = broker_create(loops, NULL);
    vhost_create(broker, &(struct definition_vhost){.name = slice_str("v")}, true, NOBODY, &vhost);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    lv_buffer_free(&reason);
    lv_buffer_free(&listed);
    broker_free(&broker);
    loops_free(&loops);
    lv_rcu_barrier();
    lv_rcu_unregister_thread();
    return 0;
}

static void count_done(void *arg, int error)
{
    assert_int_equal(error, 0);
    (*(int *)arg)++;
}

static struct definition_parameter row_of(const char *component, const char *name,
                                          const char *value)
{
    return (struct definition_parameter){slice_str("v"), slice_str(component), slice_str(name),
                                         slice_str(value)};
}

static int set(const char *component, const char *name, const char *value)
{
    const struct definition_parameter row = row_of(component, name, value);
    reason.n = 0;
    return parameter_set(vhost, &row, &reason, NOBODY);
}

static int clear(const char *component, const char *name)
{
    return parameter_clear(vhost, slice_str(component), slice_str(name), NOBODY);
}

static void restore(const char *component, const char *name, const char *value)
{
    const struct definition_parameter row = row_of(component, name, value);
    parameter_restore(vhost, &row);
}

#define assert_reason(text) assert_true(slice_is(lv_buffer_slice(&reason), text))

/* --- what is visited, as text ----------------------------------------------------------------- */

static void list_one(void *arg, const struct definition_parameter *row)
{
    (void)arg;
    assert_true(slice_is(row->vhost, "v"));
    lv_buffer_printf(&listed, "%.*s/%.*s=%.*s;", SLICE_ARG(row->component), SLICE_ARG(row->name),
                     SLICE_ARG(row->value));
}

static void list_global(void *arg, const struct definition_global_parameter *row)
{
    (void)arg;
    lv_buffer_printf(&listed, "%.*s=%.*s;", SLICE_ARG(row->name), SLICE_ARG(row->value));
}

static void check_listed(const char *wanted)
{
    lv_buffer_add_u8(&listed, 0);
    assert_string_equal((const char *)listed.p, wanted);
    lv_buffer_free(&listed);
}

static void check_list(const char *component, const char *wanted)
{
    parameter_each(vhost, slice_str(component), list_one, NULL);
    check_listed(wanted);
}

static void check_globals(const char *wanted)
{
    global_parameter_each(broker, list_global, NULL);
    check_listed(wanted);
}

/* --- a vhost's -------------------------------------------------------------------------------- */

static void a_value_is_kept_with_its_keys_in_order(void **state)
{
    (void)state;
    assert_int_equal(set("vhost-limits", "limits", "{\"max-queues\": 2, \"max-connections\": 1}"),
                     0);
    check_list("", "vhost-limits/limits={\"max-connections\":1,\"max-queues\":2};");
}

static void a_second_value_replaces_the_first(void **state)
{
    (void)state;
    assert_int_equal(set("vhost-limits", "limits", "{\"max-queues\":1}"), 0);
    assert_int_equal(set("vhost-limits", "limits", "{\"max-queues\":2}"), 0);
    check_list("", "vhost-limits/limits={\"max-queues\":2};");
}

static void what_is_set_already_is_not_set_again_and_done_is_not_called(void **state)
{
    (void)state;
    int told = 0;
    const struct durable_done counter = {count_done, &told};
    const struct definition_parameter first =
        row_of("vhost-limits", "limits", "{\"max-queues\":1,\"max-connections\":1}");
    const struct definition_parameter same =
        row_of("vhost-limits", "limits", "{\"max-connections\": 1, \"max-queues\": 1}");
    assert_int_equal(parameter_set(vhost, &first, &reason, counter), 0);
    assert_int_equal(told, 1);
    assert_int_equal(parameter_set(vhost, &same, &reason, counter), ERR_EXISTS);
    assert_int_equal(told, 1);
}

static void a_value_that_is_not_json_is_refused(void **state)
{
    (void)state;
    assert_int_equal(set("vhost-limits", "limits", "{max"), ERR_FORMAT);
    assert_int_equal(set("vhost-limits", "limits", ""), ERR_FORMAT);
    check_list("", "");
}

static void an_unknown_component_is_refused_by_name(void **state)
{
    (void)state;
    assert_int_equal(set("federation", "f", "{}"), ERR_INVALID);
    assert_reason("component federation not found\n");
    check_list("", "");
}

static void policies_are_not_set_as_parameters_but_operator_policies_are(void **state)
{
    (void)state;
    const char *operator_policy =
        "{\"pattern\":\"^q\",\"definition\":{\"max-length\":5},\"priority\":0}";
    assert_int_equal(set("policy", "p", operator_policy), ERR_REFUSED);
    assert_int_equal(set("operator_policy", "p", operator_policy), 0);
    parameter_each(vhost, slice_str("operator_policy"), list_one, NULL);
    assert_true(listed.n > 0);
    lv_buffer_free(&listed);
    assert_int_equal(clear("operator_policy", "p"), 0);
    check_list("", "");
    assert_int_equal(clear("operator_policy", "p"), ERR_NOT_FOUND);
}

static void what_is_not_there_is_not_cleared(void **state)
{
    (void)state;
    int told = 0;
    const struct durable_done counter = {count_done, &told};
    assert_int_equal(set("vhost-limits", "limits", "{}"), 0);
    assert_int_equal(clear("vhost-limits", "other"), ERR_NOT_FOUND);
    assert_int_equal(
        parameter_clear(vhost, slice_str("vhost-limits"), slice_str("limits"), counter), 0);
    assert_int_equal(told, 1);
    assert_int_equal(
        parameter_clear(vhost, slice_str("vhost-limits"), slice_str("limits"), counter),
        ERR_NOT_FOUND);
    assert_int_equal(told, 1);
}

static void a_vhost_that_has_been_deleted_takes_no_parameters(void **state)
{
    (void)state;
    vhost_ref(vhost);
    assert_int_equal(vhost_delete(broker, slice_str("v"), NOBODY), 0);
    assert_int_equal(set("vhost-limits", "limits", "{}"), ERR_NOT_FOUND);
    vhost_unref(&vhost);
}

static void an_unknown_component_is_kept_when_it_is_restored_and_can_be_cleared(void **state)
{
    (void)state;
    restore("federation", "f", "[1]");
    check_list("", "federation/f=[1];");
    assert_int_equal(clear("federation", "f"), 0);
    check_list("", "");
}

static void a_restored_value_takes_effect_only_if_it_could_have_been_set(void **state)
{
    (void)state;
    restore("vhost-limits", "limits", "{\"max-queues\":3}");
    assert_int_equal(atomic_load(&vhost->limits.queues_max), 3);
    restore("vhost-limits", "limits", "{\"max-queues\":\"many\"}");
    assert_int_equal(atomic_load(&vhost->limits.queues_max), 3);
    check_list("", "vhost-limits/limits={\"max-queues\":\"many\"};");
    restore("vhost-limits", "limits", "{max");
    check_list("", "vhost-limits/limits={\"max-queues\":\"many\"};");
}

static void parameters_are_visited_by_component_and_name_or_those_of_one_component(void **state)
{
    (void)state;
    restore("shovel", "b", "2");
    restore("shovel", "a", "1");
    restore("federation", "z", "3");
    check_list("", "federation/z=3;shovel/a=1;shovel/b=2;");
    check_list("shovel", "shovel/a=1;shovel/b=2;");
    check_list("nothing", "");
}

/* --- global ones ------------------------------------------------------------------------------ */

static int set_global(const char *name, const char *value)
{
    return global_parameter_set(broker, slice_str(name), slice_str(value), NOBODY);
}

static void global_parameters_have_any_name_and_any_json(void **state)
{
    (void)state;
    assert_int_equal(set_global("b", "{\"y\":1,\"x\":null}"), 0);
    assert_int_equal(set_global("a", "\"text\""), 0);
    assert_int_equal(set_global("a", "7"), 0);
    assert_int_equal(set_global("c", "no json"), ERR_FORMAT);
    check_globals("a=7;b={\"x\":null,\"y\":1};");
    assert_int_equal(global_parameter_clear(broker, slice_str("a"), NOBODY), 0);
    assert_int_equal(global_parameter_clear(broker, slice_str("a"), NOBODY), ERR_NOT_FOUND);
    check_globals("b={\"x\":null,\"y\":1};");
}

static void the_clusters_name_is_the_configured_one_unless_a_text_is_set(void **state)
{
    (void)state;
    assert_true(slice_is(cluster_name_now(broker, "configured"), "configured"));
    assert_int_equal(set_global("cluster_name", "\"set\""), 0);
    assert_true(slice_is(cluster_name_now(broker, "configured"), "set"));
    assert_int_equal(set_global("cluster_name", "5"), 0);
    assert_true(slice_is(cluster_name_now(broker, "configured"), "configured"));
    global_parameter_restore(broker, &(struct definition_global_parameter){
                                         slice_str("cluster_name"), slice_str("\"restored\"")});
    assert_true(slice_is(cluster_name_now(broker, "configured"), "restored"));
    assert_int_equal(global_parameter_clear(broker, slice_str("cluster_name"), NOBODY), 0);
    assert_true(slice_is(cluster_name_now(broker, "configured"), "configured"));
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        T(a_value_is_kept_with_its_keys_in_order),
        T(a_second_value_replaces_the_first),
        T(what_is_set_already_is_not_set_again_and_done_is_not_called),
        T(a_value_that_is_not_json_is_refused),
        T(an_unknown_component_is_refused_by_name),
        T(policies_are_not_set_as_parameters_but_operator_policies_are),
        T(what_is_not_there_is_not_cleared),
        T(a_vhost_that_has_been_deleted_takes_no_parameters),
        T(an_unknown_component_is_kept_when_it_is_restored_and_can_be_cleared),
        T(a_restored_value_takes_effect_only_if_it_could_have_been_set),
        T(parameters_are_visited_by_component_and_name_or_those_of_one_component),
        T(global_parameters_have_any_name_and_any_json),
        T(the_clusters_name_is_the_configured_one_unless_a_text_is_set),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
