/* The server's certificate, its chain and its key. */
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <string.h>

#include "tls/certificate.h"
#include "tls/tls_private.h"

/* What OpenSSL asks for the password of a key. */
struct password {
    const char *text;
    bool was_asked;
};

static int give_password(char *to, int room, int is_writing, void *arg)
{
    struct password *password = arg;
    size_t n = strlen(password->text);
    (void)is_writing;
    password->was_asked = true;
    if (n == 0 || n > (size_t)room)
        return -1;
    memcpy(to, password->text, n);
    return (int)n;
}

static void fail_without_key(struct tls_maker *m, const char *key, const char *password_key,
                             const char *path, const struct password *password)
{
    if (password->was_asked && password->text[0] == '\0')
        tls_fail(m, key,
                 "the key in %s is encrypted: set %s, or remove the encryption with: "
                 "openssl pkey -in %s -out NEW.pem",
                 path, password_key, path);
    else if (password->was_asked)
        tls_fail(m, password_key, "this is not the password of the key in %s: %s", path,
                 tls_openssl_reason());
    else
        tls_fail(m, key,
                 "%s contains no private key in PEM format (a line -----BEGIN PRIVATE "
                 "KEY-----): %s",
                 path, tls_openssl_reason());
}

static EVP_PKEY *read_key(struct tls_maker *m, const char *key, const char *password_key,
                          const char *path, const char *text)
{
    struct password password = {.text = text};
    BIO *file = tls_file_open(m, key, path);
    if (!file)
        return NULL;
    EVP_PKEY *found = PEM_read_bio_PrivateKey(file, NULL, give_password, &password);
    BIO_free(file);
    if (!found)
        fail_without_key(m, key, password_key, path, &password);
    return found;
}

/* Returns the index of the certificate that the key belongs to, or -1. */
static int index_of_key(STACK_OF(X509) * certificates, EVP_PKEY *key)
{
    for (int i = 0; i < sk_X509_num(certificates); i++)
        if (X509_check_private_key(sk_X509_value(certificates, i), key) == 1)
            return i;
    ERR_clear_error();
    return -1;
}

/* Warns of a certificate that did not issue the one before it: clients may refuse such a chain. */
static void check_order(struct tls_maker *m, const char *key, const char *path,
                        STACK_OF(X509) * chain)
{
    for (int i = 1; i < sk_X509_num(chain); i++) {
        if (X509_check_issued(sk_X509_value(chain, i), sk_X509_value(chain, i - 1)) == X509_V_OK)
            continue;
        tls_warn(m, key,
                 "certificate number %d in %s did not issue the one before it: clients may refuse "
                 "the chain; put each certificate before that of its issuer",
                 i + 1, path);
        return;
    }
}

/* The rest of the file is the chain that clients are sent. */
static void use_certificates(struct tls_maker *m, const char *key, const char *path,
                             STACK_OF(X509) * certificates)
{
    bool is_good = SSL_CTX_use_certificate(m->ssl, sk_X509_value(certificates, 0)) == 1;
    for (int i = 1; i < sk_X509_num(certificates) && is_good; i++)
        is_good = SSL_CTX_add1_chain_cert(m->ssl, sk_X509_value(certificates, i)) == 1;
    if (!is_good)
        tls_fail(m, key, "OpenSSL refuses a certificate in %s: %s", path, tls_openssl_reason());
}

static void use_pair(struct tls_maker *m, const char *certfile_key, const char *certfile,
                     STACK_OF(X509) * certificates, const char *keyfile_key, const char *keyfile,
                     EVP_PKEY *key)
{
    int index = index_of_key(certificates, key);
    if (index < 0) {
        tls_fail(m, keyfile_key,
                 "the key in %s does not belong to the certificate in %s: was one of them renewed "
                 "without the other?",
                 keyfile, certfile);
    } else if (index > 0) {
        tls_fail(m, certfile_key,
                 "%s is in the wrong order: the key belongs to certificate number %d; put the "
                 "server's own certificate first, then those of its issuers",
                 certfile, index + 1);
    } else {
        check_order(m, certfile_key, certfile, certificates);
        use_certificates(m, certfile_key, certfile, certificates);
        if (SSL_CTX_use_PrivateKey(m->ssl, key) != 1)
            tls_fail(m, keyfile_key, "OpenSSL refuses the key in %s: %s", keyfile,
                     tls_openssl_reason());
    }
}

void tls_use_keypair(struct tls_maker *m, const char *prefix, const char *certfile,
                     const char *keyfile, const char *password)
{
    struct lv_buffer names[3] = {{0}, {0}, {0}};
    static const char *const words[] = {"certfile", "keyfile", "password"};
    for (unsigned i = 0; i < 3; i++)
        lv_buffer_printf(&names[i], "%s%s", prefix, words[i]);
    const char *certfile_key = (const char *)names[0].p;
    const char *keyfile_key = (const char *)names[1].p;
    const char *password_key = (const char *)names[2].p;
    STACK_OF(X509) *certificates = NULL;
    EVP_PKEY *key = NULL;
    if (keyfile[0] == '\0') {
        keyfile = certfile;
        keyfile_key = certfile_key;
    }
    if (certfile[0] == '\0')
        tls_fail(m, certfile_key,
                 "not set: name a file with the server's certificate, in PEM "
                 "format");
    else
        certificates = tls_file_certificates(m, certfile_key, certfile);
    if (keyfile[0] != '\0')
        key = read_key(m, keyfile_key, password_key, keyfile, password);
    if (certificates && key)
        use_pair(m, certfile_key, certfile, certificates, keyfile_key, keyfile, key);
    EVP_PKEY_free(key);
    sk_X509_pop_free(certificates, X509_free);
    for (unsigned i = 0; i < 3; i++)
        lv_buffer_free(&names[i]);
}
