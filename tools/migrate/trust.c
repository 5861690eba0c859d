/* OpenSSL's own check, names and addresses included: rabbitmq-c's compares names alone. */
#include "migrate/trust.h"

#include <openssl/err.h>
#include <openssl/x509v3.h>

#include "base/error.h"

/* Why a certificate was refused; X509_V_OK: none was. rabbitmq-c does not say it. */
static _Thread_local int refused_for = X509_V_OK;

static int note_refused(int is_accepted, X509_STORE_CTX *store)
{
    if (!is_accepted)
        refused_for = X509_STORE_CTX_get_error(store);
    return is_accepted;
}

int trust_set_up(SSL_CTX *context, const char *ca_file, const char *host, struct lv_buffer *reason)
{
    X509_VERIFY_PARAM *expected = SSL_CTX_get0_param(context);
    refused_for = X509_V_OK;
    if (ca_file && SSL_CTX_load_verify_file(context, ca_file) != 1) {
        ERR_clear_error();
        lv_buffer_printf(reason, "%s: cannot be read, or has no certificates in PEM", ca_file);
        return ERR_INVALID;
    }
    if (!ca_file)
        SSL_CTX_set_default_verify_paths(context);
    if (X509_VERIFY_PARAM_set1_ip_asc(expected, host) != 1 &&
        X509_VERIFY_PARAM_set1_host(expected, host, 0) != 1) {
        ERR_clear_error();
        lv_buffer_printf(reason, "'%s' is not a host", host);
        return ERR_INVALID;
    }
    SSL_CTX_set_verify(context, SSL_VERIFY_PEER, note_refused);
    return 0;
}

const char *trust_refused(void)
{
    return refused_for == X509_V_OK ? NULL : X509_verify_cert_error_string(refused_for);
}
