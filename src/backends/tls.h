/* How a backend checks the certificate of the server it asks, and which one it shows itself. */
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

#endif
