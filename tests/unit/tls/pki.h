/* Keys and certificates for tests, made once a program, and files with them. */
#ifndef LEVERET_TESTS_TLS_PKI_H
#define LEVERET_TESTS_TLS_PKI_H

#include <openssl/types.h>

struct pki {
    char directory[64];
    EVP_PKEY *ca_key, *key, *client_key;
    X509 *ca, *certificate, *client;
};

/* The one of this program, between set-up and tear-down. */
extern struct pki pki;

/* For a group of tests: makes a CA, and a server's and a client's certificate that it has signed,
 * and writes ca.pem, server.pem, server.key, client.pem and client.key into a directory of its own.
 */
int pki_set_up(void **state);
/* Removes the directory. */
int pki_tear_down(void **state);

/* Returns the path of a file in the directory; valid until the fourth call after this one. */
const char *pki_path(const struct pki *pki, const char *name);
/* Writes a text into a file of the directory. */
void pki_write(const struct pki *pki, const char *name, const char *text);
/* Writes a key, encrypted if there is a password (NULL: none). */
void pki_write_key(const struct pki *pki, const char *name, EVP_PKEY *key, const char *password);
/* Writes up to three certificates; NULLs are skipped. */
void pki_write_certificates(const struct pki *pki, const char *name, X509 *one, X509 *two,
                            X509 *three);
EVP_PKEY *pki_key(void);
/* Signs a certificate for the name CN=`name`, which is valid from `from_s` to `to_s` from now. The
 * issuer NULL: it signs itself, and is a CA. The caller owns it. */
X509 *pki_certificate(const char *name, EVP_PKEY *key, X509 *issuer, EVP_PKEY *issuer_key,
                      long from_s, long to_s);

#endif
