/* Sessions: what the connections of all front ends have in common, as the rest of the process sees
 * it.
 *
 * A session is one client's connection, whatever its protocol. It lives on the loop that accepted
 * it, and is registered there under an id that is unique in the process. This header is for those
 * who run the broker (leveretd/) or manage it (manage/): setting up, closing, alarms, listings.
 * What a front end needs to make sessions is in frontend.h.
 *
 * Functions that take a loop are called on that loop's thread and act on its sessions alone: to
 * reach all sessions, mail every loop. */
#ifndef LEVERET_SESSION_SESSION_H
#define LEVERET_SESSION_SESSION_H

#include "auth/auth.h"
#include "broker/broker.h"
#include "net/net.h"
#include "session/channel_counts.h"

/* The configuration of sessions. Strings are borrowed and must live as long as the server. A reload
 * of the configuration changes the atomic members at any time, one by one. */
struct session_settings {
    const char *_Atomic product; /* sent to clients: "RabbitMQ" unless configured */
    const char *_Atomic version; /* "3.13.x" unless configured */
    const char *leveret_version;
    const char *platform;
    const char *cluster_name;
    _Atomic uint32_t frame_bytes_max;         /* where a protocol negotiates it; 131072 */
    _Atomic uint32_t initial_frame_bytes_max; /* before that; 4096 */
    _Atomic uint16_t channel_max;             /* where a protocol has channels; 2047 */
    _Atomic uint16_t heartbeat_s;             /* where a protocol has heartbeats; 60 */
    _Atomic uint32_t handshake_timeout_ms;    /* 10000 */
    _Atomic uint32_t send_timeout_ms;         /* of newly accepted connections; 15000; 0: none */
    _Atomic uint64_t message_bytes_max;       /* 134217728 */
    _Atomic uint64_t unfinished_bytes_max;    /* per loop: room for messages that are not whole */
    _Atomic int64_t connections_max;          /* connections in a vhost; negative: no limit */
    _Atomic int64_t channels_max;             /* channels of all sessions; below 1: no limit */
    _Atomic int64_t channel_consumers_max;    /* consumers of a channel; below 1: no limit */
    _Atomic bool qos_reaches_running; /* basic.qos without global also limits existing consumers */
    _Atomic unsigned mechanisms; /* of auth/sasl.h, that clients may log in by; 0: the usual ones */
    /* As whom clients log in by ANONYMOUS; NULL: they cannot. */
    const char *_Atomic anonymous_user;
    const char *_Atomic anonymous_password;
    /* Which part of a certificate is a user's name: struct tls_name_rule of tls/certificate.h. */
    _Atomic int name_from, san_type;
    _Atomic unsigned san_index;
    _Atomic bool forgets_histories; /* a header x-death that a client publishes is removed */
};

/* One per process. Only the atomic members change after loops_start(). */
struct session_server {
    struct broker *broker;
    struct auth *auth;
    struct session_settings settings;
    _Atomic int64_t connections_entered; /* connections that are in a vhost: RUNNING */
    _Atomic int64_t channels_open;       /* session_take_channel() */
    _Atomic int64_t operators;           /* sessions_take_operator() */
};

/* At most this many sessions come from the control socket. */
enum { OPERATORS_MAX = 256 };

/* --- the life of the process ------------------------------------------------------------------ */

/* Sets up every loop's registry. The server is borrowed. Call before loops_start(), and before any
 * front end accepts connections. */
void sessions_start(struct loops *loops, struct session_server *server);
/* Frees the registries. Call only after the loops have stopped and every session has ended. */
void sessions_stop(struct loops *loops);

/* --- what concerns all sessions of a loop ----------------------------------------------------- */

/* Returns the number of sessions on this loop, including those that are closing. */
size_t sessions_count(struct loop *loop);

/* Lets blocked sessions go on and has their clients told, unless an alarm still stops all
 * publishers. Call when broker->alarms has changed. */
void sessions_alarms_changed(struct loop *loop);

/* Applies a changed broker->topology.consumer_timeout_ms, also to outstanding deliveries. */
void sessions_timeouts_changed(struct loop *loop);

/* Cancels this user's consumers of queues that it may no longer read. Called when its permissions
 * have changed. */
void sessions_permissions_changed(struct loop *loop, struct slice user);

/* --- operators' own sessions ------------------------------------------------------------------ */

/* A session whose peer is an operator (net.h) logs in with any name and password, is named
 * AUTH_OPERATOR, may do everything, and counts in no quota but that of OPERATORS_MAX.
 *
 * sessions_take_operator() counts one that is about to begin. Returns false if there are as many as
 * there may be. session_free() counts it down; sessions_give_operator() does if the session was not
 * made. Any thread. */
bool sessions_take_operator(struct session_server *server);
void sessions_give_operator(struct session_server *server);

/* --- closing ---------------------------------------------------------------------------------- */

/* Closes every session of the loop. The client is sent 320 `CONNECTION_FORCED - reason`, or what
 * its protocol has instead. */
void sessions_close_all(struct loop *loop, const char *reason);
/* Closes the session with this id. Returns false if it is not on this loop. */
bool sessions_close(struct loop *loop, uint64_t id, const char *reason);
/* Closes every session on this vhost (which is being deleted) or of this user (who was deleted). An
 * empty name means any. */
void sessions_close_matching(struct loop *loop, struct slice vhost, struct slice user,
                             const char *reason);

/* --- changing channels ------------------------------------------------------------------------ */

/* Act on the channel of this number of the session with this id. Return false if either is not on
 * this loop, or the protocol has no such thing.
 *
 * Sets the prefetch of the channel, and of its consumers that acknowledge; 0: no limit. */
bool sessions_set_prefetch(struct loop *loop, uint64_t id, uint16_t channel, uint32_t count);
/* Cancels the consumer of this tag, and tells its client if that wants to know. What it holds stays
 * with it. */
bool sessions_cancel_consumer(struct loop *loop, uint64_t id, uint16_t channel, struct slice tag);

/* --- listings: visitors must not keep the pointers -------------------------------------------- */

/* A connection's encryption; the texts are empty if there is none. */
struct session_tls {
    bool is_on;
    struct slice protocol;
    struct slice key_exchange;
    struct slice cipher;
    struct slice hash;
    struct slice cert_subject; /* the peer's certificate */
    struct slice cert_issuer;
    struct slice cert_validity;
};

struct session_facts {
    uint64_t id;
    struct slice name; /* "127.0.0.1:51044 -> 127.0.0.1:5672" */
    struct slice user;
    struct slice vhost;
    const struct net_peer *peer;
    const char *protocol; /* "{0,9,1}"; valid for ever */
    const char *state; /* starting ... running, flow, blocking, blocked, closing; valid for ever */
    struct slice auth_mechanism;
    struct slice client_properties; /* raw table */
    struct session_tls tls;
    uint64_t channels;
    uint16_t channel_max;
    uint32_t frame_bytes_max;
    uint16_t heartbeat_s;
    uint64_t connected_at_ms; /* wall clock */
    uint64_t received_bytes;
    uint64_t sent_bytes;
    uint64_t unwritten_bytes;
    uint64_t reads, writes; /* of the socket, with bytes */
};

struct session_channel_facts {
    const struct session_facts *connection;
    uint16_t number;
    uint64_t consumers;
    uint64_t unacknowledged;
    uint64_t unconfirmed;
    uint64_t uncommitted; /* publishes in an open transaction */
    uint64_t acks_uncommitted;
    uint32_t prefetch_count;
    uint32_t global_prefetch_count;
    bool is_transactional;
    bool is_confirming;
    uint64_t transient_confirming; /* publishes that were not persistent, since it confirms */
    /* Of the delivery that has used up most of its consumer's timeout: for how long the client has
     * held it, and that timeout; 0: none has a timeout, or the visitor does not want to know. */
    uint64_t held_ms, held_timeout_ms;
    struct channel_counts counts;
};

struct session_consumer_facts {
    const struct session_channel_facts *channel;
    struct slice queue;
    struct slice tag;
    bool no_ack;
    bool exclusive;
    bool is_active;       /* it may be delivered to */
    const char *activity; /* up, single_active, waiting */
    uint32_t prefetch_count;
    uint32_t unacknowledged; /* how many deliveries it holds */
    int64_t priority;
    struct slice arguments; /* raw table */
};

/* What a channel has got from one queue: by a consumer that it still has, or by basic.get. */
struct session_delivery_facts {
    const struct session_channel_facts *channel;
    struct slice queue;
    struct channel_counts counts; /* those of deliveries; the others are 0 */
};

/* What a channel has published to one exchange; a protocol may know only some of them. */
struct session_publish_facts {
    const struct session_channel_facts *channel;
    struct slice exchange;
    struct channel_counts counts; /* those of publishes; the others are 0 */
};

struct session_visitor {
    void (*connection)(void *arg, const struct session_facts *facts); /* NULL: skipped */
    void (*channel)(void *arg, const struct session_channel_facts *facts);
    void (*consumer)(void *arg, const struct session_consumer_facts *facts);
    void (*delivery)(void *arg, const struct session_delivery_facts *facts);
    void (*publish)(void *arg, const struct session_publish_facts *facts);
    bool wants_timeouts; /* held_ms and held_timeout_ms of channels, which are looked for */
};
void sessions_visit(struct loop *loop, const struct session_visitor *visitor, void *arg);

/* A walk through the sessions of a loop in several turns. It visits every session that is there
 * from its beginning to its end, once, and perhaps sessions that come or go meanwhile. */
struct sessions_walk {
    struct lv_list link;  /* in the loop's list of walks */
    struct lv_list *next; /* the session to be visited next, or the end of the list */
};
void sessions_walk_begin(struct loop *loop, struct sessions_walk *walk);
/* Visits further sessions, until these have had `units` connections and channels together: the last
 * one is visited whole. Returns whether there are more. */
bool sessions_walk_on(struct loop *loop, struct sessions_walk *walk, unsigned units,
                      const struct session_visitor *visitor, void *arg);
/* Ends a walk at any point. Call it before the loop's sessions_stop(). */
void sessions_walk_end(struct sessions_walk *walk);

#endif
