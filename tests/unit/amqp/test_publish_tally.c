/* What a channel has published to each exchange. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>

#include "amqp/publish_tally.h"

#define S(text) slice_str(text)

static void each_exchange_has_a_tally(void **state)
{
    (void)state;
    struct publish_tallies t = {0};
    assert_null(tallies_current(&t));
    tallies_count(&t, SLICE_EMPTY);
    tallies_count(&t, S("a"));
    tallies_count(&t, S("a"));
    assert_int_equal(t.current, 1);
    tallies_count(&t, SLICE_EMPTY);
    assert_int_equal(t.current, 0);
    assert_int_equal(tallies_find(&t, SLICE_EMPTY)->publish, 2);
    assert_int_equal(tallies_find(&t, S("a"))->publish, 2);
    assert_null(tallies_find(&t, S("b")));
    tallies_free(&t);
}

static void what_is_published_to_too_many_exchanges_has_none(void **state)
{
    (void)state;
    struct publish_tallies t = {0};
    char name[16];
    for (unsigned i = 0; i < TALLIES_MAX + 3; i++) {
        snprintf(name, sizeof name, "x%u", i);
        tallies_count(&t, S(name));
    }
    assert_int_equal(t.count, TALLIES_MAX);
    assert_null(tallies_current(&t));
    assert_int_equal(t.current, TALLIES_MAX);
    tallies_count(&t, S("x0"));
    assert_int_equal(tallies_current(&t)->publish, 2);
    tallies_free(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_exchange_has_a_tally),
        cmocka_unit_test(what_is_published_to_too_many_exchanges_has_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
