/* Traces of messages (topology/lives.h), as operators start and read them. A trace that has ended
 * is kept with what it has written down until it is forgotten, or until others need its place.
 *
 * Users with the rank ACTOR_MONITORING who may see the content of the vhost may do everything here.
 * Bodies are kept and shown only to those who, besides, may read the queue, or the exchange. */
#ifndef LEVERET_MANAGE_MESSAGE_TRACES_H
#define LEVERET_MANAGE_MESSAGE_TRACES_H

#include "manage/listing.h"
#include "manage/manage.h"
#include "message/life.h"

struct message_traces; /* see message_traces.c */

enum {
    TRACES_KEPT_MAX = 16, /* running ones included */
    TRACE_SECONDS_MAX = 600,
    TRACE_MESSAGES_MAX = 10000,
    TRACE_ONE_IN_MAX = 1000000,
    TRACE_PAYLOAD_BYTES_MAX = 4096,
    TRACE_BYTES_MIN = 1024 * 1024,
    TRACE_BYTES_MAX = 16 * 1024 * 1024,
    TRACES_BYTES_MAX = 64 * 1024 * 1024, /* of all that are kept */
    LIFE_EVENTS_SHOWN_MAX = 2000,        /* of one message */
};

/* m is borrowed. */
struct message_traces *message_traces_create(struct manage *m);
/* Ends all traces and frees them; NULL is fine. Call after the loops have stopped, when nobody
 * asks, on a thread that is registered with RCU. */
void message_traces_free(struct message_traces **traces);

/* All numbers are within the limits above, and at least 1; payload_bytes may be 0. */
struct trace_wish {
    struct slice vhost, name, pattern; /* of the routing key; empty: any */
    bool is_of_queue;
    uint64_t seconds, messages, one_in, payload_bytes, bytes;
};

struct trace_facts {
    uint64_t id;
    struct slice vhost, name, pattern, user; /* who started it */
    bool is_of_queue, is_running;
    uint64_t seconds, messages, one_in, payload_bytes, bytes; /* as in the wish */
    uint64_t started_ms;                                      /* wall clock */
    uint64_t run_ms;                                          /* how long it has run */
    uint64_t seen, fitting, followed;                         /* struct life_trace */
    uint64_t records, overwritten, memory;                    /* struct life_budget */
};

/* A message that was followed. */
struct traced_facts {
    uint64_t number;
    uint64_t started_ms; /* wall clock: its first record that is still there */
    uint64_t run_us;     /* from its first record to its last */
    struct slice exchange, routing_key, connection, user; /* of the publish */
    uint64_t body_bytes;
    uint64_t channel;
    const char *state;  /* its last event; or "consumed", by a consumer that does not acknowledge */
    struct slice queue; /* of the last event that has one */
    uint64_t queued;    /* in so many queues it is, ready or unacked */
    uint64_t deliveries, redeliveries, deaths, records;
    bool is_persistent, was_there, is_beginning_lost;
};

/* An event of its life. What is not known is empty, 0, or LIFE_NO_POSITION. */
struct life_event_facts {
    uint64_t at_us; /* since the first one */
    const char *event;
    const char *reason; /* NULL: none */
    struct slice queue, exchange, routing_key, consumer_tag, connection, user;
    uint64_t channel, position, delivery_tag, queues;
    uint8_t flags; /* enum life_flag */
    enum life_event kind;
};

/* Starts a trace. REFUSAL_LIMIT: LIFE_TRACES_MAX run, or they need too much memory.
 * REFUSAL_NOT_FOUND: there is no such queue or exchange. */
bool message_trace_start(struct manage *m, const struct actor *actor, const struct trace_wish *wish,
                         uint64_t *ret_id, struct manage_error *error);
/* Ends a trace, if it runs; what it has written down stays. Or forgets all of it. */
bool message_trace_stop(struct manage *m, const struct actor *actor, uint64_t id, bool forgets,
                        struct manage_error *error);

/* Lists the traces that the actor may see, the newest first: struct trace_facts. */
void message_traces_list(struct manage *m, const struct actor *actor, struct listing *ret);
/* Returns the facts of one, which the caller frees; NULL after refusing. */
struct trace_facts *message_trace_find(struct manage *m, const struct actor *actor, uint64_t id,
                                       struct manage_error *error);

/* Lists the messages that a trace has followed, in the order of their beginning: struct
 * traced_facts. */
bool message_trace_messages(struct manage *m, const struct actor *actor, uint64_t id,
                            struct listing *ret, struct manage_error *error);

/* The life of one message: the facts and the events are borrowed for the call of show(), which must
 * not wait. Of a life with more than LIFE_EVENTS_SHOWN_MAX events, which goes round between a queue
 * and its consumers, these are the first half of that many and the last half. */
struct traced_life {
    const struct traced_facts *facts;
    struct slice header; /* properties; empty: not known */
    struct slice payload;
    bool has_payload; /* the actor may see it, and it was kept */
    const struct life_event_facts *events;
    size_t event_count, omitted; /* omitted: how many are left out, in the middle */
};
bool message_trace_life(struct manage *m, const struct actor *actor, uint64_t id, uint64_t number,
                        void (*show)(void *arg, const struct traced_life *life), void *arg,
                        struct manage_error *error);

#endif
