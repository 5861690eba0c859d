/* Counters: how often each thing has happened since the process started. A queue's own numbers end
 * with the queue; these do not, so a monitor sees totals that never fall.
 *
 * Each thread counts into a struct of its own: COUNT(queued). No other thread writes to it, so
 * an addition is a relaxed load and a relaxed store, without a locked instruction. A total is the
 * sum over all threads that are or were registered, read while they count on. So two totals read
 * together may be of slightly different moments; each by itself is exact.
 *
 * What is counted in detail is not counted a second time: a total of such counters is *derived*,
 * and computed when it is read. */
#ifndef LEVERET_BASE_COUNTERS_H
#define LEVERET_BASE_COUNTERS_H

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

/* C(name, help). The four dead_lettered_... and the four given_up_... follow the order of enum
 * death. */
#define COUNTERS(C)                                                                                \
    COUNTERS_DERIVED(C)                                                                            \
    COUNTERS_OF_ALL(C)                                                                             \
    COUNTERS_OF_METRICS(C)

/* Never counted: counters_complete() computes them, and counters_read() calls it. */
#define COUNTERS_DERIVED(C)                                                                        \
    C(published, "messages published by clients")                                                  \
    C(confirmed, "messages confirmed to publishers")                                               \
    C(delivered, "messages delivered to consumers that acknowledge")                               \
    C(delivered_no_ack, "messages delivered to consumers that do not acknowledge")                 \
    C(got, "messages got one by one, to be acknowledged")                                          \
    C(got_no_ack, "messages got one by one, without acknowledgement")                              \
    C(got_empty, "attempts to get a message from a queue that had none to give")                   \
    C(redelivered, "messages delivered or got that had been delivered before")                     \
    C(acked, "messages acknowledged")

#define COUNTERS_OF_ALL(C)                                                                         \
    C(refused, "messages that publishers were told are not taken")                                 \
    C(returned, "mandatory messages returned to publishers")                                       \
    C(unroutable, "messages that no queue was bound for, and that were dropped")                   \
    C(routed, "queues that published messages were routed to, for each message")                   \
    C(queued, "messages that queues took, once for each queue")                                    \
    C(replaced, "messages replaced in their queue by a newer one of the same value")               \
    C(given_up_rejected, "messages rejected by consumers")                                         \
    C(given_up_expired, "messages expired")                                                        \
    C(given_up_maxlen, "messages dropped or turned away since their queue was full")               \
    C(given_up_delivery_limit, "messages delivered too often")                                     \
    C(dead_lettered_rejected, "messages dead-lettered since they were rejected")                   \
    C(dead_lettered_expired, "messages dead-lettered since they expired")                          \
    C(dead_lettered_maxlen, "messages dead-lettered since their queue was full")                   \
    C(dead_lettered_delivery_limit, "messages dead-lettered since they were delivered too often")  \
    C(connections_opened, "connections accepted")                                                  \
    C(connections_closed, "connections ended")                                                     \
    C(channels_opened, "channels opened")                                                          \
    C(channels_closed, "channels ended")                                                           \
    C(consumers_added, "consumers that came to a queue")                                           \
    C(consumers_removed, "consumers that left a queue")                                            \
    C(queues_declared, "queues declared, new or not")                                              \
    C(queues_created, "queues created")                                                            \
    C(queues_deleted, "queues deleted")

/* The same things in more detail, for metrics/. */
#define COUNTERS_OF_METRICS(C)                                                                     \
    C(published_confirming, "messages published on channels that confirm")                         \
    COUNTERS_BY_SIZE(C, published, "messages published")                                           \
    C(published_bytes, "bytes of the bodies of messages published")                                \
    COUNTERS_BY_TYPE(C, delivered, "messages delivered to consumers that acknowledge")             \
    COUNTERS_BY_TYPE(C, delivered_no_ack, "messages delivered to consumers that do not")           \
    COUNTERS_BY_TYPE(C, got, "messages got one by one, to be acknowledged")                        \
    COUNTERS_BY_TYPE(C, got_no_ack, "messages got one by one, without acknowledgement")            \
    COUNTERS_BY_TYPE(C, got_empty, "attempts to get a message where there was none to give")       \
    COUNTERS_BY_TYPE(C, redelivered, "messages delivered or got that had been before")             \
    COUNTERS_BY_TYPE(C, acked, "messages acknowledged")                                            \
    COUNTERS_BY_STRATEGY(C, rejected, "messages rejected by consumers")                            \
    COUNTERS_BY_STRATEGY(C, expired, "messages expired")                                           \
    COUNTERS_BY_STRATEGY(C, maxlen, "messages dropped or turned away by a full queue")             \
    COUNTERS_BY_STRATEGY(C, delivery_limit, "messages delivered too often")                        \
    C(dead_lettered_confirmed, "messages dead-lettered at least once that have arrived")           \
    C(received_bytes, "bytes received from clients")                                               \
    C(sent_bytes, "bytes sent to clients")                                                         \
    C(socket_reads, "reads of clients' sockets")                                                   \
    C(socket_writes, "writes to clients' sockets")                                                 \
    C(messages_read, "messages read back from the disk")                                           \
    C(messages_written, "messages written to the log, or to a segment")                            \
    C(messages_lost, "messages that could not be read back from the disk")                         \
    COUNTERS_DOUBLING(C, confirmed_ms, "messages confirmed within this many milliseconds")         \
    C(confirm_ms, "milliseconds until messages were confirmed, in all")                            \
    COUNTERS_DOUBLING(C, turns_16us, "turns of a loop that took this many times 16 microseconds")  \
    C(turn_ns, "nanoseconds that turns of loops took, in all")                                     \
    COUNTERS_DOUBLING(C, mail_waiting, "turns of a loop for which this much mail was waiting")     \
    C(mail_waited, "mail that was waiting for these turns, in all")                                \
    COUNTERS_DOUBLING(C, log_syncs_64us,                                                           \
                      "syncs of the log that took this many times 64 microseconds")                \
    C(log_sync_us, "microseconds that syncs of the log took, in all")                              \
    C(log_writes, "writes to the log")                                                             \
    C(log_written_bytes, "bytes written to the log")                                               \
    C(segment_reads, "reads of queues' segment files")                                             \
    C(segment_read_bytes, "bytes read from them")                                                  \
    C(segment_writes, "writes to queues' segment files")                                           \
    C(segment_written_bytes, "bytes written to them")                                              \
    C(segment_syncs, "syncs of queues' segment files")

/* A counter for the queues of each enum queue_type, in its order. */
#define COUNTERS_BY_TYPE(C, name, help)                                                            \
    C(name##_classic, help ", of classic queues")                                                  \
    C(name##_quorum, help ", of quorum queues")

/* For each enum queue_type, one for each strategy of dead letters. */
#define COUNTERS_BY_STRATEGY(C, name, help)                                                        \
    C(name##_classic_disabled, help ", of classic queues without dead letters")                    \
    C(name##_classic_at_most_once, help ", of classic queues, dead-lettered at most once")         \
    C(name##_classic_at_least_once, help ", of classic queues, dead-lettered at least once")       \
    C(name##_quorum_disabled, help ", of quorum queues without dead letters")                      \
    C(name##_quorum_at_most_once, help ", of quorum queues, dead-lettered at most once")           \
    C(name##_quorum_at_least_once, help ", of quorum queues, dead-lettered at least once")
enum dead_letter_strategy { STRATEGY_DISABLED, STRATEGY_AT_MOST_ONCE, STRATEGY_AT_LEAST_ONCE };
enum { STRATEGIES = 3, COUNTED_QUEUE_TYPES = 2 };

/* A counter for each doubling_bucket(): the last is for more than DOUBLING_MAX. */
#define COUNTERS_DOUBLING(C, name, help)                                                           \
    C(name##_1, help ": 1")                                                                        \
    C(name##_2, help ": 2")                                                                        \
    C(name##_4, help ": 3 or 4")                                                                   \
    C(name##_8, help ": 5 to 8")                                                                   \
    C(name##_16, help ": up to 16")                                                                \
    C(name##_32, help ": up to 32")                                                                \
    C(name##_64, help ": up to 64")                                                                \
    C(name##_128, help ": up to 128")                                                              \
    C(name##_256, help ": up to 256")                                                              \
    C(name##_512, help ": up to 512")                                                              \
    C(name##_1024, help ": up to 1024")                                                            \
    C(name##_2048, help ": up to 2048")                                                            \
    C(name##_4096, help ": up to 4096")                                                            \
    C(name##_8192, help ": up to 8192")                                                            \
    C(name##_16384, help ": up to 16384")                                                          \
    C(name##_more, help ": more")
enum { DOUBLING_BUCKETS = 16, DOUBLING_MAX = 1 << (DOUBLING_BUCKETS - 2) };

/* Returns 0 for values up to 1, 1 for 2, 2 for up to 4, 3 for up to 8 ... */
static inline unsigned doubling_bucket(uint64_t value)
{
    if (value > DOUBLING_MAX)
        return DOUBLING_BUCKETS - 1;
    return value > 1 ? 64 - (unsigned)__builtin_clzll(value - 1) : 0;
}

/* A counter for each size_bucket(). */
#define COUNTERS_BY_SIZE(C, name, help)                                                            \
    C(name##_to_100, help " of up to 100 bytes")                                                   \
    C(name##_to_1000, help " of up to 1,000 bytes")                                                \
    C(name##_to_10000, help " of up to 10,000 bytes")                                              \
    C(name##_to_100000, help " of up to 100,000 bytes")                                            \
    C(name##_to_1000000, help " of up to 1,000,000 bytes")                                         \
    C(name##_to_10000000, help " of up to 10,000,000 bytes")                                       \
    C(name##_to_50000000, help " of up to 50,000,000 bytes")                                       \
    C(name##_to_100000000, help " of up to 100,000,000 bytes")                                     \
    C(name##_larger, help " of more bytes")
enum { SIZE_BUCKETS = 9 };

/* The largest size of each bucket but the last. */
extern const uint64_t size_bounds[SIZE_BUCKETS - 1];

/* Returns the bucket for a size in bytes. */
static inline unsigned size_bucket(uint64_t bytes)
{
    /* By the number of bits of the size: how many bounds are certainly below it. Among the sizes of
     * as many bits there is at most one bound. */
    static const uint8_t bounds_below[65] = {
        0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 4, 4, 4, 5,
        5, 5, 5, 6, 6, 7, 8, 8, 8, 8, 8, 8, 8, 8, 8, 8, 8, 8, 8, 8, 8, 8,
        8, 8, 8, 8, 8, 8, 8, 8, 8, 8, 8, 8, 8, 8, 8, 8, 8, 8, 8, 8, 8,
    };
    unsigned bits = bytes ? 64 - (unsigned)__builtin_clzll(bytes) : 0;
    unsigned below = bounds_below[bits];
    return below < SIZE_BUCKETS - 1 ? below + (bytes > size_bounds[below]) : below;
}

struct counters {
#define COUNTER_MEMBER(name, help) _Atomic uint64_t name;
    COUNTERS(COUNTER_MEMBER)
#undef COUNTER_MEMBER
};

/* Adds to a number that only the calling thread writes and others read. */
static inline void counter_add(_Atomic uint64_t *counter, uint64_t n)
{
    atomic_store_explicit(counter, atomic_load_explicit(counter, memory_order_relaxed) + n,
                          memory_order_relaxed);
}

/* The calling thread's counters. All our programs link them into the executable, so that their
 * address need not be looked up. */
extern _Thread_local struct counters counters_here __attribute__((tls_model("local-exec")));

#define COUNT_MANY(name, n) counter_add(&counters_here.name, (n))
#define COUNT(name) COUNT_MANY(name, 1)
/* Counts the n-th of several counters in a row: COUNT_NTH(given_up_rejected, reason). */
#define COUNT_NTH(first, n) COUNT_NTH_MANY(first, n, 1)
#define COUNT_NTH_MANY(first, n, by) counter_add(&counters_here.first + (n), (by))

/* Makes what the calling thread has counted, and counts from now on, part of the totals. Call it
 * once per thread. */
void counters_register(void);
/* Adds what the calling thread has counted to the totals for good. Call only if the thread has
 * registered and is about to end. */
void counters_unregister(void);

/* Reads the totals of all threads. Any thread; it waits only for threads that register or
 * unregister. */
void counters_read(struct counters *ret);

/* Computes the derived counters from the others. Call only on a copy that nobody counts into. */
void counters_complete(struct counters *c);

/* Every counter by its name, for code that shows them all. */
struct counter_kind {
    const char *name;
    const char *help;
    size_t offset; /* in struct counters */
};
enum {
#define COUNTER_ONE(name, help) +1
    COUNTER_KINDS = 0 COUNTERS(COUNTER_ONE)
#undef COUNTER_ONE
};
extern const struct counter_kind counter_kinds[COUNTER_KINDS];

static inline uint64_t counter_of(const struct counters *c, const struct counter_kind *kind)
{
    const _Atomic uint64_t *counter = (const void *)((const char *)c + kind->offset);
    return atomic_load_explicit(counter, memory_order_relaxed);
}

#endif
