/* TLS to the server that a backend asks: how its certificate is checked, which one the backend
 * shows itself, and what they speak. */
#ifndef LEVERET_BACKENDS_TLS_H
#define LEVERET_BACKENDS_TLS_H

#include <stdbool.h>

/* Strings are borrowed; NULL and "" mean that a setting is not set. */
struct backend_tls {
    bool is_unverified;           /* whatever the server's certificate is, it is accepted */
    const char *ca_file;          /* PEM; not set: the authorities that the system trusts */
    const char *certificate_file; /* the client's own, PEM, with its chain */
    const char *key_file;         /* its key, PEM */
    const char *key_password;     /* the key's password; never logged */
    int depth; /* how many intermediate certificates there may be; below 0: OpenSSL's limit */
};

/* What is spoken, for those who let it be set. Strings are borrowed. All zero: TLS 1.2 and 1.3,
 * with OpenSSL's ciphers. */
struct backend_tls_protocol {
    bool lacks_1_2, lacks_1_3; /* not both */
    const char *ciphers_1_2;   /* in OpenSSL's form, "A:B"; NULL: OpenSSL's own choice */
    const char *ciphers_1_3;
};

#endif
