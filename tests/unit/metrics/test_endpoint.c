/* What the headers of a scrape ask for, and compression. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "metrics/endpoint.h"
#include "metrics/gzip_sink.h"

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

static void gzip_is_used_if_it_is_accepted(void **state)
{
    (void)state;
    assert_true(accepts_gzip(S("gzip")));
    assert_true(accepts_gzip(S("deflate, GZIP;q=1.0")));
    assert_false(accepts_gzip(SLICE_EMPTY));
    assert_false(accepts_gzip(S("identity")));
    assert_false(accepts_gzip(S("gzip;q=0.000")));
    assert_false(accepts_gzip(S("gzippy")));
}

static bool take(void *arg, struct slice bytes)
{
    lv_buffer_add_slice(arg, bytes);
    return true;
}

static void what_is_compressed_is_the_same_again(void **state)
{
    (void)state;
    struct gzip_sink sink;
    struct lv_buffer packed = {0}, text = {0}, again = {0};
    gzip_sink_begin(&sink, take, &packed);
    for (unsigned i = 0; i < 20000; i++) {
        size_t before = text.n;
        lv_buffer_printf(&text, "rabbitmq_queue_messages{queue=\"q%u\"} %u\n", i, i * 7);
        assert_true(gzip_sink_write(&sink, slice_of(text.p + before, text.n - before)));
    }
    gzip_sink_end(&sink);
    assert_in_range(packed.n, 1, text.n / 4);
    z_stream z = {.next_in = packed.p, .avail_in = (uInt)packed.n};
    assert_int_equal(inflateInit2(&z, 15 + 16), Z_OK);
    z.next_out = lv_buffer_reserve(&again, text.n + 1);
    z.avail_out = (uInt)text.n + 1;
    assert_int_equal(inflate(&z, Z_FINISH), Z_STREAM_END);
    assert_int_equal(z.total_out, text.n);
    assert_memory_equal(again.p, text.p, text.n);
    inflateEnd(&z);
    lv_buffer_free(&packed);
    lv_buffer_free(&text);
    lv_buffer_free(&again);
}

static bool refuse(void *arg, struct slice bytes)
{
    (void)bytes;
    ++*(unsigned *)arg;
    return false;
}

static void nothing_more_is_written_to_a_client_that_has_gone(void **state)
{
    (void)state;
    struct gzip_sink sink;
    unsigned writes = 0;
    static uint8_t bytes[1024 * 1024];
    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (uint8_t)(i * i >> 7);
    gzip_sink_begin(&sink, refuse, &writes);
    gzip_sink_write(&sink, slice_of(bytes, sizeof bytes));
    assert_false(gzip_sink_write(&sink, slice_of(bytes, sizeof bytes)));
    gzip_sink_end(&sink);
    assert_int_equal(writes, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(text_is_accepted_by_its_name_or_by_a_star),
        cmocka_unit_test(gzip_is_used_if_it_is_accepted),
        cmocka_unit_test(what_is_compressed_is_the_same_again),
        cmocka_unit_test(nothing_more_is_written_to_a_client_that_has_gone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
