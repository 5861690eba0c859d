/* Statistics: how the broker's counters and gauges have moved.
 *
 * A sampler, a thread of its own, reads every interval the figures of all queues, exchanges,
 * connections, channels and vhosts and of the node: from the loops in slices, so that no turn is
 * long. From them it keeps the last change, which is the rate, and a history (sample_history.h).
 * What is asked here is of its last round, so it is up to an interval old, and never waits for a
 * loop. Nothing is done for it on the path of a message beyond the counters themselves.
 *
 *     struct statistics_answer a;
 *     if (statistics_queue(m->statistics, queue_id(q), &range, &a))
 *         a.of[STATISTIC_publish].rate ...
 *     statistics_answer_free(&a);
 *
 * Rates and samples are computed as RabbitMQ computes them. */
#ifndef LEVERET_MANAGE_STATISTICS_H
#define LEVERET_MANAGE_STATISTICS_H

#include "manage/manage.h"
#include "manage/sample_history.h"

/* --- which statistics there are --------------------------------------------------------------- */

/* Each group is asked for with a range of its own: lengths_age, msg_rates_age, data_rates_age,
 * node_stats_age. */
enum statistic_group {
    STATISTIC_LENGTHS,
    STATISTIC_MESSAGES, /* message_stats */
    STATISTIC_DATA,     /* octets */
    STATISTIC_NODE,     /* churn and what the node uses */
    STATISTIC_GROUPS,
};

/* S(name in RabbitMQ's API, group). deliver_get is the sum of the four before it. RabbitMQ does not
 * have dropped_..., circled and messages_lost (queue.h: struct queue_counters), and the last three:
 * the node's syncs of the log and their time, and how long a loop was busy. */
#define STATISTICS(S)                                                                              \
    S(messages, LENGTHS)                                                                           \
    S(messages_ready, LENGTHS)                                                                     \
    S(messages_unacknowledged, LENGTHS)                                                            \
    S(publish, MESSAGES)                                                                           \
    S(confirm, MESSAGES)                                                                           \
    S(return_unroutable, MESSAGES)                                                                 \
    S(drop_unroutable, MESSAGES)                                                                   \
    S(publish_in, MESSAGES)                                                                        \
    S(publish_out, MESSAGES)                                                                       \
    S(deliver, MESSAGES)                                                                           \
    S(deliver_no_ack, MESSAGES)                                                                    \
    S(get, MESSAGES)                                                                               \
    S(get_no_ack, MESSAGES)                                                                        \
    S(deliver_get, MESSAGES)                                                                       \
    S(get_empty, MESSAGES)                                                                         \
    S(redeliver, MESSAGES)                                                                         \
    S(ack, MESSAGES)                                                                               \
    S(disk_reads, MESSAGES)                                                                        \
    S(disk_writes, MESSAGES)                                                                       \
    S(dropped_expired, MESSAGES)                                                                   \
    S(dropped_maxlen, MESSAGES)                                                                    \
    S(circled, MESSAGES)                                                                           \
    S(messages_lost, MESSAGES)                                                                     \
    S(recv_oct, DATA)                                                                              \
    S(send_oct, DATA)                                                                              \
    S(connection_created, NODE)                                                                    \
    S(connection_closed, NODE)                                                                     \
    S(channel_created, NODE)                                                                       \
    S(channel_closed, NODE)                                                                        \
    S(queue_declared, NODE)                                                                        \
    S(queue_created, NODE)                                                                         \
    S(queue_deleted, NODE)                                                                         \
    S(mem_used, NODE)                                                                              \
    S(fd_used, NODE)                                                                               \
    S(sockets_used, NODE)                                                                          \
    S(disk_free, NODE)                                                                             \
    S(log_syncs, NODE)                                                                             \
    S(log_sync_us, NODE)                                                                           \
    S(turn_us, NODE)

enum statistic {
#define STATISTIC_MEMBER(name, group) STATISTIC_##name,
    STATISTICS(STATISTIC_MEMBER)
#undef STATISTIC_MEMBER
        STATISTICS_COUNT
};

/* Their names and groups, for code that goes through all of them. */
extern const struct statistic_kind {
    const char *name;
    enum statistic_group group;
} statistic_kinds[STATISTICS_COUNT];

/* --- the sampler ------------------------------------------------------------------------------ */

/* RATES_DETAILED: also of each channel with each queue and exchange. RATES_NONE: messages are not
 * counted, of lengths and octets there are values alone. */
enum rates_mode { RATES_BASIC, RATES_DETAILED, RATES_NONE };

struct statistics_settings {
    uint32_t interval_ms; /* collect_statistics_interval; 0: 5000 */
    enum rates_mode rates_mode;
    bool is_disabled; /* nothing is collected: every question is answered with false */
    /* How long samples are kept: those of the node and of vhosts; those of queues, exchanges,
     * connections and channels; those of a channel with a queue or an exchange. With a count of 0:
     * as in RabbitMQ. */
    struct retention global, basic, detailed;
    /* Reads what the node uses now: mem_used, fd_used, sockets_used and disk_free, into the array
     * at their enum statistic. Called on the sampler's thread. NULL: they are 0. */
    void (*read_node)(void *arg, uint64_t *ret);
    void *arg;
    uint64_t (*clock_ms)(void); /* in place of clock_up_ms(), for tests; NULL */
};

struct statistics;

/* Starts the sampler. Loops and broker are borrowed. Returns ERR_NO_MEMORY if there can be no
 * thread. Call after sessions_start(). */
int statistics_start(struct loops *loops, struct broker *broker,
                     const struct statistics_settings *settings, struct statistics **ret);
/* Ends the sampler and clears the pointer; NULL is fine. Call when nobody asks any longer, after
 * the loops have stopped, and before broker_free() and loops_free(). */
void statistics_stop(struct statistics **statistics);

/* Returns the settings in force, with what was 0 filled in. */
const struct statistics_settings *statistics_settings(const struct statistics *s);
/* Returns the mode; RATES_NONE if nothing is collected or `s` is NULL. */
enum rates_mode statistics_rates_mode(const struct statistics *s);

/* --- questions -------------------------------------------------------------------------------- */

enum { STATISTIC_SAMPLES_MAX = 10000 };

/* Which samples are asked for: those of the last age_s seconds, incr_s apart; none if one of them
 * is 0. There are age_s / incr_s + 1, but at most STATISTIC_SAMPLES_MAX. */
struct statistics_range {
    struct {
        uint64_t age_s, incr_s;
    } of[STATISTIC_GROUPS];
};

struct statistics_answer {
    struct statistic_answer {
        bool is_known; /* objects of this kind have it */
        uint64_t value;
        double rate; /* a second, over the last interval; over the last two samples if those are
                        asked for */
        /* With a range: newest first, at newest_ms, newest_ms - incr_s * 1000 ... Else NULL. */
        const uint64_t *samples;
        double avg, avg_rate;
    } of[STATISTICS_COUNT];
    struct {
        size_t count;                /* of samples of each statistic */
        uint64_t newest_ms, step_ms; /* wall clock */
    } samples[STATISTIC_GROUPS];
    /* Whether messages have been published to it, or delivered, got, acknowledged: if not, RabbitMQ
     * leaves these statistics out of message_stats. */
    bool has_published, has_delivered;
    uint64_t moved_ms; /* wall clock: when the sampler last saw something of it change */
    uint64_t *space;   /* owned */
};

/* The functions below fill in *ret, which the caller frees with statistics_answer_free(), and
 * return true. They return false if the sampler has not seen the object yet, or if there is no
 * sampler (`s` may be NULL). Then *ret, which is freed as well, has nothing but the samples that
 * were asked for, each 0. `range` NULL: no samples. Any thread that may wait for a mutex, which is
 * never held for long. */
bool statistics_queue(struct statistics *s, uint64_t queue_id, const struct statistics_range *range,
                      struct statistics_answer *ret);
bool statistics_exchange(struct statistics *s, struct slice vhost, struct slice name,
                         const struct statistics_range *range, struct statistics_answer *ret);
bool statistics_connection(struct statistics *s, uint64_t connection,
                           const struct statistics_range *range, struct statistics_answer *ret);
bool statistics_channel(struct statistics *s, uint64_t connection, uint16_t number,
                        const struct statistics_range *range, struct statistics_answer *ret);
/* What a channel has got from this queue, and published to this exchange: RATES_DETAILED. */
bool statistics_delivery(struct statistics *s, uint64_t connection, uint16_t number,
                         struct slice queue, const struct statistics_range *range,
                         struct statistics_answer *ret);
bool statistics_publish(struct statistics *s, uint64_t connection, uint16_t number,
                        struct slice exchange, const struct statistics_range *range,
                        struct statistics_answer *ret);
bool statistics_vhost(struct statistics *s, struct slice vhost,
                      const struct statistics_range *range, struct statistics_answer *ret);
/* The node: totals of messages, churn, what the node uses. */
bool statistics_node(struct statistics *s, const struct statistics_range *range,
                     struct statistics_answer *ret);
/* What /api/overview shows of messages to this actor: of the node if it may see all vhosts, else
 * the sum over the vhosts that it may see. Churn is that of the node. */
bool statistics_overview(struct statistics *s, const struct actor *actor,
                         const struct statistics_range *range, struct statistics_answer *ret);
void statistics_answer_free(struct statistics_answer *answer);

/* How an object's figures have changed. */
struct statistics_span {
    uint64_t ms;      /* the span of time, which ends with the sampler's last round: shorter than
                       * asked for if nothing older is known. That of loops and of the node is
                       * longer than asked for by up to a round, so that it begins with one: then
                       * what has changed divided by it is a rate. */
    uint64_t idle_ms; /* for how long no figure has been seen to change */
    uint64_t before[STATISTICS_COUNT], now[STATISTICS_COUNT]; /* those that the object has */
};

/* Returns by how much a figure has risen; 0 if it has fallen. */
static inline uint64_t statistics_rise(const struct statistics_span *span, enum statistic which)
{
    return span->now[which] > span->before[which] ? span->now[which] - span->before[which] : 0;
}

/* Find how the figures have changed in the last `ms`, which are fewer than a day for the node and
 * vhosts, and than an hour for others. Return false if the sampler has not seen the object, or
 * keeps no samples. What a queue has held since before the last restart is in `before`, too. Call
 * them between statistics_lock() and statistics_unlock(), for as many objects as there are. `s` may
 * be NULL. */
bool statistics_queue_span(const struct statistics *s, uint64_t queue_id, uint64_t ms,
                           struct statistics_span *ret);
bool statistics_exchange_span(const struct statistics *s, struct slice vhost, struct slice name,
                              uint64_t ms, struct statistics_span *ret);
bool statistics_channel_span(const struct statistics *s, uint64_t connection, uint16_t number,
                             uint64_t ms, struct statistics_span *ret);
bool statistics_node_span(const struct statistics *s, uint64_t ms, struct statistics_span *ret);
/* Of a loop, by its index: STATISTIC_turn_us. */
bool statistics_loop_span(const struct statistics *s, unsigned loop, uint64_t ms,
                          struct statistics_span *ret);

/* Returns whether a queue that the sampler knows holds nothing, has lost nothing (messages_lost),
 * and has not moved in the last `ms`. As statistics_queue_span(). */
bool statistics_queue_is_idle(const struct statistics *s, uint64_t queue_id, uint64_t ms);

/* Returns one statistic of a queue as a number to sort by: its value, or a thousand times its rate;
 * 0 if it is not known. Call it between statistics_lock() and statistics_unlock(), for as many
 * queues as there are. `s` may be NULL. */
void statistics_lock(struct statistics *s);
void statistics_unlock(struct statistics *s);
int64_t statistics_queue_key(const struct statistics *s, uint64_t queue_id, enum statistic which,
                             bool is_rate);

/* Waits until the sampler has ended a round that began after this call. Returns 0, or ERR_CLOSED if
 * the broker stops meanwhile or nothing is collected. RCU as for ask_every_loop(). */
int statistics_refresh(struct statistics *s);

#endif
