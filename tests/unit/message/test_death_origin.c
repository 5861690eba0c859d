/* Dead letters back to life: where they came from, and what they were there. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/buffer.h"
#include "message/death.h"
#include "message/death_origin.h"
#include "wire/properties.h"
#include "wire/table.h"

static struct message *message_with(const struct properties *p, const char *exchange,
                                    const char *key)
{
    struct lv_buffer header = {0};
    size_t n = properties_size(p);
    properties_put(lv_buffer_reserve(&header, n), p);
    struct message *m =
        message_create(slice_str(exchange), slice_str(key), slice_of(header.p, n), 4, true);
    memcpy(message_body_space(m), "body", 4);
    lv_buffer_free(&header);
    return m;
}

/* The message dies in this queue. Takes it. */
static struct message *die(struct message *m, const char *queue)
{
    const struct dead_letter d = {
        .message = m,
        .queue = slice_str(queue),
        .reason = DEATH_EXPIRED,
        .exchange = slice_str("dlx"),
        .has_routing_key = true,
        .routing_key = slice_str("dead"),
    };
    bool had_bad_history;
    struct message *made = dead_letter_make(&d, &had_bad_history);
    message_unref(&m);
    return made;
}

static void a_revived_dead_letter_is_the_message_it_was(void **state)
{
    (void)state;
    struct lv_buffer headers = {0};
    struct table_writer w;
    table_begin(&w, &headers);
    table_put_str(&w, "mine", slice_str("kept"));
    const struct properties p = {.flags = PROPERTY_HEADERS | PROPERTY_DELIVERY_MODE,
                                 .headers = table_end(&w),
                                 .delivery_mode = 2};
    struct message *before = message_with(&p, "x", "some.key");
    struct message *dead = die(message_ref(before), "work");
    struct dead_letter_origin origin;
    assert_true(dead_letter_origin(dead, &origin));
    assert_true(slice_is(origin.queue, "work"));
    assert_true(slice_is(origin.exchange, "x"));
    assert_true(slice_is(origin.routing_key, "some.key"));
    struct message *again = dead_letter_revive(dead, &origin, false);
    assert_true(slice_equal(message_header(again), message_header(before)));
    assert_true(slice_equal(message_body(again), message_body(before)));
    assert_true(slice_equal(message_exchange(again), message_exchange(before)));
    assert_true(slice_equal(message_routing_key(again), message_routing_key(before)));
    assert_true(again->is_persistent);
    message_unref(&again);
    message_unref(&dead);
    message_unref(&before);
    lv_buffer_free(&headers);
}

static void the_newest_death_counts_and_the_history_may_be_kept(void **state)
{
    (void)state;
    const struct properties none = {0};
    struct message *dead = die(die(message_with(&none, "x", "k"), "first"), "second");
    struct dead_letter_origin origin;
    assert_true(dead_letter_origin(dead, &origin));
    assert_true(slice_is(origin.queue, "second"));
    assert_true(slice_is(origin.exchange, "dlx"));
    assert_true(slice_is(origin.routing_key, "dead"));
    struct message *bare = dead_letter_revive(dead, &origin, false);
    assert_true(slice_equal(message_header(bare), slice_of("\0\0", 2)));
    struct message *kept = dead_letter_revive(dead, &origin, true);
    assert_true(slice_equal(message_header(kept), message_header(dead)));
    message_unref(&kept);
    message_unref(&bare);
    message_unref(&dead);
}

static void a_revived_message_has_no_expiration(void **state)
{
    (void)state;
    const struct properties p = {.flags = PROPERTY_EXPIRATION, .expiration = slice_str("10")};
    struct message *dead = die(message_with(&p, "", "work"), "work");
    struct dead_letter_origin origin;
    assert_true(dead_letter_origin(dead, &origin));
    struct message *again = dead_letter_revive(dead, &origin, false);
    assert_true(slice_equal(message_header(again), slice_of("\0\0", 2)));
    message_unref(&again);
    message_unref(&dead);
}

/* A message whose x-death is what `put` makes of it. */
static struct message *claiming(void (*put)(struct table_writer *w))
{
    struct lv_buffer headers = {0};
    struct table_writer w;
    table_begin(&w, &headers);
    put(&w);
    const struct properties p = {.flags = PROPERTY_HEADERS, .headers = table_end(&w)};
    struct message *m = message_with(&p, "x", "k");
    lv_buffer_free(&headers);
    return m;
}

static void put_text(struct table_writer *w)
{
    table_put_str(w, "x-death", slice_str("work"));
}

static void put_empty(struct table_writer *w)
{
    table_put_array(w, "x-death");
    table_end(w);
}

static void put_texts(struct table_writer *w)
{
    table_put_array(w, "x-death");
    table_put_str(w, NULL, slice_str("work"));
    table_end(w);
}

static void put_no_queue(struct table_writer *w)
{
    table_put_array(w, "x-death");
    table_put_table(w, NULL);
    table_put_str(w, "reason", slice_str("expired"));
    table_end(w);
    table_end(w);
}

static void put_nonsense(struct table_writer *w)
{
    static const char name[300];
    table_put_array(w, "x-death");
    table_put_table(w, NULL);
    table_put_str(w, "queue", slice_str("work"));
    table_put_str(w, "exchange", slice_of(name, sizeof name));
    table_put_array(w, "routing-keys");
    table_put_int(w, NULL, 7);
    table_end(w);
    table_end(w);
    table_end(w);
}

static void without_a_queue_in_its_history_a_message_is_no_dead_letter(void **state)
{
    (void)state;
    void (*const claims[])(struct table_writer *) = {put_text, put_empty, put_texts, put_no_queue};
    struct dead_letter_origin origin;
    for (size_t i = 0; i < sizeof claims / sizeof claims[0]; i++) {
        struct message *m = claiming(claims[i]);
        assert_false(dead_letter_origin(m, &origin));
        message_unref(&m);
    }
    const struct properties none = {0};
    struct message *m = message_with(&none, "x", "k");
    assert_false(dead_letter_origin(m, &origin));
    message_unref(&m);
}

static void an_invalid_name_is_replaced_by_the_messages_own(void **state)
{
    (void)state;
    struct dead_letter_origin origin;
    struct message *m = claiming(put_nonsense);
    assert_true(dead_letter_origin(m, &origin));
    assert_true(slice_is(origin.queue, "work"));
    assert_true(slice_is(origin.exchange, "x"));
    assert_true(slice_is(origin.routing_key, "k"));
    message_unref(&m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_revived_dead_letter_is_the_message_it_was),
        cmocka_unit_test(the_newest_death_counts_and_the_history_may_be_kept),
        cmocka_unit_test(a_revived_message_has_no_expiration),
        cmocka_unit_test(without_a_queue_in_its_history_a_message_is_no_dead_letter),
        cmocka_unit_test(an_invalid_name_is_replaced_by_the_messages_own),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
