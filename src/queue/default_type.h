/* The type of queues that are declared without x-queue-type. */
#ifndef LEVERET_QUEUE_DEFAULT_TYPE_H
#define LEVERET_QUEUE_DEFAULT_TYPE_H

#include "base/buffer.h"
#include "queue/queue.h"

/* The declaration's arguments, with the vhost's default type, or else the broker's, among them: where
 * there is one, the declaration names none, and the type can be what the flags ask for. Borrowed from
 * the declaration or from `space`, which the caller frees. The topology lock is held. */
struct slice default_type_arguments(const struct vhost *vhost, const struct queue_declaration *d,
                                    struct lv_buffer *space);

#endif
