/* Lists in headers. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "http/http.h"

static bool accepts_gzip(const char *header)
{
    static const char *const words[] = {"gzip", "x-gzip", "*", NULL};
    return http_list_has(slice_str(header), words);
}

static void a_word_is_found_in_a_list_unless_its_quality_is_zero(void **state)
{
    (void)state;
    assert_true(accepts_gzip("gzip"));
    assert_true(accepts_gzip("deflate, GZIP;q=1.0"));
    assert_true(accepts_gzip("deflate;q=0 ,\tX-Gzip ; a=b; q=0.001"));
    assert_true(accepts_gzip("*"));
    assert_false(accepts_gzip(""));
    assert_false(accepts_gzip("identity"));
    assert_false(accepts_gzip("gzip;q=0"));
    assert_false(accepts_gzip("gzip;q=0.000"));
    assert_false(accepts_gzip("gzippy"));
    assert_false(accepts_gzip(",;,;q"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_word_is_found_in_a_list_unless_its_quality_is_zero),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
