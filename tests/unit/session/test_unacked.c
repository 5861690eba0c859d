#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "session/unacked.h"

/* unacked.c uses a consumer's address and its holds alone. */
static struct consumer anybody, somebody;

static void start(struct unacked *u)
{
    anybody = (struct consumer){0};
    somebody = (struct consumer){0};
    unacked_init(u);
}

static void add(struct unacked *u, uint64_t first, uint64_t last)
{
    for (uint64_t tag = first; tag <= last; tag++)
        unacked_add(u, tag, &anybody, 1000 + tag, 0);
}

static void take(struct unacked *u, uint64_t first, uint64_t last)
{
    for (uint64_t tag = first; tag <= last; tag++)
        unacked_take(u, tag);
}

static void end(struct unacked *u)
{
    uint64_t tag;
    while ((tag = unacked_next(u, 0)) != 0 || (tag = unacked_next_marked(u, 0)) != 0)
        unacked_take(u, tag);
    unacked_free(u);
}

static void what_was_delivered_is_found_by_its_tag(void **state)
{
    struct unacked u;
    (void)state;
    start(&u);
    unacked_add(&u, 1, &anybody, 7, 0);
    unacked_add(&u, 2, &somebody, 8, 0);
    assert_ptr_equal(unacked_consumer(&u, 1), &anybody);
    assert_ptr_equal(unacked_consumer(&u, 2), &somebody);
    assert_true(unacked_has(&u, 2));
    assert_false(unacked_has(&u, 3));
    struct unacked_entry e = unacked_take(&u, 2);
    assert_ptr_equal(e.consumer, &somebody);
    assert_int_equal(e.position, 8);
    assert_false(unacked_has(&u, 2));
    assert_int_equal(u.count, 1);
    end(&u);
}

static void
an_entry_holds_its_consumer_and_passes_the_hold_to_the_caller_that_takes_it(void **state)
{
    struct unacked u;
    (void)state;
    start(&u);
    add(&u, 1, 3);
    assert_int_equal(anybody.holds, 3);
    take(&u, 1, 3);
    assert_int_equal(anybody.holds, 3);
    end(&u);
}

static void the_next_outstanding_tag_is_found_over_gaps(void **state)
{
    struct unacked u;
    (void)state;
    start(&u);
    assert_int_equal(unacked_next(&u, 0), 0);
    add(&u, 1, 1000);
    take(&u, 2, 899);
    assert_int_equal(unacked_next(&u, 0), 1);
    assert_int_equal(unacked_next(&u, 1), 1);
    assert_int_equal(unacked_next(&u, 2), 900);
    assert_int_equal(unacked_next(&u, 1000), 1000);
    assert_int_equal(unacked_next(&u, 1001), 0);
    end(&u);
}

static void tags_may_leave_gaps(void **state)
{
    struct unacked u;
    (void)state;
    start(&u);
    add(&u, 5, 5);
    add(&u, 100000, 100000); /* in between, deliveries that need no acknowledgement */
    assert_int_equal(unacked_next(&u, 6), 100000);
    assert_false(unacked_has(&u, 50000));
    end(&u);
}

static void one_old_entry_keeps_no_memory_of_those_after_it(void **state)
{
    struct unacked u;
    (void)state;
    start(&u);
    add(&u, 1, 1);
    for (uint64_t tag = 2; tag < 100000; tag++) {
        add(&u, tag, tag);
        take(&u, tag, tag);
    }
    size_t chunks = 0;
    for (uint64_t tag = 0; tag < 100000; tag += SEQMAP_ENTRIES)
        chunks += lv_seqmap_find(&u.chunks, tag) != NULL;
    assert_in_range(chunks, 1, 2);
    assert_true(unacked_has(&u, 1));
    end(&u);
}

/* --- transactions ----------------------------------------------------------------------------- */

static void a_marked_entry_is_outstanding_and_cannot_be_acknowledged_again(void **state)
{
    struct unacked u;
    (void)state;
    start(&u);
    add(&u, 1, 200);
    assert_int_equal(unacked_mark(&u, 60, 70), 11);
    assert_int_equal(unacked_mark(&u, 65, 75), 5);
    assert_false(unacked_has(&u, 60));
    assert_int_equal(unacked_next(&u, 60), 76);
    assert_int_equal(u.count, 200);
    assert_int_equal(u.marked, 16);
    end(&u);
}

static void marks_span_chunks_and_go_no_further_than_what_is_outstanding(void **state)
{
    struct unacked u;
    (void)state;
    start(&u);
    add(&u, 1, 300);
    take(&u, 100, 199);
    assert_int_equal(unacked_mark(&u, 0, UINT64_MAX), 200);
    assert_int_equal(unacked_next(&u, 0), 0);
    assert_int_equal(unacked_next_marked(&u, 0), 1);
    assert_int_equal(unacked_next_marked(&u, 100), 200);
    end(&u);
}

static void a_rollback_makes_marked_entries_acknowledgeable_again(void **state)
{
    struct unacked u;
    (void)state;
    start(&u);
    add(&u, 1, 130);
    unacked_mark(&u, 1, 130);
    unacked_unmark(&u, 64, 128);
    assert_int_equal(u.marked, 65);
    assert_int_equal(unacked_next(&u, 0), 64);
    assert_int_equal(unacked_next_marked(&u, 64), 129);
    assert_true(unacked_has(&u, 128));
    end(&u);
}

static void a_commit_takes_marked_entries(void **state)
{
    struct unacked u;
    (void)state;
    start(&u);
    add(&u, 1, 10);
    unacked_mark(&u, 3, 4);
    for (uint64_t tag; (tag = unacked_next_marked(&u, 0)) != 0;)
        unacked_take(&u, tag);
    assert_int_equal(u.marked, 0);
    assert_int_equal(u.count, 8);
    assert_int_equal(unacked_next(&u, 3), 5);
    end(&u);
}

/* --- ages ------------------------------------------------------------------------------------- */

static void an_age_is_never_more_than_it_was_and_less_than_two_tenths_short(void **state)
{
    struct unacked u;
    (void)state;
    start(&u);
    for (uint64_t tag = 1; tag <= 500; tag++) {
        uint64_t added_ms = 1000003 + tag * 37;
        unacked_add(&u, tag, &anybody, tag, added_ms);
        for (uint64_t age_ms = 0; age_ms < 5000; age_ms += 61) {
            uint64_t told_ms = unacked_age_ms(&u, tag, added_ms + age_ms);
            assert_true(told_ms <= age_ms && told_ms + 200 > age_ms);
        }
    }
    end(&u);
}

static void an_age_is_right_after_the_clock_of_tenths_has_wrapped(void **state)
{
    const uint64_t wrap_ms = (uint64_t)UINT32_MAX * 100;
    struct unacked u;
    (void)state;
    start(&u);
    unacked_add(&u, 1, &anybody, 1, wrap_ms - 1000);
    assert_int_equal(unacked_age_ms(&u, 1, wrap_ms + 1000), 2000);
    end(&u);
}

/* --- against a plain array -------------------------------------------------------------------- */

enum { TAGS = 700 };
enum tag_state { TAG_GONE, TAG_OPEN, TAG_MARKED };

static uint64_t model_next(const enum tag_state *tags, uint64_t from, enum tag_state wanted)
{
    for (uint64_t tag = from; tag <= TAGS; tag++) {
        if (tags[tag] == wanted)
            return tag;
    }
    return 0;
}

static void check_against_model(const struct unacked *u, const enum tag_state *tags)
{
    size_t count = 0, marked = 0;
    for (uint64_t tag = 1; tag <= TAGS; tag++) {
        count += tags[tag] != TAG_GONE;
        marked += tags[tag] == TAG_MARKED;
        assert_int_equal(unacked_has(u, tag), tags[tag] == TAG_OPEN);
    }
    assert_int_equal(u->count, count);
    assert_int_equal(u->marked, marked);
    uint64_t from = (uint64_t)rand() % TAGS;
    assert_int_equal(unacked_next(u, from), model_next(tags, from, TAG_OPEN));
    assert_int_equal(unacked_next_marked(u, from), model_next(tags, from, TAG_MARKED));
}

static void change_marks(struct unacked *u, enum tag_state *tags, bool is_marked)
{
    uint64_t first = (uint64_t)rand() % TAGS, last = first + (uint64_t)rand() % 200;
    if (is_marked)
        unacked_mark(u, first, last);
    else
        unacked_unmark(u, first, last);
    for (uint64_t tag = first; tag <= last && tag <= TAGS; tag++) {
        if (tags[tag] != TAG_GONE)
            tags[tag] = is_marked ? TAG_MARKED : TAG_OPEN;
    }
}

static void take_some(struct unacked *u, enum tag_state *tags)
{
    for (uint64_t tag = 1 + (uint64_t)rand() % TAGS; tag <= TAGS; tag += 1 + (uint64_t)rand() % 9) {
        if (tags[tag] == TAG_GONE)
            continue;
        assert_int_equal(unacked_take(u, tag).position, 1000 + tag);
        tags[tag] = TAG_GONE;
    }
}

static void after_any_operations_it_holds_what_a_plain_array_would(void **state)
{
    (void)state;
    for (unsigned seed = 1; seed <= 50; seed++) {
        enum tag_state tags[TAGS + 1] = {TAG_GONE};
        struct unacked u;
        srand(seed);
        start(&u);
        for (uint64_t tag = 1; tag <= TAGS; tag++) {
            if (rand() % 8 == 0)
                continue;
            add(&u, tag, tag);
            tags[tag] = TAG_OPEN;
            if (rand() % 30 == 0)
                change_marks(&u, tags, rand() % 2);
            if (rand() % 60 == 0)
                take_some(&u, tags);
            if (rand() % 10 == 0)
                check_against_model(&u, tags);
        }
        end(&u);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_delivered_is_found_by_its_tag),
        cmocka_unit_test(
            an_entry_holds_its_consumer_and_passes_the_hold_to_the_caller_that_takes_it),
        cmocka_unit_test(the_next_outstanding_tag_is_found_over_gaps),
        cmocka_unit_test(tags_may_leave_gaps),
        cmocka_unit_test(one_old_entry_keeps_no_memory_of_those_after_it),
        cmocka_unit_test(a_marked_entry_is_outstanding_and_cannot_be_acknowledged_again),
        cmocka_unit_test(marks_span_chunks_and_go_no_further_than_what_is_outstanding),
        cmocka_unit_test(a_rollback_makes_marked_entries_acknowledgeable_again),
        cmocka_unit_test(a_commit_takes_marked_entries),
        cmocka_unit_test(an_age_is_never_more_than_it_was_and_less_than_two_tenths_short),
        cmocka_unit_test(an_age_is_right_after_the_clock_of_tenths_has_wrapped),
        cmocka_unit_test(after_any_operations_it_holds_what_a_plain_array_would),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
