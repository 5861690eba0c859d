/* Whole sessions: the real amqp/ and broker/ on simulated loops, with simulated sockets, in a world
 * that depends only on the input.
 *
 * The input is a small program: how many loops and connections, then steps. A step sends something
 * (a method with any arguments, a publish, a frame, raw bytes), lets some turns or some time pass,
 * opens or closes the peer's window, breaks a connection and makes a new one, or does what an
 * operator does. Names come from a short list, so that steps use each other's queues and exchanges.
 *
 * What must hold: no finding of a sanitizer, no failed assertion, every byte that the broker sends
 * is correct (session_reader.c), and when all peers have gone, nothing of them is left. */
#include <stdlib.h>

#include "amqp/amqp.h"
#include "base/log.h"
#include "base/memory.h"
#include "base/rcu.h"
#include "broker/vhost_life.h"
#include "loop/sim/loop_sim.h"
#include "net/sim/net_sim.h"
#include "session_reader.h"
#include "topology/vhost.h"
#include "wire/methods.h"
#include "wire/properties.h"

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n);

enum { PEERS_MAX = 3, STEPS_MAX = 400, PIECES_MAX = 16 };

struct peer {
    struct net_sim_peer net;
    struct session_reader *reader;
    bool is_raw;          /* the program does the handshake */
    unsigned piece_bytes; /* it sends in pieces of this many bytes; 0: whole */
};

struct world {
    struct wire_reader in; /* the program */
    struct loops *loops;
    struct broker *broker;
    struct session_server server;
    struct peer peers[PEERS_MAX];
    unsigned peer_count;
    uint16_t next_port;
};

static const struct durable_done nobody = {NULL, NULL};

/* --- the program ------------------------------------------------------------------------------ */

static uint8_t take(struct world *w)
{
    return wire_reader_left(&w->in) > 0 ? wire_read_u8(&w->in) : 0;
}

static struct slice take_bytes(struct world *w)
{
    size_t n = take(w), left = wire_reader_left(&w->in);
    return wire_read_bytes(&w->in, n < left ? n : left);
}

static struct slice take_name(struct world *w)
{
    static const char *const names[] = {
        "q",
        "",
        "x",
        "r",
        "s",
        "y",
        "a.b",
        "#",
        "*.b",
        "a.#",
        "direct",
        "topic",
        "fanout",
        "headers",
        "amq.topic",
        "amq.direct",
        "amq.fanout",
        "amq.headers",
        "amq.gen-q",
        "guest",
        "c",
        "d",
        "/",
        "x-unknown",
        "amq.rabbitmq.reply-to",
        "PLAIN",
        "1000",
        "amq.rabbitmq.trace",
    };
    uint8_t i = take(w);
    if (i < sizeof names / sizeof *names)
        return slice_str(names[i]);
    const struct session_reader *reader = w->peers[i % w->peer_count].reader;
    if (i < 128)
        return slice_str(i & 64 ? reader->queue : reader->reply_to);
    return take_bytes(w);
}

/* Takes a number that is mostly small, sometimes any. */
static uint64_t take_number(struct world *w)
{
    uint8_t first = take(w);
    if (first < 0xf0)
        return first;
    uint64_t number = 0;
    for (unsigned i = 0; i < first % 8 + 1u; i++)
        number = number << 8 | take(w);
    return number;
}

static void take_value(struct world *w, struct table_writer *t, const char *name)
{
    switch (take(w) % 8) {
    case 0: table_put_int(t, name, (int32_t)take_number(w)); break;
    case 1: table_put_bool(t, name, take(w) & 1); break;
    case 2: table_put_long(t, name, (int64_t)take_number(w)); break;
    case 3: table_put_void(t, name); break;
    case 4: {
        struct slice only = take_name(w);
        table_put_array(t, name);
        table_put_str(t, NULL, only);
        table_end(t);
        break;
    }
    default: table_put_str(t, name, take_name(w));
    }
}

/* Takes a valid table with known names, or any bytes. */
static struct slice take_table(struct world *w, struct lv_buffer *room)
{
    static const char *const names[] = {
        "alternate-exchange",
        "x-match",
        "a",
        "b",
        "x-priority",
        "x-max-length",
        "x-expires",
        "x-message-ttl",
        "x-dead-letter-exchange",
        "x-queue-type",
        "x-cancel-on-ha-failover",
        "x-max-priority",
        "x-overflow",
        "CC",
        "BCC",
        "x-queue-master-locator",
    };
    uint8_t count = take(w);
    if (count == 0)
        return SLICE_EMPTY;
    if (count > 4)
        return take_bytes(w);
    struct table_writer t;
    table_begin(&t, room);
    for (unsigned i = 0; i < count; i++)
        take_value(w, &t, names[take(w) % (sizeof names / sizeof *names)]);
    return table_end(&t);
}

#define TAKE_octet (uint8_t) take_number(w)
#define TAKE_short (uint16_t) take_number(w)
#define TAKE_long (uint32_t) take_number(w)
#define TAKE_longlong take_number(w)
#define TAKE_shortstr take_name(w)
#define TAKE_rawstr take_name(w)
#define TAKE_longstr take_name(w)
#define TAKE_table take_table(w, &room)
#define TAKE_bit0 ((bits = take(w)) & 1)
#define TAKE_bit1 (bits >> 1 & 1)
#define TAKE_bit2 (bits >> 2 & 1)
#define TAKE_bit3 (bits >> 3 & 1)
#define TAKE_bit4 (bits >> 4 & 1)
#define TAKE_nothing 0

/* For each method, a function that fills its fields from the program and appends its frame. */
#define MAKE_BEGIN(class, method, ...)                                                             \
    static void make_##class##_##method(struct world *w, uint16_t channel, struct lv_buffer *out)  \
    {                                                                                              \
        struct amqp_##class##_##method m;                                                          \
        struct lv_buffer room = {0};                                                               \
        uint8_t bits = 0;                                                                          \
        (void)w;                                                                                   \
        (void)bits;
#define MAKE_FIELD(type, name) m.name = TAKE_##type;
#define MAKE_END(class, method, ...)                                                               \
    size_t size = amqp_##class##_##method##_size(&m);                                              \
    amqp_##class##_##method##_put(lv_buffer_reserve(out, size), channel, &m);                      \
    out->n += size;                                                                                \
    lv_buffer_free(&room);                                                                         \
    }
/* clang-format off */
AMQP_METHODS(MAKE_BEGIN, MAKE_FIELD, MAKE_END)
/* clang-format on */

typedef void make_fn(struct world *w, uint16_t channel, struct lv_buffer *out);

static make_fn *const makers[] = {
#define MAKER(class, method, ...) make_##class##_##method,
    AMQP_METHODS(MAKER, AMQP_NO_FIELD, AMQP_NO_END)};

/* --- peers ------------------------------------------------------------------------------------ */

static void read_peers(struct world *w)
{
    for (unsigned i = 0; i < w->peer_count; i++)
        session_read(w->peers[i].reader, &w->peers[i].net.got);
}

static void turn(struct world *w)
{
    loop_sim_turn(w->loops);
    read_peers(w);
}

static void settle(struct world *w)
{
    loop_sim_settle(w->loops);
    read_peers(w);
}

static void send_bytes(struct world *w, struct peer *peer, struct slice bytes)
{
    for (unsigned i = 0; peer->piece_bytes > 0 && i < PIECES_MAX && bytes.n > peer->piece_bytes;
         i++) {
        net_sim_send(&peer->net, slice_of(bytes.p, peer->piece_bytes));
        bytes = slice_of(bytes.p + peer->piece_bytes, bytes.n - peer->piece_bytes);
        turn(w);
    }
    net_sim_send(&peer->net, bytes);
}

static void send_buffer(struct world *w, struct peer *peer, struct lv_buffer *bytes)
{
    send_bytes(w, peer, lv_buffer_slice(bytes));
    lv_buffer_free(bytes);
}

#define PUT(out, number, method, ...)                                                              \
    do {                                                                                           \
        const struct amqp_##method m_ = {__VA_ARGS__};                                             \
        size_t size_ = amqp_##method##_size(&m_);                                                  \
        amqp_##method##_put(lv_buffer_reserve((out), size_), (number), &m_);                       \
        (out)->n += size_;                                                                         \
    } while (0)

static struct slice capabilities(struct lv_buffer *room)
{
    struct table_writer t;
    table_begin(&t, room);
    table_put_table(&t, "capabilities");
    table_put_bool(&t, "authentication_failure_close", true);
    table_put_bool(&t, "basic.nack", true);
    table_put_bool(&t, "connection.blocked", true);
    table_put_bool(&t, "consumer_cancel_notify", true);
    table_end(&t);
    return table_end(&t);
}

/* Performs the handshake up to open-ok, and opens channels 1 and 2. */
static void peer_handshake(struct world *w, struct peer *peer, uint8_t how)
{
    static const uint32_t frame_sizes[] = {131072, 4096, 5000, 65536};
    struct lv_buffer out = {0}, table = {0};
    lv_buffer_add(&out, "AMQP\0\0\x09\x01", 8);
    PUT(&out, 0, connection_start_ok, .client_properties = capabilities(&table),
        .mechanism = slice_str("PLAIN"), .response = slice_of("\0guest\0guest", 12),
        .locale = slice_str("en_US"));
    send_buffer(w, peer, &out);
    settle(w);
    peer->reader->frame_bytes_max = frame_sizes[how % 4];
    PUT(&out, 0, connection_tune_ok, .channel_max = how & 4 ? 3 : 2047,
        .frame_max = frame_sizes[how % 4], .heartbeat = how & 8 ? 10 : 0);
    PUT(&out, 0, connection_open, .virtual_host = slice_str("/"));
    PUT(&out, 1, channel_open, .reserved1 = SLICE_EMPTY);
    PUT(&out, 2, channel_open, .reserved1 = SLICE_EMPTY);
    send_buffer(w, peer, &out);
    lv_buffer_free(&table);
    settle(w);
}

static void connect_peer(struct world *w, struct peer *peer)
{
    uint8_t how = take(w);
    struct loop *loop = loops_at(w->loops, (how >> 6) % loops_count(w->loops));
    *peer = (struct peer){.reader = lv_calloc(1, sizeof *peer->reader)};
    net_sim_connect(&peer->net, loop, w->next_port++, amqp_frontend.accepted, &w->server);
    peer->is_raw = how & 32;
    if (!peer->is_raw)
        peer_handshake(w, peer, how);
}

static void free_peer(struct peer *peer)
{
    net_sim_peer_free(&peer->net);
    free(peer->reader);
}

/* --- steps ------------------------------------------------------------------------------------ */

static void step_frame(struct world *w, struct peer *peer)
{
    struct lv_buffer out = {0};
    uint8_t type = take(w);
    uint16_t channel = (uint16_t)take_number(w);
    struct slice payload = take_bytes(w);
    wire_put_frame_header(lv_buffer_reserve(&out, FRAME_HEADER_BYTES), type, channel,
                          (uint32_t)payload.n);
    out.n += FRAME_HEADER_BYTES;
    lv_buffer_add_slice(&out, payload);
    lv_buffer_add_u8(&out, FRAME_END);
    send_buffer(w, peer, &out);
}

static void step_method(struct world *w, struct peer *peer)
{
    struct lv_buffer out = {0};
    uint8_t which = take(w);
    uint16_t channel = (uint16_t)take_number(w);
    makers[which % (sizeof makers / sizeof *makers)](w, channel, &out);
    send_buffer(w, peer, &out);
}

static struct slice take_properties(struct world *w, struct lv_buffer *room)
{
    uint8_t how = take(w);
    if (how & 128)
        return take_bytes(w);
    struct properties p = {0};
    if (how & 1) {
        p.flags |= PROPERTY_DELIVERY_MODE;
        p.delivery_mode = take(w);
    }
    struct lv_buffer table = {0};
    if (how & 2) {
        p.flags |= PROPERTY_HEADERS;
        p.headers = take_table(w, &table);
    }
    if (how & 4) {
        p.flags |= PROPERTY_REPLY_TO;
        p.reply_to = take_name(w);
    }
    if (how & 8) {
        p.flags |= PROPERTY_USER_ID;
        p.user_id = take_name(w);
    }
    if (how & 16) {
        p.flags |= PROPERTY_EXPIRATION;
        p.expiration = take_name(w);
    }
    size_t size = properties_size(&p);
    properties_put(lv_buffer_reserve(room, size), &p);
    room->n += size;
    lv_buffer_free(&table);
    return lv_buffer_slice(room);
}

static void put_frame(struct lv_buffer *out, uint8_t type, uint16_t channel, struct slice payload)
{
    uint8_t *p = lv_buffer_reserve(out, FRAME_OVERHEAD + payload.n);
    p = wire_put_frame_header(p, type, channel, (uint32_t)payload.n);
    p = wire_put_bytes(p, payload);
    wire_put_u8(p, FRAME_END);
    out->n += FRAME_OVERHEAD + payload.n;
}

/* Publishes a message of any size: method, header, and a body in frames of the size that the
 * program asks for. */
static void step_publish(struct world *w, struct peer *peer)
{
    struct lv_buffer out = {0}, properties = {0}, header = {0};
    uint8_t how = take(w);
    uint16_t channel = how & 1 ? 1 : 2;
    make_basic_publish(w, channel, &out);
    size_t size = (size_t)take(w) << (how >> 2 & 15), frame = (size_t)take(w) << 8 | 64;
    struct slice values = take_properties(w, &properties);
    uint8_t *p = lv_buffer_reserve(&header, CONTENT_HEADER_FIXED_BYTES);
    p = wire_put_u16(p, amqp_class_of(AMQP_BASIC_PUBLISH));
    p = wire_put_u16(p, 0);
    wire_put_u64(p, size);
    header.n = CONTENT_HEADER_FIXED_BYTES;
    lv_buffer_add_slice(&header, values);
    put_frame(&out, FRAME_HEADER, channel, lv_buffer_slice(&header));
    static const uint8_t zeros[65536];
    for (size_t n; size > 0; size -= n) {
        n = size < frame ? size : frame;
        put_frame(&out, FRAME_BODY, channel, slice_of(zeros, n));
    }
    send_buffer(w, peer, &out);
    lv_buffer_free(&properties);
    lv_buffer_free(&header);
}

static void step_settle_tags(struct world *w, struct peer *peer)
{
    struct lv_buffer out = {0};
    uint8_t how = take(w);
    uint64_t tag = take_number(w);
    uint16_t channel = how & 1 ? 1 : 2;
    switch (how >> 1 & 3) {
    case 0: PUT(&out, channel, basic_ack, .delivery_tag = tag, .multiple = how & 8); break;
    case 1: PUT(&out, channel, basic_reject, .delivery_tag = tag, .requeue = how & 16); break;
    default:
        PUT(&out, channel, basic_nack, .delivery_tag = tag, .multiple = how & 8,
            .requeue = how & 16);
    }
    send_buffer(w, peer, &out);
}

static void step_break(struct world *w, struct peer *peer)
{
    if (take(w) & 1)
        net_sim_hang_up(&peer->net);
    else
        net_sim_reset(&peer->net);
    turn(w);
}

static void count_visits(void *arg, const struct session_facts *facts)
{
    *(size_t *)arg += facts->name.n > 0;
}

static void count_channels(void *arg, const struct session_channel_facts *facts)
{
    *(size_t *)arg += facts->connection->channels > 0;
}

static void count_consumers(void *arg, const struct session_consumer_facts *facts)
{
    *(size_t *)arg += facts->channel->consumers > 0;
}

static void note_alarms(struct loop *at, struct mail *mail)
{
    (void)mail;
    sessions_alarms_changed(at);
}

static void set_alarms(struct world *w, unsigned alarms)
{
    const struct mail mail = {.deliver = note_alarms};
    atomic_store(&w->broker->alarms, alarms);
    for (unsigned i = 0; i < loops_count(w->loops); i++)
        loop_mail_from_outside(loops_at(w->loops, i), &mail);
}

static void close_all(struct loop *at, struct mail *mail)
{
    (void)mail;
    sessions_close_all(at, "closed by the operator");
}

static void visit_all(struct loop *at, struct mail *mail)
{
    static const struct session_visitor visitor = {.connection = count_visits,
                                                   .channel = count_channels,
                                                   .consumer = count_consumers,
                                                   .wants_timeouts = true};
    (void)mail;
    size_t count = 0;
    sessions_visit(at, &visitor, &count);
}

/* Does what an operator does, by mail, as leveretctl does. */
static void step_operator(struct world *w)
{
    uint8_t what = take(w);
    struct loop *loop = loops_at(w->loops, what % loops_count(w->loops));
    switch (what >> 2 & 7) {
    case 0: set_alarms(w, 0); break;
    case 1: set_alarms(w, what >> 5 & 3); break;
    case 2: loop_mail_from_outside(loop, &(struct mail){.deliver = close_all}); break;
    case 3: vhost_delete(w->broker, slice_str("/"), nobody); break;
    case 4: {
        struct vhost *vhost;
        vhost_create(w->broker, &(struct definition_vhost){.name = slice_str("/")}, false, nobody,
                     &vhost);
        break;
    }
    default: loop_mail_from_outside(loop, &(struct mail){.deliver = visit_all});
    }
}

static void step(struct world *w)
{
    uint8_t op = take(w);
    struct peer *peer = &w->peers[(op >> 6) % w->peer_count];
    if (peer->net.is_gone) {
        free_peer(peer);
        connect_peer(w, peer);
        return;
    }
    switch (op & 15) {
    case 0: turn(w); break;
    case 1: settle(w); break;
    case 2: loop_sim_advance(w->loops, (uint64_t)take(w) * 250); break;
    case 3: send_bytes(w, peer, take_bytes(w)); break;
    case 4: step_frame(w, peer); break;
    case 5: peer->net.window = take(w); break;
    case 6: net_sim_open_window(&peer->net, (size_t)take(w) << 8); break;
    case 7: step_break(w, peer); break;
    case 8: peer->piece_bytes = take(w); break;
    case 9: step_operator(w); break;
    case 10: step_settle_tags(w, peer); break;
    case 11:
    case 12: step_publish(w, peer); break;
    default: step_method(w, peer);
    }
}

/* --- the world -------------------------------------------------------------------------------- */

static void world_start(struct world *w, struct slice program)
{
    *w = (struct world){.in = wire_reader_of(program), .next_port = 40000};
    uint8_t shape = take(w);
    w->loops = loop_sim_create(1 + shape % 3, take(w));
    w->broker = broker_create(w->loops, NULL);
    w->server = (struct session_server){
        .broker = w->broker,
        .auth = auth_create(NULL),
        .settings = {.product = "RabbitMQ",
                     .version = "3.13.7",
                     .leveret_version = "0",
                     .platform = "here",
                     .cluster_name = "fuzz",
                     .frame_bytes_max = 131072,
                     .initial_frame_bytes_max = 4096,
                     .channel_max = 2047,
                     .heartbeat_s = 60,
                     .handshake_timeout_ms = 10000,
                     .message_bytes_max = 1 << 20,
                     .unfinished_bytes_max = 1 << 20,
                     .connections_max = -1},
    };
    const struct auth_default_user guest = {
        slice_str("guest"), slice_str("guest"), slice_str("administrator"),
        slice_str("/"),     slice_str(".*"),    slice_str(".*"),
        slice_str(".*")};
    struct vhost *vhost;
    lv_assert(vhost_create(w->broker, &(struct definition_vhost){.name = slice_str("/")}, false,
                           nobody, &vhost) == CHANGE_DONE);
    auth_set_hashing(w->server.auth, PASSWORD_SHA256); /* fast */
    lv_assert(auth_bootstrap(w->server.auth, &guest, NULL, NULL));
    sessions_start(w->loops, &w->server);
    for (unsigned i = 0; i < 1 + (shape >> 4) % PEERS_MAX; i++) {
        w->peer_count++;
        connect_peer(w, &w->peers[i]);
        lv_assert(w->peers[i].reader->has_opened || w->peers[i].is_raw);
    }
}

/* All peers read their input and leave; then nothing of them may be left. */
static void world_end(struct world *w)
{
    set_alarms(w, 0);
    for (unsigned i = 0; i < w->peer_count; i++)
        net_sim_open_window(&w->peers[i].net, SIZE_MAX);
    settle(w);
    for (unsigned i = 0; i < w->peer_count; i++)
        net_sim_hang_up(&w->peers[i].net);
    settle(w);
    for (unsigned i = 0; i < w->peer_count; i++) /* a blocked one may not have noticed */
        net_sim_reset(&w->peers[i].net);
    settle(w);
    for (unsigned i = 0; i < loops_count(w->loops); i++)
        lv_assert(sessions_count(loops_at(w->loops, i)) == 0);
    for (unsigned i = 0; i < w->peer_count; i++)
        free_peer(&w->peers[i]);
    loops_drain(w->loops);
    sessions_stop(w->loops);
    broker_free(&w->broker);
    auth_free(&w->server.auth);
    loop_sim_free(&w->loops);
    lv_rcu_barrier();
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    (void)argc;
    (void)argv;
    log_set_level(LOG_NONE);
    lv_rcu_register_thread();
    return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
    struct world w;
    world_start(&w, slice_of(bytes, n));
    for (unsigned i = 0; i < STEPS_MAX && wire_reader_left(&w.in) > 0; i++)
        step(&w);
    world_end(&w);
    return 0;
}
