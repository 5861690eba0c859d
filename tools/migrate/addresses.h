/* The addresses of a RabbitMQ: that for AMQP, and that of its HTTP API. */
#ifndef MIGRATE_ADDRESSES_H
#define MIGRATE_ADDRESSES_H

#include "base/buffer.h"

/* Finds the vhost in a URL (amqp[s]://[USER:PASSWORD@]HOST[:PORT][/VHOST]), and appends it. Nothing
 * is appended if the URL has none. Returns 0, or ERR_INVALID, with a sentence in `reason`. */
int address_vhost(const char *url, struct lv_buffer *ret, struct lv_buffer *reason);

/* Appends the URL of the HTTP API. `management` (NULL: none) is what the user says it is; the user
 * and the password of the other URL are put into it if it has none. Without it the API is at the
 * same host, by HTTP at port 15672, or for amqps by HTTPS at port 15671. */
void address_api(const char *url, const char *management, struct lv_buffer *ret);

/* Appends the user of the URL, without percent signs. */
void address_user(const char *url, struct lv_buffer *ret);

#endif
