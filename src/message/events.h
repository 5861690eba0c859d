/* Events: what happens in the broker is published to the topic exchange amq.rabbitmq.event of one
 * vhost (event_exchange.vhost), in messages with an empty body and the facts in headers, as
 * RabbitMQ's plugin does (docs/tracing.md lists all of them).
 *
 *     event_emit(events, "user.created", EVENT_ACTOR, EVENT_STR("name", name));
 *
 * costs one relaxed load while nothing is bound to the exchange. It may be called on any thread,
 * with the topology locked or not. The fields are written in the order given.
 * broker/event_exchange.c publishes the events on loop 0, so that an event arrives after the one
 * that caused it, and adds timestamp_in_ms as the last field.
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
/* The exchange of the log, which is not one of events; in one vhost, if it is wanted. */
#define LOG_EXCHANGE "amq.rabbitmq.log"

/* --- emitting --------------------------------------------------------------------------------- */

enum event_field_kind {
    EVENT_FIELD_NONE, /* not written */
    EVENT_FIELD_STR,
    EVENT_FIELD_BOOL,
    EVENT_FIELD_LONG,
    EVENT_FIELD_TABLE,     /* a table */
    EVENT_FIELD_MEMBERS,   /* a table whose fields become fields of the event */
    EVENT_FIELD_VALUE,     /* one value of any type */
    EVENT_FIELD_ARGUMENTS, /* a table as an array of texts, {<<"x-max-length">>,signedint,5} each */
    EVENT_FIELD_WORDS,     /* a text split at commas, as an array of longstr */
    EVENT_FIELD_CHARS,     /* a text as an array of its octets, as RabbitMQ shows Erlang strings */
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
/* The user who causes the event: events_actor(). */
#define EVENT_ACTOR EVENT_STR("user_who_performed_action", events_actor())

enum { EVENT_STATE_BOUND = 1, EVENT_STATE_STOPPED = 2, EVENT_STATE_FOLLOWED = 4 };

/* Whether events are published, and by what. Zero-initialised, no event is published. */
struct events {
    _Atomic unsigned state; /* EVENT_STATE_... */
    /* Publishes an event. Takes the buffer's bytes, a table of headers; `key` is a literal. Any
     * thread. This member is set before events_set_bound() is called. */
    void (*publish)(struct events *events, const char *key, struct lv_buffer *headers);
};

/* Returns whether events are published: something is bound to the exchange or follows the events
 * otherwise, and events_stop() has not been called. */
static inline bool events_are_wanted(const struct events *events)
{
    unsigned state = atomic_load_explicit(&events->state, memory_order_relaxed);
    return __builtin_expect(state != 0, false) && !(state & EVENT_STATE_STOPPED);
}

/* Sets whether the event exchange has bindings. The caller holds the topology lock. */
void events_set_bound(struct events *events, bool is_bound);

/* Sets whether somebody follows the events beside the exchange (broker/event_tail.h). Any
 * thread. */
void events_set_followed(struct events *events, bool is_followed);

/* Stops publishing events for good: the broker is shutting down. Call only after the loops have
 * stopped. */
void events_stop(struct events *events);

/* Publishes an event if events_are_wanted(): only then are the fields evaluated. They are copied.
 */
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

/* --- the acting user -------------------------------------------------------------------------- */

#define EVENT_ACTOR_INTERNAL "rmq-internal" /* the broker itself */
#define EVENT_ACTOR_CLI "rmq-cli"           /* an operator at the control socket */

/* Sets the user who causes the events of this thread; SLICE_EMPTY: the broker itself. The name is
 * borrowed until the next call. Returns the user set before, whom the caller sets again at the end.
 */
struct slice events_act_as(struct slice user);
/* Returns the user who causes the events of this thread. */
struct slice events_actor(void);

/* --- names of processes ----------------------------------------------------------------------- */

/* Returns "<leveret@host.1.ID.CHANNEL>", the name of a connection (channel 0) or a channel in
 * listings and events; written to `space`. Any thread. */
enum { EVENT_PID_MAX = 320 };
struct slice event_pid(const char *node_name, char space[EVENT_PID_MAX], uint64_t connection_id,
                       unsigned channel);

#endif
