/* A message: immutable once its body is complete, and shared by all queues that hold it.
 *
 * One allocation: this struct, then the exchange's name, the routing key, the content header
 * (property flags and values as the publisher sent them) and the body. */
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
    uint8_t priority; /* from the header; 0: none */
    bool is_persistent : 1;
    unsigned format : 7; /* of the header: enum header_format */
    /* 0, or by what its life is followed (life.h). Lost when the message goes to disk. */
    _Atomic uint32_t life;
    uint8_t bytes[]; /* exchange, routing key, header, body */
};

/* Makes a message with a header in the format HEADER_AMQP_0_9_1. The caller writes the body to
 * message_body_space(), and owns the one reference. Names and keys have at most 255 bytes. Returns
 * NULL if there is no memory. */
struct message *message_create(struct slice exchange, struct slice routing_key, struct slice header,
                               uint64_t body_bytes, bool is_persistent);

/* Makes a message from its bytes in the log or a segment, with the header's format as stored there.
 * The caller owns the one reference. Returns NULL if there is no memory. */
struct message *message_from_store(const struct log_message *stored);

/* Changes the size of the body, and keeps as much of the body as fits. The caller has the only
 * reference. Returns false, with *message unchanged, if there is no memory. */
bool message_grow(struct message **message, uint64_t body_bytes);

/* Frees a message without references: message_unref() calls it. */
void message_free(struct message *message);

/* Takes a reference. Any thread. */
static inline struct message *message_ref(struct message *m)
{
    uint32_t before = atomic_fetch_add_explicit(&m->refs, 1, memory_order_relaxed);
    lv_assert(before > 0);
    return m;
}

/* Drops a reference and clears the pointer. Any thread. The usual case, the last reference, costs
 * no locked instruction. */
static inline void message_unref(struct message **message)
{
    struct message *m = *message;
    *message = NULL;
    if (atomic_load_explicit(&m->refs, memory_order_acquire) != 1) {
        uint32_t before = atomic_fetch_sub_explicit(&m->refs, 1, memory_order_acq_rel);
        lv_assert(before > 0);
        if (before > 1)
            return;
    }
    message_free(m);
}

static inline uint32_t message_life(const struct message *m)
{
    return atomic_load_explicit(&m->life, memory_order_relaxed);
}

/* Has its life followed, in all queues that share it. Any thread. */
static inline void message_set_life(struct message *m, uint32_t life)
{
    atomic_store_explicit(&m->life, life, memory_order_relaxed);
}

static inline struct slice message_exchange(const struct message *m)
{
    return slice_of(m->bytes, m->exchange_bytes);
}

static inline struct slice message_routing_key(const struct message *m)
{
    return slice_of(m->bytes + m->exchange_bytes, m->routing_key_bytes);
}

/* Returns the property flags and values: the part of the content header after the body size. */
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

/* Returns the message's size in memory, in bytes, for accounting. */
static inline size_t message_memory(const struct message *m)
{
    return sizeof *m + m->exchange_bytes + m->routing_key_bytes + m->header_bytes +
           (size_t)m->body_bytes;
}

#endif
