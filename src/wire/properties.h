/* The properties of a content header: flags u16, then the value of each flag that is set.
 *
 * A message keeps these bytes and sends them as they were received; they are decoded only where a
 * value is needed. Pure; any thread. */
#ifndef LEVERET_WIRE_PROPERTIES_H
#define LEVERET_WIRE_PROPERTIES_H

#include "wire/wire.h"

/* PROPERTY(type, name, NAME, bit), in the order of the wire. */
#define PROPERTIES(P)                                                                              \
    P(shortstr, content_type, CONTENT_TYPE, 15)                                                    \
    P(shortstr, content_encoding, CONTENT_ENCODING, 14)                                            \
    P(table, headers, HEADERS, 13)                                                                 \
    P(octet, delivery_mode, DELIVERY_MODE, 12)                                                     \
    P(octet, priority, PRIORITY, 11)                                                               \
    P(shortstr, correlation_id, CORRELATION_ID, 10)                                                \
    P(shortstr, reply_to, REPLY_TO, 9)                                                             \
    P(shortstr, expiration, EXPIRATION, 8)                                                         \
    P(shortstr, message_id, MESSAGE_ID, 7)                                                         \
    P(longlong, timestamp, TIMESTAMP, 6)                                                           \
    P(shortstr, type, TYPE, 5)                                                                     \
    P(shortstr, user_id, USER_ID, 4)                                                               \
    P(shortstr, app_id, APP_ID, 3)                                                                 \
    P(shortstr, cluster_id, CLUSTER_ID, 2)

enum property {
#define PROPERTY_ENUM(wire_type, name, NAME, bit) PROPERTY_##NAME = 1u << (bit),
    PROPERTIES(PROPERTY_ENUM)
#undef PROPERTY_ENUM
};

/* The bits that denote a property; RabbitMQ ignores the other two. */
#define PROPERTY_ALL 0xFFFCu

#define DELIVERY_MODE_TRANSIENT 1
#define DELIVERY_MODE_PERSISTENT 2

/* A property is set if its flag is, even if it is empty; otherwise its field is zero. */
struct properties {
    uint16_t flags;
    uint8_t delivery_mode;
    uint8_t priority;
    uint64_t timestamp;   /* seconds since 1970, by custom */
    struct slice headers; /* a table's content */
    struct slice content_type, content_encoding, correlation_id, reply_to, expiration, message_id,
        type, user_id, app_id, cluster_id;
};

/* Does what properties_read() does, for other flags than the two common ones. */
bool properties_read_all(struct slice flags_and_values, struct properties *ret);

/* Decodes the properties. *ret borrows from the bytes; its headers are a valid table. Returns
 * false, with *ret undefined, if the bytes are cut short, continue behind the last property, or
 * hold a malformed table. Strings are not checked for UTF-8: RabbitMQ does not check them
 * either. */
__attribute__((warn_unused_result)) static inline bool
properties_read(struct slice flags_and_values, struct properties *ret)
{
    if (flags_and_values.n == 2 && wire_u16(flags_and_values.p) == 0) {
        *ret = (struct properties){0};
        return true;
    }
    if (flags_and_values.n == 3 && wire_u16(flags_and_values.p) == PROPERTY_DELIVERY_MODE) {
        *ret = (struct properties){.flags = PROPERTY_DELIVERY_MODE,
                                   .delivery_mode = flags_and_values.p[2]};
        return true;
    }
    return properties_read_all(flags_and_values, ret);
}

/* Finds one property in bytes that properties_read() has accepted. *ret becomes the bytes of its
 * value (of a string or a table, without their length). Returns false if it is not set. Takes a
 * step for each property before it. */
bool properties_find(struct slice flags_and_values, enum property property, struct slice *ret);

/* Returns how many bytes flags and values take. */
size_t properties_size(const struct properties *m);

/* Writes flags and values at p, where the caller has made room for properties_size() bytes. Returns
 * the end of what it wrote. Bits outside PROPERTY_ALL are not written. */
uint8_t *properties_put(uint8_t *p, const struct properties *m);

#endif
