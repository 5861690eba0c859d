/* The header x-delay, which makes a message wait at an exchange that delays messages
 * (broker/delayed.h), and the header BCC, which such a message keeps while it waits. Pure; any
 * thread. */
#ifndef LEVERET_MESSAGE_DELAY_HEADER_H
#define LEVERET_MESSAGE_DELAY_HEADER_H

#include "message/message.h"

/* Returns for how many milliseconds a message with these headers waits; 0: it is routed at once. */
uint64_t delay_header_ms(struct slice headers);
/* Like delay_header_ms(), of the message's own headers. */
uint64_t delay_header_ms_of(const struct message *message);

/* Makes a copy of a message, to be kept while it waits, with the header BCC, which was removed from
 * the message before; `bcc` is the content of that array. Call only if the message has headers.
 * Returns false if there is no memory; else the caller owns *ret. */
bool delay_header_keep_bcc(const struct message *message, struct slice bcc, struct message **ret);

/* Returns the content of the array BCC, borrowed from the message; empty if it has none. */
struct slice delay_header_bcc(const struct message *waiting);

/* Makes a copy of a message that has waited, to be routed: without BCC, and with x-delay negative,
 * so that it is not delayed again. Returns false if there is no memory; else the caller owns *ret.
 */
bool delay_header_make_due(const struct message *waiting, struct message **ret);

#endif
