#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "backends/oauth2/oauth2_claims.h"
#include "backends/oauth2_tools.h"

#define S(text) slice_str(text)

enum { NOW_S = 1000000 };

static const char ID[] = "resource_server_id = rabbitmq";
static const char URI[] = "jwks_uri = https://idp/keys";

/* --- The audience ----------------------------------------------------------------------------- */

/* Checks that the claims are for this resource server; NULL: for none, because of `why`. */
static void check_server(const struct oauth2_settings *settings, const char *claims, const char *id,
                         const char *why)
{
    json_t *json = json_of(claims);
    struct lv_buffer reason = {0};
    const struct oauth2_resource_server *server = oauth2_claims_server(settings, json, &reason);
    check_text(&reason, why);
    if (id)
        assert_string_equal(server->id, id);
    else
        assert_null(server);
    json_decref(json);
}

static void the_audience_names_the_resource_server(void **state)
{
    (void)state;
    const char *other = "its audience (aud) does not name the resource server";
    struct oauth2_settings *settings =
        finished_settings_of(ID, URI, "resource_servers.b.scope_prefix = b.", NULL);
    check_server(settings, "{'aud': 'rabbitmq'}", "rabbitmq", "");
    check_server(settings, "{'aud': 'x rabbitmq y'}", "rabbitmq", "");
    check_server(settings, "{'aud': ['x', 'b']}", "b", "");
    check_server(settings, "{'aud': ['b', 'b']}", "b", "");
    check_server(settings, "{'aud': ['x b']}", NULL, other);
    check_server(settings, "{'aud': 'rabbitmq2'}", NULL, other);
    check_server(settings, "{'aud': 5}", NULL, other);
    check_server(settings, "{'aud': {'rabbitmq': 'rabbitmq'}}", NULL, other);
    check_server(settings, "{}", NULL, "it has no audience (aud)");
    check_server(settings, "{'aud': ['rabbitmq', 'b']}", NULL,
                 "its audience names several resource servers");
    oauth2_settings_unref(&settings);
}

static void the_audience_may_be_left_unverified(void **state)
{
    (void)state;
    struct oauth2_settings *settings = finished_settings_of(
        ID, URI, "verify_aud = false", "resource_servers.b.verify_aud = true", NULL);
    check_server(settings, "{'aud': 'x'}", "rabbitmq", "");
    check_server(settings, "{}", "rabbitmq", "");
    check_server(settings, "{'aud': 'b'}", "b", "");
    oauth2_settings_unref(&settings);

    settings =
        finished_settings_of(ID, URI, "verify_aud = false", "resource_servers.b.id = b", NULL);
    check_server(settings, "{}", NULL, "it has no audience (aud)");
    oauth2_settings_unref(&settings);
}

/* --- Times, the issuer, the user -------------------------------------------------------------- */

/* Checks exp, nbf and iss. A negative `expires` means that the token is refused because of
 * `why`. */
static void check_claims(const struct oauth2_settings *settings, const char *claims,
                         int64_t expires, const char *why)
{
    json_t *json = json_of(claims);
    struct lv_buffer reason = {0};
    uint64_t expires_at_s = 7;
    bool is_good = oauth2_claims_check(&settings->servers[0], &settings->providers[0], json, NOW_S,
                                       &expires_at_s, &reason);
    check_text(&reason, why);
    assert_int_equal(is_good, expires >= 0);
    assert_int_equal(expires_at_s, expires >= 0 ? expires : 7);
    json_decref(json);
}

static void a_token_counts_until_it_expires(void **state)
{
    (void)state;
    struct oauth2_settings *settings = finished_settings_of(ID, URI, NULL);
    check_claims(settings, "{'exp': 1000001}", 1000001, "");
    check_claims(settings, "{'exp': 1000001.9}", 1000001, "");
    check_claims(settings, "{'exp': 1e300}", 253402300799, "");
    check_claims(settings, "{'exp': 1000000}", -1,
                 "it expired at 1000000, and it is 1000000 (seconds since 1970)");
    check_claims(settings, "{'exp': -5}", -1,
                 "it expired at 0, and it is 1000000 (seconds since 1970)");
    check_claims(settings, "{'exp': '2000000'}", -1, "its exp is not a number");
    check_claims(settings, "{'exp': null}", -1, "its exp is not a number");
    check_claims(settings, "{}", -1,
                 "it has no exp, so it would never expire (see auth_oauth2.require_exp)");
    oauth2_settings_unref(&settings);

    settings = finished_settings_of(ID, URI, "require_exp = false", NULL);
    check_claims(settings, "{}", 0, "");
    check_claims(settings, "{'exp': 1}", -1,
                 "it expired at 1, and it is 1000000 (seconds since 1970)");
    oauth2_settings_unref(&settings);
}

static void a_token_counts_from_its_nbf_or_a_minute_earlier(void **state)
{
    (void)state;
    struct oauth2_settings *settings = finished_settings_of(ID, URI, NULL);
    check_claims(settings, "{'exp': 2000000, 'nbf': 1000060}", 2000000, "");
    check_claims(settings, "{'exp': 2000000, 'nbf': 1000061}", -1,
                 "it is not valid before 1000061, and it is 1000000 (seconds since 1970)");
    check_claims(settings, "{'exp': 2000000, 'nbf': 'now'}", -1, "its nbf is not a number");
    oauth2_settings_unref(&settings);
}

static void the_issuer_is_compared_where_it_is_known(void **state)
{
    (void)state;
    const char *other = "its issuer is 'https://evil' and not 'https://idp/' (see "
                        "auth_oauth2.verify_iss)";
    struct oauth2_settings *settings = finished_settings_of(ID, "issuer = https://idp/", NULL);
    check_claims(settings, "{'exp': 2000000, 'iss': 'https://idp'}", 2000000, "");
    check_claims(settings, "{'exp': 2000000}", 2000000, "");
    check_claims(settings, "{'exp': 2000000, 'iss': 'https://evil'}", -1, other);
    check_claims(settings, "{'exp': 2000000, 'iss': ['https://idp']}", -1,
                 "its issuer is '?' and not 'https://idp/' (see auth_oauth2.verify_iss)");
    oauth2_settings_unref(&settings);

    settings = finished_settings_of(ID, "issuer = https://idp/", "verify_iss = false", NULL);
    check_claims(settings, "{'exp': 2000000, 'iss': 'https://evil'}", 2000000, "");
    oauth2_settings_unref(&settings);
}

static void check_user(const struct oauth2_settings *settings, const char *claims, const char *user)
{
    json_t *json = json_of(claims);
    struct lv_buffer reason = {0};
    struct slice name;
    assert_true(oauth2_claims_user(&settings->servers[0], json, &name, &reason));
    assert_true(slice_is(name, user));
    json_decref(json);
}

static void the_user_is_named_by_the_first_claim_that_is_a_text(void **state)
{
    (void)state;
    struct oauth2_settings *settings =
        finished_settings_of(ID, URI, "preferred_username_claims.1 = user_name",
                             "preferred_username_claims.2 = email", NULL);
    check_user(settings, "{'email': 'e', 'user_name': 'u', 'sub': 's'}", "u");
    check_user(settings, "{'email': 'e', 'user_name': 5, 'sub': 's'}", "e");
    check_user(settings, "{'email': '', 'sub': 's', 'client_id': 'c'}", "s");
    check_user(settings, "{'client_id': 'c'}", "c");
    check_user(settings, "{}", "unknown");
    oauth2_settings_unref(&settings);
}

static void a_name_that_is_too_long_is_refused(void **state)
{
    (void)state;
    struct oauth2_settings *settings = finished_settings_of(ID, URI, NULL);
    char name[OAUTH2_USER_BYTES_MAX + 2] = {0};
    memset(name, 'a', sizeof name - 1);
    json_t *json = json_object();
    json_object_set_new(json, "sub", json_string(name));
    struct slice user;
    struct lv_buffer reason = {0};
    assert_false(oauth2_claims_user(&settings->servers[0], json, &user, &reason));
    check_text(&reason, "the user's name in it is longer than 255 bytes");
    json_decref(json);
    oauth2_settings_unref(&settings);
}

/* --- Scopes ----------------------------------------------------------------------------------- */

/* Returns the scopes of the claims at the first resource server, which is freed. */
static struct oauth2_scopes *scopes_of(struct oauth2_settings *settings, const char *claims)
{
    json_t *json = json_of(claims);
    struct lv_buffer reason = {0};
    struct oauth2_scopes *scopes = oauth2_claims_scopes(&settings->servers[0], json, &reason);
    check_text(&reason, "");
    json_decref(json);
    oauth2_settings_unref(&settings);
    return scopes;
}

static bool may_read(const struct oauth2_scopes *scopes, const char *name)
{
    return oauth2_scopes_allow(scopes, AUTH_READ, S("v"), S(name));
}

static void scopes_are_a_list_or_words_with_the_prefix(void **state)
{
    (void)state;
    struct oauth2_scopes *scopes =
        scopes_of(finished_settings_of(ID, URI, NULL),
                  "{'scope': ['rabbitmq.read:v/a', 'read:v/b', 5, 'other.read:v/c', "
                  "'rabbitmq.tag:management']}");
    assert_true(may_read(scopes, "a"));
    assert_false(may_read(scopes, "b"));
    assert_false(may_read(scopes, "c"));
    assert_true(slice_is(oauth2_scopes_tags(scopes), "management"));
    oauth2_scopes_free(&scopes);

    scopes = scopes_of(finished_settings_of(ID, URI, "scope_prefix = ", NULL),
                       "{'scope': ' read:v/a  read:v/b openid'}");
    assert_true(may_read(scopes, "a"));
    assert_true(may_read(scopes, "b"));
    oauth2_scopes_free(&scopes);
}

static void a_token_without_scopes_allows_nothing(void **state)
{
    (void)state;
    static const char *const claims[] = {"{}",
                                         "{'scope': null}",
                                         "{'scope': {}}",
                                         "{'scope': []}",
                                         "{'scope': ''}",
                                         "{'scope': [['rabbitmq.read:v/a']]}"};
    for (size_t i = 0; i < sizeof claims / sizeof *claims; i++) {
        struct oauth2_scopes *scopes = scopes_of(finished_settings_of(ID, URI, NULL), claims[i]);
        assert_false(oauth2_scopes_allow_vhost(scopes, S("v")));
        assert_int_equal(oauth2_scopes_tags(scopes).n, 0);
        oauth2_scopes_free(&scopes);
    }
}

static void an_alias_stands_for_scopes(void **state)
{
    (void)state;
    struct oauth2_scopes *scopes = scopes_of(
        finished_settings_of(ID, URI, "scope_aliases.dev = rabbitmq.read:v/a rabbitmq.read:v/b",
                             "scope_aliases.rabbitmq.ops = rabbitmq.tag:administrator",
                             "additional_scopes_key = roles", NULL),
        "{'scope': 'dev', 'roles': ['rabbitmq.ops']}");
    assert_true(may_read(scopes, "a"));
    assert_true(may_read(scopes, "b"));
    assert_true(slice_is(oauth2_scopes_tags(scopes), "administrator"));
    oauth2_scopes_free(&scopes);
}

static void other_claims_have_scopes_too(void **state)
{
    (void)state;
    struct oauth2_scopes *scopes = scopes_of(
        finished_settings_of(ID, URI, "additional_scopes_key = extra realm.access.roles", NULL),
        "{'extra': {'rabbitmq': ['read:v/a'], 'other': ['read:v/b']},"
        " 'realm': {'access': [{'roles': 'rabbitmq.read:v/c'}, 7, {'roles': ['rabbitmq.read:v/d']},"
        " {}]}}");
    assert_true(may_read(scopes, "a"));
    assert_false(may_read(scopes, "b"));
    assert_true(may_read(scopes, "c"));
    assert_true(may_read(scopes, "d"));
    oauth2_scopes_free(&scopes);
}

static void keycloak_lists_scopes_in_its_permissions(void **state)
{
    (void)state;
    struct oauth2_scopes *scopes =
        scopes_of(finished_settings_of(ID, URI, NULL),
                  "{'scope': 'email', 'authorization': {'permissions': ["
                  "{'scopes': ['rabbitmq.read:v/a'], 'rsname': 'x'}, {'rsname': 'y'},"
                  "{'scopes': ['rabbitmq.read:v/b']}]}}");
    assert_true(may_read(scopes, "a"));
    assert_true(may_read(scopes, "b"));
    oauth2_scopes_free(&scopes);
}

static const char DETAILS[] =
    "{'authorization_details': ["
    "{'type': 'broker', 'actions': ['read', 'management', 'fly'], 'locations': ["
    " 'cluster:rab*/vhost:v/queue:a', 'cluster:rabbitmq/vhost:v/exchange:x/routing-key:k.*',"
    " 'cluster:other/vhost:v/queue:b', 'vhost:v/queue:c',"
    " 'cluster:rabbitmq/vhost:v/queue:d/exchange:e']},"
    "{'type': 'broker', 'actions': 'administrator', 'locations': 'cluster:other'},"
    "{'type': 'other', 'actions': ['read'], 'locations': ['cluster:rabbitmq/vhost:v/queue:f']},"
    "7, {'type': 'broker'}]}";

static void authorization_details_give_scopes(void **state)
{
    (void)state;
    struct oauth2_scopes *scopes =
        scopes_of(finished_settings_of(ID, URI, "resource_server_type = broker", NULL), DETAILS);
    assert_true(may_read(scopes, "a"));
    assert_true(may_read(scopes, "x"));
    assert_false(may_read(scopes, "b"));
    assert_false(may_read(scopes, "c"));
    assert_false(may_read(scopes, "d"));
    assert_false(may_read(scopes, "f"));
    assert_true(oauth2_scopes_allow_topic(scopes, AUTH_READ, S("v"), S("x"), S("k.1")));
    assert_false(oauth2_scopes_allow_topic(scopes, AUTH_READ, S("v"), S("x"), S("l.1")));
    assert_true(slice_is(oauth2_scopes_tags(scopes), "management"));
    oauth2_scopes_free(&scopes);
}

static void authorization_details_need_a_type_that_is_set(void **state)
{
    (void)state;
    struct oauth2_scopes *scopes = scopes_of(finished_settings_of(ID, URI, NULL), DETAILS);
    assert_false(oauth2_scopes_allow_vhost(scopes, S("v")));
    oauth2_scopes_free(&scopes);
}

static void a_token_with_too_many_scopes_is_refused(void **state)
{
    (void)state;
    struct oauth2_settings *settings = finished_settings_of(ID, URI, NULL);
    json_t *json = json_object();
    json_t *list = json_array();
    for (int i = 0; i <= OAUTH2_SCOPES_MAX; i++)
        json_array_append_new(list, json_string("rabbitmq.read:v/a"));
    json_object_set_new(json, "scope", list);
    struct lv_buffer reason = {0};
    assert_null(oauth2_claims_scopes(&settings->servers[0], json, &reason));
    check_text(&reason, "it has too many scopes");
    json_decref(json);
    oauth2_settings_unref(&settings);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_audience_names_the_resource_server),
        cmocka_unit_test(the_audience_may_be_left_unverified),
        cmocka_unit_test(a_token_counts_until_it_expires),
        cmocka_unit_test(a_token_counts_from_its_nbf_or_a_minute_earlier),
        cmocka_unit_test(the_issuer_is_compared_where_it_is_known),
        cmocka_unit_test(the_user_is_named_by_the_first_claim_that_is_a_text),
        cmocka_unit_test(a_name_that_is_too_long_is_refused),
        cmocka_unit_test(scopes_are_a_list_or_words_with_the_prefix),
        cmocka_unit_test(a_token_without_scopes_allows_nothing),
        cmocka_unit_test(an_alias_stands_for_scopes),
        cmocka_unit_test(other_claims_have_scopes_too),
        cmocka_unit_test(keycloak_lists_scopes_in_its_permissions),
        cmocka_unit_test(authorization_details_give_scopes),
        cmocka_unit_test(authorization_details_need_a_type_that_is_set),
        cmocka_unit_test(a_token_with_too_many_scopes_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
