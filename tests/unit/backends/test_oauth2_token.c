#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "backends/oauth2/oauth2_token.h"
#include "backends/oauth2_tools.h"
#include "base/error.h"

static void a_token_has_a_header_and_claims(void **state)
{
    (void)state;
    char *text = token_forge("{'alg': 'ES256', 'kid': 'k1'}", "{'sub': 'ann'}", "c2ln");
    struct oauth2_token token;
    struct lv_buffer reason = {0};
    assert_int_equal(oauth2_token_parse(slice_str(text), &token, &reason), 0);
    assert_string_equal(token.algorithm->name, "ES256");
    assert_string_equal(token.key_id, "k1");
    assert_string_equal(json_string_value(json_object_get(token.payload, "sub")), "ann");
    oauth2_token_free(&token);
    free(text);
}

static void check_refused(const char *text, const char *why)
{
    struct oauth2_token token;
    struct lv_buffer reason = {0};
    assert_int_equal(oauth2_token_parse(slice_str(text), &token, &reason), ERR_FORMAT);
    check_text(&reason, why);
}

static void check_header_refused(const char *header, const char *why)
{
    char *text = token_forge(header, "{}", "c2ln");
    check_refused(text, why);
    free(text);
}

static void what_is_no_token_is_refused(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "",
        "guest",
        ".",
        "..",
        "e30",
        "e30.e30",
        "e30.e30.e30.e30",
        "e30.e30.e30.e30.e30",
        "e30=.e30.",
        "e3 0.e30.",
        "e30.e30.\n",
        "e30.e+0.",
        "e30.e/0.",
    };
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        check_refused(texts[i], "it is not a signed JWT");
}

static void header_and_payload_are_json_objects(void **state)
{
    (void)state;
    const char *why = "its header or its payload is not a JSON object";
    check_header_refused("[]", why);
    check_header_refused("'text'", why);
    check_header_refused("{", why);
    check_header_refused("{'alg': 'RS256', 'alg': 'HS256'}", why);
    check_header_refused("{'alg': 'RS256\\u0000'}", why);
    check_refused("e30.W10.c2ln", why);
    check_refused("e30..c2ln", why);
    check_refused("e.e30.c2ln", why);
}

static void only_known_algorithms_are_accepted(void **state)
{
    (void)state;
    check_header_refused("{}", "its header names no algorithm");
    check_header_refused("{'alg': 5}", "its header names no algorithm");
    check_header_refused("{'alg': 'none'}",
                         "it is signed with the algorithm 'none', which is not accepted");
    check_header_refused("{'alg': 'None'}",
                         "it is signed with the algorithm 'None', which is not accepted");
    check_header_refused("{'alg': 'EdDSA'}",
                         "it is signed with the algorithm 'EdDSA', which is not accepted");
    check_header_refused("{'alg': 'rs256'}",
                         "it is signed with the algorithm 'rs256', which is not accepted");
}

static void a_header_that_cannot_be_understood_is_refused(void **state)
{
    (void)state;
    check_header_refused("{'alg': 'RS256', 'kid': 5}", "the key id in its header is not a text");
    check_header_refused("{'alg': 'RS256', 'crit': ['b64'], 'b64': false}",
                         "its header requires an extension that is not known");
}

static void a_token_is_bounded(void **state)
{
    (void)state;
    static char text[OAUTH2_TOKEN_BYTES_MAX + 1];
    struct oauth2_token token;
    struct lv_buffer reason = {0};
    memset(text, 'a', sizeof text);
    assert_int_equal(oauth2_token_parse(slice_of(text, sizeof text), &token, &reason),
                     ERR_TOO_LARGE);
    check_text(&reason, "it is longer than 65536 bytes");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_token_has_a_header_and_claims),
        cmocka_unit_test(what_is_no_token_is_refused),
        cmocka_unit_test(header_and_payload_are_json_objects),
        cmocka_unit_test(only_known_algorithms_are_accepted),
        cmocka_unit_test(a_header_that_cannot_be_understood_is_refused),
        cmocka_unit_test(a_token_is_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
