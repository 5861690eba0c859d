/* Encodes and decodes the blocks of a segment. Pure. docs/formats/segment.md describes the same
 * format and has an example.
 *
 *     offset  bytes  block (all numbers little-endian)
 *          0      4  "LvSb"
 *          4      1  version, 2 (in version 1 no entry has flag 64)
 *          5      1  entries, 1 to 64
 *          6      2  0
 *          8      8  bytes of the whole block, a multiple of 8
 *         16      8  chunk
 *         24      8  XXH3-64 of what follows the header
 *         32      8  XXH3-64 of queue, file number and offset (8 bytes each) and of bytes 0 to 31
 *         40   12 n  the entries
 *                    their bytes, in the same order: deadline (8), format of the header (1),
 *                    exchange, routing key, header, body
 *                    zeros up to a multiple of 8
 *
 *     offset  bytes  entry
 *          0      1  slot in the chunk, 0 to 63, larger than that of the entry before
 *          1      1  flags: 1 persistent, 2 redelivered; 4 exchange, 8 routing key, 16 header (and
 *                    its format) are the same as in the entry before; 32 has a deadline; 64 has a
 *                    format octet (never together with 16; without it the format is 0)
 *          2      1  bytes of the exchange      )
 *          3      1  bytes of the routing key   ) 0 if it is the same
 *          4      4  bytes of the header        )
 *          8      4  bytes of the body
 *
 *   (1) The header has its own checksum, so the block's size can be trusted before the rest is
 *       read: a damaged size never causes a read of gigabytes.
 *   (2) The header's checksum covers the block's location (queue, file, offset). A block that was
 *       written for another location (in a removed file whose sectors were reused, or for another
 *       queue) is not valid here.
 *   (3) It also covers the checksum of the contents, so they are bound to the location too. */
#include <endian.h>
#include <string.h>

#include <xxhash.h>

#include "base/assert.h"
#include "store/segments.h"

enum {
    DEADLINE_BYTES = 8,
    FORMAT_BYTES = 1,
    BLOCK_ALIGNMENT = 8,
    HEADER_BYTES = SEGMENT_BLOCK_HEADER_BYTES,
    HEADER_CHECKED_BYTES = 32,
    LOCATION_BYTES = 24,
    ENTRY_BYTES = 12,
    NAME_BYTES_MAX = 255,
};

enum {
    ENTRY_PERSISTENT = 1,
    ENTRY_REDELIVERED = 2,
    ENTRY_SAME_EXCHANGE = 4,
    ENTRY_SAME_ROUTING_KEY = 8,
    ENTRY_SAME_HEADER = 16,
    ENTRY_HAS_DEADLINE = 32,
    ENTRY_HAS_FORMAT = 64,
    ENTRY_FLAGS_VERSION_1 = 63,
    ENTRY_FLAGS = 127,
};

_Static_assert(HEADER_BYTES == HEADER_CHECKED_BYTES + 8, "the checksum ends the header");

static const uint8_t magic[4] = {'L', 'v', 'S', 'b'};

unsigned segment_newer_version(struct slice beginning)
{
    if (beginning.n <= sizeof magic || memcmp(beginning.p, magic, sizeof magic) != 0)
        return 0;
    return beginning.p[4] > SEGMENT_VERSION ? beginning.p[4] : 0;
}

struct block_header {
    unsigned version;
    unsigned count;
    uint64_t bytes;
    uint64_t chunk;
    uint64_t content_checksum;
};

/* --- numbers ---------------------------------------------------------------------------------- */

static void put_u32(uint8_t *p, uint32_t n)
{
    n = htole32(n);
    memcpy(p, &n, sizeof n);
}

static void put_u64(uint8_t *p, uint64_t n)
{
    n = htole64(n);
    memcpy(p, &n, sizeof n);
}

static uint32_t get_u32(const uint8_t *p)
{
    uint32_t n;
    memcpy(&n, p, sizeof n);
    return le32toh(n);
}

static uint64_t get_u64(const uint8_t *p)
{
    uint64_t n;
    memcpy(&n, p, sizeof n);
    return le64toh(n);
}

static uint64_t aligned(uint64_t bytes)
{
    return (bytes + BLOCK_ALIGNMENT - 1) & ~(uint64_t)(BLOCK_ALIGNMENT - 1);
}

/* --- the header ------------------------------------------------------------------------------- */

static uint64_t header_checksum(const uint8_t *header, uint64_t queue, uint64_t number,
                                uint64_t offset)
{
    uint8_t bytes[LOCATION_BYTES + HEADER_CHECKED_BYTES];
    put_u64(bytes, queue);
    put_u64(bytes + 8, number);
    put_u64(bytes + 16, offset);
    memcpy(bytes + LOCATION_BYTES, header, HEADER_CHECKED_BYTES);
    return XXH3_64bits(bytes, sizeof bytes);
}

static void put_header(uint8_t *p, uint64_t queue, uint64_t number, uint64_t offset,
                       const struct block_header *h)
{
    memcpy(p, magic, sizeof magic);
    p[4] = SEGMENT_VERSION;
    p[5] = (uint8_t)h->count;
    p[6] = p[7] = 0;
    put_u64(p + 8, h->bytes);
    put_u64(p + 16, h->chunk);
    put_u64(p + 24, h->content_checksum);
    put_u64(p + 32, header_checksum(p, queue, number, offset));
}

/* Returns false if these HEADER_BYTES are not a valid header for this location. */
static bool get_header(const uint8_t *p, uint64_t queue, uint64_t number, uint64_t offset,
                       struct block_header *ret)
{
    if (memcmp(p, magic, sizeof magic) != 0)
        return false;
    if (get_u64(p + 32) != header_checksum(p, queue, number, offset))
        return false;
    *ret = (struct block_header){
        .version = p[4],
        .count = p[5],
        .bytes = get_u64(p + 8),
        .chunk = get_u64(p + 16),
        .content_checksum = get_u64(p + 24),
    };
    return offset % BLOCK_ALIGNMENT == 0 && p[4] >= 1 && p[4] <= SEGMENT_VERSION && p[6] == 0 &&
           p[7] == 0 && ret->count >= 1 && ret->count <= SEGMENT_BLOCK_ENTRIES &&
           ret->bytes % BLOCK_ALIGNMENT == 0 &&
           ret->bytes >= HEADER_BYTES + ret->count * (uint64_t)ENTRY_BYTES;
}

/* --- writing ---------------------------------------------------------------------------------- */

static unsigned entry_flags(const struct segment_entry *e, const struct segment_entry *before)
{
    unsigned flags = 0;
    if (e->message.is_persistent)
        flags |= ENTRY_PERSISTENT;
    if (e->redelivered)
        flags |= ENTRY_REDELIVERED;
    if (e->deadline_ms)
        flags |= ENTRY_HAS_DEADLINE;
    if (e->message.format)
        flags |= ENTRY_HAS_FORMAT;
    if (!before)
        return flags;
    if (slice_equal(e->message.exchange, before->message.exchange))
        flags |= ENTRY_SAME_EXCHANGE;
    if (slice_equal(e->message.routing_key, before->message.routing_key))
        flags |= ENTRY_SAME_ROUTING_KEY;
    if (slice_equal(e->message.header, before->message.header) &&
        e->message.format == before->message.format)
        flags = (flags & ~(unsigned)ENTRY_HAS_FORMAT) | ENTRY_SAME_HEADER;
    return flags;
}

/* Returns the bytes the entry takes behind the table of entries; fields that are the same as in the
 * entry before take none. */
static uint64_t entry_bytes(const struct segment_entry *e, unsigned flags)
{
    uint64_t bytes = e->message.body.n;
    if (flags & ENTRY_HAS_DEADLINE)
        bytes += DEADLINE_BYTES;
    if (flags & ENTRY_HAS_FORMAT)
        bytes += FORMAT_BYTES;
    if (!(flags & ENTRY_SAME_EXCHANGE))
        bytes += e->message.exchange.n;
    if (!(flags & ENTRY_SAME_ROUTING_KEY))
        bytes += e->message.routing_key.n;
    if (!(flags & ENTRY_SAME_HEADER))
        bytes += e->message.header.n;
    return bytes;
}

static void entry_check(const struct segment_entry *e, const struct segment_entry *before)
{
    lv_assert(e->slot < SEGMENT_BLOCK_ENTRIES);
    lv_assert(!before || e->slot > before->slot);
    lv_assert(e->message.exchange.n <= NAME_BYTES_MAX);
    lv_assert(e->message.routing_key.n <= NAME_BYTES_MAX);
    lv_assert(e->message.header.n <= UINT32_MAX);
    lv_assert(e->message.body.n <= UINT32_MAX);
    lv_assert(e->message.format < HEADER_FORMATS);
}

static uint8_t *put_bytes(uint8_t *p, struct slice s)
{
    if (s.n > 0)
        memcpy(p, s.p, s.n);
    return p + s.n;
}

/* Writes the entry at `p` and its bytes at `to`. Returns where the next entry's bytes begin. */
static uint8_t *put_entry(uint8_t *p, uint8_t *to, const struct segment_entry *e, unsigned flags)
{
    struct log_message m = e->message;
    if (flags & ENTRY_SAME_EXCHANGE)
        m.exchange = SLICE_EMPTY;
    if (flags & ENTRY_SAME_ROUTING_KEY)
        m.routing_key = SLICE_EMPTY;
    if (flags & ENTRY_SAME_HEADER)
        m.header = SLICE_EMPTY;
    p[0] = (uint8_t)e->slot;
    p[1] = (uint8_t)flags;
    p[2] = (uint8_t)m.exchange.n;
    p[3] = (uint8_t)m.routing_key.n;
    put_u32(p + 4, (uint32_t)m.header.n);
    put_u32(p + 8, (uint32_t)m.body.n);
    if (flags & ENTRY_HAS_DEADLINE) {
        put_u64(to, e->deadline_ms);
        to += DEADLINE_BYTES;
    }
    if (flags & ENTRY_HAS_FORMAT)
        *to++ = m.format;
    to = put_bytes(to, m.exchange);
    to = put_bytes(to, m.routing_key);
    to = put_bytes(to, m.header);
    return put_bytes(to, m.body);
}

void segment_put_block(struct lv_buffer *out, uint64_t queue, uint64_t number, uint64_t offset,
                       const struct segment_block *block)
{
    const struct segment_entry *before = NULL;
    uint64_t bytes = HEADER_BYTES + block->count * (uint64_t)ENTRY_BYTES;
    lv_assert(offset % BLOCK_ALIGNMENT == 0);
    lv_assert(block->count >= 1);
    lv_assert(block->count <= SEGMENT_BLOCK_ENTRIES);
    uint8_t flags[SEGMENT_BLOCK_ENTRIES];
    for (size_t i = 0; i < block->count; i++) {
        const struct segment_entry *e = &block->entries[i];
        entry_check(e, before);
        flags[i] = (uint8_t)entry_flags(e, before);
        bytes += entry_bytes(e, flags[i]);
        before = e;
    }

    uint64_t padding = aligned(bytes) - bytes;
    bytes += padding;
    uint8_t *p = lv_buffer_reserve(out, bytes);
    uint8_t *to = p + HEADER_BYTES + block->count * ENTRY_BYTES;
    for (size_t i = 0; i < block->count; i++)
        to = put_entry(p + HEADER_BYTES + i * ENTRY_BYTES, to, &block->entries[i], flags[i]);
    memset(to, 0, padding);
    lv_assert(to + padding == p + bytes);
    struct block_header header = {
        .count = (unsigned)block->count,
        .bytes = bytes,
        .chunk = block->chunk,
        .content_checksum = XXH3_64bits(p + HEADER_BYTES, bytes - HEADER_BYTES),
    };
    put_header(p, queue, number, offset, &header);
    out->n += bytes;
}

/* --- reading ---------------------------------------------------------------------------------- */

/* Returns the n bytes at *p and moves *p behind them; if is_same, returns `before` instead. */
static struct slice get_bytes(const uint8_t **p, size_t n, bool is_same, struct slice before)
{
    if (is_same)
        return before;
    struct slice s = slice_of(*p, n);
    *p += n;
    return s;
}

/* Returns the format of an entry's header: that of the entry before, or the octet at *at, or 0. */
static uint8_t get_format(const uint8_t **at, unsigned flags, uint8_t before)
{
    if (flags & ENTRY_SAME_HEADER)
        return before;
    return flags & ENTRY_HAS_FORMAT ? *(*at)++ : HEADER_AMQP_0_9_1;
}

/* Reads the entry at `p`, whose bytes begin at *at, and moves *at behind them. The block ends at
 * `end`. Returns false if the entry is not valid. */
static bool get_entry(const uint8_t *p, unsigned version, const uint8_t **at, const uint8_t *end,
                      const struct segment_entry *before, struct segment_entry *ret)
{
    unsigned flags = p[1];
    uint64_t exchange_bytes = p[2];
    uint64_t key_bytes = p[3];
    uint64_t header_bytes = get_u32(p + 4);
    uint64_t body_bytes = get_u32(p + 8);
    if (p[0] >= SEGMENT_BLOCK_ENTRIES ||
        flags & ~(unsigned)(version == 1 ? ENTRY_FLAGS_VERSION_1 : ENTRY_FLAGS))
        return false;
    if (flags & ENTRY_SAME_HEADER && flags & ENTRY_HAS_FORMAT)
        return false;
    if (!before && flags & (ENTRY_SAME_EXCHANGE | ENTRY_SAME_ROUTING_KEY | ENTRY_SAME_HEADER))
        return false;
    if (before && p[0] <= before->slot)
        return false;
    if (((flags & ENTRY_SAME_EXCHANGE) && exchange_bytes) ||
        ((flags & ENTRY_SAME_ROUTING_KEY) && key_bytes) ||
        ((flags & ENTRY_SAME_HEADER) && header_bytes))
        return false;
    uint64_t deadline_bytes = flags & ENTRY_HAS_DEADLINE ? DEADLINE_BYTES : 0;
    uint64_t format_bytes = flags & ENTRY_HAS_FORMAT ? FORMAT_BYTES : 0;
    if (deadline_bytes + format_bytes + exchange_bytes + key_bytes + header_bytes + body_bytes >
        (uint64_t)(end - *at))
        return false;

    static const struct segment_entry none;
    const struct log_message *same = before ? &before->message : &none.message;
    struct log_message *m = &ret->message;
    ret->slot = p[0];
    ret->redelivered = flags & ENTRY_REDELIVERED;
    m->is_persistent = flags & ENTRY_PERSISTENT;
    ret->deadline_ms = deadline_bytes ? get_u64(*at) : 0;
    *at += deadline_bytes;
    m->format = get_format(at, flags, same->format);
    m->exchange = get_bytes(at, exchange_bytes, flags & ENTRY_SAME_EXCHANGE, same->exchange);
    m->routing_key = get_bytes(at, key_bytes, flags & ENTRY_SAME_ROUTING_KEY, same->routing_key);
    m->header = get_bytes(at, header_bytes, flags & ENTRY_SAME_HEADER, same->header);
    m->body = get_bytes(at, body_bytes, false, SLICE_EMPTY);
    return m->format < HEADER_FORMATS;
}

static bool is_padding(const uint8_t *p, const uint8_t *end)
{
    if (end - p >= BLOCK_ALIGNMENT)
        return false;
    while (p < end)
        if (*p++ != 0)
            return false;
    return true;
}

static bool get_entries(const uint8_t *block, const struct block_header *h,
                        struct segment_block *ret)
{
    const uint8_t *at = block + HEADER_BYTES + h->count * (size_t)ENTRY_BYTES;
    const uint8_t *end = block + h->bytes;
    for (unsigned i = 0; i < h->count; i++) {
        const uint8_t *p = block + HEADER_BYTES + i * (size_t)ENTRY_BYTES;
        const struct segment_entry *before = i > 0 ? &ret->entries[i - 1] : NULL;
        if (!get_entry(p, h->version, &at, end, before, &ret->entries[i]))
            return false;
    }
    ret->chunk = h->chunk;
    ret->count = h->count;
    return is_padding(at, end);
}

enum segment_result segment_read_block(struct slice bytes, uint64_t queue, uint64_t number,
                                       uint64_t offset, struct segment_block *ret,
                                       uint64_t *ret_bytes)
{
    if (bytes.n < HEADER_BYTES) {
        *ret_bytes = HEADER_BYTES;
        return SEGMENT_SHORT;
    }
    struct block_header h;
    if (!get_header(bytes.p, queue, number, offset, &h))
        return SEGMENT_BROKEN;
    if (bytes.n < h.bytes) {
        *ret_bytes = h.bytes;
        return SEGMENT_SHORT;
    }
    if (XXH3_64bits(bytes.p + HEADER_BYTES, h.bytes - HEADER_BYTES) != h.content_checksum)
        return SEGMENT_BROKEN;
    if (!get_entries(bytes.p, &h, ret))
        return SEGMENT_BROKEN;
    *ret_bytes = h.bytes;
    return SEGMENT_BLOCK;
}

/* --- after damage ----------------------------------------------------------------------------- */

/* Returns where in `bytes` the search begins: behind the broken block if its header is valid (so
 * that the body of a message is never taken for a block), otherwise at the next aligned offset. */
static uint64_t search_begin_at(struct slice bytes, uint64_t queue, uint64_t number,
                                uint64_t offset)
{
    struct block_header h;
    if (bytes.n >= HEADER_BYTES && get_header(bytes.p, queue, number, offset, &h))
        return h.bytes;
    return aligned(offset + 1) - offset;
}

/* Returns true if `bytes` begin with a valid block, or with the beginning of one that ends beyond
 * them. */
static bool is_block_or_its_beginning(struct slice bytes, uint64_t queue, uint64_t number,
                                      uint64_t offset)
{
    struct block_header h;
    if (!get_header(bytes.p, queue, number, offset, &h))
        return false;
    return h.bytes > bytes.n ||
           XXH3_64bits(bytes.p + HEADER_BYTES, h.bytes - HEADER_BYTES) == h.content_checksum;
}

bool segment_find_block(struct slice bytes, uint64_t queue, uint64_t number, uint64_t offset,
                        uint64_t *ret_offset)
{
    uint64_t at = search_begin_at(bytes, queue, number, offset);
    for (; at <= bytes.n && bytes.n - at >= HEADER_BYTES; at += BLOCK_ALIGNMENT) {
        struct slice rest = slice_of(bytes.p + at, bytes.n - at);
        if (is_block_or_its_beginning(rest, queue, number, offset + at)) {
            *ret_offset = offset + at;
            return true;
        }
    }
    return false;
}
