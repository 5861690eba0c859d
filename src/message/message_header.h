/* The properties of a message that features of the broker read, in any header format
 * (store/header_format.h): priority queues, time to live, conflation, delays. No other code parses
 * headers, except that which makes a new header from an old one (death.h, delivery_header.h) and
 * the front end whose format it is.
 *
 * The priority is read once, when the message is made (message.h). Each feature reads the others
 * when it needs them: docs/decisions/what-a-message-carries.md. Pure; any thread. */
#ifndef LEVERET_MESSAGE_MESSAGE_HEADER_H
#define LEVERET_MESSAGE_MESSAGE_HEADER_H

#include "message/message.h"

/* Returns the priority in a header of this format; 0 if it has none. */
uint8_t header_priority(enum header_format format, struct slice header);

/* Returns the raw headers table; empty if there is none. It borrows from the header or the
 * message. */
struct slice header_headers(enum header_format format, struct slice header);
struct slice message_headers(const struct message *m);

/* Returns the message's own time to live in *ret_ms, in milliseconds; or false if it has none. A
 * value that is not a number counts as none; such a message cannot be published. */
bool message_expiration(const struct message *m, uint64_t *ret_ms);

/* Returns the publisher's timestamp in *ret_s, in seconds since 1970; or false if there is none. */
bool message_timestamp(const struct message *m, uint64_t *ret_s);

#endif
