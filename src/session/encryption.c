/* What listings and events show of a connection's encryption, and of the client's certificate; the
 * user that the certificate stands for. */
#include "base/buffer.h"
#include "net/net.h"
#include "session/session_private.h"
#include "tls/certificate.h"

/* Most connections have no certificate: its texts are one allocation, made if there is one. */
static void note_certificate(struct session *s, const void *certificate)
{
    struct lv_buffer text = {0};
    tls_certificate_subject(certificate, &text);
    size_t subject_n = text.n;
    tls_certificate_issuer(certificate, &text);
    size_t issuer_n = text.n - subject_n;
    tls_certificate_validity(certificate, &text);
    const uint8_t *p = text.p;
    s->certificate_text = (char *)text.p;
    s->tls.cert_subject = slice_of(p, subject_n);
    s->tls.cert_issuer = slice_of(p + subject_n, issuer_n);
    s->tls.cert_validity = slice_of(p + subject_n + issuer_n, text.n - subject_n - issuer_n);
}

void session_note_tls(struct session *s, const struct net_tls *tls)
{
    if (!tls)
        return;
    s->tls = (struct session_tls){
        .is_on = true,
        .protocol = slice_str(tls->protocol),
        .key_exchange = slice_str(tls->key_exchange),
        .cipher = slice_str(tls->cipher),
        .hash = slice_str(tls->hash),
    };
    if (tls->certificate)
        note_certificate(s, tls->certificate);
}

const char *session_certificate_user(const struct session *s, struct lv_buffer *out)
{
    const struct session_settings *settings = &s->server->settings;
    const struct tls_name_rule rule = {
        .from = (enum tls_name_from)settings->name_from,
        .san_type = (enum tls_san_type)settings->san_type,
        .san_index = settings->san_index,
    };
    struct net_peer peer;
    net_peer_of(s->net, &peer);
    if (!peer.tls)
        return "not a TLS-enabled connection";
    if (!peer.tls->certificate)
        return "connection peer presented no TLS (x.509) certificate";
    if (!tls_certificate_user(peer.tls->certificate, &rule, out))
        return "no name found in the client's certificate (ssl_cert_login_from)";
    return NULL;
}
