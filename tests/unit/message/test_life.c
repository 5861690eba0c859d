/* Records of messages' lives: they come back as they were written, oldest first, within a
 * budget. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/rcu.h"
#include "message/life.h"

struct seen {
    size_t count;
    uint64_t first, last; /* their values */
    struct life_record record;
};

static void see(void *arg, const struct life_record *record)
{
    struct seen *s = arg;
    if (s->count++ == 0)
        s->first = record->value;
    else
        assert_true(record->value == s->last + 1 || record->value == 0); /* none is missing */
    s->last = record->value;
    s->record = *record;
}

static struct seen read_all(struct life_ring *ring)
{
    struct seen s = {0};
    life_ring_each(ring, see, &s);
    return s;
}

static void a_record_comes_back_as_it_was_written(void **state)
{
    (void)state;
    struct life_ring ring = {.newest = NULL};
    struct life_budget budget = {.bytes_max = LIFE_CHUNK_BYTES};
    static const uint8_t octets[] = {0, 255, 'x'};
    const struct life_record record = {
        .at_us = 123456789,
        .life = life_of(5, 77),
        .event = LIFE_DELIVERED,
        .reason = 2,
        .flags = LIFE_IS_REDELIVERED,
        .channel = 65535,
        .connection = UINT64_MAX,
        .position = 1ull << 60,
        .value = 42,
        .texts = {slice_of(octets, 3), SLICE_EMPTY, slice_str("tag")},
    };
    life_ring_put(&ring, &budget, &record);
    struct seen s = read_all(&ring);
    assert_int_equal(s.count, 1);
    assert_int_equal(s.record.at_us, record.at_us);
    assert_int_equal(life_traces(s.record.life), 5);
    assert_int_equal(life_number(s.record.life), 77);
    assert_string_equal(life_event_word(s.record.event), "delivered");
    assert_int_equal(s.record.reason, 2);
    assert_int_equal(s.record.flags, LIFE_IS_REDELIVERED);
    assert_int_equal(s.record.channel, 65535);
    assert_true(s.record.connection == UINT64_MAX && s.record.position == 1ull << 60);
    assert_true(slice_equal(s.record.texts[0], record.texts[0]));
    assert_int_equal(s.record.texts[1].n, 0);
    assert_true(slice_is(s.record.texts[2], "tag"));
    life_ring_free(&ring);
}

static void a_text_that_is_too_long_is_cut(void **state)
{
    (void)state;
    struct life_ring ring = {.newest = NULL};
    struct life_budget budget = {.bytes_max = LIFE_CHUNK_BYTES};
    static const uint8_t text[LIFE_TEXT_BYTES_MAX + 1];
    life_ring_put(&ring, &budget, &(struct life_record){.texts = {slice_of(text, sizeof text)}});
    struct seen s = read_all(&ring);
    assert_int_equal(s.record.texts[0].n, LIFE_TEXT_BYTES_MAX);
    assert_int_equal(s.record.flags, LIFE_IS_CUT);
    life_ring_free(&ring);
}

/* Writes records, and checks that the newest are there, and that all are accounted for. */
static void check_flood(size_t chunks)
{
    enum { RECORDS = 20000 };
    struct life_ring ring = {.newest = NULL};
    struct life_budget budget = {.bytes_max = chunks * LIFE_CHUNK_BYTES};
    for (uint64_t i = 0; i < RECORDS; i++)
        life_ring_put(&ring, &budget, &(struct life_record){.value = i, .texts = {slice_str("q")}});
    struct seen s = read_all(&ring);
    assert_int_equal(s.last, RECORDS - 1);
    assert_true(s.count < RECORDS && s.first > 0);
    assert_int_equal(budget.written, RECORDS);
    assert_int_equal(budget.overwritten + s.count, RECORDS);
    assert_int_equal(budget.bytes, chunks * LIFE_CHUNK_BYTES);
    life_ring_free(&ring);
}

static void a_full_ring_keeps_the_newest_records(void **state)
{
    (void)state;
    check_flood(2);
    check_flood(5);
}

static void a_busy_ring_does_not_silence_the_others(void **state)
{
    (void)state;
    struct life_ring busy = {.newest = NULL}, other = {.newest = NULL};
    struct life_budget budget = {.bytes_max = 3 * LIFE_CHUNK_BYTES};
    for (uint64_t i = 0; i < 20000; i++)
        life_ring_put(&busy, &budget, &(struct life_record){.value = i});
    for (uint64_t i = 0; i < 5000; i++)
        life_ring_put(&other, &budget, &(struct life_record){.value = i});
    assert_int_equal(read_all(&other).last, 4999);
    for (uint64_t i = 20000; i < 40000; i++) /* it gives back what is more than the budget */
        life_ring_put(&busy, &budget, &(struct life_record){.value = i});
    assert_int_equal(read_all(&busy).last, 39999);
    assert_true(budget.bytes <= 4 * LIFE_CHUNK_BYTES);
    life_ring_free(&busy);
    life_ring_free(&other);
}

static int begin(void **state)
{
    (void)state;
    lv_rcu_register_thread();
    return 0;
}

static int end(void **state)
{
    (void)state;
    lv_rcu_offline();
    lv_rcu_barrier();
    lv_rcu_unregister_thread();
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_record_comes_back_as_it_was_written),
        cmocka_unit_test(a_text_that_is_too_long_is_cut),
        cmocka_unit_test(a_full_ring_keeps_the_newest_records),
        cmocka_unit_test(a_busy_ring_does_not_silence_the_others),
    };
    return cmocka_run_group_tests(tests, begin, end);
}
