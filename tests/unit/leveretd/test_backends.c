/* The settings of backends, from the config to the backend. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/error.h"
#include "leveretd/backends.h"
#include "leveretd/said.h"

static struct config *config_of(const char *text)
{
    struct config *config = config_create();
    struct lv_buffer said = {0};
    assert_int_equal(config_parse(config, slice_str(text), "file", said_add, &said), 0);
    said_check(&said, "");
    lv_buffer_free(&said);
    return config;
}

static void every_url_and_file_of_http_is_checked_before_the_start(void **state)
{
    (void)state;
    struct config *config = config_of("auth_http.user_path = ftp://localhost/user\n"
                                      "auth_http.vhost_path = https://localhost/vhost\n"
                                      "auth_http.topic_path = localhost/topic\n"
                                      "auth_http.ssl_options.cacertfile = /nowhere/ca.pem\n");
    struct lv_buffer said = {0};
    assert_int_equal(config_check(config, said_add, &said), ERR_INVALID);
    said_check(&said, "error: file:1: invalid value 'ftp://localhost/user' for "
                      "auth_http.user_path: expected a URL that begins with http:// or https://\n"
                      "error: file:3: invalid value 'localhost/topic' for "
                      "auth_http.topic_path: expected a URL that begins with http:// or https://\n"
                      "error: file:4: invalid value '/nowhere/ca.pem' for "
                      "auth_http.ssl_options.cacertfile: expected a file that can be read "
                      "(No such file or directory)\n");
    lv_buffer_free(&said);
    config_free(&config);
}

static void check_said(const char *text, int error, const char *expected)
{
    struct config *config = config_of(text);
    struct lv_buffer said = {0};
    assert_int_equal(config_check(config, said_add, &said), error);
    said_check(&said, expected);
    lv_buffer_free(&said);
    config_free(&config);
}

static void every_fault_of_oauth2_is_reported_before_the_start(void **state)
{
    (void)state;
    check_said("auth_oauth2.resource_server_id = rabbitmq\n"
               "auth_oauth2.verify_aud = yes\n"
               "auth_oauth2.verfy_aud = true\n"
               "auth_oauth2.token_endpoint = https://idp/token\n"
               "auth_oauth2.signing_keys.a = /nowhere/a.pem\n"
               "auth_backends.1 = oauth2\n",
               ERR_INVALID,
               "error: file:2: invalid value 'yes' for auth_oauth2.verify_aud: expected true or "
               "false\n"
               "warning: file:3: ignoring unknown key 'auth_oauth2.verfy_aud'\n"
               "warning: file:4: auth_oauth2.token_endpoint has no effect: the management page "
               "asks the provider's OpenID configuration for it; see management.oauth_token_url\n"
               "error: file:5: invalid value '/nowhere/a.pem' for auth_oauth2.signing_keys.a: "
               "expected a file that can be read (No such file or directory)\n");
    check_said("auth_oauth2.resource_server_id = rabbitmq\nauth_backends.1 = oauth2\n", ERR_INVALID,
               "error: auth_oauth2.issuer, jwks_uri or signing_keys must be set: without keys no "
               "token can be verified\n");
    check_said("auth_oauth2.resource_server_id = rabbitmq\n"
               "auth_oauth2.jwks_uri = https://idp/keys\n",
               0, "");
    check_said("auth_oauth2.resource_server_id = rabbitmq\nauth_backends.1 = internal\n", 0,
               "warning: auth_oauth2.issuer, jwks_uri or signing_keys must be set: without keys no "
               "token can be verified (ignored: no auth_backends.N is oauth2)\n");
}

static void a_backend_that_does_not_exist_is_named(void **state)
{
    (void)state;
    struct config *config = config_create();
    struct auth_backend *backend = NULL;
    struct lv_buffer reason = {0};
    assert_int_equal(backend_from_config(config, "carrier_pigeon", &backend, &reason),
                     ERR_NOT_FOUND);
    assert_null(backend);
    lv_buffer_add_u8(&reason, '\0');
    assert_string_equal((const char *)reason.p, "there is no backend 'carrier_pigeon'");
    lv_buffer_free(&reason);
    config_free(&config);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_url_and_file_of_http_is_checked_before_the_start),
        cmocka_unit_test(every_fault_of_oauth2_is_reported_before_the_start),
        cmocka_unit_test(a_backend_that_does_not_exist_is_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
