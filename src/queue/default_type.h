/* The type of queues that are declared without x-queue-type. */
#ifndef LEVERET_QUEUE_DEFAULT_TYPE_H
#define LEVERET_QUEUE_DEFAULT_TYPE_H

#include "base/buffer.h"
#include "queue/queue.h"

/* Returns the declaration's arguments with x-queue-type added: the vhost's default type, or else
 * the broker's. Nothing is added if there is no default, if the declaration is passive or names a
 * type, or if queues of the default type cannot have its flags. The result borrows from the
 * declaration or from `space`, which the caller frees. The topology lock is held. */
struct slice default_type_arguments(const struct vhost *vhost, const struct queue_declaration *d,
                                    struct lv_buffer *space);

#endif
