/* A second front end, for tests: a protocol of lines that a person could type.
 *
 *   LOGIN user password vhost     OK                 once; else ERR and the end
 *   QUEUE name                    OK                 an exclusive queue, or ERR
 *   PUB queue text                OK text            when the queue has it; or ERR text
 *   SUB queue                     OK                 one subscription; then, for each message:
 *                                 MSG tag text
 *   ACK tag
 *   BYE                           BYE                and the end
 *
 * Unasked: BLOCKED reason, UNBLOCKED, CLOSED code text. It knows session/, broker/ and what is
 * below them, and nothing of amqp/. */
#ifndef LEVERET_TESTS_LINE_FRONTEND_H
#define LEVERET_TESTS_LINE_FRONTEND_H

#include "session/frontend.h"

extern const struct frontend line_frontend;

#endif
