/* The bytes of AMQP 0-9-1 below its methods: big-endian numbers, short and long strings, frames and
 * reply codes. Everything here is pure and may be called on any thread.
 *
 * A frame: type u8 | channel u16 | payload size u32 | payload | end octet 0xCE
 *
 * A reader remembers its first failure and returns zeros and empty slices from then on, so decoding
 * is a straight line with one check at its end. It never reads at or behind `end`. */
#ifndef LEVERET_WIRE_WIRE_H
#define LEVERET_WIRE_WIRE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/assert.h"
#include "base/slice.h"

#define FRAME_METHOD 1
#define FRAME_HEADER 2
#define FRAME_BODY 3
#define FRAME_HEARTBEAT 8
#define FRAME_END 0xCE

#define FRAME_HEADER_BYTES 7 /* type, channel, payload size */
#define FRAME_OVERHEAD 8     /* the header and the end octet */
#define FRAME_BYTES_MIN 4096 /* every peer accepts frames of this many bytes, overhead included */

_Static_assert(FRAME_OVERHEAD == FRAME_HEADER_BYTES + 1, "the header and the end octet");

#define SHORTSTR_BYTES_MAX 255

/* A content header's payload: class u16 | weight u16 | body size u64 | flags and values (see
 * wire/properties.h). */
#define CONTENT_HEADER_FIXED_BYTES 12

/* The reply codes of close and return: number and name. */
#define REPLY_MAP(R)                                                                               \
    R(200, SUCCESS)                                                                                \
    R(311, CONTENT_TOO_LARGE)                                                                      \
    R(312, NO_ROUTE)                                                                               \
    R(313, NO_CONSUMERS)                                                                           \
    R(320, CONNECTION_FORCED)                                                                      \
    R(402, INVALID_PATH)                                                                           \
    R(403, ACCESS_REFUSED)                                                                         \
    R(404, NOT_FOUND)                                                                              \
    R(405, RESOURCE_LOCKED)                                                                        \
    R(406, PRECONDITION_FAILED)                                                                    \
    R(501, FRAME_ERROR)                                                                            \
    R(502, SYNTAX_ERROR)                                                                           \
    R(503, COMMAND_INVALID)                                                                        \
    R(504, CHANNEL_ERROR)                                                                          \
    R(505, UNEXPECTED_FRAME)                                                                       \
    R(506, RESOURCE_ERROR)                                                                         \
    R(530, NOT_ALLOWED)                                                                            \
    R(540, NOT_IMPLEMENTED)                                                                        \
    R(541, INTERNAL_ERROR)

enum reply_code {
#define REPLY_ENUM(number, name) REPLY_##name = (number),
    REPLY_MAP(REPLY_ENUM)
#undef REPLY_ENUM
};

/* Returns "NOT_FOUND" for 404, as reply texts begin; NULL for a number that is not in REPLY_MAP. */
const char *wire_reply_name(int code);

/* The result of decoding. Zero is success: compare with WIRE_OK. */
enum wire_result {
    WIRE_OK,
    WIRE_MALFORMED, /* cut short, or bytes left over: "cannot decode" */
    WIRE_BAD_UTF8, /* well formed, but a short string is not UTF-8: "Malformed UTF-8 in shortstr" */
    WIRE_BAD_TABLE, /* well formed, but the bytes of a table are not a field table */
};

/* Return the number at p. The caller has checked that its bytes are there. */
static inline uint8_t wire_u8(const uint8_t *p)
{
    return p[0];
}

static inline uint16_t wire_u16(const uint8_t *p)
{
    uint16_t v;
    memcpy(&v, p, sizeof v);
    return __builtin_bswap16(v);
}

static inline uint32_t wire_u32(const uint8_t *p)
{
    uint32_t v;
    memcpy(&v, p, sizeof v);
    return __builtin_bswap32(v);
}

static inline uint64_t wire_u64(const uint8_t *p)
{
    uint64_t v;
    memcpy(&v, p, sizeof v);
    return __builtin_bswap64(v);
}

/* Each of these writes at p and returns the end of what it wrote. The caller has made room. */
static inline uint8_t *wire_put_u8(uint8_t *p, uint8_t v)
{
    p[0] = v;
    return p + 1;
}

static inline uint8_t *wire_put_u16(uint8_t *p, uint16_t v)
{
    v = __builtin_bswap16(v);
    memcpy(p, &v, sizeof v);
    return p + sizeof v;
}

static inline uint8_t *wire_put_u32(uint8_t *p, uint32_t v)
{
    v = __builtin_bswap32(v);
    memcpy(p, &v, sizeof v);
    return p + sizeof v;
}

static inline uint8_t *wire_put_u64(uint8_t *p, uint64_t v)
{
    v = __builtin_bswap64(v);
    memcpy(p, &v, sizeof v);
    return p + sizeof v;
}

/* Writes bytes. Names and keys are short: up to 16 bytes are written without a call. */
static inline uint8_t *wire_put_bytes(uint8_t *p, struct slice s)
{
    size_t n = s.n;
    if (n > 16) {
        memcpy(p, s.p, n);
    } else if (n >= 8) { /* two words that overlap cover 8 to 16 bytes */
        uint64_t head, tail;
        memcpy(&head, s.p, 8);
        memcpy(&tail, s.p + n - 8, 8);
        memcpy(p, &head, 8);
        memcpy(p + n - 8, &tail, 8);
    } else if (n >= 4) {
        uint32_t head, tail;
        memcpy(&head, s.p, 4);
        memcpy(&tail, s.p + n - 4, 4);
        memcpy(p, &head, 4);
        memcpy(p + n - 4, &tail, 4);
    } else if (n > 0) {
        uint8_t middle = s.p[n / 2];
        uint8_t tail = s.p[n - 1];
        p[0] = s.p[0];
        p[n / 2] = middle;
        p[n - 1] = tail;
    }
    return p + n;
}

/* Writes length and bytes. A short string has at most SHORTSTR_BYTES_MAX bytes: asserted. */
static inline uint8_t *wire_put_shortstr(uint8_t *p, struct slice s)
{
    lv_assert(s.n <= SHORTSTR_BYTES_MAX);
    return wire_put_bytes(wire_put_u8(p, (uint8_t)s.n), s);
}

/* Writes length and bytes of a long string, or of a table whose content is s. The slice has at most
 * UINT32_MAX bytes: asserted. */
static inline uint8_t *wire_put_longstr(uint8_t *p, struct slice s)
{
    lv_assert(s.n <= UINT32_MAX);
    return wire_put_bytes(wire_put_u32(p, (uint32_t)s.n), s);
}

/* Writes the FRAME_HEADER_BYTES of a frame with a payload of this many bytes. */
static inline uint8_t *wire_put_frame_header(uint8_t *p, uint8_t type, uint16_t channel,
                                             uint32_t payload_bytes)
{
    p = wire_put_u8(p, type);
    p = wire_put_u16(p, channel);
    return wire_put_u32(p, payload_bytes);
}

/* Reads bytes, which it borrows, from front to back. */
struct wire_reader {
    const uint8_t *p, *end;
    bool failed;
};

static inline struct wire_reader wire_reader_of(struct slice s)
{
    return (struct wire_reader){s.p, s.p ? s.p + s.n : s.p, false};
}

static inline size_t wire_reader_left(const struct wire_reader *r)
{
    return (size_t)(r->end - r->p);
}

/* Returns whether everything was read and nothing failed. */
static inline bool wire_reader_is_done(const struct wire_reader *r)
{
    return !r->failed && r->p == r->end;
}

/* Steps over n bytes and returns where they are, or NULL if fewer are left. */
static inline const uint8_t *wire_read_step(struct wire_reader *r, size_t n)
{
    const uint8_t *p = r->p;
    if (__builtin_expect(wire_reader_left(r) < n, 0)) {
        r->failed = true;
        r->p = r->end;
        return NULL;
    }
    if (n > 0)
        r->p = p + n;
    return p;
}

static inline uint8_t wire_read_u8(struct wire_reader *r)
{
    const uint8_t *p = wire_read_step(r, 1);
    return p ? wire_u8(p) : 0;
}

static inline uint16_t wire_read_u16(struct wire_reader *r)
{
    const uint8_t *p = wire_read_step(r, 2);
    return p ? wire_u16(p) : 0;
}

static inline uint32_t wire_read_u32(struct wire_reader *r)
{
    const uint8_t *p = wire_read_step(r, 4);
    return p ? wire_u32(p) : 0;
}

static inline uint64_t wire_read_u64(struct wire_reader *r)
{
    const uint8_t *p = wire_read_step(r, 8);
    return p ? wire_u64(p) : 0;
}

/* Returns the next n bytes, borrowed from what is read. */
static inline struct slice wire_read_bytes(struct wire_reader *r, size_t n)
{
    const uint8_t *p = wire_read_step(r, n);
    return p ? slice_of(p, n) : SLICE_EMPTY;
}

/* Return a string, borrowed from what is read. Short strings are not checked for UTF-8 here. */
static inline struct slice wire_read_shortstr(struct wire_reader *r)
{
    return wire_read_bytes(r, wire_read_u8(r));
}

static inline struct slice wire_read_longstr(struct wire_reader *r)
{
    return wire_read_bytes(r, wire_read_u32(r));
}

/* Returns a table's content without its length. It is not checked yet: see table_is_valid(). */
static inline struct slice wire_read_table(struct wire_reader *r)
{
    return wire_read_longstr(r);
}

/* Does what wire_is_utf8() does, for bytes that are not all ASCII. */
bool wire_is_utf8_slowly(struct slice s);

/* Returns whether RabbitMQ accepts the bytes as UTF-8. It is lenient: it accepts all sequences of
 * up to four bytes that are not overlong, including surrogates and numbers above U+10FFFF. */
static inline bool wire_is_utf8(struct slice s)
{
    const uint64_t high = UINT64_C(0x8080808080808080);
    uint64_t seen = 0;
    size_t i = 0;
    for (; i + 8 <= s.n; i += 8) {
        uint64_t word;
        memcpy(&word, s.p + i, 8);
        seen |= word;
    }
    for (; i < s.n; i++)
        seen |= s.p[i];
    return (seen & high) == 0 || wire_is_utf8_slowly(s);
}

#endif
