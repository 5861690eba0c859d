/* What the plugins of RabbitMQ are to Leveret. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "base/rabbitmq_plugins.h"

static void a_plugin_is_built_in_or_missing_or_unknown(void **state)
{
    (void)state;
    assert_int_equal(plugin_kind("rabbitmq_management"), PLUGIN_BUILT_IN);
    assert_int_equal(plugin_kind("amqp_client"), PLUGIN_BUILT_IN);
    assert_int_equal(plugin_kind("rabbitmq_auth_backend_ldap"), PLUGIN_AUTH);
    assert_int_equal(plugin_kind("rabbitmq_mqtt"), PLUGIN_MISSING);
    assert_int_equal(plugin_kind("our_own_plugin"), PLUGIN_UNKNOWN);
    assert_true(plugin_is_part(PLUGIN_BUILT_IN) && plugin_is_part(PLUGIN_AUTH));
    assert_false(plugin_is_part(PLUGIN_MISSING) || plugin_is_part(PLUGIN_UNKNOWN));
}

static void plugins_are_in_the_order_of_their_names(void **state)
{
    (void)state;
    for (const struct rabbitmq_plugin *p = rabbitmq_plugins; p[0].name && p[1].name; p++)
        assert_true(strcmp(p[0].name, p[1].name) < 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_plugin_is_built_in_or_missing_or_unknown),
        cmocka_unit_test(plugins_are_in_the_order_of_their_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
