#include "amqp/session_world.h"

#include <stdlib.h>

#include "base/log.h"
#include "base/rcu.h"
#include "broker/vhost_life.h"

enum { SHOWN_BYTES_MAX = 10 };

static const struct durable_done nobody = {NULL, NULL};

void world_start(struct world *w, unsigned loops, uint64_t seed)
{
    *w = (struct world){0};
    log_set_level(LOG_NONE);
    lv_rcu_register_thread();
    w->loops = loop_sim_create(loops, seed);
    w->broker = broker_create(w->loops, NULL);
    w->server = (struct session_server){
        .broker = w->broker,
        .auth = auth_create(NULL),
        .settings = {.product = "RabbitMQ",
                     .version = "3.13.7",
                     .leveret_version = "0",
                     .platform = "here",
                     .cluster_name = "test",
                     .frame_bytes_max = 131072,
                     .initial_frame_bytes_max = 4096,
                     .channel_max = 2047,
                     .heartbeat_s = 60,
                     .handshake_timeout_ms = HANDSHAKE_MS,
                     .message_bytes_max = 128 << 20,
                     .unfinished_bytes_max = 256 << 20,
                     .connections_max = -1},
    };
    const struct auth_default_user guest = {
        slice_str("guest"), slice_str("guest"), slice_str("administrator"),
        slice_str("/"),     slice_str(".*"),    slice_str(".*"),
        slice_str(".*")};
    struct vhost *vhost;
    assert_int_equal(vhost_create(w->broker, &(struct definition_vhost){.name = slice_str("/")},
                                  false, nobody, &vhost),
                     CHANGE_DONE);
    auth_set_hashing(w->server.auth, PASSWORD_SHA256); /* fast */
    assert_true(auth_bootstrap(w->server.auth, &guest, NULL, NULL));
    sessions_start(w->loops, &w->server);
}

void world_stop(struct world *w)
{
    for (unsigned i = 0; i < PEERS_MAX; i++) {
        if (!w->peers[i].is_connected)
            continue;
        net_sim_reset(&w->peers[i].net);
        loop_sim_settle(w->loops);
        net_sim_peer_free(&w->peers[i].net);
        lv_buffer_free(&w->peers[i].heard);
    }
    for (unsigned i = 0; i < loops_count(w->loops); i++)
        assert_int_equal(sessions_count(loops_at(w->loops, i)), 0);
    loops_drain(w->loops);
    sessions_stop(w->loops);
    broker_free(&w->broker);
    auth_free(&w->server.auth);
    loop_sim_free(&w->loops);
    lv_rcu_barrier();
    lv_rcu_unregister_thread();
}

/* --- peers ------------------------------------------------------------------------------------ */

struct peer *world_connect(struct world *w, unsigned i, unsigned loop)
{
    struct peer *peer = &w->peers[i];
    peer->is_connected = true;
    net_sim_connect(&peer->net, loops_at(w->loops, loop), (uint16_t)(40000 + i),
                    amqp_frontend.accepted, &w->server);
    return peer;
}

struct peer *world_login(struct world *w, unsigned i, unsigned loop, uint16_t heartbeat_s)
{
    return world_login_as(w, i, loop, heartbeat_s, SLICE_EMPTY);
}

struct peer *world_login_as(struct world *w, unsigned i, unsigned loop, uint16_t heartbeat_s,
                            struct slice client_properties)
{
    struct peer *peer = world_connect(w, i, loop);
    net_sim_send(&peer->net, slice_of("AMQP\0\0\x09\x01", 8));
    PEER_SAYS(peer, 0, connection_start_ok, .client_properties = client_properties,
              .mechanism = slice_str("PLAIN"), .response = slice_of("\0guest\0guest", 12),
              .locale = slice_str("en_US"));
    PEER_SAYS(peer, 0, connection_tune_ok, .channel_max = 2047, .frame_max = 131072,
              .heartbeat = heartbeat_s);
    PEER_SAYS(peer, 0, connection_open, .virtual_host = slice_str("/"));
    PEER_SAYS(peer, 1, channel_open, .reserved1 = SLICE_EMPTY);
    world_settle(w);
    PEER_HEARS(peer, "0 connection.start\n"
                     "0 connection.tune\n"
                     "0 connection.open_ok\n"
                     "1 channel.open_ok\n");
    return peer;
}

void world_start_with_two(struct world *w, unsigned loops, uint64_t seed, struct peer **ret_first,
                          struct peer **ret_second)
{
    world_start(w, loops, seed);
    *ret_first = world_login(w, 0, 0, 0);
    *ret_second = world_login(w, 1, loops - 1, 0);
}

void peer_declares(struct world *w, struct peer *peer, const char *queue)
{
    PEER_SAYS(peer, 1, queue_declare, .queue = slice_str(queue));
    world_settle(w);
    PEER_HEARS(peer, "1 queue.declare_ok\n");
}

void peer_reads_on(struct world *w, struct peer *peer)
{
    net_sim_open_window(&peer->net, SIZE_MAX);
    world_settle(w);
}

static void put_frame(struct lv_buffer *out, uint8_t type, uint16_t channel, struct slice payload)
{
    uint8_t *p = lv_buffer_reserve(out, FRAME_OVERHEAD + payload.n);
    p = wire_put_frame_header(p, type, channel, (uint32_t)payload.n);
    p = wire_put_bytes(p, payload);
    wire_put_u8(p, FRAME_END);
    out->n += FRAME_OVERHEAD + payload.n;
}

void put_publish(struct lv_buffer *bytes, const struct amqp_basic_publish *m, char fill,
                 size_t body_bytes)
{
    uint8_t header[CONTENT_HEADER_FIXED_BYTES + 2];
    uint8_t *p = wire_put_u16(header, amqp_class_of(AMQP_BASIC_PUBLISH));
    p = wire_put_u16(p, 0);
    p = wire_put_u64(p, body_bytes);
    wire_put_u16(p, 0);
    size_t n = amqp_basic_publish_size(m);
    amqp_basic_publish_put(lv_buffer_reserve(bytes, n), 1, m);
    bytes->n += n;
    put_frame(bytes, FRAME_HEADER, 1, slice_of(header, sizeof header));
    char *body = lv_malloc(body_bytes + 1);
    memset(body, fill, body_bytes);
    put_frame(bytes, FRAME_BODY, 1, slice_of(body, body_bytes));
    free(body);
}

void put_message(struct lv_buffer *bytes, const char *queue, char fill, size_t body_bytes)
{
    const struct amqp_basic_publish m = {.routing_key = slice_str(queue)};
    put_publish(bytes, &m, fill, body_bytes);
}

void peer_publishes(struct peer *peer, const char *queue, char fill, size_t body_bytes)
{
    struct lv_buffer bytes = {0};
    put_message(&bytes, queue, fill, body_bytes);
    net_sim_send(&peer->net, lv_buffer_slice(&bytes));
    lv_buffer_free(&bytes);
}

void peer_beats(struct peer *peer)
{
    struct lv_buffer bytes = {0};
    put_frame(&bytes, FRAME_HEARTBEAT, 0, SLICE_EMPTY);
    net_sim_send(&peer->net, lv_buffer_slice(&bytes));
    lv_buffer_free(&bytes);
}

/* --- what they hear --------------------------------------------------------------------------- */

static void hear_method(struct lv_buffer *text, uint16_t channel, struct slice payload)
{
    uint32_t id = wire_u32(payload.p);
    struct slice args = slice_of(payload.p + 4, payload.n - 4);
    struct lv_buffer line = {0};
    amqp_method_describe(&line, id, args);
    const uint8_t *end = memchr(line.p, '(', line.n);
    lv_buffer_printf(text, "%u %.*s", channel, (int)(end ? end - line.p : (ptrdiff_t)line.n),
                     (const char *)line.p);
    lv_buffer_free(&line);
    struct amqp_basic_deliver deliver;
    struct amqp_connection_close close;
    if (id == AMQP_BASIC_DELIVER && amqp_basic_deliver_read(args, &deliver) == WIRE_OK)
        lv_buffer_printf(text, " %u%s", (unsigned)deliver.delivery_tag,
                         deliver.redelivered ? " redelivered" : "");
    if (id == AMQP_CONNECTION_CLOSE && amqp_connection_close_read(args, &close) == WIRE_OK)
        lv_buffer_printf(text, " %u", close.reply_code);
    struct amqp_basic_ack ack;
    if (id == AMQP_BASIC_ACK && amqp_basic_ack_read(args, &ack) == WIRE_OK)
        lv_buffer_printf(text, " %u%s", (unsigned)ack.delivery_tag, ack.multiple ? "*" : "");
    struct amqp_basic_nack nack;
    if (id == AMQP_BASIC_NACK && amqp_basic_nack_read(args, &nack) == WIRE_OK)
        lv_buffer_printf(text, " %u%s", (unsigned)nack.delivery_tag, nack.multiple ? "*" : "");
    struct amqp_queue_delete_ok deleted;
    if (id == AMQP_QUEUE_DELETE_OK && amqp_queue_delete_ok_read(args, &deleted) == WIRE_OK)
        lv_buffer_printf(text, " %u", (unsigned)deleted.message_count);
    struct amqp_queue_purge_ok purged;
    if (id == AMQP_QUEUE_PURGE_OK && amqp_queue_purge_ok_read(args, &purged) == WIRE_OK)
        lv_buffer_printf(text, " %u", (unsigned)purged.message_count);
    struct amqp_channel_close closing;
    if (id == AMQP_CHANNEL_CLOSE && amqp_channel_close_read(args, &closing) == WIRE_OK)
        lv_buffer_printf(text, " %u %.*s", closing.reply_code, SLICE_ARG(closing.reply_text));
    lv_buffer_add_u8(text, '\n');
}

static void hear_frame(struct lv_buffer *text, uint8_t type, uint16_t channel, struct slice payload)
{
    if (type == FRAME_METHOD)
        hear_method(text, channel, payload);
    if (type == FRAME_HEARTBEAT)
        lv_buffer_printf(text, "%u heartbeat\n", channel);
    if (type == FRAME_BODY)
        lv_buffer_printf(text, "%u content %zu%s%.*s\n", channel, payload.n,
                         payload.n <= SHOWN_BYTES_MAX ? " " : "",
                         payload.n <= SHOWN_BYTES_MAX ? (int)payload.n : 0,
                         (const char *)payload.p);
}

static void hear(struct peer *peer)
{
    struct slice rest = lv_buffer_slice(&peer->net.got);
    while (rest.n >= FRAME_OVERHEAD && rest.n >= FRAME_OVERHEAD + wire_u32(rest.p + 3)) {
        size_t n = wire_u32(rest.p + 3);
        assert_int_equal(rest.p[FRAME_HEADER_BYTES + n], FRAME_END);
        hear_frame(&peer->heard, rest.p[0], wire_u16(rest.p + 1),
                   slice_of(rest.p + FRAME_HEADER_BYTES, n));
        rest = slice_of(rest.p + FRAME_OVERHEAD + n, rest.n - FRAME_OVERHEAD - n);
    }
    lv_buffer_consume(&peer->net.got, peer->net.got.n - rest.n);
}

static void hear_all(struct world *w)
{
    for (unsigned i = 0; i < PEERS_MAX; i++)
        hear(&w->peers[i]);
}

void world_settle(struct world *w)
{
    loop_sim_settle(w->loops);
    hear_all(w);
}

void world_wait(struct world *w, uint64_t ms)
{
    loop_sim_advance(w->loops, ms);
    loop_sim_settle(w->loops);
    hear_all(w);
}

size_t peer_contents(struct peer *peer)
{
    size_t count = 0;
    lv_buffer_add(&peer->heard, "", 1);
    for (const char *at = (const char *)peer->heard.p; (at = strstr(at, " content ")); at++)
        count++;
    peer->heard.n = 0;
    return count;
}
