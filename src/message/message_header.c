/* The one file that knows where each header format has these properties. So far only that of AMQP
 * 0-9-1 is known: in a header of another format no property is found. */
#include "message/message_header.h"

#include "wire/properties.h"
#include "wire/wire.h"

/* Returns the property's bytes in *ret; or false if the header does not have it. */
static bool header_find(enum header_format format, struct slice header, unsigned property,
                        struct slice *ret)
{
    return format == HEADER_AMQP_0_9_1 && properties_find(header, property, ret);
}

static bool message_find(const struct message *m, unsigned property, struct slice *ret)
{
    return header_find(m->format, message_header(m), property, ret);
}

uint8_t header_priority(enum header_format format, struct slice header)
{
    struct slice priority;
    return header_find(format, header, PROPERTY_PRIORITY, &priority) ? priority.p[0] : 0;
}

struct slice header_headers(enum header_format format, struct slice header)
{
    struct slice headers;
    return header_find(format, header, PROPERTY_HEADERS, &headers) ? headers : SLICE_EMPTY;
}

struct slice message_headers(const struct message *m)
{
    return header_headers(m->format, message_header(m));
}

bool message_expiration(const struct message *m, uint64_t *ret_ms)
{
    struct slice text;
    uint64_t ms = 0;
    if (!message_find(m, PROPERTY_EXPIRATION, &text) || text.n == 0)
        return false;
    for (size_t i = text.p[0] == '+' || text.p[0] == '-'; i < text.n; i++) {
        unsigned digit = text.p[i] - (unsigned)'0';
        if (digit > 9)
            return false;
        ms = ms * 10 + digit;
    }
    *ret_ms = ms;
    return true;
}

bool message_timestamp(const struct message *m, uint64_t *ret_s)
{
    struct slice bytes;
    if (!message_find(m, PROPERTY_TIMESTAMP, &bytes))
        return false;
    struct wire_reader r = wire_reader_of(bytes);
    *ret_s = wire_read_u64(&r);
    return true;
}
