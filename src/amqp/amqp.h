/* The AMQP 0-9-1 session: connections and their channels, between sockets and the broker.
 *
 * A connection and everything in it lives on one loop. This door is what the rest of the process
 * sees: accepting, shutting down, alarms, listings. */
#ifndef LEVERET_AMQP_AMQP_H
#define LEVERET_AMQP_AMQP_H

#include "auth/auth.h"
#include "broker/broker.h"
#include "net/net.h"

/* What the operator decides. Strings are borrowed for the life of the server. What is atomic may be
 * changed by a reload at any time, one by one. */
struct amqp_settings {
    const char *_Atomic product; /* server-properties: "RabbitMQ" unless configured */
    const char *_Atomic version; /* "3.13.x" unless configured */
    const char *leveret_version;
    const char *platform;
    const char *cluster_name;
    _Atomic uint32_t frame_bytes_max;         /* tune; 131072 */
    _Atomic uint32_t initial_frame_bytes_max; /* before tune-ok; 4096 */
    _Atomic uint16_t channel_max;             /* tune; 2047 */
    _Atomic uint16_t heartbeat_s;             /* tune; 60 */
    _Atomic uint32_t handshake_timeout_ms;    /* 10000 */
    _Atomic uint32_t send_timeout_ms;         /* of connections to come; 15000; 0: none */
    _Atomic uint64_t message_bytes_max;       /* 134217728 */
    _Atomic uint64_t unfinished_bytes_max;    /* a loop's, of messages that are not whole */
    _Atomic int64_t connections_max;          /* that have entered a vhost; below 0: no limit */
    _Atomic bool qos_reaches_running; /* basic.qos without global: also to consumers that run */
    _Atomic bool forgets_histories;   /* a header x-death that a client publishes is taken away */
};

/* One per process. Fields but those settings are fixed before loops_start(). */
struct amqp_server {
    struct broker *broker;
    struct auth *auth;
    struct amqp_settings settings;
    _Atomic int64_t connections_entered; /* a vhost, and not left it */
    /* Since start; relaxed. */
    _Atomic uint64_t connections_opened;
    _Atomic uint64_t connections_closed;
    _Atomic uint64_t channels_opened;
    _Atomic uint64_t channels_closed;
};

/* Sets up every loop's part (LOOP_SLOT_AMQP). The server is borrowed. Before loops_start(). */
void amqp_init(struct loops *loops, struct amqp_server *server);
/* After the loops have stopped: frees what connections are left. */
void amqp_stop(struct loops *loops);

/* A net_accepted_fn; arg is the struct amqp_server. */
void amqp_accepted(struct loop *loop, void *arg, struct net_conn *conn,
                   const struct net_peer *peer);

/* An alarm came or went (broker->alarms has been changed already): tells this loop's blocked
 * connections. Call on every loop. */
void amqp_alarms_changed(struct loop *loop);

/* broker->consumer_timeout_ms has been changed: it holds for what is outstanding too. Call on every
 * loop. */
void amqp_timeouts_changed(struct loop *loop);

/* This user's permissions have been changed: consumers of queues that it may not read any more are
 * cancelled. Call on every loop. */
void amqp_permissions_changed(struct loop *loop, struct slice user);

/* Sends connection.close 320 `CONNECTION_FORCED - reason` to every connection of this loop. */
void amqp_close_all(struct loop *loop, const char *reason);

/* The number of connections on this loop, those that are closing included. */
size_t amqp_connection_count(struct loop *loop);

/* The same for one connection, by its id or by its name, on the loop where it lives. False when
 * it is not on this loop. */
bool amqp_close_connection(struct loop *loop, uint64_t id, const char *reason);

/* Closes every connection on this vhost (it is being deleted) or of this user (deleted), on this
 * loop. An empty name means any. */
void amqp_close_matching(struct loop *loop, struct slice vhost, struct slice user,
                         const char *reason);

/* --- listings: on the loop whose connections they are; visitors must not keep the pointers ---- */

struct amqp_connection_facts {
    uint64_t id;
    struct slice name; /* "127.0.0.1:51044 -> 127.0.0.1:5672" */
    struct slice user;
    struct slice vhost;
    const struct net_peer *peer;
    const char *state; /* starting, tuning, opening, running, blocking, blocked, closing */
    struct slice auth_mechanism;
    struct slice client_properties; /* raw table */
    uint64_t channels;
    uint16_t channel_max;
    uint32_t frame_bytes_max;
    uint16_t heartbeat_s;
    uint64_t connected_at_ms; /* wall clock */
    uint64_t received_bytes;
    uint64_t sent_bytes;
    uint64_t unwritten_bytes;
    uint64_t reads, writes; /* of the socket, that had bytes */
};

struct amqp_channel_facts {
    const struct amqp_connection_facts *connection;
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
    uint64_t published;
    uint64_t delivered;
    uint64_t acked;
};

struct amqp_consumer_facts {
    const struct amqp_channel_facts *channel;
    struct slice queue;
    struct slice tag;
    bool no_ack;
    bool exclusive;
    bool is_active;       /* its turn can come */
    const char *activity; /* up, single_active, waiting */
    uint32_t prefetch_count;
    int64_t priority;
    struct slice arguments; /* raw table */
};

struct amqp_visitor {
    void (*connection)(void *arg, const struct amqp_connection_facts *facts); /* NULL: skipped */
    void (*channel)(void *arg, const struct amqp_channel_facts *facts);
    void (*consumer)(void *arg, const struct amqp_consumer_facts *facts);
};
void amqp_visit(struct loop *loop, const struct amqp_visitor *visitor, void *arg);

#endif
