/* What the headers of a scrape ask for. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "metrics/endpoint.h"

#define S(text) slice_str(text)

static void text_is_accepted_by_its_name_or_by_a_star(void **state)
{
    (void)state;
    assert_true(accepts_text(SLICE_EMPTY));
    assert_true(accepts_text(S("*/*")));
    assert_true(accepts_text(S("text/plain;version=0.0.4")));
    assert_true(accepts_text(S("application/openmetrics-text;version=1.0.0,text/plain;"
                               "version=0.0.4;q=0.3,*/*;q=0.1")));
    assert_true(accepts_text(S("text/html , Text/*; q=0.5")));
    assert_false(accepts_text(S("application/openmetrics-text; version=1.0.0")));
    assert_false(accepts_text(S("text/plain;q=0, text/html")));
    assert_false(accepts_text(S(",;,;q")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(text_is_accepted_by_its_name_or_by_a_star),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
