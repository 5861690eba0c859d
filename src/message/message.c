/* Making messages, changing their size while the body arrives, and freeing them. */
#include "message/message.h"

#include <stdlib.h>

#include "base/memory.h"
#include "message/message_header.h"
#include "store/log.h"

static struct message *message_make(struct slice exchange, struct slice routing_key, uint8_t format,
                                    struct slice header, uint64_t body_bytes, bool is_persistent)
{
    lv_assert(exchange.n <= UINT8_MAX);
    lv_assert(routing_key.n <= UINT8_MAX);
    lv_assert(header.n <= UINT32_MAX && format <= 0x7f);
    struct message *m =
        lv_try_malloc(sizeof *m + exchange.n + routing_key.n + header.n + (size_t)body_bytes);
    if (!m)
        return NULL;
    atomic_init(&m->refs, 1);
    m->header_bytes = (uint32_t)header.n;
    m->body_bytes = body_bytes;
    m->exchange_bytes = (uint8_t)exchange.n;
    m->routing_key_bytes = (uint8_t)routing_key.n;
    m->is_persistent = is_persistent;
    m->format = format & 0x7fu;
    atomic_init(&m->life, 0);
    m->priority = header_priority(format, header);
    uint8_t *p = m->bytes;
    memcpy(p, exchange.p ? exchange.p : p, exchange.n);
    p += exchange.n;
    memcpy(p, routing_key.p ? routing_key.p : p, routing_key.n);
    p += routing_key.n;
    memcpy(p, header.p ? header.p : p, header.n);
    return m;
}

struct message *message_create(struct slice exchange, struct slice routing_key, struct slice header,
                               uint64_t body_bytes, bool is_persistent)
{
    return message_make(exchange, routing_key, HEADER_AMQP_0_9_1, header, body_bytes,
                        is_persistent);
}

struct message *message_from_store(const struct log_message *stored)
{
    struct message *m = message_make(stored->exchange, stored->routing_key, stored->format,
                                     stored->header, stored->body.n, stored->is_persistent);
    if (m && stored->body.n > 0)
        memcpy(message_body_space(m), stored->body.p, stored->body.n);
    return m;
}

bool message_grow(struct message **message, uint64_t body_bytes)
{
    struct message *m = *message;
    lv_assert(atomic_load_explicit(&m->refs, memory_order_relaxed) == 1);
    size_t bytes = message_memory(m) - (size_t)m->body_bytes + (size_t)body_bytes;
    m = realloc(m, bytes);
    if (!m)
        return false;
    m->body_bytes = body_bytes;
    *message = m;
    return true;
}

void message_free(struct message *m)
{
    free(m);
}

_Static_assert(sizeof(struct message) == 24, "each message in memory has one of these");
