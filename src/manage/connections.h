/* Connections, channels and consumers. They live on the loops that accepted them: each loop
 * copies its facts in one visit. */
#ifndef LEVERET_MANAGE_CONNECTIONS_H
#define LEVERET_MANAGE_CONNECTIONS_H

#include "manage/listing.h"
#include "manage/manage.h"
#include "net/net.h"
#include "session/session.h"

struct connection_facts {
    uint64_t id;
    struct slice name; /* "127.0.0.1:51044 -> 127.0.0.1:5672" */
    struct slice user, vhost;
    struct net_peer peer;
    const char *protocol;
    const char *state; /* starting, tuning, opening, running, blocking, blocked, closing */
    struct slice auth_mechanism;
    struct slice client_properties; /* raw table */
    struct session_tls tls;
    uint64_t channels;
    uint16_t channel_max;
    uint32_t frame_bytes_max;
    uint16_t heartbeat_s;
    uint64_t connected_at_ms; /* wall clock */
    uint64_t received_bytes, sent_bytes, unwritten_bytes;
    uint64_t reads, writes; /* of the socket, that had bytes */
};

struct channel_facts {
    uint64_t connection; /* its id */
    uint16_t number;
    struct slice name; /* the connection's, and the number */
    struct slice user, vhost;
    uint64_t consumers;
    uint64_t unacknowledged, unconfirmed;
    uint64_t uncommitted, acks_uncommitted; /* in an open transaction */
    uint32_t prefetch_count, global_prefetch_count;
    bool is_transactional, is_confirming;
    uint64_t published, delivered, acked;
};

struct consumer_facts {
    uint64_t connection; /* its id */
    uint16_t channel;
    struct slice user, vhost, queue, tag;
    bool no_ack, exclusive;
    bool is_active;       /* its turn can come */
    const char *activity; /* up, single_active, waiting */
    uint32_t prefetch_count;
    int64_t priority;
    struct slice arguments; /* raw table */
};

extern const struct column connection_columns[], channel_columns[], consumer_columns[];

/* Those of a vhost; NULL: of every vhost the actor may see. In the order of their connections,
 * channels, tags. */
bool manage_list_connections(struct manage *m, const struct actor *actor, const struct slice *vhost,
                             struct listing *ret, struct manage_error *error);
bool manage_list_channels(struct manage *m, const struct actor *actor, const struct slice *vhost,
                          struct listing *ret, struct manage_error *error);
bool manage_list_consumers(struct manage *m, const struct actor *actor, const struct slice *vhost,
                           struct listing *ret, struct manage_error *error);

/* Closes one connection, telling it the reason. *ret_closed: whether there was one of this id. */
bool manage_close_connection(struct manage *m, const struct actor *actor, uint64_t id,
                             const char *reason, bool *ret_closed, struct manage_error *error);
/* Closes those on the vhost and of the user; empty: of any. *ret_closed: how many. */
bool manage_close_connections(struct manage *m, const struct actor *actor, struct slice vhost,
                              struct slice user, const char *reason, uint64_t *ret_closed,
                              struct manage_error *error);

/* --- for what changes users and vhosts -------------------------------------------------------- */

/* As manage_close_connections(), for nobody in particular. 0 or ERR_CLOSED. */
int connections_close(struct manage *m, struct slice vhost, struct slice user, const char *reason);
/* Consumers that the user may no longer have are cancelled when this returns. */
int connections_recheck(struct manage *m, struct slice user);

/* How many connections there are. Any thread; waits for nothing. */
uint64_t manage_count_connections(const struct manage *m);
/* The version that clients are told. */
const char *manage_version(const struct manage *m);

#endif
