/* Any bytes as a block of a segment.
 *
 * As they are, they are a block, too short, or refused, and the search for the next block ends
 * within them. Then they are given matching checksums, so that what the checksums protect is tested
 * too: a valid block stays within its bytes, and reads the same when it is written again. */
#include <stdlib.h>

#include <xxhash.h>

#include "base/assert.h"
#include "store/segments.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n);

enum { QUEUE = 42, NUMBER = 1, HEADER = SEGMENT_BLOCK_HEADER_BYTES };

static void seal(uint8_t *p, size_t n)
{
    uint8_t location_and_header[24 + 32] = {[0] = QUEUE, [8] = NUMBER};
    uint64_t bytes;
    memcpy(&bytes, p + 8, sizeof bytes);
    if (bytes >= HEADER && bytes <= n) {
        uint64_t sum = XXH3_64bits(p + HEADER, bytes - HEADER);
        memcpy(p + 24, &sum, sizeof sum);
    }
    memcpy(location_and_header + 24, p, 32);
    uint64_t sum = XXH3_64bits(location_and_header, sizeof location_and_header);
    memcpy(p + 32, &sum, sizeof sum);
}

static void check_within(struct slice inner, struct slice outer)
{
    lv_assert(inner.n <= outer.n);
    lv_assert(inner.n == 0 || inner.p >= outer.p);
    lv_assert(inner.n == 0 || inner.p + inner.n <= outer.p + outer.n);
}

static void check_entry(struct slice block, const struct segment_entry *a,
                        const struct segment_entry *b)
{
    check_within(a->message.exchange, block);
    check_within(a->message.routing_key, block);
    check_within(a->message.header, block);
    check_within(a->message.body, block);
    lv_assert(a->slot == b->slot);
    lv_assert(a->redelivered == b->redelivered);
    lv_assert(a->message.is_persistent == b->message.is_persistent);
    lv_assert(slice_equal(a->message.exchange, b->message.exchange));
    lv_assert(slice_equal(a->message.routing_key, b->message.routing_key));
    lv_assert(slice_equal(a->message.header, b->message.header));
    lv_assert(slice_equal(a->message.body, b->message.body));
}

static void check_block(struct slice bytes, const struct segment_block *block)
{
    struct lv_buffer again = {0};
    segment_put_block(&again, QUEUE, NUMBER, 0, block);
    lv_assert(again.n <= bytes.n); /* what is the same as before may have been stored again */
    uint64_t size;
    struct segment_block got;
    lv_assert(segment_read_block(lv_buffer_slice(&again), QUEUE, NUMBER, 0, &got, &size) ==
              SEGMENT_BLOCK);
    lv_assert(size == again.n);
    lv_assert(got.chunk == block->chunk);
    lv_assert(got.count == block->count);
    for (size_t i = 0; i < got.count; i++)
        check_entry(bytes, &block->entries[i], &got.entries[i]);
    lv_buffer_free(&again);
}

static void check_bytes(struct slice bytes)
{
    struct segment_block block;
    uint64_t size = 0;
    switch (segment_read_block(bytes, QUEUE, NUMBER, 0, &block, &size)) {
    case SEGMENT_BLOCK:
        lv_assert(size <= bytes.n);
        check_block(slice_of(bytes.p, size), &block);
        break;
    case SEGMENT_SHORT: lv_assert(size > bytes.n); break;
    case SEGMENT_BROKEN: break;
    }
    uint64_t next;
    if (segment_find_block(bytes, QUEUE, NUMBER, 0, &next)) {
        lv_assert(next % 8 == 0);
        lv_assert(next + HEADER <= bytes.n);
        struct slice rest = slice_of(bytes.p + next, bytes.n - next);
        (void)segment_read_block(rest, QUEUE, NUMBER, next, &block, &size);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
    check_bytes(slice_of(bytes, n));
    if (n < HEADER)
        return 0;
    uint8_t *sealed = malloc(n);
    lv_assert(sealed != NULL);
    memcpy(sealed, bytes, n);
    seal(sealed, n);
    check_bytes(slice_of(sealed, n));
    free(sealed);
    return 0;
}
