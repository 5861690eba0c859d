/* Forms: parts are found by their names, whatever else is in them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "api/multipart.h"

#define FORM "multipart/form-data; boundary=b"
#define PART(headers, content) "--b\r\n" headers "\r\n\r\n" content "\r\n"
#define NAMED(name, content) PART("Content-Disposition: form-data; name=\"" name "\"", content)

static void assert_part(const char *type, const char *body, const char *name, const char *wanted)
{
    struct slice found = SLICE_EMPTY;
    bool is_there = multipart_find(slice_str(type), slice_str(body), name, &found);
    assert_int_equal(is_there, wanted != NULL);
    if (wanted)
        assert_true(slice_is(found, wanted));
}

static void parts_are_found_by_name(void **state)
{
    (void)state;
    const char *body = NAMED("a", "1") NAMED("b", "") NAMED("a", "2") "--b--\r\n";
    assert_part(FORM, body, "a", "1");
    assert_part(FORM, body, "b", "");
    assert_part(FORM, body, "c", NULL);
}

static void a_file_name_is_no_name(void **state)
{
    (void)state;
    const char *body = PART("content-type: x/y\r\ncontent-disposition: form-data; "
                            "filename=\"a; name=file\"; name=\"other\"",
                            "1") NAMED("file", "2") "--b--";
    assert_part(FORM, body, "file", "2");
    assert_part(FORM, body, "other", "1");
}

static void the_boundary_may_be_quoted_and_have_a_preamble(void **state)
{
    (void)state;
    assert_part("Multipart/Form-Data; charset=utf-8; boundary=\"b\"",
                "preamble\r\n" NAMED("a", "x\r\n--c") "--b--", "a", "x\r\n--c");
}

static void what_is_not_a_form_has_no_parts(void **state)
{
    (void)state;
    assert_part("application/json", NAMED("a", "1") "--b--", "a", NULL);
    assert_part("multipart/form-data", NAMED("a", "1") "--b--", "a", NULL);
    assert_part(FORM, "--b\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\n1", "a", NULL);
    assert_part(FORM, "--b--" NAMED("a", "1"), "a", NULL);
    assert_part(FORM, "", "a", NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(parts_are_found_by_name),
        cmocka_unit_test(a_file_name_is_no_name),
        cmocka_unit_test(the_boundary_may_be_quoted_and_have_a_preamble),
        cmocka_unit_test(what_is_not_a_form_has_no_parts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
