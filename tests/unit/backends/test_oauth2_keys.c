#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "backends/oauth2/oauth2_fetch_budget.h"
#include "backends/oauth2/oauth2_keys.h"
#include "backends/oauth2_tools.h"
#include "base/error.h"

static const char CLAIMS[] = "{'sub': 'ann'}";
static cjose_jwk_t *rsa, *p256;

static int keys_make(void **state)
{
    (void)state;
    rsa = rsa_key();
    p256 = ec_key(CJOSE_JWK_EC_P_256);
    return 0;
}

static int keys_release(void **state)
{
    (void)state;
    cjose_jwk_release(rsa);
    cjose_jwk_release(p256);
    return 0;
}

/* Returns the keys of a set with this key. */
static struct oauth2_keys *set_of(const cjose_jwk_t *key, const char *members)
{
    struct lv_buffer text = {0}, reason = {0};
    struct oauth2_keys *keys = NULL;
    key_set_print(&text, key, members);
    assert_int_equal(oauth2_keys_parse(lv_buffer_slice(&text), &keys, &reason), 0);
    assert_int_equal(reason.n, 0);
    lv_buffer_free(&text);
    return keys;
}

/* Verifies a token and frees its text. */
static bool verifies(const struct oauth2_keys *keys, const char *id, char *text)
{
    struct oauth2_token token;
    struct lv_buffer reason = {0};
    assert_int_equal(oauth2_token_parse(slice_str(text), &token, &reason), 0);
    bool result = oauth2_keys_verify(keys, id, &token);
    oauth2_token_free(&token);
    free(text);
    return result;
}

static void check_algorithm(const cjose_jwk_t *key, const char *algorithm)
{
    struct oauth2_keys *keys = set_of(key, "'kid': 'a'");
    assert_true(verifies(keys, "a", token_sign(key, algorithm, "{'kid': 'a'}", CLAIMS)));
    oauth2_keys_unref(&keys);
}

static void signatures_of_rsa_and_ec_keys_are_verified(void **state)
{
    (void)state;
    cjose_jwk_t *p384 = ec_key(CJOSE_JWK_EC_P_384);
    cjose_jwk_t *p521 = ec_key(CJOSE_JWK_EC_P_521);
    static const char *const of_rsa[] = {"RS256", "RS384", "RS512", "PS256", "PS384", "PS512"};
    for (size_t i = 0; i < sizeof of_rsa / sizeof *of_rsa; i++)
        check_algorithm(rsa, of_rsa[i]);
    check_algorithm(p256, "ES256");
    check_algorithm(p384, "ES384");
    check_algorithm(p521, "ES512");
    cjose_jwk_release(p384);
    cjose_jwk_release(p521);
}

static void another_key_or_another_text_does_not_verify(void **state)
{
    (void)state;
    cjose_jwk_t *other = ec_key(CJOSE_JWK_EC_P_256);
    struct oauth2_keys *keys = set_of(p256, "'kid': 'a'");
    assert_false(verifies(keys, "a", token_sign(other, "ES256", "{}", CLAIMS)));
    assert_false(verifies(keys, "b", token_sign(p256, "ES256", "{}", CLAIMS)));
    assert_false(verifies(keys, "a", token_sign(rsa, "RS256", "{}", CLAIMS)));
    char *text = token_sign(p256, "ES256", "{}", CLAIMS);
    char *forged = token_forge("{'alg': 'ES256'}", "{'sub': 'bob'}", strrchr(text, '.') + 1);
    assert_false(verifies(keys, "a", forged));
    assert_false(verifies(keys, "a", token_forge("{'alg': 'ES256'}", CLAIMS, "")));
    assert_false(verifies(keys, "a", token_forge("{'alg': 'ES256'}", CLAIMS, "AAAA")));
    free(text);
    oauth2_keys_unref(&keys);
    cjose_jwk_release(other);
}

static void a_public_key_is_never_a_secret(void **state)
{
    (void)state;
    cjose_err err;
    char pem[] = "-----BEGIN PUBLIC KEY-----\n";
    cjose_jwk_t *secret = cjose_jwk_create_oct_spec((const uint8_t *)pem, strlen(pem), &err);
    struct oauth2_keys *keys = set_of(rsa, "'kid': 'a'");
    assert_false(verifies(keys, "a", token_sign(secret, "HS256", "{'kid': 'a'}", CLAIMS)));
    assert_false(verifies(keys, NULL, token_sign(secret, "HS512", "{}", CLAIMS)));
    oauth2_keys_unref(&keys);
    cjose_jwk_release(secret);
}

static void a_key_that_names_its_algorithm_verifies_no_other(void **state)
{
    (void)state;
    struct oauth2_keys *keys = set_of(rsa, "'kid': 'a', 'alg': 'RS256'");
    assert_true(verifies(keys, "a", token_sign(rsa, "RS256", "{}", CLAIMS)));
    assert_false(verifies(keys, "a", token_sign(rsa, "RS512", "{}", CLAIMS)));
    assert_false(verifies(keys, "a", token_sign(rsa, "PS256", "{}", CLAIMS)));
    oauth2_keys_unref(&keys);
    keys = set_of(rsa, "'kid': 'a', 'alg': 'SHA256withRSA'");
    assert_true(verifies(keys, "a", token_sign(rsa, "RS256", "{}", CLAIMS)));
    oauth2_keys_unref(&keys);
}

static void without_an_id_every_key_is_tried(void **state)
{
    (void)state;
    struct oauth2_keys *keys = set_of(p256, "'kid': 'a'");
    assert_true(verifies(keys, NULL, token_sign(p256, "ES256", "{}", CLAIMS)));
    assert_false(verifies(keys, NULL, token_sign(rsa, "RS256", "{}", CLAIMS)));
    assert_true(oauth2_keys_have(keys, NULL));
    assert_true(oauth2_keys_have(keys, "a"));
    assert_false(oauth2_keys_have(keys, "b"));
    oauth2_keys_unref(&keys);
}

static void check_set_refused(struct slice text, int error, const char *why)
{
    struct oauth2_keys *keys = NULL;
    struct lv_buffer reason = {0};
    assert_int_equal(oauth2_keys_parse(text, &keys, &reason), error);
    assert_null(keys);
    check_text(&reason, why);
}

static void check_text_refused(const char *text, const char *why)
{
    check_set_refused(slice_str(text), ERR_FORMAT, why);
}

static void what_is_no_set_of_keys_is_refused(void **state)
{
    (void)state;
    static const char *const texts[] = {"",
                                        "<html></html>",
                                        "[]",
                                        "{}",
                                        "{\"keys\": {}}",
                                        "{\"keys\": 5}",
                                        "{\"keys\": [], \"keys\": []}"};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        check_text_refused(texts[i], "it is not a JWK set");
    check_text_refused("{\"keys\": []}", "it has no key for signatures");
    check_text_refused("{\"keys\": [{\"use\": \"enc\", \"kty\": \"RSA\"}]}",
                       "it has no key for signatures");
    check_text_refused("{\"keys\": [5, [], null]}",
                       "it has no key that can be used: a key of type '' is not accepted");
    check_text_refused("{\"keys\": [{\"kty\": \"RSA\", \"n\": 5}]}",
                       "it has no key that can be used: a key of type 'RSA' that is malformed, or "
                       "is not known");
    check_text_refused("{\"keys\": [{\"kty\": \"RSA\", \"n\": \"AQAB\", \"e\": \"AQAB\"}]}",
                       "it has no key that can be used: its RSA key has 24 bits; from 2048 to 8192 "
                       "are accepted");
}

static void a_set_that_everybody_can_fetch_has_no_secrets(void **state)
{
    (void)state;
    cjose_jwk_t *secret = oct_key(32);
    struct lv_buffer text = {0};
    key_set_print(&text, secret, "'kid': 'a'");
    check_set_refused(lv_buffer_slice(&text), ERR_FORMAT,
                      "it has no key that can be used: a key of type 'oct' is not accepted");
    lv_buffer_free(&text);
    cjose_jwk_release(secret);
}

static void a_set_is_bounded(void **state)
{
    (void)state;
    struct lv_buffer text = {0};
    lv_buffer_printf(&text, "{\"keys\": [1");
    for (int i = 0; i < OAUTH2_KEYS_MAX; i++)
        lv_buffer_printf(&text, ",1");
    lv_buffer_printf(&text, "]}");
    check_set_refused(lv_buffer_slice(&text), ERR_TOO_LARGE, "it has more than 256 keys");
    while (text.n <= OAUTH2_KEYS_BYTES_MAX)
        lv_buffer_add_u8(&text, ' ');
    check_set_refused(lv_buffer_slice(&text), ERR_TOO_LARGE,
                      "the set of keys is longer than 1048576 bytes");
    lv_buffer_free(&text);
}

static void an_operators_file_may_have_a_secret(void **state)
{
    (void)state;
    cjose_err err;
    cjose_jwk_t *secret = oct_key(32);
    char *json = cjose_jwk_to_json(secret, true, &err);
    struct oauth2_keys *keys = oauth2_keys_create();
    struct lv_buffer reason = {0};
    assert_int_equal(oauth2_keys_add_text(keys, "s", slice_str(json), &reason), 0);
    assert_true(verifies(keys, "s", token_sign(secret, "HS256", "{}", CLAIMS)));
    assert_true(verifies(keys, "s", token_sign(secret, "HS384", "{}", CLAIMS)));
    assert_true(verifies(keys, "s", token_sign(secret, "HS512", "{}", CLAIMS)));
    oauth2_keys_unref(&keys);
    free(json);
    cjose_jwk_release(secret);
}

static void check_file_refused(const char *text, const char *why)
{
    struct oauth2_keys *keys = oauth2_keys_create();
    struct lv_buffer reason = {0};
    assert_int_equal(oauth2_keys_add_text(keys, "a", slice_str(text), &reason), ERR_INVALID);
    check_text(&reason, why);
    assert_int_equal(oauth2_keys_count(keys), 0);
    oauth2_keys_unref(&keys);
}

static void a_file_without_a_key_is_refused(void **state)
{
    (void)state;
    const char *no_key = "neither PEM of an RSA or EC key or certificate, nor a JWK";
    check_file_refused("", no_key);
    check_file_refused("-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n", no_key);
    check_file_refused("{}", "it is not a JWK");
    check_file_refused("{\"kty\": \"oct\", \"k\": \"c2VjcmV0\"}",
                       "its secret has 48 bits; 256 are needed");
    check_file_refused("{\"kty\": \"OKP\", \"crv\": \"Ed25519\", \"x\": \"AAAA\"}",
                       "a key of type 'OKP' that is malformed, or is not known");
}

/* openssl ecparam -name prime256v1 -genkey | openssl ec -pubout */
static const char EC_PEM[] = "-----BEGIN PUBLIC KEY-----\n"
                             "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEyQbj2FILWfKWEy8mQgSkVWo2CIUq\n"
                             "ckn9CPosspUrGqWqVLWp1c6+3772TrHokTsnYzvAnvLUnL6M8iCcnBB2ow==\n"
                             "-----END PUBLIC KEY-----\n";

static void a_file_may_be_pem(void **state)
{
    (void)state;
    struct oauth2_keys *keys = oauth2_keys_create();
    struct lv_buffer reason = {0};
    assert_int_equal(oauth2_keys_add_text(keys, "a", slice_str(EC_PEM), &reason), 0);
    assert_true(oauth2_keys_have(keys, "a"));
    assert_false(verifies(keys, "a", token_sign(p256, "ES256", "{}", CLAIMS)));
    oauth2_keys_unref(&keys);
}

static void keys_are_fetched_a_few_times_at_once_and_then_seldom(void **state)
{
    (void)state;
    struct oauth2_fetch_budget budget = {0};
    uint64_t now = 1000000;
    for (int i = 0; i < OAUTH2_FETCHES_AT_ONCE; i++)
        assert_true(oauth2_fetch_budget_take(&budget, now));
    assert_false(oauth2_fetch_budget_take(&budget, now));
    assert_false(oauth2_fetch_budget_take(&budget, now + OAUTH2_FETCH_EVERY_MS - 1));
    assert_true(oauth2_fetch_budget_take(&budget, now + OAUTH2_FETCH_EVERY_MS));
    assert_false(oauth2_fetch_budget_take(&budget, now + OAUTH2_FETCH_EVERY_MS));
    now += 3600000;
    for (int i = 0; i < OAUTH2_FETCHES_AT_ONCE; i++)
        assert_true(oauth2_fetch_budget_take(&budget, now));
    assert_false(oauth2_fetch_budget_take(&budget, now));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(signatures_of_rsa_and_ec_keys_are_verified),
        cmocka_unit_test(another_key_or_another_text_does_not_verify),
        cmocka_unit_test(a_public_key_is_never_a_secret),
        cmocka_unit_test(a_key_that_names_its_algorithm_verifies_no_other),
        cmocka_unit_test(without_an_id_every_key_is_tried),
        cmocka_unit_test(what_is_no_set_of_keys_is_refused),
        cmocka_unit_test(a_set_that_everybody_can_fetch_has_no_secrets),
        cmocka_unit_test(a_set_is_bounded),
        cmocka_unit_test(an_operators_file_may_have_a_secret),
        cmocka_unit_test(a_file_without_a_key_is_refused),
        cmocka_unit_test(a_file_may_be_pem),
        cmocka_unit_test(keys_are_fetched_a_few_times_at_once_and_then_seldom),
    };
    return cmocka_run_group_tests(tests, keys_make, keys_release);
}
