/* The header x-delivery-count, which a delivery from a quorum queue carries and the message in the
 * queue does not. Pure; any thread. */
#ifndef LEVERET_MESSAGE_DELIVERY_HEADER_H
#define LEVERET_MESSAGE_DELIVERY_HEADER_H

#include "base/buffer.h"

/* Appends a content header (property flags and values, valid) to *out with x-delivery-count set to
 * this count, a signed 64-bit integer, laid out as RabbitMQ does: the headers are sorted by name,
 * and the first of that name the publisher may have set gives way. Returns what was appended, which
 * borrows from the buffer. */
struct slice delivery_header_with_count(struct lv_buffer *out, struct slice header, uint32_t count);

#endif
