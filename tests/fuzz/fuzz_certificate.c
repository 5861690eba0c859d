/* Any bytes as a client's certificate: what OpenSSL takes for one is described, and names a user or
 * none. A distinguished name is printable ASCII, and no user's name contains a NUL byte. The first
 * byte selects the part that names the user. */
#include <openssl/x509.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/assert.h"
#include "base/buffer.h"
#include "tls/certificate.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n);

static void check_name(void (*print)(const void *certificate, struct lv_buffer *out),
                       const X509 *certificate)
{
    struct lv_buffer out = {0};
    print(certificate, &out);
    for (size_t i = 0; i < out.n; i++)
        lv_assert(out.p[i] >= 32 && out.p[i] < 126);
    lv_buffer_free(&out);
}

static void check_user(const X509 *certificate, unsigned choice)
{
    const struct tls_name_rule rule = {
        .from = (enum tls_name_from)(choice % 3),
        .san_type = (enum tls_san_type)(choice / 3 % 5),
        .san_index = choice / 15 % 3,
    };
    struct lv_buffer out = {0};
    bool is_found = tls_certificate_user(certificate, &rule, &out);
    lv_assert(is_found == (out.n > 0));
    lv_assert(out.n == 0 || !memchr(out.p, '\0', out.n));
    lv_buffer_free(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
    const unsigned char *p = bytes + 1;
    X509 *certificate = n > 1 ? d2i_X509(NULL, &p, (long)(n - 1)) : NULL;
    if (!certificate)
        return 0;
    check_name(tls_certificate_subject, certificate);
    check_name(tls_certificate_issuer, certificate);
    check_name(tls_certificate_validity, certificate);
    check_user(certificate, bytes[0]);
    X509_free(certificate);
    return 0;
}
