/* What a client hears of its publishes, read as strictly as any client does: php-amqplib wants the
 * tag of each frame to be one that is still open, and Go's amqp091-go takes a `multiple` for all
 * that it has not told its caller of in order, refused ones among them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "amqp/confirms.h"
#include "base/buffer.h"

enum { PUBLISHES_MAX = 700, QUEUES_MAX = 3 };

/* --- transcripts ------------------------------------------------------------------------------ */

static struct lv_buffer told;

static void note(void *arg, uint64_t number, bool multiple, bool nack)
{
    (void)arg;
    lv_buffer_printf(&told, "%s %d%s, ", nack ? "nack" : "ack", (int)number, multiple ? "*" : "");
}

#define TELLS(c, text)                                                                             \
    do {                                                                                           \
        confirms_flush((c), note, NULL);                                                           \
        lv_buffer_add(&told, "", 1);                                                               \
        assert_string_equal((const char *)told.p, (text));                                         \
        lv_buffer_free(&told);                                                                     \
    } while (0)

static void take(struct confirms *c, int count)
{
    while (count-- > 0)
        confirms_take(c);
}

static void wait_for(struct confirms *c, uint32_t later)
{
    confirms_wait(c, &(struct confirm_answers){.later = later}, false, 0);
}

static void settled(struct confirms *c, uint64_t number, enum confirm_answer answer)
{
    assert_int_equal(confirms_answer(c, number, answer, 0), CONFIRM_SETTLED);
}

static void publishes_taken_in_order_are_acked_in_one_frame(void **state)
{
    (void)state;
    struct confirms c;
    confirms_init(&c);
    take(&c, 1);
    TELLS(&c, "ack 1, ");
    take(&c, 1000);
    TELLS(&c, "ack 1001*, ");
    for (int i = 0; i < 300; i++)
        wait_for(&c, 1);
    TELLS(&c, "");
    for (uint64_t n = 1002; n <= 1300; n++)
        settled(&c, n, CONFIRM_TOOK);
    take(&c, 1);
    TELLS(&c, "ack 1300*, ack 1302, ");
    settled(&c, 1301, CONFIRM_TOOK);
    TELLS(&c, "ack 1301, ");
    TELLS(&c, "");
    confirms_free(&c);
}

static void a_multiple_ends_before_a_number_that_is_refused_or_was_told(void **state)
{
    (void)state;
    struct confirms c;
    confirms_init(&c);
    wait_for(&c, 1);     /* a durable queue ... */
    confirms_refuse(&c); /* ... and a full one */
    TELLS(&c, "nack 2, ");
    settled(&c, 1, CONFIRM_TOOK);
    TELLS(&c, "ack 1, ");
    take(&c, 3);
    confirms_refuse(&c);
    confirms_refuse(&c);
    take(&c, 2);
    TELLS(&c, "ack 5*, nack 7*, ack 9*, ");
    wait_for(&c, 1);
    wait_for(&c, 1);
    take(&c, 1);
    wait_for(&c, 1);
    wait_for(&c, 1);
    TELLS(&c, "ack 12, ");
    for (uint64_t n = 14; n >= 10; n -= n == 13 ? 2 : 1)
        settled(&c, n, CONFIRM_TOOK);
    TELLS(&c, "ack 11*, ack 14*, "); /* 12 is told already */
    confirms_free(&c);
}

static void one_queue_that_refuses_means_a_nack_and_one_that_is_gone_does_not(void **state)
{
    (void)state;
    struct confirms c;
    confirms_init(&c);
    wait_for(&c, 2);
    assert_int_equal(confirms_answer(&c, 1, CONFIRM_REFUSED, 0), CONFIRM_OPEN);
    settled(&c, 1, CONFIRM_TOOK);
    wait_for(&c, 2);
    assert_int_equal(confirms_answer(&c, 2, CONFIRM_GONE, 0), CONFIRM_OPEN);
    settled(&c, 2, CONFIRM_TOOK);
    confirms_wait(&c, &(struct confirm_answers){.later = 1, .taken = true}, true, 0);
    settled(&c, 3, CONFIRM_GONE);
    TELLS(&c, "nack 1*, ack 3*, ");
    confirms_free(&c);
}

static void a_message_that_no_queue_has_is_returned_if_mandatory_else_nacked(void **state)
{
    (void)state;
    struct confirms c;
    confirms_init(&c);
    wait_for(&c, 1);
    settled(&c, 1, CONFIRM_GONE);
    confirms_wait(&c, &(struct confirm_answers){.later = 2, .gone = true}, true, 0);
    assert_int_equal(confirms_answer(&c, 2, CONFIRM_GONE, 0), CONFIRM_OPEN);
    assert_int_equal(confirms_answer(&c, 2, CONFIRM_GONE, 0), CONFIRM_RETURNED);
    confirms_wait(&c, &(struct confirm_answers){.later = 1, .refused = true}, true, 0);
    settled(&c, 3, CONFIRM_GONE);
    TELLS(&c, "nack 1*, ack 2, nack 3*, ");
    confirms_free(&c);
}

/* --- a strict client -------------------------------------------------------------------------- */

enum verdict { UNTOLD, ACKED, NACKED };

struct publish {
    uint32_t due; /* answers */
    bool refused;
    enum verdict expected, heard;
};

struct client {
    struct publish publishes[PUBLISHES_MAX + 1];
    uint64_t count;
    uint64_t lowest; /* all below it are told */
    uint64_t frames;
};

/* Of each number a frame stands for it tells for the first time, and the truth. */
static void hear(void *arg, uint64_t number, bool multiple, bool nack)
{
    struct client *client = arg;
    assert_in_range(number, 1, client->count);
    uint64_t from = multiple ? client->lowest : number;
    assert_true(from <= number);
    for (uint64_t n = from; n <= number; n++) {
        struct publish *p = &client->publishes[n];
        assert_int_equal(p->heard, UNTOLD);
        assert_int_equal(p->due, 0);
        p->heard = nack ? NACKED : ACKED;
        assert_int_equal(p->heard, p->expected);
    }
    while (client->lowest <= client->count && client->publishes[client->lowest].heard != UNTOLD)
        client->lowest++;
    client->frames++;
}

static uint64_t random_state;

static uint64_t below(uint64_t n)
{
    random_state = random_state * 6364136223846793005u + 1442695040888963407u;
    return (random_state >> 33) % n;
}

static void publish(struct confirms *c, struct client *client)
{
    struct confirm_answers answers = {.later = below(3) ? (uint32_t)below(QUEUES_MAX + 1) : 0};
    struct publish *p = &client->publishes[++client->count];
    answers.refused = below(4) == 0;
    assert_int_equal(confirms_next(c), client->count);
    *p = (struct publish){.due = answers.later, .refused = answers.refused};
    p->expected = answers.refused ? NACKED : ACKED;
    if (answers.later > 0)
        confirms_wait(c, &answers, false, 0);
    else if (answers.refused)
        confirms_refuse(c);
    else
        confirms_take(c);
}

/* A queue answers for any of the open ones. */
static void answer(struct confirms *c, struct client *client)
{
    uint64_t number = 1 + below(client->count);
    struct publish *p = &client->publishes[number];
    if (p->due == 0)
        return;
    bool refused = below(6) == 0;
    p->refused |= refused;
    p->due--;
    enum confirm_end end = confirms_answer(c, number, refused ? CONFIRM_REFUSED : CONFIRM_TOOK, 0);
    assert_int_equal(end, p->due > 0 ? CONFIRM_OPEN : CONFIRM_SETTLED);
    p->expected = p->refused ? NACKED : ACKED;
}

static void converse(uint64_t seed)
{
    struct confirms c;
    struct client client = {.lowest = 1};
    random_state = seed;
    uint64_t patience = 1 + below(20), pace = 1 + below(6);
    confirms_init(&c);
    while (client.lowest <= PUBLISHES_MAX) {
        if (client.count < PUBLISHES_MAX && below(pace) == 0)
            publish(&c, &client);
        else if (client.count > 0)
            answer(&c, &client);
        if (below(patience) != 0)
            continue;
        confirms_flush(&c, hear, &client);
        for (uint64_t n = 1; n <= client.count; n++) /* nothing is kept back that is settled */
            assert_true((client.publishes[n].heard == UNTOLD) == (client.publishes[n].due > 0));
    }
    assert_int_equal(confirms_outstanding(&c), 0);
    confirms_free(&c);
}

static void every_publish_is_confirmed_once_and_correctly_in_any_order_of_answers(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 60; seed++)
        converse(seed);
}

static void acked_publishes_are_counted_by_their_tag(void **state)
{
    (void)state;
    struct confirms c;
    confirms_init(&c);
    c.tag = 3;
    take(&c, 2);
    wait_for(&c, 1);
    c.tag = 5;
    wait_for(&c, 1);
    wait_for(&c, 1);
    settled(&c, 3, CONFIRM_TOOK);
    settled(&c, 4, CONFIRM_REFUSED);
    settled(&c, 5, CONFIRM_TOOK);
    assert_int_equal(c.acked[3], 3);
    assert_int_equal(c.acked[5], 1);
    confirms_free(&c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(publishes_taken_in_order_are_acked_in_one_frame),
        cmocka_unit_test(a_multiple_ends_before_a_number_that_is_refused_or_was_told),
        cmocka_unit_test(one_queue_that_refuses_means_a_nack_and_one_that_is_gone_does_not),
        cmocka_unit_test(a_message_that_no_queue_has_is_returned_if_mandatory_else_nacked),
        cmocka_unit_test(every_publish_is_confirmed_once_and_correctly_in_any_order_of_answers),
        cmocka_unit_test(acked_publishes_are_counted_by_their_tag),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
