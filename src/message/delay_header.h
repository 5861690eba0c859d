/* The header x-delay, which makes a message wait at an exchange that delays (broker/delayed.h), and
 * the header BCC, which such a message keeps while it waits. Pure; any thread. */
#ifndef LEVERET_MESSAGE_DELAY_HEADER_H
#define LEVERET_MESSAGE_DELAY_HEADER_H

#include "message/message.h"

/* Returns the milliseconds for which a message with these headers is to wait; 0: it is routed at
 * once. */
uint64_t delay_header_ms(struct slice headers);
/* Like delay_header_ms(), of the message's own headers. */
uint64_t delay_header_ms_of(const struct message *message);

/* Makes the message as it waits when its header BCC was taken from it: with that again, which is an
 * array of these values. Returns false if there is no memory; else *ret is the caller's. */
bool delay_header_keep_bcc(const struct message *message, struct slice bcc, struct message **ret);

/* Returns the values of BCC, an array in the message's bytes; empty: it has none. */
struct slice delay_header_bcc(const struct message *waiting);

/* Makes the message as it leaves: without BCC, and with a header x-delay made negative, so that
 * nothing delays it again. Returns false if there is no memory; else *ret is the caller's. */
bool delay_header_make_due(const struct message *waiting, struct message **ret);

#endif
