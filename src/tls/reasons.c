/* What is logged of a handshake that failed, in words that an operator can act upon. */
#include <openssl/err.h>
#include <openssl/sslerr.h>
#include <string.h>

#include "tls/certificate.h"
#include "tls/tls_private.h"

enum { REASON_BYTES_MAX = 256 };

static _Thread_local char reason_text[REASON_BYTES_MAX];
static _Thread_local char refused_subject[REASON_BYTES_MAX / 2];

void tls_note_refused(X509_STORE_CTX *store)
{
    struct lv_buffer subject = {0};
    const X509 *certificate = X509_STORE_CTX_get_current_cert(store);
    if (certificate)
        tls_certificate_subject(certificate, &subject);
    snprintf(refused_subject, sizeof refused_subject, "%.*s", (int)subject.n,
             (const char *)subject.p);
    lv_buffer_free(&subject);
}

const char *tls_openssl_reason(void)
{
    unsigned long error = ERR_peek_last_error();
    const char *text = ERR_reason_error_string(error);
    return text ? text : error == 0 ? "no reason given" : "an unknown error";
}

/* By OpenSSL's reason. "%s" stands for the protocol or for what OpenSSL says. */
static const struct {
    int reason;
    const char *text;
} reasons[] = {
    {SSL_R_UNSUPPORTED_PROTOCOL, "no common protocol version: the client offers none of versions"},
    {SSL_R_VERSION_TOO_LOW, "no common protocol version: the client is limited to an older one"},
    {SSL_R_NO_SHARED_CIPHER,
     "no common cipher: the client offers none of ciphers that the certificate allows"},
    {SSL_R_NO_SHARED_GROUPS, "no common group for the key exchange"},
    {SSL_R_NO_SUITABLE_SIGNATURE_ALGORITHM,
     "the client accepts no signature that the server's key can make"},
    {SSL_R_PEER_DID_NOT_RETURN_A_CERTIFICATE,
     "the client sent no certificate (fail_if_no_peer_cert = true)"},
    {SSL_R_TLSV1_ALERT_UNKNOWN_CA,
     "the client does not trust the issuer of the server's certificate"},
    {SSL_R_SSLV3_ALERT_BAD_CERTIFICATE, "the client refuses the server's certificate: it is bad"},
    {SSL_R_SSLV3_ALERT_CERTIFICATE_EXPIRED,
     "the client refuses the server's certificate: it has expired"},
    {SSL_R_SSLV3_ALERT_CERTIFICATE_REVOKED,
     "the client refuses the server's certificate: it is revoked"},
    {SSL_R_SSLV3_ALERT_CERTIFICATE_UNKNOWN,
     "the client refuses the server's certificate, for a reason that it does not tell (its issuer, "
     "or the name of the host)"},
    {SSL_R_SSLV3_ALERT_UNSUPPORTED_CERTIFICATE,
     "the client does not support the server's certificate"},
    {SSL_R_TLSV1_ALERT_PROTOCOL_VERSION, "the client refuses the protocol version"},
    {SSL_R_SSLV3_ALERT_HANDSHAKE_FAILURE, "the client refuses what the server chose"},
    {SSL_R_EXCESSIVE_MESSAGE_SIZE, "the client's message is too large"},
    {SSL_R_HTTP_REQUEST, "the client sent an HTTP request without TLS"},
    {SSL_R_HTTPS_PROXY_REQUEST, "the client sent a request to an HTTP proxy"},
    {SSL_R_WRONG_VERSION_NUMBER, "what the client sent is not TLS"},
};

/* "certificate has expired: CN=client". The certificate is the one of the chain that is at fault,
 * which tls_note_refused() noted within the same call of OpenSSL. */
static const char *verification_reason(SSL *ssl)
{
    snprintf(reason_text, sizeof reason_text, "the client's certificate is refused: %s: %s",
             X509_verify_cert_error_string(SSL_get_verify_result(ssl)), refused_subject);
    return reason_text;
}

const char *tls_handshake_reason(SSL *ssl)
{
    unsigned long error = ERR_peek_error();
    int reason = ERR_GET_REASON(error);
    if (ERR_GET_LIB(error) == ERR_LIB_SSL) {
        if (reason == SSL_R_CERTIFICATE_VERIFY_FAILED)
            return verification_reason(ssl);
        for (size_t i = 0; i < sizeof reasons / sizeof *reasons; i++)
            if (reasons[i].reason == reason)
                return reasons[i].text;
    }
    return tls_openssl_reason();
}

const char *tls_foreign_protocol(const uint8_t *p, size_t n)
{
    static const struct {
        const char *begin;
        const char *what;
    } protocols[] = {
        {"AMQP", "AMQP without TLS"},       {"GET ", "HTTP without TLS"},
        {"POST ", "HTTP without TLS"},      {"PUT ", "HTTP without TLS"},
        {"HEAD ", "HTTP without TLS"},      {"PROXY ", "the PROXY protocol"},
        {"\r\n\r\n", "the PROXY protocol"}, {"SSH-", "SSH"},
    };
    for (size_t i = 0; i < sizeof protocols / sizeof *protocols; i++) {
        size_t length = strlen(protocols[i].begin);
        if (n >= length && memcmp(p, protocols[i].begin, length) == 0)
            return protocols[i].what;
    }
    return n > 0 && p[0] != SSL3_RT_HANDSHAKE ? "no TLS" : NULL;
}
