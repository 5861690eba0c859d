/* The parameters of requests to the service, as RabbitMQ's plugin sends them. Pure. */
#ifndef LEVERET_BACKENDS_HTTP_QUERY_H
#define LEVERET_BACKENDS_HTTP_QUERY_H

#include "auth/backend.h"
#include "base/buffer.h"

/* Append the parameters, "username=ann&password=a+b". The buffer is given room for all of it first,
 * so that it does not move and leave a password behind. */
void http_query_login(struct lv_buffer *out, const struct auth_credentials *credentials);
void http_query_question(struct lv_buffer *out, const struct auth_question *question);

#endif
