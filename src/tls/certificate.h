/* What a certificate says, in RabbitMQ's words. A certificate is OpenSSL's X509, which callers know
 * as a pointer alone (net_tls.certificate). Any thread. */
#ifndef LEVERET_TLS_CERTIFICATE_H
#define LEVERET_TLS_CERTIFICATE_H

#include <stdbool.h>
#include <stdint.h>

struct lv_buffer;

/* Append "CN=client,O=Leveret" (the last part of the name first, escaped as in RFC 4514, so that
 * all bytes are printable ASCII), and "2026-01-01T00:00:00Z - 2027-01-01T00:00:00Z". */
void tls_certificate_subject(const void *certificate, struct lv_buffer *out);
void tls_certificate_issuer(const void *certificate, struct lv_buffer *out);
void tls_certificate_validity(const void *certificate, struct lv_buffer *out);

/* Returns when the certificate expires or begins to be valid, in seconds since 1970. */
int64_t tls_certificate_ends_at_s(const void *certificate);
int64_t tls_certificate_begins_at_s(const void *certificate);

/* Which part of a certificate is the name of a user (ssl_cert_login_from). */
enum tls_name_from { TLS_NAME_DISTINGUISHED, TLS_NAME_COMMON, TLS_NAME_ALTERNATIVE };
enum tls_san_type { TLS_SAN_DNS, TLS_SAN_IP, TLS_SAN_EMAIL, TLS_SAN_URI, TLS_SAN_OTHER };

struct tls_name_rule {
    enum tls_name_from from;
    enum tls_san_type san_type; /* with TLS_NAME_ALTERNATIVE: of names of this type ... */
    unsigned san_index;         /* ... the one with this number, from 0 */
};

/* Appends the user's name. Several common names are joined by commas. Returns false, with `out`
 * unchanged, if the certificate has none, or if it contains a NUL byte. */
bool tls_certificate_user(const void *certificate, const struct tls_name_rule *rule,
                          struct lv_buffer *out);

#endif
