/* What is done with the sockets that a listener has accepted: they are counted, and a connection is
 * made of each.
 *
 * A newcomer is a peer that has not logged in yet. How many there are is counted by address, in
 * NEWCOMER_BUCKETS counters. A keyed hash of the address selects one: nothing is allocated for an
 * address, and nobody can choose an address that shares another's counter. */
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <openssl/rand.h>
#include <xxhash.h>

#include "base/log.h"
#include "base/memory.h"
#include "net/net_private.h"

enum { HEADER_MS = 10000 };

/* Shared by the listener, and by the entries of its connections: all of these may outlive it. */
struct accepting {
    _Atomic unsigned refs;
    net_accepted_fn *accepted;
    void *arg;
    net_layer_fn *layer; /* NULL: plain */
    void *layer_arg;

    bool has_proxies;
    struct net_network *trusted; /* owned */
    size_t trusted_count;        /* 0: every peer is a proxy */
    _Atomic uint32_t header_ms;

    _Atomic(const char *) connections_key, newcomers_key; /* what sets the limits */
    _Atomic int64_t connections_max;                      /* negative: no limit */
    _Atomic int64_t connections;

    _Atomic int64_t newcomers_max; /* in a bucket; negative: no limit */
    _Atomic int64_t newcomers[NEWCOMER_BUCKETS];
    uint64_t hash_seed;
    struct half_open_set *half_open; /* NULL: nobody is closed for another */
    _Atomic uint64_t refused;        /* newcomers, since the last line that told how many */
    _Atomic uint64_t warn_after_ms;
};

struct accepting *accepting_create(net_accepted_fn *accepted, void *arg)
{
    struct accepting *a = lv_calloc(1, sizeof *a);
    a->refs = 1;
    a->accepted = accepted;
    a->arg = arg;
    a->header_ms = HEADER_MS;
    a->connections_max = a->newcomers_max = -1;
    if (RAND_bytes((unsigned char *)&a->hash_seed, sizeof a->hash_seed) != 1)
        a->hash_seed = (uintptr_t)a; /* counts are still right; the hash can be guessed */
    return a;
}

void accepting_unref(struct accepting **accepting)
{
    struct accepting *a = *accepting;
    *accepting = NULL;
    unsigned before = atomic_fetch_sub(&a->refs, 1);
    lv_assert(before > 0);
    if (before > 1)
        return;
    lv_assert(a->connections == 0);
    half_open_set_free(&a->half_open);
    free(a->trusted);
    free(a);
}

void accepting_set_layer(struct accepting *a, net_layer_fn *layer, void *arg)
{
    a->layer = layer;
    a->layer_arg = arg;
}

void accepting_set_proxies(struct accepting *a, const struct net_network *trusted, size_t count)
{
    lv_assert(!a->has_proxies);
    a->has_proxies = true;
    a->trusted = lv_calloc(count + 1, sizeof *trusted);
    if (count > 0)
        memcpy(a->trusted, trusted, count * sizeof *trusted);
    a->trusted_count = count;
}

static const char *key_or_limit(const char *key)
{
    return key ? key : "a fixed limit";
}

void accepting_set_limits(struct accepting *a, const struct net_accept_limits *limits)
{
    atomic_store(&a->connections_max, limits->connections);
    atomic_store(&a->newcomers_max, limits->newcomers_per_address);
    atomic_store(&a->header_ms, limits->proxy_header_ms);
    atomic_store(&a->connections_key, key_or_limit(limits->connections_key));
    atomic_store(&a->newcomers_key, key_or_limit(limits->newcomers_key));
    if (limits->closes_half_open && !a->half_open)
        a->half_open = half_open_set_create();
}

/* --- counting --------------------------------------------------------------------------------- */

const char *accepting_connections_key(const struct accepting *a)
{
    return atomic_load(&a->connections_key);
}

bool accepting_is_full(const struct accepting *a)
{
    int64_t max = atomic_load_explicit(&a->connections_max, memory_order_relaxed);
    return max >= 0 && atomic_load_explicit(&a->connections, memory_order_relaxed) >= max;
}

static uint16_t bucket_of(const struct accepting *a, const union socket_address *peer)
{
    const void *p = &peer->v4.sin_addr;
    size_t n = sizeof peer->v4.sin_addr;
    if (peer->any.sa_family == AF_INET6) {
        bool is_v4 = IN6_IS_ADDR_V4MAPPED(&peer->v6.sin6_addr);
        p = peer->v6.sin6_addr.s6_addr + (is_v4 ? 12 : 0);
        n = is_v4 ? 4 : 8; /* a network of 64 bits belongs to one host */
    }
    return (uint16_t)(XXH3_64bits_withSeed(p, n, a->hash_seed) % NEWCOMER_BUCKETS);
}

/* Counts a refused newcomer, and logs how many there were at most once every WARN_EVERY_MS. */
static void refuse_newcomer(struct accepting *a, const struct net_address *peer, int64_t max)
{
    uint64_t refused = atomic_fetch_add(&a->refused, 1) + 1;
    uint64_t now_ms = loop_now_ms(loop_current());
    uint64_t after_ms = atomic_load(&a->warn_after_ms);
    if (now_ms < after_ms ||
        !atomic_compare_exchange_strong(&a->warn_after_ms, &after_ms, now_ms + WARN_EVERY_MS))
        return;
    atomic_fetch_sub(&a->refused, refused);
    log_warning("connection %s:%u refused: %lld connections from there have not logged in yet "
                "(%s); %llu were refused since the last such line",
                peer->text, peer->port, (long long)max, atomic_load(&a->newcomers_key),
                (unsigned long long)refused);
}

/* Closes the oldest half-open connection that is counted in the bucket. Returns false if there is
 * none to close. */
static bool make_room_at(struct accepting *a, uint16_t bucket)
{
    return a->half_open &&
           half_open_close_oldest_of(a->half_open, bucket, atomic_load(&a->newcomers_key));
}

bool accepting_make_room(struct accepting *a, uint64_t ms_min, const char *key)
{
    return a->half_open && half_open_close_oldest(a->half_open, ms_min, key);
}

bool accepting_has_half_open(const struct accepting *a)
{
    return a->half_open && !half_open_set_is_empty(a->half_open);
}

void accepting_begin(struct net_conn *conn)
{
    struct accepting *a = conn->entry.accepting;
    if (a && a->half_open)
        half_open_begin(a->half_open, conn);
}

/* Counts the entry's newcomer by this address, instead of the one before if there is one. Returns
 * false, with the entry unchanged, if there are too many with the address. */
static bool newcomer_enter(struct net_entry *entry, const union socket_address *peer)
{
    struct accepting *a = entry->accepting;
    uint16_t bucket = bucket_of(a, peer);
    int64_t max = atomic_load_explicit(&a->newcomers_max, memory_order_relaxed);
    if (entry->half_open)
        half_open_leave_bucket(entry->half_open); /* so that it makes no room for itself */
    int64_t before = atomic_fetch_add_explicit(&a->newcomers[bucket], 1, memory_order_relaxed);
    if (max >= 0 && before >= max && !make_room_at(a, bucket)) {
        atomic_fetch_sub_explicit(&a->newcomers[bucket], 1, memory_order_relaxed);
        struct net_address address = address_format(peer);
        refuse_newcomer(a, &address, max);
        return false;
    }
    entry_admit(entry);
    entry->bucket = bucket;
    entry->is_newcomer = true;
    if (entry->half_open)
        half_open_enter_bucket(a->half_open, entry->half_open, bucket);
    return true;
}

void entry_admit(struct net_entry *entry)
{
    if (!entry->is_newcomer)
        return;
    entry->is_newcomer = false;
    int64_t before = atomic_fetch_sub_explicit(&entry->accepting->newcomers[entry->bucket], 1,
                                               memory_order_relaxed);
    lv_assert(before > 0);
}

bool accepting_enter(struct accepting *a, const union socket_address *peer, struct net_entry *ret)
{
    struct net_entry entry = {.accepting = a};
    if (!newcomer_enter(&entry, peer))
        return false;
    atomic_fetch_add(&a->connections, 1);
    atomic_fetch_add(&a->refs, 1);
    *ret = entry;
    return true;
}

uint64_t accepting_connections(const struct accepting *a)
{
    return (uint64_t)atomic_load_explicit(&a->connections, memory_order_relaxed);
}

void entry_leave(struct net_entry *entry)
{
    if (!entry->accepting)
        return;
    half_open_end(&entry->half_open);
    entry_admit(entry);
    int64_t before = atomic_fetch_sub(&entry->accepting->connections, 1);
    lv_assert(before > 0);
    accepting_unref(&entry->accepting);
}

/* --- the way in ------------------------------------------------------------------------------- */

/* Returns whether the peer begins with a PROXY header. */
static bool is_proxy(const struct accepting *a, int fd)
{
    union socket_address peer;
    socklen_t n = sizeof peer;
    if (!a->has_proxies || a->trusted_count == 0)
        return a->has_proxies;
    if (getpeername(fd, &peer.any, &n) != 0)
        return true; /* it has gone already, as the first read will tell */
    for (size_t i = 0; i < a->trusted_count; i++) {
        if (network_has(&a->trusted[i], &peer))
            return true;
    }
    return false;
}

/* Counts the newcomer by the address that its proxy has passed on. Returns false if there are too
 * many with it. */
static bool newcomer_is_welcome(struct net_conn *conn, const struct net_peer *peer)
{
    union socket_address address;
    socklen_t n;
    if (!conn->entry.accepting->has_proxies ||
        !address_parse(peer->peer.text, peer->peer.port, &address, &n))
        return true;
    return newcomer_enter(&conn->entry, &address);
}

/* The connection's entry holds the accepting, which is `arg`. A peer that has gone without sending
 * a byte is a health check, usually, or the broker stops. */
static void socket_opened(void *arg, struct net_conn *conn, int error, const struct net_peer *peer)
{
    struct accepting *a = arg;
    if (error != 0)
        log_line_of(error == ERR_CLOSED ? LOG_DEBUG : LOG_WARNING, (uint64_t)-error,
                    "connection %s:%u -> %s:%u dropped: %s", peer->peer.text, peer->peer.port,
                    peer->local.text, peer->local.port, lv_error_reason(error));
    else if (newcomer_is_welcome(conn, peer))
        a->accepted(net_loop(conn), a->arg, conn, peer);
    else
        conn_close(conn, 0);
}

void accepting_take(const struct net_entry *entry, struct loop *loop, int fd)
{
    struct net_loop *net = net_of(loop);
    struct accepting *a = entry->accepting;
    if (net->is_stopped) {
        struct net_entry ended = *entry;
        close(fd);
        entry_leave(&ended);
        return;
    }
    struct net_stream *stream =
        is_proxy(a, fd) ? net_stream_proxied(fd, atomic_load(&a->header_ms)) : net_stream_plain(fd);
    conn_open(net, stream, a->layer, a->layer_arg, entry, socket_opened, a);
}
