/* The properties of a content header: flags u16, then the value of each flag that is set.
 *
 * The bytes are kept with the message and copied out as they came; they are taken apart only
 * where somebody needs to look. Pure; any thread. */
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

/* The bits that stand for a property; RabbitMQ ignores the two others. */
#define PROPERTY_ALL 0xFFFCu

#define DELIVERY_MODE_TRANSIENT 1
#define DELIVERY_MODE_PERSISTENT 2

/* A property counts when its flag is set, also an empty one; else its field is zero. */
struct properties {
    uint16_t flags;
    uint8_t delivery_mode;
    uint8_t priority;
    uint64_t timestamp;   /* seconds since 1970, by custom */
    struct slice headers; /* a table's content */
    struct slice content_type, content_encoding, correlation_id, reply_to, expiration, message_id,
        type, user_id, app_id, cluster_id;
};

/* The rest of properties_read(), for other flags than the two common ones. */
bool properties_read_all(struct slice flags_and_values, struct properties *ret);

/* Takes the properties apart. *ret borrows from the bytes; its headers are a valid table. False,
 * with anything in *ret, when the bytes are cut short, go on behind the last property, or hold a
 * malformed table. Strings are not checked to be UTF-8: RabbitMQ does not. */
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

/* One property alone, of bytes that properties_read() has once accepted: its value's bytes (a
 * string's and a table's without their length). False when it is not set. Costs a step for each
 * property before it. */
bool properties_find(struct slice flags_and_values, enum property property, struct slice *ret);

/* Bytes of flags and values. */
size_t properties_size(const struct properties *m);

/* Writes flags and values at p, where the caller has made room for properties_size() bytes, and
 * returns their end. Bits outside PROPERTY_ALL are not written. */
uint8_t *properties_put(uint8_t *p, const struct properties *m);

#endif
