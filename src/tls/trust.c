/* Whom the server trusts: CAs, lists of revoked certificates, and what is asked of a client. */
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <time.h>

#include "tls/tls_private.h"

static void use_authorities(struct tls_maker *m, X509_STORE *store)
{
    const char *path = m->settings->cacertfile;
    STACK_OF(X509) *certificates = tls_file_certificates(m, "cacertfile", path);
    for (int i = 0; i < sk_X509_num(certificates); i++) {
        X509 *one = sk_X509_value(certificates, i);
        X509_STORE_add_cert(store, one);
        SSL_CTX_add_client_CA(m->ssl, one);
    }
    sk_X509_pop_free(certificates, X509_free);
}

/* Warns if the list should have been replaced by now. */
static void check_list(struct tls_maker *m, const char *path, const X509_CRL *list)
{
    const ASN1_TIME *next = X509_CRL_get0_nextUpdate(list);
    if (next && X509_cmp_current_time(next) < 0)
        tls_warn(m, "crlfile",
                 "%s contains a list that should have been replaced by now: certificates of its "
                 "issuer are refused until it is, unless crl_check is best_effort",
                 path);
}

static void use_lists(struct tls_maker *m, X509_STORE *store)
{
    const char *path = m->settings->crlfile;
    BIO *file = tls_file_open(m, "crlfile", path);
    unsigned count = 0;
    X509_CRL *list;
    if (!file)
        return;
    while ((list = PEM_read_bio_X509_CRL(file, NULL, NULL, NULL))) {
        check_list(m, path, list);
        X509_STORE_add_crl(store, list);
        X509_CRL_free(list);
        count++;
    }
    BIO_free(file);
    if (ERR_GET_REASON(ERR_peek_last_error()) != PEM_R_NO_START_LINE)
        tls_fail(m, "crlfile", "%s contains a damaged list: %s", path, tls_openssl_reason());
    else if (count == 0)
        tls_fail(m, "crlfile",
                 "%s contains no list in PEM format (a line -----BEGIN X509 CRL-----); convert "
                 "another format with: openssl crl -inform DER",
                 path);
    ERR_clear_error();
}

static int verify(int is_good, X509_STORE_CTX *store)
{
    if (!is_good)
        tls_note_refused(store);
    return is_good;
}

/* For TLS_CRL_BEST_EFFORT: a list that is missing or old refuses nobody. */
static int verify_with_best_effort(int is_good, X509_STORE_CTX *store)
{
    int error = X509_STORE_CTX_get_error(store);
    if (!is_good &&
        (error == X509_V_ERR_UNABLE_TO_GET_CRL || error == X509_V_ERR_CRL_HAS_EXPIRED)) {
        X509_STORE_CTX_set_error(store, X509_V_OK);
        return 1;
    }
    return verify(is_good, store);
}

static void use_crl_check(struct tls_maker *m, X509_STORE *store)
{
    enum tls_crl_check check = m->settings->crl_check;
    if (check == TLS_CRL_NONE)
        return;
    if (m->settings->crlfile[0] == '\0' && check != TLS_CRL_BEST_EFFORT)
        tls_fail(m, "crl_check", "a list is needed to check against: set crlfile");
    X509_STORE_set_flags(store, check == TLS_CRL_PEER
                                    ? X509_V_FLAG_CRL_CHECK
                                    : X509_V_FLAG_CRL_CHECK | X509_V_FLAG_CRL_CHECK_ALL);
}

static void use_verification(struct tls_maker *m)
{
    const struct tls_settings *settings = m->settings;
    if (!settings->verifies_peer) {
        if (settings->requires_certificate)
            tls_fail(m, "fail_if_no_peer_cert",
                     "true needs verify = verify_peer: without it no certificate is asked for");
        SSL_CTX_set_verify(m->ssl, SSL_VERIFY_NONE, NULL);
        return;
    }
    if (settings->cacertfile[0] == '\0')
        tls_fail(m, "verify", "verify_peer needs the CAs of the clients: set cacertfile");
    SSL_CTX_set_verify(
        m->ssl,
        SSL_VERIFY_PEER | (settings->requires_certificate ? SSL_VERIFY_FAIL_IF_NO_PEER_CERT : 0),
        settings->crl_check == TLS_CRL_BEST_EFFORT ? verify_with_best_effort : verify);
    SSL_CTX_set_verify_depth(m->ssl, (int)settings->depth);
}

void tls_use_trust(struct tls_maker *m)
{
    X509_STORE *store = SSL_CTX_get_cert_store(m->ssl);
    if (m->settings->cacertfile[0] != '\0')
        use_authorities(m, store);
    if (m->settings->crlfile[0] != '\0')
        use_lists(m, store);
    use_crl_check(m, store);
    use_verification(m);
}
