/* A message: immutable from the moment it is made, shared by all queues that hold it.
 *
 * One allocation: this struct, then the exchange's name, the routing key, the content header
 * (flags and properties, as they came) and the body. */
#ifndef LEVERET_MESSAGE_MESSAGE_H
#define LEVERET_MESSAGE_MESSAGE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/assert.h"
#include "base/slice.h"
#include "store/header_format.h"

struct log_message;

struct message {
    _Atomic uint32_t refs;
    uint32_t header_bytes;
    uint64_t body_bytes;
    uint8_t exchange_bytes;
    uint8_t routing_key_bytes;
    bool is_persistent;
    uint8_t format;   /* of the header: enum header_format */
    uint8_t priority; /* of the header; 0: none */
    uint8_t bytes[];  /* exchange, routing key, header, body */
};

/* Makes a message with a header in the format HEADER_AMQP_0_9_1, whose body is still to be written
 * to message_body_space(). Returns NULL if there is no memory. The caller owns the one
 * reference. */
struct message *message_create(struct slice exchange, struct slice routing_key, struct slice header,
                               uint64_t body_bytes, bool is_persistent);

/* Makes a message of what the log or a segment has stored, in the format it was stored with. NULL
 * when there is no memory. The caller owns the one reference. */
struct message *message_from_store(const struct log_message *stored);

/* Gives it room for a body of another size, and keeps what of the body fits. Only while nobody else
 * has a reference. False, with *message as it was, when there is no memory. */
bool message_grow(struct message **message, uint64_t body_bytes);

void message_free(struct message *message);

/* Any loop. */
static inline struct message *message_ref(struct message *m)
{
    atomic_fetch_add_explicit(&m->refs, 1, memory_order_relaxed);
    return m;
}

/* Takes *message. The usual case, the last reference, costs no locked instruction. */
static inline void message_unref(struct message **message)
{
    struct message *m = *message;
    *message = NULL;
    if (atomic_load_explicit(&m->refs, memory_order_acquire) == 1 ||
        atomic_fetch_sub_explicit(&m->refs, 1, memory_order_acq_rel) == 1)
        message_free(m);
}

static inline struct slice message_exchange(const struct message *m)
{
    return slice_of(m->bytes, m->exchange_bytes);
}

static inline struct slice message_routing_key(const struct message *m)
{
    return slice_of(m->bytes + m->exchange_bytes, m->routing_key_bytes);
}

/* The property flags and values of the content header (what follows the body size in it). */
static inline struct slice message_header(const struct message *m)
{
    return slice_of(m->bytes + m->exchange_bytes + m->routing_key_bytes, m->header_bytes);
}

static inline uint8_t *message_body_space(struct message *m)
{
    return m->bytes + m->exchange_bytes + m->routing_key_bytes + m->header_bytes;
}

static inline struct slice message_body(const struct message *m)
{
    return slice_of(m->bytes + m->exchange_bytes + m->routing_key_bytes + m->header_bytes,
                    m->body_bytes);
}

/* What it costs in memory, for accounting. */
static inline size_t message_memory(const struct message *m)
{
    return sizeof *m + m->exchange_bytes + m->routing_key_bytes + m->header_bytes +
           (size_t)m->body_bytes;
}

#endif
