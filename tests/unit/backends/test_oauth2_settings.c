#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "backends/oauth2_tools.h"

#define S(text) slice_str(text)

static const char ID[] = "resource_server_id = rabbitmq";
static const char URI[] = "jwks_uri = https://idp/keys";

static void what_a_resource_server_does_not_set_comes_from_the_root(void **state)
{
    (void)state;
    struct oauth2_settings *settings =
        finished_settings_of(ID, URI, "additional_scopes_key = roles", "verify_aud = false",
                             "scope_pattern_syntax = regex", "preferred_username_claims.1 = email",
                             "scope_aliases.admin = rabbitmq.tag:administrator",
                             "resource_servers.a.scope_prefix = ", "resource_servers.b.id = b-id",
                             "resource_servers.b.verify_aud = true", NULL);
    const struct oauth2_resource_server *root = &settings->servers[0];
    const struct oauth2_resource_server *a = &settings->servers[1];
    const struct oauth2_resource_server *b = &settings->servers[2];
    assert_string_equal(root->scope_prefix, "rabbitmq.");
    assert_string_equal(a->id, "a");
    assert_string_equal(a->scope_prefix, "");
    assert_string_equal(a->additional_scopes_key, "roles");
    assert_string_equal(a->aliases.items[0].name, "admin");
    assert_string_equal(a->username_claims.items[0].value, "email");
    assert_string_equal(a->username_claims.items[1].value, "sub");
    assert_false(a->verifies_aud);
    assert_int_equal(a->syntax, OAUTH2_REGEX);
    assert_string_equal(b->id, "b-id");
    assert_string_equal(b->scope_prefix, "b-id.");
    assert_true(b->verifies_aud);
    oauth2_settings_unref(&settings);
}

static void indexes_are_in_the_order_of_their_numbers(void **state)
{
    (void)state;
    struct oauth2_settings *settings = finished_settings_of(
        ID, URI, "preferred_username_claims.10 = c", "preferred_username_claims.9 = b",
        "preferred_username_claims.1 = a", NULL);
    const struct oauth2_pairs *claims = &settings->servers[0].username_claims;
    static const char *const expected[] = {"a", "b", "c", "sub", "client_id"};
    assert_int_equal(claims->count, 5);
    for (size_t i = 0; i < claims->count; i++)
        assert_string_equal(claims->items[i].value, expected[i]);
    oauth2_settings_unref(&settings);
}

static void an_alias_is_set_in_one_line_or_in_two(void **state)
{
    (void)state;
    struct oauth2_settings *settings = finished_settings_of(
        ID, URI, "scope_aliases.2.scope = rabbitmq.read:*/* rabbitmq.write:*/*",
        "scope_aliases.admin = rabbitmq.tag:administrator", "scope_aliases.2.alias = api://x/dev",
        NULL);
    const struct oauth2_pairs *aliases = &settings->servers[0].aliases;
    assert_int_equal(aliases->count, 2);
    assert_string_equal(aliases->items[0].name, "admin");
    assert_string_equal(aliases->items[1].name, "api://x/dev");
    assert_string_equal(aliases->items[1].value, "rabbitmq.read:*/* rabbitmq.write:*/*");
    oauth2_settings_unref(&settings);
}

static void a_resource_server_finds_its_provider(void **state)
{
    (void)state;
    struct oauth2_settings *settings = finished_settings_of(
        "resource_servers.a.oauth_provider_id = x",
        "resource_servers.b.scope_prefix = b:", "oauth_providers.x.issuer = https://x",
        "oauth_providers.y.issuer = https://y", "default_oauth_provider = y", NULL);
    assert_null(settings->servers[0].id);
    assert_string_equal(settings->providers[settings->servers[1].provider].name, "x");
    assert_string_equal(settings->providers[settings->servers[2].provider].name, "y");
    oauth2_settings_unref(&settings);

    settings = finished_settings_of(ID, "oauth_providers.x.issuer = https://x", NULL);
    assert_string_equal(settings->providers[settings->servers[0].provider].name, "x");
    oauth2_settings_unref(&settings);
}

static void https_verifies_unless_it_is_told_otherwise(void **state)
{
    (void)state;
    struct oauth2_settings *settings = finished_settings_of(
        ID, "jwks_url = https://idp/keys", "oauth_providers.x.issuer = https://x",
        "oauth_providers.x.https.verify = verify_none", "oauth_providers.x.https.depth = 3", NULL);
    assert_true(settings->providers[0].https.verifies_peer);
    assert_int_equal(settings->providers[0].https.depth, 10);
    assert_string_equal(settings->providers[0].jwks_uri, "https://idp/keys");
    assert_false(settings->providers[1].https.verifies_peer);
    assert_int_equal(settings->providers[1].https.depth, 3);
    oauth2_settings_unref(&settings);
}

static void check_refused(enum oauth2_set_result result, const char *key, const char *value,
                          const char *fault)
{
    struct oauth2_settings *settings = oauth2_settings_create();
    struct lv_buffer said = {0};
    assert_int_equal(oauth2_settings_set(settings, S(key), S(value), &said), result);
    check_text(&said, fault);
    oauth2_settings_unref(&settings);
}

static void a_value_that_cannot_be_used_is_refused(void **state)
{
    (void)state;
    const char *url = "a URL that begins with https:// (or http://, if it is of this "
                      "host: 127.0.0.1, localhost, [::1])";
    check_refused(OAUTH2_SET_INVALID, "verify_aud", "yes", "true or false");
    check_refused(OAUTH2_SET_INVALID, "https.depth", "-1", "a number from 0 to 100");
    check_refused(OAUTH2_SET_INVALID, "https.verify", "true", "verify_peer or verify_none");
    check_refused(OAUTH2_SET_INVALID, "jwks_uri", "http://idp/keys", url);
    check_refused(OAUTH2_SET_INVALID, "issuer", "idp", url);
    check_refused(OAUTH2_SET_INVALID, "resource_servers.a.scope_pattern_syntax", "glob",
                  "regex or wildcard");
}

static void a_key_that_does_not_exist_is_unknown(void **state)
{
    (void)state;
    static const char *const keys[] = {
        "",
        "x",
        "signing_keys",
        "signing_keys.",
        "issuer.x",
        "resource_servers",
        "resource_servers.a",
        "resource_servers.a.resource_server_id",
        "resource_servers.a.issuer",
        "resource_servers..id",
        "oauth_providers.x.verify_aud",
        "oauth_providers.x.jwks_url",
    };
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
        check_refused(OAUTH2_SET_UNKNOWN, keys[i], "true", "");
}

static void a_key_without_effect_says_why(void **state)
{
    (void)state;
    check_refused(OAUTH2_SET_USELESS, "token_endpoint", "https://idp/token",
                  "the management page asks the provider's OpenID configuration for it; see "
                  "management.oauth_token_url");
    check_refused(OAUTH2_SET_USELESS, "https.crl_check", "true",
                  "Leveret does not fetch revocation lists for this connection");
    check_refused(OAUTH2_SET_USELESS, "https.hostname_verification", "none",
                  "the name in a certificate is always checked, and may have a wildcard");
    check_refused(OAUTH2_SET, "https.crl_check", "false", "");
    check_refused(OAUTH2_SET, "https.hostname_verification", "wildcard", "");
}

static void http_is_taken_from_this_host_alone(void **state)
{
    (void)state;
    assert_true(oauth2_url_is_safe("https://idp"));
    assert_true(oauth2_url_is_safe("http://127.0.0.1:80/keys"));
    assert_true(oauth2_url_is_safe("http://localhost/keys"));
    assert_true(oauth2_url_is_safe("http://[::1]:80"));
    assert_false(oauth2_url_is_safe("http://localhost.example.com/keys"));
    assert_false(oauth2_url_is_safe("http://127.0.0.1.example.com/"));
    assert_false(oauth2_url_is_safe("http://127.0.0.1:80@example.com/"));
    assert_false(oauth2_url_is_safe("https://"));
    assert_false(oauth2_url_is_safe("file:///etc/passwd"));
    assert_false(oauth2_url_is_safe(""));
}

static void check_unfinished(struct oauth2_settings *settings, const char *fault)
{
    struct lv_buffer said = {0};
    assert_false(oauth2_settings_finish(settings, &said));
    check_text(&said, fault);
    oauth2_settings_unref(&settings);
}

static void settings_that_do_not_fit_together_are_refused(void **state)
{
    (void)state;
    check_unfinished(settings_of(URI, NULL),
                     "auth_oauth2.resource_server_id is not set: a token names in its audience "
                     "whom it is for");
    check_unfinished(settings_of(ID, NULL),
                     "auth_oauth2.issuer, jwks_uri or signing_keys must be set: without keys no "
                     "token can be verified");
    check_unfinished(settings_of(ID, URI, "default_oauth_provider = x", NULL),
                     "auth_oauth2.default_oauth_provider: there is no provider 'x' in "
                     "auth_oauth2.oauth_providers");
    check_unfinished(settings_of(ID, URI, "resource_servers.a.oauth_provider_id = x", NULL),
                     "auth_oauth2.resource_servers.a.oauth_provider_id: there is no provider 'x' "
                     "in auth_oauth2.oauth_providers");
    check_unfinished(settings_of(ID, URI, "resource_servers.a.id = rabbitmq", NULL),
                     "auth_oauth2: two resource servers have the id 'rabbitmq'");
    check_unfinished(settings_of(ID, URI, "algorithms.1 = none", NULL),
                     "auth_oauth2.algorithms: Leveret does not know the algorithm 'none'");
    check_unfinished(settings_of(ID, URI, "scope_aliases.1.alias = a", NULL),
                     "auth_oauth2: scope_aliases.1.alias needs scope_aliases.1.scope");
    check_unfinished(settings_of(ID, "signing_keys.a = /a.pem", "default_key = b", NULL),
                     "auth_oauth2.default_key: there is no signing key 'b'");
}

static void named_settings_are_bounded(void **state)
{
    (void)state;
    struct oauth2_settings *settings = oauth2_settings_create();
    struct lv_buffer key = {0}, fault = {0};
    for (int i = 0; i <= OAUTH2_NAMED_MAX; i++) {
        key.n = 0;
        lv_buffer_printf(&key, "resource_servers.s%d.id", i);
        assert_int_equal(oauth2_settings_set(settings, lv_buffer_slice(&key), S("x"), &fault),
                         i < OAUTH2_NAMED_MAX ? OAUTH2_SET : OAUTH2_SET_INVALID);
    }
    check_text(&fault, "at most 16 resource servers");
    lv_buffer_free(&key);
    oauth2_settings_unref(&settings);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_a_resource_server_does_not_set_comes_from_the_root),
        cmocka_unit_test(indexes_are_in_the_order_of_their_numbers),
        cmocka_unit_test(an_alias_is_set_in_one_line_or_in_two),
        cmocka_unit_test(a_resource_server_finds_its_provider),
        cmocka_unit_test(https_verifies_unless_it_is_told_otherwise),
        cmocka_unit_test(a_value_that_cannot_be_used_is_refused),
        cmocka_unit_test(a_key_that_does_not_exist_is_unknown),
        cmocka_unit_test(a_key_without_effect_says_why),
        cmocka_unit_test(http_is_taken_from_this_host_alone),
        cmocka_unit_test(settings_that_do_not_fit_together_are_refused),
        cmocka_unit_test(named_settings_are_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
