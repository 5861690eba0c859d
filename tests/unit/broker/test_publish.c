/* How a message gets into its queues (broker/publish.h): which queues, in which form, what they
 * answer, and the memo of a publisher's last route. */
#include "broker/broker_world.h"
#include "broker/publish.h"
#include "queue/queue_private.h"

static struct world w;
static struct loop *here, *there;
static struct queue *one, *other, *far;

/* --- each test's world ------------------------------------------------------------------------ */

static int set_up(void **state)
{
    (void)state;
    world_start_broker(&w, 2, 7);
    here = loops_at(w.loops, 0);
    there = loops_at(w.loops, 1);
    one = world_declare(&w, here, "one");
    other = world_declare(&w, here, "other");
    far = world_declare(&w, there, "far");
    loop_sim_enter(here);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    world_stop_broker(&w);
    return 0;
}

/* A publish whose bytes lie where a socket has left them. */
static struct {
    char body[8];
    uint8_t header[256];
    struct lv_buffer headers;
} bytes;

static struct publish publish_of(const char *exchange, const char *key)
{
    const struct properties properties = {.flags = PROPERTY_HEADERS,
                                          .headers = lv_buffer_slice(&bytes.headers)};
    size_t n = properties_size(&properties);
    assert_true(n <= sizeof bytes.header);
    properties_put(bytes.header, &properties);
    strcpy(bytes.body, "body");
    struct publish p = {.content = {.exchange = slice_str(exchange),
                                    .routing_key = slice_str(key),
                                    .header = slice_of(bytes.header, n),
                                    .body = slice_of(bytes.body, 4)}};
    assert_true(properties_read(p.content.header, &p.properties));
    lv_buffer_free(&bytes.headers);
    return p;
}

static void put_keys(const char *header, const char *first, const char *second)
{
    struct table_writer t;
    table_begin(&t, &bytes.headers);
    table_put_array(&t, header);
    table_put_str(&t, NULL, slice_str(first));
    if (second)
        table_put_str(&t, NULL, slice_str(second));
    table_end(&t);
    table_end(&t);
}

static struct route route_of(struct publish *p)
{
    struct route route;
    publish_route(here, exchange_find(w.vhost, p->content.exchange), p, &route);
    return route;
}

static struct publish_result send(struct publish *p, struct confirm_sink *sink, uint64_t number)
{
    struct publish_result result;
    const struct route route = route_of(p);
    publish_send(here, p, &route, sink, number, &result);
    return result;
}

static uint64_t ready(struct queue *q)
{
    return lanes_count(&q->lanes).ready;
}

static struct message *first_of(struct queue *q)
{
    uint64_t sequence;
    assert_int_equal(backlog_next(&q->lanes.first.backlog, &sequence), BACKLOG_HERE);
    return backlog_find(&q->lanes.first.backlog, sequence);
}

/* --- a sink ----------------------------------------------------------------------------------- */

static struct {
    struct confirm_sink sink;
    unsigned count;
    uint64_t number;
    enum confirm_answer answer;
} answered;

static void take_answer(struct confirm_sink *sink, uint64_t number, enum confirm_answer answer,
                        struct message *message)
{
    (void)sink, (void)message;
    answered.count++;
    answered.number = number;
    answered.answer = answer;
}

static struct confirm_sink *sink(void)
{
    memset(&answered, 0, sizeof answered);
    answered.sink = (struct confirm_sink){.loop = here, .answer = take_answer};
    return &answered.sink;
}

/* --- where it goes ---------------------------------------------------------------------------- */

static void a_message_goes_to_the_queue_of_its_key_and_to_those_in_cc_and_bcc(void **state)
{
    (void)state;
    put_keys("CC", "other", "nowhere");
    struct publish p = publish_of("", "one");
    struct lv_buffer bcc = {0};
    struct table_writer t;
    struct field keys;
    table_begin(&t, &bcc);
    table_put_array(&t, "BCC");
    table_put_str(&t, NULL, slice_str("far"));
    table_end(&t);
    assert_true(table_find(table_end(&t), "BCC", &keys));
    p.bcc = keys.bytes;
    assert_string_equal(route_text(route_of(&p)), "far one other");
    publish_end(here, &p);
    lv_buffer_free(&bcc);
}

static void a_cc_that_is_no_array_names_no_queue(void **state)
{
    (void)state;
    table_add_str(&bytes.headers, "CC", "other");
    struct publish p = publish_of("", "one");
    assert_string_equal(route_text(route_of(&p)), "one");
    publish_end(here, &p);
}

/* --- in which form ---------------------------------------------------------------------------- */

static void all_queues_share_one_message_which_no_longer_needs_the_publishers_bytes(void **state)
{
    (void)state;
    put_keys("CC", "other", NULL);
    struct publish p = publish_of("", "one");
    send(&p, NULL, 0);
    publish_end(here, &p);
    memset(bytes.body, '-', sizeof bytes.body);
    memset(bytes.header, '-', sizeof bytes.header);
    assert_ptr_equal(first_of(one), first_of(other));
    assert_true(slice_is(message_body(first_of(one)), "body"));
}

static void a_message_without_a_route_is_never_made(void **state)
{
    (void)state;
    struct publish p = publish_of("", "nowhere");
    struct publish_result result = send(&p, sink(), 1);
    assert_null(p.content.message);
    assert_int_equal(confirm_answers_sum(&result.answers), CONFIRM_TOOK);
    publish_end(here, &p);
}

static void a_publish_that_is_kept_can_be_sent_after_the_publishers_bytes_are_gone(void **state)
{
    (void)state;
    struct publish_result result;
    struct publish p = publish_of("", "one");
    const struct route route = route_of(&p);
    assert_true(publish_keep(&p, &route));
    struct message *kept = p.content.message;
    memset(bytes.body, '-', sizeof bytes.body);
    assert_true(publish_begin(&p, &kept));
    assert_null(kept);
    publish_send(here, &p, &route, NULL, 0, &result);
    publish_end(here, &p);
    assert_true(slice_is(message_body(first_of(one)), "body"));
}

static struct slice headers_of(struct message *m)
{
    struct properties properties;
    assert_true(properties_read(message_header(m), &properties));
    return properties.headers;
}

static void a_delayed_message_keeps_its_bcc_and_no_other_copy_has_it(void **state)
{
    (void)state;
    struct lv_buffer arguments = {0}, bcc = {0};
    struct table_writer t;
    struct field f;
    table_add_str(&arguments, "x-delayed-type", "fanout");
    struct exchange *x =
        world_exchange_with(&w, "later", "x-delayed-message", "", lv_buffer_slice(&arguments));
    table_add_int(&bytes.headers, "x-delay", 'l', 1000);
    struct publish p = publish_of("later", "one");
    table_begin(&t, &bcc);
    table_put_array(&t, "BCC");
    table_put_str(&t, NULL, slice_str("other"));
    table_end(&t);
    assert_true(table_find(table_end(&t), "BCC", &f));
    p.bcc = f.bytes;
    send(&p, NULL, 0);
    struct queue *waiting = queue_of_entry(x->delayed);
    assert_int_equal(lanes_count(&waiting->lanes).ready, 1);
    assert_true(table_find(headers_of(p.delayed), "BCC", &f));
    assert_false(table_find(headers_of(p.content.message), "BCC", &f));
    publish_end(here, &p);
    lv_buffer_free(&arguments);
    lv_buffer_free(&bcc);
}

/* --- what is answered ------------------------------------------------------------------------- */

static void a_queue_elsewhere_answers_later_with_the_publishers_number(void **state)
{
    (void)state;
    put_keys("CC", "far", NULL);
    struct publish p = publish_of("", "one");
    struct publish_result result = send(&p, sink(), 42);
    publish_end(here, &p);
    assert_int_equal(result.answers.later, 1);
    assert_true(result.answers.taken);
    assert_int_equal(answered.count, 0);
    loop_sim_enter(NULL);
    loop_sim_settle(w.loops);
    assert_int_equal(answered.count, 1);
    assert_int_equal(answered.number, 42);
    assert_int_equal(answered.answer, CONFIRM_TOOK);
    assert_int_equal(ready(far), 1);
}

static struct publish publish_value(const char *value)
{
    table_add_str(&bytes.headers, "x-deduplication-header", value);
    struct publish p = publish_of("once", "");
    p.is_once = true;
    return p;
}

static void declare_once(void)
{
    struct lv_buffer arguments = {0};
    table_add_int(&arguments, "x-cache-size", 'l', 10);
    world_exchange_with(&w, "once", "x-message-deduplication", "", lv_buffer_slice(&arguments));
    world_bind(&w, "once", "->", "one", "");
    lv_buffer_free(&arguments);
}

static void a_duplicate_is_confirmed_and_goes_to_no_queue(void **state)
{
    (void)state;
    declare_once();
    for (unsigned i = 0; i < 3; i++) {
        struct publish p = publish_value("v");
        struct publish_result result = send(&p, sink(), 1);
        publish_end(here, &p);
        assert_int_equal(confirm_answers_sum(&result.answers), CONFIRM_TOOK);
        assert_int_equal(ready(one), 1);
    }
}

static void a_value_whose_message_was_never_sent_is_forgotten(void **state)
{
    (void)state;
    declare_once();
    struct publish given_up = publish_value("v");
    assert_int_equal(route_of(&given_up).count, 1);
    publish_end(here, &given_up);
    struct publish p = publish_value("v");
    send(&p, NULL, 0);
    publish_end(here, &p);
    assert_int_equal(ready(one), 1);
}

/* --- the last route --------------------------------------------------------------------------- */

static void a_memo_holds_for_its_key_until_the_topology_or_the_permissions_change(void **state)
{
    (void)state;
    struct publish_memo *memo = NULL;
    struct publish p = publish_of("", "one");
    struct exchange *x = exchange_find(w.vhost, SLICE_EMPTY);
    const struct slice key = slice_str("one");
    struct topology *topology = w.vhost->topology;
    assert_false(publish_memo_holds(memo, topology, 5, SLICE_EMPTY, key));
    const struct route route = route_of(&p);
    publish_memo_write(&memo, x, &(struct publish){.content.routing_key = key}, &route,
                       topology_generation(topology), 5);
    assert_true(publish_memo_holds(memo, topology, 5, SLICE_EMPTY, key));
    assert_int_equal(memo->count, 1);
    assert_false(publish_memo_holds(memo, topology, 5, SLICE_EMPTY, slice_str("other")));
    assert_false(publish_memo_holds(memo, topology, 5, slice_str("amq.direct"), key));
    assert_false(publish_memo_holds(memo, topology, 6, SLICE_EMPTY, key));
    publish_memo_write(&memo, x, &(struct publish){.content.routing_key = key}, &route,
                       topology_generation(topology), 6);
    assert_true(publish_memo_holds(memo, topology, 6, SLICE_EMPTY, key));
    world_bind(&w, "amq.fanout", "->", "other", "");
    assert_false(publish_memo_holds(memo, topology, 6, SLICE_EMPTY, key));
    publish_end(here, &p);
    free(memo);
}

static void a_route_that_depends_on_more_than_the_key_is_not_remembered(void **state)
{
    (void)state;
    struct publish_memo *memo = NULL;
    const struct route route = {0};
    publish_memo_write(&memo, world_exchange(&w, "by-headers", "headers"),
                       &(struct publish){.content.routing_key = slice_str("k")}, &route,
                       topology_generation(w.vhost->topology), 1);
    assert_null(memo);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        T(a_message_goes_to_the_queue_of_its_key_and_to_those_in_cc_and_bcc),
        T(a_cc_that_is_no_array_names_no_queue),
        T(all_queues_share_one_message_which_no_longer_needs_the_publishers_bytes),
        T(a_message_without_a_route_is_never_made),
        T(a_publish_that_is_kept_can_be_sent_after_the_publishers_bytes_are_gone),
        T(a_delayed_message_keeps_its_bcc_and_no_other_copy_has_it),
        T(a_queue_elsewhere_answers_later_with_the_publishers_number),
        T(a_duplicate_is_confirmed_and_goes_to_no_queue),
        T(a_value_whose_message_was_never_sent_is_forgotten),
        T(a_memo_holds_for_its_key_until_the_topology_or_the_permissions_change),
        T(a_route_that_depends_on_more_than_the_key_is_not_remembered),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
