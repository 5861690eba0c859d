#include "pki.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <dirent.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct pki pki;

enum { DAY_S = 24 * 3600 };

EVP_PKEY *pki_key(void)
{
    EVP_PKEY *key = EVP_EC_gen("P-256");
    assert_non_null(key);
    return key;
}

static void add_extension(X509 *certificate, X509 *issuer, int nid, const char *value)
{
    X509V3_CTX context;
    X509V3_set_ctx(&context, issuer, certificate, NULL, NULL, 0);
    X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, &context, nid, value);
    assert_non_null(extension);
    X509_add_ext(certificate, extension, -1);
    X509_EXTENSION_free(extension);
}

X509 *pki_certificate(const char *name, EVP_PKEY *key, X509 *issuer, EVP_PKEY *issuer_key,
                      long from_s, long to_s)
{
    static long serial = 1;
    X509 *certificate = X509_new();
    X509_NAME *subject = X509_get_subject_name(certificate);
    X509_set_version(certificate, 2);
    ASN1_INTEGER_set(X509_get_serialNumber(certificate), serial++);
    X509_gmtime_adj(X509_getm_notBefore(certificate), from_s);
    X509_gmtime_adj(X509_getm_notAfter(certificate), to_s);
    X509_NAME_add_entry_by_txt(subject, "O", MBSTRING_UTF8, (const unsigned char *)"Leveret", -1,
                               -1, 0);
    X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_UTF8, (const unsigned char *)name, -1, -1,
                               0);
    X509_set_issuer_name(certificate, issuer ? X509_get_subject_name(issuer) : subject);
    X509_set_pubkey(certificate, key);
    add_extension(certificate, issuer ? issuer : certificate, NID_basic_constraints,
                  issuer ? "critical,CA:FALSE" : "critical,CA:TRUE");
    if (issuer)
        add_extension(certificate, issuer, NID_subject_alt_name,
                      "DNS:localhost,DNS:second.example,IP:127.0.0.1,email:a@b.example,"
                      "otherName:1.2.3.4;UTF8:other");
    assert_true(X509_sign(certificate, issuer_key ? issuer_key : key, EVP_sha256()) > 0);
    return certificate;
}

const char *pki_path(const struct pki *made, const char *name)
{
    static char paths[4][400];
    static unsigned next;
    char *path = paths[next++ % 4];
    snprintf(path, sizeof paths[0], "%s/%s", made->directory, name);
    return path;
}

static FILE *open_file(const struct pki *made, const char *name)
{
    FILE *file = fopen(pki_path(made, name), "w");
    assert_non_null(file);
    return file;
}

void pki_write(const struct pki *made, const char *name, const char *text)
{
    FILE *file = open_file(made, name);
    fputs(text, file);
    fclose(file);
}

void pki_write_key(const struct pki *made, const char *name, EVP_PKEY *key, const char *password)
{
    FILE *file = open_file(made, name);
    assert_int_equal(PEM_write_PrivateKey(file, key, password ? EVP_aes_128_cbc() : NULL,
                                          (const unsigned char *)password,
                                          password ? (int)strlen(password) : 0, NULL, NULL),
                     1);
    fclose(file);
}

void pki_write_certificates(const struct pki *made, const char *name, X509 *one, X509 *two,
                            X509 *three)
{
    X509 *all[] = {one, two, three};
    FILE *file = open_file(made, name);
    for (unsigned i = 0; i < 3; i++)
        if (all[i])
            assert_int_equal(PEM_write_X509(file, all[i]), 1);
    fclose(file);
}

static void pki_create(struct pki *made)
{
    snprintf(made->directory, sizeof made->directory, "/tmp/leveret-tls-XXXXXX");
    assert_non_null(mkdtemp(made->directory));
    made->ca_key = pki_key();
    made->key = pki_key();
    made->client_key = pki_key();
    made->ca = pki_certificate("ca", made->ca_key, NULL, NULL, -DAY_S, 300L * DAY_S);
    made->certificate =
        pki_certificate("server", made->key, made->ca, made->ca_key, -DAY_S, 200L * DAY_S);
    made->client =
        pki_certificate("client", made->client_key, made->ca, made->ca_key, -DAY_S, 200L * DAY_S);
    pki_write_certificates(made, "ca.pem", made->ca, NULL, NULL);
    pki_write_certificates(made, "server.pem", made->certificate, NULL, NULL);
    pki_write_certificates(made, "client.pem", made->client, NULL, NULL);
    pki_write_key(made, "server.key", made->key, NULL);
    pki_write_key(made, "client.key", made->client_key, NULL);
}

static void pki_free(struct pki *made)
{
    DIR *directory = opendir(made->directory);
    for (struct dirent *entry; (entry = readdir(directory)) != NULL;)
        if (entry->d_name[0] != '.')
            unlink(pki_path(made, entry->d_name));
    closedir(directory);
    rmdir(made->directory);
    X509_free(made->ca);
    X509_free(made->certificate);
    X509_free(made->client);
    EVP_PKEY_free(made->ca_key);
    EVP_PKEY_free(made->key);
    EVP_PKEY_free(made->client_key);
}

int pki_set_up(void **state)
{
    (void)state;
    pki_create(&pki);
    return 0;
}

int pki_tear_down(void **state)
{
    (void)state;
    pki_free(&pki);
    return 0;
}
