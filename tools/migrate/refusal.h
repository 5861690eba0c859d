/* Why RabbitMQ's HTTP API refuses a request, for people. */
#ifndef MIGRATE_REFUSAL_H
#define MIGRATE_REFUSAL_H

#include "base/buffer.h"

/* Appends the reason in the body of an answer with status 400, on one line. The reason is a text,
 * in which < > & are escaped as in HTML; or an Erlang term of amqp_error, whose text is a list of
 * characters. Of any other body the beginning is appended. */
void refusal_put(struct slice body, struct lv_buffer *out);

#endif
