/* Connections, channels and consumers. They belong to the loops that accepted them: each loop
 * copies its own facts. */
#ifndef LEVERET_MANAGE_CONNECTIONS_H
#define LEVERET_MANAGE_CONNECTIONS_H

#include "manage/listing.h"
#include "manage/manage.h"
#include "net/net.h"
#include "session/session.h"

struct statistics_answer;

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
    uint64_t reads, writes;                     /* of the socket, those that transferred bytes */
    const struct statistics_answer *statistics; /* for whoever shows them; NULL */
};

struct channel_facts {
    uint64_t connection; /* its id */
    uint16_t number;
    struct slice name; /* the connection's name and the number */
    struct slice connection_name;
    struct slice client_name; /* what the client calls its connection; or empty */
    struct slice user, vhost;
    struct net_peer peer;
    uint64_t consumers;
    uint64_t unacknowledged, unconfirmed;
    uint64_t uncommitted, acks_uncommitted; /* in an open transaction */
    uint32_t prefetch_count, global_prefetch_count;
    bool is_transactional, is_confirming;
    struct channel_counts counts;
    const struct statistics_answer *statistics; /* for whoever shows them; NULL */
};

struct consumer_facts {
    uint64_t connection; /* its id */
    uint16_t channel;
    struct slice channel_name, connection_name;
    struct slice client_name; /* what the client calls its connection; or empty */
    struct slice user, vhost, queue, tag;
    struct net_peer peer;
    bool no_ack, exclusive;
    bool is_active;       /* it may get messages */
    const char *activity; /* up, single_active, waiting */
    uint32_t prefetch_count;
    uint32_t unacknowledged; /* how many deliveries it holds */
    int64_t priority;
    struct slice arguments; /* raw table */
};

/* Where a consumer is. */
struct consumer_place {
    struct slice vhost, connection; /* the name of the connection */
    uint16_t channel;
    struct slice tag;
};

/* What a channel has got from one queue, by consumers that it still has and by basic.get; or what
 * it has published to one exchange. */
struct traffic_facts {
    uint64_t connection; /* its id */
    uint16_t channel;
    struct slice channel_name, connection_name;
    struct slice client_name; /* what the client calls its connection; or empty */
    struct slice user, vhost;
    struct slice queue, exchange; /* one of them */
    struct net_peer peer;
    struct channel_counts counts; /* those of deliveries or of publishes; the others are 0 */
    const struct statistics_answer *statistics; /* for whoever shows them; NULL */
};

extern const struct column connection_columns[], channel_columns[], consumer_columns[];

/* Which of them are listed: NULL means any. */
struct session_choice {
    uint64_t id; /* of the connection; 0: any */
    const struct slice *vhost;
    const struct slice *user;
    const struct slice *connection; /* its name */
    const struct slice *channel;    /* its name; of all but connections */
    const struct slice *queue;      /* of consumers and deliveries */
    const struct slice *exchange;   /* of publishes */
};

enum session_kind {
    SESSION_CONNECTIONS,
    SESSION_CHANNELS,
    SESSION_CONSUMERS,
    SESSION_DELIVERIES, /* by channel and queue */
    SESSION_PUBLISHES,  /* by channel and exchange */
};

/* Lists those that are chosen, sorted by connection, channel and consumer tag (or queue, or
 * exchange). Monitors see all, others their own. The rows are struct connection_facts,
 * channel_facts, consumer_facts, or of the last two kinds traffic_facts, which have no columns. */
bool manage_list_sessions(struct manage *m, const struct actor *actor, enum session_kind kind,
                          const struct session_choice *choice, struct listing *ret,
                          struct manage_error *error);

/* The same for one kind, of a vhost or (NULL) all vhosts. */
bool manage_list_connections(struct manage *m, const struct actor *actor, const struct slice *vhost,
                             struct listing *ret, struct manage_error *error);
bool manage_list_channels(struct manage *m, const struct actor *actor, const struct slice *vhost,
                          struct listing *ret, struct manage_error *error);
bool manage_list_consumers(struct manage *m, const struct actor *actor, const struct slice *vhost,
                           struct listing *ret, struct manage_error *error);

/* Closes a connection and tells its client the reason. *ret_closed is false if there is no
 * connection with this id. */
bool manage_close_connection(struct manage *m, const struct actor *actor, uint64_t id,
                             const char *reason, bool *ret_closed, struct manage_error *error);
/* Closes the connection of this name. Administrators may close all, others those of their own.
 * REFUSAL_NOT_FOUND: there is none. */
bool manage_close_connection_named(struct manage *m, const struct actor *actor, struct slice name,
                                   const char *reason, struct manage_error *error);
/* Closes the connections of the user to the vhost; an empty user or vhost means any. Sets
 * *ret_closed to the number of those that were not closing already. */
bool manage_close_connections(struct manage *m, const struct actor *actor, struct slice vhost,
                              struct slice user, const char *reason, uint64_t *ret_closed,
                              struct manage_error *error);

/* --- changing channels: session_changes.c ----------------------------------------------------- */

/* Administrators may change all channels, others those of their own connections.
 * REFUSAL_NOT_FOUND: there is none. */

/* Sets the prefetch of the channel of this name ("127.0.0.1:51044 -> 127.0.0.1:5672 (1)"), and of
 * its consumers that acknowledge; 0: no limit. */
bool manage_set_prefetch(struct manage *m, const struct actor *actor, struct slice channel,
                         uint32_t count, struct manage_error *error);
/* Cancels a consumer of a connection to the vhost; its client is told. */
bool manage_cancel_consumer(struct manage *m, const struct actor *actor,
                            const struct consumer_place *place, struct manage_error *error);

/* --- after changes of users and vhosts -------------------------------------------------------- */

/* Like manage_close_connections(), without an actor. Returns 0 or ERR_CLOSED. */
int connections_close(struct manage *m, struct slice vhost, struct slice user, const char *reason);
/* Cancels the user's consumers that its permissions no longer allow, before it returns. Returns 0
 * or ERR_CLOSED. */
int connections_recheck(struct manage *m, struct slice user);

/* Returns the number of connections. Does not wait. Call on any thread. */
uint64_t manage_count_connections(const struct manage *m);
/* Returns the version that clients see. */
const char *manage_version(const struct manage *m);

#endif
