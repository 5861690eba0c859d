/* Dead letters: against what RabbitMQ made of the same messages; where we mean to differ;
 * cycles. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/buffer.h"
#include "dead_letter_transcripts.h"
#include "wire/properties.h"
#include "wire/table.h"

/* --- tools ------------------------------------------------------------------------------------ */

static struct slice from_hex(struct lv_buffer *out, const char *hex)
{
    unsigned octet;
    for (; *hex; hex += 2) {
        assert_int_equal(sscanf(hex, "%2x", &octet), 1);
        lv_buffer_add_u8(out, (uint8_t)octet);
    }
    return lv_buffer_slice(out);
}

static struct message *message_of(const char *exchange, const char *key, struct slice header)
{
    struct message *m = message_create(slice_str(exchange), slice_str(key), header, 4, true);
    memcpy(message_body_space(m), "body", 4);
    return m;
}

/* Appends the header without x-last-death-..., which RabbitMQ 3.10 does not know. */
static void put_without_last_death(struct lv_buffer *out, struct slice header)
{
    struct properties p;
    struct lv_buffer headers = {0};
    struct table_writer w;
    struct slice rest, name;
    struct field value;
    assert_true(properties_read(header, &p));
    rest = p.headers;
    table_begin(&w, &headers);
    while (table_next(&rest, &name, &value)) {
        if (!slice_begins(name, "x-last-death-"))
            table_put_field(&w, name, &value);
    }
    p.headers = table_end(&w);
    size_t n = properties_size(&p);
    properties_put(lv_buffer_reserve(out, n), &p);
    out->n += n;
    lv_buffer_free(&headers);
}

/* A message with this header x-death (in Erlang's words, in *ret_text) after its next death. */
static struct message *die(const struct message *m, const char *queue, enum death reason)
{
    const struct dead_letter d = {
        .message = m,
        .queue = slice_str(queue),
        .reason = reason,
        .time_s = 1000,
        .exchange = slice_str("dlx"),
    };
    bool had_bad_history;
    return dead_letter_make(&d, &had_bad_history);
}

/* Dies so many times; each step is a queue and a reason's first letter. The caller owns the
 * last. */
static struct message *die_along(const char *const *steps)
{
    struct message *m = message_of("", "a", slice_of("\0\0", 2));
    for (; *steps; steps++) {
        enum death reason = DEATH_EXPIRED;
        while (reason < DEATH_COUNT && death_word(reason)[0] != (*steps)[2])
            reason++;
        char queue[2] = {(*steps)[0], '\0'};
        struct message *next = die(m, queue, (*steps)[2] == 'r' ? DEATH_REJECTED : reason);
        message_unref(&m);
        m = next;
    }
    return m;
}

static bool string_header(const struct message *m, const char *name, struct slice *ret)
{
    struct properties p;
    struct field f;
    assert_true(properties_read(message_header(m), &p));
    if (!table_find(p.headers, name, &f) || f.type != FIELD_LONGSTR)
        return false;
    *ret = f.bytes;
    return true;
}

static void assert_string_header(const struct message *m, const char *name, const char *value)
{
    struct slice s = SLICE_EMPTY;
    assert_true(string_header(m, name, &s));
    assert_true(slice_is(s, value));
}

/* --- promises --------------------------------------------------------------------------------- */

static void a_dead_letter_equals_rabbitmqs_octet_by_octet(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof transcripts / sizeof *transcripts; i++) {
        const struct transcript *t = &transcripts[i];
        struct lv_buffer published = {0}, wanted = {0}, got = {0};
        struct message *m = message_of(t->exchange, t->key, from_hex(&published, t->published));
        const struct dead_letter d = {
            .message = m,
            .queue = slice_str(t->queue),
            .reason = t->reason,
            .time_s = t->time_s,
            .exchange = slice_str(t->dead_letter_exchange),
            .has_routing_key = t->dead_letter_key != NULL,
            .routing_key = t->dead_letter_key ? slice_str(t->dead_letter_key) : SLICE_EMPTY,
        };
        bool had_bad_history;
        struct message *made = dead_letter_make(&d, &had_bad_history);
        put_without_last_death(&got, message_header(made));
        from_hex(&wanted, t->arrived);
        if (!slice_equal(lv_buffer_slice(&got), lv_buffer_slice(&wanted)))
            fail_msg("not as RabbitMQ: %s", t->name);
        assert_true(slice_is(message_exchange(made), t->dead_letter_exchange));
        assert_true(
            slice_is(message_routing_key(made), t->dead_letter_key ? t->dead_letter_key : t->key));
        assert_true(slice_is(message_body(made), "body"));
        assert_true(made->is_persistent);
        assert_int_equal(had_bad_history, strstr(t->name, "is a string") != NULL);
        message_unref(&made);
        message_unref(&m);
        lv_buffer_free(&published);
        lv_buffer_free(&wanted);
        lv_buffer_free(&got);
    }
}

static void a_dead_letter_has_headers_for_the_first_and_the_last_death(void **state)
{
    (void)state;
    struct message *m = die_along((const char *[]){"a expired", "b rejected", NULL});
    assert_string_header(m, "x-first-death-queue", "a");
    assert_string_header(m, "x-first-death-reason", "expired");
    assert_string_header(m, "x-first-death-exchange", "");
    assert_string_header(m, "x-last-death-queue", "b");
    assert_string_header(m, "x-last-death-reason", "rejected");
    assert_string_header(m, "x-last-death-exchange", "dlx");
    message_unref(&m);
}

/* RabbitMQ 3.10 turns the older entries round with every death. */
static void the_newest_entry_is_first_however_many_there_are(void **state)
{
    (void)state;
    struct message *m = die_along(
        (const char *[]){"a rejected", "b rejected", "c maxlen", "d expired", "b rejected", NULL});
    struct lv_buffer queues = {0};
    dead_letter_describe(&queues, m, slice_str("next"));
    assert_true(slice_is(lv_buffer_slice(&queues), "[\"next\",\"b\",\"d\",\"c\",\"a\"]"));
    lv_buffer_free(&queues);
    message_unref(&m);
}

static void a_dead_letter_is_in_a_cycle_unless_it_was_rejected_on_the_way(void **state)
{
    (void)state;
    static const struct {
        const char *steps[6];
        const char *queue;
        bool turns;
    } cases[] = {
        {{"a expired"}, "a", true},
        {{"a expired"}, "b", false},
        {{"a maxlen", "b expired"}, "a", true},
        {{"a rejected"}, "a", false},
        {{"a rejected", "b expired"}, "a", false},
        {{"a expired", "b rejected"}, "a", false},
        {{"a rejected", "b expired", "c expired"}, "b", true},
        {{"a expired", "b rejected", "c expired"}, "a", false},
        {{"a expired", "b rejected", "c expired", "d expired"}, "c", true},
        {{"a rejected", "b expired", "a rejected", "c expired"}, "b", false},
        {{"a delivery_limit"}, "a", true},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct message *m = die_along(cases[i].steps);
        assert_int_equal(dead_letter_turns(m, slice_str(cases[i].queue)), cases[i].turns);
        message_unref(&m);
    }
}

static void a_message_without_a_valid_history_is_in_no_cycle(void **state)
{
    (void)state;
    struct message *m = message_of("", "a", slice_of("\0\0", 2));
    assert_false(dead_letter_turns(m, slice_str("a")));
    message_unref(&m);
    struct lv_buffer header = {0};
    from_hex(&header,
             "2000000000000a07782d646561746856"); /* x-death: void; its length is too long */
    m = message_of("", "a", lv_buffer_slice(&header));
    assert_false(dead_letter_turns(m, slice_str("a")));
    struct message *dead = die(m, "a", DEATH_EXPIRED);
    assert_true(dead_letter_turns(dead, slice_str("a")));
    message_unref(&dead);
    message_unref(&m);
    lv_buffer_free(&header);
}

/* From queue 0 through `count` queues, where it expires. */
static struct message *been_through(unsigned count)
{
    struct message *m = message_of("", "a", slice_of("\0\0", 2));
    for (unsigned i = 0; i < count; i++) {
        char queue[16];
        snprintf(queue, sizeof queue, "%u", i);
        struct message *dead = die(m, queue, DEATH_EXPIRED);
        message_unref(&m);
        m = dead;
    }
    return m;
}

static void a_cycle_of_any_length_is_found(void **state)
{
    (void)state;
    struct message *m = been_through(600);
    assert_true(dead_letter_turns(m, slice_str("0")));
    assert_true(dead_letter_turns(m, slice_str("7")));
    assert_false(dead_letter_turns(m, slice_str("600")));
    message_unref(&m);
    m = been_through(1100); /* more than are remembered, but for the first of all */
    assert_true(dead_letter_turns(m, slice_str("0")));
    assert_false(dead_letter_turns(m, slice_str("1100")));
    message_unref(&m);
}

/* An array of entries, each about a queue of its own, or no table at all. */
static struct message *with_made_up_history(unsigned count)
{
    struct lv_buffer headers = {0}, header = {0};
    struct table_writer w;
    char queue[16];
    table_begin(&w, &headers);
    table_put_array(&w, "x-death");
    for (unsigned i = 0; i < count; i++) {
        table_put_str(&w, NULL, slice_str("no table"));
        table_put_table(&w, NULL);
        snprintf(queue, sizeof queue, "%u", i);
        table_put_str(&w, "queue", slice_str(queue));
        table_put_str(&w, "count", slice_str("many"));
        table_end(&w);
    }
    table_end(&w);
    struct properties p = {.flags = PROPERTY_HEADERS, .headers = table_end(&w)};
    size_t n = properties_size(&p);
    properties_put(lv_buffer_reserve(&header, n), &p);
    header.n = n;
    struct message *m = message_of("", "a", lv_buffer_slice(&header));
    lv_buffer_free(&headers);
    lv_buffer_free(&header);
    return m;
}

static unsigned count_entries(const struct message *m)
{
    struct properties p;
    struct field history, entry;
    unsigned count = 0;
    assert_true(properties_read(message_header(m), &p));
    assert_true(table_find(p.headers, "x-death", &history));
    while (array_next(&history.bytes, &entry)) {
        assert_int_equal(entry.type, FIELD_TABLE);
        count++;
    }
    return count;
}

static void of_a_made_up_history_tables_are_kept_up_to_a_limit(void **state)
{
    (void)state;
    static const struct {
        unsigned published, kept;
    } cases[] = {{0, 1}, {1, 2}, {200, 201}, {5000, 1025}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct message *m = with_made_up_history(cases[i].published);
        struct message *dead = die(m, "a", DEATH_REJECTED);
        assert_int_equal(count_entries(dead), cases[i].kept);
        message_unref(&dead);
        message_unref(&m);
    }
}

static void the_rounds_of_a_dead_letter_are_counted(void **state)
{
    (void)state;
    struct message *m = message_of("", "a", slice_of("\0\0", 2));
    const struct dead_letter d = {.queue = slice_str("q"), .reason = DEATH_REJECTED};
    assert_int_equal(dead_letter_rounds(m), 1);
    for (int64_t round = 1; round <= 3; round++) {
        struct dead_letter again = d;
        bool had_bad_history;
        again.message = m;
        struct message *made = dead_letter_make(&again, &had_bad_history);
        assert_int_equal(dead_letter_rounds(made), round);
        message_unref(&m);
        m = made;
    }
    message_unref(&m);
}

static void names_longer_than_a_short_string_are_cut(void **state)
{
    (void)state;
    char name[300];
    memset(name, 'n', sizeof name);
    struct message *m = message_of("", "a", slice_of("\0\0", 2));
    const struct dead_letter d = {
        .message = m,
        .queue = slice_str("q"),
        .exchange = slice_str("dlx"),
        .has_routing_key = true,
        .routing_key = slice_of(name, sizeof name),
    };
    bool had_bad_history;
    struct message *made = dead_letter_make(&d, &had_bad_history);
    assert_int_equal(message_routing_key(made).n, 255);
    message_unref(&made);
    message_unref(&m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_dead_letter_equals_rabbitmqs_octet_by_octet),
        cmocka_unit_test(a_dead_letter_has_headers_for_the_first_and_the_last_death),
        cmocka_unit_test(the_newest_entry_is_first_however_many_there_are),
        cmocka_unit_test(a_dead_letter_is_in_a_cycle_unless_it_was_rejected_on_the_way),
        cmocka_unit_test(a_message_without_a_valid_history_is_in_no_cycle),
        cmocka_unit_test(a_cycle_of_any_length_is_found),
        cmocka_unit_test(of_a_made_up_history_tables_are_kept_up_to_a_limit),
        cmocka_unit_test(the_rounds_of_a_dead_letter_are_counted),
        cmocka_unit_test(names_longer_than_a_short_string_are_cut),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
