/* The map from ever-growing sequence numbers to chunks of 64. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/assert.h"
#include "base/seqmap.h"

struct chunk {
    uint64_t number; /* written by the test; a new chunk has 0 */
    uint64_t rest[7];
};

static struct lv_seqmap map;

static int set_up(void **state)
{
    (void)state;
    lv_seqmap_init(&map, sizeof(struct chunk));
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    lv_seqmap_free(&map);
    return 0;
}

/* Makes the chunk of this sequence number, and marks it. */
static struct chunk *make(uint64_t sequence)
{
    struct chunk *chunk = lv_seqmap_extend(&map, sequence);
    chunk->number = sequence / SEQMAP_ENTRIES + 1;
    return chunk;
}

static uint64_t first_of(uint64_t chunk)
{
    return chunk * SEQMAP_ENTRIES;
}

/* --- promises --------------------------------------------------------------------------------- */

static void sixty_four_numbers_share_a_chunk(void **state)
{
    (void)state;
    struct chunk *chunk = make(128);
    assert_ptr_equal(lv_seqmap_extend(&map, 191), chunk);
    assert_ptr_equal(lv_seqmap_find(&map, 128), chunk);
    assert_ptr_equal(lv_seqmap_find(&map, 191), chunk);
    assert_null(lv_seqmap_find(&map, 127));
    assert_null(lv_seqmap_find(&map, 192));
}

static void an_empty_map_begins_anywhere(void **state)
{
    (void)state;
    assert_null(lv_seqmap_find(&map, 0));
    struct chunk *chunk = make(UINT64_C(1) << 50);
    assert_ptr_equal(lv_seqmap_find(&map, UINT64_C(1) << 50), chunk);
    assert_int_equal(map.end - map.first, 1);
}

static void a_new_chunk_is_zeroed_also_when_its_memory_was_used_before(void **state)
{
    (void)state;
    make(0);
    make(64);
    lv_seqmap_drop(&map, 0);
    const struct chunk *chunk = lv_seqmap_extend(&map, 128);
    assert_int_equal(chunk->number, 0);
}

static void a_number_that_skips_some_leaves_a_gap_without_chunks(void **state)
{
    (void)state;
    make(0);
    make(first_of(1000));
    assert_null(lv_seqmap_find(&map, first_of(500)));
    assert_non_null(lv_seqmap_find(&map, first_of(0)));
    assert_non_null(lv_seqmap_find(&map, first_of(1000)));
}

static void chunks_keep_their_content_while_the_ring_grows(void **state)
{
    (void)state;
    for (uint64_t c = 3; c < 300; c++)
        make(first_of(c));
    for (uint64_t c = 3; c < 300; c++)
        assert_int_equal(((struct chunk *)lv_seqmap_find(&map, first_of(c)))->number, c + 1);
}

static void one_old_chunk_keeps_itself_alone(void **state)
{
    (void)state;
    for (uint64_t c = 0; c < 100; c++)
        make(first_of(c));
    for (uint64_t c = 1; c < 99; c++)
        lv_seqmap_drop(&map, first_of(c));
    assert_int_equal(((struct chunk *)lv_seqmap_find(&map, 0))->number, 1);
    for (uint64_t c = 1; c < 99; c++)
        assert_null(lv_seqmap_find(&map, first_of(c)));
    assert_int_equal(((struct chunk *)lv_seqmap_find(&map, first_of(99)))->number, 100);
}

static void the_beginning_moves_past_all_that_was_dropped(void **state)
{
    (void)state;
    for (uint64_t c = 0; c < 10; c++)
        make(first_of(c));
    lv_seqmap_drop(&map, first_of(1));
    lv_seqmap_drop(&map, first_of(2));
    assert_int_equal(map.first, 0);
    lv_seqmap_drop(&map, first_of(0));
    assert_int_equal(map.first, 3);
}

static void a_window_that_moves_on_does_not_grow(void **state)
{
    (void)state;
    for (uint64_t c = 0; c < 100000; c++) {
        make(first_of(c));
        if (c >= 4)
            lv_seqmap_drop(&map, first_of(c - 4));
    }
    assert_in_range(map.capacity, 1, 8);
}

static void a_chunk_that_is_elsewhere_keeps_its_position_and_a_note(void **state)
{
    (void)state;
    uint64_t meta;
    make(0);
    make(64);
    lv_seqmap_send_elsewhere(&map, 0);
    assert_null(lv_seqmap_find(&map, 0));
    assert_true(lv_seqmap_is_elsewhere(&map, 0));
    assert_false(lv_seqmap_is_elsewhere(&map, 64));
    assert_null(lv_seqmap_meta(&map, 0));
    lv_seqmap_set_meta(&map, 0, &meta);
    assert_ptr_equal(lv_seqmap_meta(&map, 5), &meta);
    assert_null(lv_seqmap_meta(&map, 64));
    assert_int_equal(map.first, 0);
}

static void a_chunk_comes_back_zeroed_from_elsewhere(void **state)
{
    (void)state;
    make(0);
    lv_seqmap_send_elsewhere(&map, 0);
    const struct chunk *chunk = lv_seqmap_bring_back(&map, 0);
    assert_int_equal(chunk->number, 0);
    assert_ptr_equal(lv_seqmap_find(&map, 63), chunk);
    assert_false(lv_seqmap_is_elsewhere(&map, 0));
}

static void a_position_that_never_had_a_chunk_may_be_elsewhere(void **state)
{
    (void)state;
    make(0);
    lv_seqmap_extend_elsewhere(&map, first_of(3));
    assert_true(lv_seqmap_is_elsewhere(&map, first_of(3)));
    assert_false(lv_seqmap_is_elsewhere(&map, first_of(2)));
    assert_int_equal(map.end, 4);
}

static void what_is_forgotten_is_as_if_it_had_been_dropped(void **state)
{
    (void)state;
    lv_seqmap_extend_elsewhere(&map, 0);
    make(64);
    lv_seqmap_forget(&map, 0);
    assert_false(lv_seqmap_is_elsewhere(&map, 0));
    assert_int_equal(map.first, 1);
}

int main(void)
{
#define PROMISE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        PROMISE(sixty_four_numbers_share_a_chunk),
        PROMISE(an_empty_map_begins_anywhere),
        PROMISE(a_new_chunk_is_zeroed_also_when_its_memory_was_used_before),
        PROMISE(a_number_that_skips_some_leaves_a_gap_without_chunks),
        PROMISE(chunks_keep_their_content_while_the_ring_grows),
        PROMISE(one_old_chunk_keeps_itself_alone),
        PROMISE(the_beginning_moves_past_all_that_was_dropped),
        PROMISE(a_window_that_moves_on_does_not_grow),
        PROMISE(a_chunk_that_is_elsewhere_keeps_its_position_and_a_note),
        PROMISE(a_chunk_comes_back_zeroed_from_elsewhere),
        PROMISE(a_position_that_never_had_a_chunk_may_be_elsewhere),
        PROMISE(what_is_forgotten_is_as_if_it_had_been_dropped),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
