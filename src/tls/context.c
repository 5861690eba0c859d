/* A context is made from settings and files in steps; each step reports all of its faults, so that
 * an operator sees them at once. A host's certificate has an SSL_CTX of its own, which the callback
 * for SNI gives to the connection; all else is the same for every host. */
#include <errno.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <time.h>

#include "base/assert.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/memory.h"
#include "tls/certificate.h"
#include "tls/tls_private.h"

/* What a client may send as its chain of certificates; OpenSSL would allow 100 KiB. */
enum { CLIENT_CHAIN_BYTES_MAX = 32 * 1024 };
enum { SOON_DAYS = 30, DAY_S = 24 * 3600 };

/* --- reports ---------------------------------------------------------------------------------- */

static void maker_say(struct tls_maker *m, enum log_level level, const char *key,
                      const char *format, va_list args)
{
    struct lv_buffer text = {0};
    lv_buffer_vprintf(&text, format, args);
    m->say(m->say_arg, level, key, (const char *)text.p);
    lv_buffer_free(&text);
    ERR_clear_error();
}

void tls_fail(struct tls_maker *m, const char *key, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    maker_say(m, LOG_ERROR, key, format, args);
    va_end(args);
    m->has_failed = true;
}

void tls_warn(struct tls_maker *m, const char *key, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    maker_say(m, LOG_WARNING, key, format, args);
    va_end(args);
}

/* --- files ------------------------------------------------------------------------------------ */

BIO *tls_file_open(struct tls_maker *m, const char *key, const char *path)
{
    struct stat facts;
    BIO *file = NULL;
    errno = 0;
    if (stat(path, &facts) == 0 && S_ISDIR(facts.st_mode)) {
        tls_fail(m, key, "%s is a directory: name a file", path);
        return NULL;
    }
    file = BIO_new_file(path, "r");
    if (!file)
        tls_fail(m, key, "cannot read %s: %s", path, strerror(errno));
    return file;
}

/* Notes when the first certificate of the file expires. */
static void file_note(struct tls_maker *m, const char *key, const char *path,
                      const STACK_OF(X509) * certificates)
{
    struct tls_context *context = m->context;
    struct lv_buffer subject = {0};
    const X509 *first = sk_X509_value(certificates, 0);
    for (int i = 1; i < sk_X509_num(certificates); i++) {
        const X509 *one = sk_X509_value(certificates, i);
        if (tls_certificate_ends_at_s(one) < tls_certificate_ends_at_s(first))
            first = one;
    }
    tls_certificate_subject(first, &subject);
    lv_buffer_add_u8(&subject, '\0');
    context->files = lv_realloc(context->files, (context->file_count + 1) * sizeof *context->files);
    context->files[context->file_count++] = (struct tls_file){
        .path = lv_strdup(path),
        .key = lv_strdup(key),
        .ends_at_s = tls_certificate_ends_at_s(first),
        .subject = (const char *)subject.p,
    };
}

/* Warns of a certificate that is not valid now, or not for long. */
static void check_validity(struct tls_maker *m, const char *key, const char *path,
                           const X509 *certificate)
{
    int64_t now_s = (int64_t)time(NULL), end_s = tls_certificate_ends_at_s(certificate);
    struct lv_buffer what = {0};
    lv_buffer_printf(&what, "%s: the certificate of ", path);
    tls_certificate_subject(certificate, &what);
    lv_buffer_printf(&what, " (");
    tls_certificate_validity(certificate, &what);
    lv_buffer_printf(&what, ")");
    if (end_s < now_s)
        tls_warn(m, key, "%s has expired: renew it", (const char *)what.p);
    else if (tls_certificate_begins_at_s(certificate) > now_s)
        tls_warn(m, key, "%s is not valid yet: check the clock of this host", (const char *)what.p);
    else if (end_s < now_s + (int64_t)SOON_DAYS * DAY_S)
        tls_warn(m, key, "%s expires in %lld days: renew it", (const char *)what.p,
                 (long long)((end_s - now_s) / DAY_S));
    lv_buffer_free(&what);
}

static void fail_without_certificate(struct tls_maker *m, const char *key, const char *path)
{
    int reason = ERR_GET_REASON(ERR_peek_last_error());
    if (ERR_peek_last_error() == 0 || reason == PEM_R_NO_START_LINE)
        tls_fail(m, key,
                 "%s contains no certificate in PEM format (a line -----BEGIN CERTIFICATE-----); "
                 "convert another format with: openssl x509 -inform DER, or openssl pkcs12",
                 path);
    else
        tls_fail(m, key, "%s contains a damaged certificate: %s", path, tls_openssl_reason());
}

STACK_OF(X509) * tls_file_certificates(struct tls_maker *m, const char *key, const char *path)
{
    BIO *file = tls_file_open(m, key, path);
    if (!file)
        return NULL;
    STACK_OF(X509) *certificates = sk_X509_new_null();
    X509 *one;
    while ((one = PEM_read_bio_X509(file, NULL, NULL, NULL)))
        sk_X509_push(certificates, one);
    BIO_free(file);
    bool is_whole = ERR_GET_REASON(ERR_peek_last_error()) == PEM_R_NO_START_LINE;
    if (sk_X509_num(certificates) == 0 || !is_whole) {
        fail_without_certificate(m, key, path);
        sk_X509_pop_free(certificates, X509_free);
        return NULL;
    }
    ERR_clear_error();
    file_note(m, key, path, certificates);
    for (int i = 0; i < sk_X509_num(certificates); i++)
        check_validity(m, key, path, sk_X509_value(certificates, i));
    return certificates;
}

const struct tls_file *tls_context_files(const struct tls_context *context, size_t *ret_count)
{
    *ret_count = context->file_count;
    return context->files;
}

static void stamp_one(const char *path, struct lv_buffer *out)
{
    struct stat facts;
    if (path[0] == '\0')
        return;
    if (stat(path, &facts) != 0)
        lv_buffer_printf(out, "%s: %d\n", path, errno);
    else
        lv_buffer_printf(out, "%s: %llu %llu %lld %lld.%09ld %lld.%09ld\n", path,
                         (unsigned long long)facts.st_dev, (unsigned long long)facts.st_ino,
                         (long long)facts.st_size, (long long)facts.st_mtim.tv_sec,
                         facts.st_mtim.tv_nsec, (long long)facts.st_ctim.tv_sec,
                         facts.st_ctim.tv_nsec);
}

void tls_files_stamp(const struct tls_settings *settings, struct lv_buffer *out)
{
    stamp_one(settings->certfile, out);
    stamp_one(settings->keyfile, out);
    stamp_one(settings->cacertfile, out);
    stamp_one(settings->crlfile, out);
    stamp_one(settings->dhfile, out);
    for (size_t i = 0; i < settings->host_count; i++) {
        stamp_one(settings->hosts[i].certfile, out);
        stamp_one(settings->hosts[i].keyfile, out);
    }
}

/* --- callbacks of OpenSSL --------------------------------------------------------------------- */

static struct tls_context *context_of(SSL *ssl)
{
    return SSL_get_app_data(ssl);
}

/* A client of TLS 1.3 uses a ticket once, so it gets another one whenever it comes back with one:
 * this is what 2 means in place of 1. */
static int use_ticket(SSL *ssl, unsigned char *name, unsigned char *iv, EVP_CIPHER_CTX *cipher,
                      EVP_MAC_CTX *mac, int is_new)
{
    int result =
        tls_tickets_use(context_of(ssl)->tickets, clock_up_ms(), name, iv, cipher, mac, is_new);
    return result == 1 && !is_new && SSL_version(ssl) == TLS1_3_VERSION ? 2 : result;
}

/* OpenSSL checks a client's certificate in a full handshake alone, and in TLS 1.3 each resumption
 * gives out a fresh ticket: with these a client could come back for ever after its certificate has
 * expired. So such a ticket counts for nothing, and a full handshake follows. */
static SSL_TICKET_RETURN judge_ticket(SSL *ssl, SSL_SESSION *session, const unsigned char *name,
                                      size_t name_bytes, SSL_TICKET_STATUS status, void *arg)
{
    (void)ssl;
    (void)name;
    (void)name_bytes;
    (void)arg;
    if (status != SSL_TICKET_SUCCESS && status != SSL_TICKET_SUCCESS_RENEW)
        return SSL_TICKET_RETURN_IGNORE_RENEW;
    const X509 *client = SSL_SESSION_get0_peer(session);
    if (client && tls_certificate_ends_at_s(client) < (int64_t)time(NULL))
        return SSL_TICKET_RETURN_IGNORE_RENEW;
    return status == SSL_TICKET_SUCCESS ? SSL_TICKET_RETURN_USE : SSL_TICKET_RETURN_USE_RENEW;
}

/* Returns whether the host is called so: "*" stands for one label. */
static bool host_matches(const char *pattern, const char *host)
{
    if (strncmp(pattern, "*.", 2) != 0)
        return strcasecmp(pattern, host) == 0;
    const char *rest = strchr(host, '.');
    return rest && rest > host && strcasecmp(pattern + 1, rest) == 0;
}

/* A host that is named exactly comes before one that a star stands for. */
static SSL_CTX *context_for(const struct tls_context *context, const char *host)
{
    SSL_CTX *found = NULL;
    for (size_t i = 0; i < context->host_count; i++) {
        const struct tls_named *one = &context->hosts[i];
        if (strcasecmp(one->name, host) == 0)
            return one->ssl;
        if (!found && host_matches(one->name, host))
            found = one->ssl;
    }
    return found;
}

/* A client that asks for an unknown host gets the certificate of certfile. */
static int choose_host(SSL *ssl, int *alert, void *arg)
{
    const char *host = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);
    SSL_CTX *chosen = host ? context_for(context_of(ssl), host) : NULL;
    (void)alert;
    (void)arg;
    if (!chosen)
        return SSL_TLSEXT_ERR_NOACK;
    SSL_set_SSL_CTX(ssl, chosen);
    return SSL_TLSEXT_ERR_OK;
}

/* --- making ----------------------------------------------------------------------------------- */

static void set_options(SSL_CTX *ssl, const struct tls_settings *settings)
{
    static const unsigned char session_context[] = "leveret";
    SSL_CTX_set_options(ssl, SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION |
                                 SSL_OP_IGNORE_UNEXPECTED_EOF);
    SSL_CTX_set_mode(ssl, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_NO_AUTO_CHAIN);
    SSL_CTX_set_session_cache_mode(ssl, SSL_SESS_CACHE_OFF);
    SSL_CTX_set_session_id_context(ssl, session_context, sizeof session_context - 1);
    SSL_CTX_set_timeout(ssl, TICKET_LIFE_S);
    SSL_CTX_set_num_tickets(ssl, settings->reuses_sessions ? 1 : 0);
    SSL_CTX_set_session_ticket_cb(ssl, NULL, judge_ticket, NULL);
    if (settings->reuses_sessions)
        SSL_CTX_set_tlsext_ticket_key_evp_cb(ssl, use_ticket);
    else
        SSL_CTX_set_options(ssl, SSL_OP_NO_TICKET);
    if (settings->honors_cipher_order)
        SSL_CTX_set_options(ssl, SSL_OP_CIPHER_SERVER_PREFERENCE | SSL_OP_PRIORITIZE_CHACHA);
    SSL_CTX_set_max_cert_list(ssl, CLIENT_CHAIN_BYTES_MAX);
    SSL_CTX_set_tlsext_servername_callback(ssl, choose_host);
}

static SSL_CTX *make_ssl(struct tls_maker *m, const char *prefix, const char *certfile,
                         const char *keyfile, const char *password)
{
    m->ssl = SSL_CTX_new(TLS_server_method());
    lv_assert(m->ssl != NULL);
    set_options(m->ssl, m->settings);
    tls_use_keypair(m, prefix, certfile, keyfile, password);
    return m->ssl;
}

/* Gives the host the CAs of all: OpenSSL takes them from the SSL_CTX of the certificate. */
static void share_trust(const struct tls_context *context, SSL_CTX *ssl)
{
    SSL_CTX_set1_cert_store(ssl, SSL_CTX_get_cert_store(context->ssl));
    SSL_CTX_set_client_CA_list(ssl, SSL_dup_CA_list(SSL_CTX_get_client_CA_list(context->ssl)));
}

/* If certfile has the server's certificate alone, its issuers are taken from cacertfile, as
 * RabbitMQ does, so that a client that knows only the root can check it. */
static void complete_chain(SSL_CTX *ssl)
{
    STACK_OF(X509) *chain = NULL;
    SSL_CTX_get0_chain_certs(ssl, &chain);
    if (sk_X509_num(chain) <= 0 && SSL_CTX_get0_certificate(ssl))
        SSL_CTX_build_cert_chain(ssl, SSL_BUILD_CHAIN_FLAG_NO_ROOT |
                                          SSL_BUILD_CHAIN_FLAG_IGNORE_ERROR |
                                          SSL_BUILD_CHAIN_FLAG_CLEAR_ERROR);
    ERR_clear_error();
}

static void make_host(struct tls_maker *m, const struct tls_host *host)
{
    struct tls_context *context = m->context;
    struct lv_buffer prefix = {0};
    lv_buffer_printf(&prefix, "sni.%s.", host->name);
    SSL_CTX *ssl =
        make_ssl(m, (const char *)prefix.p, host->certfile, host->keyfile, host->password);
    share_trust(context, ssl);
    complete_chain(ssl);
    context->hosts[context->host_count++] =
        (struct tls_named){.name = lv_strdup(host->name), .ssl = ssl};
    lv_buffer_free(&prefix);
}

int tls_context_create(const struct tls_settings *settings, tls_say *say, void *arg,
                       struct tls_context **ret)
{
    struct tls_context *context = lv_calloc(1, sizeof *context);
    struct tls_maker m = {.settings = settings, .say = say, .say_arg = arg, .context = context};
    ERR_clear_error();
    atomic_init(&context->refs, 1);
    context->tickets = tls_tickets_create();
    context->hosts = lv_calloc(settings->host_count + 1, sizeof *context->hosts);
    context->ssl = make_ssl(&m, "", settings->certfile, settings->keyfile, settings->password);
    tls_use_ciphers(&m);
    tls_use_trust(&m);
    complete_chain(context->ssl);
    for (size_t i = 0; i < settings->host_count; i++)
        make_host(&m, &settings->hosts[i]);
    ERR_clear_error();
    if (m.has_failed) {
        tls_context_unref(&context);
        return ERR_INVALID;
    }
    *ret = context;
    return 0;
}

void tls_context_ref(struct tls_context *context)
{
    atomic_fetch_add(&context->refs, 1);
}

void tls_context_unref(struct tls_context **reference)
{
    struct tls_context *context = *reference;
    *reference = NULL;
    if (!context || atomic_fetch_sub(&context->refs, 1) > 1)
        return;
    SSL_CTX_free(context->ssl);
    for (size_t i = 0; i < context->host_count; i++) {
        SSL_CTX_free(context->hosts[i].ssl);
        free(context->hosts[i].name);
    }
    for (size_t i = 0; i < context->file_count; i++) {
        free((char *)context->files[i].path);
        free((char *)context->files[i].key);
        free((char *)context->files[i].subject);
    }
    tls_tickets_free(&context->tickets);
    free(context->hosts);
    free(context->files);
    free(context);
}
