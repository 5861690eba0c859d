/* What is said when something ends: of a publish to its channel, its connection, its queue; to a
 * declare. The order of loops' turns comes from a seed. */
#include <stdlib.h>

#include "amqp/session_world.h"

enum { SEEDS = 60, MESSAGES = 12 };

static void says_bytes(struct peer *peer, struct lv_buffer *bytes)
{
    net_sim_send(&peer->net, lv_buffer_slice(bytes));
    bytes->n = 0;
}

#define PUT_METHOD(bytes, channel, method, ...)                                                    \
    do {                                                                                           \
        const struct amqp_##method m_ = {__VA_ARGS__};                                             \
        size_t n_ = amqp_##method##_size(&m_);                                                     \
        amqp_##method##_put(lv_buffer_reserve((bytes), n_), (channel), &m_);                       \
        (bytes)->n += n_;                                                                          \
    } while (0)

/* --- the channel or the connection ends ------------------------------------------------------- */

/* One message that is taken, one that is returned, then `last`, all in one write. */
static void hears_before_the_end(void (*put_last)(struct lv_buffer *), const char *end)
{
    struct world w;
    struct lv_buffer bytes = {0};
    world_start(&w, 1, 0);
    struct peer *peer = world_login(&w, 0, 0, 0);
    PEER_SAYS(peer, 1, queue_declare, .queue = slice_str("q"));
    PEER_SAYS(peer, 1, confirm_select, .no_wait = false);
    world_settle(&w);
    PEER_HEARS(peer, "1 queue.declare_ok\n1 confirm.select_ok\n");
    put_message(&bytes, "q", 'a', 1);
    put_publish(&bytes,
                &(struct amqp_basic_publish){.routing_key = slice_str("none"), .mandatory = true},
                'b', 1);
    put_last(&bytes);
    says_bytes(peer, &bytes);
    world_settle(&w);
    struct lv_buffer expected = {0};
    lv_buffer_printf(&expected, "1 basic.return\n1 content 1 b\n1 basic.ack 2*\n%s", end);
    lv_buffer_add_u8(&expected, 0);
    PEER_HEARS(peer, (const char *)expected.p);
    lv_buffer_free(&expected);
    lv_buffer_free(&bytes);
    world_stop(&w);
}

static void put_publish_to_no_exchange(struct lv_buffer *bytes)
{
    put_publish(bytes, &(struct amqp_basic_publish){.exchange = slice_str("nowhere")}, 'c', 1);
}

static void put_channel_close(struct lv_buffer *bytes)
{
    PUT_METHOD(bytes, 1, channel_close, .reply_code = 200);
}

static void put_method_of_no_channel(struct lv_buffer *bytes)
{
    PUT_METHOD(bytes, 2, channel_flow, .active = true);
}

static void put_connection_close(struct lv_buffer *bytes)
{
    PUT_METHOD(bytes, 0, connection_close, .reply_code = 200);
}

static void confirms_are_sent_before_the_channel_ends(void **state)
{
    (void)state;
    hears_before_the_end(put_publish_to_no_exchange,
                         "1 channel.close 404 NOT_FOUND - no exchange 'nowhere' in vhost '/'\n");
    hears_before_the_end(put_channel_close, "1 channel.close_ok\n");
}

static void confirms_are_sent_before_the_connection_ends(void **state)
{
    (void)state;
    hears_before_the_end(put_method_of_no_channel, "0 connection.close 504\n");
    hears_before_the_end(put_connection_close, "0 connection.close_ok\n");
}

/* --- the queue ends --------------------------------------------------------------------------- */

/* A publisher on one loop, whoever deletes on another, the queue anywhere. */
struct race {
    struct world w;
    struct peer *publisher, *deleter;
    struct lv_buffer bytes;
};

static void race_start(struct race *r, uint64_t seed, uint64_t home)
{
    *r = (struct race){0};
    world_start(&r->w, 3, seed);
    r->publisher = world_login(&r->w, 0, 0, 0);
    r->deleter = world_login(&r->w, 1, 1, 0);
    for (uint64_t i = 0; i < home; i++) { /* homes are given in turn */
        char name[2] = {(char)('0' + i), 0};
        PEER_SAYS(r->deleter, 1, queue_declare, .queue = slice_str(name));
    }
    world_settle(&r->w);
    PEER_SAYS(r->deleter, 1, queue_declare, .queue = slice_str("q"), .auto_delete = true);
    world_settle(&r->w);
    r->deleter->heard.n = 0;
}

static void race_stop(struct race *r)
{
    lv_buffer_free(&r->bytes);
    world_stop(&r->w);
}

static void publishes(struct race *r, bool is_mandatory)
{
    for (int i = 0; i < MESSAGES; i++) {
        put_publish(
            &r->bytes,
            &(struct amqp_basic_publish){.routing_key = slice_str("q"), .mandatory = is_mandatory},
            'm', 1);
        says_bytes(r->publisher, &r->bytes);
    }
}

/* How often the peer has heard this. */
static int count(const struct peer *peer, const char *what)
{
    int n = 0;
    struct slice text = slice_of(peer->heard.p, peer->heard.n);
    size_t bytes = strlen(what);
    for (size_t i = 0; i + bytes <= text.n; i++)
        n += memcmp(text.p + i, what, bytes) == 0;
    return n;
}

/* The tags of acks, or nacks, each frame's counted as what it stands for; all up to the last are
 * told. */
static void count_settled(const struct peer *peer, int *ret_acked, int *ret_nacked)
{
    bool is_told[MESSAGES + 1] = {false};
    struct lv_buffer copy = {0};
    lv_buffer_add_slice(&copy, slice_of(peer->heard.p, peer->heard.n));
    lv_buffer_add_u8(&copy, 0);
    *ret_acked = *ret_nacked = 0;
    const char *at = (const char *)copy.p;
    while ((at = strstr(at, "ack "))) {
        bool is_nack = at[-1] == 'n';
        char *end;
        long tag = strtol(at + 4, &end, 10);
        assert_in_range(tag, 1, MESSAGES);
        for (long n = *end == '*' ? 1 : tag; n <= tag; n++) {
            *(is_nack ? ret_nacked : ret_acked) += !is_told[n];
            is_told[n] = true;
        }
        at = end;
    }
    lv_buffer_free(&copy);
}

/* What a delete that asks for an empty queue leaves behind: nothing. */
static void a_confirmed_message_is_returned_or_was_in_the_queue_when_it_ended(void **state)
{
    (void)state;
    int returned = 0, refused = 0;
    for (uint64_t seed = 0; seed < SEEDS; seed++) {
        struct race r;
        race_start(&r, seed, seed % 3);
        PEER_SAYS(r.publisher, 1, confirm_select, .no_wait = true);
        world_settle(&r.w);
        PEER_SAYS(r.deleter, 1, queue_delete, .queue = slice_str("q"), .if_empty = true);
        publishes(&r, true);
        world_settle(&r.w);
        int acked, nacked;
        count_settled(r.publisher, &acked, &nacked);
        assert_int_equal(acked, MESSAGES);
        assert_int_equal(nacked, 0);
        bool was_deleted = count(r.deleter, "queue.delete_ok") == 1;
        assert_int_equal(count(r.deleter, "channel.close 406"), !was_deleted);
        assert_int_equal(count(r.publisher, "basic.return"), was_deleted ? MESSAGES : 0);
        returned += was_deleted;
        refused += !was_deleted;
        race_stop(&r);
    }
    assert_true(returned > 0 && refused > 0);
}

/* Without `mandatory` a nack is all there is to say; what came when the queue had no name any more
 * went nowhere, and is confirmed as always. */
static void a_message_that_comes_after_its_queues_end_is_nacked(void **state)
{
    (void)state;
    int met_the_end = 0;
    for (uint64_t seed = 0; seed < SEEDS; seed++) {
        struct race r;
        race_start(&r, seed, 2);
        PEER_SAYS(r.publisher, 1, confirm_select, .no_wait = true);
        world_settle(&r.w);
        PEER_SAYS(r.deleter, 1, queue_delete, .queue = slice_str("q"));
        publishes(&r, false);
        world_settle(&r.w);
        int acked, nacked;
        count_settled(r.publisher, &acked, &nacked);
        assert_int_equal(acked + nacked, MESSAGES);
        met_the_end += nacked > 0;
        race_stop(&r);
    }
    assert_true(met_the_end > 0);
}

static void a_mandatory_message_is_returned_without_confirms_too(void **state)
{
    (void)state;
    int returned = 0;
    for (uint64_t seed = 0; seed < SEEDS; seed++) {
        struct race r;
        race_start(&r, seed, seed % 3);
        PEER_SAYS(r.deleter, 1, queue_delete, .queue = slice_str("q"), .if_empty = true);
        publishes(&r, true);
        world_settle(&r.w);
        bool was_deleted = count(r.deleter, "queue.delete_ok") == 1;
        assert_int_equal(count(r.publisher, "basic.return"), was_deleted ? MESSAGES : 0);
        returned += was_deleted;
        race_stop(&r);
    }
    assert_true(returned > 0);
}

static void a_mandatory_message_of_a_commit_is_returned_before_commit_ok(void **state)
{
    (void)state;
    int returned = 0;
    for (uint64_t seed = 0; seed < SEEDS; seed++) {
        struct race r;
        race_start(&r, seed, seed % 3);
        PEER_SAYS(r.publisher, 1, tx_select, .none = 0);
        publishes(&r, true);
        world_settle(&r.w);
        PEER_HEARS(r.publisher, "1 tx.select_ok\n");
        PEER_SAYS(r.deleter, 1, queue_delete, .queue = slice_str("q"), .if_empty = true);
        PEER_SAYS(r.publisher, 1, tx_commit, .none = 0);
        PEER_SAYS(r.publisher, 1, channel_flow, .active = true);
        world_settle(&r.w);
        bool was_deleted = count(r.deleter, "queue.delete_ok") == 1;
        assert_int_equal(count(r.publisher, "basic.return"), was_deleted ? MESSAGES : 0);
        const char last[] = "1 tx.commit_ok\n1 channel.flow_ok\n";
        size_t n = sizeof last - 1;
        assert_true(r.publisher->heard.n >= n);
        assert_memory_equal(r.publisher->heard.p + r.publisher->heard.n - n, last, n);
        returned += was_deleted;
        race_stop(&r);
    }
    assert_true(returned > 0);
}

/* Its last consumer goes while messages are on their way. */
static void the_same_holds_for_a_queue_that_ends_with_its_last_consumer(void **state)
{
    (void)state;
    int returned = 0;
    for (uint64_t seed = 0; seed < SEEDS; seed++) {
        struct race r;
        race_start(&r, seed, seed % 3);
        PEER_SAYS(r.publisher, 1, confirm_select, .no_wait = true);
        PEER_SAYS(r.deleter, 1, basic_consume, .queue = slice_str("q"),
                  .consumer_tag = slice_str("c"), .no_ack = true);
        world_settle(&r.w);
        PEER_HEARS(r.deleter, "1 basic.consume_ok\n");
        PEER_SAYS(r.deleter, 1, basic_cancel, .consumer_tag = slice_str("c"));
        publishes(&r, true);
        world_settle(&r.w);
        int acked, nacked, came_back = count(r.publisher, "basic.return");
        count_settled(r.publisher, &acked, &nacked);
        assert_int_equal(acked, MESSAGES);
        assert_int_equal(count(r.deleter, "basic.deliver") + came_back, MESSAGES);
        returned += came_back > 0;
        race_stop(&r);
    }
    assert_true(returned > 0);
}

/* --- whoever meets the end -------------------------------------------------------------------- */

/* A declare that is not passive finds no end: there is a queue afterwards, the old one or a new
 * one. */
static void a_declare_that_meets_the_end_of_its_queue_creates_it_again(void **state)
{
    (void)state;
    for (uint64_t seed = 0; seed < SEEDS; seed++) {
        struct race r;
        race_start(&r, seed, seed % 3);
        for (int i = 0; i < 4; i++) {
            PEER_SAYS(r.deleter, 1, queue_delete, .queue = slice_str("q"));
            PEER_SAYS(r.publisher, 1, queue_declare, .queue = slice_str("q"), .auto_delete = true,
                      .no_wait = i == 3);
        }
        PEER_SAYS(r.publisher, 1, channel_flow, .active = true);
        world_settle(&r.w);
        PEER_HEARS(r.publisher, "1 queue.declare_ok\n1 queue.declare_ok\n1 queue.declare_ok\n"
                                "1 channel.flow_ok\n");
        PEER_HEARS(r.deleter, "1 queue.delete_ok 0\n1 queue.delete_ok 0\n"
                              "1 queue.delete_ok 0\n1 queue.delete_ok 0\n");
        race_stop(&r);
    }
}

/* Where it does not live to see the answer, it is told what is true: there is none. */
static void other_commands_that_meet_a_queues_end_get_404(void **state)
{
    (void)state;
    int late = 0;
    for (uint64_t seed = 0; seed < SEEDS; seed++) {
        struct race r;
        race_start(&r, seed, seed % 3);
        PEER_SAYS(r.deleter, 1, queue_delete, .queue = slice_str("q"));
        PEER_SAYS(r.publisher, 1, basic_consume, .queue = slice_str("q"));
        world_settle(&r.w);
        bool was_there = count(r.publisher, "1 basic.consume_ok") == 1;
        assert_int_equal(
            count(r.publisher, "1 channel.close 404 NOT_FOUND - no queue 'q' in vhost '/'"),
            !was_there);
        late += !was_there;
        race_stop(&r);
    }
    assert_true(late > 0);
}

/* --- a channel's number is used again at once ------------------------------------------------- */

/* All in one write, behind something that makes the channel wait on another loop. */
static void frames_after_channel_close_are_for_the_next_channel_of_its_number(void **state)
{
    (void)state;
    for (uint64_t seed = 0; seed < SEEDS; seed++) {
        struct race r;
        race_start(&r, seed, 2);
        if (seed % 2)
            PUT_METHOD(&r.bytes, 1, basic_consume, .queue = slice_str("q"), .no_wait = true);
        PUT_METHOD(&r.bytes, 1, queue_purge, .queue = slice_str("q"), .no_wait = true);
        PUT_METHOD(&r.bytes, 1, channel_close, .reply_code = 200);
        PUT_METHOD(&r.bytes, 1, channel_open, .reserved1 = SLICE_EMPTY);
        PUT_METHOD(&r.bytes, 1, queue_declare, .queue = slice_str("other"));
        PUT_METHOD(&r.bytes, 0, connection_close, .reply_code = 200);
        says_bytes(r.publisher, &r.bytes);
        world_settle(&r.w);
        PEER_HEARS(r.publisher, "1 channel.close_ok\n1 channel.open_ok\n1 queue.declare_ok\n"
                                "0 connection.close_ok\n");
        race_stop(&r);
    }
}

static void the_number_of_a_channel_that_we_closed_is_not_free_before_close_ok(void **state)
{
    (void)state;
    struct race r;
    race_start(&r, 0, 0);
    PEER_SAYS(r.publisher, 1, queue_purge, .queue = slice_str("none"));
    PEER_SAYS(r.publisher, 1, channel_close, .reply_code = 200);
    PEER_SAYS(r.publisher, 1, channel_close_ok, .none = 0);
    PEER_SAYS(r.publisher, 1, channel_open, .reserved1 = SLICE_EMPTY);
    PEER_SAYS(r.publisher, 1, queue_purge, .queue = slice_str("none"));
    PEER_SAYS(r.publisher, 1, channel_open, .reserved1 = SLICE_EMPTY);
    world_settle(&r.w);
    const char end[] = "1 channel.close 404 NOT_FOUND - no queue 'none' in vhost '/'\n";
    assert_int_equal(count(r.publisher, end), 2);
    assert_int_equal(count(r.publisher, "1 channel.close_ok\n1 channel.open_ok\n"), 1);
    assert_int_equal(count(r.publisher, "0 connection.close 504\n"), 1);
    race_stop(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(confirms_are_sent_before_the_channel_ends),
        cmocka_unit_test(confirms_are_sent_before_the_connection_ends),
        cmocka_unit_test(a_confirmed_message_is_returned_or_was_in_the_queue_when_it_ended),
        cmocka_unit_test(a_message_that_comes_after_its_queues_end_is_nacked),
        cmocka_unit_test(a_mandatory_message_is_returned_without_confirms_too),
        cmocka_unit_test(a_mandatory_message_of_a_commit_is_returned_before_commit_ok),
        cmocka_unit_test(the_same_holds_for_a_queue_that_ends_with_its_last_consumer),
        cmocka_unit_test(a_declare_that_meets_the_end_of_its_queue_creates_it_again),
        cmocka_unit_test(other_commands_that_meet_a_queues_end_get_404),
        cmocka_unit_test(frames_after_channel_close_are_for_the_next_channel_of_its_number),
        cmocka_unit_test(the_number_of_a_channel_that_we_closed_is_not_free_before_close_ok),
    };
    return cmocka_run_group_tests_name("ends", tests, NULL, NULL);
}
