#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/buffer.h"
#include "base/error.h"
#include "store/format_page.h"
#include "store/log_records.h"

enum { NUMBER = 7, ROOM = 4096 };

static const uint64_t salt = UINT64_C(0x1122334455667788);

/* --- writing ---------------------------------------------------------------------------------- */

/* A file in memory, to which sealed and bound records are appended. */
struct page {
    uint8_t bytes[ROOM];
    size_t n;
};

static void page_add(struct page *page, enum log_type type, size_t length)
{
    uint8_t *record = page->bytes + page->n;
    log_record_seal(record, type, length);
    log_record_bind(record, log_file_key(salt, NUMBER), page->n);
    page->n += log_record_bytes(record);
}

static const struct log_message hello = {
    .exchange = {(const uint8_t *)"shop", 4},
    .routing_key = {(const uint8_t *)"order.new", 9},
    .header = {(const uint8_t *)"\x10\x00\x02", 3},
    .body = {(const uint8_t *)"a hare", 6},
    .is_persistent = true,
};

static void page_enqueue(struct page *page)
{
    uint8_t *record = page->bytes + page->n;
    size_t length = (size_t)log_enqueue_bytes(&hello);
    log_put_enqueue(record, &hello);
    length = log_put_target(record, length, 42, 192, 0, 0);
    length = log_put_target(record, length, 43, 9, LOG_DELIVERED, 0);
    page_add(page, LOG_ENQUEUE, length);
}

static void page_settle(struct page *page)
{
    uint8_t *record = page->bytes + page->n;
    memset(record, 0, LOG_RECORD_HEADER_BYTES);
    log_put_range(record + 16, 42, (struct log_range){100, 64});
    log_put_range(record + 40, 43, (struct log_range){3, 1});
    page_add(page, LOG_SETTLE, 16 + 2 * LOG_RANGE_BYTES);
}

/* The example of docs/formats/log.md. */
static void page_example(struct page *page)
{
    memset(page, 0, sizeof *page);
    log_put_file_header(page->bytes, &(struct log_file_header){LOG_FORMAT_VERSION, NUMBER, salt});
    log_put_batch(
        page->bytes + 64,
        &(struct log_batch){.synced = {6, 9000}, .previous = {6, 9000}, .floor = 5, .bytes = 216});
    log_record_bind(page->bytes + 64, log_file_key(salt, NUMBER), 64);
    page->n = 128;
    page_enqueue(page);
    page_settle(page);
}

/* --- reading ---------------------------------------------------------------------------------- */

static void text_message(struct lv_buffer *out, const struct log_message *m)
{
    lv_buffer_printf(out, " %.*s/%.*s/%zu/%.*s%s", SLICE_ARG(m->exchange),
                     SLICE_ARG(m->routing_key), m->header.n, SLICE_ARG(m->body),
                     m->is_persistent ? " persistent" : "");
    if (m->format)
        lv_buffer_printf(out, " format %u", m->format);
}

static void text_deadline(struct lv_buffer *out, const struct log_carried *c)
{
    if (c->deadline_ms)
        lv_buffer_printf(out, " until %llu", (unsigned long long)c->deadline_ms);
}

static void text_count(void *arg, uint64_t file, uint64_t queue, struct log_count count)
{
    (void)file;
    lv_buffer_printf(arg, "queue %llu sequence %llu came back %u\n", (unsigned long long)queue,
                     (unsigned long long)count.sequence, count.count);
}

static void text_enqueue(void *arg, uint64_t file, uint64_t queue, const struct log_carried *c)
{
    lv_buffer_printf(arg, "enqueue file %llu queue %llu sequence %llu flags %u",
                     (unsigned long long)file, (unsigned long long)queue,
                     (unsigned long long)c->sequence, c->flags);
    text_deadline(arg, c);
    text_message(arg, &c->message);
    lv_buffer_add_u8(arg, '\n');
}

static void text_settle(void *arg, uint64_t queue, uint64_t from, uint64_t count)
{
    lv_buffer_printf(arg, "settle queue %llu %llu+%llu\n", (unsigned long long)queue,
                     (unsigned long long)from, (unsigned long long)count);
}

static void text_delivered(void *arg, uint64_t file, uint64_t queue, uint64_t below)
{
    (void)file;
    lv_buffer_printf(arg, "delivered queue %llu below %llu\n", (unsigned long long)queue,
                     (unsigned long long)below);
}

static void text_segment_gone(void *arg, uint64_t queue, uint64_t number)
{
    lv_buffer_printf(arg, "segment gone queue %llu number %llu\n", (unsigned long long)queue,
                     (unsigned long long)number);
}

static void text_queue_gone(void *arg, uint64_t queue)
{
    lv_buffer_printf(arg, "queue gone %llu\n", (unsigned long long)queue);
}

static void text_snapshot(void *arg, uint64_t file, const struct log_snapshot *s)
{
    lv_buffer_printf(arg, "snapshot file %llu queue %llu next %llu delivered %llu\n",
                     (unsigned long long)file, (unsigned long long)s->queue,
                     (unsigned long long)s->next_sequence, (unsigned long long)s->delivered_below);
    for (size_t i = 0; i < s->segment_count; i++) {
        const struct log_segment *g = &s->segments[i];
        lv_buffer_printf(arg, "  segment %llu %llu..%llu %llu bytes, %llu live in %llu:",
                         (unsigned long long)g->number, (unsigned long long)g->first_sequence,
                         (unsigned long long)g->end_sequence, (unsigned long long)g->bytes,
                         (unsigned long long)g->persistent_live,
                         (unsigned long long)g->persistent_bytes);
        for (size_t j = 0; j < g->live_count; j++)
            lv_buffer_printf(arg, " %llu+%llu", (unsigned long long)g->live[j].from,
                             (unsigned long long)g->live[j].count);
        lv_buffer_add_u8(arg, '\n');
    }
    for (size_t i = 0; i < s->carried_count; i++) {
        lv_buffer_printf(arg, "  carried %llu flags %u", (unsigned long long)s->carried[i].sequence,
                         s->carried[i].flags);
        text_deadline(arg, &s->carried[i]);
        text_message(arg, &s->carried[i].message);
        lv_buffer_add_u8(arg, '\n');
    }
    if (s->has_deadlines)
        lv_buffer_printf(arg, "  deadlines in segments\n");
    for (size_t i = 0; i < s->count_count; i++)
        lv_buffer_printf(arg, "%s %llu*%u%s", i == 0 ? "  came back" : "",
                         (unsigned long long)s->counts[i].sequence, s->counts[i].count,
                         i + 1 == s->count_count ? "\n" : "");
}

static void text_queue(void *arg, const struct log_queue *q)
{
    lv_buffer_printf(arg, "queue %llu is %.*s in %.*s, %zu bytes of arguments%s\n",
                     (unsigned long long)q->queue, SLICE_ARG(q->name), SLICE_ARG(q->vhost),
                     q->arguments.n, q->is_auto_delete ? ", auto-delete" : "");
}

static const struct log_visitor texts = {
    .enqueue = text_enqueue,
    .settle = text_settle,
    .delivered = text_delivered,
    .count = text_count,
    .snapshot = text_snapshot,
    .segment_gone = text_segment_gone,
    .queue_gone = text_queue_gone,
    .queue = text_queue,
};

static bool read_at(struct slice bytes, uint64_t number, uint64_t offset, struct log_record *ret)
{
    return log_record_read(slice_of(bytes.p + offset, bytes.n - (size_t)offset),
                           log_file_key(salt, number), offset, ret);
}

/* Compares the texts of all records from `offset` on, up to the first that is not valid. */
static void check_texts(struct slice bytes, uint64_t offset, const char *expected)
{
    struct lv_buffer out = {0};
    struct log_scratch scratch = {0};
    struct log_record record;
    while (offset < bytes.n && read_at(bytes, NUMBER, offset, &record)) {
        assert_int_equal(log_record_visit(&record, NUMBER, &texts, &out, &scratch), 0);
        offset += record.bytes;
    }
    lv_buffer_add_u8(&out, 0);
    assert_string_equal((const char *)out.p, expected);
    lv_buffer_free(&out);
    log_scratch_free(&scratch);
}

/* --- the tests -------------------------------------------------------------------------------- */

static const char example_text[] =
    "enqueue file 7 queue 42 sequence 192 flags 0 shop/order.new/3/a hare persistent\n"
    "enqueue file 7 queue 43 sequence 9 flags 1 shop/order.new/3/a hare persistent\n"
    "settle queue 42 100+64\n"
    "settle queue 43 3+1\n";

static void the_example_in_the_format_page_is_a_file_of_the_log(void **state)
{
    (void)state;
    struct lv_buffer bytes = format_page_bytes("docs/formats/log.md");
    struct page page;
    page_example(&page);
    assert_int_equal(bytes.n, page.n);
    assert_memory_equal(bytes.p, page.bytes, page.n);
    struct log_file_header header;
    assert_int_equal(log_read_file_header(bytes.p, &header), 0);
    assert_int_equal(header.number, NUMBER);
    assert_int_equal(header.salt, salt);
    struct log_batch batch;
    assert_true(log_batch_read(slice_of(bytes.p + 64, bytes.n - 64), log_file_key(salt, NUMBER), 64,
                               &batch));
    assert_int_equal(batch.synced.file, 6);
    assert_int_equal(batch.synced.offset, 9000);
    assert_int_equal(batch.previous.file, 6);
    assert_int_equal(batch.previous.offset, 9000);
    assert_int_equal(batch.floor, 5);
    assert_int_equal(batch.bytes, page.n - 64);
    check_texts(lv_buffer_slice(&bytes), 64, example_text);
    lv_buffer_free(&bytes);
}

static void every_kind_of_record_reads_as_it_was_written(void **state)
{
    (void)state;
    struct log_range live[] = {{64, 10}, {100, 1}, {7, 7}};
    struct log_segment segments[] = {
        {1, 64, 128, 5000, 11, 600, live, 2},
        {2, 128, 192, 400, 0, 0, NULL, 0},
        {3, 192, 200, 300, 7, 70, live + 2, 1},
    };
    struct log_carried carried[] = {{200, LOG_DELIVERED, 0, hello},
                                    {201, 0, 1234567890123, {.body = hello.body}}};
    struct log_count counts[] = {{70, 3}, {201, 1000}};
    struct log_snapshot full = {42, 202, 150, segments, 3, carried, 2, counts, 2, true};
    struct log_snapshot empty = {.queue = 43, .next_sequence = LOG_SEQUENCE_MAX};
    struct page page = {.n = 64};
    log_put_pair(page.bytes + page.n, 42, 77);
    page_add(&page, LOG_DELIVERED_BELOW, LOG_PAIR_BYTES);
    log_put_snapshot_record(page.bytes + page.n, &full);
    page_add(&page, LOG_SNAPSHOT, (size_t)log_snapshot_bytes(&full));
    log_put_snapshot_record(page.bytes + page.n, &empty);
    page_add(&page, LOG_SNAPSHOT, (size_t)log_snapshot_bytes(&empty));
    log_put_pair(page.bytes + page.n, 42, 2);
    page_add(&page, LOG_SEGMENT_GONE, LOG_PAIR_BYTES);
    log_put_pair(page.bytes + page.n, 44, 0);
    page_add(&page, LOG_QUEUE_GONE, LOG_PAIR_BYTES);
    log_put_pair(page.bytes + page.n, 42, 5 << 8 | 2);
    page_add(&page, LOG_COUNT, LOG_PAIR_BYTES);
    struct log_queue named = {42, true, slice_str("/"), slice_str("order_mail"), slice_str("args")};
    log_put_queue_record(page.bytes + page.n, &named);
    page_add(&page, LOG_QUEUE, (size_t)log_queue_bytes(&named));
    log_put_enqueue(page.bytes + page.n, &hello);
    size_t length = log_put_target(page.bytes + page.n, (size_t)log_enqueue_bytes(&hello), 9, 8,
                                   LOG_DELIVERED, 77777777777);
    length = log_put_target(page.bytes + page.n, length, 10, 8, 0, 0);
    page_add(&page, LOG_ENQUEUE, length);
    check_texts(slice_of(page.bytes, page.n), 64,
                "delivered queue 42 below 77\n"
                "snapshot file 7 queue 42 next 202 delivered 150\n"
                "  segment 1 64..128 5000 bytes, 11 live in 600: 64+10 100+1\n"
                "  segment 2 128..192 400 bytes, 0 live in 0:\n"
                "  segment 3 192..200 300 bytes, 7 live in 70: 7+7\n"
                "  carried 200 flags 1 shop/order.new/3/a hare persistent\n"
                "  carried 201 flags 0 until 1234567890123 //0/a hare\n"
                "  deadlines in segments\n"
                "  came back 70*3 201*255\n"
                "snapshot file 7 queue 43 next 72057594037927935 delivered 0\n"
                "segment gone queue 42 number 2\n"
                "queue gone 44\n"
                "queue 42 sequence 5 came back 2\n"
                "queue 42 is order_mail in /, 4 bytes of arguments, auto-delete\n"
                "enqueue file 7 queue 9 sequence 8 flags 1 until 77777777777"
                " shop/order.new/3/a hare persistent\n"
                "enqueue file 7 queue 10 sequence 8 flags 0 shop/order.new/3/a hare persistent\n");
}

static void a_record_is_valid_only_at_its_own_file_and_offset(void **state)
{
    (void)state;
    struct page page;
    page_example(&page);
    struct slice bytes = {page.bytes, sizeof page.bytes};
    struct log_record record;
    assert_true(read_at(bytes, NUMBER, 128, &record));
    for (uint64_t number = 1; number < 100; number++)
        assert_int_equal(read_at(bytes, number, 128, &record), number == NUMBER);
    assert_false(log_record_read(slice_of(page.bytes + 128, 200), log_file_key(salt + 1, NUMBER),
                                 128, &record));
    uint8_t moved[ROOM];
    for (uint64_t to = 64; to + 256 < ROOM; to += 8) {
        memcpy(moved + to, page.bytes + 128, 128);
        assert_int_equal(read_at(slice_of(moved, sizeof moved), NUMBER, to, &record), to == 128);
    }
}

static void a_flipped_bit_makes_a_record_invalid(void **state)
{
    (void)state;
    struct page page;
    page_example(&page);
    struct log_record record;
    assert_true(read_at(slice_of(page.bytes, page.n), NUMBER, 128, &record));
    size_t length = log_get32(page.bytes + 128 + 8);
    for (size_t bit = 0; bit < length * 8; bit++) {
        page.bytes[128 + bit / 8] ^= (uint8_t)(1u << bit % 8);
        assert_false(read_at(slice_of(page.bytes, page.n), NUMBER, 128, &record));
        page.bytes[128 + bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
}

static void a_record_that_is_cut_short_is_not_valid(void **state)
{
    (void)state;
    struct page page;
    page_example(&page);
    size_t length = log_get32(page.bytes + 128 + 8);
    for (size_t n = 0; n < length; n++) {
        uint8_t *exact = malloc(n + 1);
        memcpy(exact, page.bytes + 128, n);
        struct log_record record;
        assert_false(log_record_read(slice_of(exact, n), log_file_key(salt, NUMBER), 128, &record));
        free(exact);
    }
}

static void count_enqueue(void *arg, uint64_t file, uint64_t queue, const struct log_carried *c)
{
    (void)file, (void)queue, (void)c;
    ++*(unsigned *)arg;
}

static void count_snapshot(void *arg, uint64_t file, const struct log_snapshot *snapshot)
{
    (void)file, (void)snapshot;
    ++*(unsigned *)arg;
}

/* The payload may be malformed although the checksum is right, so no length in it may be trusted.
 * Each byte in turn is set to values that make lengths wrong. */
static void check_hostile(const uint8_t *payload, size_t n, enum log_type type)
{
    static const uint8_t values[] = {0, 1, 0x7f, 0x80, 0xff};
    struct log_visitor visitor = {.enqueue = count_enqueue, .snapshot = count_snapshot};
    struct log_scratch scratch = {0};
    unsigned refused = 0;
    unsigned count = 0;
    for (size_t i = 0; i < n * sizeof values; i++) {
        uint8_t *exact = malloc(n); /* so that a sanitizer notices any read beyond */
        struct log_record record = {.type = type, .payload = {exact, n}};
        memcpy(exact, payload, n);
        exact[i / sizeof values] = values[i % sizeof values];
        refused += 0 > log_record_visit(&record, 1, &visitor, &count, &scratch);
        free(exact);
    }
    for (size_t i = 0; i < n; i++) {
        struct log_record record = {.type = type, .payload = {payload, i}};
        assert_int_equal(log_record_visit(&record, 1, &visitor, &count, &scratch), ERR_INVALID);
    }
    assert_true(refused > 0);
    log_scratch_free(&scratch);
}

static void a_malformed_payload_is_refused(void **state)
{
    (void)state;
    struct log_range live[] = {{64, 10}, {100, 1}};
    struct log_segment segment = {1, 64, 128, 5000, 11, 600, live, 2};
    struct log_carried carried = {200, 0, 0, hello};
    struct log_snapshot snapshot = {42, 202, 150, &segment, 1, &carried, 1};
    struct page page;
    page_example(&page);
    check_hostile(page.bytes + 128 + 16, log_get32(page.bytes + 128 + 8) - 16, LOG_ENQUEUE);
    memset(&page, 0, sizeof page);
    log_put_snapshot_record(page.bytes, &snapshot);
    check_hostile(page.bytes + 16, (size_t)log_snapshot_bytes(&snapshot) - 16, LOG_SNAPSHOT);
}

static void a_message_keeps_the_format_of_its_header(void **state)
{
    (void)state;
    struct log_message mqtt = hello;
    mqtt.format = HEADER_MQTT;
    struct log_carried carried[] = {{200, 0, 0, mqtt}, {201, 0, 77, mqtt}, {202, 0, 77, hello}};
    struct log_snapshot snapshot = {
        .queue = 42, .next_sequence = 203, .carried = carried, .carried_count = 3};
    struct page page = {.n = 64};
    log_put_enqueue(page.bytes + page.n, &mqtt);
    page_add(&page, LOG_ENQUEUE,
             log_put_target(page.bytes + page.n, (size_t)log_enqueue_bytes(&mqtt), 42, 192, 0, 0));
    log_put_snapshot_record(page.bytes + page.n, &snapshot);
    page_add(&page, LOG_SNAPSHOT, (size_t)log_snapshot_bytes(&snapshot));
    check_texts(slice_of(page.bytes, page.n), 64,
                "enqueue file 7 queue 42 sequence 192 flags 0"
                " shop/order.new/3/a hare persistent format 1\n"
                "snapshot file 7 queue 42 next 203 delivered 0\n"
                "  carried 200 flags 0 shop/order.new/3/a hare persistent format 1\n"
                "  carried 201 flags 0 until 77 shop/order.new/3/a hare persistent format 1\n"
                "  carried 202 flags 0 until 77 shop/order.new/3/a hare persistent\n");
}

/* Appends the record to the empty page, and returns what log_record_visit() returns for it. */
static int visit_first(struct page *page, enum log_type type, size_t length, unsigned *ret_count)
{
    page_add(page, type, length);
    struct log_record record;
    assert_true(read_at(slice_of(page->bytes, page->n), NUMBER, 0, &record));
    const struct log_visitor visitor = {.enqueue = count_enqueue, .snapshot = count_snapshot};
    struct log_scratch scratch = {0};
    int err = log_record_visit(&record, NUMBER, &visitor, ret_count, &scratch);
    log_scratch_free(&scratch);
    return err;
}

static void
a_record_that_only_a_newer_leveret_knows_is_refused_by_its_version_or_format(void **state)
{
    (void)state;
    struct log_message later = hello;
    later.format = HEADER_FORMATS;
    struct log_carried carried[] = {{200, 0, 0, hello}, {201, 0, 0, later}};
    struct log_snapshot snapshot = {.next_sequence = 202, .carried = carried, .carried_count = 2};
    size_t length = (size_t)log_enqueue_bytes(&hello);
    unsigned count = 0;
    struct page page = {0};
    log_put_enqueue(page.bytes, &hello);
    page.bytes[14] = LOG_RECORD_VERSION + 1;
    assert_int_equal(visit_first(&page, LOG_ENQUEUE, length, &count), ERR_FORMAT);
    assert_non_null(strstr(lv_error_reason(ERR_FORMAT), "newer version 1"));
    page = (struct page){0};
    log_put_enqueue(page.bytes, &later);
    assert_int_equal(visit_first(&page, LOG_ENQUEUE, length, &count), ERR_FORMAT);
    assert_non_null(strstr(lv_error_reason(ERR_FORMAT), "format 3"));
    page = (struct page){0};
    log_put_snapshot_record(page.bytes, &snapshot);
    assert_int_equal(
        visit_first(&page, LOG_SNAPSHOT, (size_t)log_snapshot_bytes(&snapshot), &count),
        ERR_FORMAT);
    assert_non_null(strstr(lv_error_reason(ERR_FORMAT), "format 3"));
    assert_int_equal(count, 0);
}

static void a_header_of_a_newer_version_is_not_taken_for_a_damaged_one(void **state)
{
    (void)state;
    struct log_file_header header = {LOG_FORMAT_VERSION + 1, 3, 4};
    uint8_t bytes[LOG_FILE_HEADER_BYTES];
    log_put_file_header(bytes, &header);
    assert_int_equal(log_read_file_header(bytes, &header), ERR_FORMAT);
    header.version = LOG_FORMAT_VERSION;
    log_put_file_header(bytes, &header);
    assert_int_equal(log_read_file_header(bytes, &header), 0);
    for (size_t bit = 0; bit < sizeof bytes * 8; bit++) {
        bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
        bool is_plausible = bit / 8 == 8 && bytes[8] > LOG_FORMAT_VERSION;
        assert_int_equal(log_read_file_header(bytes, &header),
                         is_plausible ? ERR_FORMAT : ERR_INVALID);
        bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_example_in_the_format_page_is_a_file_of_the_log),
        cmocka_unit_test(every_kind_of_record_reads_as_it_was_written),
        cmocka_unit_test(a_record_is_valid_only_at_its_own_file_and_offset),
        cmocka_unit_test(a_flipped_bit_makes_a_record_invalid),
        cmocka_unit_test(a_record_that_is_cut_short_is_not_valid),
        cmocka_unit_test(a_malformed_payload_is_refused),
        cmocka_unit_test(a_message_keeps_the_format_of_its_header),
        cmocka_unit_test(
            a_record_that_only_a_newer_leveret_knows_is_refused_by_its_version_or_format),
        cmocka_unit_test(a_header_of_a_newer_version_is_not_taken_for_a_damaged_one),
    };
    if (argc > 1 && strcmp(argv[1], "--example") == 0) {
        struct page page;
        page_example(&page);
        return fwrite(page.bytes, 1, page.n, stdout) != page.n;
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}
