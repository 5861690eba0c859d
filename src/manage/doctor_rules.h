/* The doctor's rules, a row each. A rule is a pure function: it gets a look at one object, and says
 * whether it finds something wrong with it. docs/doctor.md is made from the rows
 * (scripts/api-docs).
 *
 *   R(name, kind, severity, title, sees, why, remedy)
 *     name      of the rule, for ever: in reports, in docs/doctor.md
 *     kind      of look: bool doctor_rule_NAME(const struct KIND_look *, struct verdict *)
 *     severity  the gravest that it finds
 *     title     what is wrong, in a few words
 *     sees      what it looks at, and from when on it finds something
 *     why       why that matters
 *     remedy    what to do */
#ifndef LEVERET_MANAGE_DOCTOR_RULES_H
#define LEVERET_MANAGE_DOCTOR_RULES_H

#include "base/buffer.h"
#include "loop/loop.h"
#include "manage/node.h"
#include "queue/queue_arguments.h"

enum severity {
    SEVERITY_ADVICE,   /* it works, but not as well as it could */
    SEVERITY_WARNING,  /* it will go wrong, or something goes wrong for somebody */
    SEVERITY_CRITICAL, /* it goes wrong now: messages are lost, publishers blocked, doors open */
    SEVERITIES,
};

/* clang-format off */
#define DOCTOR_RULES(R)                                                                            \
    R(alarm_in_force, alarm, CRITICAL,                                                             \
      "An alarm is on",                                                                            \
      "Any alarm of the node: memory, disk, log, store, log_stalled.",                             \
      "While an alarm is on, publishers are blocked, or get no confirms.",                         \
      "Give the broker what it lacks: consume or purge the longest queues, free disk space, raise the limit; if writing has failed, replace the disk and restart the broker.") \
    R(publishers_blocked, node, WARNING,                                                           \
      "Publishers are blocked",                                                                    \
      "Connections in the state blocked: they have published while an alarm was on.",              \
      "Their applications wait, and may not know why.",                                            \
      "Clear the alarm; have clients handle connection.blocked.")                                  \
    R(memory_near_limit, node, WARNING,                                                            \
      "Memory is nearly used up",                                                                  \
      "The broker uses at least 80 % of the memory above which publishers are blocked.",           \
      "At the limit, publishers are blocked.",                                                     \
      "See what uses it (leveretctl memory_breakdown), consume the longest queues, or give the machine more memory.") \
    R(disk_near_limit, node, WARNING,                                                              \
      "The disk is nearly full",                                                                   \
      "Less than 1 GiB more is free than the limit below which publishers are blocked.",           \
      "At the limit, publishers are blocked.",                                                     \
      "Free disk space, or consume or purge queues with long backlogs.")                           \
    R(connections_near_limit, node, WARNING,                                                       \
      "Connections are nearly used up",                                                            \
      "At least 80 % of the file descriptors, or of connection_max, are in use.",                  \
      "At the limit, clients cannot connect.",                                                     \
      "Raise the limit of open files (LimitNOFILE) or connection_max, or find the clients that keep too many connections.") \
    R(disk_syncs_slowly, node, CRITICAL,                                                           \
      "The disk syncs slowly",                                                                     \
      "At least 10 syncs of the log in the period, which took 50 ms on average (a warning) or 500 ms (critical).", \
      "Every confirm of a persistent message waits for a sync.",                                   \
      "Move the data directory to a faster disk, or see what else writes to this one.")            \
    R(loop_hot, loop, WARNING,                                                                     \
      "One loop does most of the work",                                                            \
      "A loop was busy for at least 80 % of the period, and the others for at most half as long on average.", \
      "A queue or a connection lives on one loop: it cannot be faster than that processor, while others are idle.", \
      "Spread the load over several queues and connections, for example with a consistent hash exchange.") \
    R(loops_saturated, node, WARNING,                                                              \
      "The processors are used up",                                                                \
      "All loops together were busy for at least 90 % of the period.",                             \
      "The broker cannot carry more; everything takes longer.",                                    \
      "Give it more processors (and loops), or let clients batch confirms and acks.")              \
    R(connection_churn, node, WARNING,                                                             \
      "Clients connect all the time",                                                              \
      "At least 1 connection a second, and 20, were opened and closed in the period.",             \
      "Connecting costs several round trips and a login: far more than a message.",                \
      "Have clients keep a connection open and publish many messages over it; for clients that cannot, run a proxy.") \
    R(channel_churn, node, ADVICE,                                                                 \
      "Clients open channels all the time",                                                        \
      "At least 5 channels a second, 100, and 5 for each new connection were opened and closed in the period.", \
      "A channel for each message costs two round trips more than the message.",                   \
      "Have clients keep channels open and use them again.")                                       \
    R(certificate_expires, certificate, CRITICAL,                                                  \
      "A certificate is about to expire",                                                          \
      "A listener's certificate ends within 30 days (a warning), within 7 days, or has ended (critical).", \
      "After that, clients that check certificates cannot connect.",                               \
      "Renew the certificate: the broker notices the new file by itself.")                         \
    R(default_password, login, CRITICAL,                                                           \
      "The default user is open to the network",                                                   \
      "User guest can log in with the password guest from other machines: loopback_users does not have it, and a listener is not on loopback only.", \
      "Everybody knows this password, and guest is an administrator.",                             \
      "Delete the user guest or change its password: leveretctl change_password guest.")           \
    R(messages_lost, queue, CRITICAL,                                                              \
      "Messages could not be read back",                                                           \
      "Messages of a queue that were on disk, and could not be read since the start.",             \
      "They are lost: the disk fails, or something has changed the broker's files.",               \
      "See the log for the files concerned, and check the disk.")                                  \
    R(queue_grows_unconsumed, queue, CRITICAL,                                                     \
      "A queue grows, and has no consumer",                                                        \
      "A queue without consumers has grown by at least 100 messages in the period (a warning), or by 100,000 (critical).", \
      "It fills the disk, until publishers are blocked.",                                          \
      "Start its consumer, or delete the queue or its binding if nobody needs it; set a max-length or a message-ttl if only new messages matter.") \
    R(queue_grows, queue, WARNING,                                                                 \
      "Consumers are slower than publishers",                                                      \
      "A queue with consumers has grown by at least 1,000 messages in the period, and by at least 10 % of those published.", \
      "Messages wait longer and longer, and the disk fills.",                                      \
      "Add consumers, raise their prefetch, or find out what slows them down.")                    \
    R(queue_abandoned, queue, ADVICE,                                                              \
      "A queue is forgotten",                                                                      \
      "A queue holds messages and has no consumer, and nothing has moved in it for an hour.",      \
      "Nobody seems to miss these messages.",                                                      \
      "Look at them (leveretctl browse); if they are dead letters, mend the cause and retry them; delete the queue if nobody needs it.") \
    R(queue_near_limit, queue, WARNING,                                                            \
      "A queue is at its max-length",                                                              \
      "Ready messages, or their bytes, are at 90 % of the queue's max-length or max-length-bytes. A queue that drops its oldest messages is an advice, if its limit is at least 100 messages.", \
      "A full queue turns publishers' messages away, or drops the oldest.",                        \
      "Add consumers, or raise the limit. If the queue is meant to keep only the newest messages, all is well.") \
    R(transient_in_durable, queue, ADVICE,                                                         \
      "Messages that a restart loses",                                                             \
      "At least 10 messages in a durable queue are not persistent.",                               \
      "The queue survives a restart; these messages do not.",                                      \
      "Publish with delivery_mode 2, or declare the queue as not durable if they may be lost.")    \
    R(expired_unkept, queue, ADVICE,                                                               \
      "Messages expire and are lost",                                                              \
      "Messages of a queue without a dead-letter exchange have expired in the period.",            \
      "They were never consumed, and nobody learns of it.",                                        \
      "Set a dead-letter-exchange to keep them, or a longer message-ttl; if they are meant to vanish, all is well.") \
    R(dead_letter_loop, queue, CRITICAL,                                                           \
      "Dead letters run in circles",                                                               \
      "Messages were dead-lettered from a queue for at least the 10th time in the period, or dropped since they would circulate for ever; 1,000 of them are critical.", \
      "A message that no consumer can handle comes back again and again, and takes the place of others.", \
      "Have the consumer look at x-death and give up after a few rounds, route dead letters to a queue that does not lead back, or set a delivery-limit.") \
    R(redelivery_loop, queue, WARNING,                                                             \
      "Consumers requeue what they get",                                                           \
      "At least 100 messages of a queue were redelivered in the period, and at least 10 times as many as were consumed: acknowledged, or delivered to consumers that need not.", \
      "A consumer that requeues a message which it cannot handle gets it again at once, for ever.", \
      "Have it reject such messages without requeue, into a dead-letter exchange, or set a delivery-limit.") \
    R(polling, queue, ADVICE,                                                                      \
      "Clients poll with basic.get",                                                               \
      "At least 20, and 1 a second, basic.get of a queue in the period.",                          \
      "Each is a round trip, for at most one message.",                                            \
      "Use basic.consume: the broker then sends messages as they come.")                           \
    R(unroutable, exchange, WARNING,                                                               \
      "Messages are routed to no queue",                                                           \
      "Messages that were published to an exchange in the period matched no binding, and were dropped (a warning) or returned to the publisher (an advice).", \
      "Dropped messages are lost, and the publisher is not told.",                                 \
      "See which binding is missing (leveretctl explain_route), set an alternate exchange, or publish as mandatory.") \
    R(consumer_never_acks, consumer, WARNING,                                                      \
      "A consumer does not acknowledge",                                                           \
      "A consumer holds as many messages as its prefetch allows, and its channel has acknowledged none in the whole period, and got none.", \
      "It is stuck, or forgets to ack: it gets no further message, and these stay for others out of reach.", \
      "See what the consumer is doing; restart it to requeue its messages, and set a consumer timeout.") \
    R(prefetch_unlimited, consumer, WARNING,                                                       \
      "A consumer has no prefetch limit, and a backlog",                                           \
      "A consumer that acknowledges has no prefetch limit, and holds at least 1,000 messages.",    \
      "Its client keeps all of them in memory, and no other consumer can have them.",              \
      "Set a prefetch (basic.qos) of some 10 to 500 messages.")                                    \
    R(consumer_timeout_near, channel, WARNING,                                                     \
      "A consumer's timeout is near",                                                              \
      "A delivery has been unacknowledged for three quarters of its consumer's timeout.",          \
      "At the timeout the consumer is cancelled, and all that it holds is requeued.",              \
      "Have it acknowledge earlier; for work that takes long, raise the timeout: x-consumer-timeout, the policy key consumer-timeout, or consumer_timeout.") \
    R(transient_confirms, channel, ADVICE,                                                         \
      "Confirms of messages that are not kept",                                                    \
      "A channel with publisher confirms has published at least 10 messages that are not persistent, half of all at least.", \
      "Their confirm says that a queue has them in memory; a restart loses them all the same.",    \
      "Publish with delivery_mode 2, or do without confirms.")                                     \
    R(no_heartbeat, connection, ADVICE,                                                            \
      "A connection has no heartbeat",                                                             \
      "A connection from another machine has turned heartbeats off.",                              \
      "If the network or the machine fails, its consumers hold their messages until the kernel notices, which may take hours.", \
      "Have the client accept the heartbeat that the broker suggests (60 s), or set one.")         \
    R(channels_leak, connection, WARNING,                                                          \
      "A connection has very many channels",                                                       \
      "A connection has at least 100 channels open (an advice), or 90 % of those it may have (a warning).", \
      "Most often the client opens channels and never closes them.",                               \
      "Close channels after use, or use a few again and again.")
/* clang-format on */

/* --- what is looked at ------------------------------------------------------------------------ */

/* Strings are borrowed. `span_s` is how long the figures that are changes cover; 0: there are none,
 * as there are no statistics, and all of them are 0. */

struct alarm_look {
    const char *name; /* "memory" */
    struct slice why; /* node_alarm_explain() */
};

struct node_look {
    uint64_t span_s;
    uint64_t blocked; /* connections */
    uint64_t memory_used, memory_limit;
    uint64_t disk_free, disk_free_limit;
    uint64_t files_used, files_max;
    uint64_t connections, channels;
    int64_t connections_max;          /* negative: no limit */
    uint64_t syncs, sync_us;          /* of the log */
    uint64_t connected, disconnected; /* connections: how many were opened, and closed */
    uint64_t channels_opened, channels_closed;
    unsigned loops, loops_busy_permille; /* on average */
    unsigned alarms;                     /* bits: BROKER_ALARM_... */
};

struct loop_look {
    uint64_t span_s;
    unsigned index, loops;
    unsigned busy_permille, others_permille; /* of the span; the average of the others */
    struct slice vhost, queue;               /* its busiest queue; empty: none moves */
    uint64_t moved;                          /* messages in and out of that queue */
};

struct certificate_look {
    const char *path;
    int64_t ends_in_s;
};

struct login_look {
    bool is_open; /* with the default password, from other machines */
    const char *interface;
    uint64_t port; /* of a listener that is not on loopback only */
};

struct queue_look {
    struct slice vhost, name;
    bool is_durable, is_exclusive;
    uint64_t consumers, ready, ready_bytes, unacked, persistent;
    uint64_t lost;                        /* could not be read back */
    int64_t max_length, max_length_bytes; /* negative: none */
    enum queue_overflow overflow;
    bool has_dead_letter_exchange;
    uint64_t span_s, idle_s;
    int64_t grown; /* messages more than before, not counting what a restart has brought back */
    uint64_t published, delivered, redelivered;
    uint64_t consumed;         /* acknowledged, or delivered or got without need to be */
    uint64_t gets, gets_empty; /* basic.get, and those of them that found nothing */
    uint64_t expired, dropped; /* without a dead-letter exchange: by TTL, by max-length */
    uint64_t circled;
};

struct exchange_look {
    struct slice vhost, name;
    uint64_t span_s, published, returned, dropped;
};

struct channel_look {
    struct slice vhost, name, connection, user;
    uint64_t published,
        transient; /* `transient`: those since it confirms that were not persistent */
    uint64_t held_ms, held_timeout_ms; /* session_channel_facts */
};

struct consumer_look {
    struct slice vhost, tag, queue, channel, connection, user;
    uint64_t limit;           /* the prefetch that holds: its own or its channel's; 0: none */
    bool is_limit_of_channel; /* which all of its consumers share */
    uint64_t unacked;         /* what the limit counts: what it, or its channel, holds */
    uint64_t span_s, delivered, acked; /* of its channel */
    uint64_t delivered_before;         /* before the span */
    uint64_t ready;                    /* waiting in its queue */
};

struct connection_look {
    struct slice vhost, name, user;
    uint64_t heartbeat_s, channels, channel_max;
    bool is_loopback;
};

/* --- what is found ---------------------------------------------------------------------------- */

struct verdict {
    enum severity severity;
    uint64_t weight;           /* of findings of a rule, those with the highest are shown */
    struct lv_buffer evidence; /* a sentence with numbers; the caller frees it */
};

/* L(kind): the kinds of looks. */
#define DOCTOR_LOOKS(L)                                                                            \
    L(alarm)                                                                                       \
    L(node)                                                                                        \
    L(loop) L(certificate) L(login) L(queue) L(exchange) L(channel) L(consumer) L(connection)

enum look_kind {
#define LOOK_MEMBER(kind) LOOK_##kind,
    DOCTOR_LOOKS(LOOK_MEMBER)
#undef LOOK_MEMBER
};

struct doctor_rule {
    const char *name;
    enum look_kind kind;
    enum severity severity;
    const char *title, *sees, *why, *remedy;
    union { /* by kind */
#define LOOK_FUNCTION(kind) bool (*kind)(const struct kind##_look *look, struct verdict *ret);
        DOCTOR_LOOKS(LOOK_FUNCTION)
#undef LOOK_FUNCTION
    } find;
};

enum doctor_rule_id {
#define RULE_MEMBER(name, ...) RULE_##name,
    DOCTOR_RULES(RULE_MEMBER)
#undef RULE_MEMBER
        DOCTOR_RULES_COUNT
};
extern const struct doctor_rule doctor_rules[DOCTOR_RULES_COUNT];

/* The rules. Each returns whether it finds something, and fills in *ret, which was zero, if it
 * does; pure. */
#define RULE_DECLARE(name, kind, ...)                                                              \
    bool doctor_rule_##name(const struct kind##_look *look, struct verdict *ret);
DOCTOR_RULES(RULE_DECLARE)
#undef RULE_DECLARE

/* "critical", "warning", "advice". */
const char *severity_name(enum severity severity);

/* What may be found with a channel or a connection, for a visitor that picks some of many. */
enum { DOCTOR_UNACKED_MANY = 1000, DOCTOR_CHANNELS_MANY = 100, DOCTOR_TRANSIENT_MANY = 10 };
static inline bool doctor_timeout_is_near(uint64_t held_ms, uint64_t timeout_ms)
{
    return timeout_ms > 0 && held_ms >= timeout_ms - timeout_ms / 4;
}

/* --- texts in evidence ------------------------------------------------------------------------ */

/* Write a number with commas, "1,204"; with a short noun, "1 message", "2 messages"; and a time,
 * "10 minutes", "45 seconds". Return the space. WERE(n): the verb after a number, "was" or
 * "were". */
enum { DOCTOR_TEXT_BYTES = 64 };
const char *doctor_number(char space[DOCTOR_TEXT_BYTES], uint64_t n);
const char *doctor_count(char space[DOCTOR_TEXT_BYTES], uint64_t n, const char *noun);
const char *doctor_time(char space[DOCTOR_TEXT_BYTES], uint64_t s);
#define NUMBER(n) doctor_number((char[DOCTOR_TEXT_BYTES]){0}, (n))
#define COUNT_OF(n, noun) doctor_count((char[DOCTOR_TEXT_BYTES]){0}, (n), (noun))
#define WERE(n) ((n) == 1 ? "was" : "were")
#define TIME(s) doctor_time((char[DOCTOR_TEXT_BYTES]){0}, (s))

/* Fills in the verdict. Returns true. */
bool doctor_find(struct verdict *ret, enum severity severity, uint64_t weight, const char *format,
                 ...) __attribute__((format(printf, 4, 5)));

#endif
