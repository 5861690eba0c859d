#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "backends/oauth2/oauth2_discovery.h"
#include "backends/oauth2_tools.h"
#include "base/error.h"

static void check_url(struct oauth2_settings *settings, const char *expected)
{
    struct lv_buffer url = {0};
    oauth2_discovery_url(&settings->providers[0], &url);
    assert_string_equal((const char *)url.p, expected);
    lv_buffer_free(&url);
    oauth2_settings_unref(&settings);
}

static void an_issuer_is_asked_where_openid_says_or_elsewhere(void **state)
{
    (void)state;
    check_url(settings_of("issuer = https://idp/realms/test/", NULL),
              "https://idp/realms/test/.well-known/openid-configuration");
    check_url(settings_of("issuer = https://idp", "discovery_endpoint_path = /other/config",
                          "discovery_endpoint_params.p = a b&c", "discovery_endpoint_params.q = 1",
                          NULL),
              "https://idp/other/config?p=a%20b%26c&q=1");
}

/* Checks what an answer of the issuer https://idp gives: the URL, or the fault. */
static void check_answer(const char *answer, int error, const char *expected)
{
    struct oauth2_settings *settings =
        finished_settings_of("resource_server_id = r", "issuer = https://idp", NULL);
    struct lv_buffer url = {0}, reason = {0};
    assert_int_equal(
        oauth2_discovery_parse(&settings->providers[0], slice_str(answer), &url, &reason), error);
    if (error == 0)
        assert_string_equal((const char *)url.p, expected);
    check_text(&reason, error == 0 ? "" : expected);
    lv_buffer_free(&url);
    oauth2_settings_unref(&settings);
}

static void the_answer_names_the_url_of_the_keys(void **state)
{
    (void)state;
    const char *none = "the answer is not an OpenID configuration with a jwks_uri";
    check_answer("{\"issuer\": \"https://idp/\", \"jwks_uri\": \"https://keys/\"}", 0,
                 "https://keys/");
    check_answer("<html>", ERR_FORMAT, none);
    check_answer("[]", ERR_FORMAT, none);
    check_answer("{\"issuer\": \"https://idp\", \"jwks_uri\": 5}", ERR_FORMAT, none);
    check_answer("{\"issuer\": \"https://idp\", \"jwks_uri\": \"http://keys/\"}", ERR_FORMAT,
                 "its jwks_uri is not an https:// URL");
    check_answer("{\"jwks_uri\": \"https://keys/\"}", ERR_FORMAT, "the answer names no issuer");
    check_answer("{\"issuer\": \"https://evil\", \"jwks_uri\": \"https://keys/\"}", ERR_FORMAT,
                 "its issuer is 'https://evil' and not 'https://idp' (see "
                 "auth_oauth2.verify_iss)");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_issuer_is_asked_where_openid_says_or_elsewhere),
        cmocka_unit_test(the_answer_names_the_url_of_the_keys),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
