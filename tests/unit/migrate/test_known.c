/* The lists of what Leveret knows are those of the broker. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>
#include <jansson.h>

#include "auth/password.h"
#include "broker/parameters.h"
#include "migrate/known.h"
#include "queue/queue_arguments.h"
#include "topology/exchange.h"
#include "topology/policy_keys.h"

static size_t count_of(const char *const *list)
{
    size_t n = 0;
    while (list[n])
        n++;
    return n;
}

static void exchange_types_are_those_of_the_broker(void **state)
{
    (void)state;
    size_t n = 0;
    for (const char *name; (name = exchange_type_name(n)) != NULL; n++)
        if (!is_known(name, known_exchange_types))
            fail_msg("%s is missing", name);
    assert_int_equal(count_of(known_exchange_types), n);
}

static void hashes_are_those_of_the_broker(void **state)
{
    (void)state;
    enum password_algorithm algorithm;
    for (size_t n = 0; known_hashes[n]; n++)
        assert_int_equal(password_algorithm_of(slice_str(known_hashes[n]), &algorithm), 0);
    assert_int_equal(count_of(known_hashes), PASSWORD_ALGORITHM_COUNT);
}

static void components_of_parameters_are_those_of_the_broker(void **state)
{
    (void)state;
    static const char *const others[] = {"shovel", "federation-upstream",
                                         "federation-upstream-set"};
    for (size_t n = 0; known_components[n]; n++)
        if (strcmp(known_components[n], "operator_policy") != 0)
            assert_true(parameter_has_component(slice_str(known_components[n])));
    for (size_t n = 0; n < sizeof others / sizeof *others; n++)
        assert_false(parameter_has_component(slice_str(others[n])));
}

/* Returns whether a policy may have the key: what is wrong with its value is another sentence. */
static bool has_policy_key(const char *key)
{
    struct lv_buffer reason = {0};
    json_t *definition = json_pack("{s:n}", key);
    bool is_valid = policy_check_definition(definition, POLICY_ORDINARY, &reason);
    lv_buffer_add_u8(&reason, '\0');
    bool is_there = is_valid || !strstr((const char *)reason.p, "not recognised");
    json_decref(definition);
    lv_buffer_free(&reason);
    return is_there;
}

static void keys_of_policies_are_those_of_the_broker(void **state)
{
    (void)state;
    for (size_t n = 0; known_policy_keys[n]; n++)
        if (!has_policy_key(known_policy_keys[n]))
            fail_msg("%s is unknown", known_policy_keys[n]);
    assert_false(has_policy_key("x-unheard-of"));
}

static void arguments_of_queues_are_those_of_the_broker(void **state)
{
    (void)state;
    for (size_t n = 0; known_queue_arguments[n]; n++)
        if (!queue_argument_is_known(slice_str(known_queue_arguments[n])))
            fail_msg("%s is unknown", known_queue_arguments[n]);
    assert_false(queue_argument_is_known(slice_str("x-unheard-of")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(exchange_types_are_those_of_the_broker),
        cmocka_unit_test(hashes_are_those_of_the_broker),
        cmocka_unit_test(components_of_parameters_are_those_of_the_broker),
        cmocka_unit_test(keys_of_policies_are_those_of_the_broker),
        cmocka_unit_test(arguments_of_queues_are_those_of_the_broker),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
