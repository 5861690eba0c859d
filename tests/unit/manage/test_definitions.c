/* Reading files of definitions: what is in their rows, what is wrong with them, what is ignored. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "manage/definitions_rows.h"
#include "wire/table.h"

struct read {
    struct definitions_report report;
    struct definitions_file file;
    struct manage_error error;
};

static bool read_in(struct read *r, const char *text, const struct slice *vhost)
{
    const struct definitions_source source = {.text = slice_str(text)};
    const struct definitions_import what = {.sources = &source, .source_count = 1, .vhost = vhost};
    *r = (struct read){0};
    return definitions_read(&what, &r->report, &r->file, &r->error);
}

static void read_end(struct read *r)
{
    definitions_report_free(&r->report);
    definitions_file_free(&r->file);
    manage_error_free(&r->error);
}

static void assert_text(const struct lv_buffer *text, const char *wanted)
{
    char *got = slice_strdup(lv_buffer_slice(text));
    assert_string_equal(got, wanted);
    free(got);
}

static void assert_faults(const char *text, const char *wanted)
{
    struct read r;
    assert_true(read_in(&r, text, NULL));
    assert_text(&r.report.faults, wanted);
    read_end(&r);
}

static void assert_malformed(const char *text, const char *wanted)
{
    struct read r;
    assert_false(read_in(&r, text, NULL));
    assert_int_equal(r.error.refusal, REFUSAL_MALFORMED);
    assert_text(&r.error.text, wanted);
    read_end(&r);
}

static void a_text_that_is_not_json_is_refused_with_the_place(void **state)
{
    (void)state;
    assert_malformed("", "not JSON: line 1, column 1: unexpected token near end of file");
    assert_malformed("[1", "definitions are an object, not a list");
    assert_malformed("null", "definitions are an object, not null");
    static const struct {
        const char *text, *wanted;
    } wrong[] = {
        {"{\n \"queues\": [}", "line 2, column 13: unexpected '}'"},
        {"{\n \"\303\244\": x}", "line 2, column 7: invalid token near 'x'"},
        {"{\"a\":}", "line 1, column 6: a value was expected"},
        {"{\"a\" 1}", "line 1, column 6: ':' was expected"},
        {"{a:1}", "line 1, column 2: a name in quotes was expected"},
        {"{\"a\":1 \"b\":2}", "line 1, column 8: ',' or '}' was expected"},
        {"{\"a\":1,}", "line 1, column 8: a name in quotes was expected"},
        {"{\"a\":1", "line 1, column 7: ',' or '}' was expected, and the text ends"},
        {"{} x", "line 1, column 4: the end of the text was expected"},
        {"{\"hats\":[1,]}", "line 1, column 12: unexpected token near ']'"},
        {"{\"users\":[1,]}", "line 1, column 13: a value was expected"},
        {"{\"users\":[1 2]}", "line 1, column 13: ',' or ']' was expected"},
        {"{\"users\":[{\"name\":tru}]}", "line 1, column 21: invalid token near 'tru'"},
        {"{\"users\":[{\"name\":\"}", "line 1, column 21: an object or a list is open, and the "
                                      "text ends"},
        {"{\"users\":[\n\n{\"name\":1 2}]}", "line 3, column 11: '}' expected near '2'"},
    };
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        struct lv_buffer wanted = {0};
        lv_buffer_printf(&wanted, "not JSON: %s", wrong[i].wanted);
        assert_malformed(wrong[i].text, (const char *)wanted.p);
        lv_buffer_free(&wanted);
    }
}

/* What a parser would need for a large file is far more than the file. */
static void memory_is_needed_for_rows_and_one_object(void **state)
{
    (void)state;
    struct lv_buffer text = {0};
    lv_buffer_printf(&text, "{\"queues\":[");
    for (unsigned i = 0; i < 200000; i++)
        lv_buffer_printf(&text,
                         "%s{\"name\":\"queue-%u\",\"vhost\":\"/\",\"durable\":true,"
                         "\"auto_delete\":false,\"arguments\":{\"x-max-length\":%u}}",
                         i ? "," : "", i, i);
    lv_buffer_printf(&text, "]}");
    size_t needed = definitions_memory(lv_buffer_slice(&text));
    assert_true(needed > text.n && needed < 3 * text.n);
    lv_buffer_free(&text);
}

static void deep_nesting_is_refused_before_it_is_parsed(void **state)
{
    (void)state;
    char text[2 * DEFINITIONS_DEPTH_MAX + 16] = "{\"a\":";
    struct read r;
    memset(text + strlen(text), '[', DEFINITIONS_DEPTH_MAX);
    assert_false(read_in(&r, text, NULL));
    assert_int_equal(r.error.refusal, REFUSAL_MALFORMED);
    assert_non_null(strstr((char *)r.error.text.p, "nested deeper than 100"));
    read_end(&r);
    assert_true(read_in(&r, "{\"a\":\"[[[[\\\"[[\"}", NULL)); /* brackets in a string are text */
    read_end(&r);
}

static void each_fault_says_where_it_is(void **state)
{
    (void)state;
    assert_faults("{\"queues\":[{\"vhost\":\"v\",\"name\":\"a\"},"
                  "{\"vhost\":\"v\",\"name\":\"q\",\"durable\":1,\"arguments\":5},"
                  "{\"vhost\":\"v\"},7],"
                  "\"bindings\":[{\"vhost\":\"v\",\"source\":\"x\",\"destination\":\"y\","
                  "\"routing_key\":\"\"}],"
                  "\"users\":[{\"name\":\"u\"},{\"name\":\"\",\"tags\":[]}],"
                  "\"vhosts\":{}}",
                  "users[0] 'u': tags is missing\n"
                  "users[1] '': name is empty\n"
                  "vhosts: expected a list, got an object\n"
                  "queues[1] 'q' in vhost 'v': durable: expected true or false, got a number\n"
                  "queues[1] 'q' in vhost 'v': arguments: expected an object, got a number\n"
                  "queues[2] '' in vhost 'v': name is missing\n"
                  "queues[3]: expected an object, got a number\n"
                  "bindings[0] from 'x' to 'y' in vhost 'v': destination_type is missing\n");
}

static void fields_that_are_missing_have_defaults(void **state)
{
    (void)state;
    struct read r;
    assert_true(read_in(&r,
                        "{\"queues\":[{\"vhost\":\"v\",\"name\":\"q\"}],"
                        "\"policies\":[{\"vhost\":\"v\",\"name\":\"p\",\"pattern\":\"\","
                        "\"definition\":{\"max-length\":1}}]}",
                        NULL));
    const struct defined_queue *q = (void *)defined_at(&r.file.lists[DEFINED_QUEUES], 0);
    const struct defined_policy *p = (void *)defined_at(&r.file.lists[DEFINED_POLICIES], 0);
    assert_true(q->is_durable && !q->is_auto_delete && q->arguments.n == 0);
    assert_true(slice_is(p->apply_to, "all") && p->priority == 0);
    assert_true(slice_is(p->text, "{\"max-length\":1}"));
    assert_int_equal(r.report.fault_count, 0);
    read_end(&r);
}

static void unknown_fields_are_noted_once(void **state)
{
    (void)state;
    struct read r;
    assert_true(read_in(&r,
                        "{\"hats\":[],\"rabbit_version\":\"4.1.0\",\"queues\":["
                        "{\"vhost\":\"v\",\"name\":\"a\",\"colour\":1,\"type\":\"classic\"},"
                        "{\"vhost\":\"v\",\"name\":\"b\",\"colour\":2}]}",
                        NULL));
    assert_text(&r.report.notes, "the unknown key 'hats' is ignored\n"
                                 "queues: the unknown field 'colour' is ignored\n");
    assert_int_equal(r.report.note_count, 2);
    assert_int_equal(r.report.fault_count, 0);
    read_end(&r);
}

static void in_one_vhost_rows_need_not_name_it(void **state)
{
    (void)state;
    struct read r;
    const struct slice vhost = slice_str("here");
    assert_true(read_in(&r,
                        "{\"queues\":[{\"name\":\"a\"},{\"name\":\"b\",\"vhost\":\"there\"}],"
                        "\"users\":[{\"name\":\"u\"}]}",
                        &vhost));
    for (size_t i = 0; i < 2; i++)
        assert_true(slice_is(defined_at(&r.file.lists[DEFINED_QUEUES], i)->vhost, "here"));
    assert_int_equal(r.file.lists[DEFINED_USERS].count, 0);
    assert_text(&r.report.notes, "users: ignored, as they do not belong to a vhost\n");
    assert_int_equal(r.report.fault_count, 0);
    read_end(&r);
}

static void tags_are_a_list_or_a_text(void **state)
{
    (void)state;
    struct read r;
    assert_true(read_in(&r,
                        "{\"users\":[{\"name\":\"a\",\"tags\":[\"x\",\"y\"]},"
                        "{\"name\":\"b\",\"tags\":\" x, y,,\"},{\"name\":\"c\",\"tags\":\"\"}],"
                        "\"vhosts\":[{\"name\":\"v\",\"tags\":[\"t\"],"
                        "\"metadata\":{\"description\":\"d\",\"tags\":[\"u\",\"w\"]}}]}",
                        NULL));
    static const char *const wanted[] = {"x,y", "x,y", ""};
    for (size_t i = 0; i < 3; i++) {
        const struct defined_user *u = (void *)defined_at(&r.file.lists[DEFINED_USERS], i);
        assert_true(slice_is(u->tags, wanted[i]));
    }
    const struct defined_vhost *v = (void *)defined_at(&r.file.lists[DEFINED_VHOSTS], 0);
    assert_true(slice_is(v->tags, "u,w") && slice_is(v->description, "d"));
    assert_int_equal(r.report.fault_count, 0);
    read_end(&r);
}

/* rabbitmqctl of 3.10 writes an object within another one as a list of pairs. */
static void objects_may_be_lists_of_pairs(void **state)
{
    (void)state;
    struct read r;
    assert_true(read_in(&r,
                        "{\"vhosts\":[{\"name\":\"v\",\"limits\":[[\"max-queues\",5]]}],"
                        "\"parameters\":[{\"vhost\":\"v\",\"component\":\"operator_policy\","
                        "\"name\":\"o\",\"value\":{\"definition\":[[\"max-length\",7]]}}]}",
                        NULL));
    const struct defined_vhost *v = (void *)defined_at(&r.file.lists[DEFINED_VHOSTS], 0);
    const struct defined_parameter *p = (void *)defined_at(&r.file.lists[DEFINED_PARAMETERS], 0);
    assert_int_equal(json_integer_value(json_object_get(v->limits, "max-queues")), 5);
    assert_true(slice_is(p->text, "{\"definition\":{\"max-length\":7}}"));
    read_end(&r);
}

static void faults_of_several_files_name_the_file(void **state)
{
    (void)state;
    const struct definitions_source sources[] = {
        {"a.json", slice_str("{\"vhosts\":[{\"name\":\"v\"}]}")},
        {"b.json", slice_str("{\"vhosts\":[{\"name\":\"w\"},{}]}")},
    };
    const struct definitions_import what = {.sources = sources, .source_count = 2};
    struct read r = {0};
    assert_true(definitions_read(&what, &r.report, &r.file, &r.error));
    assert_text(&r.report.faults, "b.json: vhosts[1] '': name is missing\n");
    assert_int_equal(r.file.lists[DEFINED_VHOSTS].count, 3);
    assert_int_equal(defined_at(&r.file.lists[DEFINED_VHOSTS], 1)->index, 0);
    read_end(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_text_that_is_not_json_is_refused_with_the_place),
        cmocka_unit_test(memory_is_needed_for_rows_and_one_object),
        cmocka_unit_test(deep_nesting_is_refused_before_it_is_parsed),
        cmocka_unit_test(each_fault_says_where_it_is),
        cmocka_unit_test(fields_that_are_missing_have_defaults),
        cmocka_unit_test(unknown_fields_are_noted_once),
        cmocka_unit_test(in_one_vhost_rows_need_not_name_it),
        cmocka_unit_test(tags_are_a_list_or_a_text),
        cmocka_unit_test(objects_may_be_lists_of_pairs),
        cmocka_unit_test(faults_of_several_files_name_the_file),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
