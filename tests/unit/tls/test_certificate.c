/* What a certificate says, and keys of tickets. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <openssl/evp.h>
#include <openssl/x509.h>
#include <string.h>

#include "base/buffer.h"
#include "pki.h"
#include "tls/certificate.h"
#include "tls/tickets.h"

static X509 *named(const char *const *entries)
{
    X509 *certificate = X509_new();
    X509_NAME *name = X509_get_subject_name(certificate);
    for (; entries[0]; entries += 2) {
        bool is_same_part = entries[0][0] == '+';
        assert_int_equal(X509_NAME_add_entry_by_txt(name, entries[0] + is_same_part, MBSTRING_UTF8,
                                                    (const unsigned char *)entries[1], -1, -1,
                                                    is_same_part ? -1 : 0),
                         1);
    }
    return certificate;
}

static void check_subject(const char *const *entries, const char *wanted)
{
    struct lv_buffer out = {0};
    X509 *certificate = named(entries);
    tls_certificate_subject(certificate, &out);
    lv_buffer_add_u8(&out, '\0');
    assert_string_equal((const char *)out.p, wanted);
    lv_buffer_free(&out);
    X509_free(certificate);
}

static void a_name_is_written_as_rabbitmq_writes_it(void **state)
{
    (void)state;
    check_subject((const char *const[]){"C", "DE", "O", "Leveret", "CN", "client", NULL},
                  "CN=client,O=Leveret,C=DE");
    check_subject((const char *const[]){"CN", "a", "+emailAddress", "a@b", "street", "x", NULL},
                  "STREET=x,CN=a+EMAILADDRESS=a@b");
    check_subject((const char *const[]){"CN", " #a,b+c\"d\\e<f>g;h ", NULL},
                  "CN=\\ #a\\,b\\+c\\\"d\\\\e\\<f\\>g\\;h\\ ");
    check_subject((const char *const[]){"CN", "\xc3\xa4\n~", NULL}, "CN=\\C3\\A4\\0A\\7E");
    check_subject((const char *const[]){"2.5.4.97", "id", "GN", "g", "SN", "s", NULL},
                  "SN=s,GIVENNAME=g,2.5.4.97=id");
}

static void check_user(const X509 *certificate, struct tls_name_rule rule, const char *wanted)
{
    struct lv_buffer out = {0};
    lv_buffer_printf(&out, "<");
    assert_true(tls_certificate_user(certificate, &rule, &out) == (wanted != NULL));
    lv_buffer_add_u8(&out, '\0');
    assert_string_equal((const char *)out.p + 1, wanted ? wanted : "");
    lv_buffer_free(&out);
}

static void a_user_is_named_by_the_part_of_the_certificate_that_is_chosen(void **state)
{
    const struct tls_name_rule by_name = {.from = TLS_NAME_DISTINGUISHED};
    const struct tls_name_rule common = {.from = TLS_NAME_COMMON};
    struct tls_name_rule other = {.from = TLS_NAME_ALTERNATIVE};
    (void)state;
    check_user(pki.client, by_name, "CN=client,O=Leveret");
    check_user(pki.client, common, "client");
    check_user(pki.client, other, "localhost");
    other.san_index = 1;
    check_user(pki.client, other, "second.example");
    other.san_index = 2;
    check_user(pki.client, other, NULL);
    other = (struct tls_name_rule){TLS_NAME_ALTERNATIVE, TLS_SAN_IP, 0};
    check_user(pki.client, other, "127.0.0.1");
    other.san_type = TLS_SAN_EMAIL;
    check_user(pki.client, other, "a@b.example");
    other.san_type = TLS_SAN_OTHER;
    check_user(pki.client, other, "other");
    other.san_type = TLS_SAN_URI;
    check_user(pki.client, other, NULL);
    check_user(pki.ca, other, NULL); /* it has no such names at all */
}

static void several_common_names_are_joined_and_none_is_no_user(void **state)
{
    X509 *two = named((const char *const[]){"CN", "a", "CN", "b", NULL});
    X509 *none = named((const char *const[]){"O", "Leveret", NULL});
    const struct tls_name_rule common = {.from = TLS_NAME_COMMON};
    (void)state;
    check_user(two, common, "a,b");
    check_user(none, common, NULL);
    X509_free(two);
    X509_free(none);
}

static void a_name_with_a_nul_byte_is_no_user(void **state)
{
    X509 *certificate = X509_new();
    const struct tls_name_rule common = {.from = TLS_NAME_COMMON};
    (void)state;
    X509_NAME_add_entry_by_NID(X509_get_subject_name(certificate), NID_commonName, MBSTRING_UTF8,
                               (const unsigned char *)"admin\0x", 7, -1, 0);
    check_user(certificate, common, NULL);
    X509_free(certificate);
}

static void a_validity_is_written_with_both_ends(void **state)
{
    struct lv_buffer out = {0};
    X509 *certificate = X509_new();
    (void)state;
    ASN1_TIME_set_string_X509(X509_getm_notBefore(certificate), "20260102030405Z");
    ASN1_TIME_set_string_X509(X509_getm_notAfter(certificate), "20991231235959Z");
    tls_certificate_validity(certificate, &out);
    lv_buffer_add_u8(&out, '\0');
    assert_string_equal((const char *)out.p, "2026-01-02T03:04:05Z - 2099-12-31T23:59:59Z");
    assert_int_equal(tls_certificate_ends_at_s(certificate), 4102444799);
    lv_buffer_free(&out);
    X509_free(certificate);
}

/* Uses the keys as OpenSSL does. Returns what tls_tickets_use() returns. */
static int use_keys(struct tls_tickets *tickets, uint64_t now_ms, unsigned char *name, int is_new)
{
    unsigned char iv[EVP_MAX_IV_LENGTH] = {0};
    EVP_CIPHER_CTX *cipher = EVP_CIPHER_CTX_new();
    EVP_MAC *type = EVP_MAC_fetch(NULL, "HMAC", NULL);
    EVP_MAC_CTX *mac = EVP_MAC_CTX_new(type);
    int result = tls_tickets_use(tickets, now_ms, name, iv, cipher, mac, is_new);
    EVP_MAC_CTX_free(mac);
    EVP_MAC_free(type);
    EVP_CIPHER_CTX_free(cipher);
    return result;
}

static void keys_of_tickets_are_replaced_and_the_last_one_still_opens(void **state)
{
    enum { HOUR = TICKET_KEY_MS };
    struct tls_tickets *tickets = tls_tickets_create();
    unsigned char first[TICKET_NAME_BYTES], second[TICKET_NAME_BYTES], third[TICKET_NAME_BYTES];
    (void)state;
    memset(first, 0, sizeof first);
    assert_int_equal(use_keys(tickets, 5, first, 0), 0); /* there is none yet */
    assert_int_equal(use_keys(tickets, 5, first, 1), 1);
    assert_int_equal(use_keys(tickets, HOUR, second, 1), 1);
    assert_memory_equal(first, second, sizeof first);
    assert_int_equal(use_keys(tickets, HOUR + 5, second, 1), 1);
    assert_memory_not_equal(first, second, sizeof first);
    assert_int_equal(use_keys(tickets, HOUR + 6, first, 0), 2);
    assert_int_equal(use_keys(tickets, HOUR + 6, second, 0), 1);
    assert_int_equal(use_keys(tickets, 2 * HOUR + 5, third, 1), 1);
    assert_int_equal(use_keys(tickets, 2 * HOUR + 5, first, 0), 0);
    assert_int_equal(use_keys(tickets, 2 * HOUR + 5, second, 0), 2);
    tls_tickets_free(&tickets);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_name_is_written_as_rabbitmq_writes_it),
        cmocka_unit_test(a_user_is_named_by_the_part_of_the_certificate_that_is_chosen),
        cmocka_unit_test(several_common_names_are_joined_and_none_is_no_user),
        cmocka_unit_test(a_name_with_a_nul_byte_is_no_user),
        cmocka_unit_test(a_validity_is_written_with_both_ends),
        cmocka_unit_test(keys_of_tickets_are_replaced_and_the_last_one_still_opens),
    };
    return cmocka_run_group_tests(tests, pki_set_up, pki_tear_down);
}
