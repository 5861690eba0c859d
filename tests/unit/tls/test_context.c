/* Contexts: what is wrong with settings and files is said at once, with what to do about it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <openssl/evp.h>
#include <openssl/x509.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "base/buffer.h"
#include "base/error.h"
#include "base/memory.h"
#include "pki.h"
#include "tls/ciphers.h"
#include "tls/tls.h"

static struct lv_buffer said;

static void note(void *arg, enum log_level level, const char *key, const char *text)
{
    (void)arg;
    lv_buffer_printf(&said, "%s %s: %s\n", level == LOG_ERROR ? "error" : "warning", key, text);
}

/* Returns a path in the directory that stays valid until the test ends: a few bytes are leaked to
 * the list. */
static char *kept[64];
static size_t kept_count;

static const char *path(const char *name)
{
    return kept[kept_count++] = lv_strdup(pki_path(&pki, name));
}

static struct tls_settings good(void)
{
    return (struct tls_settings){
        .certfile = path("server.pem"),
        .keyfile = path("server.key"),
        .password = "",
        .cacertfile = "",
        .crlfile = "",
        .dhfile = "",
        .depth = 1,
        .versions = TLS_1_2 | TLS_1_3,
        .reuses_sessions = true,
    };
}

/* Checks that the settings are refused or not, and that what is said contains every text (up to
 * NULL). */
static void check(const struct tls_settings *settings, int wanted, ...)
{
    struct tls_context *context = NULL;
    va_list texts;
    said.n = 0;
    lv_buffer_printf(&said, "%s", "");
    assert_int_equal(tls_context_create(settings, note, NULL, &context), wanted);
    assert_true((context != NULL) == (wanted == 0));
    va_start(texts, wanted);
    for (const char *text; (text = va_arg(texts, const char *)) != NULL;)
        if (!strstr((const char *)said.p, text))
            fail_msg("'%s' is not in: %s", text, (const char *)said.p);
    va_end(texts);
    if (wanted == 0 && said.n > 0 && !strstr((const char *)said.p, "warning"))
        fail_msg("%s", (const char *)said.p);
    tls_context_unref(&context);
}

static void good_settings_are_taken_without_a_word(void **state)
{
    struct tls_settings s = good();
    (void)state;
    check(&s, 0, NULL);
    assert_int_equal(said.n, 0);
    s.cacertfile = path("ca.pem");
    s.verifies_peer = s.requires_certificate = true;
    check(&s, 0, NULL);
    assert_int_equal(said.n, 0);
}

static void every_file_at_fault_is_named_at_once(void **state)
{
    struct tls_settings s = good();
    (void)state;
    s.certfile = path("no such.pem");
    s.keyfile = pki.directory;
    s.cacertfile = path("server.key");
    s.crlfile = path("ca.pem");
    s.dhfile = path("ca.pem");
    check(&s, ERR_INVALID, "error certfile: cannot read ", "no such.pem: No such file or directory",
          "error keyfile: ", " is a directory: name a file",
          "error cacertfile: ", "contains no certificate in PEM format",
          "error crlfile: ", "contains no list in PEM format", "error dhfile: ", NULL);
}

static void a_certificate_without_its_key_is_refused(void **state)
{
    struct tls_settings s = good();
    (void)state;
    s.keyfile = path("client.key");
    check(&s, ERR_INVALID, "error keyfile: the key in ",
          "client.key does not belong to the "
          "certificate in ",
          "was one of them renewed without the other?", NULL);
    s.keyfile = ""; /* the key would be in certfile */
    check(&s, ERR_INVALID, "error certfile: ", "contains no private key in PEM format", NULL);
    s.certfile = "";
    check(&s, ERR_INVALID, "error certfile: not set", NULL);
}

static void an_encrypted_key_needs_its_password(void **state)
{
    struct tls_settings s = good();
    (void)state;
    pki_write_key(&pki, "locked.key", pki.key, "secret");
    s.keyfile = path("locked.key");
    check(&s, ERR_INVALID, "error keyfile: the key in ", "is encrypted: set password", NULL);
    s.password = "wrong";
    check(&s, ERR_INVALID, "error password: this is not the password of the key in ", NULL);
    assert_null(strstr((const char *)said.p, "wrong"));
    s.password = "secret";
    check(&s, 0, NULL);
}

static void a_chain_in_the_wrong_order_is_explained(void **state)
{
    struct tls_settings s = good();
    (void)state;
    pki_write_certificates(&pki, "reversed.pem", pki.ca, pki.certificate, NULL);
    s.certfile = path("reversed.pem");
    check(&s, ERR_INVALID,
          "error certfile: ", "wrong order: the key belongs to certificate number 2", NULL);
    pki_write_certificates(&pki, "gap.pem", pki.certificate, pki.client, NULL);
    s.certfile = path("gap.pem");
    check(&s, 0, "warning certfile: certificate number 2 in ", "did not issue the one before it",
          NULL);
}

static void a_certificate_that_is_not_valid_now_is_warned_of(void **state)
{
    static const struct {
        long from_s, to_s;
        const char *text;
    } cases[] = {
        {-2000, -1000, "has expired: renew it"},
        {1000, 9000000, "is not valid yet: check the clock"},
        {-1000, 5 * 24 * 3600 + 100, "expires in 5 days: renew it"},
    };
    (void)state;
    for (unsigned i = 0; i < 3; i++) {
        struct tls_settings s = good();
        X509 *one =
            pki_certificate("timed", pki.key, pki.ca, pki.ca_key, cases[i].from_s, cases[i].to_s);
        pki_write_certificates(&pki, "timed.pem", one, NULL, NULL);
        s.certfile = path("timed.pem");
        check(&s, 0, "warning certfile: ", "the certificate of CN=timed,O=Leveret (", cases[i].text,
              NULL);
        X509_free(one);
    }
}

static void settings_that_contradict_each_other_are_refused(void **state)
{
    static const char *const ciphers[] = {"ECDHE-RSA-AES128-GCM-SHA256", "NO-SUCH-CIPHER",
                                          "TLS_AES_128_GCM_SHA256",
                                          "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384"};
    struct tls_settings s = good();
    (void)state;
    s.requires_certificate = true;
    check(&s, ERR_INVALID, "error fail_if_no_peer_cert: true needs verify = verify_peer", NULL);
    s = good();
    s.verifies_peer = true;
    s.crl_check = TLS_CRL_CHAIN;
    s.versions = 0;
    s.ciphers = ciphers;
    s.cipher_count = 4;
    check(&s, ERR_INVALID, "error verify: verify_peer needs the CAs",
          "error crl_check: ", "error versions: no version is left",
          "error ciphers: OpenSSL has no cipher NO-SUCH-CIPHER", NULL);
}

static void a_cipher_is_added_to_the_list_of_its_version(void **state)
{
    static const char *const names[] = {"TLS_AES_128_GCM_SHA256", "ECDHE-RSA-AES128-GCM-SHA256",
                                        "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384", "AES128-GCM"};
    struct tls_ciphers ciphers = {0};
    struct lv_buffer reason = {0};
    (void)state;
    for (unsigned i = 0; i < 4; i++)
        assert_int_equal(tls_cipher_add(names[i], &ciphers, &reason), i < 3);
    assert_string_equal((const char *)ciphers.tls_1_3.p, "TLS_AES_128_GCM_SHA256");
    assert_string_equal((const char *)ciphers.tls_1_2.p,
                        "ECDHE-RSA-AES128-GCM-SHA256:ECDHE-RSA-AES256-GCM-SHA384");
    assert_non_null(strstr((const char *)reason.p, "OpenSSL has no cipher AES128-GCM"));
    tls_ciphers_free(&ciphers);
    lv_buffer_free(&reason);
}

static void a_host_is_checked_like_the_listener(void **state)
{
    struct tls_settings s = good();
    const struct tls_host host = {"mq.example", path("server.pem"), path("client.key"), ""};
    (void)state;
    s.hosts = &host;
    s.host_count = 1;
    check(&s, ERR_INVALID, "error sni.mq.example.keyfile: the key in ", NULL);
}

static void the_files_of_a_context_are_known_with_the_day_they_expire(void **state)
{
    struct tls_settings s = good();
    struct tls_context *context;
    size_t count;
    int64_t now_s = (int64_t)time(NULL);
    (void)state;
    s.cacertfile = path("ca.pem");
    said.n = 0;
    assert_int_equal(tls_context_create(&s, note, NULL, &context), 0);
    const struct tls_file *files = tls_context_files(context, &count);
    assert_int_equal(count, 2);
    assert_string_equal(files[0].path, s.certfile);
    assert_string_equal(files[0].key, "certfile");
    assert_string_equal(files[0].subject, "CN=server,O=Leveret");
    assert_in_range(files[0].ends_at_s - now_s, 199 * 24 * 3600, 201 * 24 * 3600);
    assert_string_equal(files[1].key, "cacertfile");
    tls_context_unref(&context);
}

static void a_stamp_changes_with_the_files(void **state)
{
    struct tls_settings s = good();
    struct lv_buffer before = {0}, same = {0}, after = {0};
    (void)state;
    pki_write_certificates(&pki, "changing.pem", pki.certificate, NULL, NULL);
    s.certfile = path("changing.pem");
    tls_files_stamp(&s, &before);
    tls_files_stamp(&s, &same);
    assert_true(slice_equal(lv_buffer_slice(&before), lv_buffer_slice(&same)));
    pki_write_certificates(&pki, "changing.pem", pki.certificate, pki.ca, NULL);
    tls_files_stamp(&s, &after);
    assert_false(slice_equal(lv_buffer_slice(&before), lv_buffer_slice(&after)));
    lv_buffer_free(&before);
    lv_buffer_free(&same);
    lv_buffer_free(&after);
}

static int tear_down(void **state)
{
    lv_buffer_free(&said);
    for (size_t i = 0; i < kept_count; i++)
        free(kept[i]);
    return pki_tear_down(state);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(good_settings_are_taken_without_a_word),
        cmocka_unit_test(every_file_at_fault_is_named_at_once),
        cmocka_unit_test(a_certificate_without_its_key_is_refused),
        cmocka_unit_test(an_encrypted_key_needs_its_password),
        cmocka_unit_test(a_chain_in_the_wrong_order_is_explained),
        cmocka_unit_test(a_certificate_that_is_not_valid_now_is_warned_of),
        cmocka_unit_test(settings_that_contradict_each_other_are_refused),
        cmocka_unit_test(a_cipher_is_added_to_the_list_of_its_version),
        cmocka_unit_test(a_host_is_checked_like_the_listener),
        cmocka_unit_test(the_files_of_a_context_are_known_with_the_day_they_expire),
        cmocka_unit_test(a_stamp_changes_with_the_files),
    };
    return cmocka_run_group_tests(tests, pki_set_up, tear_down);
}
