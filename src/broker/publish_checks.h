/* Properties for which a message is refused, or its header rewritten, before it is published. Pure;
 * any thread. */
#ifndef LEVERET_BROKER_PUBLISH_CHECKS_H
#define LEVERET_BROKER_PUBLISH_CHECKS_H

#include "base/buffer.h"
#include "topology/refusal.h"
#include "wire/properties.h"

static inline bool publish_knows_delivery_mode(const struct properties *props)
{
    return !(props->flags & PROPERTY_DELIVERY_MODE) ||
           props->delivery_mode == DELIVERY_MODE_PERSISTENT ||
           props->delivery_mode == DELIVERY_MODE_TRANSIENT;
}

/* Checks expiration, delivery mode, and the headers CC and BCC, which must be arrays. Sets *ret_bcc
 * to the content of BCC, or to SLICE_EMPTY; *ret_has_bcc, whether there is one. Returns false with
 * the error filled in (PRECONDITION_FAILED, in RabbitMQ's words). */
bool publish_check(const struct properties *props, struct slice *ret_bcc, bool *ret_has_bcc,
                   struct broker_error *error);

/* Appends these properties as a header, without the header field BCC, so that no receiver sees the
 * others; if forgets_history, also without the history x-death. */
void publish_rewrite_header(struct lv_buffer *out, const struct properties *props,
                            bool forgets_history);

#endif
