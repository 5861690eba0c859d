/* The bytes of the log. All numbers are little-endian; records begin at multiples of 8.
 *
 *   a file      0  "LVRT-LOG"   8 version u32   12 0 u32   16 number u64   24 salt u64   32 0 ...
 *              56  XXH3-64 of bytes 0..55                                  64  records
 *
 *   a record    0  checksum u64   8 length u32   12 type u8   13 flags u8   14 version u8
 *              15  format u8
 *              16  payload, then zeros up to a multiple of 8
 *   BATCH      16  synced: file u64, offset u64   32 previous: file u64, end u64
 *              48  floor u64   56 bytes of this write u64
 *   ENQUEUE    13  flags u8 (1: persistent)   15 format of the header u8
 *              16  header bytes u32   20 body bytes u32   24 targets u32   28 exchange bytes u16
 *              30  routing key bytes u16   32 exchange, routing key, header, body
 *               .  targets: queue u64, sequence << 8 | flags u64 (flag 2: then a deadline u64)
 *   SETTLE     16  ranges: queue u64, from u64, count u64
 *   DELIVERED_BELOW 16 queue u64   24 below u64
 *   SNAPSHOT   16  queue u64   24 next sequence u64   32 delivered below u64
 *              40  segments u32   44 carried u32   48 segments, then carried messages
 *              a segment: number, first, end, bytes, persistent live, persistent bytes, ranges: u64
 *                each; then the ranges: from u64, count u64
 *              a message: sequence << 8 | flags u64 (flag 128: persistent), the deadline u64 with
 *                flag 2, the format of the header u8 with flag 4, header bytes u32, body bytes u32,
 *                exchange bytes u16, routing key bytes u16, then these four
 *              after the messages: flags u64 (1: deadlines in the segments), and for each message
 *                that was returned sequence << 8 | count u64
 *   SEGMENT_GONE 16 queue u64  24 number u64
 *   QUEUE_GONE 16  queue u64   24 0 u64
 *   COUNT      16  queue u64   24 sequence << 8 | count u64
 *   QUEUE      13  flags u8 (1: auto-delete)
 *              16  queue u64   24 arguments bytes u32   28 vhost bytes u16   30 name bytes u16
 *              32  vhost, name, arguments
 *
 * The checksum is XXH3-64 of bytes 8 .. length, XOR (key + offset * 0x9e3779b97f4a7c15), where key
 * is a bijection of the file's number under the log's salt. */
#include "store/log_records.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "base/assert.h"
#include "base/error.h"

enum { IS_AUTO_DELETE = 1 };
enum { IS_PERSISTENT = 1, HAS_DEADLINE = 2, SNAPSHOT_BYTES = 48 };
enum { CARRIED_HAS_FORMAT = 4, CARRIED_IS_PERSISTENT = 128, FORMAT_BYTES = 1 };
enum { SNAPSHOT_HAS_DEADLINES = 1, COUNT_BYTES = 8 };
enum { SEGMENT_BYTES = 56, SEGMENT_RANGE_BYTES = 16, CARRIED_BYTES = 20 };

static const char magic[8] = {'L', 'V', 'R', 'T', '-', 'L', 'O', 'G'};

/* --- files ------------------------------------------------------------------------------------ */

void log_put_file_header(uint8_t *out, const struct log_file_header *header)
{
    memset(out, 0, LOG_FILE_HEADER_BYTES);
    memcpy(out, magic, sizeof magic);
    log_put32(out + 8, header->version);
    log_put64(out + 16, header->number);
    log_put64(out + 24, header->salt);
    log_put64(out + 56, XXH3_64bits(out, 56));
}

int log_read_file_header(const uint8_t *in, struct log_file_header *ret)
{
    bool has_magic = memcmp(in, magic, sizeof magic) == 0;
    uint32_t version = log_get32(in + 8);
    /* A newer version may have another checksum, or have it elsewhere: it is not checked. */
    if (has_magic && version > LOG_FORMAT_VERSION && version <= LOG_FORMAT_VERSION_PLAUSIBLE) {
        ret->version = version;
        return ERR_FORMAT;
    }
    if (!has_magic || log_get64(in + 56) != XXH3_64bits(in, 56))
        return ERR_INVALID;
    *ret = (struct log_file_header){log_get32(in + 8), log_get64(in + 16), log_get64(in + 24)};
    return 0;
}

/* This is a bijection of `number` for every salt (each step can be undone), so no two files have
 * the same key. */
uint64_t log_file_key(uint64_t salt, uint64_t number)
{
    uint64_t x = number ^ salt;
    x = (x ^ (x >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    x = (x ^ (x >> 27)) * UINT64_C(0x94d049bb133111eb);
    return x ^ (x >> 31);
}

/* --- records ---------------------------------------------------------------------------------- */

void log_record_seal(uint8_t *record, enum log_type type, size_t length)
{
    lv_assert(length >= LOG_RECORD_HEADER_BYTES && length <= LOG_RECORD_BYTES_MAX);
    lv_assert(type > 0 && type < LOG_TYPES);
    log_put32(record + 8, (uint32_t)length);
    record[12] = (uint8_t)type;
    memset(record + length, 0, log_align(length) - length);
    log_put64(record, XXH3_64bits(record + 8, length - 8));
}

static bool checksum_fits(const uint8_t *p, size_t length, uint64_t file_key, uint64_t offset)
{
    uint64_t bound = file_key + offset * UINT64_C(0x9e3779b97f4a7c15);
    return log_get64(p) == (XXH3_64bits(p + 8, length - 8) ^ bound);
}

bool log_record_read(struct slice bytes, uint64_t file_key, uint64_t offset, struct log_record *ret)
{
    if (bytes.n < LOG_RECORD_HEADER_BYTES)
        return false;
    size_t length = log_get32(bytes.p + 8);
    unsigned type = bytes.p[12];
    if (length < LOG_RECORD_HEADER_BYTES || length > bytes.n || type == 0 || type >= LOG_TYPES)
        return false;
    if (!checksum_fits(bytes.p, length, file_key, offset))
        return false;
    ret->type = (enum log_type)type;
    ret->flags = bytes.p[13];
    ret->version = bytes.p[14];
    ret->format = bytes.p[15];
    ret->payload = slice_of(bytes.p + LOG_RECORD_HEADER_BYTES, length - LOG_RECORD_HEADER_BYTES);
    ret->bytes = log_align(length);
    return true;
}

bool log_batch_read(struct slice bytes, uint64_t file_key, uint64_t offset, struct log_batch *ret)
{
    const uint8_t *p = bytes.p;
    if (bytes.n < LOG_BATCH_BYTES || p[12] != LOG_BATCH || log_get32(p + 8) != LOG_BATCH_BYTES)
        return false;
    if (!checksum_fits(p, LOG_BATCH_BYTES, file_key, offset))
        return false;
    *ret = (struct log_batch){
        .synced = {log_get64(p + 16), log_get64(p + 24)},
        .previous = {log_get64(p + 32), log_get64(p + 40)},
        .floor = log_get64(p + 48),
        .bytes = log_get64(p + 56),
    };
    return true;
}

uint64_t log_batch_find(struct slice bytes, uint64_t offset)
{
    /* Length and type, as log_batch_read() wants them, in one word. */
    const uint64_t wanted = LOG_BATCH_BYTES | (uint64_t)LOG_BATCH << 32;
    const uint64_t mask = UINT64_C(0xffffffffff);

    for (; offset + LOG_BATCH_BYTES <= bytes.n; offset += 8)
        if ((log_get64(bytes.p + offset + 8) & mask) == wanted)
            return offset;
    return bytes.n;
}

void log_put_batch(uint8_t *out, const struct log_batch *batch)
{
    lv_assert(batch->bytes >= LOG_BATCH_BYTES && batch->bytes % 8 == 0);
    memset(out, 0, LOG_RECORD_HEADER_BYTES);
    log_put64(out + 16, batch->synced.file);
    log_put64(out + 24, batch->synced.offset);
    log_put64(out + 32, batch->previous.file);
    log_put64(out + 40, batch->previous.offset);
    log_put64(out + 48, batch->floor);
    log_put64(out + 56, batch->bytes);
    log_record_seal(out, LOG_BATCH, LOG_BATCH_BYTES);
}

/* --- payloads: writing ------------------------------------------------------------------------ */

static uint8_t *put_slice(uint8_t *p, struct slice s)
{
    if (s.n > 0)
        memcpy(p, s.p, s.n);
    return p + s.n;
}

void log_put_enqueue(uint8_t *record, const struct log_message *m)
{
    uint8_t *p = record + LOG_ENQUEUE_BYTES;
    lv_assert(m->exchange.n <= UINT16_MAX);
    lv_assert(m->routing_key.n <= UINT16_MAX);
    memset(record + 12, 0, 4);
    record[13] = m->is_persistent ? IS_PERSISTENT : 0;
    record[14] = LOG_RECORD_VERSION;
    record[15] = m->format;
    log_put32(record + 16, (uint32_t)m->header.n);
    log_put32(record + 20, (uint32_t)m->body.n);
    log_put32(record + 24, 0);
    log_put16(record + 28, (uint16_t)m->exchange.n);
    log_put16(record + 30, (uint16_t)m->routing_key.n);
    p = put_slice(p, m->exchange);
    p = put_slice(p, m->routing_key);
    p = put_slice(p, m->header);
    put_slice(p, m->body);
}

/* Writes a sequence number with its flags, and the deadline if there is one. */
static uint8_t *put_sequence(uint8_t *p, uint64_t sequence, unsigned flags, uint64_t deadline_ms)
{
    lv_assert(sequence <= LOG_SEQUENCE_MAX);
    lv_assert((flags & ~0xffu) == 0);
    log_put64(p, sequence << 8 | flags | (deadline_ms ? HAS_DEADLINE : 0));
    if (!deadline_ms)
        return p + 8;
    log_put64(p + 8, deadline_ms);
    return p + 8 + LOG_DEADLINE_BYTES;
}

size_t log_put_target(uint8_t *record, size_t length, uint64_t queue, uint64_t sequence,
                      unsigned flags, uint64_t deadline_ms)
{
    lv_assert(length >= LOG_ENQUEUE_BYTES);
    log_put64(record + length, queue);
    uint8_t *end = put_sequence(record + length + 8, sequence, flags & LOG_DELIVERED, deadline_ms);
    log_put32(record + 24, log_get32(record + 24) + 1);
    return (size_t)(end - record);
}

void log_put_range(uint8_t *at, uint64_t queue, struct log_range range)
{
    lv_assert(range.count > 0);
    log_put64(at, queue);
    log_put64(at + 8, range.from);
    log_put64(at + 16, range.count);
}

void log_put_pair(uint8_t *record, uint64_t first, uint64_t second)
{
    memset(record + 12, 0, 4);
    log_put64(record + 16, first);
    log_put64(record + 24, second);
}

uint64_t log_queue_bytes(const struct log_queue *q)
{
    return LOG_QUEUE_BYTES + (uint64_t)q->vhost.n + q->name.n + q->arguments.n;
}

void log_put_queue_record(uint8_t *record, const struct log_queue *q)
{
    uint8_t *p = record + LOG_QUEUE_BYTES;
    lv_assert(q->vhost.n <= UINT16_MAX);
    lv_assert(q->name.n <= UINT16_MAX);
    memset(record + 12, 0, 4);
    record[13] = q->is_auto_delete ? IS_AUTO_DELETE : 0;
    log_put64(record + 16, q->queue);
    log_put32(record + 24, (uint32_t)q->arguments.n);
    log_put16(record + 28, (uint16_t)q->vhost.n);
    log_put16(record + 30, (uint16_t)q->name.n);
    p = put_slice(p, q->vhost);
    p = put_slice(p, q->name);
    put_slice(p, q->arguments);
}

uint64_t log_snapshot_bytes(const struct log_snapshot *s)
{
    uint64_t n = SNAPSHOT_BYTES;
    for (size_t i = 0; i < s->segment_count; i++)
        n += SEGMENT_BYTES + s->segments[i].live_count * SEGMENT_RANGE_BYTES;
    for (size_t i = 0; i < s->carried_count; i++) {
        const struct log_message *m = &s->carried[i].message;
        n += CARRIED_BYTES + m->exchange.n + m->routing_key.n + m->header.n + m->body.n;
        n += s->carried[i].deadline_ms ? LOG_DEADLINE_BYTES : 0;
        n += m->format ? FORMAT_BYTES : 0;
    }
    return n + 8 + s->count_count * COUNT_BYTES;
}

static uint8_t *put_segment(uint8_t *p, const struct log_segment *s)
{
    const uint64_t numbers[] = {
        s->number,          s->first_sequence,   s->end_sequence, s->bytes,
        s->persistent_live, s->persistent_bytes, s->live_count,
    };
    _Static_assert(sizeof numbers == SEGMENT_BYTES, "a segment is seven numbers");
    memcpy(p, numbers, sizeof numbers);
    p += sizeof numbers;
    for (size_t i = 0; i < s->live_count; i++, p += SEGMENT_RANGE_BYTES) {
        log_put64(p, s->live[i].from);
        log_put64(p + 8, s->live[i].count);
    }
    return p;
}

static uint8_t *put_carried(uint8_t *p, const struct log_carried *c)
{
    const struct log_message *m = &c->message;
    unsigned flags = (c->flags & LOG_DELIVERED) | (m->is_persistent ? CARRIED_IS_PERSISTENT : 0) |
                     (m->format ? CARRIED_HAS_FORMAT : 0);
    lv_assert(m->exchange.n <= UINT16_MAX);
    lv_assert(m->routing_key.n <= UINT16_MAX);
    p = put_sequence(p, c->sequence, flags, c->deadline_ms);
    if (m->format)
        *p++ = m->format;
    log_put32(p, (uint32_t)m->header.n);
    log_put32(p + 4, (uint32_t)m->body.n);
    log_put16(p + 8, (uint16_t)m->exchange.n);
    log_put16(p + 10, (uint16_t)m->routing_key.n);
    p = put_slice(p + 12, m->exchange);
    p = put_slice(p, m->routing_key);
    p = put_slice(p, m->header);
    return put_slice(p, m->body);
}

void log_put_snapshot_record(uint8_t *record, const struct log_snapshot *s)
{
    uint8_t *p = record + SNAPSHOT_BYTES;
    lv_assert(s->segment_count <= UINT32_MAX);
    lv_assert(s->carried_count <= UINT32_MAX);
    lv_assert(s->next_sequence <= LOG_SEQUENCE_MAX);
    lv_assert(s->carried_count == 0 ||
              s->carried[s->carried_count - 1].sequence < s->next_sequence);
    memset(record + 12, 0, 4);
    log_put64(record + 16, s->queue);
    log_put64(record + 24, s->next_sequence);
    log_put64(record + 32, s->delivered_below);
    log_put32(record + 40, (uint32_t)s->segment_count);
    log_put32(record + 44, (uint32_t)s->carried_count);
    for (size_t i = 0; i < s->segment_count; i++)
        p = put_segment(p, &s->segments[i]);
    for (size_t i = 0; i < s->carried_count; i++) {
        lv_assert(i == 0 || s->carried[i].sequence >= s->carried[i - 1].sequence);
        p = put_carried(p, &s->carried[i]);
    }
    log_put64(p, s->has_deadlines ? SNAPSHOT_HAS_DEADLINES : 0);
    for (size_t i = 0; i < s->count_count; i++) {
        uint32_t count = s->counts[i].count;
        lv_assert(s->counts[i].sequence <= LOG_SEQUENCE_MAX);
        p += COUNT_BYTES;
        log_put64(p, s->counts[i].sequence << 8 | (count < UINT8_MAX ? count : UINT8_MAX));
    }
}

/* --- payloads: reading ------------------------------------------------------------------------ */

/* A reader remembers whether anything was missing, so that decoding needs one check at the end.
 * What is missing reads as an empty slice or as 0. */
struct reader {
    struct slice left;
    bool has_failed;
    uint8_t format_max; /* the highest format of a message's header so far */
};

static struct slice reader_take(struct reader *r, uint64_t n)
{
    struct slice got = r->left;
    if (n > got.n) {
        r->has_failed = true;
        return SLICE_EMPTY;
    }
    r->left = slice_of(got.p + n, got.n - (size_t)n);
    got.n = (size_t)n;
    return got;
}

static uint64_t reader_take64(struct reader *r)
{
    struct slice s = reader_take(r, 8);
    return s.p && s.n == 8 ? log_get64(s.p) : 0;
}

static uint32_t reader_take32(struct reader *r)
{
    struct slice s = reader_take(r, 4);
    return s.n == 4 ? log_get32(s.p) : 0;
}

static uint16_t reader_take16(struct reader *r)
{
    struct slice s = reader_take(r, 2);
    return s.n == 2 ? log_get16(s.p) : 0;
}

static uint8_t take_format(struct reader *r)
{
    struct slice s = reader_take(r, FORMAT_BYTES);
    uint8_t format = s.n == FORMAT_BYTES ? s.p[0] : HEADER_AMQP_0_9_1;
    r->format_max = format > r->format_max ? format : r->format_max;
    return format;
}

static int check_format(unsigned format)
{
    if (format < HEADER_FORMATS)
        return 0;
    return lv_error_explain(ERR_FORMAT, "a message's header is of the format %u", format);
}

struct lengths {
    uint32_t header, body;
    uint16_t exchange, routing_key;
};

static void take_message(struct reader *r, struct lengths n, struct log_message *ret)
{
    ret->exchange = reader_take(r, n.exchange);
    ret->routing_key = reader_take(r, n.routing_key);
    ret->header = reader_take(r, n.header);
    ret->body = reader_take(r, n.body);
}

/* Reads a sequence number with its flags, and the deadline if there is one. Returns all flags. */
static uint64_t take_sequence(struct reader *r, struct log_carried *ret)
{
    uint64_t word = reader_take64(r);
    ret->sequence = word >> 8;
    ret->flags = (unsigned)(word & LOG_DELIVERED);
    ret->deadline_ms = word & HAS_DEADLINE ? reader_take64(r) : 0;
    return word & 0xff;
}

/* Returns true if the rest is exactly this many targets. */
static bool targets_are_whole(struct reader r, uint32_t targets)
{
    for (uint32_t i = 0; i < targets && !r.has_failed; i++) {
        reader_take64(&r);
        struct log_carried c;
        take_sequence(&r, &c);
    }
    return !r.has_failed && r.left.n == 0;
}

static int visit_enqueue(const struct log_record *record, uint64_t file,
                         const struct log_visitor *visitor, void *arg)
{
    struct reader r = {.left = record->payload};
    struct log_message message = {.is_persistent = record->flags & IS_PERSISTENT,
                                  .format = (uint8_t)record->format};
    struct lengths n;
    n.header = reader_take32(&r);
    n.body = reader_take32(&r);
    uint32_t targets = reader_take32(&r);
    n.exchange = reader_take16(&r);
    n.routing_key = reader_take16(&r);
    take_message(&r, n, &message);
    if (r.has_failed || !targets_are_whole(r, targets))
        return ERR_INVALID;
    int err = check_format(message.format);
    if (err < 0)
        return err;
    for (uint32_t i = 0; visitor->enqueue && i < targets; i++) {
        struct log_carried c = {.message = message};
        uint64_t queue = reader_take64(&r);
        take_sequence(&r, &c);
        visitor->enqueue(arg, file, queue, &c);
    }
    return 0;
}

static int visit_settle(const struct log_record *record, const struct log_visitor *visitor,
                        void *arg)
{
    struct reader r = {.left = record->payload};
    if (r.left.n % LOG_RANGE_BYTES != 0)
        return ERR_INVALID;
    while (visitor->settle && r.left.n > 0) {
        uint64_t queue = reader_take64(&r);
        uint64_t from = reader_take64(&r);
        visitor->settle(arg, queue, from, reader_take64(&r));
    }
    return 0;
}

static int visit_pair(const struct log_record *record, uint64_t file,
                      const struct log_visitor *visitor, void *arg)
{
    struct reader r = {.left = record->payload};
    uint64_t first = reader_take64(&r);
    uint64_t second = reader_take64(&r);
    if (r.has_failed || r.left.n > 0)
        return ERR_INVALID;
    if (record->type == LOG_DELIVERED_BELOW && visitor->delivered)
        visitor->delivered(arg, file, first, second);
    if (record->type == LOG_SEGMENT_GONE && visitor->segment_gone)
        visitor->segment_gone(arg, first, second);
    if (record->type == LOG_QUEUE_GONE && visitor->queue_gone)
        visitor->queue_gone(arg, first);
    if (record->type == LOG_COUNT && visitor->count)
        visitor->count(arg, file, first, (struct log_count){second >> 8, second & 0xff});
    return 0;
}

/* Returns memory for `count` more items in a scratch buffer. All its items have this size. */
static void *scratch_extend(struct lv_buffer *b, size_t count, size_t bytes)
{
    void *p = lv_buffer_reserve(b, count * bytes);
    b->n += count * bytes;
    return p;
}

/* Reads a segment. Its `live` is set later, by link_ranges(): the ranges may still move. */
static void take_segment(struct reader *r, struct log_scratch *scratch)
{
    struct log_segment s = {0};
    s.number = reader_take64(r);
    s.first_sequence = reader_take64(r);
    s.end_sequence = reader_take64(r);
    s.bytes = reader_take64(r);
    s.persistent_live = reader_take64(r);
    s.persistent_bytes = reader_take64(r);
    uint64_t count = reader_take64(r);
    if (count > r->left.n / SEGMENT_RANGE_BYTES)
        r->has_failed = true;
    struct slice ranges = reader_take(r, count * SEGMENT_RANGE_BYTES);
    if (r->has_failed)
        return;
    s.live_count = (size_t)count;
    struct log_range *to = scratch_extend(&scratch->ranges, s.live_count, sizeof *to);
    for (size_t i = 0; i < s.live_count; i++) {
        const uint8_t *p = ranges.p + i * SEGMENT_RANGE_BYTES;
        to[i] = (struct log_range){log_get64(p), log_get64(p + 8)};
    }
    lv_buffer_add(&scratch->segments, &s, sizeof s);
}

/* Sets the pointer of each segment to its ranges, once the buffers no longer grow. */
static void link_ranges(struct log_scratch *scratch, size_t count)
{
    struct log_segment *segments = (void *)scratch->segments.p;
    const struct log_range *ranges = (void *)scratch->ranges.p;
    size_t used = 0;
    for (size_t i = 0; i < count; i++) {
        if (segments[i].live_count > 0)
            segments[i].live = ranges + used;
        used += segments[i].live_count;
    }
}

static void take_carried(struct reader *r, struct log_scratch *scratch)
{
    struct log_carried c = {0};
    uint64_t flags = take_sequence(r, &c);
    if (flags & CARRIED_HAS_FORMAT)
        c.message.format = take_format(r);
    struct lengths n;
    n.header = reader_take32(r);
    n.body = reader_take32(r);
    n.exchange = reader_take16(r);
    n.routing_key = reader_take16(r);
    take_message(r, n, &c.message);
    c.message.is_persistent = flags & CARRIED_IS_PERSISTENT;
    lv_buffer_add(&scratch->carried, &c, sizeof c);
}

static void take_counts(struct reader *r, struct log_scratch *scratch, struct log_snapshot *s)
{
    s->has_deadlines = reader_take64(r) & SNAPSHOT_HAS_DEADLINES;
    while (r->left.n > 0 && !r->has_failed) {
        uint64_t word = reader_take64(r);
        struct log_count count = {word >> 8, word & 0xff};
        lv_buffer_add(&scratch->counts, &count, sizeof count);
        s->count_count++;
    }
}

static int visit_snapshot(const struct log_record *record, uint64_t file,
                          const struct log_visitor *visitor, void *arg, struct log_scratch *scratch)
{
    struct reader r = {.left = record->payload};
    struct log_snapshot s = {0};
    s.queue = reader_take64(&r);
    s.next_sequence = reader_take64(&r);
    s.delivered_below = reader_take64(&r);
    s.segment_count = reader_take32(&r);
    s.carried_count = reader_take32(&r);
    scratch->segments.n = scratch->ranges.n = scratch->carried.n = scratch->counts.n = 0;
    for (size_t i = 0; i < s.segment_count && !r.has_failed; i++)
        take_segment(&r, scratch);
    for (size_t i = 0; i < s.carried_count && !r.has_failed; i++)
        take_carried(&r, scratch);
    if (!r.has_failed)
        take_counts(&r, scratch, &s);
    if (r.has_failed || r.left.n > 0)
        return ERR_INVALID;
    int err = check_format(r.format_max);
    if (err < 0)
        return err;
    link_ranges(scratch, s.segment_count);
    s.segments = (void *)scratch->segments.p;
    s.carried = (void *)scratch->carried.p;
    s.counts = (void *)scratch->counts.p;
    if (visitor->snapshot)
        visitor->snapshot(arg, file, &s);
    return 0;
}

static int visit_queue(const struct log_record *record, const struct log_visitor *visitor,
                       void *arg)
{
    struct reader r = {.left = record->payload};
    struct log_queue q = {.queue = reader_take64(&r),
                          .is_auto_delete = record->flags & IS_AUTO_DELETE};
    uint32_t arguments = reader_take32(&r);
    uint16_t vhost = reader_take16(&r);
    uint16_t name = reader_take16(&r);
    q.vhost = reader_take(&r, vhost);
    q.name = reader_take(&r, name);
    q.arguments = reader_take(&r, arguments);
    if (r.has_failed || r.left.n > 0)
        return ERR_INVALID;
    if (visitor->queue)
        visitor->queue(arg, &q);
    return 0;
}

int log_record_visit(const struct log_record *record, uint64_t file,
                     const struct log_visitor *visitor, void *arg, struct log_scratch *scratch)
{
    lv_assert(record->payload.p != NULL);
    if (record->version > LOG_RECORD_VERSION)
        return lv_error_explain(ERR_FORMAT, "a record is of the newer version %u", record->version);
    switch (record->type) {
    case LOG_BATCH:
        return record->payload.n == LOG_BATCH_BYTES - LOG_RECORD_HEADER_BYTES ? 0 : ERR_INVALID;
    case LOG_ENQUEUE: return visit_enqueue(record, file, visitor, arg);
    case LOG_SETTLE: return visit_settle(record, visitor, arg);
    case LOG_SNAPSHOT: return visit_snapshot(record, file, visitor, arg, scratch);
    case LOG_QUEUE: return visit_queue(record, visitor, arg);
    case LOG_DELIVERED_BELOW:
    case LOG_SEGMENT_GONE:
    case LOG_COUNT:
    case LOG_QUEUE_GONE: return visit_pair(record, file, visitor, arg);
    case LOG_TYPES: break;
    }
    return ERR_INVALID;
}

void log_scratch_free(struct log_scratch *scratch)
{
    lv_buffer_free(&scratch->segments);
    lv_buffer_free(&scratch->ranges);
    lv_buffer_free(&scratch->carried);
    lv_buffer_free(&scratch->counts);
}
