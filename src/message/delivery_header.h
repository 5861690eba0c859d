/* The header x-delivery-count, which is added to deliveries from a quorum queue; the message in the
 * queue does not have it. Pure; any thread. */
#ifndef LEVERET_MESSAGE_DELIVERY_HEADER_H
#define LEVERET_MESSAGE_DELIVERY_HEADER_H

#include "base/buffer.h"

/* Appends a copy of a content header (property flags and values, valid) to *out, with
 * x-delivery-count set to this count, a signed 64-bit integer. As in RabbitMQ, the headers are
 * sorted by name, and the first x-delivery-count that the publisher has set is replaced. Returns
 * the copy, borrowed from the buffer. */
struct slice delivery_header_with_count(struct lv_buffer *out, struct slice header, uint32_t count);

#endif
