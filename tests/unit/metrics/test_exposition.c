/* Prometheus' text format. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>

#include "metrics/exposition.h"

static bool take(void *arg, struct slice bytes)
{
    lv_buffer_add_slice(arg, bytes);
    return true;
}

static void assert_text(struct lv_buffer *text, const char *wanted)
{
    lv_buffer_add_u8(text, 0);
    assert_string_equal((const char *)text->p, wanted);
    lv_buffer_free(text);
}

static void a_metric_has_its_type_its_help_and_its_samples(void **state)
{
    (void)state;
    struct lv_buffer text = {0}, labels = {0};
    struct exposition e = {.write = take, .arg = &text};
    const struct metric_name name = {"rabbitmq_", "queues"};
    exposition_begin(&e, name, METRIC_GAUGE, "Queues");
    exposition_sample(&e, name, SLICE_EMPTY, 3);
    label_add(&labels, "vhost", slice_str("/"));
    label_add(&labels, "queue", slice_str("q"));
    exposition_sample(&e, name, lv_buffer_slice(&labels), 0.25);
    assert_true(exposition_end(&e));
    assert_text(&text, "# TYPE rabbitmq_queues gauge\n"
                       "# HELP rabbitmq_queues Queues\n"
                       "rabbitmq_queues 3\n"
                       "rabbitmq_queues{vhost=\"/\",queue=\"q\"} 0.25\n");
    lv_buffer_free(&labels);
}

static void a_label_may_have_any_bytes(void **state)
{
    (void)state;
    struct lv_buffer labels = {0};
    label_add(&labels, "queue", slice_str("a\\b\"c\nd\xc3\xa9"));
    assert_text(&labels, "queue=\"a\\\\b\\\"c\\nd\xc3\xa9\"");
    label_add(&labels, "queue", slice_str("a\xff\xc3"));
    assert_text(&labels, "queue=\"a??\"");
}

static void assert_number(double value, const char *wanted)
{
    struct lv_buffer text = {0};
    exposition_number(&text, value);
    assert_text(&text, wanted);
}

static void numbers_are_written_exactly(void **state)
{
    (void)state;
    assert_number(0, "0");
    assert_number(42, "42");
    assert_number(-1, "-1");
    assert_number(9007199254740991.0, "9007199254740991");
    assert_number(0.1, "0.1");
    assert_number(1.0 / 3, "0.33333333333333331");
    assert_number(1e300, "1e+300");
    assert_number(NAN, "NaN");
    assert_number(INFINITY, "+Inf");
    assert_number(-INFINITY, "-Inf");
}

static void a_histogram_counts_what_is_at_most_as_large_as_each_bound(void **state)
{
    (void)state;
    struct lv_buffer text = {0};
    struct exposition e = {.write = take, .arg = &text};
    const struct metric_name name = {"", "h"};
    const struct histogram_counts counts = {
        .bounds = 2, .bound = {0.5, 100}, .count = {1, 2, 4}, .sum = 1234};
    exposition_histogram(&e, name, slice_str("a=\"b\""), &counts);
    exposition_end(&e);
    assert_text(&text, "h_bucket{a=\"b\",le=\"0.5\"} 1\n"
                       "h_bucket{a=\"b\",le=\"100\"} 3\n"
                       "h_bucket{a=\"b\",le=\"+Inf\"} 7\n"
                       "h_sum{a=\"b\"} 1234\n"
                       "h_count{a=\"b\"} 7\n");
}

struct slow {
    size_t writes, largest;
};

static bool take_two(void *arg, struct slice bytes)
{
    struct slow *s = arg;
    s->writes++;
    s->largest = bytes.n > s->largest ? bytes.n : s->largest;
    return s->writes < 2;
}

static void a_long_text_is_handed_over_in_pieces_until_no_more_is_wanted(void **state)
{
    (void)state;
    struct slow slow = {0};
    struct exposition e = {.write = take_two, .arg = &slow};
    const struct metric_name name = {"", "m"};
    for (unsigned i = 0; i < 100000; i++)
        exposition_sample(&e, name, slice_str("queue=\"q\""), i);
    assert_false(exposition_end(&e));
    assert_int_equal(slow.writes, 2);
    assert_in_range(slow.largest, 1, 65 * 1024);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_metric_has_its_type_its_help_and_its_samples),
        cmocka_unit_test(a_label_may_have_any_bytes),
        cmocka_unit_test(numbers_are_written_exactly),
        cmocka_unit_test(a_histogram_counts_what_is_at_most_as_large_as_each_bound),
        cmocka_unit_test(a_long_text_is_handed_over_in_pieces_until_no_more_is_wanted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
