/* What the broker's features read of a message's header, whatever the header's format
 * (store/header_format.h): a queue with priorities, one with a time to live, conflation, delays.
 * Nobody else looks into the bytes, but for who makes another header of them (death.h,
 * delivery_header.h) and the front end whose format it is.
 *
 * The priority is read once, when the message is made (message.h); the others are read by the
 * features that need them, when they need them: docs/decisions/what-a-message-carries.md. Pure; any
 * thread. */
#ifndef LEVERET_MESSAGE_MESSAGE_HEADER_H
#define LEVERET_MESSAGE_MESSAGE_HEADER_H

#include "message/message.h"

/* The header's priority; 0 if it has none. Of a header in this format. */
uint8_t header_priority(enum header_format format, struct slice header);

/* The headers table, raw; empty if there is none. It points into the header, or the message. */
struct slice header_headers(enum header_format format, struct slice header);
struct slice message_headers(const struct message *m);

/* The message's own time to live, in milliseconds. Returns false if it has none, or if it is no
 * number: then nobody could have published it. */
bool message_expiration(const struct message *m, uint64_t *ret_ms);

/* The time its publisher gave it, in seconds since 1970. Returns false if there is none. */
bool message_timestamp(const struct message *m, uint64_t *ret_s);

#endif
