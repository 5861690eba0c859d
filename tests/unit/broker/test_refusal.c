/* Why something was refused, beside the reply code that AMQP's clients are told. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "broker/broker.h"
#include "wire/wire.h"

static void a_refusal_says_what_its_reply_code_stands_for(void **state)
{
    (void)state;
    static const struct {
        uint16_t code;
        enum refusal refusal;
    } rows[] = {
        {REPLY_NOT_FOUND, REFUSAL_NOT_FOUND},
        {REPLY_ACCESS_REFUSED, REFUSAL_ACCESS},
        {REPLY_RESOURCE_LOCKED, REFUSAL_LOCKED},
        {REPLY_PRECONDITION_FAILED, REFUSAL_PRECONDITION},
        {REPLY_COMMAND_INVALID, REFUSAL_PRECONDITION},
        {REPLY_NOT_IMPLEMENTED, REFUSAL_NOT_IMPLEMENTED},
        {REPLY_INTERNAL_ERROR, REFUSAL_INTERNAL},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct broker_error error = {.refusal = REFUSAL_NONE};
        assert_false(broker_refuse(&error, rows[i].code, "no"));
        assert_int_equal(error.code, rows[i].code);
        assert_int_equal(error.refusal, rows[i].refusal);
        assert_false(error.closes_connection);
        assert_false(broker_refuse_connection(&error, rows[i].code, "no"));
        assert_int_equal(error.refusal, rows[i].refusal);
        assert_true(error.closes_connection);
    }
}

static void a_refusal_may_say_more_than_its_reply_code(void **state)
{
    (void)state;
    struct broker_error error = {.closes_connection = true};
    assert_false(broker_refuse_as(&error, REFUSAL_NOT_EMPTY, REPLY_PRECONDITION_FAILED,
                                  "queue '%s' not empty", "q"));
    assert_int_equal(error.code, 406);
    assert_int_equal(error.refusal, REFUSAL_NOT_EMPTY);
    assert_false(error.closes_connection);
    assert_string_equal(error.text, "queue 'q' not empty");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_refusal_says_what_its_reply_code_stands_for),
        cmocka_unit_test(a_refusal_may_say_more_than_its_reply_code),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
