/* Arguments of queues, exchanges and consumers. Every text is RabbitMQ 3.10's. */
#include "queue/consumer_arguments.h"
#include "queue/queue_arguments.h"
#include "topology/topology_world.h"

#define FOR " for queue 'q' in vhost '/'"
#define CLASSIC_TYPE " of queue type rabbit_classic_queue"
#define QUORUM_TYPE " of queue type rabbit_quorum_queue"

static const struct queue_flags DURABLE = {.durable = true};

/* Tables are written as "name TYPE value" with semicolons between. */
static struct slice table_of(struct lv_buffer *b, const char *text)
{
    char *copy = lv_strdup(text);
    char *save = NULL;
    b->n = 0;
    for (char *f = strtok_r(copy, ";", &save); f; f = strtok_r(NULL, ";", &save)) {
        char name[64], value[64] = "";
        char type = 0;
        assert_true(sscanf(f, " %63s %c %63[^;]", name, &type, value) >= 2);
        if (strchr("SxAF", type))
            table_add_bytes(b, name, type, value);
        else if (type == 'V')
            table_add(b, name, 'V', NULL, 0);
        else if (type == 't')
            table_add(b, name, 't', (uint8_t[]){value[0] == '1'}, 1);
        else if (type == 'd')
            table_add(b, name, 'd', (uint8_t[]){0x40, 0x14, 0, 0, 0, 0, 0, 0}, 8); /* 5.0 */
        else if (type == 'f')
            table_add(b, name, 'f', (uint8_t[]){0x40, 0xa8, 0, 0}, 4); /* 5.25 */
        else if (type == 'D')
            table_add(b, name, 'D', (uint8_t[]){2, 0, 0, 1, 58}, 5); /* {2,314} */
        else
            table_add_int(b, name, type, strtoll(value, NULL, 10));
    }
    free(copy);
    return lv_buffer_slice(b);
}

/* --- values ----------------------------------------------------------------------------------- */

static const struct {
    const char *table;
    const char *text; /* NULL: accepted */
} queue_rows[] = {
    {"", NULL},
    {"x-unknown D", NULL},
    {"x-consumer-timeout S abc", NULL},
    {"x-message-ttl I 0", NULL},
    {"x-message-ttl l 315360000000", NULL},
    {"x-message-ttl B 250", NULL},
    {"x-message-ttl I -1", "invalid arg 'x-message-ttl'" FOR ": {value_negative,-1}"},
    {"x-message-ttl l 1099511627776",
     "invalid arg 'x-message-ttl'" FOR ": {value_too_large,1099511627776}"},
    {"x-message-ttl S 5", "invalid arg 'x-message-ttl'" FOR ": \"expected integer, got longstr\""},
    {"x-message-ttl d", "invalid arg 'x-message-ttl'" FOR ": \"expected integer, got double\""},
    {"x-message-ttl f", "invalid arg 'x-message-ttl'" FOR ": \"expected integer, got float\""},
    {"x-message-ttl t 1", "invalid arg 'x-message-ttl'" FOR ": \"expected integer, got bool\""},
    {"x-message-ttl T 5",
     "invalid arg 'x-message-ttl'" FOR ": \"expected integer, got timestamp\""},
    {"x-message-ttl D", "invalid arg 'x-message-ttl'" FOR ": \"expected integer, got decimal\""},
    {"x-message-ttl V", "invalid arg 'x-message-ttl'" FOR ": \"expected integer, got void\""},
    {"x-message-ttl A", "invalid arg 'x-message-ttl'" FOR ": \"expected integer, got array\""},
    {"x-message-ttl F", "invalid arg 'x-message-ttl'" FOR ": \"expected integer, got table\""},
    {"x-expires I 1", NULL},
    {"x-expires I 0", "invalid arg 'x-expires'" FOR ": {value_zero,0}"},
    {"x-expires I -1", "invalid arg 'x-expires'" FOR ": {value_negative,-1}"},
    {"x-expires l 315360000001", "invalid arg 'x-expires'" FOR ": {value_too_large,315360000001}"},
    {"x-max-length I 0", NULL},
    {"x-max-length I -1", "invalid arg 'x-max-length'" FOR ": {value_negative,-1}"},
    {"x-max-length-bytes t 1",
     "invalid arg 'x-max-length-bytes'" FOR ": \"expected integer, got bool\""},
    {"x-max-priority I 255", NULL},
    {"x-max-priority I 256", "invalid arg 'x-max-priority'" FOR ": {max_value_exceeded,256}"},
    {"x-max-priority I -1", "invalid arg 'x-max-priority'" FOR ": {value_negative,-1}"},
    {"x-overflow S reject-publish-dlx", NULL},
    {"x-overflow S odd", "invalid arg 'x-overflow'" FOR ": invalid_overflow"},
    {"x-overflow b 1", "invalid arg 'x-overflow'" FOR ": {unacceptable_type,byte}"},
    {"x-queue-mode S lazy", NULL},
    {"x-queue-mode S zz", "invalid arg 'x-queue-mode'" FOR ": \"unsupported queue mode 'zz'\""},
    {"x-queue-mode I 1", "invalid arg 'x-queue-mode'" FOR ": {unacceptable_type,signedint}"},
    {"x-queue-version I 2", NULL},
    {"x-queue-version I 3",
     "invalid arg 'x-queue-version'" FOR ": \"unsupported queue version '3'\""},
    {"x-queue-version I -1", "invalid arg 'x-queue-version'" FOR ": {value_negative,-1}"},
    {"x-queue-type S classic", NULL},
    {"x-queue-type S zz", "invalid arg 'x-queue-type'" FOR ": \"unsupported queue type 'zz'\""},
    {"x-queue-type V", "invalid arg 'x-queue-type'" FOR ": {unacceptable_type,void}"},
    {"x-single-active-consumer t 0", NULL},
    {"x-single-active-consumer S true",
     "invalid arg 'x-single-active-consumer'" FOR ": {unacceptable_type,longstr}"},
    {"x-queue-master-locator I 7", NULL},
    {"x-dead-letter-exchange S dlx", NULL},
    {"x-dead-letter-exchange b 1",
     "invalid type 'byte' for arg 'x-dead-letter-exchange' in queue 'q' in vhost '/'"},
    {"x-dead-letter-routing-key S k",
     "invalid arg 'x-dead-letter-routing-key'" FOR ": routing_key_but_no_dlx_defined"},
    {"x-dead-letter-routing-key I 1",
     "invalid arg 'x-dead-letter-routing-key'" FOR ": {unacceptable_type,signedint}"},
    {"x-dead-letter-routing-key S k; x-dead-letter-exchange S x", NULL},
    /* Other types' arguments. */
    {"x-delivery-limit I 1", "invalid arg 'x-delivery-limit'" FOR CLASSIC_TYPE},
    {"x-max-in-memory-length I 1", "invalid arg 'x-max-in-memory-length'" FOR CLASSIC_TYPE},
    {"x-max-in-memory-bytes I 1", "invalid arg 'x-max-in-memory-bytes'" FOR CLASSIC_TYPE},
    {"x-dead-letter-strategy S a", "invalid arg 'x-dead-letter-strategy'" FOR CLASSIC_TYPE},
    {"x-quorum-initial-group-size I 1",
     "invalid arg 'x-quorum-initial-group-size'" FOR CLASSIC_TYPE},
    {"x-queue-leader-locator S balanced", "invalid arg 'x-queue-leader-locator'" FOR CLASSIC_TYPE},
    {"x-max-age S 1D", "invalid arg 'x-max-age'" FOR CLASSIC_TYPE},
    {"x-stream-max-segment-size-bytes I 1",
     "invalid arg 'x-stream-max-segment-size-bytes'" FOR CLASSIC_TYPE},
    {"x-initial-cluster-size I 1", "invalid arg 'x-initial-cluster-size'" FOR CLASSIC_TYPE},
    /* Which of several mistakes is reported. */
    {"x-delivery-limit I 1; x-message-ttl I -1; x-expires I 0",
     "invalid arg 'x-expires'" FOR ": {value_zero,0}"},
    {"x-max-age I 1; x-delivery-limit I 1", "invalid arg 'x-max-age'" FOR CLASSIC_TYPE},
    {"x-message-ttl I -1; x-dead-letter-exchange I 1; x-queue-type S zz",
     "invalid type 'signedint' for arg 'x-dead-letter-exchange' in queue 'q' in vhost '/'"},
    /* Quorum queues. */
    {"x-queue-type S quorum", NULL},
    {"x-queue-type S quorum; x-delivery-limit S abc", NULL},
    {"x-queue-type S quorum; x-overflow S reject-publish-dlx", NULL},
    {"x-queue-type S quorum; x-queue-leader-locator S random", NULL},
    {"x-queue-type S quorum; x-single-active-consumer t 1", NULL},
    {"x-queue-type S quorum; x-max-priority I 5", "invalid arg 'x-max-priority'" FOR QUORUM_TYPE},
    {"x-queue-type S quorum; x-queue-mode S lazy", "invalid arg 'x-queue-mode'" FOR QUORUM_TYPE},
    {"x-queue-type S quorum; x-queue-version I 2", "invalid arg 'x-queue-version'" FOR QUORUM_TYPE},
    {"x-queue-type S quorum; x-queue-master-locator S a",
     "invalid arg 'x-queue-master-locator'" FOR QUORUM_TYPE},
    {"x-queue-type S quorum; x-max-age S 1D", "invalid arg 'x-max-age'" FOR QUORUM_TYPE},
    {"x-queue-type S quorum; x-initial-cluster-size I 1", NULL},
    {"x-queue-type S quorum; x-dead-letter-strategy S xx",
     "invalid arg 'x-dead-letter-strategy'" FOR ": invalid_dlx_strategy"},
    {"x-queue-type S quorum; x-dead-letter-strategy I 1",
     "invalid arg 'x-dead-letter-strategy'" FOR ": {unacceptable_type,signedint}"},
    {"x-queue-type S quorum; x-max-in-memory-length I -3",
     "invalid arg 'x-max-in-memory-length'" FOR ": {value_negative,-3}"},
    {"x-queue-type S quorum; x-max-in-memory-length S x",
     "invalid arg 'x-max-in-memory-length'" FOR ": \"expected integer, got longstr\""},
    {"x-queue-type S quorum; x-quorum-initial-group-size I 0",
     "invalid arg 'x-quorum-initial-group-size'" FOR ": {value_zero,0}"},
    {"x-queue-type S quorum; x-quorum-initial-group-size I -1",
     "invalid arg 'x-quorum-initial-group-size'" FOR ": {value_negative,-1}"},
    {"x-queue-type S quorum; x-queue-leader-locator S zz",
     "invalid arg 'x-queue-leader-locator'" FOR ": invalid_queue_locator_arg"},
};

static void each_argument_of_a_queue_is_checked(void **state)
{
    (void)state;
    struct lv_buffer b = {0};
    for (size_t i = 0; i < sizeof queue_rows / sizeof *queue_rows; i++) {
        struct world w = {0};
        struct queue_arguments a;
        bool taken = queue_arguments_read(table_of(&b, queue_rows[i].table), DURABLE,
                                          slice_str("q"), slice_str("/"), &a, &w.error);
        if (taken != (queue_rows[i].text == NULL))
            fail_msg("%s: %s", queue_rows[i].table, w.error.text);
        if (!taken)
            assert_error(&w, 406, queue_rows[i].text);
        assert_false(w.error.closes_connection);
    }
    lv_buffer_free(&b);
}

static void quorum_queues_are_durable_and_not_exclusive(void **state)
{
    (void)state;
    static const struct {
        struct queue_flags flags;
        const char *property;
    } rows[] = {
        {{false, false, false}, "non-durable"},    {{true, true, false}, "exclusive-owner"},
        {{true, false, true}, "auto-delete"},      {{false, true, true}, "auto-delete"},
        {{false, true, false}, "exclusive-owner"},
    };
    struct lv_buffer b = {0};
    struct queue_arguments a;
    char text[100];
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct world w = {0};
        assert_false(queue_arguments_read(table_of(&b, "x-queue-type S quorum"), rows[i].flags,
                                          slice_str("q"), slice_str("/"), &a, &w.error));
        snprintf(text, sizeof text, "invalid property '%s'" FOR, rows[i].property);
        assert_error(&w, 406, text);
    }
    struct world w = {0};
    assert_false(queue_arguments_check_generated(table_of(&b, "x-queue-type S quorum"), &w.error));
    assert_error(&w, 406, "Cannot declare a server-named queue for type rabbit_quorum_queue");
    assert_true(queue_arguments_check_generated(SLICE_EMPTY, &w.error));
    lv_buffer_free(&b);
}

static void streams_are_not_implemented(void **state)
{
    (void)state;
    struct lv_buffer b = {0};
    struct queue_arguments a;
    struct world w = {0};
    assert_false(queue_arguments_read(table_of(&b, "x-queue-type S stream"), DURABLE,
                                      slice_str("q"), slice_str("/"), &a, &w.error));
    assert_error(&w, 540, "queue 'q' in vhost '/': queue type 'stream' is not supported");
    assert_true(w.error.closes_connection);
    lv_buffer_free(&b);
}

static void arguments_that_are_set_are_read_and_others_are_unset(void **state)
{
    (void)state;
    struct lv_buffer b = {0};
    struct queue_arguments a;
    struct world w = {0};
    assert_true(
        queue_arguments_read(SLICE_EMPTY, DURABLE, slice_str("q"), slice_str("/"), &a, &w.error));
    assert_int_equal(a.type, QUEUE_CLASSIC);
    assert_int_equal(a.message_ttl_ms, ARGUMENT_UNSET);
    assert_int_equal(a.expires_ms, ARGUMENT_UNSET);
    assert_int_equal(a.max_length, ARGUMENT_UNSET);
    assert_int_equal(a.max_length_bytes, ARGUMENT_UNSET);
    assert_int_equal(a.max_priority, ARGUMENT_UNSET);
    assert_int_equal(a.delivery_limit, ARGUMENT_UNSET);
    assert_int_equal(a.overflow, OVERFLOW_DROP_HEAD);
    assert_false(a.has_dead_letter_exchange || a.has_dead_letter_routing_key);
    assert_false(a.single_active_consumer);

    const char *text = "x-message-ttl I 1000; x-expires l 5000; x-max-length s 7; "
                       "x-max-length-bytes i 4000000000; x-max-priority B 10; "
                       "x-overflow S reject-publish; x-dead-letter-exchange S ; "
                       "x-dead-letter-routing-key S again; x-single-active-consumer t 1";
    assert_true(queue_arguments_read(table_of(&b, text), DURABLE, slice_str("q"), slice_str("/"),
                                     &a, &w.error));
    assert_int_equal(a.message_ttl_ms, 1000);
    assert_int_equal(a.expires_ms, 5000);
    assert_int_equal(a.max_length, 7);
    assert_int_equal(a.max_length_bytes, 4000000000);
    assert_int_equal(a.max_priority, 10);
    assert_int_equal(a.overflow, OVERFLOW_REJECT_PUBLISH);
    assert_true(a.has_dead_letter_exchange);
    assert_int_equal(a.dead_letter_exchange.n, 0);
    assert_true(slice_is(a.dead_letter_routing_key, "again"));
    assert_true(a.single_active_consumer);

    assert_true(queue_arguments_read(table_of(&b, "x-queue-type S quorum; x-delivery-limit I -5"),
                                     DURABLE, slice_str("q"), slice_str("/"), &a, &w.error));
    assert_int_equal(a.type, QUEUE_QUORUM);
    assert_int_equal(a.delivery_limit, DELIVERY_LIMIT_NONE);
    assert_int_equal(a.consumer_timeout_ms, ARGUMENT_UNSET);
    assert_true(queue_arguments_read(table_of(&b, "x-queue-type S quorum; x-delivery-limit S abc; "
                                                  "x-consumer-timeout l 5000000000"),
                                     DURABLE, slice_str("q"), slice_str("/"), &a, &w.error));
    assert_int_equal(a.delivery_limit, DELIVERY_LIMIT_NONE);
    assert_int_equal(a.consumer_timeout_ms, 5000000000);
    assert_true(queue_arguments_read(table_of(&b, "x-consumer-timeout I -1"), DURABLE,
                                     slice_str("q"), slice_str("/"), &a, &w.error));
    assert_int_equal(a.delivery_limit, ARGUMENT_UNSET);
    assert_int_equal(a.consumer_timeout_ms, 0);
    assert_true(queue_arguments_read(table_of(&b, "x-consumer-timeout S soon"), DURABLE,
                                     slice_str("q"), slice_str("/"), &a, &w.error));
    assert_int_equal(a.consumer_timeout_ms, ARGUMENT_UNSET);
    lv_buffer_free(&b);
}

/* --- equivalence ------------------------------------------------------------------------------ */

#define UNLIKE(arg) "inequivalent arg '" arg "'" FOR ": received "

static const struct {
    const char *have;
    const char *want;
    const char *text; /* NULL: equivalent */
} equivalence_rows[] = {
    {"", "", NULL},
    {"x-max-length I 5", "x-max-length I 5", NULL},
    {"x-max-length I 5", "x-max-length l 5", NULL},
    {"x-max-length I 5", "x-max-length b 5", NULL},
    {"x-max-length I 5", "x-max-length T 5", NULL},
    {"x-max-length I 10", "x-max-length I 11", UNLIKE("x-max-length") "'11' but current is '10'"},
    {"x-max-length I 5", "x-max-length B 250", UNLIKE("x-max-length") "'250' but current is '5'"},
    {"x-max-length I 5", "x-max-length i 4294967290",
     UNLIKE("x-max-length") "'4294967290' but current is '5'"},
    {"x-max-length I 5", "x-max-length d", UNLIKE("x-max-length") "'5.0' but current is '5'"},
    {"x-max-length I 5", "x-max-length f", UNLIKE("x-max-length") "'5.25' but current is '5'"},
    {"x-max-length I 5", "x-max-length t 1", UNLIKE("x-max-length") "'true' but current is '5'"},
    {"x-max-length I 5", "x-max-length S abc", UNLIKE("x-max-length") "'abc' but current is '5'"},
    {"x-max-length I 5", "x-max-length V", UNLIKE("x-max-length") "none but current is '5'"},
    {"x-message-ttl I 5", "x-message-ttl S 5", UNLIKE("x-message-ttl") "'5' but current is '5'"},
    {"", "x-max-length I 5",
     UNLIKE("x-max-length") "the value '5' of type 'signedint' but current is none"},
    {"x-message-ttl s 1000", "",
     UNLIKE("x-message-ttl") "none but current is the value '1000' of type 'short'"},
    {"", "x-dead-letter-exchange S q",
     UNLIKE("x-dead-letter-exchange") "the value 'q' of type 'longstr' but current is none"},
    {"x-dead-letter-exchange S a", "x-dead-letter-exchange S b",
     UNLIKE("x-dead-letter-exchange") "'b' but current is 'a'"},
    {"", "x-queue-master-locator d",
     UNLIKE("x-queue-master-locator") "the value '5.0' of type 'double' but current is none"},
    {"", "x-queue-master-locator D",
     UNLIKE("x-queue-master-locator") "the value '{2,314}' of type 'decimal' but current is none"},
    {"", "x-queue-master-locator V",
     UNLIKE("x-queue-master-locator") "the value 'undefined' of type 'void' but current is none"},
    {"", "x-queue-master-locator x abc",
     UNLIKE("x-queue-master-locator") "the value 'abc' of type 'binary' but current is none"},
    {"x-queue-master-locator S abc", "x-queue-master-locator x abc", NULL},
    {"", "x-queue-type S classic", NULL},
    {"x-queue-type S classic", "", NULL},
    {"", "x-queue-type S quorum",
     UNLIKE("x-queue-type") "the value 'quorum' of type 'longstr' but current is none"},
    {"x-queue-type S quorum", "",
     UNLIKE("x-queue-type") "none but current is the value 'quorum' of type 'longstr'"},
    {"", "x-queue-type S zz",
     UNLIKE("x-queue-type") "the value 'zz' of type 'longstr' but current is none"},
    {"", "x-single-active-consumer t 0",
     UNLIKE("x-single-active-consumer") "the value 'false' of type 'bool' but current is none"},
    {"x-single-active-consumer t 1", "x-single-active-consumer t 0",
     UNLIKE("x-single-active-consumer") "'false' but current is 'true'"},
    {"x-overflow S drop-head", "",
     UNLIKE("x-overflow") "none but current is the value 'drop-head' of type 'longstr'"},
    {"", "x-foo I 3", NULL},
    {"", "x-delivery-limit I 3", NULL},
    {"", "x-consumer-timeout I 3", NULL},
    {"", "x-alternate-exchange S a", NULL},
    {"x-max-length I 3; x-expires I 3000", "x-max-length I 4; x-expires I 4000",
     UNLIKE("x-expires") "'4000' but current is '3000'"},
};

static void a_redeclaration_agrees_with_the_queue_or_says_where_not(void **state)
{
    (void)state;
    struct lv_buffer have = {0}, want = {0};
    for (size_t i = 0; i < sizeof equivalence_rows / sizeof *equivalence_rows; i++) {
        struct world w = {0};
        bool equivalent = queue_is_equivalent(DURABLE, table_of(&have, equivalence_rows[i].have),
                                              DURABLE, table_of(&want, equivalence_rows[i].want),
                                              false, slice_str("q"), slice_str("/"), &w.error);
        if (equivalent != (equivalence_rows[i].text == NULL))
            fail_msg("'%s' and '%s'", equivalence_rows[i].have, equivalence_rows[i].want);
        if (!equivalent)
            assert_error(&w, 406, equivalence_rows[i].text);
    }
    lv_buffer_free(&have);
    lv_buffer_free(&want);
}

static void flags_are_compared_before_arguments(void **state)
{
    (void)state;
    struct world w = {0};
    struct queue_flags plain = {0};
    struct queue_flags both = {.durable = true, .auto_delete = true};
    struct lv_buffer b = {0};
    assert_false(queue_is_equivalent(plain, SLICE_EMPTY, both, table_of(&b, "x-expires I 1"), false,
                                     slice_str("q"), slice_str("/"), &w.error));
    assert_error(&w, 406, UNLIKE("durable") "'true' but current is 'false'");
    assert_false(queue_is_equivalent(both, SLICE_EMPTY, DURABLE, SLICE_EMPTY, false, slice_str("q"),
                                     slice_str("/"), &w.error));
    assert_error(&w, 406, UNLIKE("auto_delete") "'false' but current is 'true'");
    lv_buffer_free(&b);
}

static void the_type_may_differ_where_that_is_relaxed(void **state)
{
    (void)state;
    struct world w = {0};
    struct lv_buffer b = {0}, c = {0};
    struct slice q = slice_str("q"), vhost = slice_str("/");
    struct slice quorum = table_of(&b, "x-queue-type S quorum; x-delivery-limit I 3");
    struct slice limited = table_of(&c, "x-delivery-limit I 3");
    assert_false(queue_is_equivalent(DURABLE, quorum, DURABLE, limited, false, q, vhost, &w.error));
    assert_error(&w, 406,
                 UNLIKE("x-queue-type") "none but current is the value 'quorum' of type 'longstr'");
    assert_true(queue_is_equivalent(DURABLE, quorum, DURABLE, limited, true, q, vhost, &w.error));
    assert_false(
        queue_is_equivalent(DURABLE, quorum, DURABLE, SLICE_EMPTY, true, q, vhost, &w.error));
    assert_error(
        &w, 406,
        UNLIKE("x-delivery-limit") "none but current is the value '3' of type 'signedint'");
    lv_buffer_free(&c);
    lv_buffer_free(&b);
}

/* --- consumers -------------------------------------------------------------------------------- */

static void consumers_have_a_priority(void **state)
{
    (void)state;
    struct world w = {0};
    struct consumer_arguments a;
    struct lv_buffer b = {0};
    struct slice q = slice_str("q"), vhost = slice_str("/");
    assert_true(consumer_arguments_read(SLICE_EMPTY, QUEUE_CLASSIC, q, vhost, &a, &w.error));
    assert_int_equal(a.priority, 0);
    assert_true(consumer_arguments_read(table_of(&b, "x-priority b -3; x-odd S 1"), QUEUE_CLASSIC,
                                        q, vhost, &a, &w.error));
    assert_int_equal(a.priority, -3);
    assert_false(consumer_arguments_read(table_of(&b, "x-priority S 1"), QUEUE_CLASSIC, q, vhost,
                                         &a, &w.error));
    assert_error(&w, 406, "invalid arg 'x-priority'" FOR ": \"expected integer, got longstr\"");
    assert_false(consumer_arguments_read(table_of(&b, "x-cancel-on-ha-failover I 1"), QUEUE_CLASSIC,
                                         q, vhost, &a, &w.error));
    assert_error(&w, 406,
                 "invalid arg 'x-cancel-on-ha-failover'" FOR ": {unacceptable_type,signedint}");
    assert_false(consumer_arguments_read(table_of(&b, "x-stream-offset S first"), QUEUE_CLASSIC, q,
                                         vhost, &a, &w.error));
    assert_error(&w, 406, "invalid arg 'x-stream-offset'" FOR CLASSIC_TYPE);
    assert_false(consumer_arguments_read(table_of(&b, "x-cancel-on-ha-failover t 1"), QUEUE_QUORUM,
                                         q, vhost, &a, &w.error));
    assert_error(&w, 406, "invalid arg 'x-cancel-on-ha-failover'" FOR QUORUM_TYPE);
    assert_false(consumer_arguments_read(table_of(&b, "x-stream-offset S first"), QUEUE_QUORUM, q,
                                         vhost, &a, &w.error));
    assert_error(&w, 406, "invalid arg 'x-stream-offset'" FOR QUORUM_TYPE);
    lv_buffer_free(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_argument_of_a_queue_is_checked),
        cmocka_unit_test(quorum_queues_are_durable_and_not_exclusive),
        cmocka_unit_test(streams_are_not_implemented),
        cmocka_unit_test(arguments_that_are_set_are_read_and_others_are_unset),
        cmocka_unit_test(a_redeclaration_agrees_with_the_queue_or_says_where_not),
        cmocka_unit_test(flags_are_compared_before_arguments),
        cmocka_unit_test(the_type_may_differ_where_that_is_relaxed),
        cmocka_unit_test(consumers_have_a_priority),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
