#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <xxhash.h>

#include "base/buffer.h"
#include "store/format_page.h"
#include "store/segments.h"

enum { QUEUE = 42, NUMBER = 1, CHUNK = 3 };

static void add_entry(struct segment_block *block, unsigned slot, struct slice exchange,
                      struct slice key, struct slice header, struct slice body)
{
    block->entries[block->count++] = (struct segment_entry){
        .slot = slot,
        .message = {exchange, key, header, body, .is_persistent = true},
    };
}

/* The block of docs/formats/segment.md. */
static void make_small(struct segment_block *block)
{
    struct slice header = slice_of("\x10\x00\x02", 3);
    *block = (struct segment_block){.chunk = CHUNK};
    add_entry(block, 0, slice_str("shop"), slice_str("order.new"), header, slice_str("a hare"));
    add_entry(block, 5, slice_str("shop"), slice_str("order.paid"), header, slice_str("two"));
    block->entries[1].redelivered = true;
}

static void check_message(const struct log_message *a, const struct log_message *b)
{
    assert_true(slice_equal(a->exchange, b->exchange));
    assert_true(slice_equal(a->routing_key, b->routing_key));
    assert_true(slice_equal(a->header, b->header));
    assert_true(slice_equal(a->body, b->body));
    assert_int_equal(a->is_persistent, b->is_persistent);
    assert_int_equal(a->format, b->format);
}

static void check_block(const struct segment_block *a, const struct segment_block *b)
{
    assert_int_equal(a->chunk, b->chunk);
    assert_int_equal(a->count, b->count);
    for (size_t i = 0; i < a->count; i++) {
        assert_int_equal(a->entries[i].slot, b->entries[i].slot);
        assert_int_equal(a->entries[i].redelivered, b->entries[i].redelivered);
        check_message(&a->entries[i].message, &b->entries[i].message);
    }
}

/* Reads what must be a block of this size. */
static void check_read(struct slice bytes, uint64_t offset, const struct segment_block *expected,
                       uint64_t expected_bytes)
{
    struct segment_block got;
    uint64_t n = 0;
    assert_int_equal(segment_read_block(bytes, QUEUE, NUMBER, offset, &got, &n), SEGMENT_BLOCK);
    assert_int_equal(n, expected_bytes);
    check_block(&got, expected);
}

static enum segment_result result_at(struct slice bytes, uint64_t queue, uint64_t number,
                                     uint64_t offset)
{
    struct segment_block got;
    uint64_t n;
    return segment_read_block(bytes, queue, number, offset, &got, &n);
}

static void a_block_is_read_as_it_was_written(void **state)
{
    (void)state;
    struct segment_block block;
    make_small(&block);
    struct lv_buffer b = {0};
    segment_put_block(&b, QUEUE, NUMBER, 64, &block);
    assert_int_equal(b.n % 8, 0);
    check_read(lv_buffer_slice(&b), 64, &block, b.n);
    lv_buffer_free(&b);
}

static void fields_that_repeat_are_stored_once(void **state)
{
    (void)state;
    struct segment_block block = {.chunk = CHUNK};
    for (unsigned i = 0; i < SEGMENT_BLOCK_ENTRIES; i++)
        add_entry(&block, i, slice_str("shop"), slice_str("order.new"), slice_str("hdr"),
                  slice_str("sixteen octets !"));
    struct lv_buffer b = {0};
    segment_put_block(&b, QUEUE, NUMBER, 0, &block);
    assert_int_equal(b.n, 40 + 64 * (12 + 16) + 16);
    check_read(lv_buffer_slice(&b), 0, &block, b.n);
    lv_buffer_free(&b);
}

/* --- any block -------------------------------------------------------------------------------- */

static uint64_t random_state;

static unsigned random_below(unsigned n)
{
    random_state = random_state * 6364136223846793005u + 1442695040888963407u;
    return (unsigned)((random_state >> 33) % n);
}

static struct slice random_bytes(unsigned max)
{
    static uint8_t pool[80000];
    if (pool[0] == 0)
        for (size_t i = 0; i < sizeof pool; i++)
            pool[i] = (uint8_t)(i * 7 + i / 251 + 1);
    return slice_of(pool + random_below(9), random_below(max + 1));
}

static void random_block(struct segment_block *block)
{
    unsigned body_max = random_below(20) == 0 ? 70000 : 40;
    *block = (struct segment_block){.chunk = random_below(1u << 30)};
    for (unsigned slot = 0; slot < SEGMENT_BLOCK_ENTRIES; slot++) {
        if (random_below(3) == 0)
            continue;
        add_entry(block, slot, random_bytes(random_below(4) ? 1 : 255),
                  random_bytes(random_below(4) ? 1 : 255), random_bytes(random_below(4) ? 1 : 600),
                  random_bytes(body_max));
        block->entries[block->count - 1].redelivered = random_below(2);
        block->entries[block->count - 1].message.is_persistent = random_below(2);
        block->entries[block->count - 1].message.format = (uint8_t)random_below(HEADER_FORMATS);
    }
    if (block->count == 0)
        add_entry(block, 63, SLICE_EMPTY, SLICE_EMPTY, SLICE_EMPTY, SLICE_EMPTY);
}

static void any_blocks_one_after_another_are_read_as_they_were_written(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 300; seed++) {
        random_state = seed;
        struct segment_block blocks[8];
        uint64_t ends[8];
        struct lv_buffer b = {0};
        for (int i = 0; i < 8; i++) {
            random_block(&blocks[i]);
            segment_put_block(&b, QUEUE, NUMBER, b.n, &blocks[i]);
            ends[i] = b.n;
        }
        for (int i = 0; i < 8; i++) {
            uint64_t at = i > 0 ? ends[i - 1] : 0;
            check_read(slice_of(b.p + at, b.n - at), at, &blocks[i], ends[i] - at);
        }
        lv_buffer_free(&b);
    }
}

/* Gives a block at offset 0 the checksums that the format asks for. */
static void seal(uint8_t *p, size_t n)
{
    uint64_t sum = XXH3_64bits(p + 40, n - 40);
    memcpy(p + 24, &sum, 8);
    uint8_t location_and_header[24 + 32] = {[0] = QUEUE, [8] = NUMBER};
    memcpy(location_and_header + 24, p, 32);
    sum = XXH3_64bits(location_and_header, sizeof location_and_header);
    memcpy(p + 32, &sum, 8);
}

static void a_block_of_version_1_is_read(void **state)
{
    (void)state;
    struct segment_block block;
    make_small(&block);
    struct lv_buffer b = {0};
    segment_put_block(&b, QUEUE, NUMBER, 0, &block);
    b.p[4] = 1;
    seal(b.p, b.n);
    check_read(lv_buffer_slice(&b), 0, &block, b.n);
    b.p[41] |= 64; /* version 1 has no such flag */
    seal(b.p, b.n);
    assert_int_equal(result_at(lv_buffer_slice(&b), QUEUE, NUMBER, 0), SEGMENT_BROKEN);
    lv_buffer_free(&b);
}

static void
the_format_of_a_header_takes_a_byte_unless_it_is_0_or_that_of_the_entry_before(void **state)
{
    (void)state;
    struct segment_block block;
    make_small(&block);
    struct lv_buffer plain = {0};
    segment_put_block(&plain, QUEUE, NUMBER, 0, &block);
    block.entries[0].message.format = block.entries[1].message.format = HEADER_MQTT;
    struct lv_buffer b = {0};
    segment_put_block(&b, QUEUE, NUMBER, 0, &block);
    assert_int_equal(b.n, plain.n); /* one byte, of the padding */
    check_read(lv_buffer_slice(&b), 0, &block, b.n);
    b.n = 0;
    block.entries[0].message.format = HEADER_AMQP_0_9_1; /* the same bytes, another format */
    segment_put_block(&b, QUEUE, NUMBER, 0, &block);
    check_read(lv_buffer_slice(&b), 0, &block, b.n);
    lv_buffer_free(&plain);
    lv_buffer_free(&b);
}

/* --- damage ----------------------------------------------------------------------------------- */

static void every_truncation_asks_for_more(void **state)
{
    (void)state;
    struct segment_block block;
    make_small(&block);
    struct lv_buffer b = {0};
    segment_put_block(&b, QUEUE, NUMBER, 0, &block);
    for (size_t n = 0; n < b.n; n++) {
        uint8_t *exact = malloc(n + !n); /* so that a sanitizer sees a byte too far */
        assert_non_null(exact);
        memcpy(exact, b.p, n);
        struct segment_block got;
        uint64_t bytes = 0;
        assert_int_equal(segment_read_block(slice_of(exact, n), QUEUE, NUMBER, 0, &got, &bytes),
                         SEGMENT_SHORT);
        assert_int_equal(bytes, n < SEGMENT_BLOCK_HEADER_BYTES ? SEGMENT_BLOCK_HEADER_BYTES : b.n);
        free(exact);
    }
    lv_buffer_free(&b);
}

static void every_flipped_bit_is_found(void **state)
{
    (void)state;
    struct segment_block block;
    make_small(&block);
    struct lv_buffer b = {0};
    segment_put_block(&b, QUEUE, NUMBER, 0, &block);
    for (size_t bit = 0; bit < b.n * 8; bit++) {
        b.p[bit / 8] ^= (uint8_t)(1u << bit % 8);
        assert_int_equal(result_at(lv_buffer_slice(&b), QUEUE, NUMBER, 0), SEGMENT_BROKEN);
        b.p[bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
    assert_int_equal(result_at(lv_buffer_slice(&b), QUEUE, NUMBER, 0), SEGMENT_BLOCK);
    lv_buffer_free(&b);
}

static void a_block_is_valid_only_where_it_was_written(void **state)
{
    (void)state;
    struct segment_block block;
    make_small(&block);
    struct lv_buffer b = {0};
    segment_put_block(&b, QUEUE, NUMBER, 800, &block);
    struct slice bytes = lv_buffer_slice(&b);
    assert_int_equal(result_at(bytes, QUEUE, NUMBER, 800), SEGMENT_BLOCK);
    assert_int_equal(result_at(bytes, QUEUE + 1, NUMBER, 800), SEGMENT_BROKEN);
    assert_int_equal(result_at(bytes, QUEUE, NUMBER + 1, 800), SEGMENT_BROKEN);
    assert_int_equal(result_at(bytes, QUEUE, NUMBER, 808), SEGMENT_BROKEN);
    assert_int_equal(result_at(bytes, NUMBER, QUEUE, 800), SEGMENT_BROKEN);
    lv_buffer_free(&b);
}

static void zeros_are_not_a_block(void **state)
{
    (void)state;
    static const uint8_t zeros[4096];
    assert_int_equal(result_at(slice_of(zeros, sizeof zeros), QUEUE, NUMBER, 0), SEGMENT_BROKEN);
    assert_int_equal(result_at(slice_of(zeros, sizeof zeros), 0, 0, 0), SEGMENT_BROKEN);
}

static void wrong_contents_are_refused_although_the_checksums_are_right(void **state)
{
    (void)state;
    static const struct {
        size_t at;
        uint8_t byte;
    } faults[] = {
        {4, 0},                /* unknown versions */
        {4, 3},        {5, 0}, /* no entry */
        {5, 65},               /* too many */
        {5, 3},                /* more than there are */
        {5, 1},                /* fewer: something is left over */
        {6, 1},                /* what must be 0 */
        {8, 60},               /* a size that is no multiple of 8 */
        {8, 56},               /* too small for its entries */
        {40, 64},              /* a slot outside the chunk */
        {40, 5},               /* the same slot twice */
        {40, 6},               /* slots out of order */
        {41, 1 | 4},           /* the same as in the entry before the first */
        {41, 1 | 128},         /* a flag without a meaning */
        {41, 1 | 64},          /* a format: the exchange's 's' is taken for it, and is none */
        {53, 31 | 64},         /* a format octet together with "same header" */
        {42, 200},             /* an exchange beyond the end */
        {47, 255},             /* a header beyond the end */
        {51, 255},             /* a body beyond the end */
        {54, 1},               /* the same exchange, with bytes */
    };
    struct segment_block block;
    make_small(&block);
    struct lv_buffer b = {0};
    segment_put_block(&b, QUEUE, NUMBER, 0, &block);
    for (size_t i = 0; i < sizeof faults / sizeof faults[0]; i++) {
        uint8_t before = b.p[faults[i].at];
        assert_int_not_equal(before, faults[i].byte);
        b.p[faults[i].at] = faults[i].byte;
        seal(b.p, b.n);
        assert_int_equal(result_at(lv_buffer_slice(&b), QUEUE, NUMBER, 0), SEGMENT_BROKEN);
        b.p[faults[i].at] = before;
    }
    seal(b.p, b.n);
    assert_int_equal(result_at(lv_buffer_slice(&b), QUEUE, NUMBER, 0), SEGMENT_BLOCK);
    b.p[b.n - 1] = 1; /* the padding */
    seal(b.p, b.n);
    assert_int_equal(result_at(lv_buffer_slice(&b), QUEUE, NUMBER, 0), SEGMENT_BROKEN);
    lv_buffer_free(&b);
}

/* --- after damage ----------------------------------------------------------------------------- */

static void the_next_block_is_found_whatever_byte_is_damaged(void **state)
{
    (void)state;
    struct segment_block block;
    make_small(&block);
    struct lv_buffer b = {0};
    segment_put_block(&b, QUEUE, NUMBER, 4096, &block);
    uint64_t first_bytes = b.n;
    segment_put_block(&b, QUEUE, NUMBER, 4096 + b.n, &block);
    segment_put_block(&b, QUEUE, NUMBER, 4096 + b.n, &block);
    uint64_t found;
    for (size_t i = 0; i < first_bytes; i++) {
        b.p[i] ^= 0x55;
        assert_true(segment_find_block(lv_buffer_slice(&b), QUEUE, NUMBER, 4096, &found));
        assert_int_equal(found, 4096 + first_bytes);
        b.p[i] ^= 0x55;
    }
    b.p[0] ^= 1;
    b.p[first_bytes] ^= 1;
    assert_true(segment_find_block(lv_buffer_slice(&b), QUEUE, NUMBER, 4096, &found));
    assert_int_equal(found, 4096 + 2 * first_bytes);
    b.p[2 * first_bytes] ^= 1;
    found = 7;
    assert_false(segment_find_block(lv_buffer_slice(&b), QUEUE, NUMBER, 4096, &found));
    assert_int_equal(found, 7);
    lv_buffer_free(&b);
}

static void a_block_in_the_body_of_a_message_is_not_found(void **state)
{
    (void)state;
    struct segment_block inner;
    make_small(&inner);
    struct lv_buffer forged = {0};
    segment_put_block(&forged, QUEUE, NUMBER, 56, &inner); /* for the offset at which it will be */
    struct segment_block outer = {.chunk = CHUNK};
    add_entry(&outer, 0, SLICE_EMPTY, SLICE_EMPTY, slice_of("\0\0\0\0", 4),
              lv_buffer_slice(&forged));
    struct lv_buffer b = {0};
    segment_put_block(&b, QUEUE, NUMBER, 0, &outer);
    uint64_t outer_bytes = b.n;
    assert_int_equal(result_at(slice_of(b.p + 56, b.n - 56), QUEUE, NUMBER, 56), SEGMENT_BLOCK);
    segment_put_block(&b, QUEUE, NUMBER, b.n, &inner);
    b.p[52] ^= 1;
    assert_int_equal(result_at(lv_buffer_slice(&b), QUEUE, NUMBER, 0), SEGMENT_BROKEN);
    uint64_t found;
    assert_true(segment_find_block(lv_buffer_slice(&b), QUEUE, NUMBER, 0, &found));
    assert_int_equal(found, outer_bytes);
    lv_buffer_free(&forged);
    lv_buffer_free(&b);
}

static void a_block_that_ends_beyond_the_buffer_is_found(void **state)
{
    (void)state;
    struct segment_block block;
    make_small(&block);
    struct lv_buffer b = {0};
    segment_put_block(&b, QUEUE, NUMBER, 0, &block);
    uint64_t first_bytes = b.n;
    segment_put_block(&b, QUEUE, NUMBER, b.n, &block);
    b.p[0] ^= 1;
    for (uint64_t n = first_bytes; n <= b.n; n++) {
        uint64_t found;
        bool is_found = segment_find_block(slice_of(b.p, n), QUEUE, NUMBER, 0, &found);
        assert_int_equal(is_found, n >= first_bytes + SEGMENT_BLOCK_HEADER_BYTES);
        /* The next buffer overlaps. */
        uint64_t next = n - SEGMENT_BLOCK_HEADER_BYTES;
        if (!is_found)
            is_found =
                segment_find_block(slice_of(b.p + next, b.n - next), QUEUE, NUMBER, next, &found);
        assert_true(is_found);
        assert_int_equal(found, first_bytes);
    }
    lv_buffer_free(&b);
}

/* --- the page in docs/formats ----------------------------------------------------------------- */

static void the_example_in_the_format_page_is_a_block(void **state)
{
    (void)state;
    struct lv_buffer page = format_page_bytes("docs/formats/segment.md");
    struct segment_block block;
    make_small(&block);
    check_read(lv_buffer_slice(&page), 0, &block, page.n);
    struct lv_buffer written = {0};
    segment_put_block(&written, QUEUE, NUMBER, 0, &block);
    assert_int_equal(written.n, page.n);
    assert_memory_equal(written.p, page.p, page.n);
    lv_buffer_free(&page);
    lv_buffer_free(&written);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_block_is_read_as_it_was_written),
        cmocka_unit_test(fields_that_repeat_are_stored_once),
        cmocka_unit_test(any_blocks_one_after_another_are_read_as_they_were_written),
        cmocka_unit_test(a_block_of_version_1_is_read),
        cmocka_unit_test(
            the_format_of_a_header_takes_a_byte_unless_it_is_0_or_that_of_the_entry_before),
        cmocka_unit_test(every_truncation_asks_for_more),
        cmocka_unit_test(every_flipped_bit_is_found),
        cmocka_unit_test(a_block_is_valid_only_where_it_was_written),
        cmocka_unit_test(zeros_are_not_a_block),
        cmocka_unit_test(wrong_contents_are_refused_although_the_checksums_are_right),
        cmocka_unit_test(the_next_block_is_found_whatever_byte_is_damaged),
        cmocka_unit_test(a_block_in_the_body_of_a_message_is_not_found),
        cmocka_unit_test(a_block_that_ends_beyond_the_buffer_is_found),
        cmocka_unit_test(the_example_in_the_format_page_is_a_block),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
