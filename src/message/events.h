/* Events: what happens in the broker, published to the topic exchange amq.rabbitmq.event of one
 * vhost (event_exchange.vhost), with an empty body and the facts in headers, as RabbitMQ's plugin
 * does (docs/tracing.md lists all of them).
 *
 *     event_emit(events, "user.created", EVENT_ACTOR, EVENT_STR("name", name));
 *
 * costs one relaxed load while nothing is bound to the exchange. It may be called on any loop and
 * any other thread, with the topology locked or not. The fields are written as they are given.
 * Whoever made the struct events publishes them (broker/event_exchange.c): on loop 0, so that
 * events caused by one another arrive in order, with timestamp_in_ms as the last field.
 *
 * The events of exchanges, bindings, queues and vhosts are in topology/topology_events.h. */
#ifndef LEVERET_MESSAGE_EVENTS_H
#define LEVERET_MESSAGE_EVENTS_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buffer.h"
#include "base/slice.h"

struct field;

#define EVENT_EXCHANGE "amq.rabbitmq.event"

/* --- emitting --------------------------------------------------------------------------------- */

enum event_field_kind {
    EVENT_FIELD_NONE, /* left out */
    EVENT_FIELD_STR,
    EVENT_FIELD_BOOL,
    EVENT_FIELD_LONG,
    EVENT_FIELD_TABLE,     /* a table, as it is */
    EVENT_FIELD_MEMBERS,   /* a table whose fields become fields of the event */
    EVENT_FIELD_VALUE,     /* one value of any type */
    EVENT_FIELD_ARGUMENTS, /* a table as an array of texts, {<<"x-max-length">>,signedint,5} each */
    EVENT_FIELD_WORDS,     /* what lies between commas, an array of longstr */
    EVENT_FIELD_CHARS,     /* a text as an array of its octets: how Erlang's strings come out */
    EVENT_FIELD_ADDRESS,   /* an IP address's text as Erlang's tuple, {127,0,0,1} */
};

struct event_field {
    const char *name;
    enum event_field_kind kind;
    struct slice bytes;
    int64_t number;
    const struct field *value;
};

#define EVENT_NONE ((struct event_field){.kind = EVENT_FIELD_NONE})
#define EVENT_BYTES(key, field_kind, text)                                                         \
    ((struct event_field){.name = (key), .kind = (field_kind), .bytes = (text)})
#define EVENT_STR(key, text) EVENT_BYTES(key, EVENT_FIELD_STR, text)
#define EVENT_TEXT(key, text) EVENT_STR(key, slice_str(text))
#define EVENT_TABLE(key, table) EVENT_BYTES(key, EVENT_FIELD_TABLE, table)
#define EVENT_MEMBERS(table) EVENT_BYTES(NULL, EVENT_FIELD_MEMBERS, table)
#define EVENT_ARGUMENTS(key, table) EVENT_BYTES(key, EVENT_FIELD_ARGUMENTS, table)
#define EVENT_WORDS(key, text) EVENT_BYTES(key, EVENT_FIELD_WORDS, text)
#define EVENT_CHARS(key, text) EVENT_BYTES(key, EVENT_FIELD_CHARS, text)
#define EVENT_ADDRESS(key, text) EVENT_BYTES(key, EVENT_FIELD_ADDRESS, text)
#define EVENT_BOOL(key, flag)                                                                      \
    ((struct event_field){.name = (key), .kind = EVENT_FIELD_BOOL, .number = (flag)})
#define EVENT_LONG(key, n)                                                                         \
    ((struct event_field){.name = (key), .kind = EVENT_FIELD_LONG, .number = (int64_t)(n)})
#define EVENT_VALUE(key, field)                                                                    \
    ((struct event_field){.name = (key), .kind = EVENT_FIELD_VALUE, .value = (field)})
/* Who does it: events_actor(). */
#define EVENT_ACTOR EVENT_STR("user_who_performed_action", events_actor())

enum { EVENT_STATE_BOUND = 1, EVENT_STATE_STOPPED = 2 };

/* Where events go. Zero-initialised it publishes nothing. */
struct events {
    _Atomic unsigned state; /* EVENT_STATE_... */
    /* Publishes an event with these headers, a table, of which it takes the bytes. `key` is a
     * literal. Any thread. Set before anybody listens. */
    void (*publish)(struct events *events, const char *key, struct lv_buffer *headers);
};

/* Whether anybody listens. */
static inline bool events_are_wanted(const struct events *events)
{
    unsigned state = atomic_load_explicit(&events->state, memory_order_relaxed);
    return __builtin_expect(state == EVENT_STATE_BOUND, false);
}

/* Notes whether the event exchange has bindings. The topology lock is held. */
void events_set_bound(struct events *events, bool is_bound);

/* No event is published from here on: what still happens, happens to a broker that is being taken
 * down. After the loops have stopped. */
void events_stop(struct events *events);

/* The fields are evaluated only if somebody listens; all is copied. */
#define event_emit(to, key, ...)                                                                   \
    do {                                                                                           \
        struct events *to_ = (to);                                                                 \
        if (events_are_wanted(to_)) {                                                              \
            const struct event_field fields_[] = {__VA_ARGS__};                                    \
            event_send(to_, (key), fields_, sizeof fields_ / sizeof *fields_);                     \
        }                                                                                          \
    } while (0)
void event_send(struct events *events, const char *key, const struct event_field *fields,
                size_t count);

/* --- who does it ------------------------------------------------------------------------------ */

#define EVENT_ACTOR_INTERNAL "rmq-internal" /* the broker by itself */
#define EVENT_ACTOR_CLI "rmq-cli"           /* an operator at the control socket */

/* From here on, on this thread, changes are this user's doing. Returns who it was before, to be set
 * again when the work is done. Borrowed meanwhile. SLICE_EMPTY: the broker itself. */
struct slice events_act_as(struct slice user);
struct slice events_actor(void);

/* --- names of processes ----------------------------------------------------------------------- */

/* "<leveret@host.1.ID.NUMBER>", as listings show a connection (number 0) or a channel; in `space`.
 * Any thread. */
enum { EVENT_PID_MAX = 320 };
struct slice event_pid(const char *node_name, char space[EVENT_PID_MAX], uint64_t connection_id,
                       unsigned channel);

#endif
