/* Protocol versions, groups of the key exchange, ciphers, and DHE's parameters. */
#include "tls/ciphers.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <string.h>

#include "base/assert.h"
#include "tls/tls_private.h"

/* If the settings name none: keys are exchanged for each connection alone, and a record is
 * encrypted and authenticated in one. AES-128 comes first because it costs less than AES-256. */
#define SECURE_CIPHERS "ECDHE+AESGCM+AES128:ECDHE+AESGCM:ECDHE+CHACHA20"
#define SECURE_CIPHERS_1_3                                                                         \
    "TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256"

/* The client chooses one of these. OpenSSL would add groups of finite fields: the largest costs 50
 * times as much CPU as the first one here, before anybody has logged in. */
#define GROUPS "X25519:P-256:X448:P-384:P-521"

static void use_versions(struct tls_maker *m)
{
    unsigned versions = m->settings->versions;
    if (versions == 0)
        tls_fail(m, "versions", "no version is left: set tlsv1.2 or tlsv1.3");
    SSL_CTX_set_min_proto_version(m->ssl, versions & TLS_1_2 ? TLS1_2_VERSION : TLS1_3_VERSION);
    SSL_CTX_set_max_proto_version(m->ssl, versions & TLS_1_3 ? TLS1_3_VERSION : TLS1_2_VERSION);
}

static void use_groups(struct tls_maker *m)
{
    long result = SSL_CTX_set1_groups_list(m->ssl, GROUPS);
    lv_assert(result == 1);
}

static void append(struct lv_buffer *list, const char *name)
{
    lv_buffer_printf(list, "%s%s", list->n > 0 ? ":" : "", name);
}

/* Returns OpenSSL's name of a cipher for TLS 1.2, which the settings may call by IANA's. */
static const char *openssl_name(const char *name)
{
    const char *found = OPENSSL_cipher_name(name);
    return found && strcmp(found, "(NONE)") != 0 ? found : name;
}

/* Whether the cipher is one of TLS 1.3, for which OpenSSL has IANA's names. (In place of one it
 * also takes a cipher of TLS 1.2 by IANA's name, and TLS 1.3 is then left without any.) */
static bool is_of_tls_1_3(SSL_CTX *probe, const char *name)
{
    const char *found = OPENSSL_cipher_name(name);
    return found && strcmp(found, name) == 0 && SSL_CTX_set_ciphersuites(probe, name) == 1;
}

bool tls_cipher_add(const char *name, struct tls_ciphers *ciphers, struct lv_buffer *reason)
{
    SSL_CTX *probe = SSL_CTX_new(TLS_method());
    const bool is_fresh = is_of_tls_1_3(probe, name);
    const bool is_old = !is_fresh && SSL_CTX_set_cipher_list(probe, openssl_name(name)) == 1;
    if (is_fresh)
        append(&ciphers->tls_1_3, name);
    else if (is_old)
        append(&ciphers->tls_1_2, openssl_name(name));
    else
        lv_buffer_printf(reason,
                         "OpenSSL has no cipher %s, or considers it too weak (openssl ciphers -v "
                         "lists those it has)",
                         name);
    SSL_CTX_free(probe);
    ERR_clear_error();
    return is_fresh || is_old;
}

void tls_ciphers_free(struct tls_ciphers *ciphers)
{
    lv_buffer_free(&ciphers->tls_1_2);
    lv_buffer_free(&ciphers->tls_1_3);
}

static void use_ciphers(struct tls_maker *m)
{
    struct tls_ciphers c = {0};
    struct lv_buffer reason = {0};
    for (size_t i = 0; i < m->settings->cipher_count; i++) {
        reason.n = 0;
        if (!tls_cipher_add(m->settings->ciphers[i], &c, &reason))
            tls_fail(m, "ciphers", "%s", (const char *)reason.p);
    }
    SSL_CTX_set_cipher_list(m->ssl, c.tls_1_2.n > 0 ? (const char *)c.tls_1_2.p : SECURE_CIPHERS);
    SSL_CTX_set_ciphersuites(m->ssl,
                             c.tls_1_3.n > 0 ? (const char *)c.tls_1_3.p : SECURE_CIPHERS_1_3);
    tls_ciphers_free(&c);
    lv_buffer_free(&reason);
}

/* What is wrong with the settings is said when a context is made of them. */
static void say_nothing(void *arg, enum log_level level, const char *key, const char *text)
{
    (void)arg, (void)level, (void)key, (void)text;
}

/* All ciphers that OpenSSL considers strong enough. */
#define ALL_CIPHERS "ALL"
#define ALL_CIPHERS_1_3 SECURE_CIPHERS_1_3 ":TLS_AES_128_CCM_SHA256:TLS_AES_128_CCM_8_SHA256"

void tls_each_cipher(const struct tls_settings *settings, bool all, tls_cipher_visit *visit,
                     void *arg)
{
    struct tls_maker m = {
        .settings = settings, .say = say_nothing, .ssl = SSL_CTX_new(TLS_server_method())};
    use_versions(&m);
    if (all) {
        SSL_CTX_set_cipher_list(m.ssl, ALL_CIPHERS);
        SSL_CTX_set_ciphersuites(m.ssl, ALL_CIPHERS_1_3);
    } else {
        use_ciphers(&m);
    }
    SSL *ssl = SSL_new(m.ssl);
    STACK_OF(SSL_CIPHER) *ciphers = SSL_get1_supported_ciphers(ssl);
    for (int i = 0; i < sk_SSL_CIPHER_num(ciphers); i++) {
        const struct tls_cipher_facts facts = tls_describe_cipher(sk_SSL_CIPHER_value(ciphers, i));
        visit(arg, &facts);
    }
    sk_SSL_CIPHER_free(ciphers);
    SSL_free(ssl);
    SSL_CTX_free(m.ssl);
    ERR_clear_error();
}

static void use_parameters(struct tls_maker *m)
{
    const char *path = m->settings->dhfile;
    if (path[0] == '\0') {
        SSL_CTX_set_dh_auto(m->ssl, 1);
        return;
    }
    BIO *file = tls_file_open(m, "dhfile", path);
    if (!file)
        return;
    EVP_PKEY *parameters = PEM_read_bio_Parameters(file, NULL);
    BIO_free(file);
    if (parameters && SSL_CTX_set0_tmp_dh_pkey(m->ssl, parameters) == 1)
        return;
    tls_fail(m, "dhfile", "%s contains no usable parameters in PEM format (openssl dhparam): %s",
             path, tls_openssl_reason());
    EVP_PKEY_free(parameters);
}

void tls_use_ciphers(struct tls_maker *m)
{
    use_versions(m);
    use_groups(m);
    use_ciphers(m);
    use_parameters(m);
}
