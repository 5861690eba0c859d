#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "backends/oauth2/oauth2_scope.h"
#include "backends/oauth2_tools.h"

#define S(text) slice_str(text)

static bool matches(const char *pattern, const char *subject)
{
    return oauth2_wildcard_matches(S(pattern), S(subject));
}

static void an_asterisk_matches_any_bytes_anywhere(void **state)
{
    (void)state;
    assert_true(matches("*", ""));
    assert_true(matches("*", "anything"));
    assert_true(matches("a*", "a"));
    assert_true(matches("a*", "abc"));
    assert_true(matches("*c", "abc"));
    assert_true(matches("*ab", "abab"));
    assert_true(matches("a*c*e", "abcde"));
    assert_true(matches("a**", "a"));
    assert_false(matches("a*", "ba"));
    assert_false(matches("a*a", "a"));
    assert_false(matches("", "a"));
    assert_true(matches("", ""));
}

static void a_pattern_is_percent_decoded(void **state)
{
    (void)state;
    assert_true(matches("%2F", "/"));
    assert_true(matches("%2f*", "/orders"));
    assert_true(matches("a+b%20c", "a b c"));
    assert_true(matches("%2a", "*"));
    assert_false(matches("%2a", "anything"));
    assert_false(matches("%", "%"));
    assert_false(matches("*%2", "a"));
    assert_false(matches("%zz", "%zz"));
}

static struct oauth2_scopes *scopes_of(enum oauth2_pattern_syntax syntax, const char *claims,
                                       const char *scope)
{
    struct oauth2_scopes *scopes = oauth2_scopes_create(syntax);
    json_t *json = json_of(claims);
    assert_int_equal(oauth2_scopes_add(scopes, S(scope), json), 0);
    json_decref(json);
    return scopes;
}

static bool allows_vhost(const char *scope, const char *vhost)
{
    struct oauth2_scopes *scopes = scopes_of(OAUTH2_WILDCARD, "{}", scope);
    bool allows = oauth2_scopes_allow_vhost(scopes, S(vhost));
    oauth2_scopes_free(&scopes);
    return allows;
}

static bool allows_as(enum oauth2_pattern_syntax syntax, const char *claims, const char *scope,
                      enum auth_action action, const char *vhost, const char *name)
{
    struct oauth2_scopes *scopes = scopes_of(syntax, claims, scope);
    bool allows = oauth2_scopes_allow(scopes, action, S(vhost), S(name));
    oauth2_scopes_free(&scopes);
    return allows;
}

static bool allows(const char *scope, enum auth_action action, const char *vhost, const char *name)
{
    return allows_as(OAUTH2_WILDCARD, "{}", scope, action, vhost, name);
}

static void a_scope_allows_one_action_on_what_its_patterns_match(void **state)
{
    (void)state;
    assert_true(allows("read:v/q", AUTH_READ, "v", "q"));
    assert_true(allows("write:v/*", AUTH_WRITE, "v", "q"));
    assert_true(allows("configure:%2F/q-*", AUTH_CONFIGURE, "/", "q-1"));
    assert_true(allows("read:*/*/key", AUTH_READ, "v", "q"));
    assert_false(allows("read:v/q", AUTH_WRITE, "v", "q"));
    assert_false(allows("read:v/q", AUTH_READ, "w", "q"));
    assert_false(allows("read:v/q", AUTH_READ, "v", "r"));
}

static void what_is_no_scope_allows_nothing(void **state)
{
    (void)state;
    static const char *const scopes[] = {
        "", "read", "read:", "read:v", "Read:v/q", "read:v/q/k/more", "delete:v/q", "read:%v/q"};
    for (size_t i = 0; i < sizeof scopes / sizeof *scopes; i++) {
        assert_false(allows(scopes[i], AUTH_READ, "v", "q"));
        assert_false(allows(scopes[i], AUTH_READ, "", ""));
    }
}

static void any_permission_in_a_vhost_gives_access_to_it(void **state)
{
    (void)state;
    assert_true(allows_vhost("configure:v/q", "v"));
    assert_true(allows_vhost("read:v*/q/k", "v2"));
    assert_false(allows_vhost("read:v/q", "w"));
    assert_false(allows_vhost("tag:administrator", "v"));
}

static bool allows_topic(const char *scope, const char *key)
{
    struct oauth2_scopes *scopes = scopes_of(OAUTH2_WILDCARD, "{}", scope);
    bool is_allowed = oauth2_scopes_allow_topic(scopes, AUTH_WRITE, S("v"), S("x"), S(key));
    oauth2_scopes_free(&scopes);
    return is_allowed;
}

static void a_topic_needs_a_scope_with_a_routing_key(void **state)
{
    (void)state;
    assert_true(allows_topic("write:v/x/*", "a.b"));
    assert_true(allows_topic("write:v/x/a.*", "a.b"));
    assert_false(allows_topic("write:v/x/a.*", "b.a"));
    assert_false(allows_topic("write:v/x", "a.b"));
    assert_false(allows_topic("read:v/x/*", "a.b"));
    assert_false(allows_topic("write:v/y/*", "a.b"));
}

static void variables_stand_for_claims_and_the_vhost(void **state)
{
    (void)state;
    const char *claims = "{'sub': 'ann', 'n': 5}";
    const enum oauth2_pattern_syntax w = OAUTH2_WILDCARD;
    assert_true(allows_as(w, claims, "read:v/{sub}-*", AUTH_READ, "v", "ann-1"));
    assert_false(allows_as(w, claims, "read:v/{sub}-*", AUTH_READ, "v", "bob-1"));
    assert_true(allows_as(w, claims, "read:{vhost}/q-{vhost}", AUTH_READ, "v", "q-v"));
    assert_true(allows_as(w, claims, "read:{vhost}/q", AUTH_READ, "/", "q"));
    assert_true(allows_as(w, claims, "read:v/{other}", AUTH_READ, "v", "other"));
    assert_true(allows_as(w, claims, "read:v/{n}", AUTH_READ, "v", "n"));
    assert_false(allows_as(w, claims, "read:v/{sub", AUTH_READ, "v", "ann"));
    assert_false(allows_as(w, claims, "read:v/{a.b}", AUTH_READ, "v", "a.b"));
}

static void the_text_of_a_claim_is_no_pattern(void **state)
{
    (void)state;
    const enum oauth2_pattern_syntax w = OAUTH2_WILDCARD;
    assert_false(allows_as(w, "{'sub': '*'}", "read:v/{sub}", AUTH_READ, "v", "q"));
    assert_true(allows_as(w, "{'sub': '*'}", "read:v/{sub}", AUTH_READ, "v", "*"));
    assert_false(allows_as(w, "{'sub': '*/*'}", "read:{sub}", AUTH_READ, "v", "q"));
    assert_true(allows_as(w, "{'sub': 'a/b'}", "read:v/{sub}", AUTH_READ, "v", "a/b"));
    assert_true(allows_as(w, "{'sub': '%41'}", "read:v/{sub}", AUTH_READ, "v", "%41"));
    assert_false(allows_as(w, "{'sub': '{vhost}'}", "read:v/{sub}", AUTH_READ, "v", "v"));
    assert_false(allows_as(OAUTH2_REGEX, "{'sub': '.*'}", "read:v/{sub}", AUTH_READ, "v", "q"));
    assert_true(allows_as(OAUTH2_REGEX, "{'sub': 'a.b'}", "read:v/{sub}", AUTH_READ, "v", "a.b"));
    assert_false(allows_as(OAUTH2_REGEX, "{'sub': 'a/b'}", "read:{sub}", AUTH_READ, "a", "b"));
}

static void a_regular_expression_matches_as_a_whole(void **state)
{
    (void)state;
    const enum oauth2_pattern_syntax r = OAUTH2_REGEX;
    assert_true(allows_as(r, "{}", "read:v[12]/q-\\d+", AUTH_READ, "v2", "q-17"));
    assert_false(allows_as(r, "{}", "read:v/q", AUTH_READ, "v", "q-17"));
    assert_false(allows_as(r, "{}", "read:v/a|b", AUTH_READ, "v", "ab"));
    assert_false(allows_as(r, "{}", "read:v/*", AUTH_READ, "v", "q"));
    assert_false(allows_as(r, "{}", "read:v/(?i)q", AUTH_READ, "v", "q"));
    assert_false(allows_as(r, "{}", "read:v/(*UTF)q", AUTH_READ, "v", "q"));
    assert_true(allows_as(r, "{}", "read:{vhost}/q", AUTH_READ, "a.b", "q"));
    assert_false(allows_as(r, "{}", "read:{vhost}/q", AUTH_WRITE, "a.b", "q"));
}

static void tags_are_collected_once_each(void **state)
{
    (void)state;
    struct oauth2_scopes *scopes = oauth2_scopes_create(OAUTH2_WILDCARD);
    static const char *const tags[] = {"tag:management", "tag:a", "tag:management",
                                       "tag:", "tag:x,administrator"};
    for (size_t i = 0; i < sizeof tags / sizeof *tags; i++)
        assert_int_equal(oauth2_scopes_add(scopes, S(tags[i]), NULL), 0);
    assert_true(slice_is(oauth2_scopes_tags(scopes), "management,a"));
    oauth2_scopes_free(&scopes);
}

static void scopes_are_bounded(void **state)
{
    (void)state;
    struct oauth2_scopes *scopes = oauth2_scopes_create(OAUTH2_WILDCARD);
    static char text[OAUTH2_SCOPE_BYTES_MAX + 100];
    int n = 0;
    memset(text, 'q', sizeof text);
    memcpy(text, "read:v/", strlen("read:v/"));
    assert_int_equal(oauth2_scopes_add(scopes, slice_of(text, sizeof text), NULL), 0);
    assert_false(oauth2_scopes_allow_vhost(scopes, S("v")));
    while (oauth2_scopes_add(scopes, slice_of(text, 4000), NULL) == 0)
        n++;
    assert_in_range(n, 100, 300);
    oauth2_scopes_free(&scopes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_asterisk_matches_any_bytes_anywhere),
        cmocka_unit_test(a_pattern_is_percent_decoded),
        cmocka_unit_test(a_scope_allows_one_action_on_what_its_patterns_match),
        cmocka_unit_test(what_is_no_scope_allows_nothing),
        cmocka_unit_test(any_permission_in_a_vhost_gives_access_to_it),
        cmocka_unit_test(a_topic_needs_a_scope_with_a_routing_key),
        cmocka_unit_test(variables_stand_for_claims_and_the_vhost),
        cmocka_unit_test(the_text_of_a_claim_is_no_pattern),
        cmocka_unit_test(a_regular_expression_matches_as_a_whole),
        cmocka_unit_test(tags_are_collected_once_each),
        cmocka_unit_test(scopes_are_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
