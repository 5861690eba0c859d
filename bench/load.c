/* A load of messages that takes little CPU time itself: one thread, epoll, blocks of publishes that
 * are prepared in advance.
 *
 *   load --port 5672 --bytes 16 --window 1000 --durable --seconds 3
 *
 * Each publisher and each consumer is a connection; they are assigned to the queues in turn. The
 * first half second is for warming up and is not counted. A body of 8 bytes or more begins with the
 * time at which it was written, from which the consumer computes the latency. Prints one line of
 * JSON: rates in messages a second, times in microseconds. */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "base/memory.h"
#include "client.h"
#include "histogram.h"

enum {
    BLOCK_BYTES = 64 * 1024,
    WINDOW_MAX = 1 << 16,
    TURN_BLOCKS = 4,
    TURN_POLLS = 16,
    NAME_BYTES = 64
};
enum { WARM_NS = 500000000 };

#define OPTIONS(O)                                                                                 \
    O(port, 5672, "port of the broker")                                                            \
    O(tls, 0, "1: the port is one for TLS")                                                        \
    O(publishers, 1, "connections that publish")                                                   \
    O(consumers, 1, "connections that consume")                                                    \
    O(queues, 1, "queues")                                                                         \
    O(bytes, 16, "bytes of a message's body")                                                      \
    O(window, 0, "unconfirmed messages of a publisher; 0: no confirms")                            \
    O(prefetch, 0, "unacknowledged messages of a consumer; 0: no acknowledgements")                \
    O(ack, 0, "messages acknowledged by one ack; 0: half of the prefetch")                         \
    O(rate, 0, "messages a second of all publishers together; 0: as many as possible")             \
    O(seconds, 3, "seconds of measuring; unused with --count")                                     \
    O(count, 0, "messages after which it ends; 0: after --seconds")                                \
    O(durable, 0, "1: durable queues and persistent messages")                                     \
    O(quorum, 0, "1: quorum queues")                                                               \
    O(keep, 0, "1: the queues are not deleted, neither before nor after")

static struct {
#define OPTION_MEMBER(name, value, text) long name;
    OPTIONS(OPTION_MEMBER)
#undef OPTION_MEMBER
    const char *exchange; /* its type; NULL: the default exchange */
} o = {
#define OPTION_DEFAULT(name, value, text) .name = (value),
    OPTIONS(OPTION_DEFAULT)
#undef OPTION_DEFAULT
};

struct peer {
    struct client client;
    bool is_publisher;
    char queue[NAME_BYTES];
    bool waits_for_output; /* epoll reports when the socket is writable */
    bool is_blocked;       /* by connection.blocked */
    uint64_t published, confirmed, delivered;
    uint64_t delivery_tag, acked_tag;
    uint8_t *block; /* publishes that are all alike */
    size_t publish_bytes, publishes, time_at;
    uint64_t *sent_ns; /* by publish number modulo WINDOW_MAX; with confirms only */
};

static struct peer *peers;
static size_t peer_count;
static int poller;
static bool is_measuring;
static struct histogram latency, confirm_latency;

/* --- queues ----------------------------------------------------------------------------------- */

static const char *queue_name(char name[NAME_BYTES], size_t i)
{
    snprintf(name, NAME_BYTES, "bench.%zu", i % (size_t)o.queues);
    return name;
}

static struct slice quorum_arguments(struct lv_buffer *room)
{
    struct table_writer w;
    table_begin(&w, room);
    table_put_str(&w, "x-queue-type", slice_str("quorum"));
    table_end(&w);
    return lv_buffer_slice(room);
}

static void bind_queue(struct client *c, struct slice queue)
{
    CLIENT_CALL(c, 1, exchange_declare, AMQP_EXCHANGE_DECLARE_OK,
                .exchange = slice_str("bench.exchange"), .type = slice_str(o.exchange),
                .durable = o.durable);
    CLIENT_CALL(c, 1, queue_bind, AMQP_QUEUE_BIND_OK, .queue = queue,
                .exchange = slice_str("bench.exchange"), .routing_key = slice_str("bench.*.#"));
}

static void prepare_queue(struct client *c, struct slice queue)
{
    struct lv_buffer table = {0};
    if (!o.keep)
        CLIENT_CALL(c, 1, queue_delete, AMQP_QUEUE_DELETE_OK, .queue = queue);
    CLIENT_CALL(c, 1, queue_declare, AMQP_QUEUE_DECLARE_OK, .queue = queue, .durable = o.durable,
                .arguments = o.quorum ? quorum_arguments(&table) : SLICE_EMPTY);
    if (o.exchange)
        bind_queue(c, queue);
    lv_buffer_free(&table);
}

static void delete_queues(struct client *c)
{
    char name[NAME_BYTES];
    for (size_t i = 0; i < (size_t)o.queues; i++)
        CLIENT_CALL(c, 1, queue_delete, AMQP_QUEUE_DELETE_OK,
                    .queue = slice_str(queue_name(name, i)));
    if (o.exchange)
        CLIENT_CALL(c, 1, exchange_delete, AMQP_EXCHANGE_DELETE_OK,
                    .exchange = slice_str("bench.exchange"));
}

static void prepare_queues(void)
{
    struct client c;
    char name[NAME_BYTES];
    client_open(&c, (int)o.port);
    if (o.exchange && !o.keep)
        CLIENT_CALL(&c, 1, exchange_delete, AMQP_EXCHANGE_DELETE_OK,
                    .exchange = slice_str("bench.exchange"));
    for (size_t i = 0; i < (size_t)o.queues; i++)
        prepare_queue(&c, slice_str(queue_name(name, i)));
    client_close(&c);
}

/* --- one publish, and a block of them --------------------------------------------------------- */

static uint8_t *put_frame_head(struct lv_buffer *b, uint8_t type, size_t payload_bytes)
{
    uint8_t *p = lv_buffer_reserve(b, FRAME_OVERHEAD + payload_bytes);
    p = wire_put_u8(p, type);
    p = wire_put_u16(p, 1);
    p = wire_put_u32(p, (uint32_t)payload_bytes);
    b->n += FRAME_OVERHEAD + payload_bytes;
    p[payload_bytes] = FRAME_END;
    return p;
}

static void put_header(struct lv_buffer *b)
{
    bool is_persistent = o.durable != 0;
    uint8_t *p = put_frame_head(b, FRAME_HEADER, CONTENT_HEADER_FIXED_BYTES + 2 + is_persistent);
    p = wire_put_u16(p, 60);
    p = wire_put_u16(p, 0);
    p = wire_put_u64(p, (uint64_t)o.bytes);
    p = wire_put_u16(p, is_persistent ? 0x1000 : 0); /* delivery-mode is set */
    if (is_persistent)
        wire_put_u8(p, 2);
}

static void put_body(struct lv_buffer *b, size_t frame_bytes_max)
{
    for (size_t left = (size_t)o.bytes, n; left > 0; left -= n) {
        n = left < frame_bytes_max - FRAME_OVERHEAD ? left : frame_bytes_max - FRAME_OVERHEAD;
        memset(put_frame_head(b, FRAME_BODY, n), 'x', n);
    }
}

static void block_make(struct peer *p)
{
    struct lv_buffer one = {0};
    const struct amqp_basic_publish m = {
        .exchange = o.exchange ? slice_str("bench.exchange") : SLICE_EMPTY,
        .routing_key = slice_str(o.exchange ? "bench.key.of.four" : p->queue),
    };
    size_t method_bytes = amqp_basic_publish_size(&m);
    amqp_basic_publish_put(lv_buffer_reserve(&one, method_bytes), 1, &m);
    one.n = method_bytes;
    put_header(&one);
    p->time_at = one.n + FRAME_HEADER_BYTES;
    put_body(&one, p->client.frame_bytes_max);
    p->publish_bytes = one.n;
    p->publishes = one.n < BLOCK_BYTES ? BLOCK_BYTES / one.n : 1;
    p->block = lv_malloc(p->publishes * one.n);
    for (size_t i = 0; i < p->publishes; i++)
        memcpy(p->block + i * one.n, one.p, one.n);
    lv_buffer_free(&one);
}

/* --- publishing ------------------------------------------------------------------------------- */

static void peer_watch(struct peer *p, bool for_output)
{
    struct epoll_event event = {.events = EPOLLIN | (for_output ? EPOLLOUT : 0), .data.ptr = p};
    epoll_ctl(poller, EPOLL_CTL_MOD, p->client.fd, &event);
    p->waits_for_output = for_output;
}

static void peer_write(struct peer *p)
{
    bool is_all = client_write_some(&p->client);
    if (is_all == p->waits_for_output)
        peer_watch(p, !is_all);
}

/* Returns how many messages it may publish now; at most a block. */
static size_t peer_allowance(const struct peer *p, uint64_t budget)
{
    uint64_t n = p->publishes < budget ? p->publishes : budget;
    if (o.window > 0) {
        uint64_t room = (uint64_t)o.window - (p->published - p->confirmed);
        n = n < room ? n : room;
    }
    return (size_t)n;
}

static void publish_block(struct peer *p, size_t n)
{
    uint64_t now = now_ns();
    for (size_t i = 0; i < n; i++) {
        if (o.bytes >= 8)
            memcpy(p->block + i * p->publish_bytes + p->time_at, &now, sizeof now);
        if (o.window > 0)
            p->sent_ns[(p->published + i + 1) % WINDOW_MAX] = now;
    }
    size_t size = n * p->publish_bytes;
    ssize_t written = client_write(&p->client, p->block, size);
    if (written < 0 && errno != EAGAIN)
        die("cannot publish: %s", strerror(errno));
    size_t done = written < 0 ? 0 : (size_t)written;
    p->published += n;
    if (done < size) {
        lv_buffer_add(&p->client.out, p->block + done, size - done);
        peer_write(p);
    }
}

/* Publishes some blocks. Returns how many messages that were. */
static uint64_t peer_publish(struct peer *p, uint64_t budget)
{
    uint64_t total = 0;
    for (int i = 0; i < TURN_BLOCKS && !p->is_blocked && p->client.out.n == 0; i++) {
        size_t n = peer_allowance(p, budget - total);
        if (n == 0)
            break;
        publish_block(p, n);
        total += n;
    }
    return total;
}

/* --- input ------------------------------------------------------------------------------------ */

static void take_confirm(struct peer *p, struct slice args, uint64_t now)
{
    uint64_t tag = wire_u64(args.p);
    bool is_multiple = args.p[8] & 1;
    uint64_t first = is_multiple ? p->confirmed + 1 : tag;
    for (uint64_t i = first; is_measuring && i <= tag; i++)
        histogram_add(&confirm_latency, now - p->sent_ns[i % WINDOW_MAX]);
    p->confirmed = is_multiple ? tag : p->confirmed + 1;
}

static void take_method(struct peer *p, struct slice payload, uint64_t now)
{
    struct slice args = slice_of(payload.p + 4, payload.n - 4);
    switch (wire_u32(payload.p)) {
    case AMQP_BASIC_DELIVER:
        p->delivered++;
        p->delivery_tag = wire_u64(args.p + 1 + args.p[0]);
        break;
    case AMQP_BASIC_ACK: take_confirm(p, args, now); break;
    case AMQP_BASIC_NACK: die("a publish was nacked");
    case AMQP_CONNECTION_BLOCKED: p->is_blocked = true; break;
    case AMQP_CONNECTION_UNBLOCKED: p->is_blocked = false; break;
    case AMQP_CONNECTION_CLOSE:
    case AMQP_CHANNEL_CLOSE: die("the broker has closed: %.*s", args.p[2], args.p + 3);
    default: break;
    }
}

static void peer_ack(struct peer *p)
{
    uint64_t each = (uint64_t)(o.ack ? o.ack : o.prefetch > 1 ? o.prefetch / 2 : 1);
    if (o.prefetch == 0 || p->delivery_tag - p->acked_tag < each)
        return;
    CLIENT_PUT(&p->client, 1, basic_ack, .delivery_tag = p->delivery_tag, .multiple = true);
    p->acked_tag = p->delivery_tag;
    peer_write(p);
}

static void take_input(struct peer *p)
{
    uint8_t type;
    struct slice payload;
    size_t at = 0;
    uint64_t now = now_ns(), sent;
    /* Of a body in several frames only the first has the time, so there is no latency. */
    bool has_time = o.bytes >= 8 && o.bytes <= (long)p->client.frame_bytes_max - FRAME_OVERHEAD;
    client_read_some(&p->client);
    while (client_next_frame(&p->client, &at, &type, &payload)) {
        if (type == FRAME_METHOD)
            take_method(p, payload, now);
        if (type == FRAME_BODY && is_measuring && has_time) {
            memcpy(&sent, payload.p, sizeof sent);
            histogram_add(&latency, now > sent ? now - sent : 0);
        }
    }
    client_consume(&p->client, at);
    if (!p->is_publisher)
        peer_ack(p);
}

/* --- the run ---------------------------------------------------------------------------------- */

static void prepare_publisher(struct peer *p)
{
    block_make(p);
    if (o.window == 0)
        return;
    p->sent_ns = lv_calloc(WINDOW_MAX, sizeof *p->sent_ns);
    CLIENT_CALL(&p->client, 1, confirm_select, AMQP_CONFIRM_SELECT_OK, .no_wait = false);
}

static void prepare_consumer(struct peer *p)
{
    if (o.prefetch > 0)
        CLIENT_CALL(&p->client, 1, basic_qos, AMQP_BASIC_QOS_OK,
                    .prefetch_count = (uint16_t)o.prefetch);
    CLIENT_PUT(&p->client, 1, basic_consume, .queue = slice_str(p->queue),
               .consumer_tag = slice_str("c"), .no_ack = o.prefetch == 0);
    client_flush(&p->client); /* consume-ok is read with the deliveries */
}

static void prepare_peers(void)
{
    peer_count = (size_t)(o.publishers + o.consumers);
    peers = lv_calloc(peer_count + 1, sizeof *peers);
    poller = epoll_create1(EPOLL_CLOEXEC);
    for (size_t i = 0; i < peer_count; i++) {
        struct peer *p = &peers[i];
        struct epoll_event event = {.events = EPOLLIN, .data.ptr = p};
        p->is_publisher = i < (size_t)o.publishers;
        queue_name(p->queue, p->is_publisher ? i : i - (size_t)o.publishers);
        client_open(&p->client, (int)o.port);
        if (p->is_publisher)
            prepare_publisher(p);
        else
            prepare_consumer(p);
        fcntl(p->client.fd, F_SETFL, O_NONBLOCK);
        epoll_ctl(poller, EPOLL_CTL_ADD, p->client.fd, &event);
    }
}

struct totals {
    uint64_t published, confirmed, delivered, ns;
};

static struct totals totals_now(void)
{
    struct totals t = {.ns = now_ns()};
    for (size_t i = 0; i < peer_count; i++) {
        t.published += peers[i].published;
        t.confirmed += peers[i].confirmed;
        t.delivered += peers[i].delivered;
    }
    return t;
}

/* Returns how many messages all publishers together may have published by now. */
static uint64_t budget_at(uint64_t ns_since_start)
{
    uint64_t budget = UINT64_MAX;
    if (o.rate > 0)
        budget = (uint64_t)((double)ns_since_start * (double)o.rate / 1e9);
    if (o.count > 0 && budget > (uint64_t)o.count)
        budget = (uint64_t)o.count;
    return budget;
}

/* Returns whether anything was published. */
static bool publish_all(uint64_t begun_ns)
{
    uint64_t budget = budget_at(now_ns() - begun_ns), done = 0, before = totals_now().published;
    for (size_t i = 0; i < (size_t)o.publishers && before + done < budget; i++)
        done += peer_publish(&peers[i], budget - before - done);
    return done > 0;
}

/* Returns whether anything happened. */
static bool poll_once(int timeout_ms)
{
    struct epoll_event events[256];
    int n = epoll_wait(poller, events, 256, timeout_ms);
    for (int i = 0; i < n; i++) {
        struct peer *p = events[i].data.ptr;
        if (events[i].events & EPOLLOUT)
            peer_write(p);
        if (events[i].events & ~(uint32_t)EPOLLOUT)
            take_input(p);
    }
    return n > 0;
}

/* Takes what has arrived before more is published: where this program is slower than the broker, as
 * it may be with TLS, the broker would get a backlog otherwise, and write it to the disk. */
static void poll_all(int timeout_ms)
{
    unsigned polls = 1;
    bool is_more = poll_once(timeout_ms);
    while (is_more && polls++ < TURN_POLLS)
        is_more = poll_once(0);
}

/* Returns whether the messages of --count are published, confirmed and delivered. */
static bool count_is_reached(const struct totals *t)
{
    uint64_t count = (uint64_t)o.count;
    return (o.publishers == 0 || t->published >= count) &&
           (o.window == 0 || o.publishers == 0 || t->confirmed >= count) &&
           (o.consumers == 0 || t->delivered >= count);
}

/* Runs the load. Returns the totals at its end; *ret_begin is those when measuring began. */
static struct totals load_run(struct totals *ret_begin)
{
    uint64_t begun_ns = now_ns();
    is_measuring = o.count > 0;
    *ret_begin = totals_now();
    for (;;) {
        struct totals t = totals_now();
        if (o.count > 0 && count_is_reached(&t))
            return t;
        if (!is_measuring && t.ns - begun_ns >= WARM_NS) {
            is_measuring = true;
            *ret_begin = t;
        }
        if (o.count == 0 && is_measuring &&
            t.ns - ret_begin->ns >= (uint64_t)o.seconds * 1000000000)
            return t;
        bool is_busy = publish_all(begun_ns) || o.rate > 0;
        poll_all(is_busy ? 0 : 10);
    }
}

static void print_result(const struct totals *begin, const struct totals *end)
{
    double s = (double)(end->ns - begin->ns) / 1e9;
    printf("{\"seconds\":%.3f,\"published\":%.0f,\"confirmed\":%.0f,\"delivered\":%.0f,"
           "\"latency_p50\":%.1f,\"latency_p99\":%.1f,\"confirm_p50\":%.1f,\"confirm_p99\":%.1f}\n",
           s, (double)(end->published - begin->published) / s,
           (double)(end->confirmed - begin->confirmed) / s,
           (double)(end->delivered - begin->delivered) / s, histogram_us(&latency, 0.5),
           histogram_us(&latency, 0.99), histogram_us(&confirm_latency, 0.5),
           histogram_us(&confirm_latency, 0.99));
}

static _Noreturn void print_usage(void)
{
    printf("Usage: load [--NAME NUMBER]... [--exchange TYPE]\n");
#define OPTION_HELP(name, value, text) printf("  --%-11s %s (%ld)\n", #name, text, (long)(value));
    OPTIONS(OPTION_HELP)
#undef OPTION_HELP
    exit(2);
}

static void options_parse(int argc, char **argv)
{
    static const struct option long_options[] = {
#define OPTION_ROW(name, value, text) {#name, required_argument, NULL, 0},
        OPTIONS(OPTION_ROW)
#undef OPTION_ROW
            {"exchange", required_argument, NULL, 'e'},
        {0}};
    long *const members[] = {
#define OPTION_ADDRESS(name, value, text) &o.name,
        OPTIONS(OPTION_ADDRESS)
#undef OPTION_ADDRESS
    };
    int letter, index;
    while ((letter = getopt_long(argc, argv, "", long_options, &index)) != -1) {
        if (letter == 0)
            *members[index] = strtol(optarg, NULL, 10);
        else if (letter == 'e')
            o.exchange = optarg;
        else
            print_usage();
    }
    if (o.window >= WINDOW_MAX || o.queues < 1 || optind < argc)
        print_usage();
}

int main(int argc, char **argv)
{
    struct totals begin, end;
    struct client c;
    options_parse(argc, argv);
    if (o.tls)
        client_use_tls(false);
    prepare_queues();
    prepare_peers();
    end = load_run(&begin);
    print_result(&begin, &end);
    for (size_t i = 0; i < peer_count; i++)
        close(peers[i].client.fd);
    if (!o.keep) {
        client_open(&c, (int)o.port);
        delete_queues(&c);
        client_close(&c);
    }
    return 0;
}
